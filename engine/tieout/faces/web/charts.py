"""Bars as data: how wide each is beside the widest, and where its link leads. Templates draw them as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Bar", "bars", "parts"]

WIDTH = 100


@dataclass(frozen=True)
class Bar:
    """One bar: width from 0 to 100."""

    label: str
    count: int
    width: str
    href: str | None = None


def bars(
    rows: Sequence[tuple[str, int]],
    *,
    label: Callable[[str], str] = str,
    href: Callable[[str], str] | None = None,
    most: int = 12,
    rest: str = "",
) -> list[Bar]:
    """The rows as bars, the widest 100; what comes after the first ``most`` is one bar."""
    head, tail = list(rows[:most]), rows[most:]
    widest = max((n for _, n in rows), default=0)
    found = [Bar(label(name), n, _of(n, widest), href(name) if href else None) for name, n in head]
    left = sum(n for _, n in tail)
    return [*found, Bar(rest, left, _of(min(left, widest), widest))] if left else found


def parts(values: Sequence[int | Decimal]) -> list[tuple[str, str]]:
    """The values as pieces of one bar of width 100: (x, width) each; what is below zero has no width."""
    shown = [max(Decimal(each), Decimal(0)) for each in values]
    total, at, found = sum(shown), Decimal(0), []
    for each in shown:
        width = each * WIDTH / total if total else Decimal(0)
        found.append((f"{at:.2f}", f"{width:.2f}"))
        at += width
    return found


def _of(n: int, widest: int) -> str:
    return f"{Decimal(n) * WIDTH / widest:.1f}" if widest else "0"
