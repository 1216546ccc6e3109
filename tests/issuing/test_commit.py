"""Numbers have neither gaps nor doubles, wherever a run is killed: no document changes the number it was given."""

import pytest

from tests.issuing.books import Books, frame, issued, line
from tieout.issuing import generate
from tieout.model.errors import StoreError
from tieout.store.engine import Store
from tieout.store.register import gaps, issued_documents, pending_numbers

SERIES = "NW-2026-"


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing after it happens."""


def die(*_, **__):
    raise Killed


def on_record(books):
    return {row["billing_document"]: row["invoice_number"] for row in issued_documents(books.journal)}


CRASHES = {
    "before a number is reserved": ("reserve_numbers", "issue"),
    "after numbers are reserved": ("_frame_of", "issue"),
    "while files are written": ("_write", "issue"),
    "before the commit": (None, "commit"),
    "in the commit, before documents are put on record": ("issue_documents", "commit"),
}


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES.keys())
def test_a_run_that_was_killed_costs_no_number_and_doubles_none(books, monkeypatch, crash):
    name, where = crash
    lines = [line("9001"), line("9002"), line("9003", party_id="300")]
    sealed = None
    if where == "issue":
        original = getattr(generate, name)
        calls = []

        def later(*arguments, **options):
            # The second composition is the one after numbers were reserved.
            calls.append(1)
            return original(*arguments, **options) if name == "_frame_of" and len(calls) == 1 else die()

        monkeypatch.setattr(generate, name, later)
        with pytest.raises(Killed):
            books.issue(*lines)
        monkeypatch.undo()
    else:
        sealed = books.issue(*lines)
        if name:
            monkeypatch.setattr(generate, name, die)
            with pytest.raises(Killed):
                books.commit(sealed)
            monkeypatch.undo()
    if sealed:
        # What a sealed run gave is put on record before the next run begins.
        assert books.commit(sealed) == 2
    again = books.issue(*lines, line("9004"))
    books.commit(again)
    assert on_record(books) == {"9001": f"{SERIES}00001", "9002": f"{SERIES}00002", "9004": f"{SERIES}00003"}
    assert gaps(books.journal, SERIES) == []
    assert pending_numbers(books.journal, SERIES) == []


def test_a_number_reserved_by_a_killed_run_goes_to_another_where_its_document_no_longer_passes(books):
    books.issue(line("9001"), line("9002"))  # never sealed
    store = books.issue(line("9001", party_id="300"), line("9002"), line("9003"))
    books.commit(store)
    assert on_record(books) == {"9002": f"{SERIES}00002", "9003": f"{SERIES}00001"}
    assert gaps(books.journal, SERIES) == []


def test_a_document_stopped_first_gets_the_next_number_when_it_is_mended(books):
    books.commit(books.issue(line("9001", party_id="300"), line("9002")))
    store = books.issue(line("9001"), line("9002"))
    assert issued(store) == {"9001": (f"{SERIES}00002", "issued"), "9002": (f"{SERIES}00001", "issued")}


def test_committing_twice_changes_nothing(books):
    store = books.issue(line("9001"))
    assert books.commit(store) == 1
    assert books.commit(store) == 0
    assert len(issued_documents(books.journal)) == 1


def test_a_sealed_run_fills_a_journal_that_was_lost(books, tmp_path, mappings):
    first = books.issue(line("9001"), line("9002"), start=41)
    books.commit(first)
    (tmp_path / "new").mkdir()
    new = Books(tmp_path / "new", mappings)
    new.commit(first)
    assert on_record(new) == on_record(books)
    assert issued(new.issue(line("9003"), start=41)) == {"9003": (f"{SERIES}00043", "issued")}
    new.journal.close()


def test_another_content_under_a_number_on_record_is_refused(books):
    books.commit(books.issue(line("9001")))
    with Store.create() as forged:
        row = {
            "billing_document": "9001",
            "invoice_number": f"{SERIES}00001",
            "series": SERIES,
            "number": "1",
            "status": "issued",
            "sha256": "0" * 64,
            "file": "issued/x.xml",
        }
        forged.append("issued_document", frame([row]))
        with pytest.raises(StoreError, match="9001"):
            books.commit(forged)
