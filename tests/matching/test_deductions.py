"""What was paid less: credit notes nobody named, tax withheld; and returns told in many languages."""

import pytest

PARTIES = [{"party_id": "C1", "name": "Alpen Papier GmbH"}, {"party_id": "C2", "name": "Zevaber Metallbau GmbH"}]


def item(number, amount, **more):
    return {"open_item_id": number, "reference": number, "amount": amount, **more}


def paid(amount, text="", **more):
    return {"payment_id": more.pop("id", "P"), "remittance": text, "amount": amount, **more}


def test_the_only_credit_note_that_makes_up_the_difference_is_settled_with_the_item(match):
    items = [item("AR/2024/08/388", "4102.32"), item("GS-24-0004", "-494.76"), item("AR/2024/08/390", "70.00")]
    found = match(party=PARTIES, open_item=items, payment=[paid("3607.56", "AR/2024/08/388 abz. GS")])
    assert found.items("P") == ["AR/2024/08/388", "GS-24-0004"]
    assert found.reasons("P") == set()


def test_of_two_equal_credit_notes_none_is_chosen(match):
    items = [item("AR/2024/08/388", "4102.32"), item("GS-24-0004", "-494.76"), item("GS-24-0005", "-494.76")]
    found = match(party=PARTIES, open_item=items, payment=[paid("3607.56", "AR/2024/08/388 abz. GS")])
    assert found.items("P") == ["AR/2024/08/388"]
    assert found.reasons("P") == {"partial_payment"}


@pytest.mark.parametrize(
    ("amount", "words"),
    [("945.00", "po srážkové dani 5,5 %"), ("920.00", "meno ritenuta d'acconto 8%"), ("900.00", "代扣10%所得税"),
     ("810.00", "minus källskatt 19 %"), ("850.00", "après retenue à la source 15 %"), ("740.00", "bronbelasting 26%"),
     ("790.00", "potrącono podatek u źródła 21%")],
)  # fmt: skip
def test_tax_withheld_is_told_in_many_languages_and_at_the_rate_the_payer_states(match, amount, words):
    found = match(
        party=PARTIES, open_item=[item("AR/2024/08/388", "1000.00")], payment=[paid(amount, f"AR/2024/08/388 {words}")]
    )
    assert found.reasons("P") == {"withholding"}


@pytest.mark.parametrize(
    "words", ["Rückbuchung Konto erloschen", "zwrot przelewu", "vrácená platba", "bonifico stornato", "virement rejeté",
              "betaling retour", "återbetald", "R-transaction AC04", "款项退还", "recibo devuelto"]
)  # fmt: skip
def test_a_return_told_in_words_finds_the_payment_of_the_same_account(match, words):
    account = {"counterparty_account": "DE02120300000000202051"}
    payments = [
        paid("50.00", "AR/2024/08/388", id="P1", booking_date="2026-10-01", **account),
        paid("-50.00", words, id="P2", booking_date="2026-10-05", **account),
    ]
    found = match(party=PARTIES, open_item=[item("AR/2024/08/388", "50.00")], payment=payments)
    assert (found.reasons("P1"), found.reasons("P2")) == ({"returned_payment"}, {"returned_payment"})


def test_a_debit_of_the_same_account_that_repeats_the_number_is_a_return_without_any_word(match):
    account = {"counterparty_account": "DE02120300000000202051"}
    first = paid("50.00", "AR/2024/08/388", id="P1", booking_date="2026-10-01", **account)
    back = paid("-50.00", "AR/2024/08/388", id="P2", booking_date="2026-10-05", **account)
    late = back | {"booking_date": "2026-11-25"}
    items = [item("AR/2024/08/388", "50.00")]
    assert match(party=PARTIES, open_item=items, payment=[first, back]).items("P1") == []
    assert match(party=PARTIES, open_item=items, payment=[first, late]).items("P1") == ["AR/2024/08/388"]


def test_a_number_with_dots_that_a_debit_repeats_is_one_number(match):
    back = {"payment_id": "P2", "amount": "-1049.65", "booking_date": "2026-10-15"}
    outcome = match(
        payment=[
            {"payment_id": "P1", "amount": "1049.65", "remittance": "Faktura 4.25.0689"},
            back | {"remittance": "unknown reason Faktura 4.25.0689"},
        ],
        open_item=[{"open_item_id": "I1", "amount": "1049.65", "reference": "4.25.0689"}],
    )
    assert outcome.reasons("P1") == outcome.reasons("P2") == {"returned_payment"}
