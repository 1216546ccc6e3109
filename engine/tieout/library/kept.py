"""What was read from definition files, kept between processes: as compiled Python is, and as safe to throw away.

A kept catalogue is found by the hashes of all its files and of the code that reads them, so a changed file or a changed
reader finds none. It lies in the user's own cache folder; one that somebody else could have written is not read.
"""

from __future__ import annotations

import contextlib
import copyreg
import gc
import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["find", "keep"]

_MOST = 8
"""Catalogues kept; the ones used longest ago go first."""


def find(contents: object) -> Any | None:
    """What was kept for these contents, or None. Never raises: a cache that cannot be read is none."""
    place = _place(contents)
    if place is None or not _own(place):
        return None
    collecting = gc.isenabled()
    gc.disable()  # A few hundred thousand small objects are made, none is garbage.
    try:
        found = pickle.loads(place.read_bytes())  # noqa: S301 - our own file, in a folder only this user may write
        os.utime(place)
    except Exception:
        return None
    finally:
        if collecting:
            gc.enable()
    return found


def keep(contents: object, made: Any) -> None:
    """Keeps what was made of these contents for the next process; where that is not possible, nothing happens."""
    place = _place(contents)
    if place is None:
        return
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _own(place.parent):
            return
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix="new-", delete=False) as file:
            _Pickler(file, protocol=5).dump(made)
        Path(file.name).replace(place)
        known = sorted(place.parent.glob("catalogue-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in known[_MOST:]:
            old.unlink(missing_ok=True)


def _place(contents: object) -> Path | None:
    root = os.environ.get("XDG_CACHE_HOME") or (str(Path.home() / ".cache") if os.environ.get("HOME") else None)
    if root is None:
        return None
    named = repr((contents, _reader())).encode()
    return Path(root) / "tieout" / f"catalogue-{hashlib.sha256(named).hexdigest()[:40]}"


def _reader() -> tuple[Any, ...]:
    """What decides how a file is read: the interpreter, the parser of conditions, and every source file of these rooms."""
    package = Path(__file__).parents[1]
    sources = sorted(path for room in ("library", "model") for path in (package / room).rglob("*") if path.is_file())
    stamps = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources if path.suffix != ".pyc"]
    return sys.version, version("sqlglot"), stamps


def _own(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table.copy()


def _frozen(values: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(values)


_Pickler.dispatch_table[MappingProxyType] = lambda proxy: (_frozen, (dict(proxy),))
