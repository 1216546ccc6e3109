"""Notes the payments that somebody else than the customer made: information, the reference was the second proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tieout.matching.ledger import Ledger
from tieout.matching.names import likeness, name_forms

__all__ = ["third_party"]


def third_party(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Flags payments that settle items of a party that is not the payer.

    The payer is the party where the account is known for it or one of its names (also a trading name) is
    at least ``same_at`` alike; also where the same account paid under such a name in this run. A payer who
    has exactly the name of another customer is always somebody else.
    """
    pairs = ledger.rows(
        f"{name}: payers and parties",
        """with pairs as (
          select distinct a.pno, i.party_id, upper(trim(p.counterparty_name)) as payer, p.account_key
          from match_allocation a join match_payment p using (pno) join match_item i using (ino)
          where a.status = 'accepted' and p.amount > 0 and nullif(trim(p.counterparty_name), '') is not null
        ),
        known as (
          select distinct party_id, upper(trim(name)) as known, ground from match_known where ground <> 'alternative payer'
        ),
        bearers as (
          select known, min(party_id) as party_id, count(distinct party_id) as parties from known
          where ground = 'name' group by known
        )
        select x.* exclude (bearer, bearers),
          exists (select 1 from known k where k.party_id = x.party_id and k.known = x.payer) as same_name,
          coalesce(bearers > 1 or bearer <> party_id, false) as other_name,
          exists (
            select 1 from match_party_account y where y.party_id = x.party_id and y.account_key = x.account_key
          ) as same_account
        from (select p.*, b.party_id as bearer, b.parties as bearers from pairs p left join bearers b on b.known = p.payer) x
        order by x.pno, x.party_id""",
    )
    doubtful = pairs.filter(~pl.col("same_name"), pl.col("other_name") | ~pl.col("same_account"))
    if doubtful.is_empty():
        return
    alike = _alike(ledger, doubtful, options)
    pairs = pairs.join(alike, on=["payer", "party_id"], how="left").with_columns(
        same=pl.col("same_name")
        | (pl.col("same_account") & ~pl.col("other_name"))
        | ((pl.col("score").fill_null(0) >= float(options.get("same_at", 0.8))) & ~pl.col("other_name"))
    )
    learned = pairs.filter("same", pl.col("account_key").is_not_null()).select("account_key", "party_id").unique()
    strange = (
        pairs.filter(~pl.col("same"), pl.col("telling").fill_null(True))
        .join(learned.with_columns(known_account=True), on=["account_key", "party_id"], how="left")
        .filter(pl.col("other_name") | pl.col("known_account").is_null())
        .sort("pno", "party_id")
        .unique("pno", keep="first", maintain_order=True)
        .select("pno", "party_id")
    )
    if strange.is_empty():
        return
    with ledger.store.registered(strange) as view:
        ledger.flag(
            name,
            f"""select v.pno, 'third_party_payer' as reason, null as related, v.party_id, p.amount,
              'paid by somebody else than the customer' as message,
              json_object('says', 'third_party', 'payer', p.counterparty_name) as evidence
            from {view} v join match_payment p using (pno)""",
            hold=False,
        )


def _alike(ledger: Ledger, doubtful: pl.DataFrame, options: Mapping[str, Any]) -> pl.DataFrame:
    """(payer, party_id, score, telling): how alike the payer's name is to the nearest name of the party."""
    known = ledger.rows(
        "third party: names",
        "select distinct party_id, upper(trim(name)) as known from match_known where ground <> 'alternative payer'",
    )
    pairs = doubtful.select("payer", "party_id").unique().join(known, on="party_id", how="left")
    names = pl.concat([pairs["payer"], pairs["known"].rename("payer")]).drop_nulls().unique().sort()
    forms = name_forms(names.to_list(), options["names"])
    joined = pairs.join(forms, left_on="payer", right_on="name").join(
        forms.rename({column: f"known_{column}" for column in forms.columns}), left_on="known", right_on="known_name"
    )
    cut = pl.col("known_whole").str.starts_with(pl.col("whole")) & (pl.col("whole").str.len_chars() >= 8)
    return (
        joined.with_columns(score=likeness(joined))
        .with_columns(score=pl.when(cut).then(1.0).otherwise(pl.col("score")))
        .group_by("payer", "party_id")
        .agg(pl.col("score").max(), pl.col("telling").any())
    )
