"""Numbers that look like ours and name no item: mistyped ones with an exact amount, and such as are invalid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tieout.matching import text
from tieout.matching.by_reference import accept_fits
from tieout.matching.ledger import Ledger
from tieout.matching.references import check_digits
from tieout.matching.score import osa_distance

__all__ = ["by_near", "mark_unknown"]

# A text with more pieces that may be numbers is a list: something in it is always near some number.
MOST_PIECES = 1000

# What a text may say was kept back of an item i by a payment p, and how much that may be.
_SAID = {
    "part": "true",
    "discount": "true",
    "fee": "(i.rest - p.rest) * 100 <= i.rest * 6",
    "withholding": "(i.rest - p.rest) * 100 <= i.rest * 30",
}
_OWN_DISCOUNT = "(i.discount_percent > 0 and abs(i.rest * (100 - i.discount_percent) - p.rest * 100) <= 1)"


def mark_unknown(ledger: Ledger, ours: Sequence[str] = ()) -> None:
    """Makes ``match_unknown`` (pno, token): what has the shape of our own numbers and names no item of ours.

    A shape is learned from the items: the letters a number starts with and how many digits follow; plain digits must
    also lie between the smallest and the largest such number. Structured references with a wrong check digit count too.
    What the payer's own end-to-end reference says alone counts for nothing.
    ours: RE2 expressions over letters and digits, which say what our numbers look like instead of what is learned.
    """
    ledger.run(
        "shapes of our numbers",
        r"""create or replace temp table match_shape as
        select regexp_extract(number, '^[A-Z]*') as prefix, length(number) as length,
          min(number) as low, max(number) as high, count(*) as items
        from match_key where one and regexp_full_match(number, '[A-Z]{0,6}[0-9]{4,}')
        group by 1, 2 having count(*) >= 3""",
    )
    looked = ledger.rows(
        "numbers that may be structured references",
        f"""select distinct token from (
          select token from match_close where length(token) between 6 and 27
            and (starts_with(token, 'RF') or starts_with(token, 'SI12'))
          union all
          select {text.compact("p.creditor_reference")} from match_payment m join payment p using (payment_id)
          where m.held is null
        ) where token is not null order by token""",
    )
    own = ledger.rows(
        "structured references of ours", "select distinct number from match_key where kind = 'creditor_reference'"
    )
    checked = check_digits(looked["token"], own["number"])
    learned = r"""select c.pno, c.token from match_close c
              join match_shape s on s.length = length(c.token) and s.prefix = regexp_extract(c.token, '^[A-Z]*')
                and c.token between s.low and s.high
              where regexp_full_match(c.token, '[A-Z]{0,6}[0-9]{4,}')"""
    told = " or ".join(f"regexp_full_match(c.token, {text.literal(pattern)})" for pattern in ours)
    with ledger.store.registered(checked) as view:
        ledger.run(
            "numbers of ours that name nothing",
            rf"""create or replace temp table match_unknown as
            with shaped as ({f"select c.pno, c.token from match_close c where {told}" if told else learned}),
            wrong as (
              select c.pno, c.token from match_close c join {view} v on v.number = c.token
              where not v.valid and not exists (
                select 1 from {view} o join match_close d on d.token = o.number
                where d.pno = c.pno and o.valid and starts_with(d.token, c.token))
            )
            select pno, min(token) as token from (select * from shaped union select * from wrong) f
            join match_payment m using (pno) join payment p using (payment_id)
            where pno not in (select pno from match_mention union all select pno from match_stranger)
              and (contains({text.squeezed("m.remittance")}, token)
                or contains({text.compact("p.creditor_reference")}, token))
            group by pno""",
        )
    wrong, right = checked.filter(~pl.col("valid")), checked.filter(pl.col("valid"))
    with ledger.store.registered(wrong) as view, ledger.store.registered(right) as valid:
        ledger.flag(
            "check digits",
            f"""select m.pno, 'invalid_reference' as reason, null as related, null as party_id, m.rest as amount,
              concat('the ', v.kind, ' reference ', v.number, ' has a wrong check digit') as message,
              json_object('says', 'check_digit', 'reference', v.number, 'kind', v.kind) as evidence
            from (
              select pno, number, rest from (
                select m.pno, {text.compact("p.creditor_reference")} as number, m.rest, 1 as place
                from match_payment m join payment p using (payment_id) where m.held is null and m.rest > 0
                union all
                select c.pno, c.token, m.rest, 2 from match_close c join match_payment m using (pno)
                where m.rest > 0 and starts_with(c.token, 'RF') and length(c.token) >= 8 and not exists (
                  select 1 from {valid} o join match_close d on d.token = o.number
                  where d.pno = c.pno and starts_with(d.token, 'RF'))
              ) join {view} using (number)
              where number not in (select number from match_key where kind = 'creditor_reference')
              qualify row_number() over (partition by pno order by place, length(number) desc, number) = 1
            ) m join {view} v using (number)""",
            hold=False,
        )


def by_near(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """A mistyped number: at most ``edits`` slips from that of exactly one item with exactly the amount.

    The item's party must be the payer where the payer is known. A number that names another item by its slip counts
    only with one slip and a known payer, and not where the item named has that amount itself (a payment made twice).
    """
    told = [f"(w.says_{word} and {limit})" for word, limit in _SAID.items() if word in options.get("words", {})]
    kept = " or ".join([_OWN_DISCOUNT, *told])
    pairs = ledger.rows(
        f"{name}: items with the amount",
        f"""with kept_back as (
          select h.pno from match_mention h join match_payment p using (pno) join match_item i using (ino)
          join match_word w on w.pno = h.pno
          where p.held is null and h.one and h.form in ('exact', 'zeros') and i.rest > p.rest
            and i.currency = p.currency and ({kept})
        ),
        open as (
          select p.pno, p.rest, p.currency, p.company_code, p.booking_date,
            exists (select 1 from match_payer y where y.pno = p.pno) as known,
            exists (select 1 from match_mention h where h.pno = p.pno and h.one) as names,
            exists (
              select 1 from match_mention h left join match_item i using (ino) left join match_cleared c using (ino)
              where h.pno = p.pno and h.one and coalesce(i.amount, c.amount) = p.rest
            ) or p.pno in (select pno from kept_back) as explained
          from match_payment p where p.held is null and p.rest > 0
        )
        select o.pno, c.token, k.ino, k.number, k.kind, o.known, o.names,
          c.token in (select token from match_mended where several) as several,
          exists (select 1 from match_payer y where y.pno = o.pno and y.party_id = i.party_id) as own
        from open o
        join match_item i on i.rest = o.rest and i.currency = o.currency
          and coalesce(i.company_code = o.company_code, true)
          and coalesce(i.document_date <= o.booking_date, true)
          and (i.currency, i.rest) in (select currency, amount from match_rare)
        join match_key k on k.ino = i.ino and k.one and length(k.number) >= 5
        join match_close c on c.pno = o.pno and abs(length(k.number) - length(c.token)) <= 1
        where not o.explained and (o.pno, i.ino) not in (select pno, ino from match_rejected) and o.pno not in (
          select pno from match_close group by pno having count(*) > $pieces)
        order by o.pno, k.ino, c.token, k.number""",
        pieces=MOST_PIECES,
    )
    if pairs.is_empty():
        return
    edits = int(options.get("edits", 2))
    near = (
        pairs.with_columns(distance=pl.Series(osa_distance(pairs["token"], pairs["number"])))
        .filter(  # in five digits two slips are another number
            (pl.col("number").str.len_chars() >= 6) | (pl.col("own") & (pl.col("distance") <= 1)),
            pl.when(pl.col("names"))
            .then((pl.col("distance") <= 1) & pl.col("own"))
            .when(pl.col("own"))
            .then(pl.col("distance") <= edits)
            .otherwise(
                (pl.col("distance") <= 1)
                & ~pl.col("known")
                & ~pl.col("several")
                & (pl.col("number").str.len_chars() >= 8)
            ),
        )
        .sort("pno", "distance", "ino", "token")
        .group_by("pno", "ino", maintain_order=True)
        .first()
    )
    with ledger.store.registered(near) as view:
        ledger.run(
            f"{name}: the only near number",
            f"""create or replace temp table match_fit as
            select pno, ino, 'folded' as form, token, kind, 1 as items
            from {view} qualify count(*) over (partition by pno) = 1""",
        )
    accept_fits(ledger, name)
