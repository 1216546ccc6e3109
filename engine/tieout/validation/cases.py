"""Runs the inline cases of rules: the given rows go into a store of their own, the compiled rules judge them.

All cases of plain conditions share one store and a few statements; rules that compare rows with one another (unique,
reference, balance) get the tables to themselves, case by case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from tieout.model.canon import CANON
from tieout.model.definitions import Rule, RuleSet, RuleTest
from tieout.model.errors import Location
from tieout.model.records import Query
from tieout.store.engine import Limits, Store, quote
from tieout.validation.alike import gather, judge_places
from tieout.validation.check import prepared
from tieout.validation.compile import compile_rules
from tieout.validation.inventory import KINDS, Inventory
from tieout.validation.program import Program
from tieout.validation.rows import lineage, quoted

__all__ = ["AS_OF", "Outcome", "noticed", "run_cases"]

AS_OF = dt.date(2026, 1, 1)
"""The date of the run for cases that do not say one."""

RULES_A_STATEMENT = 200
CHANGED_A_PLAN = 600
SHARING = ("condition", *KINDS)
"""Kinds whose cases may share the tables: what they judge does not depend upon other documents."""
_STATES = {0: "pass", 1: "fail", 2: "skip"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one inline case came to."""

    rule: str
    pack: str
    number: int
    """The position of the case within its rule, from 1."""
    expect: str
    outcome: str
    """pass, fail or skip: fail where any judged row fails, else pass where any passes."""
    location: Location

    @property
    def holds(self) -> bool:
        return self.outcome == self.expect


@dataclass(frozen=True, slots=True)
class _Case:
    """One case and the name under which its rows stand in the store."""

    rule: Rule
    number: int
    test: RuleTest
    source: str


def run_cases(rule_sets: Iterable[RuleSet], *, limits: Limits | None = None) -> list[Outcome]:
    """The outcome of every inline case of every rule that is not retired, in the order of packs, rules and cases."""
    sets = list(rule_sets)
    cases = _cases(sets)
    states: dict[str, set[int]] = {case.source: set() for case in cases}
    with Store.create(limits=limits or Limits(memory="1GiB")) as store:
        for batch in _batches(cases):
            _load(store, batch)
            wanted = {case.rule.id for case in batch}
            chosen = [replace(each, rules=tuple(r for r in each.rules if r.id in wanted)) for each in sets]
            for _, source, state in _states(store, chosen, batch, {rule: rule for rule in wanted}):
                states[source].add(state)
            _empty(store, batch)
    return [
        Outcome(
            case.rule.id,
            case.rule.pack,
            case.number,
            case.test.expect,
            _outcome(states[case.source]),
            case.test.location,
        )
        for case in cases
    ]


def noticed(rule_sets: Iterable[RuleSet], changed: Sequence[Rule], *, limits: Limits | None = None) -> list[bool]:
    """For each changed rule, whether a case of the rule with its id in the sets comes out otherwise than it expects."""
    sets = {each.pack: each for each in rule_sets}
    found: set[int] = set()
    with Store.create(limits=limits or Limits(memory="1GiB")) as store:
        for batch in _batches(_cases(sets.values())):
            _load(store, batch)
            wanted = {case.rule.id for case in batch}
            mine = [(at, rule) for at, rule in enumerate(changed) if rule.id in wanted]
            for start in range(0, len(mine), CHANGED_A_PLAN):
                found |= _noticed(store, sets, dict(mine[start : start + CHANGED_A_PLAN]), batch)
            _empty(store, batch)
    return [at in found for at in range(len(changed))]


def _noticed(
    store: Store, sets: Mapping[str, RuleSet], changed: Mapping[int, Rule], batch: Sequence[_Case]
) -> set[int]:
    named = {f"{rule.id}~{at}": (at, rule) for at, rule in changed.items()}
    by_pack: dict[str, list[Rule]] = {}
    for name, (_, rule) in named.items():
        by_pack.setdefault(rule.pack, []).append(replace(rule, id=name))
    chosen = [replace(sets[pack], rules=tuple(rules)) for pack, rules in by_pack.items()]
    states: dict[tuple[str, str], set[int]] = {}
    for name, source, state in _states(store, chosen, batch, {name: rule.id for name, (_, rule) in named.items()}):
        states.setdefault((name, source), set()).add(state)
    cases: dict[str, list[_Case]] = {}
    for case in batch:
        cases.setdefault(case.rule.id, []).append(case)
    return {
        at
        for name, (at, rule) in named.items()
        if any(_outcome(states.get((name, each.source), set())) != each.test.expect for each in cases[rule.id])
    }


def _cases(rule_sets: Iterable[RuleSet]) -> list[_Case]:
    return [
        _Case(rule, number, test, f"case-{rule.id}-{number}")
        for rule_set in rule_sets
        for rule in rule_set.rules
        if rule.status != "retired"
        for number, test in enumerate(rule.tests, 1)
    ]


def _outcome(states: set[int]) -> str:
    return next((_STATES[state] for state in (1, 0, 2) if state in states), "skip")


def _batches(cases: Sequence[_Case]) -> Iterator[list[_Case]]:
    """Cases that may share the tables: conditions with the same date of the run; every other case alone."""
    shared: dict[dt.date | None, list[_Case]] = {}
    for case in cases:
        if case.rule.kind in SHARING and "source" in CANON[case.rule.table].by_name:
            shared.setdefault(case.test.as_of, []).append(case)
        else:
            yield [case]
    yield from shared.values()


