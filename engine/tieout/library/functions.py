"""What functions and aggregates demand of their arguments, and the kind that comes out."""

from __future__ import annotations

from typing import Any

from tieout.library.checker import Checker, Handler
from tieout.library.language import (
    AGGREGATES,
    BOOLEAN,
    DATE,
    FUNCTIONS,
    IDENTIFIER_CHECKS,
    INTEGER,
    MAX_DIGITS,
    READINGS,
    TEXT,
    UNKNOWN,
    Kind,
    number,
)
from tieout.library.scope import chain
from tieout.library.syntax import no_function, pattern_problem
from tieout.library.yamlfile import did_you_mean
from tieout.model.canon import CANON

__all__ = ["CALLS"]

MAX_WIDTH = 1_000


def function(check: Checker, node: Any) -> Kind:
    """A function whose arguments and result ``language`` lists."""
    known = FUNCTIONS[node.key]
    for name, wanted in known.arguments:
        part = node.args.get(name)
        if part is not None:
            argument(check, part, wanted.rstrip("?"), known.name)
        elif not wanted.endswith("?"):
            return check.note(node, f"{known.name} needs {len(known.arguments)} arguments")
    if node.key in ("replace", "regexpreplace"):
        check.growth(node)
    names = {name for name, _ in known.arguments}
    for name, part in node.args.items():
        if name not in names and hasattr(part, "key") and part.key != "var":
            return check.note(node, f"{known.name} has an argument too many")
    return known.result


def argument(check: Checker, part: Any, wanted: str, name: str) -> None:
    if wanted == "width":
        if not (part.key == "literal" and part.name.isdigit() and int(part.name) <= MAX_WIDTH):
            check.note(part, f"{name} needs its length as a plain number up to {MAX_WIDTH}")
    elif wanted not in ("literal", "pattern"):
        check.need(part, wanted, name)
    elif not (part.key == "literal" and part.is_string):
        check.note(part, f"{name} needs its {wanted if wanted == 'pattern' else 'option'} as text in quotes")
    elif wanted == "pattern" and (problem := pattern_problem(part.name)):
        check.note(part, problem)


def same(check: Checker, parts: list[Any]) -> Kind:
    """For coalesce and the like: all parts of one kind, which is the result."""
    shared = check.comparable(parts)
    if shared is None:
        return UNKNOWN
    united = shared[0]
    if united.name == "number" and united.digits + united.scale > MAX_DIGITS:
        # DuckDB would cut decimals to make room for digits before the point; keep the decimals.
        for part in parts:
            check.trees.replace(part, check.trees.cast(part, f"decimal({MAX_DIGITS}, {united.scale})"))
        return number(united.digits, united.scale)
    return united


def coalesce(check: Checker, node: Any) -> Kind:
    return same(check, [node.this, *node.expressions])


def nullif(check: Checker, node: Any) -> Kind:
    shared = check.comparable([node.this, node.expression])
    return shared[1][0] if shared else UNKNOWN


def case(check: Checker, node: Any) -> Kind:
    operand = node.args.get("this")
    if operand is not None:
        check.comparable([operand, *(branch.this for branch in node.args["ifs"])])
    results = []
    for branch in node.args["ifs"]:
        if operand is None:
            check.need(branch.this, "boolean", "'when'")
        results.append(branch.args["true"])
    default = node.args.get("default")
    return same(check, [*results, *([default] if default is not None else [])])


def if_(check: Checker, node: Any) -> Kind:
    check.need(node.this, "boolean", "'if'")
    other = node.args.get("false")
    return same(check, [node.args["true"], *([other] if other is not None else [])])


def absolute(check: Checker, node: Any) -> Kind:
    return check.need(node.this, "number", node.key)


def sign(check: Checker, node: Any) -> Kind:
    check.need(node.this, "number", node.key)
    return INTEGER


def whole(check: Checker, node: Any) -> Kind:
    if node.args.get("decimals") is not None or node.args.get("to") is not None:
        return check.note(node, f"{node.key} takes one number")
    kind = check.need(node.this, "number", node.key)
    return number(kind.digits + 1, 0) if kind.name == "number" else kind


