"""The walk and the options of a column, on small documents and mappings that stand in the test."""

import pickle

import polars as pl
import pytest

from tests.mapping.one import mapping
from tieout.formats.xml import parse
from tieout.mapping.lens import Collector, Lens, pick
from tieout.model.errors import DefinitionError
from tieout.store.engine import Store


def collect(tables: str, *documents: str, head: str = "") -> Collector:
    lens = Lens.compile(mapping(tables, head))
    collector = Collector()
    for n, document in enumerate(documents, 1):
        collector.add(lens, parse(document.encode(), f"{n}.xml"), f"{n}.xml")
    return collector


def rows(collector: Collector, table: str = "invoice") -> list[dict[str, object]]:
    """The rows of a table without what is empty in them."""
    frame = collector.frames()[table]
    return [{k: v for k, v in row.items() if v is not None} for row in frame.to_dicts()]


def one(columns: str, document: str, head: str = "") -> dict[str, object]:
    found = rows(collect(f"  invoice:\n    - {columns}\n", document, head=head))[0]
    return {k: v for k, v in found.items() if k not in ("invoice_id", "mapping", "source", "line")}


def test_a_row_carries_document_mapping_source_and_line():
    collector = collect("  invoice:\n    - {column: invoice_number, path: ID}\n", "\n\n<Doc><ID>7</ID></Doc>")
    assert rows(collector) == [
        {"invoice_id": "1.xml", "mapping": "test.one", "invoice_number": "7", "source": "1.xml", "line": 3}
    ]


def test_outer_whitespace_goes_and_inner_stays():
    assert one("{column: seller_name, path: N}", "<Doc><N>\n  A  B\tC \n</N></Doc>") == {"seller_name": "A  B\tC"}


def test_outer_whitespace_stays_where_the_column_keeps_it():
    kept = "{column: seller_name, path: N, blanks: kept}"
    assert one(kept, "<Doc><N> A\n</N></Doc>") == {"seller_name": " A\n"}
    mapped = "{column: document_kind, path: N, map: {381: credit_note}, default: invoice, blanks: kept}"
    assert one(mapped, "<Doc><N>381</N></Doc>") == {"document_kind": "credit_note"}
    assert one(mapped, "<Doc><N>381 </N></Doc>") == {"document_kind": "invoice"}


def test_an_empty_element_is_an_empty_text_and_a_missing_one_is_null():
    assert one("{column: seller_name, path: N}", "<Doc><N> </N></Doc>") == {"seller_name": ""}
    assert one("{column: seller_name, path: N}", "<Doc/>") == {}


def test_an_empty_element_counts_as_missing_where_the_mapping_says_so():
    assert one("{column: seller_name, path: N}", "<Doc><N> </N></Doc>", head="empty: absent\n") == {}


def test_the_first_of_repeated_elements_counts():
    assert one("{column: seller_name, path: N}", "<Doc><N>a</N><N>b</N></Doc>") == {"seller_name": "a"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("P[Scheme/ID='VAT']/No", "1"),
        ("P[not Scheme/ID='VAT']/No", "2"),
        ("P[Scheme/ID==' vat ']/No", "1"),
        ("P[not Scheme/ID=='VAT']/No", "1"),
        ("P[Mark]/No", "2"),
        ("P[@k='b']/No", "2"),
        ("P[Scheme/ID/@s='x'][not Mark]/No", "1"),
        ("P/No/@unit", "kg"),
        ("P[No[.='2']]/No", None),
    ],
)
def test_predicates_choose_among_elements_of_one_name(path, expected):
    document = (
        "<Doc><P k='a'><No unit='kg'>1</No><Scheme><ID s='x'> vat </ID></Scheme></P>"
        "<P k='b'><Mark/><No>2</No><Scheme><ID>TAX</ID></Scheme></P></Doc>"
    )
    if expected is None:
        with pytest.raises(DefinitionError, match=r"is not a predicate|is not a step"):
            one(f'{{column: seller_name, path: "{path}"}}', document)
    else:
        assert one(f'{{column: seller_name, path: "{path}"}}', document) == {"seller_name": expected}


