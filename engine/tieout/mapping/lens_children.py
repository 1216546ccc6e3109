"""Which rows a repeated element is written for: those of the enclosing rows, in the outer row they name, or made of the invoice."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

from tieout.mapping.lens_shown import Context
from tieout.mapping.lens_texts import WRITTEN, Rows
from tieout.model.canon import CANON
from tieout.model.definitions import TableMapping

__all__ = ["first_of_each", "rows_of"]


def rows_of(block: TableMapping, context: Context, tables: Dict[str, Rows]) -> tuple[Rows, bool]:
    """The rows of a block that belong to the enclosing rows and that ``write_when`` admits; whether ``write_else`` made them."""
    options = block.options
    rows: Rows = tables.get(block.table, ())
    if not rows and "write_else" in options:
        return _made(options["write_else"], context.get("invoice", {})), True
    parent = CANON[block.table].parent
    if parent == "invoice_line" and parent in context:
        number = context[parent].get("row_no")
        rows = [row for row in rows if row.get("line_row_no") == number]
    if inside := options.get("write_in"):
        rows = _inside(rows, context, tables, str(inside["of"]), str(inside["column"]), "others" in inside)
    if when := options.get("write_when"):
        there, also, never = when.get("is", "there") == "there", when.get("or"), when.get("unless")
        rows = [
            row
            for row in rows
            if (_there(row, when["column"]) is there or _there(row, also)) and not _there(row, never)
        ]
    return list(rows), False


def _there(row: Dict[str, Any], column: str | None) -> bool:
    return column is not None and (row.get(column) is not None or WRITTEN + column in row)


def _inside(
    rows: Rows, context: Context, tables: Dict[str, Rows], table: str, column: str, others: bool
) -> list[Dict[str, Any]]:
    """The rows that stand in the enclosing row of a table; with others, the first of it takes those that say no row."""
    number = context.get(table, {}).get("row_no")
    first = others and number == next((row.get("row_no") for row in tables.get(table, ())), 1)
    return [row for row in rows if row.get(column) == number or (first and row.get(column) is None)]


def _made(wanted: Sequence[Dict[str, str]], invoice: Dict[str, Any]) -> list[Dict[str, Any]]:
    """Rows of the invoice's own columns: empty where the first column of one is, none that repeats all but the first."""
    rows: list[Dict[str, Any]] = []
    for entry in wanted:
        row = {column: invoice.get(source) for column, source in entry.items()}
        main, *rest = row
        if row[main] is None:
            row = {}
        if not any(row.get(name) == other.get(name) for name in rest for other in rows if row and other):
            rows.append(row)
    return [{**row, "row_no": number} for number, row in enumerate(rows, 1)]


def first_of_each(rows: Rows) -> dict[str, Any]:
    """Of each column the first value there is: what stands once for all rows."""
    found: dict[str, Any] = {}
    for row in rows:
        found.update({name: value for name, value in row.items() if value is not None and name not in found})
    return found
