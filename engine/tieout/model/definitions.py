"""What auditors wrote, parsed and frozen: mappings, rules, match plans and routes. Made by ``library``, read by stages.

Everything here carries the Location it was written at, so that a later mistake can name it too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tieout.model.errors import Location

__all__ = [
    "PLAN_KINDS",
    "Code",
    "Expression",
    "Field",
    "Mapping",
    "MatchPlan",
    "Parameter",
    "Pass",
    "Pattern",
    "Route",
    "RoutePlan",
    "RouteTest",
    "Rule",
    "RuleSet",
    "RuleTest",
    "TableMapping",
    "Text",
]


@dataclass(frozen=True, slots=True)
class Text:
    """A title or message in both languages of the house."""

    en: str
    zh: str = ""

    def __str__(self) -> str:
        return self.en


# --- mappings ---


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a canonical table and where it stands outside."""

    column: str
    path: str | None
    """Where the value stands: an element path, a column heading, a tag; None for a constant or an expression."""
    options: Dict[str, Any]
    """What the format's schema allows beside it (type, map, or, sign, format, required ...)."""
    location: Location


@dataclass(frozen=True, slots=True)
class TableMapping:
    """One canonical table that a mapping fills."""

    table: str
    each: str
    """Which element, record or tag makes a row; '.' for one row a document."""
    fields: tuple[Field, ...]
    options: Dict[str, Any]
    location: Location


@dataclass(frozen=True, slots=True)
class Mapping:
    """One outside format, readable and (where ``writes``) writable."""

    id: str
    format: str
    """xml, table, mt940, ofx or json: the syntax whose codec and schema apply."""
    title: Text
    identify: Dict[str, Any]
    namespaces: Dict[str, str]
    tables: tuple[TableMapping, ...]
    settings: Dict[str, Any]
    """The format's own settings (encoding, delimiter, decimal ...)."""
    location: Location
    fingerprint: str = ""

    @property
    def writes(self) -> bool:
        return bool(self.settings.get("writes", False))


# --- rules ---


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition of the condition language, checked against the canon; ``tree`` is the checked syntax tree."""

    text: str
    tree: Any = field(compare=False, hash=False, repr=False)
    location: Location


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value of a rule; with several dated values the newest not after the rule's date field counts."""

    name: str
    values: tuple[tuple[dt.date | None, Any], ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One inline case: the given rows and the outcome the judged ones must have."""

    given: Dict[str, Any]
    """Table to a list of rows, each column to value; the rule's own table is always there."""
    expect: str
    """pass, fail or skip."""
    location: Location
    as_of: dt.date | None = None
    """The date of the run the case supposes; None where it does not matter."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold for one row of a canonical table."""

    id: str
    pack: str
    title: Text
    table: str
    severity: str
    status: str
    kind: str
    """condition, or a kind of its own: unique, reference, balance."""
    check: Expression | None
    when: Expression | None
    on_null: str
    message: Text
    terms: tuple[str, ...]
    reference: str
    rationale: str
    params: Dict[str, Parameter]
    valid_from: dt.date | None
    valid_to: dt.date | None
    date_field: str | None
    aliases: tuple[str, ...]
    tests: tuple[RuleTest, ...]
    options: Dict[str, Any]
    """What the rule's kind needs beside the common fields (columns, other table ...)."""
    location: Location
    placeholders: Dict[str, Expression] = field(default_factory=dict)
    """What stands in the braces of the messages, by its text."""
    reported_as: str = ""
    """The official id of which this rule is a part; empty where it is the rule's own."""

    @property
    def finding_id(self) -> str:
        """The id under which its findings stand."""
        return self.reported_as or self.id


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a code list, and when it may be used."""

    code: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One pack: a file or a folder of files with one pack name."""

    pack: str
    title: Text
    source: str
    applies: Dict[str, Any]
    """Which documents it is for by default: {specification: [prefixes], syntax: [...]}; empty for all."""
    rules: tuple[Rule, ...]
    fingerprint: str = ""
    code_lists: Dict[str, tuple[Code, ...]] = field(default_factory=dict)
    """The code lists its rules name."""


# --- match plans ---


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a match plan, run on what the passes before it left open."""

    name: str
    options: Dict[str, Any]
    """As written, checked by the plan schema; ``matching`` gives them meaning."""
    location: Location


@dataclass(frozen=True, slots=True)
class MatchPlan:
    """An ordered list of passes from a left table to a right one."""

    id: str
    title: Text
    left: str
    right: str
    passes: tuple[Pass, ...]
    options: Dict[str, Any]
    location: Location
    fingerprint: str = ""

    @property
    def kind(self) -> str:
        """What is matched, by the two tables: settlement, platform or three_way."""
        return PLAN_KINDS[self.left, self.right]


# What a plan can match with what.
PLAN_KINDS: Dict[tuple[str, str], str] = MappingProxyType(
    {
        ("payment", "open_item"): "settlement",
        ("open_item", "invoice"): "platform",
        ("invoice_line", "purchase_order_line"): "three_way",
    }
)


# --- routes ---


@dataclass(frozen=True, slots=True)
class Route:
    """Where an exception goes: the first route whose conditions all hold."""

    id: str
    when: Dict[str, Any]
    """Column, or column and comparison (amount_gte), to a value or a list of values; all must hold."""
    then: Dict[str, Any]
    """queue, due_days (business days), and where given owner, calendar and escalate: levels with after_days since the case
    was opened, queue, owner and due_days."""
    location: Location
    title: Text = Text("")
    note: Text = Text("")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Several exceptions seen together, and what they raise."""

    id: str
    title: Text
    events: tuple[Dict[str, Any], ...]
    same: tuple[str, ...]
    within_days: int
    then: Dict[str, Any]
    location: Location
    different: tuple[str, ...] = ()
    """The columns in which no two of them agree."""


@dataclass(frozen=True, slots=True)
class RouteTest:
    """One inline case of a routing file: exceptions given, queue (or raised reason) expected."""

    given: tuple[Dict[str, Any], ...]
    expect: Dict[str, Any]
    location: Location


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A routing file."""

    id: str
    title: Text
    routes: tuple[Route, ...]
    patterns: tuple[Pattern, ...]
    tests: tuple[RouteTest, ...]
    location: Location
    fingerprint: str = ""
    calendar: str = ""
    """The country (ISO 3166-1, with a subdivision where needed) whose public holidays count; weekdays only where empty."""
    reasons: Dict[str, Text] = field(default_factory=dict)
    """The titles of the reasons that it declares."""
