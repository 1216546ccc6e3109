"""What literals, casts and operators demand of their parts, and the kind that comes out."""

from __future__ import annotations

import re
from typing import Any

from tieout.library.checker import Checker, Handler
from tieout.library.language import BOOLEAN, DATE, INTEGER, MAX_DIGITS, NULL, TEXT, UNKNOWN, Kind, number
from tieout.library.scope import iso_date

__all__ = ["OPERATORS"]

NARROW = 18
"""The most digits that a decimal of 64 bits has."""


def literal(check: Checker, node: Any) -> Kind:
    if node.is_string:
        return TEXT
    text = node.name
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        return check.note(node, f"'{text}' is not a number; write it out, such as 0.5")
    whole, _, decimals = text.partition(".")
    whole = whole.lstrip("0") or "0"
    if len(whole) + len(decimals) > MAX_DIGITS:
        return check.note(node, f"a number of more than {MAX_DIGITS} digits")
    if not decimals:
        node.set("this", whole)
        return Kind("integer", len(whole), 0) if len(whole) < 19 else number(len(whole), 0)
    return number(len(whole), len(decimals))


def cast(check: Checker, node: Any) -> Kind:
    target: Any = node.args["to"]
    parts = [int(each.name) for each in target.expressions if each.name.isdigit()]
    name = target.this.name
    inner = node.this
    if name == "DATE":
        kind = check.visit(inner)
        if inner.key == "literal" and not (inner.is_string and iso_date(inner.name)):
            return check.note(inner, f"'{inner.name}' is not a date; write it like date '2024-12-31'")
        if kind.name not in ("text", "date", "timestamp", "unknown", "null"):
            return check.note(inner, f"{kind} cannot become a date")
        return DATE
    kind = check.visit(inner)
    if name in ("VARCHAR", "TEXT") and not parts:
        return TEXT
    if name in ("INT", "BIGINT") and (kind.is_number or kind in (TEXT, UNKNOWN, NULL)):
        check.trees.replace(node, check.trees.cast(inner, "bigint"))
        return INTEGER
    if name == "DECIMAL" and (kind.is_number or kind in (TEXT, UNKNOWN, NULL)):
        if len(parts) != 2 or not parts[1] <= parts[0] <= MAX_DIGITS or not parts[0]:
            return check.note(inner, "write decimal(digits, decimals), such as decimal(18, 2)")
        return number(parts[0] - parts[1], parts[1])
    return check.note(inner, "a cast goes to date, varchar, bigint or decimal(digits, decimals) only")


def connect(check: Checker, node: Any) -> Kind:
    parts: list[Any] = []
    stack = [node]
    while stack:
        each = stack.pop()
        if each.key == node.key:
            stack += [each.expression, each.this]
        else:
            parts.append(each)
    for part in parts:
        check.need(part, "boolean", f"'{node.key}'")
    return BOOLEAN


def negate(check: Checker, node: Any) -> Kind:
    check.need(node.this, "boolean", "'not'")
    return BOOLEAN


def compare(check: Checker, node: Any) -> Kind:
    left, right = node.this, node.expression
    if left.key == "null" or right.key == "null":
        if node.key in ("nullsafeeq", "nullsafeneq"):
            check.comparable([left, right])
            return BOOLEAN
        return check.note(node, "a comparison with null is never true; write 'is null' or 'is not null'")
    shared = check.comparable([left, right])
    if shared and shared[0] is BOOLEAN and node.key not in ("eq", "neq", "nullsafeeq", "nullsafeneq"):
        check.note(node, "conditions have no order; compare them with = or <>")
    return BOOLEAN


def between(check: Checker, node: Any) -> Kind:
    check.comparable([node.this, node.args["low"], node.args["high"]])
    return BOOLEAN


def among(check: Checker, node: Any) -> Kind:
    if not node.expressions:
        return check.note(node, "'in' needs a list of values, such as in ('a', 'b')")
    for part in node.expressions:
        if part.key == "null":
            check.note(node, "'in' with null never holds; write 'or ... is null'")
    check.comparable([node.this, *node.expressions])
    return BOOLEAN


