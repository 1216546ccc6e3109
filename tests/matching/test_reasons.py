"""The reason of every payment that stays open, and the guards that keep a likely answer from being taken."""

import pytest

PARTIES = [
    {"party_id": "C1", "name": "Alpen Papier GmbH"},
    {"party_id": "C2", "name": "Dürr & Krüger Spedition GmbH & Co. KG"},
    {"party_id": "C4", "name": "MFA Financial, Inc."},
]


def item(id, amount, **more):
    return {"open_item_id": id, "reference": f"R20240{int(id):04d}", "amount": amount, **more}


def paid(amount, text="", **more):
    return {"payment_id": more.pop("id", "P"), "remittance": text, "amount": amount, **more}


def test_an_item_that_only_a_later_payment_settled_was_a_candidate_too(match):
    items = [item("1", "50.00"), item("2", "50.00")]
    later = paid("50.00", "R202400002", id="P2", booking_date="2026-10-20")
    earlier = paid("50.00", "R202400002", id="P2", booking_date="2026-10-02")
    blind = paid("50.00", id="P1", booking_date="2026-10-10")
    assert match(party=PARTIES, open_item=items, payment=[blind, later]).reasons("P1") == {"ambiguous"}
    assert match(party=PARTIES, open_item=items, payment=[blind, earlier]).items("P1") == ["1"]


def test_equal_monthly_payments_follow_the_invoices_that_were_there(match):
    items = [item("1", "50.00", document_date="2026-08-31"), item("2", "50.00", document_date="2026-09-30")]
    payments = [paid("50.00", id="P1", booking_date="2026-09-05"), paid("50.00", id="P2", booking_date="2026-10-05")]
    found = match(party=PARTIES, open_item=items, payment=payments)
    assert (found.items("P1"), found.items("P2")) == (["1"], ["2"])


def test_the_same_payer_and_amount_again_is_a_duplicate_without_any_reference(match):
    payments = [
        paid("50.00", "R202400001", id="P1", booking_date="2026-10-05"),
        paid("50.00", id="P2", booking_date="2026-10-09"),
    ]
    found = match(party=PARTIES, open_item=[item("1", "50.00")], payment=payments)
    assert found.reasons("P2") == {"duplicate_payment"}


def test_an_amount_that_the_payer_settled_before_is_a_payment_for_a_paid_item(match):
    cleared = [{"cleared_item_id": "9", "reference": "R202400009", "amount": "77.00", "clearing_date": "2026-09-01"}]
    found = match(party=PARTIES, open_item=[item("1", "50.00")], cleared_item=cleared, payment=[paid("77.00")])
    assert found.reasons("P") == {"payment_for_paid_item"}


def test_a_contract_limits_what_the_amount_may_choose(match):
    items = [
        item("1", "50.00", contract_reference="HT-2025-0001"),
        item("2", "60.00", contract_reference="HT-2025-0002"),
        item("3", "100.00", contract_reference="HT-2025-0001", discount_days=60, discount_percent=2),
    ]
    assert match(party=PARTIES, open_item=items, payment=[paid("60.00", "HT-2025-0001")]).settled("P") == {}
    assert match(party=PARTIES, open_item=items, payment=[paid("98.00", "HT-2025-0001")]).items("P") == ["3"]


def test_a_return_without_an_end_to_end_reference_finds_its_original_by_what_it_quotes(match):
    payments = [
        paid("50.00", "R202400001", id="P1", booking_date="2026-10-01"),
        paid("50.00", "R202400002", id="P2", booking_date="2026-10-01"),
        paid("-50.00", "RETURN AC04 R202400002", id="P3", booking_date="2026-10-05", is_return="true"),
    ]
    found = match(party=PARTIES, open_item=[item("1", "50.00"), item("2", "50.00")], payment=payments)
    assert found.items("P1") == ["1"]
    assert (found.reasons("P2"), found.reasons("P3")) == ({"returned_payment"}, {"returned_payment"})


def test_an_account_that_paid_twice_by_reference_is_known_the_third_time(match):
    strange = {"counterparty_name": "Zahlstelle 9", "counterparty_account": "DE02120300000000202051"}
    items = [item(str(n), f"5{n}.17") for n in range(1, 4)]
    payments = [paid(f"5{n}.17", f"R20240000{n}" if n < 3 else "", id=f"P{n}", **strange) for n in range(1, 4)]
    assert match(party=PARTIES, open_item=items, payment=payments).items("P3") == ["3"]
    assert match(party=PARTIES, open_item=items, payment=payments[1:]).items("P3") == []


def test_what_the_bank_itself_calls_interest_is_no_receipt(match):
    found = match(
        party=PARTIES,
        open_item=[item("1", "50.00")],
        payment=[paid("50.00", counterparty_name=None, transaction_code="PMNT/MCRD/INTR")],
    )
    assert found.reasons("P") == {"not_receivable"}


def test_a_sum_that_may_be_an_accident_is_not_taken(match):
    items = [item(str(n), f"{n}.00") for n in range(1, 12)]
    found = match(party=PARTIES, open_item=items, payment=[paid("65.00")])
    assert found.settled("P") == {}
    assert found.reasons("P") == {"ambiguous"}


