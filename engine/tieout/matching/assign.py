"""Which candidates of a pass are taken: the best assignment as a whole, and only where there is no other as good.

A strategy takes scored pairs and returns them with a verdict; the registry is what a plan may name under ``assign``.
Scores count in millionths, so that sums of them are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["MOST_CELLS", "STRATEGIES", "best_pairs", "only_pairs"]

Whole = npt.NDArray[np.int64]
Losses = npt.NDArray[np.float64]

# A group of payments and items that hang together is not searched beyond so many payments times items.
MOST_CELLS = 1_000_000
# Groups with at most so many assignments are solved by trying all of them, many groups at once.
_MOST_TRIED = 500
_MILLION = 1_000_000
_NO_EDGE = -(2**40)
_VERDICTS = pl.Series(["left", "tied", "taken", "beyond"])
_LEFT, _TIED, _TAKEN, _BEYOND = range(4)


def only_pairs(pairs: pl.DataFrame, margin: float, _most_cells: int = MOST_CELLS) -> pl.DataFrame:
    """The pairs with a verdict: ``taken`` where neither side has another candidate within the margin.

    pairs: pno, ino, score. Returns the same rows sorted by (pno, ino) with ``verdict``: taken, tied or left.
    """
    ranked = pairs.sort("pno", "ino").with_columns(
        best=pl.col("score").max().over("pno"), wanted=pl.col("score").max().over("ino")
    )
    ranked = ranked.with_columns(
        near=(pl.col("score") >= pl.col("best") - margin).sum().over("pno"),
        rivals=(pl.col("score") >= pl.col("wanted") - margin).sum().over("ino"),
    )
    top = (pl.col("score") == pl.col("best")) & (pl.col("score") == pl.col("wanted"))
    alone = (pl.col("near") == 1) & (pl.col("rivals") == 1)
    close = pl.col("score") >= pl.col("best") - margin
    return ranked.with_columns(
        verdict=pl.when(top & alone).then(pl.lit("taken")).when(close).then(pl.lit("tied")).otherwise(pl.lit("left"))
    ).drop("best", "wanted", "near", "rivals")


def best_pairs(pairs: pl.DataFrame, margin: float, most_cells: int = MOST_CELLS) -> pl.DataFrame:
    """The pairs of the one-to-one assignment with the largest total score, exact for each connected component.

    A pair is ``taken`` where every assignment without it is worse by more than the margin; where one is as good, the
    payment's pairs that stand in such an assignment are ``tied``; the others are ``left``. Pairs of a component with more
    than ``most_cells`` payments times items are ``beyond``: nothing is said of them.
    pairs: pno, ino, score (above 0). Returns the rows sorted by (pno, ino) with ``verdict``.
    """
    pairs = pairs.sort("pno", "ino")
    if pairs.is_empty():
        return pairs.with_columns(verdict=pl.lit(None, dtype=pl.String))
    graph = _Graph.of(pairs)
    scores = np.rint(pairs["score"].cast(pl.Float64).to_numpy() * _MILLION).astype(np.int64)
    states = np.full(len(scores), _LEFT, dtype=np.uint8)
    allowed = round(margin * _MILLION)
    for (height, width), components in graph.shapes():
        assignments = _count(height, width)
        if height * width > most_cells:
            states[graph.edges(components)[0]] = _BEYOND
            continue
        # As many components at once as make a few million numbers.
        step = max(1, 2_000_000 // assignments) if assignments <= _MOST_TRIED else 1
        for part in np.split(components, range(step, len(components), step)):
            edge, at, row, column = graph.edges(part)
            weights = np.full((len(part), height, width), _NO_EDGE)
            weights[at, row, column] = scores[edge]
            loss = _tried(weights) if assignments <= _MOST_TRIED else _searched(weights[0])
            with_it, without = (each[at, row, column] for each in loss)
            states[edge[with_it <= allowed]] = _TIED
            states[edge[without > allowed]] = _TAKEN
    return pairs.with_columns(verdict=_VERDICTS.gather(states))


@dataclass(frozen=True, slots=True)
class _Graph:
    """The pairs by connected component, payments and items numbered within each."""

    order: Whole
    """The pairs, those of one component together."""
    starts: Whole
    """Where the pairs of each component start in ``order``; one more at the end."""
    row: Whole
    column: Whole
    """Of each pair, in the order of the pairs."""
    heights: Whole
    widths: Whole

    @classmethod
    def of(cls, pairs: pl.DataFrame) -> _Graph:
        # scipy takes a second to load, and most runs have nothing to assign.
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        rows, row_of = np.unique(pairs["pno"].to_numpy(), return_inverse=True)
        columns, column_of = np.unique(pairs["ino"].to_numpy(), return_inverse=True)
        total = len(rows) + len(columns)
        links = coo_matrix((np.ones(len(pairs), dtype=np.int8), (row_of, column_of + len(rows))), shape=(total, total))
        count, component = connected_components(links, directed=False)
        labels = component[row_of]
        order = np.argsort(labels, kind="stable")
        starts = np.searchsorted(labels[order], np.arange(count + 1))
        row_place, heights = _numbered(component[: len(rows)], count)
        column_place, widths = _numbered(component[len(rows) :], count)
        return cls(order, starts, row_place[row_of], column_place[column_of], heights, widths)

    def shapes(self) -> Iterator[tuple[tuple[int, int], Whole]]:
        """(payments, items) and the components that have so many."""
        shape = self.heights * (int(self.widths.max()) + 1) + self.widths
        order = np.argsort(shape, kind="stable")
        for components in np.split(order, np.flatnonzero(np.diff(shape[order])) + 1):
            yield (int(self.heights[components[0]]), int(self.widths[components[0]])), components

    def edges(self, components: Whole) -> tuple[Whole, Whole, Whole, Whole]:
        """The pairs of the components, which of the components each is of, and its row and column there."""
        count = self.starts[components + 1] - self.starts[components]
        at = np.repeat(np.arange(len(components)), count)
        offset = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        edge = self.order[np.repeat(self.starts[components], count) + offset]
        return edge, at, self.row[edge], self.column[edge]


def _numbered(component: Whole, count: int) -> tuple[Whole, Whole]:
    """The place of each node within its component, and the size of each component."""
    order = np.argsort(component, kind="stable")
    sizes = np.bincount(component, minlength=count)
    place = np.empty(len(component), dtype=np.int64)
    place[order] = np.arange(len(component)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place, sizes


def _count(height: int, width: int) -> int:
    """How many assignments there are: each row has a column of its own, or none. At most a little over the limit."""
    total, few, many = 0, min(height, width), max(height, width)
    for taken in range(few + 1):
        total += math.comb(few, taken) * math.perm(many, taken)
        if total > _MOST_TRIED:
            break
    return total


@lru_cache(maxsize=64)
def _assignments(height: int, width: int) -> Whole:
    """Every assignment, one a row: the column of each row, ``width`` for none."""
    found: list[tuple[int, ...]] = [()]
    for _ in range(height):
        found = [(*done, c) for done in found for c in range(width + 1) if c == width or c not in done]
    return np.asarray(found)


def _tried(weights: Whole) -> tuple[Whole, Whole]:
    """What the best total loses with each pair, and without it, by trying every assignment of many components."""
    count, height, width = weights.shape
    if height > width:
        lost = _tried(weights.transpose(0, 2, 1))
        return lost[0].transpose(0, 2, 1), lost[1].transpose(0, 2, 1)
    chosen = _assignments(height, width)
    padded = np.concatenate((weights, np.zeros((count, height, 1), dtype=np.int64)), axis=2)
    totals = np.zeros((count, len(chosen)), dtype=np.int64)
    for row in range(height):
        totals += padded[:, row, chosen[:, row]]
    best = totals.max(axis=1)
    with_it, without = np.empty_like(weights), np.empty_like(weights)
    for row in range(height):
        for column in range(width):
            has = chosen[:, row] == column
            with_it[:, row, column] = best - totals[:, has].max(axis=1)
            without[:, row, column] = best - totals[:, ~has].max(axis=1)
    return with_it, without


def _searched(weights: Whole) -> tuple[Whole, Whole]:
    """The same for one component of any shape: the optimum, and the cheapest way round from each change of it.

    A change moves a payment to another's item, that one to a third's ... until an item is free, a payment has none, or
    the circle closes. What it costs is a shortest path over the payments and one place for all that is free; no circle
    gains, as the optimum is one.
    """
    from scipy.optimize import linear_sum_assignment

    height, width = weights.shape
    if height > width:
        turned = _searched(weights.T)
        return turned[0].transpose(0, 2, 1), turned[1].transpose(0, 2, 1)
    worth = np.maximum(weights, 0).astype(np.float64)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    real = weights[rows, columns] > 0
    mate = np.full(height, -1)
    mate[rows[real]] = columns[real]
    owner = np.full(width, height)
    owner[columns[real]] = rows[real]
    now: Losses = np.where(mate >= 0, worth[np.arange(height), mate], 0)
    gain: Losses = np.where(weights > 0, worth, -np.inf)
    free = np.flatnonzero(owner == height)
    steps = np.full((height + 1, height + 1), np.inf)
    held = np.flatnonzero(mate >= 0)
    steps[:height, held] = now[:, None] - gain[:, mate[held]]
    steps[:height, height] = now - np.maximum(gain[:, free].max(axis=1, initial=-np.inf), 0)
    steps[height, :] = 0
    np.fill_diagonal(steps, 0)
    way = _shortest(steps)
    # With the pair (i, j): i leaves what it has for j, whose owner goes the cheapest way to what i had.
    with_pair = now[:, None] - gain + way[owner, :height].T
    without = np.full((height, width), -np.inf)
    alone = now + way[height, :height]
    for i in held:
        others = np.delete(with_pair[i], mate[i]).min(initial=np.inf)
        without[i, mate[i]] = min(others, alone[i])
    big = float(2**60)
    return _rounded(np.minimum(with_pair, big)), _rounded(np.clip(without, -1, big))


def _rounded(losses: Losses) -> Whole:
    return np.rint(losses).astype(np.int64)[None]


def _shortest(steps: Losses) -> Losses:
    """The cost of the cheapest way between any two places, by Floyd and Warshall; steps may cost less than nothing."""
    way = steps.copy()
    for via in range(len(way)):
        np.minimum(way, way[:, via, None] + way[via], out=way)
    return way


STRATEGIES: Mapping[str, Callable[[pl.DataFrame, float, int], pl.DataFrame]] = {
    "one_to_one": best_pairs,
    "only": only_pairs,
}
