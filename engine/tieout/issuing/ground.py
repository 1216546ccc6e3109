"""Invoices that wait for the customer's money (先款后票): the payment that calls for each, its ground.

A payment is the ground where it is of the invoice's amount and names its order, contract or billing document, or where it came
from the customer's own account and no other waiting invoice is meant as well. What is not certain waits. A payment is the
ground of no more than its amount, whoever else issues at the same time.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tieout.model.records import Query
from tieout.store.credits import TOTAL, Credit, reserve_credits
from tieout.store.engine import Store
from tieout.store.journal import Journal

__all__ = ["Ground", "find", "put", "recorded", "waits"]

# Shorter than this, a number in a text may be anything.
LEAST = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """The payment for which an invoice is issued, and the day it was booked."""

    payment_id: str
    paid_on: dt.date


def waits(row: Mapping[str, Any]) -> bool:
    """Whether a billing document is invoiced only when it is paid."""
    return bool(row["billed_on"] == "payment" and not row["is_credit"])


def recorded(journal: Journal, billing_documents: Sequence[str]) -> dict[str, Ground]:
    """The grounds of documents that were issued before."""
    with journal.reading() as session:
        last = session.last_events([f"document:{each}" for each in billing_documents])
    return {
        stream.removeprefix("document:"): Ground(
            str(event.payload["payment_id"]), dt.date.fromisoformat(event.payload["paid_on"])
        )
        for stream, event in last.items()
        if event.payload.get("payment_id")
    }


def find(store: Store, journal: Journal, waiting: Sequence[str], *, holder: str) -> dict[str, Ground]:
    """The ground of each waiting billing document that has one, set aside for it."""
    if not waiting:
        return {}
    pairs = store.fetch(
        Query(
            "payments of the amount of a waiting invoice",
            """
select h.billing_document, h.purchase_order_reference, h.contract_reference, p.payment_id, p.amount, p.booking_date,
       concat_ws(' ', p.remittance, p.creditor_reference, p.end_to_end_id) as text,
       exists (select 1 from party c where c.party_id = h.party_id and p.counterparty_account is not null
               and replace(c.account, ' ', '') = replace(p.counterparty_account, ' ', '')) as is_customers
from issuing_head h join payment p on p.amount = h.total and p.currency = h.currency
where h.billing_document in (select unnest($waiting::varchar[])) and p.amount > 0 and p.status = 'BOOK'
  and not coalesce(p.is_return, false)
  and p.payment_id not in (select payment_id from allocation where status = 'accepted')
order by p.booking_date, p.payment_id, h.billing_document
""",
            {"waiting": list(waiting)},
        )
    ).to_dicts()
    named = _unique(row for row in pairs if _names(row))
    taken = {(row["billing_document"], row["payment_id"]) for row in named}
    documents, payments = {each for each, _ in taken}, {each for _, each in taken}
    left = [row for row in pairs if row["billing_document"] not in documents and row["payment_id"] not in payments]
    # A payment that names several waiting invoices is no ground of any by its account alone.
    several = {row["payment_id"] for row in left if _names(row)}
    chosen = [*named, *_unique(row for row in left if row["is_customers"] and row["payment_id"] not in several)]
    wanted = [
        Credit(row["billing_document"], f"payment {row['payment_id']}", {TOTAL: row["amount"]}, {TOTAL: row["amount"]})
        for row in chosen
    ]
    refused = reserve_credits(journal, wanted, holder=holder) if wanted else {}
    return {
        row["billing_document"]: Ground(row["payment_id"], row["booking_date"])
        for row in chosen
        if row["billing_document"] not in refused
    }


def put(store: Store, grounds: Mapping[str, Ground]) -> None:
    """Makes ``issuing_ground``, one row a document that has one."""
    rows = [(key, each.payment_id, each.paid_on) for key, each in grounds.items()]
    schema = {"billing_document": pl.String, "payment_id": pl.String, "paid_on": pl.Date}
    store.put("issuing_ground", pl.DataFrame(rows, schema=schema, orient="row"))


def _names(row: Mapping[str, Any]) -> bool:
    """Whether the payment's text names the document, its order or its contract, as a word of its own."""
    keys = (row["billing_document"], row["purchase_order_reference"], row["contract_reference"])
    return any(
        re.search(rf"(?<![A-Za-z0-9]){re.escape(key)}(?![A-Za-z0-9])", row["text"], re.IGNORECASE)
        for key in keys
        if key and len(key) >= LEAST
    )


def _unique(pairs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pairs of which neither side stands in another pair."""
    rows = list(pairs)
    of_document, of_payment = defaultdict(set), defaultdict(set)
    for row in rows:
        of_document[row["billing_document"]].add(row["payment_id"])
        of_payment[row["payment_id"]].add(row["billing_document"])
    return [row for row in rows if len(of_document[row["billing_document"]]) == len(of_payment[row["payment_id"]]) == 1]
