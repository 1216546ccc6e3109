import datetime as dt
import itertools
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tieout.cases.inline import run_route_cases
from tieout.cases.route import find_patterns, route_numbers
from tieout.library import yamlfile
from tieout.library.routes import parse_routes
from tieout.model.definitions import Pattern, Route, RoutePlan, Text
from tieout.model.errors import Location
from tieout.model.records import Query
from tieout.store.engine import Store

pytest.importorskip("durable", reason="routing needs durable_rules: a C compiler, then pip install 'tieout[routing]'")

HERE = Location("test")
REASONS = ("partial_payment", "overpayment", "ambiguous", "abc", "true", "10")
TEXTS = {
    "reason": REASONS,
    "currency": ("EUR", "JPY", None),
    "party_id": ("1", "2", "0", "'; drop table x", None),
    "table": ("payment", "open_item"),
}
AMOUNTS = [None, *(Decimal(text) for text in ("0", "0.0001", "9.99", "10", "10.0001", "10000", "99999999999999.9999"))]
AGES = (None, -3, 0, 1, 30, 31, 400)


def conditions():
    """Conditions as a routing file may hold them: texts, lists of texts, their negation, limits of numbers."""
    parts = []
    for column, values in TEXTS.items():
        known = [value for value in values if value is not None]
        wanted = st.sampled_from(known) | st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)
        parts.append(st.tuples(st.sampled_from([column, f"{column}_not"]), wanted))
    for column, values in {"amount": AMOUNTS, "age_days": AGES}.items():
        keys = [column, *(f"{column}_{operator}" for operator in ("gt", "gte", "lt", "lte"))]
        known = st.sampled_from([value for value in values if value is not None])
        parts.append(st.tuples(st.sampled_from(keys), known))
    return st.lists(st.one_of(parts), max_size=4).map(dict)


def holds(row, when):
    """The oracle: one exception against the conditions of one route, in plain Python; null fulfils nothing."""
    for key, wanted in when.items():
        column, _, operator = key.rpartition("_")
        if operator not in {"gt", "gte", "lt", "lte", "not"} or not column:
            column, operator = key, "eq"
        value = row[column]
        if value is None:
            return False
        if column in TEXTS:
            inside = value in (wanted if isinstance(wanted, list) else [wanted])
            if inside != (operator == "eq"):
                return False
        elif not {
            "eq": value == wanted,
            "gt": value > wanted,
            "gte": value >= wanted,
            "lt": value < wanted,
            "lte": value <= wanted,
        }[operator]:
            return False
    return True


ROW = st.fixed_dictionaries(
    {
        **{column: st.sampled_from(values) for column, values in TEXTS.items()},
        "amount": st.sampled_from(AMOUNTS),
        "age_days": st.sampled_from(AGES),
    }
)
SCHEMA = {
    "exception_id": pl.String,
    **dict.fromkeys(TEXTS, pl.String),
    "amount": pl.Decimal(18, 4),
    "age_days": pl.Int64,
}


def plan(*routes, patterns=()):
    made = tuple(Route(f"ROUTE-{n}", when, {"queue": "q", "due_days": 1}, HERE) for n, when in enumerate(routes))
    return RoutePlan("test", Text("test"), made, tuple(patterns), (), HERE)


def routed(rows, routing):
    with Store.create() as store:
        frame = pl.DataFrame([{"exception_id": f"{n:06}", **row} for n, row in enumerate(rows)], schema=SCHEMA)
        store.put("case_fact", frame)
        route_numbers(store, routing)
        return store.fetch(Query("t", "select route from case_route order by exception_id"))["route"].to_list()


def first_match(row, routes):
    return next((n for n, when in enumerate(routes) if holds(row, when)), -1)


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(routes=st.lists(conditions(), min_size=1, max_size=8), rows=st.lists(ROW, min_size=1, max_size=60))
def test_the_engine_takes_the_first_route_that_plain_python_takes(routes, rows):
    assert routed(rows, plan(*routes)) == [first_match(row, routes) for row in rows]


