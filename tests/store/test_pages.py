"""Pages of the queue over the journal's view of cases."""

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tieout.model.errors import TieoutError
from tieout.store import pages
from tieout.store.fold import DECIDED, LIVE, Entry
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


@pytest.mark.parametrize("sort", ["urgency", "amount"])
@pytest.mark.parametrize("filters", [{}, {"queue": ["cash"], "owner": ["mia"], "reason": ["ambiguous"]}])
def test_what_is_asked_for_most_is_read_from_an_index_in_its_order(sort, filters):
    with journal_of([opened("EX-1")]) as journal, journal.reading() as session:
        asked = []
        sa.event.listen(session.connection.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        pages.case_page(session, Wanted(state=LIVE, **filters), sort=sort)
        statement, parameters = asked[0]
        plan = " ".join(map(str, session.connection.exec_driver_sql(f"explain query plan {statement}", parameters)))
        assert f"journal_case_{sort}" in plan
        assert "TEMP B-TREE" not in plan


def the_case(n):
    """A case of many shapes, made from its number."""
    return {
        "case_id": f"EX-{n:03}", "state": ("open", "assigned", "waiting", "waived", "resolved")[n % 5],
        "reason": ("ambiguous", "overpayment", "partial_payment")[n % 3], "queue": ("cash", "refunds")[n * 7 % 11 % 2],
        "owner": ("mia", "zoe")[n % 2] if n % 5 == 1 else None, "due": None if n % 7 == 0 else dt.date(2026, 11, 1 + n % 9),
        "amount": None if n % 11 == 0 else Decimal(n * 37 % 23 - 4), "currency": ("EUR", "CNY")[n % 4 == 0],
        "message": f"payer {n * 13 % 10} says 100%", "opened_as_of": dt.date(2026, 10, 1 + n % 5),
    }  # fmt: skip


def events_of(case):
    """The events that make it."""
    name, kept = case["case_id"], {**case, "as_of": case["opened_as_of"], "run_id": "R", "fingerprint": "f"}
    yield Entry(
        f"case:{name}",
        "case_opened",
        "tieout",
        "",
        {**kept, "object_table": "payment", "object_id": f"T-{name}", "owner": None},
    )
    if case["owner"]:
        yield Entry(f"case:{name}", "case_assigned", "mia", "", {"owner": case["owner"]})
    elif case["state"] not in ("open", "assigned"):
        yield Entry(f"case:{name}", f"case_{case['state']}", "mia", "because", {})


SORTED = {
    "urgency": lambda c: (c["due"] or dt.date.max, -(c["amount"] or 0), c["case_id"]),
    "amount": lambda c: (-(c["amount"] or 0), c["case_id"]),
    "age": lambda c: (c["opened_as_of"], c["case_id"]),
    "reason": lambda c: (c["reason"], c["due"] or dt.date.max, c["case_id"]),
    "queue": lambda c: (c["queue"], c["due"] or dt.date.max, c["case_id"]),
    "owner": lambda c: (c["owner"] or "", c["due"] or dt.date.max, c["case_id"]),
    "state": lambda c: (c["state"], c["due"] or dt.date.max, c["case_id"]),
    "id": lambda c: c["case_id"],
}
FILTERS = [
    ({}, lambda c: True),
    ({"state": LIVE}, lambda c: c["state"] in LIVE),
    ({"state": ["resolved", "waived"]}, lambda c: c["state"] in DECIDED),
    ({"state": ["waiting"], "queue": ["cash"]}, lambda c: c["state"] == "waiting" and c["queue"] == "cash"),
    ({"state": [*LIVE, "waived"]}, lambda c: c["state"] != "resolved"),
    ({"state": LIVE, "owner": ["", "mia"]}, lambda c: c["state"] in LIVE and c["owner"] in (None, "mia")),
    ({"state": LIVE, "currency": ["CNY"], "reason": ["ambiguous", "overpayment"]},
     lambda c: c["state"] in LIVE and c["currency"] == "CNY" and c["reason"] != "partial_payment"),
    ({"due_by": dt.date(2026, 11, 4)}, lambda c: c["due"] is not None and c["due"] <= dt.date(2026, 11, 4)),
    ({"at_least": Decimal(-2), "at_most": Decimal("9.5")}, lambda c: c["amount"] is not None and -2 <= c["amount"] <= Decimal("9.5")),
    ({"state": LIVE, "text": "R 3 SAYS 100%"}, lambda c: c["state"] in LIVE and "r 3 says" in c["message"]),
    ({"state": LIVE, "text": "nowhere"}, lambda c: False),
]  # fmt: skip


def test_every_filter_and_order_is_what_a_list_in_memory_gives_on_both_databases(url):
    cases = [the_case(n) for n in range(120)]
    with Journal.open(url, workspace="W") as journal:
        with journal.writing() as session:
            session.append([entry for case in cases for entry in events_of(case)])
        with journal.reading() as session:
            assert {(c.case_id, c.state, c.owner) for c in session.cases()} == {
                (c["case_id"], c["state"], c["owner"]) for c in cases
            }
            for filters, keeps in FILTERS:
                wanted = Wanted(**filters)
                for sort, key in SORTED.items():
                    for descending in (False, True):
                        ids = [c["case_id"] for c in sorted(filter(keeps, cases), key=key, reverse=descending)]
                        found, after = [], None
                        while True:
                            page = pages.case_page(
                                session, wanted, sort=sort, descending=descending, after=after, limit=37, counted=True
                            )
                            assert page.rows["case_id"].to_list() == list(page.ids)
                            assert page.total == len(ids)
                            found += page.ids
                            after = page.after
                            if after is None:
                                break
                        assert found == ids, (filters, sort, descending)
                assert pages.case_total(session, wanted) == len(ids)
            for column in ("queue", "reason", "owner"):
                there = {c[column] for c in cases} - {None}
                assert pages.values(session, column) == sorted(there)
            assert pages.values(session, "reason", queue="cash") == sorted(
                {c["reason"] for c in cases if c["queue"] == "cash"}
            )
            assert pages.values(session, "owner", queue="none") == []
