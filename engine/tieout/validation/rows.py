"""The rows a program judges, as a from clause: the table, the rows above it, groups of child rows, look-ups beside it.

Text only. ``compile`` asks for what its conditions name and gets aliases; what must exist beforehand comes as steps. What each
rule asked for is kept, so that the statements of some of the rules join and sum up no more than those need.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tieout.model.canon import CANON
from tieout.model.definitions import Code
from tieout.model.records import Query

__all__ = ["Codes", "Group", "Groups", "Lookup", "Needs", "Rows", "Step", "lineage", "quoted", "shown", "text_literal"]


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

Needs: TypeAlias = "frozenset[tuple[int, str]]"
"""What a condition reads: the number of rows or of a group, and the alias that is joined there or the column of sums."""


@dataclass(slots=True)
class Group:
    """One child table summed up for each row above it (or, correlated, for each row of another table)."""

    alias: str
    rows: Rows
    keys: tuple[str, ...]
    number: int
    aggregates: dict[str, str] = field(default_factory=dict)

    def column(self, aggregate: str) -> str:
        """The column that holds the aggregate; the same text gets the same column."""
        name = self.aggregates.setdefault(aggregate, f"a{len(self.aggregates)}")
        self.rows.groups.note(self.number, name)
        return f"{self.alias}.{name}"

    def query(self, needs: Needs | None) -> Query:
        """The statement that makes the group; needs: with the columns that are asked for only."""
        keys = [f"{key} as k{n}" for n, key in enumerate(self.keys)]
        sums = [
            f"{text} as {name}"
            for text, name in self.aggregates.items()
            if needs is None or (self.number, name) in needs
        ]
        columns = ",\n  ".join([*keys, *sums])
        return Query(
            f"~{self.alias}",
            f'create or replace temp table "~{self.alias}" as\nselect\n  {columns}\n'
            f"from {self.rows.source(needs)}\ngroup by {', '.join(self.keys)}",
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
        self._sources = 0
        self._noted: list[tuple[int, str]] = []

    def number(self) -> int:
        """A number for rows or for a group, by which it is told apart in ``Needs``."""
        self._sources += 1
        return self._sources

    def note(self, number: int, name: str) -> None:
        """Something is asked for, for the first time or again."""
        self._noted.append((number, name))

    @contextlib.contextmanager
    def noting(self) -> Iterator[list[tuple[int, str]]]:
        """What is asked for while the block runs."""
        self._noted = []
        yield self._noted

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
            self._groups[place] = Group(self.name("g"), rows, keys, self.number())
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

    def steps(self, needs: Needs | None = None) -> list[Step]:
        """The texts as written, then each group's look-ups and the group; needs: those that are asked for only."""
        names = None if needs is None else {name for _, name in needs}
        steps: list[Step] = [
            Query(
                f"~{alias}",
                f'create or replace temp table "~{alias}" as\n'
                "select invoice_id, line_row_no, row_no, text from as_written\n"
                f"where table_name = {text_literal(table)} and column_name = {text_literal(column)}",
            )
            for (table, column), (alias, _) in self._written.items()
            if names is None or alias in names
        ]
        for group in self._groups.values():
            if names is None or group.alias in names:
                steps += [*group.rows.steps(needs), group.query(needs)]
        return steps


