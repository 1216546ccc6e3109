"""Assignment: as good as trying every assignment, and never one of two that are equally good."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching import assign
from tieout.matching.assign import STRATEGIES, best_pairs

EDGES = st.dictionaries(
    st.tuples(st.integers(1, 5), st.integers(1, 5)), st.integers(1, 9).map(lambda n: n / 10), min_size=1, max_size=14
)
MARGINS = st.sampled_from([0, 0.05, 0.1, 0.2, 0.5])


def frame(edges):
    return pl.DataFrame([(p, i, s) for (p, i), s in edges.items()], schema=["pno", "ino", "score"], orient="row")


def verdicts(judged):
    return {(p, i): verdict for p, i, _, verdict in judged.iter_rows()}


def every_assignment(edges):
    """The total of each assignment, in hundredths, by its set of pairs."""
    payments, items = sorted({p for p, _ in edges}), sorted({i for _, i in edges})
    found = {}
    for chosen in set(permutations(items + [None] * len(payments), len(payments))):
        pairs = frozenset((p, i) for p, i in zip(payments, chosen, strict=True) if (p, i) in edges)
        found[pairs] = round(sum(100 * edges[pair] for pair in pairs))
    return found


def expected(edges, margin):
    """The verdicts that follow from trying every assignment, each component on its own."""
    told = {}
    left = dict(edges)
    while left:
        group, size = {next(iter(left))}, 0
        while len(group) > size:
            size = len(group)
            rows, columns = {p for p, _ in group}, {i for _, i in group}
            group |= {(p, i) for p, i in left if p in rows or i in columns}
        totals = every_assignment({pair: edges[pair] for pair in group})
        best, allowed = max(totals.values()), round(100 * margin)
        for pair in group:
            with_it = max(total for chosen, total in totals.items() if pair in chosen)
            without = max(total for chosen, total in totals.items() if pair not in chosen)
            told[pair] = "taken" if best - without > allowed else "tied" if best - with_it <= allowed else "left"
            del left[pair]
    return told


@settings(max_examples=350, deadline=None)
@given(edges=EDGES, margin=MARGINS)
def test_a_pair_is_taken_exactly_where_every_near_best_assignment_has_it(edges, margin):
    truth = expected(edges, margin)
    assert verdicts(best_pairs(frame(edges), margin)) == truth


@settings(max_examples=350, deadline=None)
@given(edges=EDGES, margin=MARGINS)
def test_large_components_are_judged_as_small_ones_are(edges, margin):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assign, "_MOST_TRIED", 0)
        assert verdicts(best_pairs(frame(edges), margin)) == expected(edges, margin)


@settings(max_examples=200, deadline=None)
@given(edges=EDGES, margin=MARGINS, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(edges, margin, shuffle):
    keys = list(edges)
    shuffle.shuffle(keys)
    for strategy in STRATEGIES.values():
        assert strategy(frame(edges), margin).equals(strategy(frame({k: edges[k] for k in keys}), margin))


def test_payments_and_items_may_change_sides():
    draw = np.random.default_rng(3)
    rows, columns = np.nonzero(draw.random((60, 45)) < 0.2)
    pairs = pl.DataFrame({"pno": rows, "ino": columns, "score": np.round(draw.random(len(rows)) + 0.01, 2)})
    there = verdicts(best_pairs(pairs, 0.03))
    back = verdicts(best_pairs(pairs.select(pno="ino", ino="pno", score="score"), 0.03))
    assert there == {(p, i): verdict for (i, p), verdict in back.items()}
    assert set(there.values()) == {"taken", "tied", "left"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_that_are_equally_good_are_tied(strategy):
    edges = {(1, 1): 0.9, (1, 2): 0.9, (2, 3): 0.8}
    told = verdicts(STRATEGIES[strategy](frame(edges), 0.01))
    assert told == {(1, 1): "tied", (1, 2): "tied", (2, 3): "taken"}


def test_the_best_total_goes_before_the_best_single_pair():
    edges = {(1, 1): 0.9, (1, 2): 0.8, (2, 1): 0.8}
    assert verdicts(best_pairs(frame(edges), 0.1)) == {(1, 1): "left", (1, 2): "taken", (2, 1): "taken"}


def test_what_is_beyond_the_bound_is_said_to_be_and_the_rest_is_judged():
    edges = {(p, i): 0.5 + p / 100 for p in range(1, 4) for i in range(1, 4)} | {(9, 9): 0.7}
    told = verdicts(best_pairs(frame(edges), 0.1, 8))
    assert {told[pair] for pair in edges if pair != (9, 9)} == {"beyond"}
    assert told[9, 9] == "taken"
