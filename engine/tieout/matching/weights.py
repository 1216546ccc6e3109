"""Fellegi-Sunter weights: how much each level of agreement speaks for a pair, and EM to estimate it. Pure arithmetic.

A level's weight is log2(m / u): m is how often a true pair shows it, u how often a false one does. Weights add up with the prior
to the probability that the pair is true, where the comparisons are independent given that it is or is not. Source: Fellegi and
Sunter, A Theory for Record Linkage (1969); EM and term frequencies as Splink's documentation defines them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["Estimate", "estimate", "is_weighted", "levels_of", "patterns", "probabilities", "tokens_of"]

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]

# No level is impossible: a weight stays finite, whatever the sample showed.
LEAST = 1e-6
_UNKNOWN = -1


def is_weighted(options: Mapping[str, Any]) -> bool:
    """Whether a pass asks for weights and all of them are written in its plan, the prior too."""
    levels = [level for each in options.get("compare", ()) for level in each.get("levels", ())]
    return (
        options.get("weights") == "fellegi_sunter"
        and "prior" in options
        and bool(levels)
        and all(each.get("levels") for each in options["compare"])
        and all({"m", "u"} <= set(level) for level in levels)
    )


def levels_of(scored: pl.DataFrame, comparisons: Sequence[Mapping[str, Any]]) -> Levels:
    """The level of each pair in each comparison, 0 for the strongest; -1 where a side is null and nothing is said.

    scored: columns by_N, left_N and right_N. A pair has the first level whose ``at`` its value reaches, else the last.
    """
    found = np.full((scored.height, len(comparisons)), _UNKNOWN, dtype=np.int64)
    for n, each in enumerate(comparisons):
        limits = [float(level["at"]) for level in each["levels"]]
        values = scored[f"by_{n}"].cast(pl.Float64).fill_null(0).to_numpy()
        level = np.full(scored.height, len(limits) - 1, dtype=np.int64)
        for position in range(len(limits) - 1, -1, -1):
            # by_N is rounded to four places.
            level[values >= limits[position] - 5e-5] = position
        known = (scored[f"left_{n}"].is_not_null() & scored[f"right_{n}"].is_not_null()).to_numpy()
        found[known, n] = level[known]
    return found


def probabilities(
    levels: Levels,
    comparisons: Sequence[Mapping[str, Any]],
    prior: float,
    frequencies: Mapping[int, Floats] | None = None,
) -> Floats:
    """The probability that each pair is true.

    frequencies: by comparison, for each pair how frequent the value is that both share (nan where none): at the strongest
        level it stands in place of u, so that a rare name says more than a common one.
    """
    bits = np.full(len(levels), _logit(prior))
    for n, each in enumerate(comparisons):
        m = np.array([float(level["m"]) for level in each["levels"]])
        u = np.array([float(level["u"]) for level in each["levels"]])
        weights = np.log2(np.clip(m, LEAST, 1)) - np.log2(np.clip(u, LEAST, 1))
        known = levels[:, n] >= 0
        bits[known] += weights[levels[known, n]]
        if frequencies and n in frequencies:
            shared = frequencies[n]
            rare = (levels[:, n] == 0) & np.isfinite(shared)
            bits[rare] += np.log2(max(u[0], LEAST)) - np.log2(np.clip(shared[rare], LEAST, 1))
    result: Floats = 1 / (1 + np.exp2(-np.clip(bits, -500, 500)))
    return result


def _logit(probability: float) -> float:
    held = min(max(probability, LEAST), 1 - LEAST)
    return float(np.log2(held / (1 - held)))


def tokens_of(left: pl.Series, right: pl.Series, among: pl.Series) -> Floats:
    """For each pair, the share of ``among`` that holds the rarest word both sides have; nan where they share none."""
    words = among.drop_nulls().str.split(" ").list.unique().explode().drop_nulls()
    counts = dict(words.value_counts().iter_rows())
    total = max(len(among.drop_nulls()), 1)
    shared = pl.DataFrame({"a": left, "b": right}).select(
        pl.col("a").str.split(" ").list.set_intersection(pl.col("b").str.split(" ")).alias("shared")
    )["shared"]
    found = [
        min((counts[w] for w in each if w in counts), default=None) if each is not None else None for each in shared
    ]
    return np.array([np.nan if count is None else count / total for count in found], dtype=np.float64)


# --- EM ---


@dataclass(frozen=True)
class Estimate:
    """What EM came to."""

    prior: float
    m: tuple[tuple[float, ...], ...]
    u: tuple[tuple[float, ...], ...]
    rounds: int
    converged: bool
    likelihood: float
    """The logarithm of the likelihood, in nats; it never falls from round to round."""


def patterns(levels: Levels) -> tuple[Levels, Floats]:
    """The distinct rows of levels and how many pairs have each: all that EM needs of any number of pairs."""
    rows, counts = np.unique(levels, axis=0, return_counts=True)
    return rows, counts.astype(np.float64)


def estimate(
    levels: Levels,
    sizes: Sequence[int],
    *,
    u: Sequence[Sequence[float]] | None = None,
    prior: float = 0.1,
    rounds: int = 500,
    tolerance: float = 1e-9,
) -> Estimate:
    """m and the prior (and u, where it is not given) of pairs nobody has labelled, by expectation and maximisation.

    levels: as ``levels_of``; a comparison about which a pair says nothing takes no part for it. sizes: the number of levels
    of each comparison. u: fixed, as seen on pairs drawn at random. The first guess is that true pairs agree.
    """
    rows, counts = patterns(levels)
    m_now = [_falling(size) for size in sizes]
    u_now = (
        [np.clip(np.asarray(each, dtype=np.float64), LEAST, 1) for each in u]
        if u
        else [_falling(size)[::-1] for size in sizes]
    )
    total, last, converged, done = counts.sum(), -np.inf, False, 0
    for done in range(1, rounds + 1):  # noqa: B007 - how many there were is part of the answer
        true, false = (_log_chance(rows, each) for each in (m_now, u_now))
        true, false = true + np.log(prior), false + np.log1p(-prior)
        both = np.logaddexp(true, false)
        likelihood = float((counts * both).sum())
        weight = counts * np.exp(true - both)
        prior = float(np.clip(weight.sum() / total, LEAST, 1 - LEAST))
        m_now = [_shares(rows[:, n], weight, size) for n, size in enumerate(sizes)]
        if u is None:
            u_now = [_shares(rows[:, n], counts - weight, size) for n, size in enumerate(sizes)]
        converged = likelihood - last <= tolerance * max(abs(likelihood), 1)
        last = likelihood
        if converged:
            break
    return Estimate(prior, _tuples(m_now), _tuples(u_now), done, converged, last)


def _falling(size: int) -> Floats:
    """Shares of levels that fall by half: the first guess of what a true pair shows."""
    guess = np.exp2(-np.arange(size, dtype=np.float64))
    result: Floats = guess / guess.sum()
    return result


def _log_chance(rows: Levels, shares: Sequence[Floats]) -> Floats:
    total = np.zeros(len(rows))
    for n, each in enumerate(shares):
        known = rows[:, n] >= 0
        total[known] += np.log(each[rows[known, n]])
    return total


def _shares(level: Levels, weight: Floats, size: int) -> Floats:
    known = level >= 0
    sums = np.bincount(level[known], weights=weight[known], minlength=size)
    shares = np.clip(sums / max(sums.sum(), LEAST), LEAST, 1)
    result: Floats = shares / shares.sum()
    return result


def _tuples(shares: Sequence[Floats]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in each) for each in shares)
