"""The walk: one pass over a document, guided by a trie of all paths of a mapping, that fills rows of text.

A *scope* is an element that owns values: the document, each row's element, and every element a ``../`` leads up to. Its
row is a list: the row of the enclosing scope, the line, then one slot a value. Nothing is converted here beyond the fast
test of a value's kind; ``lens_read`` makes columns of the rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tieout.formats.xml import Element, line_of, walk
from tieout.mapping.inventory import DEPTH, Inventory, Names
from tieout.mapping.paths import Path, Step, Test
from tieout.mapping.values import SPACE, Kind

__all__ = ["Problem", "Row", "Scope", "Slot", "Trie", "Walk"]

Row: TypeAlias = list[Any]
FIRST_SLOT = 2


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the walk leaves one value: the scope and the position in its row."""

    scope: int
    index: int


@dataclass(slots=True)
class Scope:
    """An element that owns values."""

    number: int
    steps: tuple[Step, ...]
    parent: int = -1
    width: int = FIRST_SLOT

    def hops(self, other: Scope, scopes: list[Scope]) -> int:
        """How many enclosing rows up from here the other scope's row is."""
        count, current = 0, self
        while current.number != other.number:
            current, count = scopes[current.parent], count + 1
        return count


@dataclass(frozen=True, slots=True)
class Problem:
    """A text that does not fit: the row that lacks it now, and where it stands."""

    row: Row
    slot: Slot
    path: str
    text: str
    says: str
    expected: str
    severity: str
    line: int
    document: int


@dataclass(slots=True)
class _Spec:
    """What the mapping wants of one element, before predicates are decided."""

    texts: list[_Take] = field(default_factory=list)
    attributes: list[tuple[str, _Take]] = field(default_factory=list)
    marks: list[Slot] = field(default_factory=list)
    scopes: list[int] = field(default_factory=list)
    kids: dict[str, list[tuple[tuple[Test, ...], _Spec]]] = field(default_factory=dict)

    def kid(self, step: Step) -> _Spec:
        entries = self.kids.setdefault(step.name, [])
        for tests, spec in entries:
            if tests == step.tests:
                return spec
        spec = _Spec()
        entries.append((step.tests, spec))
        return spec

    def adopt(self, step: Step, spec: _Spec) -> None:
        """Lets an element stand here too, one level above where it belongs."""
        entries = self.kids.setdefault(step.name, [])
        if all(known is not spec for _, known in entries):
            entries.append((step.tests, spec))


@dataclass(frozen=True, slots=True)
class _Take:
    """One value to take: where to, how it is tested, whether repeats are collected."""

    slot: Slot
    kind: Kind
    check: Callable[[str], object] | None
    collect: bool
    path: str


