"""Table mappings as one select: verbs, notations, and what does not fit."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from tieout.library import yamlfile
from tieout.library.mappings import parse_mapping
from tieout.mapping import project
from tieout.mapping.fields import FILE_NAME
from tieout.store.engine import Store


@pytest.fixture(scope="module")
def store():
    with Store.create() as store:
        yield store


def mapping(columns, *, table="open_item", settings="{}", options=""):
    text = (
        f"mapping: test.table\nformat: table\nsettings: {settings}\ntables:\n  {table}:\n    {options}\n    columns:\n"
    )
    text += "".join(f"      - {{{column}}}\n" for column in columns)
    made, mistakes = parse_mapping(yamlfile.load(text))
    assert not mistakes
    return made


def run(store, made, data, *, uri="dir/A6G_2024-09.csv", values=None, kinds=None):
    """The rows, and the flags by column."""
    frame = pl.DataFrame(data)
    kinds = kinds or dict.fromkeys(frame.columns, "text")
    frame = frame.with_columns(
        pl.int_range(2, frame.height + 2).alias(project.LINE),
        pl.lit(uri).alias(project.SOURCE),
        pl.lit(uri.rpartition("/")[2]).alias(FILE_NAME),
        pl.int_range(frame.height).alias(project.ROW),
    )
    with store.registered(frame) as view:
        projection = project.project(made, made.tables[0], view, kinds, values=values)
        rows = store.fetch(projection.query)
    flags = {check.column: rows[check.flag].to_list() for check in projection.checks}
    return rows, flags


def one(store, column, text, *, name="amount", settings="{}", heading="A"):
    """The value of one column for one text, and its flag."""
    made = mapping([f"column: {name}, path: {heading}{column}"], settings=settings)
    rows, flags = run(store, made, {heading: pl.Series([text], dtype=pl.String)})
    return rows[name][0], flags.get(name, [0])[0]


@pytest.mark.parametrize(
    ("settings", "text", "value"),
    [
        ('{decimal: "."}', "1234.56", "1234.56"),
        ('{decimal: "."}', "-0.01", "-0.01"),
        ('{decimal: "."}', "+5", "5"),
        ('{decimal: "."}', ".5", "0.5"),
        ('{decimal: ","}', "1234,56", "1234.56"),
        ('{decimal: ",", thousands: "."}', "1.234.567,80", "1234567.80"),
        ('{decimal: ",", thousands: "."}', "1234567,80", "1234567.80"),
        ('{decimal: ".", thousands: ","}', "12,247.90", "12247.90"),
        ('{decimal: ".", thousands: "\'"}', "12'247.90", "12247.90"),
        ('{decimal: ",", thousands: " "}', "12\u00a0247,90", "12247.90"),
        ('{decimal: ".", negative: [trailing]}', "118.00-", "-118"),
        ('{decimal: ".", negative: [trailing]}', "118.00", "118"),
        ('{decimal: ".", negative: [parentheses]}', "(118.00)", "-118"),
        ('{decimal: "."}', "\u2212118.00", "-118"),
        ('{decimal: "."}', "1.230000000", "1.23"),
    ],
)
def test_a_number_in_the_declared_notation_is_exact(store, settings, text, value):
    assert one(store, "", text, settings=settings) == (Decimal(value), 0)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ('{decimal: "."}', "1,234.56"),
        ('{decimal: "."}', "118.00-"),
        ('{decimal: "."}', "(118.00)"),
        ('{decimal: ",", thousands: "."}', "12.34"),
        ('{decimal: ",", thousands: "."}', "1.23.456,00"),
        ('{decimal: ".", thousands: ","}', "1,23"),
        ('{decimal: "."}', "12x"),
        ('{decimal: "."}', "1e5"),
        ('{decimal: "."}', "--5"),
        ('{decimal: "."}', "1.23456"),
        ('{decimal: "."}', "123456789012345678"),
        ('{decimal: "."}', "NaN"),
    ],
)
def test_a_number_in_another_notation_is_null_and_flagged(store, settings, text):
    assert one(store, "", text, settings=settings) == (None, 1)


def test_an_empty_value_is_null_and_flagged_only_where_it_is_required(store):
    assert one(store, "", None) == (None, 0)
    assert one(store, ", required: true", None) == (None, 2)


def test_percentages_may_carry_their_sign(store):
    assert one(store, "", "13%", name="tax_rate") == (Decimal(13), 0)
    assert one(store, "", "13\uff05", name="tax_rate") == (Decimal(13), 0)


def test_whole_numbers_have_no_decimals(store):
    assert one(store, "", "14", name="discount_days") == (14, 0)
    assert one(store, "", "14.0", name="discount_days") == (14, 0)
    assert one(store, "", "14.5", name="discount_days") == (None, 1)


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("YYYY-MM-DD", "2024-09-02", dt.date(2024, 9, 2)),
        ("DD.MM.YY", "02.09.24", dt.date(2024, 9, 2)),
        ("DD.MM.YYYY", "2.9.2024", dt.date(2024, 9, 2)),
        ("DD.MM.YYYY", "02.09.24", None),
        ("YYYYMMDD", "20240902", dt.date(2024, 9, 2)),
        ("YYYYMMDD", "2024092", None),
        ("MM/DD/YYYY", "09/02/2024", dt.date(2024, 9, 2)),
        ("DD/MM/YYYY", "31/09/2024", None),
        ("DD-MMM-YYYY", "02-Sep-2024", dt.date(2024, 9, 2)),
        ("YYYY年MM月DD日", "2024年9月2日", dt.date(2024, 9, 2)),
        ("[YYYY-MM-DD, YYYYMMDD]", "20240902", dt.date(2024, 9, 2)),
        ("YYYY-MM-DD", "2024-02-30", None),
        ("YYYY-MM-DD", "yesterday", None),
    ],
)
def test_dates_follow_the_declared_form(store, form, text, value):
    assert one(
        store, f", format: {form if form.startswith('[') else chr(34) + form + chr(34)}", text, name="due_date"
    ) == (value, 0 if value else 1)


def test_codes_are_mapped_and_an_unknown_one_is_flagged(store):
    codes = ", map: {RV: invoice, DG: credit_note}"
    assert one(store, codes, "RV", name="document_type") == ("invoice", 0)
    value, flag = one(store, codes, "ZZ", name="document_type")
    assert flag == 1
    assert value is None
    assert one(store, codes + ", others: keep", "ZZ", name="document_type") == ("ZZ", 0)
    assert one(store, codes + ", others: empty", "ZZ", name="document_type") == (None, 0)
    assert one(store, codes + ", others: invoice", "ZZ", name="document_type") == ("invoice", 0)
    assert one(store, codes + ", default: invoice", None, name="document_type") == ("invoice", 0)


def test_verbs_on_text(store):
    assert one(store, ", trim_zeros: true", "0000102477", name="party_id")[0] == "102477"
    assert one(store, ", trim_zeros: true", "000", name="party_id")[0] == "0"
    assert one(store, ", upper: true", "eur", name="currency")[0] == "EUR"
    assert one(store, ", empty: [NOTPROVIDED, NONREF]", "NONREF", name="reference")[0] is None
    assert one(store, ", empty: [NOTPROVIDED]", "SI-1", name="reference")[0] == "SI-1"
    assert one(store, ", pattern: 'RF[0-9]+'", "pay RF1234 now", name="reference")[0] == "RF1234"
    assert one(store, ", pattern: 'no (\\d+)'", "no 77", name="reference")[0] == "77"
    assert one(store, ", remove: '[ .]'", "RF 12.34", name="reference")[0] == "RF1234"


def test_party_ids_keep_their_leading_zeros_unless_told_otherwise(store):
    assert one(store, "", "0000102477", name="party_id")[0] == "0000102477"


def test_verbs_on_numbers(store):
    assert one(store, ", negate: true", "5")[0] == Decimal(-5)
    assert one(store, ", absolute: true", "-5")[0] == Decimal(5)


def test_the_sign_may_stand_in_a_column_of_its_own(store):
    made = mapping(["column: amount, path: A, sign: {path: S, negative: [H], positive: [S]}"])
    rows, flags = run(store, made, {"A": ["5", "5", "5", None], "S": ["S", "H", "X", "S"]})
    assert rows["amount"].to_list() == [5, -5, None, None]
    assert flags["amount"] == [0, 0, 1, 0]


def test_money_in_and_money_out_stand_in_two_columns(store):
    made = mapping(["column: amount, paid_in: In, paid_out: Out, required: true"], table="payment")
    rows, flags = run(
        store, made, {"In": ["5", None, "0.00", "5", None, "x", None], "Out": [None, "7", "3", "7", None, None, "0"]}
    )
    assert rows["amount"].to_list() == [5, -7, -3, None, None, None, 0]
    assert flags["amount"] == [0, 0, 0, 1, 2, 1, 0]


def test_pieces_are_joined_and_empty_ones_left_out(store):
    made = mapping(["column: text, concat: [A, B], separator: ' / '"])
    rows, _ = run(store, made, {"A": ["a", None, None], "B": ["b", "b", None]})
    assert rows["text"].to_list() == ["a / b", "b", None]


def test_the_first_heading_that_the_file_has_is_used(store):
    made = mapping(["column: reference, path: Old, or: [New, Newest]"])
    rows, _ = run(store, made, {"New": ["a"]})
    assert rows["reference"].to_list() == ["a"]
    assert not project.absent(made.tables[0], ["New"])


def test_a_value_may_come_from_the_file_name_a_constant_or_the_workspace(store):
    made = mapping(
        [
            "column: payment_id, path: Id",
            "column: account, from: file_name, pattern: '^([^_]+)'",
            "column: currency, constant: GBP",
        ],
        table="payment",
    )
    rows, _ = run(store, made, {"Id": ["1"]}, values={"statement_id": "S1"})
    assert rows.select("account", "currency", "statement_id").row(0) == ("A6G", "GBP", "S1")


def test_a_row_without_an_id_gets_one_of_file_line_and_content(store):
    made = mapping(["column: amount, path: A"], table="payment")
    rows, _ = run(store, made, {"A": ["5", "6"]})
    again, _ = run(store, made, {"A": ["5", "6"]})
    other, _ = run(store, made, {"A": ["5", "7"]})
    assert rows["payment_id"].to_list() == again["payment_id"].to_list()
    assert rows["payment_id"][0].startswith("dir/A6G_2024-09.csv#2-")
    assert rows["payment_id"][0] == other["payment_id"][0]
    assert rows["payment_id"][1] != other["payment_id"][1]


def test_what_follows_from_other_columns_is_filled(store):
    rows, _ = run(store, mapping(["column: amount, path: A"], table="payment"), {"A": ["5", "-6"]})
    assert rows["credit_debit_indicator"].to_list() == ["CRDT", "DBIT"]
    assert rows["status"].to_list() == ["BOOK", "BOOK"]
    rows, _ = run(store, mapping(["column: amount, path: A"]), {"A": ["5", "-6"]})
    assert rows["open_amount"].to_list() == [5, -6]
    assert rows["document_type"].to_list() == ["invoice", "credit_note"]


def test_a_currency_without_its_amount_is_left_out(store):
    made = mapping(["column: charges_amount, path: C", "column: charges_currency, path: Ccy"], table="payment")
    rows, _ = run(store, made, {"C": ["5", None], "Ccy": ["EUR", "EUR"]})
    assert rows["charges_currency"].to_list() == ["EUR", None]


def test_a_cell_with_several_values_makes_several_rows(store):
    made = mapping(
        ["column: company_code, path: Code", "column: account, path: Accounts"],
        table="company",
        options="split: {path: Accounts}",
    )
    rows, _ = run(store, made, {"Code": ["1", "2", "3"], "Accounts": ["DE1  DE2", "CN1", None]})
    assert rows.select("company_code", "row_no", "account", "line").rows() == [
        ("1", 1, "DE1", 2),
        ("1", 2, "DE2", 2),
        ("2", 1, "CN1", 3),
        ("3", 1, None, 4),
    ]


def test_rows_of_one_party_are_numbered_in_the_order_of_the_file(store):
    made = mapping(["column: party_id, path: P", "column: account, path: A"], table="party")
    rows, _ = run(store, made, {"P": ["1", "2", "1"], "A": ["x", "y", "z"]})
    assert rows.select("party_id", "row_no").rows() == [("1", 1), ("2", 1), ("1", 2)]


def test_only_the_wanted_rows_are_taken(store):
    made = mapping(["column: amount, path: A"], table="payment", options="only: {path: Kind, in: [P]}")
    rows, _ = run(store, made, {"A": ["1", "2"], "Kind": ["P", "Q"]})
    assert rows["amount"].to_list() == [1]


def test_typed_cells_are_taken_as_they_are_whatever_notation_is_declared(store):
    made = mapping(
        ["column: amount, path: A", "column: due_date, path: D"],
        settings='{decimal: ",", thousands: ".", date: DD.MM.YYYY}',
    )
    data = {"A": pl.Series([1234.56]), "D": pl.Series([dt.datetime(2024, 9, 2)])}
    rows, flags = run(store, made, data, kinds={"A": "number", "D": "date"})
    assert rows.select("amount", "due_date").row(0) == (Decimal("1234.56"), dt.date(2024, 9, 2))
    assert flags == {"amount": [0], "due_date": [0]}


def test_a_heading_that_is_not_there_is_named_with_the_nearest_one():
    made = mapping(["column: open_item_id, path: Document Number", "column: text, path: Text, optional: true"])
    absent = project.absent(made.tables[0], ["Document Numbr", "Customer"])
    assert [text for _, text in absent] == [
        "no column 'Document Number', which gives open_item.open_item_id; did you mean 'Document Numbr'?"
    ]


def test_values_are_bound_and_never_part_of_the_statement(store):
    made = mapping(
        [
            'column: document_type, path: A, map: {"x\'; drop table open_item; --": invoice}',
            'column: text, path: "A\\"B"',
        ]
    )
    rows, _ = run(store, made, {"A": ["x'; drop table open_item; --"], 'A"B': ["b"]})
    assert rows.select("document_type", "text").row(0) == ("invoice", "b")
    assert store.count("open_item") == 0


def test_what_only_the_meaning_shows_is_a_mistake_of_the_author():
    made = mapping(
        ["column: reference, path: A, pattern: '('", "column: due_date, path: D, format: dd.mm.yyyy", "column: text"],
    )
    texts = [mistake.text for mistake in project.mistakes(made)]
    assert "reference: 'pattern' is no regular expression" in texts[0]
    assert "due_date: 'dd.mm.yyyy' is no date form" in texts[1]
    assert "text: give it a path" in texts[2]
    assert project.mistakes(made)[1].location.line == 9
