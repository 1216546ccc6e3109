"""The catalogue as the workbench shows it, and the try-out: what other parameters would move on the newest run. Saves nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from tieout.difference import Difference, difference
from tieout.faces.web.desk import Desk
from tieout.library.catalog import Catalogue
from tieout.model.definitions import MatchPlan, Parameter, Rule, RuleSet, Text
from tieout.model.errors import NotFound, TieoutError
from tieout.model.records import Query
from tieout.revision import Revision
from tieout.store.engine import Limits
from tieout.validation import describe

__all__ = ["Brief", "Trial", "listed", "numbers", "plans", "shown", "tried"]

_LIMITS = Limits(memory="2GiB", threads=2)
_ONE_AT_A_TIME = threading.Lock()
_MOST_ROWS = 200
_GREATEST = Decimal(10) ** 12


@dataclass(frozen=True)
class Brief:
    """One line of the catalogue."""

    rule_set: RuleSet
    rule: Rule
    hits: int

    def brief(self) -> dict[str, Any]:
        rule = self.rule
        return {
            "rule": rule.id, "pack": rule.pack, "severity": rule.severity, "status": rule.status, "table": rule.table,
            "title": rule.title.en, "title_zh": rule.title.zh, "terms": list(rule.terms), "cases": len(rule.tests),
            "params": sorted(rule.params), "hits": self.hits,
        }  # fmt: skip


def listed(desk: Desk, *, text: str = "", pack: str = "", hits_only: bool = False) -> list[Brief]:
    """The rules whose id, title or terms have the text, with their hits in the newest run."""
    hits, wanted = _hits(desk), text.casefold().strip()
    return [
        Brief(rule_set, rule, hits.get(rule.finding_id, 0))
        for rule_set in _catalogue(desk).rule_sets.values()
        if pack in ("", rule_set.pack)
        for rule in rule_set.rules
        if wanted in " ".join((rule.id, rule.title.en, rule.title.zh, *rule.terms)).casefold()
        and (not hits_only or hits.get(rule.finding_id))
    ]


def shown(desk: Desk, name: str) -> dict[str, Any]:
    """One rule with everything a reader wants. Raises NotFound where the workspace has none of that name."""
    rule_set, rule = _rule(desk, name)
    return {
        **Brief(rule_set, rule, _hits(desk).get(rule.finding_id, 0)).brief(),
        "source": rule_set.source,
        "kind": rule.kind,
        "place": str(rule.location),
        "reference": rule.reference,
        "rationale": rule.rationale,
        "when": rule.when.text if rule.when else None,
        "check": rule.check.text if rule.check else None,
        "message": rule.message.en,
        "message_zh": rule.message.zh,
        "values": {key: str(_newest(each)) for key, each in rule.params.items()},
        "tests": [{"given": describe.given(test.given), "expect": test.expect} for test in rule.tests],
    }


def plans(desk: Desk) -> dict[str, MatchPlan]:
    """The match plans of the catalogue."""
    return dict(_catalogue(desk).plans)


def numbers(plan: MatchPlan) -> dict[str, Decimal]:
    """The numbers of a plan's passes that may be tried, by pass and place: reference.edits ..."""
    return {f"{each.name}.{place}": value for each in plan.passes for place, value in _leaves(each.options)}


@dataclass(frozen=True)
class Trial:
    """What would move, and with which values."""

    name: str
    values: dict[str, str]
    difference: Difference

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        for name in ("findings", "pairs", "payments", "exceptions"):
            yield name, getattr(self.difference, name)

    def as_json(self) -> dict[str, Any]:
        return {
            "tried": self.name,
            "values": self.values,
            "run_id": self.difference.run_id,
            "counts": {name: frame.height for name, frame in self.tables()},
            **{name: frame.head(_MOST_ROWS).to_dicts() for name, frame in self.tables()},
        }


