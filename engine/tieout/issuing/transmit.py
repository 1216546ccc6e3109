"""Documents out to platforms, each exactly once: the intent is on record before the call, the answer after it.

Where the answer is missing (no connection, a crash, garbage) the platform is asked what it knows before anything is sent
again. Set against a ``Platform`` and the journal; knows no network.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tieout.model.errors import SourceError
from tieout.model.platforms import Outcome, Parcel, Platform
from tieout.store import outbox
from tieout.store.journal import Journal

__all__ = ["ACTOR", "Read", "Sent", "cancel", "recover", "transmit"]

ACTOR = "transmit"
CLAIM = 200
ROUNDS = 3
MOST_ATTEMPTS = 8
# What is about the platform, not the document: nobody answered, or it was too busy to look.
_AWAY = frozenset({"", "408", "425", "429", "503"})
ENDS = ("delivered", "accepted", "rejected", "cancelled")

Row = dict[str, Any]
Read = Callable[[Row], Parcel]
"""The document of a transmission with its bytes; raises SourceError where it is not there any more as it was issued."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a transmission of documents came to, counted by state; trouble: why it ended early, one sentence each."""

    counts: Counter[str] = field(default_factory=Counter)
    trouble: tuple[str, ...] = ()


def transmit(
    journal: Journal,
    platform: Platform,
    *,
    read: Read,
    worker: str,
    now: Callable[[], dt.datetime],
    most: int | None = None,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
) -> Sent:
    """Sends what is prepared for the platform, after what an earlier sender left without an answer is resolved.

    worker: who sends; only one process at a time may use it (the caller holds its lock). step: called with the name of
    each step, so that tests can stop there.
    """
    return _Sending(journal, platform, read, worker, now, step, advance).send(most)


def recover(journal: Journal, platform: Platform, *, read: Read, worker: str, now: Callable[[], dt.datetime]) -> Sent:
    """Asks after what was sent without an answer; what never arrived is prepared again."""
    sending = _Sending(journal, platform, read, worker, now, lambda _: None, lambda _: None)
    try:
        sending.resolve(outbox.orphans(journal, platform.name, worker=worker, now=now()))
    except SourceError as exc:
        sending.trouble.append(exc.message)
    return sending.sent()


def cancel(
    journal: Journal, platform: Platform, row: Row, *, read: Read, reason: str, now: dt.datetime, within_hours: int = 0
) -> Outcome:
    """Cancels a document at the platform. Raises SourceError where it cannot be, or not any more."""
    number = row["invoice_number"]
    if row["state"] not in ("delivered", "accepted"):
        raise SourceError(f"{number}: is {row['state']}; only what the platform holds can be cancelled")
    if not platform.can("cancel"):
        raise SourceError(f"{number}: {platform.name} cancels nothing; issue a credit note")
    if within_hours and row["accepted_at"]:
        end = dt.datetime.fromisoformat(row["accepted_at"]) + dt.timedelta(hours=within_hours)
        if now > end:
            raise SourceError(f"{number}: could be cancelled until {end:%Y-%m-%d %H:%M} UTC; issue a credit note")
    parcel = read(row)
    outcome = platform.cancel(parcel, reason)
    if outcome.state == "rejected" and platform.can("poll") and (now_is := platform.poll(parcel)).state == "cancelled":
        outcome = now_is  # by an earlier attempt whose answer was lost
    if outcome.state == "rejected":
        raise SourceError(f"{number}: {platform.name} refuses to cancel it: {outcome.message or outcome.code}")
    if outcome.state == "cancelled":
        outbox.record(
            journal, [(row["transmission_id"], "cancelled", {**_details(outcome), "message": reason})], actor=ACTOR
        )
    return outcome


