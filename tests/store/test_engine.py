"""The store refuses files, network and settings, casts to the canon, and names the statement in every error."""

import datetime as dt
from decimal import Decimal as D

import polars as pl
import pytest

from tieout.model.errors import StoreError
from tieout.model.records import Query
from tieout.store.engine import Limits, Store


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/hostname')",
        "select * from '/etc/passwd'",
        "copy (select 1) to '/tmp/leak.csv'",
        "attach '/tmp/other.duckdb'",
        "install httpfs",
        "load httpfs",
        "set memory_limit = '100GB'",
        "set enable_external_access = true",
        "select getenv('HOME')",
    ],
)
def test_a_locked_store_refuses(statement):
    with Store.create() as store, pytest.raises(StoreError, match=r"^probe: "):
        store.fetch(Query("probe", statement))


def test_rows_are_cast_to_the_canonical_types_and_missing_columns_are_null():
    with Store.create() as store:
        store.append("payment", pl.DataFrame({"payment_id": ["a"], "amount": ["1.23"], "booking_date": ["2026-10-31"]}))
        row = store.table("payment").to_dicts()[0]
    assert (row["amount"], row["booking_date"], row["currency"]) == (D("1.2300"), dt.date(2026, 10, 31), None)


def test_a_value_that_does_not_fit_is_refused_with_the_statement_named():
    with Store.create() as store, pytest.raises(StoreError, match=r"append payment: .*12,5"):
        store.append("payment", pl.DataFrame({"payment_id": ["a"], "amount": ["12,5"]}))


def test_an_unknown_column_is_refused():
    with Store.create() as store, pytest.raises(StoreError, match="no column 'amuont'"):
        store.append("payment", pl.DataFrame({"amuont": ["1"]}))


def test_values_are_bound_and_never_text():
    with Store.create() as store:
        evil = "x'; drop table payment; --"
        assert store.scalar(Query("bound", "select $v", {"v": evil})) == evil
        assert store.count("payment") == 0


def test_a_written_store_can_be_opened_by_two_readers_and_not_changed(tmp_path):
    with Store.create(tmp_path / "run.duckdb", limits=Limits(memory="512MiB", threads=1)) as store:
        store.append("payment", pl.DataFrame({"payment_id": ["a"]}))
    with Store.open(tmp_path / "run.duckdb") as one, Store.open(tmp_path / "run.duckdb") as two:
        assert one.count("payment") == two.count("payment") == 1
        with pytest.raises(StoreError):
            one.execute(Query("change", "delete from payment"))


def test_a_store_that_cannot_be_made_says_where(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.create(tmp_path / "missing" / "run.duckdb")


def test_batches_together_are_the_whole_table():
    with Store.create() as store:
        store.append("payment", pl.DataFrame({"payment_id": [f"{n:05d}" for n in range(5000)]}))
        batches = list(store.fetch_batches(Query("all", "select payment_id from payment order by 1"), rows=1000))
    assert pl.concat(batches)["payment_id"].to_list() == [f"{n:05d}" for n in range(5000)]
