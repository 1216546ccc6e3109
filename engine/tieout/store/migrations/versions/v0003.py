"""Version 3: the outbox, how far incremental reads are, and callbacks that were taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXTS = (
    "platform document_id invoice_number issue_date file sha256 mapping currency state platform_id document_number message "
    "code session worker idempotency_key prepared_at sent_at accepted_at changed_at said_at stored"
)


def upgrade() -> None:
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

    def key(name: str) -> sa.Column[str]:
        return sa.Column(name, text, primary_key=True)

    def texts(names: str, *, nullable: bool = False) -> list[sa.Column[str]]:
        return [sa.Column(name, text, nullable=nullable) for name in names.split()]

    op.create_table(
        "journal_transmission",
        key("workspace"),
        key("transmission_id"),
        *texts(TEXTS, nullable=True),
        sa.Column("amount", sa.BigInteger),
        sa.Column("attempts", sa.BigInteger),
        sa.UniqueConstraint("workspace", "platform", "document_id"),
    )
    for name in ("state", "platform_id"):
        op.create_index(f"journal_transmission_{name}", "journal_transmission", ["workspace", "platform", name])
    op.create_table("journal_cursor", key("workspace"), key("name"), *texts("value changed_at"))
    op.create_table("journal_callback", key("workspace"), key("platform"), key("message_id"), *texts("received_at"))
    op.execute("update journal_schema set version = 3")
