"""The rows a program judges, as a from clause: the table, the rows above it, groups of child rows, look-ups beside it.

Text only. ``compile`` asks for what its conditions name and gets aliases; what must exist beforehand comes as steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tieout.model.canon import CANON
from tieout.model.definitions import Code
from tieout.model.records import Query

__all__ = ["Codes", "Group", "Groups", "Lookup", "Rows", "Step", "lineage", "quoted", "shown", "text_literal"]


def quoted(table: str, column: str) -> str:
    """The column as SQL, with its table."""
    return f'"{table}"."{column}"'


def text_literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def shown(value: str, type: str) -> str:
    """SQL for a value as text: amounts with two decimals at least, other numbers without idle zeros."""
    match type:
        case "money" | "amount":
            return f"regexp_replace(cast({value} as varchar), '(\\.\\d\\d\\d*?)0+$', '\\1')"
        case "quantity" | "unit_price" | "percentage" | "rate" | "score":
            return f"regexp_replace(cast({value} as varchar), '\\.?0+$', '')"
        case "text" | "code" | "identifier":
            return value
    return f"cast({value} as varchar)"


def lineage(table: str) -> tuple[str, ...]:
    """The table and those above it, nearest first."""
    names = [table]
    while parent := CANON[names[-1]].parent:
        names.append(parent)
    return tuple(names)


def _same_key(left: str, right: str, above: str) -> str:
    """Two tables at or below ``above`` belong to the same row of it: keys begin with the key of what is above."""
    width = len(CANON[above].key)
    pairs = zip(CANON[left].key[:width], CANON[right].key[:width], strict=True)
    return " and ".join(f"{quoted(left, one)} = {quoted(right, other)}" for one, other in pairs)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Distinct values to be judged by an identifier check; ``table`` gets (value, valid)."""

    check: str
    table: str
    values: Query


@dataclass(frozen=True, slots=True)
class Codes:
    """Code lists to be put into a working table (list, code, valid_from, valid_to)."""

    table: str
    lists: Mapping[str, Sequence[Code]]


Step: TypeAlias = Query | Lookup | Codes


@dataclass(slots=True)
class Group:
    """One child table summed up for each row above it (or, correlated, for each row of another table)."""

    alias: str
    rows: Rows
    keys: tuple[str, ...]
    aggregates: dict[str, str] = field(default_factory=dict)

    def column(self, aggregate: str) -> str:
        """The column that holds the aggregate; the same text gets the same column."""
        name = self.aggregates.setdefault(aggregate, f"a{len(self.aggregates)}")
        return f"{self.alias}.{name}"

    def query(self) -> Query:
        keys = [f"{key} as k{n}" for n, key in enumerate(self.keys)]
        sums = [f"{text} as {name}" for text, name in self.aggregates.items()]
        columns = ",\n  ".join([*keys, *sums])
        return Query(
            f"~{self.alias}",
            f'create or replace temp table "~{self.alias}" as\nselect\n  {columns}\n'
            f"from {self.rows.source()}\ngroup by {', '.join(self.keys)}",
        )


class Groups:
    """The groups of one plan, shared by all its programs, and the numbers for their working tables."""

    def __init__(self, texts: Collection[tuple[str, str]] | None = None) -> None:
        """texts: the columns of which documents have texts that their values do not show; None where that is not known."""
        self._groups: dict[tuple[str, str, str | None], Group] = {}
        self._texts = texts
        self._numbers: dict[str, int] = {}
        self._written: dict[tuple[str, str], tuple[str, str]] = {}
        self.code_lists: set[str] = set()
        """The names of the code lists that were asked for."""

    def name(self, letter: str) -> str:
        self._numbers[letter] = self._numbers.get(letter, 0) + 1
        return f"{letter}{self._numbers[letter]}"

    def get(self, over: str, by: str, beside: str | None) -> Group:
        """The rows of ``over`` by the row of ``by`` above them; with ``beside``, by each row of that table."""
        place = (over, by, beside)
        if place not in self._groups:
            if beside is None:
                keys = tuple(quoted(over, name) for name in CANON[over].key[: len(CANON[by].key)])
                rows = Rows(over, self)
            else:
                keys = (quoted(beside, "rowid"),)
                rows = Rows(beside, self, inner=(over, by))
            self._groups[place] = Group(self.name("g"), rows, keys)
        return self._groups[place]

    def shows(self, table: str, column: str) -> bool:
        """Whether the column shows all texts as they are written."""
        return self._texts is not None and (table, column) not in self._texts

    def written(self, table: str, column: str) -> tuple[str, str]:
        """The working table of a column's texts as written, and what joins it to the column's table."""
        if (table, column) not in self._written:
            keys = [name for name in ("invoice_id", "line_row_no", "row_no") if name in CANON[table].key]
            alias = self.name("t")
            self._written[table, column] = alias, " and ".join(f"{alias}.{key} = {quoted(table, key)}" for key in keys)
        return self._written[table, column]

    def steps(self) -> list[Step]:
        """The texts as written, then each group's look-ups and the group."""
        steps: list[Step] = [
            Query(
                f"~{alias}",
                f'create or replace temp table "~{alias}" as\n'
                "select invoice_id, line_row_no, row_no, text from as_written\n"
                f"where table_name = {text_literal(table)} and column_name = {text_literal(column)}",
            )
            for (table, column), (alias, _) in self._written.items()
        ]
        for group in self._groups.values():
            steps += [*group.rows.steps(), group.query()]
        return steps


