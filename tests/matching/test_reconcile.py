"""A whole plan on small books: who paid, sums, exceptions, and that the order of rows never matters."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def item(id, amount, **more):
    return {"open_item_id": id, "reference": f"R20240{int(id):04d}", "amount": amount, **more}


def paid(amount, text="", **more):
    return {"payment_id": more.pop("id", "P"), "remittance": text, "amount": amount, **more}


PARTIES = [
    {"party_id": "C1", "name": "Alpen Papier GmbH", "account": "DE89370400440532013000", "trading_name": "Blattwerk"},
    {"party_id": "C2", "name": "Dürr & Krüger Spedition GmbH & Co. KG"},
    {"party_id": "C3", "name": "江苏天马科技软件技术（集团）有限公司"},
    {"party_id": "C4", "name": "MFA Financial, Inc."},
    {"party_id": "C5", "name": "MFA Financial, Inc. Nederland B.V."},
    {"party_id": "C6", "name": "辉太郎（惠州）精密制造有限公司"},
]


NAMES = [
    ("C1", "ALPEN PAPIER"),
    ("C1", "Fa. Alpen Papier"),
    ("C1", "Blattwerk"),
    ("C1", "Papier GmbH Alpen"),
    ("C1", "Alpen Papier MUENCHEN"),
    ("C2", "DUERR U. KRUEGER SPEDITION GMBH U. CO. KG"),
    ("C2", "Durr & Kruger Spedition GmbH"),
    ("C2", "Duerr & Krueger Spedition G"),
    ("C2", "Dürr & Krügger Spedition"),
    ("C3", "江苏天马科技软件技术(集团)"),
    ("C3", "Jiangsu Tianma Keji Ruanjianjishu Co., Ltd."),
    ("C3", "天马科技"),
    ("C3", "张玉（天马科技）"),
    ("C4", "MFA FINANCIAL INC"),
    ("C5", "MFA FINANCIAL, INC. NEDERLAND BV"),
    ("C6", "辉太郎(惠州)精密制造"),
    ("C6", "Huizhou Huitailang Jingmizhizao Co., Ltd."),
    (None, "江苏天牛科技软件技术有限公司"),
    (None, "Financial"),
    (None, "惠州精密制造有限公司"),
]


@pytest.fixture(scope="module")
def named(match):
    """Each payment has an amount of its own, and every party an open item with that amount."""
    items = [
        item(f"{100 * n + int(party['party_id'][1])}", f"{100 + n}.17", party_id=party["party_id"], party_name=None)
        for n in range(len(NAMES))
        for party in PARTIES
    ]
    payments = [paid(f"{100 + n}.17", id=f"P{n}", counterparty_name=name) for n, (_, name) in enumerate(NAMES)]
    return match(party=PARTIES, open_item=items, payment=payments)


@pytest.mark.parametrize("case", range(len(NAMES)), ids=[name for _, name in NAMES])
def test_the_payer_is_known_by_name_and_exact_amount(named, case):
    party = NAMES[case][0]
    assert named.items(f"P{case}") == ([str(100 * case + int(party[1]))] if party else [])


def test_the_payer_is_known_by_account_whatever_the_name(match):
    payment = paid("101.17", counterparty_name="Treasury", counterparty_account="de89 3704 0044 0532 0130 00")
    found = match(party=PARTIES, open_item=[item("1", "101.17"), item("2", "101.17", party_id="C2")], payment=[payment])
    assert found.items("P") == ["1"]


def test_two_items_with_the_amount_are_ambiguous_and_both_shown(match):
    found = match(party=PARTIES, open_item=[item("1", "50.00"), item("2", "50.00")], payment=[paid("50.00")])
    assert found.settled("P") == {}
    assert found.reasons("P") == {"ambiguous"}
    assert sorted(found.candidate["open_item_id"]) == ["1", "2"]


def test_an_item_dated_after_the_payment_is_no_candidate(match):
    items = [item("1", "50.00"), item("2", "50.00", document_date="2026-10-20")]
    assert match(party=PARTIES, open_item=items, payment=[paid("50.00")]).items("P") == ["1"]


def test_the_amount_alone_is_never_enough(match):
    found = match(
        party=PARTIES, open_item=[item("1", "50.00")], payment=[paid("50.00", counterparty_name="Nobody Known")]
    )
    assert found.settled("P") == {}
    assert found.reasons("P") == {"unidentified_payer"}


def test_a_discount_within_its_terms_is_known_without_a_reference(match):
    terms = {"discount_days": 10, "discount_percent": 2, "document_date": "2026-10-05"}
    found = match(party=PARTIES, open_item=[item("1", "100.00", **terms)], payment=[paid("98.00")])
    assert found.settled("P") == {("1", "payment"): Decimal("98.0000"), ("1", "discount"): Decimal("2.0000")}


@pytest.mark.parametrize(
    ("amount", "currency", "paid_amount", "discount"),
    [
        ("756.00", "EUR", "740.88", "15.12"),
        ("10.00", "EUR", "9.80", "0.20"),
        ("10.00", "EUR", "10.00", None),
        ("0.20", "EUR", "0.20", None),
        ("756", "JPY", "741", "15"),
        ("12.345", "KWD", "12.098", "0.247"),
    ],
)
def test_a_discount_is_known_to_the_last_digit_of_its_currency(match, amount, currency, paid_amount, discount):
    terms = {"discount_days": 10, "discount_percent": 2, "document_date": "2026-10-05", "currency": currency}
    found = match(party=PARTIES, open_item=[item("1", amount, **terms)], payment=[paid(paid_amount, currency=currency)])
    wanted = {("1", "payment"): Decimal(paid_amount)} | ({("1", "discount"): Decimal(discount)} if discount else {})
    assert found.settled("P") == wanted


def test_everything_open_less_a_credit_note_is_one_sum(match):
    items = [item("1", "100.37"), item("2", "250.11"), item("3", "-30.05"), item("4", "71.99", party_id="C2")]
    assert match(party=PARTIES, open_item=items, payment=[paid("320.43")]).items("P") == ["1", "2", "3"]


def test_two_sums_that_fit_are_ambiguous_and_both_shown(match):
    items = [item("1", "100.37"), item("2", "250.11"), item("3", "100.37"), item("4", "900.00")]
    found = match(party=PARTIES, open_item=items, payment=[paid("350.48")])
    assert found.settled("P") == {}
    assert found.reasons("P") == {"ambiguous"}
    assert set(found.candidate["solution"]) == {1, 2}


def test_instalments_of_one_item_follow_one_another(match):
    payments = [
        paid("400.00", "R202400001", id="P1", booking_date="2026-10-01"),
        paid("350.00", "R202400001", id="P2", booking_date="2026-10-08"),
        paid("250.00", "R202400001", id="P3", booking_date="2026-10-15"),
    ]
    found = match(party=PARTIES, open_item=[item("1", "1000.00")], payment=payments)
    assert [found.settled(f"P{n}") for n in (1, 2, 3)] == [
        {("1", "payment"): Decimal("400.0000")},
        {("1", "payment"): Decimal("350.0000")},
        {("1", "payment"): Decimal("250.0000")},
    ]
    assert (found.reasons("P1"), found.reasons("P3")) == ({"partial_payment"}, set())


def test_too_much_stays_on_account(match):
    found = match(party=PARTIES, open_item=[item("1", "100.00")], payment=[paid("130.00", "R202400001")])
    assert found.settled("P") == {("1", "payment"): Decimal("100.0000")}
    row = found.exception.filter(object_id="P").row(0, named=True)
    assert (row["reason"], row["amount"]) == ("overpayment", Decimal("30.0000"))


def test_a_part_payment_that_is_exactly_another_item_is_not_taken_on_trust(match):
    found = match(
        party=PARTIES, open_item=[item("1", "100.00"), item("88", "60.00")], payment=[paid("60.00", "R202400001")]
    )
    assert found.settled("P") == {}
    assert found.reasons("P") == {"ambiguous"}


def test_a_returned_payment_and_its_return_are_a_pair(match):
    payments = [
        paid("100.00", "R202400001", id="P1", end_to_end_id="E1", booking_date="2026-10-01"),
        paid("-100.00", "RETURN AC04", id="P2", end_to_end_id="E1", booking_date="2026-10-04", is_return="true"),
    ]
    found = match(party=PARTIES, open_item=[item("1", "100.00")], payment=payments)
    assert found.allocation.is_empty()
    assert dict(found.exception.filter(reason="returned_payment").select("object_id", "related_id").iter_rows()) == {
        "P1": "P2",
        "P2": "P1",
    }


def test_what_is_no_receipt_is_said_to_be_none(match):
    payments = [
        paid("-100.00", "Ihre Rechnung R202400001", id="P0"),
        paid("100.00", "ZINSEN 09/2026", counterparty_name=None, id="P1"),
        paid("100.00", "Umbuchung", counterparty_name="Nordwind GmbH", id="P2"),
        paid(
            "100.00", "Kontenausgleich", counterparty_name="?", counterparty_account="DE75512108001245126199", id="P3"
        ),
        paid("100.00", "", counterparty_name="FINANZAMT KOELN-MITTE", id="P4"),
        paid("100.00", "结息", counterparty_name=None, id="P5"),
    ]
    ours = [{"company_code": "1", "name": "Nordwind GmbH", "account": "DE75512108001245126199"}]
    found = match(party=PARTIES, company=ours, open_item=[item("1", "100.00")], payment=payments)
    assert found.allocation.is_empty()
    assert all(found.reasons(f"P{n}") == {"not_receivable"} for n in range(6))


def test_a_customer_whose_name_is_such_a_word_still_pays_its_invoices(match):
    parties = [{"party_id": "C9", "name": "Terminal Logistik GmbH"}]
    found = match(
        party=parties,
        open_item=[item("1", "100.00", party_id="C9")],
        payment=[paid("100.00", "", counterparty_name="Terminal Logistik GmbH")],
    )
    assert found.items("P") == ["1"]


def test_paid_on_behalf_of_a_customer_is_noted_as_a_third_party(match):
    payment = paid("102.17", "obo MFA Financial, Inc. Nederland B.V.", counterparty_name="Treasury Centre Ltd")
    found = match(
        party=PARTIES,
        open_item=[item("5", "102.17", party_id="C5"), item("4", "102.17", party_id="C4")],
        payment=[payment],
    )
    assert found.items("P") == ["5"]
    assert found.reasons("P") == {"third_party_payer"}


def test_a_likely_match_is_proposed_and_uses_no_money(match):
    items = [item("1", "100.00", party_name="Alpenlaendische Papierfabrik AG", party_id="C8")]
    found = match(open_item=items, payment=[paid("100.00", counterparty_name="Alpenland Papierfabrik")])
    assert found.allocation.select("status", "open_item_id").rows() == [("proposed", "1")]
    assert found.settled("P") == {}
    assert found.reasons("P") == {"unidentified_payer"}


def test_an_open_payment_shows_the_nearest_items_and_what_each_failed(match):
    items = [
        item("1", "112.40"),
        item("2", "100.00", document_date="2026-10-20"),
        item("3", "100.00", party_id="C2", party_name=None),
    ]
    found = match(party=PARTIES, open_item=items, payment=[paid("100.00", counterparty_name="Alpen Papier")])
    failed = dict(found.candidate.select("open_item_id", "failed").iter_rows())
    assert failed["1"].startswith("amount differs by 12.40 EUR")
    assert failed["2"].startswith("date: the item is of 2026-10-20")
    assert failed["3"].startswith('payer: "Alpen Papier" is not known to be C2')


def test_an_item_left_open_after_its_due_date_is_overdue(match):
    found = match(
        party=PARTIES,
        open_item=[item("1", "5.00", due_date="2026-10-30"), item("2", "6.00", due_date="2026-10-31")],
        payment=[],
    )
    assert (found.reasons("1"), found.reasons("2")) == ({"overdue_open_item"}, set())


AMOUNTS = st.sampled_from(["10.00", "20.00", "30.00", "30.01", "49.00", "50.00", "98.00", "100.00", "-20.00"])
TEXTS = st.sampled_from(
    ["", "R202400001", "R202400002 R202400003", "R2024 00001", "R202400004", "part payment R202400005", "ZINSEN"]
)
PAYERS = st.sampled_from(["Alpen Papier", "Dürr & Krüger Spedition", "MFA Financial", "Nobody", None])


@st.composite
def books(draw):
    items = [
        item(
            str(n),
            draw(AMOUNTS),
            party_id=draw(st.sampled_from(["C1", "C2", "C4"])),
            discount_days=40,
            discount_percent=2,
        )
        for n in range(1, draw(st.integers(2, 7)))
    ]
    payments = [
        paid(
            draw(AMOUNTS),
            draw(TEXTS),
            id=f"P{n}",
            counterparty_name=draw(PAYERS),
            booking_date=f"2026-10-{draw(st.integers(1, 3)):02d}",
        )
        for n in range(1, draw(st.integers(2, 7)))
    ]
    return items, payments


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(book=books(), shuffle=st.randoms(use_true_random=False))
def test_money_balances_and_the_order_of_rows_never_matters(match, book, shuffle):
    items, payments = book
    first = match(party=PARTIES, open_item=items, payment=payments)
    mixed_items, mixed_payments = shuffle.sample(items, len(items)), shuffle.sample(payments, len(payments))
    again = match(party=shuffle.sample(PARTIES, len(PARTIES)), open_item=mixed_items, payment=mixed_payments)
    for left, right in zip(vars(first).values(), vars(again).values(), strict=True):
        assert left.equals(right)
    for row in items:
        used = sum(
            first.allocation.filter(open_item_id=row["open_item_id"], status="accepted")["open_item_amount"], Decimal(0)
        )
        assert abs(used) <= abs(Decimal(row["amount"]))
    for row in payments:
        money = first.allocation.filter(payment_id=row["payment_id"], status="accepted")
        money = money.filter(money["kind"].is_in(["payment", "credit_note"]))
        used = sum(money["amount"], Decimal(0))
        assert abs(used) <= abs(Decimal(row["amount"]))
        assert used == Decimal(row["amount"]) or first.reasons(row["payment_id"])
