"""Matching by reference: each way in which payers write a number, and what is none."""

from decimal import Decimal

import polars as pl
import pytest

from tieout.matching.references import check_digits


def item(number="R202400330", amount="100.00", **more):
    return {"open_item_id": more.pop("id", "1"), "reference": number, "amount": amount, **more}


def paid(text, amount="100.00", **more):
    return {"payment_id": more.pop("id", "P"), "remittance": text, "amount": amount, **more}


WRITTEN = [
    ("R202400331", "Rechnung R202400331"),
    ("R202400412", "invoice no. r-2024-00412, thank you"),
    ("R202400573", "Re 202400573"),
    ("R202400684", "R2024 00684"),
    ("R202400795", "Kunde 4711 RechnungR202400795 vom 03.09.2026"),
    ("SI-000914", "SI000914"),
    ("SI-000926", "SI-0 00926"),
    ("SI-000938", "pmt SI-938"),
    ("SI-000947", "your 000947"),
    ("SI-000952", "Inv no. SI-O0095Z"),
    ("07004284", "invoice 7004284"),
    ("07004396", "07004 396"),
    ("07004471", "０７００４４７１"),
    ("07004583", "invoice O7OO4583"),
    ("R202401024", "invoice R2O24O1024"),
    ("24322000000012340216", "货款，发票号码2432 20000000 12340216"),
    ("24322000000012340327", "ZHIFU FP No.12340327"),
    ("24322000000012340438", "付24322000000012340438FUKUAN"),
    ("24322000000012340549", "243Z2000000O12340549"),
]


@pytest.fixture(scope="module")
def written(match):
    """One book with every way of writing; each item has an amount of its own, nobody's name is known."""
    items = [item(number, f"{100 + n}.00", id=str(n)) for n, (number, _) in enumerate(WRITTEN)]
    payments = [
        paid(text, f"{100 + n}.00", id=f"P{n}", counterparty_name="Somebody") for n, (_, text) in enumerate(WRITTEN)
    ]
    return match(open_item=items, payment=payments)


@pytest.mark.parametrize("case", range(len(WRITTEN)), ids=[text for _, text in WRITTEN])
def test_a_number_is_found_however_it_is_written(written, case):
    assert written.settled(f"P{case}") == {(str(case), "payment"): Decimal(f"{100 + case}.0000")}


def test_a_date_a_telephone_number_or_a_postcode_is_no_reference(match):
    numbers = [item("12102026", id="1"), item("20261012", id="2"), item("50912", id="3")]
    texts = ["vom 12.10.2026", "Tel. 0049 12102026", "delivery on 2026-10-12", "PLZ 5091 Koeln", "X250912Y"]
    payments = [paid(text, id=f"P{n}", counterparty_name=f"Somebody {n}") for n, text in enumerate(texts)]
    assert match(open_item=numbers, payment=payments).allocation.is_empty()


def test_a_structured_reference_with_a_wrong_check_digit_is_said_to_be_invalid_even_where_the_item_is_found(match):
    book = [item(creditor_reference="RF18539007547034")]
    found = match(open_item=book, payment=[paid("", creditor_reference="RF18539007547043")])
    assert found.items("P") == ["1"]
    assert found.reasons("P") == {"invalid_reference"}


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


def test_a_structured_reference_is_found_in_its_field_and_in_the_text(match):
    numbers = ["RF18539007547034", "RF712348231", "RF332348236"]
    items = [item(f"A{n}777", f"{n + 1}0.00", id=str(n), creditor_reference=number) for n, number in enumerate(numbers)]
    payments = [
        paid("", "10.00", id="P0", creditor_reference="RF18539007547034"),
        paid("RF71 2348 231", "20.00", id="P1"),
        paid("x RF33-2348-236 y", "30.00", id="P2"),
    ]
    found = match(open_item=items, payment=payments)
    assert [found.items(f"P{n}") for n in range(3)] == [["0"], ["1"], ["2"]]
    assert set(found.allocation["pass"]) == {"structured-reference"}


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


def test_a_mistyped_number_counts_where_one_item_of_the_payer_has_the_amount(match):
    items = [item(f"R2024003{n:02d}", f"{100 + n}.00", id=str(n)) for n in (31, 44, 57)]
    assert match(open_item=items, payment=[paid("R202400347", "144.00")]).items("P") == ["44"]


