"""Rules for readers: the catalogue as a frame, one rule as text with its condition, cases and SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import polars as pl

from tieout.model.definitions import Rule, RuleSet
from tieout.validation.compile import compile_rules
from tieout.validation.rows import Codes, Lookup

__all__ = ["find_rule", "given", "rule_frame", "rule_sql", "rule_text", "shown"]


def rule_frame(rule_sets: Iterable[RuleSet]) -> pl.DataFrame:
    """One row a rule: rule, pack, table, severity, status, kind, title, title_zh, terms, reference, cases, place."""
    rows = [
        {
            "rule": rule.id,
            "pack": rule.pack,
            "table": rule.table,
            "severity": rule.severity,
            "status": rule.status,
            "kind": rule.kind,
            "title": rule.title.en,
            "title_zh": rule.title.zh,
            "terms": ", ".join(rule.terms),
            "reference": rule.reference,
            "cases": len(rule.tests),
            "place": str(rule.location),
        }
        for rule_set in rule_sets
        for rule in rule_set.rules
    ]
    schema: dict[str, Any] = dict.fromkeys(
        ["rule", "pack", "table", "severity", "status", "kind", "title", "title_zh", "terms", "reference"], pl.String
    )
    return pl.DataFrame(rows, schema={**schema, "cases": pl.Int64, "place": pl.String})


def find_rule(rule_sets: Iterable[RuleSet], name: str) -> tuple[RuleSet, Rule] | None:
    """The rule with the id, else the alias or official id, upper and lower case alike; None where there is none."""
    wanted = name.casefold()
    pairs = [(rule_set, rule) for rule_set in rule_sets for rule in rule_set.rules]
    exact = [pair for pair in pairs if pair[1].id.casefold() == wanted]
    known = [pair for pair in pairs if wanted in map(str.casefold, (pair[1].reported_as, *pair[1].aliases))]
    return next(iter([*exact, *known]), None)


def rule_sql(rule_set: RuleSet, rule: Rule) -> str:
    """The statement that lists the rows that break the rule, with the working tables it stands on."""
    alone = replace(rule_set, rules=(rule,))
    plan = compile_rules([alone], as_of=None, statuses=(rule.status,))
    if plan.inventory:
        return plan.inventory.sql()
    steps = [
        f"-- {step.table[1:]}: verdicts on\n{step.values.sql}" if isinstance(step, Lookup) else step.sql
        for step in plan.steps
        if not isinstance(step, Codes)
    ]
    program = plan.programs[0]
    fails = f"select {program.table}.*\nfrom {program.source}\nwhere {program.applies}\n  and {program.rules[0].fails}"
    return ";\n\n".join([*steps, fails])


def rule_text(rule_set: RuleSet, rule: Rule) -> str:
    """The rule as a page of text."""
    lines = [f"{rule.id}  {rule.title.en}", f"{' ' * len(rule.id)}  {rule.title.zh}", ""]
    facts: list[tuple[str, Any]] = [
        ("pack", f"{rule.pack} ({rule_set.source})"),
        ("reference", rule.reference),
        ("place", str(rule.location)),
        ("severity", rule.severity),
        ("status", rule.status),
        ("judges", _judged(rule) + (f", kind {rule.kind}" if rule.kind != "condition" else "")),
        ("terms", ", ".join(rule.terms)),
        ("aliases", ", ".join(rule.aliases)),
        ("reports as", rule.reported_as),
        ("valid from", rule.valid_from),
        ("valid to", rule.valid_to),
        ("date field", rule.date_field if rule.valid_from or rule.valid_to or _dated(rule) else None),
        ("when", rule.when.text if rule.when else None),
        ("check", rule.check.text if rule.check else None),
        ("if null", rule.on_null),
        ("message", rule.message.en),
        ("", rule.message.zh),
        ("why", rule.rationale),
    ]
    for key, value in rule.options.items():
        facts.append((key, shown(value)))
    for name, parameter in rule.params.items():
        for start, value in parameter.values:
            facts.append((f"${name}", f"{value}" + (f" from {start}" if start else "")))
    lines += [f"{key:<11} {' '.join(str(value).split())}" for key, value in facts if value not in (None, "")]
    lines += ["", f"{len(rule.tests)} cases"]
    for number, test in enumerate(rule.tests, 1):
        lines.append(f"  {number}. {test.expect}: {given(test.given)}")
    return "\n".join([*lines, "", rule_sql(rule_set, rule)])


def _dated(rule: Rule) -> bool:
    return any(start for parameter in rule.params.values() for start, _ in parameter.values)


def shown(value: Any) -> str:
    """What a kind of rule needs beside the common fields, as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(each)}" for key, each in value.items() if each is not None)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(getattr(value, "text", "" if value is None else value))


def given(rows: Any) -> str:
    """The rows of a case, as text."""
    parts = []
    for table, each in rows.items():
        for row in each:
            values = ", ".join(f"{key} = {'null' if value is None else value}" for key, value in row.items())
            parts.append(f"{table}({values})")
    return " ".join(parts)


def _judged(rule: Rule) -> str:
    if "under" not in rule.options:
        return f"one row of {rule.table}"
    return f"each element at {' or '.join(rule.options['under'])}" if rule.options["under"] else "the document"
