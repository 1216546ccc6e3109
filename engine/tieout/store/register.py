"""What a workspace has on record beside cases: sealed runs, invoice numbers and issued documents. Called by run and issuing.

A number is reserved for a billing document before the invoice is written and confirmed together with it. Reserving again
for the same billing document gives the same number, so a crash in between costs nothing; a number given back is the
next to be taken. So the numbers of issued invoices have neither gaps nor doubles, however many processes issue: what
another has reserved and not confirmed yet is given back only long after, when that one is surely dead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieout.model.errors import StoreError
from tieout.store.fold import Entry
from tieout.store.journal import Journal

__all__ = [
    "Issued",
    "gaps",
    "issue_documents",
    "issued_documents",
    "pending_numbers",
    "register_run",
    "release_numbers",
    "release_stale",
    "reserve_numbers",
    "runs",
]


LEASE = dt.timedelta(hours=24)
"""How long another machine may take between reserving a number and putting its invoice on record."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One document to put on record: what was written for a billing document, under which number."""

    billing_document: str
    invoice_number: str
    number: int
    sha256: str
    file: str
    amounts: Mapping[str, str] = field(default_factory=dict)
    """The total with VAT and the taxable amount of each rate, of which credit notes take."""
    currency: str = ""
    payment_id: str | None = None
    paid_on: dt.date | None = None
    """The payment that called for it, and its day."""


def register_run(
    journal: Journal,
    *,
    run_id: str,
    as_of: dt.date,
    manifest_sha256: str,
    definitions: str | None = None,
    guarded: bool = False,
    actor: str = "tieout",
) -> bool:
    """Puts a sealed run on record; False where it is there already.

    definitions: the hash of all its definition files; guarded: whether a second person had to approve them.

    Raises StoreError where the same run is there with another manifest.
    """
    with journal.writing() as session:
        there = session.rows("run", run_id=run_id)
        if there:
            if there[0]["manifest_sha256"] != manifest_sha256:
                raise StoreError(f"run {run_id} is on record with another manifest; a sealed run never changes")
            return False
        payload: dict[str, Any] = {"as_of": as_of, "manifest_sha256": manifest_sha256, "run_id": run_id}
        payload |= {"definitions": definitions} if definitions else {}
        payload |= {"guarded": True} if guarded else {}
        session.append([Entry(f"run:{run_id}", "run_sealed", actor, payload=payload)])
        return True


def runs(journal: Journal) -> list[dict[str, Any]]:
    """The sealed runs on record, the oldest first: run_id, as_of, status, manifest_sha256, sealed_at."""
    with journal.reading() as session:
        return session.rows("run")


def reserve_numbers(
    journal: Journal,
    series: str,
    billing_documents: Sequence[str],
    *,
    first: int = 1,
    holder: str = "",
    actor: str = "tieout",
) -> dict[str, int]:
    """A number of the series for each billing document, in the order given.

    holder: who reserves; only one process at a time may use that name (the caller holds its lock).

    A billing document that has a number keeps it, whether its invoice was issued or a crash came before. Others take
    the numbers given back, the smallest first, and then the next after the greatest; ``first`` starts a new series.
    """
    wanted = list(dict.fromkeys(billing_documents))
    with journal.writing() as session:
        numbers = {row["key"]: row["number"] for row in session.rows("number", series=series, key=wanted)}
        free = iter(row["number"] for row in session.rows("number", series=series, state="free"))
        greatest = session.greatest("number", "number", series=series)
        following = first if greatest is None else greatest + 1
        entries = []
        for document in wanted:
            if document in numbers:
                continue
            number = next(free, None)
            if number is None:
                number, following = following, following + 1
            numbers[document] = number
            payload = {"number": number, "key": document} | ({"holder": holder} if holder else {})
            entries.append(Entry(f"series:{series}", "number_reserved", actor, payload=payload))
        session.append(entries)
    return {document: numbers[document] for document in wanted}


def release_numbers(
    journal: Journal, series: str, billing_documents: Iterable[str], *, reason: str, actor: str = "tieout"
) -> int:
    """Gives back the numbers of billing documents whose invoice was not issued; how many were given back."""
    with journal.writing() as session:
        rows = session.rows("number", series=series, state="reserved", key=list(dict.fromkeys(billing_documents)))
        session.append(_released(rows, series, reason, actor))
        return len(rows)