class Rows:
    """One row source. Joins are added as they are needed; none changes the number of rows."""

    def __init__(self, table: str, groups: Groups, *, inner: tuple[str, str] | None = None) -> None:
        self.table = table
        self.groups = groups
        self._inner = inner
        self._number = groups.number()
        self._first = f'"{table}"'
        self._joins: dict[str, str] = {}
        self._before: dict[str, Sequence[Step]] = {}
        """The statements that make what is joined under the alias."""
        self._verdicts: dict[str, tuple[str, str]] = {}
        """The identifier check and the values whose verdicts are joined under the alias."""
        self._lookups: dict[tuple[str, str], str] = {}
        if inner:
            over, by = inner
            self._first += f'\njoin "{over}" on {_same_key(over, table, by)}'

    def source(self, needs: Needs | None = None, *, before: str | None = None) -> str:
        """The from clause; needs: with the joins that are asked for only, before: with those made before this alias."""
        joins = []
        for alias, join in self._joins.items():
            if alias == before:
                break
            if needs is None or (self._number, alias) in needs:
                joins.append(join)
        return "\n".join([self._first, *joins])

    def steps(self, needs: Needs | None = None) -> list[Step]:
        """What must be made before the from clause is used; needs: for the joins that are asked for only."""
        steps: list[Step] = []
        for alias in self._joins:
            if needs is not None and (self._number, alias) not in needs:
                continue
            steps += self._before.get(alias, ())
            if alias in self._verdicts:
                check, value = self._verdicts[alias]
                source = self.source(needs, before=alias)
                distinct = f"select distinct {value} as value\nfrom {source}\nwhere {value} is not null"
                steps.append(Lookup(check, f"~{check}", Query(f"values for {check}", distinct)))
        return steps

    def _joined(self, alias: str, join: str) -> None:
        self._joins.setdefault(alias, join)
        self.groups.note(self._number, alias)

    def need(self, table: str) -> None:
        """Makes the columns of the table, or of one above it, available."""
        if table == self.table or (self._inner and table == self._inner[0]):
            return
        below = self.table
        if self._inner and table not in lineage(self.table):
            below = self._inner[0]
        self._joined(table, f'left join "{table}" on {_same_key(table, below, table)}')

    def group(self, over: str, by: str, *, correlated: bool) -> Group:
        """The group of child rows that belong to a row of ``by`` (correlated: to a row of this table)."""
        group = self.groups.get(over, by, self.table if correlated else None)
        if correlated:
            on = f"{group.alias}.k0 = {quoted(self.table, 'rowid')}"
        else:
            mine = CANON[self.table].key[: len(group.keys)]
            on = " and ".join(f"{group.alias}.k{n} = {quoted(self.table, name)}" for n, name in enumerate(mine))
        self._joined(group.alias, f'left join "~{group.alias}" as {group.alias} on {on}')
        return group

    def lookup(self, check: str, value: str) -> str:
        """The alias of the row (value, valid) that holds the verdict on a value."""
        alias = self._lookups.get((check, value))
        if alias is None:
            alias = self._lookups[check, value] = self.groups.name("k")
            self._verdicts[alias] = (check, value)
        self._joined(alias, f'left join "~{check}" as {alias} on {alias}.value = {value}')
        return alias

    def written(self, table: str, column: str) -> str:
        """SQL for the text of the column as its document writes it; null where it is absent."""
        own = shown(quoted(table, column), CANON[table].by_name[column].type)
        if self.groups.shows(table, column):
            return own
        alias, on = self.groups.written(table, column)
        self._joined(alias, f'left join "~{alias}" as {alias} on {on}')
        return f"coalesce({alias}.text, {own})"

    def written_decimals(self, table: str, column: str) -> str:
        """SQL for how many characters follow the point in the text of the column as its document writes it."""
        text, value = self.written(table, column), quoted(table, column)
        counted = f"length({text}) - coalesce(nullif(strpos({text}, '.'), 0), length({text}))"
        if not self.groups.shows(table, column) or CANON[table].by_name[column].type not in ("money", "amount"):
            return f"({counted})"
        # Amounts are shown with two decimals at least; to see that there are no more takes a tenth of writing them out.
        return f"(case when {value} = round({value}, 2) then 2 else {counted} end)"

    def code(self, name: str, value: str) -> str:
        """The alias of the row of the code list that has the value as its code."""
        self.groups.code_lists.add(name)
        alias = self._lookups.get((name, value))
        if alias is None:
            alias = self._lookups[name, value] = self.groups.name("c")
        on = f"{alias}.list = {text_literal(name)} and {alias}.code = {value}"
        self._joined(alias, f'left join "~code_list" as {alias} on {on}')
        return alias

    def working(self, sql: str, on: Callable[[str], str], *, before: Sequence[Step]) -> str:
        """The alias of a working table made of the statement and joined by ``on(alias)``."""
        alias = self.groups.name("w")
        self._before[alias] = [*before, Query(f"~{alias}", f'create or replace temp table "~{alias}" as\n{sql}')]
        self._joined(alias, f'left join "~{alias}" as {alias} on {on(alias)}')
        return alias
