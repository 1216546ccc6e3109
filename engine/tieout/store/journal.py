"""The journal: what people, runs and platforms did, as an append-only chain of events, and the views folded from it.

SQLite (WAL) or PostgreSQL by URL; the only door of SQLAlchemy. Writers take turns (BEGIN IMMEDIATE, a table lock), read
the last hash and append under it, views included, in one transaction: two writers lose nothing, kill -9 leaves the last
whole transaction. The schema is made by ``create_all`` and carries a version row, which refuses a journal of another
version; there is one version so far, so there is nothing a migration could start from.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tieout.model.errors import SourceError, StoreError
from tieout.store.chain import GENESIS, Verdict, event_hash, fault_of
from tieout.store.fold import Case, Entry, Event, canonical, fold_case
from tieout.store.views import APPEND_ONLY, CASE, EVENT, META, SCHEMA, VIEWS, frame, view_statements

__all__ = ["Journal", "Session", "utc_now"]

VERSION = 1
BUSY_S = 60
BATCH = 500
EVENT_FIELDS = tuple(each.name for each in fields(Event))
CASE_FIELDS = tuple(each.name for each in fields(Case))
STREAM = {"stream_results": True, "max_row_buffer": 1000}


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Journal:
    """One journal, seen by one workspace (a shared PostgreSQL journal holds many)."""

    def __init__(self, engine: Engine, workspace: str, clock: Callable[[], dt.datetime]) -> None:
        self._engine = engine
        self.workspace = workspace
        self._clock = clock

    @classmethod
    def open(
        cls, url: str, *, base: Path | None = None, workspace: str = "", clock: Callable[[], dt.datetime] = utc_now
    ) -> Journal:
        """The journal at the URL, made where it is not there yet; a relative SQLite path counts from ``base``.

        Raises SourceError where the database cannot be reached or is no journal of this version.
        """
        try:
            parsed = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError) as exc:
            raise SourceError("journal: the URL is not of the form sqlite:///journal.db or postgresql://...") from exc
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in APPEND_ONLY:
            raise SourceError(f"journal: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
        if base and parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
            parsed = parsed.set(database=str(base / str(parsed.database)))
        shown = parsed.render_as_string(hide_password=True)
        try:
            journal = cls(_engine(parsed), workspace, clock)
        except ModuleNotFoundError as exc:
            raise SourceError(f"journal: {shown} needs psycopg; install 'tieout[postgres]'") from exc
        try:
            journal._prepare()
        except (sa.exc.SQLAlchemyError, StoreError) as exc:
            journal.close()
            raise SourceError(f"journal: {shown} cannot be opened: {_first_line(exc.__cause__ or exc)}") from exc
        return journal

    def _prepare(self) -> None:
        """Makes what is not there; a journal that is there is only read, so that opening waits for no writer."""
        with self._transaction("open", write=False) as connection:
            version = _version(connection)
        if version is None:
            version = self._create()
        if version != VERSION:
            raise StoreError(f"the journal has version {version}, this tieout knows {VERSION}")

    def _create(self) -> int:
        with self._transaction("create", write=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("select pg_advisory_xact_lock(7463)"))
            version = _version(connection)
            if version is not None:
                return version
            META.create_all(connection)
            for statement in APPEND_ONLY[connection.dialect.name]:
                connection.execute(sa.text(statement))
            connection.execute(SCHEMA.insert().values(version=VERSION))
            return VERSION

    # --- transactions ---

    @contextlib.contextmanager
    def _transaction(self, name: str, *, write: bool) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(tieout_write=write) as connection, connection.begin():
                yield connection
        except sa.exc.SQLAlchemyError as exc:
            raise StoreError(f"journal, {name}: {_first_line(exc)}") from exc

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
            yield Session(connection, self.workspace, self._clock)

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
            copy._prepare()
            with self._transaction("verify", write=False) as mine, copy._transaction("verify", write=True) as theirs:
                _fold_again(mine, theirs, self.workspace, self._clock)
                return next((fault for view in VIEWS if (fault := _difference(view, mine, theirs))), None)

    def export(self, out: IO[str]) -> int:
        """Writes every event of all workspaces as a JSON line, in order; the number of lines."""
        lines = 0
        with self._transaction("export", write=False) as connection:
            for event in _events(connection, sa.select(EVENT).order_by(EVENT.c.sequence)):
                out.write(canonical(_row(event)) + "\n")
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
        self._engine.dispose()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Session:
    """One transaction of the journal: its views, and inside ``writing`` the append."""

    def __init__(self, connection: Connection, workspace: str, clock: Callable[[], dt.datetime]) -> None:
        self.connection = connection
        self.workspace = workspace
        self._clock = clock

    # --- the chain ---

    def head(self) -> tuple[int, str]:
        """The sequence and hash of the last event; (0, zeros) for an empty journal."""
        row = self.connection.execute(
            sa.select(EVENT.c.sequence, EVENT.c.hash).order_by(EVENT.c.sequence.desc()).limit(1)
        ).first()
        return (row.sequence, row.hash) if row else (0, GENESIS)

    def append(self, entries: Sequence[Entry]) -> list[Event]:
        """The entries as events at the end of the chain, with the views brought up to date."""
        sequence, previous = self.head()
        instant = self._clock().astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        events, rows = [], []
        for place, entry in enumerate(entries, start=sequence + 1):
            text = canonical(entry.payload)
            placed = (place, self.workspace, entry.stream, entry.kind, entry.actor, instant, entry.reason)
            own = event_hash(Event(*placed, {}, previous, ""), text)
            events.append(Event(*placed, json.loads(text), previous, own))
            rows.append(dict(zip(EVENT_FIELDS, (*placed, text, previous, own), strict=True)))
            previous = own
        self._insert(rows)
        self.fold(events)
        return events

    def keep(self, events: Sequence[Event]) -> None:
        """Stores events that have their place and hash already, and folds them into the views: for a replay."""
        self._insert([_row(event) | {"payload": canonical(event.payload)} for event in events])
        self.fold(events)

    def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(EVENT.insert(), rows)

    def fold(self, events: Sequence[Event]) -> None:
        """Brings the views up to date with events."""
        self._fold_cases([event for event in events if event.stream.startswith("case:")])
        for event in events:
            if not event.stream.startswith("case:"):
                for statement in view_statements(event):
                    self.connection.execute(statement)

    def _fold_cases(self, events: Sequence[Event]) -> None:
        keys = list(dict.fromkeys((event.workspace, event.stream[5:]) for event in events))
        before: dict[tuple[str, str], Case] = {}
        for workspace in dict.fromkeys(key[0] for key in keys):
            for case in self._cases_of(workspace, [case_id for place, case_id in keys if place == workspace]):
                before[workspace, case.case_id] = case
        after: dict[tuple[str, str], Case] = dict(before)
        for event in events:
            key = (event.workspace, event.stream[5:])
            after[key] = fold_case(after.get(key), event)
        new = [{"workspace": key[0], **_row(case)} for key, case in after.items() if key not in before]
        changed = [{"of": key[0], "id": key[1], **_row(case)} for key, case in after.items() if key in before]
        if new:
            self.connection.execute(CASE.insert(), new)
        if changed:
            names = [name for name in CASE_FIELDS if name != "case_id"]
            self.connection.execute(
                CASE.update()
                .where(CASE.c.workspace == sa.bindparam("of"), CASE.c.case_id == sa.bindparam("id"))
                .values({name: sa.bindparam(name) for name in names}),
                changed,
            )

    # --- the views ---

    def events(self, stream: str | None = None) -> Iterator[Event]:
        """The events of this workspace in their order, of one stream or all."""
        query = sa.select(EVENT).where(EVENT.c.workspace == self.workspace).order_by(EVENT.c.sequence)
        yield from _events(self.connection, query.where(EVENT.c.stream == stream) if stream else query)

    def cases(self, ids: Iterable[str] | None = None) -> list[Case]:
        """The cases of the given ids, or all, ordered by id."""
        return self._cases_of(self.workspace, None if ids is None else list(ids))

    def _cases_of(self, workspace: str, ids: Sequence[str] | None) -> list[Case]:
        query = sa.select(*(CASE.c[name] for name in CASE_FIELDS)).where(CASE.c.workspace == workspace)
        if ids is None:
            return [Case(*row) for row in self.connection.execute(query.order_by(CASE.c.case_id))]
        found = []
        for start in range(0, len(ids), BATCH):
            part = query.where(CASE.c.case_id.in_(ids[start : start + BATCH]))
            found += [Case(*row) for row in self.connection.execute(part)]
        return sorted(found, key=lambda case: case.case_id)

    def case_frame(
        self,
        *,
        columns: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
        **where: str | Sequence[str] | None,
    ) -> pl.DataFrame:
        """The cases as a frame, the most urgent first: all columns or those named.

        ``where`` names a column and the value, or the values, it may have; a value of None leaves it open.
        """
        shown = [CASE.c[name] for name in columns] or list(CASE.c)
        query = sa.select(*shown).where(CASE.c.workspace == self.workspace)
        for name, wanted in where.items():
            if wanted is not None:
                query = query.where(CASE.c[name].in_([wanted] if isinstance(wanted, str) else list(wanted)))
        query = query.order_by(CASE.c.due.is_(None), CASE.c.due, CASE.c.amount.desc(), CASE.c.case_id)
        return frame(self.connection, query.limit(limit).offset(offset))

    def rows(self, view: str, **where: Any) -> list[dict[str, Any]]:
        """The rows of a view (run, number or document) of this workspace, in the order of its key.

        ``where`` names a column and the value, or the list of values, it may have.
        """
        table = META.tables[f"journal_{view}"]
        query = sa.select(table).where(table.c.workspace == self.workspace).order_by(*table.primary_key.columns)
        long = next((name for name, wanted in where.items() if isinstance(wanted, list)), None)
        wanted = where.pop(long) if long else [None]
        query = query.where(*(table.c[name] == value for name, value in where.items()))
        found: list[dict[str, Any]] = []
        for start in range(0, len(wanted), BATCH):
            part = query.where(table.c[long].in_(wanted[start : start + BATCH])) if long else query
            found += [dict(row._mapping) for row in self.connection.execute(part)]
        return found

    def greatest(self, view: str, column: str, **where: str) -> Any:
        """The greatest value of a column among the rows of a view of this workspace; None where there is no row."""
        table = META.tables[f"journal_{view}"]
        conditions = (table.c[name] == value for name, value in where.items())
        return self.connection.scalar(
            sa.select(sa.func.max(table.c[column])).where(table.c.workspace == self.workspace, *conditions)
        )


# --- reading rows ---


def _row(record: Event | Case) -> dict[str, Any]:
    return {name: getattr(record, name) for name in (EVENT_FIELDS if isinstance(record, Event) else CASE_FIELDS)}


def _events(connection: Connection, query: sa.Select[Any]) -> Generator[Event, None, None]:
    with contextlib.closing(connection.execute(query, execution_options=STREAM)) as rows:
        for row in rows:
            values = dict(row._mapping)
            yield Event(**{**values, "payload": json.loads(values["payload"])})


def _fold_again(source: Connection, target: Connection, workspace: str, clock: Callable[[], dt.datetime]) -> None:
    """Folds all events of one connection into the empty views of another."""
    session = Session(target, workspace, clock)
    events = _events(source, sa.select(EVENT).order_by(EVENT.c.sequence))
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


# --- the connection ---


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _version(connection: Connection) -> int | None:
    """The version of the journal's schema; None where there is none yet."""
    if not sa.inspect(connection).has_table(SCHEMA.name):
        return None
    found: int | None = connection.scalar(sa.select(SCHEMA.c.version))
    return found


def _on_connect(connection: Any, _: Any) -> None:
    """SQLite: we begin transactions ourselves; write-ahead log, and each commit is on the disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"pragma busy_timeout = {BUSY_S * 1000}")
    for _ in range(BUSY_S * 20):
        # Two processes that open a new journal at once: the switch to WAL does not wait for the busy timeout.
        try:
            cursor.execute("pragma journal_mode = wal")
            break
        except connection.OperationalError:
            time.sleep(0.05)
    cursor.execute("pragma synchronous = full")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("tieout_write", False)
    connection.exec_driver_sql("begin immediate" if write else "begin")


def _first_line(exc: BaseException) -> str:
    text = str(getattr(exc, "orig", None) or exc).strip()
    return text.splitlines()[0] if text else type(exc).__name__
