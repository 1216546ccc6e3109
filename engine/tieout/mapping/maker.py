"""How a part of a document is read: its pattern, worked out from its elements in the order in which a walk would go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dict
from typing import Any

from tieout.formats.xml import Element, line_of
from tieout.mapping.inventory import DEPTH, Inventory
from tieout.mapping.pattern import Fork, Frame, Pattern, Step, Unfit, Value
from tieout.mapping.trie import Choice, Condition, Node, Take
from tieout.mapping.values import SPACE

__all__ = ["Maker", "Tree"]


class Tree:
    """A document's elements in order, with what each holds."""

    def __init__(self, root: Element) -> None:
        self.elements = elements = list(root.iter())
        self.texts: list[str | None] = [each.text for each in elements]
        self.attributes: list[Any] = [each.items() for each in elements]
        self.sizes = [1] * len(elements)
        """How many elements each is with all in it."""
        ends: list[list[int]] = []
        for n, held in enumerate(map(len, elements)):
            while ends and not ends[-1][1]:
                start = ends.pop()[0]
                self.sizes[start] = n - start
            if ends:
                ends[-1][1] -= 1
            if held:
                ends.append([n, held])
        for start, _ in ends:
            self.sizes[start] = len(elements) - start

    def children(self, at: int) -> Iterator[int]:
        child, end = at + 1, at + self.sizes[at]
        while child < end:
            yield child
            child += self.sizes[child]


