"""A journal on each database: SQLite always, PostgreSQL where its wheel is installed."""

import itertools

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def postgres_server():
    pytest.importorskip("psycopg", reason="the PostgreSQL driver comes with: pip install 'psycopg[binary]'")
    with postgres.running() as server:
        yield server


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