def _states(
    store: Store, rule_sets: Iterable[RuleSet], batch: Sequence[_Case], judged: Mapping[str, str]
) -> Iterator[tuple[str, str, int]]:
    """(rule, source, state) for each row that a case of the batch wants judged.

    judged: the id of each rule in the sets, and of the one whose cases judge it.
    """
    plan = compile_rules(
        rule_sets, as_of=batch[0].test.as_of or AS_OF, everywhere=True, statuses=("active", "draft"), careful=None
    )
    by_rule: dict[str, set[str]] = {}
    for case in batch:
        by_rule.setdefault(case.rule.id, set()).add(case.source)
    with prepared(store, plan):
        for program in plan.programs:
            for frame, rules in _state_frames(store, program):
                sources = frame["source"].to_list()
                for rule in rules:
                    mine = by_rule.get(judged[rule], set())
                    for source, state in zip(sources, frame[rule].to_list(), strict=True):
                        if source in mine or len(batch) == 1:
                            yield rule, source if source in mine else batch[0].source, state
        if plan.inventory:
            yield from _place_states(store, plan.inventory, by_rule, judged)


def _place_states(
    store: Store, inventory: Inventory, by_rule: Mapping[str, set[str]], judged: Mapping[str, str]
) -> Iterator[tuple[str, str, int]]:
    """(rule, source, state) for each document that a case of a rule on places gives."""
    gather(store)
    # Where nothing is broken, there may be no table of it.
    found = judge_places(store, inventory)
    broken = (
        set(store.fetch(Query("broken", 'select rule_no, invoice_id from "~broken"')).iter_rows()) if found else set()
    )
    conditions = ", ".join(f"({each}) as c{n}" for n, each in enumerate(inventory.conditions))
    source = quoted("invoice", "invoice_id")
    rows = store.fetch(Query("judged", f"select {source} as source, {conditions} from {inventory.source}"))
    applies = {row["source"]: row for row in rows.iter_rows(named=True)}
    for number, each in enumerate(inventory.rules):
        condition = f"c{inventory.conditions.index(each.condition)}"
        for name in by_rule.get(judged[each.rule.id], ()):
            yield each.rule.id, name, int((number, name) in broken) if applies[name][condition] else 2


def _state_frames(store: Store, program: Program) -> Iterator[tuple[pl.DataFrame, list[str]]]:
    placed = "source" in CANON[program.table].by_name
    source = quoted(program.table, "source") if placed else "''"
    for start in range(0, len(program.rules), RULES_A_STATEMENT):
        part = program.rules[start : start + RULES_A_STATEMENT]
        states = ",\n  ".join(f"{each.state} as {quote(each.rule.id)}" for each in part)
        query = Query(f"cases on {program.table}", f"select {source} as source,\n  {states}\nfrom {program.source}")
        yield store.fetch(query), [each.rule.id for each in part]


# --- rows ---


def _load(store: Store, batch: Sequence[_Case]) -> None:
    tables: dict[str, list[dict[str, Any]]] = {}
    for case in batch:
        for table, rows in _completed(case).items():
            tables.setdefault(table, []).extend(rows)
    for table, rows in tables.items():
        names = [column.name for column in CANON[table].columns if any(column.name in row for row in rows)]
        texts = {name: pl.Series([_text(row.get(name)) for row in rows], dtype=pl.String) for name in names}
        store.append(table, pl.DataFrame(texts))


def _empty(store: Store, batch: Sequence[_Case]) -> None:
    tables = {table for case in batch for table in _completed(case)}
    for table in sorted(tables):
        store.clear(table)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _completed(case: _Case) -> Mapping[str, list[dict[str, Any]]]:
    """The given rows with the keys that link them, and the rows above them that were not given."""
    tables: dict[str, list[dict[str, Any]]] = {
        name: [dict(row) for row in rows] for name, rows in case.test.given.items()
    }
    for table in list(tables):
        for above in lineage(table)[1:]:
            tables.setdefault(above, [])
    for table in sorted(tables, key=lambda name: len(lineage(name))):
        rows = tables[table]
        if table == "invoice":
            rows.extend([] if rows else [{}])
        elif table == "invoice_line":
            needed = {
                row.get("line_row_no", 1)
                for name in tables
                for row in tables[name]
                if "line_row_no" in CANON[name].by_name
            }
            rows.extend(
                {"row_no": number} for number in sorted(needed - {r.get("row_no", n) for n, r in enumerate(rows, 1)})
            )
        _key(table, rows, case)
    return tables


def _key(table: str, rows: list[dict[str, Any]], case: _Case) -> None:
    shares = case.rule.kind in SHARING
    columns = CANON[table].by_name
    for number, row in enumerate(rows, 1):
        if "invoice_id" in CANON[table].key:
            name = case.source if number == 1 or table != "invoice" else f"{case.source}#{number}"
            row["invoice_id"] = name if shares else row.get("invoice_id", name)
        if "line_row_no" in columns:
            row.setdefault("line_row_no", 1)
        if "row_no" in CANON[table].key:
            row.setdefault("row_no", number)
        if "source" in columns:
            row["source"] = case.source
        if "line" in columns:
            row.setdefault("line", number)
