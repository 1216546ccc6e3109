"""The pass on payments without references for several open items of the payer: sums that have one answer only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tieout.matching.by_party import DUE, FREE, NAMES_GROUP, SETTLED, WHOLE
from tieout.matching.ledger import Ledger
from tieout.matching.sum_book import SCALE, Book, Settings
from tieout.matching.sum_search import Outcome, search

__all__ = ["by_sum"]


def by_sum(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """The payer is known, and some of the party's open items add up to the amount in one way only.

    First what payers do: everything open, everything due by a date, one month, one order, consecutive numbers, all but
    one. Then free subsets. Every payment searched gets a row in ``match_sum`` with the label of its answer. Only the
    label ``unique`` settles, and only where no more than ``chance`` sums are expected to fit by accident.
    """
    settings = Settings.of(options)
    outcomes: list[Outcome] = search(_book(ledger, name, settings), settings)
    _note(ledger, name, outcomes)
    _book_chosen(ledger, name, [o for o in outcomes if o.state in ("settled", "undisputed")], settle=True)
    _book_chosen(ledger, name, [o for o in outcomes if o.state == "proposed"], settle=False)
    _show(ledger, name, [o for o in outcomes if o.state in ("open", "undisputed")])


def _book(ledger: Ledger, name: str, settings: Settings) -> Book:
    """The payments whose payer is known and who owes anything, and the items of those payers."""
    claims = ledger.rows(
        f"{name}: payments of known payers",
        f"""select p.pno, (p.rest * {SCALE})::bigint as paid, p.currency, p.company_code, p.booking_date, y.party_id,
          y.ground, y.score, {NAMES_GROUP} as names_group
        from match_payment p join match_payer y using (pno)
        where p.held is null and p.rest > 0 and y.score >= $least and {FREE} and {WHOLE}
          and exists (select 1 from match_item i where {DUE})
        order by p.booking_date nulls first, p.pno, y.party_id""",
        least=settings.least_payer_score,
    )
    with ledger.store.registered(claims.select("party_id", "currency").unique().sort("party_id", "currency")) as view:
        items = ledger.rows(
            f"{name}: items of the payers",
            f"""select i.ino, i.open_item_id, coalesce(o.reference, i.open_item_id) as number, i.party_id, i.currency,
              i.company_code, (case when i.rest <> 0 then i.rest else i.amount end * {SCALE})::bigint as rest,
              i.rest = i.original as untouched, i.document_date, i.due_date, i.discount_days,
              (i.discount_percent * {SCALE})::bigint as discount_percent, s.first_date as settled_on,
              o.order_reference as "order", o.contract_reference as contract, d.delivery
            from match_item i semi join {view} v on v.party_id = i.party_id and v.currency = i.currency
            join open_item o using (open_item_id)
            left join (
              select invoice_number, min(despatch_advice_reference) as delivery from invoice
              where despatch_advice_reference is not null group by invoice_number
              having count(distinct despatch_advice_reference) = 1
            ) d on d.invoice_number = o.reference
            left join ({SETTLED}) s using (ino)
            where i.rest <> 0 or ($open_when_booked and s.first_date is not null)
            order by i.party_id, i.currency, i.document_date, i.ino""",
            open_when_booked=settings.open_when_booked,
        )
    named = ledger.rows(
        f"{name}: items of groups that are named",
        """select distinct h.pno, h.ino from match_mention h join match_payment p using (pno)
        where p.held is null and p.rest > 0 order by all""",
    )
    rejected = ledger.rows(f"{name}: rejected pairs", "select pno, ino from match_rejected order by all")
    return Book.of(claims, items, named, rejected)


def _note(ledger: Ledger, name: str, outcomes: list[Outcome]) -> None:
    """``match_sum``: one row a payment searched, with the label of the answer and what was considered."""
    rows = [(o.pno, o.label, o.kind, o.which, o.pool, o.count, o.within, o.reason, name) for o in outcomes]
    columns: dict[str, Any] = {
        "pno": pl.Int32,
        "label": pl.String,
        "kind": pl.String,
        "which": pl.String,
        "pool": pl.Int32,
    }
    more = {"solutions": pl.Int64, "within": pl.Int32, "reason": pl.String, "pass": pl.String}
    ledger.put("match_sum", pl.DataFrame(rows, schema=columns | more, orient="row"))


def _book_chosen(ledger: Ledger, name: str, outcomes: list[Outcome], *, settle: bool) -> None:
    if not outcomes:
        return
    parts = [
        (o.pno, ino, amount, rest, o.ground, o.score, o.state == "undisputed")
        for o in outcomes
        for ino, amount, rest in o.chosen
    ]
    columns: dict[str, Any] = {"pno": pl.Int32, "ino": pl.Int32, "amount": pl.Int64, "rest": pl.Int64}
    more = {"ground": pl.String, "payer_score": pl.Float64, "shared": pl.Boolean}
    with ledger.store.registered(pl.DataFrame(parts, schema=columns | more, orient="row")) as view:
        sql = f"""with parts as (
          select v.*, s.*, count(*) over (partition by v.pno) as items from {view} v join match_sum s using (pno)
        )
        select pno, ino, kind, cut::decimal(18,4) * 0.0001 as amount, cut::decimal(18,4) * 0.0001 as item_amount,
          round(payer_score * 0.95, 6) as score,
          json_object('payer', ground, 'payer_score', round(payer_score, 4), 'sum', label, 'chosen', chosen,
            'which', which, 'items', items, 'open_items', pool, 'others_within', within,
            'in_every_solution', case when shared then true end) as evidence
        from (
          select * exclude (kind), kind as chosen, case when amount > 0 then 'payment' else 'credit_note' end as kind,
            amount as cut from parts
          union all
          select * exclude (kind), kind, 'discount', rest - amount from parts where rest <> amount
        )"""
        if settle:
            ledger.accept(name, sql)
        else:
            ledger.propose(name, sql)


def _show(ledger: Ledger, name: str, outcomes: list[Outcome]) -> None:
    """The solutions of the payments that stay open, and what would decide between them."""
    if not outcomes:
        return
    shown = [
        (o.pno, ino, number, amount, json.dumps({"sum": o.label, "items": len(solution.parts), "of": solution.kind}))
        for o in outcomes
        for number, solution in enumerate(o.solutions, 1)
        for ino, amount in solution.parts
    ]
    columns = {"pno": pl.Int32, "ino": pl.Int32, "solution": pl.Int32, "amount": pl.Int64, "evidence": pl.String}
    with ledger.store.registered(pl.DataFrame(shown, schema=columns, orient="row")) as view:
        ledger.show(
            name,
            f"select pno, ino, solution, amount::decimal(18,4) * 0.0001, 0.5, null::varchar, evidence from {view}",
        )
    flags = [(o.pno, o.party_id, o.message, json.dumps(o.evidence(), ensure_ascii=False)) for o in outcomes]
    heads = {"pno": pl.Int32, "party_id": pl.String, "message": pl.String, "evidence": pl.String}
    with ledger.store.registered(pl.DataFrame(flags, schema=heads, orient="row")) as view:
        ledger.flag(
            name,
            f"""select v.pno, 'ambiguous' as reason, null as related, v.party_id, p.rest as amount, v.message, v.evidence
            from {view} v join match_payment p using (pno)""",
            hold=True,
        )
