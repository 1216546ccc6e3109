"""Rules from a few lines of YAML, and stores from a few rows."""

import polars as pl

from tieout.library import yamlfile
from tieout.library.rules import RuleFile, parse_packs
from tieout.model.definitions import Code

HEAD = "pack: acme\ntitle: {en: Acme, zh: 甲}\nsource: Manual\n"
LISTS = {"MONEY": (Code("EUR"), Code("USD")), "RATES": (Code("A"), Code("B"))}


def rule_text(id="ACME-0001", table="invoice", severity="fatal", **options):
    lines = [f"  - id: {id}", "    title: {en: A rule, zh: 规则}", f"    table: {table}", f"    severity: {severity}"]
    lines += [f"    {key}: {value}" for key, value in options.items()]
    return "\n".join(lines) + "\n"


def rule_sets(*rules, head=HEAD, code_lists=LISTS):
    """The pack 'acme' with the rules, each the text of ``rule_text``; they need no cases."""
    made, wrong = parse_packs([RuleFile(yamlfile.load(head + "rules:\n" + "".join(rules)), "x", False)], code_lists)
    assert not wrong, [str(each) for each in wrong]
    return list(made.rule_sets.values())


def fill(store, table, *rows):
    """Appends rows given as dicts of text; missing keys are null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {
        name: pl.Series([None if row.get(name) is None else str(row[name]) for row in rows], dtype=pl.String)
        for name in names
    }
    store.append(table, pl.DataFrame(columns))
