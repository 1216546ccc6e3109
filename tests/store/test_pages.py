"""Pages of the queue over the journal's view of cases."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.model.errors import TieoutError
from tieout.store import pages
from tieout.store.fold import Entry
from tieout.store.journal import Journal
from tieout.store.pages import Wanted


def opened(name, *, amount="1.00", due="2026-11-02", reason="ambiguous", message="m", object_id=None):
    payload = {
        "reason": reason, "object_table": "payment", "object_id": object_id or f"T-{name}", "related_id": None, "party_id": "P1",
        "amount": amount, "currency": "EUR", "message": message, "evidence": "{}", "source": "bank/x.xml", "line": 1,
        "queue": "cash", "owner": None, "due": due, "as_of": "2026-10-31", "run_id": "R", "fingerprint": "f",
    }  # fmt: skip
    return Entry(f"case:{name}", "case_opened", "tieout", message, payload)


def journal_of(entries):
    journal = Journal.open("sqlite://", workspace="W")
    pages.prepare(journal)
    with journal.writing() as session:
        session.append(entries)
    return journal


def walked(journal, limit, **options):
    """The ids of all pages, forwards, and then backwards from the last."""
    there, back, after, before = [], [], None, None
    with journal.reading() as session:
        while True:
            page = pages.case_page(session, Wanted(), after=after, limit=limit, **options)
            there.append(page.ids)
            if page.after is None:
                break
            after = page.after
        back, before = [page.ids], page.before
        while before:
            page = pages.case_page(session, Wanted(), before=before, limit=limit, **options)
            back.insert(0, page.ids)
            before = page.before
    return there, back


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(-3, 3)), max_size=12),
    st.sampled_from(sorted(pages.SORTS)),
    st.booleans(),
    st.integers(1, 5),
)
def test_pages_have_each_case_once_in_one_order_whatever_is_missing(cases, sort, descending, limit):
    entries = [
        opened(
            f"EX-{n:02}",
            due=None if due is None else f"2026-11-0{due + 1}",
            amount=None if amount is None else f"{amount}.00",
        )
        for n, (due, amount) in enumerate(cases)
    ]
    with journal_of(entries) as journal:
        forwards, backwards = walked(journal, limit, sort=sort, descending=descending)
        flat = [name for page in forwards for name in page]
        assert sorted(flat) == [f"EX-{n:02}" for n in range(len(cases))]
        assert [name for page in backwards for name in page][-len(flat) :] == flat
        with journal.reading() as session:
            whole = pages.case_page(session, Wanted(), sort=sort, descending=descending, limit=500).ids
        assert list(whole) == flat


def test_the_most_urgent_is_first_then_the_largest():
    entries = [
        opened("EX-1", due="2026-11-03", amount="9.00"),
        opened("EX-2", amount="1.00"),
        opened("EX-3", amount="5.00"),
        opened("EX-4", due=None),
    ]
    with journal_of(entries) as journal, journal.reading() as session:
        assert pages.case_page(session, Wanted()).ids == ("EX-3", "EX-2", "EX-1", "EX-4")


def test_a_search_takes_signs_as_they_are_and_adds_what_was_found_elsewhere():
    entries = [
        opened("EX-1", message="100% of it"),
        opened("EX-2", message="1000 of it"),
        opened("EX-3", message="PAYER_X"),
    ]
    with journal_of(entries) as journal, journal.reading() as session:

        def found(text, *objects):
            return set(pages.case_page(session, Wanted(text=text, objects=objects)).ids)

        assert found("100%") == {"EX-1"}
        assert found("payer_x") == {"EX-3"}
        assert found("r_x") == {"EX-3"}
        assert found("1%0") == set()
        assert found("payer_x", "T-EX-2") == {"EX-2", "EX-3"}


def test_filters_narrow_and_counts_agree():
    entries = [
        opened("EX-1", amount="5.00"),
        opened("EX-2", reason="overpayment", amount="7.00"),
        opened("EX-3", due="2026-12-01"),
    ]
    with journal_of(entries) as journal, journal.reading() as session:
        assert pages.case_counts(session, Wanted(), "reason") == [("ambiguous", 2), ("overpayment", 1)]
        for wanted, ids in (
            (Wanted(reason=["overpayment"]), {"EX-2"}),
            (Wanted(at_least=Decimal("5.00")), {"EX-1", "EX-2"}),
            (Wanted(at_most=Decimal("5.00"), due_by=dt.date(2026, 11, 30)), {"EX-1"}),
            (Wanted(owner=[""]), {"EX-1", "EX-2", "EX-3"}),
            (Wanted(state=["resolved"]), set()),
        ):
            assert set(pages.case_page(session, wanted).ids) == ids
            assert pages.case_total(session, wanted) == len(ids)
        assert pages.case_total(session, Wanted(), at_most=2) == 2


@pytest.mark.parametrize("token", ["x", "!!", "W10", "WyJhbW91bnQiLDFd", "WyJ1cmdlbmN5IiwiMjAyNi0xMy0wMSIsMSwieCJd"])
def test_a_token_of_elsewhere_is_refused(token):
    with (
        journal_of([opened("EX-1")]) as journal,
        journal.reading() as session,
        pytest.raises(TieoutError, match="first page"),
    ):
        pages.case_page(session, Wanted(), after=token)


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 501}, {"sort": "payload"}])
def test_a_page_that_cannot_be_is_refused(options):
    with journal_of([opened("EX-1")]) as journal, journal.reading() as session, pytest.raises(TieoutError):
        pages.case_page(session, Wanted(), **options)


def test_the_usual_order_is_read_from_the_index():
    import sqlalchemy as sa

    with journal_of([opened("EX-1")]) as journal, journal.reading() as session:
        keys = pages.SORTS["urgency"]
        query = sa.select(pages.CASE.c.case_id).where(pages.CASE.c.workspace == "W").order_by(*keys).limit(5)
        text = query.compile(session.connection.engine, compile_kwargs={"literal_binds": True})
        plan = " ".join(str(row) for row in session.connection.execute(sa.text(f"explain query plan {text}")))
        assert "journal_case_urgency" in plan
        assert "TEMP B-TREE" not in plan
