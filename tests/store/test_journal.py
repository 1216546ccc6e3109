import dataclasses
import datetime as dt
import io
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tieout.model.errors import SourceError, StoreError
from tieout.store.chain import event_hash
from tieout.store.fold import Entry
from tieout.store.journal import Journal

NOON = dt.datetime(2026, 10, 31, 12, 0, tzinfo=dt.UTC)
OPENED = {
    "reason": "partial_payment",
    "object_table": "payment",
    "object_id": "B1",
    "amount": Decimal("119.01"),
    "currency": "EUR",
    "queue": "credit-control",
    "due": dt.date(2026, 11, 3),
    "as_of": dt.date(2026, 10, 31),
    "run_id": "r1",
    "fingerprint": "f1",
}


def opened(case_id, **changes):
    return Entry(f"case:{case_id}", "case_opened", "tieout", payload={**OPENED, **changes})


def at_noon(url, **options):
    return Journal.open(url, clock=lambda: NOON, **options)


def append(journal, *entries):
    with journal.writing() as session:
        return session.append(entries)


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], text=True, stdout=subprocess.PIPE, **options
    )


def test_an_event_gets_its_place_its_instant_and_the_hash_of_the_one_before(url):
    with at_noon(url) as journal:
        first, second = append(journal, opened("EX-1"), opened("EX-2"))
        assert (first.sequence, first.instant) == (1, "2026-10-31T12:00:00.000000Z")
        assert second.previous_hash == first.hash
        assert journal.verify().holds


def test_a_case_is_the_fold_of_its_events(url):
    with at_noon(url) as journal:
        append(journal, opened("EX-1"))
        append(
            journal,
            Entry("case:EX-1", "case_assigned", "mia", payload={"owner": "mia"}),
            Entry("case:EX-1", "case_commented", "mia", payload={"text": "called them"}),
            Entry("case:EX-1", "case_updated", "tieout", payload={"facts": {"amount": "80.5"}, "run_id": "r2"}),
            Entry("case:EX-1", "case_waived", "zoe", "below the limit"),
        )
        with journal.reading() as session:
            [case] = session.cases(["EX-1"])
            history = [event.kind for event in session.events("case:EX-1")]
        assert (case.state, case.owner, case.owner_by, case.comments) == ("waived", "mia", "person", 1)
        assert (case.amount, case.due, case.opened_run, case.last_run) == (
            Decimal("80.5"),
            dt.date(2026, 11, 3),
            "r1",
            "r2",
        )
        assert history == ["case_opened", "case_assigned", "case_commented", "case_updated", "case_waived"]
        assert journal.verify().holds


def test_events_cannot_be_changed_or_deleted_by_a_statement(url):
    with at_noon(url) as journal:
        append(journal, opened("EX-1"))
        for statement in ("update journal_event set actor = 'x'", "delete from journal_event"):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"), journal._engine.connect() as connection:
                connection.execute(sa.text(statement))
        assert journal.verify().events == 1


def test_what_a_block_that_raises_has_written_is_not_kept(url):
    with at_noon(url) as journal:
        with pytest.raises(RuntimeError), journal.writing() as session:
            session.append([opened("EX-1")])
            raise RuntimeError
        with journal.reading() as session:
            assert session.head()[0] == 0
            assert session.cases() == []


def test_a_case_is_opened_once(url):
    with at_noon(url) as journal:
        append(journal, opened("EX-1"))
        with pytest.raises(ValueError, match="is there already"):
            append(journal, opened("EX-1"))
        with pytest.raises(ValueError, match="not open yet"):
            append(journal, Entry("case:EX-2", "case_waived", "zoe"))


def test_workspaces_share_a_chain_but_not_their_cases(url):
    with at_noon(url, workspace="north") as north, at_noon(url, workspace="south") as south:
        append(north, opened("EX-1"))
        append(south, opened("EX-1", amount=Decimal(5)))
        with north.reading() as session:
            assert [case.amount for case in session.cases()] == [Decimal("119.0100")]
        assert north.verify().events == 2
        assert north.verify().holds


