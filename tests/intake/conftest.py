"""A store, the shipped mappings, and a way to take in files that stand in the test."""

from pathlib import Path

import pytest

from tieout.connect.files import FileSource
from tieout.intake import Input, take_in
from tieout.library import yamlfile
from tieout.library.catalog import Catalogue
from tieout.library.mappings import parse_mapping
from tieout.model.records import Query
from tieout.store.engine import Store


class Silent:
    """A face that shows nothing but counts."""

    def __init__(self):
        self.steps = 0

    def start(self, stage, total=None): ...

    def advance(self, steps=1):
        self.steps += steps

    def finish(self, summary): ...


class Taken:
    """A store after intake, and short questions to it."""

    def __init__(self, store, unread, progress):
        self.store, self.unread, self.progress = store, unread, progress

    def rows(self, sql):
        return self.store.fetch(Query("test", sql)).rows()

    def findings(self):
        return self.rows("select rule, line from finding order by finding_no")

    def messages(self):
        return [row[0] for row in self.rows("select message from finding order by finding_no")]

    def documents(self):
        return self.rows("select document_id, mapping, row_count, status from document order by document_id")


def _parsed(text):
    made, mistakes = parse_mapping(yamlfile.load(text))
    assert not mistakes, mistakes
    return made


@pytest.fixture(scope="session")
def parse():
    """The mapping that a YAML text (or file) describes."""
    return _parsed


@pytest.fixture(scope="session")
def mappings():
    """The shipped mappings by id."""
    return dict(Catalogue.load().mappings)


@pytest.fixture
def take(tmp_path, mappings):
    """Writes files into a folder, takes them in and returns what came of it.

    files: name -> text or bytes. mapping and options: of the one source; or inputs: of several, as keyword pairs.
    """
    stores = []

    def run(files=None, *, mapping=None, options=None, patterns=("**/*",), extra=(), inputs=None):
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        store, progress = Store.create(), Silent()
        stores.append(store)
        sources = inputs or [Input("files", FileSource("files", patterns, base=tmp_path), mapping, options or {})]
        unread = take_in(store, sources, [*mappings.values(), *extra], progress=progress)
        return Taken(store, unread, progress)

    yield run
    for store in stores:
        store.close()


@pytest.fixture
def base(tmp_path) -> Path:
    return tmp_path
