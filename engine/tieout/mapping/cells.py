"""What documents gave, as columns of texts: for each scope its rows, and for each row the row that encloses it and its line.

``walk`` and ``gather`` fill them; ``lens_read`` makes canonical columns of them. A row is named by its number in its scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeAlias

from tieout.mapping.trie import Scope, Slot

__all__ = ["Cells", "Problem", "Same", "Texts"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A text that does not fit: the row that lacks it now (its number in the slot's scope), and where it stands."""

    row: int
    slot: Slot
    path: str
    text: str
    says: str
    expected: str
    severity: str
    line: int
    document: int


class Same(Sequence[Any]):
    """A column that says the same in every row."""

    __slots__ = ("size", "value")

    def __init__(self, value: Any, size: int) -> None:
        self.value, self.size = value, size

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        return repeat(self.value, self.size)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, int) and -self.size <= at < self.size:
            return self.value
        raise IndexError(at)


Texts: TypeAlias = Sequence[Any]
"""One text (or None, or a list of texts) a row."""


class Cells:
    """The rows of all scopes of one walk. The row of scope 0 with the number of a document is the document's."""

    def __init__(
        self,
        scopes: Sequence[Scope],
        parents: list[list[int]],
        lines: list[list[Any]],
        texts: Callable[[int, int], list[Any] | None],
        problems: Sequence[Problem],
        raw: Sequence[tuple[int, Slot, str]],
        *,
        stocked: bool,
    ) -> None:
        """texts: the column of a slot by scope and index, None where no row has a text.

        raw: row, slot and text of what the values of rows do not show; stocked: whether they are wanted.
        """
        self.scopes, self.problems, self.raw, self.stocked = scopes, problems, raw, stocked
        self.sizes = [len(each) for each in parents]
        self._parents, self._lines, self._texts = parents, lines, texts
        self._columns: dict[tuple[int, int], list[Any] | None] = {}
        self._ups: dict[tuple[int, int], list[int]] = {}

    def texts(self, scope: int, index: int) -> list[Any] | None:
        """The texts of a slot, one a row of its scope; None where no row has one."""
        key = (scope, index)
        if key not in self._columns:
            self._columns[key] = self._texts(scope, index)
        return self._columns[key]

    def all(self, scope: int) -> range:
        """The rows of a scope that documents gave."""
        return range(self.sizes[scope])

    def lines(self, scope: int, rows: Sequence[int]) -> list[Any]:
        own = self._lines[scope]
        return own if isinstance(rows, range) and len(own) == len(rows) else [own[row] for row in rows]

    def scope_above(self, scope: int, hops: int) -> int:
        for _ in range(hops):
            scope = self.scopes[scope].parent
        return scope

    def up(self, scope: int, hops: int, rows: Sequence[int]) -> Sequence[int]:
        """The rows so many scopes further out."""
        if not hops:
            return rows
        ups = self._ups.get((scope, hops))
        if ups is None or len(ups) < len(self._parents[scope]):
            ups = self._parents[scope]
            for passed in range(1, hops):
                above = self._parents[self.scope_above(scope, passed)]
                ups = [above[row] for row in ups]
            self._ups[scope, hops] = ups
        return ups if isinstance(rows, range) and len(rows) == len(ups) else [ups[row] for row in rows]

    def stand_in(self, scope: int, outer_scope: int, outer: int) -> int:
        """A row without texts inside an outer row, with rows between, so that what stands further out is seen from it."""
        chain = []
        number = scope
        while number != outer_scope:
            chain.append(number)
            number = self.scopes[number].parent
        line = self._lines[outer_scope][outer]
        for number in reversed(chain):
            self._parents[number].append(outer)
            self._lines[number].append(line)
            outer = len(self._parents[number]) - 1
        return outer

    def seen(self, scope: int, hops: int, index: int, rows: Sequence[int]) -> Texts:
        """The texts of a slot so many scopes further out, one a row."""
        column = self.texts(self.scope_above(scope, hops), index)
        if column is None:
            return Same(None, len(rows))
        if not hops and isinstance(rows, range) and len(rows) == len(column):
            return column
        return [column[row] if row < len(column) else None for row in self.up(scope, hops, rows)]
