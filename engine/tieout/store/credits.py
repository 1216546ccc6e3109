"""How much of each invoice is credited: written down before a credit note leaves, so that all of them never exceed it.

One stream an original. What was set aside by a process that was killed, or for a credit note that is not issued after all,
is free again by the rules of numbers (``register``): its own at once, another's after its lease. Called by issuing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from tieout.store.fold import Entry
from tieout.store.journal import Journal
from tieout.store.register import LEASE
from tieout.store.session import Session

__all__ = ["TOTAL", "Credit", "Refusal", "reserve_credits"]

TOTAL = "total"
"""Under this name stands the total with VAT; the taxable amount of a VAT rate stands under category and rate: S 19."""

Amounts = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Credit:
    """What one credit note takes of an invoice. All amounts positive, in the invoice's currency."""

    billing_document: str
    original: str
    amounts: Amounts
    most: Amounts
    """The original's own amounts, as far as they are known; with any VAT rate known, no other may be credited."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which amount would be exceeded: asked, beside what others have credited already, of the original's own."""

    what: str
    asked: Decimal
    already: Decimal
    most: Decimal
    by: tuple[str, ...]


def reserve_credits(
    journal: Journal, credits: Sequence[Credit], *, holder: str = "", actor: str = "tieout"
) -> dict[str, Refusal]:
    """Sets aside what each credit note takes, in their order; those for which nothing is left, by billing document.

    Asking again for the same credit note changes nothing. All or none is on record, whoever asks at the same time.
    """
    refused: dict[str, Refusal] = {}
    kept = {each.billing_document for each in credits}
    ordered = sorted(credits, key=lambda each: each.original)  # stable: within an original the order stays
    with journal.writing() as session:
        entries: list[Entry] = []
        for original, group in groupby(ordered, key=lambda each: each.original):
            stream = f"credit:{original}"
            standing, stale = _standing(session, stream, kept, holder)
            entries += [Entry(stream, "credit_released", actor, "not issued", {"key": key}) for key in stale]
            for each in group:
                before = standing.pop(each.billing_document, None)
                refusal = _exceeded(each, standing)
                if refusal:
                    refused[each.billing_document] = refusal
                    if before is not None:
                        payload: dict[str, Any] = {"key": each.billing_document}
                        entries.append(Entry(stream, "credit_released", actor, "exceeds", payload))
                    continue
                standing[each.billing_document] = each.amounts
                if before != each.amounts:
                    amounts = {name: format(amount, "f") for name, amount in each.amounts.items()}
                    payload = {"key": each.billing_document, "amounts": amounts, "holder": holder}
                    entries.append(Entry(stream, "credit_reserved", actor, payload=payload))
        session.append(entries)
    return refused


def _standing(session: Session, stream: str, kept: set[str], holder: str) -> tuple[dict[str, Amounts], list[str]]:
    """What is set aside by credit note, and the notes for which nothing is set aside any more."""
    last = {event.payload["key"]: event for event in session.events(stream)}
    reserved = {key: event for key, event in last.items() if event.kind == "credit_reserved"}
    issued = {row["billing_document"] for row in session.rows("document", billing_document=[*reserved])}
    late = session.ago(LEASE)
    stale: list[str] = [
        key
        for key, event in reserved.items()
        if key not in kept and key not in issued and (event.payload["holder"] == holder or event.instant < late)
    ]
    standing: dict[str, Amounts] = {
        key: {name: Decimal(amount) for name, amount in event.payload["amounts"].items()}
        for key, event in reserved.items()
        if key not in stale
    }
    return standing, stale


def _exceeded(credit: Credit, standing: Mapping[str, Amounts]) -> Refusal | None:
    rates_are_known = any(name != TOTAL for name in credit.most)
    for name, asked in credit.amounts.items():
        if name not in credit.most and not (rates_are_known and name != TOTAL):
            continue
        most, already = credit.most.get(name, Decimal(0)), _sum(each.get(name) for each in standing.values())
        if asked + already > most:
            return Refusal(name, asked, already, most, tuple(sorted(k for k, v in standing.items() if v.get(name))))
    return None


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((each for each in amounts if each is not None), Decimal(0))
