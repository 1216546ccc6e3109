"""Which items add up to an amount: exact in whole units, and always with the label whether the answer is the only one.

Up to ``Bounds.full`` items every subset is considered, by meeting in the middle; beyond, every subset up to a size that
the bounds allow. Many sums are solved at once. Nothing is guessed: what was not considered is said in the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["Answer", "Bounds", "brute_force", "subset_sum", "subset_sums"]

Whole = npt.NDArray[np.int64]

# Partial sums handled together: what fits a core's cache.
_BATCH = 1 << 17
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is searched at most; the worst case is 2**(full/2) or pool**2 / 2 partial sums, and ``hits`` pairs of them."""

    full: int = 34
    """Up to so many items every subset is considered."""
    sizes: int = 4
    """Beyond, subsets of at most so many items (1 to 6)."""
    pool: int = 400
    """Beyond so many items, subsets of at most two; of five and six only where as many partial sums suffice."""
    shown: int = 50
    """So many solutions are kept of an answer."""
    hits: int = 2_000_000
    """So many pairs of partial sums with the wanted total are looked at; what is not finished then is not claimed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The solutions of one sum, each a sorted tuple of positions."""

    count: int
    """How many there are within the bound; at least so many where there are ``more``."""
    solutions: tuple[tuple[int, ...], ...]
    """The first of them, those of fewest items first."""
    within: int | None
    """The largest number of items considered; None where every subset was."""
    shared: tuple[int, ...] = ()
    """What stands in every solution: where all subsets were considered, in all there are; else empty."""
    more: bool = False
    """Whether the search ended when enough solutions were found."""

    @property
    def label(self) -> str:
        """unique, ambiguous, none; 'unique within 4' or 'none within 4' where only so many items were considered."""
        word = "none" if self.count == 0 else "unique" if self.count == 1 else "ambiguous"
        return word if self.within is None or word == "ambiguous" else f"{word} within {self.within}"


_NONE = Answer(0, (), None)


def subset_sum(amounts: Sequence[int], target: int, bounds: Bounds | None = None) -> Answer:
    """The subsets of amounts (none of them 0) that sum to target (not 0)."""
    values = np.asarray(amounts, dtype=np.int64)
    return subset_sums(values, np.asarray([0, len(values)]), np.asarray([target], dtype=np.int64), bounds)[0]


