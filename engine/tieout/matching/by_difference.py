"""The pass on references whose items do not add up to the payment: each cent of the difference gets a name or stays open.

Payments of one item follow one another by booking date; what the amount does not prove is held as ``ambiguous``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from tieout.matching import text
from tieout.matching.by_reference import SURE, by_settled
from tieout.matching.differences import Due, Explanation, Limits, Paid, bank_of, explain
from tieout.matching.ledger import Ledger, grouped
from tieout.model.money import display, minor_units

__all__ = ["by_difference"]

# So many items are shown of those that may be meant as well.
SHOWN = 6

# What the payment says, in the form in which names of parties are compared.
_NAMED = text.skeleton("concat_ws(' ', c.remittance, c.counterparty_name)")


def by_difference(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """References whose items do not add up: discount, fees, rounding, withholding, part payment, overpayment.

    Works in rounds, the earliest payment of an item first, so that instalments follow one another. A weakly read
    reference needs the payer to be the item's party; a payment that would fit another open item of the payer
    exactly contradicts its own reference and is ``ambiguous``.
    """
    for _ in range(int(options.get("rounds", 24))):
        by_settled(ledger, name, options)
        rows = _different(ledger, name)
        if rows.is_empty() or not _settle(ledger, name, rows, options):
            return


def _different(ledger: Ledger, name: str) -> pl.DataFrame:
    """The items named by payments still open, the first payment of each item only; one row a (payment, item)."""
    return ledger.rows(
        f"{name}: items that differ",
        """with named as (
          select h.pno, h.ino, min(h.form) as form, min(h.token) as token, max(h.choices) as choices
          from match_mention h join match_payment p using (pno) join match_item i using (ino)
          where h.one and p.held is null and p.rest > 0 and i.rest <> 0 and i.currency = p.currency
            and coalesce(i.company_code = p.company_code, true)
            and (h.form in ('exact', 'zeros')
              or exists (select 1 from match_payer y where y.pno = h.pno and y.party_id = i.party_id))
          group by h.pno, h.ino
        ),
        turns as (
          select n.*, row_number() over (partition by n.ino order by p.booking_date, n.pno) as place
          from named n join match_payment p using (pno)
        ),
        ready as (
          select t.*, bool_and(place = 1) over (partition by pno) as first,
            count(*) over (partition by pno) as items, sum(o.rest) over (partition by pno) as sum
          from turns t join match_item o using (ino)
        ),
        asked as (
          select r.*, p.rest as paid, p.currency, p.booking_date from ready r join match_payment p using (pno)
          where r.first
        ),
        owed as (  -- of very many items of one party and amount, the oldest stand for all
          select * from match_item where rest > 0
          qualify row_number() over (partition by party_id, currency, rest order by document_date nulls first, ino) <= 50
        ),
        remainders as (
          select a.pno, list(distinct o.ino order by o.ino)[1:$shown] as items from (select distinct pno, paid - sum as rest, currency, booking_date from asked) a
          join match_payer y using (pno) join owed o on o.party_id = y.party_id and o.rest = a.rest
            and o.currency = a.currency and coalesce(o.document_date <= a.booking_date, true)
          anti join match_mention m on m.pno = a.pno and m.ino = o.ino
          group by a.pno
        ),
        whole as (
          select a.pno, list(distinct o.ino order by o.ino)[1:$shown] as items from (select distinct pno, paid, currency, booking_date from asked) a
          join match_payer y using (pno) join owed o on o.party_id = y.party_id and o.rest = a.paid
            and o.currency = a.currency and coalesce(o.document_date <= a.booking_date, true)
          group by a.pno
        ),
        slips as (
          select a.pno, a.ino, list(distinct o.ino order by o.ino)[1:$shown] as items from asked a
          join (select i.* from match_item i semi join match_rare r on r.currency = i.currency and r.amount = i.rest) o
            on o.rest = a.paid and o.currency = a.currency and o.ino <> a.ino
          join match_key k on k.ino = o.ino and k.one and length(k.number) >= 6
          where damerau_levenshtein(k.number, a.token) <= 1
          group by a.pno, a.ino
        )
        select r.pno, r.ino, r.form, r.token, r.choices, r.items,
          p.rest as paid, p.currency, p.booking_date, p.amount as paid_in_all,
          c.account, c.counterparty_bank, c.source, c.charge_bearer,
          i.rest, i.original as amount, i.document_date, i.discount_days, i.discount_percent, i.party_id, i.open_item_id,
          coalesce(case when c.charges_currency = p.currency or c.charges_currency is null then c.charges_amount end, 0)
            as charges,
          regexp_extract_all(p.remittance, '(?:^|[^0-9.,])([0-9]{1,2}(?:[.,][0-9]{1,3})?) ?%', 1) as percents,
          exists (select 1 from match_payer y where y.pno = r.pno and y.party_id = i.party_id) as own_payer,
          exists (select 1 from match_payer y where y.pno = r.pno) as known_payer,
          exists (
            select 1 from match_known n join match_party_form f using (name)
            where n.party_id = i.party_id and f.variant in (0, 3) and f.telling and (
              (length(f.compact) >= 6 and contains($folded(concat_ws(' ', c.remittance, c.counterparty_name)), f.compact))
              or (length(f.native) >= 4 and contains(concat_ws(' ', c.remittance, c.counterparty_name), f.native)))
          ) as named_party,
          -- Open items with what is too much, and with the whole amount.
          m.items as rest_items, list_concat(coalesce(f.items, []), coalesce(s.items, [])) as whole_items,
          w.* exclude (pno)
        from ready r join match_payment p using (pno) join match_item i using (ino)
        left join whole f on f.pno = r.pno
        left join remainders m on m.pno = r.pno
        left join slips s on s.pno = r.pno and s.ino = r.ino
        join payment c using (payment_id) join match_word w on w.pno = r.pno
        where r.first
        order by r.pno, r.ino""".replace("$folded(concat_ws(' ', c.remittance, c.counterparty_name))", _NAMED),
        shown=SHOWN,
    )


_Cache = dict[tuple[str, int | None], Limits]


def _limits(options: Mapping[str, Any], head: Mapping[str, Any], cache: _Cache) -> Limits:
    settings, currency = options.get("explain_difference", {}), head["currency"]
    bank = bank_of(settings, head)
    if (currency, bank) not in cache:
        cache[currency, bank] = Limits.of(settings, currency, minor_units(currency), bank=bank)
    return cache[currency, bank]


def _settle(ledger: Ledger, name: str, rows: pl.DataFrame, options: Mapping[str, Any]) -> int:
    """Books what can be explained and flags what cannot; the number of payments decided."""
    cache: _Cache = {}
    booked: list[dict[str, Any]] = []
    flags: list[dict[str, Any]] = []
    shown: list[tuple[int, int, int, Decimal, str]] = []
    for lines in grouped(rows, "pno"):
        head = lines[0]
        scale = 10 ** minor_units(head["currency"])
        limits = _limits(options, head, cache)
        outcome = _judge(lines, limits, scale)
        if isinstance(outcome, str):
            items = {"says": outcome, "items": [x["open_item_id"] for x in lines]}
            flags.append(_flag(head, "ambiguous", _WHY_NOT[outcome], head["paid"], items))
            shown += _solutions(lines, outcome)
            continue
        score = min(SURE[line["form"]] for line in lines) - (0 if outcome.label == "exact" else 0.03)
        numbers = {line["ino"]: line for line in lines}
        for part in outcome.parts:
            line = numbers[part.item]
            amount = _decimal(part.amount, scale)
            booked.append(
                {
                    "pno": head["pno"],
                    "ino": part.item,
                    "kind": part.kind,
                    "amount": amount,
                    "item_amount": amount,
                    "score": f"{score:.6f}",
                    "evidence": json.dumps(
                        {
                            "reference": line["token"],
                            "form": line["form"],
                            "explained_by": outcome.label,
                            "open_difference": _decimal(outcome.open_difference, scale),
                            "also_possible": list(outcome.others),
                            "payer": "own" if line["own_payer"] else "other" if line["known_payer"] else "unknown",
                        },
                        ensure_ascii=False,
                    ),
                }
            )
        flags += _residual_flags(head, outcome, scale)
    if booked:
        with ledger.store.registered(pl.DataFrame(booked)) as view:
            ledger.accept(name, f"select * from {view}")
    if flags:
        with ledger.store.registered(pl.DataFrame(flags, schema_overrides={"related": pl.String})) as view:
            ledger.flag(
                name,
                f"select pno, reason, related, party_id, amount::decimal(18,4) as amount, message, evidence from {view}",
                hold=True,
            )
    if shown:
        columns = ("pno", "ino", "solution", "amount", "evidence")
        with ledger.store.registered(pl.DataFrame(shown, schema=columns, orient="row")) as view:
            ledger.show(name, f"select pno, ino, solution, amount, 0.5, null::varchar, evidence from {view}")
    return len(booked) + len(flags)


# Why a payment that names items settles none of them.
_WHY_NOT = {
    "named_several": "a reference names several open items, and the amount does not tell which",
    "part_of_several": "the amount pays only a part of several items, and nothing tells which",
    "other_customers": "the reference is another customer's, and the amount does not confirm it",
    "over_is_another": "what was paid more is exactly another open item of the payer",
    "amount_of_another": "the reference names one item, the amount is exactly that of another",
}


def _solutions(lines: list[dict[str, Any]], says: str) -> Iterator[tuple[int, int, int, Decimal, str]]:
    """What the payment may settle, where its number says one thing and its amount another: (pno, ino, solution, amount,
    evidence)."""
    head = lines[0]
    named = [(line["ino"], line["rest"]) for line in lines]
    spare = head["paid"] - sum(rest for _, rest in named)
    if says == "over_is_another":
        ways = [[*named, (ino, spare)] for ino in head["rest_items"]]
    elif says == "amount_of_another":
        part = [(head["ino"], min(head["rest"], head["paid"]))] if len(named) == 1 else named
        ways = [part, *([(ino, head["paid"])] for ino in _elsewhere(head))]
    else:
        return
    evidence = json.dumps({"says": says, "reference": head["token"]}, ensure_ascii=False)
    for number, way in enumerate(ways, 1):
        for ino, amount in way:
            yield head["pno"], ino, number, amount, evidence


def _elsewhere(line: Mapping[str, Any]) -> list[int]:
    """The other open items that have exactly the amount paid."""
    return sorted({ino for ino in line["whole_items"] if ino != line["ino"]})


def _judge(lines: list[dict[str, Any]], limits: Limits, scale: int) -> Explanation | str:
    """The explanation, or why there is none that may settle by itself: a key of ``_WHY_NOT``."""
    head = lines[0]
    if any(line["choices"] > 1 for line in lines):
        return "named_several"
    paid = Paid(
        int(head["paid"] * scale),
        head["booking_date"],
        charges=int(head["charges"] * scale),
        says_fee=head.get("says_fee", False),
        says_discount=head.get("says_discount", False),
        says_part=head.get("says_part", False),
        says_withholding=head.get("says_withholding", False),
        percents=tuple(Decimal(rate.replace(",", ".")) for rate in head["percents"] or ()),
    )
    dues = [
        Due(
            line["ino"],
            int(line["rest"] * scale),
            line["rest"] == line["amount"],
            line["document_date"],
            int(line["discount_days"] or 0),
            line["discount_percent"],
        )
        for line in lines
    ]
    outcome = explain(paid, dues, limits)
    if not outcome.parts:
        return "part_of_several"
    unsaid = outcome.label == "fee" and not head["charges"] and not head.get("says_fee", False)
    vague = unsaid or outcome.label in ("partial", "over", "discount_out_of_terms")
    weak = any(line["form"] not in ("exact", "zeros") for line in lines)
    own = all(line["own_payer"] for line in lines)
    if outcome.label != "exact" and not own and (weak or not _proven_otherwise(lines, outcome.label)):
        return "other_customers"
    if outcome.label == "over" and head["rest_items"]:
        return "over_is_another"
    if vague and _elsewhere(head) and not head.get("says_part", False):
        return "amount_of_another"
    return outcome


def _proven_otherwise(lines: list[dict[str, Any]], label: str) -> bool:
    """Whether a payer who is not known as the items' party may settle them with a difference.

    A number alone is no proof: it may be a customer number or a postcode. The party is named; or the numbers are long
    or have letters, and the difference is what the items' own terms or the bank's statement say.
    """
    if all(line["named_party"] for line in lines):
        return True
    strong = all(len(x["token"]) >= 8 or (len(x["token"]) >= 6 and not x["token"].isdigit()) for x in lines)
    stated = label == "fee" and lines[0]["charges"] > 0
    return strong and (stated or label in ("discount", "discount_out_of_terms", "rounding", "withholding"))


def _residual_flags(head: Mapping[str, Any], outcome: Explanation, scale: int) -> list[dict[str, Any]]:
    reason = {
        "partial": "partial_payment",
        "discount_out_of_terms": "discount_out_of_terms",
        "over": "overpayment",
        "withholding": "withholding",
    }.get(outcome.label)
    if reason is None:
        return []
    open_amount = _decimal(abs(outcome.open_difference), scale)
    shown = f"{display(Decimal(open_amount), head['currency'])} {head['currency']}"
    message = {
        "partial_payment": f"{shown} of {head['open_item_id']} stay open",
        "discount_out_of_terms": f"a discount of {shown} was taken after its last day",
        "overpayment": f"{shown} are more than the items named",
        "withholding": "the payer withheld tax",
    }[reason]
    amount = _decimal(sum(p.amount for p in outcome.parts if p.kind == "withholding"), scale)
    return [
        _flag(
            head,
            reason,
            message,
            amount if reason == "withholding" else open_amount,
            {
                "says": reason,
                "amount": open_amount,
                "currency": head["currency"],
                "also_possible": list(outcome.others),
            },
        )
    ]


def _flag(head: Mapping[str, Any], reason: str, message: str, amount: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pno": head["pno"],
        "reason": reason,
        "related": head["open_item_id"],
        "party_id": head["party_id"],
        "amount": str(amount),
        "message": message,
        "evidence": json.dumps(facts, ensure_ascii=False),
    }


def _decimal(minor: int, scale: int) -> str:
    places = len(str(scale)) - 1
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), scale)
    return f"{sign}{whole}.{rest:0{places}d}" if places else f"{sign}{whole}"
