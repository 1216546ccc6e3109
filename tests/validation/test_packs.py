"""The shipped rules: each proves itself and speaks both languages. test_agreement compares them with the official artefacts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import polars as pl

from tieout.library.catalog import Catalogue
from tieout.model.definitions import Rule
from tieout.validation.cases import run_cases

AT_LEAST = {"en16931": 1_500, "payments": 25, "masterdata": 25, "cn_fapiao": 55}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@cache
def catalogue() -> Catalogue:
    return Catalogue.load(None)


def rules() -> list[Rule]:
    return [rule for rule_set in catalogue().rule_sets.values() for rule in rule_set.rules]


def test_each_pack_has_at_least_the_rules_it_promises():
    counts = {pack: len(catalogue().rule_sets[pack].rules) for pack in AT_LEAST}
    assert all(counts[pack] >= least for pack, least in AT_LEAST.items()), counts


def test_every_case_of_every_shipped_rule_holds():
    outcomes = run_cases(catalogue().rule_sets.values())
    assert [each for each in outcomes if not each.holds] == []
    assert len(outcomes) >= 1400


def test_every_shipped_rule_has_a_case_that_passes_and_one_that_fails():
    lacking = [rule.id for rule in rules() if not {"pass", "fail"} <= {test.expect for test in rule.tests}]
    assert lacking == []


def test_every_shipped_rule_speaks_english_and_chinese():
    for rule in rules():
        for text in (rule.title, rule.message):
            assert re.search("[A-Za-z]{2}", text.en), rule.id
            assert CHINESE.search(text.zh), rule.id


def test_both_languages_of_a_message_show_the_same_values():
    for rule in rules():
        shown = [sorted(re.findall(r"\{([^{}]+)\}", text)) for text in (rule.message.en, rule.message.zh)]
        assert shown[0] == shown[1], rule.id


def test_no_two_rules_have_one_title():
    # Where two official ids forbid the same place, so do ours; UBL and CII may say the same each in its own rule.
    titles = Counter((rule.pack, rule.id.split("-")[0], rule.title.en) for rule in rules() if rule.kind != "absent")
    assert [title for title, count in titles.items() if count > 1] == []


def test_every_rule_of_a_standard_says_where_it_is_written():
    assert [rule.id for rule in rules() if rule.pack in ("en16931", "cn_fapiao") and not rule.reference] == []


def test_severities_of_en16931_are_the_official_ones(shared: Path):
    official = pl.read_csv(shared / "conformance" / "en16931" / "rules_en16931.csv", infer_schema=False)
    severity = defaultdict(set)
    for id, level in official.select("rule", "severity").iter_rows():
        severity[id].add(level)
    wrong = {r.id: r.severity for r in rules() if r.pack == "en16931" and r.severity not in severity[r.finding_id]}
    assert wrong == {}


def test_code_lists_have_the_official_codes(shared: Path):
    official = pl.read_csv(shared / "conformance" / "en16931" / "code_lists.csv", infer_schema=False)
    shipped = {name: {code.code for code in codes} for name, codes in catalogue().code_lists.items()}
    for rule, syntax, name in (
        ("BR-CL-04", "ubl", "ISO4217"),
        ("BR-CL-14", "ubl", "ISO3166"),
        ("BR-CL-14", "cii", "ISO3166_CII"),
        ("BR-CL-11", "ubl", "ICD"),
        ("BR-CL-16", "ubl", "UNTDID4461"),
        ("BR-CL-22", "ubl", "VATEX"),
        ("BR-CL-23", "ubl", "UNECE_REC20"),
        ("BR-CL-25", "ubl", "EAS"),
    ):
        codes = official.filter((pl.col("rule") == rule) & (pl.col("syntax") == syntax))["code"]
        assert shipped[name] == set(codes), name
