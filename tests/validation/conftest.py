"""An empty store for each test."""

import pytest

from tieout.store.engine import Store


@pytest.fixture
def store():
    with Store.create() as made:
        yield made
