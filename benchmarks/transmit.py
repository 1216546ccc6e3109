"""Documents a second from the outbox to a platform on this machine, beside the bare HTTP client doing the same posts.

    python benchmarks/transmit.py [--documents 10000] [--faults 0.05]

The platform is a process of its own. Three lines: bare client (one thread after another), the outbox with as many posts at
once as the profile says, the outbox while 5 % of the requests fail in one way or another. Then two processes that reserve
and issue the same number of invoice numbers at once, counted for gaps and doubles.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import multiprocessing
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

from tieout.connect.http import Policy
from tieout.connect.platform import HttpPlatform
from tieout.faces.simulator.desk import Desk
from tieout.faces.simulator.server import serve
from tieout.issuing import follow, transmit
from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.platforms import parse_platform
from tieout.model.platforms import Parcel
from tieout.store import outbox, register
from tieout.store.journal import Journal

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


def bare(count: int) -> float:
    base = f"http://127.0.0.1:{PORT}/peppol"
    with httpx.Client() as client:
        form = {"grant_type": "client_credentials"}
        token = client.post(f"{base}/oauth/token", data=form, auth=("me", "rehearsal")).json()["access_token"]
        started = time.perf_counter()
        for number in range(count):
            client.post(
                f"{base}/documents",
                content=BODY + str(number).encode(),
                headers={
                    "Authorization": f"Bearer {token}",
                    "X-Document-Number": f"bare-{number}",
                    "Idempotency-Key": f"bare-{number}",
                    "Content-Type": "application/xml",
                },
            ).raise_for_status()
        return time.perf_counter() - started


def read(row: dict[str, object]) -> Parcel:
    number = str(row["invoice_number"])
    content = BODY + number.encode()
    return Parcel(
        str(row["transmission_id"]), str(row["document_id"]), number, content, "application/xml",
        hashlib.sha256(content).hexdigest(), str(row["idempotency_key"]), platform_id=str(row["platform_id"] or ""),
    )  # fmt: skip


def outboxed(count: int, folder: Path, name: str, faults: float = 0.0) -> tuple[float, float, Counter[str]]:
    """Seconds to send, seconds until all are settled, and the states in the end."""
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
        started = time.perf_counter()
        first = 0.0
        for _ in range(20):
            transmit.transmit(journal, platform, read=read, worker="here", now=lambda: dt.datetime.now(dt.UTC))
            first = first or time.perf_counter() - started
            if not outbox.transmissions(journal, state=["prepared", "sent"]):
                break
        for row in outbox.transmissions(journal, state="delivered")[:1]:
            assert row["platform_id"]
        _news(journal, platform, folder)
        ended = time.perf_counter() - started
        states = Counter(row["state"] for row in outbox.transmissions(journal))
    platform.close()
    return first, ended, states


def _news(journal: Journal, platform: HttpPlatform, folder: Path) -> None:
    """Statuses by cursor alone; legal documents are another matter."""
    name = f"{platform.name}/changes"
    for _ in range(20):
        for outcomes, cursor in platform.changes(outbox.cursor(journal, name)):
            follow._told(journal, platform, outcomes)
            outbox.move_cursor(journal, name, cursor)
        if not outbox.transmissions(journal, state="delivered"):
            return


def _issue(url: str, name: str, count: int) -> None:
    with Journal.open(url, workspace="benchmark") as journal:
        for start in range(0, count, 100):
            keys = [f"{name}-{n}" for n in range(start, start + 100)]
            numbers = register.reserve_numbers(journal, "R-", keys)
            documents = [register.Issued(key, f"R-{numbers[key]}", numbers[key], "0" * 64, key) for key in keys]
            register.issue_documents(journal, "R-", documents, run_id="r")


def numbering(count: int, folder: Path) -> tuple[float, int, int]:
    """Two processes issue ``count`` invoices together: seconds, gaps and doubles."""
    url = f"sqlite:///{folder}/numbers.db"
    Journal.open(url, workspace="benchmark").close()
    spawn = multiprocessing.get_context("spawn")
    started = time.perf_counter()
    both = [spawn.Process(target=_issue, args=(url, name, count // 2)) for name in ("a", "b")]
    for each in both:
        each.start()
    for each in both:
        each.join()
    seconds = time.perf_counter() - started
    with Journal.open(url, workspace="benchmark") as journal:
        numbers = [row["number"] for row in register.issued_documents(journal)]
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
            seconds = bare(count)
            print(
                f"bare httpx client       {count:>7,} posts  {seconds:7.1f} s  {count / seconds:8,.0f} /s", flush=True
            )
            first, ended, states = outboxed(count, Path(folder), "calm")
            print(f"outbox, transmit        {count:>7,} docs   {first:7.1f} s  {count / first:8,.0f} /s  ratio {seconds / first:.2f}", flush=True)  # fmt: skip
            print(f"outbox, until settled   {count:>7,} docs   {ended:7.1f} s  {dict(states)}", flush=True)
            first, ended, states = outboxed(count, Path(folder), "storm", given.faults)
            print(f"outbox, {given.faults:.0%} faults      {count:>7,} docs   {ended:7.1f} s  {count / ended:8,.0f} /s  {dict(states)}", flush=True)  # fmt: skip
            found = httpx.get(f"http://127.0.0.1:{PORT}/_state").json()
            print(f"at the platform: {found['documents']}, doubles {found['doubles']}, repeated {found['calls'].get('repeated', 0)}, faults {sum(v for k, v in found['calls'].items() if k.startswith('fault'))}")  # fmt: skip
            seconds, gaps, doubles = numbering(count, Path(folder))
            print(f"two processes issuing   {count:>7,} docs   {seconds:7.1f} s  {count / seconds:8,.0f} /s  gaps {gaps}, doubles {doubles}")  # fmt: skip
    finally:
        server.kill()


if __name__ == "__main__":
    main()
