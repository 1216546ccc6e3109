"""Our payments against supplier invoices: the same engine, the other side of the books, alone and beside receivables."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pytest

from tieout.closing import totals
from tieout.library.catalog import Catalogue
from tieout.matching.reconcile import reconcile

PLANS = Catalogue.load().plans
PAYABLES = (PLANS["payables"],)
BOTH = (PLANS["receivables"], PLANS["payables"])
AS_OF = dt.date(2026, 10, 31)

SUPPLIERS = [
    {"party_id": "S1", "role": "supplier", "name": "Rheinstahl Handel AG", "account": "DE02120300000000202051"},
    {"party_id": "S2", "role": "supplier", "name": "Obrist Verpackung SA", "account": "FR1420041010050500013M02606"},
    {"party_id": "S3", "role": "supplier", "name": "Kranbau Nordsee GmbH", "tax_identifier": "DE811907980"},
    {
        "party_id": "S4",
        "role": "supplier",
        "name": "Kranbau Nordsee GmbH (Service)",
        "tax_identifier": "DE 811 907 980",
    },
    {"party_id": "C1", "role": "customer", "name": "Alpen Papier GmbH", "account": "DE89370400440532013000"},
]
NAMES = {each["party_id"]: each["name"] for each in SUPPLIERS}


def invoice(id, number, amount, party="S1", **more):
    """A supplier's item."""
    row = {"open_item_id": id, "reference": number, "amount": amount, "party_id": party, "ledger": "payable"}
    row |= {"posting_date": "2026-09-12"} | more
    return row | {"party_name": NAMES[row["party_id"]]}


def cleared(id, number, amount, party="S1", **more):
    row = invoice(id, number, amount, party, **more)
    row["cleared_item_id"] = row.pop("open_item_id")
    return row


def owed(id, number, amount):
    """A customer's item."""
    return {"open_item_id": id, "reference": number, "amount": amount, "party_id": "C1"}


def transfer(amount, text="", party="S1", id="P", **more):
    """Money that went out to a supplier."""
    return {"payment_id": id, "amount": -Decimal(amount), "remittance": text, "counterparty_name": NAMES[party]} | more


def receipt(amount, text="", party="C1", id="R", **more):
    return {"payment_id": id, "amount": amount, "remittance": text, "counterparty_name": NAMES[party]} | more


def paid_items(outcome, payment="P"):
    """What the payment settles: its amount and the item's, by (open item, kind)."""
    rows = outcome.allocation.filter(payment_id=payment, status="accepted").to_dicts()
    return {(row["open_item_id"], row["kind"]): (row["amount"], row["open_item_amount"]) for row in rows}


def D(text):
    return Decimal(text)


def test_money_that_goes_out_settles_the_supplier_invoice_it_names(match):
    outcome = match(
        PAYABLES, payment=[transfer("119.00", "RG 88120")], open_item=[invoice("5100001", "88120", "119.00")]
    )
    assert paid_items(outcome) == {("5100001", "payment"): (D("-119"), D("119"))}
    assert not outcome.exception.height


def test_a_credit_note_is_taken_off_what_we_pay(match):
    outcome = match(
        PAYABLES,
        payment=[transfer("100.00", "88120 less 88177")],
        open_item=[invoice("5100001", "88120", "119.00"), invoice("5100002", "88177", "-19.00")],
    )
    assert paid_items(outcome) == {
        ("5100001", "payment"): (D("-119"), D("119")),
        ("5100002", "credit_note"): (D("19"), D("-19")),
    }


@pytest.mark.parametrize(("paid_on", "kind"), [("2026-09-20", "discount"), ("2026-10-20", None)])
def test_our_discount_is_attributed_within_the_terms_and_only_there(match, paid_on, kind):
    outcome = match(
        PAYABLES,
        payment=[transfer("980.00", "88120", booking_date=paid_on)],
        open_item=[invoice("5100001", "88120", "1000.00", discount_days=14, discount_percent=2)],
    )
    assert (("5100001", "discount") in paid_items(outcome)) == (kind == "discount")
    assert ("discount_out_of_terms" in outcome.reasons("P")) == (kind is None)


def test_one_transfer_pays_a_list_of_invoices(match):
    numbers = [str(88120 + 7 * n) for n in range(12)]
    amounts = [D(f"{100 + 13 * n}.{n:02d}") for n in range(12)]
    outcome = match(
        PAYABLES,
        payment=[transfer(sum(amounts), ", ".join(numbers))],
        open_item=[invoice(f"51{n:05d}", *each) for n, each in enumerate(zip(numbers, amounts, strict=True))],
    )
    assert len(outcome.items("P")) == 12 and sum(outcome.settled("P").values()) == -sum(amounts)


