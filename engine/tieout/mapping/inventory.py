"""The inventory of documents: which elements and attributes stand in which element, counted on the walk that reads them.

An element with its children's names is a *shape*; a corpus has few, so that a place is one row of numbers. ``trie`` calls
it while it walks; ``element`` in the canon joins both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl

from tieout.mapping.values import SPACE

__all__ = ["DEPTH", "Inventory", "Names", "Shapes"]

DEPTH = 200
"""No deeper: no invoice is, and a hostile document must not fill the stack."""

Signature: TypeAlias = tuple[Any, ...]
Items: TypeAlias = Sequence[tuple[Any, Any]]
"""Attributes: name and value."""


class Names:
    """Clark names as paths show them: with the mapping's prefixes, bare in a root namespace without one."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._prefixes = {uri: prefix for prefix, uri in namespaces.items()}
        self._shown: dict[tuple[str, str], str] = {}

    def show(self, name: str, home: str) -> str:
        """The name of an element or attribute in documents whose root has the namespace ``home``."""
        key = (name, home)
        if key not in self._shown:
            if len(self._shown) > 10_000:
                self._shown.clear()
            self._shown[key] = self._show(name, home)
        return self._shown[key]

    def _show(self, name: str, home: str) -> str:
        if not name.startswith("{"):
            return name
        uri, _, local = name[1:].partition("}")
        if uri in self._prefixes:
            return f"{self._prefixes[uri]}:{local}"
        return local if uri == home else name


class Shapes:
    """The shapes that were seen, each told once; lives as long as the store that gets them."""

    def __init__(self) -> None:
        self.known: dict[Signature, tuple[int, int]] = {}
        """Signature to the shape's number and how many numbers its content takes."""
        self.plain: dict[int, Any] = {}
        """What is known of documents as text (``plain``), by the identity of their lens."""
        self._fresh: list[tuple[Any, ...]] = []

    def make(
        self, signature: Signature, path: str, own: Sequence[tuple[str, str | None]], children: Any
    ) -> tuple[int, int]:
        """The shape of a signature not seen before.

        own: the element's attributes (name, value or None); children: (name, blank, attributes) in document order.
        """
        counted: dict[str, list[int]] = {}
        for ordinal, (name, blank, _) in enumerate(children):
            entry = counted.setdefault(name, [ordinal, 0, 0])
            entry[1] += 1
            entry[2] += blank
        items: list[tuple[Any, ...]] = []
        for name, (ordinal, count, blanks) in counted.items():
            items.append((ordinal, None, path, _below(path, name), name, count, blanks, None))
        ordinal = len(children)
        for name, value in own:
            items.append((ordinal, None, path, _below(path, f"@{name}"), f"@{name}", 1, 0, value))
            ordinal += 1
        for place, (child, _, attributes) in enumerate(children):
            for name, value in attributes:
                inside = _below(path, child)
                items.append((ordinal, place, inside, f"{inside}/@{name}", f"@{name}", 1, 0, value))
                ordinal += 1
        digest = hashlib.blake2b(repr((path, items)).encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big") >> 1
        self._fresh += [(number, *item) for item in items]
        self.known[signature] = (number, ordinal)
        if len(self.known) > 200_000:
            self.known.clear()
        return number, ordinal

    def frame(self) -> pl.DataFrame:
        """The rows of ``element_shape`` that were not told yet."""
        fresh, self._fresh = self._fresh, []
        return pl.DataFrame(fresh, schema=_SHAPE, orient="row").unique(["shape", "ordinal"], maintain_order=True)


class Inventory:
    """What elements are to the inventory of a mapping.

    names: how paths show names; valued: the attributes whose value is part of a shape.
    """

    def __init__(self, shapes: Shapes, names: Names, valued: frozenset[str]) -> None:
        self.shapes = shapes
        self._names, self._valued = names, valued

    def shape(self, signature: Sequence[Any], home: str) -> tuple[int, int]:
        """The shape of an element, and how many numbers its content takes."""
        key = tuple(signature)
        return self.shapes.known.get(key) or self.shaped(key, home)

    def leaf(self, path: str, text: str | None, items: Items) -> Any:
        """What a signature says of an element without elements: its path, and maybe that it is blank and its attributes."""
        blank = not text or (text.isspace() and not text.strip(SPACE))
        return (path, blank, self.shown(items)) if blank or items else path

    def shown(self, items: Items) -> tuple[tuple[str, str | None], ...]:
        """The attributes with the values that count."""
        return tuple([item if item[0] in self._valued else (item[0], None) for item in items])

    def shaped(self, key: Signature, home: str) -> tuple[int, int]:
        """The shape of a signature not seen before."""
        path, own, *children = key

        def attributes(items: Any) -> list[tuple[str, str | None]]:
            return [(self._names.show(name, home), value) for name, value in items]

        cut = len(path) + 1 if path else 0
        told = [
            (child[cut:], False, []) if isinstance(child, str) else (child[0][cut:], child[1], attributes(child[2]))
            for child in children
        ]
        return self.shapes.make(key, path, attributes(own or ()), told)


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


_SHAPE = {
    "shape": pl.Int64, "ordinal": pl.Int64, "parent_ordinal": pl.Int64, "parent_path": pl.String, "path": pl.String,
    "name": pl.String, "count": pl.Int64, "blank_count": pl.Int64, "text": pl.String,
}  # fmt: skip
