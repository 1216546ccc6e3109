"""The pass that starts from who paid: one open item of the payer has exactly the amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieout.matching.hints import narrow
from tieout.matching.ledger import Ledger
from tieout.model.money import MINOR_UNITS

__all__ = ["DUE", "FREE", "NAMES_GROUP", "SETTLED", "WHOLE", "by_party"]

# What a payment of a known party may settle: the item's currency and company, and nothing issued after the payment.
DUE = """i.party_id = y.party_id and i.currency = p.currency and i.rest <> 0
  and coalesce(i.company_code = p.company_code, true)
  and coalesce(i.document_date <= p.booking_date, true)"""

# What may be matched by payer and amount: nothing that says a number of ours or another purpose.
FREE = """not exists (select 1 from match_unknown u where u.pno = p.pno)
            and not exists (select 1 from match_word w where w.pno = p.pno and w.says_other_purpose)
            and not exists (
              select 1 from match_mention h
              where h.pno = p.pno and h.one and h.choices = 1 and h.form in ('exact', 'zeros'))"""

# A payment that names an order, a contract or a number of several open items pays none but these.
NAMES_GROUP = """exists (
              select 1 from match_mention h join match_item o using (ino)
              where h.pno = p.pno and o.rest <> 0 and (not h.one or h.choices > 1) and h.form in ('exact', 'zeros'))"""

# A payment on account pays no item, even where one happens to fit.
WHOLE = "not exists (select 1 from match_word w where w.pno = p.pno and w.says_part)"

# One that says so and names nothing may mean an invoice to come: where an item has its amount, a person decides.
_ADVANCE = """p.pno in (select pno from match_word where {says})"""

# Items that are settled, and when the first payment for them was booked.
SETTLED = """select a.ino, min(p.booking_date) as first_date from match_allocation a join match_payment p using (pno)
            join match_item i using (ino) where i.rest = 0 and a.status = 'accepted' group by a.ino"""


def _rounded(sql: str, currency: str) -> str:
    """The amount rounded to the currency's minor units.

    Each case has the type of an amount: of decimals of 38 digits and several scales DuckDB would take the smallest scale.
    """
    codes = {digits: [code for code, own in MINOR_UNITS.items() if own == digits] for digits in MINOR_UNITS.values()}
    cases = " ".join(f"when {currency} in {tuple(own)} then {_amount(sql, digits)}" for digits, own in codes.items())
    return f"(case {cases} else {_amount(sql, 2)} end)"


def _amount(sql: str, digits: int) -> str:
    return f"cast(round({sql}, {digits}) as decimal(18, 4))"


def by_party(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """The payer is known, and exactly one of the party's open items has the amount paid.

    The amount is the item's open amount, that amount less the discount of its own terms (``discount: true``), or less
    the charges the bank states (``charges: true``). Decided in turns, as what one payment takes may leave another with
    one candidate. Several items that fit are ``ambiguous``, unless the text tells one (``months``: the words for each month); with ``open_when_booked`` items count that only a payment
    booked later has settled. Several payments that fit one item go by booking date, the later ones are
    ``duplicate_payment``. A payment that says it is an advance (``words: advance``) is never booked here: the only item
    that fits is proposed.
    """
    while _take_only_fits(ledger, name, options):
        pass
    ledger.flag(
        name,
        """select f.pno, 'duplicate_payment' as reason, t.payment_id as related, f.party_id, f.paid as amount,
          concat('the only item with this amount was paid by ', t.payment_id) as message,
          json_object('says', 'amount_taken', 'first_payment', t.payment_id) as evidence
        from match_first f join match_payment p using (pno) join match_payment t on t.pno = f.first_pno
        where p.held is null and t.held = 'allocated'""",
        hold=True,
    )
    _several(ledger, name)
    _fits(ledger, name, options, advance=True)
    _propose_advances(ledger, name)
    _several(ledger, name)


def _several(ledger: Ledger, name: str) -> None:
    """Holds the payments that several items fit, and shows these."""
    ledger.show(
        name,
        """select pno, ino, row_number() over (partition by pno order by ino, how) as solution, paid, score, null,
          json_object('payer', ground, 'how', how) from match_fit where ways > 1""",
    )
    ledger.flag(
        name,
        """select pno, 'ambiguous' as reason, null as related, min(party_id) as party_id, any_value(paid) as amount,
          concat(count(*), ' items of the payer fit the amount') as message,
          json_object('says', 'party_several', 'count', count(*), 'solutions', list(i.open_item_id order by f.ino),
            'decides', 'the number of the invoice', 'decides_by', 'number') as evidence
        from match_fit f join match_item i using (ino, party_id) where ways > 1 group by pno""",
        hold=True,
    )


def _propose_advances(ledger: Ledger, name: str) -> None:
    """Proposes the only item that fits to the first payment that says it is an advance; the payment stays open."""
    only = "from match_fit where ways = 1 and how = 'full'"
    ledger.propose(
        name,
        f"""select pno, ino, 'payment' as kind, paid as amount, paid as item_amount, round(score * 0.9, 6) as score,
          json_object('payer', ground, 'payer_score', score, 'amount', paid, 'how', how, 'candidates', ways) as evidence
        {only} and place = 1""",
    )
    ledger.flag(
        name,
        f"""select pno, 'payment_on_account' as reason, open_item_id as related, f.party_id, paid as amount,
          concat('says that it is an advance and names no item; ', open_item_id, ' has the amount') as message,
          json_object('says', 'advance_fits', 'open_item_id', open_item_id) as evidence
        from (select * {only}) f join match_item i using (ino)""",
        hold=True,
    )


def _take_only_fits(ledger: Ledger, name: str, options: Mapping[str, Any]) -> int:
    """One turn: books the payments that fit one item only and were the first to; the number booked."""
    _fits(ledger, name, options, advance=False)
    return _take(ledger, name)


def _fits(ledger: Ledger, name: str, options: Mapping[str, Any], *, advance: bool) -> None:
    """Makes ``match_fit``: the items that fit the payments still open, of those that say they are advances or of the others."""
    advances = _ADVANCE.format(says=_says_advance(options.get("words", {})))
    ledger.run(f"{name}: what the items cost", _offers(options))
    ledger.run(
        f"{name}: items with the amount",
        f"""create or replace temp table match_fit as
        with payers as (
          select p.*, y.party_id, y.tier, y.ground, y.score, {NAMES_GROUP} as names_group,
            case when coalesce(c.charges_currency = p.currency, true) then c.charges_amount end as charges
          from match_payment p join match_payer y using (pno) join payment c using (payment_id)
          where p.held is null and p.rest > 0 and y.score >= $least and {FREE}
            and {"" if advance else "not "}({advances})
        ),
        asked as (
          select *, rest as price, false as less_charges from payers
          union all select *, rest + charges, true from payers where $charges and charges > 0
        ),
        later as (  -- of very many items of one party and amount, the ones settled last stand for all
          select i.*, s.first_date from match_item i join ({SETTLED}) s using (ino)
          qualify row_number() over (partition by party_id, currency, amount order by s.first_date desc, ino) <= 50
        ),
        fits as (
          select a.pno, o.ino, a.party_id, a.tier, a.ground, a.score, o.rest - a.rest as cut, a.rest as paid,
            a.booking_date, case when a.less_charges then 'fee' else o.how end as how, o.crowded
          from asked a join match_offer o using (party_id, currency, price)
          where coalesce(o.company_code = a.company_code, true)
            and coalesce(o.document_date <= a.booking_date, true)
            and (o.how = 'full' or (not a.less_charges and o.last_day >= a.booking_date))
            and (not a.names_group or exists (select 1 from match_mention h where h.pno = a.pno and h.ino = o.ino))
          union all
          select p.pno, i.ino, p.party_id, p.tier, p.ground, p.score, 0, p.rest, p.booking_date, 'settled later', false
          from payers p join later i on i.party_id = p.party_id and i.currency = p.currency and i.amount = p.rest
            and coalesce(i.company_code = p.company_code, true) and coalesce(i.document_date <= p.booking_date, true)
          where $open_when_booked and i.first_date > p.booking_date
        )
        select *, count(*) over (partition by pno) + (bool_or(crowded) over (partition by pno))::integer as ways,
          row_number() over (partition by ino order by booking_date, pno) as place,
          first_value(pno) over (partition by ino order by booking_date, pno) as first_pno
        from fits anti join match_rejected using (pno, ino)
        qualify bool_or(how <> 'settled later') over (partition by pno)""",
        least=float(options.get("least_payer_score", 0.88)),
        charges=bool(options.get("charges", False)),
        open_when_booked=bool(options.get("open_when_booked", False)),
    )
    narrow(ledger, options.get("months", ()))


def _says_advance(words: Mapping[str, Any]) -> str:
    """``words``: the plan's lists. Tax withheld is an advance to the tax office in some languages (ritenuta d'acconto)."""
    if "advance" not in words:
        return "false"
    return "says_advance and not says_withholding" if "withholding" in words else "says_advance"


def _take(ledger: Ledger, name: str) -> int:
    """Books the only fits of ``match_fit``; the number booked."""
    ledger.run(
        f"{name}: later payments of the same item",
        """create or replace temp table match_first as
        select pno, party_id, paid, first_pno from match_fit where ways = 1 and place > 1 and how <> 'settled later'""",
    )
    return ledger.accept(
        name,
        """with taken as (select * from match_fit where ways = 1 and place = 1 and how <> 'settled later')
        select pno, ino, kind, amount, amount as item_amount, round(score * 0.97, 6) as score,
          json_object('payer', ground, 'payer_score', score, 'amount', paid, 'how', how, 'candidates', ways,
            'next_item_differs_by', runner_up) as evidence
        from (
          select *, 'payment' as kind, paid as amount from taken
          union all
          select *, case how when 'fee' then 'fee' else 'discount' end, cut from taken where cut <> 0
        ) left join (
          select t.pno, min(abs(o.rest - t.paid)) as runner_up
          from taken t join match_item i using (ino) join match_size z on z.party_id = i.party_id
            and z.currency = i.currency and z.items <= 500
          join match_item o on o.party_id = i.party_id and o.currency = i.currency and o.ino <> t.ino and o.rest > 0
          group by t.pno
        ) using (pno)""",
    )


def _offers(options: Mapping[str, Any]) -> str:
    """``match_offer``: what would settle each open item: its open amount, or that less the discount until its last day.

    More than 50 items of one party with one price are ``crowded``: the oldest 50 stand for them, and none is taken.
    """
    cut = _rounded("rest * discount_percent * 0.01", "currency")
    discounted = f"""union all
          select ino, party_id, currency, company_code, document_date, rest, rest - {cut}, 'discount',
            document_date + (discount_days + {int(options.get("grace_days", 0))})::integer
          from match_item where rest > 0 and rest = original and discount_percent > 0 and discount_days > 0
            and {cut} > 0"""
    return f"""create or replace temp table match_offer as
        with offers as (
          select ino, party_id, currency, company_code, document_date, rest, rest as price, 'full' as how,
            null::date as last_day
          from match_item where rest > 0
          {discounted if options.get("discount", False) else ""}
        )
        select *, count(*) over (partition by party_id, currency, price) > 50 as crowded from offers
        qualify row_number() over (partition by party_id, currency, price order by document_date nulls first, ino) <= 50"""
