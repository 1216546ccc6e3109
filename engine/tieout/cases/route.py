"""Which route an exception takes and which patterns exceptions make, decided by durable_rules in a child process.

The conditions of a routing file see only a few values of a few columns. SQL turns each exception into small integers, one
a condition column, and the engine decides each distinct combination once: a hundred thousand exceptions are a few
hundred combinations. Where durable_rules is not installed every exception goes to the queue ``triage``.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tieout.model.definitions import Pattern, RoutePlan
from tieout.model.records import Query
from tieout.store.engine import Store, quote

__all__ = ["TRIAGE", "Codes", "Unroutable", "find_patterns", "route_numbers"]

TRIAGE = "triage"
NUMERIC = ("amount", "age_days")
NEWEST = 60
"""Of one group of a pattern, how many exceptions are looked at: the newest; keeps the joins of the engine small."""
EVENTS_A_CHILD = 20_000
ROWS_A_CHILD = 50_000
TIMEOUT_S = 300
ATTEMPTS = 12
PROGRAM = Path(__file__).with_name("rulehost.py")

Test = tuple[int, str, int]
"""A column of the coded rows, an operator of rulehost.py, and the integer it is compared with."""


class Unroutable(Exception):
    """The engine is not there or gave no answer; the text is one line for a person."""


@dataclass
class Codes:
    """The integer columns that conditions need, collected while they are read, and the SQL that makes them.

    A text column is 0 for null, 1 for a text no condition names, and from 2 on the named ones in the order of their
    first use. A list of texts has a column of its own: 0 null, 1 outside, 2 inside. A number is 0 for null, 1 below
    the smallest limit that a condition names, 2 on it, 3 above it and below the next, and so on.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    lists: dict[tuple[str, tuple[str, ...]], None] = field(default_factory=dict)
    limits: dict[str, set[Decimal]] = field(default_factory=dict)

    def note(self, conditions: Iterable[Mapping[str, Any]]) -> None:
        """Sees every condition before the first is compiled."""
        for when in conditions:
            for key, wanted in when.items():
                column, _ = _split(key)
                if column in NUMERIC:
                    self.limits.setdefault(column, set()).add(Decimal(wanted))
                elif isinstance(wanted, list) and len(wanted) > 1:
                    self.lists.setdefault((column, tuple(wanted)))
                else:
                    known = self.texts.setdefault(column, [])
                    known += [text for text in _listed(wanted) if text not in known]

    def columns(self) -> list[tuple[str, Any]]:
        return [*self.texts.items(), *self.lists, *((name, sorted(values)) for name, values in self.limits.items())]

    def tests(self, when: Mapping[str, Any]) -> list[Test]:
        """The conditions as tests of the coded columns; none where there are no conditions."""
        found: list[Test] = []
        places = {
            (name, tuple(known) if isinstance(known, tuple) else None): n
            for n, (name, known) in enumerate(self.columns())
        }
        for key, wanted in when.items():
            column, operator = _split(key)
            if column in NUMERIC:
                place, limit = places[column, None], sorted(self.limits[column]).index(Decimal(wanted))
                found += [(place, *each) for each in _numeric(operator, 2 * limit + 2)]
            elif isinstance(wanted, list) and len(wanted) > 1:
                found.append((places[column, tuple(wanted)], "eq", 1 if operator == "not" else 2))
            else:
                place, code = places[column, None], self.texts[column].index(_listed(wanted)[0]) + 2
                found += [(place, "ne", code), (place, "gte", 1)] if operator == "not" else [(place, "eq", code)]
        return found

    def expressions(self) -> tuple[list[str], dict[str, Any]]:
        """One SQL expression a column over ``case_fact``, and its parameters."""
        expressions, parameters = [], dict[str, Any]()

        def bound(value: Any) -> str:
            parameters[f"v{len(parameters)}"] = value
            return f"$v{len(parameters) - 1}"

        for name, known in self.columns():
            column = quote(name)
            if name in NUMERIC:
                steps = [
                    f"cast({column} >= {(v := bound(x))} as integer) + cast({column} > {v} as integer)" for x in known
                ]
                value = " + ".join(["1", *steps])
            elif isinstance(known, tuple):
                value = f"case when {column} in ({', '.join(map(bound, known))}) then 2 else 1 end"
            else:
                arms = " ".join(f"when {bound(text)} then {code}" for code, text in enumerate(known, start=2))
                value = f"case {column} {arms} else 1 end"
            expressions.append(f"case when {column} is null then 0 else {value} end")
        return expressions, parameters


