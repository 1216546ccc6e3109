"""Mapping files: the common head, both shapes of tables, and columns looked up in the canon."""

from tieout.library import yamlfile
from tieout.library.mappings import parse_mapping

XML = """\
mapping: demo.invoice
format: mt940
title: {en: Demo, zh: 示例}
identify: {first_line: ":20:"}
transaction_type: {N: 1}
tables:
  payment:
    - {column: amount, path: 61/amount}
    - {column: currency, path: 60F/currency, required: true}
  statement:
    each: "20"
    columns:
      - {column: statement_id, path: 28C}
"""


def parsed(text):
    return parse_mapping(yamlfile.load(text, file="m.yaml"))


def texts(text):
    return [str(each) for each in parsed(text)[1]]


def test_both_shapes_of_tables_become_table_mappings(monkeypatch):
    monkeypatch.setattr(yamlfile, "has_schema", lambda name: False)
    mapping, wrong = parsed(XML)
    assert not wrong
    assert (mapping.id, mapping.format, mapping.title.zh) == ("demo.invoice", "mt940", "示例")
    assert mapping.settings == {"transaction_type": {"N": 1}}
    payment, statement = mapping.tables
    assert (payment.table, payment.each, [f.column for f in payment.fields]) == ("payment", ".", ["amount", "currency"])
    assert (payment.fields[1].path, payment.fields[1].options) == ("60F/currency", {"required": True})
    assert (statement.each, statement.fields[0].path) == ("20", "28C")
    assert str(statement.fields[0].location) == "m.yaml:13:18"


def test_one_table_may_be_filled_by_several_blocks(monkeypatch):
    monkeypatch.setattr(yamlfile, "has_schema", lambda name: False)
    text = (
        "mapping: a.b\nformat: xml\ntables:\n  payment:\n"
        "    - {each: x, columns: [{column: amount, path: y}]}\n"
        "    - {each: z, columns: [{column: amount, path: y}], when: w}\n"
    )
    mapping, wrong = parsed(text)
    assert not wrong
    assert [(t.each, t.options) for t in mapping.tables] == [("x", {}), ("z", {"when": "w"})]


def test_unknown_tables_and_columns_are_told_with_the_nearest_and_its_term(monkeypatch):
    monkeypatch.setattr(yamlfile, "has_schema", lambda name: False)
    text = (
        "mapping: a.b\nformat: xml\ntables:\n  invoic: [{column: x}]\n  invoice:\n    - {column: invoice_numbr}\n"
        "    - {column: xyzzy}\n"
    )
    assert texts(text) == [
        "m.yaml:4:3  no canonical table 'invoic'; did you mean 'invoice'?",
        "m.yaml:6:16  no column 'invoice_numbr' in table invoice; did you mean 'invoice_number' (BT-1)?",
        "m.yaml:7:16  no column 'xyzzy' in table invoice",
    ]


def test_the_head_is_checked_while_a_format_has_no_schema(monkeypatch):
    monkeypatch.setattr(yamlfile, "has_schema", lambda name: False)
    assert texts("mapping: A b\nformat: xlm\n") == [
        "m.yaml:1:1  'tables' is missing",
        "m.yaml:1:10  'A b' in 'mapping': must be an id of small letters, digits, '_' and dots, such as bank.acme_csv",
        "m.yaml:2:9  'xlm' in 'format': must be one of xml, json_document, table, mt940, ofx, json; did you mean 'xml'?",
    ]


def test_a_misspelt_key_is_named_beside_what_is_missing(monkeypatch):
    monkeypatch.setattr(yamlfile, "has_schema", lambda name: False)
    assert texts("mapping: a.b\nformat: xml\ntables: {invoice: [{colum: x}]}") == [
        "m.yaml:3:20  'column' is missing in 'invoice'; is it meant by 'colum'?"
    ]
