"""The seal of a run: a digest of every row, a hash of every table, the comparison that names the first row that differs,
and the folder made read-only under its name.

A table's hash depends on its rows and the order of its key, not on how DuckDB laid them out. The digests of the rows are kept
beside the run (``rows.parquet``), so that a changed row can be named and not only suspected.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tieout.model.canon import CANON, Table
from tieout.model.records import Query
from tieout.store.engine import Store, quote

__all__ = ["TableSeal", "compare", "digests", "file_sha256", "seal", "seals"]


@dataclass(frozen=True, slots=True)
class TableSeal:
    """The content of one table: its number of rows and the hash of their digests in the order of the key."""

    table: str
    rows: int
    sha256: str


def digests(store: Store) -> pl.DataFrame:
    """One row a row of every canonical table (not of views): ``table``, ``key`` (text), ``digest`` (hexadecimal), in the order of the key."""
    frames = [store.fetch(_digest_query(each)) for each in CANON.values() if not each.view]
    return pl.concat([frame for frame in frames if frame.height] or frames[:1])


def seals(row_digests: pl.DataFrame) -> list[TableSeal]:
    """The seal of each canonical table, in the canon's order; of an empty table too."""
    found = {
        str(key[0]): TableSeal(
            table=str(key[0]),
            rows=frame.height,
            sha256=hashlib.sha256("".join(frame["digest"].to_list()).encode()).hexdigest(),
        )
        for key, frame in row_digests.group_by("table", maintain_order=True)
    }
    empty = hashlib.sha256(b"").hexdigest()
    return [found.get(name, TableSeal(name, 0, empty)) for name, each in CANON.items() if not each.view]


def compare(sealed: pl.DataFrame, found: pl.DataFrame) -> str | None:
    """None where both frames of digests agree, else one sentence that names the first row that differs."""
    order = ["table", "key", "digest"]
    left = sealed.with_columns(pl.col("key").cum_count().over(order).alias("n"))
    right = found.with_columns(pl.col("key").cum_count().over(order).alias("n"))
    gone = left.join(right, on=[*order, "n"], how="anti")
    new = right.join(left, on=[*order, "n"], how="anti")
    if gone.is_empty() and new.is_empty():
        return None
    table, key = min((row["table"], row["key"]) for row in (*gone.iter_rows(named=True), *new.iter_rows(named=True)))
    was, now = ((f["table"] == table) & (f["key"] == key) for f in (gone, new))
    what = "was changed" if was.any() and now.any() else "was removed" if was.any() else "was added"
    more = max(gone.height, new.height) - 1
    return f"table {table}: the row with key {key} {what} after the run was sealed" + (
        f" (and {more} more)" if more else ""
    )


def seal(partial: Path, sealed: Path, manifest: Mapping[str, Any]) -> Path:
    """Writes the manifest, makes everything read-only and durable, and renames the folder: from then on the run exists."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False, default=str)
    (partial / "manifest.json").write_text(text + "\n", "utf-8")
    for path in sorted(partial.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            path.chmod(0o444)
    partial.rename(sealed)
    handle = os.open(sealed.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return sealed


def file_sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_query(each: Table) -> Query:
    def as_text(name: str) -> str:
        return f"coalesce(cast({quote(name)} as varchar), chr(0))"

    cells = ", ".join(as_text(column.name) for column in each.columns)
    keys = ", ".join(as_text(name) for name in each.key)
    return Query(
        f"digests of {each.name}",
        f"select '{each.name}' as \"table\", concat_ws(' / ', {keys}) as key, "
        f"substr(sha256(concat_ws(chr(31), {cells})), 1, 32) as digest "
        f"from {quote(each.name)} order by {', '.join(quote(name) for name in each.key)}, digest",
    )