def test_a_predicate_may_name_another_column_even_one_that_stands_later():
    tables = """
      invoice:
        - {column: invoice_currency_code, path: Ccy}
        - {column: invoice_total_vat_amount, path: "Tax[@c=$invoice_currency_code]"}
    """
    found = rows(collect(tables, "<Doc><Tax c='SEK'>1</Tax><Tax c='EUR'>2</Tax><Ccy>EUR</Ccy></Doc>"))[0]
    assert found["invoice_total_vat_amount"] == "2"


def test_the_elements_own_text_can_be_a_predicate():
    assert one("{column: is_red_letter, path: \"R[.='true']\", present: true}", "<Doc><R>true</R></Doc>")[
        "is_red_letter"
    ]
    assert not one("{column: is_red_letter, path: \"R[.='true']\", present: true}", "<Doc><R>x</R></Doc>")[
        "is_red_letter"
    ]


def test_alternatives_are_tried_in_their_order_not_in_that_of_the_document():
    assert one("{column: seller_name, path: A, or: [B, C]}", "<Doc><C>c</C><B>b</B></Doc>") == {"seller_name": "b"}


def test_constants_code_maps_defaults_and_patterns():
    assert one("{column: invoice_currency_code, constant: CNY}", "<Doc/>") == {"invoice_currency_code": "CNY"}
    kinds = "{column: document_kind, path: T, map: {381: credit_note}, default: invoice}"
    assert one(kinds, "<Doc><T>381</T></Doc>") == {"document_kind": "credit_note"}
    assert one(kinds, "<Doc><T>380</T></Doc>") == {"document_kind": "invoice"}
    number = "{column: red_confirmation_number, path: R, match: 'No (\\d+)'}"
    assert one(number, "<Doc><R>see No 42</R></Doc>") == {"red_confirmation_number": "42"}
    assert one(number, "<Doc><R>none</R></Doc>") == {}


def test_a_fraction_becomes_a_percentage_exactly():
    column = "{column: seller_has_postal_address, path: X, present: true}"
    tables = f"""
      invoice:
        - {column}
      invoice_line:
        each: L
        columns:
          - {{column: tax_rate_text, path: R}}
          - {{column: invoiced_item_vat_rate, path: R, power: 2, not_values: [免税]}}
    """
    collector = collect(tables, "<Doc><L><R>0.060000</R></L><L><R>0.015</R></L><L><R>免税</R></L></Doc>")
    found = rows(collector, "invoice_line")
    assert [row.get("invoiced_item_vat_rate") for row in found] == ["6.0000", "1.5", None]
    assert [row["tax_rate_text"] for row in found] == ["0.060000", "0.015", "免税"]
    assert not collector.findings


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("issue_date", "2024-02-29", "2024-02-29"),
        ("issue_date", " 2024-10-01\n", "2024-10-01"),
        ("issue_date", "2024-10-01Z", "2024-10-01"),
        ("issue_date", "2024-10-01T23:59:59+02:00", "2024-10-01"),
        ("paid_amount", "-0.05", "-0.05"),
        ("paid_amount", " +12.50 ", "12.50"),
        ("paid_amount", ".5", "0.5"),
        ("paid_amount", "5.", "5"),
        ("paid_amount", "1.2300000000", "1.230000"),
        ("paid_amount", "123456789012345678.123456", "123456789012345678.123456"),
        ("issue_time", "2024-01-24", "2024-01-24 00:00:00"),
        ("issue_time", "2024-01-24T16:23", "2024-01-24 16:23:00"),
    ],
)
def test_values_are_read_exactly(column, text, value):
    found = one(f"{{column: {column}, path: V}}", f"<Doc><V>{text}</V></Doc>")
    assert str(found[column]) == value


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("issue_date", "2024-02-30", "is not a date; expected YYYY-MM-DD"),
        ("issue_date", "20241001", "is not a date"),
        ("issue_date", "", "is there but empty"),
        ("paid_amount", "1,50", "is not a number"),
        ("paid_amount", "1e5", "is not a number"),
        ("paid_amount", "NaN", "is not a number"),
        ("paid_amount", "٣", "is not a number"),
        ("paid_amount", "", "is there but empty"),
        ("paid_amount", "1" * 19, "is too large"),
        ("paid_amount", "9" * 18 + ".9999999", "is too large"),
        ("seller_has_postal_address", "yes", "is neither true nor false"),
        ("issue_time", "2024-01-24 25:00:00", "is not a date and time"),
    ],
)
def test_what_does_not_fit_is_null_and_a_finding_and_the_row_stays(column, text, says):
    tables = f"  invoice:\n    - {{column: invoice_number, path: ID}}\n    - {{column: {column}, path: A/V}}\n"
    collector = collect(tables, f"<Doc>\n<ID>7</ID>\n<A>\n<V>{text}</V></A></Doc>")
    (row,) = rows(collector)
    assert row["invoice_number"] == "7"
    assert column not in row
    (finding,) = collector.findings
    assert (finding.rule, finding.severity, finding.table) == ("IN-VALUE", "fatal", "invoice")
    assert (finding.object_id, finding.source, finding.line) == ("1.xml", "1.xml", 4)
    assert finding.evidence["path"] == "A/V"
    assert finding.evidence["text"] == text
    assert says in finding.message
    assert "\n" not in finding.message