class Trie:
    """The paths of a mapping, ready to walk documents of any root namespace. Built once by ``Lens.compile``."""

    def __init__(self, names: Names | None = None, valued: frozenset[str] = frozenset()) -> None:
        self.names, self.valued = names or Names({}), valued
        self.scopes = [Scope(0, ())]
        self._root = _Spec()
        self._by_steps: dict[tuple[Step, ...], Scope] = {(): self.scopes[0]}
        self._slots: dict[tuple[Any, ...], Slot] = {}
        self._references: dict[str, tuple[Slot, Path | None]] = {}
        self._compiled: dict[str, _Node] = {}

    # --- building ---

    def scope(self, steps: tuple[Step, ...]) -> Scope:
        """The scope of the elements at the steps; made where there is none yet."""
        if steps not in self._by_steps:
            scope = Scope(len(self.scopes), steps)
            self.scopes.append(scope)
            self._by_steps[steps] = scope
            self._spec(steps).scopes.append(scope.number)
            for each in self.scopes[1:]:
                lengths = range(len(each.steps) - 1, -1, -1)
                each.parent = next(
                    self._by_steps[each.steps[:n]].number for n in lengths if each.steps[:n] in self._by_steps
                )
        return self._by_steps[steps]

    def slot(
        self, each: tuple[Step, ...], path: Path, kind: Kind, *, present: bool = False, collect: bool = False
    ) -> Slot:
        """The slot of a value at a path from a row's element; one for all that ask for the same."""
        owner, steps = path.below(each)
        key = (owner, steps, path.attribute, kind, present, collect)
        if key not in self._slots:
            scope = self.scope(owner)
            slot = self._slots[key] = Slot(scope.number, scope.width)
            scope.width += 1
            spec = self._spec(owner + steps)
            take = _Take(slot, kind, kind.check(), collect, path.text)
            if present:
                spec.marks.append(slot)
            elif path.attribute:
                spec.attributes.append((path.attribute, take))
            else:
                spec.texts.append(take)
        return self._slots[key]

    def refer(self, column: str, slot: Slot, path: Path | None) -> None:
        """Lets predicates name a column: its slot, and its path from the root where it may stand later in the document."""
        self._references.setdefault(column, (slot, path))

    def _spec(self, steps: tuple[Step, ...]) -> _Spec:
        spec, above = self._root, None
        for step in steps:
            kid = spec.kid(step)
            if above is not None:
                above.adopt(step, kid)
            above = spec if step.optional else None
            spec = kid
        return spec

    def around(self, scope: Scope) -> set[int]:
        """The numbers of a scope and of all that enclose it."""
        numbers = {scope.number}
        while scope.number:
            scope = self.scopes[scope.parent]
            numbers.add(scope.number)
        return numbers

    def known(self, column: str) -> bool:
        return column in self._references

    def paths(self, namespace: str) -> set[str]:
        """The paths of all elements and attributes that values are taken from, as ``element`` shows them."""
        found: set[str] = set()

        def visit(spec: _Spec, path: str) -> None:
            if spec.texts:
                found.add(path)
            found.update(f"{path}/@{self.names.show(name, namespace)}" for name, _ in spec.attributes)
            for name, entries in spec.kids.items():
                shown = self.names.show(_named(name, namespace), namespace)
                for _, kid in entries:
                    visit(kid, f"{path}/{shown}" if path else shown)

        visit(self._root, "")
        return found

    # --- walking ---

    def node(self, namespace: str) -> _Node:
        """The trie for documents whose root has the namespace."""
        if namespace not in self._compiled:
            self._compiled[namespace] = _Node([self._root], self, namespace, "")
        return self._compiled[namespace]

    def reference(self, column: str, walk_state: Walk, namespace: str) -> str | None:
        """The value of a column while the walk goes on, looked up ahead where the document has it later."""
        slot, path = self._references[column]
        value: str | None = walk_state.open[slot.scope][slot.index]
        if value is None and path is not None:
            names = tuple(_named(step.name, namespace) for step in path.steps)
            value = next((found.text for found in walk(walk_state.root, names) if found.text), None)
        return value


def _named(name: str, namespace: str) -> str:
    if name == "{*}*":
        return "*"
    if not name.startswith("{*}"):
        return name
    return f"{{{namespace}}}{name[3:]}" if namespace else name[3:]


class _Node:
    """One element of the trie with every predicate decided."""

    __slots__ = ("any", "attributes", "bare", "deep", "depth", "kids", "marks", "namespace", "path", "scopes", "simple", "strays",
                 "texts", "trie")  # fmt: skip

    def __init__(self, specs: list[_Spec], trie: Trie, namespace: str, path: str) -> None:
        self.trie, self.namespace, self.path = trie, namespace, path
        self.depth = path.count("/")
        self.strays: dict[str, _Node] = {}
        self.scopes = tuple((s, trie.scopes[s].parent, trie.scopes[s].width) for spec in specs for s in spec.scopes)
        self.texts = tuple(
            (take.slot.scope, take.slot.index, take.check, take) for spec in specs for take in spec.texts
        )
        self.attributes = tuple(
            (name, take.slot.scope, take.slot.index, take.check, take)
            for spec in specs
            for name, take in spec.attributes
        )
        self.marks = tuple((slot.scope, slot.index) for spec in specs for slot in spec.marks)
        gathered: dict[str, list[tuple[tuple[Test, ...], _Spec]]] = {}
        for spec in specs:
            for name, entries in spec.kids.items():
                gathered.setdefault(_named(name, namespace), []).extend(entries)
        self.kids: dict[str, _Node | _Choice] = {
            name: _Choice(entries, trie, namespace, self.below(name))
            if any(tests for tests, _ in entries)
            else _Node([spec for _, spec in entries], trie, namespace, self.below(name))
            for name, entries in gathered.items()
        }
        self.any = self.kids.pop("*", None)
        self.deep = bool(self.kids or self.any)
        self.bare = not (self.scopes or self.marks or self.texts or self.attributes)
        # Most elements give one text and nothing else: the walk takes a short way for them.
        self.simple = None
        if len(self.texts) == 1 and not (self.scopes or self.marks or self.attributes or self.deep):
            only = self.texts[0]
            self.simple = None if only[3].collect else only

    def below(self, tag: str) -> str:
        """The path of a child."""
        name = self.trie.names.show(tag, self.namespace)
        return f"{self.path}/{name}" if self.path else name

    def stray(self, tag: str) -> _Node:
        """A node that takes nothing, for an element the mapping does not know."""
        if tag not in self.strays:
            if len(self.strays) > 1_000:
                self.strays.clear()
            self.strays[tag] = _Node([], self.trie, self.namespace, self.below(tag))
        return self.strays[tag]


