"""Which values do not show how they were written, and how they were: the rows of ``as_written``.

A number is shown with two decimals (amounts) or without idle zeros, a date as ISO, a boolean as true or false, a text without
blanks around it. What a document writes otherwise, or what is no value at all, is kept as its text. ``lens_read`` calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from tieout.mapping.values import SPACE, Kind
from tieout.model.canon import Column

__all__ = ["SCHEMA", "odd_texts"]

SCHEMA = {
    "invoice_id": pl.String, "table_name": pl.String, "line_row_no": pl.Int64, "row_no": pl.Int64, "column_name": pl.String,
    "text": pl.String,
}  # fmt: skip

# A zero has no sign.
_SHOWN = {
    "amount": r"^(?:(?:0|-?[1-9][0-9]*)\.[0-9]{2}(?:[0-9]*[1-9])?"
    r"|-0\.(?:(?:[1-9][0-9]|0[1-9])(?:[0-9]*[1-9])?|00[0-9]*[1-9]))$",
    "number": r"^(?:(?:0|-?[1-9][0-9]*)(?:\.[0-9]*[1-9])?|-0\.[0-9]*[1-9])$",
    "integer": r"^(?:0|-?[1-9][0-9]*)$",
}


def odd_texts(column: Column, kind: Kind, texts: Sequence[Any]) -> list[int]:
    """The positions of texts that the column's values, as they are shown, do not tell."""
    if column.type == "boolean":
        return [n for n, text in enumerate(texts) if text is not None and text not in ("true", "false")]
    shown = pl.Series(texts, dtype=pl.String, strict=False)
    if column.sql_type.startswith("DECIMAL") or column.type == "integer":
        form = {"amount": "amount", "money": "amount", "integer": "integer"}.get(column.type, "number")
        if kind.power:
            return shown.is_not_null().arg_true().to_list()
        return (~shown.str.contains(_SHOWN[form])).fill_null(False).arg_true().to_list()
    if column.sql_type == "VARCHAR" and not kind.match and not kind.codes:
        return (shown != shown.str.strip_chars(SPACE)).fill_null(False).arg_true().to_list()
    return []
