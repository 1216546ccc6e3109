"""Payments that are no receipts for open items: returned, outgoing, between own accounts, salary, tax, interest, fees.

Each pass only says so and holds the payment; nothing is allocated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tieout.matching import text
from tieout.matching.ledger import Ledger
from tieout.matching.names import name_forms
from tieout.matching.words import pattern, spoken

__all__ = ["not_receivable", "outgoing", "own_transfers", "returns"]


def returns(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """A returned payment and its return: both stay unallocated, each names the other.

    A pair has the same amount with opposite signs, the same end-to-end reference or bank reference, or, where the bank
    or the text (the plan's words and ``codes``) marks the return, quotes its reference or is of the only such payment of
    the counterparty; the return is booked on or after the original, ``within_days``. An unmarked debit of the same
    account or name pairs where it repeats a number of the original's text within ``unmarked_days``, one of the same account
    also where it has no number at all and there is no other such payment.
    A marked return without an original is held alone.
    """
    days = int(options.get("within_days", 90))
    ledger.run(
        f"{name}: pairs",
        f"""create or replace temp table match_pair as
        with booked as (
          select m.pno, m.payment_id, m.rest, m.currency, m.booking_date, m.account_key,
            upper(trim(m.counterparty_name)) as payer, nullif(p.end_to_end_id, '') as end_to_end_id,
            {text.compact("p.original_payment_reference")} as original, m.remittance,
            nullif(regexp_extract(m.remittance, '[A-Z0-9/.-]*[0-9][A-Z0-9/.-]{{3,}}[A-Z0-9]'), '') as quoted,
            coalesce(p.is_return, false) or coalesce(m.rest < 0
                and (regexp_matches({spoken("m.remittance")}, $says) or regexp_matches(m.remittance, $codes)), false)
              as marked
          from match_payment m join payment p using (payment_id)
          where m.held is null
        ),
        crowds as (  -- where very many came in and went out alike, only the banks' own references tell which
          select abs(rest) as rest, currency from booked group by all
          having count(*) filter (where rest > 0) * count(*) filter (where rest < 0) > 100000
        ),
        calm as (select b.* from booked b anti join crowds c on c.rest = abs(b.rest) and c.currency = b.currency),
        alike as (
          select r.pno as return_pno, o.pno as original_pno
          from calm r join calm o on o.rest = -r.rest and o.currency = r.currency where r.rest < 0
          union select r.pno, o.pno from booked r join booked o
            on o.end_to_end_id = r.end_to_end_id and o.rest = -r.rest and o.currency = r.currency where r.rest < 0
          union select r.pno, o.pno from booked r join booked o
            on r.original = {text.compact("o.payment_id")} and o.rest = -r.rest and o.currency = r.currency
            where r.rest < 0
        ),
        pairs as (
          select r.pno as return_pno, o.pno as original_pno,
            case
              when r.original = {text.compact("o.payment_id")} then 1
              when r.end_to_end_id = o.end_to_end_id then 2
              when r.marked and contains(r.remittance, o.quoted) then 3
              when r.marked and (r.account_key = o.account_key or r.payer = o.payer) then 4
              when (r.account_key = o.account_key or r.payer = o.payer) and contains(r.remittance, o.quoted)
                and r.booking_date - o.booking_date <= $unmarked_days then 5
              when r.account_key = o.account_key and not regexp_matches(coalesce(r.remittance, ''), '[0-9]')
                and r.booking_date - o.booking_date <= $unmarked_days then 6
            end as strength,
            r.booking_date - o.booking_date as distance
          from alike a join booked r on r.pno = a.return_pno join booked o on o.pno = a.original_pno
            and o.booking_date between r.booking_date - {days} and r.booking_date
        ),
        ranked as (
          select *,
            row_number() over (partition by return_pno order by strength, distance, original_pno) as place,
            count(*) over (partition by return_pno, strength) as alike
          from pairs where strength is not null
        )
        select return_pno, original_pno, strength, alike from ranked
        where place = 1 and (alike = 1 or strength not in (4, 6))
        qualify row_number() over (partition by original_pno order by strength, distance, return_pno) = 1""",
        says=pattern(list(options.get("words", {}).get("returned", []))),
        codes="|".join(map(str, options.get("codes", ()))) or "$^",
        unmarked_days=int(options.get("unmarked_days", 0)),
    )
    ledger.flag(
        name,
        """select p.pno, 'returned_payment' as reason, o.payment_id as related, null as party_id, p.rest as amount,
          case when p.rest < 0 then concat('returns the payment ', o.payment_id)
            else concat('was returned by ', o.payment_id) end as message,
          json_object('pair', o.payment_id, 'says', case when p.rest < 0 then 'returns' else 'was_returned' end) as evidence
        from (
          select return_pno as pno, original_pno as other from match_pair
          union all select original_pno, return_pno from match_pair
        ) x join match_payment p using (pno) join match_payment o on o.pno = x.other""",
        hold=True,
    )
    ledger.flag(
        name,
        """select m.pno, 'returned_payment' as reason, null as related, null as party_id, m.rest as amount,
          'a returned payment whose original is not among the payments' as message,
          json_object('says', 'returned_alone') as evidence
        from match_payment m join payment p using (payment_id)
        where m.held is null and m.rest < 0 and p.is_return""",
        hold=True,
    )


def outgoing(ledger: Ledger, name: str, _options: Mapping[str, Any]) -> None:
    """Money that goes out settles no receivable, money that comes in no payable; a later plan may know it."""
    ledger.pass_on()
    ledger.flag(
        name,
        f"""select pno, '{ledger.foreign}' as reason, null as related, null as party_id, rest as amount,
          'money that {"came in" if ledger.sign < 0 else "went out"}' as message,
          json_object('says', '{"money_in" if ledger.sign < 0 else "money_out"}') as evidence
        from match_payment where held is null and rest < 0""",
        hold=True,
    )


def own_transfers(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Money between our own accounts, by account number or by our own name; without an account also by that without
    its legal form."""
    companies = ledger.rows(
        f"{name}: companies", "select distinct name from company where name is not null order by name"
    )
    forms = name_forms(companies["name"].to_list(), options.get("names", {})).filter(pl.col("variant") == 0)
    cores = ", ".join(text.literal(core) for core in forms["compact"] if len(core) > 5) or "null"
    ledger.flag(
        name,
        f"""with own_names as (
          select distinct {text.compact("name")} as compact_name, upper(trim(name)) as name from company
        ),
        named as (select distinct counterparty_name as name from match_payment),
        ours as (  -- said of each name once
          select name, {text.skeleton("name")} in ({cores}) as core_only,
            upper(trim(name)) in (select name from own_names)
            or {text.compact("name")} in (select compact_name from own_names where length(compact_name) > 5) as whole
          from named
        )
        select m.pno, '{ledger.foreign}' as reason, null as related, null as party_id, m.rest as amount,
          'a transfer between own accounts' as message, json_object('says', 'own_transfer') as evidence
        from match_payment m left join ours o on o.name = m.counterparty_name
        where {ledger.ours} and (m.account_key in (select account_key from match_own)
          or o.whole or (m.account_key is null and o.core_only))""",
        hold=True,
    )


def not_receivable(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """What the plan's words or the bank's codes call no receivable: interest, tax, insurance, card settlement, loan.

    With ``own_bookings``, also an entry without the counterparty's account on an account where the bank names it for
    nearly all others: it is a booking of the bank's own. A payment that names an open item, or of a known payer who owes
    the amount or says no such words, is never held here.
    """
    payers = [column for column in ("not_receivable", "no_customer") if column in options.get("words", {})]
    named = " or ".join(f"w.named_{column}" for column in payers) or "false"
    ledger.flag(
        name,
        f"""select m.pno, '{ledger.foreign}' as reason, null as related, null as party_id, m.rest as amount,
          'its words say that it pays no invoice' as message, json_object('says', 'words_foreign') as evidence
        from match_payment m join match_word w using (pno)
        where {ledger.ours} and (w.says_not_receivable
            or (({named}) and not exists (select 1 from match_payer y where y.pno = m.pno)))
          and not exists (select 1 from match_mention h where h.pno = m.pno and h.one and h.form in ('exact', 'zeros'))
          and not exists (
            select 1 from match_payer y join match_item i using (party_id)
            where y.pno = m.pno and y.tier <= 2 and i.rest = m.rest and i.currency = m.currency)""",
        hold=True,
    )
    unknown = """m.held is null and m.rest > 0
          and not exists (select 1 from match_payer y where y.pno = m.pno)
          and not exists (select 1 from match_mention h where h.pno = m.pno)"""
    if options.get("codes"):
        ledger.flag(
            name,
            f"""select m.pno, '{ledger.foreign}' as reason, null as related, null as party_id, m.rest as amount,
              concat('the bank calls it ', p.transaction_code) as message,
              json_object('says', 'code_foreign', 'code', p.transaction_code) as evidence
            from match_payment m join payment p using (payment_id)
            where regexp_matches(upper(p.transaction_code), $codes) and {unknown}""",
            hold=True,
            codes="|".join(map(str, options["codes"])),
        )
    if options.get("own_bookings"):
        ledger.flag(
            name,
            f"""with banks as (
              select coalesce(p.account, p.source) as account from match_payment m join payment p using (payment_id)
              where m.rest > 0 group by 1 having count(m.account_key) * 10 >= count(*) * 9 and count(*) >= 20
            )
            select m.pno, '{ledger.foreign}' as reason, null as related, null as party_id, m.rest as amount,
              'a booking without a counterparty account, which this bank names for payments' as message,
              json_object('says', 'own_booking') as evidence
            from match_payment m join payment p using (payment_id) join banks b
              on b.account = coalesce(p.account, p.source)
            where m.account_key is null and {unknown}""",
            hold=True,
        )
