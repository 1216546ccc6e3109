"""Matching by reference: each way in which payers write a number, and what is none."""

from decimal import Decimal

import polars as pl
import pytest

from tieout.matching.references import check_digits


def item(number="R202400330", amount="100.00", **more):
    return {"open_item_id": more.pop("id", "1"), "reference": number, "amount": amount, **more}


def paid(text, amount="100.00", **more):
    return {"payment_id": more.pop("id", "P"), "remittance": text, "amount": amount, **more}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("R202400330", "Rechnung R202400330"),
        ("R202400330", "invoice no. r-2024-00330, thank you"),
        ("R202400330", "Re 202400330"),
        ("R202400330", "R2024 00330"),
        ("R202400330", "Kunde 4711 RechnungR202400330 vom 03.09.2026"),
        ("SI-000914", "SI000914"),
        ("SI-000914", "SI-0 00914"),
        ("SI-000914", "pmt SI-914"),
        ("SI-000914", "your 000914"),
        ("07004284", "invoice 7004284"),
        ("07004284", "07004 284"),
        ("07004284", "０７００４２８４"),
        ("SI-000922", "Inv no. SI-O0092Z"),
        ("R202401024", "invoice R2O24O1024"),
        ("24322000000012340216", "货款，发票号码2432 20000000 12340216"),
        ("24322000000012340216", "ZHIFU FP No.12340216"),
        ("24322000000012340216", "付24322000000012340216FUKUAN"),
        ("24322000000012340216", "243Z2000000O12340216"),
    ],
)
def test_a_number_is_found_however_it_is_written(match, number, text):
    found = match(open_item=[item(number)], payment=[paid(text, counterparty_name="Somebody Else")])
    assert found.settled("P") == {("1", "payment"): Decimal("100.0000")}


@pytest.mark.parametrize(
    "text",
    [
        "vom 12.10.2026",
        "Tel. 0049 12102026",
        "delivery on 2026-10-12",
        "PLZ 5091 Koeln",
    ],
)
def test_a_date_a_telephone_number_or_a_postcode_is_no_reference(match, text):
    numbers = [item("12102026", id="1"), item("20261012", id="2"), item("50912", id="3")]
    found = match(open_item=numbers, payment=[paid(text, counterparty_name="Somebody Else")])
    assert found.settled("P") == {}


@pytest.mark.parametrize(
    ("number", "kind", "valid"),
    [
        ("RF18539007547034", "RF", True),
        ("RF19539007547034", "RF", False),
        ("210000000003139471430009017", "QRR", True),
        ("210000000003139471430009018", "QRR", False),
        ("010806817183", "OGM", True),
        ("010806817184", "OGM", False),
    ],
)
def test_check_digits_tell_a_structured_reference(number, kind, valid):
    checked = check_digits(pl.Series([number]), pl.Series([], dtype=pl.String))
    assert checked.rows() == [(number, kind, valid)]


def test_plain_digits_have_a_check_digit_where_all_of_ours_have_one():
    finnish = pl.Series([f"10{n:03d}{_finnish(f'10{n:03d}')}" for n in range(12)])
    good, bad = finnish[3], finnish[3][:-1] + str((int(finnish[3][-1]) + 1) % 10)
    assert check_digits(pl.Series([good, bad]), finnish)["valid"].to_list() == [good < bad, bad < good]
    assert check_digits(pl.Series([good, bad]), pl.Series(["123456"])).is_empty()


def _finnish(number):
    """The check digit by the written rule: weights 7, 3, 1 from the right, up to the next ten."""
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(number)))
    return -total % 10


@pytest.mark.parametrize("written", ["RF18539007547034", "RF18 5390 0754 7034", "RF18-5390-0754-7034"])
@pytest.mark.parametrize("field", ["creditor_reference", "remittance"])
def test_a_structured_reference_is_found_in_its_field_and_in_the_text(match, written, field):
    found = match(
        open_item=[item(creditor_reference="RF18539007547034")],
        payment=[{"payment_id": "P", "amount": "100.00", field: written, "counterparty_name": "X"}],
    )
    assert found.passes("P") == {"structured-reference"}


def test_several_references_and_a_credit_note_are_netted(match):
    found = match(
        open_item=[
            item("SI-000914", "300.00", id="1"),
            item("SI-000915", "50.00", id="2"),
            item("GS-77001", "-20.00", id="3"),
        ],
        payment=[paid("SI-000914 + SI-000 915 less GS-77001", "330.00")],
    )
    assert found.settled("P") == {
        ("1", "payment"): Decimal("300.0000"),
        ("2", "payment"): Decimal("50.0000"),
        ("3", "credit_note"): Decimal("-20.0000"),
    }


def test_one_item_of_a_contract_is_told_by_its_amount(match):
    items = [
        item("A1001", "10.00", id="1", contract_reference="HT-2025-77"),
        item("A1002", "30.00", id="2", contract_reference="HT-2025-77"),
    ]
    assert match(open_item=items, payment=[paid("合同HT202577货款", "30.00")]).items("P") == ["2"]


def test_two_items_of_a_contract_with_the_same_amount_are_ambiguous(match):
    items = [item(f"A100{n}", "30.00", id=str(n), contract_reference="HT-2025-77") for n in (1, 2)]
    found = match(open_item=items, payment=[paid("HT-2025-77", "30.00")])
    assert found.settled("P") == {}
    assert found.reasons("P") == {"ambiguous"}
    assert found.candidate["solution"].to_list() == [1, 2]


def test_the_first_of_two_equal_payments_settles_and_the_second_is_a_duplicate(match):
    payments = [
        paid("R202400330", id="P1", booking_date="2026-10-02"),
        paid("R202400330", id="P2", booking_date="2026-10-01"),
    ]
    found = match(open_item=[item()], payment=payments)
    assert (found.items("P2"), found.items("P1")) == (["1"], [])
    assert found.reasons("P1") == {"duplicate_payment"}


def test_a_reference_to_a_cleared_item_settles_nothing_even_where_another_item_has_the_amount(match):
    found = match(
        open_item=[item("R202400331")],
        cleared_item=[{"cleared_item_id": "0", "reference": "R202400330", "amount": "100.00"}],
        payment=[paid("R202400330")],
    )
    assert found.settled("P") == {}
    assert found.reasons("P") == {"payment_for_paid_item"}


def test_a_reference_to_an_item_in_another_currency_is_held(match):
    found = match(open_item=[item(currency="USD")], payment=[paid("R202400330")])
    assert found.reasons("P") == {"wrong_currency"}


def test_a_mistyped_number_counts_where_one_item_has_the_amount(match):
    items = [item(f"R2024003{n:02d}", f"{100 + n}.00", id=str(n)) for n in range(30, 36)]
    found = match(open_item=items, payment=[paid("R202400343", "104.00", counterparty_name="Somebody")])
    assert found.items("P") in ([], ["34"])


def test_a_number_like_ours_that_names_nothing_is_an_invalid_reference(match):
    items = [item(f"R2024003{n:02d}", f"{100 + n}.00", id=str(n)) for n in (10, 30, 90)]
    found = match(open_item=items, payment=[paid("R202400377", "100.00", counterparty_name="Somebody")])
    assert found.reasons("P") == {"invalid_reference"}