@pytest.mark.parametrize(
    ("statement", "event", "fault"),
    [
        ("update journal_event set reason = 'other' where sequence = 2", 2, "was changed"),
        ("update journal_event set payload = replace(payload, '119.01', '19.01') where sequence = 3", 3, "was changed"),
        ("delete from journal_event where sequence = 2", 3, "event 2 is missing"),
        ("update journal_case set state = 'waived' where case_id = 'EX-3'", None, "journal_case EX-3"),
        ("delete from journal_case where case_id = 'EX-1'", None, "journal_case EX-1"),
    ],
)
def test_verify_names_the_first_event_that_does_not_hold(url, statement, event, fault):
    with at_noon(url) as journal:
        append(journal, *(opened(f"EX-{n}") for n in range(1, 5)))
        with journal._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.execute(sa.text("drop trigger journal_event_no_update"))
                connection.execute(sa.text("drop trigger journal_event_no_delete"))
            else:
                connection.execute(sa.text("drop trigger journal_event_append_only on journal_event"))
            connection.execute(sa.text(statement))
        verdict = journal.verify()
        assert not verdict.holds
        assert verdict.broken == event
        assert fault in verdict.fault


def test_a_cut_end_and_a_chain_written_anew_are_found_by_an_anchor(url, tmp_path):
    with at_noon(url) as journal:
        events = append(journal, *(opened(f"EX-{n}") for n in range(1, 4)))
        anchor = (3, events[-1].hash)
        assert journal.verify([anchor]).holds
    with at_noon(f"sqlite:///{tmp_path / 'other.db'}") as other:
        append(other, opened("EX-1"), opened("EX-2"))
        assert "event 3 is missing" in other.verify([anchor]).fault
        append(other, opened("EX-9"))
        assert "is not the one that was sealed" in other.verify([anchor]).fault


