"""What people decided, carried into a run before anything is matched. Called by the conductor alone.

The standing decisions come from the journal; ``decision`` of the run says of each what became of it, so the run can be
understood, and computed again, without the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.journal import Journal

__all__ = ["applied", "apply", "bring_back", "ended"]

_COLUMNS: dict[str, Any] = {
    "decision_id": pl.String,
    "line_no": pl.Int64,
    "case_id": pl.String,
    "kind": pl.String,
    "payment_id": pl.String,
    "open_item_id": pl.String,
    "allocation_kind": pl.String,
    "amount": pl.Decimal(18, 4),
    "currency": pl.String,
    "item_amount": pl.Decimal(18, 4),
    "item_currency": pl.String,
    "party_id": pl.String,
    "decided_by": pl.String,
    "approved_by": pl.String,
    "decided_at": pl.String,
}


def apply(store: Store, journal: Journal, before: Store | None) -> list[str]:
    """Fills ``decision``, and from it ``allocation`` and ``excluded``; one line for each decision that does not fit.

    before: the run whose open items were carried in; what it has applied is not applied to a carried rest again.
    """
    with journal.reading() as session:
        rows = session.rows("decision", state="standing")
    frame = pl.DataFrame([{name: row[name] for name in _COLUMNS} for row in rows], schema=_COLUMNS)
    store.put("decided_line", frame)
    store.put("decided_before", pl.DataFrame({"decision_id": _applied(before)}, schema={"decision_id": pl.String}))
    for name, sql in (
        ("what decisions meet", _MEET),
        ("decisions", _DECISIONS),
        ("allocations that people decided", _ALLOCATIONS),
        ("what people set aside", _EXCLUDED),
    ):
        store.execute(Query(name, sql))
    stale = store.fetch(
        Query(
            "stale decisions",
            "select distinct decision_id, case_id, kind, decided_by from decision where status = 'stale' order by all",
        )
    )
    return [
        f"{kind} {name} of {who} (case {case_id}) does not fit what is open now and was not applied; look at it again"
        for name, case_id, kind, who in stale.iter_rows()
    ]


def _applied(before: Store | None) -> list[str]:
    if before is None or "decision" not in before.tables():
        return []
    rows = before.fetch(
        Query(
            "applied before",
            "select distinct decision_id from decision where status in ('applied', 'earlier') and kind <> 'reject' order by 1",
        )
    )
    return rows["decision_id"].to_list()


# One row a line with what it meets in this run; ``carried`` where its payment or item is the rest of an earlier run.
_MEET = """
create or replace table decided_meet as
select l.*, b.decision_id is not null as was_applied,
  (l.payment_id is not null and p.payment_id is null) or (l.open_item_id is not null and i.open_item_id is null) as absent,
  p.carried_from is not null or i.carried_from is not null as carried,
  l.payment_id is not null and l.amount is not null and p.currency is distinct from l.currency
    or l.open_item_id is not null and l.item_amount is not null and i.currency is distinct from l.item_currency as differs,
  case when l.allocation_kind in ('payment', 'credit_note') or l.open_item_id is null then l.amount end as money,
  p.amount as paid, i.open_amount as open
from decided_line l
left join payment p on p.payment_id = l.payment_id
left join open_item i on i.open_item_id = l.open_item_id
left join decided_before b on b.decision_id = l.decision_id
"""

_DECISIONS = """
insert into decision
with state as (
  select decision_id,
    case when bool_and(kind = 'reject') then 'applied'
         when bool_or(was_applied) and bool_or(absent or carried) then 'earlier'
         when bool_or(absent) then 'absent'
         when bool_or(differs) then 'stale' else 'applied' end as status
  from decided_meet group by decision_id
),
living as (select m.* from decided_meet m join state s using (decision_id) where s.status = 'applied' and m.kind <> 'reject'),
too_much as (
  select m.decision_id from living m join (
    select payment_id from living where payment_id is not null group by payment_id
    having abs(sum(money)) > abs(any_value(paid)) or sum(money) * any_value(paid) < 0
  ) using (payment_id)
  union
  select m.decision_id from living m join (
    select open_item_id from living where open_item_id is not null group by open_item_id
    having abs(sum(item_amount)) > abs(any_value(open)) or sum(item_amount) * any_value(open) < 0
  ) using (open_item_id)
)
select m.decision_id, m.line_no, m.case_id, m.kind, m.payment_id, m.open_item_id, m.allocation_kind, m.amount, m.currency,
  m.item_amount, m.item_currency, m.party_id, m.decided_by, m.approved_by, m.decided_at,
  case when t.decision_id is not null then 'stale' else s.status end
from decided_meet m join state s using (decision_id) left join too_much t using (decision_id)
order by m.decision_id, m.line_no
"""

_ALLOCATIONS = """
insert into allocation (payment_id, open_item_id, kind, amount, currency, open_item_amount, open_item_currency, status,
  pass, score, evidence)
