"""The canonical tables as data: what every mapping fills, every rule may name and every stage reads.

A table has a key, maybe a parent, and columns; a column has a type, a term (BT-/BG- of EN 16931, an ISO 20022 name, or
a name of our own) and one sentence. The tables themselves stand in ``invoice_tables``, ``invoice_parts``, ``inventory_tables``,
``ledger_tables``, ``order_tables`` and ``run_tables``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

__all__ = ["CANON", "SQL_TYPES", "Column", "Table", "table"]

# Physical types. ``amount`` carries six decimals because line amounts of some national formats do and because official
# checks compare unrounded values; ``money`` is what ledgers and banks hold: at most four (ISO 4217), in 64 bits.
SQL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "text": "VARCHAR",
        "code": "VARCHAR",
        "identifier": "VARCHAR",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "integer": "BIGINT",
        "boolean": "BOOLEAN",
        "money": "DECIMAL(18,4)",
        "amount": "DECIMAL(24,6)",
        "unit_price": "DECIMAL(28,10)",
        "quantity": "DECIMAL(28,10)",
        "percentage": "DECIMAL(12,6)",
        "rate": "DECIMAL(18,8)",
        "score": "DECIMAL(9,6)",
        "json": "VARCHAR",
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table."""

    name: str
    type: str
    term: str
    description: str

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """One canonical table: one row a what, with its key and, for repeated groups, its parent."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    parent: str | None = None
    term: str = ""
    view: str = ""
    """A select that makes its rows of other tables, for a table that is mostly not stored as such."""

    @property
    def stored(self) -> str:
        """The name of the physical table that rows are appended to."""
        return f"given_{self.name}" if self.view else self.name

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        return MappingProxyType({column.name: column for column in self.columns})

    @property
    def root(self) -> str:
        """The table at the end of the chain of parents; itself without a parent."""
        return CANON[self.parent].root if self.parent else self.name

    @property
    def parent_key(self) -> tuple[str, ...]:
        """The columns that hold the parent's key, in the order of its key; empty without a parent."""
        return self.key[: len(CANON[self.parent].key)] if self.parent else ()


def table(
    name: str,
    description: str,
    rows: str,
    *,
    key: tuple[str, ...],
    parent: str | None = None,
    term: str = "",
    view: str = "",
) -> Table:
    """A Table from lines ``column | type | term | description``; blank lines are skipped."""
    columns = []
    for line in filter(str.strip, rows.splitlines()):
        column, kind, column_term, sentence = (part.strip() for part in line.split("|", 3))
        if kind not in SQL_TYPES:
            raise ValueError(f"{name}.{column}: no type {kind!r}")
        columns.append(Column(column, kind, column_term, sentence))
    return Table(name, description, tuple(columns), key, parent, term, view)


def _canon() -> dict[str, Table]:
    from tieout.model import inventory_tables, invoice_parts, invoice_tables, ledger_tables, order_tables, run_tables

    modules = (invoice_tables, invoice_parts, inventory_tables, ledger_tables, order_tables, run_tables)
    tables = [each for module in modules for each in module.TABLES]
    return {each.name: each for each in tables}


class _Canon(Mapping[str, Table]):
    """The canonical tables by name, in their written order; filled on first use."""

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return _canon()

    def __getitem__(self, name: str) -> Table:
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


CANON: Mapping[str, Table] = _Canon()
