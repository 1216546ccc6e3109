"""What people do with cases: list, look, assign, comment, move from state to state. Every act is an event of the journal.

Called by the faces. Which state may follow which is written here and checked under the journal's write lock.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import polars as pl

from tieout.model.errors import Forbidden, NotFound, TieoutError
from tieout.store.fold import DECIDED, LIVE, Case, Entry, fold_case
from tieout.store.journal import Journal, Session
from tieout.store.people import require

__all__ = [
    "ALLOWED",
    "STATES",
    "assign",
    "case_of",
    "check_move",
    "comment",
    "known_at",
    "list_cases",
    "move",
    "show_case",
]

STATES = (*LIVE, *DECIDED)
"""open, assigned, waiting, proposed, reopened; resolved, waived."""

ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "open": frozenset({"assigned", "waiting", "proposed", "resolved", "waived"}),
        "assigned": frozenset({"assigned", "waiting", "proposed", "resolved", "waived"}),
        "waiting": frozenset({"assigned", "waiting", "proposed", "resolved", "waived"}),
        "proposed": frozenset({"assigned", "reopened", "resolved", "waived"}),
        "reopened": frozenset({"assigned", "waiting", "proposed", "resolved", "waived"}),
        "resolved": frozenset({"reopened"}),
        "waived": frozenset({"reopened"}),
    }
)

_COLUMNS = (
    "case_id", "state", "reason", "queue", "owner", "due", "amount", "currency", "party_id", "object_table",
    "object_id", "related_id", "message", "opened_as_of", "comments", "cause_is_gone", "changed_since_decision",
    "proposed_by", "decided_by", "decision",
)  # fmt: skip


def list_cases(
    journal: Journal,
    *,
    state: str | Sequence[str] | None = LIVE,
    queue: str | None = None,
    owner: str | None = None,
    reason: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> pl.DataFrame:
    """The cases, ``case_id`` first, the most urgent on top; by default those that are not decided. state: None for all.

    Raises TieoutError where a state is none.
    """
    for each in [state] if isinstance(state, str) else state or ():
        if each not in STATES:
            raise TieoutError(f"no state '{each}'; states are {', '.join(STATES)}")
    with journal.reading() as session:
        return session.case_frame(
            columns=_COLUMNS, limit=limit, offset=offset, state=state, queue=queue, owner=owner, reason=reason
        )


def show_case(journal: Journal, case_id: str) -> dict[str, Any]:
    """Everything about one case, and under ``history`` its events, the oldest first. Raises TieoutError where there is none."""
    with journal.reading() as session:
        case = case_of(session, case_id)
        history = [
            {"instant": e.instant, "actor": e.actor, "kind": e.kind, "reason": e.reason, "payload": dict(e.payload)}
            for e in session.events(f"case:{case_id}")
        ]
    return {**dataclasses.asdict(case), "history": history}


def known_at(journal: Journal, day: dt.date) -> pl.DataFrame:
    """All cases as they stood at the end of a day (UTC), whatever happened since: the columns of ``list_cases``."""
    end = (day + dt.timedelta(days=1)).isoformat()
    known: dict[str, Case] = {}
    with journal.reading() as session:
        for event in session.events():
            if event.stream.startswith("case:") and event.instant < end:
                case_id = event.stream[5:]
                known[case_id] = fold_case(known.get(case_id), event)
        typed = session.case_frame(columns=_COLUMNS, limit=0)
    rows = [tuple(getattr(case, name) for name in _COLUMNS) for case in known.values()]
    frame = pl.DataFrame(rows, schema=typed.schema, orient="row")
    return frame.sort(["due", "amount", "case_id"], descending=[False, True, False], nulls_last=True)


def assign(journal: Journal, case_ids: Sequence[str], *, to: str, actor: str, queue: str | None = None) -> int:
    """Gives the cases to a person or group, and to another queue where given; all or none. How many were given.

    An open case becomes assigned; one that waits or is proposed keeps its state.
    """
    if not to.strip():
        raise TieoutError("a case is assigned to somebody: the name is empty")
    with journal.writing() as session:
        require(session, actor, "clerk")
        entries = []
        for case_id in dict.fromkeys(case_ids):
            _may(case_of(session, case_id), "assigned")
            payload = {"owner": to.strip(), **({"queue": queue} if queue else {})}
            entries.append(Entry(f"case:{case_id}", "case_assigned", actor, f"to {to.strip()}", payload))
        session.append(entries)
        return len(entries)


def comment(journal: Journal, case_id: str, text: str, *, actor: str) -> None:
    """Adds a comment, whatever the state."""
    if not text.strip():
        raise TieoutError("the comment is empty")
    with journal.writing() as session:
        require(session, actor, "clerk")
        case_of(session, case_id)
        session.append([Entry(f"case:{case_id}", "case_commented", actor, payload={"text": text.strip()})])


def move(
    journal: Journal, case_id: str, to: str, *, actor: str, reason: str, payload: Mapping[str, Any] | None = None
) -> Case:
    """The case in its new state: waiting, proposed, resolved, waived or reopened, with the reason a person gives.

    Raises TieoutError where the reason is empty or the state may not follow the one the case is in.
    """
    if to not in STATES or to in {"open", "assigned"}:
        raise TieoutError(f"a case is not moved to '{to}'; choose one of waiting, proposed, resolved, waived, reopened")
    if not reason.strip():
        raise TieoutError(f"a case is not {to} without a reason")
    with journal.writing() as session:
        check_move(session, case_of(session, case_id), to, actor)
        session.append([Entry(f"case:{case_id}", f"case_{to}", actor, reason.strip(), payload or {})])
        return case_of(session, case_id)


def case_of(session: Session, case_id: str) -> Case:
    """The case; raises NotFound where there is none."""
    found = session.cases([case_id])
    if not found:
        raise NotFound(f"there is no case {case_id}; 'tieout cases list' shows those there are")
    return found[0]


def check_move(session: Session, case: Case, to: str, actor: str) -> None:
    """Raises TieoutError where the case may not become that, Forbidden where this person may not do it.

    What was proposed is decided by a second person with the role approver.
    """
    decides = case.state == "proposed" and to in DECIDED
    require(session, actor, "approver" if decides else "clerk")
    _may(case, to)
    if decides and case.proposed_by == actor:
        raise Forbidden(f"case {case.case_id} was proposed by {actor}; another person must approve it")


def _may(case: Case, to: str) -> None:
    if to not in ALLOWED[case.state]:
        raise TieoutError(
            f"case {case.case_id} is {case.state} and cannot become {to}; "
            f"it may become {', '.join(sorted(ALLOWED[case.state]))}"
        )
