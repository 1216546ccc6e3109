"""What platforms said of our invoices, as rows of a run: status messages before matching, refusals as exceptions after.

The journal is read as it stands when the run begins; nothing that was said after ``as_of`` counts.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from tieout.issuing import findings
from tieout.model.records import Query, exception_id
from tieout.store import outbox
from tieout.store.engine import Store
from tieout.store.fold import canonical
from tieout.store.journal import Journal

__all__ = ["refusals", "tell"]

STATUS = {
    "sent": "pending",
    "delivered": "pending",
    "accepted": "accepted",
    "rejected": "rejected",
    "dead": "rejected",
    "cancelled": "cancelled",
}
SOURCE = "journal"


def tell(store: Store, journal: Journal, *, as_of: dt.date) -> int:
    """Appends the last word of each platform on each invoice to ``invoice_status_message``; how many."""
    rows = [
        {
            "status_id": f"{row['transmission_id']}:{row['state']}",
            "channel": "platform",
            "sender": row["platform"],
            "invoice_number": row["invoice_number"],
            "issue_date": dt.date.fromisoformat(row["issue_date"]) if row["issue_date"] else None,
            "status": STATUS[row["state"]],
            "status_text": ": ".join(part for part in (row["state"], row["message"]) if part),
            "status_at": _instant(row),
            "document_id": row["document_number"] or row["platform_id"],
            "amount": row["amount"],
            "currency": row["currency"],
            "source": SOURCE,
        }
        for row in _said(journal, as_of)
    ]
    if rows:
        store.append("invoice_status_message", findings.frame("invoice_status_message", rows))
    return len(rows)


def refusals(store: Store, journal: Journal, *, as_of: dt.date) -> int:
    """Raises ``rejected_by_platform`` with the platform's own words for what was refused or given up; how many.

    Not where the four corners have raised it already for the invoice that the ledger booked, nor where an invoice that
    corrects it was accepted since.
    """
    said = _said(journal, as_of)
    known: set[Any] = set(
        store.fetch(
            Query(
                "refusals told",
                "select json_extract_string(evidence, '$.number') from exception where reason = 'rejected_by_platform'",
            )
        )
        .to_series()
        .to_list()
    )
    accepted = {row["invoice_number"] for row in said if row["state"] == "accepted"}
    corrections = store.fetch(
        Query(
            "corrections",
            "select i.invoice_number, p.preceding_invoice_reference from preceding_invoice p join invoice i using (invoice_id) "
            "where i.document_kind = 'invoice' and i.direction = 'issued' order by all",
        )
    )
    known |= {old for new, old in corrections.iter_rows() if new in accepted}
    rows = [
        {
            "exception_id": exception_id("rejected_by_platform", "issued_document", row["document_id"]),
            "reason": "rejected_by_platform",
            "table": "issued_document",
            "object_id": row["document_id"],
            "related_id": row["invoice_number"],
            "amount": row["amount"],
            "currency": row["currency"],
            "age_days": (as_of - _instant(row).date()).days,
            "message": _sentence(row),
            "evidence": canonical(
                {
                    "says": f"platform_{row['state']}",
                    "number": row["invoice_number"],
                    "platform": row["platform"],
                    "state": row["state"],
                    "code": row["code"],
                    "said": row["message"],
                    "transmission": row["transmission_id"],
                    "attempts": row["attempts"],
                }
            ),
            "source": row["file"],
        }
        for row in said
        if row["state"] in ("rejected", "dead") and row["invoice_number"] not in known
    ]
    if rows:
        store.append("exception", findings.frame("exception", rows))
    return len(rows)


def _said(journal: Journal, as_of: dt.date) -> list[dict[str, Any]]:
    rows = outbox.transmissions(journal, state=[*STATUS])
    return [row for row in rows if _instant(row).date() <= as_of]


def _instant(row: dict[str, Any]) -> dt.datetime:
    at = dt.datetime.fromisoformat(row["said_at"] or row["changed_at"])
    return at.astimezone(dt.UTC).replace(tzinfo=None)


def _sentence(row: dict[str, Any]) -> str:
    said = row["message"] or row["code"] or "without a word"
    what = "was refused by" if row["state"] == "rejected" else "could not be delivered to"
    return f"{row['invoice_number']} {what} {row['platform']}: {said}"
