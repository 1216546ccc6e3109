"""Documents a second from the outbox to a platform on this machine, beside the bare HTTP client doing the same posts.

    python -m benchmarks.transmit [--documents 10000] [--faults 0.05]

The platform is a process of its own. Bare client, one post after another and as many at once as the profile says; the
outbox with as many at once; the outbox while 5 % of the requests fail in one way or another. Then two processes that issue
so many invoices together (composed, checked by en16931, written as UBL, read back, numbered, on record), counted for gaps
and doubles. CPU seconds are those of the sending process; the wall is shared with the platform.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import multiprocessing
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import polars as pl

from tieout.connect.http import Policy
from tieout.connect.platform import HttpPlatform
from tieout.faces.simulator.desk import Desk
from tieout.faces.simulator.server import serve
from tieout.issuing import follow, generate, transmit
from tieout.library import yamlfile
from tieout.library.catalog import Catalogue, shipped
from tieout.library.platforms import parse_platform
from tieout.model.errors import RemoteError
from tieout.model.platforms import Parcel
from tieout.model.records import Query
from tieout.store import outbox, register
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.validation import check

PORT = 8779
SETTINGS = {"client_id": "me", "client_secret": "rehearsal"}
BODY = b"<Invoice>" + b"<Line>service</Line>" * 200 + b"</Invoice>"


def _platform() -> None:
    serve(Desk(), PORT)


def _ready() -> None:
    for _ in range(200):
        try:
            httpx.get(f"http://127.0.0.1:{PORT}/_state")
            return
        except httpx.HTTPError:
            time.sleep(0.05)


def bare(count: int, threads: int) -> tuple[float, float]:
    """Wall and CPU seconds."""
    base = f"http://127.0.0.1:{PORT}/peppol"
    with httpx.Client() as client:
        form = {"grant_type": "client_credentials"}
        token = client.post(f"{base}/oauth/token", data=form, auth=("me", "rehearsal")).json()["access_token"]

        def post(number: int) -> None:
            client.post(
                f"{base}/documents",
                content=BODY + str(number).encode(),
                headers={
                    "Authorization": f"Bearer {token}",
                    "X-Document-Number": f"bare-{threads}-{number}",
                    "Idempotency-Key": f"bare-{threads}-{number}",
                    "Content-Type": "application/xml",
                },
            ).raise_for_status()

        started, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(post, range(count)))
        return time.perf_counter() - started, time.process_time() - cpu


def read(row: dict[str, object]) -> Parcel:
    number = str(row["invoice_number"])
    content = BODY + number.encode()
    return Parcel(
        str(row["transmission_id"]), str(row["document_id"]), number, content, "application/xml",
        hashlib.sha256(content).hexdigest(), str(row["idempotency_key"]), platform_id=str(row["platform_id"] or ""),
    )  # fmt: skip


def outboxed(count: int, folder: Path, name: str, faults: float = 0.0) -> tuple[float, float, float, Counter[str]]:
    """Seconds to send, CPU seconds of that, seconds until all are settled, and the states in the end."""
    plan, _ = parse_platform(yamlfile.load(shipped("mappings") / "platforms" / "peppol_ap.yaml"))
    assert plan is not None
    kinds = ("drop", "500_after", "500", "garbage")
    told = {"faults": [{"kind": kind, "share": faults / len(kinds), "seconds": 0} for kind in kinds] if faults else []}
    httpx.post(f"http://127.0.0.1:{PORT}/_control", json=told)
    policy = Policy(wait_s=0.01, longest_wait_s=0.1, breaker_failures=1000)
    platform = HttpPlatform(
        "peppol_ap",
        plan,
        base_url=f"http://127.0.0.1:{PORT}/peppol",
        settings=SETTINGS,
        policy=policy,
        log=lambda _: None,
    )
    with Journal.open(f"sqlite:///{folder}/{name}.db", workspace="benchmark") as journal:
        outbox.prepare(
            journal,
            [outbox.Outgoing("peppol_ap", f"{name}-{n}", f"{name}-{n}", "", "0" * 64) for n in range(count)],
        )
        started, cpu = time.perf_counter(), time.process_time()
        first = 0.0
        for _ in range(20):
            transmit.transmit(journal, platform, read=read, worker="here", now=lambda: dt.datetime.now(dt.UTC))
            if not first:
                first, cpu = time.perf_counter() - started, time.process_time() - cpu
            if not outbox.transmissions(journal, state=["prepared", "sent"]):
                break
        for row in outbox.transmissions(journal, state="delivered")[:1]:
            assert row["platform_id"]
        _news(journal, platform, folder)
        ended = time.perf_counter() - started
        states = Counter(row["state"] for row in outbox.transmissions(journal))
    platform.close()
    return first, cpu, ended, states


def _news(journal: Journal, platform: HttpPlatform, folder: Path) -> None:
    """Statuses by cursor alone; legal documents are another matter."""
    name = f"{platform.name}/changes"
    for _ in range(20):
        with contextlib.suppress(RemoteError):  # a bad answer: asked again
            for outcomes, cursor in platform.changes(outbox.cursor(journal, name)):
                follow._told(journal, platform, outcomes)
                outbox.move_cursor(journal, name, cursor)
        if not outbox.transmissions(journal, state="delivered"):
            return


def _issue(url: str, name: str, count: int, folder: str) -> None:
    """One process: so many billing documents of two lines become invoices, in two runs."""
    catalogue = Catalogue.load(None)
    packs = [catalogue.rule_sets[each] for each in ("en16931", generate.GATE)]

    def checked(tables: Any) -> pl.DataFrame:
        with Store.create() as store:
            for table, rows in tables.items():
                store.append(table, rows)
            check.check(store, packs, as_of=AS_OF)
            return store.table("finding")

    with Journal.open(url, workspace="benchmark") as journal:
        for run, start in enumerate(range(0, count, -(-count // 2))):
            part = min(-(-count // 2), count - start)
            with Store.create() as store:
                store.execute(Query("lines", _LINES.format(name=name, start=start, count=part)))
                store.execute(Query("customers", _CUSTOMERS))
                generate.issue(
                    store, mappings=catalogue.mappings, check=checked, journal=journal, entity=ENTITY,
                    settings={"profile": "ubl.invoice", "series": "R-"}, folder=Path(folder) / f"{name}{run}" / "issued",
                    as_of=AS_OF, holder=name,
                )  # fmt: skip
                generate.commit(journal, store, run_id=f"{name}{run}")


AS_OF = dt.date(2026, 10, 31)
ENTITY = {
    "name": "Nordlicht Papier GmbH", "vat": "DE115356904", "address_line_1": "Musterweg 1", "post_code": "12345",
    "city": "Musterstadt", "country": "DE", "account": "DE24546157627320730231",
}  # fmt: skip
_LINES = """
insert into billing_line by name
select '{name}-' || n as billing_document, k as billing_line_no, 'invoice' as billing_kind, date '2026-10-30' as issue_date,
  date '2026-10-29' as delivery_date, date '2026-11-29' as due_date, 'EUR' as currency, '100' as party_id,
  'Notizbuch A5' as item_name, 1 + n % 9 as quantity, 'C62' as unit_code, 3.5 + k as net_price,
  'S' as vat_category_code, 19 as vat_rate, 'billing.csv' as source, 2 * n + k as line
