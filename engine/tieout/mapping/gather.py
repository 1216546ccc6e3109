"""Parts of documents, each with its pattern and its texts -> the columns of all documents, and their inventory.

``plain`` and ``lens`` add documents; nothing is looked at text by text before ``cells`` makes columns of all of them.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from tieout.mapping.cells import Cells, Problem, Same, Texts
from tieout.mapping.pattern import Frame, Pattern
from tieout.mapping.trie import Scope, Slot, Take
from tieout.mapping.values import SPACE, Settled

__all__ = ["Gathered", "PartRead"]

PartRead: TypeAlias = "tuple[Pattern, Sequence[str], int, list[int] | None]"
"""A part of a document: its pattern, its texts, its first line, and the lines of its elements where they do not follow
from the pattern."""

_Turn: TypeAlias = tuple[int, int]
"""What was read before what in a document: the number of the part, and the position in its pattern."""


@dataclass(slots=True)
class _Parts:
    """All parts of one pattern."""

    heads: array[int] = field(default_factory=partial(array, "q"))
    """One after the other for each part: document, number to add, own number, first line, then the first row of each scope it
    opens and the rows open before."""
    texts: list[Sequence[str]] = field(default_factory=list)
    lines: dict[int, list[int]] = field(default_factory=dict)


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
        self._parts: dict[Pattern, _Parts] = {}
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
        lines = whole[3]
        assert lines is not None
        document = self._begin(lines[0])
        self._add(document, 0, 0, whole)
        firsts, passed = [1], [0]
        following = 1 + shaped[0][1]
        self._outer.append((document, 0, shaped[0][0], 1, lines[0]))
        for step, parts in zip(frame.steps, runs, strict=True):
            number = firsts[step.level] + step.ordinal + passed[step.level]
            if step.opens >= 0:
                shape, size = shaped[step.opens]
                self._outer.append((document, number, shape, following, lines[frame.outer[step.opens]]))
                firsts.append(following)
                passed.append(0)
                following += size
                continue
            for part in parts:
                self._add(document, following, number, part)
                following += part[0].size
                number += 1
            passed[step.level] += len(parts) - 1

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
            found = self._parts[pattern] = _Parts()
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

    def cells(self) -> Cells:
        """The columns of all documents."""
        parents = [np.zeros(size, dtype=np.int64) for size in self.sizes]
        lines = [np.zeros(size, dtype=np.int64) for size in self.sizes]
        parents[0] = np.arange(self.documents)
        lines[0] = np.array(self._lines, dtype=np.int64)
        chunks: dict[tuple[int, int], list[_Chunk]] = defaultdict(list)
        notes: list[_Note] = []
        for pattern, parts in self._parts.items():
            heads = _heads(parts)
            first_lines = heads[:, 3]
            starts = {scope: heads[:, 4 + n] for n, (scope, _) in enumerate(pattern.opens)}
            inner = iter(range(4 + len(pattern.opens), heads.shape[1]))
            numbers = [heads[:, next(inner)] if scope else heads[:, 0] for scope in pattern.outer]
            for scope, parent, at, position in pattern.rows:
                own = starts[scope] + position
                parents[scope][own] = numbers[parent]
                lines[scope][own] = first_lines + pattern.lines[at]
                for n, told in parts.lines.items():
                    lines[scope][own[n]] = told[at]
                numbers.append(own)
            documents, bases = heads[:, 0].tolist(), heads[:, 1].tolist()
            rows: list[list[int]] = [each.tolist() for each in numbers]
            once = [n >= len(pattern.outer) or len(set(each)) == len(each) for n, each in enumerate(rows)]
            for row, scope, index in pattern.marks:
                chunks[scope, index].append((rows[row], Same("1", len(bases)), bases, -1, once[row]))
            columns = list(zip(*parts.texts, strict=True))
            settled: dict[tuple[int, str], Settled] = {}
            for order, (row, at, (place, text), take) in enumerate(pattern.takes):
                values: Texts = columns[place] if place >= 0 else Same(text, len(bases))
                slot = take.slot
                for n, made in _unlike(take, values, settled) if take.check is not None else ():
                    if not isinstance(values, list):
                        values = list(values)
                    if made.problem or (made.value != values[n] and take.kind.shows(made.value)):
                        line_no = parts.lines[n][at] if n in parts.lines else int(first_lines[n]) + pattern.lines[at]
                        turn = (bases[n], order)
                        notes.append(_Note(slot, rows[row][n], documents[n], turn, values[n], made, take, line_no))
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
        for pattern, parts in self._parts.items():
            if not pattern.numbers:
                continue
            heads = _heads(parts)
            block = np.empty((len(heads), len(pattern.numbers), 5), dtype=np.int64)
            documents, bases, numbers, first_lines = (heads[:, n, None] for n in range(4))
            block[:, :, 0] = documents
            block[:, :, 1] = bases + np.array(pattern.numbers)
            block[:, :1, 1] = numbers
            block[:, :, 2] = np.array(pattern.shapes)
            block[:, :, 3] = bases + np.array(pattern.firsts)
            block[:, :, 4] = first_lines + np.array([pattern.lines[at] for at in pattern.places])
            for n, told in parts.lines.items():
                block[n, :, 4] = [told[at] for at in pattern.places]
            found.append(block.reshape(-1, 5))
        table = np.concatenate(found)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        ids = pl.Series("invoice_id", names, dtype=pl.String).gather(table[:, 0])
        columns = [
            pl.Series(name, table[:, n]) for n, name in enumerate(("element_no", "shape", "first_no", "line"), 1)
        ]
        return pl.DataFrame([ids, *columns])


def _heads(parts: _Parts) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.frombuffer(parts.heads, dtype=np.int64).reshape(len(parts.texts), -1)


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
        for rows, values, *_ in chunks:
            if isinstance(values, Same) and values.value is None:
                continue
            given += len(values) - (0 if isinstance(values, Same) else values.count(None))
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
