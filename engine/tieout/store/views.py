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
    "CREDENTIAL",
    "DECISION",
    "DOCUMENT",
    "EVENT",
    "META",
    "NUMBER",
    "RULES",
    "RUN",
    "SCHEMA",
    "USER",
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
# Events that change no view: what was told to an ERP, how far a source was read, what was kept in the archive.
RECORDED = frozenset(
    {
        "write_intended",
        "write_done",
        "write_failed",
        "source_read",
        "archived",
        "hold_placed",
        "hold_released",
        "removed",
    }
)

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


# --- one event, one statement or two ---


def view_statements(event: Event) -> list[Any]:
    """What an event changes in the views other than that of cases; raises StoreError for an unknown kind."""
    room, _, name = event.stream.partition(":")
    makers = {"case": _decision, "user": _user, "rules": _rules, "read": lambda *_: []}
    return makers.get(room, _registered)(event, name)


def _decision(event: Event, case_id: str) -> list[Any]:
    """Lines proposed, standing, refused or undone, as the case goes from state to state."""
    of_case = (DECISION.c.workspace == event.workspace, DECISION.c.case_id == case_id)
    if event.kind in {"case_proposed", "case_resolved", "case_split", "case_rejected"} and "decision" in event.payload:
        decision = event.payload["decision"]
        state = "proposed" if event.kind == "case_proposed" else "standing"
        common = {
            "workspace": event.workspace,
            "decision_id": decision["id"],
            "case_id": case_id,
            "kind": decision["kind"],
            "state": state,
            "decided_by": event.actor,
            "decided_at": event.instant,
            "run_id": decision.get("run_id"),
        }
        rows = [
            {**common, "line_no": n, **{name: _figure(name, line.get(name)) for name in LINE_FIELDS}}
            for n, line in enumerate(decision["lines"], start=1)
        ]
        return [DECISION.insert().values(rows)]
    if event.kind in {"case_resolved", "case_split"}:
        waiting = (*of_case, DECISION.c.state == "proposed")
        return [DECISION.update().where(*waiting).values(state="standing", approved_by=event.actor)]
    if event.kind == "case_rejection_undone":
        its = (*of_case, DECISION.c.decision_id == event.payload["decision_id"])
        return [DECISION.update().where(*its).values(state="undone", ended_at=event.instant)]
    if event.kind in {"case_reopened", "case_waived"}:
        ends = (
            (("proposed", "refused"), ("standing", "undone"))
            if event.kind == "case_reopened"
            else (("proposed", "refused"),)
        )
        return [
            DECISION.update()
            .where(*of_case, DECISION.c.state == before, DECISION.c.kind != "reject")
            .values(state=after, ended_at=event.instant)
            for before, after in ends
        ]
    return []


def _figure(name: str, value: Any) -> Any:
    return Decimal(value) if name in {"amount", "item_amount"} and value is not None else value


def _user(event: Event, name: str) -> list[Any]:
    its = (USER.c.workspace == event.workspace, USER.c.name == name)
    if event.kind == "user_added":
        row = {"name": name, "role": event.payload["role"], "state": "active", "changed_at": event.instant}
        return [USER.insert().values(workspace=event.workspace, **row)]
    changes: dict[str, dict[str, Any]] = {
        "user_role_set": {"role": event.payload.get("role")},
        "user_disabled": {"state": "disabled"},
        "user_enabled": {"state": "active"},
        "user_password_set": {},
    }
    if event.kind not in changes:
        raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")
    return [USER.update().where(*its).values(**changes[event.kind], changed_at=event.instant)]


