"""Rules on places: what they find in documents, once for each judged element, whatever stands between."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats import xml
from tieout.library.catalog import Catalogue
from tieout.library.rules import RuleFile, parse_packs
from tieout.library.yamlfile import load
from tieout.mapping.lens import Collector, Lens
from tieout.model.definitions import RuleSet
from tieout.model.places import example_rows, fits, place_of
from tieout.store.engine import Store
from tieout.validation.check import check
from tieout.validation.describe import rule_text

UBL = "urn:oasis:names:specification:ubl:schema:xsd"
HEAD = "pack: p\ntitle: {en: t, zh: t}\nsource: s\ntables:\n"


def pack(tables: str) -> RuleSet:
    packs, mistakes = parse_packs([RuleFile(load(HEAD + tables), "x", False)], {})
    assert mistakes == []
    return packs.rule_sets["p"]


def found(rules: RuleSet, body: str) -> list[tuple[str, int | None, str]]:
    """(rule, row_no, message) for an invoice with the body."""
    text = (
        f'<Invoice xmlns="{UBL}:Invoice-2" xmlns:cac="{UBL}:CommonAggregateComponents-2" '
        f'xmlns:cbc="{UBL}:CommonBasicComponents-2">{body}</Invoice>'
    )
    collector = Collector()
    collector.add(Lens.compile(Catalogue.load(None).mappings["ubl.invoice"]), xml.parse(text.encode(), "d"), "d")
    with Store.create() as store:
        for table, frame in collector.frames().items():
            store.append(table, frame)
        check(store, [rules], as_of=dt.date(2026, 10, 31), everywhere=True)
        return list(store.table("finding").select("rule", "row_no", "message").iter_rows())


def rules_of(rules: RuleSet, body: str) -> list[str]:
    return [rule for rule, _, _ in found(rules, body)]


ABSENT = """
  - kind: absent
    severity: warning
    title: {en: "{path} is not used", zh: "不使用 {path}"}
    message: {en: "{found} stands {count} times", zh: "{found}：{count}"}
    rows: {X-1: cbc:UUID, X-2: "//@listID", X-3: cac:Delivery/cbc:ID}
"""


def test_what_must_not_be_there_is_found_once_a_document_with_its_count():
    body = "<cac:Delivery><cbc:ID>1</cbc:ID></cac:Delivery><cac:Delivery><cbc:ID>2</cbc:ID></cac:Delivery>"
    assert found(pack(ABSENT), body) == [("X-3", None, "cac:Delivery/cbc:ID stands 2 times")]


def test_an_attribute_is_found_at_any_depth():
    assert rules_of(pack(ABSENT), '<cac:A><cac:B><cbc:C listID="1">x</cbc:C></cac:B></cac:A>') == ["X-2"]


def test_nothing_is_found_where_nothing_stands():
    assert found(pack(ABSENT), "<cbc:ID>1</cbc:ID>") == []


def test_each_judged_element_counts_what_it_holds_itself():
    rules = pack(
        """
  - {kind: occurs, severity: fatal, under: cac:Line, at_most: 1, title: {en: t, zh: 标}, message: {en: m, zh: 消},
     rows: {X-1: cac:Item/cbc:Note}}
"""
    )
    item = "<cac:Item><cbc:Note>1</cbc:Note></cac:Item>"
    assert rules_of(rules, f"<cac:Line>{item}</cac:Line><cac:Line>{item}</cac:Line>") == []
    assert rules_of(rules, f"<cac:Line>{item}{item}</cac:Line><cac:Line>{item}</cac:Line>") == ["X-1"]


@settings(max_examples=30)
@given(st.lists(st.booleans(), max_size=6))
def test_as_many_are_found_as_lack_what_they_must_hold_also_where_others_stand_between(holds):
    rules = pack(
        """
  - {kind: occurs, severity: fatal, under: //cac:Line, at_least: 1, title: {en: t, zh: 标}, message: {en: m, zh: 消},
     rows: {X-1: cbc:ID}}
"""
    )
    lines = [f"<cac:Line>{'<cbc:ID>1</cbc:ID>' if held else '<cbc:Note>n</cbc:Note>'}</cac:Line>" for held in holds]
    assert rules_of(rules, "<cac:Other><cbc:ID>1</cbc:ID></cac:Other>".join(lines)) == ["X-1"] * holds.count(False)


def test_a_document_that_lacks_what_it_must_hold_is_found():
    rules = pack(
        """
  - {kind: occurs, severity: fatal, at_least: 1, title: {en: t, zh: 标}, message: {en: "no {found}", zh: 消},
     rows: {X-1: cbc:ID}}
"""
    )
    assert found(rules, "<cbc:Note>x</cbc:Note>") == [("X-1", None, "no cbc:ID")]
    assert found(rules, "<cbc:ID>x</cbc:ID>") == []


def test_what_an_earlier_rule_takes_is_left_out():
    rules = pack(
        """
  - {kind: absent, severity: fatal, under: "//cbc:*Code", except: cbc:TypeCode, title: {en: t, zh: 标},
     message: {en: "{found}", zh: 消}, rows: {X-1: "@listID"}}
"""
    )
    body = '<cbc:TypeCode listID="1">a</cbc:TypeCode><cbc:OtherCode listID="1">a</cbc:OtherCode>'
    assert [message for _, _, message in found(rules, body)] == ["cbc:OtherCode/@listID"]


def test_a_condition_and_a_syntax_choose_the_documents():
    table = "  - {{kind: absent, severity: fatal, {}, title: {{en: t, zh: 标}}, message: {{en: m, zh: 消}}, rows: {{X-1: cbc:UUID}}}}\n"
    body = "<cbc:UUID>x</cbc:UUID>"
    assert rules_of(pack(table.format("syntax: [cii]")), body) == []
    assert rules_of(pack(table.format("syntax: [ubl]")), body) == ["X-1"]
    assert rules_of(pack(table.format("when: document_kind = 'credit_note'")), body) == []


def test_a_reader_sees_what_is_counted():
    rules = pack(ABSENT)
    text = rule_text(rules, rules.rules[0])
    assert "judges      the document, kind absent" in text and "path = 'cbc:UUID'" in text


@pytest.mark.parametrize(
    ("pattern", "path", "held"),
    [
        ("cbc:ID", "cbc:ID", True),
        ("cbc:ID", "cac:A/cbc:ID", False),
        ("//cbc:ID", "cac:A/cbc:ID", True),
        ("//cbc:ID", "cac:A/xcbc:ID", False),
        ("//ram:*TradeTax", "a/ram:CategoryTradeTax", True),
        ("//ram:*TradeTax", "a/ram:X/bTradeTax", False),
        ("//@listID", "@listID", True),
        ("cbc:I.D", "cbc:IxD", False),
    ],
)
def test_a_path_means_what_it_says(pattern, path, held):
    assert fits(pattern, path) is held


@given(
    st.sampled_from(["", "cac:Line", "//cac:*Party", "cac:A/cac:B"]), st.sampled_from(["cbc:ID", "cac:X/cbc:ID", "@a"])
)
def test_an_example_of_a_place_is_meant_by_it(under, path):
    rows = example_rows(under, [(path, 3)])
    assert fits(place_of(under, path).text, str(rows[-1]["path"])) and rows[-1]["count"] == 3
    assert len({row["row_no"] for row in rows}) == len(rows)
