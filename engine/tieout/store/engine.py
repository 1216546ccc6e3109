"""DuckDB, locked down: the only place that runs SQL on the columns of a run.

A store is opened for one run, holds the canonical tables, runs Query objects and hands frames in and out. It refuses
files, network and settings from its first statement on; a statement that fails is named in the error.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import polars as pl

from tieout.model.canon import CANON, Table
from tieout.model.errors import StoreError
from tieout.model.records import Query

__all__ = ["Limits", "Store", "quote"]


def quote(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use. memory and spill are DuckDB sizes ('4GiB'); threads 0 means all cores."""

    memory: str = "4GiB"
    spill: str = "64GiB"
    threads: int = 0


class Store:
    """One DuckDB database: written by one run, or sealed and read by anyone."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path | None, *, read_only: bool) -> None:
        self._connection = connection
        self.path = path
        self.read_only = read_only

    @classmethod
    def create(cls, path: Path | None = None, *, limits: Limits | None = None) -> Store:
        """A new locked store with every canonical table empty; in memory where no path is given.

        Raises StoreError where the file cannot be made.
        """
        limits = limits or Limits()
        store = cls._connect(path, limits, read_only=False)
        tables = [_create_statement(each) for each in CANON.values()]
        views = [_create_view(each) for each in CANON.values() if each.view]
        store.execute(Query("create the tables", ";\n".join(["begin", *tables, *views, "commit"])))
        return store

    @classmethod
    def open(cls, path: Path, *, limits: Limits | None = None) -> Store:
        """A sealed store, read-only: any number of processes may hold it."""
        if not path.is_file():
            raise StoreError(f"{path}: there is no sealed run here")
        return cls._connect(path, limits or Limits(), read_only=True)

    @classmethod
    def _connect(cls, path: Path | None, limits: Limits, *, read_only: bool) -> Store:
        # One process shares one instance of a file, and refuses it with other settings: they depend on the path alone.
        spill = path.parent if path and os.access(path.parent, os.W_OK) else Path(tempfile.gettempdir())
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": limits.memory,
            "max_temp_directory_size": limits.spill,
            "temp_directory": str(spill / f".spill-{path.stem if path else uuid.uuid4().hex[:8]}"),
            "threads": str(limits.threads or os.cpu_count() or 1),
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false",
            "default_null_order": "nulls_last",
        }
        try:
            connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=settings)
            if connection.execute("select current_setting('lock_configuration')").fetchall() == [(False,)]:
                connection.execute("set enable_external_access = false")
                connection.execute("set lock_configuration = true")
        except duckdb.Error as exc:
            raise StoreError(f"{path or 'memory'}: the run's store cannot be opened: {_first_line(exc)}") from exc
        return cls(connection, path, read_only=read_only)

    # --- statements ---

    def execute(self, query: Query) -> None:
        """Runs a statement whose rows, if any, do not matter."""
        with self._named(query):
            self._connection.execute(query.sql, dict(query.parameters) or None).fetchall()

    def fetch(self, query: Query) -> pl.DataFrame:
        """The rows of a query, in the query's order; an empty frame keeps its columns."""
        with self._named(query):
            rows = self._connection.sql(query.sql, params=dict(query.parameters))
            frame = pl.from_arrow(rows.to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def fetch_batches(self, query: Query, rows: int = 100_000) -> Iterator[pl.DataFrame]:
        """The rows of a query in frames of at most about ``rows``, for results that need not fit in memory at once.

        It runs beside other statements, and so sees tables but no frames lent by ``registered``.
        """
        cursor = self._connection.cursor()
        try:
            with self._named(query):
                batches = cursor.sql(query.sql, params=dict(query.parameters)).to_arrow_reader(rows)
                for batch in iter(batches):
                    frame = pl.from_arrow(batch)
                    assert isinstance(frame, pl.DataFrame)
                    yield frame
        finally:
            cursor.close()

    def scalar(self, query: Query) -> Any:
        """The first column of the first row; None where there is no row."""
        with self._named(query):
            rows = self._connection.execute(query.sql, dict(query.parameters) or None).fetchall()
        return rows[0][0] if rows else None

    def first(self, query: Query) -> dict[str, Any]:
        """The first row by column; for a row of many columns, which as a frame costs more than the query. Empty without a row."""
        with self._named(query):
            result = self._connection.execute(query.sql, dict(query.parameters) or None)
            names, rows = [column[0] for column in result.description or ()], result.fetchall()
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    @contextlib.contextmanager
    def _named(self, query: Query) -> Iterator[None]:
        """Errors inside the block carry the statement's name."""
        try:
            yield
        except duckdb.Error as exc:
            raise StoreError(f"{query.name}: {_first_line(exc)}") from exc

    # --- frames ---

    def append(self, table: str, frame: pl.DataFrame) -> int:
        """Appends rows to a canonical table and returns their number.

        Columns are found by name and cast to the canonical type; canonical columns the frame lacks are null.
        Raises StoreError where a column is not in the table or a value does not fit its type.
        """
        canonical = CANON[table]
        unknown = [name for name in frame.columns if name not in canonical.by_name]
        if unknown:
            raise StoreError(f"append {table}: no column {unknown[0]!r} in the canonical table")
        if frame.is_empty():
            return 0
        # What no row has need not be carried over to be null.
        given = [each.name for each in frame if each.null_count() < frame.height] or frame.columns[:1]
        names = ", ".join(map(quote, given))
        casts = ", ".join(f"cast({quote(n)} as {canonical.by_name[n].sql_type})" for n in given)
        with self.registered(frame.select(given)) as view:
            self.execute(
                Query(
                    f"append {table}",
                    f"insert into {quote(canonical.stored)} ({names}) select {casts} from {quote(view)}",
                )
            )
        return frame.height

    def append_new(self, table: str, frame: pl.DataFrame) -> int:
        """Appends the rows whose first key column is in no row of the table yet, and returns their number."""
        key = CANON[table].key[0]
        known = self.fetch(Query(f"known {table}", f"select distinct {quote(key)} from {quote(table)}"))[key]
        return self.append(table, frame.filter(~pl.col(key).is_in(known.implode())))

    def clear(self, table: str) -> None:
        """Takes out all rows that were appended to a canonical table."""
        self.execute(Query(f"clear {table}", f"delete from {quote(CANON[table].stored)}"))

    @contextlib.contextmanager
    def registered(self, frame: pl.DataFrame, name: str | None = None) -> Iterator[str]:
        """The frame as a view of the given (or a fresh) name while the block runs; nothing is copied."""
        view = name or f"frame_{uuid.uuid4().hex[:12]}"
        self._connection.register(view, frame.to_arrow())
        try:
            yield view
        finally:
            self._connection.unregister(view)

    def put(self, name: str, frame: pl.DataFrame) -> None:
        """Makes (or replaces) a table of the given name from a frame; for working tables of a stage."""
        with self.registered(frame) as view:
            self.execute(Query(f"put {name}", f"create or replace table {quote(name)} as select * from {quote(view)}"))

    def table(self, name: str) -> pl.DataFrame:
        """A whole table, canonical ones in the order of their key."""
        order = f" order by {', '.join(map(quote, CANON[name].key))}" if name in CANON else ""
        return self.fetch(Query(f"table {name}", f"select * from {quote(name)}{order}"))

    def count(self, name: str) -> int:
        return int(self.scalar(Query(f"count {name}", f"select count(*) from {quote(name)}")))

    def any(self, name: str) -> bool:
        """Whether a table has a row."""
        return self.scalar(Query(f"any {name}", f"select 1 from {quote(name)} limit 1")) is not None

    def filled(self) -> frozenset[str]:
        """The canonical tables that have a row."""
        # What was never appended to is told by the catalogue; what was may have been cleared.
        rows = self.fetch(Query("tables with rows", "select table_name from duckdb_tables() where estimated_size > 0"))
        stored = set(rows["table_name"])
        return frozenset(name for name, table in CANON.items() if (table.view or name in stored) and self.any(name))

    # --- life ---

    def tables(self) -> list[str]:
        """The names of all tables, sorted."""
        rows = self.fetch(Query("tables", "select table_name from duckdb_tables() where not temporary order by 1"))
        return rows["table_name"].to_list()

    def close(self) -> None:
        """Writes everything out and lets the file go."""
        if not self.read_only and self.path:
            self.execute(Query("checkpoint", "checkpoint"))
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._connection.close()


def _create_statement(each: Table) -> str:
    columns = ",\n  ".join(f"{quote(column.name)} {column.sql_type}" for column in each.columns)
    return f"create table {quote(each.stored)} (\n  {columns}\n)"


def _create_view(each: Table) -> str:
    columns = ", ".join(quote(column.name) for column in each.columns)
    return (
        f"create view {quote(each.name)} as\nselect {columns} from ({each.view.strip()})\n"
        f"union all\nselect {columns} from {quote(each.stored)}"
    )


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
