"""A rule changed a little in one place: its cases should notice. ``validation`` runs them, ``tieout rules test`` shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tieout.library.equivalent import never_null, same
from tieout.library.expression import parse
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
    for what, expression in _expressions(rule.check, scope, null_is_false=rule.on_null == "fail"):
        yield Mutant(replace(rule, check=expression), "check", what)
    for what, expression in _expressions(rule.when, scope, null_is_false=True):
        yield Mutant(replace(rule, when=expression), "when", what)
    if rule.when is not None:
        yield Mutant(replace(rule, when=None), "when", "left out")
    if (
        rule.kind == "condition"
        and rule.check
        and not never_null(rule.check.tree, rule.when.tree if rule.when else None)
    ):
        other = "fail" if rule.on_null != "fail" else "pass"
        yield Mutant(replace(rule, on_null=other), "on_null", f"{rule.on_null} became {other}")
    for name, parameter in rule.params.items():
        for at, (start, value) in enumerate(parameter.values):
            for changed in _changed(value):
                values = (*parameter.values[:at], (start, changed), *parameter.values[at + 1 :])
                params = {**rule.params, name: Parameter(name, values, parameter.location)}
                yield Mutant(replace(rule, params=params), f"${name}", f"{value} became {changed}")
    yield from _options(rule, scope)


def _expressions(
    expression: Expression | None, scope: Scope, *, null_is_false: bool = False
) -> Iterator[tuple[str, Expression]]:
    for variant in variants(expression.text) if expression else ():
        assert expression is not None
        made, wrong = parse(Node(variant.text, expression.location, variant.text, {}, variant.text), scope)
        if made is None or wrong:
            continue
        if not same(made.tree, expression.tree, null_is_false=null_is_false):
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
