"""The rows of a query on PostgreSQL or SQLite, through ADBC. Implements ``model.ports.QuerySource``.

Queries run in a read-only transaction, values are bound. A URL's password is never part of a message. With a mirror only
what changed since the last time is fetched, as text, and laid over what was there.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import polars as pl

from tieout.connect.mirror import Mirror
from tieout.model.errors import SourceError

__all__ = ["DatabaseSource"]


class DatabaseSource:
    """One query of one database.

    url: postgresql://user:password@host/name, or sqlite:///file (relative to ``base``) with its names filled in.
    parameters: what the query's ``$names`` stand for, bound as text. mirror: where only what changed is read: the query
        asks for it by ``$since``, and keeps the rows of that very instant (>=).
    """

    def __init__(
        self,
        name: str,
        url: str,
        query: str,
        *,
        base: Path | None = None,
        parameters: Mapping[str, str] | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        self.name, self.mirror = name, mirror
        self._url, self._query, self._base = url, query, base or Path()
        self._parameters = dict(parameters or {})

    def __repr__(self) -> str:
        return f"DatabaseSource({self.name!r}, {_shown(self._url)!r})"

    def frame(self) -> pl.DataFrame:
        """All rows, columns as the query names them; numbers without a fixed width come as exact text.

        Raises SourceError in one line where the database cannot be reached or refuses the query.
        """
        if self.mirror is None:
            return self._fetched(self._parameters)
        changed = self._fetched({**self._parameters, "since": self.mirror.since or ""})
        texts = changed.select(pl.all().cast(pl.String))
        self.mirror.lay(texts.to_dicts())
        return pl.DataFrame(self.mirror.records, schema=texts.schema)

    def _fetched(self, parameters: Mapping[str, str]) -> pl.DataFrame:
        place = f"{self.name} ({_shown(self._url)})"
        try:
            with self._connection() as connection, connection.cursor() as cursor:
                if not self._url.startswith("sqlite"):
                    cursor.execute("set transaction read only")
                sqlite = self._url.startswith("sqlite")
                query, values = _bound(self._query.strip().rstrip(";"), parameters, "?" if sqlite else "$", self.name)
                cursor.execute(query, values or None)
                return _plain(cursor.fetch_arrow_table())
        except ModuleNotFoundError as exc:
            raise SourceError(
                f"{place}: needs {exc.name}, which is not installed: pip install 'tieout[databases]'"
            ) from None
        except SourceError:
            raise
        except Exception as exc:  # drivers raise their own trees, and pyarrow its own
            raise SourceError(f"{place}: {self._reason(exc)}") from None

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        scheme = urlsplit(self._url).scheme.partition("+")[0]
        if scheme in ("postgresql", "postgres"):
            driver = importlib.import_module("adbc_driver_postgresql.dbapi")
            target = re.sub(r"^\w+(\+\w+)?://", "postgresql://", self._url)
        elif scheme == "sqlite":
            driver = importlib.import_module("adbc_driver_sqlite.dbapi")
            path = self._base / unquote(self._url.partition("///")[2])
            if not path.is_file():
                raise SourceError(f"{self.name}: {path}: there is no such file")
            target = f"file:{path}?mode=ro"
        else:
            raise SourceError(f"{self.name}: a database is postgresql:// or sqlite:///, not '{scheme}://'")
        connection = driver.connect(target)
        try:
            yield connection
        finally:
            connection.close()

    def _reason(self, exc: Exception) -> str:
        """The first line of the driver's words, without password or URL."""
        text = str(exc).replace(self._url, _shown(self._url))
        password = urlsplit(self._url).password
        for secret in {password, unquote(password or "")} - {None, ""}:
            text = text.replace(str(secret), "***")
        line = next((line.strip() for line in text.splitlines() if line.strip()), type(exc).__name__)
        return line[:300]


_PLACES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$([A-Za-z_]\w*)", re.S)


def _bound(query: str, parameters: Mapping[str, str], sign: str, name: str) -> tuple[str, Sequence[str]]:
    """The query with its ``$names`` numbered as the database wants them, and the values in that order.

    Raises SourceError for a name that is not given.
    """
    order: list[str] = []

    def place(match: re.Match[str]) -> str:
        if (named := match[1]) is None:
            return match[0]
        if named not in parameters:
            raise SourceError(f"{name}: the query names ${named}, which is not given; set it in 'parameters'")
        if named not in order:
            order.append(named)
        return f"{sign}{order.index(named) + 1}"

    return _PLACES.sub(place, query), [parameters[each] for each in order]


def _shown(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return url.partition("?")[0]
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _plain(table: Any) -> pl.DataFrame:
    """The rows with types that polars knows: what the driver marks as its own (PostgreSQL's numeric) is text."""
    pyarrow = importlib.import_module("pyarrow")
    columns = []
    for column in table.columns:
        storage = getattr(column.type, "storage_type", None)
        columns.append(column.cast(storage) if storage is not None else column)
    frame = pl.from_arrow(pyarrow.table(columns, names=_names(table.column_names)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _names(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
