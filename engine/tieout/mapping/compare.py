"""What one document says and another does not, whatever the order of its elements: the canonical difference of two trees.

Numbers are compared by value, all else by text without the blanks around it; an element without text says that it is there.
Tests and benchmarks ask what a document loses that was read and written again.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TypeAlias

from tieout.formats import xml
from tieout.formats.xml import Element
from tieout.mapping.inventory import Names
from tieout.mapping.values import SPACE

__all__ = ["Said", "difference", "said"]

Said: TypeAlias = "Counter[tuple[str, str]]"
"""Path and text of elements without elements, and of attributes (their path ends in @name), with how often each stands."""

_NUMBER = re.compile(r"[-+]?[0-9]{1,24}(?:\.[0-9]{0,24})?")


def said(root: Element, names: Names) -> Said:
    """What a document says."""
    found: Said = Counter()
    _gather(root, "", names, xml.namespace(root), found)
    return found


def difference(one: Element, other: Element, names: Names) -> tuple[Said, Said]:
    """What only the one says, and what only the other does."""
    left, right = said(one, names), said(other, names)
    return left - right, right - left


def _gather(element: Element, path: str, names: Names, home: str, found: Said) -> None:
    for child in element:
        name = names.show(str(child.tag), home)
        below = f"{path}/{name}" if path else name
        for key, value in child.items():
            found[f"{below}/@{names.show(str(key), home)}", _canonical(str(value))] += 1
        if len(child):
            _gather(child, below, names, home, found)
        else:
            found[below, _canonical(child.text or "")] += 1


def _canonical(text: str) -> str:
    text = text.strip(SPACE)
    return f"{Decimal(text).normalize() + 0:f}" if _NUMBER.fullmatch(text) else text
