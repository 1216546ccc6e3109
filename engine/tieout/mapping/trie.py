"""The trie of all paths of a mapping: what each element of a document is to it. ``walk`` goes by it.

A *scope* is an element that owns values: the document, each row's element, and every element a ``../`` leads up to. Its
row is a list: the row of the enclosing scope, the line, then one slot a value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from tieout.formats.xml import Element, walk
from tieout.mapping.inventory import Names
from tieout.mapping.paths import Path, Step, Test
from tieout.mapping.values import SPACE, Kind

__all__ = ["Choice", "Condition", "Node", "Row", "Scope", "Slot", "State", "Take", "Trie", "named"]

Row: TypeAlias = list[Any]
FIRST_SLOT = 2


class State(Protocol):
    """How far a walk has come: the document's root and the rows that are open, by scope."""

    root: Element
    open: list[Row]


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


@dataclass(slots=True)
class Spec:
    """What the mapping wants of one element, before predicates are decided."""

    texts: list[Take] = field(default_factory=list)
    attributes: list[tuple[str, Take]] = field(default_factory=list)
    marks: list[Slot] = field(default_factory=list)
    scopes: list[int] = field(default_factory=list)
    kids: dict[str, list[tuple[tuple[Test, ...], Spec]]] = field(default_factory=dict)

    def kid(self, step: Step) -> Spec:
        entries = self.kids.setdefault(step.name, [])
        for tests, spec in entries:
            if tests == step.tests:
                return spec
        spec = Spec()
        entries.append((step.tests, spec))
        return spec

    def adopt(self, step: Step, spec: Spec) -> None:
        """Lets an element stand here too, one level above where it belongs."""
        entries = self.kids.setdefault(step.name, [])
        if all(known is not spec for _, known in entries):
            entries.append((step.tests, spec))


@dataclass(frozen=True, slots=True)
class Take:
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
        self._root = Spec()
        self._by_steps: dict[tuple[Step, ...], Scope] = {(): self.scopes[0]}
        self._slots: dict[tuple[Any, ...], Slot] = {}
        self._references: dict[str, tuple[Slot, Path | None]] = {}
        self._compiled: dict[str, Node] = {}

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
            take = Take(slot, kind, kind.check(), collect, path.text)
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

    def _spec(self, steps: tuple[Step, ...]) -> Spec:
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

    def slot_of(self, column: str) -> Slot:
        return self._references[column][0]

    def paths(self, namespace: str) -> set[str]:
        """The paths of all elements and attributes that values are taken from, as ``element`` shows them."""
        found: set[str] = set()

        def visit(spec: Spec, path: str) -> None:
            if spec.texts:
                found.add(path)
            found.update(f"{path}/@{self.names.show(name, namespace)}" for name, _ in spec.attributes)
            for name, entries in spec.kids.items():
                shown = self.names.show(named(name, namespace), namespace)
                for _, kid in entries:
                    visit(kid, f"{path}/{shown}" if path else shown)

        visit(self._root, "")
        return found

    # --- walking ---

    def node(self, namespace: str) -> Node:
        """The trie for documents whose root has the namespace."""
        if namespace not in self._compiled:
            self._compiled[namespace] = Node([self._root], self, namespace, "")
        return self._compiled[namespace]

    def reference(self, column: str, state: State, namespace: str) -> str | None:
        """The value of a column while the walk goes on, looked up ahead where the document has it later."""
        slot, _ = self._references[column]
        value: str | None = state.open[slot.scope][slot.index]
        return self.ahead(column, state.root, namespace) if value is None else value

    def ahead(self, column: str, root: Element, namespace: str) -> str | None:
        """The text of a column that is read from a plain path, wherever it stands in the document."""
        _, path = self._references[column]
        if path is None:
            return None
        names = tuple(named(step.name, namespace) for step in path.steps)
        return next((found.text for found in walk(root, names) if found.text), None)


def named(name: str, namespace: str) -> str:
    """The name of an element that a path means, in documents whose root has the namespace."""
    if name == "{*}*":
        return "*"
    if not name.startswith("{*}"):
        return name
    return f"{{{namespace}}}{name[3:]}" if namespace else name[3:]


