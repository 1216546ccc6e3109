"""What one period leaves open for the next: unallocated payments and open items.

The run before is the latest sealed run of an earlier as-of date, so that running the same month again starts from the same
place and gives the same rows.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["carry_in", "carry_out"]


def carry_in(store: Store, before: Store | None, *, before_as_of: dt.date | None) -> int:
    """Adds what the run before left open and this run's sources no longer give; returns the number of rows added.

    A payment comes with what was left of it. An open item comes only where this run has no ledger of its own. Where the
    ledger still gives an item at the figure it had before, it has not posted that run: what that run settled is taken off.
    """
    store.execute(Query("ledger figures", "update open_item set ledger_open_amount = open_amount"))
    if before is None:
        return 0
    added = 0
    for table, amount in (("payment", "amount"), ("open_item", "open_amount")):
        if table == "open_item" and store.count("open_item"):
            continue
        left = before.fetch(
            Query(
                f"{table}s left open",
                f"select t.* replace (c.open_amount as {amount}, $as_of as carried_from) from {table} t "
                f"join carried c on c.\"table\" = '{table}' and c.object_id = t.{table}_id order by t.{table}_id",
                {"as_of": before_as_of},
            )
        )
        with store.registered(left) as view:
            fresh = store.fetch(
                Query(
                    f"{table}s carried in",
                    f"select * from {view} where {table}_id not in (select {table}_id from {table}) order by {table}_id",
                )
            )
        added += store.append(table, fresh)
    _take_off_settled(store, before)
    return added


def _take_off_settled(store: Store, before: Store) -> None:
    settled = before.fetch(
        Query(
            "settled by the run before",
            "select i.open_item_id, i.ledger_open_amount, a.payment_id, "
            "i.ledger_open_amount - i.open_amount as settled_earlier, a.settled from open_item i "
            "join (select open_item_id, payment_id, sum(open_item_amount) as settled from allocation "
            "where status = 'accepted' group by all) a using (open_item_id)",
        )
    )
    if settled.is_empty():
        return
    with store.registered(settled) as view:
        store.execute(
            Query(
                "take off what the ledger has not posted",
                f"""
update open_item set open_amount = open_item.open_amount - s.settled
from (select open_item_id, any_value(ledger_open_amount) as ledger_open_amount,
             sum(settled) filter (where payment_id not in (select payment_id from payment where carried_from is null))
             + any_value(settled_earlier) as settled
      from {view} group by open_item_id) s
where s.open_item_id = open_item.open_item_id and s.ledger_open_amount = open_item.ledger_open_amount
  and s.settled is not null and open_item.carried_from is null
""",
            )
        )
    store.execute(
        Query(
            "items the ledger still shows",
            "insert into excluded select 'open_item', open_item_id, "
            "'settled by an earlier run, not yet posted in the ledger', open_amount, currency, source, line "
            "from open_item where open_amount = 0 and ledger_open_amount <> 0",
        )
    )


# A payment for one of these reasons will not be matched by waiting.
_ENDED = ("not_receivable", "not_payable", "returned_payment", "duplicate_payment")

# What people settled without the other side: on account, not receivable, written off.
_ALONE = "status = 'applied' and allocation_kind is null and kind <> 'reject'"


def carry_out(store: Store) -> pl.DataFrame:
    """Fills ``carried`` with what is still open, and returns it."""
    store.execute(
        Query(
            "payments left unallocated",
            f"""
insert into carried
select 'payment', p.payment_id, p.amount - coalesce(a.settled, 0), p.currency
from payment p
left join (select payment_id, sum(amount) as settled from (
             select payment_id, amount from allocation
             where status = 'accepted' and kind in ('payment', 'credit_note')
             union all select payment_id, amount from decision where {_ALONE} and open_item_id is null
           ) group by payment_id) a using (payment_id)
where p.amount <> coalesce(a.settled, 0) and p.status = 'BOOK'
  and p.payment_id not in (select object_id from exception where "table" = 'payment' and reason in {_ENDED})
""",
        )
    )
    store.execute(
        Query(
            "items left open",
            f"""
insert into carried
select 'open_item', i.open_item_id, i.open_amount - coalesce(a.settled, 0), i.currency
from open_item i
left join (select open_item_id, sum(open_item_amount) as settled from (
             select open_item_id, open_item_amount from allocation where status = 'accepted'
             union all select open_item_id, open_item_amount from decision where {_ALONE} and payment_id is null
           ) group by open_item_id) a using (open_item_id)
where i.open_amount <> coalesce(a.settled, 0)
""",
        )
    )
    return store.table("carried")
