"""A text that says advance payment and names nothing pays no item by its amount alone: a person sees what fits."""

import pytest

PARTIES = [{"party_id": "C1", "name": "Alpen Papier GmbH"}]
ITEMS = [
    {"open_item_id": "A", "reference": "2024/01944", "amount": "500.00"},
    {"open_item_id": "B", "reference": "2024/01953", "amount": "700.00"},
]
WORDS = ["a conto", "acconto", "à valoir", "Anzahlung", "on account", "预付款", "定金", "Vorkasse"]


def paid(text, amount="500.00", **more):
    return {"payment_id": "P", "amount": amount, "remittance": text} | more


def proposed(found, payment="P"):
    return found.allocation.filter(payment_id=payment, status="proposed")["open_item_id"].to_list()


@pytest.mark.parametrize("word", WORDS)
def test_an_advance_that_names_nothing_is_proposed_the_item_with_its_amount(match, word):
    found = match(party=PARTIES, open_item=ITEMS, payment=[paid(word)])
    assert (found.items("P"), proposed(found), found.reasons("P")) == ([], ["A"], {"payment_on_account"})
    found = match(party=PARTIES, open_item=ITEMS, payment=[paid(word, "300.00")])
    assert (found.items("P"), proposed(found), found.reasons("P")) == ([], [], {"payment_on_account"})


@pytest.mark.parametrize("word", WORDS)
def test_an_advance_that_names_an_item_settles_it_or_a_part_of_it(match, word):
    found = match(party=PARTIES, open_item=ITEMS, payment=[paid(f"{word} 2024/01944")])
    assert (found.items("P"), found.reasons("P")) == (["A"], set())
    found = match(party=PARTIES, open_item=ITEMS, payment=[paid(f"{word} 2024/01953")])
    assert (found.items("P"), found.reasons("P")) == (["B"], {"partial_payment"})


@pytest.mark.parametrize("word", ["", "Rate 3", "尾款", "part payment", "meno ritenuta d'acconto"])
def test_instalments_balances_and_tax_withheld_are_no_advances(match, word):
    assert match(party=PARTIES, open_item=ITEMS, payment=[paid(word)]).items("P") == ["A"]


def test_an_advance_keeps_no_item_from_a_payment_that_is_none(match):
    payments = [paid("a conto", booking_date="2026-10-01"), paid("danke", payment_id="Q", booking_date="2026-10-20")]
    found = match(party=PARTIES, open_item=ITEMS, payment=payments)
    assert (found.items("Q"), found.items("P"), proposed(found)) == (["A"], [], [])


def test_of_two_equal_items_an_advance_is_ambiguous_as_any_payment_is(match):
    items = [ITEMS[0], ITEMS[1] | {"amount": "500.00"}]
    assert match(party=PARTIES, open_item=items, payment=[paid("a conto")]).reasons("P") == {"ambiguous"}


def test_two_advances_with_one_amount_propose_the_item_once(match):
    payments = [paid("a conto"), paid("a conto", payment_id="Q", booking_date="2026-10-20")]
    found = match(party=PARTIES, open_item=ITEMS, payment=payments)
    assert (proposed(found), proposed(found, "Q")) == (["A"], [])
    assert found.reasons("P") == found.reasons("Q") == {"payment_on_account"}
