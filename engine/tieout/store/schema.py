"""The journal's schema in its versions: made, and brought from an older version to today's, by Alembic.

Called by ``journal`` when it is opened. Alembic is imported only where there is something to do. ``journal_schema`` keeps
the number that every tieout reads first, so that an older one refuses what it does not know; ``journal_revision`` is
Alembic's own. A journal that was made before migrations is version 1 and is stamped so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tieout.store.tables import SCHEMA

__all__ = ["VERSION", "upgrade", "version"]

VERSION = 4
REVISIONS = "journal_revision"
SCRIPTS = Path(__file__).parent / "migrations"


def version(connection: Connection) -> int | None:
    """The version of the journal's schema; None where there is none yet."""
    if not sa.inspect(connection).has_table(SCHEMA.name):
        return None
    found: int | None = connection.scalar(sa.select(SCHEMA.c.version))
    return found


def upgrade(connection: Connection, fold_all: Callable[[], None]) -> int | None:
    """Makes today's schema of nothing or of an older one, inside the caller's write transaction; the version there is.

    Whoever comes second waits for the first and finds nothing to do; a journal of a newer version is left alone. After
    a step the views are folded again from the events, which no step changes.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(7463)"))
    before = version(connection)
    if before is None or before < VERSION:
        _run(connection, stamped=before)
        if before is not None:
            fold_all()
    return version(connection)


def _run(connection: Connection, *, stamped: int | None) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(SCRIPTS))
    context = MigrationContext.configure(
        connection,
        opts={"version_table": REVISIONS, "fn": lambda revision, _: scripts._upgrade_revs("head", revision)},
    )
    if stamped is not None and not sa.inspect(connection).has_table(REVISIONS):
        context.stamp(scripts, f"{stamped:04}")
    with Operations.context(context):
        context.run_migrations()
