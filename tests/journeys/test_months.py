"""The same month twice changes nothing; the next month starts from what the last left open."""

import contextlib
import sqlite3
from decimal import Decimal as D

import duckdb

from tests.journeys.conftest import BANK


def events(place):
    """The journal's last event, as the next run's manifest anchors it."""
    assert place.run().status == 0
    return place.latest().manifest["journal_head"]


def test_the_same_month_again_has_the_same_hashes_and_opens_no_case(place):
    assert place.run().status == 0
    first = place.latest().manifest
    cases = place.tieout("cases", "list", ".", "--format", "csv").out
    after_first = events(place)
    second = place.latest().manifest
    assert [t["sha256"] for t in first["tables"]] == [t["sha256"] for t in second["tables"]]
    assert place.tieout("cases", "list", ".", "--format", "csv").out == cases
    # Between two runs of the same facts the journal grows by one event: that the run was sealed.
    assert events(place)[0] == after_first[0] + 1


def next_month(place):
    assert place.run().status == 0
    bank = BANK.splitlines()[0] + "\n" + BANK.splitlines()[2].replace("danke", "AF-2026-102").replace("31,99", "250,50")
    place.write(
        "bank/october.csv", bank.replace("06.10.26", "06.11.26").replace("BANK0002", "BANK0003").encode("cp1252")
    )
    place.write("tieout.yaml", (place.folder / "tieout.yaml").read_text().replace("2026-10-31", "2026-11-30"))
    result = place.run()
    assert result.status == 0, result.text
    return place.latest()


def test_the_next_month_has_what_was_left_and_not_what_was_settled(place):
    run = next_month(place)
    payments = run.table("payment").select("payment_id", "amount", "carried_from")
    assert {row[0] for row in payments.iter_rows()} == {"BANK0002", "BANK0003"}
    carried = payments.filter(payments["payment_id"] == "BANK0002").to_dicts()[0]
    assert str(carried["carried_from"]) == "2026-10-31" and carried["amount"] == D("31.99")
    items = {row["open_item_id"]: row["open_amount"] for row in run.table("open_item").to_dicts()}
    assert items == {"1900000001": D(0), "1900000002": D("250.50"), "1900000003": D("75.25")}
    assert run.sql("select open_item_id from allocation where payment_id = 'BANK0003'").item() == "1900000002"


def test_the_case_of_a_carried_payment_stays_the_same_case(place):
    assert place.run().status == 0
    before = place.tieout("cases", "list", ".", "--format", "csv").out
    case = next(line for line in before.splitlines() if "BANK0002" in line).split(",")[0]
    place.write("tieout.yaml", (place.folder / "tieout.yaml").read_text().replace("2026-10-31", "2026-11-30"))
    assert place.run().status == 0
    shown = place.tieout("cases", "show", case).out
    assert shown.count("case opened") == 1 and "BANK0002" in shown


def test_a_changed_byte_is_found_and_the_row_is_named(place):
    assert place.run().status == 0
    folder = place.latest().folder
    assert place.tieout("verify", str(folder)).status == 0
    (folder / "run.duckdb").chmod(0o644)
    with duckdb.connect(str(folder / "run.duckdb")) as connection:
        connection.execute("update allocation set amount = amount + 0.01 where payment_id = 'BANK0001'")
    result = place.tieout("verify", str(folder))
    assert result.status == 1
    assert "BANK0001" in result.out and "was changed after the run was sealed" in result.out


def test_a_changed_event_of_the_journal_is_found_and_named(place):
    assert place.run().status == 0
    with contextlib.closing(sqlite3.connect(place.folder / "journal.db", isolation_level=None)) as connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f"drop trigger {name}")
        connection.execute("update journal_event set actor = 'somebody else' where sequence = 2")
    result = place.tieout("verify", str(place.latest().folder))
    assert result.status == 1 and "event 2" in result.out
