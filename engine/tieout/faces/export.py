"""A run's tables as CSV, Parquet or a workpaper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tieout.model.canon import CANON
from tieout.model.errors import SourceError, TieoutError
from tieout.model.money import MINOR_UNITS
from tieout.model.records import Query
from tieout.store.engine import Store, quote

__all__ = ["FORMATS", "defused", "export"]

FORMATS = ("xlsx", "parquet", "csv")


def export(store: Store, manifest: Mapping[str, Any], *, to: str, out: Path) -> list[Path]:
    """Writes the tables of a run and returns the files written.

    to: xlsx (one workpaper), csv or parquet (a folder with a file a table; the run's own tables are there even when empty).
    Raises SourceError where they cannot be written.
    """
    if to not in FORMATS:
        raise TieoutError(f"cannot export to {to!r}; choose one of {', '.join(FORMATS)}")
    try:
        if to == "xlsx":
            return [_workpaper(store, manifest, out)]
        out.mkdir(parents=True, exist_ok=True)
        return [_table(store, name, to, out) for name, each in CANON.items() if not each.view]
    except OSError as exc:
        raise SourceError(f"{out}: cannot be written: {exc.strerror or exc}") from exc


def _workpaper(store: Store, manifest: Mapping[str, Any], out: Path) -> Path:
    try:
        from tieout.faces import workbook
    except ImportError as exc:
        raise SourceError(
            "XLSX needs the extra 'excel' (pip install 'tieout[excel]'); CSV and Parquet work without"
        ) from exc
    path = out if out.suffix == ".xlsx" else out / "workpaper.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook.write(store, manifest, path)
    return path


def _table(store: Store, name: str, to: str, out: Path) -> Path:
    path = out / f"{name}.{to}"
    if to == "parquet":
        store.table(name).write_parquet(path)
    else:
        store.fetch(_readable(name)).pipe(defused).write_csv(path)
    return path


def _readable(name: str) -> Query:
    """The table with amounts as a person writes them: the currency's decimals, more only where digits would be lost."""
    each = CANON[name]
    currency = next((c for c in ("currency", "invoice_currency_code", "open_item_currency") if c in each.by_name), None)
    columns = []
    for column in each.columns:
        if column.type in {"money", "amount"}:
            own = "open_item_currency" if column.name == "open_item_amount" else currency
            columns.append(
                f"{_plain_amount(quote(column.name), quote(own) if own else 'null')} as {quote(column.name)}"
            )
        elif column.sql_type.startswith("DECIMAL"):
            columns.append(
                f"regexp_replace(regexp_replace(cast({quote(column.name)} as varchar), '0+$', ''), '[.]$', '') "
                f"as {quote(column.name)}"
            )
        else:
            columns.append(quote(column.name))
    order = ", ".join(quote(key) for key in each.key)
    return Query(f"export {name}", f"select {', '.join(columns)} from {quote(name)} order by {order}")


def _plain_amount(amount: str, currency: str) -> str:
    by_units: dict[int, list[str]] = {}
    for code, decimals in MINOR_UNITS.items():
        by_units.setdefault(decimals, []).append(f"'{code}'")
    units = " ".join(f"when {currency} in ({', '.join(codes)}) then {n}" for n, codes in sorted(by_units.items()))
    texts = " ".join(
        f"when {n} then case when {amount} = round({amount}, {n}) then cast(cast({amount} as decimal(24, {n})) as varchar) "
        f"else rtrim(cast({amount} as varchar), '0') end"
        for n in (0, 2, 3, 4)
    )
    return f"case (case {units} else 2 end) {texts} end"


def defused(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that a spreadsheet would run as a formula, with an apostrophe before it; numbers stay as they are."""
    number = r"^[-+]?[0-9.,]+$"
    text = pl.col(pl.String)
    risky = text.str.contains(r"^[=+\-@\t\r]") & ~text.str.contains(number)
    return frame.with_columns(pl.when(risky).then(pl.lit("'") + text).otherwise(text).name.keep())
