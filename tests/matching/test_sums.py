"""Sums: none, one or many, exactly as trying every subset says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching.sums import Bounds, brute_force, subset_sum, subset_sums

AMOUNTS = st.lists(st.integers(-30, 60).filter(bool), min_size=1, max_size=10)
ALL = Bounds(shown=2000)


def shared_by(solutions):
    """What stands in every solution."""
    return tuple(sorted(set.intersection(*map(set, solutions)))) if solutions else ()


@settings(max_examples=1000, deadline=None)
@given(amounts=AMOUNTS, target=st.integers(1, 150))
def test_all_subsets_are_counted_as_brute_force_counts_them(amounts, target):
    truth = brute_force(amounts, target)
    found = subset_sum(amounts, target, ALL)
    assert (found.count, sorted(found.solutions), found.within) == (len(truth), sorted(truth), None)
    assert found.shared == shared_by(truth)
    assert found.label == ("none" if not truth else "unique" if len(truth) == 1 else "ambiguous")


@settings(max_examples=1000, deadline=None)
@given(amounts=AMOUNTS, target=st.integers(1, 150), sizes=st.integers(1, 6))
def test_small_subsets_are_counted_as_brute_force_counts_them(amounts, target, sizes):
    truth = [s for s in brute_force(amounts, target) if len(s) <= sizes]
    found = subset_sum(amounts, target, Bounds(full=0, sizes=sizes, shown=2000))
    assert (found.count, sorted(found.solutions), found.within) == (len(truth), sorted(truth), sizes)


@settings(max_examples=300, deadline=None)
@given(
    sums=st.lists(st.tuples(AMOUNTS, st.integers(1, 150)), min_size=1, max_size=12),
    full=st.sampled_from([4, 30]),
    shuffle=st.randoms(use_true_random=False),
)
def test_many_sums_at_once_are_what_each_alone_is_in_any_order(sums, full, shuffle):
    bounds = Bounds(full=full, shown=2000)
    alone = [subset_sum(amounts, target, bounds) for amounts, target in sums]
    order = list(range(len(sums)))
    shuffle.shuffle(order)
    starts = np.cumsum([0, *(len(sums[n][0]) for n in order)])
    flat = np.asarray([a for n in order for a in sums[n][0]])
    together = subset_sums(flat, starts, np.asarray([sums[n][1] for n in order]), bounds)
    assert together == [alone[n] for n in order]


@settings(max_examples=300, deadline=None)
@given(amounts=AMOUNTS, target=st.integers(1, 150), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_amounts_changes_positions_only(amounts, target, shuffle):
    order = list(range(len(amounts)))
    shuffle.shuffle(order)
    first = subset_sum(amounts, target, ALL)
    other = subset_sum([amounts[n] for n in order], target, ALL)
    assert {frozenset(s) for s in first.solutions} == {frozenset(order[n] for n in s) for s in other.solutions}
    assert set(first.shared) == {order[n] for n in other.shared}


def test_the_label_says_within_which_bound_the_answer_is_the_only_one():
    amounts = [1_00 * 3**n for n in range(12)]
    assert subset_sum(amounts, amounts[2] + amounts[7]).label == "unique"
    assert subset_sum(amounts, amounts[2] + amounts[7], Bounds(full=5)).label == "unique within 4"
    assert subset_sum(amounts, 1, Bounds(full=5)).label == "none within 4"
    assert subset_sum([5, 5, 7], 12).label == "ambiguous"


def test_equal_amounts_are_counted_without_listing_them():
    found = subset_sum([100] * 30, 1500)
    assert (found.count, found.shared, len(found.solutions)) == (155_117_520, (), 50)
    many = subset_sum([100] * 300, 400)
    assert (many.label, many.more, many.count > 50) == ("ambiguous", True, True)


def test_beyond_the_pool_only_pairs_are_tried_and_the_label_says_so():
    amounts = [10**6 + 7**n % 10**5 * 11 for n in range(60)]
    three = sum(amounts[:3])
    assert subset_sum(amounts, three, Bounds(full=10, pool=60)).label == "unique within 4"
    assert subset_sum(amounts, three, Bounds(full=10, pool=59)).label == "none within 2"


def test_what_is_not_finished_is_not_claimed():
    # Pairs of two that overlap fill the search before a set of three is found.
    crowded = [1] * 3 + [2**40 + n for n in range(60)]
    found = subset_sum(crowded, 3, Bounds(full=5, hits=1))
    assert found.within == 1 and found.label == "none within 1"


@pytest.mark.parametrize("amount", [2**61, -(2**61)])
def test_amounts_too_large_to_add_are_not_searched(amount):
    assert subset_sum([amount, 3, 5] * 2, 7).label == "none within 0"
