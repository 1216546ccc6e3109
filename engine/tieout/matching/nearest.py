"""What was near and why it does not fit: for open payments the nearest items, for open items the nearest payments.

Each pair carries the first condition that failed, its distance and its limit, in words and as values.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tieout.matching.differences import Limits
from tieout.matching.ledger import Ledger
from tieout.model.definitions import Pass
from tieout.model.money import minor_units

__all__ = ["items", "payments"]

# Reasons of payments that say nothing of the items they might have settled.
_OPEN = "('unmatched_payment', 'payment_on_account', 'unidentified_payer', 'invalid_reference', 'ambiguous', 'wrong_currency')"


def _tolerances(ledger: Ledger, passes: Sequence[Pass]) -> None:
    """``match_tolerance``: by currency what the plan forgives where a reference names the item, and the pass that does."""
    found = next((each for each in passes if each.options["find"] == "difference"), None)
    currencies = ledger.rows("currencies", "select distinct currency from match_payment order by currency")["currency"]
    rows = []
    for currency in currencies:
        digits = minor_units(currency)
        limits = Limits.of(found.options.get("explain_difference", {}) if found else {}, currency, digits)
        rows.append((currency, f"{limits.short.absolute / 10**digits:.{digits}f}", found.name if found else None))
    columns = {"currency": pl.String, "tolerance": pl.String, "pass": pl.String}
    ledger.put("match_tolerance", pl.DataFrame(rows, schema=columns, orient="row"))


def items(ledger: Ledger, passes: Sequence[Pass], *, most: int = 5) -> None:
    """For payments that stay open without candidates: the nearest open items and the first condition each failed.

    Near are the items the text names, the payer's items with the nearest amounts, and items with exactly the amount.
    """
    _tolerances(ledger, passes)
    exact = next((each.name for each in passes if each.options["find"] == "party"), "")
    ledger.run(
        "nearest items",
        f"""insert into match_candidate
        with open as (
          select p.pno, p.rest, p.currency, p.booking_date, p.company_code, p.counterparty_name, p.held
          from match_payment p
          where p.rest > 0 and p.held in {_OPEN} and p.pno not in (select pno from match_candidate)
        ),
        payers as (select pno, party_id, min(ground) as ground, max(score) as score from match_payer group by all),
        named as (
          select h.pno, h.ino, min(h.token) as token, max(h.choices) as choices, 1 as source
          from match_mention h semi join open o using (pno) join match_item i using (ino) where i.rest <> 0
          group by h.pno, h.ino
        ),
        owed as (
          select o.pno, i.ino, null as token, 0 as choices, 2 as source
          from open o join payers y using (pno) join match_item i on i.party_id = y.party_id and i.rest <> 0
          join match_size z on z.party_id = i.party_id and z.currency = i.currency and z.items <= 2000
          qualify row_number() over (partition by o.pno order by abs(i.rest - o.rest), i.ino) <= {most}
        ),
        alike as (
          select o.pno, i.ino, null as token, 0 as choices, 3 as source
          from open o join (
            select *, row_number() over (partition by currency, rest order by due_date, ino) as place
            from match_item where rest > 0
          ) i on i.rest = o.rest and i.currency = o.currency and i.place <= 3
        ),
        near as (
          select pno, ino, max(token) as token, max(choices) as choices, min(source) as source
          from (select * from named union all select * from owed union all select * from alike) group by pno, ino
        ),
        judged as (
          select n.*, i.rest, o.rest as paid, y.ground, o.currency, i.currency as item_currency, o.counterparty_name,
            i.party_id, i.document_date, i.company_code, o.company_code as paid_to, abs(i.rest - o.rest) as distance,
            case when n.token is null then '0' else t.tolerance end as tolerance,
            case when n.token is null then '{exact}' else t.pass end as pass,
            case
              when (n.pno, n.ino) in (select pno, ino from match_rejected) then 'rejected'
              when i.currency <> o.currency then 'currency'
              when i.company_code <> o.company_code then 'company'
              when n.token is null and y.party_id is null then 'payer'
              when n.choices > 1 then 'choices'
              when i.document_date > o.booking_date then 'date'
              when i.rest <> o.rest then 'amount'
              when exists (select 1 from match_unknown u where u.pno = n.pno) then 'number'
              else 'several'
            end as condition
          from near n join open o using (pno) join match_item i using (ino)
          left join payers y on y.pno = n.pno and y.party_id = i.party_id
          left join match_tolerance t on t.currency = o.currency
        )
        select pno, ino, null as solution, null as amount,
          round(case source when 1 then 0.6 when 2 then 0.4 else 0.2 end
            + 0.3 * greatest(0, 1 - (distance::double / greatest(abs(paid::double), 0.01))), 4) as score,
          case condition
            when 'rejected' then 'a person decided that the payment is not for this item'
            when 'currency' then concat('currency: paid in ', currency, ', the item is in ', item_currency)
            when 'company' then concat('company: paid to ', paid_to, ', the item is of ', company_code)
            when 'payer' then concat('payer: ', coalesce(concat('"', counterparty_name, '"'), 'nobody'),
              ' is not known to be ', party_id, ', pass {exact}')
            when 'choices' then concat('reference: ', token, ' may be any of ', choices, ' open items')
            when 'date' then concat('date: the item is of ', document_date, ', after the payment')
            when 'amount' then concat('amount differs by ', {_amount("distance", "currency")}, ', tolerance ',
              {_amount("tolerance::decimal(18,4)", "currency")}, ', pass ', pass)
            when 'number' then 'reference: the number the text gives is not that of this item'
            else 'more than one answer: the payment fits this item, and others as well'
          end as failed,
          json_object('condition', condition, 'reference', token, 'choices', nullif(choices, 0), 'payer', ground,
            'open_amount', rest, 'paid', paid, 'distance', case when condition = 'amount' then distance::varchar end,
            'tolerance', case when condition = 'amount' then tolerance end, 'pass', pass) as evidence,
          case when condition in ('amount', 'payer') then pass end
        from judged
        qualify row_number() over (partition by pno order by source, distance, ino) <= {most}""",
    )


def payments(ledger: Ledger, *, most: int = 3) -> None:
    """For items that stay open: the nearest payments and why each does not settle them; into ``item_candidate``.

    Near are payments whose text names the item, the customer's payments with the nearest amounts, and payments of
    exactly the amount. Of customers with very many items and payments only the named and exact ones are looked at.
    """
    ledger.run(
        "nearest payments",
        f"""insert into item_candidate (open_item_id, payment_id, "rank", failed, evidence)
        with open as (select * from match_item where rest <> 0),
        used as (
          select a.pno, any_value(i.party_id) as party_id, min(coalesce(b.reference, i.open_item_id)) as first_item,
            count(distinct a.ino) as items
          from match_allocation a join match_item i using (ino) join open_item b using (open_item_id)
          where a.status = 'accepted' group by a.pno
        ),
        owners as (
          select pno, party_id from used union select pno, party_id from match_payer
        ),
        named as (
          select h.ino, h.pno, min(h.token) as token, 1 as source
          from match_mention h semi join open o using (ino) join match_payment p using (pno) where p.amount > 0
          group by h.ino, h.pno
        ),
        owed as (
          select o.ino, p.pno, null as token, 2 as source
          from open o join owners w using (party_id)
          join (select party_id, count(*) as payments from owners group by party_id having count(*) <= 200) c using (party_id)
          join match_size z on z.party_id = o.party_id and z.currency = o.currency and z.items <= 500
          join match_payment p on p.pno = w.pno and p.amount > 0
          qualify row_number() over (partition by o.ino order by abs(p.amount - o.rest), p.pno) <= {most}
        ),
        alike as (
          select o.ino, p.pno, null as token, 3 as source
          from open o join (
            select *, row_number() over (partition by currency, amount order by held = 'allocated', booking_date, pno) as place
            from match_payment where amount > 0
          ) p on p.amount = o.rest and p.currency = o.currency and p.place <= 3
        ),
        near as (
          select ino, pno, max(token) as token, min(source) as source
          from (select * from named union all select * from owed union all select * from alike)
          where (ino, pno) not in (select ino, pno from match_allocation where status = 'accepted')
          group by ino, pno
        ),
        judged as (
          select n.*, o.open_item_id, p.payment_id, o.rest, p.amount as paid, p.currency, o.currency as item_currency,
            o.party_id, p.counterparty_name, p.booking_date, o.document_date, p.held, u.first_item, u.items,
            abs(p.amount - o.rest) as distance,
            case
              when o.currency <> p.currency then 'currency'
              when o.document_date > p.booking_date then 'date'
              when u.pno is not null then 'taken'
              when n.token is null and w.pno is null then 'payer'
              when p.amount <> o.rest then 'amount'
              else 'held'
            end as condition
          from near n join open o using (ino) join match_payment p using (pno) left join used u using (pno)
          left join owners w on w.pno = n.pno and w.party_id = o.party_id
          where not (n.source = 3 and u.pno is not null)
        )
        select open_item_id, payment_id, row_number() over (partition by ino order by source, distance, pno),
          case condition
            when 'currency' then concat('currency: paid in ', currency, ', the item is in ', item_currency)
            when 'date' then concat('date: booked on ', booking_date, ', before the item of ', document_date)
            when 'taken' then concat('the payment settled invoice ', first_item,
              case when items > 1 then concat(' and ', items - 1, ' more') else '' end)
            when 'payer' then concat('payer: ', coalesce(concat('"', counterparty_name, '"'), 'nobody'),
              ' is not known to be ', party_id)
            when 'amount' then concat('amount differs by ', {_amount("distance", "currency")})
            else concat('the payment is not settled itself (', coalesce(held, 'no pass took it'), '): see its own explanation')
          end as failed,
          json_object('condition', condition, 'reference', token, 'open_amount', rest, 'paid', paid,
            'distance', case when condition = 'amount' then distance::varchar end,
            'settled', case when condition = 'taken' then first_item end,
            'held', case when condition = 'held' then held end) as evidence
        from judged
        qualify row_number() over (partition by ino order by source, distance, pno) <= {most}
        order by open_item_id, 3""",
    )


def _amount(sql: str, currency: str) -> str:
    """The amount with the currency's decimals and its code."""
    return (
        f"concat(case when {currency} in ('JPY', 'KRW') then ({sql})::decimal(18,0)::varchar "
        f"else ({sql})::decimal(18,2)::varchar end, ' ', {currency})"
    )
