"""A rule changed a little in one place: its cases should notice. ``validation`` runs them, ``tieout rules test`` shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tieout.library.expression import columns_read, parse
from tieout.library.language import unite
from tieout.library.scope import Scope, kind_of_value
from tieout.library.variants import number_near, variants
from tieout.library.yamlfile import Node
from tieout.model.definitions import Expression, Parameter, Rule

__all__ = ["Mutant", "mutants"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that differs from the written one in one place."""

    rule: Rule
    """With the id of the rule it was made of."""
    place: str
    """check, when, on_null, $parameter, or an option of the rule's kind."""
    what: str


def mutants(rule: Rule, code_lists: Iterable[str]) -> Iterator[Mutant]:
    """Every small change of the rule that still is a rule: operators, constants, parts left out, parameters, options."""
    kinds = {
        name: united
        for name, each in rule.params.items()
        if (united := unite([kind_of_value(value) for _, value in each.values])) is not None
    }
    scope = Scope(rule.table, tuple(sorted(kinds.items())), frozenset(code_lists))
    for what, expression in _expressions(rule.check, scope):
        if not (what == "coalesce left out" and _null_fails_alike(rule)):
            yield Mutant(replace(rule, check=expression), "check", what)
    for what, expression in _expressions(rule.when, scope):
        yield Mutant(replace(rule, when=expression), "when", what)
    if rule.when is not None:
        yield Mutant(replace(rule, when=None), "when", "left out")
    if rule.kind == "condition" and (rule.on_null != "fail" or _may_be_null(rule)):
        other = "fail" if rule.on_null != "fail" else "pass"
        yield Mutant(replace(rule, on_null=other), "on_null", f"{rule.on_null} became {other}")
    for name, parameter in rule.params.items():
        for at, (start, value) in enumerate(parameter.values):
            for changed in _changed(value):
                values = (*parameter.values[:at], (start, changed), *parameter.values[at + 1 :])
                params = {**rule.params, name: Parameter(name, values, parameter.location)}
                yield Mutant(replace(rule, params=params), f"${name}", f"{value} became {changed}")
    yield from _options(rule, scope)


def _may_be_null(rule: Rule) -> bool:
    """Whether a column the check reads may be null where the rule applies, as far as the text of the rule tells."""
    text = f"{rule.when.text if rule.when else ''} {rule.check.text if rule.check else ''}"
    read = [column for _, column in columns_read(rule.check)] if rule.check else []
    held = _never_null(rule.when)
    return any(
        column not in held and not re.search(rf"\b{column} is (not )?null|coalesce\(\s*{column}\b", text)
        for column in read
    )


def _never_null(when: Expression | None) -> set[str]:
    """The columns that have a value wherever ``when`` holds: a part of it that is true is made of values."""
    if when is None or re.search(r"\b(or|case)\b", when.text, re.I):
        return set()
    parts = re.split(r"\band\b", when.text, flags=re.I)
    plain = [part for part in parts if not re.search(r"\b(coalesce|is|between|filter|count)\b", part, re.I)]
    return {name for part in plain for name in re.findall(r"\b[a-z_][a-z_0-9]*\b(?!\s*\()", part)}


def _null_fails_alike(rule: Rule) -> bool:
    """Whether a value that is missing fails the check, with or without coalesce: it is compared with nothing but ''."""
    text = rule.check.text if rule.check else ""
    if rule.on_null != "fail" or re.search(r"\b(not|case|is|and)\b", text, re.I):
        return False
    sides = [side.strip() for side in re.split(r"\bor\b", text, flags=re.I)]
    return all(re.fullmatch(r"(trim\()?coalesce\(\s*\w+,\s*''\s*\)\)? <> ''", side) for side in sides)


def _expressions(expression: Expression | None, scope: Scope) -> Iterator[tuple[str, Expression]]:
    for variant in variants(expression.text) if expression else ():
        assert expression is not None
        made, wrong = parse(Node(variant.text, expression.location, variant.text, {}, variant.text), scope)
        if made is not None and not wrong and made.tree != expression.tree:
            yield variant.what, made


def _changed(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | Decimal):
        yield type(value)(number_near(f"{value:f}" if isinstance(value, Decimal) else str(value)))


def _options(rule: Rule, scope: Scope) -> Iterator[Mutant]:
    for key, value in rule.options.items():
        if isinstance(value, Expression):
            for what, expression in _expressions(value, replace(scope, table=rule.options["table"])):
                yield Mutant(_with(rule, key, expression), key, what)
        elif key == "columns" and rule.kind == "unique" and len(value) > 1:
            for column in value:
                yield Mutant(_with(rule, key, tuple(c for c in value if c != column)), key, f"{column} left out")
        elif key in ("tolerance", "at_most"):
            for changed in _changed(value):
                yield Mutant(_with(rule, key, changed), key, f"{value} became {changed}")
        elif key in ("left", "right"):
            for what, side in _sides(value):
                yield Mutant(_with(rule, key, side), key, what)


def _sides(side: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    scope = Scope(side["table"])
    for name, wants in (("sum", "number"), ("where", "boolean")):
        for what, expression in _expressions(side[name], replace(scope, wants=wants)):
            yield what, {**side, name: expression}
    if side["where"]:
        yield f"{side['where'].text} left out", {**side, "where": None}


def _with(rule: Rule, key: str, value: Any) -> Rule:
    return replace(rule, options={**rule.options, key: value})
