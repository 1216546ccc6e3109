"""先款后票: an invoice that waits for the customer's money is issued when the payment is there, with the payment as its ground."""

from decimal import Decimal

import pytest

from tests.issuing.books import NEXT_DAY, line
from tieout.store.register import gaps, issued_documents

PARTY = {
    "party_id": "100",
    "row_no": "1",
    "name": "Kontor Eichenhain GmbH",
    "country": "DE",
    "city": "Rostock",
    "account": "DE02 1203",
}


def wanted(document="9001", **more):
    """Two notebooks, 8.33 with VAT, invoiced when they are paid."""
    return line(document, billed_on="payment", **{"purchase_order_reference": "PO-77001", **more})


def paid(payment_id="B1", text="PO-77001", **more):
    known = {"payment_id": payment_id, "amount": "8.33", "currency": "EUR", "status": "BOOK", "booking_date": "2026-10-20",
             "remittance": text, "source": "bank.csv", "line": "1"}  # fmt: skip
    return {**known, **more}


def run(books, *lines, payments=(), allocations=(), **more):
    ledger = {"payment": list(payments), "allocation": list(allocations)}
    store = books.issue(*lines, parties=[PARTY], ledger=ledger, **more)
    return store, {
        row["billing_document"]: (row["status"], row["payment_id"]) for row in store.table("issued_document").to_dicts()
    }


def test_it_waits_without_a_word_and_is_issued_as_paid_when_the_money_is_there(books):
    store, found = run(books, wanted())
    assert found == {"9001": ("waiting", None)}
    assert store.table("exception").is_empty() and store.table("finding").is_empty()
    store, found = run(books, wanted(), payments=[paid()])
    assert found == {"9001": ("issued", "B1")}
    (invoice,) = store.table("invoice").to_dicts()
    assert (invoice["paid_amount"], invoice["amount_due_for_payment"]) == (Decimal("8.33"), Decimal("0"))
    assert store.table("invoice_note")["invoice_note"].to_list() == ["Paid on 2026-10-20, payment B1"]
    content = (books.written / "NW-2026-00001.xml").read_text("utf-8")
    assert '<cbc:PrepaidAmount currencyID="EUR">8.33</cbc:PrepaidAmount>' in content
    books.commit(store)
    # The next day, without that month's bank file: what was issued stays what it was.
    store, found = run(books, wanted(), as_of=NEXT_DAY)
    assert found == {"9001": ("unchanged", "B1")}
    assert store.table("finding").is_empty()
    assert gaps(books.journal, "NW-2026-") == [] and books.journal.verify().holds


@pytest.mark.parametrize(
    ("payment", "allocations"),
    [
        (paid(amount="8.32"), ()),
        (paid(currency="USD"), ()),
        (paid(status="PDNG"), ()),
        (paid(is_return="true"), ()),
        (paid(text="PO-770012"), ()),
        (paid(text=None), ()),
        (paid(text=None, counterparty_account="DE99"), ()),
        (paid(), [{"payment_id": "B1", "open_item_id": "X", "amount": "8.33", "currency": "EUR", "status": "accepted", "kind": "payment"}]),
    ],
)  # fmt: skip
def test_what_is_not_surely_its_money_leaves_it_waiting(books, payment, allocations):
    assert run(books, wanted(), payments=[payment], allocations=allocations)[1] == {"9001": ("waiting", None)}


def test_the_customers_own_account_is_enough_where_only_one_invoice_can_be_meant(books):
    payment = paid(text="Vorkasse", counterparty_account="DE021203")
    one = wanted(purchase_order_reference=None)
    assert run(books, one, payments=[payment])[1] == {"9001": ("issued", "B1")}
    two = [wanted("9002", purchase_order_reference=None), wanted("9003", purchase_order_reference=None)]
    assert {state for state, _ in run(books, *two, payments=[payment])[1].values()} == {"waiting"}


def test_one_payment_is_the_ground_of_one_invoice_even_in_two_runs_at_once(books):
    store, found = run(books, wanted("9001"), payments=[paid()])
    assert found == {"9001": ("issued", "B1")}
    books.holder = "beside"  # another machine, before the first has sealed
    _, found = run(books, wanted("9002"), payments=[paid()])
    assert found == {"9002": ("waiting", None)}
    books.holder = "here"
    books.commit(store)
    _, found = run(books, wanted("9002"), payments=[paid()])
    assert found == {"9002": ("waiting", None)}
    assert [row["billing_document"] for row in issued_documents(books.journal)] == ["9001"]


def test_a_payment_that_names_two_waiting_invoices_of_its_amount_is_nobodys_ground(books):
    both = [wanted("9001"), wanted("9002", purchase_order_reference="PO-77002")]
    _, found = run(books, *both, payments=[paid(text="PO-77001 PO-77002", counterparty_account="DE021203")])
    assert {state for state, _ in found.values()} == {"waiting"}


def test_others_are_invoiced_as_ever(books):
    _, found = run(books, line("9001", billed_on="delivery"), line("9002"), wanted("9003"))
    assert found == {"9001": ("issued", None), "9002": ("issued", None), "9003": ("waiting", None)}


def test_a_number_of_five_signs_tells_which_document_is_paid_and_a_shorter_one_does_not(books):
    for reference, found in (("PO-7", ("waiting", None)), ("PO-77", ("issued", "B1"))):
        order = wanted(purchase_order_reference=reference)
        assert run(books, order, payments=[paid(text=f"Order {reference}")])[1] == {"9001": found}
