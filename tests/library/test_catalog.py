"""The catalogue: what is shipped, what a workspace lays over it, and every mistake at once."""

import hashlib
import shutil

import pytest

from tieout.library import catalog
from tieout.library.catalog import Catalogue, shipped
from tieout.library.code_lists import gathered, parse_code_list
from tieout.model.canon import CANON
from tieout.model.errors import DefinitionError


@pytest.fixture(scope="module")
def everything():
    return Catalogue.load()


def test_the_shipped_catalogue_loads_and_is_not_empty(everything):
    assert {"en16931", "payments", "masterdata", "cn_fapiao"} <= set(everything.rule_sets)
    assert len(everything.rule_sets["en16931"].rules) >= 80
    assert "ubl.invoice" in everything.mappings
    assert everything.plans
    assert everything.routes
    assert not everything.ignored
    assert not everything.warnings


def test_every_shipped_rule_is_bilingual_referenced_and_proven(everything):
    for rule_set in everything.rule_sets.values():
        for rule in rule_set.rules:
            assert rule.title.en and rule.title.zh, rule.id
            assert rule.message.en, rule.id
            assert rule.reference or rule_set.source, rule.id
            assert {"pass", "fail"} <= {test.expect for test in rule.tests}, rule.id
            assert rule.table in CANON


def test_the_fingerprint_names_every_file_by_its_place_in_its_layer(everything):
    names = list(everything.fingerprint)
    assert names == sorted(names)
    assert all(name.startswith("shipped/") for name in names)
    name = next(name for name in names if name.endswith(".csv"))
    content = (shipped("rules").parent / name.removeprefix("shipped/")).read_bytes()
    assert everything.fingerprint[name] == hashlib.sha256(content).hexdigest()


def test_shipped_files_are_found_inside_the_package_first(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "a" / "b" / "library" / "catalog.py"))
    (tmp_path / "a" / "b" / "library").mkdir(parents=True)
    (tmp_path / "rules").mkdir()
    assert shipped("rules").name == "rules"
    (tmp_path / "a" / "b" / "library" / "rules").mkdir()
    assert shipped("rules") == tmp_path / "a" / "b" / "library" / "rules"


# --- a small shipped layer of our own, so that overlays can be seen whole ---

RULES = """\
pack: acme
title: {en: Acme, zh: 甲}
source: Manual
rules:
  - id: ACME-0001
    title: {en: a, zh: b}
    table: invoice
    severity: fatal
    check: in_code_list(invoice_currency_code, 'MONEY')
    tests:
      - {given: {invoice_currency_code: EUR}, expect: pass}
      - {given: {invoice_currency_code: XXX}, expect: fail}
"""
MAPPING = (
    "mapping: bank.acme\nformat: ofx\ntables: {payment: {each: entry, columns: [{column: amount, path: amount}]}}\n"
)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A shipped layer with one rule and one code list, and an empty workspace."""
    layer = tmp_path / "shipped"
    write(layer / "rules/validation/acme.yaml", RULES)
    write(layer / "rules/code_lists/MONEY.csv", "code\nEUR\nUSD\n")
    monkeypatch.setattr(catalog, "shipped", lambda kind: layer / kind)
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_a_workspace_extends_a_code_list(house):
    write(house / "rules/code_lists/MONEY.csv", "code,valid_from\nXBT,2026-01-01\n")
    codes = Catalogue.load(house).rule_sets["acme"].code_lists["MONEY"]
    assert [code.code for code in codes] == ["EUR", "USD", "XBT"]


def test_a_workspace_may_keep_rules_in_either_place_and_they_are_fingerprinted(house):
    write(house / "rules/ours.yaml", "pack: ours\nignore: [{rule: ACME-0001, reason: not for us}]\n")
    made = Catalogue.load(house)
    assert made.ignored == {"ACME-0001": "not for us"}
    assert made.rule_sets["acme"].rules == ()
    assert "workspace/rules/ours.yaml" in made.fingerprint


def test_mistakes_of_all_files_come_at_once_each_with_its_file(house):
    write(house / "rules/validation/a.yaml", "pack: ours\nignore: [{rule: ACME-9, reason: not for us}]\n")
    write(house / "rules/validation/b.yaml", "pack: [\n")
    write(house / "rules/code_lists/BAD.csv", "kode\nEUR\n")
    write(house / "mappings/m.yaml", "mapping: a.b\nformat: xml\ntables: {invoic: [{column: x, path: y}]}\n")
    with pytest.raises(DefinitionError) as caught:
        Catalogue.load(house)
    files = [each.location.file.removeprefix(f"{house}/") for each in caught.value.mistakes]
    assert set(files) == {
        "mappings/m.yaml",
        "rules/code_lists/BAD.csv",
        "rules/validation/a.yaml",
        "rules/validation/b.yaml",
    }


def test_a_workspace_mapping_replaces_the_shipped_one_of_its_id_but_not_twice(house):
    write(house / "mappings/one.yaml", MAPPING)
    assert list(Catalogue.load(house).mappings) == ["bank.acme"]
    write(house / "mappings/two.yaml", MAPPING)
    with pytest.raises(DefinitionError, match=r"'bank\.acme' is also defined in"):
        Catalogue.load(house)


def test_a_workspace_without_definitions_has_the_shipped_ones(house):
    assert list(Catalogue.load(house).rule_sets) == ["acme"]
    shutil.rmtree(house)
    assert list(Catalogue.load(house).rule_sets) == ["acme"]


# --- code lists ---


def codes(text):
    found, wrong = parse_code_list(text.encode(), file="L.csv", name="L")
    return gathered(found), [str(each) for each in wrong]


def test_a_code_list_is_named_by_its_file_or_by_its_column():
    assert list(codes("code\na\n")[0]) == ["L"]
    assert list(codes("list,code\nA,x\nB,y\n")[0]) == ["A", "B"]


def test_each_mistake_of_a_code_list_has_its_line():
    assert codes("kode\na\n")[1] == [
        "L.csv:1  the heading needs 'code'; known columns are list, code, valid_from, valid_to"
    ]
    assert codes("code,valid_from\na,2026-13-01\n,\n")[1] == [
        "L.csv:2  '2026-13-01' is not a date; write it like 2026-10-31",
        "L.csv:3  a line without a code",
    ]
    assert codes('code\n"a\n')[1] == ["L.csv:2  the line cannot be read: unexpected end of data"]
    assert (
        parse_code_list(b"code\n\xff\n", file="L.csv", name="L")[1][0].text == "the file is not UTF-8; save it as UTF-8"
    )
