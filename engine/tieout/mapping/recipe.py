"""Whole documents whose markup was met before: found by all of it at once, and read by the positions of their texts.

What is read how depends on the texts that predicates look at, and on no other: documents of one recipe whose texts agree
there have one layout. ``plain`` learns recipes, ``gather`` makes the columns of all documents of a layout together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, TypeAlias

from tieout.mapping.inventory import Inventory
from tieout.mapping.pattern import Frame, Outer, PartRead, Pattern, way

__all__ = ["Layout", "Placed", "Recipe"]

_WAYS = 2_000

Asking: TypeAlias = "Callable[[Frame, Sequence[str], str], str | None]"
"""The value of a column of the document that predicates ask for, by its frame and the frame's texts."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a part stands in documents of a layout."""

    head: tuple[int, ...]
    """0 for the document, number to add, own number, first line; then, counted from the document's first row of each scope,
    the first row that it opens there and the rows open before."""
    texts: Sequence[int]
    """The positions of its texts among those of the document."""
    before: Sequence[int]
    """How many texts of the document stand before each of its elements."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How documents with the same markup are read whose predicates hold alike. Lines are those where no text has several."""

    frame: Frame
    lines: Sequence[int]
    """Of the frame's elements, the root first."""
    opens: tuple[tuple[int, int], ...]
    """How many rows of each scope a document opens."""
    parts: dict[Pattern, list[Placed]]
    """The frame's own pattern among them."""
    outer: tuple[Outer, ...]

    @classmethod
    def of(
        cls,
        frame: Frame,
        whole: PartRead,
        shaped: Sequence[tuple[int, int]],
        runs: Sequence[Sequence[PartRead]],
        places: Sequence[int],
        held: Sequence[Sequence[range]],
    ) -> Layout:
        """places: the positions of the frame's texts among those of the document; held: those of each part's."""
        numbered, outer = frame.numbered(whole, shaped, runs)
        told = [(places, _before(frame, held)), *((each, None) for step in held for each in step)]
        opened: Counter[int] = Counter()
        parts: dict[Pattern, list[Placed]] = {}
        for (base, number, (pattern, _, line, _)), (texts, before) in zip(numbered, told, strict=True):
            rows = [opened[scope] for scope, _ in pattern.opens] + [opened[scope] - 1 for scope in pattern.outer_rows]
            opened.update(dict(pattern.opens))
            if before is None:
                assert isinstance(texts, range)
                before = [texts.start + n for n in pattern.before]
            parts.setdefault(pattern, []).append(Placed((0, base, number, line, *rows), texts, before))
        return cls(frame, whole[3] or (), tuple(opened.items()), parts, tuple(outer))


@dataclass(slots=True)
class Recipe:
    """How documents are read that have the same markup, all of it."""

    frame: Any
    """A fork or the frame."""
    places: Sequence[int]
    """The positions of the frame's texts among those of the document."""
    lines: list[int]
    """Of the frame's elements, where no text has several."""
    ends: Sequence[Sequence[tuple[Any, int]]]
    """At each step of the frame: a fork or the pattern of each part, and its first line where no text has several."""
    held: Sequence[Sequence[range]]
    """At each step of the frame: the positions of each part's texts."""
    count: int
    """How many texts a document has."""
    _looked_at: tuple[int, ...] = ()
    """The positions of the texts on which the layout depends, as far as they were asked for."""
    _layouts: dict[tuple[str, ...], Layout] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        end: Any,
        frame: Frame,
        lines: Sequence[int],
        ends: Sequence[Sequence[tuple[Any, int]]],
        places: Sequence[int],
        held: Sequence[Sequence[range]],
        texts: Sequence[str],
    ) -> Recipe:
        """By a document with these texts; end: the frame or the fork before it.

        lines: those of its frame's elements; ends: as in the recipe, both as they stand in the document.
        """
        passed = [*accumulate((text.count("\n") for text in texts), initial=0)]
        own = [line - passed[n] for line, n in zip(lines, _before(frame, held), strict=True)]
        bare = [
            [(each, line - passed[texts.start]) for (each, line), texts in zip(step, ranges, strict=True)]
            for step, ranges in zip(ends, held, strict=True)
        ]
        return cls(end, places, own, bare, held, len(texts))

    def layout(self, texts: Sequence[str], asked: Asking, inventory: Inventory, home: str) -> Layout | None:
        """How a document with these texts is read; None where one of them leads where nothing is known."""
        found = self._layouts.get(tuple([texts[at] for at in self._looked_at]))
        return found or self._made(texts, asked, inventory, home)

    def _made(self, texts: Sequence[str], asked: Asking, inventory: Inventory, home: str) -> Layout | None:
        looked_at = set(self._looked_at)
        own = _Noted(texts, self.places, looked_at)
        frame = way(self.frame, own, _nothing)
        if frame is None:
            return None
        runs: list[list[PartRead]] = []
        for ends, ranges in zip(self.ends, self.held, strict=True):
            run: list[PartRead] = []
            for (end, line), held in zip(ends, ranges, strict=True):
                pattern = way(end, _Noted(texts, held, looked_at), lambda column: asked(frame, own, column))
                if pattern is None:
                    return None
                run.append((pattern, (), line, None))
            runs.append(run)
        shaped = frame.shaped(tuple(map(len, runs)), inventory, home)
        found = Layout.of(frame, (frame.pattern, (), 0, self.lines), shaped, runs, self.places, self.held)
        if len(looked_at) > len(self._looked_at) or len(self._layouts) >= _WAYS:
            self._layouts.clear()
            self._looked_at = tuple(sorted(looked_at))
        self._layouts[tuple([texts[at] for at in self._looked_at])] = found
        return found


class _Noted(Sequence[str]):
    """Texts of a part that note which of them were looked at."""

    def __init__(self, texts: Sequence[str], places: Sequence[int], looked_at: set[int]) -> None:
        self._texts, self._places, self._looked_at = texts, places, looked_at

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, at: Any) -> Any:
        place = self._places[at]
        self._looked_at.add(place)
        return self._texts[place]


def _before(frame: Frame, held: Sequence[Sequence[range]]) -> list[int]:
    """How many texts of a document stand before each element of its frame; held: the texts of each part, by step."""
    passed = [*accumulate((sum(map(len, step)) for step in held if step), initial=0)]
    return [n + passed[shift] for n, shift in zip(frame.pattern.before, frame.shifts, strict=True)]


def _nothing(_: str) -> None:
    return None
