"""Where the outside plugs in: what a stage may ask of a source, of a face that shows progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from tieout.model.records import Document

__all__ = ["Incremental", "Input", "Ledger", "Progress", "QuerySource", "Source"]


class Source(Protocol):
    """Something that yields documents, in a stable order, each read once."""

    name: str

    def documents(self) -> Iterator[Document | Exception]:
        """The documents in order of their names. What could not be opened comes as the SourceError, in its place."""
        ...


class QuerySource(Protocol):
    """Something that yields the rows of a query instead of bytes: a database."""

    name: str

    def frame(self) -> pl.DataFrame:
        """All rows, columns as the database names them. Raises SourceError where it cannot be reached."""
        ...


class Ledger(Protocol):
    """An ERP that is written to, each operation as its description names it."""

    name: str

    def can(self, operation: str) -> bool:
        """Whether the ERP can be told this at all."""
        ...

    def find(self, operation: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the ERP has of it already; None where it has nothing."""
        ...

    def write(self, operation: str, values: Mapping[str, Any]) -> Any:
        """Writes it. Raises RemoteError with the ERP's words where it is refused or nobody knows."""
        ...


class Incremental(Protocol):
    """What a source that reads only what changed keeps: the journal says whether it may be taken up."""

    def resume(self, sha256: str | None) -> None: ...

    @property
    def cursor(self) -> str | None: ...

    @property
    def sha256(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Input:
    """One source of a workspace: where it is read, and by which mapping (None: detected by content)."""

    name: str
    source: Source | QuerySource
    mapping: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """direction: issued or received; optional: whether it may be absent; values: columns the files lack."""


class Progress(Protocol):
    """How a stage tells a face how far it is; the face decides whether that is a bar or a log line."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self, summary: str) -> None: ...
