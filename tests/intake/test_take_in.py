"""Sources become canonical tables; what does not fit is a finding, never a silent drop."""

import io
import json
import pickle
import zipfile
from decimal import Decimal

import polars as pl
import pytest

from tieout.connect.files import FileSource
from tieout.intake import Input, read_documents
from tieout.model.errors import DefinitionError, SourceError
from tieout.model.records import Document

ITEMS = "Id,Customer,Amount,Currency,Due\n1,0000102477,118.00,EUR,2024-09-02\n2,0000102478,5.00-,EUR,2024-09-03\n"
MAPPING = """
mapping: test.items
format: table
identify: {columns: [Id, Customer, Amount, Due]}
settings: {negative: [trailing]}
tables:
  open_item:
    columns:
      - {column: open_item_id, path: Id, required: true}
      - {column: party_id, path: Customer}
      - {column: amount, path: Amount, required: true}
      - {column: currency, path: Currency, required: true}
      - {column: due_date, path: Due}
"""


@pytest.fixture
def take_items(take, parse):
    def run(files, **options):
        return take(files, extra=[parse(MAPPING)], **options)

    return run


def test_rows_carry_their_file_and_line(take_items):
    taken = take_items({"erp/items.csv": ITEMS})
    assert taken.rows(
        "select open_item_id, party_id, open_amount, document_type, source, line from open_item order by 1"
    ) == [
        ("1", "0000102477", Decimal("118.0000"), "invoice", "erp/items.csv", 2),
        ("2", "0000102478", Decimal("-5.0000"), "credit_note", "erp/items.csv", 3),
    ]
    assert taken.documents() == [("erp/items.csv", "test.items", 2, "read")]
    assert taken.findings() == []
    assert taken.unread == []
    assert taken.progress.steps == 1


def test_a_number_that_is_none_is_a_finding_with_place_heading_found_and_expected(take_items):
    taken = take_items({"a.csv": ITEMS.replace("118.00", "l18.OO")})
    ((rule, severity, table, object_id, message, message_zh, evidence, line),) = taken.rows(
        'select rule, severity, "table", object_id, message, message_zh, evidence, line from finding'
    )
    assert (rule, severity, table, object_id, line) == ("IN-VALUE", "fatal", "open_item", "1", 2)
    assert message.startswith("a.csv:2  'Amount' is 'l18.OO'; expected a number with decimal '.'")
    assert "不符合要求" in message_zh
    assert json.loads(evidence)["found"] == "l18.OO"
    assert taken.rows("select amount from open_item order by open_item_id") == [(None,), (Decimal("-5.0000"),)]


def test_a_required_value_that_is_empty_is_a_finding(take_items):
    taken = take_items({"a.csv": ITEMS.replace("118.00", "")})
    assert taken.findings() == [("IN-VALUE", 2)]
    assert "'Amount' is empty, and open_item.amount needs a value" in taken.messages()[0]


def test_a_row_without_its_id_is_kept_under_a_made_one(take_items):
    taken = take_items({"a.csv": ITEMS.replace("\n1,", "\n,")})
    assert taken.rows("select open_item_id from open_item order by line")[0][0].startswith("a.csv#2-")
    assert taken.findings() == [("IN-VALUE", 2)]


def test_more_decimals_than_the_currency_has_is_a_finding_and_the_amount_stays(take_items):
    taken = take_items({"a.csv": ITEMS.replace("118.00", "118.005").replace("5.00-,EUR", "5.5-,JPY")})
    assert taken.rows(
        "select rule, line, object_id from finding where message like '%open_item.amount %' order by line"
    ) == [
        ("IN-DECIMALS", 2, "1"),
        ("IN-DECIMALS", 3, "2"),
    ]
    assert any("118.0050 has more decimals than EUR (2)" in message for message in taken.messages())
    assert taken.rows("select sum(amount) from open_item") == [(Decimal("112.5050"),)]


@pytest.mark.parametrize(
    ("content", "rule", "says"),
    [
        (
            ITEMS.replace("Due", "Due Date"),
            "IN-COLUMN",
            "no column 'Due', which gives open_item.due_date; did you mean 'Due Date'?",
        ),
        (
            ITEMS.replace(",Due", "").replace(",2024-09-02", "").replace(",2024-09-03", ""),
            "IN-COLUMN",
            "no column 'Due'",
        ),
        (ITEMS.replace(",", ";"), "IN-COLUMN", "separated by ';'"),
        (ITEMS.replace("118.00", "118,00€").encode("cp1252"), "IN-ENCODING", "the bytes fit cp1252"),
        (ITEMS.encode("utf-16"), "IN-ENCODING", "byte order mark of utf-16"),
        (b"", "IN-EMPTY", "the file is empty"),
        (b"\n  \n", "IN-EMPTY", "the file is empty"),
        (b"%PDF-1.7 ...", "IN-FORMAT", "a PDF"),
    ],
)
def test_a_file_that_is_not_what_the_mapping_declares_is_refused_in_one_line(take_items, content, rule, says):
    taken = take_items({"a.csv": content, "b.csv": ITEMS}, mapping="test.items")
    assert taken.documents()[0] == ("a.csv", None, 0, "refused")
    assert taken.documents()[1] == ("b.csv", "test.items", 2, "read")
    ((found, severity, message),) = taken.rows("select rule, severity, message from finding")
    assert (found, severity) == (rule, "fatal")
    assert says in message
    assert "\n" not in message


