"""A journal of an older version is brought to today's, once, and says the same afterwards."""

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from tieout.store import schema
from tieout.store.chain import GENESIS, event_hash
from tieout.store.fold import Event, canonical
from tieout.store.journal import Journal
from tieout.store.tables import META

OPENED = {
    "reason": "ambiguous", "object_table": "payment", "object_id": "B1", "amount": "119.01", "currency": "EUR",
    "queue": "cash", "as_of": "2026-10-31", "run_id": "r1", "fingerprint": "f",
}  # fmt: skip
HISTORY = [
    ("case:EX-1", "case_opened", "tieout", "", OPENED),
    ("case:EX-1", "case_proposed", "mia", "likely", {"pays": ["I1"]}),
    ("case:EX-1", "case_resolved", "zoe", "yes", {}),
    ("run:r1", "run_sealed", "tieout", "", {"as_of": "2026-10-31", "manifest_sha256": "m", "run_id": "r1"}),
]


def chained():
    previous, events = GENESIS, []
    for place, (stream, kind, actor, reason, payload) in enumerate(HISTORY, start=1):
        blank = Event(place, "", stream, kind, actor, "2026-10-31T12:00:00.000000Z", reason, payload, previous, "")
        previous = event_hash(blank)
        events.append(
            {
                **{name: getattr(blank, name) for name in blank.__slots__},
                "payload": canonical(payload),
                "hash": previous,
            }
        )
    return events


def of_version_1(url):
    """A journal as it was made before migrations: the first schema, its events, no mark of Alembic."""
    journal = Journal.open(url)
    journal.close()
    with journal._engine.begin() as connection:
        for table in reversed(META.sorted_tables):
            connection.execute(sa.text(f"drop table {table.name}"))
        connection.execute(sa.text(f"drop table {schema.REVISIONS}"))
        only_first = "0001"
        from alembic.migration import MigrationContext
        from alembic.operations import Operations
        from alembic.script import ScriptDirectory

        scripts = ScriptDirectory(str(schema.SCRIPTS))
        context = MigrationContext.configure(
            connection, opts={"fn": lambda revision, _: scripts._upgrade_revs(only_first, revision)}
        )
        with Operations.context(context):
            context.run_migrations()
        connection.execute(sa.text("drop table alembic_version"))
        event = sa.Table("journal_event", sa.MetaData(), autoload_with=connection)
        connection.execute(event.insert(), chained())
    journal._engine.dispose()


def test_a_journal_of_version_1_is_migrated_when_it_is_opened_and_its_chain_holds(url):
    of_version_1(url)
    with Journal.open(url) as journal:
        with journal.reading() as session:
            [case] = session.cases()
            assert schema.version(session.connection) == schema.VERSION
            assert (
                session.connection.scalar(sa.text("select version_num from journal_revision")) == f"{schema.VERSION:04}"
            )
        assert (case.state, case.proposed_by, case.decided_by) == ("resolved", "mia", "zoe")
        verdict = journal.verify()
        assert (verdict.holds, verdict.events) == (True, 4), verdict.fault
    with Journal.open(url) as again:
        assert again.verify().holds


def test_two_processes_that_open_an_old_journal_at_once_migrate_it_once(url):
    of_version_1(url)
    code = "import sys; from tieout.store.journal import Journal; Journal.open(sys.argv[1]).close()"
    openers = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(2)]
    assert [each.wait() for each in openers] == [0, 0]
    with Journal.open(url) as journal:
        assert journal.verify().holds


def test_a_migration_that_is_killed_leaves_the_old_journal(url, monkeypatch):
    of_version_1(url)

    def killed(*_):
        raise RuntimeError("killed in the middle")

    monkeypatch.setattr("tieout.store.session.Session.fold_all", killed)
    with pytest.raises(RuntimeError):
        Journal.open(url)
    monkeypatch.undo()
    with Journal.open(url) as journal:
        assert journal.verify().holds


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_make_the_tables_that_the_code_expects(url):
    with Journal.open(url) as journal, journal.reading() as session:
        inspector = sa.inspect(session.connection)
        for table in META.sorted_tables:
            there = {each["name"]: bool(each["nullable"]) for each in inspector.get_columns(table.name)}
            assert there == {each.name: bool(each.nullable) for each in table.columns}, table.name
            keys = inspector.get_pk_constraint(table.name)["constrained_columns"]
            assert keys == [each.name for each in table.primary_key.columns]
            indexes = {each["name"] for each in inspector.get_indexes(table.name)}
            assert {each.name for each in table.indexes} <= indexes


def test_every_payload_of_version_1_is_read_as_it_was_written():
    assert [json.loads(each["payload"]) for each in chained()] == [payload for *_, payload in HISTORY]
