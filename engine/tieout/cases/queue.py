"""Exceptions into the queue: derived from findings, routed, and after the seal carried into the journal as cases.

``settle`` fills the ``exception`` table of a run and changes nothing else; ``commit`` reads a sealed run and appends to
the journal what is new, changed or gone since. Both are safe to repeat: a crash in between is repaired by the next call.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import holidays
import polars as pl

from tieout.cases.derive import DERIVED, facts_query
from tieout.cases.route import TRIAGE, Found, Unroutable, find_patterns, route_numbers
from tieout.model.definitions import RoutePlan
from tieout.model.records import Query, exception_id
from tieout.store.engine import Store
from tieout.store.fold import DECIDED, LIVE, Entry, canonical
from tieout.store.journal import Journal, Session

__all__ = ["Committed", "Settled", "business_days", "commit", "route", "settle"]

ACTOR = "tieout"
TRIAGE_DAYS = 5
BATCH = 5000

# Evidence that moves with the as-of date alone says nothing new about a case.
MOVING = {"as_of", "age_days", "days_overdue"}
FACTS = ("amount", "currency", "related_id", "party_id", "evidence")
SHOWN = ("message", "source", "line")


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling did: how many exceptions the run has, and one line for each thing a person should be told."""

    exceptions: int
    raised: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """How many cases a run opened, changed, closed, and opened again."""

    opened: int = 0
    updated: int = 0
    closed: int = 0
    returned: int = 0
    is_backdated: bool = False
    """The run looks at a day before that of another run on record, and so changed no case."""


def settle(store: Store, journal: Journal, routes: RoutePlan, *, as_of: dt.date, run_id: str) -> Settled:  # noqa: ARG001
    """Derives exceptions from findings and documents, raises those of patterns, and gives each its queue, owner and due day.

    Changes the ``exception`` table alone. What a person said about a case (owner, queue) comes from the journal and
    stands above the routes; a case that is open keeps counting from the day it was opened.
    """
    for query in DERIVED:
        store.execute(query)
    notes, raised = route(store, routes, as_of=as_of)
    with journal.reading() as session:
        store.put("case_known", _known(session, store))
    store.execute(Query("targets of exceptions", _TARGETS, {"as_of": as_of}))
    store.put("case_due", _due_days(store))
    store.execute(Query("settle exceptions", _SETTLE))
    return Settled(store.count("exception"), raised, tuple(notes))


def route(store: Store, routes: RoutePlan, *, as_of: dt.date) -> tuple[list[str], int]:
    """Makes ``case_fact`` and ``case_target`` (exception_id, route, queue, owner, due_days, calendar); notes, and how many were raised.

    Exceptions that patterns raise are appended to ``exception`` on the way.
    """
    notes: list[str] = []
    found: list[Found] = []
    store.execute(facts_query(as_of))
    try:
        found = find_patterns(store, routes.patterns)
        store.append("exception", _raised(store, found))
        store.execute(facts_query(as_of))
        route_numbers(store, routes)
    except Unroutable as exc:
        notes.append(str(exc))
        store.execute(
            Query(
                "no routes",
                "create or replace table case_route as select exception_id, cast(null as bigint) as route from case_fact",
            )
        )
    store.put("case_then", _thens(routes))
    store.put("case_raised", _raised_thens(found, routes))
    store.execute(Query("targets of routes", _ROUTED))
    return notes, len(found)


# --- patterns ---


def _raised_id(found: Found) -> str:
    return exception_id(found.pattern.then["raise"], _raised_table(found), "/".join(found.key))


def _raised_table(found: Found) -> str:
    return "party" if found.pattern.same[0] == "party_id" else found.pattern.same[0]


