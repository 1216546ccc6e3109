"""A match pass by reference, one million payments against one million open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace

from tieout.library.catalog import Catalogue
from tieout.matching.reconcile import reconcile
from tieout.model.records import Query
from tieout.store.engine import Limits, Store

AS_OF = dt.date(2026, 10, 31)


class Quiet:
    """A progress that says nothing."""

    def start(self, stage: str, total: int | None = None) -> None: ...
    def advance(self, steps: int = 1) -> None: ...
    def finish(self, summary: str) -> None: ...


def filled(rows: int) -> Store:
    """A store with as many payments as open items; nine of ten payments carry the item's structured reference."""
    store = Store.create(limits=Limits(memory="8GiB"))
    number = f"generate_series as n from generate_series(1, {rows})"
    # ISO 11649: check digits are 98 less the number followed by 'RF00' (271500) modulo 97.
    reference = (
        "'RF' || lpad(cast(98 - (cast(1000000000 + n as hugeint) * 1000000 + 271500) % 97 as varchar), 2, '0') "
        "|| cast(1000000000 + n as varchar)"
    )
    amount = "cast((n * 7919 % 900000 + 1000) as decimal(18, 4)) * 0.01"
    store.put(
        "numbers",
        store.fetch(Query("numbers", f"select n, {reference} as reference, {amount} as amount from (select {number})")),
    )
    for table, columns in (
        (
            "open_item",
            "'I' || n as open_item_id, 'receivable' as ledger, 'invoice' as document_type, 'C' || (n % 50000) as party_id, "
            "'Customer ' || (n % 50000) as party_name, date '2026-09-01' as document_date, date '2026-10-01' as due_date, "
            "'INV-' || n as reference, reference as creditor_reference, amount, amount as open_amount, 'EUR' as currency",
        ),
        (
            "payment",
            "'P' || n as payment_id, amount, 'EUR' as currency, 'CRDT' as credit_debit_indicator, 'BOOK' as status, "
            "date '2026-10-05' as booking_date, 'Customer ' || (n % 50000) as counterparty_name, 'thank you' as remittance, "
            "case when n % 10 > 0 then reference end as creditor_reference",
        ),
    ):
        store.append(table, store.fetch(Query(f"made {table}", f"select {columns} from numbers")))
    return store


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    rows = int(1_000_000 * scale)
    plan = Catalogue.load(None).plans["receivables"]
    one = replace(plan, passes=tuple(each for each in plan.passes if each.name == "structured-reference"))
    with filled(rows) as store:
        floor = stopwatch(
            lambda: store.scalar(
                Query(
                    "bare join",
                    "select sum(amount) from (select p.amount from payment p join open_item i "
                    "on p.creditor_reference = i.creditor_reference and p.currency = i.currency and p.amount = i.open_amount)",
                )
            )
        )

        def run() -> None:
            for table in ("allocation", "candidate", "exception"):
                store.execute(Query(f"clear {table}", f"delete from {table}"))
            reconcile(store, one, as_of=AS_OF, progress=Quiet())

        seconds = stopwatch(run)
        settled = store.count("allocation")
    yield (
        f"{rows:,} x {rows:,}, pass {one.passes[0].name}: {seconds:.2f} s, {settled:,} allocations with evidence, "
        f"every payment accounted for; bare join {floor:.3f} s; ratio {seconds / floor:.0f}"
    )
