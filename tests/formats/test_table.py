"""CSV, XLSX and Parquet as frames: headings, lines, and rows that do not fit."""

import datetime as dt
import io
import zipfile
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats import table
from tieout.model.errors import FormatError
from tieout.model.records import Document


def read(text, settings=None, **options):
    content = text if isinstance(text, bytes) else text.encode()
    return table.read(Document("a.csv", content), settings or {}, **options)


def rows(frame):
    return frame.drop("line").rows(), frame["line"].to_list()


def test_rows_stand_under_their_headings_with_the_line_they_start_on():
    frame, findings = read("id,name\n1,a\n\n2,b\n")
    assert frame.columns == ["id", "name", "line"]
    assert rows(frame) == ([("1", "a"), ("2", "b")], [2, 4])
    assert not findings


def test_delimiters_and_doubled_quotes_inside_quotes_belong_to_the_value():
    frame, _ = read('id,name\n1,"Meyer, Sons"\n2,"the ""best"", they say"\n"3","b"\n')
    assert rows(frame)[0] == [("1", "Meyer, Sons"), ("2", 'the "best", they say'), ("3", "b")]


def test_a_value_over_two_lines_is_one_value_and_the_next_row_has_its_own_line():
    frame, findings = read('id,note\n1,"first\nsecond"\n2,b\n')
    assert rows(frame) == ([("1", "first\nsecond"), ("2", "b")], [2, 4])
    assert not findings


def test_a_stray_quote_is_part_of_the_value():
    frame, findings = read('id,note\n1,3.5" disk\n2,b\n')
    assert rows(frame)[0] == [("1", '3.5" disk'), ("2", "b")]
    assert not findings


def test_a_shifted_row_is_kept_aside_with_its_line_and_the_others_go_on():
    frame, findings = read("id,name,amount\n1,a,1\n2,b,c,2\n3,d\n4,e,4\n")
    assert rows(frame) == ([("1", "a", "1"), ("4", "e", "4")], [2, 5])
    assert [(f.rule, f.severity, f.line, f.evidence["fields"]) for f in findings] == [
        ("IN-ROW", "fatal", 3, 4),
        ("IN-ROW", "fatal", 4, 2),
    ]
    assert "4 fields found, 3 expected" in findings[0].message


def test_windows_line_ends_and_a_missing_last_one_change_nothing():
    frame, findings = read("id;name\r\n1;a\r\n2;b", {"delimiter": ";"})
    assert rows(frame) == ([("1", "a"), ("2", "b")], [2, 3])
    assert not findings


def test_the_header_row_is_found_below_lines_of_text():
    text = "Export of 2024-09-30\nAccount;DE21\n\nDate;Amount\n2024-09-01;1\n"
    frame, _ = read(text, {"delimiter": ";", "header": "find"}, headings=["Date", "Amount"])
    assert rows(frame) == ([("2024-09-01", "1")], [5])
    frame, _ = read(text, {"delimiter": ";", "header": 4})
    assert frame.columns == ["Date", "Amount", "line"]


def test_rows_that_the_mapping_skips_are_counted():
    frame, findings = read("id,amount\n1,5\nTotal,5\n2,7\nTotal,7\n", {"skip": ["^Total"]})
    assert rows(frame)[0] == [("1", "5"), ("2", "7")]
    assert [(f.rule, f.severity) for f in findings] == [("IN-SKIPPED", "information")]
    assert "2 rows" in findings[0].message
    assert "lines 3, 5" in findings[0].message


def test_a_skipped_total_may_have_fewer_fields():
    frame, findings = read("id,name,amount\n1,a,5\nTotal,5\n", {"skip": ["^Total"]})
    assert frame.height == 1
    assert [f.rule for f in findings] == ["IN-SKIPPED"]


def test_headings_that_repeat_or_are_empty_get_names_of_their_own():
    frame, _ = read("id,name,name,,line\n1,a,b,c,d\n")
    assert frame.columns == ["id", "name", "name (2)", "column 4", "line (2)", "line"]


def test_a_trailing_delimiter_in_the_header_adds_no_column():
    frame, findings = read("id;name;\n1;a\n2;b\n", {"delimiter": ";"})
    assert frame.columns == ["id", "name", "line"]
    assert not findings


