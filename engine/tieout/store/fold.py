"""What the events of one case add up to: a pure fold, one event at a time. No SQL, no clock; the journal calls it.

The journal keeps the folded rows beside the events for speed, and ``Journal.verify`` proves that they are the fold.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = ["CASE_KINDS", "DECIDED", "FACTS", "LIVE", "Case", "Entry", "Event", "canonical", "fold_case"]

LIVE = ("open", "assigned", "waiting", "proposed", "reopened")
DECIDED = ("resolved", "waived")

# The columns of an exception that a case shows; a run may change them, never the state a person chose.
FACTS = (
    "reason",
    "object_table",
    "object_id",
    "related_id",
    "party_id",
    "amount",
    "currency",
    "message",
    "evidence",
    "source",
    "line",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, before the journal has given it its place."""

    stream: str
    """What it happened to: case:ID, run:ID, series:NAME, document:BILLING_DOCUMENT, user:NAME, rules:DIGEST, read:WHAT."""
    kind: str
    actor: str
    reason: str = ""
    payload: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in its place of the chain."""

    sequence: int
    workspace: str
    stream: str
    kind: str
    actor: str
    instant: str
    """UTC, ISO 8601 with microseconds and Z."""
    reason: str
    payload: Mapping[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Case:
    """One exception as people work on it."""

    case_id: str
    state: str
    reason: str
    object_table: str
    object_id: str
    related_id: str | None
    party_id: str | None
    amount: Decimal | None
    currency: str | None
    message: str | None
    evidence: str | None
    source: str | None
    line: int | None
    queue: str
    owner: str | None
    due: dt.date | None
    opened_as_of: dt.date
    opened_run: str
    last_run: str
    """The run that last changed something in the case."""
    opened_at: str
    changed_at: str
    fingerprint: str
    """The hash of the facts that count as a change (cases/queue.py says which)."""
    owner_by: str = "route"
    """route, or person once a person has assigned it: then no run changes it."""
    queue_by: str = "route"
    closed_by: str | None = None
    """run where its cause was gone, person where someone decided; null while it is live."""
    cause_is_gone: bool = False
    """No run finds its cause any more, but a person's proposal or reopening keeps it live."""
    changed_since_decision: bool = False
    """The facts have changed after a person resolved or waived it."""
    comments: int = 0
    proposed_by: str | None = None
    """Who proposed what is decided or waits for a second person."""
    decided_by: str | None = None
    decision: str | None = None
    """What was decided or proposed: match, on_account, write_off, not_receivable; null where a person only said so."""


def canonical(payload: Any) -> str:
    """The payload as JSON that is the same for the same content: sorted keys, decimals and dates as text."""
    return _ENCODER.encode(payload)


def _as_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_as_text)


def _opened(_: Case | None, event: Event) -> Case:
    payload = event.payload
    return Case(
        case_id=event.stream.partition(":")[2],
        state="open",
        **_typed({name: payload.get(name) for name in FACTS}),
        queue=payload["queue"],
        owner=payload.get("owner"),
        due=_date(payload.get("due")),
        opened_as_of=dt.date.fromisoformat(payload["as_of"]),
        opened_run=payload["run_id"],
        last_run=payload["run_id"],
        opened_at=event.instant,
        changed_at=event.instant,
        fingerprint=payload["fingerprint"],
    )


def _updated(case: Case, event: Event) -> Case:
    payload = event.payload
    facts = payload.get("facts")
    changes: dict[str, Any] = _typed(facts) if facts else {}
    changes |= {name: payload[name] for name in ("queue", "owner", "fingerprint") if name in payload}
    if "due" in payload:
        changes["due"] = _date(payload["due"])
    return dataclasses.replace(
        case,
        **changes,
        cause_is_gone=False,
        changed_since_decision=case.changed_since_decision
        or (bool(facts) and case.state in DECIDED and case.closed_by == "person"),
    )


def _returned(case: Case, event: Event) -> Case:
    """Open again, with the facts and the day of the run that found the cause again."""
    as_of = dt.date.fromisoformat(event.payload["as_of"])
    return dataclasses.replace(
        _updated(case, event), state="open", closed_by=None, opened_as_of=as_of, proposed_by=None, decided_by=None
    )


def _assigned(case: Case, event: Event) -> Case:
    queue = event.payload.get("queue")
    return dataclasses.replace(
        case,
        owner=event.payload["owner"],
        owner_by="person",
        queue=queue or case.queue,
        queue_by="person" if queue else case.queue_by,
        state="assigned" if case.state in {"open", "reopened", "assigned"} else case.state,
    )


def _decided(state: str) -> Any:
    def fold(case: Case, event: Event) -> Case:
        approves = state == "resolved" and case.state == "proposed"
        return dataclasses.replace(
            case,
            state=state,
            closed_by="person",
            changed_since_decision=False,
            decided_by=event.actor,
            proposed_by=case.proposed_by if approves else None,
            decision=case.decision if approves and "decision" not in event.payload else _kind(event),
        )

    return fold


def _proposed(case: Case, event: Event) -> Case:
    return dataclasses.replace(
        case, state="proposed", closed_by=None, proposed_by=event.actor, decided_by=None, decision=_kind(event)
    )


def _split(case: Case, _: Event) -> Case:
    """A part is decided; the rest is work as before."""
    state = "assigned" if case.owner_by == "person" else "open"
    return dataclasses.replace(case, state=state, closed_by=None, proposed_by=None, decided_by=None, decision=None)


def _moved(state: str) -> Any:
    def fold(case: Case, _: Event) -> Case:
        return dataclasses.replace(case, state=state, closed_by=None, proposed_by=None, decided_by=None, decision=None)

    return fold


def _kind(event: Event) -> str | None:
    decision = event.payload.get("decision")
    return str(decision["kind"]) if decision else None


CASE_KINDS: Mapping[str, Any] = {
    "case_opened": _opened,
    "case_updated": _updated,
    "case_cause_gone": lambda case, _: dataclasses.replace(case, cause_is_gone=True),
    "case_closed": lambda case, _: dataclasses.replace(case, state="resolved", closed_by="run"),
    "case_returned": _returned,
    "case_assigned": _assigned,
    "case_commented": lambda case, _: dataclasses.replace(case, comments=case.comments + 1),
    "case_waiting": _moved("waiting"),
    "case_proposed": _proposed,
    "case_reopened": _moved("reopened"),
    "case_resolved": _decided("resolved"),
    "case_waived": _decided("waived"),
    "case_split": _split,
    "case_rejected": lambda case, _: case,
    "case_rejection_undone": lambda case, _: case,
}


def fold_case(case: Case | None, event: Event) -> Case:
    """The case after the event. The first event of a case must open it; raises ValueError where it does not."""
    fold = CASE_KINDS.get(event.kind)
    if fold is None:
        raise ValueError(f"{event.kind} is not an event of a case")
    if (case is None) != (event.kind == "case_opened"):
        raise ValueError(f"{event.stream} {'is not open yet' if case is None else 'is there already'}")
    after: Case = fold(case, event)
    if case is None:
        return after
    return dataclasses.replace(after, changed_at=event.instant, last_run=event.payload.get("run_id", after.last_run))


def _typed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they stand in a payload, with the amount as a Decimal again."""
    amount = facts.get("amount")
    return {**facts, **({"amount": Decimal(amount)} if amount is not None else {})}


def _date(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
