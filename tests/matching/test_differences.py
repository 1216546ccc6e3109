"""Differences: every cent is attributed to a named kind within its limit, or stays open."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.matching.differences import Due, Limits, Paid, explain

LIMITS = Limits.of(
    {
        "discount": {"grace_days": 3, "slack": {"other": Decimal("0.01")}},
        "rounding": {"up_to": {"EUR": Decimal("0.05")}, "whole_amounts_up_to": {"EUR": Decimal("0.99")}},
        "fee": {
            "up_to": {"EUR": 35},
            "in_steps_of": {"EUR": Decimal("0.50")},
            "percent": 4,
            "stated_up_to": {"EUR": 75},
        },
        "withholding": {"percents": [10]},
    },
    "EUR",
    2,
)
ISSUED, IN_TERMS, LATE = dt.date(2026, 9, 1), dt.date(2026, 9, 8), dt.date(2026, 10, 8)


def due(rest, *, item=1, percent=2, days=10):
    return Due(item, rest, True, ISSUED, days, Decimal(percent))


@pytest.mark.parametrize(
    ("paid", "dues", "label", "open_difference"),
    [
        (Paid(100_00, LATE), [due(100_00)], "exact", 0),
        (Paid(98_00, IN_TERMS), [due(100_00)], "discount", 0),
        (Paid(98_00, LATE), [due(100_00)], "discount_out_of_terms", 2_00),
        (Paid(98_01, IN_TERMS), [due(100_00)], "discount", 0),
        (Paid(99_97, LATE), [due(100_00)], "rounding", 0),
        (Paid(100_00, LATE), [due(100_63)], "rounding", 0),
        (Paid(975_00, LATE), [due(1000_00, percent=0)], "fee", 0),
        (Paid(975_10, LATE), [due(1000_00, percent=0)], "partial", 24_90),
        (Paid(96_00, LATE), [due(100_00, percent=0)], "fee", 0),
        (Paid(95_50, LATE), [due(100_00, percent=0)], "partial", 4_50),
        (Paid(925_00, LATE, charges=75_00), [due(1000_00, percent=0)], "fee", 0),
        (Paid(900_00, LATE, says_withholding=True), [due(1000_00, percent=0)], "withholding", 0),
        (Paid(900_00, LATE), [due(1000_00, percent=0)], "partial", 100_00),
        (Paid(110_00, LATE), [due(100_00)], "over", -10_00),
        (Paid(50_00, LATE), [due(100_00), due(70_00, item=2)], "", 120_00),
        (Paid(166_60, IN_TERMS), [due(100_00), due(70_00, item=2)], "discount", 0),
        (Paid(168_60, IN_TERMS), [due(100_00), due(70_00, item=2)], "discount", 0),
    ],
)
def test_the_difference_is_attributed(paid, dues, label, open_difference):
    found = explain(paid, dues, LIMITS)
    assert (found.label, found.open_difference) == (label, open_difference)


def test_two_explanations_that_fit_equally_leave_the_difference_open():
    found = explain(Paid(980_00, IN_TERMS, charges=20_00), [due(1000_00)], LIMITS)
    assert found.label in ("fee", "partial")
    assert found.others


@given(
    rests=st.lists(st.integers(-50_000, 50_000).filter(bool), min_size=1, max_size=5),
    amount=st.integers(1, 100_000),
    day=st.sampled_from([IN_TERMS, LATE]),
    charges=st.sampled_from([0, 0, 5_00, 20_00]),
)
def test_no_item_is_settled_beyond_what_is_open_and_no_payment_beyond_what_was_paid(rests, amount, day, charges):
    dues = [due(rest, item=n) for n, rest in enumerate(rests)]
    found = explain(Paid(amount, day, charges=charges), dues, LIMITS)
    money = sum(part.amount for part in found.parts if part.kind in ("payment", "credit_note"))
    if found.parts:
        assert money + max(-found.open_difference, 0) == amount
    for n, rest in enumerate(rests):
        settled = sum(part.amount for part in found.parts if part.item == n)
        assert abs(settled) <= abs(rest)
        assert settled * rest >= 0
