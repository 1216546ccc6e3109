"""Numbers of other customers in a text whose payer is known: set aside where the number is the payer's as well, or where the
payer's own items explain the amount.

A customer number, a delivery note or a postcode may be another customer's invoice number by accident.
"""

from __future__ import annotations

from tieout.matching.ledger import Ledger

__all__ = ["set_aside"]

# What a payment may settle of a party's items: in its currency, of its company, not dated after it.
OWED = """i.currency = o.currency and coalesce(i.company_code = o.company_code, true)
            and coalesce(i.document_date <= o.booking_date, true)"""


_PAYERS = "payers as (select pno, party_id from match_payer where tier <= 2 and score >= 0.95)"
_PARTIES = "parties as (select ino, party_id from match_item union all select ino, party_id from match_cleared)"


def set_aside(ledger: Ledger) -> None:
    """Takes such rows out of ``match_mention``."""
    _shared(ledger)
    _foreign(ledger)


def _shared(ledger: Ledger) -> None:
    """A number that items of several customers have means the payer's."""
    ledger.run(
        "numbers that another customer has too",
        f"""create or replace temp table match_shared as
        with {_PAYERS}, {_PARTIES},
        several as (
          select h.pno, h.first, h.last, h.ino, (h.pno, i.party_id) in (select pno, party_id from payers) as own
          from match_mention h join parties i using (ino) where h.choices > 1
        )
        select pno, first, last, ino, own, count(*) filter (where not own) over (partition by pno, first, last) as others
        from several
        qualify bool_or(own) over (partition by pno, first, last) and others > 0""",
    )
    ledger.run(
        "numbers that are the payer's",
        """delete from match_mention h using match_shared s
        where h.pno = s.pno and h.ino = s.ino and h.first = s.first and h.last = s.last and not s.own""",
    )
    ledger.run(
        "what the payer's numbers may mean",
        """update match_mention set choices = choices - s.others from match_shared s
        where match_mention.pno = s.pno and match_mention.ino = s.ino and match_mention.first = s.first
          and match_mention.last = s.last and s.own""",
    )


def _foreign(ledger: Ledger) -> None:
    """Moves rows from ``match_mention`` to ``match_stranger``.

    The payer's own items explain the amount where those the text names add up to it, or where exactly one open item of
    the payer has it. A likeness of names alone makes nobody known here.
    """
    ledger.run(
        "numbers of other customers",
        f"""create or replace temp table match_stranger as
        with open as (
          select p.*, h.named from match_payment p
          join (select pno, count(distinct ino) as named from match_mention where one group by pno) h using (pno)
          where p.held is null and p.rest > 0
        ),
        {_PAYERS},
        items as (  -- of very many items of one party and amount, the oldest stand for all
          select * from match_item where rest <> 0
          qualify row_number() over (partition by party_id, currency, rest order by document_date nulls first, ino) <= 50
        ),
        explained as (
          select o.pno from open o join payers y using (pno) join items i
            on i.party_id = y.party_id and i.rest = o.rest and {OWED} group by o.pno having count(*) = 1
          union
          select pno from (
            select distinct o.pno, i.ino, i.rest, o.rest as paid from open o join payers y using (pno)
            join match_mention h on h.pno = o.pno and h.one and h.choices = 1
            join match_item i on i.ino = h.ino and i.party_id = y.party_id and i.rest <> 0 and {OWED}
          ) group by pno having sum(rest) = any_value(paid)
        ),
        {_PARTIES}
        select h.* from match_mention h join explained using (pno) join parties i using (ino)
        where (h.pno, i.party_id) not in (select pno, party_id from payers)""",
    )
    ledger.run(
        "mentions that count",
        """delete from match_mention h using match_stranger s
        where h.pno = s.pno and h.ino = s.ino and h.first = s.first and h.last = s.last""",
    )
