"""Tables of rules: one row a rule, which then is like any other."""

from __future__ import annotations

from tieout.library.rules import RuleFile, parse_packs
from tieout.library.yamlfile import load

TABLE = """pack: p
title: {en: t, zh: t}
source: s
tables:
  - kind: absent
    severity: warning
    within: [cac:InvoiceLine, cac:CreditNoteLine]
    title: {en: "The {group} has no {path}", zh: "{group}没有 {path}"}
    message: {en: "{found} stands {count} times", zh: "{found}：{count}"}
    groups:
      '': {en: line, zh: 明细行}
      cac:Item: {en: item, zh: 商品}
    rows:
      X-1: cbc:UUID
      X-2: {path: cac:Item/cbc:Name, severity: fatal, terms: [BT-153]}
"""


def packs(*texts: str, shipped: tuple[bool, ...] = (True, False)):
    return parse_packs([RuleFile(load(text), "x", own) for text, own in zip(texts, shipped, strict=False)], {})


def test_each_row_becomes_a_rule_with_the_words_of_its_place():
    found, mistakes = packs(TABLE)
    one, two = found.rule_sets["p"].rules
    assert mistakes == []
    assert (one.id, one.title.en, one.title.zh, one.severity) == (
        "X-1",
        "The line has no cbc:UUID",
        "明细行没有 cbc:UUID",
        "warning",
    )
    assert (two.title.en, two.severity, two.terms) == ("The item has no cac:Item/cbc:Name", "fatal", ("BT-153",))
    assert one.options["path"] == ("cac:InvoiceLine/cbc:UUID", "cac:CreditNoteLine/cbc:UUID")


def test_each_row_has_a_passing_and_a_failing_case_of_its_own():
    for rule in packs(TABLE)[0].rule_sets["p"].rules:
        assert {test.expect for test in rule.tests} == {"pass", "fail"}


def test_a_workspace_changes_and_ignores_rows_as_any_rule():
    over = """pack: mine
rules: [{id: X-1, severity: fatal, reason: we want it so}]
ignore: [{rule: X-2, reason: nobody reads it}]
"""
    found, mistakes = packs(TABLE, over)
    assert mistakes == []
    assert [(rule.id, rule.severity) for rule in found.rule_sets["p"].rules] == [("X-1", "fatal")]


def test_mistakes_in_a_table_are_told_with_their_place():
    wrong = TABLE.replace("X-1: cbc:UUID", "X-1: 'cbc UUID'").replace("severity: fatal", "severty: fatal")
    _, mistakes = packs(wrong)
    assert len(mistakes) == 2 and {each.location.line for each in mistakes} == {14, 15}


def test_what_occurs_needs_a_limit_that_can_be_kept():
    rule = "pack: p\ntitle: {en: t, zh: t}\nsource: s\nrules: [{id: X-1, kind: occurs, severity: fatal, title: {en: t, zh: t}, path: cbc:ID%s}]\n"
    assert "at_least" in packs(rule % "")[1][0].text
    assert "more than" in packs(rule % ", at_least: 2, at_most: 1")[1][0].text


def test_an_id_stands_once_over_tables_and_rules():
    _, mistakes = packs(TABLE, TABLE.replace("pack: p", "pack: q"), shipped=(True, True))
    assert any("X-1: this id is also used" in each.text for each in mistakes)
