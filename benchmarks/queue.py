"""The exception queue at 100,000 cases: routing, patterns, a page and a filter, beside the bare SQL of the page."""

from __future__ import annotations

import datetime as dt
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tieout.cases.queue import route
from tieout.cases.work import list_cases
from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.routes import parse_routes
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import Entry
from tieout.store.journal import Journal

AS_OF = dt.date(2026, 10, 31)
REASONS = (
    "unmatched_payment", "ambiguous", "partial_payment", "overpayment", "third_party_payer", "invalid_reference",
    "discount_out_of_terms", "returned_payment",
)  # fmt: skip
QUEUES = ("cash-application", "credit-control", "refunds", "compliance")
ASKED = 15


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    """Lines of figures; each page and filter is asked ASKED times, the median counts."""
    del stopwatch
    count = int(100_000 * scale)
    node, _ = yamlfile.read(shipped("rules") / "routing" / "default.yaml", file="default.yaml")
    plan, _ = parse_routes(node)
    with Store.create() as store:
        _exceptions(store, count)
        since, cpu = time.perf_counter(), time.process_time()
        _, raised = route(store, plan, as_of=AS_OF)
        taken = time.perf_counter() - since
        own = time.process_time() - cpu
        yield f"routing {count:,} exceptions, {len(plan.patterns)} patterns: {taken:.2f} s, own CPU {own:.2f} s, {raised:,} raised"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        with Journal.open(f"sqlite:///{path}") as journal:
            since = time.perf_counter()
            _cases(journal, count)
            yield f"opening {count:,} cases: {time.perf_counter() - since:.1f} s"
            since = time.perf_counter()
            holds = journal.verify().holds
            yield f"verifying them: {time.perf_counter() - since:.1f} s, holds {holds}"
            with sqlite3.connect(path) as bare:
                for name, where, wanted in (
                    ("page", "", {}),
                    (
                        "filter",
                        "and queue = 'refunds' and reason = 'overpayment'",
                        {"queue": "refunds", "reason": "overpayment"},
                    ),
                ):
                    product = _median(lambda wanted=wanted: list_cases(journal, limit=50, **wanted))
                    limit = _median(lambda where=where: bare.execute(_PAGE.format(where=where)).fetchall())
                    yield f"{name} of 50: {product * 1000:.1f} ms, bare SQL {limit * 1000:.1f} ms, ratio {product / limit:.2f}"


_PAGE = """select * from journal_case
where workspace = '' and state in ('open', 'assigned', 'waiting', 'proposed', 'reopened') {where}
order by due is null, due, amount desc, case_id limit 50"""


def _median(work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(ASKED):
        since = time.perf_counter()
        work()
        taken.append(time.perf_counter() - since)
    return statistics.median(taken)


def _exceptions(store: Store, count: int) -> None:
    store.execute(
        Query(
            "payments",
            "insert into payment (payment_id, amount, currency, booking_date, counterparty_account, status) "
            "select 'P' || n, cast(n % 90000 as decimal(18, 4)), 'EUR', date '2026-08-01' + (n * 7 % 90)::integer, 'DE' || n % 4000, 'BOOK' "
            "from range($count) t(n)",
            {"count": count},
        )
    )
    reasons = ", ".join(f"'{each}'" for each in REASONS)
    store.execute(
        Query(
            "exceptions",
            'insert into exception (exception_id, reason, "table", object_id, party_id, amount, currency) '
            f"select 'EX-' || payment_id, [{reasons}][cast(1 + hash(payment_id) % {len(REASONS)} as bigint)], 'payment', payment_id, "
            "'C' || hash(payment_id || 'c') % 20000, amount, currency from payment order by payment_id",
        )
    )


def _cases(journal: Journal, count: int) -> None:
    entries = []
    for n in range(count):
        facts = {
            "reason": REASONS[n % len(REASONS)], "object_table": "payment", "object_id": f"P{n}", "amount": str(n % 90000),
            "currency": "EUR", "party_id": f"C{n % 20000}", "message": "neither account nor reference tells who paid",
            "queue": QUEUES[n * 7 % 11 % len(QUEUES)], "due": AS_OF + dt.timedelta(days=n % 40), "as_of": AS_OF, "run_id": "r1",
            "fingerprint": "f",
        }  # fmt: skip
        entries.append(Entry(f"case:EX-{n:06}", "case_opened", "tieout", payload=facts))
        if len(entries) == 5000 or n == count - 1:
            with journal.writing() as session:
                session.append(entries)
            entries = []
