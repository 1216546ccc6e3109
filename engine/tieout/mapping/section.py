"""Sections: parts of documents that are made alike, such as invoice lines, are worked out once and then read alike.

A section is an element with all in it. How it is read follows from the names, attributes and blanks in it and from the
predicates that hold there; its ``Pattern`` says which rows it opens, which texts go where, and what it is to the inventory.
Only the texts differ from one section of a pattern to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tieout.formats.xml import Element
from tieout.mapping.inventory import DEPTH, Inventory
from tieout.mapping.trie import Choice, Condition, Node, State, Take
from tieout.mapping.values import SPACE

__all__ = ["Pattern", "section_of"]

LARGEST = 500
"""Elements of a section; larger ones are walked, and their parts may be sections."""
_PATTERNS = 2_000
_TRIED = 64

Attributes: TypeAlias = Sequence[tuple[str, str]]
Found: TypeAlias = "tuple[Pattern, list[Element], list[str | None], list[Attributes]]"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How sections made alike are read. Elements are named by their position in document order, rows by theirs in ``rows``
    behind the rows that were open before."""

    outer: tuple[int, ...]
    """The scopes whose rows were open before."""
    rows: tuple[tuple[int, int, int, int], ...]
    """Scope, enclosing row, width, element."""
    marks: tuple[tuple[int, int], ...]
    takes: tuple[tuple[int, int, int, int, Callable[[str], object] | None, Take], ...]
    """Row, slot, element, attribute (-1 for the text), fast test and value."""
    numbers: tuple[int, ...]
    """Of its places, counted from the section's first; that of the section itself is 0 here."""
    shapes: tuple[int, ...]
    firsts: tuple[int, ...]
    places: tuple[int, ...]
    """The elements."""
    size: int
    """How many numbers the section takes."""


@dataclass(slots=True)
class _Fork:
    """Where a predicate decides how the section is read on."""

    choice: Choice
    tests: tuple[tuple[Condition, tuple[tuple[int, int], ...]], ...]
    """The conditions, each with the elements and attributes (-1 for the text) that it looks at."""
    ways: dict[Node, _Fork | Pattern] = field(default_factory=dict)

    def way(self, texts: Sequence[str | None], attributes: Sequence[Attributes], state: State) -> Node:
        """What the section's texts decide."""
        holds = [
            condition.among([texts[at] or "" if name < 0 else attributes[at][name][1] for at, name in places], state)
            if places
            else False
            for condition, places in self.tests
        ]
        return self.choice.chosen(tuple(holds))


@dataclass(slots=True)
class _Known:
    """The patterns of the sections at one node of the trie."""

    patterns: dict[Any, _Fork | Pattern] = field(default_factory=dict)
    repeated: int = 0
    made: int = 0

    @property
    def worth(self) -> bool:
        """Whether sections are made alike often enough."""
        return self.made < _TRIED or self.made * 2 < self.repeated


def section_of(element: Element, node: Node | Choice, inventory: Inventory, state: State) -> Found | None:
    """The pattern of the section, its elements, their texts and attributes; None where it is better walked."""
    known = inventory.shapes.sections.get(node)
    if known is None:
        known = inventory.shapes.sections[node] = _Known()
    elif not known.worth:
        return None
    elements = list(element.iter())
    if len(elements) > LARGEST:
        return None
    texts = [each.text for each in elements]
    attributes: list[Any] = [each.items() for each in elements]
    key = (
        tuple([each.tag for each in elements]),
        tuple(map(len, elements)),
        tuple([not text or (text.isspace() and not text.strip(SPACE)) for text in texts]),
        tuple([tuple(items) if items else None for items in attributes]),
    )
    found = known.patterns.get(key)
    while isinstance(found, _Fork):
        found = found.ways.get(found.way(texts, attributes, state))
    if found is not None:
        known.repeated += 1
        return found, elements, texts, attributes
    known.made += 1
    if len(known.patterns) >= _PATTERNS:
        known.patterns.clear()
    maker = _Maker(elements, texts, attributes, inventory, state)
    pattern = maker.pattern(node)
    if pattern is None:
        known.made += _TRIED
        return None
    _keep(known.patterns, key, maker.decided, pattern)
    return pattern, elements, texts, attributes


def _keep(
    patterns: dict[Any, _Fork | Pattern], key: Any, decided: Sequence[tuple[_Fork, Node]], pattern: Pattern
) -> None:
    """Puts the pattern behind the forks that led to it."""
    ways = patterns
    for made, node in decided:
        fork = ways.setdefault(key, made)
        assert isinstance(fork, _Fork)
        ways, key = fork.ways, node
    ways[key] = pattern


