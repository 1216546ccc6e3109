"""Text frames through their mappings: documents of one shape go through one statement together."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from functools import cache
from pathlib import PurePosixPath

import polars as pl

from tieout.intake.batch import Gathered
from tieout.intake.findings import difference_findings, value_findings
from tieout.intake.statements import running_balances
from tieout.mapping import project
from tieout.mapping.project import FILE_NAME, LINE, ROW, SOURCE
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping, TableMapping
from tieout.model.errors import FormatError
from tieout.store.engine import Store

__all__ = ["Projector"]

_Key = tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


@cache
def _engine() -> Store:
    """The in-memory engine of this process, for projections where no run's store is at hand."""
    return Store.create()


class Projector:
    """Collects frames of documents until they are projected, each table of a mapping by one statement a shape."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._waiting: dict[_Key, tuple[Mapping, dict[str, list[pl.DataFrame]], Dict[str, str]]] = {}
        self.rows = 0

    def add(self, mapping: Mapping, frames: Dict[str, pl.DataFrame], uri: str, values: Dict[str, str]) -> None:
        """Takes the frames of one document. values: what the workspace says of columns the file does not hold.

        Raises FormatError (IN-COLUMN) where a heading that the mapping reads is not in the file.
        """
        tables = {f"{n}": _frame_of(frames, each) for n, each in enumerate(mapping.tables)}
        problems = [
            text for n, each in enumerate(mapping.tables) for _, text in project.absent(each, tables[str(n)].columns)
        ]
        if problems:
            raise FormatError("; ".join(dict.fromkeys(problems)), rule="IN-COLUMN")
        shape = tuple(
            (f"{n}.{name}", str(dtype)) for n, frame in tables.items() for name, dtype in frame.schema.items()
        )
        key = (mapping.id, tuple(sorted(values.items())), shape)
        _, waiting, _ = self._waiting.setdefault(key, (mapping, {}, values))
        name = PurePosixPath(uri.replace("!", "/")).name
        for n, frame in tables.items():
            placed = (
                _stripped(frame)
                .rename({"line": LINE})
                .with_columns(pl.lit(uri).alias(SOURCE), pl.lit(name).alias(FILE_NAME))
            )
            waiting.setdefault(n, []).append(placed)
            self.rows += frame.height

    def flush(self, into: Gathered) -> None:
        """Projects what waits, in the order in which each shape was first seen."""
        waiting, self._waiting, self.rows = self._waiting, {}, 0
        for mapping, frames, values in waiting.values():
            made: dict[str, list[pl.DataFrame]] = {}
            for n, each in enumerate(mapping.tables):
                frame = pl.concat(frames[str(n)])
                frame = frame.with_columns(pl.int_range(frame.height, dtype=pl.Int64).alias(ROW))
                rows = self._project(mapping, each, frame, values, into)
                if each.options.get("distinct"):
                    rows = rows.unique(list(CANON[each.table].key), keep="first", maintain_order=True)
                made.setdefault(each.table, []).append(rows)
            tables = {name: pl.concat(parts, how="diagonal") for name, parts in made.items()}
            if any(each.table == "statement" and each.each == "file" for each in mapping.tables):
                tables, findings = running_balances(tables)
                into.findings += findings
            for name, frame in tables.items():
                into.add(name, frame.drop(ROW, strict=False))

    def _project(
        self, mapping: Mapping, each: TableMapping, frame: pl.DataFrame, values: Dict[str, str], into: Gathered
    ) -> pl.DataFrame:
        store = self._store or _engine()
        known = {name: value for name, value in values.items() if name in CANON[each.table].by_name}
        with store.registered(frame) as view:
            made = project.project(mapping, each, view, _kinds(frame), values=known)
            rows = store.fetch(made.query)
        into.findings += value_findings(made, rows, frame)
        rows = rows.drop([check.flag for check in made.checks])
        return self._one_for(each, rows, into) if "one_for" in each.options else rows

    def _one_for(self, each: TableMapping, rows: pl.DataFrame, into: Gathered) -> pl.DataFrame:
        """The rows that tell of one row of the table as one; a finding where they tell it differently."""
        store = self._store or _engine()
        with store.registered(rows) as view:
            rows = store.fetch(project.gathered(each, view, rows.columns))
        flags = [name for name in rows.columns if name.startswith("?")]
        into.findings += difference_findings(each, rows, [name.removeprefix("?") for name in flags])
        return rows.drop(flags)


def _frame_of(frames: Dict[str, pl.DataFrame], each: TableMapping) -> pl.DataFrame:
    """The frame of the kind of record that makes a row; the only one where the format has but one."""
    return frames.get(each.each, frames.get("row", next(iter(frames.values()))))


def _stripped(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with blanks (also no-break and ideographic ones) around texts taken off, and empty texts null."""
    texts = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(texts).with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)))


def _kinds(frame: pl.DataFrame) -> dict[str, str]:
    kinds = {}
    for name, dtype in frame.schema.items():
        if name in (LINE, SOURCE, FILE_NAME, ROW):
            continue
        if dtype == pl.String:
            kinds[name] = "text"
        elif dtype.is_numeric():
            kinds[name] = "number"
        else:
            kinds[name] = "date" if dtype.is_temporal() else "other"
    return kinds
