"""Writing: what stands in a document beside the values, and what a mapping that only reads says."""

import datetime as dt
from decimal import Decimal

import pytest

from tests.mapping.one import mapping
from tieout.formats.xml import parse
from tieout.mapping.lens import write
from tieout.model.errors import DefinitionError, FormatError


def body(tables: str, rows: dict[str, list[dict[str, object]]], head: str = "writes: true\n") -> str:
    """What stands inside the root."""
    text = write(mapping(tables, head), rows).decode()
    parse(text.encode(), "written")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<Doc')
    return text.split("\n", 1)[1].strip().removeprefix("<Doc>").removesuffix("</Doc>")


ONE = "invoice:\n  - {{column: {}, path: {}}}\n"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("seller_name", "A & B <C> \"d\" 'e'\r\n", "A &amp; B &lt;C&gt; \"d\" 'e'&#13;\n"),
        ("issue_date", dt.date(2024, 2, 29), "2024-02-29"),
        ("issue_date", "2024-02-29", "2024-02-29"),
        ("paid_amount", Decimal("119.000000"), "119.00"),
        ("paid_amount", Decimal("1.234560"), "1.23456"),
        ("paid_amount", "-0.5", "-0.50"),
        ("paid_amount", Decimal("1E+3"), "1000.00"),
        ("seller_has_postal_address", True, "true"),
    ],
)
def test_values_are_written_as_xml_schema_wants_them(column, value, text):
    assert body(ONE.format(column, "V"), {"invoice": [{column: value}]}) == f"<V>{text}</V>"


def test_an_amount_has_the_decimals_of_its_currency_and_a_price_no_more_than_it_needs():
    tables = """
      invoice:
        - {column: invoice_currency_code, path: C}
        - {column: paid_amount, path: A, currency: "@cur"}
      invoice_line:
        each: L
        columns: [{column: item_net_price, path: P}]
    """
    rows = {
        "invoice": [{"invoice_currency_code": "JPY", "paid_amount": Decimal("119.000000")}],
        "invoice_line": [{"row_no": 1, "item_net_price": Decimal("9.5000000000")}],
    }
    assert body(tables, rows) == '<C>JPY</C><A cur="JPY">119</A><L><P>9.5</P></L>'


def test_nothing_is_written_for_what_is_not_there():
    tables = """
      invoice:
        - {column: seller_name, path: "A[T='x']/B/N"}
        - {column: seller_has_postal_address, path: P, present: true}
        - {column: seller_city, path: P/C}
    """
    assert body(tables, {"invoice": [{}]}).endswith("<Doc/>")
    assert body(tables, {"invoice": [{"seller_has_postal_address": True}]}) == "<P/>"
    assert body(tables, {"invoice": [{"seller_name": "n"}]}) == "<A><T>x</T><B><N>n</N></B></A>"
    assert body(tables, {"invoice": [{"seller_name": ""}]}) == "<A><T>x</T><B><N/></B></A>"


def test_predicates_become_elements_and_attributes():
    tables = """
      invoice:
        - {column: seller_vat_identifier, path: "R/ID[@s='VA']"}
        - {column: seller_tax_registration_identifier, path: "R/ID[@s='FC']"}
        - {column: invoice_currency_code, path: C}
        - {column: paid_amount, path: "T[@c=$invoice_currency_code]"}
    """
    row = {
        "seller_vat_identifier": "1",
        "seller_tax_registration_identifier": "2",
        "invoice_currency_code": "EUR",
        "paid_amount": "3",
    }
    assert body(tables, {"invoice": [row]}) == '<R><ID s="VA">1</ID><ID s="FC">2</ID></R><C>EUR</C><T c="EUR">3.00</T>'


def test_what_must_stand_beside_or_even_without_content_is_written_in_the_schemas_order():
    head = """
      writes: true
      order: {.: [H, A, L], A: [K, N]}
      always: [H/E]
      write_with: {A: {K/ID: VAT, "@v": "1"}}
    """
    tables = """
      invoice_line:
        each: L
        columns: [{column: item_name, path: A/N}]
      invoice:
        - {column: seller_name, path: A/N}
    """
    written = body(
        tables,
        {"invoice": [{"seller_name": "s"}], "invoice_line": [{"row_no": 1, "item_name": "i"}, {"row_no": 2}]},
        head,
    )
    inner = '<A v="1"><K><ID>VAT</ID></K><N>{}</N></A>'
    assert written == f"<H><E/></H>{inner.format('s')}<L>{inner.format('i')}</L><L/>"


def test_child_rows_go_to_their_line_and_blocks_take_the_rows_they_are_for():
    tables = """
      invoice_line:
        each: L
        columns: [{column: item_name, path: N}]
      item_attribute:
        each: L/P
        columns: [{column: item_attribute_name, path: "."}]
      seller_identifier:
        - {each: ID, write_when: {column: seller_identifier_scheme, is: missing}, columns: [{column: seller_identifier, path: .}]}
        - {each: G, write_when: {column: seller_identifier_scheme}, columns: [{column: seller_identifier, path: .}, {column: seller_identifier_scheme, path: "@s"}]}
    """
    rows = {
        "invoice_line": [{"row_no": 1, "item_name": "a"}, {"row_no": 2, "item_name": "b"}],
        "item_attribute": [
            {"line_row_no": 2, "row_no": 1, "item_attribute_name": "x"},
            {"line_row_no": 1, "row_no": 1, "item_attribute_name": "y"},
        ],
        "seller_identifier": [
            {"row_no": 1, "seller_identifier": "1", "seller_identifier_scheme": "0088"},
            {"row_no": 2, "seller_identifier": "2"},
        ],
    }
    assert body(tables, rows) == '<L><N>a</N><P>y</P></L><L><N>b</N><P>x</P></L><ID>2</ID><G s="0088">1</G>'


def test_attributes_are_escaped():
    tables = 'invoice:\n  - {column: buyer_identifier, path: I}\n  - {column: buyer_identifier_scheme, path: "I/@s"}\n'
    written = body(tables, {"invoice": [{"buyer_identifier": "1", "buyer_identifier_scheme": 'a"<&\n\t'}]})
    assert written == '<I s="a&quot;&lt;&amp;&#10;&#9;">1</I>'


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\ufffe", "\ud800"])
def test_a_character_that_xml_cannot_carry_is_refused_not_lost(character):
    with pytest.raises(FormatError, match="cannot stand in XML") as caught:
        body(ONE.format("seller_name", "V"), {"invoice": [{"seller_name": f"a{character}b"}]})
    assert f"U+{ord(character):04X}" in str(caught.value)


def test_a_mapping_that_only_reads_says_so():
    with pytest.raises(DefinitionError, match="it has no 'writes: true'"):
        write(mapping(ONE.format("seller_name", "V"), head=""), {"invoice": [{}]})
