"""Exceptions into the queue: derived from findings, routed, and after the seal carried into the journal as cases.

``settle`` fills the ``exception`` table of a run and changes nothing else; ``commit`` reads a sealed run and appends to
the journal what is new, changed or gone since. Both are safe to repeat: a crash in between is repaired by the next call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import holidays
import polars as pl

from tieout.cases.commit import PART, Committed, commit
from tieout.cases.derive import derived, facts_query
from tieout.cases.route import TRIAGE, Found, Unroutable, find_patterns, route_numbers
from tieout.model.definitions import RoutePlan
from tieout.model.records import Query, exception_id
from tieout.store.engine import Store
from tieout.store.fold import canonical
from tieout.store.journal import Journal, Session

__all__ = ["Committed", "Settled", "business_days", "commit", "route", "settle"]

TRIAGE_DAYS = 5


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling did: how many exceptions the run has, and one line for each thing a person should be told."""

    exceptions: int
    raised: int
    notes: tuple[str, ...] = ()


def settle(store: Store, journal: Journal, routes: RoutePlan, *, as_of: dt.date) -> Settled:
    """Derives exceptions from findings and documents, raises those of patterns, and gives each its queue, owner and due day.

    Changes the ``exception`` table alone. What a person said about a case (owner, queue) comes from the journal and
    stands above the routes; a case that is open keeps counting from the day it was opened.
    """
    for query in derived(as_of):
        store.execute(query)
    notes, raised = route(store, routes, as_of=as_of)
    with journal.reading() as session:
        store.put("case_known", _known(session, store))
    store.execute(Query("targets of exceptions", _TARGETS, {"as_of": as_of}))
    store.put("case_due", _due_days(store))
    store.put("case_level", _levels(routes))
    store.put("case_level_day", _level_days(store))
    store.execute(Query("levels reached", _REACHED, {"as_of": as_of}))
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
    except Unroutable as exc:
        notes.append(f"patterns over several exceptions were not looked for: {exc}")
    try:
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
    """One exception a pattern that was found; those that are there already (settle called twice) are left out."""
    members = pl.DataFrame(
        [(_raised_id(each), name) for each in found for name in each.exception_ids],
        schema={"raised": pl.String, "exception_id": pl.String},
        orient="row",
    )
    with store.registered(members, "case_member"):
        sums = store.fetch(Query("members of patterns", _MEMBERS))
    by_id = {row["raised"]: row for row in sums.iter_rows(named=True)}
    rows = []
    for each in found:
        total = by_id.pop(_raised_id(each), None)
        if total is None:
            continue
        rows.append(
            {
                "exception_id": total["raised"],
                "reason": each.pattern.then["raise"],
                "table": _raised_table(each),
                "object_id": "/".join(each.key),
                "related_id": each.exception_ids[0],
                "party_id": dict(zip(each.pattern.same, each.key, strict=True)).get("party_id"),
                "amount": None if total["amount"] is None else str(total["amount"]),
                "currency": total["currency"],
                "message": f"{each.pattern.title.en}: {total['objects']}",
                "evidence": canonical(
                    {
                        "pattern": each.pattern.id,
                        "exceptions": list(each.exception_ids),
                        "says": "pattern",
                        "title_zh": each.pattern.title.zh,
                        "objects": total["objects"],
                    }
                ),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()


# An amount only where all members have one and the same currency.
_MEMBERS = """
select m.raised, string_agg(e.object_id, ', ' order by e.object_id) as objects,
  case when count(distinct e.currency) = 1 then sum(e.amount) end as amount,
  case when count(distinct e.currency) = 1 then min(e.currency) end as currency
from case_member m
join exception e using (exception_id)
where m.raised not in (select exception_id from exception)
group by m.raised
order by m.raised
"""

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
    """The cases on record of the exceptions of this run."""
    ids = store.table("exception")["exception_id"].to_list()
    parts = [ids[start : start + PART] for start in range(0, len(ids), PART)] or [[]]
    return pl.concat([session.case_frame(columns=_KNOWN, case_id=part) for part in parts])


_TARGETS = """
create or replace table case_target as
select r.exception_id, f.age_days,
  case when k.queue_by = 'person' then k.queue else r.queue end as queue,
  case when k.owner_by = 'person' then k.owner else r.owner end as owner,
  coalesce(k.queue_by = 'person', false) as is_placed, coalesce(k.owner_by = 'person', false) as is_owned,
  r.route_id, r.due_days, r.calendar,
  case when k.closed_by = 'run' then $as_of else least(coalesce(k.opened_as_of, $as_of), $as_of) end as start
from case_routed r
join case_fact f using (exception_id)
left join case_known k on k.case_id = r.exception_id
"""

_SETTLE = """
update exception
set route = t.route_id, age_days = t.age_days,
  queue = case when t.is_placed or l.level is null then t.queue else l.queue end,
  owner = case when t.is_owned or l.level is null then t.owner else l.owner end,
  due = coalesce(l.due, d.due)
from case_target t
join case_due d on d.start = t.start and d.due_days = t.due_days and d.calendar = t.calendar
left join case_reached l on l.exception_id = t.exception_id
where t.exception_id = exception.exception_id
"""


def _due_days(store: Store) -> pl.DataFrame:
    rows = store.fetch(
        Query("distinct targets", "select distinct start, due_days, calendar from case_target order by all")
    )
    due = [business_days(start, days, calendar) for start, days, calendar in rows.iter_rows()]
    return rows.with_columns(pl.Series("due", due, dtype=pl.Date))


def _levels(routes: RoutePlan) -> pl.DataFrame:
    """The levels of escalation, one row a route or pattern and level."""
    thens = {**{each.id: each.then for each in routes.routes}, **{each.id: each.then for each in routes.patterns}}
    rows = [
        (name, n, level["after_days"], level["queue"], level["owner"], level["due_days"])
        for name, then in thens.items()
        for n, level in enumerate(then.get("escalate", ()), start=1)
    ]
    schema = ("route_id", pl.String), ("level", pl.Int64), ("after_days", pl.Int64), ("queue", pl.String)
    return pl.DataFrame(rows, schema=[*schema, ("owner", pl.String), ("due_days", pl.Int64)], orient="row")


def _level_days(store: Store) -> pl.DataFrame:
    """From which day a case opened on ``start`` is on a level, and by when it should be settled there."""
    sql = """select distinct t.start, t.calendar, l.after_days, l.due_days
from case_target t join case_level l using (route_id) order by all"""
    rows = store.fetch(Query("distinct levels", sql))
    reached = [business_days(start, after, calendar) for start, calendar, after, _ in rows.iter_rows()]
    days = zip(reached, rows.iter_rows(), strict=True)
    due = [business_days(day, row[3], row[1]) for day, row in days]
    return rows.with_columns(pl.Series("reached", reached, dtype=pl.Date), pl.Series("due", due, dtype=pl.Date))


# The highest level whose day has come. A level never waits for the one before: whoever looks late sees the right one.
_REACHED = """
create or replace table case_reached as
select t.exception_id, l.level, l.queue, l.owner, d.due
from case_target t
join case_level l using (route_id)
join case_level_day d on d.start = t.start and d.calendar = t.calendar and d.after_days = l.after_days and d.due_days = l.due_days
where d.reached <= $as_of
qualify row_number() over (partition by t.exception_id order by l.level desc) = 1
"""


def business_days(start: dt.date, days: int, calendar: str) -> dt.date:
    """The day that lies so many business days after ``start``; for 0 the next business day, ``start`` included.

    calendar: a country or a part of one (DE, DE-BY), whose weekends, public holidays and shifted working days count;
        where empty, Monday to Friday.
    """
    country, _, part = calendar.partition("-")
    days_off = holidays.country_holidays(country, subdiv=part or None) if country else holidays.HolidayBase()
    found: dt.date = days_off.get_nth_working_day(start, days)
    return found
