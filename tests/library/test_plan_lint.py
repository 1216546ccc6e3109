"""What is odd about a plan, seen without data."""

import pytest

from tieout.library import yamlfile
from tieout.library.catalog import Catalogue
from tieout.library.plan_lint import lint
from tieout.library.plans import parse_plan

HEAD = "plan: p\nleft: payment\nright: open_item\npasses:\n"
EXACT = "compare: [{payment: currency, open_item: currency, method: equal}]"


def advice(*passes):
    text = HEAD + "".join(f"  - {{pass: p{n}, {each}}}\n" for n, each in enumerate(passes))
    plan, mistakes = parse_plan(yamlfile.load(text, file="plan.yaml"))
    assert plan is not None, mistakes
    return [str(each) for each in lint(plan)]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("find: candidates, block: [currency]", "without 'compare' no pair has a score"),
        ("find: sum, chance: 0", "chance 0 lets no sum count as proof"),
        ("find: near, edits: 0", "with 0 edits there is no mistyped number"),
        (f"find: candidates, block: [currency], accept_at: 1.01, {EXACT}", "only a perfect score would be proposed"),
        (
            "find: candidates, block: [payment.booking_date < open_item.due_date, payment.booking_date > open_item.due_date], "
            + EXACT,
            "payment.booking_date < open_item.due_date and payment.booking_date > open_item.due_date exclude one another",
        ),
        (
            f"find: candidates, block: [payment.amount = open_item.due_date], {EXACT}",
            "amount is a number and due_date is a date",
        ),
        (
            "find: candidates, block: [currency], compare: [{payment: remittance, open_item: due_date, method: days}]",
            "'days' needs two dates",
        ),
        (
            "find: candidates, weights: fellegi_sunter, block: [currency], "
            "compare: [{payment: currency, open_item: currency, method: equal, levels: [{at: 1}, {at: 0}]}]",
            "its prior, m and u are not written yet; 'tieout plan tune' estimates them",
        ),
    ],
)
def test_a_pass_that_can_never_find_anything_is_told_with_its_place(written, why):
    (told,) = advice(written)
    assert told.startswith("plan.yaml:5:12  pass 'p0' can never find anything: ") and why in told


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("find: reference, reading: close", "find: reference, reading: plain"),
        ("find: reference", "find: reference, numbers: [creditor_reference]"),
        ("find: near, edits: 2", "find: near, edits: 1"),
        ("find: party, discount: true, grace_days: 3", "find: party, grace_days: 1"),
        (
            f"find: candidates, block: [currency], accept_at: 0.5, {EXACT}",
            f"find: candidates, block: [currency], accept_at: 0.9, {EXACT}",
        ),
    ],
)
def test_a_pass_below_a_wider_one_is_shadowed_and_not_the_other_way_round(above, below):
    (told,) = advice(above, below)
    assert "pass 'p1' is shadowed by 'p0' (plan.yaml:5:12), which takes all that it would; delete it" in told
    assert advice(below, above) == []


def test_a_narrower_block_below_still_sees_payments_with_too_many_candidates():
    narrow = "block: [currency, payment.amount = open_item.open_amount]"
    (told,) = advice(f"find: candidates, block: [currency], {EXACT}", f"find: candidates, {narrow}, {EXACT}")
    assert "but for payments with more than 50 candidates" in told


def test_passes_that_differ_in_what_they_compare_do_not_shadow_one_another():
    other = "compare: [{payment: counterparty_name, open_item: party_name, method: name}]"
    assert (
        advice(f"find: candidates, block: [currency], {EXACT}", f"find: candidates, block: [currency], {other}") == []
    )


@pytest.mark.parametrize("plan", Catalogue.load(None).plans.values(), ids=lambda plan: plan.id)
def test_nothing_is_odd_about_the_shipped_plans(plan):
    assert lint(plan) == []


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("weights: fellegi_sunter, block: [currency], " + EXACT, "needs 'levels' of each comparison"),
        ("weights: fellegi_sunter, block: [currency]", "give 'compare'"),
        (
            "block: [currency], compare: [{payment: currency, open_item: currency, method: equal, levels: [{at: 1}, {at: 0}]}]",
            "'levels' need 'weights: fellegi_sunter'",
        ),
        (
            "weights: fellegi_sunter, block: [currency], "
            "compare: [{payment: currency, open_item: currency, method: equal, levels: [{at: 0.5}, {at: 0.9}, {at: 0}]}]",
            "the levels fall from the strongest",
        ),
    ],
)
def test_levels_that_make_no_weights_are_a_mistake(written, why):
    text = f"{HEAD}  - {{pass: p, find: candidates, {written}}}\n"
    plan, mistakes = parse_plan(yamlfile.load(text))
    assert plan is None and any(why in each.text for each in mistakes)
