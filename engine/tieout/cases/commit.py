"""Exceptions of a sealed run into the journal: cases opened, updated, closed and opened again. Called by ``queue`` alone.

Written in parts, each under the journal's write lock for about a second, each from what the journal says at that moment:
people go on working meanwhile, and a crash between two parts is repaired by the next call.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import DECIDED, LIVE, Entry, canonical
from tieout.store.journal import Journal, Session
from tieout.store.people import ENGINE as ACTOR

__all__ = ["Committed", "commit"]

PART = 5000

# Evidence that moves with the as-of date alone says nothing new about a case.
MOVING = {"as_of", "age_days", "days_overdue"}
FACTS = ("amount", "currency", "related_id", "party_id", "evidence")
SHOWN = ("message", "source", "line")


@dataclass(frozen=True, slots=True)
class Committed:
    """How many cases a run opened, changed, closed, and opened again."""

    opened: int = 0
    updated: int = 0
    closed: int = 0
    returned: int = 0
    is_backdated: bool = False
    """The run looks at a day before that of another run on record, and so changed no case."""


def commit(
    journal: Journal, store: Store, *, run_id: str, as_of: dt.date, complete: bool = True, force: bool = False
) -> Committed:
    """Carries the exceptions of a sealed run into the journal; repeated, it finds nothing to do.

    A new exception opens a case; changed facts update it with a note; a case whose cause is gone is closed, or, where
    a person has proposed something or opened it again, only marked; a cause that comes back opens it again unless a
    person has decided it. complete: False where a source could not be read: then no case is closed; nor is ever one
    whose file was refused. A run of an earlier day than another one on record changes nothing, unless forced.
    """
    with journal.reading() as session:
        newest = session.greatest("run", "as_of")
        live = session.case_frame(columns=("case_id",), state=LIVE)["case_id"].to_list()
    if newest and as_of < newest and not force:
        return Committed(is_backdated=True)
    place = {"run_id": run_id, "as_of": as_of}
    exceptions = store.table("exception")
    counts: Counter[str] = Counter()
    for part in exceptions.iter_slices(PART):
        with journal.writing() as session:
            cases = _cases(session, part["exception_id"].to_list())
            counts.update(_append(session, _entries(part.iter_rows(named=True), cases, place)))
    if complete:
        gone = sorted(set(live) - set(exceptions["exception_id"].to_list()))
        refused = _refused(store)
        for start in range(0, len(gone), PART):
            with journal.writing() as session:
                cases = _cases(session, gone[start : start + PART])
                counts.update(_append(session, _gone(cases, refused, place)))
    return Committed(counts["case_opened"], counts["case_updated"], counts["case_closed"], counts["case_returned"])


def _append(session: Session, entries: Iterable[Entry]) -> list[str]:
    """Appends the entries; their kinds."""
    found = list(entries)
    session.append(found)
    return [entry.kind for entry in found]


def _cases(session: Session, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = session.case_frame(columns=_COMPARED, case_id=ids)
    return {row["case_id"]: row for row in rows.iter_rows(named=True)}


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
    exceptions: Iterable[Mapping[str, Any]], cases: Mapping[str, Mapping[str, Any]], place: Mapping[str, Any]
) -> Iterator[Entry]:
    """What the exceptions of the run mean for their cases, in the order of their ids."""
    for row in exceptions:
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


def _gone(cases: Mapping[str, Mapping[str, Any]], refused: set[str], place: Mapping[str, Any]) -> Iterator[Entry]:
    """What becomes of cases that no exception of the run belongs to any more."""
    for name, case in sorted(cases.items()):
        if case["state"] in DECIDED or not case["opened_run"] or case["source"] in refused:
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
    return "none" if value is None else f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


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
