"""Who paid: the party behind a payment, by account, customer number, tax number and name.

Names are brought into comparable forms once per distinct name; equal forms are joined in SQL, ``alike`` finds those that
are only alike. The result, ``match_payer``, has one row a (payment, party)
with the ground of the belief; nothing is allocated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tieout.matching import text
from tieout.matching.alike import MOST_PARTIES, add_alike, put_forms
from tieout.matching.ledger import Ledger
from tieout.matching.names import name_forms

__all__ = ["Parties"]

# A head office with more branches than this does not tell for which it paid.
MOST_BRANCHES = 500

# The score of a name that only the text gives.
NAMED = 0.92


class Parties:
    """Finds, for the payments of a ledger, the parties that may have paid."""

    def __init__(self, ledger: Ledger, settings: Mapping[str, Any]) -> None:
        self.ledger = ledger
        self.settings = settings
        self.accept_at = float(settings.get("accept_at", 0.88))
        self.margin = float(settings.get("margin", 0.03))
        self.block_cap = int(settings.get("block_cap", 200))
        self.learn_after = int(settings.get("account_known_after", 0))

    def prepare(self) -> None:
        """Makes ``match_party_name`` and ``match_party_account`` from the master data and the items."""
        self.ledger.run(
            "names of the parties",
            """create or replace temp table match_known as
            select distinct party_id, name, ground from (
              select party_id, name, 'name' as ground from match_master
              union all select party_id, trading_name, 'trading name' from match_master
              union all select party_id, party_name, 'name' from match_book
              union all select party_id, alternative_payer_name, 'alternative payer' from match_master
            ) where party_id is not null and nullif(trim(name), '') is not null
            order by all""",
        )
        known = self.ledger.rows("distinct names", "select distinct name from match_known order by name")
        # What stands in brackets is a person's company in a payer's name, but only a place in a customer's.
        forms = name_forms(known["name"].to_list(), self.settings).filter(pl.col("variant") != 2)
        put_forms(self.ledger, "match_party_form", forms)
        self.ledger.run(
            "customer and tax numbers in the texts",
            f"""create or replace temp table match_customer_number as
            with numbers as (
              select party_id, ltrim(party_id, '0') as number from match_master
              union select party_id, ltrim(party_id, '0') from match_book
              union select party_id, {text.compact("tax_identifier")} from match_master
              union select party_id, {text.compact("party_tax_identifier")} from match_book
            ),
            telling as (
              select number, min(party_id) as party_id from numbers
              where length(number) >= 5 and regexp_matches(number, '[0-9]{{4}}') group by number
              having count(distinct party_id) = 1
            )
            select t.pno, min(n.party_id) as party_id
            from match_token t join telling n on n.number = ltrim(t.token, '0')
            where not exists (select 1 from match_plain h where h.pno = t.pno and h.token = t.token)
            group by t.pno having count(distinct n.party_id) = 1""",
        )
        self.ledger.run(
            "accounts of the parties",
            f"""create or replace temp table match_party_account as
            select account_key, party_id, 'account' as ground from (
              select distinct {text.account("account")} as account_key, party_id from match_master where account is not null
            ) where account_key is not null and account_key not in (select account_key from match_own)
            qualify count(*) over (partition by account_key) <= {MOST_PARTIES}""",
        )

    def identify(self) -> None:
        """Makes ``match_payer``: (pno, party_id, tier, ground, score) for every payment still open.

        Tier 1 is the surest; only the rows of a payment's best tier are kept. Tier 0 is the party the text says it
        was paid for.
        """
        self.ledger.run(
            "payers' names",
            r"""create or replace temp table match_payer_name as
            select pno, name, ground from (
              select m.pno, nullif(trim(m.counterparty_name), '') as name, 'name' as ground from match_payment m
              where m.held is null
              union all
              select m.pno, nullif(trim(p.ultimate_party_name), ''), 'on behalf of'
              from match_payment m join payment p using (payment_id) where m.held is null
              union all
              select * from match_behalf
            ) where name is not null""",
        )
        names = self.ledger.rows("payers' distinct names", "select distinct name from match_payer_name order by name")
        put_forms(self.ledger, "match_payer_form", name_forms(names["name"].to_list(), self.settings))
        self._equal_names()
        add_alike(self.ledger, accept_at=self.accept_at, margin=self.margin, block_cap=self.block_cap)
        self.ledger.run(
            "accounts that paid before",
            """create or replace temp table match_account_seen as
            select p.account_key, min(i.party_id) as party_id
            from match_allocation a join match_payment p using (pno) join match_item i using (ino)
            where a.status = 'accepted' and p.account_key is not null
              and p.account_key not in (select account_key from match_party_account)
            group by p.account_key
            having count(distinct i.party_id) = 1 and count(distinct a.pno) >= $often""",
            often=self.learn_after or 2**31,
        )
        self.ledger.run(
            "payers",
            """create or replace temp table match_payer as
            with believed as (
              select m.pno, a.party_id, 1 as tier, a.ground, 1.0::double as score
              from match_payment m join match_party_account a using (account_key) where m.held is null
              union all
              select m.pno, s.party_id, 3, 'account paid before', 0.9
              from match_payment m join match_account_seen s using (account_key) where m.held is null
              union all
              select c.pno, c.party_id, 1, 'customer number', 0.99 from match_customer_number c
              union all
              select n.pno, b.party_id, case when n.ground = 'on behalf of' then 0 else b.tier end,
                case when n.ground = 'on behalf of' then 'on behalf of' else b.ground end, b.score
              from match_payer_name n join match_belief b using (name)
              where n.ground <> 'on behalf of' or b.score >= 0.92
            ),
            told as (  -- of several customers of one name, the one whose account it is
              select b.pno, min(b.party_id) as party_id from believed b
              where b.ground = 'account' and b.pno in (
                  select pno from believed where tier in (1, 2) and ground <> 'account'
                  group by pno having count(distinct party_id) > 1)
                and (b.pno, b.party_id) in (select pno, party_id from believed where tier in (1, 2) and ground <> 'account')
                and b.pno not in (select pno from believed where tier = 0)
              group by b.pno having count(distinct b.party_id) = 1
            ),
            best as (
              select b.*, min(tier) over (partition by pno) as least from believed b left join told t using (pno)
              where t.pno is null or t.party_id = b.party_id
            )
            select pno, party_id, min(tier) as tier, min(ground) as ground, max(score) as score
            from best where tier = least
            group by pno, party_id""",
        )
        self._named_in_the_text()
        self.ledger.run(
            "branches of the payers",
            f"""insert into match_payer
            select y.pno, b.party_id, min(y.tier), 'head office', min(y.score) * 0.98
            from match_payer y join (
              select * from (select distinct party_id, head_office_id from match_master where head_office_id is not null)
              qualify count(*) over (partition by head_office_id) <= {MOST_BRANCHES}
            ) b on b.head_office_id = y.party_id
            where y.tier between 1 and 2 and y.score >= 0.97
              and (y.pno, b.party_id) not in (select pno, party_id from match_payer)
            group by y.pno, b.party_id""",
        )

    def _named_in_the_text(self) -> None:
        """Adds to ``match_payer`` the party whose whole name, legal form and all, stands in the text of a payment that
        nothing else tells the payer of; of names within names the longest."""
        self.ledger.run(
            "names in the texts",
            f"""insert into match_payer
            with texts as (
              select m.pno, m.remittance, {text.skeleton("m.remittance")} as squeezed
              from match_payment m
              where m.held is null and m.rest > 0 and length(m.remittance) >= 8
                and m.pno not in (select pno from match_payer)
                and regexp_matches(m.remittance, '[A-Z]{{5}}|[^\\x00-\\x7F]{{4}}')
            ),
            words as (
              select distinct pno, {text.skeleton("word")} as word from (
                select pno, unnest(regexp_extract_all(remittance, '[\\pL]{{5,}}')) as word from texts)
            ),
            names as (
              select f.name, f.whole, f.native, unnest(regexp_extract_all(f.core, '[A-Z]{{5,}}')) as word
              from match_party_form f where f.variant = 0 and f.telling and f.native is null and f.whole <> f.compact
                and length(f.whole) >= 10
            ),
            counted as (select *, count(*) over (partition by word) as frequency from names),
            rare as (
              select * from counted
              qualify row_number() over (partition by name order by frequency, word) = 1
            ),
            found as (
              select t.pno, r.name, length(r.whole) as size
              from texts t join words w using (pno) join rare r on r.word = w.word
              where contains(t.squeezed, r.whole) and r.frequency <= {self.block_cap}
              union all
              select t.pno, n.name, length(n.name)
              from (select pno, remittance, unnest(range(1, greatest(length(remittance) - 3, 2)))::integer as i
                from texts where regexp_matches(remittance, '[\\x{{3400}}-\\x{{9fff}}]{{4}}')) t
              join (select distinct name from match_party_form where native is not null and length(native) >= 4) n
                on left(n.name, 4) = substring(t.remittance, t.i, 4)
              where contains(t.remittance, n.name)
            )
            select f.pno, k.party_id, 5, 'named in the text', {NAMED} from (
              select *, max(size) over (partition by pno) as longest from found) f
            join match_known k using (name) where f.size = f.longest group by f.pno, k.party_id
            qualify count(*) over (partition by f.pno) <= {MOST_PARTIES}""",
        )

    def _equal_names(self) -> None:
        """``match_belief``: (name, party_id, tier, ground, score) for names that agree in one of their forms."""
        levels = [
            ("whole", "p.variant = 0 and k.variant = 0", 1, "1.0"),
            ("compact", "p.variant <> 2 and k.variant <> 2", 2, "0.98"),
            ("words", "p.variant <> 2 and k.variant <> 2", 2, "0.97"),
            ("compact", "p.variant = 2 or k.variant = 2", 3, "0.9"),
        ]
        selects = [
            f"""select p.name, n.party_id, {tier} as tier, n.ground, {score}::double as score
            from match_payer_form p join match_party_form k on p.{form} = k.{form} and ({condition})
              join match_known n on n.name = k.name"""
            for form, condition, tier, score in levels
        ]
        # A short name and the town behind it.
        selects.append(
            """select p.name, n.party_id, 4, n.ground, 0.9
            from match_payer_form p join match_party_form k on k.core = split_part(p.core, ' ', 1)
            join match_known n on n.name = k.name
            where length(k.core) >= 3 and p.variant = 0 and k.variant = 0 and p.core <> k.core
              and length(p.core) - length(replace(p.core, ' ', '')) = 1"""
        )
        # Banks cut names at 27, 35 or 70 signs, with the legal form or in the middle of a word.
        selects.append(
            """select p.name, n.party_id, 2, n.ground, 0.96
            from match_payer_form p join match_party_form k
              on left(p.whole, 12) = left(k.whole, 12) and starts_with(k.whole, p.whole)
            join match_known n on n.name = k.name
            where length(p.whole) >= 12 and length(p.name) >= 20 and p.variant = 0 and k.variant = 0"""
        )
        # A bank that cannot write a letter puts a question mark there.
        selects.append(
            """select p.name, n.party_id, 2, n.ground, 0.96
            from (select distinct name from match_payer_form where contains(name, '?')) p
            join match_known n on length(n.name) = length(p.name)
              and upper(n.name) like replace(replace(upper(p.name), '%', '_'), '?', '_')
            where length(replace(p.name, '?', '')) >= 6"""
        )
        self.ledger.run(
            "equal names",
            f"""create or replace temp table match_belief as
            with found as ({" union all ".join(selects)}),
            best as (
              select name, party_id, min(tier) as tier, max(score) as score, min(ground) as ground
              from found group by name, party_id
            )
            select name, party_id, case when ground = 'alternative payer' then 3 else tier end as tier, ground, score
            from best qualify count(*) over (partition by name) <= {MOST_PARTIES}""",
        )
