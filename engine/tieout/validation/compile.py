"""Rules to SQL: few wide statements instead of one a rule. Composes text, runs nothing; ``check`` and ``cases`` run it.

A program judges one table by one pack: a row source (the table, the rows above it, one row of sums for each child table)
and for each rule a condition that says when a row fails. Child tables are grouped once, however many rules ask.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from tieout.model.canon import CANON
from tieout.model.definitions import Expression, Parameter, Rule, RuleSet
from tieout.model.records import Query
from tieout.validation.inventory import KINDS, Inventory, Judged
from tieout.validation.kinds import balance, literal, object_id, reference, unique
from tieout.validation.program import Compiled, Plan, Program, Value
from tieout.validation.rows import Codes, Groups, Rows, Step, lineage, quoted, text_literal

__all__ = ["applies", "compile_rules", "object_id", "read_as_written", "row_no"]


def row_no(table: str) -> str:
    """SQL for the row within the object; null where the object has one row."""
    last = CANON[table].key[-1]
    is_row = CANON[table].by_name[last].type == "integer" and len(CANON[table].key) > 1
    return quoted(table, last) if is_row else "cast(null as bigint)"


def compile_rules(
    rule_sets: Iterable[RuleSet],
    *,
    as_of: dt.date | None,
    tables: Iterable[str] | None = None,
    everywhere: bool = False,
    statuses: Sequence[str] = ("active",),
    careful: Collection[str] | None = (),
    texts: Collection[tuple[str, str]] | None = None,
) -> Plan:
    """The plan for the rules with one of the statuses.

    as_of: the date of the run; None leaves ``$as_of`` in the text, for readers.
    tables: only rules on these tables.
    everywhere: packs judge every document, also those they do not apply to by themselves.
    careful: the ids of rules for which what cannot be computed for a row (a text that is no number, an overflow) is
        null there, None for all; for others the statement fails as a whole, and takes a tenth of the time.
    """
    chosen = list(rule_sets)
    wanted = None if tables is None else set(tables)
    groups = Groups(texts)
    programs: list[Program] = []
    building: list[tuple[RuleSet, str, Rows, str, list[Compiled]]] = []
    lists = {name: codes for each in chosen for name, codes in each.code_lists.items()}
    for rule_set in chosen:
        by_table: dict[str, list[Rule]] = {}
        for rule in rule_set.rules:
            if rule.status in statuses and rule.kind not in KINDS and (wanted is None or rule.table in wanted):
                by_table.setdefault(rule.table, []).append(rule)
        for table, rules in by_table.items():
            rows = Rows(table, groups)
            applies = "true" if everywhere else _applies(rule_set, table, rows)
            writer = [
                _Writer(rule, rows, as_of, lists, careful=careful is None or rule.id in careful).compiled()
                for rule in rules
            ]
            building.append((rule_set, table, rows, applies, writer))
    inventory, judged = _inventory(chosen, groups, lists, as_of, everywhere=everywhere, statuses=statuses)
    for rule_set, table, rows, applies, compiled in building:
        programs.append(Program(rule_set, table, rows.source(), applies, tuple(compiled)))
    used = {name: lists[name] for name in sorted(groups.code_lists)}
    steps: list[Step] = [*([Codes("~code_list", used)] if used else []), *groups.steps()]
    for rows in (*(rows for _, _, rows, _, _ in building), judged):
        steps += rows.steps()
    names = [step.name if isinstance(step, Query) else step.table for step in steps]
    return Plan(tuple(steps), tuple(programs), tuple(dict.fromkeys(names)), inventory)


def _inventory(
    rule_sets: Sequence[RuleSet],
    groups: Groups,
    lists: Mapping[str, Any],
    as_of: dt.date | None,
    *,
    everywhere: bool,
    statuses: Sequence[str],
) -> tuple[Inventory | None, Rows]:
    """All rules that count elements, of all packs together, and the rows their conditions read."""
    rows = Rows("invoice", groups)
    judged: list[Judged] = []
    for rule_set in rule_sets:
        applies = "true" if everywhere else _applies(rule_set, "invoice", rows)
        for rule in rule_set.rules:
            if rule.kind in KINDS and rule.status in statuses:
                condition = _Writer(rule, rows, as_of, lists, careful=True).judges()
                judged.append(
                    Judged(rule, " and ".join(part for part in (applies, *condition) if part != "true") or "true")
                )
    return (Inventory(tuple(judged), rows.source()) if judged else None), rows


def _applies(rule_set: RuleSet, table: str, rows: Rows) -> str:
    """The documents a pack is for, by their specification identifier (BT-24) and syntax."""
    if not rule_set.applies or "invoice" not in lineage(table):
        return "true"
    rows.need("invoice")
    return applies(rule_set)


def applies(rule_set: RuleSet) -> str:
    """The invoices a pack is for, as a condition on their table."""
    conditions = []
    if prefixes := rule_set.applies.get("specification"):
        column = quoted("invoice", "specification_identifier")
        conditions.append(" or ".join(f"starts_with({column}, {text_literal(prefix)})" for prefix in prefixes))
    if syntaxes := rule_set.applies.get("syntax"):
        conditions.append(f"{quoted('invoice', 'syntax')} in ({', '.join(map(text_literal, syntaxes))})")
    return " and ".join(f"({condition})" for condition in conditions) or "true"


def read_as_written(rule_sets: Iterable[RuleSet]) -> frozenset[tuple[str, str]]:
    """The columns (table, name) of which a rule reads the text as its document writes it."""
    rules = [rule for rule_set in rule_sets for rule in rule_set.rules]
    found = [each for rule in rules for each in _expressions((rule.when, rule.check, rule.placeholders, rule.options))]
    calls = [call for each in found if "written" in each.text.lower() for call in each.tree.find_all(exp.Anonymous)]
    columns = [call.expressions[0] for call in calls if call.name == "written"]
    return frozenset((column.table, column.name) for column in columns)


def _expressions(value: Any) -> Iterator[Expression]:
    """All expressions in what a rule holds."""
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, Mapping):
        yield from _expressions(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _expressions(each)


def _date(value: dt.date | None) -> str:
    return f"date '{value.isoformat()}'" if value else "null"


class _Writer:
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
        return f"try({text})" if self.careful and _may_fail(tree) else f"({text})"

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
        elif isinstance(node, exp.Anonymous):
            text = self.looked_up(node, rows)
            if node.name == "written":
                label = f"written({self.label(node.expressions[0])})"
                values.setdefault(label, Value(label, text, "text"))
            node.replace(exp.Var(this=text))

    def label(self, column: exp.Expr) -> str:
        """The column as the rule's author names it."""
        assert isinstance(column, exp.Column)
        return column.name if column.table == self.rule.table else f"{column.table}.{column.name}"

    def looked_up(self, node: exp.Anonymous, rows: Rows) -> str:
        """A verdict of an identifier check or a code list; null for a null."""
        tree = node.expressions[0]
        if node.name == "written":
            assert isinstance(tree, exp.Column)
            return rows.written(tree.table, tree.name)
        value = f"try({_render(tree)})" if self.careful and _may_fail(tree) else _render(tree)
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
        if self.careful and any(_may_fail(part) for part in parts):
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


def _may_fail(tree: exp.Expr) -> bool:
    """Whether a value of some row can make the expression raise."""
    return tree.find(exp.Cast, exp.Mul, exp.Add, exp.Sub, exp.IntDiv, exp.Mod, exp.RegexpLike) is not None
