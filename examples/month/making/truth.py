"""The answers, kept out of tieout.yaml: which payment settles which item, and what a person must look at."""

from __future__ import annotations

from making.ledger import AS_OF, Ledger, csv, money
from making.story import Payment


def files(
    payments: list[Payment],
    ledger: Ledger,
    documents: list[tuple[str, str]],
    defects: list[tuple[str, str, str]],
    bought: list[tuple[str, str, str]],
) -> dict[str, bytes]:
    """The truth by path. documents: (open item, reason); defects: (file, rule, what is wrong).

    bought: (object type, object, reason) of what the other side of the books and the statuses add.
    """
    allocations = [
        [
            payment.id,
            item.document,
            money(amount),
            kind,
            money(abs(amount) if payment.amount < 0 else amount),
            item.currency,
        ]
        for payment in payments
        for item, amount, kind in [*payment.money, *payment.settled]
    ]
    exceptions = [["payment", payment.id, reason, weight] for payment in payments for reason, weight in payment.reasons]
    exceptions += [["invoice", document, reason, "einvoice"] for document, reason in sorted(documents)]
    exceptions += [
        ["invoice", item.document, "OVERDUE_OPEN", "overdue"]
        for item in sorted(ledger.items, key=lambda item: item.document)
        if not item.is_credit and item.settled < item.total and item.due < AS_OF
    ]
    exceptions += [[kind, name, reason, "purchasing"] for kind, name, reason in bought]
    items = sorted([*ledger.items, *ledger.paid], key=lambda item: item.document)
    return {
        "truth/allocations.csv": csv(
            ["payment_id", "invoice_id", "amount_allocated", "kind", "amount_invoice_ccy", "invoice_ccy"], allocations
        ).encode(),
        "truth/payments.csv": csv(
            ["payment_id", "amount", "currency", "unallocated", "account"],
            (
                [
                    p.id,
                    money(p.amount),
                    {"M6": "USD", "C1": "CNY"}.get(p.account, "EUR"),
                    money(p.unallocated),
                    p.account,
                ]
                for p in payments
            ),
        ).encode(),
        "truth/exceptions.csv": csv(["object_type", "object_id", "reason_code", "severity"], exceptions).encode(),
        "truth/return_pairs.csv": csv(
            ["original", "return"], ([p.returns.id, p.id] for p in payments if p.returns)
        ).encode(),
        "truth/scenarios.csv": csv(["payment_id", "scenario"], ([p.id, p.situation] for p in payments)).encode(),
        "truth/invoices.csv": csv(
            ["invoice_id", "amount", "currency", "open_before"],
            ([i.document, money(i.signed), i.currency, "0" if i.cleared else "1"] for i in items),
        ).encode(),
        "truth/defects.csv": csv(["file", "rule", "defect"], (list(row) for row in sorted(defects))).encode(),
    }
