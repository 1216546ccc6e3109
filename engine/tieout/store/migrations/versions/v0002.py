"""Version 2: users with roles, decisions line by line, approved rules, and who proposed and decided a case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

    def key(name: str, kind: object = text) -> sa.Column[object]:
        return sa.Column(name, kind, primary_key=True, autoincrement=False)  # type: ignore[arg-type]

    def texts(names: str, *, nullable: bool = False) -> list[sa.Column[str]]:
        return [sa.Column(name, text, nullable=nullable) for name in names.split()]

    for column in texts("proposed_by decided_by decision", nullable=True):
        op.add_column("journal_case", column)
    op.add_column("journal_run", sa.Column("definitions", text))
    op.create_table("journal_user", key("workspace"), key("name"), *texts("role state changed_at"))
    op.create_table("journal_credential", key("workspace"), key("name"), *texts("password_hash changed_at"))
    op.create_table(
        "journal_rules",
        key("workspace"),
        key("digest"),
        *texts("state"),
        *texts("proposed_by approved_by", nullable=True),
        *texts("changed changed_at"),
    )
    op.create_table(
        "journal_decision",
        key("workspace"),
        key("decision_id"),
        key("line_no", sa.BigInteger),
        *texts("case_id kind state decided_by decided_at"),
        *texts("approved_by run_id ended_at payment_id open_item_id allocation_kind", nullable=True),
        sa.Column("amount", sa.BigInteger),
        *texts("currency", nullable=True),
        sa.Column("item_amount", sa.BigInteger),
        *texts("item_currency party_id", nullable=True),
    )
    for name, of in (("case", "case_id"), ("payment", "payment_id"), ("item", "open_item_id")):
        op.create_index(f"journal_decision_{name}", "journal_decision", ["workspace", of])
    op.execute("update journal_schema set version = 2")
