"""What a document carries of the rows it was made of: every value that reads back otherwise, with its column and term.

``issuing`` proves a document by it before a number is spent; ``convert`` names what a format cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any

import polars as pl

from tieout.model.canon import CANON, Column

__all__ = ["Loss", "losses", "typed"]

# What a lens notes beside the rows: of the file, or a second time in another form.
ASIDE_TABLES = frozenset(
    {
        "element",
        "element_place",
        "element_shape",
        "as_written",
        "stated_identifier",
        "referenced_document",
        "further_amount",
        "further_code",
        "line_vat_breakdown",
    }
)
# Whose order says nothing: CII has the identifiers without a scheme first.
_UNORDERED = {"seller_identifier"}
# What says where a row came from or how it was read, not what it says.
_ASIDE = {"mapping", "direction", "source", "line"}

_TYPES: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "timestamp": pl.Datetime(),
    "integer": pl.Int64(),
    "boolean": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Loss:
    """One value, or one row (no column), that the document does not give back."""

    invoice_id: str
    table: str
    key: tuple[Any, ...]
    """The rest of the row's key: row numbers."""
    column: str
    term: str
    meant: Any
    read: Any

    @property
    def of_a_term(self) -> bool:
        """Whether something is lost that an invoice says; flags and counts only tell how a syntax is built."""
        if not self.column:
            return self.meant is None or any(
                value is not None and _of_a_term(self.table, name) for name, value in self.meant.items()
            )
        return _of_a_term(self.table, self.column)

    def __str__(self) -> str:
        if not self.column:
            side = "is only in the document" if self.meant is None else "is not in the document"
            return f"a row of {self.table} {side}"
        shown = "nothing" if self.read is None else f"'{self.read}'"
        return f"{self.table}.{self.column} ({self.term}) is '{self.meant}' and reads back as {shown}"


def _of_a_term(table: str, name: str) -> bool:
    column = CANON[table].by_name[name]
    flag = column.type == "boolean" and name != "is_charge"
    return column.term not in ("", "-") and not flag and not name.endswith("_count")


def typed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a canonical table with every column in its type; numbers may come as exact text."""
    return frame.select(_column(column, frame).cast(_type(column)).alias(column.name) for column in CANON[name].columns)


def _column(column: Column, frame: pl.DataFrame) -> pl.Expr:
    if column.name not in frame.columns:
        return pl.lit(None)
    if column.type == "timestamp" and frame.schema[column.name] == pl.String:
        return pl.col(column.name).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    return pl.col(column.name)


def _type(column: Column) -> pl.DataType:
    if column.sql_type.startswith("DECIMAL"):
        return pl.Decimal(38, int(column.sql_type.rstrip(")").rpartition(",")[2]))
    return _TYPES.get(column.type, pl.String())


def losses(meant: Dict[str, pl.DataFrame], read: Dict[str, pl.DataFrame]) -> Iterator[Loss]:
    """Every difference between two sets of rows of the same invoices, table by table; both typed.

    A flag that is not set and one that is false are the same; what a lens notes beside the rows is left out.
    """
    for name in CANON:
        if (name in meant or name in read) and name not in ASIDE_TABLES:
            some = meant[name] if name in meant else read[name]
            yield from _unlike(name, meant.get(name, some.clear()), read.get(name, some.clear()))


def _unlike(name: str, meant: pl.DataFrame, read: pl.DataFrame) -> Iterator[Loss]:
    key = list(CANON[name].key)
    if name in _UNORDERED:
        meant, read = _in_order(meant, key), _in_order(read, key)
    columns = [CANON[name].by_name[each] for each in meant.columns if each not in {*key, *_ASIDE}]
    both = meant.with_columns(pl.lit(True).alias("_left")).join(
        read.with_columns(pl.lit(True).alias("_right")), on=key, how="full", coalesce=True, suffix="_read"
    )
    for row in both.sort(key).iter_rows(named=True):
        place = tuple(row[part] for part in key[1:])
        if row["_left"] is None or row["_right"] is None:
            said = {column.name: row[column.name] for column in columns} if row["_left"] else None
            yield Loss(row["invoice_id"], name, place, "", CANON[name].term, said, None if said else ())
            continue
        for column in columns:
            left, right = row[column.name], row[f"{column.name}_read"]
            if left != right and {left, right} != {None, False}:
                yield Loss(row["invoice_id"], name, place, column.name, column.term, left, right)


def _in_order(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows numbered by what they say."""
    said = [name for name in frame.columns if name not in {*key, *_ASIDE}]
    return frame.sort(key[0], *said).with_columns(pl.int_range(1, pl.len() + 1).over(key[0]).alias(key[-1]))
