"""Patterns: how a part of a document is read, worked out once from its elements and then used for every part made alike.

How a part is read follows from the names, attributes and blanks in it and from the predicates that hold there. Its pattern
says which rows it opens, which texts go where, and what it is to the inventory; only the texts differ from part to part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tieout.mapping.inventory import Inventory
from tieout.mapping.trie import Choice, Condition, Node, Take

__all__ = ["Fork", "Frame", "Outer", "PartRead", "Pattern", "Step", "Unfit", "Value", "keep", "way"]

Value: TypeAlias = "tuple[int, str | None]"
"""Where a text stands: its position among the texts of the part, or -1 and the text that is always the same."""
PartRead: TypeAlias = "tuple[Pattern, Sequence[str], int, list[int] | None]"
"""A part of a document: its pattern, its texts, its first line, and the lines of its elements where they do not follow
from the pattern."""
Outer: TypeAlias = tuple[int, int, int, int]
"""An outer element of a document: its number, its shape, the first number inside it, and its line."""

_WAYS = 2_000


class Unfit(Exception):
    """The part cannot be read by a pattern."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """How parts made alike are read. Elements are named by their position in document order, rows by theirs in ``rows``
    behind the rows that were open before."""

    outer: tuple[int, ...]
    """The scopes whose rows were open before."""
    outer_rows: tuple[int, ...]
    """Those but for the document's own."""
    rows: tuple[tuple[int, int, int, int], ...]
    """Scope, enclosing row, element, and the position among the part's rows of that scope."""
    opens: tuple[tuple[int, int], ...]
    """How many rows of each scope it opens."""
    marks: tuple[tuple[int, int, int], ...]
    """Row, scope and slot of what is only there."""
    takes: tuple[tuple[int, int, Value, Take], ...]
    """Row, element, text and where it goes."""
    numbers: tuple[int, ...]
    """Of its places, counted from the part's first; that of the part itself is 0 here."""
    shapes: tuple[int, ...]
    firsts: tuple[int, ...]
    places: tuple[int, ...]
    """The elements."""
    size: int
    """How many numbers the part takes."""
    lines: tuple[int, ...]
    """Of the elements, counted from the part's first line."""
    before: tuple[int, ...]
    """How many texts of the part stand before each element."""
    height: int = 0
    """How many line ends its skeleton has."""


@dataclass(frozen=True, slots=True)
class Step:
    """What stands in an outer element of a frame: parts cut out of it, one after the other, or an outer element."""

    level: int
    """The outer element that holds it."""
    ordinal: int
    """Its position there, parts cut out before it counted once."""
    node: Node | Choice
    """What the parts are to the trie."""
    opens: int = -1
    """The level of the outer element that begins here; -1 where parts stand."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A document without the parts that are cut out of it."""

    pattern: Pattern
    steps: tuple[Step, ...]
    signatures: tuple[tuple[Any, ...], ...]
    """Of its outer elements, with the number of a step where parts stand."""
    outer: tuple[int, ...]
    """Its outer elements."""
    shifts: tuple[int, ...]
    """For each element, how many runs of parts stand before it."""
    texts: dict[tuple[int, int], tuple[Value, Take]]
    """What goes to the document's own row."""
    shapes: dict[tuple[int, ...], list[tuple[int, int]]] = field(default_factory=dict)
    """Shape and size of the outer elements, by how many parts stand at each step."""

    def shaped(self, counts: tuple[int, ...], inventory: Inventory, home: str) -> list[tuple[int, int]]:
        """Shape and size of each outer element where so many parts stand at each step."""
        found = self.shapes.get(counts)
        if found is None:
            found = []
            for path, own, *children in self.signatures:
                told: list[Any] = [path, own]
                for child in children:
                    told += [self.steps[child].node.path] * counts[child] if isinstance(child, int) else [child]
                found.append(inventory.shape(told, home))
            if len(self.shapes) >= _WAYS:
                self.shapes.clear()
            self.shapes[counts] = found
        return found

    def numbered(
        self, whole: PartRead, shaped: Sequence[tuple[int, int]], runs: Sequence[Sequence[PartRead]]
    ) -> tuple[list[tuple[int, int, PartRead]], list[Outer]]:
        """The parts of a document, itself (``whole``) the first, each with the number to add and its own; its outer elements.

        runs: the parts that stand at each step.
        """
        lines = whole[3]
        assert lines is not None
        parts, outer = [(0, 0, whole)], [(0, shaped[0][0], 1, lines[0])]
        firsts, passed = [1], [0]
        following = 1 + shaped[0][1]
        for step, here in zip(self.steps, runs, strict=True):
            number = firsts[step.level] + step.ordinal + passed[step.level]
            if step.opens >= 0:
                shape, size = shaped[step.opens]
                outer.append((number, shape, following, lines[self.outer[step.opens]]))
                firsts.append(following)
                passed.append(0)
                following += size
                continue
            for part in here:
                parts.append((following, number, part))
                following += part[0].size
                number += 1
            passed[step.level] += len(here) - 1
        return parts, outer


@dataclass(slots=True)
class Fork:
    """Where predicates decide how a part is read on."""

    choice: Choice
    tests: tuple[tuple[Condition, tuple[Value, ...], Value | None], ...]
    """The conditions, the texts that each looks at, and the text it compares them with; None where only the document has it."""
    slots: tuple[int, ...]
    """The positions of all texts they look at."""
    columns: tuple[str, ...]
    """The columns of the document that they ask for."""
    nodes: dict[Node, Any] = field(default_factory=dict)
    """What comes then: a fork or the end of the way."""
    ways: dict[Any, Any] = field(default_factory=dict)
    """The same by the texts that led there."""

    def way(self, texts: Sequence[str], asked: Callable[[str], str | None]) -> Any:
        """A fork or the end of the way; None where nothing is known of this way."""
        key = (*[texts[slot] for slot in self.slots], *map(asked, self.columns))
        found = self.ways.get(key)
        if found is None:
            found = self.nodes.get(self.node(texts, asked))
            if found is not None:
                if len(self.ways) >= _WAYS:
                    self.ways.clear()
                self.ways[key] = found
        return found

    def node(self, texts: Sequence[str], asked: Callable[[str], str | None]) -> Node:
        holds = []
        for condition, values, other in self.tests:
            found = [text or "" if at < 0 else texts[at] for at, text in values]
            wanted = None
            if condition.column is not None:
                wanted = asked(condition.column) if other is None else other[1] if other[0] < 0 else texts[other[0]]
            holds.append(condition.among(found, wanted))
        return self.choice.chosen(tuple(holds))


def way(found: Any, texts: Sequence[str], asked: Callable[[str], str | None]) -> Any:
    """The pattern or frame at the end of the forks; None where it is not known."""
    while isinstance(found, Fork):
        found = found.way(texts, asked)
    return found


def keep(known: dict[Any, Any], key: Any, decided: Sequence[tuple[Fork, Node]], end: Any) -> None:
    """Puts the end of a way behind the forks that led to it."""
    for made, node in decided:
        fork = known.setdefault(key, made)
        fork.ways.clear()
        known, key = fork.nodes, node
    known[key] = end
