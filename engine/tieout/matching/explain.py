"""Writes what the passes decided: allocations, candidates and one exception for everything that is not settled.

A payment that no pass held gets the reason that its own text and payer give, and the nearest open items with the first
condition that each failed.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tieout.matching.ledger import Ledger
from tieout.model.records import exception_id

__all__ = ["write"]


def write(ledger: Ledger, *, as_of: dt.date) -> None:
    """Appends to ``allocation``, ``candidate`` and ``exception``."""
    _leftovers(ledger)
    _near_misses(ledger)
    ledger.run(
        "write allocations",
        """insert into allocation (payment_id, open_item_id, kind, amount, currency, open_item_amount,
          open_item_currency, status, pass, score, evidence)
        select p.payment_id, i.open_item_id, a.kind, a.amount, p.currency, a.item_amount, i.currency, a.status, a.pass,
          a.score, a.evidence
        from match_allocation a join match_payment p using (pno) join match_item i using (ino)
        order by a.status, p.payment_id, i.open_item_id, a.kind""",
    )
    ledger.run(
        "write candidates",
        """insert into candidate (payment_id, open_item_id, "rank", solution, pass, amount, score, failed, evidence)
        select p.payment_id, i.open_item_id,
          row_number() over (partition by p.payment_id order by c.solution nulls last, c.score desc, i.open_item_id),
          c.solution, c.pass, c.amount, c.score, c.failed, c.evidence
        from match_candidate c join match_payment p using (pno) join match_item i using (ino)
        order by 1, 3, 2""",
    )
    _exceptions(ledger, as_of)


def _leftovers(ledger: Ledger) -> None:
    """A reason for every payment that is still open and that no pass held."""
    ledger.flag(
        "left over",
        """select p.pno,
          case
            when u.pno is not null then 'invalid_reference'
            when y.pno is null then 'unidentified_payer'
            else 'unmatched_payment'
          end as reason,
          null as related, y.party_id, p.rest as amount,
          case
            when u.pno is not null then concat('the reference ', u.token, ' names no open or cleared item')
            when y.pno is null then 'neither account, name nor reference tells who paid'
            else concat('the payer is known (', y.ground, '), no open item fits')
          end as message,
          json_object('reference', u.token, 'payer', y.ground, 'parties', y.parties) as evidence
        from match_payment p
        left join (select pno, min(token) as token from match_unknown group by pno) u using (pno)
        left join (
          select pno, min(party_id) as party_id, min(ground) as ground, count(*) as parties from match_payer group by pno
        ) y using (pno)
        where p.held is null""",
        hold=True,
    )


def _near_misses(ledger: Ledger) -> None:
    """For payments without candidates: the five open items of the payer whose amount is nearest, and what failed."""
    ledger.show(
        "near misses",
        """select pno, ino, null as solution, null as amount, score, failed, evidence from (
          select p.pno, i.ino, least(y.score, 1) * 0.5 as score,
            concat('amount differs by ', abs(i.rest - p.rest), ' ', p.currency,
              case when i.document_date > p.booking_date then ', and the item is dated after the payment' else '' end,
              ' (pass payer-and-amount allows 0.00)') as failed,
            json_object('payer', y.ground, 'open_amount', i.rest, 'paid', p.rest) as evidence,
            row_number() over (partition by p.pno order by abs(i.rest - p.rest), i.ino) as place
          from match_payment p join match_payer y using (pno)
          join match_item i on i.party_id = y.party_id and i.currency = p.currency and i.rest <> 0
          where p.held in ('unmatched_payment', 'invalid_reference', 'ambiguous')
            and p.pno not in (select pno from match_candidate)
        ) where place <= 5""",
    )


def _exceptions(ledger: Ledger, as_of: dt.date) -> None:
    rows = ledger.rows(
        "exceptions",
        """with flags as (
          select f.*, row_number() over (partition by f.pno, f.reason order by f.amount desc, f.message) as place
          from match_flag f
        )
        select f.reason, 'payment' as "table", p.payment_id as object_id, f.related as related_id, f.party_id,
          f.amount, p.currency, f.message, f.evidence, c.source, c.line, p.booking_date as day
        from flags f join match_payment p using (pno) join payment c using (payment_id)
        where f.place = 1
        union all
        select 'overdue_open_item', 'open_item', i.open_item_id, null, i.party_id, i.rest, i.currency,
          concat('open and due since ', i.due_date), json_object('due_date', i.due_date, 'amount', i.amount),
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
