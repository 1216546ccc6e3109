"""What passes between rooms: documents, findings, queries; frozen. Rows of tables travel as polars frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Document", "Finding", "Query", "exception_id"]


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes with a name."""

    uri: str
    """The name as given or found: a relative path, or archive!member."""
    content: bytes
    media_type: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken by one object, at one place; becomes a row of ``finding``."""

    rule: str
    severity: str
    """fatal, warning or information."""
    message: str
    pack: str = ""
    table: str = ""
    object_id: str = ""
    row_no: int | None = None
    term: str = ""
    message_zh: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    line: int | None = None
    path: str = ""
    """Where in the document: an element path with positions, a JSON path, or a column's heading."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that the store will run, with the name under which it stands in errors and timings.

    Values are bound as ``$name``; identifiers were quoted by whoever composed the text.
    """

    name: str
    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def exception_id(reason: str, table: str, object_id: str) -> str:
    """The stable identity of an exception, made of business keys only: the same fact has the same id in every run."""
    digest = hashlib.sha256("\x1f".join((reason, table, object_id)).encode()).hexdigest()
    return f"EX-{digest[:12]}"
