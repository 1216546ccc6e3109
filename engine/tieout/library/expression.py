"""The condition language: text to a checked and normalised syntax tree, or the mistakes with their place in the file.

sqlglot reads it; every node must be on the allow-list of ``language``, every column in the canon, every type fit, the
root be boolean and nothing be a float. What comes out holds only what may run. ``validation`` turns it into queries.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlglot import TokenType, exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError

from tieout.library.language import (
    AGGREGATES,
    BOOLEAN,
    DATE,
    FUNCTIONS,
    IDENTIFIER_CHECKS,
    INTEGER,
    MAX_DIGITS,
    NULL,
    READINGS,
    TEXT,
    UNKNOWN,
    Kind,
    kind_of_column,
    number,
    unite,
)
from tieout.library.syntax import no_function, pattern_problem, scan, syntax_mistake, unclosed
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.canon import CANON, Table
from tieout.model.definitions import Expression
from tieout.model.errors import Mistake

__all__ = ["Scope", "chain", "columns_read", "kind_of_value", "parse"]

MAX_LENGTH = 4_000
MAX_DEPTH = 80


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name."""

    table: str | None
    """The table whose row is judged; its columns need no prefix."""
    parameters: tuple[tuple[str, Kind], ...] = ()
    code_lists: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    """Further tables with one row beside it (the other side of a match, a joined row)."""
    wants: str = "boolean"
    """boolean, number, or any."""

    @property
    def row_tables(self) -> tuple[str, ...]:
        """Tables with exactly one row here: the judged one, those above it, and ``also``."""
        return (*(chain(self.table) if self.table else ()), *self.also)


def chain(table: str) -> tuple[str, ...]:
    """The table and those above it, nearest first."""
    names = [table]
    while parent := CANON[names[-1]].parent:
        names.append(parent)
    return tuple(names)


def parse(node: Node, scope: Scope) -> tuple[Expression | None, list[Mistake]]:
    """The checked expression a scalar holds; None and all mistakes where it is not one.

    The tree has its columns qualified and may be read by any number of users; copy it before changing it.
    """
    if isinstance(node.value, dict | tuple) or node.value is None:
        return None, [node.mistake("must be a condition, written as text")]
    tree, wrong = _checked(node.text, scope)
    if wrong:
        return None, [Mistake(node.at(offset), text) for offset, text in wrong]
    return Expression(node.text.strip(), tree, node.location), []


def columns_read(expression: Expression) -> list[tuple[str, str]]:
    """(table, column) of every column the expression reads, in order of first appearance."""
    found = expression.tree.find_all(exp.Column, bfs=False)
    return list(dict.fromkeys((column.table, column.name) for column in found if column.name != "*"))


def kind_of_value(value: Any) -> Kind:
    """The kind of a parameter's value as YAML gave it; text that is an ISO date counts as a date."""
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return Kind("integer", len(str(abs(value))), 0)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        scale = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        return number(max(1, len(value.as_tuple().digits) - scale), scale)
    if isinstance(value, str):
        return DATE if _iso_date(value) else TEXT
    return UNKNOWN


def _iso_date(text: str) -> dt.date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _checked(text: str, scope: Scope) -> tuple[exp.Expr | None, tuple[tuple[int, str], ...]]:
    """The tree and the mistakes as (offset in the text, sentence)."""
    if re.fullmatch(r"\s*[a-z][a-z0-9_]*\s*", text) and scope.table and text.strip() in CANON[scope.table].by_name:
        return _bare(text.strip(), scope)
    if len(text) > MAX_LENGTH:
        return None, ((0, f"a condition of more than {MAX_LENGTH} characters; split the rule"),)
    try:
        tokens = DuckDB().tokenize(text)
    except TokenError:
        return None, ((0, unclosed(text)),)
    except RecursionError:
        return None, ((0, "brackets are nested too deeply; split the rule"),)
    wrong = list(scan(tokens))
    if wrong:
        return None, tuple(wrong)
    for token in tokens:
        # To DuckDB div is an operator and takes two arguments; ours takes three. The token keeps its place.
        if token.text.lower() == "div" and token.token_type is TokenType.DIV:
            token.token_type, token.text = TokenType.VAR, "div_"
    try:
        trees = DuckDB().parser().parse(tokens, text)
        if len(trees) != 1 or trees[0] is None:
            return None, ((0, "the condition is empty"),)
        return _Checker(text, scope).run(trees[0])
    except ParseError as exc:
        return None, (syntax_mistake(exc.errors[0] if exc.errors else {}, text),)
    except RecursionError:
        return None, ((0, "too many conditions inside one another; split the rule"),)


