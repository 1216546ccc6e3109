"""Inline cases of a rule: the given rows, typed by the canon, and the outcome they must have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tieout.library.language import kind_of_column
from tieout.library.mappings import no_column
from tieout.library.scope import chain
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.canon import CANON, Column
from tieout.model.definitions import RuleTest
from tieout.model.errors import Location, Mistake
from tieout.model.places import example_rows

__all__ = ["parse_tests", "place_tests"]


AS_OF = Column("as_of", "date", "-", "The date of the run.")


def parse_tests(node: Node | None, table: str) -> tuple[tuple[RuleTest, ...], list[Mistake]]:
    """The cases of a rule on the table, and their mistakes.

    ``given`` becomes table to rows, each row column to value; columns that stand alone are the judged row's.
    """
    mistakes: list[Mistake] = []
    tests = []
    for entry in node or ():
        rows: dict[str, list[dict[str, Any]]] = {}
        own: dict[str, Any] = {}
        for name, value in entry["given"].items():
            if name in CANON and isinstance(value.value, dict | tuple):
                for row in value if isinstance(value.value, tuple) else (value,):
                    rows.setdefault(name, []).append(_row(row, name, mistakes))
            elif name in CANON[table].by_name:
                own[name] = _value(value, CANON[table].by_name[name], mistakes)
            else:
                mistakes.append(entry["given"].mistake(_unknown(name, table), key=name))
        if own or table not in rows:
            rows = {table: [own, *rows.get(table, [])], **{name: rows[name] for name in rows if name != table}}
        as_of = entry.get("as_of")
        day = _value(as_of, AS_OF, mistakes) if as_of else None
        tests.append(RuleTest(rows, entry.plain("expect"), entry.location, day))
    return tuple(tests), mistakes


def _unknown(name: str, table: str) -> str:
    for above in chain(table)[1:]:
        if name in CANON[above].by_name:
            return f"'{name}' is a column of {above}; write {above}: {{{name}: ...}}"
    text = no_column(name, CANON[table])
    return text if "did you mean" in text else f"{text}, and no table '{name}'{did_you_mean(name, CANON)}"


def _row(node: Node, table: str, mistakes: list[Mistake]) -> dict[str, Any]:
    row = {}
    for name, value in node.items():
        if name not in CANON[table].by_name:
            mistakes.append(node.mistake(no_column(name, CANON[table]), key=name))
        else:
            row[name] = _value(value, CANON[table].by_name[name], mistakes)
    return row


def _value(node: Node, column: Column, mistakes: list[Mistake]) -> Any:
    """The value as the column's type: text, int, Decimal, bool, date, datetime text or None."""
    kind = kind_of_column(column.sql_type)
    value = node.value
    if value is None:
        return None
    if kind.name == "text":
        return node.text
    if kind.name == "boolean" and isinstance(value, bool):
        return value
    if kind.name == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind.name == "number" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        exponent = Decimal(value).normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > kind.scale:
            mistakes.append(node.mistake(f"'{node.text}': {column.name} holds at most {kind.scale} decimals"))
        elif len(Decimal(value).as_tuple().digits) > kind.digits + kind.scale:
            mistakes.append(node.mistake(f"'{node.text}': {column.name} holds at most {kind.digits} digits"))
        return Decimal(value)
    if kind.name in ("date", "timestamp") and isinstance(value, str):
        try:
            return dt.date.fromisoformat(value) if kind.name == "date" else dt.datetime.fromisoformat(value)
        except ValueError:
            pass
    mistakes.append(node.mistake(f"'{node.text}': {column.name} needs {kind}"))
    return None


def place_tests(options: Mapping[str, Any], location: Location) -> tuple[RuleTest, ...]:
    """Cases that a rule on places has by itself: just often enough, and once too often or too rarely."""
    under, path = (options["under"] or ("",))[0], options["path"][0]
    least, most = options["at_least"], options["at_most"]
    beside = f"{path.rpartition('/')[2]}Other"
    beside = f"{path.rpartition('/')[0]}/{beside}" if "/" in path.removeprefix("//") else beside
    syntax = [{"syntax": options["syntax"][0]}] if options["syntax"] else [{}]
    if options["together"] > 1:
        rows = {
            each: example_rows(under, [(path, 1) for path in options["path"][:each]])
            for each in (1, options["together"])
        }
        return tuple(
            RuleTest({"element": rows[each], "invoice": syntax}, "pass" if each == 1 else "fail", location)
            for each in rows
        )
    if len(options["path"]) > 1 and least == len(options["path"]) and most is None:
        return tuple(
            RuleTest(
                {"element": example_rows(under, [(each, 1) for each in paths]), "invoice": syntax}, expect, location
            )
            for paths, expect in ((options["path"], "pass"), (options["path"][:1], "fail"))
        )
    counts = {"pass": [most if most is not None else least], "fail": [*([most + 1] if most is not None else [])]}
    if least:
        counts["fail"].append(least - 1)
    return tuple(
        RuleTest(
            {"element": example_rows(under, [(path, n) if n else (beside, 1)]), "invoice": syntax}, expect, location
        )
        for expect, numbers in counts.items()
        for n in numbers
    )
