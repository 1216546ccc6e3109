"""Where a payment and the items it names differ: every cent is attributed to a named kind within its limit, or stays open.

Pure arithmetic in minor units on one payment at a time; the limits come from the plan.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["Due", "Limits", "Paid", "Part", "Tolerance", "bank_of", "explain"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a payment may be off: an amount, or a percentage of the items where that is more, never beyond a cap."""

    absolute: int = 0
    percent: Decimal = Decimal(0)
    at_most: int | None = None

    def of(self, total: int) -> int:
        """The tolerance in minor units for items of the total."""
        allowed = max(self.absolute, int(abs(total) * self.percent / 100))
        return allowed if self.at_most is None else min(allowed, self.at_most)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the plan allows, in minor units of one currency."""

    short: Tolerance = Tolerance()
    """How much less than is open counts as rounding."""
    over: Tolerance = Tolerance()
    """How much more."""
    whole_rounding: int = 0
    """The largest rounding where the payment is a whole number of major units."""
    major: int = 100
    """Minor units in one major unit."""
    fee: int = 0
    fee_step: int = 0
    """Fees that nobody stated are only believed in multiples of this."""
    fee_percent: Decimal = Decimal(0)
    fee_stated: int = 0
    discount_slack: int = 0
    """How far a discount may be rounded off from the exact percentage."""
    grace_days: int = 0
    withholding: tuple[Decimal, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any], currency: str, minor: int, *, bank: int | None = None) -> Limits:
        """The limits of one currency from a plan's ``differences``: amounts by currency, ``other`` for the rest.

        bank: the place of the payment's bank among the ``banks`` of the fee, whose limits go first; None for none.
        """
        fee = settings.get("fee", {})
        if bank is not None:
            settings = {**settings, "fee": fee | fee["banks"][bank]}

        def figure(by_currency: Mapping[str, Any]) -> int:
            value = by_currency.get(currency, by_currency.get("other", 0))
            return int((Decimal(str(value))).scaleb(minor))

        def amount(block: str, key: str) -> int:
            return figure(settings.get(block, {}).get(key, {}))

        def tolerance(limits: Mapping[str, Any]) -> Tolerance:
            cap = figure(limits["at_most"]) if "at_most" in limits else None
            return Tolerance(figure(limits.get("up_to", {})), Decimal(str(limits.get("percent", 0))), cap)

        rounding = settings.get("rounding", {})
        return cls(
            short=tolerance(rounding),
            over=tolerance(rounding.get("over", {})),
            whole_rounding=amount("rounding", "whole_amounts_up_to"),
            major=10**minor,
            fee=amount("fee", "up_to"),
            fee_step=amount("fee", "in_steps_of"),
            fee_percent=Decimal(str(settings.get("fee", {}).get("percent", 0))),
            fee_stated=amount("fee", "stated_up_to"),
            discount_slack=amount("discount", "slack"),
            grace_days=int(settings.get("discount", {}).get("grace_days", 0)),
            withholding=tuple(Decimal(str(rate)) for rate in settings.get("withholding", {}).get("percents", [])),
        )


@dataclass(frozen=True, slots=True)
class Due:
    """One item a payment names: what is open of it, signed, and its own discount terms."""

    item: int
    rest: int
    untouched: bool
    document_date: dt.date | None
    discount_days: int
    discount_percent: Decimal

    def discount(self) -> int:
        """The early-payment discount in minor units, half away from zero; 0 where there is none."""
        if not self.untouched or self.rest <= 0 or self.discount_percent <= 0 or self.discount_days <= 0:
            return 0
        return int((self.rest * self.discount_percent / 100).quantize(Decimal(1), rounding="ROUND_HALF_UP"))

    def in_terms(self, on: dt.date | None, grace_days: int) -> bool:
        """Whether a payment on the day may still take the discount."""
        if on is None or self.document_date is None:
            return False
        return (on - self.document_date).days <= self.discount_days + grace_days


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment and what it says of deductions."""

    amount: int
    date: dt.date | None
    charges: int = 0
    """What the bank or the text states as charges, in the payment's currency; 0 where nothing is stated."""
    says_fee: bool = False
    says_discount: bool = False
    says_part: bool = False
    says_withholding: bool = False
    percents: tuple[Decimal, ...] = ()
    """Percentages that the text states."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is settled of one item: money (kind payment or credit_note) or a difference of a named kind."""

    item: int
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a payment settles the items it names."""

    parts: tuple[Part, ...]
    label: str
    """exact, discount, rounding, fee, withholding, discount_out_of_terms, partial or over; '' for none."""
    open_difference: int = 0
    """Signed: what stays open of the items (positive) or unused of the payment (negative)."""
    others: tuple[str, ...] = ()
    """Further kinds that would explain the difference as well."""


def bank_of(settings: Mapping[str, Any], payment: Mapping[str, Any]) -> int | None:
    """The place of the first of the fee's ``banks`` that the payment is of; None where it is of none.

    A bank is told by the beginning of our ``account`` or of the counterparty's ``bank``, a pattern of the ``source``, and
    who bears the charges; what it says must all hold.
    """
    for place, each in enumerate(settings.get("fee", {}).get("banks", ())):
        account, bank = (str(payment.get(c) or "").replace(" ", "").upper() for c in ("account", "counterparty_bank"))
        holds = (
            account.startswith(str(each.get("account", "")).replace(" ", "").upper())
            and bank.startswith(str(each.get("bank", "")).upper())
            and fnmatchcase(str(payment.get("source") or ""), str(each.get("source", "*")))
            and ("bearer" not in each or payment.get("charge_bearer") in each["bearer"])
        )
        if holds:
            return place
    return None


def _money(due: Due, amount: int) -> Part:
    return Part(due.item, "payment" if due.rest > 0 else "credit_note", amount)


def _in_full(dues: Sequence[Due], differences: Mapping[int, tuple[str, int]]) -> tuple[Part, ...]:
    parts = []
    for due in dues:
        kind, deducted = differences.get(due.item, ("", 0))
        if due.rest - deducted:
            parts.append(_money(due, due.rest - deducted))
        if deducted:
            parts.append(Part(due.item, kind, deducted))
    return tuple(parts)


def _largest(dues: Sequence[Due]) -> Due:
    return max(dues, key=lambda due: (due.rest, -due.item))


def explain(paid: Paid, dues: Sequence[Due], limits: Limits) -> Explanation:
    """The explanation of the payment by these items, all of which it names; label '' where there is none.

    A difference that its own terms explain to the cent goes before one that only stays within a limit; two kinds
    that explain it equally well leave it open and are both named.
    """
    total = sum(due.rest for due in dues)
    short = total - paid.amount
    if short == 0:
        return Explanation(_in_full(dues, {}), "exact")
    if short > 0:
        return _short(paid, dues, short, limits)
    return _over(dues, -short, limits)


def _over(dues: Sequence[Due], over: int, limits: Limits) -> Explanation:
    total = sum(due.rest for due in dues)
    if total <= 0:
        return Explanation((), "")
    if over <= limits.over.of(total):
        return Explanation(_in_full(dues, {_largest(dues).item: ("rounding", -over)}), "rounding")
    return Explanation(_in_full(dues, {}), "over", open_difference=-over)


def _short(paid: Paid, dues: Sequence[Due], short: int, limits: Limits) -> Explanation:
    exact: list[tuple[str, tuple[Part, ...]]] = []
    discounts = [(due, due.discount()) for due in dues if due.discount()]
    taken = _discounted(discounts, short, limits)
    if taken is not None:
        in_terms = all(due.in_terms(paid.date, limits.grace_days) for due, _ in taken)
        if not in_terms and not (paid.charges and paid.charges == short):
            cuts = _spread(taken, short)
            parts = tuple(_money(due, due.rest - cuts.get(due.item, ("", 0))[1]) for due in dues)
            return Explanation(parts, "discount_out_of_terms", open_difference=short)
        if in_terms:
            deductions = _spread(taken, short)
            exact.append(("discount", _in_full(dues, deductions)))
    if paid.charges and paid.charges == short <= max(limits.fee_stated, limits.fee):
        exact.append(("fee", _in_full(dues, {_largest(dues).item: ("fee", short)})))
    if paid.says_withholding and len(dues) == 1:
        for rate in (*paid.percents, *limits.withholding):
            held = int((dues[0].rest * rate / 100).quantize(Decimal(1), rounding="ROUND_HALF_UP"))
            if abs(held - short) <= 1:
                exact.append(("withholding", _in_full(dues, {dues[0].item: ("withholding", short)})))
                break
    kinds = sorted({kind for kind, _ in exact})
    if len(kinds) == 1:
        return Explanation(exact[0][1], kinds[0])
    if len(kinds) > 1:
        stated = [e for e in exact if (e[0] == "fee") or (e[0] == "discount" and paid.says_discount)]
        if len({k for k, _ in stated}) == 1:
            return Explanation(stated[0][1], stated[0][0], others=tuple(k for k in kinds if k != stated[0][0]))
        return _partly(paid, dues, short, others=tuple(kinds))
    loose: list[str] = []
    whole = paid.amount % limits.major == 0
    if short <= limits.short.of(sum(due.rest for due in dues)) or (
        whole and short < limits.major and short <= limits.whole_rounding
    ):
        loose.append("rounding")
    if not paid.says_part and _may_be_fee(paid, short, sum(due.rest for due in dues), limits):
        loose.append("fee")
    if len(loose) == 1:
        return Explanation(_in_full(dues, {_largest(dues).item: (loose[0], short)}), loose[0])
    both = _discount_and(paid, dues, discounts, short, limits)
    if both is not None:
        return both
    return _partly(paid, dues, short, others=tuple(loose))


def _discounted(discounts: Sequence[tuple[Due, int]], short: int, limits: Limits) -> list[tuple[Due, int]] | None:
    """The items whose discounts make up the shortfall; None where no choice does, or more than one."""
    if not discounts:
        return None
    slack = limits.discount_slack
    every = sum(cut for _, cut in discounts)
    if abs(every - short) <= slack * len(discounts):
        return list(discounts)
    if len(discounts) > 12:
        return None
    fits = []
    for mask in range(1, 1 << len(discounts)):
        chosen = [discounts[i] for i in range(len(discounts)) if mask >> i & 1]
        if abs(sum(cut for _, cut in chosen) - short) <= slack:
            fits.append(chosen)
    return fits[0] if len(fits) == 1 else None


def _spread(taken: Sequence[tuple[Due, int]], short: int) -> dict[int, tuple[str, int]]:
    """The discount of each item; cents of rounding go to the largest."""
    deductions = {due.item: cut for due, cut in taken}
    off = short - sum(deductions.values())
    if off:
        deductions[_largest([due for due, _ in taken]).item] += off
    return {item: ("discount", cut) for item, cut in deductions.items()}


def _may_be_fee(paid: Paid, short: int, total: int, limits: Limits) -> bool:
    if paid.says_fee and short <= limits.fee_stated:
        return True
    if not limits.fee or short > limits.fee or (limits.fee_step and short % limits.fee_step):
        return False
    return short * 100 <= total * limits.fee_percent


def _discount_and(
    paid: Paid, dues: Sequence[Due], discounts: Sequence[tuple[Due, int]], short: int, limits: Limits
) -> Explanation | None:
    """Discount on every item in terms, and a rounding or a stated fee on top."""
    cuts = {due.item: cut for due, cut in discounts if due.in_terms(paid.date, limits.grace_days)}
    left = short - sum(cuts.values())
    if not cuts or left <= 0:
        return None
    if paid.charges and left == paid.charges <= max(limits.fee_stated, limits.fee):
        kind = "fee"
    elif left <= limits.short.of(sum(due.rest for due in dues)):
        kind = "rounding"
    else:
        return None
    largest = _largest(dues).item
    parts = list(_in_full(dues, {item: ("discount", cut) for item, cut in cuts.items()}))
    for index, part in enumerate(parts):
        if part.item == largest and part.kind == "payment":
            parts[index] = Part(part.item, part.kind, part.amount - left)
    return Explanation((*parts, Part(largest, kind, left)), "discount")


def _partly(paid: Paid, dues: Sequence[Due], short: int, *, others: tuple[str, ...] = ()) -> Explanation:
    """A part payment, possible where one item is named; more than one would have to be chosen among."""
    if len(dues) != 1 or dues[0].rest <= 0:
        return Explanation((), "", open_difference=short, others=others)
    return Explanation((_money(dues[0], paid.amount),), "partial", open_difference=short, others=others)