def test_another_delimiter_than_declared_is_named():
    with pytest.raises(FormatError, match="separated by ';'; the mapping declares ','") as caught:
        read("id;name\n1;a\n", headings=["id", "name"])
    assert caught.value.rule == "IN-COLUMN"


@pytest.mark.parametrize("content", [b"", b"  \n\n"])
def test_an_empty_file_is_refused_as_empty(content):
    with pytest.raises(FormatError, match="empty") as caught:
        read(content)
    assert caught.value.rule == "IN-EMPTY"


def test_a_header_without_rows_is_an_empty_frame():
    frame, findings = read("id,name\n")
    assert frame.height == 0
    assert frame.columns == ["id", "name", "line"]
    assert not findings


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\r\x00\ufeff"), max_size=6)] * 3),
        min_size=1,
        max_size=8,
    )
)
def test_what_a_csv_writer_writes_is_read_back(cells):
    cells = [(f"k{n}", *row[1:]) for n, row in enumerate(cells)]
    frame = pl.DataFrame(cells, schema=["a", "b", "c"], orient="row")
    back, findings = read(frame.write_csv(quote_style="always"))
    assert not findings
    assert [tuple(cell or "" for cell in row) for row in back.drop("line").rows()] == cells


def test_a_workbook_keeps_the_types_of_its_cells(tmp_path):
    frame = pl.DataFrame(
        {"id": ["007", "008"], "amount": [12.5, -3.25], "day": [dt.date(2024, 9, 1), dt.date(2024, 9, 2)]}
    )
    buffer = io.BytesIO()
    frame.write_excel(buffer)
    read_back, findings = table.read(Document("a.xlsx", buffer.getvalue()), {}, kind="xlsx")
    assert read_back["id"].to_list() == ["007", "008"]
    assert read_back["amount"].to_list() == [12.5, -3.25]
    assert read_back["day"].dtype.is_temporal()
    assert read_back["line"].to_list() == [2, 3]
    assert not findings


def test_a_workbook_without_the_named_sheet_says_which_there_are():
    buffer = io.BytesIO()
    pl.DataFrame({"id": ["1"]}).write_excel(buffer, worksheet="Items")
    with pytest.raises(FormatError, match="no sheet 'Open'; the workbook has 'Items'"):
        table.read(Document("a.xlsx", buffer.getvalue()), {"sheet": "Open"}, kind="xlsx")


def test_bytes_that_are_no_workbook_are_refused_in_one_line():
    with pytest.raises(FormatError, match="no readable workbook") as caught:
        table.read(Document("a.xlsx", b"PK\x03\x04 not a workbook"), {}, kind="xlsx")
    assert "\n" not in str(caught.value)


def test_a_workbook_whose_sheet_is_broken_or_a_bomb_is_refused_in_one_line():
    buffer = io.BytesIO()
    pl.DataFrame({"id": ["1"]}).write_excel(buffer)
    for content in (b"<worksheet><sheetData><row><c>", b" " * 100_000_000):
        broken = io.BytesIO()
        with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(broken, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                new.writestr(entry.filename, content if "sheet1" in entry.filename else old.read(entry))
        with pytest.raises(FormatError) as caught:
            table.read(Document("a.xlsx", broken.getvalue()), {}, kind="xlsx")
        assert "\n" not in str(caught.value)


def test_parquet_keeps_decimals_exact():
    buffer = io.BytesIO()
    pl.DataFrame({"amount": pl.Series([Decimal("118.00"), Decimal("-0.01")], dtype=pl.Decimal(15, 2))}).write_parquet(
        buffer
    )
    frame, _ = table.read(Document("a.parquet", buffer.getvalue()), {}, kind="parquet")
    assert frame["amount"].to_list() == [Decimal("118.00"), Decimal("-0.01")]
    assert frame["line"].to_list() == [1, 2]


def test_bytes_that_are_no_parquet_are_refused_in_one_line():
    with pytest.raises(FormatError, match="no readable Parquet") as caught:
        table.read(Document("a.parquet", b"PAR1 broken"), {}, kind="parquet")
    assert "\n" not in str(caught.value)
