"""Rows to write, with the texts that their values do not show: what was read as it stood is written as it stood.

``lens_write`` calls it. A text goes where the value is none of its type, and a free text with the blanks around it; in the
syntax it was read from also where the value is shown otherwise than it was written (100.0, +5).
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, TypeAlias

from tieout.mapping.values import SPACE
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping

__all__ = ["WRITTEN", "Rows", "with_texts"]

Rows: TypeAlias = Sequence[Dict[str, Any]]

WRITTEN = "~"
"""Before a column's name: the text to write instead of its value."""


def with_texts(mapping: Mapping, tables: Dict[str, Rows]) -> Dict[str, Rows]:
    """The tables with the texts of as_written beside the values of their rows; the same where there are none."""
    texts = tables.get("as_written")
    if not texts:
        return tables
    alike = next(iter(tables.get("invoice", ())), {}).get("mapping") == mapping.id
    made: dict[str, list[dict[str, Any]]] = {}
    places: dict[tuple[str, Any, Any], dict[str, Any]] = {}
    for text in texts:
        table = str(text["table_name"])
        if table not in made:
            made[table] = [dict(row) for row in tables.get(table, ())]
            places.update({(table, row.get("line_row_no"), row.get("row_no")): row for row in made[table]})
        row = places.get((table, text["line_row_no"], text["row_no"]))
        if row is not None and (alike or _as_good(table, text, row.get(text["column_name"]))):
            row[WRITTEN + text["column_name"]] = text["text"]
    return {**tables, **made}


def _as_good(table: str, text: Dict[str, Any], value: Any) -> bool:
    """Whether the text may stand in any syntax: there is no value, or it is one of many signs with the blanks around it."""
    return value is None or (
        CANON[table].by_name[text["column_name"]].type == "text" and text["text"].strip(SPACE) == value
    )
