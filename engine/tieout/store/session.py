"""One transaction of the journal: its views, and the append. Made by ``Journal.reading`` and ``Journal.writing`` alone."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from types import MappingProxyType
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tieout.store.chain import GENESIS, event_hash
from tieout.store.fold import Case, Entry, Event, canonical, fold_case
from tieout.store.tables import CASE, EVENT, META, URGENCY, VIEWS, frame
from tieout.store.views import view_statements

__all__ = ["BATCH", "Session", "as_row", "events_of"]

BATCH = 500
EVENT_FIELDS = tuple(each.name for each in fields(Event))
CASE_FIELDS = tuple(each.name for each in fields(Case))
STREAM = {"stream_results": True, "max_row_buffer": 1000}


class Session:
    """One transaction of the journal: its views, and inside ``writing`` the append."""

    def __init__(
        self,
        connection: Connection,
        workspace: str,
        clock: Callable[[], dt.datetime],
        via: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.connection = connection
        self.workspace = workspace
        self._clock = clock
        self._via = via

    def ago(self, age: dt.timedelta) -> str:
        """The instant so long before now, as events have it."""
        return (self._clock().astimezone(dt.UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

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
        instant = self.ago(dt.timedelta())
        events, rows = [], []
        for place, entry in enumerate(entries, start=sequence + 1):
            text = canonical({**entry.payload, **self._via})
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
        self._insert([as_row(event) | {"payload": canonical(event.payload)} for event in events])
        self.fold(events)

    def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(EVENT.insert(), rows)

    def fold(self, events: Sequence[Event]) -> None:
        """Brings the views up to date with events."""
        self._fold_cases([event for event in events if event.stream.startswith("case:")])
        changes = (change for event in events for change in view_statements(event))
        # Neighbours with one statement are executed together, in their order.
        for of_pairs, group in groupby(changes, key=lambda change: change[0] if isinstance(change, tuple) else None):
            if of_pairs is None:
                for statement in group:
                    self.connection.execute(statement)
            else:
                self.connection.execute(of_pairs, [values for _, values in group])

    def fold_all(self) -> None:
        """Empties the views and folds every event of all workspaces into them again: after a change of the schema."""
        for view in VIEWS:
            self.connection.execute(view.delete())
        place = 0
        query = sa.select(EVENT).order_by(EVENT.c.sequence).limit(BATCH)
        while batch := list(events_of(self.connection, query.where(EVENT.c.sequence > place))):
            self.fold(batch)
            place = batch[-1].sequence

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
        new = [{"workspace": key[0], **as_row(case)} for key, case in after.items() if key not in before]
        changed = [{"of": key[0], "id": key[1], **as_row(case)} for key, case in after.items() if key in before]
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

    def events(self, stream: str | None = None, *, since: str = "") -> Iterator[Event]:
        """The events of this workspace in their order, of one stream or all, from an instant on."""
        query = sa.select(EVENT).where(EVENT.c.workspace == self.workspace).order_by(EVENT.c.sequence)
        query = query.where(EVENT.c.instant >= since) if since else query
        yield from events_of(self.connection, query.where(EVENT.c.stream == stream) if stream else query)

    def events_under(self, prefix: str) -> Iterator[Event]:
        """The events of this workspace in all streams that begin so, in their order."""
        query = sa.select(EVENT).where(
            EVENT.c.workspace == self.workspace, EVENT.c.stream >= prefix, EVENT.c.stream < prefix + "\U0010ffff"
        )
        yield from events_of(self.connection, query.order_by(EVENT.c.sequence))

    def last_events(self, streams: Sequence[str]) -> dict[str, Event]:
        """The newest event of each of the streams that has one."""
        found: dict[str, Event] = {}
        for start in range(0, len(streams), BATCH):
            last = (
                sa.select(sa.func.max(EVENT.c.sequence))
                .where(EVENT.c.workspace == self.workspace, EVENT.c.stream.in_(streams[start : start + BATCH]))
                .group_by(EVENT.c.stream)
            )
            query = sa.select(EVENT).where(EVENT.c.sequence.in_(last))
            found |= {event.stream: event for event in events_of(self.connection, query)}
        return found

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
        if limit is not None:
            some = query.with_only_columns(CASE.c.case_id).order_by(*URGENCY).limit(limit).offset(offset)
            query = sa.select(*shown).where(CASE.c.workspace == self.workspace, CASE.c.case_id.in_(some))
        return frame(self.connection, query.order_by(*URGENCY))

    def rows(self, view: str, **where: Any) -> list[dict[str, Any]]:
        """The rows of a view (run, number, document, user, decision, rules) of this workspace, in the order of its key.

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


def as_row(record: Event | Case) -> dict[str, Any]:
    return {name: getattr(record, name) for name in (EVENT_FIELDS if isinstance(record, Event) else CASE_FIELDS)}


def events_of(connection: Connection, query: sa.Select[Any]) -> Generator[Event, None, None]:
    with contextlib.closing(connection.execute(query, execution_options=STREAM)) as rows:
        for row in rows:
            values = dict(row._mapping)
            yield Event(**{**values, "payload": json.loads(values["payload"])})