def _split(key: str) -> tuple[str, str]:
    """A key of a condition as column and operator: amount_gte is (amount, gte), reason is (reason, eq)."""
    column, _, operator = key.rpartition("_")
    return (column, operator) if column and operator in {"gt", "gte", "lt", "lte", "not"} else (key, "eq")


def _listed(wanted: Any) -> list[str]:
    return [str(each) for each in wanted] if isinstance(wanted, list) else [str(wanted)]


def _numeric(operator: str, on: int) -> list[tuple[str, int]]:
    """The tests of a coded number, where ``on`` is the code of the limit itself; null is 0 and passes none."""
    return {
        "eq": [("eq", on)],
        "gte": [("gte", on)],
        "gt": [("gt", on)],
        "lte": [("lte", on), ("gte", 1)],
        "lt": [("lt", on), ("gte", 1)],
    }[operator]


# --- routes ---


def route_numbers(store: Store, plan: RoutePlan) -> None:
    """Makes ``case_route``: exception_id and route, the place of its route in the plan.

    Reads ``case_fact``. Raises Unroutable where the engine gives no answer; then there is no ``case_route``.
    """
    codes = Codes()
    codes.note(each.when for each in plan.routes)
    expressions, parameters = codes.expressions()
    names = [f"c{n}" for n in range(len(expressions))]
    listed = ", ".join(f"{sql} as {name}" for sql, name in zip(expressions, names, strict=True)) or "1 as c0"
    names = names or ["c0"]
    coded = Query(
        "code exceptions",
        f"create or replace table case_code as select exception_id, {listed} from case_fact",
        parameters,
    )
    store.execute(coded)
    columns = ", ".join(names)
    rows = store.fetch(Query("distinct codes", f"select distinct {columns} from case_code order by all"))
    tests = [codes.tests(each.when) for each in plan.routes]
    answers: list[int] = []
    for part in rows.iter_slices(ROWS_A_CHILD):
        answers += _ask({"routes": tests, "rows": [list(row) for row in part.rows()]}, part.height)
    with store.registered(rows.with_columns(pl.Series("route", answers, dtype=pl.Int64)), "case_answer"):
        store.execute(
            Query(
                "route exceptions",
                "create or replace table case_route as "
                f"select c.exception_id, a.route from case_code c join case_answer a using ({columns})",
            )
        )


