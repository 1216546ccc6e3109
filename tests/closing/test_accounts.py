"""Accounts carried from run to run: when one is new, and whether it still stands in the master data."""

import datetime as dt

import polars as pl
import pytest

from tieout.closing.accounts import remember_accounts
from tieout.store.engine import Store

FIRST, SECOND, THIRD = dt.date(2026, 9, 30), dt.date(2026, 10, 31), dt.date(2026, 11, 30)
NEW = (dt.date(2026, 10, 1), SECOND)
"""From the day after the run before; seen by the run of 31 October."""


def run(parties, before, before_as_of, as_of):
    store = Store.create()
    store.append("party", pl.DataFrame(parties, schema={"party_id": pl.String, "account": pl.String}, orient="row"))
    remember_accounts(store, before, before_as_of=before_as_of, as_of=as_of)
    return store


def told(store):
    rows = store.table("party_account").select("party_id", "account", "new_from", "seen_on", "is_current").rows()
    return {row[:2]: row[2:] for row in rows}


@pytest.fixture
def first():
    return run([("A", "DE1"), ("A", "DE2"), ("B", "FR1")], None, None, FIRST)


def test_what_a_partner_has_from_the_first_run_on_is_not_new(first):
    assert told(first) == dict.fromkeys([("A", "DE1"), ("A", "DE2"), ("B", "FR1")], (None, None, True))


def test_another_account_of_a_known_partner_is_new_since_the_run_before_and_stays_so(first):
    second = run([("A", "de 1"), ("A", "DE3"), ("B", "FR1"), ("C", "NL1")], first, FIRST, SECOND)
    assert told(second) == {
        ("A", "DE1"): (None, None, True),
        ("A", "DE2"): (None, None, False),
        ("A", "DE3"): (*NEW, True),
        ("B", "FR1"): (None, None, True),
        ("C", "NL1"): (None, None, True),
    }
    third = run([("A", "DE3"), ("B", "FR1"), ("C", "NL1")], second, SECOND, THIRD)
    assert told(third)["A", "DE3"] == (*NEW, True)
    assert told(third)["A", "DE1"] == (None, None, False)


def test_a_partner_who_is_absent_is_left_as_he_was(first):
    second = run([("A", "DE1"), ("A", "DE3")], first, FIRST, SECOND)
    assert told(second)["B", "FR1"] == (None, None, True)
    third = run([("B", "FR1")], second, SECOND, THIRD)
    assert told(third)["A", "DE3"] == (*NEW, True)
    assert told(third)["A", "DE2"] == (None, None, False)


def test_an_account_that_comes_back_is_as_new_as_it_was(first):
    second = run([("A", "DE1")], first, FIRST, SECOND)
    third = run([("A", "DE1"), ("A", "DE2")], second, SECOND, THIRD)
    assert told(third)["A", "DE2"] == (None, None, True)
