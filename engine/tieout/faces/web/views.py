"""Saved views of the queue: a name and a filter, each person's own. A small file beside the journal; nothing hangs on it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from tieout.faces.web.desk import Desk
from tieout.model.errors import SourceError, TieoutError

__all__ = ["forget", "save", "saved"]

_LOCK = threading.Lock()
_MOST = 30


def saved(desk: Desk, user: str) -> dict[str, str]:
    """The person's views, by name: the filter as it stands in an address."""
    return dict(sorted(_read(desk).get(user, {}).items()))


def save(desk: Desk, user: str, name: str, query: str) -> None:
    """Keeps a view. Raises TieoutError where it has no name or there are too many."""
    name = " ".join(name.split())[:60]
    if not name:
        raise TieoutError("a view needs a name")
    kept = urlencode(
        [pair for pair in parse_qsl(query[:2000], max_num_fields=60) if pair[0] not in ("after", "before")]
    )
    with _LOCK:
        every = _read(desk)
        mine = every.setdefault(user, {})
        if name not in mine and len(mine) >= _MOST:
            raise TieoutError(f"at most {_MOST} views; remove one first")
        mine[name] = kept
        _write(desk, every)


def forget(desk: Desk, user: str, name: str) -> None:
    with _LOCK:
        every = _read(desk)
        if every.get(user, {}).pop(name, None) is not None:
            _write(desk, every)


def _file(desk: Desk) -> Path:
    return desk.home.folder / "views.json"


def _read(desk: Desk) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(_file(desk).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(desk: Desk, every: dict[str, dict[str, str]]) -> None:
    file = _file(desk)
    fresh = file.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(every, ensure_ascii=False, indent=1) + "\n", "utf-8")
        fresh.replace(file)
    except OSError as exc:
        raise SourceError(f"{file.name}: cannot be written: {exc.strerror or exc}") from exc
