"""The journal: what people, runs and platforms did, as an append-only chain of events, and the views folded from it.

SQLite (WAL) or PostgreSQL by URL. Writers take turns (BEGIN IMMEDIATE, a table lock), read the last hash and append under
it, views included, in one transaction: two writers lose nothing, kill -9 leaves the last whole transaction. A journal of
an older version is migrated when it is opened (``schema``), one of a newer version is refused.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tieout.model.errors import SourceError, StoreError
from tieout.store import schema
from tieout.store.chain import GENESIS, Verdict, fault_of
from tieout.store.connection import address, connect, first_line
from tieout.store.fold import Event, canonical
from tieout.store.session import BATCH, STREAM, Session, as_row, events_of
from tieout.store.tables import EVENT, META, VIEWS

__all__ = ["Journal", "Session", "utc_now"]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Journal:
    """One journal, seen by one workspace (a shared PostgreSQL journal holds many)."""

    def __init__(
        self,
        engine: Engine,
        workspace: str,
        clock: Callable[[], dt.datetime],
        via: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._engine = engine
        self._via = via
        self._closed = False
        self.workspace = workspace
        self._clock = clock

    @classmethod
    def open(
        cls,
        url: str,
        *,
        base: Path | None = None,
        workspace: str = "",
        clock: Callable[[], dt.datetime] = utc_now,
        via: Mapping[str, str] = MappingProxyType({}),
    ) -> Journal:
        """The journal at the URL, made where it is not there yet; a relative SQLite path counts from ``base``.

        via: how its events come here, such as the system's user; stands in the payload of each.
        Raises SourceError where the database cannot be reached or is no journal of this version.
        """
        parsed = address(url, base)
        shown = parsed.render_as_string(hide_password=True)
        try:
            journal = cls(connect(parsed), workspace, clock, via)
        except ModuleNotFoundError as exc:
            raise SourceError(f"journal: {shown} needs psycopg; install 'tieout[postgres]'") from exc
        try:
            journal._prepare()
        except (sa.exc.SQLAlchemyError, StoreError) as exc:
            journal.close()
            raise SourceError(f"journal: {shown} cannot be opened: {first_line(exc.__cause__ or exc)}") from exc
        except BaseException:
            journal.close()
            raise
        return journal

    def _prepare(self) -> None:
        """Makes or migrates what is older; a journal of today is only read, so that opening waits for no writer."""
        with self._transaction("open", write=False) as connection:
            version = schema.version(connection)
        if version is None or version < schema.VERSION:
            with self._transaction("migrate", write=True) as connection:
                version = schema.upgrade(connection, lambda: Session(connection, "", self._clock).fold_all())
        if version != schema.VERSION:
            raise StoreError(f"the journal has version {version}, this tieout knows {schema.VERSION}")

    # --- transactions ---

    @contextlib.contextmanager
    def _transaction(self, name: str, *, write: bool) -> Iterator[Connection]:
        pool = self._engine.pool
        try:
            with self._engine.connect().execution_options(tieout_write=write) as connection, connection.begin():
                yield connection
        except sa.exc.SQLAlchemyError as exc:
            raise StoreError(f"journal, {name}: {first_line(exc)}") from exc
        finally:
            if self._closed:  # meanwhile, by another thread: its connection went back to a pool that nobody empties
                pool.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view of the journal while the block runs."""
        with self._transaction("read", write=False) as connection:
            yield Session(connection, self.workspace, self._clock)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """The only writer while the block runs; all of it is kept, or, where the block raises, nothing."""
        with self._transaction("write", write=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("lock table journal_event in share row exclusive mode"))
            yield Session(connection, self.workspace, self._clock, self._via)

    # --- the proof, and the way out and in ---

    def verify(self, anchors: Iterable[tuple[int, str]] = ()) -> Verdict:
        """Walks the whole chain, of all workspaces: every hash, every place, and that the views are its fold.

        anchors: (sequence, hash) pairs kept elsewhere, as in the manifests of sealed runs; they prove that the end of
            the chain was not cut off and the whole not written anew.
        """
        kept = dict(anchors)
        with self._transaction("verify", write=False) as connection:
            place, previous = 0, GENESIS
            query = sa.select(EVENT).order_by(EVENT.c.sequence)
            with contextlib.closing(connection.execute(query, execution_options=STREAM)) as rows:
                for row in rows:
                    place += 1
                    event = Event(*row)
                    fault = fault_of(event, row.payload, place, previous, kept.get(place))
                    if fault:
                        return Verdict(False, place - 1, previous, event.sequence, fault)
                    previous = event.hash
            late = min((sequence for sequence in kept if sequence > place), default=None)
            if late is not None:
                return Verdict(False, place, previous, late, f"event {late} is missing: the end was cut off")
        fault = self._view_fault()
        return Verdict(not fault, place, previous, None, fault or "")

    def _view_fault(self) -> str | None:
        """The first row of a view that is not what its events add up to."""
        with Journal(sa.create_engine("sqlite://", poolclass=sa.StaticPool), self.workspace, self._clock) as copy:
            META.create_all(copy._engine)
            with self._transaction("verify", write=False) as mine, copy._transaction("verify", write=True) as theirs:
                _fold_again(mine, theirs, self.workspace, self._clock)
                return next((fault for view in VIEWS if (fault := _difference(view, mine, theirs))), None)

    def export(self, out: IO[str]) -> int:
        """Writes every event of all workspaces as a JSON line, in order; the number of lines."""
        lines = 0
        with self._transaction("export", write=False) as connection:
            for event in events_of(connection, sa.select(EVENT).order_by(EVENT.c.sequence)):
                out.write(canonical(as_row(event)) + "\n")
                lines += 1
        return lines

    def replay(self, lines: Iterable[str]) -> int:
        """Fills an empty journal with exported lines, each checked against the chain; the number of events.

        Raises StoreError, and keeps nothing, where the journal has events or a line does not hold.
        """
        with self.writing() as session:
            if session.head()[0]:
                raise StoreError("journal, replay: the journal is not empty")
            place, previous, batch = 0, GENESIS, list[Event]()
            for line in filter(str.strip, lines):
                place += 1
                try:
                    event = Event(**json.loads(line))
                except (ValueError, TypeError) as exc:
                    raise StoreError(f"journal, replay: line {place} is no event") from exc
                fault = fault_of(event, canonical(event.payload), place, previous, None)
                if fault:
                    raise StoreError(f"journal, replay: line {place}: {fault}")
                previous = event.hash
                batch.append(event)
                if len(batch) == BATCH:
                    session.keep(batch)
                    batch = []
            session.keep(batch)
        return place

    def close(self) -> None:
        """Closes every connection; one that another thread is still using, when its transaction ends."""
        self._closed = True
        self._engine.dispose()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# --- the views folded again ---


def _fold_again(source: Connection, target: Connection, workspace: str, clock: Callable[[], dt.datetime]) -> None:
    """Folds all events of one connection into the empty views of another."""
    session = Session(target, workspace, clock)
    events = events_of(source, sa.select(EVENT).order_by(EVENT.c.sequence))
    while batch := list(itertools.islice(events, BATCH)):
        session.fold(batch)


def _difference(view: sa.Table, stored: Connection, folded: Connection) -> str | None:
    """The first row in which the stored and the folded view differ, in a sentence; None where they agree."""
    key = list(view.primary_key.columns)
    query = sa.select(view).order_by(*key)
    with (
        contextlib.closing(stored.execute(query, execution_options=STREAM)) as left,
        contextlib.closing(folded.execute(query, execution_options=STREAM)) as right,
    ):
        for pair in itertools.zip_longest(left, right):
            if pair[0] != pair[1]:
                first = min(tuple(getattr(row, column.name) for column in key) for row in pair if row)
                return f"{view.name} {' '.join(map(str, first[1:]))} is not what its events say"
    return None