def test_an_export_replayed_into_an_empty_journal_gives_the_same_journal(url, tmp_path):
    lines = io.StringIO()
    with at_noon(url) as journal:
        append(journal, opened("EX-1"), opened("EX-2", message="付款 <script>"))
        append(journal, Entry("case:EX-2", "case_resolved", "mia", "paid"))
        assert journal.export(lines) == 3
        with journal.reading() as session:
            cases, head = session.cases(), session.head()
    with at_noon(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert copy.replay(lines.getvalue().splitlines()) == 3
        with copy.reading() as session:
            assert (session.cases(), session.head()) == (cases, head)
        assert copy.verify().holds
        with pytest.raises(StoreError, match="not empty"):
            copy.replay(lines.getvalue().splitlines())


def test_a_replay_of_a_changed_line_keeps_nothing(tmp_path):
    lines = io.StringIO()
    with at_noon(f"sqlite:///{tmp_path / 'a.db'}") as journal:
        append(journal, opened("EX-1"), opened("EX-2"))
        journal.export(lines)
    with at_noon(f"sqlite:///{tmp_path / 'b.db'}") as copy:
        with pytest.raises(StoreError, match=r"line 2: event 2 .* was changed"):
            copy.replay(lines.getvalue().replace("EX-2", "EX-7").splitlines())
        with pytest.raises(StoreError, match="line 1 is no event"):
            copy.replay(['{"sequence": 1}'])
        assert copy.verify().events == 0


WRITER = """
    import sys
    from tieout.store.fold import Entry
    from tieout.store.journal import Journal
    with Journal.open(sys.argv[1]) as journal:
        for n in range(25):
            with journal.writing() as session:
                session.append([Entry(f"document:{sys.argv[2]}-{n}", "document_issued", sys.argv[2], payload=dict(
                    invoice_number=f"{sys.argv[2]}-{n}", sha256="", file="", series="", run_id="", number=n))])
"""


def test_two_processes_that_write_at_once_lose_nothing(url):
    writers = [python(WRITER, url, name) for name in ("left", "right")]
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    with at_noon(url) as journal:
        verdict = journal.verify()
        assert (verdict.holds, verdict.events) == (True, 50)


def test_eight_threads_that_write_at_once_lose_nothing(url):
    with at_noon(url) as journal:

        def work(name):
            for n in range(5):
                append(journal, opened(f"EX-{name}-{n}"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        verdict = journal.verify()
        assert (verdict.holds, verdict.events) == (True, 40)


def test_a_connection_that_another_thread_still_uses_is_closed_when_its_transaction_ends(url):
    """As where the workbench stops while a request is being answered."""
    journal, still_open = at_noon(url), []
    with journal.writing() as late:
        sa.event.listen(journal._engine, "checkin", lambda connection, record: still_open.append(connection))
        sa.event.listen(journal._engine, "close", lambda connection, record: still_open.remove(connection))
        journal.close()
        late.append([opened("EX-1")])
        assert still_open == []
    assert still_open == []
    with at_noon(url) as again, again.reading() as session:
        assert [case.case_id for case in session.cases()] == ["EX-1"]


def test_a_writer_killed_in_the_middle_leaves_whole_transactions(url):
    code = """
        import sys
        from tieout.store.fold import Entry
        from tieout.store.journal import Journal
        journal = Journal.open(sys.argv[1])
        with journal.writing() as session:
            session.append([Entry("run:r1", "run_sealed", "a", payload={"as_of": "2026-10-31", "manifest_sha256": ""})])
        with journal.writing() as session:
            session.append([Entry("run:r2", "run_sealed", "a", payload={"as_of": "2026-10-31", "manifest_sha256": ""})])
            print("written, not committed", flush=True)
            sys.stdin.read()
    """
    writer = python(code, url, stdin=subprocess.PIPE)
    writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    writer.stdin.close()
    with at_noon(url) as journal:
        append(journal, opened("EX-1"))
        verdict = journal.verify()
        assert (verdict.holds, verdict.events) == (True, 2)


def test_processes_that_open_a_new_journal_at_once_all_find_one(tmp_path):
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    code = "import sys; from tieout.store.journal import Journal; Journal.open(sys.argv[1]).close()"
    openers = [python(code, url) for _ in range(4)]
    assert [opener.wait() for opener in openers] == [0] * 4
    for opener in openers:
        opener.stdout.close()


def test_the_queue_is_ordered_by_due_date_and_filtered_by_column(url):
    with at_noon(url) as journal:
        append(
            journal,
            opened("EX-1", due=None),
            opened("EX-2", queue="cash"),
            opened("EX-3", due=dt.date(2026, 11, 2)),
        )
        with journal.reading() as session:
            frame = session.case_frame()
            assert frame["case_id"].to_list() == ["EX-3", "EX-2", "EX-1"]
            assert frame["amount"].to_list() == [Decimal("119.01")] * 3
            assert session.case_frame(queue="cash")["case_id"].to_list() == ["EX-2"]
            assert session.case_frame(state=["waived"]).is_empty()
            assert session.case_frame(limit=1, offset=1)["case_id"].to_list() == ["EX-2"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("journal.db", "not of the form"),
        ("mysql://localhost/x", "mysql is not supported"),
        ("sqlite:////nowhere/at/all/journal.db", "cannot be opened: unable to open"),
    ],
)
def test_a_journal_that_cannot_be_opened_says_why_in_one_line(url, message):
    with pytest.raises(SourceError, match=message) as caught:
        Journal.open(url)
    assert "\n" not in str(caught.value)


def test_a_password_is_not_shown():
    pytest.importorskip("psycopg")
    with pytest.raises(SourceError) as caught:
        Journal.open("postgresql://clerk:s3cret@127.0.0.1:9/none?connect_timeout=2")
    assert "s3cret" not in str(caught.value)
    assert "cannot be opened" in str(caught.value)


def test_a_relative_file_counts_from_the_workspace(tmp_path):
    Journal.open("sqlite:///journal.db", base=tmp_path).close()
    assert (tmp_path / "journal.db").is_file()


def test_a_journal_of_another_version_and_a_file_that_is_none_are_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = at_noon(url)
    with journal._engine.begin() as connection:
        connection.execute(sa.text("update journal_schema set version = 99"))
    journal.close()
    with pytest.raises(SourceError, match="has version 99"):
        Journal.open(url)
    (tmp_path / "other.db").write_text("not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(SourceError, match="file is not a database"):
        Journal.open(f"sqlite:///{tmp_path / 'other.db'}")


def test_the_hash_depends_on_every_field_of_an_event(url):
    with at_noon(url) as journal:
        [event] = append(journal, opened("EX-1"))
    for field in dataclasses.fields(event):
        if field.name == "hash":
            continue
        other = {"sequence": 7, "payload": {}}.get(field.name, "other")
        assert event_hash(dataclasses.replace(event, **{field.name: other})) != event.hash, field.name


def test_opening_and_reading_wait_for_no_writer(url):
    with at_noon(url) as journal, journal.writing() as session:
        session.append([opened("EX-1")])
        with at_noon(url) as other, other.reading() as reader:
            assert reader.head()[0] == 0
