"""JSON on the wire, exact: numbers with a point are Decimals both ways, never floats."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

__all__ = ["decoded", "encoded"]

# A Decimal passes the encoder as a text between two signs no other text can carry unescaped, and loses its quotes after.
_MARK = "\ue000"
_NUMBER = re.compile(f'"{_MARK}([-0-9.]+){_MARK}"')


def encoded(value: Any) -> bytes:
    """The value as JSON; Decimals as plain numbers, dates in ISO 8601."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return (_NUMBER.sub(r"\1", text) if _MARK in text else text).encode()


def decoded(content: bytes) -> Any:
    """What the JSON says; numbers with a point or exponent as Decimal. Raises ValueError where it is no JSON."""
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}{_MARK}"
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")
