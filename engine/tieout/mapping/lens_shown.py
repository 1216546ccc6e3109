"""Values as the text that a document shows: getters that the template of a mapping is made of. ``lens_template`` calls it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from tieout.mapping.lens_texts import WRITTEN
from tieout.model.canon import Column
from tieout.model.money import minor_units

__all__ = ["AS_READ", "FURTHER", "Context", "Getter", "Value", "currency_of", "getter", "text_of"]

Context: TypeAlias = dict[str, Dict[str, Any]]
"""The rows that are open, by table, outermost first."""
Getter: TypeAlias = Callable[[Context], str | None]

AS_READ = "amount_due_currency_code"
LATER = "~later"
FURTHER: Context = {LATER: {}}
"""Marks the second and further rows of a repeated element: what the invoice says once stands in the first."""


@dataclass(slots=True)
class Value:
    """What an element or attribute shows: a column's text, when it may be shown."""

    table: str
    column: str
    text: Getter


def getter(table: str, column: Column, options: Dict[str, Any], when: Sequence[str]) -> Getter:
    """What a column shows where each of the columns in ``when`` is there, or is not (``not column``)."""
    show = _shower(column, options)
    name, as_written = column.name, WRITTEN + column.name
    conditions = [(each.removeprefix("not "), each.startswith("not ")) for each in when]
    before = options.get("write_before", {})
    lead_column, mark = before.get("column"), before.get("with", "")

    def get(context: Context) -> str | None:
        row = context.get(table)
        if (
            row is None
            or (table == "invoice" and LATER in context)
            or any((row.get(needed) is None) is not absent for needed, absent in conditions)
        ):
            return None
        if as_written in row:
            return str(row[as_written])
        value = row.get(name)
        if value is None:
            return None
        lead = row.get(lead_column) if lead_column else None
        return f"{mark}{lead}{mark}{show(value, context)}" if lead else show(value, context)

    return get


def currency_of(source: str) -> Value:
    """The currency that stands with an amount: of the enclosing row (``table.column``), else as read, else the invoice's."""
    table, _, column = source.rpartition(".")

    def get(context: Context) -> str | None:
        invoice = context.get("invoice", {})
        codes = (context.get(table, {}).get(column), invoice.get(AS_READ), invoice.get("invoice_currency_code"))
        return next((str(code) for code in codes if code is not None), None)

    return Value(table or "invoice", column, get)


def _shower(column: Column, options: Dict[str, Any]) -> Callable[[Any, Context], str]:
    back = {str(value): str(key) for key, value in options.get("map", {}).items()}
    if back:
        return lambda value, _: back.get(str(value), str(value))
    if column.type == "date" and str(options.get("format")) == "102":
        return lambda value, _: text_of(value).replace("-", "")
    if column.sql_type.startswith("DECIMAL"):
        power = int(options.get("power", 0))
        if column.type in ("amount", "money"):
            return lambda value, context: _money(Decimal(str(value)), context)
        return lambda value, _: _number(Decimal(str(value)).scaleb(-power))
    return lambda value, _: text_of(value)


def text_of(value: Any) -> Any:
    """A value as XML Schema writes it; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _number(value: Decimal, decimals: int = 0) -> str:
    """A number without an exponent and without more trailing zeros than asked for."""
    text = format(value, "f")
    whole, _, part = text.partition(".")
    part = part.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{part}" if part else whole


def _money(value: Decimal, context: Context) -> str:
    # EN 16931 knows no more than two decimals, also where a currency has three (OMR, KWD).
    return _number(value, min(2, minor_units(context.get("invoice", {}).get("invoice_currency_code"))))
