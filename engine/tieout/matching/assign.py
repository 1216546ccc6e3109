"""Which candidates of a pass are taken: the best assignment as a whole, and only where there is no other as good.

A strategy takes scored pairs and returns them with a verdict; the registry is what a plan may name under ``assign``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["STRATEGIES", "best_pairs", "only_pairs"]

Weights = npt.NDArray[np.float64]

# Components beyond this many cells are not searched: all their payments are called ambiguous.
MOST_CELLS = 4_000_000


def only_pairs(pairs: pl.DataFrame, margin: float) -> pl.DataFrame:
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


def best_pairs(pairs: pl.DataFrame, margin: float) -> pl.DataFrame:
    """The pairs of the one-to-one assignment with the largest total score, exact for each connected component.

    A pair is ``taken`` where every assignment without it is worse by more than the margin; where one is as good, the
    payment's pairs that stand in such an assignment are ``tied``; the others are ``left``.
    pairs: pno, ino, score (above 0). Returns the rows sorted by (pno, ino) with ``verdict``.
    """
    pairs = pairs.sort("pno", "ino")
    if pairs.is_empty():
        return pairs.with_columns(verdict=pl.lit(None, dtype=pl.String))
    # scipy takes a second to load, and most runs have nothing to assign.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows, row_of = np.unique(pairs["pno"].to_numpy(), return_inverse=True)
    columns, column_of = np.unique(pairs["ino"].to_numpy(), return_inverse=True)
    total = len(rows) + len(columns)
    graph = coo_matrix((np.ones(len(pairs)), (row_of, column_of + len(rows))), shape=(total, total))
    _, component = connected_components(graph, directed=False)
    labels = component[row_of]
    verdict = np.full(len(pairs), "left", dtype=object)
    scores = pairs["score"].cast(pl.Float64).to_numpy()
    order = np.argsort(labels, kind="stable")
    for edges in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(edges) == 1:
            verdict[edges[0]] = "taken"
        else:
            verdict[edges] = _component(row_of[edges], column_of[edges], scores[edges], margin)
    return pairs.with_columns(verdict=pl.Series(verdict.tolist(), dtype=pl.String))


def _component(
    row_of: npt.NDArray[np.int64], column_of: npt.NDArray[np.int64], scores: Weights, margin: float
) -> list[str]:
    """The verdicts of the edges of one connected component."""
    rows, r = np.unique(row_of, return_inverse=True)
    columns, c = np.unique(column_of, return_inverse=True)
    if len(rows) * len(columns) > MOST_CELLS:
        return ["tied"] * len(scores)
    weights = np.zeros((len(rows), len(columns)))
    weights[r, c] = scores
    best, chosen = _solve(weights)
    verdicts = ["left"] * len(scores)
    undecided: set[int] = set()
    for edge in range(len(scores)):
        if (int(r[edge]), int(c[edge])) not in chosen:
            continue
        without = weights.copy()
        without[r[edge], c[edge]] = 0
        if best - _solve(without)[0] > margin:
            verdicts[edge] = "taken"
        else:
            verdicts[edge] = "tied"
            undecided.add(int(r[edge]))
    for edge in range(len(scores)):
        if verdicts[edge] != "left":
            continue
        forced = weights.copy()
        forced[r[edge], :] = 0
        forced[:, c[edge]] = 0
        if best - (_solve(forced)[0] + scores[edge]) <= margin:
            verdicts[edge] = "tied"
    return verdicts


def _solve(weights: Weights) -> tuple[float, set[tuple[int, int]]]:
    """The largest total and the pairs that make it; pairs without weight are none."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(weights, maximize=True)
    pairs = {(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if weights[i, j] > 0}
    return float(sum(weights[i, j] for i, j in pairs)), pairs


STRATEGIES: Mapping[str, Callable[[pl.DataFrame, float], pl.DataFrame]] = {
    "one_to_one": best_pairs,
    "only": only_pairs,
}
