"""The four corners: one row an invoice with what ledger, platform, tax office and payment say, and each conflict once."""

from __future__ import annotations

import datetime as dt

import pytest

from tieout.library.catalog import Catalogue
from tieout.matching import corners, platform

AS_OF = dt.date(2026, 10, 31)
PLAN = Catalogue.load().plans["platform"]
COMPANY = [{"company_code": "1000", "tax_identifier": "DE799359244", "name": "Möwenhall"}]


def item(id, amount="119.00", number=None, **more):
    return {
        "open_item_id": id,
        "reference": number or f"MH-{id}",
        "amount": amount,
        "company_code": "1000",
        "document_date": "2026-10-05",
        "e_invoice_profile": "PEPPOL",
    } | more


def document(id, total="119.00", **more):
    return {
        "invoice_id": f"MH-{id}.xml",
        "document_kind": "invoice",
        "direction": "issued",
        "invoice_number": f"MH-{id}",
        "issue_date": "2026-10-05",
        "invoice_total_amount_with_vat": total,
        "invoice_currency_code": "EUR",
        "seller_vat_identifier": "DE799359244",
    } | more


def said(id, status, channel="platform", at="2026-10-06 10:00:00", **more):
    return {
        "status_id": more.pop("message", f"{channel}-{id}-{at}"),
        "channel": channel,
        "invoice_number": f"MH-{id}",
        "issue_date": "2026-10-05",
        "status": status,
        "status_at": at,
    } | more


def paid(id, amount="119.00", payment="P1", **more):
    """What matching has decided before."""
    return {
        "payment_id": payment,
        "open_item_id": id,
        "kind": "payment",
        "amount": amount,
        "currency": "EUR",
        "open_item_amount": amount,
        "open_item_currency": "EUR",
        "status": "accepted",
    } | more


@pytest.fixture
def followed(book):
    """followed(open_item=[...], ...) -> ({number: row}, [(reason, object)]), after the platform was compared."""

    def run(by="invoice_number", **tables):
        tables.setdefault("company", COMPANY)
        with book(**{name: rows for name, rows in tables.items() if rows}) as store:
            platform.compare(store, PLAN, as_of=AS_OF)
            corners.follow(store, as_of=AS_OF)
            rows = {row[by]: row for row in store.table("invoice_status").to_dicts()}
            raised = store.table("exception").sort("reason", "object_id")
            assert raised["exception_id"].n_unique() == raised.height
            return rows, list(zip(raised["reason"], raised["object_id"], strict=True))

    return run


def states(row):
    return tuple(row[f"{side}_state"] for side in ("ledger", "platform", "tax", "payment"))


def test_an_invoice_on_which_all_four_agree_is_one_row_without_a_conflict(followed):
    rows, raised = followed(
        open_item=[item("1")],
        invoice=[document("1")],
        invoice_status_message=[said("1", "accepted"), said("1", "accepted", "tax")],
    )
    (row,) = rows.values()
    assert states(row) == ("open", "accepted", "accepted", "open") and row["conflict"] is None and not raised
    assert (row["ledger"], row["seller"], row["invoice_key"], row["year"]) == ("receivable", "DE799359244", "MH1", 2026)
    assert (row["ledger_amount"], row["open_amount"], row["platform_amount"]) == (119, 119, 119)


@pytest.mark.parametrize(
    ("allocated", "state", "left"), [([], "open", 119), ([("19.00", "P1")], "part", 100), ([("100.00", "P1"), ("19.00", "P2")], "paid", 0)]
)  # fmt: skip
def test_the_payment_state_comes_from_the_allocations_of_the_run(followed, allocated, state, left):
    rows, _ = followed(
        open_item=[item("1")], invoice=[document("1")], allocation=[paid("1", a, payment=p) for a, p in allocated]
    )
    assert (rows["MH-1"]["payment_state"], rows["MH-1"]["open_amount"]) == (state, left)


def test_more_than_was_owed_is_overpaid(followed):
    over = {"exception_id": "E", "reason": "overpayment", "table": "payment", "object_id": "P1", "currency": "EUR"}
    rows, _ = followed(open_item=[item("1")], invoice=[document("1")], allocation=[paid("1")], exception=[over])
    assert (rows["MH-1"]["payment_state"], rows["MH-1"]["conflict"]) == ("overpaid", "overpaid")


def test_instalments_of_one_number_are_one_invoice(followed):
    items = [item("1", "60.00", "MH-1"), item("2", "59.00", "MH-1")]
    rows, raised = followed(open_item=items, invoice=[document("1")], allocation=[paid("1", "60.00")])
    assert not raised and list(rows) == ["MH-1"]
    assert (rows["MH-1"]["ledger_amount"], rows["MH-1"]["open_amount"], rows["MH-1"]["payment_state"]) == (
        119,
        59,
        "part",
    )


