"""A value of a definition file with its place, and how a mistake at it is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tieout.model.errors import Location, Mistake

__all__ = ["Node", "did_you_mean"]


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a YAML file and where it stands."""

    value: Any
    """None, bool, int, Decimal, str, a tuple of Node, or a dict of key to Node."""
    location: Location
    text: str = ""
    """A scalar as written, without its quotes; empty for lists and mappings."""
    keys: Mapping[str, Location] = field(default_factory=dict)
    """For a mapping: where each key stands."""
    raw: str = field(default="", repr=False)
    """A scalar's characters in the file, with quotes, folds and indents."""

    def __getitem__(self, key: str) -> Node:
        node: Node = self.value[key]
        return node

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def __iter__(self) -> Iterator[Node]:
        return iter(self.value if isinstance(self.value, tuple) else ())

    def get(self, key: str) -> Node | None:
        """The value under the key; None where it is absent, null, or this is no mapping."""
        node: Node | None = self.value.get(key) if isinstance(self.value, dict) else None
        return None if node is None or node.value is None else node

    def items(self) -> Iterable[tuple[str, Node]]:
        """The entries of a mapping in their written order; none for anything else."""
        return self.value.items() if isinstance(self.value, dict) else ()

    def plain(self, key: str | None = None, default: Any = None) -> Any:
        """The value (or the one under the key) as dict, list, str, int, Decimal, bool and None."""
        if key is not None:
            node = self.get(key)
            return default if node is None else node.plain()
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, offset: int) -> Location:
        """The place in the file of a character of a scalar, counted from 0 in its value."""
        if not self.raw:
            return self.location
        index = _raw_index(str(self.text), self.raw, offset)
        before = self.raw[:index]
        line = before.count("\n")
        column = len(before) - (before.rfind("\n") + 1) if line else self.location.column - 1 + len(before)
        return Location(self.location.file, self.location.line + line, column + 1)

    def mistake(self, text: str, *, key: str | None = None) -> Mistake:
        """A mistake at this value, or at the given key of this mapping."""
        return Mistake(self.keys.get(key, self.location) if key else self.location, text)


def _raw_index(text: str, raw: str, offset: int) -> int:
    """Where character ``offset`` of a scalar's value stands in its raw characters (quotes, indents and folds skipped)."""
    index = 0
    if raw == text:
        return offset
    if raw[:1] in "|>":
        index = raw.find("\n") + 1
    elif raw[:1] in "'\"":
        index = 1
    for position, char in enumerate(text[: offset + 1]):
        if char.isspace():
            if index < len(raw) and raw[index].isspace() and position < offset:
                index += 1
            continue
        while index < len(raw) and raw[index] != char:
            index += 1
        if position < offset:
            index += 2 if raw[:1] == "'" and char == "'" else 1
    return min(index, len(raw))


def did_you_mean(name: str, known: Iterable[str], *, near: float = 0.6) -> str:
    """``; did you mean 'x'?`` for the nearest known name: one that contains it, else one spelled alike; else empty."""
    folded = {each.lower(): each for each in known}
    lowered = name.lower()
    longer = [each for each in folded if len(lowered) > 3 and lowered in each]
    found = [min(longer, key=len)] if longer else difflib.get_close_matches(lowered, folded, n=1, cutoff=near)
    return f"; did you mean '{folded[found[0]]}'?" if found else ""
