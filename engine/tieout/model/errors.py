"""The error tree. Errors carry strings and a Location, never a noun of the model.

TieoutError
├── DefinitionError     the author's mistake: a rule, plan, route, mapping or workspace file; carries all mistakes
├── FormatError         the data's mistake: bytes that are not what they claim to be
├── SourceError         the world's: a file, folder, database or platform that could not be read
│   └── RemoteError     a request that was refused or got no answer; says whether it may have been processed
├── StoreError          a statement that DuckDB or the journal refused, with its name
├── Forbidden           an act beyond the role, or by a person who may not be the second
├── NotFound            a case, user or run of that name that is not there
├── ControlTotalError   a run that does not balance; names the rows
└── SealError           a sealed run that does not hold; names the first row that differs
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ControlTotalError",
    "DefinitionError",
    "Forbidden",
    "FormatError",
    "Location",
    "Mistake",
    "NotFound",
    "RemoteError",
    "SealError",
    "SourceError",
    "StoreError",
    "TieoutError",
]


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file; line and column count from 1, 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong in a definition file, in a sentence that says what to do."""

    location: Location
    text: str

    def __str__(self) -> str:
        return f"{self.location}  {self.text}"


class TieoutError(Exception):
    """What a caller of tieout may catch; its text is one clear line for a person."""

    def __init__(self, message: str, *, at: Location | None = None) -> None:
        super().__init__(f"{at}  {message}" if at else message)
        self.message = message
        self.at = at


class DefinitionError(TieoutError):
    """All mistakes of the definition files, found before any data is touched."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class FormatError(TieoutError):
    """Bytes that are not what they claim to be: not well-formed, hostile, or of no known format.

    rule: the intake rule under which the refusal is reported.
    """

    def __init__(self, message: str, *, at: Location | None = None, rule: str = "IN-FORMAT") -> None:
        super().__init__(message, at=at)
        self.rule = rule


class SourceError(TieoutError):
    """A source or a platform that could not be read or written."""


class WorkspaceBusy(SourceError):
    """Another run of the workspace is going on."""


class RemoteError(SourceError):
    """A request over the network that was refused, or got no answer or none that can be read.

    status: the HTTP status; None where there was no answer. content: what was answered.
    perhaps_processed: True where the other side may have done what was asked (no answer after sending, 5xx, garbage).
    """

    def __init__(
        self, message: str, *, status: int | None = None, content: bytes = b"", perhaps_processed: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.content = content
        self.perhaps_processed = perhaps_processed


class StoreError(TieoutError):
    """A statement that the store refused; the text names the statement."""


class ControlTotalError(TieoutError):
    """Money or rows that do not balance; the text names the measure and the first rows."""


class SealError(TieoutError):
    """A sealed run that does not hold; the text names the first row that differs."""


class Forbidden(TieoutError):
    """An act that the person's role does not reach, or that needs a person other than this one."""


class NotFound(TieoutError):
    """A case, a user or a run that is not there."""
