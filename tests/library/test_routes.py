from decimal import Decimal
from pathlib import Path

import pytest

from tieout.library import yamlfile
from tieout.library.routes import parse_routes
from tieout.model.reasons import REASONS

GOOD = """
routing: own
title: {en: Own routing, zh: 自定义}
calendar: DE-BY
reasons: {odd_payment: An odd payment}
routes:
  - {id: ROUTE-1, when: {reason: partial_payment, amount_gte: 10000.00}, then: {queue: credit-control, due: 2 business days}}
  - {id: ROUTE-2, title: Odd, when: {reason: [odd_payment, ambiguous], currency_not: EUR}, then: {queue: cash, due: 3, owner: mia, calendar: CN}}
  - {id: ROUTE-9, when: {}, then: {queue: triage}}
patterns:
  - {id: PAT-1, title: Two, events: [{as: a, reason: ambiguous}, {reason: odd_payment, amount_gt: 5}], same: [party_id],
     within_days: 30, then: {raise: repeated_odd, queue: risk}}
tests:
  - {given: {reason: repeated_odd, amount: 1.50}, expect: {route: ROUTE-9}}
"""


def parse(text):
    return parse_routes(yamlfile.load(text, file="r.yaml"))


def mistakes(text):
    return [str(mistake) for mistake in parse(text)[1]]


def test_a_routing_is_read_with_business_days_calendars_and_exact_amounts():
    plan, wrong = parse(GOOD)
    assert wrong == []
    assert (plan.id, plan.title.zh, plan.calendar) == ("own", "自定义", "DE-BY")
    first, second, last = plan.routes
    assert first.when == {"reason": "partial_payment", "amount_gte": Decimal("10000.00")}
    assert first.then == {"queue": "credit-control", "due_days": 2}
    assert second.then == {"queue": "cash", "due_days": 3, "owner": "mia", "calendar": "CN"}
    assert (last.when, last.then["due_days"]) == ({}, 5)
    [pattern] = plan.patterns
    assert pattern.events == ({"reason": "ambiguous"}, {"reason": "odd_payment", "amount_gt": 5})
    assert (pattern.then["raise"], pattern.then["queue"]) == ("repeated_odd", "risk")
    assert plan.tests[0].given == ({"reason": "repeated_odd", "amount": Decimal("1.50")},)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("reason: partial_payment", "reason: partial_paymet", "r.yaml:7:34  no reason 'partial_paymet'; did you mean 'partial_payment'?"),
        ("[odd_payment, ambiguous]", "[strange, ambiguous]", "r.yaml:8:47  no reason 'strange'; a reason of your own is declared under 'reasons'"),
        ("amount_gte: 10000.00", "amount_min: 10000.00", "r.yaml:7:51  unknown key 'amount_min' in 'when'"),
        ("amount_gte: 10000.00", "amount_gte: ten", "r.yaml:7:63  'ten' in 'amount_gte': must be a number"),
        ("due: 2 business days", "due: soon", "must be business days, like '2 business days' or 2"),
        ("queue: credit-control", "queue: Credit Control", "must be a queue in small letters"),
        ("id: ROUTE-2", "id: ROUTE-1", "r.yaml:8:10  'ROUTE-1' is also on line 7; ids are unique"),
        ("id: PAT-1", "id: ROUTE-1", "'ROUTE-1' is also on line 7"),
        ("calendar: CN", "calendar: XX", "no calendar of public holidays for 'XX'"),
        ("calendar: DE-BY", "calendar: DE-QQ", "r.yaml:4:11  no calendar of public holidays for 'DE-QQ'"),
        ("when: {}, then: {queue: triage}", "when: {currency: EUR}, then: {queue: triage}", "the last route must have no conditions (when: {})"),
        ("when: {reason: partial_payment, amount_gte: 10000.00}", "when: {}", "r.yaml:8:10  ROUTE-2 is never taken: ROUTE-1 above it has no conditions"),
        ("when: {reason: [odd_payment, ambiguous], currency_not: EUR}", "when: {amount_gte: 10000.00, reason: partial_payment}", "ROUTE-2 is never taken: ROUTE-1 above it has the same conditions"),
        ("expect: {route: ROUTE-9}", "expect: {route: ROUTE-8}", "no route 'ROUTE-8'; did you mean 'ROUTE-9'?"),
        ("expect: {route: ROUTE-9}", "expect: {raise: odd}", "no pattern raises 'odd'"),
        ("same: [party_id]", "same: [amount]", "must be one of party_id"),
        ("{as: a, reason: ambiguous}, ", "", "must have at least 2 entries"),
        ("title: {en: Own routing, zh", "title: {en: Own, but old, zh", "r.yaml:3:18  unknown key 'but old' in 'title'"),
        ("within_days: 30, ", "", "'within_days' is missing"),
        ("given: {reason: repeated_odd", "given: {reason: repeated_odd, date: 1.10.2026", "must be an ISO date"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(before, after, wanted):
    assert before in GOOD
    found = mistakes(GOOD.replace(before, after, 1))
    assert any(wanted in each for each in found), found


def test_all_mistakes_of_a_file_come_at_once():
    text = (
        GOOD.replace("id: ROUTE-2", "id: ROUTE-1")
        .replace("calendar: CN", "calendar: XX")
        .replace("reason: partial_payment", "reason: partial")
    )
    assert len(mistakes(text)) == 3


def test_the_shipped_routing_has_no_mistake_and_a_queue_for_every_reason_of_the_contract():
    path = Path(__file__).parents[2] / "rules" / "routing" / "default.yaml"
    plan, wrong = parse_routes(yamlfile.load(path))
    assert wrong == []
    named = set()
    for route in plan.routes:
        reasons = route.when.get("reason", [])
        named |= set(reasons if isinstance(reasons, list) else [reasons])
    assert set(REASONS) - named == set()