def test_a_transfer_without_numbers_is_told_by_the_payee_and_the_amount(match):
    outcome = match(
        PAYABLES,
        payment=[transfer("313.07", "as agreed")],
        open_item=[invoice("1", "88120", "313.07"), invoice("2", "88121", "99.00"), invoice("3", "77", "313.07", "S2")],
        party=SUPPLIERS,
    )
    assert outcome.items("P") == ["1"]


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [
        ({}, {"reference": "RE-2026 / 0815"}, True),
        ({}, {"reference": "RE-2O26-08I5"}, True),
        ({}, {"reference": "RE-2026-0815", "party_id": "S4"}, True),
        ({}, {"reference": "2026-0815"}, False),
        ({}, {"reference": "RE-2026-8015"}, False),
        ({}, {"reference": "RE-2026-0815", "amount": "119.90", "document_date": "2026-09-24"}, False),
    ],
    ids=["other signs", "lookalikes", "second account of the supplier", "prefix dropped", "swapped", "other amount"],
)
def test_a_supplier_invoice_entered_twice_is_a_duplicate(match, first, second, held):
    base = {"posting_date": "2026-09-12"} | first
    outcome = match(
        PAYABLES,
        payment=[transfer("119.00", "RE-2026-0815", party="S3")],
        open_item=[
            invoice("5100001", "RE-2026-0815", "119.00", "S3", **base),
            invoice(
                "5100009", **({"number": "", "amount": "119.00", "party": "S3", "posting_date": "2026-09-30"} | second)
            ),
        ],
        party=SUPPLIERS,
    )
    twin = outcome.exception.filter(reason="duplicate_document").to_dicts()
    assert [(row["object_id"], row["related_id"]) for row in twin] == [("5100009", "5100001")]
    assert outcome.items("P") == ["5100001"], "the payment settles the invoice that was entered first"
    overdue = outcome.exception.filter(reason="overdue_payable", object_id="5100009").height
    assert not (held and overdue)


@pytest.mark.parametrize(
    "second",
    [
        {"due_date": "2026-12-10"},
        {"posting_date": "2026-09-30", "party_id": "S1"},
        {"posting_date": "2026-09-30", "reference": "RE-2026-0816"},
        {"posting_date": "2026-09-30", "currency": "USD"},
        {"posting_date": "2026-09-30", "amount": "-119.00"},
        {"posting_date": "2028-09-30", "document_date": "2028-09-30"},
    ],
    ids=["instalment", "another supplier", "next number", "another currency", "its credit note", "years later"],
)
def test_what_only_resembles_a_duplicate_is_none(match, second):
    row = {"number": "RE-2026-0815", "amount": "119.00", "party": "S3"} | second
    outcome = match(
        PAYABLES,
        open_item=[invoice("5100001", "RE-2026-0815", "119.00", "S3"), invoice("5100009", **row)],
        party=SUPPLIERS,
    )
    assert not outcome.exception.filter(reason="duplicate_document").height


def test_an_invoice_that_was_paid_and_entered_again_is_a_duplicate_of_the_cleared_one(match):
    outcome = match(
        PAYABLES,
        cleared_item=[cleared("5100001", "RE-2026-0815", "119.00", clearing_date="2026-09-20")],
        open_item=[invoice("5100009", "RE20260815", "119.00", posting_date="2026-10-01")],
    )
    (row,) = outcome.exception.filter(reason="duplicate_document").to_dicts()
    assert (row["table"], row["object_id"], row["related_id"], row["amount"]) == (
        "open_item",
        "5100009",
        "5100001",
        119,
    )


def test_an_invoice_paid_twice_is_a_duplicate_payment(match):
    outcome = match(
        PAYABLES,
        payment=[transfer("119.00", "88120"), transfer("119.00", "88120", id="P2", booking_date="2026-10-17")],
        open_item=[invoice("5100001", "88120", "119.00")],
    )
    assert outcome.items("P") == ["5100001"] and not outcome.items("P2")
    assert outcome.reasons("P2") == {"duplicate_payment"}
    assert outcome.exception.filter(object_id="P2")["amount"].to_list() == [D("-119")]


def test_a_payment_without_an_invoice_stays_unmatched_with_its_payee(match):
    outcome = match(
        PAYABLES,
        payment=[
            transfer("500.00", "order 4711"),
            transfer("77.00", "thanks", id="P2", counterparty_name="Nobody Ltd"),
        ],
        open_item=[invoice("5100001", "88120", "119.00")],
        party=SUPPLIERS,
    )
    row = outcome.exception.filter(object_id="P").to_dicts()[0]
    assert (row["reason"], row["party_id"], row["amount"]) == ("unmatched_payment", "S1", D("-500"))
    assert outcome.reasons("P2") == {"unidentified_payer"}
    assert "who was paid" in outcome.exception.filter(object_id="P2")["message"][0]