def test_a_shifted_row_is_kept_aside_and_the_others_are_taken(take_items):
    taken = take_items({"a.csv": ITEMS + "3,0000102479,Meyer, Sons,7.00,EUR,2024-09-04\n"})
    assert taken.findings() == [("IN-ROW", 4)]
    assert taken.rows('select "table", object_id, source, line from excluded') == [("open_item", "a.csv#4", "a.csv", 4)]
    assert taken.store.count("open_item") == 2


def test_every_row_of_a_file_is_in_a_table_or_kept_aside(take_items):
    rows = [
        f"{n},{'x,' if n % 7 == 0 else ''}0001,{n}.5{'x' if n % 5 == 0 else ''},EUR,2024-01-01" for n in range(1, 101)
    ]
    taken = take_items({"a.csv": "Id,Customer,Amount,Currency,Due\n" + "\n".join(rows) + "\n"})
    lines = taken.rows("select line from open_item union all select line from excluded order by 1")
    assert [line for (line,) in lines] == list(range(2, 102))
    assert taken.rows("select count(*) from finding") == [(14 + 20 - 2,)]


def test_many_bad_values_are_named_up_to_a_limit_and_then_counted(take_items):
    rows = "".join(f"{n},1,x,EUR,2024-01-01\n" for n in range(1500))
    taken = take_items({"a.csv": "Id,Customer,Amount,Currency,Due\n" + rows})
    assert taken.store.count("finding") == 1001
    assert any("and 500 more rows in which 'Amount' does not fit" in message for message in taken.messages())


def test_a_mapping_is_found_by_the_headings(take_items, take):
    assert take_items({"a.csv": ITEMS}).documents() == [("a.csv", "test.items", 2, "read")]
    refused = take({"a.csv": ITEMS})
    assert refused.documents() == [("a.csv", None, 0, "refused")]
    assert "a table whose columns fit no mapping (Id,Customer,Amount,Currency,Due)" in refused.messages()[0]


def test_two_mappings_that_fit_equally_are_a_question_not_a_guess(take, parse):
    other = parse(MAPPING.replace("test.items", "test.other"))
    taken = take({"a.csv": ITEMS}, extra=[parse(MAPPING), other])
    assert "the columns fit several mappings (test.items, test.other)" in taken.messages()[0]


def test_the_same_bytes_are_taken_in_once(take_items):
    taken = take_items({"a.csv": ITEMS, "b.csv": ITEMS})
    assert taken.documents() == [("a.csv", "test.items", 2, "read"), ("b.csv", None, 0, "duplicate")]
    assert taken.store.count("open_item") == 2
    assert taken.rows("select rule, severity, object_id from finding") == [("IN-DUPLICATE", "warning", "b.csv")]


def test_archives_are_opened_and_a_bad_member_does_not_spoil_the_rest(take_items):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("good.csv", ITEMS)
        archive.writestr("../evil.csv", ITEMS)
    taken = take_items({"month.zip": buffer.getvalue()})
    assert ("month.zip!good.csv", "test.items", 2, "read") in taken.documents()
    assert ("month.zip!../evil.csv", None, 0, "refused") in taken.documents()


def test_a_path_that_is_missing_is_a_finding_and_is_told_to_the_run(take_items):
    taken = take_items({"a.csv": ITEMS}, patterns=["a.csv", "nothing.csv"])
    assert taken.unread == ["nothing.csv  there is no such file"]
    assert taken.documents() == [("a.csv", "test.items", 2, "read"), ("nothing.csv", None, 0, "refused")]
    assert taken.rows("select rule, object_id from finding") == [("IN-SOURCE", "nothing.csv")]


def test_an_optional_source_may_be_missing(take_items):
    taken = take_items({"a.csv": ITEMS}, patterns=["a.csv", "nothing.csv"], options={"optional": True})
    assert taken.unread == []
    assert taken.documents() == [("a.csv", "test.items", 2, "read")]
    assert taken.findings() == []


class Rows:
    """A database in a test."""

    name = "orders"

    def __init__(self, rows):
        self._rows = rows

    def frame(self):
        if isinstance(self._rows, Exception):
            raise self._rows
        return self._rows


def test_rows_of_a_query_go_through_a_table_mapping(take_items):
    frame = pl.read_csv(ITEMS.encode(), infer_schema=False)
    taken = take_items({}, inputs=[Input("orders", Rows(frame), "test.items")])
    assert taken.documents() == [("orders", "test.items", 2, "read")]
    assert taken.rows("select source, line from open_item order by line") == [("orders", 1), ("orders", 2)]


