"""Requests as templates and answers as values: ``{name}`` filled in, dotted paths, and how each ERP writes exact values in JSON."""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tieout.model.errors import SourceError

__all__ = ["at", "filled", "filled_path", "plain", "worded"]

_NAME = re.compile(r"\{([A-Za-z_][\w.]*(?:[|:][\w,.]+)?)\}")
_ODATA_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d+)?\)/$")


def at(value: Any, path: str) -> Any:
    """The part of a JSON value at a dotted path (``result.0.name``); the value itself for an empty path, None if absent."""
    for name in path.split(".") if path else ():
        if isinstance(value, Mapping):
            # A name may hold dots itself, as @odata.nextLink does.
            value = value.get(name, value.get(path))
        elif isinstance(value, list) and name.lstrip("-").isdigit() and -len(value) <= int(name) < len(value):
            value = value[int(name)]
        else:
            return None
        if value is None:
            return None
    return value


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its ``{name}`` filled in: a text that is only a name becomes the value, with its type.

    ``{base64:a,b}`` is the Base64 of the values joined by colons, ``{name|quoted}`` a text with quotes doubled,
    ``{name|instant}`` a text in ISO 8601 as an instant; a member ``...`` is laid under the others. Raises SourceError for a name that is not given.
    """
    if isinstance(template, Mapping):
        spread = filled(template["..."], values) if "..." in template else {}
        return {**spread, **{name: filled(each, values) for name, each in template.items() if name != "..."}}
    if isinstance(template, list | tuple):
        return [filled(each, values) for each in template]
    if not isinstance(template, str):
        return template
    whole = _NAME.fullmatch(template)
    if whole:
        return _value(whole[1], values)
    return _NAME.sub(lambda match: str(_value(match[1], values)), template)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name.startswith("base64:"):
        parts = (str(_value(each, values)) for each in name.removeprefix("base64:").split(","))
        return base64.b64encode(":".join(parts).encode()).decode()
    name, _, form = name.partition("|")
    if name not in values:
        raise SourceError(f"'{name}' is named by the ERP's description and not given; set it in 'settings'")
    value = values[name]
    if form == "instant":
        return dt.datetime.fromisoformat(str(value))
    return str(value).replace("'", "''") if form == "quoted" else value


def filled_path(template: str, values: Mapping[str, Any]) -> str:
    return _NAME.sub(lambda match: quote(str(_value(match[1], values)), safe=""), template)


# --- dialects: what JSON has no type for ---


def plain(value: Any, dialect: str) -> Any:
    """An answer with Decimals, and dates in ISO 8601, whatever the ERP makes of them."""
    if isinstance(value, list):
        return [plain(each, dialect) for each in value]
    if isinstance(value, Mapping):
        if dialect == "tryton" and "__class__" in value:
            return _of_tryton(value)
        return {name: plain(each, dialect) for name, each in value.items()}
    if dialect == "odata" and isinstance(value, str) and (match := _ODATA_DATE.match(value)):
        instant = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(match[1]))
        return instant.strftime("%Y-%m-%d" if int(match[1]) % 86_400_000 == 0 else "%Y-%m-%dT%H:%M:%S")
    return value


def _of_tryton(value: Mapping[str, Any]) -> Any:
    kind = value["__class__"]
    if kind == "Decimal":
        return Decimal(value["decimal"])
    if kind == "date":
        return dt.date(value["year"], value["month"], value["day"]).isoformat()
    if kind == "datetime":
        parts = [value.get(name, 0) for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")]
        return dt.datetime(*parts).isoformat(timespec="microseconds")
    return value.get("base64", value)


def worded(value: Any, dialect: str) -> Any:
    """A request as the ERP wants exact values written; bytes as Base64."""
    if isinstance(value, list | tuple):
        return [worded(each, dialect) for each in value]
    if isinstance(value, Mapping):
        return {name: worded(each, dialect) for name, each in value.items()}
    if isinstance(value, bytes):
        text = base64.b64encode(value).decode()
        return {"__class__": "bytes", "base64": text} if dialect == "tryton" else text
    if dialect == "tryton":
        if isinstance(value, Decimal):
            return {"__class__": "Decimal", "decimal": format(value, "f")}
        if isinstance(value, dt.datetime):
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return {"__class__": "datetime", **{name: getattr(value, name) for name in names}}
        if isinstance(value, dt.date):
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    return value