# --- patterns ---


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern found in one group: the exceptions that first complete it, in order."""

    pattern: Pattern
    batch: int
    key: tuple[str, ...]
    exception_ids: tuple[str, ...]


def find_patterns(store: Store, patterns: Sequence[Pattern]) -> list[Found]:
    """The patterns that the exceptions in ``case_fact`` make, each at most once a group, ordered by pattern and group.

    Raises Unroutable where the engine gives no answer.
    """
    found: list[Found] = []
    for pattern in patterns:
        codes = Codes()
        codes.note(pattern.events)
        rows = store.fetch(_pattern_query(pattern, codes))
        events = [codes.tests(event) for event in pattern.events]
        for part in _whole_groups(rows):
            inside = part.select("group", "day", pl.col("^c[0-9]+$"))
            task = {
                "events": events,
                "within_days": pattern.within_days,
                "rows": [list(row) for row in inside.rows()],
            }
            for places in _ask(task):
                first = part.row(places[0], named=True)
                found.append(
                    Found(
                        pattern,
                        first["batch"],
                        tuple(first[f"k_{name}"] for name in pattern.same),
                        tuple(part["exception_id"][place] for place in places),
                    )
                )
    return found


def _pattern_query(pattern: Pattern, codes: Codes) -> Query:
    """The exceptions that may take part: of the reasons the events name, in groups that are large enough, the newest."""
    expressions, parameters = codes.expressions()
    listed = "".join(f",\n  {sql} as c{n}" for n, sql in enumerate(expressions))
    keys = ", ".join(quote(name) for name in ("batch", *pattern.same))
    named = "".join(f", {quote(name)} as {quote('k_' + name)}" for name in pattern.same)
    reasons = sorted({text for event in pattern.events for text in _listed(event["reason"])})
    parameters = {**parameters, **{f"r{n}": reason for n, reason in enumerate(reasons)}}
    wanted = ", ".join(f"$r{n}" for n in range(len(reasons)))
    known = " and ".join(f"{quote(name)} is not null" for name in (*pattern.same, *pattern.different))
    # Of those that agree in the columns that must differ, one takes part: the newest.
    apart = ", ".join(quote(name) for name in ("batch", *pattern.same, *pattern.different))
    alone = f"qualify row_number() over (partition by {apart} order by object_date desc, exception_id desc) = 1"
    alone = alone if pattern.different else ""
    return Query(
        f"pattern {pattern.id}",
        f"""
with wanted as (
  select * from case_fact
  where reason in ({wanted}) and object_date is not null and {known}
  {alone}
),
taking_part as (
  select *, count(*) over (partition by {keys}) as size,
         row_number() over (partition by {keys} order by object_date desc, exception_id desc) as newest
  from wanted
)
select dense_rank() over (order by {keys}) as "group", date_diff('day', date '1970-01-01', object_date) as day,
  exception_id, batch{named}{listed}
from taking_part
where size >= {len(pattern.events)} and newest <= {NEWEST}
order by "group", object_date, exception_id
""",
        parameters,
    )


def _whole_groups(rows: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """The rows in parts of about EVENTS_A_CHILD, no group cut in two: one part a child process, so memory is bounded."""
    if rows.is_empty():
        return
    sizes = rows.group_by("group", maintain_order=True).len()
    part = sizes.with_columns((pl.col("len").cum_sum() // EVENTS_A_CHILD).alias("part")).select("group", "part")
    for _, frame in rows.join(part, on="group", how="left", maintain_order="left").group_by(
        "part", maintain_order=True
    ):
        yield frame.drop("part")


# --- the child process ---


def _ask(task: Mapping[str, Any], answers: int | None = None) -> list[Any]:
    """The answer of rulehost.py to one task; where ``answers`` is given, that many."""
    if importlib.util.find_spec("durable") is None:
        raise Unroutable(
            "durable_rules is not installed, so exceptions go to the queue 'triage'; "
            "install a C compiler, then: pip install 'tieout[routing]'"
        )
    try:
        done = _child(task)
        found: list[Any] = json.loads(done.stdout) if done.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired, ValueError) as exc:
        raise Unroutable(f"the routing engine gave no answer ({type(exc).__name__}); queue 'triage'") from exc
    if done.returncode or (answers is not None and len(found) != answers):
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise Unroutable(
            f"the routing engine gave no answer ({reason}); without it exceptions go to the queue 'triage'"
        )
    return found


def _child(task: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """The engine asked in a process of its own; asked afresh where it was killed by a signal.

    On Python 3.13 the engine's extension crashes on some patterns, many of them only in some address layouts (tried:
    every second time); never seen on 3.11. Routes, which look at one exception each, have not crashed.
    """
    for _ in range(ATTEMPTS):
        done = subprocess.run(  # noqa: S603  our own file, our own interpreter
            [sys.executable, "-P", str(PROGRAM)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode >= 0:
            break
    return done