@pytest.mark.parametrize(
    ("account", "known", "differs"),
    [
        ("DE44500105175407324931", "DE02120300000000202051", True),
        ("DE02 1203 0000 0000 2020 51", "DE02120300000000202051", False),
        ("DE02120300000000202051", "202051", False),
        ("DE44500105175407324931", None, False),
        (None, "DE02120300000000202051", False),
    ],
)
def test_a_payment_to_another_account_than_the_suppliers_is_shown_though_it_matches(match, account, known, differs):
    outcome = match(
        PAYABLES,
        payment=[transfer("119.00", "88120", counterparty_account=account)],
        open_item=[invoice("5100001", "88120", "119.00")],
        party=[{"party_id": "S1", "role": "supplier", "name": NAMES["S1"], "account": known}],
    )
    assert outcome.items("P") == ["5100001"]
    assert outcome.reasons("P") == ({"account_differs"} if differs else set())


def test_a_payment_of_ours_that_came_back_pays_nothing(match):
    outcome = match(
        PAYABLES,
        payment=[
            transfer("119.00", "88120", end_to_end_id="E2E-1"),
            receipt("119.00", "RETURN AC04", party="S1", end_to_end_id="E2E-1", booking_date="2026-10-12"),
        ],
        open_item=[invoice("5100001", "88120", "119.00")],
    )
    assert outcome.reasons("P") == {"returned_payment"} and outcome.reasons("R") == {"returned_payment"}
    assert not outcome.allocation.height


@pytest.mark.parametrize("plans", [BOTH, BOTH[::-1]], ids=["receivables first", "payables first"])
def test_both_sides_are_matched_in_one_run_whichever_comes_first(match, plans):
    outcome = match(
        plans,
        payment=[
            receipt("250.00", "invoice 70012"),
            transfer("119.00", "88120"),
            transfer("12.00", "nothing known", id="P2", counterparty_name="Nobody Ltd"),
            receipt("40.00", "credit 88177", party="S1", id="R2"),
            receipt("7.00", "who knows", id="R3", counterparty_name="Nobody Ltd"),
        ],
        open_item=[
            owed("9001", "70012", "250.00"),
            invoice("5100001", "88120", "119.00"),
            invoice("5100002", "88177", "-40.00"),
        ],
        party=SUPPLIERS,
    )
    assert outcome.items("R") == ["9001"] and outcome.items("P") == ["5100001"]
    assert outcome.settled("R") == {("9001", "payment"): 250} and outcome.settled("P") == {("5100001", "payment"): -119}
    assert outcome.settled("R2") == {("5100002", "credit_note"): 40}, "the supplier paid the credit note back"
    assert not outcome.reasons("R2"), "what one side could not explain and the other did is no exception"
    assert outcome.reasons("P2") == {"unidentified_payer"} and outcome.reasons("R3") == {"unidentified_payer"}
    assert not outcome.candidate.filter(payment_id="R2").height


def test_with_receivables_alone_money_that_goes_out_is_no_receivable(match):
    outcome = match(payment=[transfer("119.00", "88120")], open_item=[invoice("5100001", "88120", "119.00")])
    assert outcome.reasons("P") == {"not_receivable"} and not outcome.allocation.height


def test_with_payables_alone_money_that_comes_in_is_no_payable(match):
    outcome = match(PAYABLES, payment=[receipt("250.00", "70012")], open_item=[owed("9001", "70012", "250.00")])
    assert outcome.reasons("R") == {"not_payable"} and not outcome.allocation.height


def test_a_customers_number_settles_no_supplier_invoice_and_the_other_way_round(match):
    outcome = match(
        BOTH,
        payment=[
            transfer("119.00", "4711", counterparty_name="Nobody Ltd"),
            receipt("119.00", "4712", counterparty_name="Nobody Ltd"),
        ],
        open_item=[owed("9001", "4711", "119.00"), invoice("5100001", "4712", "119.00")],
    )
    assert not outcome.allocation.height


def test_control_totals_balance_over_both_sides_and_rows_in_any_order_give_the_same(book):
    payments = [
        receipt("250.00", "70012"),
        transfer("119.00", "88120"),
        transfer("60.00", "88121", id="P2"),
        transfer("500.00", "rent", id="P3", counterparty_name="Hausverwaltung Ost"),
        receipt("9.00", "88177", party="S1", id="R2"),
    ]
    items = [
        owed("9001", "70012", "250.00"),
        invoice("5100001", "88120", "119.00"),
        invoice("5100003", "88121", "100.00"),
        invoice("5100002", "88177", "-9.00"),
        invoice("5100004", "88120", "119.00", posting_date="2026-10-02"),
    ]
    seen = set()
    for order in itertools.islice(itertools.permutations(range(5)), 0, 120, 17):
        with book(
            payment=[payments[n] for n in order], open_item=[items[n] for n in reversed(order)], party=SUPPLIERS
        ) as store:
            reconcile(store, *BOTH, as_of=AS_OF, progress=_Quiet())
            totals.close(store)
            total = store.table("control_total")
            assert not total.filter(total["difference"] != 0).height
            seen.add(
                str(store.table("allocation").sort("payment_id", "open_item_id").rows())
                + str(store.table("exception").drop("source", "line").sort("exception_id").rows())
            )
    assert len(seen) == 1


class _Quiet:
    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self, summary: str) -> None: ...