class _Choice:
    """An element whose meaning depends on predicates: the node is put together from those that hold, once a combination."""

    __slots__ = ("_always", "_conditions", "_namespace", "_nodes", "_tested", "_trie", "path")
    simple = None
    bare = False

    def __init__(self, entries: list[tuple[tuple[Test, ...], _Spec]], trie: Trie, namespace: str, path: str) -> None:
        self.path = path
        # A predicate and its negation are asked for once.
        asked = dict.fromkeys(dataclasses.replace(test, negated=False) for tests, _ in entries for test in tests)
        numbers = {test: n for n, test in enumerate(asked)}
        self._conditions = tuple(_Condition(test, trie, namespace) for test in asked)
        self._always = [spec for tests, spec in entries if not tests]
        self._tested = [
            ([(numbers[dataclasses.replace(test, negated=False)], not test.negated) for test in tests], spec)
            for tests, spec in entries
            if tests
        ]
        self._nodes: dict[tuple[bool, ...], _Node] = {}
        self._trie, self._namespace = trie, namespace

    def decide(self, element: Element, state: Walk) -> _Node:
        holds = tuple([condition.holds(element, state) for condition in self._conditions])
        node = self._nodes.get(holds)
        if node is None:
            chosen = [spec for tests, spec in self._tested if all(holds[n] is wanted for n, wanted in tests)]
            node = self._nodes[holds] = _Node(self._always + chosen, self._trie, self._namespace, self.path)
        return node


class _Condition:
    """A predicate bound to the names of a namespace."""

    __slots__ = ("_attribute", "_column", "_literal", "_names", "_namespace", "_trie")

    def __init__(self, test: Test, trie: Trie, namespace: str) -> None:
        self._names = tuple(_named(name, namespace) for name in test.names)
        self._attribute, self._column = test.attribute, test.column
        self._literal = None if test.literal is None else test.literal.strip(SPACE).casefold()
        self._trie, self._namespace = trie, namespace

    def holds(self, element: Element, state: Walk) -> bool:
        wanted = self._literal
        if self._column is not None:
            value = self._trie.reference(self._column, state, self._namespace)
            if value is None:
                return False
            wanted = value.strip(SPACE).casefold()
        return self._found(element, self._names, wanted)

    def _found(self, element: Element, names: tuple[str, ...], wanted: str | None) -> bool:
        if names:
            rest = names[1:]
            return any(self._found(child, rest, wanted) for child in element.iterchildren(names[0]))
        text = element.get(self._attribute) if self._attribute else element.text or ""
        return text is not None and (wanted is None or text.strip(SPACE).casefold() == wanted)


