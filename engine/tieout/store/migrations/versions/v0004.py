"""Version 4: the indexes that pages of the queue are read from: by urgency, by amount, and what a filter offers."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_IS_DECIDED = "(case when state in ('resolved', 'waived') then 1 else 0 end)"
_DUE = "coalesce(due, '9999-12-31')"
_AMOUNT = "(-coalesce(amount, 0))"
# What a filter or another order asks for stands in the index as well, so that rows it passes over are not fetched.
_FILTER = "state, queue, reason, owner, opened_as_of"


def upgrade() -> None:
    for name in ("queue", "urgency", "tally", "owner"):
        op.execute(f"drop index if exists journal_case_{name}")
    for name, columns in (
        ("urgency", f"{_IS_DECIDED}, {_DUE}, {_AMOUNT}, case_id, {_FILTER}"),
        ("amount", f"{_IS_DECIDED}, {_AMOUNT}, case_id, {_DUE}, {_FILTER}"),
        ("tally", "queue, reason, state"),
        ("owner", "owner"),
    ):
        op.execute(f"create index journal_case_{name} on journal_case (workspace, {columns})")
    op.execute("update journal_schema set version = 4")
