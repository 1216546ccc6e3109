"""The walk: one pass over a document, guided by the trie of a mapping's paths, that fills rows of text.

Nothing is converted here beyond the fast test of a value's kind; ``lens_read`` makes columns of the rows. Parts of documents
that are made alike are read by what was worked out for the first of them (``section``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tieout.formats.xml import Element, line_of
from tieout.mapping.cells import Cells, Problem
from tieout.mapping.trie import Choice, Node, Row, Take, Trie
from tieout.mapping.values import SPACE

__all__ = ["Walk"]


class Walk:
    """The rows that documents gave, by scope, and the texts that did not fit."""

    def __init__(self, trie: Trie) -> None:
        self._trie = trie
        self.rows: list[list[Row]] = [[] for _ in trie.scopes]
        self.open: list[Row] = [[] for _ in trie.scopes]
        self.problems: list[tuple[Row, Problem]] = []
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
        self._descend(root, node)

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
        if settled.problem:
            problem = Problem(
                -1,
                take.slot,
                take.path,
                text,
                settled.problem,
                settled.expected,
                settled.severity,
                line_of(element),
                self.document,
            )
            self.problems.append((row, problem))

    def cells(self) -> Cells:
        """The rows as columns."""
        numbers = [{id(row): n for n, row in enumerate(rows)} for rows in self.rows]
        scopes = self._trie.scopes
        parents = [[numbers[scope.parent][id(row[0])] for row in rows] if scope.number else [row[0] for row in rows]
                   for scope, rows in zip(scopes, self.rows, strict=True)]  # fmt: skip
        turned: dict[int, list[tuple[Any, ...]]] = {}

        def texts(scope: int, index: int) -> list[Any] | None:
            if scope not in turned:
                turned[scope] = list(zip(*self.rows[scope], strict=True))
            if not turned[scope]:
                return None
            column = list(turned[scope][index])
            return None if column.count(None) == len(column) else column

        return Cells(
            scopes,
            parents,
            [[row[1] for row in rows] for rows in self.rows],
            texts,
            [replace(problem, row=numbers[problem.slot.scope][id(row)]) for row, problem in self.problems],
            (),
            stocked=False,
        )
