"""Rows of a query from SQLite and from a real PostgreSQL."""

import contextlib
import datetime as dt
import sqlite3
from decimal import Decimal

import pytest

from tests.postgres import running
from tieout.connect.database import DatabaseSource
from tieout.connect.mirror import Mirror
from tieout.model.errors import SourceError

pytest.importorskip("adbc_driver_manager", reason="database drivers are not installed: pip install 'tieout[databases]'")


@pytest.fixture
def sqlite(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "erp.db")) as connection, connection:
        connection.execute("create table item (id text, amount text, due date)")
        connection.executemany(
            "insert into item values (?, ?, ?)", [("0001", "118.00", "2024-09-02"), ("0002", None, None)]
        )
    return tmp_path


def test_sqlite_rows_stand_under_the_names_of_the_query(sqlite):
    frame = DatabaseSource(
        "items", "sqlite:///erp.db", 'select id as "Document", amount from item order by id;', base=sqlite
    ).frame()
    assert frame.to_dicts() == [{"Document": "0001", "amount": "118.00"}, {"Document": "0002", "amount": None}]


def test_an_absolute_sqlite_path_has_four_slashes(sqlite):
    frame = DatabaseSource("items", f"sqlite:///{sqlite / 'erp.db'}", "select count(*) as n from item").frame()
    assert frame["n"].to_list() == [2]


def test_a_query_cannot_write(sqlite):
    with pytest.raises(SourceError, match="items"):
        DatabaseSource("items", "sqlite:///erp.db", "delete from item", base=sqlite).frame()
    assert DatabaseSource("items", "sqlite:///erp.db", "select id from item", base=sqlite).frame().height == 2


@pytest.mark.parametrize(
    ("url", "query", "says"),
    [
        ("sqlite:///missing.db", "select 1", "there is no such file"),
        ("sqlite:///erp.db", "select nothing from item", "nothing"),
        ("mysql://u:p@h/d", "select 1", "a database is postgresql:// or sqlite:///"),
        ("postgresql://clerk:s3cret%21word@127.0.0.1:1/erp", "select 1", "127.0.0.1"),
    ],
)
def test_what_cannot_be_reached_is_one_line_without_the_password(sqlite, url, query, says):
    source = DatabaseSource("items", url, query, base=sqlite)
    with pytest.raises(SourceError, match=says) as caught:
        source.frame()
    text = str(caught.value) + repr(source)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in text
    assert caught.value.__cause__ is None


@pytest.fixture(scope="module")
def postgres():
    with running() as server:
        yield server


def test_postgresql_rows_come_with_exact_numbers_and_dates(postgres):
    postgres.psql(
        "create table item (id text, amount numeric(18,2), due date, days integer);"
        "insert into item values ('0001', 118.10, '2024-09-02', 14), ('0002', -0.01, null, null);"
    )
    frame = DatabaseSource("items", postgres.get_uri(), "select * from item order by id").frame()
    assert frame["id"].to_list() == ["0001", "0002"]
    assert [Decimal(str(value)) for value in frame["amount"]] == [Decimal("118.10"), Decimal("-0.01")]
    assert frame["due"].to_list() == [dt.date(2024, 9, 2), None]
    assert frame["days"].to_list() == [14, None]


def test_postgresql_queries_run_read_only(postgres):
    with pytest.raises(SourceError, match="read-only"):
        DatabaseSource("items", postgres.get_uri(), "create table x (a int)").frame()


# --- only what changed, with bound values ---


def _mirror(folder):
    return Mirror(folder / "cache" / "items.json", key="id", changed=["changed_at"], first="1970-01-01")


def test_names_in_texts_and_comments_are_no_parameters_and_a_missing_one_is_named(sqlite):
    query = 'select id, \'$since\' as a, "id" as "$b" from item where id = $wanted -- $nothing'
    source = DatabaseSource("items", "sqlite:///erp.db", query, base=sqlite, parameters={"wanted": "0001"})
    assert source.frame().to_dicts() == [{"id": "0001", "a": "$since", "$b": "0001"}]
    with pytest.raises(SourceError, match=r"\$wanted, which is not given"):
        DatabaseSource("items", "sqlite:///erp.db", query, base=sqlite).frame()
    hostile = {"wanted": "0001' or '1'='1"}
    assert DatabaseSource("items", "sqlite:///erp.db", query, base=sqlite, parameters=hostile).frame().is_empty()


def test_a_real_postgresql_gives_only_what_changed_and_the_rest_is_kept(postgres, tmp_path):
    import adbc_driver_postgresql.dbapi as driver

    def execute(*statements):
        with driver.connect(postgres.get_uri()) as connection, connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)
            connection.commit()

    execute(
        "drop table if exists ledger",
        "create table ledger (id text primary key, company text, amount numeric(12, 2), changed_at timestamp)",
        "insert into ledger values ('1', 'A', 10.10, '2026-10-01 08:00'), ('2', 'A', 20, '2026-10-02 08:00'), ('3', 'B', 1, '2026-10-03')",
    )
    query = (
        "select id, amount, changed_at from ledger "
        "where company = $company and changed_at >= cast($since as timestamp) order by id"
    )

    def read(sha256):
        mirror = _mirror(tmp_path)
        mirror.resume(sha256)
        source = DatabaseSource("items", postgres.get_uri(), query, parameters={"company": "A"}, mirror=mirror)
        return source.frame(), mirror

    whole, first = read(None)
    assert whole.select("id", "amount").rows() == [("1", "10.10"), ("2", "20.00")]
    execute("update ledger set amount = 5.05, changed_at = '2026-10-05 08:00' where id = '1'")
    later, second = read(first.sha256)
    assert later.select("id", "amount").rows() == [("1", "5.05"), ("2", "20.00")]
    assert second.cursor > first.cursor
    execute("delete from ledger where id = '2'")
    assert read(second.sha256)[0].height == 2, "what is deleted shows only in a whole read"
    assert read(None)[0].height == 1