def round_(check: Checker, node: Any) -> Kind:
    kind = check.need(node.this, "number", "round")
    decimals = node.args.get("decimals")
    scale = 0 if decimals is None else small_number(check, decimals, "round")
    if scale is None or not kind.is_number:
        return UNKNOWN
    if kind.name == "integer":
        return INTEGER
    return number(kind.digits + 1, min(scale, kind.scale))


def small_number(check: Checker, node: Any, name: str) -> int | None:
    if node.key == "literal" and not node.is_string and node.name.isdigit() and int(node.name) <= 10:
        return int(node.name)
    check.note(node, f"{name} needs its decimals as a plain number from 0 to 10")
    return None


def truncate(check: Checker, node: Any) -> Kind:
    unit = node.args["unit"].name.lower() if node.args.get("unit") else ""
    if unit not in ("month", "quarter", "year", "week"):
        return check.note(node, "date_trunc goes to 'week', 'month', 'quarter' or 'year'")
    check.need(node.this, "date", "date_trunc")
    check.trees.replace(node, check.trees.cast(node, "date"))
    return DATE


def days(check: Checker, node: Any) -> Kind:
    if not node.args.get("unit") or node.args["unit"].name.lower() != "day":
        return check.note(node, "date_diff counts days only: date_diff('day', from, to), or to - from")
    check.need(node.this, "date", "date_diff")
    check.need(node.expression, "date", "date_diff")
    return INTEGER


def named(check: Checker, node: Any) -> Kind:
    name = node.name.lower()
    if name == "div_":
        return divide(check, node)
    if name == "in_code_list":
        return in_code_list(check, node)
    if name in ("written", "written_decimals"):
        return written(check, node, name)
    if name in IDENTIFIER_CHECKS:
        if len(node.expressions) != 1:
            return check.note(node, f"{name} takes one value")
        check.need(node.expressions[0], "text", name)
        node.set("this", name)
        return BOOLEAN
    if name in READINGS:
        if len(node.expressions) != 1:
            return check.note(node, f"{name} takes one value")
        check.need(node.expressions[0], "text", name)
        node.set("this", name)
        return READINGS[name][0]
    return check.note(node, no_function(name))


def in_code_list(check: Checker, node: Any) -> Kind:
    parts = node.expressions
    if len(parts) != 2 or not (parts[1].key == "literal" and parts[1].is_string):
        return check.note(node, "write in_code_list(code, 'LIST') with the list's name in quotes")
    check.need(parts[0], "text", "in_code_list")
    if parts[1].name not in check.scope.code_lists:
        hint = did_you_mean(parts[1].name, check.scope.code_lists)
        return check.note(parts[1], f"no code list '{parts[1].name}'{hint}")
    node.set("this", "in_code_list")
    return BOOLEAN


def written(check: Checker, node: Any, name: str) -> Kind:
    """The text of a column as its document writes it, or how many decimals it has there.

    ``as_written`` holds the text where the value does not show it.
    """
    if len(node.expressions) != 1 or node.expressions[0].key != "column":
        return check.note(node, f"{name} takes one column, such as {name}(amount)")
    kind = check.visit(node.expressions[0])
    if kind is UNKNOWN:
        return UNKNOWN
    if "invoice" not in chain(node.expressions[0].table):
        return check.note(node, f"{name} is for invoices and what belongs to them, not for {node.expressions[0].table}")
    if name == "written_decimals" and kind.name != "number":
        return check.note(node, f"{name} takes a column with decimals, and {node.expressions[0].name} is {kind}")
    node.set("this", name)
    return TEXT if name == "written" else INTEGER


def divide(check: Checker, node: Any) -> Kind:
    parts = node.expressions
    if len(parts) != 3:
        return check.note(node, "div takes three: div(a, b, decimals)")
    scale = small_number(check, parts[2], "div")
    left, right = (check.need(part, "number", "div") for part in parts[:2])
    if scale is None or not (left.is_number and right.is_number):
        return UNKNOWN
    check.trees.replace(node, check.trees.quotient(parts[0], parts[1], left, right, scale))
    return number(left.digits + right.scale + 1, scale)


