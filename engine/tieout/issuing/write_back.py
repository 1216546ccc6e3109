"""What the ERP is told: e-invoice status, document, payment. Each write once, recorded before it is tried and after.

A write is known by its operation and key. Its intent stands in the journal before the call; where an earlier attempt has no
known end, the ERP is asked first whether it has it already. Called by ``posting`` with a ``Ledger`` and nothing of its kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieout.model.errors import RemoteError, SourceError
from tieout.model.ports import Ledger
from tieout.store.fold import Entry, Event, canonical
from tieout.store.journal import Journal

__all__ = ["Outcome", "Write", "posted_payments", "write_back"]

BATCH = 50
# So many failures in a row without any answer, and the ERP is taken to be down.
SILENT = 3


@dataclass(frozen=True, slots=True)
class Write:
    """One thing to be written to one object of the ERP."""

    operation: str
    """status, document or payment, as the ERP's description names it."""
    key: str
    """What makes it this write and no other: an invoice's number, a payment and the item it settles."""
    values: Mapping[str, Any]
    """What the description's requests name."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What the journal keeps beside the fingerprint; never personal."""

    def stream(self, system: str) -> str:
        return f"write:{system}:{self.operation}:{self.key}"

    @property
    def fingerprint(self) -> str:
        plain = {
            name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
            for name, value in self.values.items()
        }
        return hashlib.sha256(canonical(plain).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a write: written, there (the ERP had it), unchanged (done earlier), failed, uncertain
    (nobody knows whether it was processed) or waiting (not tried)."""

    write: Write
    state: str
    message: str = ""


def write_back(
    journal: Journal, ledger: Ledger, writes: Sequence[Write], *, system: str, actor: str = "tieout"
) -> list[Outcome]:
    """Writes what is not written yet, in the order given; one outcome a write.

    A write that was done with the same values is left alone. One the ERP refuses is failed with its words, and the others
    go on; where the ERP does not answer at all the rest waits for the next time.
    """
    told, uncertain = _planned(journal, writes, system, actor)
    outcomes: list[Outcome] = []
    entries: list[Entry] = []
    silent = 0
    for each in writes:
        if each.stream(system) not in told:
            outcomes.append(Outcome(each, "unchanged"))
            continue
        if silent >= SILENT:
            outcomes.append(Outcome(each, "waiting", f"{system} does not answer; it is tried again the next time"))
            continue
        outcome, silent = _written(ledger, each, each.stream(system) in uncertain, silent)
        outcomes.append(outcome)
        entries.append(_end_of(outcome, system, actor))
        if len(entries) >= BATCH or outcome.state == "failed":
            _append(journal, entries)
    _append(journal, entries)
    return outcomes


def posted_payments(journal: Journal) -> list[tuple[str, str]]:
    """(payment_id, amount in the payment's currency) of each payment that the ERP has been told of, for every write."""
    with journal.reading() as session:
        return [
            (str(event.payload["payment_id"]), str(event.payload["amount"]))
            for event in session.events_under("write:")
            if event.kind == "write_done" and event.payload.get("payment_id")
        ]


def _planned(journal: Journal, writes: Sequence[Write], system: str, actor: str) -> tuple[set[str], set[str]]:
    """The streams of what must be written, their intents on record; and those among them with an unknown end before."""
    with journal.writing() as session:
        last = session.last_events([each.stream(system) for each in writes])
        wanted = [each for each in writes if not _is_done(last.get(each.stream(system)), each)]
        uncertain = {each.stream(system) for each in wanted if _is_uncertain(last.get(each.stream(system)))}
        session.append(
            [
                Entry(each.stream(system), "write_intended", actor, payload={"fingerprint": each.fingerprint})
                for each in wanted
            ]
        )
    return {each.stream(system) for each in wanted}, uncertain


def _is_done(event: Event | None, write: Write) -> bool:
    return event is not None and event.kind == "write_done" and event.payload["fingerprint"] == write.fingerprint


def _is_uncertain(event: Event | None) -> bool:
    return event is not None and (
        event.kind == "write_intended" or (event.kind == "write_failed" and bool(event.payload["perhaps"]))
    )


def _written(ledger: Ledger, write: Write, uncertain: bool, silent: int) -> tuple[Outcome, int]:
    if not ledger.can(write.operation):
        return Outcome(write, "failed", f"the ERP's description does not say how '{write.operation}' is written"), 0
    try:
        if uncertain and ledger.find(write.operation, write.values) is not None:
            return Outcome(write, "there"), 0
        ledger.write(write.operation, write.values)
    except RemoteError as exc:
        state = "uncertain" if exc.perhaps_processed else "failed"
        return Outcome(write, state, str(exc)), silent + 1 if exc.status is None else 0
    except SourceError as exc:
        return Outcome(write, "failed", str(exc)), 0
    return Outcome(write, "written"), 0


def _end_of(outcome: Outcome, system: str, actor: str) -> Entry:
    write = outcome.write
    if outcome.state in ("written", "there"):
        payload = {"fingerprint": write.fingerprint, "found": outcome.state == "there", **write.evidence}
        return Entry(write.stream(system), "write_done", actor, payload=payload)
    return Entry(
        write.stream(system),
        "write_failed",
        actor,
        payload={
            "fingerprint": write.fingerprint,
            "message": outcome.message[:300],
            "perhaps": outcome.state == "uncertain",
        },
    )


def _append(journal: Journal, entries: list[Entry]) -> None:
    if entries:
        with journal.writing() as session:
            session.append(entries)
        entries.clear()
