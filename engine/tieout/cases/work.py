"""What people do with cases: list, look, assign, comment, move from state to state. Every act is an event of the journal.

Called by the faces. Which state may follow which is written here and checked under the journal's write lock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import polars as pl

from tieout.model.errors import TieoutError
from tieout.store.fold import DECIDED, LIVE, Case, Entry
from tieout.store.journal import Journal, Session

__all__ = ["ALLOWED", "STATES", "assign", "comment", "list_cases", "move", "show_case"]

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
        case = _case(session, case_id)
        history = [
            {"instant": e.instant, "actor": e.actor, "kind": e.kind, "reason": e.reason, "payload": dict(e.payload)}
            for e in session.events(f"case:{case_id}")
        ]
    return {**dataclasses.asdict(case), "history": history}


def assign(journal: Journal, case_ids: Sequence[str], *, to: str, actor: str, queue: str | None = None) -> int:
    """Gives the cases to a person or group, and to another queue where given; all or none. How many were given.

    An open case becomes assigned; one that waits or is proposed keeps its state.
    """
    if not to.strip():
        raise TieoutError("a case is assigned to somebody: the name is empty")
    with journal.writing() as session:
        entries = []
        for case_id in dict.fromkeys(case_ids):
            _may(_case(session, case_id), "assigned")
            payload = {"owner": to.strip(), **({"queue": queue} if queue else {})}
            entries.append(Entry(f"case:{case_id}", "case_assigned", actor, f"to {to.strip()}", payload))
        session.append(entries)
        return len(entries)


def comment(journal: Journal, case_id: str, text: str, *, actor: str) -> None:
    """Adds a comment, whatever the state."""
    if not text.strip():
        raise TieoutError("the comment is empty")
    with journal.writing() as session:
        _case(session, case_id)
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
        _may(_case(session, case_id), to)
        session.append([Entry(f"case:{case_id}", f"case_{to}", actor, reason.strip(), payload or {})])
        return _case(session, case_id)


def _case(session: Session, case_id: str) -> Case:
    found = session.cases([case_id])
    if not found:
        raise TieoutError(f"there is no case {case_id}; 'tieout cases list' shows those there are")
    return found[0]


def _may(case: Case, to: str) -> None:
    if to not in ALLOWED[case.state]:
        raise TieoutError(
            f"case {case.case_id} is {case.state} and cannot become {to}; "
            f"it may become {', '.join(sorted(ALLOWED[case.state]))}"
        )
