"""Parts of documents, each with its pattern and its texts -> the columns of all documents, and their inventory.

``plain`` and ``lens`` add documents; nothing is looked at text by text before ``cells`` makes columns of all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from tieout.mapping.blocks import Alike, Block, Parts
from tieout.mapping.cells import Cells, Problem, Same, Texts
from tieout.mapping.pattern import Frame, PartRead, Pattern
from tieout.mapping.recipe import Layout
from tieout.mapping.trie import Scope, Slot, Take
from tieout.mapping.values import SPACE, Settled

__all__ = ["Gathered"]

_Turn: TypeAlias = tuple[int, int]
"""What was read before what in a document: the number of the part, and the position in its pattern."""


_Chunk: TypeAlias = "tuple[Sequence[int], Texts, Sequence[int], int, bool]"
"""Texts of one place of a pattern: their rows and values, in which turn they were read (number of the part, position in its
pattern), and whether no row comes twice."""


@dataclass(frozen=True, slots=True)
class _Note:
    """A text that had to be settled."""

    slot: Slot
    row: int
    document: int
    turn: _Turn
    text: str
    settled: Settled
    take: Take
    line: int


class Gathered:
    """Documents of one mapping in the making."""

    def __init__(self, scopes: Sequence[Scope]) -> None:
        self._scopes = scopes
        self.sizes = [0] * len(scopes)
        self.documents = 0
        self._lines: list[int] = []
        self._parts: dict[Pattern, Parts] = {}
        self._alike: dict[Layout, Alike] = {}
        self._outer: list[tuple[int, int, int, int, int]] = []

    # --- adding ---

    def add(self, pattern: Pattern, line: int) -> None:
        """A whole document; line: of its root."""
        document = self._begin(line)
        self._add(document, 1, 0, (pattern, (), 0, None))

    def add_parts(
        self, frame: Frame, whole: PartRead, shaped: list[tuple[int, int]], runs: Sequence[Sequence[PartRead]]
    ) -> None:
        """A document of a frame and, at each of its steps, the parts that stand there."""
        parts, outer = frame.numbered(whole, shaped, runs)
        document = self._begin(outer[0][3])
        for base, number, part in parts:
            self._add(document, base, number, part)
        self._outer += [(document, *each) for each in outer]

    def add_alike(self, layout: Layout, texts: Sequence[str], lined: bool) -> None:
        """A document of a layout, by all of its texts; lined: whether one of them has several lines."""
        found = self._alike.get(layout)
        if found is None:
            found = self._alike[layout] = Alike()
        append, sizes = found.heads.append, self.sizes
        append(self._begin(layout.lines[0]))
        for scope, count in layout.opens:
            append(sizes[scope])
            sizes[scope] += count
        if lined:
            found.lined[len(found.texts)] = [text.count("\n") for text in texts]
        found.texts.append(texts)

    def _begin(self, line: int) -> int:
        document = self.documents
        self.documents += 1
        self.sizes[0] += 1
        self._lines.append(line)
        return document

    def _add(self, document: int, base: int, number: int, part: PartRead) -> None:
        pattern, texts, line, lines = part
        found = self._parts.get(pattern)
        if found is None:
            found = self._parts[pattern] = Parts()
        if lines is not None:
            found.lines[len(found.texts)] = lines
        sizes, append = self.sizes, found.heads.append
        found.heads.extend((document, base, number, line))
        outer = [sizes[scope] - 1 for scope in pattern.outer_rows] if pattern.outer_rows else ()
        for scope, count in pattern.opens:
            append(sizes[scope])
            sizes[scope] += count
        for row in outer:
            append(row)
        found.texts.append(texts)

    # --- columns ---

    @cached_property
    def _blocks(self) -> list[Block]:
        """All parts; no document is added any more."""
        parts = [each.block(pattern) for pattern, each in self._parts.items()]
        return parts + [block for layout, each in self._alike.items() for block in each.blocks(layout)]

    def cells(self) -> Cells:
        """The columns of all documents."""
        parents = [np.zeros(size, dtype=np.int64) for size in self.sizes]
        lines = [np.zeros(size, dtype=np.int64) for size in self.sizes]
        parents[0] = np.arange(self.documents)
        lines[0] = np.array(self._lines, dtype=np.int64)
        chunks: dict[tuple[int, int], list[_Chunk]] = defaultdict(list)
        notes: list[_Note] = []
        for block in self._blocks:
            pattern, heads = block.pattern, block.heads
            told_lines = block.lines([at for _, _, at, _ in pattern.rows])
            starts = {scope: heads[:, 4 + n] for n, (scope, _) in enumerate(pattern.opens)}
            inner = iter(range(4 + len(pattern.opens), heads.shape[1]))
            numbers = [heads[:, next(inner)] if scope else heads[:, 0] for scope in pattern.outer]
            for n, (scope, parent, _, position) in enumerate(pattern.rows):
                own = starts[scope] + position
                parents[scope][own] = numbers[parent]
                lines[scope][own] = told_lines[:, n]
                numbers.append(own)
            documents, bases = heads[:, 0].tolist(), heads[:, 1].tolist()
            rows: list[list[int]] = [each.tolist() for each in numbers]
            once = [n >= len(pattern.outer) or len(set(each)) == len(each) for n, each in enumerate(rows)]
            for row, scope, index in pattern.marks:
                chunks[scope, index].append((rows[row], Same("1", len(bases)), bases, -1, once[row]))
            settled: dict[tuple[int, str], Settled] = {}
            for order, (row, at, (place, text), take) in enumerate(pattern.takes):
                values: Texts = block.texts[place] if place >= 0 else Same(text, len(bases))
                slot = take.slot
                for n, made in _unlike(take, values, settled) if take.check is not None else ():
                    if not isinstance(values, list):
                        values = list(values)
                    if made.problem or (made.value != values[n] and take.kind.shows(made.value)):
                        turn = (bases[n], order)
                        notes.append(
                            _Note(
                                slot,
                                rows[row][n],
                                documents[n],
                                turn,
                                values[n],
                                made,
                                take,
                                block.line(n, at),
                            )
                        )
                    values[n] = made.value
                if take.collect:
                    values = [[value] if value is not None and value.strip(SPACE) else None for value in values]
                chunks[slot.scope, slot.index].append((rows[row], values, bases, order, once[row]))
        counted = _Slots(chunks, self.sizes)
        notes = sorted((each for each in notes if counted.counts(each)), key=lambda each: (each.document, each.turn))
        raw = [
            (note.row, note.slot, note.text)
            for note in notes
            if note.settled.value != note.text and note.take.kind.shows(note.settled.value)
        ]
        problems = [
            Problem(note.row, note.slot, note.take.path, note.text, note.settled.problem, note.settled.expected,
                    note.settled.severity, note.line, note.document)
            for note in notes if note.settled.problem
        ]  # fmt: skip
        above: list[list[int]] = [each.tolist() for each in parents]
        starting: list[list[int]] = [each.tolist() for each in lines]
        return Cells(self._scopes, above, starting, counted.texts, problems, raw, stocked=True)

    def places(self, names: Sequence[str]) -> pl.DataFrame:
        """The rows of ``element_place``; names: invoice_id by document."""
        found = [np.array(self._outer, dtype=np.int64).reshape(-1, 5)]
        found += [each.outer(layout) for layout, each in self._alike.items()]
        for block in self._blocks:
            pattern, heads = block.pattern, block.heads
            if not pattern.numbers:
                continue
            rows = np.empty((len(heads), len(pattern.numbers), 5), dtype=np.int64)
            documents, bases, numbers = (heads[:, n, None] for n in range(3))
            rows[:, :, 0] = documents
            rows[:, :, 1] = bases + np.array(pattern.numbers)
            rows[:, :1, 1] = numbers
            rows[:, :, 2] = np.array(pattern.shapes)
            rows[:, :, 3] = bases + np.array(pattern.firsts)
            rows[:, :, 4] = block.lines(pattern.places)
            found.append(rows.reshape(-1, 5))
        table = np.concatenate(found)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        ids = pl.Series("invoice_id", names, dtype=pl.String).gather(table[:, 0])
        columns = [
            pl.Series(name, table[:, n]) for n, name in enumerate(("element_no", "shape", "first_no", "line"), 1)
        ]
        return pl.DataFrame([ids, *columns])


def _unlike(take: Take, values: Texts, settled: dict[tuple[int, str], Settled]) -> Iterator[tuple[int, Settled]]:
    """The texts that are not at once what they should be: position, and what they become."""
    check = take.check
    assert check is not None
    if isinstance(values, Same):
        odd: Collection[Any] = () if check(values.value) else (values.value,)
    else:
        odd = {text for text in set(values) if not check(text)}
    if take.collect:
        odd = [text for text in odd if text.strip(SPACE)]
    if not odd:
        return
    for n, text in enumerate(values):
        if text in odd:
            key = (id(take), text)
            if key not in settled:
                settled[key] = take.kind.settle(text)
            yield n, settled[key]


class _Slots:
    """The texts of each slot, the first one read counting where a row has several."""

    def __init__(self, chunks: Dict[tuple[int, int], list[_Chunk]], sizes: Sequence[int]) -> None:
        self._chunks, self._sizes = chunks, list(sizes)
        self._first: dict[tuple[int, int], dict[int, _Turn]] = {}

    def texts(self, scope: int, index: int) -> list[Any] | None:
        """The column of a slot; None where no row has a text."""
        chunks = self._chunks.get((scope, index))
        if not chunks:
            return None
        size = self._sizes[scope]
        rows, values, _, _, once = chunks[0]
        if once and len(rows) == size:
            # Parts come in the order of their rows.
            column = [values.value] * size if isinstance(values, Same) else list(values)
            given, chunks = size - column.count(None), chunks[1:]
            if not chunks:
                return column if given else None
        else:
            column, given = [None] * size, 0
        for rows, values, _, _, once in chunks:
            if isinstance(values, Same) and values.value is None:
                continue
            given += len(values) - (0 if isinstance(values, Same) else values.count(None))
            first, following = rows[0], rows[-1] + 1
            if once and following - first == len(rows) and column[first:following].count(None) == len(rows):
                column[first:following] = values
                continue
            for row, value in zip(rows, values, strict=True):
                if value is not None:
                    column[row] = value
        if given == 0:
            return None
        if given != size - column.count(None):
            self._settle((scope, index), column)
        return column

    def _settle(self, slot: tuple[int, int], column: list[Any]) -> None:
        """Gives rows with several texts the first, or all of them in order where they are collected."""
        column[:] = [None] * len(column)
        for _, _, row, value in sorted(self._turns(slot), key=lambda each: each[:2]):
            if column[row] is None:
                column[row] = value
            elif isinstance(value, list):
                column[row] = [*column[row], *value]

    def _turns(self, slot: tuple[int, int]) -> Iterator[tuple[int, int, int, Any]]:
        for rows, values, bases, order, _ in self._chunks[slot]:
            for row, value, base in zip(rows, values, bases, strict=True):
                yield base, order, row, value

    def counts(self, note: _Note) -> bool:
        """Whether the row had no text yet when the noted one was read."""
        if note.take.collect:
            return True
        slot = (note.slot.scope, note.slot.index)
        if slot not in self._first:
            first: dict[int, _Turn] = {}
            chunks = self._chunks[slot]
            if sum(len(rows) for rows, *_ in chunks) > len({row for rows, *_ in chunks for row in rows}):
                for base, order, row, value in self._turns(slot):
                    if value is not None:
                        first[row] = min(first.get(row, (base, order)), (base, order))
            self._first[slot] = first
        turn = self._first[slot].get(note.row)
        return turn is None or note.turn <= turn
