"""One rule as SQL: its conditions, the values they read and the date that picks their parameters. Text only."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from tieout.model.canon import CANON
from tieout.model.definitions import Expression, Parameter, Rule
from tieout.validation.kinds import balance, literal, reference, unique
from tieout.validation.outcomes import may_fail
from tieout.validation.program import Compiled, Value
from tieout.validation.rows import Rows, lineage, quoted, text_literal

__all__ = ["Writer"]


def _date(value: dt.date | None) -> str:
    return f"date '{value.isoformat()}'" if value else "null"


class Writer:
    """Writes one rule as SQL over its rows."""

    def __init__(
        self, rule: Rule, rows: Rows, as_of: dt.date | None, lists: Mapping[str, Any], *, careful: bool
    ) -> None:
        self.rule = rule
        self.rows = rows
        self.today = _date(as_of) if as_of else "$as_of"
        self.lists = lists
        self.careful = careful

    def compiled(self) -> Compiled:
        rule = self.rule
        values: dict[str, Value] = {}
        extra: dict[str, Value] = {}
        if rule.kind == "condition":
            assert rule.check is not None
            holds = self.safe(rule.check, values)
        else:
            holds = {"unique": unique, "reference": reference, "balance": balance}[rule.kind](self, values, extra)
        active = self.active(values)
        shown = {name: self.value(name, expression) for name, expression in rule.placeholders.items()}
        return Compiled(
            rule, " and ".join(active) or "true", holds, tuple(values.values()), {**shown, **extra}, self.judged()
        )

    def judged(self) -> tuple[str, ...]:
        """The columns of the row that the rule checks, in the order of its terms; none where it is about rows below."""
        rule, table = self.rule, CANON[self.rule.table]
        if rule.check is None:
            return tuple(rule.options.get("columns") or rule.options.get("key") or ())
        read = list(rule.check.tree.find_all(exp.Column))
        ranks = {term: n for n, term in enumerate(rule.terms)}
        named = dict.fromkeys(column.name for column in read if column.table == rule.table)
        meant = {name: ranks[term] for name in named if (term := table.by_name[name].term) in ranks}
        if meant or any(column.table not in lineage(rule.table) for column in read):
            return tuple(sorted(meant, key=meant.__getitem__))
        return tuple(named)

    def judges(self) -> list[str]:
        """Which documents a rule on places judges: by syntax, ``when`` and validity."""
        rule = self.rule
        parts = []
        if rule.options["syntax"]:
            parts.append(f"{quoted('invoice', 'syntax')} in ({', '.join(map(text_literal, rule.options['syntax']))})")
        return [*parts, *self.active({})]

    def active(self, values: dict[str, Value]) -> list[str]:
        """When the rule applies at all."""
        rule = self.rule
        parts = [self.safe(rule.when, values)] if rule.when else []
        if rule.valid_from or rule.valid_to:
            day = self.day(self.rows)
            parts += [f"{day} >= {_date(rule.valid_from)}"] if rule.valid_from else []
            parts += [f"{day} <= {_date(rule.valid_to)}"] if rule.valid_to else []
        return parts

    # expressions

    def safe(self, expression: Expression, values: dict[str, Value], rows: Rows | None = None) -> str:
        """The condition in brackets."""
        return self.guarded(self.sql(expression.tree, rows or self.rows, values), expression.tree)

    def guarded(self, text: str, tree: exp.Expr) -> str:
        return f"try({text})" if self.careful and may_fail(tree) else f"({text})"

    def value(self, name: str, expression: Expression) -> Value:
        tree = expression.tree
        return Value(name, self.guarded(self.sql(tree, self.rows, {}), tree), _type(tree))

    def sql(self, tree: exp.Expr, rows: Rows, values: dict[str, Value]) -> str:
        """The tree as SQL over the rows; what it reads is noted in ``values``."""
        root = exp.Paren(this=tree.copy())
        self.settle(root.this, rows, values)
        return _render(root.this)

    def settle(self, node: exp.Expr, rows: Rows, values: dict[str, Value]) -> None:
        """Replaces, from the leaves up, what only this room can resolve."""
        if "over" in node.meta:
            label = _label(node)
            text = self.aggregate(node, rows)
            values.setdefault(label, Value(label, text, _type(node)))
            node.replace(exp.Var(this=text))
            return
        for child in list(node.iter_expressions()):
            self.settle(child, rows, values)
        if isinstance(node, exp.Column):
            rows.need(node.table)
            label = self.label(node)
            values.setdefault(label, Value(label, quoted(node.table, node.name), _type(node)))
        elif isinstance(node, exp.Placeholder):
            text = self.parameter(node.name, rows)
            if node.name != "as_of":
                values.setdefault(f"${node.name}", Value(f"${node.name}", text, "parameter"))
            node.replace(exp.Var(this=text))
        elif isinstance(node, exp.Trim) and node.expression is None:
            # A blank is U+0020: DuckDB alone would take a no-break space for one, which XML does not.
            node.set("expression", exp.Literal.string(" "))
        elif isinstance(node, exp.Anonymous):
            text = self.looked_up(node, rows)
            if node.name in ("written", "written_decimals"):
                column = node.expressions[0]
                label = f"written({self.label(column)})"
                values.setdefault(label, Value(label, rows.written(column.table, column.name), "text"))
            node.replace(exp.Var(this=text))

    def label(self, column: exp.Expr) -> str:
        """The column as the rule's author names it."""
        assert isinstance(column, exp.Column)
        return column.name if column.table == self.rule.table else f"{column.table}.{column.name}"

    def looked_up(self, node: exp.Anonymous, rows: Rows) -> str:
        """A verdict of an identifier check or a code list; null for a null."""
        tree = node.expressions[0]
        if node.name in ("written", "written_decimals"):
            assert isinstance(tree, exp.Column)
            of = rows.written if node.name == "written" else rows.written_decimals
            return of(tree.table, tree.name)
        value = f"try({_render(tree)})" if self.careful and may_fail(tree) else _render(tree)
        if node.name != "in_code_list":
            return f"{rows.lookup(node.name, value)}.valid"
        name = node.expressions[1].name
        alias = rows.code(name, value)
        held = f"{alias}.code is not null"
        if any(code.valid_from or code.valid_to for code in self.lists[name]):
            day = self.day(rows)
            held += f" and coalesce({alias}.valid_from <= {day}, true) and coalesce({alias}.valid_to >= {day}, true)"
        return f"case when {value} is not null then {held} end"

    def aggregate(self, node: exp.Expr, rows: Rows) -> str:
        """The column of a group that holds the aggregate. A count of no rows is 0, everything else null."""
        over, by = node.meta["over"], node.meta["by"]
        named = {column.table for column in node.find_all(exp.Column)}
        if node.find(exp.Placeholder) and self.rule.date_field:
            named.add(self.rule.date_field.partition(".")[0])
        group = rows.group(over, by, correlated=not named <= set(lineage(over)))
        inner: dict[str, Value] = {}
        root = exp.Paren(this=node.copy())
        for child in list(root.this.iter_expressions()):
            self.settle(child, group.rows, inner)
        text = _render(root.this)
        call = node.this if isinstance(node, exp.Filter) else node
        parts = [call.this, *([node.expression.this] if isinstance(node, exp.Filter) else [])]
        if self.careful and any(may_fail(part) for part in parts):
            # One row that cannot be computed makes the whole sum unknown: a sum without it would be a wrong one.
            settled = root.this.this if isinstance(root.this, exp.Filter) else root.this
            computed = [settled.this, *([root.this.expression.this] if isinstance(root.this, exp.Filter) else [])]
            read = [value.sql for value in inner.values() if value.type != "parameter"]
            known = " and ".join(f"{sql} is not null" for sql in read) or "true"
            broken = " or ".join(f"try({_render(part)}) is null" for part in computed)
            for part in computed:
                part.replace(exp.Var(this=f"try({_render(part)})"))
            text = f"case when count_if(({broken}) and {known}) = 0 then {_render(root.this)} end"
        column = group.column(text)
        return f"coalesce({column}, 0)" if isinstance(call, exp.Count) else column

    def parameter(self, name: str, rows: Rows) -> str:
        if name == "as_of":
            return self.today
        parameter: Parameter = self.rule.params[name]
        if len(parameter.values) == 1 and parameter.values[0][0] is None:
            return literal(parameter.values[0][1])
        day = self.day(rows)
        cases = " ".join(
            f"when {day} >= {_date(start or dt.date.min)} then {literal(value)}"
            for start, value in reversed(parameter.values)
        )
        return f"case {cases} end"

    def day(self, rows: Rows) -> str:
        """The date that picks the version: the rule's date field, or the date of the run where that is null."""
        if self.rule.date_field is None:
            return self.today
        table, _, column = self.rule.date_field.partition(".")
        rows.need(table)
        return f"coalesce(cast({quoted(table, column)} as date), {self.today})"


class _Generator(threading.local):
    """What writes trees as SQL, made once a thread: making it takes as long as writing."""

    def __init__(self) -> None:
        self.generate = Dialect.get_or_raise("duckdb").generator(comments=False, normalize_functions="lower").generate


_GENERATOR = _Generator()


def _render(tree: exp.Expr) -> str:
    return _GENERATOR.generate(tree)


def _label(node: exp.Expr) -> str:
    """An aggregate as its author would write it."""
    text = _render(node).replace('"', "")
    return text.replace("(*)", f"({node.meta['over']}.*)")


def _type(tree: exp.Expr) -> str:
    """The canonical type by which a value is shown."""
    if isinstance(tree, exp.Column):
        return CANON[tree.table].by_name[tree.name].type
    if "kind" in tree.meta:
        name = str(tree.meta["kind"].name)
        return {"number": "amount"}.get(name, name)
    call = tree.this if isinstance(tree, exp.Filter) else tree
    if isinstance(call, exp.Count):
        return "integer"
    if isinstance(call, exp.LogicalAnd | exp.LogicalOr):
        return "boolean"
    return _type(call.this) if isinstance(call.this, exp.Column) else "amount"