class Maker:
    """Works out a pattern, in the order in which the walk would go."""

    def __init__(
        self,
        tree: Tree,
        inventory: Inventory,
        asked: Callable[[str], str | None],
        *,
        start: int = 0,
        values: Sequence[str] | None = None,
        line: int = 0,
        height: int = 0,
        runs: Dict[int, Sequence[int]] | None = None,
        spine: Sequence[str] = (),
    ) -> None:
        """start: the part's own element; asked: the value of a column of the document.

        values: the texts that differ from part to part, those of all its elements that are not blank; without it every text
            is taken as it is. line: of the first of the part; height: how many line ends its skeleton has. runs: the elements cut out, by the first of those that
            follow one another; spine: the names of the outer elements below the root.
        Raises Unfit where the texts are not those of the elements.
        """
        self.tree, self.inventory, self.asked = tree, inventory, asked
        self.start, self.runs, self.spine, self.line, self.height = start, runs or {}, spine, line, height
        self.values: Sequence[str] = values or ()
        self._cut = {each for run in self.runs.values() for each in run}
        self._kept = [*self._all()]
        self._positions = {at: n for n, at in enumerate(self._kept)}
        self.slots = dict.fromkeys(self._kept, -1)
        if values is not None:
            told = [at for at in self._kept if not _blank(tree.texts[at])]
            if [tree.texts[at] for at in told] != values:
                raise Unfit
            self.slots.update((at, n) for n, at in enumerate(told))
        self.decided: list[tuple[Fork, Node]] = []
        self.steps: list[Step] = []
        self.outer_elements: list[tuple[int, tuple[Any, ...]]] = []
        self._open: dict[int, int] = {}
        self._outer: list[int] = []
        self._rows: list[tuple[int, int, int]] = []
        self._marks: list[tuple[int, int, int]] = []
        self._takes: list[tuple[int, int, Value, Take]] = []
        self._places: list[tuple[int, int, int, int]] = []
        self._next = 0
        self._lined = any("\n" in text for text in self.values)

    def part(self, node: Node | Choice) -> Pattern:
        """The pattern of the elements. Raises Unfit where the part holds no element."""
        if self.tree.sizes[self.start] == 1:
            raise Unfit
        return self.document(node)

    def document(self, node: Node | Choice) -> Pattern:
        """The pattern of a whole document, or of a part that is known to hold elements."""
        self._element(self.start, node, 0, taken=False)
        return self._pattern([])

    def frame(self, node: Node, removed: Sequence[int]) -> Frame:
        """The frame of a document; removed: how many lines stand in so many of its runs.

        Raises Unfit where an element with others in it was not cut out, or one without is named like those that were.
        """
        tree = self.tree
        leaves = {tree.elements[at].tag for at in self._kept if tree.sizes[at] == 1}
        if leaves & {tree.elements[at].tag for at in self.runs}:
            raise Unfit
        self._outer_element(0, node, 0)
        starts = sorted(self.runs)
        shifts = tuple(sum(start < at for start in starts) for at in self._kept)
        return Frame(
            self._pattern([removed[shift] for shift in shifts]),
            tuple(self.steps),
            tuple(signature for _, signature in self.outer_elements),
            tuple(self._positions[at] for at, _ in self.outer_elements),
            shifts,
            {(0, take.slot.index): (value, take) for _, _, value, take in reversed(self._takes) if not take.slot.scope},
        )

    def _all(self) -> Iterator[int]:
        """The elements of the part without those cut out."""
        at, end = self.start, self.start + self.tree.sizes[self.start]
        while at < end:
            if at in self._cut:
                at += self.tree.sizes[at]
            else:
                yield at
                at += 1

    def _pattern(self, removed: Sequence[int]) -> Pattern:
        """removed: for each element, how many lines of parts cut out stand before it; nothing where none is."""
        outer, positions = len(self._outer), self._positions

        def row(number: int) -> int:
            """Rows that were open before have the numbers below zero until their count is known."""
            return -number - 1 if number < 0 else outer + number

        numbers, shapes, firsts, places = zip(*self._places, strict=True) if self._places else ((), (), (), ())
        count: Counter[int] = Counter()
        rows = []
        for scope, parent, at in self._rows:
            rows.append((scope, row(parent), positions[at], count[scope]))
            count[scope] += 1
        before, passed, lines = [], 0, []
        for n, at in enumerate(self._kept):
            before.append(passed)
            own = line_of(self.tree.elements[at]) - self.line - (removed[n] if removed else 0)
            lines.append(own - sum(text.count("\n") for text in self.values[:passed]) if self._lined else own)
            passed += self.slots[at] >= 0
        return Pattern(
            outer=tuple(self._outer),
            outer_rows=tuple(scope for scope in self._outer if scope),
            rows=tuple(rows),
            opens=tuple(count.items()),
            marks=tuple([(row(number), scope, index) for number, scope, index in self._marks]),
            takes=tuple([(row(number), positions[at], value, take) for number, at, value, take in self._takes]),
            numbers=numbers,
            shapes=shapes,
            firsts=firsts,
            places=tuple([positions[at] for at in places]),
            size=self._next,
            lines=tuple(lines),
            before=tuple(before),
            height=self.height,
        )

    def _element(self, at: int, node: Node | Choice, number: int, *, taken: bool) -> None:
        """An element that is entered, and what it holds."""
        node = self._decided(at, node)
        if not node.bare and not taken:
            self._enter(at, node)
        if (self.tree.sizes[at] == 1 and at) or node.depth >= DEPTH:
            return
        signature, inner = self._held(at, node)
        shape, size = self.inventory.shape(signature, node.namespace)
        first = self._next
        self._next += size
        self._places.append((number, shape, first, at))
        for child, below, ordinal in inner:
            simple = not isinstance(below, Choice) and below.simple is not None
            self._element(child, below, first + ordinal, taken=simple)

    def _outer_element(self, at: int, node: Node, level: int) -> None:
        """An outer element of a frame, and what it holds."""
        if not node.bare:
            self._enter(at, node)
        signature, inner = self._held(at, node)
        place = len(self.outer_elements)
        self.outer_elements.append((at, ()))
        for child, below, ordinal in inner:
            if child in self.runs:
                if not isinstance(below, Choice) and below.texts:
                    raise Unfit
                signature[ordinal + 2] = len(self.steps)
                self.steps.append(Step(level, ordinal, below))
            elif ordinal < 0:
                self._element(child, below, 0, taken=False)
            elif level < len(self.spine) and self.tree.elements[child].tag == self.spine[level]:
                if len(self.outer_elements) != level + 1 or isinstance(below, Choice) or below.texts:
                    raise Unfit
                self.steps.append(Step(level, ordinal, below, level + 1))
                self._outer_element(child, below, level + 1)
            else:
                raise Unfit
        self.outer_elements[place] = (at, tuple(signature))

    def _held(self, at: int, node: Node) -> tuple[list[Any], list[tuple[int, Node | Choice, int]]]:
        """The signature of an element and the children to be entered, each with its position or -1 for one without children;
        texts of the others are taken."""
        tree, inventory = self.tree, self.inventory
        items = tree.attributes[at]
        signature: list[Any] = [node.path, inventory.shown(items) if items else None]
        inner: list[tuple[int, Node | Choice, int]] = []
        for child in tree.children(at):
            if child in self._cut and child not in self.runs:
                continue
            tag = tree.elements[child].tag
            below = node.kids.get(tag) or node.any or node.stray(tag)
            if below.simple is not None and child not in self._cut:
                self._take(child, -1, below.simple)
            if tree.sizes[child] > 1:
                inner.append((child, below, len(signature) - 2))
                signature.append(below.path)
            else:
                if below.simple is None and not below.bare:
                    inner.append((child, below, -1))
                signature.append(inventory.leaf(below.path, tree.texts[child], tree.attributes[child]))
        return signature, inner

    def _decided(self, at: int, node: Node | Choice) -> Node:
        if not isinstance(node, Choice):
            return node
        tests, columns = [], []
        for condition in node.conditions:
            other = None
            if condition.column is not None:
                slot = condition.slot
                other = next((self._settled(value, take) for row, _, value, take in self._takes
                              if take.slot == slot and row < 0), None)  # fmt: skip
                if other is None:
                    columns.append(condition.column)
            tests.append((condition, tuple(self._looked_at(condition, at)), other))
        looked = [value for _, values, other in tests for value in (*values, *([other] if other else []))]
        slots = tuple(dict.fromkeys(at for at, _ in looked if at >= 0))
        fork = Fork(node, tuple(tests), slots, tuple(dict.fromkeys(columns)))
        chosen = fork.node(self.values, self.asked)
        self.decided.append((fork, chosen))
        return chosen

    def _settled(self, value: Value, take: Take) -> Value:
        """A text of the part with which predicates compare others."""
        at, text = value
        if at >= 0 and take.check is not None:
            raise Unfit
        if at < 0 and text is not None and take.check is not None and not take.check(text):
            return -1, take.kind.settle(text).value
        return value

    def _looked_at(self, condition: Condition, at: int) -> Iterator[Value]:
        """The texts below an element that the condition looks at."""
        places = [at]
        for name in condition.names:
            below = (child for place in places for child in self.tree.children(place))
            places = [child for child in below if name in ("*", self.tree.elements[child].tag)]
        for place in places:
            if condition.attribute is None:
                slot = self.slots[place]
                yield slot, None if slot >= 0 else self.tree.texts[place] or ""
            else:
                for name, value in self.tree.attributes[place]:
                    if name == condition.attribute:
                        yield -1, value

    def _row(self, scope: int) -> int:
        """The row of the scope: one of the part's, or one that was open before."""
        if scope not in self._open:
            self._outer.append(scope)
            self._open[scope] = -len(self._outer)
        return self._open[scope]

    def _enter(self, at: int, node: Node) -> None:
        for scope, parent, _ in node.scopes:
            above = self._row(parent)
            self._open[scope] = len(self._rows)
            self._rows.append((scope, above, at))
        self._marks += [(self._row(scope), scope, index) for scope, index in node.marks]
        for what in node.texts:
            self._take(at, -1, what)
        names = [name for name, _ in self.tree.attributes[at]]
        for name, *rest in node.attributes:
            if name in names:
                self._take(at, names.index(name), rest)

    def _take(self, at: int, attribute: int, what: Sequence[Any]) -> None:
        scope, _, _, take = what
        if attribute >= 0:
            value: Value = (-1, self.tree.attributes[at][attribute][1])
        else:
            slot = self.slots[at]
            value = (slot, None if slot >= 0 else self.tree.texts[at] or "")
        self._takes.append((self._row(scope), at, value, take))


def _blank(text: str | None) -> bool:
    return not text or not text.strip(SPACE)