def subset_sums(amounts: Whole, starts: Whole, targets: Whole, bounds: Bounds | None = None) -> list[Answer]:
    """One answer a sum: sum number g is of ``amounts[starts[g]:starts[g + 1]]`` (none of them 0) to ``targets[g]`` (not 0).

    The order of the amounts decides the positions and nothing else.
    """
    bounds = bounds or Bounds()
    sizes = np.diff(starts)
    answers = [_NONE] * len(targets)
    for n in np.unique(sizes[(sizes > 0) & (sizes <= bounds.full)]).tolist():
        groups = np.flatnonzero(sizes == n)
        height = max(1, _BATCH >> (n - n // 2))
        for part in np.split(groups, range(height, len(groups), height)):
            for group, answer in _all_subsets(amounts[starts[part][:, None] + np.arange(n)], targets[part], bounds):
                answers[int(part[group])] = answer
    for group in np.flatnonzero(sizes > bounds.full).tolist():
        answers[group] = _small_subsets(amounts[starts[group] : starts[group + 1]], int(targets[group]), bounds)
    return answers


def _all_subsets(block: Whole, targets: Whole, bounds: Bounds) -> Iterator[tuple[int, Answer]]:
    """The answers of sums of equally many amounts, one a row; rows without a solution have none."""
    step = np.gcd.reduce(block, axis=1)
    most = np.where(block > 0, block, 0).sum(axis=1)
    least = np.where(block < 0, block, 0).sum(axis=1)
    rows = np.flatnonzero((targets % step == 0) & (targets <= most) & (targets >= least))
    if not len(rows):
        return
    block, targets = block[rows] // step[rows, None], targets[rows] // step[rows]
    height = len(rows)
    if float(np.abs(block).astype(np.float64).sum(axis=1).max()) * height * 4 > 2**62:
        if height == 1:
            yield int(rows[0]), Answer(0, (), 0)
            return
        for alone, place in enumerate(rows.tolist()):
            yield from ((place, answer) for _, answer in _all_subsets(block[[alone]], targets[[alone]], bounds))
        return
    # A key is a sum and the row it belongs to: equal keys are equal sums of one row.
    half = block.shape[1] // 2
    row = np.arange(height)
    wanted = ((targets * height + row)[:, None] - _subset_keys(block[:, :half] * height)).ravel()
    right = (_subset_keys(block[:, half:] * height) + row[:, None]).ravel()
    left_at = _may_match(wanted, right)
    right_at = _may_match(right, wanted[left_at])
    right_at = right_at[np.argsort(right[right_at], kind="stable")]
    ordered = right[right_at]
    low = np.searchsorted(ordered, wanted[left_at], side="left")
    ways = np.searchsorted(ordered, wanted[left_at], side="right") - low
    hit = ways > 0
    left_at, low, ways = left_at[hit], low[hit], ways[hit]
    if not len(left_at):
        return
    left_row, left_mask = left_at >> half, left_at & ((1 << half) - 1)
    right_bits = block.shape[1] - half
    right_mask = right_at & ((1 << right_bits) - 1)
    firsts = np.flatnonzero(np.diff(left_row, prepend=-1))
    counts = np.add.reduceat(ways, firsts)
    n = block.shape[1]
    common = np.bitwise_and.reduceat(left_mask, firsts)
    common |= _common(right_at, right_mask, low, ways, right_bits) << half
    for number, first in enumerate(firsts.tolist()):
        count = int(counts[number])
        chosen: list[tuple[int, ...]] = []
        at = first
        while len(chosen) < min(count, bounds.shown):
            for place in right_mask[low[at] : low[at] + min(int(ways[at]), bounds.shown)].tolist():
                chosen.append(_positions(int(left_mask[at]) | place << half, n))
            at += 1
        shared = _positions(int(common[number]), n) if count > 1 else chosen[0]
        yield int(rows[left_row[first]]), Answer(count, _ranked(chosen)[: bounds.shown], None, shared)


def _common(right_at: Whole, right_mask: Whole, low: Whole, ways: Whole, bits: int) -> Whole:
    """What the right halves of all solutions share, one mask a row that has any, in the order of the rows."""
    steps = np.zeros(len(right_at) + 1, dtype=np.int64)
    np.add.at(steps, low, 1)
    np.add.at(steps, low + ways, -1)
    used = np.flatnonzero(np.cumsum(steps[:-1]))
    row = right_at[used] >> bits
    order = np.argsort(row, kind="stable")
    return np.bitwise_and.reduceat(right_mask[used][order], np.flatnonzero(np.diff(row[order], prepend=-1)))


def _subset_keys(block: Whole) -> Whole:
    """The sums of all subsets of each row; subset number m has the bits of m."""
    sums: Whole = np.zeros((len(block), 1), dtype=np.int64)
    for column in range(block.shape[1]):
        sums = np.concatenate((sums, sums + block[:, column : column + 1]), axis=1)
    return sums


def _may_match(queries: Whole, keys: Whole) -> Whole:
    """Where queries may be among the keys: all that are, and few that are not. A table of bits is faster than sorting."""
    bits = max(10, (len(keys) * 8).bit_length())
    table = np.zeros(1 << bits, dtype=np.bool_)
    table[_slots(keys, bits)] = True
    return np.flatnonzero(table[_slots(queries, bits)])


def _slots(keys: Whole, bits: int) -> Whole:
    slots = np.multiply(np.ascontiguousarray(keys).view(np.uint64), _GOLDEN)
    slots >>= np.uint64(64 - bits)
    return slots.view(np.int64)


def _positions(mask: int, n: int) -> tuple[int, ...]:
    return tuple(i for i in range(n) if mask >> i & 1)


def _ranked(solutions: list[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    return tuple(sorted(solutions, key=lambda s: (len(s), s)))


@dataclass(frozen=True, slots=True)
class _Parts:
    """All sets of 1 to ``height`` of n positions, a row each: ascending, filled up with n, which stands for nothing."""

    rows: Whole
    size: Whole
    first: Whole
    last: Whole


@lru_cache(maxsize=4)
def _parts(n: int, height: int) -> _Parts:
    longest = np.arange(n).reshape(n, 1)
    levels = [longest]
    for _ in range(1, height):
        follow = n - 1 - longest[:, -1]
        rows = np.repeat(np.arange(len(longest)), follow)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(follow) - follow, follow)
        longest = np.column_stack((longest[rows], longest[rows, -1] + 1 + offset))
        levels.append(longest)
    rows = np.asfortranarray(
        np.concatenate([np.pad(level, ((0, 0), (0, height - level.shape[1])), constant_values=n) for level in levels])
    )
    last = np.concatenate([level[:, -1] for level in levels])
    size = np.concatenate([np.full(len(level), level.shape[1]) for level in levels])
    return _Parts(rows, size, np.ascontiguousarray(rows[:, 0]), last)


def _small_subsets(values: Whole, target: int, bounds: Bounds) -> Answer:
    """Subsets of at most ``bounds.sizes`` items: the sums of their two halves are listed once and looked up.

    A subset is found once: its first half ends before the second begins, and is not the shorter one.
    """
    n = len(values)
    most = math.comb(bounds.pool, 2)
    height = next(h for h in (3, 2, 1) if h <= (bounds.sizes + 1) // 2 and (math.comb(n, h) <= most or h == 1))
    sizes = min(bounds.sizes, 2 * height)
    if float(np.abs(values).astype(np.float64).max()) * 2 * height > 2**62:
        return Answer(0, (), 0)
    found: list[tuple[int, ...]] = [(i,) for i in np.flatnonzero(values == target).tolist()]
    if sizes == 1:
        return Answer(len(found), tuple(found[: bounds.shown]), 1)
    parts = _parts(n, height)
    padded = np.append(values, 0)
    sums = padded[parts.rows[:, 0]]
    for column in parts.rows.T[1:]:
        sums += padded[column]
    finished = True
    for one, other, finished in _pairs(target - sums, sums, bounds.hits):
        longer = parts.size[one] - parts.size[other]
        valid = (parts.last[one] < parts.first[other]) & (longer >= 0) & (longer <= 1)
        valid &= parts.size[one] + parts.size[other] <= sizes
        both = np.column_stack((parts.rows[one[valid]], parts.rows[other[valid]]))
        found += [tuple(i for i in row if i < n) for row in both[: bounds.shown + 1].tolist()]
        if len(found) > bounds.shown:
            count = len(found) + max(0, len(both) - bounds.shown - 1)
            return Answer(count, _ranked(found)[: bounds.shown], sizes, more=not finished)
    if not finished and len(found) < 2:
        return Answer(len(found), tuple(found), 1)
    return Answer(len(found), _ranked(found), sizes, more=not finished)


def _pairs(wanted: Whole, sums: Whole, hits: int) -> Iterator[tuple[Whole, Whole, bool]]:
    """The pairs of positions where a sum is what is wanted, some at a time, and whether the search came to its end."""
    queries = _may_match(wanted, sums)
    places = _may_match(sums, wanted[queries])
    places = places[np.argsort(sums[places], kind="stable")]
    ordered = sums[places]
    low = np.searchsorted(ordered, wanted[queries], side="left")
    ways = np.searchsorted(ordered, wanted[queries], side="right") - low
    reach = np.cumsum(ways)
    begin, seen, step = 0, 0, 4096
    while begin < len(queries) and seen < hits:
        end = max(begin + 1, int(np.searchsorted(reach, min(seen + step, hits), side="right")))
        step = min(4 * step, _BATCH)
        took = ways[begin:end]
        offset = np.arange(int(took.sum())) - np.repeat(np.cumsum(took) - took, took)
        one, other = np.repeat(queries[begin:end], took), places[np.repeat(low[begin:end], took) + offset]
        seen, begin = int(reach[end - 1]), end
        yield one, other, begin >= len(queries)


def brute_force(amounts: Sequence[int], target: int) -> list[tuple[int, ...]]:
    """All subsets that sum to target, by trying each; the oracle of the tests."""
    return [
        chosen
        for size in range(1, len(amounts) + 1)
        for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[i] for i in chosen) == target
    ]
