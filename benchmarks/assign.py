"""One-to-one assignment of a million scored pairs, with a margin, beside scipy's optimum alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tieout.matching.assign import best_pairs


def candidates(edges: int, *, seed: int = 7) -> pl.DataFrame:
    """So many pairs: groups of one to some dozens of payments and items that look alike, most of them small."""
    draw = np.random.default_rng(seed)
    found: list[np.ndarray] = []
    rows = columns = total = 0
    while total < edges:
        p, i = np.clip(draw.geometric(0.35, 2), 1, 60)
        if draw.random() < 0.002:
            p, i = draw.integers(60, 250, 2)
        kept = draw.random((p, i)) < min(1.0, 8 / max(p, i))
        kept[np.arange(p), np.arange(p) % i] = True
        r, c = np.nonzero(kept)
        found.append(np.column_stack((r + rows, c + columns)))
        rows, columns, total = rows + int(p), columns + int(i), total + len(r)
    pairs = np.concatenate(found)[:edges]
    scores = np.round(draw.beta(6, 2, len(pairs)), 4) + 0.0001
    return pl.DataFrame({"pno": pairs[:, 0], "ino": pairs[:, 1], "score": scores})


def _optimum(pairs: pl.DataFrame) -> float:
    """The largest total score, by scipy on each connected component: no margin, no verdicts."""
    row, column, score = (pairs[name].to_numpy() for name in ("pno", "ino", "score"))
    rows = int(row.max()) + 1
    size = rows + int(column.max()) + 1
    graph = coo_matrix((np.ones(len(row)), (row, column + rows)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][row]
    order = np.argsort(labels, kind="stable")
    total = 0.0
    for edges in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        r, c = np.unique(row[edges], return_inverse=True)[1], np.unique(column[edges], return_inverse=True)[1]
        weights = np.zeros((r.max() + 1, c.max() + 1))
        weights[r, c] = score[edges]
        total += float(weights[linear_sum_assignment(weights, maximize=True)].sum())
    return total


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    pairs = candidates(int(1_000_000 * scale))
    floor = stopwatch(lambda: _optimum(pairs))
    seconds = stopwatch(lambda: best_pairs(pairs, 0.05))
    judged = best_pairs(pairs, 0.05)
    counts = dict(judged["verdict"].value_counts().iter_rows())
    loose = judged.filter(verdict="taken")["score"].sum()
    yield (
        f"{pairs.height:,} pairs of {pairs['pno'].n_unique():,} payments and {pairs['ino'].n_unique():,} items: "
        f"{seconds:.2f} s, {counts.get('taken', 0):,} taken, {counts.get('tied', 0):,} tied within 0.05, "
        f"{counts.get('beyond', 0):,} beyond the bound; optimum alone {floor:.2f} s; ratio {seconds / floor:.1f}"
    )
    yield f"score of what is taken {loose:,.0f} of at most {_optimum(pairs):,.0f}: the rest is not certain"