def is_(check: Checker, node: Any) -> Kind:
    kind = check.visit(node.this)
    if node.expression.key == "boolean" and kind not in (BOOLEAN, UNKNOWN):
        check.note(node, f"'is {str(node.expression.this).lower()}' needs {BOOLEAN}, and this is {kind}")
    elif node.expression.key not in ("null", "boolean"):
        check.note(node, "'is' goes with null, not null, true or false; use = otherwise")
    return BOOLEAN


def like(check: Checker, node: Any) -> Kind:
    check.need(node.this, "text", f"'{node.key}'")
    check.need(node.expression, "text", f"'{node.key}'")
    return BOOLEAN


def add(check: Checker, node: Any) -> Kind:
    sign = "+" if node.key == "add" else "-"
    for side in (node.this, node.expression):
        if side.key == "interval":
            return check.note(node, "dates are counted in days: write date_column + 30")
    left, right = check.visit(node.this), check.visit(node.expression)
    if UNKNOWN in (left, right):
        return UNKNOWN
    if left.is_number and right.is_number:
        if left.name == right.name == "integer":
            return INTEGER
        return number(max(left.digits, right.digits) + 1, max(left.scale, right.scale))
    for date, days, side in ((left, right, node.expression), (right, left, node.this)):
        if date is DATE and days.name == "integer" and (sign == "+" or date is left):
            if side.key != "literal":
                check.trees.replace(side, check.trees.cast(side, "int"))
            return DATE
    if sign == "-" and left is DATE and (right is DATE or check.as_date(node.expression)):
        return INTEGER
    if left is NULL or right is NULL:
        return check.note(node, f"'{sign}' with null is always null; write coalesce(x, 0)")
    hint = "; text is joined by ||" if TEXT in (left, right) else ""
    return check.note(node, f"'{sign}' cannot take {left} and {right}{hint}")


def multiply(check: Checker, node: Any) -> Kind:
    left = check.need(node.this, "number", "'*'")
    right = check.need(node.expression, "number", "'*'")
    if not (left.is_number and right.is_number):
        return UNKNOWN
    if left.name == right.name == "integer":
        return INTEGER
    scale = left.scale + right.scale
    if scale > MAX_DIGITS:
        return check.note(node, f"the product would have {scale} decimals; round a factor first: round(x, 6)")
    widths = [each.digits + each.scale for each in (left, right)]
    if max(widths) <= NARROW < sum(widths):
        # DuckDB keeps the product of two narrow decimals in 64 bits and raises where it does not fit: 143400.0000 squared.
        check.trees.replace(node.this, check.trees.cast(node.this, f"decimal({NARROW + 1}, {left.scale})"))
    return number(left.digits + right.digits, scale)


def modulo(check: Checker, node: Any) -> Kind:
    check.need(node.this, "integer", "'%'")
    check.need(node.expression, "integer", "'%'")
    return INTEGER


def join_text(check: Checker, node: Any) -> Kind:
    check.need(node.this, "text", "'||'")
    check.need(node.expression, "text", "'||'")
    return TEXT


def minus(check: Checker, node: Any) -> Kind:
    return check.need(node.this, "number", "'-'")


def paren(check: Checker, node: Any) -> Kind:
    return check.visit(node.this)


def _constant(kind: Kind) -> Handler:
    return lambda _check, _node: kind


OPERATORS: dict[str, Handler] = {
    "column": Checker.column,
    "placeholder": Checker.placeholder,
    "literal": literal,
    "boolean": _constant(BOOLEAN),
    "null": _constant(NULL),
    "cast": cast,
    **dict.fromkeys(("and", "or"), connect),
    "not": negate,
    **dict.fromkeys(("eq", "neq", "lt", "lte", "gt", "gte", "nullsafeeq", "nullsafeneq"), compare),
    "between": between,
    "in": among,
    "is": is_,
    **dict.fromkeys(("like", "ilike"), like),
    **dict.fromkeys(("add", "sub"), add),
    "mul": multiply,
    "mod": modulo,
    "dpipe": join_text,
    "neg": minus,
    "paren": paren,
}