def test_surplus_decimals_are_rounded_half_up_and_said():
    collector = collect("  invoice:\n    - {column: paid_amount, path: V}\n", "<Doc><V>1.0000005</V></Doc>")
    assert rows(collector)[0]["paid_amount"] == "1.000001"
    (finding,) = collector.findings
    assert (finding.rule, finding.severity) == ("IN-PRECISION", "warning")


def test_the_finding_of_a_line_names_its_row():
    tables = "  invoice_line:\n    each: L\n    columns:\n      - {column: invoice_line_net_amount, path: A}\n"
    collector = collect(tables, "<Doc/>", "<Doc><L><A>1</A></L>\n<L><A>x</A></L></Doc>")
    (finding,) = collector.findings
    assert (finding.table, finding.object_id, finding.row_no, finding.line) == ("invoice_line", "2.xml", 2, 2)
    assert finding.term == "BT-131"


GROUPS = """
  invoice:
    - {column: invoice_number, path: ID}
  invoice_line:
    each: L
    columns:
      - {column: invoice_line_identifier, path: ID}
  item_attribute:
    each: L/I/P
    columns:
      - {column: item_attribute_name, path: N}
      - {column: item_attribute_value, path: ../../ID}
"""


def test_repeated_groups_are_numbered_within_their_parent():
    document = "<Doc><ID>1</ID>\n<L><I><P><N>a</N></P>\n<P><N>b</N></P></I><ID>x</ID></L><L/>\n<L><ID>z</ID><I><P><N>c</N></P></I></L></Doc>"
    collector = collect(GROUPS, document, document)
    found = [
        (r["invoice_id"], r["line_row_no"], r["row_no"], r["item_attribute_name"], r["item_attribute_value"], r["line"])
        for r in rows(collector, "item_attribute")
    ]
    first = [("1.xml", 1, 1, "a", "x", 2), ("1.xml", 1, 2, "b", "x", 3), ("1.xml", 3, 1, "c", "z", 4)]
    assert found == first + [("2.xml", *row[1:]) for row in first]
    assert [r["row_no"] for r in rows(collector, "invoice_line")] == [1, 2, 3, 1, 2, 3]