def _bare(name: str, scope: Scope) -> tuple[exp.Expr | None, tuple[tuple[int, str], ...]]:
    """The tree of a column's name alone, which most messages hold many of; no parser is needed."""
    node = exp.column(name)
    return _Checker(name, scope).run(node)


# --- the tree ---


class _Checker:
    """Visits a tree once: refuses, types, qualifies and normalises."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = scope
        self.parameters = {"as_of": DATE, **dict(scope.parameters)}
        self.wrong: list[tuple[int, str]] = []
        self.depth = 0
        self.inside: list[tuple[str, str, int]] | None = None
        """Within an aggregate: (table, column, offset) of the columns it names; None outside."""
        self.bare: list[tuple[str, int]] = []
        """Within an aggregate: columns of the judged row that were named without their table."""

    def run(self, tree: exp.Expr) -> tuple[exp.Expr | None, tuple[tuple[int, str], ...]]:
        root = exp.Paren(this=tree)
        kind = self.visit(tree)
        wants = self.scope.wants
        if not self.wrong:
            if wants == "boolean" and kind is not BOOLEAN:
                self.note(tree, f"must be {BOOLEAN}, and this is {kind}")
            elif wants == "number" and not kind.is_number:
                self.note(tree, f"must be a number, and this is {kind}")
            elif wants == "date" and kind is not DATE:
                self.note(tree, f"must be a date, and this is {kind}")
        if self.wrong:
            return None, tuple(dict.fromkeys(self.wrong))
        checked: exp.Expr = root.this.pop()
        checked.meta["kind"] = kind
        return checked, ()

    # helpers

    def place(self, node: exp.Expr) -> int:
        """The offset of the node, or of the first part of it that has a place."""
        starts = [each.meta["start"] for each in node.walk() if each._meta and "start" in each._meta]
        return min(starts, default=0)

    def note(self, node: exp.Expr, text: str) -> Kind:
        self.wrong.append((self.place(node), text))
        return UNKNOWN

    def visit(self, node: exp.Expr) -> Kind:
        handler = _HANDLERS.get(node.key)
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise RecursionError
            if handler:
                return handler(self, node)
            if node.key in FUNCTIONS:
                return self.function(node)
            if node.key in AGGREGATES:
                return self.aggregate(node, node, None)
            return self.unavailable(node)
        finally:
            self.depth -= 1

    def unavailable(self, node: exp.Expr) -> Kind:
        if isinstance(node, exp.Alias):
            return self.note(node.args["alias"], f"'{node.alias}' cannot stand here; is an operator missing before it?")
        start = self.place(node)
        snippet = " ".join(self.text[start : start + 40].split())
        return self.note(node, f"this is not available in rules: {snippet}{'...' if len(snippet) >= 40 else ''}")

    def need(self, node: exp.Expr, wanted: str, where: str) -> Kind:
        """Visits an argument and notes a mistake where its kind is not the wanted one."""
        kind = self.visit(node)
        fits = (
            kind in (UNKNOWN, NULL)
            or wanted == "any"
            or kind.name == wanted
            or (wanted == "number" and kind.is_number)
            or (wanted == "date" and kind.name == "timestamp")
        )
        if not fits and wanted == "date" and self.as_date(node):
            return DATE
        if not fits:
            hint = " (put it in quotes)" if wanted == "text" and kind.is_number and node.key == "literal" else ""
            return self.note(node, f"{where} needs {Kind(wanted)}, and this is {kind}{hint}")
        return kind

    def as_date(self, node: exp.Expr) -> exp.Expr | None:
        """The date that takes the place of a text that is an ISO date; None where it is not."""
        if isinstance(node, exp.Literal) and node.is_string and _iso_date(node.name):
            return _replace(node, exp.cast(node.copy(), "date"))
        return None

    def comparable(self, nodes: list[exp.Expr]) -> tuple[Kind, list[Kind]] | None:
        """The kind all the nodes share, and each node's own; None after noting a mistake.

        A date in quotes among dates becomes a date, also in the list given.
        """
        kinds = [self.visit(node) for node in nodes]
        for index, kind in enumerate(kinds):
            others = {each.name for i, each in enumerate(kinds) if i != index}
            if kind is TEXT and others & {"date", "timestamp"}:
                if made := self.as_date(nodes[index]):
                    nodes[index], kinds[index] = made, DATE
                elif isinstance(nodes[index], exp.Literal):
                    self.note(nodes[index], f"'{nodes[index].name}' is not a date; write it like '2024-12-31'")
                    return None
        united = unite(kinds)
        if united is None:
            first = next(kind for kind in kinds if kind.name not in ("null", "unknown"))
            index = next(i for i, kind in enumerate(kinds) if unite([first, kind]) is None)
            hint = ""
            if {first.name, kinds[index].name} & {"integer", "number"} and TEXT in (first, kinds[index]):
                hint = "; put the number in quotes, or take the quotes off"
            self.note(nodes[0], f"{_short(nodes[0])} is {first}, but {_short(nodes[index])} is {kinds[index]}{hint}")
            return None
        return united, kinds

    # names

    def column(self, node: exp.Expr) -> Kind:
        assert isinstance(node, exp.Column)
        if isinstance(node.this, exp.Star) or node.args.get("db"):
            return self.unavailable(node)
        name, table = node.name.lower(), node.table.lower()
        if not table:
            return self.bare_column(node, name)
        if table not in CANON:
            known = [*self.scope.row_tables, *self.children()]
            return self.note(node, f"no table '{table}'{did_you_mean(table, known or CANON)}")
        if self.inside is None and table not in self.scope.row_tables:
            return self.other_table(node, table, name)
        if name not in CANON[table].by_name:
            return self.note(node, _no_column(name, CANON[table]))
        return self.resolved(node, table, name)

    def bare_column(self, node: exp.Column, name: str) -> Kind:
        tables = (self.scope.table,) if self.scope.table else self.scope.also
        holders = [table for table in tables if table and name in CANON[table].by_name]
        if len(holders) == 1:
            if self.inside is not None:
                self.bare.append((name, self.place(node)))
            return self.resolved(node, holders[0], name)
        if len(holders) > 1:
            return self.note(node, f"'{name}' stands in {' and '.join(holders)}; write {holders[0]}.{name}")
        if self.inside is not None:
            found = [table for table in (*self.children(), *self.scope.row_tables) if name in CANON[table].by_name]
            hint = f"; write {found[0]}.{name}" if found else did_you_mean(name, self.nearby_columns())
            return self.note(node, f"inside an aggregate '{name}' needs its table{hint}")
        for above in self.scope.row_tables[1:]:
            if name in CANON[above].by_name:
                return self.note(node, f"'{name}' is a column of {above}; write {above}.{name}")
        for child in self.children():
            if name in CANON[child].by_name:
                wrap = _wrapping(kind_of_column(CANON[child].by_name[name].sql_type))
                return self.note(
                    node, f"'{name}' is a column of {child}, which has many rows; write {wrap}({child}.{name})"
                )
        if self.scope.table is None:
            return self.note(node, f"no column '{name}'{did_you_mean(name, self.nearby_columns())}")
        return self.note(node, _no_column(name, CANON[self.scope.table]))

    def other_table(self, node: exp.Expr, table: str, name: str) -> Kind:
        if table in self.children():
            column = CANON[table].by_name.get(name)
            if column is None:
                return self.note(node, _no_column(name, CANON[table]))
            wrap = _wrapping(kind_of_column(column.sql_type))
            return self.note(node, f"{table} has many rows for one {self.scope.table}; write {wrap}({table}.{name})")
        return self.note(
            node,
            f"a rule on {self.scope.table or 'these tables'} cannot see {table}; "
            f"it can see {', '.join((*self.scope.row_tables, *self.children()))}",
        )

    def resolved(self, node: exp.Expr, table: str, name: str) -> Kind:
        start = self.place(node)
        if self.inside is not None:
            self.inside.append((table, name, start))
        node.set("this", exp.to_identifier(name, quoted=True))
        node.set("table", exp.to_identifier(table, quoted=True))
        node.meta["start"] = start
        return kind_of_column(CANON[table].by_name[name].sql_type)

    def children(self) -> list[str]:
        """Tables with many rows for the judged row, or for a row above it."""
        mine = set(self.scope.row_tables)
        return [name for name in CANON if name not in mine and mine & set(chain(name)[1:])]

    def nearby_columns(self) -> list[str]:
        return [column for table in (*self.scope.row_tables, *self.children()) for column in CANON[table].by_name]

    def placeholder(self, node: exp.Expr) -> Kind:
        name = node.name
        if name not in self.parameters:
            position = self.text.find(f"${name}")
            hint = did_you_mean(name, self.parameters)
            self.wrong.append((max(0, position), f"no parameter '${name}' in params{hint}"))
            return UNKNOWN
        return self.parameters[name]

    # literals

    def literal(self, node: exp.Expr) -> Kind:
        assert isinstance(node, exp.Literal)
        if node.is_string:
            return TEXT
        text = node.name
        if not re.fullmatch(r"\d+(\.\d*)?", text):
            return self.note(node, f"'{text}' is not a number; write it out, such as 0.5")
        whole, _, decimals = text.partition(".")
        whole = whole.lstrip("0") or "0"
        if len(whole) + len(decimals) > MAX_DIGITS:
            return self.note(node, f"a number of more than {MAX_DIGITS} digits")
        if not decimals:
            node.set("this", whole)
            return Kind("integer", len(whole), 0) if len(whole) < 19 else number(len(whole), 0)
        return number(len(whole), len(decimals))

    def cast(self, node: exp.Expr) -> Kind:
        target: exp.DataType = node.args["to"]
        parts = [int(each.name) for each in target.expressions if each.name.isdigit()]
        name = target.this.name
        inner = node.this
        if name == "DATE":
            kind = self.visit(inner)
            if isinstance(inner, exp.Literal) and not (inner.is_string and _iso_date(inner.name)):
                return self.note(inner, f"'{inner.name}' is not a date; write it like date '2024-12-31'")
            if kind.name not in ("text", "date", "timestamp", "unknown", "null"):
                return self.note(inner, f"{kind} cannot become a date")
            return DATE
        kind = self.visit(inner)
        if name in ("VARCHAR", "TEXT") and not parts:
            return TEXT
        if name in ("INT", "BIGINT") and (kind.is_number or kind in (TEXT, UNKNOWN, NULL)):
            node.set("to", exp.DataType.build("bigint"))
            return INTEGER
        if name == "DECIMAL" and (kind.is_number or kind in (TEXT, UNKNOWN, NULL)):
            if len(parts) != 2 or not parts[1] <= parts[0] <= MAX_DIGITS or not parts[0]:
                return self.note(inner, "write decimal(digits, decimals), such as decimal(18, 2)")
            return number(parts[0] - parts[1], parts[1])
        return self.note(inner, "a cast goes to date, varchar, bigint or decimal(digits, decimals) only")

    # operators

    def connect(self, node: exp.Expr) -> Kind:
        parts: list[exp.Expr] = []
        stack = [node]
        while stack:
            each = stack.pop()
            if each.key == node.key:
                stack += [each.expression, each.this]
            else:
                parts.append(each)
        for part in parts:
            self.need(part, "boolean", f"'{node.key}'")
        return BOOLEAN

    def negate(self, node: exp.Expr) -> Kind:
        self.need(node.this, "boolean", "'not'")
        return BOOLEAN

    def compare(self, node: exp.Expr) -> Kind:
        left, right = node.this, node.expression
        if isinstance(left, exp.Null) or isinstance(right, exp.Null):
            if node.key in ("nullsafeeq", "nullsafeneq"):
                self.comparable([left, right])
                return BOOLEAN
            return self.note(node, "a comparison with null is never true; write 'is null' or 'is not null'")
        shared = self.comparable([left, right])
        if shared and shared[0] is BOOLEAN and node.key not in ("eq", "neq", "nullsafeeq", "nullsafeneq"):
            self.note(node, "conditions have no order; compare them with = or <>")
        return BOOLEAN

    def between(self, node: exp.Expr) -> Kind:
        self.comparable([node.this, node.args["low"], node.args["high"]])
        return BOOLEAN

    def among(self, node: exp.Expr) -> Kind:
        if not node.expressions:
            return self.note(node, "'in' needs a list of values, such as in ('a', 'b')")
        for part in node.expressions:
            if isinstance(part, exp.Null):
                self.note(node, "'in' with null never holds; write 'or ... is null'")
        self.comparable([node.this, *node.expressions])
        return BOOLEAN

    def is_(self, node: exp.Expr) -> Kind:
        kind = self.visit(node.this)
        if isinstance(node.expression, exp.Boolean) and kind not in (BOOLEAN, UNKNOWN):
            self.note(node, f"'is {str(node.expression.this).lower()}' needs {BOOLEAN}, and this is {kind}")
        elif not isinstance(node.expression, exp.Null | exp.Boolean):
            self.note(node, "'is' goes with null, not null, true or false; use = otherwise")
        return BOOLEAN

    def like(self, node: exp.Expr) -> Kind:
        self.need(node.this, "text", f"'{node.key}'")
        self.need(node.expression, "text", f"'{node.key}'")
        return BOOLEAN

    def add(self, node: exp.Expr) -> Kind:
        sign = "+" if node.key == "add" else "-"
        for side in (node.this, node.expression):
            if isinstance(side, exp.Interval):
                return self.note(node, "dates are counted in days: write date_column + 30")
        left, right = self.visit(node.this), self.visit(node.expression)
        if UNKNOWN in (left, right):
            return UNKNOWN
        if left.is_number and right.is_number:
            if left.name == right.name == "integer":
                return INTEGER
            return number(max(left.digits, right.digits) + 1, max(left.scale, right.scale))
        for date, days, side in ((left, right, node.expression), (right, left, node.this)):
            if date is DATE and days.name == "integer" and (sign == "+" or date is left):
                if not isinstance(side, exp.Literal):
                    _replace(side, exp.cast(side.copy(), "int"))
                return DATE
        if sign == "-" and left is DATE and (right is DATE or self.as_date(node.expression)):
            return INTEGER
        if left is NULL or right is NULL:
            return self.note(node, f"'{sign}' with null is always null; write coalesce(x, 0)")
        hint = "; text is joined by ||" if TEXT in (left, right) else ""
        return self.note(node, f"'{sign}' cannot take {left} and {right}{hint}")

    def multiply(self, node: exp.Expr) -> Kind:
        left = self.need(node.this, "number", "'*'")
        right = self.need(node.expression, "number", "'*'")
        if not (left.is_number and right.is_number):
            return UNKNOWN
        if left.name == right.name == "integer":
            return INTEGER
        scale = left.scale + right.scale
        if scale > MAX_DIGITS:
            return self.note(node, f"the product would have {scale} decimals; round a factor first: round(x, 6)")
        return number(left.digits + right.digits, scale)

    def modulo(self, node: exp.Expr) -> Kind:
        self.need(node.this, "integer", "'%'")
        self.need(node.expression, "integer", "'%'")
        return INTEGER

    def join_text(self, node: exp.Expr) -> Kind:
        self.need(node.this, "text", "'||'")
        self.need(node.expression, "text", "'||'")
        return TEXT

    def minus(self, node: exp.Expr) -> Kind:
        return self.need(node.this, "number", "'-'")

    def paren(self, node: exp.Expr) -> Kind:
        return self.visit(node.this)

    # functions

    def function(self, node: exp.Expr) -> Kind:
        function = FUNCTIONS[node.key]
        known = {argument for argument, _ in function.arguments}
        for argument, wanted in function.arguments:
            part = node.args.get(argument)
            if part is None:
                if not wanted.endswith("?"):
                    return self.note(node, f"{function.name} needs {len(function.arguments)} arguments")
                continue
            self.argument(part, wanted.rstrip("?"), function.name)
        for argument, part in node.args.items():
            if argument not in known and isinstance(part, exp.Expr) and part.key != "var":
                return self.note(node, f"{function.name} has an argument too many")
        return function.result

    def argument(self, part: exp.Expr, wanted: str, name: str) -> None:
        if wanted not in ("literal", "pattern"):
            self.need(part, wanted, name)
        elif not (isinstance(part, exp.Literal) and part.is_string):
            self.note(part, f"{name} needs its {wanted if wanted == 'pattern' else 'option'} as text in quotes")
        elif wanted == "pattern" and (problem := pattern_problem(part.name)):
            self.note(part, problem)

    def same(self, parts: list[exp.Expr]) -> Kind:
        """For coalesce and the like: all parts of one kind, which is the result."""
        shared = self.comparable(parts)
        if shared is None:
            return UNKNOWN
        united = shared[0]
        if united.name == "number" and united.digits + united.scale > MAX_DIGITS:
            # DuckDB would cut decimals to make room for digits before the point; keep the decimals.
            for part in parts:
                _replace(part, exp.cast(part.copy(), f"decimal({MAX_DIGITS}, {united.scale})"))
            return number(united.digits, united.scale)
        return united

    def coalesce(self, node: exp.Expr) -> Kind:
        return self.same([node.this, *node.expressions])

    def nullif(self, node: exp.Expr) -> Kind:
        shared = self.comparable([node.this, node.expression])
        return shared[1][0] if shared else UNKNOWN

    def case(self, node: exp.Expr) -> Kind:
        operand = node.args.get("this")
        if operand is not None:
            self.comparable([operand, *(branch.this for branch in node.args["ifs"])])
        results = []
        for branch in node.args["ifs"]:
            if operand is None:
                self.need(branch.this, "boolean", "'when'")
            results.append(branch.args["true"])
        default = node.args.get("default")
        return self.same([*results, *([default] if default is not None else [])])

    def if_(self, node: exp.Expr) -> Kind:
        self.need(node.this, "boolean", "'if'")
        other = node.args.get("false")
        return self.same([node.args["true"], *([other] if other is not None else [])])

    def absolute(self, node: exp.Expr) -> Kind:
        return self.need(node.this, "number", node.key)

    def sign(self, node: exp.Expr) -> Kind:
        self.need(node.this, "number", node.key)
        return INTEGER

    def whole(self, node: exp.Expr) -> Kind:
        if node.args.get("decimals") is not None or node.args.get("to") is not None:
            return self.note(node, f"{node.key} takes one number")
        kind = self.need(node.this, "number", node.key)
        return number(kind.digits + 1, 0) if kind.name == "number" else kind

    def round(self, node: exp.Expr) -> Kind:
        kind = self.need(node.this, "number", "round")
        decimals = node.args.get("decimals")
        scale = 0 if decimals is None else self.small_number(decimals, "round")
        if scale is None or not kind.is_number:
            return UNKNOWN
        if kind.name == "integer":
            return INTEGER
        return number(kind.digits + 1, min(scale, kind.scale))

    def small_number(self, node: exp.Expr, name: str) -> int | None:
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit() and int(node.name) <= 10:
            return int(node.name)
        self.note(node, f"{name} needs its decimals as a plain number from 0 to 10")
        return None

    def truncate(self, node: exp.Expr) -> Kind:
        unit = node.args["unit"].name.lower() if node.args.get("unit") else ""
        if unit not in ("month", "quarter", "year", "week"):
            return self.note(node, "date_trunc goes to 'week', 'month', 'quarter' or 'year'")
        self.need(node.this, "date", "date_trunc")
        _replace(node, exp.cast(node.copy(), "date"))
        return DATE

    def days(self, node: exp.Expr) -> Kind:
        if not node.args.get("unit") or node.args["unit"].name.lower() != "day":
            return self.note(node, "date_diff counts days only: date_diff('day', from, to), or to - from")
        self.need(node.this, "date", "date_diff")
        self.need(node.expression, "date", "date_diff")
        return INTEGER

    def named(self, node: exp.Expr) -> Kind:
        name = node.name.lower()
        if name == "div_":
            return self.divide(node)
        if name == "in_code_list":
            return self.in_code_list(node)
        if name in IDENTIFIER_CHECKS:
            if len(node.expressions) != 1:
                return self.note(node, f"{name} takes one value")
            self.need(node.expressions[0], "text", name)
            node.set("this", name)
            return BOOLEAN
        if name in READINGS:
            if len(node.expressions) != 1:
                return self.note(node, f"{name} takes one value")
            self.need(node.expressions[0], "text", name)
            node.set("this", name)
            return READINGS[name][0]
        return self.note(node, no_function(name))

    def in_code_list(self, node: exp.Expr) -> Kind:
        parts = node.expressions
        if len(parts) != 2 or not (isinstance(parts[1], exp.Literal) and parts[1].is_string):
            return self.note(node, "write in_code_list(code, 'LIST') with the list's name in quotes")
        self.need(parts[0], "text", "in_code_list")
        if parts[1].name not in self.scope.code_lists:
            hint = did_you_mean(parts[1].name, self.scope.code_lists)
            return self.note(parts[1], f"no code list '{parts[1].name}'{hint}")
        node.set("this", "in_code_list")
        return BOOLEAN

    def divide(self, node: exp.Expr) -> Kind:
        parts = node.expressions
        if len(parts) != 3:
            return self.note(node, "div takes three: div(a, b, decimals)")
        scale = self.small_number(parts[2], "div")
        left, right = (self.need(part, "number", "div") for part in parts[:2])
        if scale is None or not (left.is_number and right.is_number):
            return UNKNOWN
        _replace(node, _quotient(parts[0], parts[1], left, right, scale))
        return number(left.digits + right.scale + 1, scale)

    # aggregates

    def filtered(self, node: exp.Expr) -> Kind:
        if node.this.key not in AGGREGATES:
            return self.note(node, "'filter' goes with sum, count, min, max, bool_and and bool_or")
        return self.aggregate(node, node.this, node.expression.this)

    def aggregate(self, node: exp.Expr, call: exp.Expr, condition: exp.Expr | None) -> Kind:
        name = AGGREGATES[call.key]
        if self.inside is not None:
            return self.note(call, f"{name} cannot stand inside another aggregate")
        if self.scope.table is None:
            return self.note(call, f"{name} is not available here")
        self.inside, self.bare = [], []
        try:
            kind = self.aggregated(call, name)
            if condition is not None:
                self.need(condition, "boolean", "'filter (where ...)'")
            named = self.inside
        finally:
            self.inside = None
        if kind is UNKNOWN:
            return UNKNOWN
        tables = list(dict.fromkeys(table for table, _, _ in named))
        for bare, start in self.bare:
            for table in tables:
                if table != self.scope.table and bare in CANON[table].by_name:
                    self.wrong.append(
                        (start, f"'{bare}' stands in {self.scope.table} and {table}; write which is meant")
                    )
                    return UNKNOWN
        if not tables:
            return self.note(call, f"{name} must name what it goes over, such as {name}(invoice_line.row_no)")
        placed = self.goes_over(tables)
        if placed is None:
            return self.note(
                call,
                f"{name} goes over rows below {self.scope.table} or beside it; "
                f"{' and '.join(tables)} cannot be counted together",
            )
        node.meta["over"], node.meta["by"] = placed
        return kind

    def goes_over(self, tables: list[str]) -> tuple[str, str] | None:
        """(the table whose rows are aggregated, the table above it whose row they belong to)."""
        mine = self.scope.row_tables
        foreign = [table for table in tables if table not in mine]
        deepest = max(foreign or tables, key=lambda table: len(chain(table)))
        above = chain(deepest)
        if not set(foreign) <= set(above):
            return None
        by = next((table for table in above[1:] if table in mine), None)
        return (deepest, by) if by else None

    def aggregated(self, call: exp.Expr, name: str) -> Kind:
        inner = call.this
        if any(isinstance(part, exp.Expr) or part for key, part in call.args.items() if key not in ("this", "big_int")):
            return self.note(call, f"{name} takes one value")
        distinct = isinstance(inner, exp.Distinct)
        if distinct:
            if name != "count" or len(inner.expressions) != 1:
                return self.note(call, "'distinct' goes with count(distinct one_column) only")
            inner = inner.expressions[0]
        if name == "count":
            if isinstance(inner, exp.Star):
                return INTEGER
            if isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star) and not distinct:
                table = inner.table.lower()
                if table not in CANON:
                    return self.note(call, f"no table '{table}'{did_you_mean(table, CANON)}")
                assert self.inside is not None
                self.inside.append((table, "*", self.place(call)))
                call.set("this", exp.Star())
                return INTEGER
            kind = self.visit(inner)
            return UNKNOWN if kind is UNKNOWN else INTEGER
        if name in ("bool_and", "bool_or"):
            self.need(inner, "boolean", name)
            return BOOLEAN
        if name == "sum":
            kind = self.need(inner, "number", "sum")
            return number(MAX_DIGITS, kind.scale) if kind.name == "number" else kind
        return self.visit(inner)


def _replace(node: exp.Expr, made: exp.Expr) -> exp.Expr:
    """Puts ``made`` in the place of ``node``, and says where that stands in the text."""
    starts = [each.meta["start"] for each in node.walk() if each._meta and "start" in each._meta]
    if starts:
        made.meta["start"] = min(starts)
    node.replace(made)
    return made


def _quotient(a: exp.Expr, b: exp.Expr, left: Kind, right: Kind, scale: int) -> exp.Expr:
    """a / b rounded half away from zero to ``scale`` decimals, in whole numbers of 128 bits; null for b = 0.

    With A and B the values without their points, a / b * 10^scale is A * 10^(right.scale - left.scale + scale) / B, and
    (2|A| + |B|) // 2|B| rounds its halves up.
    """
    shift = right.scale - left.scale + scale
    top = _whole(a, left, max(0, shift))
    bottom = _whole(b, right, max(0, -shift))
    sql = (
        f"cast(sign({top}) * sign({bottom}) * ((2 * abs({top}) + abs({bottom})) // nullif(2 * abs({bottom}), 0)) "
        f"as decimal({MAX_DIGITS - scale}, 0))"
    )
    if scale:
        sql += f" * 0.{'0' * (scale - 1)}1"
    return exp.paren(exp.maybe_parse(sql, dialect="duckdb"), copy=False)


def _whole(node: exp.Expr, kind: Kind, shift: int) -> str:
    """The value times 10^(its scale + shift) as a whole number."""
    text = node.sql("duckdb", comments=False)
    if kind.scale and kind.digits + 2 * kind.scale > MAX_DIGITS:
        text = f"replace(cast({text} as varchar), '.', '')"
        base = f"cast({text} as hugeint)"
    else:
        base = f"cast(({text}) * {10**kind.scale} as hugeint)" if kind.scale else f"cast({text} as hugeint)"
    return f"({base} * {10**shift})" if shift else base


def _short(node: exp.Expr) -> str:
    text = node.sql("duckdb", comments=False).replace('"', "")
    return text if len(text) <= 40 else text[:37] + "..."


def _wrapping(kind: Kind) -> str:
    return "sum" if kind.is_number else "bool_and" if kind is BOOLEAN else "min"


def _no_column(name: str, table: Table) -> str:
    hint = did_you_mean(name, table.by_name)
    near = hint.partition("'")[2].partition("'")[0]
    if near and table.by_name[near].term != "-":
        hint = hint.replace("?", f" ({table.by_name[near].term})?")
    return f"no column '{name}' in table {table.name}{hint}"


def _constant(kind: Kind) -> Callable[[_Checker, exp.Expr], Kind]:
    return lambda _checker, _node: kind


_HANDLERS: dict[str, Callable[[_Checker, Any], Kind]] = {
    "column": _Checker.column,
    "placeholder": _Checker.placeholder,
    "literal": _Checker.literal,
    "boolean": _constant(BOOLEAN),
    "null": _constant(NULL),
    "cast": _Checker.cast,
    **dict.fromkeys(("and", "or"), _Checker.connect),
    "not": _Checker.negate,
    **dict.fromkeys(("eq", "neq", "lt", "lte", "gt", "gte", "nullsafeeq", "nullsafeneq"), _Checker.compare),
    "between": _Checker.between,
    "in": _Checker.among,
    "is": _Checker.is_,
    **dict.fromkeys(("like", "ilike"), _Checker.like),
    **dict.fromkeys(("add", "sub"), _Checker.add),
    "mul": _Checker.multiply,
    "mod": _Checker.modulo,
    "dpipe": _Checker.join_text,
    "neg": _Checker.minus,
    "paren": _Checker.paren,
    **dict.fromkeys(("coalesce", "greatest", "least"), _Checker.coalesce),
    "nullif": _Checker.nullif,
    "case": _Checker.case,
    "if": _Checker.if_,
    "abs": _Checker.absolute,
    "sign": _Checker.sign,
    **dict.fromkeys(("floor", "ceil"), _Checker.whole),
    "round": _Checker.round,
    "timestamptrunc": _Checker.truncate,
    "datetrunc": _Checker.truncate,
    "datediff": _Checker.days,
    "anonymous": _Checker.named,
    "filter": _Checker.filtered,
}
