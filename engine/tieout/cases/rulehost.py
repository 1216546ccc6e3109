"""durable_rules, alone in a short-lived process: reads a task as JSON from stdin, writes the answers to stdout.

Only this file imports the engine. Its traps, and how each is kept away (all of them tried on 2.0.28): it knows no
Decimal and compares text as numbers, so it is given small integers only; more than 64 fulfilled or 512 equality tests
break a ruleset, so rulesets are chained, 60 tests each; lists of events lose some, so each is posted alone; a thousand
session ids crash it, so there is none and joins are on equality; an "or" beside a join switches the join off, so
there is no "or" (route.py turns a list into one integer); an event that no test fulfils raises, so there is a
last rule for everything; an exception inside an action is swallowed, so actions only note what fired; a Host starts
timer threads, so ``_run`` is overridden; memory never returns, so the process ends; built for Python 3.13 it lacks a
symbol, so it is bound lazily.

Run as a file, never imported by the product: the folder's own ``queue.py`` must not shadow the standard library.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

TESTS_A_RULESET = 60
OPERATORS = {"lt": "$lt", "lte": "$lte", "gt": "$gt", "gte": "$gte", "ne": "$neq"}


def condition(test: list[Any]) -> dict[str, Any]:
    """One test, [column, operator, integer], in the engine's own words."""
    column, operator, wanted = test
    name = f"c{column}"
    if operator == "eq":
        return {name: wanted}
    return {OPERATORS[operator]: {name: wanted}}


def together(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


def make_host(rulesets: dict[str, Any]) -> Any:
    # Its extension names PyEval_CallObject, which Python 3.13 no longer has; only the callbacks of a message store call
    # it, and there is none here. Bound lazily, what is never called need not be there.
    if hasattr(sys, "setdlopenflags"):
        sys.setdlopenflags(os.RTLD_LAZY)
    from durable.engine import Host

    class Quiet(Host):  # type: ignore[misc]
        def _run(self) -> None:
            """No timer threads: every post runs its actions itself."""

    return Quiet(rulesets)


def post(host: Any, ruleset: str, event: dict[str, int]) -> None:
    from durable.engine import MessageNotHandledException

    try:
        host.post(ruleset, event)
    except MessageNotHandledException:
        return


def noting(fired: list[Any], answer: Any) -> Any:
    def action(c: Any) -> None:
        fired.append(answer(c) if callable(answer) else answer)

    return action


# --- routes: the first whose tests all hold ---


def route(task: dict[str, Any]) -> list[int]:
    """For each row of integers the place of the first route whose tests all hold; -1 where none does."""
    fired: list[Any] = []
    chain = list(chained(task["routes"]))
    host = make_host({f"s{n}": ruleset(part, fired) for n, part in enumerate(chain)})
    answers = []
    for number, row in enumerate(task["rows"], start=1):
        event = {"id": number, "one": 1} | {f"c{column}": value for column, value in enumerate(row)}
        answer = -1
        for n in range(len(chain)):
            fired.clear()
            post(host, f"s{n}", dict(event))
            answer = min(fired, default=-1)
            if answer >= 0:
                break
        answers.append(answer)
    return answers


def chained(routes: list[list[list[Any]]]) -> Any:
    """The routes with their places, in runs of at most TESTS_A_RULESET tests."""
    part: list[tuple[int, list[list[Any]]]] = []
    tests = 0
    for place, each in enumerate(routes):
        if part and tests + max(len(each), 1) > TESTS_A_RULESET:
            yield part
            part, tests = [], 0
        part.append((place, each))
        tests += max(len(each), 1)
    if part:
        yield part


def ruleset(part: list[tuple[int, list[list[Any]]]], fired: list[Any]) -> dict[str, Any]:
    rules = {
        f"r{place}": {
            "all": [{"m": together([condition(test) for test in tests] or [{"one": 1}])}],
            "pri": order,
            "run": noting(fired, place),
        }
        for order, (place, tests) in enumerate(part, start=1)
    }
    last = {"all": [{"m": {"one": 1}}], "pri": len(part) + 1, "run": noting(fired, -1)}
    return {**rules, "last": last}


# --- patterns: several events of one group, in order, within some days ---


def match(task: dict[str, Any]) -> list[list[int]]:
    """For each group in which the pattern is found, the rows that first complete it, in order.

    rows: [group, day, column values ...], those of one group together and in the order of their days.
    """
    fired: list[Any] = []
    names = [f"e{n}" for n in range(len(task["events"]))]
    rule = {"all": steps(task, names), "run": noting(fired, lambda c: [getattr(c, name).row for name in names])}
    host = make_host({"pattern": {"found": rule}})
    found: list[list[int]] = []
    done = None
    for place, (group, day, *values) in enumerate(task["rows"]):
        if group == done:
            continue
        event = {"id": place + 1, "row": place, "seq": place, "group": group, "day": day, "one": 1}
        fired.clear()
        post(host, "pattern", event | {f"c{column}": value for column, value in enumerate(values)})
        if fired:
            found.append(min(fired))
            done = group
    return found


def steps(task: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    """One expression an event: its own tests, and from the second on: same group, later, within the days of the first."""
    expressions: list[dict[str, Any]] = []
    for n, tests in enumerate(task["events"]):
        conditions = [condition(test) for test in tests] or [{"one": 1}]
        if n:
            latest = {"$add": {"$l": {names[0]: "day"}, "$r": task["within_days"]}}
            conditions += [
                {"group": {names[0]: "group"}},
                {"$gt": {"seq": {names[n - 1]: "seq"}}},
                {"$lte": {"day": latest}},
            ]
        expressions.append({names[n]: together(conditions)})
    return expressions


def main() -> None:
    task = json.load(sys.stdin)
    answer = match(task) if "within_days" in task else route(task)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