class Rows:
    """One row source. Joins are added as they are needed; none changes the number of rows."""

    def __init__(self, table: str, groups: Groups, *, inner: tuple[str, str] | None = None) -> None:
        self.table = table
        self.groups = groups
        self._inner = inner
        self._joins: dict[str, str] = {}
        self._steps: list[Step] = []
        self._lookups: dict[tuple[str, str], str] = {}
        if inner:
            over, by = inner
            self._joins[over] = f'join "{over}" on {_same_key(over, table, by)}'

    def source(self) -> str:
        return "\n".join([f'"{self.table}"', *self._joins.values()])

    def steps(self) -> list[Step]:
        return list(self._steps)

    def need(self, table: str) -> None:
        """Makes the columns of the table, or of one above it, available."""
        if table == self.table or table in self._joins:
            return
        below = self.table
        if self._inner and table not in lineage(self.table):
            below = self._inner[0]
        self._joins[table] = f'left join "{table}" on {_same_key(table, below, table)}'

    def group(self, over: str, by: str, *, correlated: bool) -> Group:
        """The group of child rows that belong to a row of ``by`` (correlated: to a row of this table)."""
        group = self.groups.get(over, by, self.table if correlated else None)
        if group.alias not in self._joins:
            if correlated:
                on = f"{group.alias}.k0 = {quoted(self.table, 'rowid')}"
            else:
                mine = CANON[self.table].key[: len(group.keys)]
                on = " and ".join(f"{group.alias}.k{n} = {quoted(self.table, name)}" for n, name in enumerate(mine))
            self._joins[group.alias] = f'left join "~{group.alias}" as {group.alias} on {on}'
        return group

    def lookup(self, check: str, value: str) -> str:
        """The alias of the row (value, valid) that holds the verdict on a value."""
        alias = self._lookups.get((check, value))
        if alias is None:
            alias = self._lookups[check, value] = self.groups.name("k")
            distinct = f"select distinct {value} as value\nfrom {self.source()}\nwhere {value} is not null"
            self._steps.append(Lookup(check, f"~{check}", Query(f"values for {check}", distinct)))
            self._joins[alias] = f'left join "~{check}" as {alias} on {alias}.value = {value}'
        return alias

    def written(self, table: str, column: str) -> str:
        """SQL for the text of the column as its document writes it; null where it is absent."""
        own = shown(quoted(table, column), CANON[table].by_name[column].type)
        if self.groups.shows(table, column):
            return own
        alias, on = self.groups.written(table, column)
        self._joins.setdefault(alias, f'left join "~{alias}" as {alias} on {on}')
        return f"coalesce({alias}.text, {own})"

    def code(self, name: str, value: str) -> str:
        """The alias of the row of the code list that has the value as its code."""
        self.groups.code_lists.add(name)
        alias = self._lookups.get((name, value))
        if alias is None:
            alias = self._lookups[name, value] = self.groups.name("c")
            on = f"{alias}.list = {text_literal(name)} and {alias}.code = {value}"
            self._joins[alias] = f'left join "~code_list" as {alias} on {on}'
        return alias

    def working(self, sql: str, on: Callable[[str], str], *, before: Sequence[Step]) -> str:
        """The alias of a working table made of the statement and joined by ``on(alias)``."""
        alias = self.groups.name("w")
        self._steps += [*before, Query(f"~{alias}", f'create or replace temp table "~{alias}" as\n{sql}')]
        self._joins[alias] = f'left join "~{alias}" as {alias} on {on(alias)}'
        return alias
