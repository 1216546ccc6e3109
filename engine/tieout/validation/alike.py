"""Documents built alike: what only depends upon their elements is judged once for all of them, on one that stands for them.

Two documents are built alike where every element stands in the same place with the same number: then they break the same rules
on elements. Only where the one that stands for others breaks a rule are the others looked at themselves. ``check`` runs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tieout.model.canon import CANON
from tieout.model.records import Query
from tieout.store.engine import Store, quote
from tieout.validation.inventory import Inventory
from tieout.validation.program import Program

__all__ = ["WORKING", "gather", "judge_places", "standing_for"]

WORKING = ("~structure", "~standing", "~alike", "~suspect")

_STORED = CANON["element"].stored
_COLUMNS = ", ".join(quote(column.name) for column in CANON["element"].columns
                     if column.name not in ("invoice_id", "source", "line"))  # fmt: skip
_STRUCTURE = f"""create or replace temp table "~structure" as
select invoice_id, sum(h) as structure, count(*) as places from (
  select invoice_id, hash(element_no, shape, first_no) as h from element_place
  union all select invoice_id, hash({_COLUMNS}) from {quote(_STORED)}
) group by invoice_id"""


def gather(store: Store) -> None:
    """Makes ``~structure``: how each document is built (a sum of hashes, and how many)."""
    store.execute(Query("~structure", _STRUCTURE))


def standing_for(store: Store, program: Program, chosen: str) -> str | None:
    """A condition that leaves the rows of one of each kind of document, for rules that tell no others apart.

    chosen: the condition that the documents must fulfil. None where the rules read more than elements and the invoice.
    Needs ``~structure``.
    """
    columns = program.alike
    if columns is None:
        return None
    kinds = ", ".join(["structure", "places", *(quote(name) for name in columns)])
    store.execute(
        Query(
            "~standing",
            'create or replace temp table "~standing" as\nselect min(invoice_id) as invoice_id\n'
            f'from "~structure" left join invoice using (invoice_id)\nwhere {chosen} group by {kinds}',
        )
    )
    return '"element"."invoice_id" in (select invoice_id from "~standing")'


def judge_places(store: Store, inventory: Inventory, *, documents: bool = False) -> bool:
    """Makes ``~broken``, a row for each element or document that breaks a rule on places; False where there are none.

    documents: only those in the working table ``~documents``. Needs ``~structure``.
    """
    listed = f"select path from element_shape union select path from {quote(_STORED)} where path is not null"
    paths = store.fetch(Query("paths", listed))["path"].to_list()
    matches = inventory.matches(paths)
    columns, limits = inventory.limits()
    _put(store, "~match", "path varchar, rule_no integer, role integer, climbs integer", matches)
    _put(store, "~limit", columns, limits)
    climbs = max((climbs for *_, climbs in matches), default=0)
    among = "~documents" if documents else None
    chosen = f"where invoice_id in (select invoice_id from {quote(among)})" if among else ""
    store.execute(
        Query(
            "~alike",
            'create or replace temp table "~alike" as\n'
            "select invoice_id, min(invoice_id) over (partition by structure, places) as standing\n"
            f'from invoice left join "~structure" using (invoice_id) {chosen}',
        )
    )
    store.execute(
        Query(
            "~standing",
            'create or replace temp table "~standing" as select distinct standing as invoice_id from "~alike"',
        )
    )
    if store.count("~standing") * 2 < store.count("~alike"):
        for step in inventory.steps("~standing", climbs):
            store.execute(step)
        among = "~suspect"
        store.execute(inventory.suspects())
        if not store.any(among):
            return False
    for step in (*inventory.steps(among, climbs), inventory.broken(among)):
        store.execute(step)
    return store.any("~broken")


def _put(store: Store, name: str, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
    """A working table with the rows."""
    store.execute(Query(name, f"create or replace temp table {quote(name)} ({columns})"))
    if rows:
        with store.registered(pl.DataFrame(rows, orient="row", infer_schema_length=None)) as view:
            store.execute(Query(name, f"insert into {quote(name)} select * from {quote(view)}"))
