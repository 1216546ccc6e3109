"""The kinds of rules that compare rows with others: unique, reference and balance, as SQL. ``compile`` writes the rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

from tieout.model.canon import CANON
from tieout.model.definitions import Expression, Rule
from tieout.validation.program import Value
from tieout.validation.rows import Rows, quoted, text_literal

__all__ = ["balance", "literal", "object_id", "reference", "unique"]


class Writer(Protocol):
    """What writes a rule's expressions as SQL."""

    rule: Rule
    rows: Rows

    def safe(self, expression: Expression, values: dict[str, Value], rows: Rows | None = None) -> str: ...
    def sql(self, tree: Any, rows: Rows, values: dict[str, Value]) -> str: ...


def object_id(table: str) -> str:
    """SQL for the text that names the object of a row: its key without the row number."""
    key = CANON[table].key
    integer = {name for name in key if CANON[table].by_name[name].type == "integer"}
    parts = [f"cast({quoted(table, name)} as varchar)" for name in key if name not in integer] or [
        f"cast({quoted(table, name)} as varchar)" for name in key
    ]
    return parts[0] if len(parts) == 1 else f"concat_ws('/', {', '.join(parts)})"


def _own(writer: Writer, names: Iterable[str], values: dict[str, Value]) -> list[str]:
    columns = []
    for name in names:
        sql = quoted(writer.rule.table, name)
        values[name] = Value(name, sql, CANON[writer.rule.table].by_name[name].type)
        columns.append(sql)
    return columns


def unique(writer: Writer, values: dict[str, Value], extra: dict[str, Value]) -> str:
    """Fails for each row whose columns stood together in a row before it, in the order of the key."""
    table = writer.rule.table
    columns = _own(writer, writer.rule.options["columns"], values)
    inner = Rows(table, writer.rows.groups)
    when = writer.safe(writer.rule.when, {}, inner) if writer.rule.when else "true"
    order = ", ".join([*(quoted(table, name) for name in CANON[table].key), f'"{table}".rowid'])
    known = " and ".join(f"{column} is not null" for column in columns)
    window = f"partition by {', '.join(columns)} order by {order}"
    alias = writer.rows.working(
        f"select {quoted(table, 'rowid')} as rid, row_number() over ({window}) as position,\n"
        f"  first_value({object_id(table)}) over ({window}) as first_id\n"
        f"from {inner.source()}\nwhere {known} and {when}\n"
        f"qualify count(*) over (partition by {', '.join(columns)}) > 1",
        lambda alias: f"{alias}.rid = {quoted(table, 'rowid')}",
        before=inner.steps(),
    )
    extra["first"] = values["first"] = Value("first", f"{alias}.first_id", "identifier")
    missing = " or ".join(f"{column} is null" for column in columns)
    return f"(case when {missing} then null else coalesce({alias}.position, 1) = 1 end)"


def reference(writer: Writer, values: dict[str, Value], extra: dict[str, Value]) -> str:  # noqa: ARG001 - as every kind is called
    """Fails for each row whose columns are in no row of the other table; null where there are no rows to be in."""
    options = writer.rule.options
    columns = _own(writer, options["columns"], values)
    other = Rows(options["table"], writer.rows.groups)
    where = writer.safe(options["where"], {}, other) if options["where"] else "true"
    targets = [quoted(options["table"], name) for name in options["references"]]
    picked = ", ".join(f"{target} as k{n}" for n, target in enumerate(targets))
    alias = writer.rows.working(
        f"select distinct {picked}\nfrom {other.source()}\nwhere {where}",
        lambda alias: " and ".join(f"{alias}.k{n} = {column}" for n, column in enumerate(columns)),
        before=other.steps(),
    )
    missing = " or ".join(f"{column} is null" for column in columns)
    empty = f'not exists (select 1 from "~{alias}")'
    return f"(case when {missing} or {empty} then null else {alias}.k0 is not null end)"


def balance(writer: Writer, values: dict[str, Value], extra: dict[str, Value]) -> str:
    """Fails for each row for whose key the two sums differ by more than the tolerance; no rows sum to 0.

    With ``at_most`` the left sum may be smaller by any amount.
    """
    options = writer.rule.options
    keys = _own(writer, options["key"], values)
    sums = []
    for name in ("left", "right"):
        side = options[name]
        other = Rows(side["table"], writer.rows.groups)
        where = writer.safe(side["where"], {}, other) if side["where"] else "true"
        total = f"sum({writer.sql(side['sum'].tree, other, {})})"
        by = [quoted(side["table"], column) for column in side["by"]]
        picked = ", ".join(f"{column} as k{n}" for n, column in enumerate(by))
        alias = writer.rows.working(
            f"select {picked}, {total} as total\nfrom {other.source()}\nwhere {where}\ngroup by {', '.join(by)}",
            lambda alias: " and ".join(f"{alias}.k{n} = {key}" for n, key in enumerate(keys)),
            before=other.steps(),
        )
        sums.append(f"coalesce({alias}.total, 0)")
        extra[name] = values[name] = Value(name, sums[-1], "amount")
    difference = f"{sums[0]} - {sums[1]}"
    extra["difference"] = values["difference"] = Value("difference", f"({difference})", "amount")
    missing = " or ".join(f"{key} is null" for key in keys)
    judged = f"{difference}" if options["at_most"] else f"abs({difference})"
    return f"(case when {missing} then null else {judged} <= {literal(options['tolerance'])} end)"


def literal(value: Any) -> str:
    """A parameter as an SQL literal; a text that is a date becomes one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    text = str(value)
    try:
        written_out = len(text) == 10 and text[4] == text[7] == "-"
        return f"date '{dt.date.fromisoformat(text).isoformat()}'" if written_out else text_literal(text)
    except ValueError:
        return text_literal(text)
