"""The passes on items in another currency: converted at the day's rate within a band, or held.

The items are those the payment names, or the only one of a known payer that is worth the amount.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from tieout.matching.by_party import DUE, FREE, NAMES_GROUP, WHOLE
from tieout.matching.ledger import Ledger, grouped
from tieout.model.money import round_half_up

__all__ = ["by_conversion", "by_payer_conversion"]

# How amounts are written beside their currency.
_WRITTEN = ("{:.2f}", "{:,.2f}")


def by_conversion(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Payments that name only items in one other currency.

    Settled where the bank says that exactly the items' sum was ordered in their currency, or where the amount at the
    day's rate (the last one, at most ``rate_days`` old) is within ``band_percent`` of their sum; the rest is the
    exchange difference (kind fx). Any other is held as ``wrong_currency``.
    """
    named = ledger.rows(
        f"{name}: items in another currency",
        """with named as (
          select h.pno, h.ino, min(h.token) as token
          from match_mention h join match_payment p using (pno)
          where h.one and h.choices = 1 and h.form in ('exact', 'zeros') and p.held is null and p.rest > 0 group by h.pno, h.ino
        )
        select n.pno, n.ino, n.token, i.open_item_id, i.party_id, i.rest, i.currency as item_currency,
          p.rest as paid, p.currency, p.booking_date, c.instructed_amount, c.instructed_currency
        from named n join match_item i using (ino) join match_payment p using (pno) join payment c using (payment_id)
        where i.rest <> 0
        qualify bool_and(i.currency <> p.currency) over (partition by n.pno)
        order by p.booking_date, n.pno, n.ino""",
    )
    if named.is_empty():
        return
    rates = _Rates(ledger, name, int(options.get("rate_days", 7)))
    band = Decimal(str(options.get("band_percent", 0)))
    booked: list[dict[str, Any]] = []
    flags: list[dict[str, Any]] = []
    settled: set[int] = set()
    for group in grouped(named, "pno"):
        # What an earlier payment has settled is no longer open.
        lines = [line for line in group if line["ino"] not in settled]
        if not lines:
            continue
        head = lines[0]
        total = sum((line["rest"] for line in lines), Decimal(0))
        parts = _converted(lines, total, rates, band)
        flags.append(_flag(head, total, "fx_conversion" if parts else "wrong_currency"))
        settled |= {part["ino"] for part in parts}
        booked += parts
    _book(ledger, name, booked, flags)


