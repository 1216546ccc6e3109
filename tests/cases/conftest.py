import datetime as dt

import pytest

from tieout.library import yamlfile
from tieout.library.routes import parse_routes
from tieout.store.engine import Store
from tieout.store.journal import Journal

NOON = dt.datetime(2026, 10, 31, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def store():
    with Store.create() as store:
        yield store


@pytest.fixture
def journal(tmp_path):
    with Journal.open(f"sqlite:///{tmp_path / 'journal.db'}", clock=lambda: NOON) as journal:
        yield journal


@pytest.fixture(scope="session")
def plan():
    """A routing from its YAML; the mistakes of a test's own file fail the test."""

    def parse(text):
        routes, mistakes = parse_routes(yamlfile.load(text))
        assert not mistakes, "\n".join(map(str, mistakes))
        return routes

    return parse
