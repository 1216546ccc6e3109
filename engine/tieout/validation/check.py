"""Validation: runs the rules over the canonical tables and appends what they find to ``finding``.

A gate counts for each rule how many rows break it; only for rules that fired are findings written. Working tables are
made before and dropped after.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl

from tieout.model.canon import CANON
from tieout.model.definitions import Rule, RuleSet
from tieout.model.errors import StoreError
from tieout.model.records import Query
from tieout.store.engine import Store, quote
from tieout.validation import alike
from tieout.validation.compile import object_id, row_no
from tieout.validation.identifiers import READINGS, verdicts
from tieout.validation.inventory import WORKING
from tieout.validation.places import ROOT, Locator, Spots, locate
from tieout.validation.places import WORKING as LOCATING
from tieout.validation.planning import Planner
from tieout.validation.program import Compiled, Plan, Program
from tieout.validation.rows import Codes, Lookup, quoted, shown, text_literal

__all__ = ["check", "prepared"]

RULES_A_STATEMENT = 250
_FINDING = [column.name for column in CANON["finding"].columns if column.name != "finding_no"]


def check(
    store: Store,
    rule_sets: Iterable[RuleSet],
    *,
    as_of: dt.date,
    documents: Iterable[str] | None = None,
    everywhere: bool = False,
    locator: Locator | None = None,
) -> None:
    """Appends one row to ``finding`` for each rule that a row breaks, numbered on from what stands there.

    documents: judge these invoices (by invoice_id) only, and no other tables; all rows without it.
    everywhere: each pack judges every invoice; without it a pack that ``applies`` to some specifications or syntaxes
        judges only invoices of those.
    locator: what the mappings say of the places of columns; without it findings have no path.
    The order is that of rule, table, object, row and place, so the same data gives the same numbers.
    Raises StoreError where a statement fails as a whole.
    """
    ids = None if documents is None else sorted(set(documents))
    planner = Planner(store, rule_sets, as_of, everywhere=everywhere, invoices=ids is not None)
    careful: frozenset[str] | None = frozenset()
    while True:
        # Guarding a value against errors costs ten times the work, so only rules that failed on this data are guarded.
        try:
            _check(store, planner.plan(careful), ids, locator)
            return
        except _RulesFailed as exc:
            if careful is None:
                raise exc.cause from None
            careful = None if exc.rules <= careful else careful | exc.rules
        except StoreError:
            if careful is None:
                raise
            careful = None


class _RulesFailed(Exception):
    """Rules whose conditions or messages some row cannot be put into; each is to be guarded."""

    def __init__(self, rules: Iterable[str], cause: StoreError) -> None:
        super().__init__()
        self.rules = frozenset(rules)
        self.cause = cause


def _check(store: Store, plan: Plan, documents: list[str] | None, locator: Locator | None) -> None:
    spots = Spots()
    with prepared(store, plan):
        _create_findings(store, documents)
        if plan.inventory or any(program.table == "element" for program in plan.programs):
            alike.gather(store)
        among = 'invoice_id in (select invoice_id from "~documents")' if documents is not None else "true"
        for program in plan.programs:
            where = program.applies
            if documents is not None:
                where += f" and {quote(program.table)}.{among}"
            first = alike.standing_for(store, program, among) if program.table == "element" else None
            _judge(store, program, where, spots, first=f"{where} and {first}" if first else where)
        if plan.inventory and alike.judge_places(store, plan.inventory, documents=documents is not None):
            store.execute(plan.inventory.findings())
        if locator and store.any("document"):
            locate(store, spots, locator)
        _number(store)


@contextlib.contextmanager
def prepared(store: Store, plan: Plan) -> Iterator[None]:
    """Makes the working tables of the plan; drops them when the block ends."""
    try:
        for step in plan.steps:
            if isinstance(step, Lookup):
                _look_up(store, step)
            elif isinstance(step, Codes):
                _put_codes(store, step)
            else:
                store.execute(step)
        yield
    finally:
        names = (*plan.working, *WORKING, *alike.WORKING, *LOCATING, "~documents", "~hits", "~finding")
        store.execute(Query("drop working tables", ";\n".join(f"drop table if exists {quote(name)}" for name in names)))


def _put_codes(store: Store, step: Codes) -> None:
    rows = [(name, code.code, code.valid_from, code.valid_to) for name, codes in step.lists.items() for code in codes]
    schema = {"list": pl.String, "code": pl.String, "valid_from": pl.Date, "valid_to": pl.Date}
    with store.registered(pl.DataFrame(rows, schema=schema, orient="row")) as view:
        store.execute(
            Query(step.table, f"create or replace temp table {quote(step.table)} as select * from {quote(view)}")
        )


def _look_up(store: Store, step: Lookup) -> None:
    """Adds the verdicts on values that have none yet."""
    name = quote(step.table)
    kind = READINGS[step.check][1] if step.check in READINGS else "boolean"
    store.execute(Query(step.table, f"create temp table if not exists {name} (value varchar, valid {kind})"))
    fresh = f"select value from ({step.values.sql}) where value not in (select value from {name}) order by value"
    values = store.fetch(Query(step.values.name, fresh, step.values.parameters))["value"]
    if values.is_empty():
        return
    found = verdicts(step.check, values.to_list())
    frame = pl.DataFrame(
        {"value": values, "valid": pl.Series(found, dtype=pl.String if kind != "boolean" else pl.Boolean)}
    )
    with store.registered(frame) as view:
        store.execute(Query(step.table, f"insert into {name} select value, valid from {quote(view)}"))


def _create_findings(store: Store, documents: list[str] | None) -> None:
    columns = ", ".join(f"{quote(name)} {CANON['finding'].by_name[name].sql_type}" for name in _FINDING)
    columns += ", spot integer, line_row_no bigint, element_no bigint"
    store.execute(Query("~finding", f'create or replace temp table "~finding" ({columns})'))
    if documents is not None:
        frame = pl.DataFrame({"invoice_id": documents}, schema={"invoice_id": pl.String})
        with store.registered(frame) as view:
            store.execute(
                Query("~documents", f'create or replace temp table "~documents" as select * from {quote(view)}')
            )


def _judge(store: Store, program: Program, where: str, spots: Spots, *, first: str) -> None:
    """Writes what the rows break; first: the condition for rows among which every rule that fires does so."""
    for start in range(0, len(program.rules), RULES_A_STATEMENT):
        part = replace(program, rules=program.rules[start : start + RULES_A_STATEMENT])
        try:
            fired = _fired(store, part, first)
        except StoreError as exc:
            raise _RulesFailed(_failing(store, part, first), exc) from exc
        if fired:
            hits, findings = findings_of(program, fired, where, spots)
            try:
                store.execute(hits)
            except StoreError as exc:
                raise _RulesFailed({each.rule.id for each in fired}, exc) from exc
            store.execute(findings)


def _fired(store: Store, program: Program, where: str) -> list[Compiled]:
    """The rules that at least one row breaks."""
    query, pairs = program.gate(where)
    # Over no rows at all count_if is null.
    counts = {name: count or 0 for name, count in store.first(query).items()}
    broken = [counts[second] if first is None else counts[first] - counts[second] for first, second in pairs]
    return [rule for rule, count in zip(program.rules, broken, strict=True) if count]


def _failing(store: Store, program: Program, where: str) -> set[str]:
    """The rules that cannot be counted, found by halving."""
    if len(program.rules) == 1:
        return {program.rules[0].rule.id}
    failing: set[str] = set()
    middle = len(program.rules) // 2
    for rules in (program.rules[:middle], program.rules[middle:]):
        half = replace(program, rules=rules)
        try:
            _fired(store, half, where)
        except StoreError:
            failing |= _failing(store, half, where)
    return failing


def findings_of(program: Program, fired: list[Compiled], where: str, spots: Spots) -> tuple[Query, Query]:
    """The rows that break one of the rules with every value to be shown, then a finding for each of them and rule."""
    table = program.table
    columns: dict[str, str] = {}
    for rule in fired:
        for value in (*rule.evidence, *rule.shown.values()):
            columns.setdefault(shown(value.sql, value.type), f"v{len(columns)}")
    known = CANON[table].by_name
    place = ["source", "line"] if {"source", "line"} <= set(known) else []
    inner = quoted(table, "line_row_no") if "line_row_no" in known else "cast(null as bigint)"
    path, number = (
        ("'/' || element.path", "element.parent_no") if table == "element" else ("null::varchar", "null::bigint")
    )
    selected = [
        f"{object_id(table)} as object_id",
        f"{row_no(table)} as row_no",
        f"{inner} as line_row_no",
        f"{path} as path",
        f"{number} as element_no",
        *(f"{quoted(table, name)} as {name}" for name in place),
        *(f"{sql} as {name}" for sql, name in columns.items()),
        *(f"{rule.fails} as f{n}" for n, rule in enumerate(fired)),
    ]
    listed = ",\n  ".join(selected)
    any_fails = " or ".join(f"f{n}" for n in range(len(fired)))
    hits = Query(
        f"rows that break {program.rule_set.pack} on {table}",
        f'create or replace temp table "~hits" as\nselect * from (\nselect\n  {listed}\n'
        f"from {program.source}\nwhere {where}\n)\nwhere {any_fails}",
    )
    selects = [
        _finding(
            program, rule, n, columns, bool(place), ROOT if table == "element" else spots.number(table, rule.columns)
        )
        for n, rule in enumerate(fired)
    ]
    findings = Query(
        f"findings of {program.rule_set.pack} on {table}",
        'insert into "~finding"\n' + "\nunion all\n".join(selects),
    )
    return hits, findings


def _finding(
    program: Program, compiled: Compiled, number: int, columns: dict[str, str], placed: bool, spot: int
) -> str:
    rule = compiled.rule
    names = {name: columns[shown(value.sql, value.type)] for name, value in compiled.shown.items()}
    pairs = ", ".join(
        f"{text_literal(value.name)}, {columns[shown(value.sql, value.type)]}" for value in compiled.evidence
    )
    fixed = [rule.finding_id, rule.pack, rule.severity, program.table]
    return (
        f"select {', '.join(map(text_literal, fixed))}, object_id, row_no, {text_literal(', '.join(rule.terms))},\n"
        f"  {_message(rule.message.en, names, '(empty)')},\n"
        f"  {_message(_chinese(rule), names, '（空）')},\n"
        f"  cast(json_object({pairs}) as varchar),\n"
        f"  path, {'source, line' if placed else 'null, null'}, {spot}, line_row_no, element_no\n"
        f'from "~hits" where f{number}'
    )


def _chinese(rule: Rule) -> str:
    return rule.message.zh or rule.title.zh


def _message(template: str, names: dict[str, str], empty: str) -> str:
    """SQL that fills the template's braces; a null is shown as the word for it."""
    parts = []
    for index, piece in enumerate(re.split(r"\{([^{}]*)\}", " ".join(template.split()))):
        if index % 2 and piece.strip() in names:
            parts.append(f"coalesce({names[piece.strip()]}, {text_literal(empty)})")
        elif piece:
            parts.append(text_literal(piece))
    return " || ".join(parts) or "''"


def _number(store: Store) -> None:
    listed = ", ".join(map(quote, _FINDING))
    order = 'rule, "table", object_id, row_no, line, source, message, evidence, path'
    store.execute(
        Query(
            "number findings",
            f"insert into finding (finding_no, {listed})\n"
            f"select coalesce((select max(finding_no) from finding), 0) + row_number() over (order by {order}), {listed}\n"
            'from "~finding" order by 1',
        )
    )
