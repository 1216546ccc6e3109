"""What a clerk reads of a run: why each match, and for what stays open the nearest and the first condition that failed."""

import json
from decimal import Decimal

import pytest

from tieout.faces import readings
from tieout.faces.explain import explain
from tieout.model.errors import TieoutError

PARTY = [
    {"party_id": "C1", "name": "Alpen Papier GmbH"},
    {"party_id": "C2", "name": "Nordsee Fisch KG"},
    {"party_id": "C3", "name": "Zweig Verlag AG"},
]
ZWEIG = {"party_id": "C3", "party_name": "Zweig Verlag AG"}
FISCH = {"party_id": "C2", "party_name": "Nordsee Fisch KG"}
ITEMS = [
    {"open_item_id": "I1", "reference": "RE-20417", "amount": "1200.00", "discount_days": 60, "discount_percent": "2"},
    {"open_item_id": "I2", "reference": "RE-20533", "amount": "512.40", "due_date": "2026-10-20"},
    {"open_item_id": "I3", "reference": "RE-30111", "amount": "171.03"} | FISCH,
    {"open_item_id": "I4", "reference": "RE-30222", "amount": "250.00"} | FISCH,
    {"open_item_id": "I5", "reference": "RE-30333", "amount": "250.00"} | FISCH,
    {"open_item_id": "I6", "reference": "RE-30444", "amount": "77.00"} | FISCH,
    {"open_item_id": "I7", "reference": "RE-40777", "amount": "905.10"} | ZWEIG,
]
PAYMENTS = [
    {"payment_id": "DISCOUNT", "amount": "1176.00", "remittance": "RE-20417 abzgl. Skonto"},
    {"payment_id": "SHORT", "amount": "500.00", "remittance": "Zahlung"},
    {"payment_id": "SUM", "amount": "421.03", "remittance": "Zahlung", "counterparty_name": "Nordsee Fisch KG"},
    {"payment_id": "NOBODY", "amount": "905.10", "remittance": "Zahlung", "counterparty_name": "Hafen Logistik Ltd"},
]


@pytest.fixture(scope="module")
def store(decided):
    with decided(party=PARTY, open_item=ITEMS, payment=PAYMENTS) as filled:
        yield filled


def test_a_match_tells_what_it_settled_why_and_what_was_nearest(store):
    said = str(explain(store, "DISCOUNT"))
    assert "Payment DISCOUNT of 2026-10-10: 1,176.00 EUR from Alpen Papier GmbH" in said
    assert "SETTLED: 1,176.00 EUR" in said
    assert "invoice RE-20417 of Alpen Papier GmbH (item I1)" in said
    assert "1,176.00 EUR paid" in said and "24.00 EUR early-payment discount" in said
    assert "because the text gives RE20417 (the invoice number, as it is printed)" in said
    assert "the rest is the early-payment discount of the invoice's own terms; the payer is the customer" in said
    assert "found by pass reference-with-difference, certainty 97 %" in said
    assert "next nearest: invoice RE-20533, 512.40 EUR open - differs by 687.60 EUR" in said


def test_an_open_payment_shows_the_distance_the_tolerance_and_the_pass(store):
    found = explain(store, "SHORT")
    (near,) = [each for each in found.candidates if each["open_item_id"] == "I2"]
    assert near["failed"] == "amount differs by 12.40 EUR, tolerance 0.00 EUR, pass payer-and-amount"
    facts = json.loads(near["evidence"])
    assert (facts["condition"], Decimal(facts["distance"]), facts["pass"]) == (
        "amount",
        Decimal("12.4"),
        "payer-and-amount",
    )
    said = str(found)
    assert "TO CHECK: Payment that no open item explains (unmatched_payment), 500.00 EUR" in said
    assert "1. invoice RE-20533 of Alpen Papier GmbH, 512.40 EUR open - amount differs by 12.40 EUR" in said


def test_a_named_item_is_judged_by_the_tolerance_of_the_currency(decided):
    items = [
        {"open_item_id": n, "reference": "RE-50001", "amount": a, "document_date": d}
        for n, a, d in (("A", "90.00", "2026-09-01"), ("B", "91.00", "2026-09-02"))
    ]
    with decided(
        party=PARTY, open_item=items, payment=[{"payment_id": "P", "amount": "33.33", "remittance": "RE-50001"}]
    ) as store:
        failed = [each["failed"] for each in explain(store, "P").candidates]
    assert failed == ["reference: RE50001 may be any of 2 open items"] * 2


