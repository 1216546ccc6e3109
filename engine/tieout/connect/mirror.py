"""What was read of a source that gives only what changed: the rows so far by their key, and how far they were read.

One file, replaced as a whole. The cursor counts only where the journal says the file is the one it was kept with; else the
source is read from the start, so that a lost or foreign file costs time and never a row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tieout.connect.erp_template import at
from tieout.connect.http_json import decoded, encoded
from tieout.model.errors import SourceError

__all__ = ["Mirror"]


class Mirror:
    """The rows of one source by key, oldest first.

    key, changed: dotted paths of a record's id and of what tells how new it is, the first that is there; first: where a
        whole read begins.
    """

    def __init__(self, path: Path, *, key: str, changed: Sequence[str], first: str | None = None) -> None:
        self._path, self._key, self._changed, self._first = path, key, changed, first
        self._rows: dict[str, Mapping[str, Any]] = {}
        self.cursor: str | None = None

    def resume(self, sha256: str | None) -> None:
        """Takes up the rows of the file where it has this hash; else begins anew."""
        self._rows, self.cursor = {}, None
        if not sha256 or self.sha256 != sha256:
            return
        kept = decoded(self._path.read_bytes())
        self._rows = {str(at(row, self._key)): row for row in kept["rows"]}
        self.cursor = kept["cursor"]

    @property
    def since(self) -> str | None:
        """From where to read on; rows of that very instant are read again, since more may bear it."""
        return self.cursor if self.cursor is not None else self._first

    @property
    def records(self) -> list[Mapping[str, Any]]:
        return [self._rows[key] for key in sorted(self._rows)]

    @property
    def sha256(self) -> str | None:
        """The hash of the file; None where there is none."""
        return hashlib.sha256(self._path.read_bytes()).hexdigest() if self._path.is_file() else None

    def lay(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Lays records over those of the same key and keeps the file; how many were new or other than before.

        Raises SourceError where a record has no key or the file cannot be written.
        """
        changed = 0
        for record in records:
            key = at(record, self._key)
            newness = next((found for path in self._changed if (found := at(record, path)) is not None), None)
            if key is None:
                raise SourceError(f"{self._path.stem}: a record has no '{self._key}', by which it would be known again")
            changed += self._rows.get(str(key)) != record
            self._rows[str(key)] = record
            if newness is not None and (self.cursor is None or str(newness) > self.cursor):
                self.cursor = str(newness)
        content = encoded({"cursor": self.cursor, "rows": self.records})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(f".{os.getpid()}")
            beside.write_bytes(content)
            beside.replace(self._path)
        except OSError as exc:
            raise SourceError(f"{self._path}: cannot be written: {exc.strerror or exc}") from exc
        return changed
