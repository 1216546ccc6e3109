"""Which items add up to an amount: exact in minor units, and always with the label whether the answer is the only one.

Meet in the middle up to about 40 items; beyond, answers up to a stated number of items. Nothing is ever guessed: the
number of solutions is exact within the stated bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["Answer", "subset_sum"]

Sums = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """The solutions of one sum, as sorted tuples of positions, at most ``shown``; count is exact within ``within``."""

    count: int
    solutions: tuple[tuple[int, ...], ...]
    within: int | None
    """The largest number of items considered; None where every subset was."""

    @property
    def label(self) -> str:
        """none, unique or ambiguous, with ``within`` where not every subset was considered."""
        word = "none" if self.count == 0 else "unique" if self.count == 1 else "ambiguous"
        return word if self.within is None or word == "ambiguous" else f"{word} within {self.within}"


def subset_sum(amounts: Sequence[int], target: int, *, full: int = 34, sizes: int = 4, shown: int = 4) -> Answer:
    """The subsets of amounts (none of them 0) that sum to target (not 0).

    full: up to so many amounts all subsets are considered; beyond, only those of at most ``sizes`` items (1 to 4).
    """
    if len(amounts) <= full:
        return _all_subsets(np.asarray(amounts, dtype=np.int64), target, shown)
    return _small_subsets(amounts, target, sizes, shown)


def _subset_sums(amounts: Sums) -> Sums:
    sums = np.zeros(1, dtype=np.int64)
    for amount in amounts:
        sums = np.concatenate((sums, sums + amount))
    return sums


def _all_subsets(amounts: Sums, target: int, shown: int) -> Answer:
    half = len(amounts) // 2
    left, right = _subset_sums(amounts[:half]), _subset_sums(amounts[half:])
    order = np.argsort(right, kind="stable")
    ordered = right[order]
    wanted = target - left
    low = np.searchsorted(ordered, wanted, side="left")
    high = np.searchsorted(ordered, wanted, side="right")
    count = int((high - low).sum())
    solutions: list[tuple[int, ...]] = []
    for mask in np.flatnonzero(high > low)[:shown]:
        for place in range(int(low[mask]), int(high[mask])):
            if len(solutions) == shown:
                break
            bits = int(mask) | int(order[place]) << half
            solutions.append(tuple(i for i in range(len(amounts)) if bits >> i & 1))
    return Answer(count, tuple(sorted(solutions)), None)


def _small_subsets(amounts: Sequence[int], target: int, sizes: int, shown: int) -> Answer:
    """Subsets of at most ``sizes`` (1 to 4) items: pairs are listed once and looked up by their sum."""
    n = len(amounts)
    values = np.asarray(amounts, dtype=np.int64)
    solutions: set[tuple[int, ...]] = {(int(i),) for i in np.flatnonzero(values == target)}
    if sizes >= 2:
        first, second = np.triu_indices(n, 1)
        sums = values[first] + values[second]
        solutions |= {(int(first[k]), int(second[k])) for k in np.flatnonzero(sums == target)}
    if sizes >= 3:
        order = np.argsort(sums, kind="stable")
        ordered = sums[order]
        for i in range(n):
            low, high = (
                np.searchsorted(ordered, target - values[i], side="left"),
                np.searchsorted(ordered, target - values[i], side="right"),
            )
            for k in order[low:high]:
                trio = {i, int(first[k]), int(second[k])}
                if len(trio) == 3:
                    solutions.add(tuple(sorted(trio)))
    if sizes >= 4:
        low = np.searchsorted(ordered, target - sums, side="left")
        high = np.searchsorted(ordered, target - sums, side="right")
        for k in np.flatnonzero(high > low):
            for m in order[low[k] : high[k]]:
                four = {int(first[k]), int(second[k]), int(first[m]), int(second[m])}
                if len(four) == 4:
                    solutions.add(tuple(sorted(four)))
    ranked = sorted(solutions, key=lambda s: (len(s), s))
    return Answer(len(ranked), tuple(ranked[:shown]), sizes)


def brute_force(amounts: Sequence[int], target: int) -> list[tuple[int, ...]]:
    """All subsets that sum to target, by trying each; the oracle of the tests."""
    return [
        chosen
        for size in range(1, len(amounts) + 1)
        for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[i] for i in chosen) == target
    ]
