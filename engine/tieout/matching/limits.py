"""How far two figures may be apart: a plan's tolerance as an SQL expression. Composes text only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tieout.matching.text import literal

__all__ = ["tolerance"]


def tolerance(limits: Mapping[str, Any], *, currency: str, of: str) -> str:
    """The tolerance as SQL: an absolute amount for the currency, or ``percent`` of the figure ``of``, whichever is more,
    never beyond ``at_most``.

    limits: {absolute: {EUR: 0.05, other: 0}, percent: 2, at_most: {EUR: 50, other: 0}}; each absent part is no limit of
        its kind; nothing at all is 0. ``absolute`` may be one figure. The currency and the figure are SQL expressions.
    """
    absolute = _by_currency(limits.get("absolute", 0), currency)
    percent = Decimal(str(limits.get("percent", 0)))
    allowed = f"greatest({absolute}, abs({of}) * {percent / 100:f})" if percent else absolute
    return f"least({allowed}, {_by_currency(limits['at_most'], currency)})" if "at_most" in limits else allowed


def _by_currency(limit: Any, currency: str) -> str:
    if not isinstance(limit, Mapping):
        return f"{Decimal(str(limit)):f}"
    named = {code: Decimal(str(value)) for code, value in limit.items() if code != "other"}
    other = Decimal(str(limit.get("other", 0)))
    cases = " ".join(f"when {literal(code)} then {value:f}" for code, value in named.items())
    return f"(case {currency} {cases} else {other:f} end)" if named else f"{other:f}"