def by_payer_conversion(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Payments that name nothing, of a payer one of whose items in another currency has the amount at the day's rate.

    Sure where the bank's order or the text says exactly the item's amount in its currency. Else the payer has nothing
    open in the payment's currency, exactly one item is within ``band_percent`` and no other within ``rival_percent``,
    and the amount is no multiple of ``round_amounts``, which would be a payment on account. Of a payer with more than
    ``pool`` such items none is sought.
    """
    rows = ledger.rows(
        f"{name}: items of the payers in another currency",
        f"""with few as (  -- of more items one within the band is there by chance
          select p.pno from match_payment p join match_payer y using (pno)
          join match_size z on z.party_id = y.party_id and z.currency <> p.currency
          where p.held is null and p.rest > 0 and y.score >= $least and y.tier <= 3
          group by p.pno having sum(z.items) <= $pool
        )
        select p.pno, p.booking_date, p.rest as paid, p.currency, p.remittance, i.ino, null as token, i.open_item_id,
          i.party_id, i.rest, i.currency as item_currency, c.instructed_amount, c.instructed_currency,
          exists (
            select 1 from match_item o join match_payer z using (party_id)
            where z.pno = p.pno and o.currency = p.currency and o.rest <> 0) as owes_here
        from match_payment p semi join few using (pno) join match_payer y using (pno) join payment c using (payment_id)
        join match_item i on {DUE.replace("i.currency = p.currency", "i.currency <> p.currency")}
        where i.rest > 0 and y.score >= $least and y.tier <= 3
          and {FREE} and {WHOLE} and not {NAMES_GROUP}
          and (p.pno, i.ino) not in (select pno, ino from match_rejected)
        order by p.booking_date, p.pno, i.ino""",
        pool=int(options.get("pool", 50)),
        least=float(options.get("least_payer_score", 0.88)),
    )
    if rows.is_empty():
        return
    rates = _Rates(ledger, name, int(options.get("rate_days", 7)))
    booked: list[dict[str, Any]] = []
    flags: list[dict[str, Any]] = []
    used: set[int] = set()
    for group in grouped(rows, "pno"):
        lines = [line for line in group if line["ino"] not in used]
        line = _meant(lines, rates, options)
        if line is None:
            continue
        parts = _converted([line], line["rest"], rates, Decimal(str(options.get("band_percent", 0))))
        if parts:
            used.add(line["ino"])
            booked += parts
            flags.append(_flag(line, line["rest"], "fx_conversion"))
    if booked:
        _book(ledger, name, booked, flags)


def _meant(lines: Sequence[Mapping[str, Any]], rates: _Rates, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The item that a payment without a reference means; None where none is certain."""
    told = [line for line in lines if _told(line)]
    if told or not lines:
        return told[0] if len(told) == 1 else None
    head = lines[0]
    step = Decimal(str(options.get("round_amounts", 0)))
    if head["owes_here"] or head["instructed_amount"] is not None or (step and head["paid"] % step == 0):
        return None
    near = [line for line in lines if _apart(line, rates) <= Decimal(str(options.get("band_percent", 0)))]
    rivals = [line for line in lines if _apart(line, rates) <= Decimal(str(options.get("rival_percent", 0)))]
    return near[0] if len(near) == len(rivals) == 1 else None


def _told(line: Mapping[str, Any]) -> bool:
    """Whether the bank's order or the text says the amount of the item in its currency."""
    if line["instructed_currency"] == line["item_currency"]:
        return bool(line["instructed_amount"] == line["rest"])
    text = (line["remittance"] or "").replace(" ", "")
    written = {form.format(line["rest"]) for form in _WRITTEN}
    written |= {amount.translate(str.maketrans(",.", ".,")) for amount in written}
    return any(line["item_currency"] + amount in text or amount + line["item_currency"] in text for amount in written)


def _apart(line: Mapping[str, Any], rates: _Rates) -> Decimal:
    """How far the payment at the day's rate is from the item, in percent; very far where no rate is known."""
    rate = rates.of(line["currency"], line["item_currency"], line["booking_date"])
    return abs(line["paid"] * rate - line["rest"]) * 100 / line["rest"] if rate else Decimal(10**6)


def _flag(head: Mapping[str, Any], total: Decimal, reason: str) -> dict[str, Any]:
    facts = {
        "says": "other_currency",
        "paid_in": head["currency"],
        "reference": head["token"],
        "open_amount": str(total),
        "currency": head["item_currency"],
    }
    return {
        "pno": head["pno"],
        "reason": reason,
        "related": head["open_item_id"],
        "party_id": head["party_id"],
        "amount": str(head["paid"]),
        "message": f"paid in {head['currency']}, the item is in {head['item_currency']}",
        "evidence": json.dumps(facts, ensure_ascii=False),
    }


def _book(ledger: Ledger, name: str, booked: list[dict[str, Any]], flags: list[dict[str, Any]]) -> None:
    if booked:
        with ledger.store.registered(pl.DataFrame(booked)) as view:
            ledger.accept(name, f"select * from {view}")
    with ledger.store.registered(pl.DataFrame(flags)) as view:
        ledger.flag(
            name,
            f"select pno, reason, related, party_id, amount::decimal(18,4) as amount, message, evidence from {view}",
            hold=True,
        )


class _Rates:
    """The rates of the run; ``of`` gives units of one currency for one unit of another."""

    def __init__(self, ledger: Ledger, name: str, days: int) -> None:
        rows = ledger.rows(
            f"{name}: rates",
            "select base_currency, currency, rate_date, rate from exchange_rate where rate > 0 order by all",
        )
        self.days = days
        self.rates: dict[tuple[str, str], dict[dt.date, Decimal]] = {}
        for base, currency, day, rate in rows.iter_rows():
            self.rates.setdefault((base, currency), {})[day] = rate
        self.bases = sorted({base for base, _ in self.rates})

    def _quoted(self, base: str, currency: str, day: dt.date) -> Decimal | None:
        if base == currency:
            return Decimal(1)
        known = self.rates.get((base, currency), {})
        for back in range(self.days + 1):
            rate = known.get(day - dt.timedelta(days=back))
            if rate is not None:
                return rate
        return None

    def of(self, source: str, target: str, day: dt.date | None) -> Decimal | None:
        """Units of target for one unit of source on the day; None where no rate is recent enough."""
        for base in self.bases if day else ():
            assert day is not None
            paid, due = self._quoted(base, source, day), self._quoted(base, target, day)
            if paid is not None and due is not None:
                return due / paid
        return None


def _converted(
    lines: Sequence[Mapping[str, Any]], total: Decimal, rates: _Rates, band: Decimal
) -> list[dict[str, Any]]:
    """The parts that settle the items; empty where neither the bank's order nor the day's rate proves the sum."""
    head = lines[0]
    currencies = {line["item_currency"] for line in lines}
    if len(currencies) != 1 or any(line["rest"] <= 0 for line in lines):
        return []
    ordered = head["instructed_currency"] in currencies and head["instructed_amount"] == total
    rate = rates.of(head["currency"], head["item_currency"], head["booking_date"])
    worth = total if ordered else round_half_up(head["paid"] * rate, head["item_currency"]) if rate else None
    if worth is None or abs(worth - total) * 100 > band * total:
        return []
    parts: list[dict[str, Any]] = []
    left_paid, left_worth = head["paid"], worth
    for place, line in enumerate(lines):
        last = place == len(lines) - 1
        share = left_paid if last else round_half_up(head["paid"] * line["rest"] / total, head["currency"])
        value = left_worth if last else round_half_up(worth * line["rest"] / total, head["item_currency"])
        left_paid, left_worth = left_paid - share, left_worth - value
        evidence = json.dumps(
            {
                "reference": line["token"],
                "rate": str(rate) if rate else None,
                "ordered_in_this_currency": ordered,
                "open_amount": str(line["rest"]),
                "worth": str(value),
            },
            ensure_ascii=False,
        )
        row = {"pno": head["pno"], "ino": line["ino"], "score": "0.95", "evidence": evidence}
        parts.append({**row, "kind": "payment", "amount": str(share), "item_amount": str(value)})
        off = line["rest"] - value
        if off:
            in_payment = round_half_up(off * share / value, head["currency"])
            parts.append({**row, "kind": "fx", "amount": str(in_payment), "item_amount": str(off)})
    return parts
