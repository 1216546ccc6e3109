"""Rules to SQL: few wide statements instead of one a rule. Composes text, runs nothing; ``check`` and ``cases`` run it.

A program judges one table by one pack: a row source (the table, the rows above it, one row of sums for each child table)
and for each rule a condition that says when a row fails. Child tables are grouped once, however many rules ask.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from tieout.model.canon import CANON
from tieout.model.definitions import Expression, Rule, RuleSet
from tieout.model.records import Query
from tieout.validation.inventory import KINDS, Inventory, Judged
from tieout.validation.kinds import object_id
from tieout.validation.program import Compiled, Plan, Program
from tieout.validation.rows import Codes, Groups, Needs, Rows, Step, lineage, quoted, text_literal
from tieout.validation.writer import Writer

__all__ = ["Compiler", "applies", "compile_rules", "object_id", "read_as_written", "row_no"]


def row_no(table: str) -> str:
    """SQL for the row within the object; null where the object has one row."""
    last = CANON[table].key[-1]
    is_row = CANON[table].by_name[last].type == "integer" and len(CANON[table].key) > 1
    return quoted(table, last) if is_row else "cast(null as bigint)"


def compile_rules(
    rule_sets: Iterable[RuleSet],
    *,
    as_of: dt.date | None,
    everywhere: bool = False,
    statuses: Sequence[str] = ("active",),
    careful: Collection[str] | None = (),
) -> Plan:
    """The plan for all rules with one of the statuses; see ``Compiler``."""
    return Compiler(rule_sets, as_of=as_of, everywhere=everywhere, statuses=statuses, careful=careful).plan()


class Compiler:
    """Writes the rules of some packs, each when a plan with it is first asked for."""

    def __init__(
        self,
        rule_sets: Iterable[RuleSet],
        *,
        as_of: dt.date | None,
        everywhere: bool = False,
        statuses: Sequence[str] = ("active",),
        careful: Collection[str] | None = (),
        texts: Collection[tuple[str, str]] | None = None,
    ) -> None:
        """as_of: the date of the run; None leaves ``$as_of`` in the text, for readers.
        everywhere: packs judge every document, also those they do not apply to by themselves.
        careful: the ids of rules for which what cannot be computed for a row (a text that is no number, an overflow) is
            null there, None for all; for others the statement fails as a whole, and takes a tenth of the time.
        texts: the columns of which documents have texts that the values do not show; None where that is not known.
        """
        chosen = list(rule_sets)
        self._as_of, self._careful = as_of, careful
        self._groups = Groups(texts)
        self._lists = {name: codes for each in chosen for name, codes in each.code_lists.items()}
        self._parts: list[_Part] = []
        for rule_set in chosen:
            by_table: dict[str, list[Rule]] = {}
            for rule in rule_set.rules:
                if rule.status in statuses and rule.kind not in KINDS:
                    by_table.setdefault(rule.table, []).append(rule)
            for table, rules in by_table.items():
                with self._groups.noting() as noted:
                    rows = Rows(table, self._groups)
                    applies = "true" if everywhere else _applies(rule_set, table, rows)
                self._parts.append(_Part(rule_set, table, rules, rows, applies, tuple(noted)))
        self._inventory, self._judged = self._counting(chosen, everywhere=everywhere, statuses=statuses)

    def plan(self, left_out: Callable[[RuleSet, Rule], bool] = lambda _pack, _rule: False) -> Plan:
        """The plan of all rules but those left out; rules that count elements are always in."""
        programs: list[Program] = []
        needs = set(self._judged[1])
        for part in self._parts:
            rules = [rule for rule in part.rules if not left_out(part.rule_set, rule)]
            if rules:
                mine = {*part.noted}.union(*(self._written(part, rule)[1] for rule in rules))
                needs |= mine
                compiled = tuple(self._written(part, rule)[0] for rule in rules)
                programs.append(
                    Program(part.rule_set, part.table, part.rows.source(frozenset(mine)), part.applies, compiled)
                )
        needed = frozenset(needs)
        used = {name: self._lists[name] for name in sorted(self._groups.code_lists)}
        steps: list[Step] = [*([Codes("~code_list", used)] if used else []), *self._groups.steps(needed)]
        for rows in (*(part.rows for part in self._parts), self._judged[0]):
            steps += rows.steps(needed)
        names = [step.name if isinstance(step, Query) else step.table for step in steps]
        return Plan(tuple(steps), tuple(programs), tuple(dict.fromkeys(names)), self._inventory)

    def _written(self, part: _Part, rule: Rule) -> tuple[Compiled, Needs]:
        """The rule as SQL over the rows of its part, and what it needs there."""
        found = part.compiled.get(rule.id)
        if found is None:
            with self._groups.noting() as noted:
                compiled = self._writer(rule, part.rows, self._careful is None or rule.id in self._careful).compiled()
            found = part.compiled[rule.id] = compiled, frozenset(noted)
        return found

    def _writer(self, rule: Rule, rows: Rows, careful: bool) -> Writer:
        return Writer(rule, rows, self._as_of, self._lists, careful=careful)

    def _counting(
        self, rule_sets: Sequence[RuleSet], *, everywhere: bool, statuses: Sequence[str]
    ) -> tuple[Inventory | None, tuple[Rows, Needs]]:
        """All rules that count elements, of all packs together, and the rows their conditions read."""
        judged: list[Judged] = []
        with self._groups.noting() as noted:
            rows = Rows("invoice", self._groups)
            for rule_set in rule_sets:
                applies = "true" if everywhere else _applies(rule_set, "invoice", rows)
                for rule in rule_set.rules:
                    if rule.kind in KINDS and rule.status in statuses:
                        parts = [applies, *self._writer(rule, rows, True).judges()]
                        judged.append(Judged(rule, " and ".join(part for part in parts if part != "true") or "true"))
        return (Inventory(tuple(judged), rows.source()) if judged else None), (rows, frozenset(noted))


@dataclass(frozen=True, slots=True)
class _Part:
    """The rules of one pack on one table."""

    rule_set: RuleSet
    table: str
    rules: Sequence[Rule]
    rows: Rows
    applies: str
    noted: Sequence[tuple[int, str]]
    """What the condition on the documents needs."""
    compiled: dict[str, tuple[Compiled, Needs]] = field(default_factory=dict)


def _applies(rule_set: RuleSet, table: str, rows: Rows) -> str:
    """The documents a pack is for, by their specification identifier (BT-24) and syntax."""
    if not rule_set.applies or "invoice" not in lineage(table):
        return "true"
    rows.need("invoice")
    return applies(rule_set)


def applies(rule_set: RuleSet) -> str:
    """The invoices a pack is for, as a condition on their table."""
    conditions = []
    if prefixes := rule_set.applies.get("specification"):
        column = quoted("invoice", "specification_identifier")
        conditions.append(" or ".join(f"starts_with({column}, {text_literal(prefix)})" for prefix in prefixes))
    if syntaxes := rule_set.applies.get("syntax"):
        conditions.append(f"{quoted('invoice', 'syntax')} in ({', '.join(map(text_literal, syntaxes))})")
    return " and ".join(f"({condition})" for condition in conditions) or "true"


def read_as_written(rule_sets: Iterable[RuleSet]) -> frozenset[tuple[str, str]]:
    """The columns (table, name) of which a rule reads the text as its document writes it."""
    rules = [rule for rule_set in rule_sets for rule in rule_set.rules]
    found = [each for rule in rules for each in _expressions((rule.when, rule.check, rule.placeholders, rule.options))]
    calls = [call for each in found if "written" in each.text.lower() for call in each.tree.find_all(exp.Anonymous)]
    columns = [call.expressions[0] for call in calls if call.name in ("written", "written_decimals")]
    return frozenset((column.table, column.name) for column in columns)


def _expressions(value: Any) -> Iterator[Expression]:
    """All expressions in what a rule holds."""
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, Mapping):
        yield from _expressions(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _expressions(each)
