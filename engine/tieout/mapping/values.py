"""Text as written in an XML document <-> the value of a canonical column. Exact: no number ever becomes a float.

A kind has a fast test (a pattern that holds for almost every real value) and ``settle`` for the rest: outer whitespace,
time zones, surplus decimals, and what does not fit at all. Only the XML lens uses it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

import polars as pl

from tieout.model.canon import Column

__all__ = ["POLARS", "SPACE", "Kind", "Settled", "decimal_text", "kind_of", "typed"]

SPACE = " \t\r\n"
_EXACT = Context(prec=120)
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(\.\d{1,6})?\d*)?(?:Z|[+-]\d{2}:?\d{2})?")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a text: its value (None where there is none), and what was wrong with it."""

    value: str | None
    problem: str = ""
    expected: str = ""
    severity: str = "fatal"


@dataclass(frozen=True, slots=True)
class Kind:
    """How texts of one canonical type, in one format, are read."""

    name: str
    precision: int = 0
    scale: int = 0
    format: str = "iso"
    power: int = 0
    """Ten to this power times what is written is the value: 2 for a fraction that becomes a percentage."""
    empty: str = "kept"
    """kept: an empty element is an empty text, or a value that does not fit; absent: it counts as not there."""

    nothing: frozenset[str] = frozenset()
    """Texts, case folded, that mean there is no value."""
    match: re.Pattern[str] | None = None
    """The value is the first group of what this finds (or all of it); nothing where it finds nothing."""
    codes: tuple[tuple[str, str], ...] = ()
    """Codes as written and what they become."""
    other_codes: bool = False
    """Whether codes that are not listed stay as they are; else they are no value."""
    blanks: str = "cut"
    """kept: blanks around a text are part of it."""

    def check(self) -> Callable[[str], object] | None:
        """A fast test that holds for values to be taken as they are; None where every text is."""
        if self.match or self.codes:
            return _NEVER
        fast = self._fast()
        if not self.nothing:
            return fast
        return lambda text: text.strip(SPACE).casefold() not in self.nothing and (fast is None or fast(text))

    def shows(self, value: str | None) -> bool:
        """Whether the value is the text of its element, rather than a code for it or what a pattern finds nothing in."""
        return not self.codes and not (self.match and value is None)

    def _fast(self) -> Callable[[str], object] | None:
        if self.name != "text":
            return _FAST[self.name](self).fullmatch
        return _ANY if self.empty == "absent" else None

    def settle(self, text: str) -> Settled:
        """The value of a text that the fast test did not hold for."""
        stripped = text.strip(SPACE)
        if (not stripped and self.empty == "absent") or stripped.casefold() in self.nothing:
            return Settled(None)
        if self.match:
            found = self.match.search(stripped)
            if not found:
                return Settled(None)
            stripped = (found[found.lastindex or 0] or "").strip(SPACE)
        if self.codes:
            stripped = text if self.blanks == "kept" else stripped
            code = dict(self.codes).get(stripped, stripped if self.other_codes else None)
            if code is None:
                return Settled(None)
            stripped = code
        return _SLOW[self.name](self, stripped)


_ANY = re.compile(r"\s*\S").match
_NEVER = re.compile(r"(?!)").match


