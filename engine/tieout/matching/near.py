"""References that name no item: mistyped ones with an exact amount, ones of another currency, and payers who are others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tieout.matching import text
from tieout.matching.by_reference import accept_fits
from tieout.matching.ledger import Ledger
from tieout.matching.parties import name_forms
from tieout.matching.references import check_digits
from tieout.matching.score import compare, osa_distance

__all__ = ["by_near", "mark_unknown", "third_party", "wrong_currency"]


def mark_unknown(ledger: Ledger) -> None:
    """Makes ``match_unknown`` (pno, token): what has the shape of our own numbers and names no item of ours.

    A shape is learned from the items: the letters a number starts with and how many digits follow; plain digits must
    also lie between the smallest and the largest such number. Structured references with a wrong check digit count too.
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
    with ledger.store.registered(checked) as view:
        ledger.run(
            "numbers of ours that name nothing",
            rf"""create or replace temp table match_unknown as
            with shaped as (
              select c.pno, c.token from match_close c
              join match_shape s on s.length = length(c.token) and s.prefix = regexp_extract(c.token, '^[A-Z]*')
                and c.token between s.low and s.high
              where regexp_full_match(c.token, '[A-Z]{{0,6}}[0-9]{{4,}}')
            ),
            wrong as (
              select c.pno, c.token from match_close c join {view} v on v.number = c.token
              where not v.valid and not exists (
                select 1 from {view} o join match_close d on d.token = o.number
                where d.pno = c.pno and o.valid and starts_with(d.token, c.token))
            )
            select pno, min(token) as token from (
              select * from shaped union select * from wrong
            ) where pno not in (select pno from match_mention)
            group by pno""",
        )


