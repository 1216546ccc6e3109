"""Places in a document by the paths of its elements: how a rule writes them, which paths they mean, and an example.

A path is steps joined by '/', from the document's root without it: ``cac:InvoiceLine/cbc:ID``; the last step may be an
attribute, ``@schemeID``. ``//`` before it means at any depth, and ``*`` in a step any signs: ``//ram:*TradeTax``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["PATH", "Place", "example_rows", "fits", "joined", "place_of"]

_STEP = r"(?:@?[A-Za-z*][\w.*-]*(?::[\w.*-]+)?|\{[^{}]*\}[\w.*-]+)"
PATH = re.compile(rf"(?://)?{_STEP}(?:/{_STEP})*")
"""What a rule may write as a path."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which paths are meant, and how far above the enclosing element the judged one stands."""

    text: str
    climbs: int
    """Steps from the element that encloses the name up to the judged element; -1 where the document is judged."""

    @property
    def is_plain(self) -> bool:
        """Whether it means one path only."""
        return not self.text.startswith("//") and "*" not in self.text


def joined(under: str, path: str) -> str:
    """The whole path of a path under another."""
    return f"{under}/{path}" if under else path


def place_of(under: str, path: str) -> Place:
    """The place of a path that is counted for each element at ``under`` ('' for the document)."""
    return Place(joined(under, path), path.count("/") if under else -1)


def fits(pattern: str, path: str) -> bool:
    """Whether a path as rules write it means the path of a document."""
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    anywhere = pattern.startswith("//")
    steps = re.escape(pattern[2:] if anywhere else pattern).replace(r"\*", "[^/]*")
    return re.compile(("(?:.*/)?" if anywhere else "") + steps)


def example(path: str) -> str:
    """A path of a document that the written one means."""
    return path.removeprefix("//").replace("*", "Any")


def example_rows(under: str, paths: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    """Rows of ``element`` for one element at ``under`` that holds the paths, each so many times."""
    rows: dict[str, dict[str, object]] = {}
    numbers = {"": 0}
    for path, count in [*(((under, 1),) if under else ()), *((joined(under, each), n) for each, n in paths)]:
        steps = example(path).split("/")
        for parent, here in _pairs(steps):
            if here in rows:
                continue
            numbers[here] = 10 * (len(rows) + 1)
            rows[here] = {
                "row_no": numbers[here],
                "parent_path": parent,
                "path": here,
                "name": here.rpartition("/")[2],
                "parent_no": numbers[parent],
                "count": count if here == "/".join(steps) else 1,
            }
    return list(rows.values())


def _pairs(steps: Iterable[str]) -> Iterator[tuple[str, str]]:
    parent = ""
    for step in steps:
        here = joined(parent, step)
        yield parent, here
        parent = here
