"""What a condition can come to, given what is known of the columns: the rules that no row can break need not be judged.

What is known of a column: whether it is null in some row, and, for codes and the like, which values it has. From that follows for
every part of a condition what it can come to, null included. The parts are taken as independent, so that more seems possible than
is; what cannot happen here cannot happen in any row.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tieout.model.definitions import Code, Expression, Rule
from tieout.validation.values import (
    ANYTHING,
    COMPARISONS,
    MOST_VALUES,
    NULL,
    SOMETHING,
    SUMS,
    TRUTH,
    Values,
    alike,
    compared,
    one_of,
    pairs,
    some_of,
    truth,
)

__all__ = ["DECIMALS", "NULLS", "VALUES", "Known", "Outcomes", "breakable", "columns_read", "may_fail", "tables_summed"]

NULLS, VALUES, DECIMALS = 0, 1, 2
"""What of a column can decide something: its nulls, its values as well, or the number of its decimals."""


def columns_read(expressions: Iterable[Expression | None]) -> Mapping[tuple[str, str], int]:
    """The columns (table, name) that the expressions read, and what of them can decide something."""
    read: dict[tuple[str, str], int] = {}
    for each in expressions:
        for node in each.tree.walk() if each else ():
            if node.key == "column":
                asked = DECIMALS if _named(node.parent, "written_decimals") else VALUES if _compared(node) else NULLS
                read[node.table, node.name] = max(read.get((node.table, node.name), NULLS), asked)
    return read


def tables_summed(expressions: Iterable[Expression | None]) -> tuple[str, ...]:
    """The tables whose rows the expressions sum up or count."""
    nodes = (node for each in expressions if each for node in each.tree.walk())
    return tuple(dict.fromkeys(node.meta["over"] for node in nodes if node.meta.get("over")))


def _compared(column: Any) -> bool:
    """Whether the column is compared with values that stand in the expression, or is a truth value itself."""
    node = column.parent
    while node is not None and (node.key in ("coalesce", "trim", "upper", "lower", "paren") or _named(node, "written")):
        node = node.parent
    if node is None or node.key in ("and", "or", "not", "where", "case", "if"):
        return True
    if node.key in (*COMPARISONS, "nullsafeeq", "nullsafeneq"):
        return any(part.key == "literal" for part in (node.this, node.expression))
    return bool(node.key == "in" or _named(node, "in_code_list"))


def _named(node: Any, name: str) -> bool:
    return bool(node is not None and node.key == "anonymous" and node.name == name)


def breakable(rule: Rule, outcomes: Outcomes) -> bool:
    """Whether some row can break a rule of the kind ``condition``."""
    assert rule.check is not None
    if rule.when and not outcomes.of(rule.when.tree).can_be(True):
        return False
    holds = outcomes.of(rule.check.tree)
    # Where a row cannot be computed the condition is null, whatever its parts say.
    unknown = rule.on_null == "fail" and (holds.null or outcomes.may_fail(rule.check.tree))
    return unknown or holds.can_be(False)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of all rows of a store."""

    columns: Mapping[tuple[str, str], Values]
    """What columns come to; anything where one is not named."""
    rows: Collection[str]
    """The tables that have rows."""
    written: Collection[tuple[str, str]]
    """The columns of which documents have texts that the values do not show."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Works out what parts of one rule's conditions can come to."""

    known: Known
    certain: Collection[str]
    """The tables of which every judged row has one: its own, and those above it that cannot be missing."""
    code_lists: Mapping[str, tuple[Code, ...]]

    def of(self, node: Any) -> Values:
        """What the node can come to."""
        if "over" in node.meta:
            return self._aggregate(node)
        handler = _HANDLERS.get(node.key)
        if handler:
            return handler(self, node)
        return self._strict(node) if node.key in _STRICT else ANYTHING

    def may_fail(self, tree: Any) -> bool:
        """Whether a value of some row can make the expression raise."""
        return any(node.key in _MAY_FAIL - {"regexplike"} and not self._small(node) for node in tree.walk())

    def _small(self, node: Any) -> bool:
        """A count, a sum of counts or the like: a whole number far from what would be too large."""
        if node.key in ("add", "sub"):
            return self._small(node.this) and self._small(node.expression)
        if node.key in ("paren", "filter"):
            return self._small(node.this)
        if node.key == "coalesce":
            return all(map(self._small, (node.this, *node.expressions)))
        return node.key == "count" or (node.key == "literal" and not node.is_string and len(node.name) < 9)

    def _column(self, node: Any) -> Values:
        found = self.known.columns.get((node.table, node.name), ANYTHING)
        return found if node.table in self.certain else replace(found, null=True)

    def _aggregate(self, node: Any) -> Values:
        over = node.meta["over"]
        call = node.this if node.key == "filter" else node
        none = over not in self.known.rows
        inside = replace(self, certain={*self.certain, over})
        if not none and node.key == "filter":
            none = not inside.of(node.expression.this).can_be(True)
        if not none and call.this.key == "column":
            none = inside.of(call.this).is_null
        if call.key == "count":
            return some_of([Decimal(0)]) if none else SOMETHING
        return NULL if none else ANYTHING

    def _strict(self, node: Any) -> Values:
        """A function that is null where one of its arguments is, and nowhere else."""
        parts = [self.of(part) for part in node.iter_expressions() if part.key not in ("datatype", "var")]
        if any(part.is_null for part in parts):
            return NULL
        return Values(None, any(part.null for part in parts))

    def _text(self, node: Any) -> Values:
        """A function of one text that is worked out for the values known."""
        change = _CHANGES[node.key]
        if len(list(node.iter_expressions())) != 1:
            return self._strict(node)
        part = self.of(node.this)
        if part.given is None or not all(isinstance(each, str) and each.isascii() for each in part.given):
            return Values(None, part.null)
        return Values(frozenset(map(change, part.given)), part.null)

    def _blanks_cut(self, node: Any) -> Values:
        """regexp_replace where it takes off the blanks around a text that has none."""
        part = self.of(node.this)
        plain = part.given is not None and all(isinstance(each, str) and each.isalnum() for each in part.given)
        if plain and node.expression.name == r"^\s+|\s+$" and not node.args["replacement"].name:
            return part
        return Values(None, part.null or node.args["replacement"].key != "literal")

    def _literal(self, node: Any) -> Values:
        return some_of([node.name if node.is_string else Decimal(node.name)])

    def _boolean(self, node: Any) -> Values:
        return some_of([bool(node.this)])

    def _null(self, _: Any) -> Values:
        return NULL

    def _within(self, node: Any) -> Values:
        return self.of(node.this)

    def _not(self, node: Any) -> Values:
        part = self.of(node.this)
        return Values(frozenset(not each for each in truth(part)), part.null)

    def _and(self, node: Any) -> Values:
        return self._junction(node, stops=False)

    def _or(self, node: Any) -> Values:
        return self._junction(node, stops=True)

    def _junction(self, node: Any, *, stops: bool) -> Values:
        """and stops at false, or at true: one such part decides, and only where none can be there is the rest to ask for."""
        left, right = self.of(node.this), self.of(node.expression)
        one, two = truth(left), truth(right)
        goes_on = (stops not in one or len(one) > 1 or left.null) and (stops not in two or len(two) > 1 or right.null)
        found = {stops} if stops in one or stops in two else set()
        if (not stops) in one and (not stops) in two:
            found.add(not stops)
        return Values(frozenset(found), goes_on and (left.null or right.null))

    def _is(self, node: Any) -> Values:
        part, other = self.of(node.this), node.expression
        if other.key == "null":
            found = ([True] if part.null else []) + ([] if part.is_null else [False])
            return some_of(found)
        if other.key == "boolean":
            wanted = bool(other.this)
            told = truth(part)
            return some_of(([True] if wanted in told else []) + ([False] if part.null or (not wanted) in told else []))
        return Values(TRUTH, null=False)

    def _compare(self, node: Any) -> Values:
        left, right = self.of(node.this), self.of(node.expression)
        if left.is_null or right.is_null:
            return NULL
        return Values(compared(node.key, left, right), left.null or right.null)

    def _distinct(self, node: Any) -> Values:
        left, right = self.of(node.this), self.of(node.expression)
        equal: set[bool] = set()
        if left.null and right.null:
            equal.add(True)
        if (left.null and not right.is_null) or (right.null and not left.is_null):
            equal.add(False)
        if not left.is_null and not right.is_null:
            equal |= pairs(operator.eq, left, right)
        return some_of(equal if node.key == "nullsafeeq" else (not each for each in equal))

    def _in(self, node: Any) -> Values:
        part = self.of(node.this)
        listed = [self.of(each) for each in node.expressions]
        if part.is_null:
            return NULL
        if part.given is None or node.args.get("query") or any(each.given is None or each.null for each in listed):
            return Values(TRUTH, null=True)
        known = frozenset().union(*(each.given or () for each in listed))
        if not alike(part.given | known):
            return Values(TRUTH, null=True)
        return Values(frozenset(each in known for each in part.given), part.null)

    def _coalesce(self, node: Any) -> Values:
        parts: list[Values] = []
        for each in map(self.of, (node.this, *node.expressions)):
            parts.append(each)
            if not each.null:
                break
        return one_of(parts, null=parts[-1].null)

    def _case(self, node: Any) -> Values:
        if node.args.get("this") is not None:
            return ANYTHING
        return self._branches([(each.this, each.args["true"]) for each in node.args["ifs"]], node.args.get("default"))

    def _if(self, node: Any) -> Values:
        return self._branches([(node.this, node.args["true"])], node.args.get("false"))

    def _branches(self, branches: list[tuple[Any, Any]], default: Any) -> Values:
        reached: list[Values] = []
        for condition, result in branches:
            asked = self.of(condition)
            if asked.can_be(True):
                reached.append(self.of(result))
            if not asked.null and asked.given is not None and False not in asked.given:
                break
        else:
            reached.append(NULL if default is None else self.of(default))
        return one_of(reached, null=any(each.null for each in reached))

    def _sum(self, node: Any) -> Values:
        left, right = self.of(node.this), self.of(node.expression)
        if left.is_null or right.is_null:
            return NULL
        null = left.null or right.null
        if left.given is None or right.given is None or len(left.given) * len(right.given) > MOST_VALUES:
            return Values(None, null)
        if not all(isinstance(each, Decimal) for each in left.given | right.given):
            return Values(None, null)
        return Values(frozenset(itertools.starmap(SUMS[node.key], itertools.product(left.given, right.given))), null)

    def _called(self, node: Any) -> Values:
        part = self.of(node.expressions[0])
        if node.name in ("written", "written_decimals"):
            column = node.expressions[0]
            if (column.table, column.name) in self.known.written:
                return Values(None, part.null)
            if node.name == "written_decimals":
                known = NULL if part.is_null else Values(None, part.null)
                return (
                    known if part.decimals is None else some_of(map(Decimal, range(part.decimals + 1)), null=part.null)
                )
            texts = part.given is None or all(isinstance(each, str) for each in part.given)
            return part if texts else Values(None, part.null)
        if part.is_null:
            return NULL
        if node.name == "in_code_list":
            return Values(self._listed(part, self.code_lists[node.expressions[1].name]), part.null)
        return ANYTHING

    def _listed(self, part: Values, codes: tuple[Code, ...]) -> frozenset[bool]:
        if part.given is None:
            return TRUTH
        always = {each.code for each in codes if not (each.valid_from or each.valid_to)}
        dated = {each.code for each in codes} - always
        return frozenset(
            held for each in part.given for held in ((True, False) if each in dated else (each in always,))
        )