def test_two_hundred_routes_with_many_conditions_are_chained_and_agree():
    whens = [
        {"reason": reason, "currency": currency, "amount_gte": amount, "age_days_lt": age}
        for reason, currency, amount, age in itertools.product(
            REASONS, ("EUR", "JPY"), AMOUNTS[6:1:-1], (1, 9, 31, 400)
        )
    ][:200]
    rows = [
        {
            "reason": reason,
            "currency": currency,
            "party_id": None,
            "table": "payment",
            "amount": amount,
            "age_days": age,
        }
        for reason, currency, amount, age in itertools.product(REASONS, ("EUR", "JPY", None), AMOUNTS, AGES)
    ]
    whens.append({})
    found = routed(rows, plan(*whens))
    assert found == [first_match(row, whens) for row in rows]
    assert len(set(found)) > 60


def test_ten_thousand_exceptions_are_a_few_combinations():
    rows = [
        {
            "reason": REASONS[n % 3],
            "currency": "EUR",
            "party_id": str(n),
            "table": "payment",
            "amount": Decimal(n),
            "age_days": n % 90,
        }
        for n in range(10_000)
    ]
    routes = [{"reason": REASONS[0], "amount_gte": 5000}, {"age_days_gt": 30}, {}]
    with Store.create() as store:
        store.put(
            "case_fact",
            pl.DataFrame([{"exception_id": f"{n:06}", **row} for n, row in enumerate(rows)], schema=SCHEMA),
        )
        route_numbers(store, plan(*routes))
        combinations = store.scalar(Query("t", "select count(distinct (c0, c1, c2)) from case_code"))
        found = store.fetch(Query("t", "select route from case_route order by exception_id"))["route"].to_list()
    assert combinations < 20
    assert found == [first_match(row, routes) for row in rows]


# --- patterns ---

FACTS = {
    "batch": pl.Int64,
    "exception_id": pl.String,
    "reason": pl.String,
    "party_id": pl.String,
    "currency": pl.String,
    "amount": pl.Decimal(18, 4),
    "object_date": pl.Date,
}


def pattern(*events, within_days=30, same=("party_id",)):
    return Pattern("PAT-1", Text("p"), events, same, within_days, {"raise": "x", "due_days": 1}, HERE)


def fact(reason, party, day, number, amount=10, currency="EUR"):
    return {
        "batch": 0,
        "exception_id": f"{number:04}",
        "reason": reason,
        "party_id": party,
        "currency": currency,
        "amount": Decimal(amount),
        "object_date": day and dt.date(2026, 1, 1) + dt.timedelta(day),
    }


def found_in(facts, *patterns):
    with Store.create() as store:
        store.put("case_fact", pl.DataFrame(facts, schema=FACTS))
        return find_patterns(store, patterns)


def chains(facts, events, within_days):
    """The oracle: every way to choose the events in order among the facts of one party."""
    facts = sorted(facts, key=lambda fact: (fact["object_date"], fact["exception_id"]))
    for chosen in itertools.combinations(facts, len(events)):
        span = (chosen[-1]["object_date"] - chosen[0]["object_date"]).days
        if span <= within_days and all(
            fact["reason"] in (event["reason"] if isinstance(event["reason"], list) else [event["reason"]])
            and fact["amount"] >= event.get("amount_gte", 0)
            for fact, event in zip(chosen, events, strict=True)
        ):
            yield [fact["exception_id"] for fact in chosen]


EVENT = st.fixed_dictionaries(
    {"reason": st.sampled_from(REASONS[:3]) | st.just(list(REASONS[:2]))},
    optional={"amount_gte": st.sampled_from([10, 20])},
)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="durable_rules' extension crashes on some joins on Python 3.13")
@QUICK
@given(
    events=st.lists(EVENT, min_size=2, max_size=3),
    within_days=st.sampled_from([0, 5, 30]),
    happened=st.lists(
        st.tuples(
            st.sampled_from(REASONS[:3]), st.sampled_from("ABC"), st.integers(1, 60), st.sampled_from([5, 10, 20])
        ),
        max_size=24,
    ),
)
def test_a_pattern_is_found_where_plain_python_finds_one(events, within_days, happened):
    facts = [fact(reason, party, day, n, amount) for n, (reason, party, day, amount) in enumerate(happened)]
    possible = {
        party: list(chains([f for f in facts if f["party_id"] == party], events, within_days)) for party in "ABC"
    }
    found = {
        each.key[0]: list(each.exception_ids) for each in found_in(facts, pattern(*events, within_days=within_days))
    }
    assert set(found) == {party for party, some in possible.items() if some}
    assert all(found[party] in possible[party] for party in found)


