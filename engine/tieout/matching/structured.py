"""The sets of open items that payers choose without searching: everything open, all due by a date, one month, one order ...

Each kind is looked for in all payments at once, by sorted running totals; called by the pass on sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NEVER", "Chosen", "Lines", "structured"]

Whole = npt.NDArray[np.int64]

# The day of an item that has none: after every other.
NEVER = 2**30


@dataclass(frozen=True, slots=True)
class Lines:
    """The open items of several payments, flat: payment p may settle lines starts[p]:starts[p + 1]."""

    starts: Whole
    targets: Whole
    """What each payment pays."""
    amounts: Whole
    """What each line costs; never 0."""
    item: Whole
    """A number for each item, by which equal lines are ordered."""
    issued: Whole
    due: Whole
    """Days since 1970; NEVER where there is none."""
    groups: tuple[tuple[str, Whole, Sequence[str]], ...] = ()
    """Of each kind of group (order, contract, delivery) the lines' codes, -1 for none, and the names by code."""
    series: Whole | None = None
    """The lettering of the item's number, as a code."""
    number: Whole | None = None
    """The digits the item's number ends with; -1 where it has none."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a payer chose a set of items."""

    kind: str
    """everything, due_by, issued_month, due_month, order, contract, delivery, consecutive, oldest_due, oldest_issued,
    neighbours or all_but_one."""
    which: str
    """The date, month or number, where the kind has one."""
    tries: int
    """How many sets of this kind the payment's items have, at most."""


def structured(lines: Lines) -> dict[int, dict[tuple[int, ...], Chosen]]:
    """By payment, the sets of two and more lines of one of the kinds whose sum is the payment, the strongest kind first.

    A set is a sorted tuple of positions within the payment's lines. Payments without any are left out.
    """
    found: dict[int, dict[tuple[int, ...], Chosen]] = {}
    for payment, kind, which, tries, positions in _hits(lines):
        if len(positions) > 1:
            found.setdefault(payment, {}).setdefault(tuple(sorted(positions)), Chosen(kind, which, tries))
    return found


Hit = tuple[int, str, str, int, list[int]]


def _hits(lines: Lines) -> Iterator[Hit]:
    if not len(lines.amounts):
        return
    sizes = np.diff(lines.starts)
    payment = np.repeat(np.arange(len(sizes)), sizes)
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lines.amounts)))
    totals = running[lines.starts[1:]] - running[lines.starts[:-1]]
    for p in np.flatnonzero((totals == lines.targets) & (sizes > 1)).tolist():
        yield p, "everything", "", 1, list(range(int(sizes[p])))
    yield from _prefixes(lines, payment, lines.due, "due_by", "oldest_due")
    for kind, day in (("issued_month", lines.issued), ("due_month", lines.due)):
        months = day.astype("datetime64[D]").astype("datetime64[M]")
        codes = np.where(day == NEVER, -1, months.astype(np.int64))
        yield from ((p, kind, str(np.datetime64(c, "M")), n, at) for p, c, n, at in _groups(lines, payment, codes))
    for kind, codes, names in lines.groups:
        yield from ((p, kind, names[c], n, at) for p, c, n, at in _groups(lines, payment, codes))
    yield from _runs(lines, payment)
    yield from _prefixes(lines, payment, lines.issued, "", "oldest_issued")
    left_out = np.flatnonzero((totals - lines.targets)[payment] == lines.amounts)
    for line, p in zip(left_out.tolist(), payment[left_out].tolist(), strict=True):
        out = line - int(lines.starts[p])
        yield p, "all_but_one", "", int(sizes[p]), [i for i in range(int(sizes[p])) if i != out]


def _prefixes(lines: Lines, payment: Whole, day: Whole, whole: str, part: str) -> Iterator[Hit]:
    """The first lines by day; kind ``whole`` where all of the last day are in (none if ''), else ``part``."""
    order = np.lexsort((lines.item, day, payment))
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lines.amounts[order])))
    start = lines.starts[payment]
    reached = running[1:] - running[start]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = (day[order][:-1] != day[order][1:]) | (payment[:-1] != payment[1:])
    sizes = np.diff(lines.starts)
    length = np.arange(len(order)) - start + 1
    # All lines are one set already: everything.
    fits = (reached == lines.targets[payment]) & (length > 1) & (length < sizes[payment])
    hits = np.flatnonzero(fits & (day[order] != NEVER))
    for at in hits.tolist():
        p, first = int(payment[at]), int(start[at])
        complete = bool(whole and last[at])
        which = str(np.datetime64(int(day[order[at]]), "D")) if complete else ""
        n = int(sizes[p])
        yield p, whole if complete else part, which, n if complete else 2 * n, (order[first : at + 1] - first).tolist()


def _groups(lines: Lines, payment: Whole, codes: Whole) -> Iterator[tuple[int, int, int, list[int]]]:
    """Of each payment the lines of one code that sum to it: payment, code, number of tries, positions."""
    order = np.lexsort((codes, payment))
    code, owner = codes[order], payment[order]
    firsts = np.flatnonzero(np.concatenate(([True], (code[1:] != code[:-1]) | (owner[1:] != owner[:-1]))))
    ends = np.concatenate((firsts[1:], [len(order)]))
    sums = np.add.reduceat(lines.amounts[order], firsts)
    fits = (sums == lines.targets[owner[firsts]]) & (code[firsts] >= 0)
    hits = np.flatnonzero(fits & (ends - firsts > 1) & (ends - firsts < np.diff(lines.starts)[owner[firsts]]))
    for h in hits.tolist():
        p = int(owner[firsts[h]])
        first = int(lines.starts[p])
        yield p, int(code[firsts[h]]), int(lines.starts[p + 1]) - first, (order[firsts[h] : ends[h]] - first).tolist()


def _runs(lines: Lines, payment: Whole) -> Iterator[Hit]:
    """Lines that follow one another by number: ``consecutive`` where no number is missing, else ``neighbours``."""
    if lines.number is None or lines.series is None:
        return
    order = np.lexsort((lines.item, lines.number, lines.series, payment))
    order = order[lines.number[order] >= 0]
    if not len(order):
        return
    owner, series, number = payment[order], lines.series[order], lines.number[order]
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lines.amounts[order])))
    starts_new = np.concatenate(([True], (owner[1:] != owner[:-1]) | (series[1:] != series[:-1])))
    steps = np.concatenate(([False], ~starts_new[1:] & (number[1:] - number[:-1] == 1)))
    gaps = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(~steps)))
    run = np.cumsum(starts_new) - 1
    # A window from line i to line j sums to running[j + 1] - running[i]: both ends stand under one key.
    mixed = run.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    begins = running[:-1].view(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) + mixed
    ends = (running[1:] - lines.targets[owner]).view(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) + mixed
    by_key = np.argsort(begins, kind="stable")
    low = np.searchsorted(begins[by_key], ends, side="left")
    high = np.searchsorted(begins[by_key], ends, side="right")
    for j in np.flatnonzero(high > low).tolist():
        p = int(owner[j])
        n = int(lines.starts[p + 1] - lines.starts[p])
        for i in by_key[low[j] : high[j]].tolist():
            if (
                i < j
                and j - i + 1 < n
                and run[i] == run[j]
                and int(running[j + 1]) - int(running[i]) == int(lines.targets[p])
            ):
                whole = int(gaps[j + 1] - gaps[i + 1]) == 0
                which = f"{number[i]}-{number[j]}" if whole else ""
                positions = (order[i : j + 1] - lines.starts[p]).tolist()
                yield p, "consecutive" if whole else "neighbours", which, n if whole else n * n // 2, positions