def release_stale(
    journal: Journal, series: str, keep: Iterable[str], *, holder: str, reason: str, actor: str = "tieout"
) -> int:
    """Gives back what the holder reserved earlier and does not issue after all; how many.

    keep: the billing documents that are issued now. What another holder has reserved is left alone until its lease ends.
    """
    with journal.writing() as session:
        kept = set(keep)
        rows = [row for row in session.rows("number", series=series, state="reserved") if row["key"] not in kept]
        if not rows:
            return 0
        late = session.ago(LEASE)
        holders = {
            event.payload["number"]: event.payload.get("holder", holder)
            for event in session.events(f"series:{series}", since=min(row["changed_at"] for row in rows))
            if event.kind == "number_reserved"
        }
        rows = [row for row in rows if holders.get(row["number"], holder) == holder or row["changed_at"] < late]
        session.append(_released(rows, series, reason, actor))
        return len(rows)


def _released(rows: Iterable[dict[str, Any]], series: str, reason: str, actor: str) -> list[Entry]:
    return [
        Entry(f"series:{series}", "number_released", actor, reason, {"number": row["number"], "key": row["key"]})
        for row in rows
    ]


def issue_documents(
    journal: Journal, series: str, documents: Sequence[Issued], *, run_id: str, actor: str = "tieout"
) -> int:
    """Puts issued documents on record and confirms their numbers, all or none; how many were new.

    A document that is on record with the same content is left alone. Raises StoreError where it is there with
    another content or number, or where its number is not reserved for it.
    """
    with journal.writing() as session:
        keys = [each.billing_document for each in documents]
        there = {row["billing_document"]: row for row in session.rows("document", billing_document=keys)}
        reserved = {row["key"]: row for row in session.rows("number", series=series, key=keys)}
        entries = []
        for each in documents:
            known = there.get(each.billing_document)
            if known:
                if (known["invoice_number"], known["sha256"]) != (each.invoice_number, each.sha256):
                    raise StoreError(
                        f"billing document {each.billing_document} was issued as {known['invoice_number']} with other "
                        "content; an issued invoice is corrected by a credit note, never replaced"
                    )
                continue
            place = reserved.get(each.billing_document)
            if place is None or place["number"] != each.number:
                raise StoreError(
                    f"number {each.number} of series {series} is not reserved for billing document "
                    f"{each.billing_document}"
                )
            number = {"number": each.number, "key": each.billing_document, "run_id": run_id}
            entries.append(Entry(f"series:{series}", "number_confirmed", actor, payload=number))
            entries.append(
                Entry(
                    f"document:{each.billing_document}",
                    "document_issued",
                    actor,
                    payload={
                        "invoice_number": each.invoice_number,
                        "number": each.number,
                        "series": series,
                        "sha256": each.sha256,
                        "file": each.file,
                        "run_id": run_id,
                        **({"amounts": dict(each.amounts), "currency": each.currency} if each.amounts else {}),
                        **({"payment_id": each.payment_id, "paid_on": each.paid_on} if each.payment_id else {}),
                    },
                )
            )
        session.append(entries)
        return len(entries) // 2


def issued_documents(journal: Journal, billing_documents: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The issued documents on record: billing_document, invoice_number, number, series, sha256, file, run_id, issued_at."""
    with journal.reading() as session:
        if billing_documents is None:
            return session.rows("document")
        return session.rows("document", billing_document=list(billing_documents))


def pending_numbers(journal: Journal, series: str) -> list[dict[str, Any]]:
    """The numbers reserved for an invoice that is not issued yet: number, key (billing document), changed_at."""
    with journal.reading() as session:
        return session.rows("number", series=series, state="reserved")


def gaps(journal: Journal, series: str) -> list[int]:
    """The numbers below the greatest issued one that no issued invoice carries; empty once all crashes are repaired."""
    with journal.reading() as session:
        rows = session.rows("number", series=series)
    issued = max((row["number"] for row in rows if row["state"] == "confirmed"), default=0)
    return [row["number"] for row in rows if row["number"] < issued and row["state"] != "confirmed"]