def _raised(store: Store, found: Sequence[Found]) -> pl.DataFrame:
    """One exception a pattern that was found; those of a run before it (settle called twice) are left out."""
    there = set(store.table("exception")["exception_id"].to_list())
    rows = []
    for each in found:
        name = _raised_id(each)
        if name in there or each.batch:
            continue
        there.add(name)
        members = store.fetch(
            Query(
                "members of a pattern",
                "select exception_id, amount, currency, party_id, object_id from exception where exception_id in "
                "(select unnest($ids)) order by 1",
                {"ids": list(each.exception_ids)},
            )
        )
        currencies = members["currency"].unique().drop_nulls().to_list()
        rows.append(
            {
                "exception_id": name,
                "reason": each.pattern.then["raise"],
                "table": _raised_table(each),
                "object_id": "/".join(each.key),
                "related_id": each.exception_ids[0],
                "party_id": dict(zip(each.pattern.same, each.key, strict=True)).get("party_id"),
                "amount": str(members["amount"].sum()) if len(currencies) == 1 else None,
                "currency": currencies[0] if len(currencies) == 1 else None,
                "message": f"{each.pattern.title.en}: {', '.join(sorted(members['object_id'].to_list()))}",
                "evidence": canonical({"pattern": each.pattern.id, "exceptions": list(each.exception_ids)}),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()


_THEN_SCHEMA = {
    "route": pl.Int64,
    "route_id": pl.String,
    "queue": pl.String,
    "owner": pl.String,
    "due_days": pl.Int64,
    "calendar": pl.String,
}


def _thens(routes: RoutePlan) -> pl.DataFrame:
    rows = [
        (
            n,
            each.id,
            each.then["queue"],
            each.then.get("owner"),
            each.then["due_days"],
            each.then.get("calendar") or routes.calendar,
        )
        for n, each in enumerate(routes.routes)
    ]
    return pl.DataFrame(rows, schema=_THEN_SCHEMA, orient="row")


def _raised_thens(found: Sequence[Found], routes: RoutePlan) -> pl.DataFrame:
    """Where the exceptions of patterns go that name a queue of their own."""
    rows = [
        (
            _raised_id(each),
            each.pattern.id,
            then["queue"],
            then.get("owner"),
            then["due_days"],
            then.get("calendar") or routes.calendar,
        )
        for each in found
        if "queue" in (then := each.pattern.then)
    ]
    schema = {"exception_id": pl.String, **{name: kind for name, kind in _THEN_SCHEMA.items() if name != "route"}}
    return pl.DataFrame(rows, schema=schema, orient="row").unique("exception_id", keep="first", maintain_order=True)


_ROUTED = f"""
create or replace table case_routed as
select f.exception_id, coalesce(p.route_id, t.route_id) as route_id,
  coalesce(p.queue, t.queue, '{TRIAGE}') as queue,
  case when p.queue is not null then p.owner else t.owner end as owner,
  coalesce(p.due_days, t.due_days, {TRIAGE_DAYS}) as due_days,
  coalesce(p.calendar, t.calendar, '') as calendar
from case_fact f
left join case_route r using (exception_id)
left join case_then t on t.route = r.route
left join case_raised p on p.exception_id = f.exception_id
"""

# --- queue, owner and due day ---

_KNOWN = ("case_id", "state", "closed_by", "opened_as_of", "queue", "queue_by", "owner", "owner_by")


def _known(session: Session, store: Store) -> pl.DataFrame:
    """The cases on record that are live or belong to an exception of this run."""
    ids = store.table("exception")["exception_id"].to_list()
    return _cases(session, ids, _KNOWN)


def _cases(session: Session, ids: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    live = session.case_frame(columns=columns, state=LIVE)
    rest = sorted(set(ids) - set(live["case_id"].to_list()))
    parts = [
        session.case_frame(columns=columns, case_id=rest[start : start + BATCH]) for start in range(0, len(rest), BATCH)
    ]
    return pl.concat([live, *parts])


_TARGETS = """
create or replace table case_target as
select r.exception_id, f.age_days,
  case when k.queue_by = 'person' then k.queue else r.queue end as queue,
  case when k.owner_by = 'person' then k.owner else r.owner end as owner,
  r.due_days, r.calendar,
  case when k.closed_by = 'run' then $as_of else least(coalesce(k.opened_as_of, $as_of), $as_of) end as start
from case_routed r
join case_fact f using (exception_id)
left join case_known k on k.case_id = r.exception_id
"""

_SETTLE = """
update exception
set queue = t.queue, owner = t.owner, due = d.due, age_days = t.age_days
from case_target t
join case_due d on d.start = t.start and d.due_days = t.due_days and d.calendar = t.calendar
where t.exception_id = exception.exception_id
"""


def _due_days(store: Store) -> pl.DataFrame:
    rows = store.fetch(
        Query("distinct targets", "select distinct start, due_days, calendar from case_target order by all")
    )
    due = [business_days(start, days, calendar) for start, days, calendar in rows.iter_rows()]
    return rows.with_columns(pl.Series("due", due, dtype=pl.Date))


def business_days(start: dt.date, days: int, calendar: str) -> dt.date:
    """The day that lies so many business days after ``start``; for 0 the next business day, ``start`` included.

    calendar: a country or a part of one (DE, DE-BY), whose weekends, public holidays and shifted working days count;
        where empty, Monday to Friday.
    """
    country, _, part = calendar.partition("-")
    days_off = holidays.country_holidays(country, subdiv=part or None) if country else holidays.HolidayBase()
    found: dt.date = days_off.get_nth_working_day(start, days)
    return found


# --- the journal ---


def commit(
    journal: Journal, store: Store, *, run_id: str, as_of: dt.date, complete: bool = True, force: bool = False
) -> Committed:
    """Carries the exceptions of a sealed run into the journal; repeated, it finds nothing to do.

    A new exception opens a case; changed facts update it with a note; a case whose cause is gone is closed, or, where
    a person has proposed something or opened it again, only marked; a cause that comes back opens it again unless a
    person has decided it. complete: False where a source could not be read: then no case is closed, nor is one whose
    file was refused. A run of an earlier day than another one on record changes nothing, unless forced.
    """
    with journal.writing() as session:
        newest = session.greatest("run", "as_of")
        if newest and as_of < newest and not force:
            return Committed(is_backdated=True)
        exceptions = store.table("exception")
        ids = exceptions["exception_id"].to_list()
        cases = {row["case_id"]: row for row in _cases(session, ids, _COMPARED).iter_rows(named=True)}
        counts = dict.fromkeys(("case_opened", "case_updated", "case_closed", "case_returned"), 0)
        place = {"run_id": run_id, "as_of": as_of}
        entries: Iterable[Entry] = _entries(exceptions, cases, place)
        if complete:
            entries = itertools.chain(entries, _gone(cases, set(ids), _refused(store), place))
        batch: list[Entry] = []
        for entry in entries:
            counts[entry.kind] = counts.get(entry.kind, 0) + 1
            batch.append(entry)
            if len(batch) == BATCH:
                session.append(batch)
                batch = []
        session.append(batch)
    return Committed(counts["case_opened"], counts["case_updated"], counts["case_closed"], counts["case_returned"])


_COMPARED = (
    "case_id",
    "state",
    "closed_by",
    "queue",
    "queue_by",
    "owner",
    "owner_by",
    "due",
    "fingerprint",
    "source",
    "opened_run",
    "cause_is_gone",
    "amount",
    "currency",
    "related_id",
    "party_id",
    "evidence",
)


def _entries(
    exceptions: pl.DataFrame, cases: Mapping[str, Mapping[str, Any]], place: Mapping[str, Any]
) -> Iterator[Entry]:
    """What the exceptions of the run mean for their cases, in the order of their ids."""
    for row in exceptions.iter_rows(named=True):
        case = cases.get(row["exception_id"])
        stream, fingerprint = f"case:{row['exception_id']}", _fingerprint(row)
        routed = {name: row[name] for name in ("queue", "owner", "due")}
        if case is None:
            facts = {name: row[name] for name in ("reason", "object_id", *FACTS, *SHOWN)}
            payload = {**facts, "object_table": row["table"], **routed, "fingerprint": fingerprint, **place}
            yield Entry(stream, "case_opened", ACTOR, row["message"] or "", payload)
            continue
        changes: dict[str, Any] = {}
        note = []
        if fingerprint != case["fingerprint"]:
            changed = [name for name in FACTS if row[name] != case[name]]
            changes |= {"facts": {name: row[name] for name in (*changed, *SHOWN)}, "fingerprint": fingerprint}
            note = [_change(name, case, row) for name in changed]
        if case["state"] == "resolved" and case["closed_by"] == "run":
            yield Entry(stream, "case_returned", ACTOR, "its cause is back", {**changes, **routed, **place})
            continue
        if case["state"] not in DECIDED:
            moved = {name: value for name, value in routed.items() if value != case[name]}
            changes |= moved
            note += [_change(name, case, row) for name in moved]
            note += ["its cause is back"] if case["cause_is_gone"] else []
        if note:
            yield Entry(stream, "case_updated", ACTOR, "; ".join(note), {**changes, **place})


def _gone(
    cases: Mapping[str, Mapping[str, Any]], there: set[str], refused: set[str], place: Mapping[str, Any]
) -> Iterator[Entry]:
    """The live cases that no exception of the run belongs to any more."""
    for name, case in sorted(cases.items()):
        if name in there or case["state"] in DECIDED or not case["opened_run"] or case["source"] in refused:
            continue
        if case["state"] in {"proposed", "reopened"}:
            if not case["cause_is_gone"]:
                yield Entry(f"case:{name}", "case_cause_gone", ACTOR, "no run finds its cause any more", place)
        else:
            yield Entry(f"case:{name}", "case_closed", ACTOR, "no run finds its cause any more", place)


def _refused(store: Store) -> set[str]:
    rows = store.fetch(
        Query("refused documents", "select document_id from document where status = 'refused' order by 1")
    )
    return set(rows["document_id"].to_list())


def _change(name: str, case: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if name == "evidence":
        return "evidence changed"
    return f"{name} {_shown(case[name])} -> {_shown(row[name])}"


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)


def _fingerprint(row: Mapping[str, Any]) -> str:
    """The hash of the facts that count as a change of a case: not its words, its file or line, nor its age."""
    try:
        evidence = json.loads(row["evidence"] or "{}")
    except ValueError:
        evidence = {"text": row["evidence"]}
    if isinstance(evidence, dict):
        evidence = {name: value for name, value in evidence.items() if name not in MOVING}
    facts = {name: row[name] for name in FACTS if name != "evidence"}
    return hashlib.sha256(canonical({**facts, "evidence": evidence}).encode()).hexdigest()
