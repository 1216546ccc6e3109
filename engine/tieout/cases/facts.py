"""What is open of a payment and of an open item at this moment: the sealed run less what people decided since. Called by ``decide``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.model.errors import NotFound
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.journal import Session

__all__ = ["MONEY", "Open", "open_items", "open_payments"]

MONEY = ("payment", "credit_note")


@dataclass(frozen=True, slots=True)
class Open:
    """What is left of a payment or an open item."""

    object_id: str
    rest: Decimal
    currency: str
    party_id: str | None
    side: int
    """1 where money in settles it, -1 where money out does."""


def open_payments(store: Store, session: Session, ids: Iterable[str]) -> dict[str, Open]:
    """The payments by id. Raises NotFound where the run has no such payment."""
    return _open(store, session, "payment", list(dict.fromkeys(ids)), _PAYMENTS)


def open_items(store: Store, session: Session, ids: Iterable[str]) -> dict[str, Open]:
    """The open items by id. Raises NotFound where the run has no such item."""
    return _open(store, session, "open_item", list(dict.fromkeys(ids)), _ITEMS)


def _open(store: Store, session: Session, table: str, ids: list[str], sql: str) -> dict[str, Open]:
    rows = {row["object_id"]: row for row in store.fetch(Query(f"{table}s", sql, {"ids": ids})).iter_rows(named=True)}
    if missing := [name for name in ids if name not in rows]:
        raise NotFound(f"{', '.join(missing)}: there is no such {table.replace('_', ' ')} in the run")
    known = store.fetch(Query("decisions of the run", "select distinct decision_id from decision"))["decision_id"]
    seen = set(known.to_list())
    used = dict.fromkeys(ids, Decimal(0))
    for line in session.rows("decision", **{f"{table}_id": ids}):
        if line["state"] in {"standing", "proposed"} and line["decision_id"] not in seen and line["kind"] != "reject":
            used[line[f"{table}_id"]] += _part(line, table)
    return {
        name: Open(name, row["rest"] - used[name], row["currency"], row["party_id"], row["side"])
        for name, row in rows.items()
    }


def _part(line: dict[str, Any], table: str) -> Decimal:
    """What a line uses of its payment, money only, or of its item, differences too."""
    if table == "open_item":
        return line["item_amount"] or Decimal(0)
    counts = line["open_item_id"] is None or line["allocation_kind"] in MONEY
    return line["amount"] or Decimal(0) if counts else Decimal(0)


_PAYMENTS = """
select p.payment_id as object_id, p.currency, cast(null as varchar) as party_id, sign(p.amount)::integer as side,
  p.amount - coalesce(a.used, 0) - coalesce(d.used, 0) as rest
from payment p
left join (select payment_id, sum(amount) as used from allocation
           where status = 'accepted' and kind in ('payment', 'credit_note') group by payment_id) a using (payment_id)
left join (select payment_id, sum(amount) as used from decision
           where status = 'applied' and open_item_id is null group by payment_id) d using (payment_id)
where list_contains($ids, p.payment_id)
"""
_ITEMS = """
select i.open_item_id as object_id, i.currency, i.party_id, case when i.ledger = 'payable' then -1 else 1 end as side,
  i.open_amount - coalesce(a.used, 0) - coalesce(d.used, 0) as rest
from open_item i
left join (select open_item_id, sum(open_item_amount) as used from allocation
           where status = 'accepted' group by open_item_id) a using (open_item_id)
left join (select open_item_id, sum(open_item_amount) as used from decision
           where status = 'applied' and payment_id is null group by open_item_id) d using (open_item_id)
where list_contains($ids, i.open_item_id)
"""
