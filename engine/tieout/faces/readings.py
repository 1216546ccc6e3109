"""The whole run as a clerk reads it: one row a payment, one row an open item left, each with why and what was nearest."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tieout.faces.explain import RUNNER_UP
from tieout.faces.explain_words import why
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["open_items", "payments"]

_PAYMENTS = f"""
with numbered as (select open_item_id, coalesce(reference, open_item_id) as number from open_item),
settled as (
  select a.payment_id, a.status, string_agg(distinct n.number, ', ' order by n.number) as invoices,
    count(distinct a.open_item_id) as items, sum(a.amount) filter (where a.kind in ('payment', 'credit_note')) as settled,
    string_agg(distinct a.kind, ', ' order by a.kind) filter (where a.kind not in ('payment', 'credit_note')) as differences,
    min(a.pass) as pass, min(a.score) as certainty, min(a.evidence) as evidence
  from allocation a join numbered n using (open_item_id)
  group by a.payment_id, a.status
  qualify row_number() over (partition by a.payment_id order by a.status) = 1
),
runner_up as ({RUNNER_UP.format(which="true")}),
nearest as (
  select c.payment_id, n.number, c.failed, c.solution from candidate c join numbered n using (open_item_id)
  qualify row_number() over (partition by c.payment_id order by c.solution nulls last, c.rank, c.open_item_id) = 1
),
solutions as (
  select payment_id, string_agg(parts, ' | ' order by solution) as solutions from (
    select c.payment_id, c.solution, string_agg(n.number, ' + ' order by n.number) as parts
    from candidate c join numbered n using (open_item_id) where c.solution is not null group by 1, 2
  ) group by 1
),
flagged as (
  select object_id, string_agg(reason, ', ' order by reason) as reasons, string_agg(message, '; ' order by reason) as messages,
    max(json_extract_string(evidence, '$.decides')) as decides, max(json_extract_string(evidence, '$.sum')) as sum_label
  from exception where "table" = 'payment' group by object_id
)
select p.payment_id, p.booking_date, p.counterparty_name, p.amount, p.currency, p.remittance, s.status, s.invoices, s.settled,
  s.differences, s.evidence, s.pass, s.certainty,
  case when r.open_item_id is not null then coalesce(r.reference, r.open_item_id) else t.number end as next_nearest,
  case when r.open_item_id is not null then concat('amount differs by ', r.distance::decimal(18,2), ' ', r.item_currency)
    when t.solution is null then t.failed end as why_not,
  f.reasons, f.messages, v.solutions, f.decides, f.sum_label
from payment p left join settled s using (payment_id) left join runner_up r using (payment_id)
left join nearest t using (payment_id) left join solutions v using (payment_id)
left join flagged f on f.object_id = p.payment_id
order by p.booking_date, p.payment_id
"""

_OPEN_ITEMS = """
with used as (
  select open_item_id, sum(open_item_amount) as amount from allocation where status = 'accepted' group by 1
)
select i.open_item_id, i.reference, i.party_id, i.party_name, i.due_date, i.open_amount - coalesce(u.amount, 0) as still_open,
  i.currency, c.rank, c.payment_id as near_payment, p.booking_date, p.counterparty_name, p.amount as paid,
  coalesce(c.failed, 'no payment names it, has its amount or is near of this customer') as why_not
from open_item i left join used u using (open_item_id) left join item_candidate c using (open_item_id)
left join payment p on p.payment_id = c.payment_id
where i.open_amount <> coalesce(u.amount, 0)
order by i.party_id, i.due_date, i.open_item_id, c.rank
"""


def payments(store: Store, lang: str = "en") -> pl.DataFrame:
    """One row a payment: what it settled and why, the next nearest item, or why it is open and what would decide."""
    frame = store.fetch(Query("readings of payments", _PAYMENTS))
    reasons = [None if text is None else why(_facts(text), lang) for text in frame["evidence"]]
    at = frame.columns.index("evidence")
    return frame.drop("evidence").insert_column(at, pl.Series("because", reasons, dtype=pl.String))


def open_items(store: Store) -> pl.DataFrame:
    """One row a (item still open, payment that was near): why that payment does not settle it; nearest first."""
    return store.fetch(Query("readings of open items", _OPEN_ITEMS))


def _facts(text: str) -> dict[str, Any]:
    facts = json.loads(text)
    return facts if isinstance(facts, dict) else {}
