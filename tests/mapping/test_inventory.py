"""What stands in a document beside the mapped values: its elements and attributes, and texts as they are written."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.xml import parse
from tieout.library import mappings, yamlfile
from tieout.mapping.lens import Collector, Lens
from tieout.model.records import Query
from tieout.store.engine import Store

MAPPING = """
mapping: test.one
format: xml
identify: {root: "{urn:a}Doc"}
namespaces: {a: urn:a}
inventory: {prefixes: {x: urn:x}, values: ["@currencyID"]}
tables:
  invoice:
    - {column: invoice_number, path: a:ID}
    - {column: issue_date, path: a:Date}
    - {column: paid_amount, path: a:Paid}
    - {column: seller_name, path: "a:Party[a:Kind='S']/a:Name"}
  invoice_line:
    each: a:Line
    columns:
      - {column: invoice_line_net_amount, path: a:Net}
      - {column: invoiced_quantity, path: a:Quantity}
  line_allowance_charge:
    each: a:Line/a:Charge
    columns:
      - {column: amount, path: a:Amount}
"""
NODE, _ = yamlfile.read(MAPPING, file="m.yaml")
LENS = Lens.compile(mappings.parse_mapping(NODE)[0])


def read(*bodies: str) -> Store:
    collector, store = Collector(), Store.create()
    for n, body in enumerate(bodies, 1):
        text = f'<Doc xmlns="urn:a" xmlns:x="urn:x" xmlns:y="urn:y">{body}</Doc>'
        collector.add(LENS, parse(text.encode(), f"{n}.xml"), f"{n}.xml")
    for name, frame in collector.frames().items():
        store.append(name, frame)
    return store


def elements(store: Store, columns: str = "path, parent_no, count, blank_count") -> list[tuple]:
    return store.fetch(Query("elements", f"select {columns} from element order by invoice_id, row_no")).rows()


def written(store: Store) -> dict[tuple, str]:
    rows = store.fetch(
        Query("written", "select table_name, line_row_no, row_no, column_name, text from as_written")
    ).rows()
    return {row[:-1]: row[-1] for row in rows}


def test_every_element_is_counted_in_the_place_where_it_stands_known_or_not():
    store = read("<ID>1</ID><x:Odd/><Line><Net>1</Net><Net> </Net></Line><Line><y:Z>a</y:Z></Line>")
    assert elements(store) == [
        ("a:ID", 0, 1, 0),
        ("x:Odd", 0, 1, 1),
        ("a:Line", 0, 2, 0),
        ("a:Line/a:Net", 3, 2, 1),
        ("a:Line/{urn:y}Z", 4, 1, 0),
    ]


def test_an_attribute_belongs_to_its_own_element_and_shows_its_value_where_the_mapping_says_so():
    store = read('<Paid currencyID="EUR" x:of="y">1</Paid><Line no="1"><Net currencyID="SEK">1</Net></Line>')
    rows = elements(store, "path, parent_path, parent_no, text")
    assert rows == [
        ("a:Paid", "", 0, None),
        ("a:Line", "", 0, None),
        ("a:Paid/@currencyID", "a:Paid", 1, "EUR"),
        ("a:Paid/@x:of", "a:Paid", 1, None),
        ("a:Line/a:Net", "a:Line", 2, None),
        ("a:Line/@no", "a:Line", 2, None),
        ("a:Line/a:Net/@currencyID", "a:Line/a:Net", 5, "SEK"),
    ]


def test_an_element_inside_one_that_the_mapping_takes_text_from_is_seen_and_the_text_is_taken():
    store = read("<ID>1<x:Odd/></ID><ID>2</ID>")
    assert store.table("invoice")["invoice_number"].to_list() == ["1"]
    assert [row[0] for row in elements(store)] == ["a:ID", "a:ID/x:Odd"]


def test_an_empty_row_element_keeps_its_place_among_the_others():
    store = read("<Line><Net>1</Net></Line><Line/><Line><Net>3</Net></Line>")
    assert store.table("invoice_line")["invoice_line_net_amount"].to_list() == [1, None, 3]


def test_documents_of_one_shape_share_it_and_shapes_are_told_once():
    collector, store = Collector(), Store.create()
    for n in range(3):
        collector.add(LENS, parse(b'<Doc xmlns="urn:a"><ID>1</ID></Doc>', "a"), str(n))
    for name, frame in collector.frames().items():
        store.append_new(name, frame) if name == "element_shape" else store.append(name, frame)
    assert (store.count("element_shape"), store.count("element_place"), store.count("element")) == (1, 3, 3)
    assert store.append_new("element_shape", collector_of_the_same().frames()["element_shape"]) == 0


def collector_of_the_same() -> Collector:
    collector = Collector()
    collector.add(LENS, parse(b'<Doc xmlns="urn:a"><ID>other</ID></Doc>', "a"), "x")
    return collector


def test_a_document_nested_beyond_all_invoices_does_not_fill_the_stack():
    store = read("<x:a>" * 240 + "</x:a>" * 240)
    assert store.count("invoice") == 1
    assert 100 < store.count("element") <= 240


ODD = ["", ' k="1"']
names = st.sampled_from(["a:ID", "a:Line", "x:Odd", "y:Z", "a:Party", "a:Kind"])
trees = st.recursive(
    st.tuples(names, st.sampled_from(["", " ", "t", "1"]), st.booleans()).map(
        lambda leaf: f"<{leaf[0]}{ODD[leaf[2]]}>{leaf[1]}</{leaf[0]}>".replace("a:", "")
    ),
    lambda inner: st.tuples(names, st.lists(inner, min_size=1, max_size=4)).map(
        lambda node: f"<{node[0]}>{''.join(node[1])}</{node[0]}>".replace("a:", "")
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(st.lists(trees, max_size=4))
def test_the_inventory_counts_what_the_document_holds(bodies):
    body = "".join(bodies)
    root = parse(f'<Doc xmlns="urn:a" xmlns:x="urn:x" xmlns:y="urn:y">{body}</Doc>'.encode(), "a")
    store = read(body)
    totals = store.fetch(
        Query(
            "totals",
            "select coalesce(sum(count) filter (name not like '@%'), 0), coalesce(sum(count) filter (name like '@%'), 0),"
            " coalesce(sum(blank_count), 0), count(*) - count(distinct row_no) from element",
        )
    ).row(0)
    blank = "count(//*[not(*) and not(normalize-space())][ancestor::*])"
    assert totals == (root.xpath("count(//*)") - 1, root.xpath("count(//@*)"), root.xpath(blank), 0)


@pytest.mark.parametrize(
    ("body", "key", "text"),
    [
        ("<Paid>12</Paid>", ("invoice", None, None, "paid_amount"), "12"),
        ("<Paid>12.345000</Paid>", ("invoice", None, None, "paid_amount"), "12.345000"),
        ("<Paid>-0.00</Paid>", ("invoice", None, None, "paid_amount"), "-0.00"),
        ("<Paid> 12.00</Paid>", ("invoice", None, None, "paid_amount"), " 12.00"),
        ("<Paid>1e2</Paid>", ("invoice", None, None, "paid_amount"), "1e2"),
        ("<Paid/>", ("invoice", None, None, "paid_amount"), ""),
        ("<Paid>  </Paid>", ("invoice", None, None, "paid_amount"), "  "),
        ("<Date>2024-02-31</Date>", ("invoice", None, None, "issue_date"), "2024-02-31"),
        ("<ID> 7 </ID>", ("invoice", None, None, "invoice_number"), " 7 "),
        ("<ID>  </ID>", ("invoice", None, None, "invoice_number"), "  "),
        (
            "<Line/><Line><Quantity>1.0</Quantity></Line>",
            ("invoice_line", None, 2, "invoiced_quantity"),
            "1.0",
        ),
        (
            "<Line/><Line><Charge/><Charge><Amount>+1</Amount></Charge></Line>",
            ("line_allowance_charge", 2, 2, "amount"),
            "+1",
        ),
    ],
)
def test_what_a_value_does_not_show_is_kept_as_it_is_written(body, key, text):
    assert written(read(body)) == {key: text}


def test_what_a_value_shows_is_kept_once():
    store = read(
        "<ID>7</ID><Date>2024-02-28</Date><Paid>12.00</Paid><Line><Net>-0.50</Net><Quantity>3</Quantity></Line>"
    )
    assert written(store) == {}


def test_frames_of_a_mapping_without_inventory_have_none():
    node, _ = yamlfile.read(
        MAPPING.replace("inventory:", "order:").replace('{prefixes: {x: urn:x}, values: ["@currencyID"]}', "{}"),
        file="m",
    )
    lens = Lens.compile(mappings.parse_mapping(node)[0])
    collector = Collector()
    collector.add(lens, parse(b'<Doc xmlns="urn:a"><Paid>1</Paid></Doc>', "a"), "a")
    assert {"element_place", "as_written"}.isdisjoint(collector.frames())
    assert isinstance(collector.frames()["invoice"], pl.DataFrame)
