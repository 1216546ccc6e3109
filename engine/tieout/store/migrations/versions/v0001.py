"""Version 1: events, and the views of cases, runs, numbers and issued documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    number = sa.BigInteger

    def key(name: str, kind: object = text) -> sa.Column[object]:
        return sa.Column(name, kind, primary_key=True, autoincrement=False)  # type: ignore[arg-type]

    def texts(names: str, *, nullable: bool = False) -> list[sa.Column[str]]:
        return [sa.Column(name, text, nullable=nullable) for name in names.split()]

    op.create_table("journal_schema", key("version", number))
    op.create_table(
        "journal_event",
        key("sequence", number),
        *texts("workspace stream kind actor instant reason payload previous_hash hash"),
    )
    op.create_index("journal_event_stream", "journal_event", ["workspace", "stream", "sequence"])
    op.create_table(
        "journal_case",
        key("workspace"),
        key("case_id"),
        *texts("state reason object_table object_id related_id party_id", nullable=True),
        sa.Column("amount", number),
        *texts("currency message evidence source", nullable=True),
        sa.Column("line", number),
        *texts("queue owner", nullable=True),
        sa.Column("due", sa.Date),
        sa.Column("opened_as_of", sa.Date),
        *texts("opened_run last_run opened_at changed_at fingerprint owner_by queue_by closed_by", nullable=True),
        sa.Column("cause_is_gone", sa.Boolean),
        sa.Column("changed_since_decision", sa.Boolean),
        sa.Column("comments", number),
    )
    op.create_index("journal_case_queue", "journal_case", ["workspace", "state", "queue", "due"])
    op.create_table(
        "journal_run",
        key("workspace"),
        key("run_id"),
        sa.Column("as_of", sa.Date, nullable=False),
        *texts("status manifest_sha256 sealed_at"),
    )
    op.create_table(
        "journal_number",
        key("workspace"),
        key("series"),
        key("number", number),
        sa.Column("key", text),
        *texts("state changed_at"),
        sa.UniqueConstraint("workspace", "series", "key"),
    )
    op.create_table(
        "journal_document",
        key("workspace"),
        key("billing_document"),
        *texts("invoice_number sha256 file series run_id issued_at"),
        sa.Column("number", number),
        sa.UniqueConstraint("workspace", "invoice_number"),
    )
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)
    op.execute("insert into journal_schema (version) values (1)")


_APPEND_ONLY = {
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