def test_an_ambiguous_payment_shows_its_solutions_and_the_fact_that_decides(store):
    said = str(explain(store, "SUM"))
    assert "Several solutions, equally good (ambiguous), 421.03 EUR" in said
    assert "2 sets of open items add up to the amount; what would decide: whether RE-30222 is paid" in said
    assert "solution 1: RE-30111 (171.03 EUR) + RE-30222 (250.00 EUR)" in said
    assert "solution 2: RE-30111 (171.03 EUR) + RE-30333 (250.00 EUR)" in said


def test_an_unknown_payer_is_shown_beside_the_item_with_the_amount(store):
    said = str(explain(store, "NOBODY"))
    assert (
        'invoice RE-40777 of Zweig Verlag AG, 905.10 EUR open - payer: "Hafen Logistik Ltd" is not known to be C3'
        in said
    )


def test_an_open_item_shows_the_nearest_payments(store):
    said = str(explain(store, "RE-20533"))
    assert "Open item I2, invoice RE-20533 of Alpen Papier GmbH: 512.40 EUR open, due 2026-10-20" in said
    assert "payment SHORT of 2026-10-10, 500.00 EUR from Alpen Papier GmbH - amount differs by 12.40 EUR" in said
    assert (
        "payment DISCOUNT of 2026-10-10, 1,176.00 EUR from Alpen Papier GmbH - the payment settled invoice RE-20417"
        in said
    )
    zweig = str(explain(store, "I7"))
    assert 'from Hafen Logistik Ltd - payer: "Hafen Logistik Ltd" is not known to be C3' in zweig
    assert "payment SUM of 2026-10-10, 421.03 EUR" in str(explain(store, "I6"))


def test_a_case_is_explained_by_its_object_and_an_unknown_id_says_so(store):
    case = store.table("exception").filter(object_id="SUM")["exception_id"].item()
    assert str(explain(store, case)) == str(explain(store, "SUM"))
    with pytest.raises(TieoutError, match="no payment, open item, invoice or case"):
        explain(store, "nothing")


def test_an_invoice_is_explained_by_the_item_it_was_booked_as(decided):
    invoice = {
        "invoice_id": "V1", "invoice_number": "RE-20417", "issue_date": "2026-09-10", "invoice_currency_code": "EUR",
        "invoice_total_amount_with_vat": "1200.00",
    }  # fmt: skip
    with decided(party=PARTY, open_item=ITEMS, payment=PAYMENTS, invoice=[invoice]) as store:
        said = str(explain(store, "V1"))
    assert said.startswith("Invoice RE-20417 of 2026-09-10: 1,200.00 EUR")
    assert "payment DISCOUNT of 2026-10-10 from Alpen Papier GmbH" in said


def test_the_same_is_said_in_chinese(store):
    said = "\n".join(explain(store, "DISCOUNT").lines("zh"))
    assert "已结清：1,176.00 EUR" in said and "现金折扣 24.00 EUR" in said
    assert "附言含 RE20417（发票号码，与票面一致）；差额为条款内的现金折扣；付款方即该客户" in said
    short = "\n".join(explain(store, "SHORT").lines("zh"))
    assert "金额相差 12.40 EUR，容差 0.00 EUR，步骤 payer-and-amount" in short


def test_the_readings_have_a_row_for_each_payment_and_each_item_left(store):
    rows = {row["payment_id"]: row for row in readings.payments(store).to_dicts()}
    assert set(rows) == {"DISCOUNT", "SHORT", "SUM", "NOBODY"}
    assert (rows["DISCOUNT"]["invoices"], rows["DISCOUNT"]["next_nearest"]) == ("RE-20417", "RE-20533")
    assert rows["DISCOUNT"]["why_not"] == "amount differs by 687.60 EUR"
    assert (rows["SUM"]["sum_label"], rows["SUM"]["decides"]) == ("ambiguous", "whether RE-30222 is paid")
    assert rows["SUM"]["solutions"] == "RE-30111 + RE-30222 | RE-30111 + RE-30333"
    assert rows["SHORT"]["next_nearest"] == "RE-20533" and rows["SHORT"]["because"] is None
    left = readings.open_items(store)
    assert set(left["open_item_id"]) == {"I2", "I3", "I4", "I5", "I6", "I7"}
    assert left.filter(open_item_id="I2", rank=1)["near_payment"].item() == "SHORT"


def test_an_open_payment_says_how_far_the_sums_were_searched(decided):
    items = [{"open_item_id": f"I{n}", "reference": f"Q{n}X", "amount": f"{100 + n * 7}.01"} for n in range(4)]
    with decided(
        party=PARTY, open_item=items, payment=[{"payment_id": "P", "amount": "99.99", "remittance": "Zahlung"}]
    ) as store:
        (flag,) = store.table("exception").filter(object_id="P").to_dicts()
    assert flag["message"].endswith(
        "but none of the 4 open items has the amount, and no combination of them adds up to it"
    )
    assert json.loads(flag["evidence"])["sum"] == "none"
