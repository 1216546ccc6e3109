"""What leaves the house: amounts as people write them, formulas defused, a workpaper an auditor can filter."""

import datetime as dt
from decimal import Decimal as D

import openpyxl
import polars as pl
import pytest

from tieout.faces.export import export
from tieout.model.errors import SourceError, TieoutError
from tieout.store.engine import Store

MANIFEST = {
    "entity": "Test GmbH",
    "as_of": "2026-10-31",
    "run_id": "r",
    "started": "s",
    "finished": "f",
    "versions": {"tieout": "0"},
    "inputs": [],
    "database_sha256": "d",
    "rows_sha256": "r",
}


@pytest.fixture
def store():
    made = Store.create()
    made.append(
        "payment",
        pl.DataFrame(
            {
                "payment_id": ["p1", "p2", "p3", "p4"],
                "amount": ["1234.5000", "1000.0000", "1.2345", "-7.0000"],
                "currency": ["EUR", "JPY", "KWD", "EUR"],
                "booking_date": [dt.date(2026, 10, 5)] * 4,
                "counterparty_name": ["=cmd|' /C calc'!A0", "+49 451", "@SUM(A1)", "<script>"],
                "source": ["b.csv"] * 4,
                "line": [1, 2, 3, 4],
            }
        ),
    )
    made.append("open_item", pl.DataFrame({"open_item_id": ["i1"], "open_amount": ["1234.5"], "currency": ["EUR"]}))
    made.append(
        "allocation",
        pl.DataFrame(
            {
                "payment_id": ["p1"],
                "open_item_id": ["i1"],
                "kind": ["payment"],
                "amount": ["1234.5"],
                "currency": ["EUR"],
                "status": ["accepted"],
                "pass": ["reference"],
                "score": ["0.987654"],
            }
        ),
    )
    return made


def test_csv_shows_amounts_in_the_decimals_of_their_currency(store, tmp_path):
    export(store, MANIFEST, to="csv", out=tmp_path)
    rows = pl.read_csv(tmp_path / "payment.csv", infer_schema=False).select("payment_id", "amount")
    assert dict(rows.iter_rows()) == {"p1": "1234.50", "p2": "1000", "p3": "1.2345", "p4": "-7.00"}
    assert pl.read_csv(tmp_path / "allocation.csv", infer_schema=False)["score"].to_list() == ["0.987654"]


def test_csv_has_every_table_even_when_empty(store, tmp_path):
    export(store, MANIFEST, to="csv", out=tmp_path)
    assert (tmp_path / "exception.csv").read_text().startswith("exception_id,reason,")


def test_formulas_are_defused_and_numbers_are_not(store, tmp_path):
    export(store, MANIFEST, to="csv", out=tmp_path)
    names = pl.read_csv(tmp_path / "payment.csv", infer_schema=False)["counterparty_name"].to_list()
    assert names == ["'=cmd|' /C calc'!A0", "'+49 451", "'@SUM(A1)", "<script>"]


def test_parquet_keeps_exact_types(store, tmp_path):
    export(store, MANIFEST, to="parquet", out=tmp_path)
    frame = pl.read_parquet(tmp_path / "payment.parquet")
    assert frame["amount"].to_list() == [D("1234.5"), D("1000"), D("1.2345"), D("-7")]


def test_the_workpaper_has_frozen_headers_filters_and_no_formula(store, tmp_path):
    export(store, MANIFEST, to="xlsx", out=tmp_path / "w.xlsx")
    book = openpyxl.load_workbook(tmp_path / "w.xlsx")
    assert book.sheetnames[:4] == ["Summary", "Control totals", "Allocations", "Exceptions"]
    sheet = book["Allocations"]
    assert sheet.freeze_panes == "B3" and sheet.auto_filter.ref
    header = [cell.value for cell in sheet[2]]
    row = dict(zip(header, sheet[3], strict=True))
    assert row["amount"].value == 1234.5 and row["amount"].number_format.startswith("#,##0.00")
    assert row["booking date"].is_date
    assert row["counterparty name"].value.startswith("=cmd") and row["counterparty name"].data_type == "s"
    assert not any(cell.data_type == "f" for each in book for line in each.iter_rows() for cell in line)


def test_an_unknown_format_and_a_folder_that_cannot_be_made_are_one_line(store, tmp_path):
    with pytest.raises(TieoutError, match="choose one of"):
        export(store, MANIFEST, to="docx", out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot be written"):
        export(store, MANIFEST, to="csv", out=tmp_path / "file" / "below")