def filtered(check: Checker, node: Any) -> Kind:
    if node.this.key not in AGGREGATES:
        return check.note(node, "'filter' goes with sum, count, min, max, bool_and and bool_or")
    return aggregate(check, node, node.this, node.expression.this)


def aggregate(check: Checker, node: Any, call: Any, condition: Any | None) -> Kind:
    name = AGGREGATES[call.key]
    if check.inside is not None:
        return check.note(call, f"{name} cannot stand inside another aggregate")
    if check.scope.table is None:
        return check.note(call, f"{name} is not available here")
    check.inside, check.bare = [], []
    try:
        kind = aggregated(check, call, name)
        if condition is not None:
            check.need(condition, "boolean", "'filter (where ...)'")
        named = check.inside
    finally:
        check.inside = None
    if kind is UNKNOWN:
        return UNKNOWN
    tables = list(dict.fromkeys(table for table, _, _ in named))
    for bare, start in check.bare:
        for table in tables:
            if table != check.scope.table and bare in CANON[table].by_name:
                check.wrong.append((start, f"'{bare}' stands in {check.scope.table} and {table}; write which is meant"))
                return UNKNOWN
    if not tables:
        return check.note(call, f"{name} must name what it goes over, such as {name}(invoice_line.row_no)")
    placed = goes_over(check, tables)
    if placed is None:
        above = set(tables) <= set(check.scope.row_tables)
        why = "there is one row of it" if above else "they do not belong to the same rows"
        return check.note(
            call,
            f"{name} goes over rows below {check.scope.table} or beside it, not over {' and '.join(tables)}: {why}",
        )
    node.meta["over"], node.meta["by"] = placed
    return kind


def goes_over(check: Checker, tables: list[str]) -> tuple[str, str] | None:
    """(the table whose rows are aggregated, the table above it whose row they belong to)."""
    mine = check.scope.row_tables
    foreign = [table for table in tables if table not in mine]
    deepest = max(foreign or tables, key=lambda table: len(chain(table)))
    above = chain(deepest)
    if not set(foreign) <= set(above):
        return None
    by = next((table for table in above[1:] if table in mine), None)
    return (deepest, by) if by else None


def aggregated(check: Checker, call: Any, name: str) -> Kind:
    inner = call.this
    if any(hasattr(part, "key") or part for key, part in call.args.items() if key not in ("this", "big_int")):
        return check.note(call, f"{name} takes one value")
    distinct = inner.key == "distinct"
    if distinct:
        if name != "count" or len(inner.expressions) != 1:
            return check.note(call, "'distinct' goes with count(distinct one_column) only")
        inner = inner.expressions[0]
    if name == "count":
        if inner.key == "star":
            return INTEGER
        if inner.key == "column" and inner.this.key == "star" and not distinct:
            table = inner.table.lower()
            if table not in CANON:
                return check.note(call, f"no table '{table}'{did_you_mean(table, CANON)}")
            assert check.inside is not None
            check.inside.append((table, "*", check.place(call)))
            check.trees.count_rows(call)
            return INTEGER
        kind = check.visit(inner)
        return UNKNOWN if kind is UNKNOWN else INTEGER
    if name in ("bool_and", "bool_or"):
        check.need(inner, "boolean", name)
        return BOOLEAN
    if name == "sum":
        kind = check.need(inner, "number", "sum")
        return number(MAX_DIGITS, kind.scale) if kind.name == "number" else kind
    return check.visit(inner)


def _alone(check: Checker, node: Any) -> Kind:
    return aggregate(check, node, node, None)


CALLS: dict[str, Handler] = {
    **dict.fromkeys(FUNCTIONS, function),
    **dict.fromkeys(AGGREGATES, _alone),
    **dict.fromkeys(("coalesce", "greatest", "least"), coalesce),
    "nullif": nullif,
    "case": case,
    "if": if_,
    "abs": absolute,
    "sign": sign,
    **dict.fromkeys(("floor", "ceil"), whole),
    "round": round_,
    "timestamptrunc": truncate,
    "datetrunc": truncate,
    "datediff": days,
    "anonymous": named,
    "filter": filtered,
}