def test_a_slip_that_names_another_item_counts_only_for_the_payers_own_item(match):
    items = [
        item("R202400331", "131.00", id="31"),
        item("R202400341", "144.00", id="41", party_id="C2", party_name="Z"),
    ]
    assert match(open_item=items, payment=[paid("R202400341", "131.00")]).items("P") == ["31"]
    assert match(open_item=items, payment=[paid("R202400341", "131.00", counterparty_name="Q")]).items("P") == []


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("R202400331 - R202400334", "the numbers between"),
        ("R202400331/32/33/34", "shortened numbers"),
        ("R202400331, R202400332, R202400333, R202400384", "a mistyped number"),
        ("R202400331, R202400332, R202400333", "one item more"),
    ],
)
def test_a_list_that_names_a_part_is_completed_where_only_one_way_makes_it_exact(match, text, how):
    items = [item(f"R2024003{n}", f"{n}.37", id=f"D{n}") for n in (31, 32, 33, 34, 57)]
    found = match(open_item=items, payment=[paid(text, "131.48")])
    assert found.items("P") == ["D31", "D32", "D33", "D34"]
    assert how in found.allocation["evidence"][0]


def test_a_round_rest_may_be_on_account_or_a_further_item_and_nobody_guesses(match):
    items = [item("R202400331", "31.37", id="1"), item("R202400999", "50.00", id="2")]
    found = match(open_item=items, payment=[paid("R202400331", "81.37")])
    assert found.reasons("P") == {"ambiguous"}


RATES = [{"rate_date": "2026-10-09", "base_currency": "EUR", "currency": "USD", "rate": "1.10"}]


def test_another_currency_settles_at_the_rate_of_the_day_and_the_rest_is_exchange_difference(match):
    found = match(open_item=[item(currency="USD")], payment=[paid("R202400330", "91.00")], exchange_rate=RATES)
    rows = found.allocation.select("kind", "amount", "open_item_amount").rows()
    assert rows == [
        ("fx", Decimal("-0.0900"), Decimal("-0.1000")),
        ("payment", Decimal("91.0000"), Decimal("100.1000")),
    ]
    assert found.reasons("P") == {"fx_conversion"}


def test_the_same_figure_in_another_currency_is_the_wrong_currency(match):
    found = match(open_item=[item(currency="USD")], payment=[paid("R202400330", "100.00")], exchange_rate=RATES)
    assert found.settled("P") == {}
    assert found.reasons("P") == {"wrong_currency"}


def test_what_the_bank_says_was_ordered_proves_the_amount_in_another_currency(match):
    payment = paid("R202400330", "80.00", instructed_amount="100.00", instructed_currency="USD")
    found = match(open_item=[item(currency="USD")], payment=[payment])
    assert found.settled("P") == {("1", "payment"): Decimal("80.0000")}
    assert found.allocation["open_item_amount"].to_list() == [Decimal("100.0000")]


def test_a_number_like_ours_that_names_nothing_is_an_invalid_reference(match):
    items = [item(f"R2024003{n:02d}", f"{100 + n}.00", id=str(n)) for n in (10, 30, 90)]
    found = match(open_item=items, payment=[paid("R202400377", "100.00", counterparty_name="Somebody")])
    assert found.reasons("P") == {"invalid_reference"}


NUMBERED = [item(f"RE00249{n:02d}", f"{100 + n}.11", id=f"X{n}") for n in (16, 17, 19, 20, 23, 24)]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("RE0024916-20", [16, 17, 19, 20]),
        ("Rechnungen RE0024916 bis RE0024919", [16, 17, 19]),
        ("RE0024916 - RE0024919, RE0024923-24", [16, 17, 19, 23, 24]),
        ("RE0024916/17/23", [16, 17, 23]),
    ],
)
def test_a_range_may_be_shortened_hold_gaps_and_stand_beside_another(match, text, taken):
    amount = sum(Decimal(f"{100 + n}.11") for n in taken)
    found = match(open_item=NUMBERED, payment=[paid(text, str(amount))])
    assert found.items("P") == [f"X{n}" for n in taken]


def test_a_range_whose_items_do_not_add_up_is_no_range(match):
    found = match(open_item=NUMBERED, payment=[paid("RE0024916-20", "400.00")])
    assert set(found.items("P")) <= {"X16"}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("V-0204/26", "V-204/2026"),
        ("INV/2026/09/00060", "INV 2026-9-60"),
        ("HH/26/003871", "HH 26 3871"),
        ("4.26.0566", "4-26-566"),
    ],
)
def test_zeros_before_each_group_and_the_century_of_the_year_may_be_left_out(match, number, text):
    assert match(open_item=[item(number)], payment=[paid(text, counterparty_name="Somebody")]).items("P") == ["1"]


def test_the_payers_own_running_number_is_no_reference(match):
    """Its end-to-end reference may have the length of ours; only the same number in the text would name one."""
    book = [item(f"19000{n:05d}", f"{n}.50", id=str(n)) for n in (107, 311, 590)]
    unknown = {"end_to_end_id": "1900000467"}
    assert match(open_item=book, payment=[paid("Ware", "311.50", **unknown)]).items("P") == ["311"]
    assert match(open_item=book, payment=[paid("Rg 1900000467", "311.50", **unknown)]).items("P") == []
