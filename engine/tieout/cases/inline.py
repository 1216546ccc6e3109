"""The inline tests of a routing file, run in memory through the same engine as a run. Called by ``tieout rules test``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tieout.cases.route import Found, find_patterns, route_numbers
from tieout.model.definitions import Route, RoutePlan, RouteTest
from tieout.model.errors import Location
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["RouteOutcome", "run_route_cases"]

_SCHEMA = {
    "batch": pl.Int64,
    "exception_id": pl.String,
    **dict.fromkeys(
        ("reason", "table", "object_id", "related_id", "party_id", "currency", "source", "account", "amount"), pl.String
    ),
    "object_date": pl.Date,
    "age_days": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class RouteOutcome:
    """One inline test of a routing file and what became of it."""

    plan: str
    number: int
    """Its place in the file, from 1."""
    location: Location
    holds: bool
    message: str
    """What was expected and what came instead; empty where it holds."""


def run_route_cases(routes: RoutePlan) -> list[RouteOutcome]:
    """The outcome of every inline test, in the order of the file.

    Raises cases.route.Unroutable where durable_rules is not installed: then nothing can be said.
    """
    with Store.create() as store:
        _put_facts(
            store, [_fact(n, m, given) for n, test in enumerate(routes.tests) for m, given in enumerate(test.given)]
        )
        found = find_patterns(store, routes.patterns)
        raised = [_raised_fact(n, each) for n, each in enumerate(found)]
        _put_facts(store, raised, into="insert into case_fact by name select")
        route_numbers(store, routes)
        taken = dict(store.fetch(Query("routes taken", "select exception_id, route from case_route")).iter_rows())
    by_id = {name: routes.routes[place] for name, place in taken.items() if place >= 0}
    outcomes = []
    for n, test in enumerate(routes.tests):
        patterns = [(each, by_id.get(f"raised {m}")) for m, each in enumerate(found) if each.batch == n]
        wrong = _wrong(test, by_id.get(f"{n} 0"), patterns)
        outcomes.append(RouteOutcome(routes.id, n + 1, test.location, not wrong, "; ".join(wrong)))
    return outcomes


def _wrong(test: RouteTest, route: Route | None, patterns: Sequence[tuple[Found, Route | None]]) -> list[str]:
    """What differs from what the test expects, one clause each."""
    expect = test.expect
    got: dict[str, Any] = {"route": route.id if route else None}
    then: Mapping[str, Any] = route.then if route else {}
    if "raise" in expect:
        meant = [(each, its) for each, its in patterns if each.pattern.then["raise"] == expect["raise"]] or list(
            patterns
        )
        raised = meant[0] if meant else None
        got["raise"] = raised[0].pattern.then["raise"] if raised else None
        if raised:
            own = raised[0].pattern.then
            then = own if "queue" in own else (raised[1].then if raised[1] else {})
    got |= {"queue": then.get("queue"), "owner": then.get("owner")}
    return [
        f"{key} is {got[key] or 'none'}, expected {wanted or 'none'}"
        for key, wanted in expect.items()
        if got[key] != wanted
    ]


def _fact(test: int, place: int, given: Mapping[str, Any]) -> dict[str, Any]:
    date = given.get("date")
    amount = given.get("amount")
    return {
        **{name: given.get(name) for name in _SCHEMA if name in given},
        "batch": test,
        "exception_id": f"{test} {place}",
        "object_id": given.get("object_id", f"object {place}"),
        "amount": None if amount is None else str(abs(amount)),
        "object_date": dt.date.fromisoformat(date) if date else None,
    }


def _raised_fact(number: int, found: Found) -> dict[str, Any]:
    key = dict(zip(found.pattern.same, found.key, strict=True))
    return {"batch": found.batch, "exception_id": f"raised {number}", "reason": found.pattern.then["raise"], **key}


def _put_facts(
    store: Store, rows: Sequence[Mapping[str, Any]], into: str = "create or replace table case_fact as select"
) -> None:
    frame = pl.DataFrame([{name: row.get(name) for name in _SCHEMA} for row in rows], schema=_SCHEMA)
    with store.registered(frame, "given_fact"):
        store.execute(
            Query(
                "facts of inline tests", f"{into} * replace (cast(amount as decimal(18, 4)) as amount) from given_fact"
            )
        )
