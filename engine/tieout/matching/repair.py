"""Structured references with a wrong check digit: the numbers of ours that are one slip away.

Every number of ours has a right check digit, so a damaged one that is a single slip from exactly one of them can mean
no other; where it is from two, it means neither. Called by the close reading.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tieout.matching.ledger import Ledger

__all__ = ["CheckDigits", "mend", "say_so"]

CheckDigits = Callable[[pl.Series, pl.Series], pl.DataFrame]

# A damaged number has some 300 repairs to look up; so many numbers are looked up at once.
PART = 50_000


def mend(ledger: Ledger, check: CheckDigits) -> None:
    """Makes ``match_mended`` (token, number, ino, kind, one, several) from ``match_close`` and the structured references of ours.

    A slip is a wrong digit or two neighbours swapped; where letters mark the kind (RF, SI12) also a sign lost or doubled.
    """
    own = ledger.rows(
        "structured references of ours",
        "select distinct number from match_key where kind = 'creditor_reference' order by number",
    )["number"]
    damaged = pl.Series("token", [], dtype=pl.String)
    if len(own):
        with ledger.store.registered(pl.DataFrame({"length": own.str.len_chars().unique().sort()})) as lengths:
            looked = ledger.rows(
                "numbers that may be damaged",
                f"""select distinct token from match_close
                where length(token) between 5 and 27
                  and (starts_with(token, 'RF') or starts_with(token, 'SI12')
                    or (token < 'A' and length(token) in (select length from {lengths})))
                  and token not in (select number from match_key)
                order by token""",
            )["token"]
        damaged = check(looked, own).filter(~pl.col("valid"))["number"]
    ledger.run(
        "repaired numbers",
        """create or replace temp table match_mended
        (token varchar, number varchar, ino integer, kind varchar, one boolean, several boolean)""",
    )
    for part in pl.DataFrame({"token": damaged.cast(pl.String)}).iter_slices(PART):
        _look_up(ledger, part)


def _look_up(ledger: Ledger, damaged: pl.DataFrame) -> None:
    with ledger.store.registered(damaged) as view:
        ledger.run(
            "numbers of ours one slip away",
            f"""insert into match_mended
            with places as (
              select token, token >= 'A' as marked, unnest(range(1, length(token) + 1))::integer as i from {view}
            ),
            split as (
              select token, marked, left(token, i - 1) as before, substring(token, i, 1) as sign,
                substring(token, i + 1, 1) as next, substring(token, i + 1) as after from places
            ),
            digits as (select unnest(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) as digit),
            variants as (
              select token, before || digit || after as number from split, digits where sign < 'A' and sign <> digit
              union all select token, before || next || sign || substring(after, 2) from split where next <> sign and next <> ''
              union all select token, before || after from split where marked
              union all select token, before || digit || sign || after from split, digits where marked
              union all select token, token || digit from split, digits where marked and after = ''
            ),
            found as (
              select distinct v.token, k.number, k.ino, k.kind, k.one
              from variants v join match_key k using (number) where k.kind = 'creditor_reference'
            )
            select *, min(number) over (partition by token) <> max(number) over (partition by token) as several
            from found""",
        )


def say_so(ledger: Ledger) -> None:
    """Notes the payments whose damaged reference was understood: ``invalid_reference``, whatever becomes of them."""
    ledger.flag(
        "check digits",
        """select h.pno, 'invalid_reference' as reason, null as related, null as party_id, any_value(p.rest) as amount,
          concat('the reference ', min(h.token), ' has a wrong check digit; the only number of ours one slip away is ',
            min(m.number)) as message,
          json_object('says', 'repaired', 'reference', min(h.token), 'number', min(m.number)) as evidence
        from match_mention h join match_mended m using (token, ino) join match_payment p using (pno)
        where h.form = 'repaired' and h.choices = 1 and p.held is null and p.rest > 0
        group by h.pno""",
        hold=False,
    )
