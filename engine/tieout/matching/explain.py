"""Writes what the passes decided: allocations, candidates and one exception for everything that is not settled.

A payment that no pass held gets the reason that its own text and payer give, and the nearest open items with the first
condition that each failed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tieout.matching import nearest
from tieout.matching.ledger import Ledger
from tieout.model.definitions import Pass
from tieout.model.records import exception_id

__all__ = ["write"]


def write(ledger: Ledger, *, passes: Sequence[Pass], words: Mapping[str, Any], as_of: dt.date) -> None:
    """Appends to ``allocation``, ``candidate``, ``item_candidate`` and ``exception``."""
    ledger.pass_on()
    _leftovers(ledger, words)
    nearest.items(ledger, passes)
    nearest.payments(ledger)
    _take_back(ledger)
    sign = ledger.sign
    ledger.run(
        "write allocations",
        f"""insert into allocation (payment_id, open_item_id, kind, amount, currency, open_item_amount,
          open_item_currency, status, pass, score, evidence)
        select p.payment_id, i.open_item_id, a.kind, {sign} * a.amount, p.currency, a.item_amount, i.currency, a.status, a.pass,
          a.score, a.evidence
        from match_allocation a join match_payment p using (pno) join match_item i using (ino)
        order by a.status, p.payment_id, i.open_item_id, a.kind""",
    )
    ledger.run(
        "write candidates",
        f"""insert into candidate (payment_id, open_item_id, "rank", solution, pass, amount, score, failed, evidence)
        select p.payment_id, i.open_item_id,
          row_number() over (partition by p.payment_id order by c.solution nulls last, c.score desc, i.open_item_id),
          c.solution, c.pass, {sign} * c.amount, c.score, c.failed, c.evidence
        from match_candidate c join match_payment p using (pno) join match_item i using (ino)
        order by 1, 3, 2""",
    )
    _exceptions(ledger, as_of)


def _take_back(ledger: Ledger) -> None:
    """Drops what an earlier plan said of the payments that this one has explained."""
    ledger.run(
        "explained now",
        """create or replace temp table match_explained as
        select payment_id from match_payment
        where before is not null and (held = 'allocated' or pno in (select pno from match_flag))""",
    )
    ledger.run(
        "take back exceptions",
        """delete from exception where "table" = 'payment' and object_id in (select payment_id from match_explained)""",
    )
    ledger.run(
        "take back candidates", "delete from candidate where payment_id in (select payment_id from match_explained)"
    )


def _leftovers(ledger: Ledger, words: Mapping[str, Any], *, days: int = 45) -> None:
    """A reason for every payment that is still open and that no pass held.

    The same payer and amount as a payment that settled an item at most ``days`` before, nothing open having the amount,
    is a payment made twice; a cleared item of the payer with the amount, one that was paid before.
    """
    advances = (
        "select pno from match_word where says_part" if "part" in words else "select null::integer as pno limit 0"
    )
    payer, has = ("payer", "paid") if ledger.sign > 0 else ("payee", "was paid")
    ledger.run(
        "answers of the pass on sums",
        """create temp table if not exists match_sum (
          pno integer, label varchar, kind varchar, which varchar, pool integer, solutions bigint, within integer,
          reason varchar, "pass" varchar)""",
    )
    ledger.flag(
        "left over",
        f"""with open as (select * from match_payment where held is null),
        firsts as (
          select amount, currency, booking_date, key, min(payment_id) as payment_id from (
            select *, unnest([account_key, 'name ' || upper(counterparty_name)]) as key from match_payment
            where rest = 0 and held = 'allocated'
          ) where key is not null group by all
        ),
        twice as (
          select o.pno, min(f.payment_id) as first_payment
          from (select *, unnest([account_key, 'name ' || upper(counterparty_name)]) as key from open) o
          join firsts f on f.key = o.key and f.amount = o.amount and f.currency = o.currency
            and f.booking_date between o.booking_date - {days} and o.booking_date
          group by o.pno
        ),
        payers as (
          select pno, min(party_id) as party_id, min(ground) as ground, count(*) as parties from match_payer group by pno
        ),
        clearings as (
          select party_id, amount, currency, clearing_date, min(open_item_id) as open_item_id from match_cleared group by all
        ),
        before as (
          select o.pno, min(c.open_item_id) as open_item_id
          from open o join match_payer y using (pno) join clearings c
            on c.party_id = y.party_id and c.amount = o.amount and c.currency = o.currency
          where y.tier <= 2 and coalesce(c.clearing_date <= o.booking_date, true)
          group by o.pno
        ),
        advances as ({advances}),
        unknown as (select pno, min(token) as token from match_unknown group by pno),
        owing as (
          select party_id, currency, rest, min(open_item_id) as open_item_id from match_item group by all
        ),
        elsewhere as (
          select o.pno, min(i.open_item_id) as open_item_id, min(i.currency) as currency
          from open o join match_payer y using (pno) join owing i
            on i.party_id = y.party_id and i.rest = o.rest and i.currency <> o.currency
          where y.tier <= 2 group by o.pno
        )
        select p.pno,
          case
            when t.pno is not null then 'duplicate_payment'
            when b.pno is not null then 'payment_for_paid_item'
            when u.pno is not null then 'invalid_reference'
            when e.pno is not null then 'wrong_currency'
            when y.pno is null then 'unidentified_payer'
            when a.pno is not null then 'payment_on_account'
            else 'unmatched_payment'
          end as reason,
          coalesce(t.first_payment, b.open_item_id, e.open_item_id) as related, y.party_id, p.rest as amount,
          case
            when t.pno is not null then concat('the same {payer} {has} the same amount with ', t.first_payment)
            when b.pno is not null then concat(b.open_item_id, ' of the {payer} was settled with this amount before')
            when u.pno is null and e.pno is not null
              then concat('with the {payer} this amount is open in ', e.currency, ' for ', e.open_item_id)
            when u.pno is not null then concat('the reference ', u.token, ' names no open or cleared item')
            when y.pno is null then 'neither account, name nor reference tells who {has}'
            when a.pno is not null then concat('the {payer} is known (', y.ground, ') and pays on account, naming no item')
            when s.pool > 1 and s.label like 'none%'
              then concat('the {payer} is known (', y.ground, '), but none of the ', s.pool,
                ' open items has the amount, and ', case when s.within is null then 'no combination of them'
                else concat('no combination of up to ', s.within, ' of them') end, ' adds up to it')
            else concat('the {payer} is known (', y.ground, '), no open item fits')
          end as message,
          json_object('says', case
              when t.pno is not null then 'same_amount_before'
              when b.pno is not null then 'amount_settled_before'
              when u.pno is not null then 'names_nothing'
              when e.pno is not null then 'open_in_other_currency'
              when y.pno is null then 'nobody_known'
              when a.pno is not null then 'pays_on_account'
              when s.pool > 1 and s.label like 'none%' then case when s.within is null then 'no_sum' else 'no_sum_within' end
              else 'nothing_fits' end,
            'first_payment', t.first_payment, 'settled_item', b.open_item_id, 'elsewhere', e.open_item_id,
            'elsewhere_currency', e.currency, 'reference', u.token, 'payer', y.ground, 'parties', y.parties,
            'sum', s.label, 'open_items', s.pool, 'within', s.within) as evidence
        from open p left join twice t using (pno) left join before b using (pno) left join unknown u using (pno)
        left join payers y using (pno) left join elsewhere e using (pno)
        left join advances a using (pno) left join match_sum s using (pno)""",
        hold=True,
    )


def _exceptions(ledger: Ledger, as_of: dt.date) -> None:
    overdue = "overdue_open_item" if ledger.sign > 0 else "overdue_payable"
    rows = ledger.rows(
        "exceptions",
        f"""with flags as (
          select f.*, row_number() over (partition by f.pno, f.reason order by f.amount desc, f.message) as place
          from match_flag f
        )
        select f.reason, 'payment' as "table", p.payment_id as object_id, f.related as related_id, f.party_id,
          {ledger.sign} * f.amount as amount, p.currency, f.message, f.evidence, c.source, c.line, p.booking_date as day
        from flags f join match_payment p using (pno) join payment c using (payment_id)
        where f.place = 1
        union all
        select f.reason, 'open_item', f.open_item_id, f.related, o.party_id, o.open_amount, o.currency, f.message,
          f.evidence, o.source, o.line, coalesce(o.posting_date, o.document_date)
        from match_item_flag f join open_item o using (open_item_id)
        union all
        select '{overdue}', 'open_item', i.open_item_id, null, i.party_id, i.rest, i.currency,
          concat('open and due since ', i.due_date), json_object('says', 'overdue', 'due_date', i.due_date, 'amount', i.amount),
          o.source, o.line, i.due_date
        from match_item i join open_item o using (open_item_id)
        where i.rest > 0 and i.due_date < $as_of
        order by 2, 3, 1""",
        as_of=as_of,
    )
    ids = [
        exception_id(reason, table, object_id)
        for reason, table, object_id in zip(rows["reason"], rows["table"], rows["object_id"], strict=True)
    ]
    frame = rows.with_columns(
        exception_id=pl.Series(ids, dtype=pl.String), age_days=(as_of - rows["day"]).dt.total_days()
    ).drop("day")
    ledger.store.append("exception", frame)