def test_exceptions_without_a_party_or_date_make_no_pattern():
    event = {"reason": "partial_payment"}
    facts = [fact("partial_payment", None, 1, 1), fact("partial_payment", None, 2, 2)]
    facts += [fact("partial_payment", "A", None, 3), fact("partial_payment", "A", 2, 4)]
    assert found_in(facts, pattern(event, event)) == []


def test_a_pattern_may_ask_for_several_equal_columns():
    event = {"reason": "partial_payment"}
    facts = [
        fact("partial_payment", "A", 1, 1),
        fact("partial_payment", "A", 2, 2, currency="USD"),
        fact("partial_payment", "A", 3, 3),
    ]
    [found] = found_in(facts, pattern(event, event, same=("party_id", "currency")))
    assert (found.key, found.exception_ids) == (("A", "EUR"), ("0001", "0003"))


def test_a_party_with_thousands_of_exceptions_is_decided_by_the_newest():
    event = {"reason": "partial_payment"}
    facts = [fact("partial_payment", "A", 40 * n, n) for n in range(1, 2000)]
    assert found_in(facts, pattern(event, event, event)) == []
    facts += [fact("partial_payment", "A", 40 * 1999 + n, 5000 + n) for n in (1, 2)]
    [found] = found_in(facts, pattern(event, event, event))
    assert found.exception_ids == ("1999", "5001", "5002")


# --- inline tests ---

SHIPPED = Path(__file__).parents[2] / "rules" / "routing" / "default.yaml"


def shipped():
    routing, mistakes = parse_routes(yamlfile.load(SHIPPED, file="default.yaml"))
    assert not mistakes
    return routing


def test_the_inline_tests_of_the_shipped_routing_hold():
    outcomes = run_route_cases(shipped())
    assert [f"{each.location} {each.message}" for each in outcomes if not each.holds] == []
    assert len(outcomes) == len(shipped().tests)


def test_every_shipped_route_and_pattern_has_a_test_and_both_languages():
    routing = shipped()
    expected = {test.expect.get("route") for test in routing.tests}
    assert {route.id for route in routing.routes} - expected == set()
    raised = {test.expect.get("raise") for test in routing.tests}
    assert {each.then["raise"] for each in routing.patterns} - raised == set()
    assert all(each.title.en and each.title.zh for each in (*routing.routes, *routing.patterns))


def test_an_inline_test_that_does_not_hold_says_what_came_instead():
    text = """
routing: test
routes:
  - {id: ROUTE-1, when: {reason: ambiguous}, then: {queue: cash}}
  - {id: ROUTE-9, when: {}, then: {queue: triage}}
patterns:
  - {id: PAT-1, title: Two, events: [{reason: ambiguous}, {reason: ambiguous}], same: [party_id], within_days: 3,
     then: {raise: overpayment}}
tests:
  - {given: {reason: ambiguous}, expect: {route: ROUTE-9, queue: triage}}
  - {given: {reason: overpayment}, expect: {queue: triage, owner: mia}}
  - given: [{reason: ambiguous, party_id: A, date: 2026-10-01}, {reason: ambiguous, party_id: A, date: 2026-10-04}]
    expect: {raise: overpayment, queue: triage}
  - given: [{reason: ambiguous, party_id: A, date: 2026-10-01}, {reason: ambiguous, party_id: A, date: 2026-10-05}]
    expect: {raise: overpayment}
  - given: [{reason: ambiguous, party_id: A, date: 2026-10-01}, {reason: ambiguous, party_id: A, date: 2026-10-04}]
    expect: {raise: null}
"""
    routing, mistakes = parse_routes(yamlfile.load(text, file="r.yaml"))
    assert not mistakes
    outcomes = run_route_cases(routing)
    assert [each.holds for each in outcomes] == [False, False, True, False, False]
    assert outcomes[0].message == "route is ROUTE-1, expected ROUTE-9; queue is cash, expected triage"
    assert outcomes[1].message == "owner is none, expected mia"
    assert outcomes[3].message == "raise is none, expected overpayment"
    assert outcomes[4].message == "raise is overpayment, expected none"
    assert str(outcomes[0].location) == "r.yaml:10:5"
