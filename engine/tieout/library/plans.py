"""Match plans: one YAML that says in which order and by which proof two tables are matched. Meant in ``matching``."""

from __future__ import annotations

from typing import Any

from tieout.library import yamlfile
from tieout.library.mappings import parse_text
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.canon import CANON
from tieout.model.definitions import MatchPlan, Pass
from tieout.model.errors import Mistake

__all__ = ["parse_plan"]

HEAD = {"plan", "title", "left", "right", "passes"}


def parse_plan(node: Node, *, fingerprint: str = "") -> tuple[MatchPlan | None, list[Mistake]]:
    """The plan a file describes, and every mistake in it; no plan where there is one."""
    mistakes = yamlfile.check(node, "plan")
    if mistakes:
        return None, sorted(set(mistakes))
    for side in ("left", "right"):
        name = node.plain(side)
        if name not in CANON:
            mistakes.append(node[side].mistake(f"no canonical table '{name}'{did_you_mean(name, CANON)}"))
    passes: list[Pass] = []
    seen: set[str] = set()
    for item in node["passes"]:
        name = str(item.plain("pass"))
        if name in seen:
            mistakes.append(item["pass"].mistake(f"a pass '{name}' stands above; each pass needs a name of its own"))
        seen.add(name)
        options: dict[str, Any] = {key: value.plain() for key, value in item.items() if key != "pass"}
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
