"""What an expression may name, and what kind of value a parameter is. Small, and shared by all who read expressions."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.library.language import BOOLEAN, DATE, TEXT, UNKNOWN, Kind, number
from tieout.model.canon import CANON

__all__ = ["Scope", "chain", "iso_date", "kind_of_value"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name."""

    table: str | None
    """The table whose row is judged; its columns need no prefix."""
    parameters: tuple[tuple[str, Kind], ...] = ()
    code_lists: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    """Further tables with one row beside it (the other side of a match, a joined row)."""
    wants: str = "boolean"
    """boolean, number, or any."""

    @property
    def row_tables(self) -> tuple[str, ...]:
        """Tables with exactly one row here: the judged one, those above it, and ``also``."""
        return (*(chain(self.table) if self.table else ()), *self.also)


def chain(table: str) -> tuple[str, ...]:
    """The table and those above it, nearest first."""
    names = [table]
    while parent := CANON[names[-1]].parent:
        names.append(parent)
    return tuple(names)


def kind_of_value(value: Any) -> Kind:
    """The kind of a parameter's value as YAML gave it; text that is an ISO date counts as a date."""
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return Kind("integer", len(str(abs(value))), 0)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        scale = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        return number(max(1, len(value.as_tuple().digits) - scale), scale)
    if isinstance(value, str):
        return DATE if iso_date(value) else TEXT
    return UNKNOWN


def iso_date(text: str) -> dt.date | None:
    """The date that the text states as 2024-12-31; None where it states none."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
