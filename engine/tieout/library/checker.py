"""Visits the tree of an expression once: refuses what is not on the allow-list, types it, qualifies its columns.

Knows nodes by their key alone; how trees are made is ``expression``'s business, what each operator and function demands
stands in ``operators`` and ``functions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from tieout.library.language import BOOLEAN, DATE, NULL, TEXT, UNKNOWN, Kind, kind_of_column, unite
from tieout.library.mappings import no_column
from tieout.library.scope import Scope, chain, iso_date
from tieout.library.yamlfile import did_you_mean
from tieout.model.canon import CANON

__all__ = ["Checker", "Handler", "Trees"]

MAX_DEPTH = 80
MAX_REPLACEMENT = 20
MAX_GROWING = 3


class Trees(Protocol):
    """What the checker changes in a tree; nodes are the parser's own."""

    def cast(self, node: Any, type_name: str) -> Any:
        """A cast of a copy of the node."""

    def replace(self, node: Any, made: Any) -> Any:
        """Puts ``made`` in the place of ``node``; keeps its place in the text."""

    def qualify(self, node: Any, table: str, column: str) -> None:
        """Makes the column node name its table."""

    def count_rows(self, node: Any) -> None:
        """Makes the call of count, which named a table's rows, count rows."""

    def quotient(self, a: Any, b: Any, left: Kind, right: Kind, scale: int) -> Any:
        """a / b rounded half away from zero to ``scale`` decimals; null for b = 0."""

    def short(self, node: Any) -> str:
        """The node as its author wrote it, at most 40 characters."""


