"""Show 3 of issue 6: two processes issue at once from one journal, with no gap and no double; none takes the other's numbers."""

import datetime as dt
import multiprocessing

import pytest

from tests.issuing.books import AS_OF, ENTITY, PARTIES, SETTINGS, Books, frame, issued, line, no_country
from tieout.issuing import generate
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.store.register import LEASE, gaps, issued_documents, pending_numbers

SERIES = SETTINGS["series"]
ROUNDS, LINES = 4, 25


def issuer(url, folder, name, mappings):
    """One process: rounds of billing documents, some of them stopped by a rule, each issued and put on record."""
    with Journal.open(url) as journal:
        for n in range(ROUNDS):
            lines = [line(f"{name}-{n}-{k}", party_id="300" if k % 10 == 3 else "100") for k in range(LINES)]
            with Store.create() as store:
                store.append("billing_line", frame(lines))
                store.append("party", frame(PARTIES))
                generate.issue(
                    store,
                    mappings=mappings,
                    check=no_country,
                    journal=journal,
                    entity=ENTITY,
                    settings=SETTINGS,
                    folder=folder / f"{name}{n}" / "issued",
                    as_of=AS_OF,
                    holder=name,
                )
                generate.commit(journal, store, run_id=f"{name}{n}")


@pytest.mark.slow
def test_two_processes_that_issue_at_once_leave_no_gap_and_no_double(url, tmp_path, mappings):
    Journal.open(url).close()
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=issuer, args=(url, tmp_path, name, mappings)) for name in ("a", "b")]
    for each in both:
        each.start()
    for each in both:
        each.join(300)
    assert [each.exitcode for each in both] == [0, 0]
    good = 2 * ROUNDS * sum(k % 10 != 3 for k in range(LINES))
    with Journal.open(url) as journal:
        on_record = issued_documents(journal)
        assert sorted(row["number"] for row in on_record) == list(range(1, good + 1))
        assert len({row["invoice_number"] for row in on_record}) == good
        assert gaps(journal, SERIES) == [] and pending_numbers(journal, SERIES) == []
        assert journal.verify().holds
        for row in on_record:  # what stands in the run's folder is what is on record under that number
            content = (tmp_path / row["run_id"] / row["file"]).read_text("utf-8")
            assert f">{row['invoice_number']}<" in content


def other(books, name, *lines, **more):
    """Another machine with the same journal."""
    beside = Books.__new__(Books)
    beside.__dict__ = {**books.__dict__, "folder": books.folder / name, "holder": name, **more}
    return beside, beside.issue(*lines)


def test_what_another_machine_has_reserved_and_not_sealed_yet_is_left_alone(books):
    first = books.issue(line("A"))
    beside, second = other(books, "beside", line("B"))
    assert (issued(first), issued(second)) == ({"A": (f"{SERIES}00001", "issued")}, {"B": (f"{SERIES}00002", "issued")})
    assert beside.commit(second) == 1
    assert books.commit(first) == 1
    assert gaps(books.journal, SERIES) == []


def test_a_machine_that_never_came_back_gives_its_numbers_back_after_a_day(books):
    other(books, "gone", line("A"))
    day = dt.timedelta(days=1)
    for age, number in ((day / 2, 2), (day * 2, 1)):
        assert (age > LEASE) is (number == 1)
        books.journal._clock = lambda age=age: dt.datetime.now(dt.UTC) + age
        done = books.issue(line("B"))
        assert issued(done)["B"][0] == f"{SERIES}{number:05d}"
        books.journal._clock = lambda: dt.datetime.now(dt.UTC)
        books.issue(line("C", party_id="300"))  # B is not issued after all: its number is free again
