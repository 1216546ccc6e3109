"""The way to the journal's database: its URL read, the engine made, SQLite set up. Called by ``journal`` alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tieout.model.errors import SourceError

__all__ = ["address", "connect", "first_line"]

BUSY_S = 60


def address(url: str, base: Path | None) -> URL:
    """The URL with its driver; a relative SQLite path counts from ``base``. Raises SourceError where it is none."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as exc:
        raise SourceError("journal: the URL is not of the form sqlite:///journal.db or postgresql://...") from exc
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise SourceError(f"journal: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
    if base and parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        parsed = parsed.set(database=str(base / str(parsed.database)))
    return parsed


def connect(url: URL) -> Engine:
    """The engine; SQLite with its log and our own transactions."""
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _: Any) -> None:
    """SQLite: we begin transactions ourselves; write-ahead log, and each commit is on the disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"pragma busy_timeout = {BUSY_S * 1000}")
    for _ in range(BUSY_S * 20):
        # Two processes that open a new journal at once: the switch to WAL does not wait for the busy timeout.
        try:
            cursor.execute("pragma journal_mode = wal")
            break
        except connection.OperationalError:
            time.sleep(0.05)
    cursor.execute("pragma synchronous = full")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("tieout_write", False)
    connection.exec_driver_sql("begin immediate" if write else "begin")


def first_line(exc: BaseException) -> str:
    """The database's own words, the first line of them."""
    text = str(getattr(exc, "orig", None) or exc).strip()
    return text.splitlines()[0] if text else type(exc).__name__
