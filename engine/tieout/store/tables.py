"""The tables of the journal: the chain of events, and beside it the views folded from it. Knows no transaction.

``journal_event`` is the truth; the other tables are views, which can be dropped and folded again (``views``).
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import Dialect

from tieout.store.fold import Case

__all__ = [
    "AMOUNT",
    "CALLBACK",
    "CASE",
    "CREDENTIAL",
    "CURSOR",
    "DECISION",
    "DOCUMENT",
    "DUE",
    "EVENT",
    "IS_DECIDED",
    "LINE_FIELDS",
    "META",
    "NUMBER",
    "RULES",
    "RUN",
    "SCHEMA",
    "TRANSMISSION",
    "URGENCY",
    "USER",
    "VIEWS",
    "frame",
    "transmission_changed",
]


class Money(sa.types.TypeDecorator[Decimal]):
    """A Decimal of at most four places as a 64-bit integer: exact and sortable on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - as SQLAlchemy calls it
        return None if value is None else int(value.scaleb(4).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - as SQLAlchemy calls it
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
)
# What pages of the queue are sorted by (indexes: migrations/versions/v0004.py). Written out, not bound: an index on an
# expression serves only the same expression.
IS_DECIDED = sa.literal_column("(case when journal_case.state in ('resolved', 'waived') then 1 else 0 end)", INTEGER)
DUE = sa.func.coalesce(CASE.c.due, sa.literal_column("'9999-12-31'", sa.Date), type_=sa.Date)
AMOUNT = -sa.func.coalesce(sa.type_coerce(CASE.c.amount, INTEGER), sa.literal_column("0", INTEGER))
URGENCY = (DUE, AMOUNT, CASE.c.case_id)
"""The earliest due, then the largest; without a day last."""
RUN = sa.Table(
    "journal_run",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("run_id", TEXT, primary_key=True),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("manifest_sha256", TEXT, nullable=False),
    sa.Column("sealed_at", TEXT, nullable=False),
    sa.Column("definitions", TEXT),
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
USER = sa.Table(
    "journal_user",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    *(sa.Column(name, TEXT, nullable=False) for name in ("role", "state", "changed_at")),
)
RULES = sa.Table(
    "journal_rules",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("digest", TEXT, primary_key=True),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("proposed_by", TEXT),
    sa.Column("approved_by", TEXT),
    sa.Column("changed", TEXT, nullable=False),
    sa.Column("changed_at", TEXT, nullable=False),
)
LINE_FIELDS = (
    "payment_id", "open_item_id", "allocation_kind", "amount", "currency", "item_amount", "item_currency", "party_id",
)  # fmt: skip
DECISION = sa.Table(
    "journal_decision",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("decision_id", TEXT, primary_key=True),
    sa.Column("line_no", INTEGER, primary_key=True, autoincrement=False),
    *(sa.Column(name, TEXT, nullable=False) for name in ("case_id", "kind", "state", "decided_by", "decided_at")),
    sa.Column("approved_by", TEXT),
    sa.Column("run_id", TEXT),
    sa.Column("ended_at", TEXT),
    *(sa.Column(name, Money if name in {"amount", "item_amount"} else TEXT) for name in LINE_FIELDS),
    sa.Index("journal_decision_case", "workspace", "case_id"),
    sa.Index("journal_decision_payment", "workspace", "payment_id"),
    sa.Index("journal_decision_item", "workspace", "open_item_id"),
)
TRANSMISSION = sa.Table(
    "journal_transmission",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("transmission_id", TEXT, primary_key=True),
    *(
        sa.Column(name, TEXT)
        for name in (
            "platform", "document_id", "invoice_number", "issue_date", "file", "sha256", "mapping", "currency", "state",
            "platform_id", "document_number", "message", "code", "session", "worker", "idempotency_key", "prepared_at",
            "sent_at", "accepted_at", "changed_at", "said_at", "stored",
        )
    ),
    sa.Column("amount", Money),
    sa.Column("attempts", INTEGER),
    sa.UniqueConstraint("workspace", "platform", "document_id"),
    sa.Index("journal_transmission_state", "workspace", "platform", "state"),
    sa.Index("journal_transmission_platform_id", "workspace", "platform", "platform_id"),
)  # fmt: skip
CURSOR = sa.Table(
    "journal_cursor",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("value", TEXT, nullable=False),
    sa.Column("changed_at", TEXT, nullable=False),
)
CALLBACK = sa.Table(
    "journal_callback",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("platform", TEXT, primary_key=True),
    sa.Column("message_id", TEXT, primary_key=True),
    sa.Column("received_at", TEXT, nullable=False),
)
VIEWS = (CASE, RUN, NUMBER, DOCUMENT, USER, RULES, DECISION, TRANSMISSION, CURSOR, CALLBACK)

# Beside the events, and in no export: what a password is checked against.
CREDENTIAL = sa.Table(
    "journal_credential",
    META,
    sa.Column("workspace", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("password_hash", TEXT, nullable=False),
    sa.Column("changed_at", TEXT, nullable=False),
)

_POLARS: dict[Any, Any] = {INTEGER: pl.Int64, sa.Date: pl.Date, sa.Boolean: pl.Boolean, Money: pl.Decimal(18, 4)}


def frame(connection: Connection, query: sa.Select[Any]) -> pl.DataFrame:
    """The rows of a query over one table, amounts as decimals and dates as dates; empty frames keep their types."""
    rows = connection.execute(query).all()
    schema = {column.name: _POLARS.get(type(column.type), pl.String) for column in query.selected_columns}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


@cache
def transmission_changed(names: tuple[str, ...], attempts: int) -> sa.Update:
    """The statement that changes these columns of one transmission; made once, so that many are changed together."""
    values: dict[str, Any] = {each: sa.bindparam(f"new_{each}") for each in names}
    if attempts:
        values["attempts"] = TRANSMISSION.c.attempts + attempts
    return (
        TRANSMISSION.update()
        .where(
            TRANSMISSION.c.workspace == sa.bindparam("of_workspace"),
            TRANSMISSION.c.transmission_id == sa.bindparam("of_transmission"),
        )
        .values(values)
    )
