"""One process at a time: a lock on a file that dies with its holder, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tieout.model.errors import SourceError

__all__ = ["alone"]


@contextlib.contextmanager
def alone(lock: Path, busy: SourceError) -> Iterator[None]:
    """Holds the lock file, whose folder is made where it is missing.

    Raises ``busy`` where another process holds it, SourceError where the folder cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        raise SourceError(
            f"{lock.parent}: cannot be written ({exc.strerror}); tieout needs a folder it may write to"
        ) from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise busy from exc
        yield
    finally:
        os.close(handle)