def by_near(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """A mistyped number: at most ``edits`` slips from that of exactly one item with exactly the amount.

    The item's party must be the payer where the payer is known. A number that names another item by its slip counts
    only with one slip and a known payer, and not where the item named has that amount itself (a payment made twice).
    """
    pairs = ledger.rows(
        f"{name}: items with the amount",
        """with open as (
          select p.pno, p.rest, p.currency, p.company_code, p.booking_date,
            exists (select 1 from match_payer y where y.pno = p.pno) as known,
            exists (select 1 from match_mention h where h.pno = p.pno and h.one) as names,
            exists (
              select 1 from match_mention h left join match_item i using (ino) left join match_cleared c using (ino)
              where h.pno = p.pno and h.one and coalesce(i.amount, c.amount) = p.rest) as explained
          from match_payment p where p.held is null and p.rest > 0
        )
        select o.pno, c.token, k.ino, k.number, k.kind, o.known, o.names,
          exists (select 1 from match_payer y where y.pno = o.pno and y.party_id = i.party_id) as own
        from open o
        join match_item i on i.rest = o.rest and i.currency = o.currency
          and coalesce(i.company_code = o.company_code, true)
          and coalesce(i.document_date <= o.booking_date, true)
        join match_key k on k.ino = i.ino and k.one and length(k.number) >= 6
        join match_close c on c.pno = o.pno and abs(length(k.number) - length(c.token)) <= 1
        where not o.explained
        order by o.pno, k.ino, c.token, k.number""",
    )
    if pairs.is_empty():
        return
    edits = int(options.get("edits", 2))
    near = (
        pairs.with_columns(distance=pl.Series(osa_distance(pairs["token"], pairs["number"])))
        .filter(
            pl.when(pl.col("names"))
            .then((pl.col("distance") <= 1) & pl.col("own"))
            .when(pl.col("own"))
            .then(pl.col("distance") <= edits)
            .otherwise((pl.col("distance") <= 1) & ~pl.col("known") & (pl.col("number").str.len_chars() >= 8))
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


def third_party(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Notes where the payer of a settled item is not its party: information, the reference being the second proof.

    The payer is the party where account, name (also trading name or alternative payer) or their core agree.
    """
    pairs = ledger.rows(
        f"{name}: payers and parties",
        """with pairs as (
          select distinct a.pno, i.party_id, p.counterparty_name as payer, p.account_key
          from match_allocation a join match_payment p using (pno) join match_item i using (ino)
          where a.status = 'accepted' and nullif(trim(p.counterparty_name), '') is not null
        )
        select x.pno, x.party_id, x.payer, k.name as known
        from pairs x join match_known k using (party_id)
        where not exists (
            select 1 from match_party_account y where y.party_id = x.party_id and y.account_key = x.account_key)
          and not exists (
            select 1 from match_known e where e.party_id = x.party_id and upper(trim(e.name)) = upper(trim(x.payer)))
        order by x.pno, x.party_id, known""",
    )
    if pairs.is_empty():
        return
    names = pl.concat([pairs["payer"], pairs["known"].rename("payer")]).unique().sort().to_list()
    forms = name_forms(names, options["names"])
    joined = (
        pairs.join(forms, left_on="payer", right_on="name")
        .join(forms, left_on="known", right_on="name", suffix="_known")
        .sort("pno", "party_id", "known", "variant", "variant_known")
    )
    alike = pl.max_horizontal(
        pl.Series("a", compare("ratio", joined["compact"], joined["compact_known"])),
        pl.Series("b", compare("token_sort_ratio", joined["core"], joined["core_known"])),
        pl.Series("c", compare("partial_ratio", joined["compact"], joined["compact_known"])),
    )
    joined = joined.with_columns(
        alike=joined.select(alike).to_series(),
        truncated=pl.col("whole_known").str.starts_with(pl.col("whole")),
    )
    strange = (
        joined.group_by("pno", "party_id", maintain_order=True)
        .agg(pl.col("alike").max(), pl.col("truncated").any(), pl.col("payer").first())
        .filter(~pl.col("truncated"), pl.col("alike") < float(options.get("same_at", 0.8)))
        .group_by("pno", maintain_order=True)
        .first()
    )
    own = ledger.rows(
        f"{name}: payers that are another party",
        f"""with payers as (
          select distinct a.pno, i.party_id, upper(trim(p.counterparty_name)) as payer
          from match_allocation a join match_payment p using (pno) join match_item i using (ino)
          where a.status = 'accepted'
        )
        select p.pno, min(p.party_id) as party_id from payers p join match_known k
          on upper(trim(k.name)) = p.payer and k.ground = 'name'
        where not exists (
          select 1 from match_known e where e.party_id = p.party_id and upper(trim(e.name)) = p.payer
            and e.ground <> 'alternative payer')
          and p.pno not in ({",".join(map(str, strange["pno"].to_list())) or "0"})
        group by p.pno order by p.pno""",
    )
    rows = pl.concat([strange.select("pno", "party_id"), own.select("pno", "party_id")], how="vertical_relaxed")
    if rows.is_empty():
        return
    with ledger.store.registered(rows) as view:
        ledger.flag(
            name,
            f"""select v.pno, 'third_party_payer' as reason, null as related, v.party_id, p.amount,
              'paid by somebody else than the customer' as message,
              json_object('payer', p.counterparty_name) as evidence
            from {view} v join match_payment p using (pno)""",
            hold=False,
        )


def wrong_currency(ledger: Ledger, name: str, _options: Mapping[str, Any]) -> None:
    """Holds payments whose references name only items in another currency."""
    ledger.flag(
        name,
        """select h.pno, 'wrong_currency' as reason, min(i.open_item_id) as related, min(i.party_id) as party_id,
          any_value(p.rest) as amount,
          concat('paid in ', any_value(p.currency), ', the item is in ', min(i.currency)) as message,
          json_object('reference', min(h.token), 'open_amount', min(i.rest), 'currency', min(i.currency)) as evidence
        from match_mention h join match_item i using (ino) join match_payment p using (pno)
        where h.one and h.choices = 1 and p.held is null and p.rest > 0 and i.rest <> 0
        group by h.pno having bool_and(i.currency <> p.currency)""",
        hold=True,
    )
