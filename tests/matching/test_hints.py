"""Of several items with the amount, the one that the text or the payer's account tells."""

import pytest

EQUAL = [
    {"open_item_id": "A", "reference": "2024/01944", "document_date": "2026-08-12", "due_date": "2026-09-05"},
    {"open_item_id": "B", "reference": "2024/01953", "document_date": "2026-08-27", "due_date": "2026-10-05"},
]
PARTIES = [{"party_id": "C1", "name": "Alpen Papier GmbH"}]
IBAN = "DE02120300000000202051"


def match_equal(match, text):
    items = [item | {"amount": "500.00"} for item in EQUAL]
    return match(party=PARTIES, open_item=items, payment=[{"payment_id": "P", "amount": "500.00", "remittance": text}])


@pytest.mark.parametrize(
    "text", ["Re. 944", "..1944", "Re. 1944/2024", "Beleg 01944/24", "Beleg vom 12.08.2026", "Lieferung 12.8.26", "Wartung September"]
)  # fmt: skip
def test_last_digits_dates_and_months_tell_one_of_several_equal_items(match, text):
    assert match_equal(match, text).items("P") == ["A"]


@pytest.mark.parametrize(
    "text", ["Zahlung", "Wartung August", "Re. 944 Wartung Oktober", "September Oktober", "2024", "Wartung 十二月"]
)
def test_what_tells_both_or_neither_leaves_them_ambiguous(match, text):
    assert match_equal(match, text).reasons("P") == {"ambiguous"}


def test_a_head_office_pays_the_only_branch_whose_item_fits(match):
    party = [
        {"party_id": "C1", "name": "Alpen Papier GmbH"},
        {"party_id": "C2", "name": "Filiale Ulm", "head_office_id": "C1"},
        {"party_id": "C3", "name": "Filiale Gera", "head_office_id": "C1"},
    ]
    ulm = {"open_item_id": "U", "party_id": "C2", "party_name": "Filiale Ulm", "amount": "77.10"}
    gera = {"open_item_id": "G", "party_id": "C3", "party_name": "Filiale Gera", "amount": "88.20"}
    pay = [{"payment_id": "P", "amount": "77.10", "remittance": "Zahlung"}]
    assert match(party=party, open_item=[ulm, gera], payment=pay).items("P") == ["U"]
    both = match(party=party, open_item=[ulm, gera | {"amount": "77.10"}], payment=pay)
    assert both.reasons("P") == {"ambiguous"}


def test_of_two_customers_of_one_name_the_account_decides(match):
    party = [
        {"party_id": "C1", "name": "Alpen Papier GmbH", "account": IBAN},
        {"party_id": "C2", "name": "Alpen Papier GmbH"},
    ]
    items = [{"open_item_id": id, "party_id": id, "amount": "77.10"} for id in ("C1", "C2")]
    pay = {"payment_id": "P", "amount": "77.10"}
    assert match(party=party, open_item=items, payment=[pay | {"counterparty_account": IBAN}]).items("P") == ["C1"]
    assert match(party=party, open_item=items, payment=[pay]).items("P") == []


@pytest.mark.parametrize("words", ["i.A.", "im Namen von", "für Rechnung der", "on behalf of", "pour le compte de"])
def test_who_it_was_paid_for_is_read_from_the_text(match, words):
    pay = {
        "payment_id": "P",
        "amount": "77.10",
        "remittance": f"{words} Alpen Papier GmbH",
        "counterparty_name": "Todola Inkasso",
    }
    found = match(party=PARTIES, open_item=[{"open_item_id": "1", "amount": "77.10"}], payment=[pay])
    assert (found.items("P"), found.reasons("P")) == (["1"], {"third_party_payer"})


def test_an_amount_beside_its_currency_is_no_number_of_an_item(match):
    items = [
        {"open_item_id": "1", "reference": "50361", "amount": "2428.84"},
        {"open_item_id": "2", "reference": "F242884", "amount": "91.00", "party_id": "C9", "party_name": "Other"},
    ]
    pay = [{"payment_id": "P", "amount": "2428.84", "remittance": "50361 EUR 2428.84"}]
    assert match(party=PARTIES, open_item=items, payment=pay).items("P") == ["1"]


def test_a_payment_on_account_is_no_sum_of_items_that_happens_to_add_up(match):
    items = [{"open_item_id": str(n), "amount": a} for n, a in enumerate(["433.17", "766.83", "951.20"])]
    pay = {"payment_id": "P", "amount": "1200.00"}
    assert match(party=PARTIES, open_item=items, payment=[pay | {"remittance": "a conto"}]).items("P") == []
    assert match(party=PARTIES, open_item=items, payment=[pay]).items("P") == ["0", "1"]


def test_whose_account_it_is_says_nothing_where_it_was_paid_for_another_customer(match):
    party = [
        {"party_id": "C1", "name": "Alpen Papier GmbH"},
        {"party_id": "C2", "name": "Alpen Treuhand AG", "account": IBAN},
    ]
    items = [{"open_item_id": "1", "amount": "77.10"}]
    pay = {"payment_id": "P", "amount": "77.10", "counterparty_account": IBAN, "counterparty_name": "Alpen Treuhand AG"}
    found = match(party=party, open_item=items, payment=[pay | {"remittance": "im Namen von Alpen Papier GmbH"}])
    assert found.items("P") == ["1"]