def test_a_table_may_be_filled_from_several_places():
    tables = """
      seller_identifier:
        - {each: A, columns: [{column: seller_identifier, path: .}]}
        - {each: B, columns: [{column: seller_identifier, path: .}, {column: seller_identifier_scheme, path: "@s"}]}
    """
    collector = collect(tables, "<Doc><B s='9'>b</B><A>a</A></Doc>", "<Doc><B>c</B></Doc>")
    found = [(r["invoice_id"], r["row_no"], r["seller_identifier"]) for r in rows(collector, "seller_identifier")]
    assert found == [("1.xml", 1, "a"), ("1.xml", 2, "b"), ("2.xml", 1, "c")]


def test_a_step_without_prefix_takes_the_namespace_of_the_root():
    column = "{column: seller_name, path: A/N}"
    assert one(column, "<Doc xmlns='urn:v1'><A><N>x</N></A></Doc>") == {"seller_name": "x"}
    assert one(column, "<d:Doc xmlns:d='urn:v2'><d:A><d:N>x</d:N></d:A><A><N>no</N></A></d:Doc>") == {
        "seller_name": "x"
    }
    assert one(column, "<Doc xmlns:o='urn:o'><o:A><N>no</N></o:A></Doc>") == {}


def test_the_order_of_a_documents_elements_does_not_matter():
    tables = "  invoice_line:\n    each: G/L\n    columns:\n      - {column: item_name, path: N}\n      - {column: item_description, path: ../D}\n"
    for document in ("<Doc><G><D>d</D><L><N>n</N></L></G></Doc>", "<Doc><G><L><N>n</N></L><D>d</D></G></Doc>"):
        (row,) = rows(collect(tables, document), "invoice_line")
        assert (row["item_name"], row["item_description"]) == ("n", "d")


def test_frames_and_findings_can_be_pickled_and_the_store_takes_them():
    collector = collect(
        GROUPS + "  vat_breakdown:\n    each: V\n    columns:\n      - {column: vat_category_tax_amount, path: .}\n",
        "<Doc><ID>1</ID><L><ID>a</ID></L><V>1.10</V><V>x</V></Doc>",
    )
    frames, findings = pickle.loads(pickle.dumps((collector.frames(), collector.findings)))
    assert len(findings) == 1
    with Store.create() as store:
        for table, frame in frames.items():
            store.append(table, frame)
        assert (
            store.table("vat_breakdown")["vat_category_tax_amount"].to_list()[0]
            == pl.Series(["1.10"]).cast(pl.Decimal(24, 6))[0]
        )
        assert store.count("invoice_line") == 1


def test_every_mistake_of_a_mapping_is_found_at_once_with_its_place():
    tables = """
      invoice:
        - {column: invoice_number, path: "x:ID"}
        - {column: seller_name, path: "A[=1]"}
        - {column: buyer_name, path: ../A}
        - {column: remark, path: "A[@b=$nothing]"}
        - {column: total_in_words, path: R, match: "("}
        - {column: issue_date, path: D, default: tomorrow}
        - {column: seller_name, path: N, choose: {on: buyer_city, DE: A}}
        - {column: fapiao_tag, from: statement}
    """
    with pytest.raises(DefinitionError) as caught:
        Lens.compile(mapping(tables))
    text = str(caught.value)
    assert len(caught.value.mistakes) == 8, text
    assert all(mistake.location.file == "m.yaml" and mistake.location.line for mistake in caught.value.mistakes)
    for part in (
        "the prefix 'x'",
        "'[=1]' is not a predicate",
        "'../' leaves the document",
        "no column 'invoice.nothing'",
        "regular expression",
        "the default 'tomorrow' is not a date",
        "the column 'buyer_city' must stand above",
        "no table 'statement'",
    ):
        assert part in text


def test_a_document_is_picked_by_its_root():
    plain = mapping("  invoice:\n    - {column: invoice_number, path: ID}\n")
    assert pick([plain], parse(b"<x:Doc xmlns:x='urn:x'/>", "a")) is plain
    assert pick([plain], parse(b"<Other/>", "a")) is None