class Checker:
    """One expression being checked."""

    def __init__(self, text: str, scope: Scope, trees: Trees, handlers: Mapping[str, Handler]) -> None:
        self.text = text
        self.scope = scope
        self.trees = trees
        self.handlers = handlers
        self.parameters = {"as_of": DATE, **dict(scope.parameters)}
        self.wrong: list[tuple[int, str]] = []
        self.depth = 0
        self.inside: list[tuple[str, str, int]] | None = None
        """Within an aggregate: (table, column, offset) of the columns it names; None outside."""
        self.bare: list[tuple[str, int]] = []
        """Within an aggregate: columns of the judged row that were named without their table."""
        self.growing = 0

    def place(self, node: Any) -> int:
        """The offset of the node, or of the first part of it that has a place."""
        starts = [each.meta["start"] for each in node.walk() if each._meta and "start" in each._meta]
        return min(starts, default=0)

    def note(self, node: Any, text: str) -> Kind:
        self.wrong.append((self.place(node), text))
        return UNKNOWN

    def visit(self, node: Any) -> Kind:
        handler = self.handlers.get(node.key)
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise RecursionError
            if handler:
                return handler(self, node)
            return self.unavailable(node)
        finally:
            self.depth -= 1

    def unavailable(self, node: Any) -> Kind:
        if node.key == "alias":
            return self.note(
                node.args.get("alias") or node, f"'{node.alias}' cannot stand here; is an operator missing before it?"
            )
        start = self.place(node)
        snippet = " ".join(self.text[start : start + 40].split())
        return self.note(node, f"this is not available in rules: {snippet}{'...' if len(snippet) >= 40 else ''}")

    def need(self, node: Any, wanted: str, where: str) -> Kind:
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

    def as_date(self, node: Any) -> Any | None:
        """The date that takes the place of a text that is an ISO date; None where it is not."""
        if node.key == "literal" and node.is_string and iso_date(node.name):
            return self.trees.replace(node, self.trees.cast(node, "date"))
        return None

    def comparable(self, nodes: list[Any]) -> tuple[Kind, list[Kind]] | None:
        """The kind all the nodes share, and each node's own; None after noting a mistake.

        A date in quotes among dates becomes a date, also in the list given.
        """
        kinds = [self.visit(node) for node in nodes]
        for index, kind in enumerate(kinds):
            others = {each.name for i, each in enumerate(kinds) if i != index}
            if kind is TEXT and others & {"date", "timestamp"}:
                if made := self.as_date(nodes[index]):
                    nodes[index], kinds[index] = made, DATE
                elif nodes[index].key == "literal":
                    self.note(nodes[index], f"'{nodes[index].name}' is not a date; write it like '2024-12-31'")
                    return None
        united = unite(kinds)
        if united is None:
            first = next(kind for kind in kinds if kind.name not in ("null", "unknown"))
            index = next(i for i, kind in enumerate(kinds) if unite([first, kind]) is None)
            hint = ""
            if {first.name, kinds[index].name} & {"integer", "number"} and TEXT in (first, kinds[index]):
                hint = "; put the number in quotes, or take the quotes off"
            self.note(
                nodes[0],
                f"{self.trees.short(nodes[0])} is {first}, but {self.trees.short(nodes[index])} is {kinds[index]}{hint}",
            )
            return None
        return united, kinds

    def growth(self, node: Any) -> None:
        """Refuses replacements that, inside one another, could make a short text fill the memory."""
        text = node.args.get("replacement")
        if text is None or text.key != "literal":
            self.note(node, "replace needs its replacement as text in quotes")
        elif len(text.name) > 1:
            self.growing += 1
            if len(text.name) > MAX_REPLACEMENT or self.growing > MAX_GROWING:
                self.note(
                    node,
                    f"at most {MAX_GROWING} replacements by more than one character, "
                    f"each of at most {MAX_REPLACEMENT} characters",
                )

    # names

    def column(self, node: Any) -> Kind:
        if node.this.key == "star" or node.args.get("db"):
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
            return self.note(node, no_column(name, CANON[table]))
        return self.resolved(node, table, name)

    def bare_column(self, node: Any, name: str) -> Kind:
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
                wrap = wrapping(kind_of_column(CANON[child].by_name[name].sql_type))
                return self.note(
                    node, f"'{name}' is a column of {child}, which has many rows; write {wrap}({child}.{name})"
                )
        if self.scope.table is None:
            return self.note(node, f"no column '{name}'{did_you_mean(name, self.nearby_columns())}")
        return self.note(node, no_column(name, CANON[self.scope.table]))

    def other_table(self, node: Any, table: str, name: str) -> Kind:
        if table in self.children():
            column = CANON[table].by_name.get(name)
            if column is None:
                return self.note(node, no_column(name, CANON[table]))
            wrap = wrapping(kind_of_column(column.sql_type))
            return self.note(node, f"{table} has many rows for one {self.scope.table}; write {wrap}({table}.{name})")
        return self.note(
            node,
            f"a rule on {self.scope.table or 'these tables'} cannot see {table}; "
            f"it can see {', '.join((*self.scope.row_tables, *self.children()))}",
        )

    def resolved(self, node: Any, table: str, name: str) -> Kind:
        start = self.place(node)
        if self.inside is not None:
            self.inside.append((table, name, start))
        self.trees.qualify(node, table, name)
        node.meta["start"] = start
        return kind_of_column(CANON[table].by_name[name].sql_type)

    def children(self) -> list[str]:
        """Tables with many rows for the judged row, or for a row above it."""
        mine = set(self.scope.row_tables)
        return [name for name in CANON if name not in mine and mine & set(chain(name)[1:])]

    def nearby_columns(self) -> list[str]:
        return [column for table in (*self.scope.row_tables, *self.children()) for column in CANON[table].by_name]

    def placeholder(self, node: Any) -> Kind:
        name = node.name
        if name not in self.parameters:
            position = self.text.find(f"${name}")
            hint = did_you_mean(name, self.parameters)
            self.wrong.append((max(0, position), f"no parameter '${name}' in params{hint}"))
            return UNKNOWN
        return self.parameters[name]


def wrapping(kind: Kind) -> str:
    """The aggregate that is most likely meant for a value of the kind."""
    return "sum" if kind.is_number else "bool_and" if kind is BOOLEAN else "min"


Handler: TypeAlias = Callable[[Checker, Any], Kind]
