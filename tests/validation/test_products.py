"""Products in conditions: exact also where DuckDB would keep them in 64 bits."""

import polars as pl
import pytest

from tieout.library.expression import parse
from tieout.library.nodes import Node
from tieout.library.scope import Scope
from tieout.model.errors import Location
from tieout.model.records import Query
from tieout.store.engine import Store


@pytest.mark.parametrize(
    "condition",
    [
        "open_amount * amount = 20563560000",
        "amount * discount_percent = 286800",
        "amount * 1000000 = 143400000000",
        "0.01 * amount * open_amount = 205635600",
    ],
)
def test_a_product_of_amounts_does_not_overflow(condition):
    made, mistakes = parse(Node(condition, Location("rule"), condition), Scope("open_item"))
    assert made is not None, mistakes
    with Store.create() as store:
        store.append(
            "open_item",
            pl.DataFrame(
                {"open_item_id": ["1"], "amount": ["143400"], "open_amount": ["143400"], "discount_percent": ["2"]}
            ),
        )
        sql = made.tree.sql(dialect="duckdb")
        assert store.scalar(Query("product", f"select {sql} from open_item")) is True
