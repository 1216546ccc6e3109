"""What is known of the columns that rules read: nulls, the values of codes and the like, decimals of amounts. One scan a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from tieout.model.canon import CANON
from tieout.model.records import Query
from tieout.store.engine import Store, quote
from tieout.validation.outcomes import DECIMALS, VALUES
from tieout.validation.values import MOST_VALUES, NULL, Values

__all__ = ["known"]


def known(store: Store, asked: Mapping[tuple[str, str], int], tables: Collection[str]) -> dict[tuple[str, str], Values]:
    """What is known of each column asked for, of all rows of its table; it is null in all of those that are not named.

    asked: by (table, column) what of it is asked: NULLS, VALUES or DECIMALS.
    """
    found: dict[tuple[str, str], Values] = {}
    by_table: dict[str, dict[str, int]] = {}
    for (table, column), what in asked.items():
        if column not in CANON[table].by_name or (CANON[table].view and table in tables):
            continue
        if table in tables:
            by_table.setdefault(table, {})[column] = what
        else:
            found[table, column] = NULL
    if ("element", "name") in asked and "element" in tables:
        found["element", "name"] = _names(store)
    for table, columns in by_table.items():
        found |= {(table, column): values for column, values in _scanned(store, table, columns).items()}
    return found


def _names(store: Store) -> Values:
    """What elements and attributes are called, which the few shapes of documents say."""
    tables = ("element_shape", CANON["element"].stored)
    names = store.fetch(
        Query("names of elements", " union ".join(f"select name from {quote(each)}" for each in tables))
    )
    return Values(frozenset(names["name"].drop_nulls()), null=names["name"].has_nulls())


def _scanned(store: Store, table: str, columns: Mapping[str, int]) -> dict[str, Values]:
    """One statement, and one more where codes have several values."""
    types = {column: CANON[table].by_name[column] for column in columns}
    valued = [
        name for name, what in columns.items() if what == VALUES and types[name].sql_type in ("VARCHAR", "BOOLEAN")
    ]
    bounded = [
        name for name, what in columns.items() if what >= VALUES and types[name].sql_type.startswith(("DEC", "BIG"))
    ]
    counted = [name for name, what in columns.items() if what == DECIMALS and types[name].type in ("money", "amount")]
    selected = {"rows": "count(*)"}
    selected |= {f"given {name}": f"count({quote(name)})" for name in columns}
    selected |= {f"{end} {name}": f"{end}({quote(name)})" for name in valued + bounded for end in ("min", "max")}
    selected |= {f"two {name}": _with_two_decimals(quote(name)) for name in counted}
    told = store.first(Query(f"known of {table}", _select(selected, table)))
    ends = {name: (told[f"min {name}"], told[f"max {name}"]) for name in valued}
    values = {name: frozenset(pair) for name, pair in ends.items() if pair[0] == pair[1] or isinstance(pair[0], bool)}
    several = {
        name: f"list(distinct {quote(name)})" for name in valued if name not in values and types[name].type == "code"
    }
    if several:
        lists = store.first(Query(f"values of {table}", _select(several, table)))
        values |= {name: frozenset(each) for name, each in lists.items() if len(each) <= MOST_VALUES}
    found = {}
    for name in columns:
        given, two = told[f"given {name}"], told.get(f"two {name}")
        bounds = (
            [Decimal(told[f"{end} {name}"]) for end in ("min", "max")] if name in bounded and given else [None, None]
        )
        some = Values(values.get(name), given < told["rows"], 2 if two == given else None, *bounds)
        found[name] = some if given else NULL
    return found


def _select(columns: Mapping[str, str], table: str) -> str:
    listed = ",\n  ".join(f"{sql} as {quote(name)}" for name, sql in columns.items())
    return f"select\n  {listed}\nfrom {quote(table)}"


def _with_two_decimals(column: str) -> str:
    """How many values have no more than two decimals; those beyond 64 bits, which are slow to look at, are not counted."""
    small = f"try_cast({column} as decimal(18, 6))"
    return f"count_if({small} = round({small}, 2))"