@pytest.mark.parametrize(
    ("messages", "paid_first", "conflict", "reason"),
    [
        ([("rejected", "platform")], False, "issued_but_rejected", "rejected_by_platform"),
        ([("accepted", "platform"), ("rejected", "tax")], False, "issued_but_rejected", "rejected_by_platform"),
        ([("cancelled", "platform")], False, "cancelled_but_open", "cancelled_document"),
        ([("cancelled", "platform")], True, "cancelled_but_paid", "status_conflict"),
        ([("pending", "platform")], False, None, None),
        ([("rejected", "platform"), ("accepted", "tax")], False, "issued_but_rejected,platform_and_tax_disagree", None),
    ],
)
def test_what_contradicts_is_a_conflict_and_an_exception(followed, messages, paid_first, conflict, reason):
    rows, raised = followed(
        open_item=[item("1")],
        invoice=[document("1")],
        invoice_status_message=[said("1", *each) for each in messages],
        allocation=[paid("1")] if paid_first else [],
    )
    assert rows["MH-1"]["conflict"] == conflict
    if reason:
        assert raised == [(reason, "1")] and rows["MH-1"]["exception_id"].startswith("EX-")
    elif conflict:
        assert raised == [("rejected_by_platform", "1"), ("status_conflict", "1")]
    else:
        assert not raised and rows["MH-1"]["exception_id"] is None


def test_the_last_word_counts(followed):
    messages = [said("1", "rejected", at="2026-10-06 10:00:00"), said("1", "accepted", at="2026-10-07 09:00:00")]
    for order in (messages, messages[::-1]):
        rows, raised = followed(open_item=[item("1")], invoice=[document("1")], invoice_status_message=order)
        assert rows["MH-1"]["platform_state"] == "accepted" and not raised
    later = said("1", "cancelled", at="2026-11-02 10:00:00")
    rows, raised = followed(open_item=[item("1")], invoice=[document("1")], invoice_status_message=[*messages, later])
    assert rows["MH-1"]["platform_state"] == "accepted" and not raised, "what was said after the day is not known yet"


def test_an_invoice_paid_but_never_issued_is_one_exception_not_two(followed):
    rows, raised = followed(open_item=[item("1"), item("2")], invoice=[document("2")], allocation=[paid("1")])
    assert raised == [("missing_on_platform", "1")]
    assert (rows["MH-1"]["conflict"], states(rows["MH-1"])) == ("paid_not_issued", ("open", "missing", None, "paid"))
    assert rows["MH-1"]["exception_id"] is not None and rows["MH-2"]["conflict"] is None


def test_what_only_platform_or_tax_office_know_is_missing_in_the_ledger_once(followed):
    rows, raised = followed(
        open_item=[item("1")],
        invoice=[document("1"), document("8")],
        invoice_status_message=[
            said("8", "accepted"),
            said("9", "accepted", "tax", message="T9"),
            said("1", "accepted", "tax"),
        ],
    )
    assert raised == [("missing_in_erp", "MH-8.xml"), ("missing_in_erp", "T9"), ("status_conflict", "MH-8.xml")]
    assert states(rows["MH-9"]) == ("missing", "missing", "accepted", None)
    assert rows["MH-8"]["conflict"] == "not_booked,not_in_tax_ledger"


def test_the_tax_office_misses_only_what_its_messages_cover(followed):
    items = [item("1"), item("2"), item("3", document_date="2026-10-20")]
    documents = [document("1"), document("2"), document("3", issue_date="2026-10-20")]
    messages = [said("1", "accepted", "tax"), said("0", "accepted", "tax", issue_date="2026-10-10")]
    rows, raised = followed(
        open_item=[*items, item("0")], invoice=[*documents, document("0")], invoice_status_message=messages
    )
    assert rows["MH-2"]["conflict"] == "not_in_tax_ledger" and rows["MH-3"]["tax_state"] is None
    assert raised == [("status_conflict", "2")]


def test_an_amount_the_message_has_otherwise_differs_once_though_the_document_differs_too(followed):
    rows, raised = followed(
        open_item=[item("1"), item("2")],
        invoice=[document("1"), document("2", "120.00")],
        invoice_status_message=[said("1", "accepted", amount="118.00"), said("2", "accepted", amount="120.00")],
    )
    assert raised == [("amount_differs", "1"), ("amount_differs", "2")]
    assert rows["MH-1"]["conflict"] == rows["MH-2"]["conflict"] == "amount_differs"


def test_suppliers_use_the_same_number_and_stay_apart(followed):
    items = [
        item("51", number="R-1", ledger="payable", party_id="S1", party_tax_identifier="FR11", e_invoice_profile=None),
        item("52", number="R-1", ledger="payable", party_id="S2", party_tax_identifier="FR22", e_invoice_profile=None),
    ]
    received = [
        document(n, invoice_number="R-1", direction="received", seller_vat_identifier=tax, invoice_id=f"{tax}.xml")
        for n, tax in (("1", "FR11"), ("2", "FR22"))
    ]
    messages = [said("1", "rejected", seller_tax_identifier="FR22", invoice_number="R-1")]
    rows, raised = followed(by="seller", open_item=items, invoice=received, invoice_status_message=messages)
    assert {seller: row["platform_state"] for seller, row in rows.items()} == {"FR11": "present", "FR22": "rejected"}
    assert raised == [("rejected_by_platform", "52")]


def test_with_neither_documents_nor_messages_nothing_is_told(followed):
    rows, raised = followed(open_item=[item("1")])
    assert not rows and not raised
