"""Fixtures of the issuing tests: the shipped mappings, and books that are empty."""

import pytest

from tests.issuing.books import Books
from tests.store.conftest import postgres_server, url
from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.mappings import parse_mapping

__all__ = ["postgres_server", "url"]


@pytest.fixture(scope="session")
def mappings():
    files = (shipped("mappings") / "ubl" / name for name in ("invoice.yaml", "credit_note.yaml"))
    made = [parse_mapping(yamlfile.load(each))[0] for each in files]
    return {each.id: each for each in made}


@pytest.fixture
def books(tmp_path, mappings):
    made = Books(tmp_path, mappings)
    yield made
    made.journal.close()
