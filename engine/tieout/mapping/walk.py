"""The walk: one pass over a document, guided by the trie of a mapping's paths, that fills rows of text.

Nothing is converted here beyond the fast test of a value's kind; ``lens_read`` makes columns of the rows. Parts of documents
that are made alike are read by what was worked out for the first of them (``section``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tieout.formats.xml import Element, line_of
from tieout.mapping.inventory import DEPTH, Inventory
from tieout.mapping.section import section_of
from tieout.mapping.trie import Choice, Node, Row, Slot, Take, Trie
from tieout.mapping.values import SPACE

__all__ = ["Problem", "Walk"]


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

    def _take_stock(self, element: Element, above: Node, number: int, inventory: Inventory) -> None:
        """As ``_descend``, over every element, known or not; what each holds goes to the inventory."""
        opened, get = self.open, above.kids.get
        items = element.items()
        signature: list[Any] = [above.path, inventory.shown(items) if items else None]
        inner: list[tuple[Element, Node | Choice, int]] = []
        for child in element:
            tag = child.tag
            node = get(tag) or above.any or above.stray(tag)
            simple, text = node.simple, child.text
            if simple is not None:
                scope, index, check, take = simple
                row = opened[scope]
                if row[index] is None:
                    if check is None or check(text or ""):
                        row[index] = text or ""
                    else:
                        self._settle(child, text or "", row, index, take)
            if len(child):
                inner.append((child, node, len(signature) - 2))
                signature.append(node.path)
                continue
            if simple is None and not node.bare:
                inner.append((child, node, -1))
            signature.append(inventory.leaf(node.path, text, child.items()))
        first = inventory.place(signature, above.namespace, self.document, number, line_of(element))
        for child, node, ordinal in inner:
            if ordinal >= 0 and node.settled and self._repeat(child, node, first + ordinal, inventory):
                continue
            if isinstance(node, Choice):
                # What a choice decides was not known when simple texts were taken.
                node = node.decide(child, self)
                taken = False
            else:
                taken = node.simple is not None
            if not node.bare and not taken:
                self._enter(child, node)
            if ordinal >= 0 and node.depth < DEPTH:
                self._take_stock(child, node, first + ordinal, inventory)

    def _repeat(self, element: Element, node: Node | Choice, number: int, inventory: Inventory) -> bool:
        """Reads an element and all in it as the first that was made alike; False where that is not worth it."""
        found = section_of(element, node, inventory, self)
        if found is None:
            return False
        pattern, elements, texts, attributes = found
        opened = self.open
        rows = [opened[scope] for scope in pattern.outer]
        for scope, parent, width, at in pattern.rows:
            row: Row = [None] * width
            row[0], row[1] = rows[parent], elements[at].sourceline
            rows.append(row)
            opened[scope] = row
            self.rows[scope].append(row)
        for target, index in pattern.marks:
            rows[target][index] = "1"
        for target, index, at, attribute, check, take in pattern.takes:
            row = rows[target]
            if take.collect:
                text = texts[at] or "" if attribute < 0 else attributes[at][attribute][1]
                self._take(elements[at], text, row, index, check, take)
            elif row[index] is None:
                text = texts[at] or "" if attribute < 0 else attributes[at][attribute][1]
                if check is None or check(text):
                    row[index] = text
                else:
                    self._settle(elements[at], text, row, index, take)
        inventory.repeat(pattern, elements, self.document, number)
        return True

    def _descend(self, element: Element, above: Node) -> None:
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
            if isinstance(node, Choice):
                node = node.decide(child, self)
            if not node.bare:
                self._enter(child, node)
            if node.deep:
                self._descend(child, node)

    def _enter(self, element: Element, node: Node) -> None:
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
        self, element: Element, text: str, row: Row, index: int, check: Callable[[str], object] | None, take: Take
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

    def _settle(self, element: Element, text: str, row: Row, index: int, take: Take) -> None:
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
