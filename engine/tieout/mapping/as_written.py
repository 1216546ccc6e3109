"""Which values do not show how they were written, and how they were: the rows of ``as_written``.

A number is shown with two decimals (amounts) or without idle zeros, a date as ISO, a boolean as true or false, a text without
blanks around it. What a document writes otherwise, or what is no value at all, is kept as its text. ``lens_read`` calls it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from tieout.mapping.values import Kind
from tieout.model.canon import Column

__all__ = ["SCHEMA", "odd_texts"]

SCHEMA = {
    "invoice_id": pl.String, "table_name": pl.String, "line_row_no": pl.Int64, "row_no": pl.Int64, "column_name": pl.String,
    "text": pl.String,
}  # fmt: skip

# A zero has no sign.
_AMOUNT = re.compile(
    r"(?:0|-?[1-9][0-9]*)\.[0-9]{2}(?:[0-9]*[1-9])?"
    r"|-0\.(?:(?:[1-9][0-9]|0[1-9])(?:[0-9]*[1-9])?|00[0-9]*[1-9])"
)
_NUMBER = re.compile(r"(?:0|-?[1-9][0-9]*)(?:\.[0-9]*[1-9])?|-0\.[0-9]*[1-9]")
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_BOOLEAN = re.compile("true|false")
_SHOWN = {"amount": _AMOUNT, "money": _AMOUNT, "integer": _INTEGER, "boolean": _BOOLEAN}


def odd_texts(column: Column, kind: Kind, texts: Sequence[Any], stripped: Sequence[int]) -> Sequence[int]:
    """The positions of texts that the column's values, as they are shown, do not tell.

    stripped: the positions of those that lost blanks around them.
    """
    if kind.power:
        return [n for n, text in enumerate(texts) if text is not None]
    if column.sql_type.startswith("DECIMAL") or column.type in _SHOWN:
        return _outside(_SHOWN.get(column.type, _NUMBER), texts)
    if column.sql_type != "VARCHAR" or kind.match or kind.codes:
        return []
    return stripped


def _outside(form: re.Pattern[str], texts: Sequence[Any]) -> list[int]:
    fits = form.fullmatch
    odd = {text for text in set(texts) if text is not None and not fits(text)}
    return [n for n, text in enumerate(texts) if text in odd] if odd else []