class Walk:
    """The rows that documents gave, by scope, and the texts that did not fit."""

    def __init__(self, trie: Trie, inventory: Inventory | None = None) -> None:
        self._trie = trie
        self.inventory = inventory
        self.raw: list[tuple[Row, Slot, str, int]] = []
        """Texts that the values of their rows do not show: row, slot, text, document."""
        self.rows: list[list[Row]] = [[] for _ in trie.scopes]
        self.open: list[Row] = [[] for _ in trie.scopes]
        self.problems: list[Problem] = []
        self.root: Element
        self.document = -1

    def add(self, root: Element, namespace: str) -> None:
        """Walks one document; its rows come after those of the documents before."""
        self.root = root
        self.document += 1
        self.open = [[] for _ in self.open]
        node = self._trie.node(namespace)
        row: Row = [None] * self._trie.scopes[0].width
        row[0], row[1] = self.document, root.sourceline
        self.open[0] = row
        self.rows[0].append(row)
        self._enter(root, node)
        if self.inventory is None:
            self._descend(root, node)
        else:
            self.inventory.begin()
            self._take_stock(root, node, 0, self.inventory)
            if not self.inventory.agrees(root):
                self.inventory.recount(root, self.document, namespace)

    def _take_stock(self, element: Element, above: _Node, number: int, inventory: Inventory) -> None:
        """As ``_descend``, over every element, known or not; what each holds goes to the inventory.

        An element that the mapping takes one text from is taken to hold nothing else, until one was seen that does:
        ``Inventory.agrees`` notices.
        """
        opened, get, odd = self.open, above.kids.get, inventory.odd
        signature: list[Any] = [above.path, None]
        inner: list[tuple[Element, _Node | _Choice, int]] = []
        for child in element:
            tag = child.tag
            node = get(tag) or above.any or above.stray(tag)
            simple = node.simple
            if simple is not None:
                scope, index, check, take = simple
                row, text = opened[scope], child.text
                if row[index] is None:
                    if check is None or check(text or ""):
                        row[index] = text or ""
                    else:
                        self._settle(child, text or "", row, index, take)
                if text and not text.isspace() and node.path not in odd:
                    signature.append(node.path)
                    continue
                if len(child):
                    inner.append((child, node, len(signature) - 2))
                    signature.append(node.path)
                    continue
            elif len(child):
                inner.append((child, node, len(signature) - 2))
                signature.append(node.path)
                continue
            else:
                text = child.text
                if not node.bare:
                    inner.append((child, node, -1))
            signature.append(inventory.leaf(node.path, text, child.items()))
        if attributes := element.items():
            signature[1] = inventory.shown(attributes)
        key = tuple(signature)
        shape, size = inventory.shapes.known.get(key) or inventory.shaped(key, above.namespace)
        first = inventory.next
        inventory.next = first + size
        inventory.places += (self.document, number, shape, first, line_of(element))
        for child, node, ordinal in inner:
            if isinstance(node, _Choice):
                # What a choice decides was not known when simple texts were taken.
                node = node.decide(child, self)
                taken = False
            else:
                taken = node.simple is not None
            if not node.bare and not taken:
                self._enter(child, node)
            if ordinal >= 0 and node.depth < DEPTH:
                self._take_stock(child, node, first + ordinal, inventory)

    def _descend(self, element: Element, above: _Node) -> None:
        get, opened, other = above.kids.get, self.open, above.any
        for child in element:
            node = get(child.tag) or other
            if node is None:
                continue
            simple = node.simple
            if simple is not None:
                scope, index, check, take = simple
                row = opened[scope]
                if row[index] is None:
                    text = child.text or ""
                    if check is None or check(text):
                        row[index] = text
                    else:
                        self._settle(child, text, row, index, take)
                continue
            if isinstance(node, _Choice):
                node = node.decide(child, self)
            if not node.bare:
                self._enter(child, node)
            if node.deep:
                self._descend(child, node)

    def _enter(self, element: Element, node: _Node) -> None:
        """Begins the rows of an element and takes what it holds itself."""
        opened = self.open
        for scope, parent, width in node.scopes:
            row: Row = [None] * width
            row[0], row[1] = opened[parent], element.sourceline
            opened[scope] = row
            self.rows[scope].append(row)
        for scope, index in node.marks:
            opened[scope][index] = "1"
        for scope, index, check, take in node.texts:
            self._take(element, element.text or "", opened[scope], index, check, take)
        for name, scope, index, check, take in node.attributes:
            text = element.get(name)
            if text is not None:
                self._take(element, text, opened[scope], index, check, take)

    def _take(
        self, element: Element, text: str, row: Row, index: int, check: Callable[[str], object] | None, take: _Take
    ) -> None:
        if row[index] is None and not take.collect:
            if check is None or check(text):
                row[index] = text
            else:
                self._settle(element, text, row, index, take)
        elif take.collect and text.strip(SPACE):
            pieces = row[index] or []
            row[index] = text
            if check is not None and not check(text):
                self._settle(element, text, row, index, take)
            row[index] = pieces if row[index] is None else [*pieces, row[index]]

    def _settle(self, element: Element, text: str, row: Row, index: int, take: _Take) -> None:
        """The rare text that is not at once what it should be: kept where it can be, else noted."""
        settled = take.kind.settle(text)
        row[index] = settled.value
        if self.inventory is not None and settled.value != text and take.kind.shows(settled.value):
            self.raw.append((row, take.slot, text, self.document))
        if settled.problem:
            self.problems.append(
                Problem(
                    row,
                    take.slot,
                    take.path,
                    text,
                    settled.problem,
                    settled.expected,
                    settled.severity,
                    line_of(element),
                    self.document,
                )
            )
