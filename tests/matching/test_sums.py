"""Sums: none, one or many, exactly as trying every subset says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching.sums import brute_force, subset_sum

AMOUNTS = st.lists(st.integers(-30, 60).filter(bool), min_size=1, max_size=10)


@settings(max_examples=400)
@given(amounts=AMOUNTS, target=st.integers(1, 150))
def test_all_subsets_are_counted_as_brute_force_counts_them(amounts, target):
    truth = brute_force(amounts, target)
    found = subset_sum(amounts, target, shown=2000)
    assert found.count == len(truth)
    assert sorted(found.solutions) == sorted(truth)
    assert found.within is None


@settings(max_examples=400)
@given(amounts=AMOUNTS, target=st.integers(1, 150), sizes=st.integers(1, 4))
def test_small_subsets_are_counted_as_brute_force_counts_them(amounts, target, sizes):
    truth = [s for s in brute_force(amounts, target) if len(s) <= sizes]
    found = subset_sum(amounts, target, full=0, sizes=sizes, shown=2000)
    assert found.count == len(truth)
    assert sorted(found.solutions) == sorted(truth)
    assert found.within == sizes


def test_the_label_says_within_which_bound_the_answer_is_the_only_one():
    amounts = [1_00 * 3**n for n in range(12)]
    assert subset_sum(amounts, amounts[2] + amounts[7]).label == "unique"
    assert subset_sum(amounts, amounts[2] + amounts[7], full=5).label == "unique within 4"
    assert subset_sum(amounts, 1, full=5).label == "none within 4"
    assert subset_sum([5, 5, 7], 12).label == "ambiguous"
