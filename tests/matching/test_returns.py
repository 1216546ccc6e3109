"""Which payment came back, where several went in with the amount; and what was paid out for a credit note."""

import pytest

ACCOUNT = {"counterparty_account": "DE02120300000000202051"}
OTHER = {"counterparty_account": "FR1420041010050500013M02606"}


def moved(id, amount, day, text="", **more):
    return {"payment_id": id, "amount": amount, "booking_date": f"2026-{day}", "remittance": text} | more


def pairs(found):
    rows = found.exception.filter(reason="returned_payment").select("object_id", "related_id").iter_rows()
    return {(one, other) for one, other in rows if other}


def test_the_banks_own_reference_tells_before_the_payers(match):
    payments = [
        moved("P1", "50.00", "10-01", end_to_end_id="E1"),
        moved("P2", "50.00", "10-01", end_to_end_id="E2"),
        moved("R", "-50.00", "10-05", end_to_end_id="E2", original_payment_reference="P1"),
    ]
    assert pairs(match(payment=payments)) == {("P1", "R"), ("R", "P1")}
    del payments[2]["original_payment_reference"]
    assert pairs(match(payment=payments)) == {("P2", "R"), ("R", "P2")}


@pytest.mark.parametrize(("day", "text", "account", "pair"), [
    ("10-31", "", ACCOUNT, True), ("11-01", "", ACCOUNT, False),
    ("10-31", "Vorgang 9", ACCOUNT, False), ("10-31", "", OTHER, False), ("09-30", "", ACCOUNT, False),
])  # fmt: skip
def test_an_unmarked_debit_of_the_same_account_without_a_number_is_a_return_for_a_month(
    match, day, text, account, pair
):
    payments = [moved("P", "50.00", "10-01", "danke", **ACCOUNT), moved("R", "-50.00", day, text, **account)]
    assert bool(pairs(match(payment=payments))) is pair


def test_an_unmarked_debit_that_repeats_a_number_of_the_payer_is_a_return_for_a_month(match):
    for day, pair in (("10-31", True), ("11-01", False)):
        payments = [
            moved("P", "50.00", "10-01", "RE 771234", **ACCOUNT),
            moved("R", "-50.00", day, "771234", **ACCOUNT),
        ]
        assert bool(pairs(match(payment=payments))) is pair


def test_in_a_crowd_of_one_amount_only_references_pair(match):
    """More than 100,000 pairs are not looked at one by one."""
    crowd = [moved(f"I{n:03d}", "50.00", "10-01", **ACCOUNT) for n in range(320)]
    crowd += [moved(f"O{n:03d}", "-50.00", "10-05", **ACCOUNT) for n in range(320)]
    crowd[5]["end_to_end_id"] = crowd[325]["end_to_end_id"] = "E5"
    crowd[326]["original_payment_reference"] = "I006"
    # of another amount, another currency: not what was paid
    crowd[7]["end_to_end_id"], crowd[8]["end_to_end_id"] = "E7", "E8"
    crowd.append(moved("X7", "-49.00", "10-05", end_to_end_id="E7"))
    crowd.append(moved("X8", "-50.00", "10-05", end_to_end_id="E8", currency="USD"))
    crowd.append(moved("X9", "-49.00", "10-05", original_payment_reference="I009"))
    assert pairs(match(payment=crowd)) == {("I005", "O005"), ("O005", "I005"), ("I006", "O006"), ("O006", "I006")}


def credit(id, number, amount="-50.00", **more):
    return {"open_item_id": id, "reference": number, "amount": amount} | more


def test_money_paid_out_settles_the_credit_note_it_names_in_its_currency(match):
    paid = [moved("P", "-50.00", "10-05", "R202400001")]
    assert match(open_item=[credit("1", "R202400001"), credit("2", "R202400002")], payment=paid).items("P") == ["1"]
    assert match(open_item=[credit("1", "R202400001", currency="USD")], payment=paid).items("P") == []
    assert match(open_item=[credit("1", "R202400001", "50.00")], payment=paid).items("P") == []
    assert match(open_item=[credit("1", "R202400001", "-49.00")], payment=paid).items("P") == []


def test_a_number_of_two_credit_notes_names_neither(match):
    items = [
        credit("1", "R202400001", party_id="C8", party_name="One"),
        credit("2", "R202400001", party_id="C9", party_name="Two"),
    ]
    paid = moved("P", "-50.00", "10-05", "R202400001", counterparty_name="Three")
    assert match(open_item=items, payment=[paid]).items("P") == []
    assert match(open_item=items[:1], payment=[paid]).items("P") == ["1"]