def _rules(event: Event, digest: str) -> list[Any]:
    its = (RULES.c.workspace == event.workspace, RULES.c.digest == digest)
    if event.kind == "rules_proposed":
        row = {"digest": digest, "state": "proposed", "proposed_by": event.actor, "changed_at": event.instant}
        changed = ", ".join(event.payload.get("changed", ()))
        return [RULES.delete().where(*its), RULES.insert().values(workspace=event.workspace, changed=changed, **row)]
    if event.kind == "rules_approved":
        after = {"state": "approved", "approved_by": event.actor, "changed_at": event.instant}
        return [RULES.update().where(*its).values(**after)]
    raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")


def _registered(event: Event, name: str) -> list[Any]:
    """The register of runs, numbers and issued documents."""
    payload, place = event.payload, {"workspace": event.workspace}
    if event.kind == "run_sealed":
        return [
            RUN.insert().values(
                **place,
                run_id=name,
                as_of=dt.date.fromisoformat(payload["as_of"]),
                status="sealed",
                manifest_sha256=payload["manifest_sha256"],
                sealed_at=event.instant,
                definitions=payload.get("definitions"),
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
    if event.kind in TRANSMISSION_KINDS:
        return _transmission(event, name)
    if event.kind == "cursor_moved":
        key = {**place, "name": name}
        return [
            CURSOR.delete().where(*(CURSOR.c[column] == value for column, value in key.items())),
            CURSOR.insert().values(**key, value=payload["value"], changed_at=event.instant),
        ]
    if event.kind == "callback_received":
        row = {"platform": name, "message_id": payload["message_id"], "received_at": event.instant}
        return [CALLBACK.insert().values(**place, **row)]
    if event.kind in RECORDED:
        return []
    raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")


# What each event of a transmission makes of it; what its payload names changes with it.
TRANSMISSION_KINDS = {
    "transmission_prepared": "prepared",
    "transmission_sent": "sent",
    "transmission_returned": "prepared",
    "transmission_delivered": "delivered",
    "transmission_accepted": "accepted",
    "transmission_rejected": "rejected",
    "transmission_cancelled": "cancelled",
    "transmission_dead": "dead",
    "transmission_stored": "",
}
_TEXTS = ("platform_id", "document_number", "message", "code", "session", "worker", "said_at", "stored")


def _transmission(event: Event, name: str) -> list[Any]:
    payload, state = event.payload, TRANSMISSION_KINDS[event.kind]
    if event.kind == "transmission_prepared":
        facts = ("platform", "document_id", "invoice_number", "issue_date", "file", "sha256", "mapping", "currency")
        amount = payload.get("amount")
        return [
            TRANSMISSION.insert().values(
                workspace=event.workspace,
                transmission_id=name,
                state=state,
                **{each: payload.get(each) for each in facts},
                idempotency_key=payload["idempotency_key"],
                amount=None if amount is None else Decimal(amount),
                attempts=0,
                prepared_at=event.instant,
                changed_at=event.instant,
            )
        ]
    changes: dict[str, Any] = {each: payload[each] for each in _TEXTS if payload.get(each)}
    if state:
        changes |= {"state": state, "changed_at": event.instant}
    if state == "sent":
        changes |= {"sent_at": event.instant, "attempts": TRANSMISSION.c.attempts + 1}
    if payload.get("away"):  # The platform was not there, so this was no attempt.
        changes["attempts"] = TRANSMISSION.c.attempts - 1
    if state == "accepted":
        changes["accepted_at"] = event.instant
    here = TRANSMISSION.c.workspace == event.workspace, TRANSMISSION.c.transmission_id == name
    return [TRANSMISSION.update().where(*here).values(**changes)]


_POLARS: dict[Any, Any] = {INTEGER: pl.Int64, sa.Date: pl.Date, sa.Boolean: pl.Boolean, Money: pl.Decimal(18, 4)}


def frame(connection: Connection, query: sa.Select[Any]) -> pl.DataFrame:
    """The rows of a query over one table, amounts as decimals and dates as dates; empty frames keep their types."""
    rows = connection.execute(query).all()
    schema = {column.name: _POLARS.get(type(column.type), pl.String) for column in query.selected_columns}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
