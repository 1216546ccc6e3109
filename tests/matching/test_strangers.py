"""A number in a text is no proof by itself: it may be another customer's by accident."""

import pytest

PARTIES = [
    {"party_id": "C1", "name": "Alpen Papier GmbH"},
    {"party_id": "C2", "name": "Zevaber Metallbau GmbH"},
]


def item(number, amount, party="C1", **more):
    names = {each["party_id"]: each["name"] for each in PARTIES}
    return {"open_item_id": number, "reference": number, "amount": amount, "party_id": party, **more} | {
        "party_name": names[party]
    }


def paid(amount, text="", **more):
    return {"payment_id": more.pop("id", "P"), "remittance": text, "amount": amount, **more}


@pytest.mark.parametrize("payer", ["Turnverein Neustadt e.V.", "Zevaber Metallbau GmbH", ""])
@pytest.mark.parametrize("amount", ["25.00", "1790.82", "1805.80"])
def test_a_short_number_and_a_difference_settle_nothing_for_somebody_else(match, payer, amount):
    items = [item("49607", "1805.82"), item("49700", "333.33", "C2")]
    found = match(party=PARTIES, open_item=items, payment=[paid(amount, "Kd 49607", counterparty_name=payer)])
    assert found.settled("P") == {}
    assert found.reasons("P") & {"ambiguous", "unidentified_payer", "unmatched_payment"}


def test_somebody_else_may_pay_a_part_where_the_customer_is_named(match):
    text = "Rechnung INV-24-0917 Alpen Papier GmbH Teilzahlung"
    items = [item("INV-24-0917", "1805.82")]
    found = match(party=PARTIES, open_item=items, payment=[paid("500.00", text, counterparty_name="Inh. Karl Vogt")])
    assert found.items("P") == ["INV-24-0917"]


def test_a_long_number_and_the_items_own_discount_settle_for_somebody_else(match):
    items = [item("INV-24-0917", "1000.00", discount_days=60, discount_percent=2)]
    other = {"counterparty_name": "Einkaufsverband Nord eG"}
    assert match(party=PARTIES, open_item=items, payment=[paid("980.00", "INV-24-0917", **other)]).items("P")
    assert not match(party=PARTIES, open_item=items, payment=[paid("970.00", "INV-24-0917", **other)]).items("P")


@pytest.mark.parametrize("text", ["unsere Kd.-Nr. 49607", "Lieferschein 49607", "49607 Fuldatal"])
def test_the_payers_own_item_wins_over_a_number_of_somebody_else(match, text):
    items = [item("49607", "1805.82", "C2"), item("49700", "333.33")]
    assert match(party=PARTIES, open_item=items, payment=[paid("333.33", text)]).items("P") == ["49700"]


def test_the_payers_own_references_win_where_they_add_up(match):
    items = [item("49607", "1805.82", "C2"), item("49700", "333.33"), item("49800", "100.01")]
    found = match(party=PARTIES, open_item=items, payment=[paid("433.34", "49700 49800 LS 49607")])
    assert found.items("P") == ["49700", "49800"]


def test_one_slip_in_five_digits_is_understood_for_the_payers_only_item_with_the_amount(match):
    items = [item("49607", "333.33"), item("49900", "50.00"), item("49100", "51.00")]
    assert match(party=PARTIES, open_item=items, payment=[paid("333.33", "Re 49670")]).items("P") == ["49607"]
    assert match(party=PARTIES, open_item=items, payment=[paid("333.33", "Re 49476")]).items("P") == []


def test_too_much_by_exactly_another_open_item_is_no_overpayment(match):
    items = [item("49607", "1805.82"), item("49900", "350.00")]
    found = match(party=PARTIES, open_item=items, payment=[paid("2155.82", "Re 49607")])
    assert found.reasons("P") == {"ambiguous"}


@pytest.mark.parametrize("payer", ["Zevaber Metallbau Nord GmbH", "Zevaber Metallbau Ost GmbH & Co. KG"])
def test_a_house_of_the_same_family_is_another_customer(match, payer):
    party = [{"party_id": "C3", "name": "Zevaber Metallbau Süd GmbH"}]
    items = [item("1", "333.33") | {"party_id": "C3", "party_name": "Zevaber Metallbau Süd GmbH"}]
    assert match(party=party, open_item=items, payment=[paid("333.33", counterparty_name=payer)]).items("P") == []
    typo = paid("333.33", counterparty_name="Zevabre Metallbau Süd GmbH")
    assert match(party=party, open_item=items, payment=[typo]).items("P") == ["1"]


def test_a_mistyped_number_of_a_list_is_understood_though_the_item_it_hits_was_paid(match):
    party = [{"party_id": "C1", "name": "Alpen Papier GmbH"}, {"party_id": "C2", "name": "Zevaber Metallbau GmbH"}]
    items = [item("48850", "4141.16"), item("48853", "820.59"), item("48854", "2359.56"), item("48835", "99.10", "C2")]
    items += [item("48836", "12.31", "C2")]
    items = [each | {"open_item_id": f"D{each['reference'][-2:]}"} for each in items]
    other = paid("111.41", "48835 + 48836", id="P1", booking_date="2026-10-01", counterparty_name=party[1]["name"])
    listed = paid("7321.31", "48850, 48835, 48854", id="P2", booking_date="2026-10-02")
    found = match(party=party, open_item=items, payment=[other, listed])
    assert found.items("P2") == ["D50", "D53", "D54"]
