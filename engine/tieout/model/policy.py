"""How far people may go: what needs a second person, and what nobody may do. Read from ``decisions:`` of tieout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = ["DIFFERENCES", "Policy"]

DIFFERENCES = ("discount", "fee", "withholding", "rounding", "fx", "write_off")

Amounts = Mapping[str, Decimal]
"""An amount by currency; ``other`` for all that are not named."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of decisions. Where a kind is not named nothing limits it, but for write-offs: each needs two people."""

    second_person_above: Mapping[str, Amounts] = field(default_factory=dict)
    """By kind (match, on_account, not_receivable, or a difference): beyond this a second person must approve."""
    at_most: Mapping[str, Amounts] = field(default_factory=dict)
    """By kind: beyond this it is refused, whoever asks."""
    second_person_for_rules: bool = False
    """Whether a run with changed definitions waits until a second person has approved them."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Policy:
        """The policy of the checked settings."""
        return cls(
            {"write_off": {"other": Decimal(0)}, **_by_kind(settings.get("second_person_above", {}))},
            _by_kind(settings.get("at_most", {})),
            bool(settings.get("second_person_for_rules", False)),
        )

    def needs_second(self, kind: str, amount: Decimal, currency: str | None) -> bool:
        return _beyond(self.second_person_above, kind, amount, currency)

    def refuses(self, kind: str, amount: Decimal, currency: str | None) -> bool:
        return _beyond(self.at_most, kind, amount, currency)

    def limit(self, kind: str, currency: str | None) -> Decimal | None:
        """The most of this kind; None where nothing limits it."""
        return _limit(self.at_most, kind, currency)

    def written(self) -> dict[str, Any]:
        """As it is kept with each decision, so that the events alone prove who had to agree."""
        return {"second_person_above": self.second_person_above, "at_most": self.at_most}


def _by_kind(settings: Mapping[str, Any]) -> dict[str, Amounts]:
    return {
        kind: {code: Decimal(str(value)) for code, value in limit.items()}
        if isinstance(limit, Mapping)
        else {"other": Decimal(str(limit))}
        for kind, limit in settings.items()
    }


def _limit(limits: Mapping[str, Amounts], kind: str, currency: str | None) -> Decimal | None:
    """A kind that is named, in a currency that is not and without ``other``, has the limit 0."""
    if kind not in limits:
        return None
    amounts = limits[kind]
    return amounts.get(currency or "", amounts.get("other", Decimal(0)))


def _beyond(limits: Mapping[str, Amounts], kind: str, amount: Decimal, currency: str | None) -> bool:
    limit = _limit(limits, kind, currency)
    return limit is not None and abs(amount) > limit