def test_a_database_that_is_down_is_one_line_and_the_other_sources_go_on(take_items, base):
    (base / "a.csv").write_text(ITEMS)
    down = Rows(SourceError("orders (postgresql://db/erp): connection refused"))
    taken = take_items(
        {}, inputs=[Input("orders", down, "test.items"), Input("a", FileSource("a", ["a.csv"], base=base))]
    )
    assert taken.unread == ["orders (postgresql://db/erp): connection refused"]
    assert [row[3] for row in taken.documents()] == ["read", "refused"]


def test_what_the_workspace_knows_fills_what_the_file_lacks(take_items):
    taken = take_items({"a.csv": ITEMS}, options={"values": {"company_code": "0500", "reference": "R"}})
    assert taken.rows("select distinct company_code, reference from open_item") == [("0500", "R")]


def test_what_a_workbook_holds_is_read_like_the_csv(take_items):
    buffer = io.BytesIO()
    frame = pl.DataFrame(
        {"Id": ["1", "2"], "Customer": ["0000102477", "8"], "Amount": [118.0, -5.0], "Currency": ["EUR", "EUR"]}
    )
    frame.with_columns(pl.lit("2024-09-02").str.to_date().alias("Due")).write_excel(buffer)
    taken = take_items({"a.xlsx": buffer.getvalue()})
    assert taken.findings() == []
    assert taken.rows(
        "select open_item_id, party_id, amount, cast(due_date as varchar), line from open_item order by 1"
    ) == [
        ("1", "0000102477", Decimal("118.0000"), "2024-09-02", 2),
        ("2", "8", Decimal("-5.0000"), "2024-09-02", 3),
    ]


def test_json_records_are_read_like_rows(take_items):
    records = [{"Id": "1", "Customer": "7", "Amount": 118.10, "Currency": "EUR", "Due": "2024-09-02"}]
    taken = take_items({"a.json": json.dumps(records), "b.jsonl": json.dumps(records[0] | {"Id": "2"})})
    assert taken.rows("select open_item_id, amount from open_item order by 1") == [
        ("1", Decimal("118.1000")),
        ("2", Decimal("118.1000")),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("01,122099999,123456789,040621,0200,1,65,,2/\n02,031001234,122099999,1,040620,2359,,2/\n", "this is BAI2, which is not read; supported are"),
        ("0000002011830005        12345678  NAME                      KREDBEBB   00630366277 00000".ljust(127) + "2\n", "this is CODA, which is not read; ask the bank for camt.053"),
        ("\x00\x01\x02\x03" * 40, "supported are"),
        ("<?xml version='1.0'?><report/>", "XML with the root element 'report': no mapping reads it"),
        (":25:PL25106000760000888888888888\n", "an MT940 fragment"),
        ("once upon a time", "no format that is known"),
    ],
)  # fmt: skip
def test_an_unknown_format_says_what_was_found_and_what_is_supported(take, content, says):
    taken = take({"file.txt": content})
    assert taken.documents() == [("file.txt", None, 0, "refused")]
    assert says in taken.messages()[0]
    assert "\n" not in taken.messages()[0]


def test_a_mapping_that_cannot_work_is_told_before_anything_is_read(take, parse):
    bad = parse(
        MAPPING.replace("path: Customer", "path: Customer, pattern: '(?<=a)b'").replace(
            "path: Due", "path: Due, format: soon"
        )
    )
    with pytest.raises(DefinitionError) as caught:
        take({"a.csv": ITEMS}, extra=[bad])
    assert len(caught.value.mistakes) == 2
    assert "no regular expression of RE2" in str(caught.value)
    assert "'soon' is no date form" in str(caught.value)


def test_documents_without_a_store_give_a_batch_that_can_be_pickled(mappings, parse):
    documents = [Document("a.csv", ITEMS.encode()), Document("b.csv", b""), SourceError("c.csv  there is no such file")]
    batch = pickle.loads(pickle.dumps(read_documents(documents, [*mappings.values(), parse(MAPPING)])))
    assert batch.frames["open_item"].select("open_item_id", "source", "line").rows() == [
        ("1", "a.csv", 2),
        ("2", "a.csv", 3),
    ]
    assert batch.frames["document"]["status"].to_list() == ["read", "refused", "refused"]
    assert batch.frames["finding"]["rule"].to_list() == ["IN-EMPTY", "IN-SOURCE"]


def test_the_same_files_give_the_same_rows_in_the_same_order(take_items):
    files = {"a.csv": ITEMS, "b.csv": ITEMS.replace("118.00", "x"), "c.csv": ITEMS.replace("118.00", "1.005")}
    one, two = take_items(files), take_items(files)
    for name in ("open_item", "finding", "document"):
        sql = f'select * from "{name}"'
        assert one.rows(sql) == two.rows(sql)
