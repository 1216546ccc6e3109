"""A pair that a person rejected for good is taken by no pass, and what is left may be the only answer."""

import pytest

PAYMENT = {"payment_id": "P1", "amount": "100.00", "remittance": "danke"}
TWO = [
    {"open_item_id": "I1", "amount": "100.00", "reference": "2026-00101"},
    {"open_item_id": "I2", "amount": "100.00", "reference": "2026-00102"},
]
REJECTED = [("P1", "I1")]


def test_of_two_equal_items_the_one_that_was_not_rejected_is_settled(match):
    assert match(payment=[PAYMENT], open_item=TWO).reasons("P1") == {"ambiguous"}
    assert match(payment=[PAYMENT], open_item=TWO, rejected=REJECTED).items("P1") == ["I2"]


@pytest.mark.parametrize(
    ("payment", "items"),
    [
        ({"remittance": "Rechnung 2026-00101"}, TWO[:1]),
        ({"remittance": "Rechnung 2026 001 01"}, TWO[:1]),
        ({"remittance": "Rechnung 2026-00110"}, TWO[:1]),
        (
            {"remittance": "Rechnung 2026-00101 2026-00103"},
            [TWO[0] | {"amount": "40.00"}, TWO[1] | {"amount": "60.00"}],
        ),
        ({"remittance": "Rechnung 2026-00101", "amount": "60.00"}, TWO[:1]),
        ({"remittance": "Rechnung 2026-00101", "amount": "110.00"}, TWO[:1]),
        ({}, TWO[:1]),
        ({}, [TWO[0] | {"amount": "40.11"}, TWO[1] | {"amount": "59.89"}]),
        ({"counterparty_name": "Alpen Papir Handl"}, TWO[:1]),
    ],
    ids=["reference", "broken", "slip", "completed", "part", "over", "amount", "sum", "likeness"],
)
def test_a_rejected_pair_is_neither_settled_nor_proposed_by_any_pass(match, payment, items):
    tables = {"payment": [PAYMENT | payment], "open_item": items}
    assert "I1" in set(match(**tables).allocation["open_item_id"])
    outcome = match(**tables, rejected=REJECTED)
    assert "I1" not in set(outcome.allocation["open_item_id"])
    assert outcome.reasons("P1")
