"""Assignment: as good as trying every assignment, and never one of two that are equally good."""

from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching.assign import STRATEGIES, best_pairs

EDGES = st.dictionaries(
    st.tuples(st.integers(1, 5), st.integers(1, 5)), st.integers(1, 9).map(lambda n: n / 10), min_size=1, max_size=14
)


def frame(edges):
    return pl.DataFrame([(p, i, s) for (p, i), s in edges.items()], schema=["pno", "ino", "score"], orient="row")


def every_best(edges):
    """All assignments with the largest total, as sets of pairs."""
    payments, items = sorted({p for p, _ in edges}), sorted({i for _, i in edges})
    columns = items + [None] * len(payments)
    found = {}
    for chosen in set(permutations(columns, len(payments))):
        pairs = frozenset((p, i) for p, i in zip(payments, chosen, strict=True) if (p, i) in edges)
        found[pairs] = round(sum(edges[pair] for pair in pairs), 6)
    best = max(found.values())
    return [pairs for pairs, total in found.items() if total == best]


@settings(max_examples=120, deadline=None)
@given(edges=EDGES)
def test_a_pair_is_taken_exactly_where_every_best_assignment_has_it(edges):
    best = every_best(edges)
    verdicts = {(p, i): v for p, i, _, v in best_pairs(frame(edges), 1e-9).iter_rows()}
    for pair in edges:
        in_all, in_some = all(pair in a for a in best), any(pair in a for a in best)
        assert verdicts[pair] == ("taken" if in_all else "tied" if in_some else "left")


@settings(max_examples=60)
@given(edges=EDGES, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(edges, shuffle):
    keys = list(edges)
    shuffle.shuffle(keys)
    for strategy in STRATEGIES.values():
        assert strategy(frame(edges), 0.05).equals(strategy(frame({k: edges[k] for k in keys}), 0.05))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_that_are_equally_good_are_tied(strategy):
    edges = {(1, 1): 0.9, (1, 2): 0.9, (2, 3): 0.8}
    verdicts = {(p, i): v for p, i, _, v in STRATEGIES[strategy](frame(edges), 0.01).iter_rows()}
    assert verdicts == {(1, 1): "tied", (1, 2): "tied", (2, 3): "taken"}


def test_the_best_total_goes_before_the_best_single_pair():
    edges = {(1, 1): 0.9, (1, 2): 0.8, (2, 1): 0.8}
    verdicts = {(p, i): v for p, i, _, v in best_pairs(frame(edges), 0.1).iter_rows()}
    assert verdicts == {(1, 1): "left", (1, 2): "taken", (2, 1): "taken"}
