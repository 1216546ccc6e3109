"""JSON and JSON lines as text frames: one row a record, nested members under dotted names, plus ``line``.

A list of one object is read as the object; of several none is taken, since none is the one that is meant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dict
from typing import Any, NoReturn

import polars as pl

from tieout.formats.encoding import decode
from tieout.model.errors import FormatError, Location
from tieout.model.records import Document, Finding

__all__ = ["load", "read"]

DEPTH = 20


def read(document: Document, settings: Dict[str, Any]) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """The frame ``row``: a column for each member name that occurs, in the order first seen; numbers exact, as text.

    settings: ``records`` (dotted name of the list of records; by default the value itself, or its only list),
        ``encoding``, ``decimal`` (the sign numbers are written with, for a mapping that declares another than a dot).
    ``line`` is the line of a JSON lines file, else the position of the record, from 1.
    Raises FormatError where the text is no JSON or holds no list of records.
    """
    text = decode(document, settings.get("encoding", "utf-8"))
    decimal = str(settings.get("decimal", "."))
    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    for line, record in _records(text, document.uri, settings.get("records")):
        for name, value in _flat(record, "", document.uri, line, 0):
            column = columns.setdefault(name, [])
            column.extend([None] * (len(lines) - len(column)))
            if len(column) == len(lines):
                column.append(_shown(value, decimal))
        lines.append(line)
    if not lines:
        raise FormatError("there are no records in it", at=Location(document.uri), rule="IN-EMPTY")
    for column in columns.values():
        column.extend([None] * (len(lines) - len(column)))
    if "line" in columns:
        columns["line (2)"] = columns.pop("line")
    data = [pl.Series(name, column, dtype=pl.String) for name, column in columns.items()]
    return {"row": pl.DataFrame([*data, pl.Series("line", lines, dtype=pl.Int64)])}, []


class _Exact(str):
    """A number as it is written."""

    __slots__ = ()


def _records(text: str, uri: str, path: str | None) -> Iterator[tuple[int, Any]]:
    try:
        whole = load(text, uri, 0)
    except FormatError:
        rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(rows) < 2 or not rows[0][1].lstrip().startswith("{"):
            raise
        for number, line in rows:
            yield number, load(line, uri, number)
        return
    found = _list(whole, path, uri)
    for position, record in enumerate(found, 1):
        if not isinstance(record, dict):
            raise FormatError(f"record {position} is no object", at=Location(uri))
        yield position, record


def load(text: str, uri: str, line: int, *, number: Callable[[str], Any] = _Exact) -> Any:
    """The value of a JSON text, every number made by ``number`` of its characters.

    line: where the text stands in its file; 0 for a text that is the file. Raises FormatError where it is no JSON.
    """

    def refused(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(text, parse_float=number, parse_int=number, parse_constant=refused)
    except json.JSONDecodeError as exc:
        raise FormatError(f"no JSON: {exc.msg}", at=Location(uri, line or exc.lineno, exc.colno)) from exc
    except (ValueError, ArithmeticError, RecursionError) as exc:
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise FormatError(f"no JSON: {reason}", at=Location(uri, line)) from exc


def _list(value: Any, path: str | None, uri: str) -> list[Any]:
    for name in path.split(".") if path else ():
        if not isinstance(value, dict) or name not in value:
            raise FormatError(
                f"there is no '{path}' in it, which holds the records", at=Location(uri), rule="IN-COLUMN"
            )
        value = value[name]
    if isinstance(value, list):
        return value
    lists = [each for each in value.values() if isinstance(each, list)] if isinstance(value, dict) else []
    if len(lists) == 1 and not path:
        return lists[0]
    if isinstance(value, dict) and not lists:
        return [value]
    raise FormatError(
        "it is not clear which list holds the records: name it in the mapping (records)", at=Location(uri)
    )


def _flat(value: Any, prefix: str, uri: str, line: int, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > DEPTH:
        raise FormatError("nested too deeply", at=Location(uri, line))
    for name, member in value.items():
        if isinstance(member, dict):
            yield from _flat(member, f"{prefix}{name}.", uri, line, depth + 1)
        elif isinstance(member, list) and len(member) == 1 and isinstance(member[0], dict):
            yield from _flat(member[0], f"{prefix}{name}.", uri, line, depth + 1)
        elif not isinstance(member, list):
            yield f"{prefix}{name}", member
        elif all(not isinstance(each, dict | list) for each in member):
            yield f"{prefix}{name}", " ".join(str(each) for each in member)


def _shown(value: Any, decimal: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Exact):
        return _plain(str(value)).replace(".", decimal)
    return str(value)


def _plain(number: str) -> str:
    """A number without an exponent."""
    if "e" not in number and "E" not in number:
        return number
    from decimal import Decimal

    return f"{Decimal(number):f}" if abs(int(number.lower().partition("e")[2])) < 100 else number
