"""What is odd about a match plan though it is well formed: passes that can never find anything, or nothing that is left.

Seen without data. Called by ``rules check`` and ``plan lint``; a run is not stopped by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from tieout.model.canon import CANON
from tieout.model.definitions import MatchPlan, Pass
from tieout.model.errors import Mistake

__all__ = ["lint"]

Options = Mapping[str, Any]


def lint(plan: MatchPlan) -> list[Mistake]:
    """One sentence for each pass that can never fire or is shadowed by one above it, with what to do."""
    found = []
    for each in plan.passes:
        if why := _never(each.options):
            found.append(Mistake(each.location, f"pass '{each.name}' can never find anything: {why}"))
    for above, below in combinations(plan.passes, 2):
        if above.options["find"] != below.options["find"] or _never(above.options) or _never(below.options):
            continue
        if (but := _covers(above, below)) is not None:
            found.append(
                Mistake(
                    below.location,
                    f"pass '{below.name}' is shadowed by '{above.name}' ({above.location}), which takes all that it would"
                    f"{but}; delete it, or put the narrower one first",
                )
            )
    return found


# --- never ---


def _never(options: Options) -> str | None:
    """Why a pass can find nothing; None where it can."""
    if options["find"] == "sum" and float(options.get("chance", 1)) == 0:
        return "chance 0 lets no sum count as proof; 0.01 is usual"
    if options["find"] == "near" and int(options.get("edits", 1)) == 0:
        return "with 0 edits there is no mistyped number; a pass 'reference' finds exact ones"
    if options["find"] != "candidates":
        return None
    if not options.get("compare"):
        return "without 'compare' no pair has a score; compare amounts, or use a pass 'reference'"
    return _unready(options) or _unscored(options) or _contradiction(options.get("block", ()))


def _unready(options: Options) -> str | None:
    if options.get("weights") != "fellegi_sunter":
        return None
    levels = [level for each in options["compare"] for level in each.get("levels", ())]
    if "prior" in options and all({"m", "u"} <= set(level) for level in levels):
        return None
    return "its prior, m and u are not written yet; 'tieout plan tune' estimates them"


def _unscored(options: Options) -> str | None:
    if float(options.get("accept_at", 1)) > 1 and "review_at" not in options:
        return (
            "accept_at is above 1 and there is no review_at, so only a perfect score would be proposed; give review_at"
        )
    for each in options["compare"]:
        if each["method"] == "days" and not all(
            CANON[table].by_name[each[table]].type == "date" for table in ("payment", "open_item") if table in each
        ):
            return f"'days' needs two dates, and {each['payment']} or {each['open_item']} is none"
    return None


_OPPOSITE = {"<": {">", ">=", "="}, ">": {"<", "<=", "="}, "=": {"<", ">"}, "<=": {">"}, ">=": {"<"}}


def _contradiction(block: Any) -> str | None:
    """Two conditions on the same two columns that exclude one another, or that compare what is not alike."""
    seen: dict[tuple[str, ...], str] = {}
    for each in block:
        columns = (each["left_side"], each["left"], each["left_form"], each["right"], each["right_form"])
        other = seen.setdefault(columns, each["sign"])
        if other in _OPPOSITE[each["sign"]]:
            left, right = f"{each['left_side']}.{each['left']}", f"{each['right_side']}.{each['right']}"
            return f"{left} {other} {right} and {left} {each['sign']} {right} exclude one another"
        kinds = [_family(each[f"{side}_side"], each[side], each[f"{side}_form"]) for side in ("left", "right")]
        if kinds[0] != kinds[1]:
            return f"{each['left']} is {kinds[0]} and {each['right']} is {kinds[1]}; they are never equal"
    return None


def _family(table: str, column: str, form: str) -> str:
    sql = CANON[table].by_name[column].sql_type
    if form or sql == "VARCHAR":
        return "text"
    return "a number" if sql.startswith("DECIMAL") or sql == "BIGINT" else f"a {sql.lower()}"


# --- shadowed ---


def _not_less(above: Any, below: Any) -> bool:
    return float(above) >= float(below)


def _not_more(above: Any, below: Any) -> bool:
    return float(above) <= float(below)


def _all_of(above: Any, below: Any) -> bool:
    return not above or (bool(below) and set(below) <= set(above))


def _yes(above: Any, below: Any) -> bool:
    return bool(above) or not below


# For each kind of pass: the options that widen it, what they are where absent, and when the first is as wide as the second.
_WIDER: Mapping[str, Mapping[str, tuple[Any, Callable[[Any, Any], bool]]]] = {
    "reference": {
        "numbers": ((), _all_of),
        "reading": ("plain", lambda above, below: above == "close" or below == "plain"),
    },
    "near": {"edits": (1, _not_less)},
    "completion": {"edits": (1, _not_less)},
    "conversion": {"band_percent": (0, _not_less), "rate_days": (0, _not_less)},
    "party": {"discount": (False, _yes), "charges": (False, _yes), "grace_days": (0, _not_less),
              "least_payer_score": (0, _not_more)},
    "sum": {"discount": (False, _yes), "grace_days": (0, _not_less), "chance": (0, _not_less),
            "all_subsets_up_to": (1, _not_less), "sizes": (1, _not_less), "pool": (2, _not_less),
            "least_payer_score": (0, _not_more)},
    "candidates": {"accept_at": (1, _not_more), "review_at": (1, _not_more), "margin": (0, _not_more),
                   "limit": (50, _not_less)},
}  # fmt: skip
_NAMES = {"title", "block"}


def _covers(above: Pass, below: Pass) -> str | None:
    """'' where the first takes all that the second would, a 'but' where nearly; None where it does not."""
    wider = _WIDER.get(str(above.options["find"]), {})
    for key in {*above.options, *below.options} - _NAMES:
        default, covers = wider.get(key, (None, lambda a, b: a == b))
        if not covers(above.options.get(key, default), below.options.get(key, default)):
            return None
    conditions = [[tuple(sorted(each.items())) for each in p.options.get("block") or ()] for p in (above, below)]
    if not set(conditions[0]) <= set(conditions[1]):
        return None
    if set(conditions[0]) == set(conditions[1]):
        return ""
    return f", but for payments with more than {above.options.get('limit', 50)} candidates"
