"""The pass that starts from who paid: one open item of the payer has exactly the amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieout.matching.ledger import Ledger
from tieout.model.money import MINOR_UNITS

__all__ = ["DUE", "by_party"]

# What a payment of a known party may settle: the item's currency and company, and nothing issued after the payment.
DUE = """i.party_id = y.party_id and i.currency = p.currency and i.rest <> 0
  and coalesce(i.company_code = p.company_code, true)
  and coalesce(i.document_date <= p.booking_date, true)"""


def _rounded(sql: str, currency: str) -> str:
    """The amount rounded to the currency's minor units."""
    cases = " ".join(f"when '{code}' then round({sql}, {digits})" for code, digits in sorted(MINOR_UNITS.items()))
    return f"(case {currency} {cases} else round({sql}, 2) end)"


def by_party(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """The payer is known, and exactly one of the party's open items has the amount paid.

    The amount is the item's open amount, that amount less the discount of its own terms (``discount: true``), or less
    the charges the bank states (``charges: true``). Several items that fit are ``ambiguous``; several payments that fit
    one item go by booking date, the later ones are ``duplicate_payment``.
    """
    grace = int(options.get("grace_days", 0))
    cut = _rounded("i.rest * i.discount_percent * 0.01", "i.currency")
    ways = ["when i.rest = p.rest then 'full'"]
    if options.get("discount", False):
        ways.append(
            f"""when i.rest = i.amount and i.discount_percent > 0 and i.rest - {cut} = p.rest
              and p.booking_date - i.document_date <= i.discount_days + {grace} then 'discount'"""
        )
    if options.get("charges", False):
        ways.append(
            """when c.charges_amount > 0 and coalesce(c.charges_currency = p.currency, true)
              and i.rest - c.charges_amount = p.rest then 'fee'"""
        )
    ledger.run(
        f"{name}: items with the amount",
        f"""create or replace temp table match_fit as
        select pno, ino, party_id, tier, ground, score, how, cut, rest, paid, booking_date,
          count(*) over (partition by pno) as ways,
          row_number() over (partition by ino order by booking_date, pno) as place,
          first_value(payment_id) over (partition by ino order by booking_date, pno) as first_payment
        from (
          select p.pno, p.payment_id, i.ino, i.party_id, y.tier, y.ground, y.score, i.rest, p.rest as paid,
            p.booking_date, i.rest - p.rest as cut,
            case {" ".join(ways)} end as how
          from match_payment p join match_payer y using (pno) join match_item i on {DUE}
          join payment c using (payment_id)
          where p.held is null and p.rest > 0 and i.rest > 0
            and y.score >= $least and not exists (select 1 from match_unknown u where u.pno = p.pno)
            and not exists (select 1 from match_word w where w.pno = p.pno and w.says_other_purpose)
            and not exists (
              select 1 from match_mention h
              where h.pno = p.pno and h.one and h.choices = 1 and h.form in ('exact', 'zeros'))
        ) where how is not null""",
        least=float(options.get("least_payer_score", 0.88)),
    )
    ledger.accept(
        name,
        """with taken as (select * from match_fit where ways = 1 and place = 1)
        select pno, ino, kind, amount, amount as item_amount, round(score * 0.97, 6) as score,
          json_object('payer', ground, 'payer_score', score, 'amount', paid, 'how', how, 'candidates', ways) as evidence
        from (
          select *, 'payment' as kind, paid as amount from taken
          union all
          select *, case how when 'fee' then 'fee' else 'discount' end, cut from taken where cut <> 0
        )""",
    )
    ledger.flag(
        name,
        """select pno, 'duplicate_payment' as reason, first_payment as related, party_id, paid as amount,
          concat('the only open item with this amount was paid by ', first_payment) as message,
          json_object('first_payment', first_payment) as evidence
        from match_fit where ways = 1 and place > 1""",
        hold=True,
    )
    ledger.show(
        name,
        """select pno, ino, row_number() over (partition by pno order by ino) as solution, paid, score, null,
          json_object('payer', ground, 'how', how) from match_fit where ways > 1""",
    )
    ledger.flag(
        name,
        """select pno, 'ambiguous' as reason, null as related, min(party_id) as party_id, any_value(paid) as amount,
          concat(count(*), ' open items of the payer fit the amount') as message,
          json_object('solutions', list(i.open_item_id order by f.ino), 'decides', 'the number of the invoice') as evidence
        from match_fit f join match_item i using (ino, party_id) where ways > 1 group by pno""",
        hold=True,
    )