class _Maker:
    """Works out a pattern, in the order in which the walk would go."""

    def __init__(
        self,
        elements: Sequence[Element],
        texts: Sequence[str | None],
        attributes: Sequence[Attributes],
        inventory: Inventory,
        state: State,
    ) -> None:
        self.elements, self.texts, self.attributes = elements, texts, attributes
        self.inventory, self.state = inventory, state
        self.decided: list[tuple[_Fork, Node]] = []
        self._open: dict[int, int] = {}
        self._outer: list[int] = []
        self._rows: list[tuple[int, int, int, int]] = []
        self._marks: list[tuple[int, int]] = []
        self._takes: list[tuple[int, int, int, int, Any, Take]] = []
        self._places: list[tuple[int, int, int, int]] = []
        self._next = 0
        self._sizes = [1] * len(elements)

    def pattern(self, node: Node | Choice) -> Pattern | None:
        """The pattern of the section; None where it is nested too deep."""
        if node.path.count("/") + self._measure() >= DEPTH:
            return None
        self._element(0, node, 0, taken=not isinstance(node, Choice) and node.simple is not None)
        outer = len(self._outer)

        def at(row: int) -> int:
            """Rows that were open before have the numbers below zero until their count is known."""
            return -row - 1 if row < 0 else outer + row

        numbers, shapes, firsts, places = zip(*self._places, strict=True)
        return Pattern(
            outer=tuple(self._outer),
            rows=tuple([(scope, at(parent), width, place) for scope, parent, width, place in self._rows]),
            marks=tuple([(at(row), index) for row, index in self._marks]),
            takes=tuple([(at(row), *rest) for row, *rest in self._takes]),
            numbers=numbers,
            shapes=shapes,
            firsts=firsts,
            places=places,
            size=self._next,
        )

    def _measure(self) -> int:
        """Notes how many elements each holds with itself, and returns how deep they are nested."""
        deepest = 0
        ends: list[tuple[int, int]] = []
        for n, element in enumerate(self.elements):
            while ends and not ends[-1][1]:
                start, _ = ends.pop()
                self._sizes[start] = n - start
            if ends:
                ends[-1] = (ends[-1][0], ends[-1][1] - 1)
            ends.append((n, len(element)))
            deepest = max(deepest, len(ends) - 1)
        for start, _ in ends:
            self._sizes[start] = len(self.elements) - start
        return deepest

    def _element(self, at: int, node: Node | Choice, number: int, *, taken: bool) -> None:
        """An element that is entered, and what it holds."""
        if isinstance(node, Choice):
            fork = _Fork(node, tuple((each, tuple(self._looked_at(each, at))) for each in node.conditions))
            node = fork.way(self.texts, self.attributes, self.state)
            self.decided.append((fork, node))
        if not node.bare and not taken:
            self._enter(at, node)
        if self._sizes[at] == 1:
            return
        inventory = self.inventory
        items = self.attributes[at]
        signature: list[Any] = [node.path, inventory.shown(items) if items else None]
        inner: list[tuple[int, Node | Choice, int]] = []
        for child in self._children(at):
            tag = self.elements[child].tag
            below = node.kids.get(tag) or node.any or node.stray(tag)
            if below.simple is not None:
                self._take(child, -1, below.simple)
            if self._sizes[child] > 1:
                inner.append((child, below, len(signature) - 2))
                signature.append(below.path)
            else:
                if below.simple is None and not below.bare:
                    inner.append((child, below, -1))
                signature.append(inventory.leaf(below.path, self.texts[child], self.attributes[child]))
        shape, size = inventory.shape(signature, node.namespace)
        first = self._next
        self._next += size
        self._places.append((number, shape, first, at))
        for child, below, ordinal in inner:
            simple = not isinstance(below, Choice) and below.simple is not None
            self._element(child, below, first + ordinal, taken=simple)

    def _children(self, at: int) -> Iterator[int]:
        child, end = at + 1, at + self._sizes[at]
        while child < end:
            yield child
            child += self._sizes[child]

    def _looked_at(self, condition: Condition, at: int) -> Iterator[tuple[int, int]]:
        """The texts below an element that the condition looks at."""
        places = [at]
        for name in condition.names:
            below = (child for place in places for child in self._children(place))
            places = [child for child in below if name in ("*", self.elements[child].tag)]
        for place in places:
            names = [name for name, _ in self.attributes[place]]
            if condition.attribute is None:
                yield place, -1
            elif condition.attribute in names:
                yield place, names.index(condition.attribute)

    def _row(self, scope: int) -> int:
        """The row of the scope: one of the section's, or one that was open before."""
        if scope not in self._open:
            self._outer.append(scope)
            self._open[scope] = -len(self._outer)
        return self._open[scope]

    def _enter(self, at: int, node: Node) -> None:
        for scope, parent, width in node.scopes:
            above = self._row(parent)
            self._open[scope] = len(self._rows)
            self._rows.append((scope, above, width, at))
        self._marks += [(self._row(scope), index) for scope, index in node.marks]
        for what in node.texts:
            self._take(at, -1, what)
        names = [name for name, _ in self.attributes[at]]
        for name, *rest in node.attributes:
            if name in names:
                self._take(at, names.index(name), rest)

    def _take(self, at: int, attribute: int, what: Sequence[Any]) -> None:
        scope, index, check, take = what
        self._takes.append((self._row(scope), index, at, attribute, check, take))
