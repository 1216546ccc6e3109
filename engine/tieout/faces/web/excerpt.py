"""Some lines of a source file around a place, only while it still is the file that was read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

__all__ = ["excerpt"]

_AROUND = 9
_MOST_BYTES = 20_000_000
_LONGEST = 400


def excerpt(
    folder: Path, source: str, sha256: str | None, line: int, *, marks: Collection[int | None] = ()
) -> list[dict[str, object]]:
    """The lines around the place: number, text, is_marked, is_place. Empty where the file is gone, changed, or in an archive.

    source: the file's name as the run has it, below the folder; sha256: its hash in the run. Nothing else is ever opened.
    """
    path = (folder / source).resolve()
    if (
        not sha256
        or not path.is_relative_to(folder.resolve())
        or not path.is_file()
        or path.stat().st_size > _MOST_BYTES
    ):
        return []
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        return []
    lines = content.decode("utf-8", errors="replace").splitlines()
    first, last = max(line - _AROUND, 1), min(line + _AROUND, len(lines))
    return [
        {"number": n, "text": lines[n - 1][:_LONGEST], "is_marked": n in marks, "is_place": n == line}
        for n in range(first, last + 1)
    ]
