"""What rules become: values to show, conditions to count, programs over one table, and the plan of all of them. Text only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tieout.model.definitions import Rule, RuleSet
from tieout.model.records import Query
from tieout.validation.inventory import Inventory
from tieout.validation.rows import Step

__all__ = ["Compiled", "Plan", "Program", "Value"]


@dataclass(frozen=True, slots=True)
class Value:
    """Something a rule read, to be shown: its name, its SQL, and the canonical type that says how to show it."""

    name: str
    sql: str
    type: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """One rule as SQL over its program's rows."""

    rule: Rule
    when: str
    """Boolean or null: the rule judges the row; 'true' for every row."""
    holds: str
    """Boolean or null: what the rule checks."""
    evidence: tuple[Value, ...]
    shown: Mapping[str, Value]
    """What stands in the braces of the message."""
    columns: tuple[str, ...] = ()
    """The columns of the judged row that the rule is about, the most important first."""

    @property
    def fails(self) -> str:
        """True where the row breaks the rule; false or null elsewhere."""
        broken = f"{self.holds} is distinct from true" if self.rule.on_null == "fail" else f"not {self.holds}"
        return broken if self.when == "true" else f"{self.when} and {broken}"

    @property
    def state(self) -> str:
        """0 where the row passes, 1 where it fails, 2 where it is skipped."""
        on_null = {"pass": 0, "fail": 1, "skip": 2}[self.rule.on_null]
        judged = f"case when {self.holds} then 0 when not {self.holds} then 1 else {on_null} end"
        return judged if self.when == "true" else f"case when {self.when} then {judged} else 2 end"

    @property
    def counted(self) -> tuple[str | None, str]:
        """Two conditions whose counts differ by the number of rows that break the rule (None counts nothing).

        Counting what holds and subtracting costs a quarter of counting what does not hold or is null.
        """
        both = self.holds if self.when == "true" else f"{self.when} and {self.holds}"
        return (self.when, both) if self.rule.on_null == "fail" else (None, self.fails)


# Working tables of groups, texts and other rows, and what differs from document to document.
_OTHERS = re.compile(r'"~(?!code_list"|valid_)|"element"\."(?:source|line)"|\browid\b')
_INVOICE = re.compile(r'"invoice"\."(\w+)"')


@dataclass(frozen=True, slots=True)
class Program:
    """All rules of one pack on one table."""

    rule_set: RuleSet
    table: str
    source: str
    """The from clause."""
    applies: str
    """Which rows the pack is for; 'true' for all."""
    rules: tuple[Compiled, ...]

    @property
    def alike(self) -> list[str] | None:
        """The columns of the invoice that rules on elements read; None where they tell apart documents built alike."""
        texts = [self.source, self.applies, *(text for rule in self.rules for text in (rule.when, rule.holds))]
        columns: set[str] = set()
        for text in texts:
            if _OTHERS.search(text) or "try(" in text:
                return None
            columns.update(_INVOICE.findall(text))
        return sorted(columns - {"invoice_id"})

    def gate(self, where: str) -> tuple[Query, list[tuple[str | None, str]]]:
        """A query of one row of counts, and for each rule the two columns whose difference is its broken rows.

        The first column is None where the second alone is the number.
        """
        counts: dict[str, str] = {"true": "n"}
        pairs: list[tuple[str | None, str]] = []
        for rule in self.rules:
            names = [None if each is None else counts.setdefault(each, f"n{len(counts)}") for each in rule.counted]
            pairs.append((names[0], names[1] or "n"))
        listed = [
            f"{'count(*)' if condition == 'true' else f'count_if({condition})'} as {name}"
            for condition, name in counts.items()
        ]
        columns = ",\n  ".join(listed)
        name = f"{self.rule_set.pack} on {self.table}"
        return Query(name, f"select\n  {columns}\nfrom {self.source}\nwhere {where}"), pairs


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to run, in order: working tables and look-ups first, then programs."""

    steps: tuple[Step, ...]
    programs: tuple[Program, ...]
    working: tuple[str, ...]
    """The names of working tables, to be dropped."""
    inventory: Inventory | None = None
    """The rules that count elements of documents."""
