"""The chain of events: the hash that ties each to the one before it, and what is wrong where it does not hold. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tieout.store.fold import Event, canonical

__all__ = ["GENESIS", "Verdict", "event_hash", "fault_of"]

GENESIS = "0" * 64
"""The hash before the first event."""


def event_hash(event: Event, payload: str | None = None) -> str:
    """The hash of the event with the one before it: SHA-256 over its other fields as a JSON list.

    payload: the payload's canonical text where it is at hand.
    """
    text = canonical(event.payload) if payload is None else payload
    content = (
        event.sequence, event.workspace, event.stream, event.kind, event.actor, event.instant, event.reason, text,
        event.previous_hash,
    )  # fmt: skip
    return hashlib.sha256(canonical(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a journal holds, and if not, the first event that does not."""

    holds: bool
    events: int
    """The events that hold, from the first."""
    head: str
    """The hash of the last of them."""
    broken: int | None = None
    """The sequence of the first event that does not hold; null where it is a view."""
    fault: str = ""


def fault_of(event: Event, payload: str, place: int, previous: str, anchor: str | None) -> str | None:
    """What is wrong with the event in this place of the chain; None where nothing is."""
    if event.sequence != place:
        return f"event {place} is missing: {event.sequence} follows {place - 1}"
    if event.previous_hash != previous:
        return f"event {place} ({event.kind} of {event.stream}) does not follow the event before it"
    if event.hash != event_hash(event, payload):
        return f"event {place} ({event.kind} of {event.stream}) was changed: its hash does not hold"
    if anchor is not None and anchor != event.hash:
        return f"event {place} ({event.kind} of {event.stream}) is not the one that was sealed with a run"
    return None