def test_a_payer_who_is_another_customer_needs_the_reference_and_the_exact_amount(match):
    items = [item("1", "50.00", party_id="C2", party_name=None)]
    exact = match(
        party=PARTIES, open_item=items, payment=[paid("50.00", "R202400001", counterparty_name="MFA Financial, Inc.")]
    )
    part = match(
        party=PARTIES, open_item=items, payment=[paid("40.00", "R202400001", counterparty_name="MFA Financial, Inc.")]
    )
    assert (exact.items("P"), exact.reasons("P")) == (["1"], {"third_party_payer"})
    assert (part.items("P"), part.reasons("P")) == ([], {"ambiguous"})


def test_a_payment_that_is_not_booked_yet_takes_no_part(match):
    found = match(party=PARTIES, open_item=[item("1", "50.00")], payment=[paid("50.00", "R202400001", status="PDNG")])
    assert found.allocation.is_empty() and not found.reasons("P")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Urzad Skarbowy Poznan", "zwrot podatku 09/2024"),
        ("Skatteverket", "Aterbetalning moms"),
        ("Stadtwerke Kassel", "Guthaben Jahresabrechnung Strom"),
        ("Commerzhaus", "Zinsabrechnung per 30.09."),
        ("PayFlow Europe", "Auszahlung Kartenumsaetze KW 41"),
        ("北方银行", "存款利息"),
    ],
)
def test_what_no_invoice_is_paid_with_is_told_in_many_languages(match, name, words):
    found = match(party=PARTIES, open_item=[item("1", "50.00")], payment=[paid("71.20", words, counterparty_name=name)])
    assert found.reasons("P") == {"not_receivable"}


def test_the_exact_item_of_a_known_payer_wins_over_a_word(match):
    payment = paid("50.00", "Tilgung Darlehen")
    assert match(party=PARTIES, open_item=[item("1", "50.00")], payment=[payment]).items("P") == ["1"]
    other = match(party=PARTIES, open_item=[item("1", "51.00")], payment=[payment])
    assert other.reasons("P") == {"not_receivable"}


def test_our_own_name_without_its_legal_form_is_an_own_transfer(match):
    company = [{"company_code": "1", "name": "Nordlicht Werkzeuge GmbH"}]
    ours = paid("9000.00", "Deckung", counterparty_name="NORDLICHT WERKZEUGE")
    found = match(company=company, party=PARTIES, open_item=[item("1", "50.00")], payment=[ours])
    assert found.reasons("P") == {"not_receivable"}


def test_the_amount_a_known_payer_owes_in_another_currency_is_told(match):
    found = match(party=PARTIES, open_item=[item("1", "50.00", currency="USD")], payment=[paid("50.00")])
    assert found.reasons("P") == {"wrong_currency"}


@pytest.mark.parametrize("text", ["Pfand Flaschen", "Mietkaution Lager", "security deposit", "statiegeld kratten"])
def test_a_deposit_pays_no_invoice_even_where_one_has_its_amount(match, text):
    assert match(party=PARTIES, open_item=[item("1", "50.00")], payment=[paid("50.00", text)]).settled("P") == {}


@pytest.mark.parametrize("payer", ["Nord Lebensversicherung AG", "PayPal Europe", "Amtsgericht Fürth"])
def test_insurers_courts_and_card_acquirers_pay_no_invoices_unless_they_are_customers(match, payer):
    payment = [paid("50.00", "Vorgang", counterparty_name=payer)]
    assert match(party=PARTIES, payment=payment).reasons("P") == {"not_receivable"}
    customer = [*PARTIES, {"party_id": "C9", "name": payer}]
    items = [item("1", "50.00", party_id="C9", party_name=payer)]
    assert match(party=customer, open_item=items, payment=payment).items("P") == ["1"]


@pytest.mark.parametrize("first", ["R2O24OOOO1", "R202400001"])
def test_of_two_payments_of_an_item_the_earlier_settles_it_however_it_was_written(match, first):
    payments = [
        paid("50.00", first, id="P1", booking_date="2026-10-05"),
        paid("50.00", "R202400001", id="P2", booking_date="2026-10-09"),
    ]
    found = match(party=PARTIES, open_item=[item("1", "50.00"), item("2", "70.00")], payment=payments)
    assert (found.items("P1"), found.items("P2")) == (["1"], [])
    assert found.reasons("P2") == {"duplicate_payment"}


@pytest.mark.parametrize("more", [{"currency": "USD"}, {"booking_date": "2026-10-09"}, {"amount": "49.99"}])
def test_an_item_is_not_taken_from_its_payment_by_one_of_another_currency_the_same_day_or_another_amount(match, more):
    payments = [
        paid("50.00", "R2O24OOOO1", id="P2", booking_date="2026-10-05") | more,
        paid("50.00", "R202400001", id="P1", booking_date="2026-10-09"),
    ]
    found = match(party=PARTIES, open_item=[item("1", "50.00"), item("2", "70.00")], payment=payments)
    assert (found.items("P1"), found.items("P2")) == (["1"], [])
