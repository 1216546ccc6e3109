"""The journal's tables and what each event changes in them. Called by ``journal`` alone; knows no transaction.

``journal_event`` is the truth; the other tables are views kept beside it, which can be dropped and folded again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import Dialect

from tieout.model.errors import StoreError
from tieout.store.fold import Case, Event

__all__ = [
    "APPEND_ONLY",
    "CASE",
    "DOCUMENT",
    "EVENT",
    "META",
    "NUMBER",
    "RUN",
    "SCHEMA",
    "VIEWS",
    "frame",
    "view_statements",
]


class Money(sa.types.TypeDecorator[Decimal]):
    """A Decimal of at most four places as a 64-bit integer: exact and sortable on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value.scaleb(4).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value).scaleb(-4)


META = sa.MetaData()
INTEGER = sa.BigInteger
# Text sorts by code point on both databases, whatever the locale of the server.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SCHEMA = sa.Table("journal_schema", META, sa.Column("version", INTEGER, primary_key=True))
EVENT = sa.Table(
    "journal_event",
    META,
    sa.Column("sequence", INTEGER, primary_key=True, autoincrement=False),
    *(
        sa.Column(name, TEXT, nullable=False)
        for name in (
            "workspace",
            "stream",
            "kind",
            "actor",
            "instant",
            "reason",
            "payload",
            "previous_hash",
            "hash",
        )
    ),
    sa.Index("journal_event_stream", "workspace", "stream", "sequence"),
)
_CASE_TYPES = {
    "amount": Money,
    "line": INTEGER,
    "due": sa.Date,
    "opened_as_of": sa.Date,
    "cause_is_gone": sa.Boolean,
    "changed_since_decision": sa.Boolean,
    "comments": INTEGER,
}
CASE = sa.Table(
    "journal_case",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("case_id", TEXT, primary_key=True),
    *(sa.Column(each.name, _CASE_TYPES.get(each.name, TEXT)) for each in fields(Case) if each.name != "case_id"),
    sa.Index("journal_case_queue", "workspace", "state", "queue", "due"),
)
RUN = sa.Table(
    "journal_run",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("run_id", TEXT, primary_key=True),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("manifest_sha256", TEXT, nullable=False),
    sa.Column("sealed_at", TEXT, nullable=False),
)
NUMBER = sa.Table(
    "journal_number",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("series", TEXT, primary_key=True),
    sa.Column("number", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("key", TEXT),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("changed_at", TEXT, nullable=False),
    sa.UniqueConstraint("workspace", "series", "key"),
)
DOCUMENT = sa.Table(
    "journal_document",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("billing_document", TEXT, primary_key=True),
    *(
        sa.Column(name, TEXT, nullable=False)
        for name in ("invoice_number", "sha256", "file", "series", "run_id", "issued_at")
    ),
    sa.Column("number", INTEGER),
    sa.UniqueConstraint("workspace", "invoice_number"),
)
VIEWS = (CASE, RUN, NUMBER, DOCUMENT)

APPEND_ONLY = {
    "sqlite": [
        f"create trigger if not exists journal_event_no_{verb} before {verb} on journal_event "
        "begin select raise(abort, 'the journal is append-only'); end"
        for verb in ("update", "delete")
    ],
    "postgresql": [
        "create or replace function journal_append_only() returns trigger language plpgsql as "
        "$$ begin raise exception 'the journal is append-only'; end $$",
        "create or replace trigger journal_event_append_only before update or delete or truncate on journal_event "
        "for each statement execute function journal_append_only()",
    ],
}


# --- the register of runs, numbers and issued documents: one event, one statement or two ---


def view_statements(event: Event) -> list[Any]:
    """What an event changes in the views other than cases; raises StoreError for an unknown kind."""
    payload, place = event.payload, {"workspace": event.workspace}
    name = event.stream.partition(":")[2]
    if event.kind == "run_sealed":
        return [
            RUN.insert().values(
                **place,
                run_id=name,
                as_of=dt.date.fromisoformat(payload["as_of"]),
                status="sealed",
                manifest_sha256=payload["manifest_sha256"],
                sealed_at=event.instant,
            )
        ]
    if event.kind in {"number_reserved", "number_confirmed", "number_released"}:
        key = {**place, "series": name, "number": payload["number"]}
        row = {
            "key": payload["key"] if event.kind != "number_released" else None,
            "state": {"number_reserved": "reserved", "number_confirmed": "confirmed", "number_released": "free"}[
                event.kind
            ],
            "changed_at": event.instant,
        }
        return [
            NUMBER.delete().where(*(NUMBER.c[column] == value for column, value in key.items())),
            NUMBER.insert().values(**key, **row),
        ]
    if event.kind == "document_issued":
        return [
            DOCUMENT.insert().values(
                **place,
                billing_document=name,
                issued_at=event.instant,
                **{k: payload.get(k) for k in ("invoice_number", "sha256", "file", "series", "run_id", "number")},
            )
        ]
    raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")


_POLARS: dict[Any, Any] = {INTEGER: pl.Int64, sa.Date: pl.Date, sa.Boolean: pl.Boolean, Money: pl.Decimal(18, 4)}


def frame(connection: Connection, query: sa.Select[Any]) -> pl.DataFrame:
    """The rows of a query over one table, amounts as decimals and dates as dates; empty frames keep their types."""
    rows = connection.execute(query).all()
    schema = {column.name: _POLARS.get(type(column.type), pl.String) for column in query.selected_columns}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
