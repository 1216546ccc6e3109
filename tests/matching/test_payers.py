"""Who paid, where the name is cut, shortened, damaged, in other words, or only in the text."""

from decimal import Decimal

import polars as pl
import pytest

from tieout.matching.names import abbreviated

PARTIES = [
    {"party_id": "C1", "name": "Installatietechniek Oostzicht B.V."},
    {"party_id": "C2", "name": "Prairiewood Plumbing Supply Co., Inc."},
    {"party_id": "C3", "name": "Topení Říčský s.r.o."},
    {"party_id": "C4", "name": "Lindenhof Haustechnik GmbH"},
    {"party_id": "C5", "name": "Lindenhof Haustechnik Service GmbH"},
    {"party_id": "C6", "name": "宁波远航管业有限公司"},
]


def item(party, amount, **more):
    names = {each["party_id"]: each["name"] for each in PARTIES}
    return {"open_item_id": f"I{party}", "amount": amount, "party_id": party, "party_name": names[party], **more}


ITEMS = [item(f"C{n}", f"{100 + n}.37") for n in range(1, 7)]


def paid(name, amount, text=""):
    return {"payment_id": "P", "counterparty_name": name, "amount": amount, "remittance": text}


@pytest.mark.parametrize(
    ("payer", "amount", "taken"),
    [
        ("Inst.techniek Oostzicht B.V.", "101.37", ["IC1"]),
        ("Prairiewood Plbg Supply Co.", "102.37", ["IC2"]),
        ("Topení ?í?ský s.r.o.", "103.37", ["IC3"]),
        ("Topení ?í?ák s.r.o.", "103.37", []),
        ("Lindenhof Haustechnik Bau GmbH", "104.37", []),
    ],
)
def test_a_shortened_or_damaged_name_is_understood_and_another_one_is_not(match, payer, amount, taken):
    assert match(party=PARTIES, open_item=ITEMS, payment=[paid(payer, amount)]).items("P") == taken


@pytest.mark.parametrize(
    ("text", "amount", "taken"),
    [
        ("wg. Lindenhof Haustechnik GmbH", "104.37", ["IC4"]),
        ("Rechnung LINDENHOF HAUSTECHNIK SERVICE GMBH", "105.37", ["IC5"]),
        ("wg. Lindenhof Haustechnik Service GmbH", "104.37", []),
        ("Lindenhof", "104.37", []),
        ("宁波远航管业有限公司 货款", "106.37", ["IC6"]),
    ],
)
def test_the_whole_name_of_a_customer_in_the_text_says_for_whom_somebody_else_pays(match, text, amount, taken):
    found = match(party=PARTIES, open_item=ITEMS, payment=[paid("Ralf Sommer", amount, text)])
    assert found.items("P") == taken
    assert ("third_party_payer" in found.reasons("P")) == bool(taken)


@pytest.mark.parametrize(
    ("name", "known", "same"),
    [
        ("Plbg Hartfield", "Plumbing Hartfield", True),
        ("Handelsges. Hartfield", "Handelsgesellschaft Hartfield", True),
        ("Handelsges Hartfield", "Handelsgesellschaft Hartfield", False),
        ("Bau Hartfield", "Baustoffe Hartfield", False),
        ("Bau Hartfield", "Brauerei Hartfield", False),
        ("Plbg Supply", "Plumbing", False),
    ],
)
def test_a_word_is_shortened_where_its_vowels_are_gone_or_a_dot_says_so(name, known, same):
    core = name.upper().replace(".", "")
    pairs = pl.DataFrame({"name": [name], "core": [core], "known": [known], "known_core": [known.upper()]})
    assert abbreviated(pairs).to_list() == [same]


RATES = [{"base_currency": "EUR", "currency": "USD", "rate_date": "2026-10-09", "rate": "1.25"}]
DOLLARS = item("C2", "1250.40", currency="USD")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"amount": "1000.32"}, True),
        ({"amount": "1003.32"}, True),
        ({"amount": "1016.32"}, False),
        ({"amount": "1000.00"}, False),
        ({"amount": "1000.00", "instructed_amount": "1250.40", "instructed_currency": "USD"}, True),
        ({"amount": "1000.32", "instructed_amount": "1000.32", "instructed_currency": "EUR"}, False),
        ({"amount": "1010.00", "remittance": "USD 1,250.40 converted"}, True),
        ({"amount": "1000.32", "counterparty_name": "Somebody Else"}, False),
    ],
)
def test_an_item_in_another_currency_is_paid_without_a_reference_at_the_rate_of_the_day(match, given, taken):
    payment = paid("Prairiewood Plumbing Supply Co., Inc.", "0") | given
    found = match(party=PARTIES, open_item=[DOLLARS], payment=[payment], exchange_rate=RATES)
    assert found.items("P") == (["IC2"] if taken else [])
    assert ("fx_conversion" in found.reasons("P")) == taken
    if taken:
        parts = found.allocation.filter(payment_id="P")
        assert parts["open_item_amount"].sum() == Decimal("1250.40")


def test_two_items_near_the_rate_of_the_day_leave_it_open(match):
    rival = item("C2", "1270.40", currency="USD", open_item_id="I9")
    payment = paid("Prairiewood Plumbing Supply Co., Inc.", "1000.32")
    found = match(party=PARTIES, open_item=[DOLLARS, rival], payment=[payment], exchange_rate=RATES)
    assert found.items("P") == []