def tried(desk: Desk, name: str, values: Mapping[str, str]) -> Trial:
    """What the newest run would be with other values of a rule's parameters, or (``plan:ID``) of a plan's numbers.

    Only what the values can change is judged again: of a rule its findings, of a plan the matches.
    Raises TieoutError where a value is none, or another trial is going on.
    """
    old, new, changed = (
        _plan_trial(desk, name[5:], values) if name.startswith("plan:") else _rule_trial(desk, name, values)
    )
    if not changed:
        raise TieoutError("nothing to try: every value is as it stands")
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise TieoutError("another trial is going on; try again in a moment")
    try:
        return Trial(name, changed, difference(desk.folder(), old, new, limits=_LIMITS))
    finally:
        _ONE_AT_A_TIME.release()


def _rule_trial(desk: Desk, name: str, values: Mapping[str, str]) -> tuple[Revision, Revision, dict[str, str]]:
    rule_set, rule = _rule(desk, name)
    params, changed = dict(rule.params), {}
    for key, text in values.items():
        if key not in params:
            raise TieoutError(f"{name}: no parameter {key[:40]!r}; there are {', '.join(params) or 'none'}")
        was = _newest(params[key])
        value = _like(was, text, key)
        if value != was:
            params[key] = replace(params[key], values=((None, value),))
            changed[key] = str(value)
    routes = next(iter(_catalogue(desk).routes.values()))
    sides = [
        Revision(side, (replace(rule_set, rules=(each,)),), (), routes)
        for side, each in (("as it stands", rule), ("tried", replace(rule, params=params)))
    ]
    return sides[0], sides[1], changed


def _plan_trial(desk: Desk, name: str, values: Mapping[str, str]) -> tuple[Revision, Revision, dict[str, str]]:
    catalogue = _catalogue(desk)
    if name not in catalogue.plans:
        raise NotFound(f"there is no match plan {name[:80]}")
    plan = catalogue.plans[name]
    known, changed = numbers(plan), {}
    passes = {each.name: each for each in plan.passes}
    for key, text in values.items():
        if key not in known:
            raise TieoutError(f"{name}: no number {key[:80]!r} that may be tried")
        value = _like(known[key], text, key)
        if value != known[key]:
            which = max((each for each in passes if key.startswith(f"{each}.")), key=len)
            place = key.removeprefix(f"{which}.").split(".")
            passes[which] = replace(passes[which], options=_with(passes[which].options, place, value))
            changed[key] = str(value)
    routes = next(iter(catalogue.routes.values()))
    tried_plan = replace(plan, passes=tuple(passes[each.name] for each in plan.passes))
    return Revision("as it stands", (), (plan,), routes), Revision("tried", (), (tried_plan,), routes), changed


def _like(was: Any, text: str, key: str) -> Any:
    """The text as a value of the same kind."""
    text = text.strip()
    if isinstance(was, bool) or not isinstance(was, int | Decimal):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation as exc:
        raise TieoutError(f"{key}: {text[:40]!r} is no number") from exc
    if not number.is_finite() or not 0 <= number < _GREATEST:
        raise TieoutError(f"{key}: {text[:40]} is out of range")
    if isinstance(was, int):
        if number != int(number):
            raise TieoutError(f"{key}: {text[:40]} is no whole number")
        return int(number)
    return number


def _leaves(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            yield f"{prefix}{name}", value


def _with(options: Mapping[str, Any], place: list[str], value: Any) -> dict[str, Any]:
    if len(place) == 1:
        return {**options, place[0]: value}
    return {**options, place[0]: _with(options[place[0]], place[1:], value)}


def _newest(parameter: Parameter) -> Any:
    return parameter.values[-1][1]


def _catalogue(desk: Desk) -> Catalogue:
    return Catalogue.load(desk.home.folder)


def _rule(desk: Desk, name: str) -> tuple[RuleSet, Rule]:
    found = describe.find_rule(_catalogue(desk).rule_sets.values(), name)
    if found is None:
        raise NotFound(f"there is no rule {name[:80]}")
    return found


def _hits(desk: Desk) -> dict[str, int]:
    try:
        with desk.run() as store:
            rows = store.fetch(Query("hits", "select rule, count(*) as n from finding group by rule order by rule"))
    except NotFound:
        return {}
    return dict(rows.iter_rows())


def title(text: Text, lang: str) -> str:
    return text.zh if lang == "zh" and text.zh else text.en