def kind_of(column: Column, **how: Any) -> Kind:
    """The Kind of a canonical column; ``how`` are fields of Kind that the mapping sets."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.sql_type)
    if decimal:
        return Kind("decimal", int(decimal[1]), int(decimal[2]), **how)
    return Kind(column.type if column.type in ("date", "timestamp", "boolean", "integer") else "text", **how)


def _fast_decimal(kind: Kind) -> re.Pattern[str]:
    whole, part = kind.precision - kind.scale - kind.power, kind.scale + kind.power
    return re.compile(rf"-?[0-9]{{1,{max(whole, 1)}}}(?:\.[0-9]{{1,{max(part, 1)}}})?")


# The days 29 to 31 take the slow way: whether they exist depends on the month.
_DAY = "(?:0[1-9]|1[0-2]){}(?:0[1-9]|1[0-9]|2[0-8])"
_FAST: dict[str, Callable[[Kind], re.Pattern[str]]] = {
    "decimal": _fast_decimal,
    "date": lambda kind: re.compile(
        "[12][0-9]{3}" + (_DAY.format("") if kind.format == "102" else "-" + _DAY.format("-"))
    ),
    "timestamp": lambda _: re.compile("[12][0-9]{3}-" + _DAY.format("-") + " (?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}"),
    "boolean": lambda _: re.compile("true|false|1|0"),
    "integer": lambda _: re.compile("-?[0-9]{1,18}"),
}


def _decimal(kind: Kind, text: str) -> Settled:
    expected = (
        f"a number of at most {kind.precision - kind.scale - kind.power} digits and {kind.scale + kind.power} decimals"
    )
    if not _NUMBER.fullmatch(text):
        return Settled(None, "is not a number", expected)
    number = Decimal(text)
    fitted = _fit(number, kind)
    if fitted is None:
        return Settled(None, "is too large", expected)
    if fitted != number:
        says = f"has more than {kind.scale + kind.power} decimals and was rounded"
        return Settled(decimal_text(fitted), says, expected, "warning")
    return Settled(decimal_text(fitted))


def _fit(number: Decimal, kind: Kind) -> Decimal | None:
    """The number, rounded half up where the column cannot hold all its decimals; None where it is too large."""
    scale = kind.scale + kind.power
    fitted = number
    exponent = number.as_tuple().exponent
    try:
        if isinstance(exponent, int) and -exponent > scale:
            fitted = number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=_EXACT)
    except InvalidOperation:
        return None
    return fitted if abs(fitted) < Decimal(10) ** (kind.precision - kind.scale - kind.power) else None


def decimal_text(number: Decimal) -> str:
    """A Decimal as plain text, never with an exponent."""
    return format(number, "f")


def _date(kind: Kind, text: str) -> Settled:
    if kind.format == "102":
        if re.fullmatch(r"[0-9]{8}", text) and _is_date(f"{text[:4]}-{text[4:6]}-{text[6:]}"):
            return Settled(text)
        return Settled(None, "is not a date", "YYYYMMDD")
    match = _ISO.fullmatch(text)
    if match and _is_date(match[1]):
        return Settled(match[1])
    return Settled(None, "is not a date", "YYYY-MM-DD")


def _timestamp(_: Kind, text: str) -> Settled:
    match = _TIME.fullmatch(text)
    if match and _is_date(match[1]):
        value = f"{match[1]} {match[2] or '00:00'}{match[3] or ':00'}{match[4] or ''}"
        try:
            dt.datetime.fromisoformat(value)
        except ValueError:
            return Settled(None, "is not a date and time", "YYYY-MM-DD hh:mm:ss")
        return Settled(value)
    return Settled(None, "is not a date and time", "YYYY-MM-DD hh:mm:ss")


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _boolean(_: Kind, text: str) -> Settled:
    return Settled(text) if text in BOOLEANS else Settled(None, "is neither true nor false", "true, false, 1 or 0")


def _integer(_: Kind, text: str) -> Settled:
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return Settled(text)
    return Settled(None, "is not a whole number", "a whole number of at most 18 digits")


_SLOW: dict[str, Callable[[Kind, str], Settled]] = {
    "text": lambda _, text: Settled(text),
    "decimal": _decimal,
    "date": _date,
    "timestamp": _timestamp,
    "boolean": _boolean,
    "integer": _integer,
}


POLARS: dict[str, Any] = {"date": pl.Date, "boolean": pl.Boolean, "integer": pl.Int64}


def typed(
    column: Column, values: list[Any], *, format: str = "iso", blank: bool = False, cut: bool = True
) -> list[Any]:
    """Valid texts as the values of a canonical column: date, bool and int; numbers stay exact text.

    blank: '' is None; cut: texts lose the blanks around them.
    """
    if values.count(None) == len(values):
        return values
    if column.type == "date":
        if format == "102":
            values = [None if text is None else f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in values]
        return [None if text is None else dt.date.fromisoformat(text) for text in values]
    if column.type == "boolean":
        return [None if text is None else BOOLEANS[text] for text in values]
    if column.type == "integer":
        return [None if text is None else int(text) for text in values]
    if cut:
        values = [None if text is None else text.strip(SPACE) for text in values]
    return [text or None for text in values] if blank else values
