"""What was read of documents, pattern by pattern: the numbers of all parts of one pattern as a table, their texts by place.

``gather`` adds parts, and documents made alike, and makes columns of the blocks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TypeAlias

import numpy as np

from tieout.mapping.pattern import Pattern
from tieout.mapping.recipe import Layout

__all__ = ["Alike", "Block", "Parts", "Table"]

Table: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.int64]]"


@dataclass(frozen=True, slots=True)
class Block:
    """Parts of one pattern, in the order of their rows."""

    pattern: Pattern
    heads: Table
    """A row a part: document, number to add, own number, first line, then the first row of each scope it opens and the rows
    open before."""
    texts: Sequence[Sequence[str]]
    """By place, one a part."""
    element_lines: Sequence[int]
    """Of the elements, counted from the first line of a part."""
    odd: Dict[int, int]
    """The parts in which texts have several lines, so that the lines of elements are others: their rows in ``odd_lines``."""
    odd_lines: Table
    """Those of all elements, a row a part."""

    def lines(self, elements: Sequence[int]) -> Table:
        """The lines of these elements in each part."""
        chosen = np.array(elements, dtype=np.int64)
        found = self.heads[:, 3:4] + np.array(self.element_lines, dtype=np.int64)[chosen]
        if self.odd:
            found[[*self.odd]] = self.odd_lines[:, chosen]
        return found

    def line(self, part: int, element: int) -> int:
        if part in self.odd:
            return int(self.odd_lines[self.odd[part], element])
        return int(self.heads[part, 3]) + self.element_lines[element]


@dataclass(slots=True)
class Parts:
    """Parts of one pattern in the making."""

    heads: array[int] = field(default_factory=partial(array, "q"))
    """As in the block, one after the other."""
    texts: list[Sequence[str]] = field(default_factory=list)
    lines: dict[int, list[int]] = field(default_factory=dict)

    def block(self, pattern: Pattern) -> Block:
        lines = np.array([*self.lines.values()], dtype=np.int64).reshape(len(self.lines), len(pattern.lines))
        texts = list(zip(*self.texts, strict=True))
        return Block(pattern, _table(self.heads, len(self.texts)), texts, pattern.lines, _numbered(self.lines), lines)


@dataclass(slots=True)
class Alike:
    """Documents of one layout in the making."""

    heads: array[int] = field(default_factory=partial(array, "q"))
    """One after the other for each: its number, then its first row of each scope in which it opens some."""
    texts: list[Sequence[str]] = field(default_factory=list)
    lined: dict[int, list[int]] = field(default_factory=dict)
    """For those with texts of several lines: how many line ends each text has."""

    def blocks(self, layout: Layout) -> Iterator[Block]:
        """Their parts, by pattern."""
        table, passed = _table(self.heads, len(self.texts)), self._passed()
        firsts = {scope: table[:, n] for n, (scope, _) in enumerate(layout.opens, 1)}
        columns = list(zip(*self.texts, strict=True))
        documents = np.array([*self.lined], dtype=np.int64)
        for pattern, parts in layout.parts.items():
            scopes = [*(scope for scope, _ in pattern.opens), *pattern.outer_rows]
            own = np.array([part.head for part in parts], dtype=np.int64)
            heads = np.empty((len(table), *own.shape), dtype=np.int64)
            heads[:] = own
            heads[:, :, 0] = table[:, :1]
            for n, scope in enumerate(scopes, 4):
                heads[:, :, n] += firsts[scope][:, None]
            texts: list[Sequence[str]] = []
            for places in zip(*(part.texts for part in parts), strict=True):
                several = [columns[place] for place in places]
                # Nobody may change them in place: one place may be several columns.
                texts.append(several[0] if len(several) == 1 else (*chain.from_iterable(zip(*several, strict=True)),))
            lines = layout.lines if pattern is layout.frame.pattern else pattern.lines
            bare = own[:, 3:4] + np.array(lines, dtype=np.int64)
            odd = (documents[:, None] * len(parts) + np.arange(len(parts))).reshape(-1)
            odd_lines = bare + passed[:, np.array([part.before for part in parts], dtype=np.int64)]
            heads = heads.reshape(-1, own.shape[1])
            yield Block(pattern, heads, texts, lines, _numbered(odd.tolist()), odd_lines.reshape(-1, len(lines)))

    def outer(self, layout: Layout) -> Table:
        """Their outer elements: document, number, shape, first number inside, line."""
        documents = _table(self.heads, len(self.texts))[:, 0]
        rows = np.empty((len(documents), len(layout.outer), 5), dtype=np.int64)
        rows[:, :, 0] = documents[:, None]
        rows[:, :, 1:] = np.array(layout.outer, dtype=np.int64)
        (whole,) = layout.parts[layout.frame.pattern]
        rows[[*self.lined], :, 4] += self._passed()[:, [whole.before[at] for at in layout.frame.outer]]
        return rows.reshape(-1, 5)

    def _passed(self) -> Table:
        """For documents with texts of several lines, how many line ends stand before each text and behind the last."""
        counts = np.array([*self.lined.values()], dtype=np.int64).reshape(len(self.lined), len(self.texts[0]))
        return np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0)))


def _numbered(parts: Iterable[int]) -> dict[int, int]:
    return {part: row for row, part in enumerate(parts)}


def _table(numbers: array[int], rows: int) -> Table:
    return np.frombuffer(numbers, dtype=np.int64).reshape(rows, -1)
