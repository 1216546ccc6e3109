"""Match plans: one YAML that says in which order and by which proof two tables are matched. Meant in ``matching``."""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tieout.library import yamlfile
from tieout.library.mappings import parse_text
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.canon import CANON
from tieout.model.definitions import PLAN_KINDS, MatchPlan, Pass
from tieout.model.errors import Mistake

__all__ = ["inherited", "parse_plan"]

# What a plan takes over from the one it is based on, key by key; its own words are added.
INHERITED = ("references", "names", "words")

SCHEMAS = {"settlement": "plan", "platform": "plan_platform", "three_way": "plan_three_way"}

HEAD = {"plan", "title", "left", "right", "passes"}


def parse_plan(node: Node, *, fingerprint: str = "") -> tuple[MatchPlan | None, list[Mistake]]:
    """The plan a file describes, and every mistake in it; no plan where there is one."""
    mapping = isinstance(node.value, dict)
    sides = (str(node.plain("left")), str(node.plain("right"))) if mapping else ("", "")
    mistakes = yamlfile.check(node, SCHEMAS[PLAN_KINDS.get(sides, "settlement")])
    if mistakes:
        return None, sorted(set(mistakes))
    for side in ("left", "right"):
        name = node.plain(side)
        if name not in CANON:
            mistakes.append(node[side].mistake(f"no canonical table '{name}'{did_you_mean(name, CANON)}"))
    if not mistakes and sides not in PLAN_KINDS:
        pairs = ", ".join(f"{left} with {right}" for left, right in PLAN_KINDS)
        mistakes.append(node["left"].mistake(f"no plan matches {sides[0]} with {sides[1]}; there are {pairs}"))
    passes: list[Pass] = []
    seen: set[str] = set()
    for item in node["passes"]:
        name = str(item.plain("pass"))
        if name in seen:
            mistakes.append(item["pass"].mistake(f"a pass '{name}' stands above; each pass needs a name of its own"))
        seen.add(name)
        options: dict[str, Any] = {key: value.plain() for key, value in item.items() if key != "pass"}
        options["block"], wrong = _block(item.get("block"), str(node.plain("left")), str(node.plain("right")))
        mistakes += wrong
        mistakes += _columns(item.get("compare"), str(node.plain("left")), str(node.plain("right")))
        mistakes += _levels(item)
        passes.append(Pass(name, options, item["pass"].location))
    plan = MatchPlan(
        id=str(node.plain("plan")),
        title=parse_text(node.get("title"), default=str(node.plain("plan"))),
        left=str(node.plain("left")),
        right=str(node.plain("right")),
        passes=tuple(passes),
        options={key: value.plain() for key, value in node.items() if key not in HEAD},
        location=node["plan"].location,
        fingerprint=fingerprint,
    )
    return (None if mistakes else plan), sorted(set(mistakes))


def inherited(plans: Dict[str, MatchPlan]) -> tuple[dict[str, MatchPlan], list[Mistake]]:
    """The plans with what they take over from those they are ``based_on``, and what is wrong with that."""
    mistakes: list[Mistake] = []

    def whole(plan: MatchPlan, heirs: tuple[str, ...]) -> MatchPlan:
        name = plan.options.get("based_on")
        if name is None:
            return plan
        if name not in plans:
            mistakes.append(
                Mistake(plan.location, f"{plan.id}: no match plan '{name}' to be based on{did_you_mean(name, plans)}")
            )
            return plan
        if name in (*heirs, plan.id):
            mistakes.append(Mistake(plan.location, f"{plan.id} is based on itself by way of '{name}'"))
            return plan
        base = whole(plans[name], (*heirs, plan.id)).options
        taken = {key: {**base.get(key, {}), **plan.options.get(key, {})} for key in INHERITED}
        for kind, words in plan.options.get("words", {}).items():
            taken["words"][kind] = [*base.get("words", {}).get(kind, ()), *words]
        return replace(plan, options={**plan.options, **taken})

    return {name: whole(plan, ()) for name, plan in plans.items()}, sorted(set(mistakes))


_TERM = r"(?:(key|bare)\()?(?:([a-z_]+)\.)?([a-z_0-9]+)\)?"
_CONDITION = re.compile(rf"{_TERM}(?:\s*(=|<=|>=|<|>)\s*{_TERM})?")


def _block(node: Node | None, left: str, right: str) -> tuple[list[dict[str, str]], list[Mistake]]:
    """The conditions of a block: ``currency``, or ``payment.end_to_end_id = key(open_item.reference)``."""
    conditions: list[dict[str, str]] = []
    mistakes: list[Mistake] = []
    for item in node or ():
        written = str(item.plain())
        found = _CONDITION.fullmatch(written.strip())
        if found is None:
            mistakes.append(item.mistake(f"'{written}' is no condition; write a column, or {left}.x = {right}.y"))
            continue
        form, side, column, sign, other_form, other_side, other = found.groups(default="")
        condition = {
            "left_form": form,
            "left_side": side or left,
            "left": column,
            "sign": sign or "=",
            "right_form": other_form if sign else form,
            "right_side": other_side or right if sign else right,
            "right": other if sign else column,
        }
        if {condition["left_side"], condition["right_side"]} != {left, right}:
            mistakes.append(item.mistake(f"'{written}' must compare a column of {left} with one of {right}"))
            continue
        wrong = _unknown(item, condition["left_side"], column)
        mistakes += wrong or _unknown(item, condition["right_side"], condition["right"])
        conditions.append(condition)
    return conditions, mistakes


def _levels(item: Node) -> list[Mistake]:
    """What is wrong with the levels of a pass with Fellegi-Sunter weights, or of one without."""
    weighted = item.plain("weights") == "fellegi_sunter"
    mistakes: list[Mistake] = []
    if weighted and not item.get("compare"):
        mistakes.append(item["weights"].mistake("fellegi_sunter weighs comparisons; give 'compare'"))
    for each in item.get("compare") or ():
        levels = each.get("levels")
        if weighted and levels is None:
            mistakes.append(
                each.mistake("fellegi_sunter needs 'levels' of each comparison, such as [{at: 0.9}, {at: 0}]")
            )
        if levels is None:
            continue
        if not weighted:
            mistakes.append(levels.mistake("'levels' need 'weights: fellegi_sunter' in the pass"))
        limits = [level.plain("at") for level in levels]
        if limits[-1] != 0 or any(first <= then for first, then in pairwise(limits)):
            mistakes.append(levels.mistake("the levels fall from the strongest to the last one, which is at 0"))
    return mistakes


def _columns(node: Node | None, left: str, right: str) -> list[Mistake]:
    """The mistakes in the columns that comparisons name."""
    return [
        mistake
        for item in node or ()
        for table in (left, right)
        if table in item
        for mistake in _unknown(item[table], table, str(item.plain(table)))
    ]


def _unknown(node: Node, table: str, column: str) -> list[Mistake]:
    if table not in CANON or column in CANON[table].by_name:
        return []
    return [node.mistake(f"no column '{column}' in table {table}{did_you_mean(column, CANON[table].by_name)}")]