from (select unnest(range({start}, {start} + {count})) as n), (select unnest([1, 2]) as k)
"""
_CUSTOMERS = """
insert into party by name select '100' as party_id, 1 as row_no, 'Kontor Eichenhain GmbH' as name, 'DE' as country,
  'Rostock' as city, '18055' as post_code
"""


def numbering(count: int, folder: Path) -> tuple[float, int, int]:
    """Two processes issue ``count`` invoices together: seconds, gaps and doubles."""
    url = f"sqlite:///{folder}/numbers.db"
    Journal.open(url, workspace="benchmark").close()
    spawn = multiprocessing.get_context("spawn")
    started = time.perf_counter()
    both = [spawn.Process(target=_issue, args=(url, name, count // 2, str(folder))) for name in ("a", "b")]
    for each in both:
        each.start()
    for each in both:
        each.join()
    seconds = time.perf_counter() - started
    assert [each.exitcode for each in both] == [0, 0]
    with Journal.open(url, workspace="benchmark") as journal:
        numbers = [row["number"] for row in register.issued_documents(journal)]
        assert journal.verify().holds
    written = sum(1 for _ in folder.glob("*/issued/*.xml"))
    assert len(numbers) == written == count, (len(numbers), written)
    gaps = len(set(range(1, count + 1)) - set(numbers))
    return seconds, gaps, len(numbers) - len(set(numbers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--faults", type=float, default=0.05)
    given = parser.parse_args()
    count = given.documents
    spawn = multiprocessing.get_context("spawn")
    server = spawn.Process(target=_platform, daemon=True)
    server.start()
    _ready()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for threads in (1, 8):
                seconds, cpu = bare(count, threads)
                print(f"bare httpx client, {threads} at once  {count:>7,} posts  {seconds:7.1f} s  {count / seconds:8,.0f} /s  CPU {cpu:6.1f} s", flush=True)  # fmt: skip
            first, mine, ended, states = outboxed(count, Path(folder), "calm")
            print(f"outbox, 8 at once             {count:>7,} docs   {first:7.1f} s  {count / first:8,.0f} /s  CPU {mine:6.1f} s  wall {first / seconds:.2f} and CPU {mine / cpu:.2f} of the bare client's", flush=True)  # fmt: skip
            print(f"outbox, until settled         {count:>7,} docs   {ended:7.1f} s  {dict(states)}", flush=True)
            first, mine, ended, states = outboxed(count, Path(folder), "storm", given.faults)
            print(f"outbox, {given.faults:.0%} faults            {count:>7,} docs   {ended:7.1f} s  {count / ended:8,.0f} /s  {dict(states)}", flush=True)  # fmt: skip
            found = httpx.get(f"http://127.0.0.1:{PORT}/_state").json()
            print(f"at the platform: {found['documents']}, doubles {found['doubles']}, repeated {found['calls'].get('repeated', 0)}, faults {sum(v for k, v in found['calls'].items() if k.startswith('fault'))}")  # fmt: skip
            seconds, gaps, doubles = numbering(count, Path(folder))
            print(f"two processes issuing         {count:>7,} docs   {seconds:7.1f} s  {count / seconds:8,.0f} /s  gaps {gaps}, doubles {doubles}")  # fmt: skip
    finally:
        server.kill()


if __name__ == "__main__":
    main()
