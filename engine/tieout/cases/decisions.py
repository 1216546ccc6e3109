"""What people decided about cases, read from the journal; called for comparing a change, and a score, with it.

A decision may say which open items a payment is for (``pays``) and which it is not for (``not``): the payload of the event
by which a person resolved or waived the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tieout.store.fold import Event
from tieout.store.journal import Journal

__all__ = ["Decision", "decisions", "verdict_on_pair"]

_ENDS = {"case_resolved": "resolved", "case_waived": "waived"}


@dataclass(frozen=True, slots=True)
class Decision:
    """How a person left a case; what runs closed by themselves is no decision."""

    case_id: str
    state: str
    """resolved or waived."""
    reason: str
    """The exception's: ambiguous, unmatched_payment ..."""
    object_table: str
    object_id: str
    actor: str
    text: str
    instant: str
    pays: frozenset[str] = frozenset()
    """The open items that the payment is for; none where the person did not say."""
    excludes: frozenset[str] = frozenset()
    """The open items that it is not for."""


def decisions(journal: Journal) -> dict[str, Decision]:
    """The standing decisions by case id; one that was reopened afterwards no longer stands."""
    last: dict[str, Event] = {}
    named: dict[str, Mapping[str, Any]] = {}
    with journal.reading() as session:
        for event in session.events():
            case_id = event.stream.partition(":")[2]
            if event.kind == "case_proposed" and _items(event.payload):
                named[case_id] = event.payload
            elif event.kind in _ENDS:
                last[case_id] = event
            elif event.kind in {"case_reopened", "case_returned"}:
                last.pop(case_id, None)
                named.pop(case_id, None)
        cases = {each.case_id: each for each in session.cases(sorted(last))} if last else {}
    found = {}
    for case_id, event in sorted(last.items()):
        case = cases[case_id]
        # Who approves a proposal and names no item himself approves those it names.
        payload = event.payload if _items(event.payload) else named.get(case_id, {})
        found[case_id] = Decision(
            case_id=case_id,
            state=_ENDS[event.kind],
            reason=case.reason,
            object_table=case.object_table,
            object_id=case.object_id,
            actor=event.actor,
            text=event.reason,
            instant=event.instant,
            pays=frozenset(map(str, payload.get("pays", ()))),
            excludes=frozenset(map(str, payload.get("not", ()))),
        )
    return found


def _items(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("pays") or payload.get("not"))


def verdict_on_pair(decision: Decision, open_item_id: str) -> bool | None:
    """Whether the person said that the payment is for the item; None where nothing was said of it.

    Who names the items that a payment is for has said that it is for no other.
    """
    if open_item_id in decision.pays:
        return True
    if open_item_id in decision.excludes or decision.pays:
        return False
    return None
