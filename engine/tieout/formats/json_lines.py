"""On which line each value of a JSON text stands. Read again for this alone, since parsers forget it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

__all__ = ["line_of", "lines"]

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")|([{}\[\],])|([^\s{}\[\]:,"]+)')


@dataclass(slots=True)
class _Inside:
    """An object or a list whose end was not seen."""

    path: str
    is_list: bool
    number: int = 0
    """Of a list, the entry that comes."""
    key: str | None = None
    """Of an object, the member whose value comes; None where its name comes."""

    @property
    def next(self) -> str:
        return f"{self.path}[{self.number}]" if self.is_list else f"{self.path}.{self.key}"


def lines(text: str) -> list[dict[str, int]]:
    """For each value of a well-formed text (one, or those of JSON lines) the line of each path: ``$``, ``$.lines[0].note``."""
    values: list[dict[str, int]] = []
    around: list[_Inside] = []
    line, before = 1, 0
    for token in _TOKEN.finditer(text):
        line, before = line + text.count("\n", before, token.start()), token.start()
        name, mark, _ = token.groups()
        if mark in ("}", "]"):
            around = around[:-1]
        elif mark == "," and around:
            around[-1].number, around[-1].key = around[-1].number + 1, None
        elif name and around and not around[-1].is_list and around[-1].key is None:
            around[-1].key = json.loads(name)
        else:
            if not around:
                values.append({})
            path = around[-1].next if around else "$"
            values[-1].setdefault(path, line)
            if mark:
                around.append(_Inside(path, mark == "["))
    return values


def line_of(path: str, known: dict[str, int]) -> int | None:
    """The line of the path, or of what encloses it where it is not there.

    All may stand in the only member of the text, and one that stands alone need not stand in a list.
    """
    only = [each for each in known if re.fullmatch(r"\$\.[^.\[]+", each)]
    if len(only) == 1 and path not in known and f"{only[0]}{path[1:]}" in known:
        path = f"{only[0]}{path[1:]}"
    while path not in known and path:
        path = re.sub(r"(\.[^.\[]*|\[\d+\]|\$)$", "", path)
    return known.get(path)
