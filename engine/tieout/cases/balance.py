"""A match by hand, line by line: which payment settles how much of which item, and whether it balances. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tieout.cases.facts import Open
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.model.policy import DIFFERENCES

__all__ = ["Difference", "Line", "Settles", "lines_of"]


@dataclass(frozen=True, slots=True)
class Settles:
    """One open item to settle."""

    open_item_id: str
    amount: Decimal | None = None
    """The money for it, in the payment's currency, signed like the item; all that is open less its differences where absent."""
    item_amount: Decimal | None = None
    """The same in the item's currency; needed, with the amount, where the currencies differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of an item that is settled without money."""

    open_item_id: str
    kind: str
    """discount, fee, withholding, rounding, fx or write_off."""
    amount: Decimal
    """In the item's currency, signed like the item."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a decision: an allocation, or a payment or item set aside."""

    payment_id: str | None = None
    open_item_id: str | None = None
    allocation_kind: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    item_amount: Decimal | None = None
    item_currency: str | None = None
    party_id: str | None = None

    def written(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def lines_of(
    payments: Sequence[Open],
    items: Mapping[str, Open],
    settles: Sequence[Settles],
    differences: Iterable[Difference],
    *,
    rest: str,
) -> list[Line]:
    """The lines that settle the items, in the order given, from the payments, in the order given.

    rest: ``none`` where the payments must be used up to the cent, ``open`` where a part of the last may stay open.
    Raises TieoutError saying what does not balance.
    """
    if rest not in {"none", "open"}:
        raise TieoutError(f"rest '{rest}': choose none or open")
    if not settles:
        raise TieoutError("name at least one open item")
    if len({each.open_item_id for each in settles}) < len(settles):
        raise TieoutError("an open item is named twice")
    currencies = {each.currency for each in payments}
    if len(currencies) != 1:
        raise TieoutError(f"the payments are in {', '.join(sorted(currencies))}; match those of one currency at a time")
    apart = _by_item(differences, settles)
    wanted = [
        _wanted(each, items[each.open_item_id], apart[each.open_item_id], payments[0].currency) for each in settles
    ]
    _balance(payments, wanted, rest=rest)
    lines: list[Line] = []
    left = {each.object_id: each.rest for each in payments}
    # Credit notes first: what they give back can then be spent.
    for line in sorted(wanted, key=lambda line: (line.amount or 0) * payments[0].rest > 0):
        parts = list(_paid_from(line, left, payments))
        lines += parts
        lines += _apart(parts[0], items[line.open_item_id or ""], apart[line.open_item_id or ""])
    return lines


def _by_item(differences: Iterable[Difference], settles: Sequence[Settles]) -> dict[str, list[Difference]]:
    found: dict[str, list[Difference]] = {each.open_item_id: [] for each in settles}
    for each in differences:
        if each.kind not in DIFFERENCES:
            raise TieoutError(f"no kind of difference '{each.kind}'; kinds are {', '.join(DIFFERENCES)}")
        if each.open_item_id not in found:
            raise TieoutError(f"a difference names {each.open_item_id}, which is not among the items to settle")
        if any(other.kind == each.kind for other in found[each.open_item_id]):
            raise TieoutError(f"{each.open_item_id} has two differences of kind {each.kind}")
        found[each.open_item_id].append(each)
    return found


def _wanted(settles: Settles, item: Open, apart: Sequence[Difference], currency: str) -> Line:
    """The money line of one item, still without its payment."""
    without = sum((each.amount for each in apart), Decimal(0))
    if item.rest == 0:
        raise TieoutError(f"{item.object_id} is not open any more")
    if item.currency == currency:
        if settles.item_amount not in {None, settles.amount}:
            raise TieoutError(f"{item.object_id} is in {currency} like the payment: it has one amount, not two")
        money = settles.amount if settles.amount is not None else item.rest - without
        amount = money
    else:
        if settles.amount is None or settles.item_amount is None:
            raise TieoutError(
                f"{item.object_id} is in {item.currency}: give its amount in {currency} and in {item.currency}"
            )
        amount, money = settles.amount, settles.item_amount
    for each in apart:
        if each.amount == 0 or (each.kind != "fx" and each.amount * item.rest < 0):
            raise TieoutError(f"the {each.kind} of {item.object_id} must have the sign of the item and not be 0")
    settled = money + without
    if money * item.rest <= 0 or settled * item.rest <= 0 or amount * money <= 0 or abs(settled) > abs(item.rest):
        open_now = f"{display(item.rest, item.currency)} {item.currency}"
        raise TieoutError(f"{item.object_id}: {display(settled, item.currency)} would be settled, {open_now} is open")
    kind = "payment" if item.rest > 0 else "credit_note"
    return Line(None, item.object_id, kind, amount * item.side, currency, money, item.currency)


def _balance(payments: Sequence[Open], wanted: Sequence[Line], *, rest: str) -> None:
    currency = payments[0].currency
    paid = sum((each.rest for each in payments), Decimal(0))
    money = sum((line.amount or Decimal(0) for line in wanted), Decimal(0))
    if any(each.rest == 0 for each in payments):
        raise TieoutError("a payment is used up already")
    if any(each.rest * payments[0].rest < 0 for each in payments):
        raise TieoutError("money in and money out do not settle items together; match them one by one")
    over = abs(money) > abs(paid) or money * paid < 0
    if money == paid or (rest == "open" and not over and money != 0):
        return
    gap = f"{display(paid, currency)} {currency} is left of the payment, {display(money, currency)} is needed"
    hint = "leave items out, or name the differences" if over else "name more items, or leave the rest open"
    raise TieoutError(f"it does not balance: {gap}, {display(paid - money, currency)} apart; {hint}")


def _paid_from(line: Line, left: dict[str, Decimal], payments: Sequence[Open]) -> Iterable[Line]:
    """The money of one item from the payments that have something left, in their order."""
    assert line.amount is not None and line.item_amount is not None
    open_money, open_item = line.amount, line.item_amount
    for n, payment in enumerate(payments):
        have = left[payment.object_id]
        against = line.amount * payment.rest < 0
        take = open_money if against or abs(open_money) <= abs(have) or n == len(payments) - 1 else have
        if take == 0:
            continue
        item = open_item if take == open_money else _share(take, line.amount, line.item_amount)
        left[payment.object_id] = have - take
        open_money, open_item = open_money - take, open_item - item
        yield replace(line, payment_id=payment.object_id, amount=take, item_amount=item)
        if open_money == 0:
            return


def _apart(first: Line, item: Open, apart: Sequence[Difference]) -> Iterable[Line]:
    assert first.amount is not None and first.item_amount is not None
    for each in apart:
        amount = _share(each.amount, first.item_amount, first.amount)
        yield replace(
            first, allocation_kind=each.kind, amount=amount, item_amount=each.amount, item_currency=item.currency
        )


def _share(part: Decimal, of: Decimal, whole: Decimal) -> Decimal:
    """The part of ``whole`` that ``part`` is of ``of``, to the cent; exact where both are the same amount."""
    return part if of == whole else (whole * part / of).quantize(Decimal("0.01"), ROUND_HALF_UP)
