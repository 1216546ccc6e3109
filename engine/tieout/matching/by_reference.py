"""Passes that start from the references a payment quotes.

``plain`` takes the payments whose plainly written references add up to the amount, ``close`` does the same on broken,
glued, shortened or misread ones, ``group`` picks one item of an order or contract, ``settled`` holds what was paid
before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieout.matching import text
from tieout.matching.ledger import Ledger

__all__ = ["SURE", "accept_fits", "by_group", "by_reference", "by_settled"]

# How sure a form of a reference is; the score of a match by reference and exact amount.
SURE = {"exact": 1.0, "zeros": 0.99, "digits": 0.97, "suffix": 0.97, "folded": 0.96, "repaired": 0.96, "short": 0.93}
_SURE_SQL = "case form " + " ".join(f"when '{form}' then {score}" for form, score in SURE.items()) + " end"


def accept_fits(ledger: Ledger, name: str) -> None:
    """Books ``match_fit`` (pno, ino, form, token), the payments that their items explain exactly.

    An item that several payments fit goes to the first booked; the others stay open for the passes on what was paid
    before. Where the first cannot be told, because two payers paid on one day, nobody gets it.
    """
    ledger.run(
        f"{name}: contested items",
        f"""create or replace temp table match_contest as
        with owners as (
          select distinct f.pno, f.ino
          from match_fit f semi join (select ino from match_fit group by ino having count(*) > 1) using (ino)
          join match_payment p using (pno) join match_item i using (ino) join open_item o using (open_item_id)
          left join match_master m on m.party_id = i.party_id
          where upper(trim(p.counterparty_name)) in (upper(trim(o.party_name)), upper(trim(m.name)))
            or p.account_key = {text.account("m.account")}
        ),
        wanted as (
          select f.pno, f.ino, p.booking_date, coalesce(p.account_key, '') as account_key,
            coalesce(upper(p.counterparty_name), '') as payer, o.pno is not null as own,
            bool_or(o.pno is not null) over (partition by f.ino) as owned,
            row_number() over (partition by f.ino order by o.pno is null, p.booking_date, f.pno) as place,
            min(p.booking_date) over (partition by f.ino, o.pno is null) as first_date
          from match_fit f join match_payment p using (pno) left join owners o using (pno, ino)
        ),
        unclear as (
          select ino from wanted where own = owned and booking_date is not distinct from first_date group by ino
          having count(distinct account_key) > 1 and count(distinct payer) > 1
        )
        select w.pno, bool_and(w.place = 1) as first, bool_or(u.ino is not null) as unclear
        from wanted w left join unclear u using (ino) group by w.pno""",
    )
    ledger.accept(
        name,
        f"""select f.pno, f.ino, case when i.rest > 0 then 'payment' else 'credit_note' end as kind,
          i.rest as amount, i.rest as item_amount, f.score,
          json_object('reference', f.token, 'form', f.form, 'number', f.kind, 'amount', i.rest,
            'items', f.items) as evidence
        from (select *, {_SURE_SQL} as score from match_fit) f
        join match_item i using (ino) join match_contest c using (pno)
        where c.first and not c.unclear""",
    )
    ledger.show(
        name,
        """select pno, ino, 1 as solution, i.rest, 0.5, null,
          json_object('reference', f.token, 'number', f.kind, 'says', 'contested')
        from match_fit f join match_contest c using (pno) join match_payment p using (pno) join match_item i using (ino)
        where c.unclear and p.held is null""",
    )
    ledger.flag(
        name,
        """select p.pno, 'ambiguous' as reason, null as related, null as party_id, p.rest as amount,
          'several payers paid the same item on the same day' as message,
          json_object('says', 'contested', 'items', f.items) as evidence
        from match_contest c join match_payment p using (pno)
        join (
          select pno, list(open_item_id order by open_item_id) as items from match_fit join match_item using (ino)
          group by pno
        ) f using (pno)
        where c.unclear and p.held is null""",
        hold=True,
    )


def by_reference(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """References whose items add up to the payment exactly, credit notes netted.

    options: ``reading`` plain or close; ``numbers`` the columns that count here (default all that name one item).
    """
    close = options.get("reading") == "close"
    numbers = ", ".join(f"'{number}'" for number in options.get("numbers", ()))
    only = f"and h.kind in ({numbers})" if numbers else ""
    source = (
        """select pno, ino, min(form) as form, min(token) as token, min(kind) as kind, max(choices) as choices
        from match_mention where one group by pno, ino"""
        if close
        else """select pno, ino, form, token, kind,
          count(*) over (partition by pno, token) as choices from match_plain"""
    )
    ledger.run(
        f"{name}: items that add up",
        f"""create or replace temp table match_fit as
        with hits as ({source}),
        usable as (
          select h.*, i.rest, i.currency as item_currency, i.party_id, p.rest as paid, p.currency
          from hits h join match_payment p using (pno) join match_item i using (ino)
          where p.held is null and p.rest > 0 and i.rest <> 0 {only}
            and coalesce(i.company_code = p.company_code, true)
        ),
        sums as (
          select pno from usable group by pno
          having sum(rest) = any_value(paid) and max(choices) = 1
            and bool_and(item_currency = currency)
        )
        select u.pno, u.ino, u.form, u.token, u.kind,
          count(*) over (partition by u.pno) as items
        from usable u semi join sums s using (pno)""",
    )
    accept_fits(ledger, name)


def by_group(ledger: Ledger, name: str, _options: Mapping[str, Any]) -> None:
    """One reference that several items share (order, contract, a number used twice): exactly one of them, or all of
    them, have the amount paid.

    An item dated after the payment is no candidate. Several that fit are ``ambiguous``.
    """
    ledger.run(
        f"{name}: items of the group",
        """create or replace temp table match_choice as
        select h.pno, h.ino, min(h.form) as form, min(h.token) as token, min(h.kind) as kind,
          any_value(i.rest) as rest, any_value(p.rest) as paid
        from match_mention h join match_payment p using (pno) join match_item i using (ino)
        where p.held is null and p.rest > 0 and i.rest <> 0 and i.currency = p.currency
          and (not h.one or h.choices > 1)
          and coalesce(i.company_code = p.company_code, true)
          and coalesce(i.document_date <= p.booking_date, true)
          and not exists (select 1 from match_mention o where o.pno = h.pno and o.one and o.choices = 1)
        group by h.pno, h.ino""",
    )
    ledger.run(
        f"{name}: items with the amount",
        """create or replace temp table match_fit as
        with fitting as (
          select *, count(*) over (partition by pno) as ways from match_choice where rest = paid
        ),
        whole as (
          select pno from match_choice group by pno having sum(rest) = any_value(paid) and count(*) > 1
        )
        select pno, ino, form, token, kind, 1 as items from fitting where ways = 1
        union all
        select c.pno, c.ino, c.form, c.token, c.kind, count(*) over (partition by c.pno)
        from match_choice c semi join whole w using (pno)
        where c.pno not in (select pno from fitting)""",
    )
    accept_fits(ledger, name)
    ledger.show(
        name,
        """select pno, ino, row_number() over (partition by pno order by ino) as solution, c.rest, 0.9, null,
          json_object('reference', token, 'number', kind)
        from match_choice c join match_payment p using (pno)
        where c.rest = c.paid and p.held is null
        qualify count(*) over (partition by pno) > 1""",
    )
    ledger.flag(
        name,
        """select pno, 'ambiguous' as reason, null as related, min(i.party_id) as party_id, any_value(p.rest) as amount,
          concat(count(*), ' items of the same ', min(c.kind), ' have exactly this amount') as message,
          json_object('says', 'group_several', 'count', count(*), 'number', min(c.kind), 'reference', min(c.token),
            'items', list(i.open_item_id order by i.open_item_id)) as evidence
        from match_choice c join match_payment p using (pno) join match_item i using (ino)
        where c.rest = c.paid and p.held is null
        group by pno having count(*) > 1""",
        hold=True,
    )


def by_settled(ledger: Ledger, name: str, _options: Mapping[str, Any]) -> None:
    """Payments that name only items which are settled: cleared before, or paid in this run by another payment.

    The same payer and amount as the payment that settled it make it ``duplicate_payment``, else it is a
    ``payment_for_paid_item``. Of two payments of one item the earlier settles it, whichever was read first.
    """
    _in_order(ledger, name)
    ledger.run(
        f"{name}: settled items that are named",
        """create or replace temp table match_past as
        with named as (
          select h.pno, h.ino, h.token, coalesce(i.rest = 0, true) as settled,
            coalesce(i.open_item_id, c.open_item_id) as open_item_id, coalesce(i.party_id, c.party_id) as party_id,
            h.choices = 1 as sure
          from match_mention h join match_payment p using (pno)
            left join match_item i using (ino) left join match_cleared c using (ino)
          where h.one and (h.form in ('exact', 'zeros') or coalesce(i.amount, c.amount) = p.rest)
        ),
        only_settled as (
          select pno from named group by pno having bool_and(settled) and bool_or(sure)
        ),
        first_payers as (
          select distinct a.ino, f.payment_id, f.amount
          from match_allocation a join match_payment f using (pno) where a.status = 'accepted'
        )
        select n.pno, min(n.open_item_id) as open_item_id, min(n.party_id) as party_id, min(n.token) as token,
          min(f.payment_id) filter (where f.amount = p.amount) as first_payment, any_value(p.rest) as rest
        from named n semi join only_settled using (pno)
        join match_payment p on p.pno = n.pno
        left join first_payers f on f.ino = n.ino
        where p.held is null and p.rest > 0
        group by n.pno""",
    )
    ledger.flag(
        name,
        """select pno, case when first_payment is not null then 'duplicate_payment' else 'payment_for_paid_item' end
            as reason,
          coalesce(first_payment, open_item_id) as related, party_id, rest as amount,
          case when first_payment is not null
            then concat('the item ', open_item_id, ' was already paid with the same amount by ', first_payment)
            else concat('the item ', open_item_id, ' is already settled') end as message,
          json_object('says', case when first_payment is not null then 'paid_twice' else 'settled_already' end,
            'reference', token, 'open_item_id', open_item_id, 'first_payment', first_payment) as evidence
        from match_past""",
        hold=True,
    )


def _in_order(ledger: Ledger, name: str) -> None:
    """Gives an item to the earlier of two payments of its whole amount, where only the later was plainly readable."""
    ledger.run(
        f"{name}: earlier payments of settled items",
        """create or replace temp table match_earlier as
        with named as (
          select pno, min(ino) as ino, min(form) as form, min(token) as token, min(kind) as kind
          from match_mention where one group by pno having count(distinct ino) = 1 and max(choices) = 1
        ),
        whole as (
          select pno, min(ino) as ino from match_allocation where status = 'accepted'
          group by pno having count(*) = 1 and bool_and(kind = 'payment' and evidence ->> '$.reference' is not null)
        )
        select p.pno, f.pno as later, n.ino, n.form, n.token, n.kind, p.rest as amount, p.payment_id, i.open_item_id,
          i.party_id
        from named n join match_payment p using (pno) join whole w using (ino)
          join match_payment f on f.pno = w.pno join match_item i on i.ino = n.ino
        where p.held is null and p.rest > 0 and i.rest = 0 and p.rest = f.amount and p.rest = i.amount
          and p.currency = f.currency and i.currency = p.currency and p.booking_date < f.booking_date
          and coalesce(i.company_code = p.company_code, true)
        qualify row_number() over (partition by n.ino order by p.booking_date, p.pno) = 1""",
    )
    ledger.release(name, "select later from match_earlier")
    ledger.accept(
        name,
        f"""select pno, ino, 'payment' as kind, amount, amount as item_amount, coalesce({_SURE_SQL}, 0.93) as score,
          json_object('reference', token, 'form', form, 'number', kind, 'amount', amount, 'items', 1) as evidence
        from match_earlier""",
    )
    ledger.flag(
        name,
        """select later as pno, 'duplicate_payment' as reason, payment_id as related, party_id, amount,
          concat('the item ', open_item_id, ' was already paid with the same amount by ', payment_id) as message,
          json_object('says', 'paid_twice', 'open_item_id', open_item_id, 'first_payment', payment_id) as evidence
        from match_earlier""",
        hold=True,
    )