_MAY_FAIL = frozenset(("cast", "mul", "add", "sub", "intdiv", "mod", "regexplike"))


def may_fail(tree: Any) -> bool:
    """Whether a value of some row can make the expression raise."""
    return any(node.key in _MAY_FAIL for node in tree.walk())


_STRICT = frozenset(
    [
        "trim",
        "upper",
        "lower",
        "length",
        "left",
        "right",
        "startswith",
        "endswith",
        "contains",
        "replace",
        "regexplike",
        "regexpfullmatch",
        "cast",
        "abs",
        "round",
        "sign",
        "year",
        "mul",
    ]
)
_CHANGES: Mapping[str, Callable[[str], str]] = {
    "trim": lambda text: text.strip(" "),
    "upper": str.upper,
    "lower": str.lower,
}
_HANDLERS: Mapping[str, Callable[[Outcomes, Any], Values]] = {
    "column": Outcomes._column,
    "literal": Outcomes._literal,
    "boolean": Outcomes._boolean,
    "null": Outcomes._null,
    "paren": Outcomes._within,
    "not": Outcomes._not,
    "and": Outcomes._and,
    "or": Outcomes._or,
    "is": Outcomes._is,
    "in": Outcomes._in,
    "coalesce": Outcomes._coalesce,
    "case": Outcomes._case,
    "if": Outcomes._if,
    "anonymous": Outcomes._called,
    "regexpreplace": Outcomes._blanks_cut,
    **dict.fromkeys(("nullsafeeq", "nullsafeneq"), Outcomes._distinct),
    **dict.fromkeys(COMPARISONS, Outcomes._compare),
    **dict.fromkeys(SUMS, Outcomes._sum),
    **dict.fromkeys(_CHANGES, Outcomes._text),
}
