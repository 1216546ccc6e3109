"""Weights of agreement: the arithmetic by hand, and EM against data whose m and u are known."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.matching.weights import estimate, is_weighted, levels_of, probabilities, tokens_of

NAME = {"levels": [{"at": 1, "m": 0.8, "u": 0.01}, {"at": 0.8, "m": 0.15, "u": 0.04}, {"at": 0, "m": 0.05, "u": 0.95}]}
DAY = {"levels": [{"at": 0.9, "m": 0.9, "u": 0.1}, {"at": 0, "m": 0.1, "u": 0.9}]}


def drawn(prior, shares_true, shares_false, count, seed):
    """Levels of pairs drawn from a known truth, and which of them are true."""
    random = np.random.default_rng(seed)
    true = random.random(count) < prior
    columns = [
        np.where(true, random.choice(len(m), count, p=m), random.choice(len(u), count, p=u))
        for m, u in zip(shares_true, shares_false, strict=True)
    ]
    return np.column_stack(columns), true


TRUE = [(0.8, 0.15, 0.05), (0.9, 0.1), (0.7, 0.2, 0.1)]
FALSE = [(0.01, 0.04, 0.95), (0.1, 0.9), (0.05, 0.15, 0.8)]


def test_the_probability_is_the_prior_odds_times_the_ratio_of_each_level():
    levels = np.array([[0, 0], [2, 1], [0, 1], [-1, 0]])
    found = probabilities(levels, [NAME, DAY], 0.1)
    ratios = [80 * 9, (5 / 95) / 9, 80 / 9, 9]
    assert found == pytest.approx([odds / (9 + odds) for odds in ratios])


def test_a_side_that_says_nothing_counts_neither_way():
    assert probabilities(np.array([[-1, -1]]), [NAME, DAY], 0.3) == pytest.approx([0.3])


def test_a_rare_name_says_more_than_a_common_one_and_only_where_the_names_agree():
    levels = np.array([[0, 0], [0, 0], [0, 0], [1, 0]])
    shared = {0: np.array([0.001, 0.01, 0.2, 0.001])}
    rare, usual, common, alike = probabilities(levels, [NAME, DAY], 0.1, shared)
    plain = probabilities(levels, [NAME, DAY], 0.1)
    assert rare > usual > common
    assert usual == pytest.approx(plain[1]), "a name as frequent as u says just what u says"
    assert alike == pytest.approx(plain[3])
    assert rare == pytest.approx(800 * 9 / (9 + 800 * 9))


def test_the_rarest_word_that_two_names_share_is_weighed():
    among = pl.Series(["ALDER TRADING", "BROOK TRADING", "CEDAR TRADING", "DUNE TRADING", None])
    left = pl.Series(["ALDER TRADING", "ELM TRADING", "ELM", None])
    right = pl.Series(["ALDER TRADING", "BROOK TRADING", "BROOK TRADING", "BROOK TRADING"])
    assert tokens_of(left, right, among) == pytest.approx([0.25, 1.0, np.nan, np.nan], nan_ok=True)


def test_a_pair_has_the_strongest_level_it_reaches():
    scored = pl.DataFrame(
        {"by_0": [1.0, 0.8, 0.79, 0.0, 0.0], "left_0": ["a", "a", "a", "a", None], "right_0": ["a", "b", "c", "d", "e"]}
    )
    assert levels_of(scored, [NAME])[:, 0].tolist() == [0, 1, 2, 2, -1]


@pytest.mark.parametrize("prior", [0.05, 0.3])
def test_em_finds_the_shares_that_the_pairs_were_drawn_from(prior):
    levels, true = drawn(prior, TRUE, FALSE, 60_000, seed=7)
    found = estimate(levels, [3, 2, 3])
    assert found.converged
    assert found.prior == pytest.approx(true.mean(), abs=0.01)
    for known, told in ((TRUE, found.m), (FALSE, found.u)):
        for mine, theirs in zip(told, known, strict=True):
            assert mine == pytest.approx(theirs, abs=0.03)


def test_em_with_u_given_leaves_it_and_finds_the_rest():
    levels, true = drawn(0.02, TRUE, FALSE, 60_000, seed=11)
    found = estimate(levels, [3, 2, 3], u=FALSE)
    assert found.u == tuple(FALSE)
    assert found.prior == pytest.approx(true.mean(), abs=0.005)
    for mine, theirs in zip(found.m, TRUE, strict=True):
        assert mine == pytest.approx(theirs, abs=0.05)


def test_em_forgets_what_a_pair_does_not_say():
    levels, _ = drawn(0.3, TRUE, FALSE, 60_000, seed=3)
    levels[np.random.default_rng(1).random(levels.shape) < 0.3] = -1
    found = estimate(levels, [3, 2, 3])
    for mine, theirs in zip(found.m, TRUE, strict=True):
        assert mine == pytest.approx(theirs, abs=0.04)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_the_likelihood_never_falls(seed, rounds):
    levels, _ = drawn(0.2, TRUE, FALSE, 200, seed)
    less, more = (estimate(levels, [3, 2, 3], rounds=n, tolerance=-1.0) for n in (rounds, rounds + 1))
    assert more.likelihood >= less.likelihood - 1e-9
    for shares in (*more.m, *more.u):
        assert sum(shares) == pytest.approx(1)


def test_a_pass_is_weighted_only_when_every_number_is_written():
    whole = {"weights": "fellegi_sunter", "prior": 0.1, "compare": [NAME, DAY]}
    assert is_weighted(whole)
    assert not is_weighted({**whole, "compare": [NAME, {"levels": [{"at": 0.9}, {"at": 0}]}]})
    assert not is_weighted({key: value for key, value in whole.items() if key != "prior"})
    assert not is_weighted({**whole, "compare": [NAME, {"method": "equal"}]})
