"""The proof of a generated document: it is written, read back by the same mapping, and every value compared.

What a mapping cannot carry shows up here as a difference, with the column named, before a number is spent on the document.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import Any

import polars as pl

from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.canon import CANON, Column
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError

__all__ = ["differences", "render", "typed"]

# What says where a row came from or how it was read, not what it says.
_ASIDE = {"mapping", "direction", "source", "line"}

_TYPES: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "timestamp": pl.Datetime(),
    "integer": pl.Int64(),
    "boolean": pl.Boolean(),
}


def render(tables: Dict[str, pl.DataFrame], mappings: Dict[str, Mapping]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The documents by invoice_id, and for those that cannot be written the reason in a sentence."""
    parts: dict[str, dict[Any, pl.DataFrame]] = {
        name: frame.partition_by("invoice_id", as_dict=True) for name, frame in tables.items() if frame.height
    }
    documents: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for invoice_id, mapping in tables["invoice"].select("invoice_id", "mapping").iter_rows():
        rows = {name: part[(invoice_id,)].to_dicts() for name, part in parts.items() if (invoice_id,) in part}
        try:
            documents[invoice_id] = write(mappings[mapping], rows)
        except FormatError as exc:
            refused[invoice_id] = f"the document cannot be written: {exc.message}"
    return documents, refused


def differences(
    tables: Dict[str, pl.DataFrame], documents: Dict[str, bytes], mappings: Dict[str, Mapping]
) -> dict[str, str]:
    """For each document that does not read back as it was meant, the first value that differs; empty where all do."""
    chosen = dict(tables["invoice"].select("invoice_id", "mapping").iter_rows())
    frames, findings = read_back({each: (content, mappings[chosen[each]]) for each, content in documents.items()})
    found: dict[str, str] = {}
    for finding in findings:
        found.setdefault(finding.object_id, finding.message)
    meant = {
        name: typed(name, frame.filter(pl.col("invoice_id").is_in([*documents]))) for name, frame in tables.items()
    }
    read = {name: typed(name, frame) for name, frame in frames.items()}
    for name in CANON:
        if name in meant or name in read:
            for invoice_id, sentence in _unlike(name, meant.get(name), read.get(name)):
                found.setdefault(invoice_id, sentence)
    return found


def typed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a canonical table with every column in its type; numbers may come as exact text."""
    return frame.select(
        (pl.col(column.name) if column.name in frame.columns else pl.lit(None)).cast(_type(column)).alias(column.name)
        for column in CANON[name].columns
    )


def _type(column: Column) -> pl.DataType:
    if column.sql_type.startswith("DECIMAL"):
        return pl.Decimal(38, int(column.sql_type.rstrip(")").rpartition(",")[2]))
    return _TYPES.get(column.type, pl.String())


def _unlike(name: str, meant: pl.DataFrame | None, read: pl.DataFrame | None) -> list[tuple[str, str]]:
    """(invoice_id, sentence) for each row of a table that is only on one side or has another value."""
    some = meant if meant is not None else read
    assert some is not None
    left = meant if meant is not None else some.clear()
    right = read if read is not None else some.clear()
    key = list(CANON[name].key)
    columns = [column for column in left.columns if column not in {*key, *_ASIDE}]
    both = left.with_columns(pl.lit(True).alias("_left")).join(
        right.with_columns(pl.lit(True).alias("_right")), on=key, how="full", coalesce=True, suffix="_read"
    )
    sentences: list[tuple[str, str]] = []
    for row in both.sort(key).iter_rows(named=True):
        sentence = _first(name, row, columns)
        if sentence:
            sentences.append((row["invoice_id"], sentence))
    return sentences


def _first(name: str, row: Dict[str, Any], columns: list[str]) -> str | None:
    if row["_left"] is None or row["_right"] is None:
        side = "is not in the document" if row["_right"] is None else "is only in the document"
        return f"a row of {name} {side}"
    for column in columns:
        left, right = row[column], row[f"{column}_read"]
        if left != right and {left, right} != {None, False}:
            term = CANON[name].by_name[column].term
            shown = "nothing" if right is None else f"'{right}'"
            return f"{name}.{column} ({term}) is '{left}' and reads back as {shown}"
    return None
