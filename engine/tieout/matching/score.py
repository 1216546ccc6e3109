"""How alike two values are, between 0 and 1: the comparison methods a plan may name. The only door to rapidfuzz.

Every method takes two equally long series and works on whole columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, JaroWinkler

__all__ = ["METHODS", "Scores", "alike", "compare", "osa_distance"]

Scores = npt.NDArray[np.float32]


def _pairwise(scorer: Any, left: pl.Series, right: pl.Series, scale: float) -> Scores:
    """scorer over the pairs; 0 where a side is null or empty."""
    a, b = left.fill_null("").to_list(), right.fill_null("").to_list()
    values = process.cpdist(a, b, scorer=scorer, dtype=np.float32, workers=1) / np.float32(scale)
    empty = (left.fill_null("") == "") | (right.fill_null("") == "")
    values[empty.to_numpy()] = 0
    return np.asarray(values, dtype=np.float32)


def _equal(left: pl.Series, right: pl.Series) -> Scores:
    return (left == right).fill_null(False).cast(pl.Float32).to_numpy()


def _within(left: pl.Series, right: pl.Series) -> Scores:
    """1 where the left text stands whole in the right one, or begins with it."""
    a, b = left.fill_null("").to_list(), right.fill_null("").to_list()
    found = [bool(x) and bool(y) and (x in y or x.startswith(y)) for x, y in zip(a, b, strict=True)]
    return np.asarray(found, dtype=np.float32)


METHODS: Mapping[str, Callable[[pl.Series, pl.Series], Scores]] = {
    "equal": _equal,
    "within": _within,
    "ratio": lambda a, b: _pairwise(fuzz.ratio, a, b, 100),
    "partial_ratio": lambda a, b: _pairwise(fuzz.partial_ratio, a, b, 100),
    "token_sort_ratio": lambda a, b: _pairwise(fuzz.token_sort_ratio, a, b, 100),
    "token_set_ratio": lambda a, b: _pairwise(fuzz.token_set_ratio, a, b, 100),
    "jaro_winkler": lambda a, b: _pairwise(JaroWinkler.normalized_similarity, a, b, 1),
}


def compare(method: str, left: pl.Series, right: pl.Series) -> Scores:
    """The scores of one method, one a pair."""
    return METHODS[method](left, right)


def alike(words: Sequence[str], among: Sequence[str], edits: int) -> set[str]:
    """Those of ``among`` that are at most ``edits`` edits from a word and of its length but for one sign."""
    return {
        other
        for word in words
        for other, _, _ in process.extract(word, among, scorer=OSA.distance, score_cutoff=edits, limit=None)
        if abs(len(other) - len(word)) <= 1
    }


def osa_distance(left: pl.Series, right: pl.Series) -> npt.NDArray[np.int32]:
    """Edits between the pairs, a swap of neighbours being one (optimal string alignment)."""
    return np.asarray(
        process.cpdist(left.to_list(), right.to_list(), scorer=OSA.distance, dtype=np.int32, workers=1),
        dtype=np.int32,
    )
