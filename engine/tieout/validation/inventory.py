"""Rules that count elements of a document: all of them judged together, by one join over the inventory of element paths.

Composes text and matches paths; ``check`` and ``cases`` run it. Paths of documents are few, whatever the number of documents:
which rules a path concerns is worked out once a path and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tieout.model.canon import CANON
from tieout.model.definitions import Rule
from tieout.model.places import Place, fits, joined, place_of
from tieout.model.records import Query
from tieout.validation.places import ROOT
from tieout.validation.rows import quoted, text_literal

__all__ = ["Inventory", "Judged"]

KINDS = ("absent", "occurs", "exclusive")

COUNTED, JUDGED, OUTER = 0, 1, 2
"""What a path is to a rule: counted, one of the judged elements, or an element between the two."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule, and the documents it judges as a condition over the rows of ``Inventory.source``."""

    rule: Rule
    condition: str


@dataclass(frozen=True, eq=False)
class Inventory:
    """All rules on places of all packs."""

    rules: tuple[Judged, ...]
    source: str
    """The from clause of ``invoice`` that the conditions read."""
    _known: dict[str, tuple[tuple[int, int, int], ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def _places(self) -> tuple[dict[str, list[tuple[int, int, int]]], list[tuple[str, tuple[str, ...], int, int, int]]]:
        """Plain paths to (rule, role, climbs), and patterns with what they leave out, role 1 being the judged elements."""
        plain: dict[str, list[tuple[int, int, int]]] = {}
        patterns: list[tuple[str, tuple[str, ...], int, int, int]] = []
        for number, each in enumerate(self.rules):
            options = each.rule.options
            for place, role in _roles(options):
                left_out = tuple(options["except"])
                if place.is_plain and not left_out:
                    plain.setdefault(place.text, []).append((number, role, place.climbs))
                else:
                    patterns.append((place.text, left_out, number, role, place.climbs))
        return plain, patterns

    def concerns(self, path: str) -> tuple[tuple[int, int, int], ...]:
        """(rule, role, climbs) of every rule that reads the path; role 0 is counted, 1 judged."""
        found = self._known.get(path)
        if found is None:
            plain, patterns = self._places
            matches = [*plain.get(path, ())]
            for pattern, left_out, number, role, climbs in patterns:
                if fits(pattern, path) and not any(
                    fits(each, path) or fits(each, _above(path, climbs, role)) for each in left_out
                ):
                    matches.append((number, role, climbs))
            found = self._known[path] = tuple(dict.fromkeys(matches))
        return found

    def matches(self, paths: Iterable[str]) -> list[tuple[str, int, int, int]]:
        """(path, rule, role, climbs) for the paths of documents, with the elements between what is counted and judged."""
        found = [(path, *match) for path in paths for match in self.concerns(path)]
        outer = {
            path.rsplit("/", up)[0] for path, _, role, climbs in found if role == COUNTED for up in range(1, climbs + 1)
        }
        return [*found, *((path, -1, OUTER, 0) for path in sorted(outer))]

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The different conditions, in order of first use."""
        return tuple(dict.fromkeys(each.condition for each in self.rules))

    # --- statements ---

    def limits(self) -> tuple[str, list[tuple[object, ...]]]:
        """The columns and rows of the working table that holds what each rule allows and says."""
        rows: list[tuple[object, ...]] = []
        for number, each in enumerate(self.rules):
            rule, options = each.rule, each.rule.options
            message = (rule.message.en, rule.message.zh or rule.title.zh)
            most = -1 if options["at_most"] is None else options["at_most"]
            expected = f"at least {options['at_least']}" if most < 0 else f"at most {most}"
            rows.append(
                (number, rule.finding_id, rule.pack, rule.severity, ", ".join(rule.terms), *map(_one_line, message),
                 options["at_least"], most, self.conditions.index(each.condition), not options["under"],
                 joined((options["under"] or ("",))[0], options["path"][0]), expected, options["together"])
            )  # fmt: skip
        return _LIMITS, rows

    def steps(self, among: str | None, climbs: int) -> Iterator[Query]:
        """From ``~match`` (path, rule_no, role, climbs) and ``~limit`` to ``~failed``: a row a rule and element that breaks it.

        among: the table of the documents, all without it. climbs: the longest way in ``~match`` from an enclosing element up
            to the judged one.
        """
        chosen = f' and e.invoice_id in (select invoice_id from "{among}")' if among else ""
        yield Query("~place", _PLACED.format(table="~place", where=f"role <> {OUTER} and climbs <= 0", chosen=chosen))
        if climbs > 0:
            yield Query("~climbing", _PLACED.format(table="~climbing", where="climbs > 0", chosen=chosen))
            yield Query("~outer", _PLACED.format(table="~outer", where=f"role = {OUTER}", chosen=chosen))
        for left in range(climbs, 0, -1):
            # Numbers of one element's content follow one another, so the row that begins last before a number holds it.
            yield Query(
                f"~climbing {left}",
                'create or replace temp table "~climbing" as\n'
                "select h.* exclude (wanted) replace (\n"
                f"  case when h.climbs >= {left} then r.no else h.no end as no,\n"
                f"  case when h.climbs >= {left} then r.above else h.above end as above)\n"
                f'from (select *, case when climbs >= {left} then above end as wanted from "~climbing") h\n'
                '  asof left join "~outer" r\n'
                "  on r.invoice_id = h.invoice_id and r.path = h.wanted and h.no >= r.row_no",
            )
        if climbs > 0:
            yield Query("~place climbed", 'insert into "~place" select * from "~climbing"')
        yield Query("~failed", _FAILED)

    def suspects(self) -> Query:
        """Makes ``~suspect``: the documents of ``~alike`` for which one that is built alike broke a rule that judges them."""
        failed = _ON_DOCUMENTS.replace("from d", 'from "~standing" d')
        return Query(
            "~suspect",
            'create or replace temp table "~suspect" as\n'
            f"with f as (select distinct invoice_id as standing, rule_no from ({failed})),\n"
            f"d as (select {quoted('invoice', 'invoice_id')} as invoice_id, {self._listed}\nfrom {self.source}\n"
            f'where {quoted("invoice", "invoice_id")} in (select invoice_id from "~alike" join f using (standing)))\n'
            'select distinct d.invoice_id from d join "~alike" using (invoice_id) join f using (standing)\n'
            f'join "~limit" l using (rule_no) where {self._held}',
        )

    @property
    def _listed(self) -> str:
        return ",\n  ".join(f"({condition}) as c{n}" for n, condition in enumerate(self.conditions))

    @property
    def _held(self) -> str:
        """Whether the rule of a row of ``~limit`` judges the document of a row of d."""
        held = " ".join(f"when {n} then d.c{n}" for n in range(len(self.conditions)))
        return f"case l.condition {held} end"

    def broken(self, among: str | None) -> Query:
        """Makes ``~broken``: the rows of ``~failed`` in documents that the rule judges, with the source of the document."""
        chosen = f' and {quoted("invoice", "invoice_id")} in (select invoice_id from "{among}")' if among else ""
        return Query(
            "~broken",
            'create or replace temp table "~broken" as\n'
            f"with d as (select {quoted('invoice', 'invoice_id')} as invoice_id, {quoted('invoice', 'source')} as source,\n"
            f"  {quoted('invoice', 'line')} as first_line,\n  {self._listed}\nfrom {self.source}\nwhere true{chosen}),\n"
            f"f as ({_ON_DOCUMENTS})\n"
            "select f.*, d.source, coalesce(f.line, d.first_line) as at_line\n"
            'from f join d using (invoice_id) join "~limit" l using (rule_no)\n'
            f"where {self._held}",
        )

    def findings(self) -> Query:
        """Appends a finding for each row of ``~broken``, with its path below the root and the number of the judged element."""
        filled = [
            f"replace(replace(l.{name}, '{{found}}', coalesce(b.path, l.place)), '{{count}}', cast(b.count as varchar))"
            for name in ("message", "message_zh")
        ]
        evidence = "json_object('path', coalesce(b.path, l.place), 'count', b.count, 'expected', l.expected)"
        return Query(
            "findings on places",
            'insert into "~finding" (rule, pack, severity, "table", object_id, row_no, term, message, message_zh, evidence, '
            "path, source, line, spot, element_no)\n"
            f"select l.rule, l.pack, l.severity, 'element', b.invoice_id, nullif(b.no, 0), l.term,\n  {filled[0]},\n"
            f"  {filled[1]},\n  cast({evidence} as varchar),\n"
            f"  '/' || b.path, b.source, b.at_line, {ROOT}, nullif(b.no, 0)\n"
            'from "~broken" b join "~limit" l using (rule_no)',
        )

    def sql(self) -> str:
        """For a reader: what the first rule finds, as one statement."""
        rule = self.rules[0].rule
        options = rule.options
        paths = " or ".join(
            f"path = {text_literal(place.text)}" if place.is_plain else f"path like {text_literal(_like(place.text))}"
            for place, role in _roles(options)
            if not role
        )
        most = options["at_most"]
        limit = f"> {most}" if most is not None else f"< {options['at_least']}"
        by = "invoice_id" if not options["under"] else f"invoice_id, <the element at {' or '.join(options['under'])}>"
        return (
            f"select {by}, sum(count) as count\nfrom element join invoice using (invoice_id)\n"
            f"where ({paths})\n  and {self.rules[0].condition}\ngroup by {by}\nhaving sum(count) {limit}"
        )


WORKING = ("~match", "~limit", "~place", "~climbing", "~outer", "~failed", "~broken")

# The view ``element`` but for the source, which costs a join; rows of tests stand in the table below it.
_PLACED = (
    """create or replace temp table "{table}" as
with m as (select * from "~match" where {where})
select e.invoice_id, m.rule_no, m.role, m.climbs, e.first_no + s.ordinal as row_no,
  case when s.parent_ordinal is null then e.element_no else e.first_no + s.parent_ordinal end as no,
  s.parent_path as above, s.path, s.count, e.line
from element_place e join element_shape s using (shape) join m using (path) where true{chosen}
union all
select e.invoice_id, m.rule_no, m.role, m.climbs, e.row_no, e.parent_no, e.parent_path, e.path, e.count, e.line
from """
    + f'"{CANON["element"].stored}"'
    + """ e join m using (path) where true{chosen}"""
)

_LIMITS = (
    "rule_no integer, rule varchar, pack varchar, severity varchar, term varchar, message varchar, message_zh varchar, "
    "at_least integer, at_most integer, condition integer, on_document boolean, place varchar, expected varchar, "
    "together integer"
)

# How often each rule's places stand in each judged element, and the judged elements themselves, looked at one by one only
# in documents where fewer have enough than there are. Where elements of one name
# stand apart, the number of one that holds nothing is a guess; how many lack what they must hold is not.
_FAILED = """create or replace temp table "~failed" as
with counted as (
  select invoice_id, rule_no, case when climbs < 0 then 0 else no end as no,
    cast(sum(count) as bigint) as count, min(line) as line, min(path) as path, count(distinct path) as kinds
  from "~place" where role = 0 group by all
), short as (
  select invoice_id, rule_no, sum(count) - coalesce(max(enough), 0) as lack
  from "~place" left join (select invoice_id, rule_no, count_if(count >= at_least) as enough
    from counted join "~limit" using (rule_no) where at_least > 0 group by all) using (invoice_id, rule_no)
  where role = 1 group by all having lack > 0
), judged as (
  select p.invoice_id, p.rule_no, p.row_no + n.n as no, p.line, p.path, s.lack
  from "~place" p join short s using (invoice_id, rule_no), lateral (select unnest(range(p.count)) as n) n where p.role = 1
), lacking as (
  select j.*, coalesce(c.count, 0) as count,
    row_number() over (partition by j.invoice_id, j.rule_no order by coalesce(c.count, 0), j.no) as position
  from judged j
    left join counted c on c.invoice_id = j.invoice_id and c.rule_no = j.rule_no and c.no = j.no
)
select c.invoice_id, c.rule_no, c.no, c.count, c.line, c.path
from counted c join "~limit" l using (rule_no) where l.at_most >= 0 and c.count > l.at_most and c.kinds >= l.together
union all
select invoice_id, rule_no, no, count, line, path from lacking where position <= lack"""

# Documents have no row of their own in the inventory: those that lack what they must hold come from the documents.
_ON_DOCUMENTS = """select invoice_id, rule_no, no, count, line, path from "~failed"
  union all
  select d.invoice_id, l.rule_no, 0, coalesce(c.count, 0), null, null
  from d join "~limit" l on l.on_document and l.at_least > 0
    left join (select invoice_id, rule_no, sum(count) as count from "~place" where role = 0 group by all) c
      on c.invoice_id = d.invoice_id and c.rule_no = l.rule_no
  where coalesce(c.count, 0) < l.at_least"""


def _roles(options: object) -> Iterator[tuple[Place, int]]:
    """The places a rule counts (0), and those of the elements it judges where some may hold too few (1)."""
    assert isinstance(options, dict)
    for under in options["under"] or ("",):
        for path in options["path"]:
            yield place_of(under, path), 0
        if under and options["at_least"]:
            yield Place(under, 0), 1


def _above(path: str, climbs: int, role: int) -> str:
    """The path of the judged element for a path that is counted below it."""
    return path if role else "/".join(path.split("/")[: -climbs - 1])


def _like(pattern: str) -> str:
    return pattern.replace("//", "%").replace("*", "%")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def readable(rules: Sequence[Rule]) -> bool:
    """Whether there is an inventory to judge by, and a rule that does."""
    return "element" in CANON and any(rule.kind in KINDS for rule in rules)