class Node:
    """One element of the trie with every predicate decided."""

    __slots__ = ("any", "attributes", "bare", "deep", "depth", "kids", "marks", "namespace", "path", "scopes", "simple",
                 "strays", "texts", "trie")  # fmt: skip

    def __init__(self, specs: list[Spec], trie: Trie, namespace: str, path: str) -> None:
        self.trie, self.namespace, self.path = trie, namespace, path
        self.depth = path.count("/")
        self.strays: dict[str, Node] = {}
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
        gathered: dict[str, list[tuple[tuple[Test, ...], Spec]]] = {}
        for spec in specs:
            for name, entries in spec.kids.items():
                gathered.setdefault(named(name, namespace), []).extend(entries)
        self.kids: dict[str, Node | Choice] = {
            name: Choice(entries, trie, namespace, self.below(name))
            if any(tests for tests, _ in entries)
            else Node([spec for _, spec in entries], trie, namespace, self.below(name))
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

    def stray(self, tag: str) -> Node:
        """A node that takes nothing, for an element the mapping does not know."""
        if tag not in self.strays:
            if len(self.strays) > 1_000:
                self.strays.clear()
            self.strays[tag] = Node([], self.trie, self.namespace, self.below(tag))
        return self.strays[tag]


class Choice:
    """An element whose meaning depends on predicates: the node is put together from those that hold, once a combination."""

    __slots__ = ("_always", "_namespace", "_nodes", "_tested", "_trie", "conditions", "path")
    simple = None
    bare = False

    def __init__(self, entries: list[tuple[tuple[Test, ...], Spec]], trie: Trie, namespace: str, path: str) -> None:
        self.path = path
        # A predicate and its negation are asked for once.
        asked = dict.fromkeys(dataclasses.replace(test, negated=False) for tests, _ in entries for test in tests)
        numbers = {test: n for n, test in enumerate(asked)}
        self.conditions = tuple(Condition(test, trie, namespace) for test in asked)
        self._always = [spec for tests, spec in entries if not tests]
        self._tested = [
            ([(numbers[dataclasses.replace(test, negated=False)], not test.negated) for test in tests], spec)
            for tests, spec in entries
            if tests
        ]
        self._nodes: dict[tuple[bool, ...], Node] = {}
        self._trie, self._namespace = trie, namespace

    def decide(self, element: Element, state: State) -> Node:
        return self.chosen(tuple([condition.holds(element, state) for condition in self.conditions]))

    def chosen(self, holds: tuple[bool, ...]) -> Node:
        """The node where so many of the conditions hold."""
        node = self._nodes.get(holds)
        if node is None:
            chosen = [spec for tests, spec in self._tested if all(holds[n] is wanted for n, wanted in tests)]
            node = self._nodes[holds] = Node(self._always + chosen, self._trie, self._namespace, self.path)
        return node


class Condition:
    """A predicate bound to the names of a namespace."""

    __slots__ = ("_literal", "_namespace", "_shown", "_trie", "attribute", "column", "names", "slot")

    def __init__(self, test: Test, trie: Trie, namespace: str) -> None:
        self.names = tuple(named(name, namespace) for name in test.names)
        self.attribute, self.column = test.attribute, test.column
        self.slot = None if test.column is None else trie.slot_of(test.column)
        self._shown = _as_it_is if test.exact else _folded
        self._literal = None if test.literal is None else self._shown(test.literal)
        self._trie, self._namespace = trie, namespace

    def holds(self, element: Element, state: State) -> bool:
        value = None if self.column is None else self._trie.reference(self.column, state, self._namespace)
        return self.among(self._texts(element, self.names), value)

    def among(self, texts: Iterable[str], value: str | None) -> bool:
        """Whether one of the texts is what the predicate wants, or is there at all where it wants no more.

        value: of the column that the predicate names.
        """
        wanted, shown = self._literal, self._shown
        if self.column is not None:
            if value is None:
                return False
            wanted = shown(value)
        return any(wanted is None or shown(text) == wanted for text in texts)

    def _texts(self, element: Element, names: tuple[str, ...]) -> Iterator[str]:
        """The texts that the predicate looks at."""
        for found in walk(element, names):
            text = found.get(self.attribute) if self.attribute else found.text or ""
            if text is not None:
                yield text


def _folded(text: str) -> str:
    return text.strip(SPACE).casefold()


def _as_it_is(text: str) -> str:
    return text