class _Sending:
    def __init__(
        self,
        journal: Journal,
        platform: Platform,
        read: Read,
        worker: str,
        now: Callable[[], dt.datetime],
        step: Callable[[str], None],
        advance: Callable[[int], None],
    ) -> None:
        self.journal, self.platform, self.read, self.worker = journal, platform, read, worker
        self.now, self.step, self.advance = now, step, advance
        self.final: dict[str, str] = {}
        self.trouble: list[str] = []

    def sent(self) -> Sent:
        return Sent(Counter(self.final.values()), tuple(self.trouble))

    def send(self, most: int | None) -> Sent:
        try:
            self.resolve(outbox.orphans(self.journal, self.platform.name, worker=self.worker, now=self.now()))
            held: set[str] = set()
            for _ in range(ROUNDS):
                ids = [each for each in self._due() if each not in held][:most]
                if not ids:
                    break
                for start in range(0, len(ids), CLAIM):
                    held |= self._send(ids[start : start + CLAIM])
        except SourceError as exc:
            self.trouble.append(exc.message)
        return self.sent()

    def _due(self) -> list[str]:
        rows = outbox.transmissions(self.journal, platform=self.platform.name, state="prepared")
        rows.sort(key=lambda row: (row["prepared_at"], row["invoice_number"], row["transmission_id"]))
        return [row["transmission_id"] for row in rows]

    def _send(self, ids: Sequence[str]) -> set[str]:
        """One claim, its calls and their record; the ids that are not to be tried again in this sending."""
        self.step("session")
        session = self.platform.session()
        rows = outbox.transmissions(self.journal, transmission_id=list(ids))
        parcels, unreadable = {}, []
        for row in rows:
            try:
                parcels[row["transmission_id"]] = self.read(row)
            except SourceError as exc:
                unreadable.append((row["transmission_id"], "dead", {"message": exc.message}))
        self._record(unreadable)
        self.step("claim")
        claimed = outbox.claim(
            self.journal, [each for each in ids if each in parcels], worker=self.worker, session=session, actor=ACTOR
        )
        self.step("claimed")
        groups = [claimed[at : at + self.platform.batch] for at in range(0, len(claimed), self.platform.batch)]
        with ThreadPoolExecutor(max(1, min(self.platform.parallel, len(groups)))) as pool:
            answers = list(pool.map(lambda group: self._submit(group, parcels), groups))
        news: list[tuple[str, str, dict[str, Any]]] = []
        open_rows, held = [], set()
        failed: SourceError | None = None
        for group, (outcomes, error) in zip(groups, answers, strict=True):
            failed = failed or error
            for row, outcome in zip(group, outcomes, strict=True):
                identity = row["transmission_id"]
                if outcome.state in ENDS:
                    news.append((identity, outcome.state, _details(outcome)))
                elif outcome.state in ("unknown", "duplicate"):
                    open_rows.append(row)
                else:
                    news.append(self._put_off(row, outcome))
                    held.add(identity)
        self.step("answered")
        self._record(news)
        self.step("recorded")
        self.advance(len(claimed))
        if failed:
            raise failed
        self.resolve(open_rows)
        if held and len(held) == len(claimed):
            first = next(outcome for outcomes, _ in answers for outcome in outcomes)
            raise SourceError(f"{self.platform.name} takes nothing now: {first.message or first.code}")
        return held

    def _submit(self, group: Sequence[Row], parcels: dict[str, Parcel]) -> tuple[Sequence[Outcome], SourceError | None]:
        self.step("call")
        try:
            outcomes = self.platform.submit([parcels[row["transmission_id"]] for row in group])
        except SourceError as exc:
            sure = not getattr(exc, "perhaps_processed", False)
            state = "postponed" if sure else "unknown"
            return [Outcome(state, message=exc.message)] * len(group), exc
        self.step("called")
        return outcomes, None

    def _put_off(self, row: Row, outcome: Outcome) -> tuple[str, str, dict[str, Any]]:
        """Prepared again for the next sending; dead after too many times in which the platform was there."""
        away = outcome.code in _AWAY
        spent = row["attempts"] >= MOST_ATTEMPTS and not away
        return row["transmission_id"], "dead" if spent else "prepared", _details(outcome) | {"away": away}

    def resolve(self, rows: Sequence[Row]) -> None:
        """Asks the platform after documents of unknown outcome: it has one, or it is prepared again, or stays open."""
        for start in range(0, len(rows), CLAIM):
            part = rows[start : start + CLAIM]
            with ThreadPoolExecutor(max(1, min(self.platform.parallel, len(part)))) as pool:
                self._record([each for each in pool.map(self._resolved, part) if each])

    def _resolved(self, row: Row) -> tuple[str, str, dict[str, Any]] | None:
        identity = row["transmission_id"]
        try:
            parcel = self.read(row)
        except SourceError as exc:
            return identity, "dead", {"message": exc.message}
        if not self.platform.can("lookup"):
            if self.platform.repeat_is_safe:
                return identity, "prepared", {}
            return identity, "dead", {"message": "sent without an answer, and the platform cannot be asked after it"}
        self.step("lookup")
        outcome = self.platform.lookup(parcel)
        if outcome.state in ENDS:
            return identity, outcome.state, _details(outcome)
        if outcome.state == "not_found" and not self._just_sent(row):
            words = row["message"] or "sent without an answer, and the platform has not got it"
            return self._put_off(row, Outcome("postponed", message=words, code="lost"))
        self.final[identity] = "unknown"
        return None

    def _just_sent(self, row: Row) -> bool:
        if not self.platform.settle_s or not row["sent_at"]:
            return False
        age = self.now() - dt.datetime.fromisoformat(row["sent_at"])
        return age < dt.timedelta(seconds=self.platform.settle_s)

    def _record(self, news: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        if news:
            outbox.record(self.journal, news, actor=ACTOR)
            self.final |= {identity: "postponed" if state == "prepared" else state for identity, state, _ in news}


def _details(outcome: Outcome) -> dict[str, Any]:
    return {
        "platform_id": outcome.platform_id,
        "document_number": outcome.document_number,
        "message": outcome.message,
        "code": outcome.code,
        "said_at": outcome.at,
    }