select payment_id, open_item_id, allocation_kind, sum(amount), currency, sum(open_item_amount), open_item_currency,
  'accepted', 'decision', 1,
  json_object('decisions', list(distinct decision_id order by decision_id), 'decided_by', min(decided_by),
              'approved_by', min(approved_by), 'decided_at', min(decided_at))
from decision
where status = 'applied' and allocation_kind is not null
group by payment_id, open_item_id, allocation_kind, currency, open_item_currency
order by payment_id, open_item_id, allocation_kind
"""

_EXCLUDED = """
insert into excluded
with alone as (
  select case when payment_id is null then 'open_item' else 'payment' end as "table",
    coalesce(payment_id, open_item_id) as object_id, kind, decided_by, party_id,
    coalesce(amount, open_item_amount) as amount, coalesce(currency, open_item_currency) as currency
  from decision where status = 'applied' and allocation_kind is null and kind <> 'reject'
)
select a."table", a.object_id,
  case a.kind when 'on_account' then 'booked on the account of ' || a.party_id
              when 'write_off' then 'written off' else 'not a receivable' end || ', decided by ' || a.decided_by,
  a.amount, a.currency, coalesce(p.source, i.source), coalesce(p.line, i.line)
from alone a
left join payment p on a."table" = 'payment' and p.payment_id = a.object_id
left join open_item i on a."table" = 'open_item' and i.open_item_id = a.object_id
order by a."table", a.object_id
"""


# --- what was undone after the period in which it was applied ---


def ended(journal: Journal, before: Store | None) -> list[str]:
    """The decisions that stood in the run before and were undone since, by id."""
    stood = _applied(before)
    if not stood:
        return []
    with journal.reading() as session:
        return sorted({row["decision_id"] for row in session.rows("decision", state="undone", decision_id=stood)})


def bring_back(store: Store, undone: Iterable[str], applied_in: Callable[[str], Path | None]) -> int:
    """Opens again what an undone decision had settled in a closed period: its reversal, in this run; how many decisions.

    applied_in: the sealed run that applied the decision, or None. The closed run stays as it is. A payment that this run
    reads anew needs nothing; an item comes back where the ledger gives it still, or where there is no ledger.
    """
    count = 0
    for name in undone:
        folder = applied_in(name)
        if folder is None:
            continue
        with Store.open(folder / "run.duckdb") as earlier:
            for table, amount, total in (("payment", "amount", _PAID), ("open_item", "open_amount", _OPEN)):
                rows = earlier.fetch(
                    Query(
                        f"{table}s of an undone decision",
                        f"select t.* replace (d.total as {amount}, "
                        f"coalesce(t.carried_from, (select max(booking_date) from payment)) as carried_from) from {table} t "
                        f"join ({total}) d on d.id = t.{table}_id order by t.{table}_id",
                        {"name": name},
                    )
                )
                if rows.height:
                    _open_again(store, table, amount, rows)
        count += 1
    return count


_PAID = """select payment_id as id, sum(amount) as total from decision
where decision_id = $name and status = 'applied'
  and (allocation_kind in ('payment', 'credit_note') or open_item_id is null) group by payment_id"""
_OPEN = """select open_item_id as id, sum(open_item_amount) as total from decision
where decision_id = $name and status = 'applied' group by open_item_id"""


def applied(store: Store, decision_id: str) -> bool:
    """Whether this run applied the decision itself."""
    if "decision" not in store.tables():
        return False
    sql = "select count(*) from decision where decision_id = $name and status = 'applied'"
    return bool(store.scalar(Query("applied", sql, {"name": decision_id})))


def _open_again(store: Store, table: str, amount: str, rows: pl.DataFrame) -> None:
    """Adds the rows that are not there, and to those that are a rest the amount. Items of a ledger were taken off."""
    ledger = table == "open_item" and store.scalar(
        Query("a ledger of its own", "select count(*) from open_item where carried_from is null")
    )
    was_taken_off = (
        "open_item.carried_from is null and open_item.ledger_open_amount - open_item.open_amount = r.open_amount"
        if table == "open_item"
        else "false"
    )
    with store.registered(rows) as view:
        absent = store.fetch(
            Query("not there", f"select * from {view} where {table}_id not in (select {table}_id from {table})")
        )
        store.execute(
            Query(
                f"{table}s open again",
                f"update {table} set {amount} = {table}.{amount} + r.{amount} from {view} r "
                f"where r.{table}_id = {table}.{table}_id and ({table}.carried_from is not null or {was_taken_off})",
            )
        )
    if absent.height and not ledger:
        store.append(table, absent)
    if table == "open_item":
        store.execute(
            Query(
                "open again, so not excluded",
                "delete from excluded where \"table\" = 'open_item' and object_id in "
                "(select open_item_id from open_item where open_amount <> 0) and reason like 'settled by an earlier run%'",
            )
        )
