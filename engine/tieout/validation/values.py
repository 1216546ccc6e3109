"""What something can come to: its values, its bounds, null; and what comparing and combining such things comes to."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = [
    "ANYTHING",
    "COMPARISONS",
    "MOST_VALUES",
    "NULL",
    "SOMETHING",
    "SUMS",
    "TRUTH",
    "Values",
    "alike",
    "compared",
    "one_of",
    "pairs",
    "some_of",
    "truth",
]

MOST_VALUES = 64
"""More values than these are not told apart."""

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
SUMS: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {"add": operator.add, "sub": operator.sub}


@dataclass(frozen=True, slots=True)
class Values:
    """What something can come to."""

    given: frozenset[Any] | None
    """The values, null left out; None where they are not known."""
    null: bool
    """Whether it can be null."""
    decimals: int | None = None
    """The most decimals that a number has; None where that is not known."""
    least: Decimal | None = None
    most: Decimal | None = None
    """The bounds of a number, where they are known."""

    @property
    def is_null(self) -> bool:
        return self.given is not None and not self.given

    def can_be(self, value: Any) -> bool:
        return self.given is None or value in self.given


ANYTHING = Values(None, True)
SOMETHING = Values(None, False)
NULL = Values(frozenset(), True)
TRUTH = frozenset((True, False))


def some_of(values: Iterable[Any], *, null: bool = False) -> Values:
    found = frozenset(itertools.islice(values, MOST_VALUES + 1))
    return Values(found if len(found) <= MOST_VALUES else None, null)


def truth(part: Values) -> frozenset[Any]:
    return TRUTH if part.given is None or not part.given <= TRUTH else part.given


def alike(values: Iterable[Any]) -> bool:
    """Whether the values can be compared here as they are in the store."""
    return len({type(each) for each in values}) <= 1


def one_of(parts: Sequence[Values], *, null: bool) -> Values:
    """What one of the parts can come to."""
    parts = [each for each in parts if not each.is_null]
    given = [each.given for each in parts]
    ends = list(map(_ends, parts))
    return Values(
        None if None in given else frozenset().union(*(each or () for each in given)),
        null,
        least=None if None in ends else min((each[0] for each in ends if each), default=None),
        most=None if None in ends else max((each[1] for each in ends if each), default=None),
    )


def _ends(part: Values) -> tuple[Decimal, Decimal] | None:
    """The bounds of a number; None where they are not known."""
    if part.least is not None and part.most is not None:
        return part.least, part.most
    if part.given and all(isinstance(each, Decimal) for each in part.given):
        return min(part.given), max(part.given)
    return None


def compared(key: str, left: Values, right: Values) -> frozenset[bool]:
    """What the comparison comes to, by the bounds of numbers where values are not known."""
    one, two = _ends(left), _ends(right)
    if one is None or two is None or (left.given is not None and right.given is not None):
        return pairs(COMPARISONS[key], left, right)
    (low, high), (first, last) = one, two
    compare = COMPARISONS[key]
    if key in ("eq", "neq"):
        return TRUTH if low <= last and first <= high else frozenset([key == "neq"])
    # The pair that is most likely to be in that order, and the least likely one: between them nothing else comes out.
    return frozenset([compare(low, last), compare(high, first)])


def pairs(compare: Callable[[Any, Any], bool], left: Values, right: Values) -> frozenset[bool]:
    """What comparing each value of one with each of the other comes to."""
    if left.given is None or right.given is None or len(left.given) * len(right.given) > MOST_VALUES:
        return TRUTH
    if not alike(left.given | right.given):
        return TRUTH
    return frozenset(compare(one, two) for one in left.given for two in right.given)
