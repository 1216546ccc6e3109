"""written(column): the text as the document writes it, from the side table or the value, also inside sums."""

import datetime as dt

import pytest

from tests.validation.packs import fill, rule_sets, rule_text
from tieout.library.expression import Scope, parse
from tieout.library.yamlfile import read
from tieout.validation.check import check


@pytest.fixture
def lines(store):
    """a 10.00, b 10.000, c nothing but blanks, d no element, e 7.00 and 7.1234."""
    fill(store, "invoice", *({"invoice_id": name, "source": name} for name in "abcde"))
    amounts = (("a", 1, "10"), ("b", 1, "10"), ("c", 1, None), ("d", 1, None), ("e", 1, "7"), ("e", 2, "7.1234"))
    fill(
        store,
        "invoice_line",
        *({"invoice_id": n, "row_no": r, "invoice_line_net_amount": a, "source": n} for n, r, a in amounts),
    )
    side = {"table_name": "invoice_line", "column_name": "invoice_line_net_amount"}
    fill(store, "as_written", *({"invoice_id": n, "row_no": 1, "text": text, **side} for n, text in (("b", "10.000"), ("c", "  "))))  # fmt: skip
    return store


def broken(store, condition, **options):
    rule = rule_text(**{"table": "invoice_line", "check": condition, "message": "{en: m, zh: m}"} | options)
    check(store, rule_sets(rule), as_of=dt.date(2026, 1, 1))
    return [
        tuple(row) for row in store.table("finding").select("object_id", "row_no").sort("object_id", "row_no").rows()
    ]


def test_the_text_is_that_of_the_document_where_the_value_does_not_show_it(lines):
    condition = "length(split_part(written(invoice_line_net_amount), '.', 2)) <= 2"
    assert broken(lines, f'"{condition}"', on_null="pass") == [("b", 1), ("e", 2)]


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("written(invoice_line_net_amount) is not null", [("d", 1)]),
        ("trim(written(invoice_line_net_amount)) <> ''", [("c", 1)]),
        ("written(invoice_line_net_amount) <> '10.00'", [("a", 1)]),
        ("written(invoice_line_net_amount) <> '7.00'", [("e", 1)]),
        ("invoice_line_net_amount is not null", [("c", 1), ("d", 1)]),
    ],
)
def test_absent_blank_and_written_differ(lines, condition, rows):
    assert broken(lines, f'"{condition}"', on_null="pass") == rows


def test_texts_can_be_summed_up_for_the_row_above(lines):
    condition = '"bool_and(length(written(invoice_line.invoice_line_net_amount)) < 6)"'
    assert broken(lines, condition, table="invoice", on_null="pass") == [("b", None), ("e", None)]


def test_the_text_is_evidence_and_may_stand_in_the_message(lines):
    rule = rule_text(
        table="invoice_line",
        check="\"written(invoice_line_net_amount) <> '10.000'\"",
        message='{en: "it says {written(invoice_line_net_amount)}", zh: m}',
    )
    check(lines, rule_sets(rule), as_of=dt.date(2026, 1, 1))
    (found,) = lines.table("finding").filter(lines.table("finding")["object_id"] == "b").to_dicts()
    assert found["message"] == "it says 10.000"
    assert '"written(invoice_line_net_amount)":"10.000"' in found["evidence"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("written(1) = 'a'", "written takes one column"),
        ("written(invoice_number, issue_date) = 'a'", "written takes one column"),
        ("written(nothing) = 'a'", "no column 'nothing'"),
        ("written(issue_date) = 5", "text"),
    ],
)
def test_what_cannot_be_meant_is_told(text, says):
    node, _ = read(f'"{text}"', file="r.yaml")
    expression, mistakes = parse(node, Scope("invoice"))
    assert expression is None
    assert says in str(mistakes[0])


def test_tables_without_documents_have_no_texts_as_written():
    node, _ = read("\"written(amount) = 'a'\"", file="r.yaml")
    _, mistakes = parse(node, Scope("payment"))
    assert "written is for invoices" in str(mistakes[0])
