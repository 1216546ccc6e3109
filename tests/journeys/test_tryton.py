"""Show 1 of issue 6: ERP, platform and bank in one journey of real parts, and a second time nothing changes anywhere.

A real Tryton on a real PostgreSQL, both on loopback; the test platform behind OAuth2. Tryton is GPL and no part of tieout:
TIEOUT_TRYTON names the Python of an environment that has trytond with PostgreSQL, trytond-account-invoice and proteus.
"""

import base64
import contextlib
import datetime as dt
import hashlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests import postgres
from tests.connect.exchange import QUICK
from tieout import exchange, posting
from tieout import run as conductor
from tieout.connect.erp_api import ErpApi
from tieout.faces.simulator.desk import Desk
from tieout.faces.simulator.judge import by_rules
from tieout.faces.simulator.server import served
from tieout.library.catalog import Catalogue
from tieout.model.errors import RemoteError
from tieout.replay import NoProgress
from tieout.store import outbox
from tieout.store.engine import Store
from tieout.workspace import open_workspace

INVOICES = int(os.environ.get("TIEOUT_TRYTON_INVOICES", "200"))
SEED = Path(__file__).parent / "tryton" / "seed.py"
SIGN = {"database": "t", "user": "admin", "password": "admin", "payment_method": "Bank"}
NOT_THERE = b"DE129273398"  # the customer that the platform does not reach

pytestmark = pytest.mark.slow


class Erp:
    """A running Tryton: its address, and its database seen from behind."""

    def __init__(self, url, dsn):
        self.url, self.dsn = url, dsn

    def ask(self, sql):
        import psycopg

        with psycopg.connect(self.dsn) as connection:
            return connection.execute(sql).fetchall()

    def counts(self):
        """How many rows each table has that anything of ours could touch, and when one was changed last."""
        tables = (
            "account_invoice", "account_invoice_line", "account_move", "account_move_line", "account_move_reconciliation",
            "ir_note", "ir_attachment", "party_party",
        )  # fmt: skip
        return {
            name: self.ask(f"select count(*), max(coalesce(write_date, create_date)) from {name}") for name in tables
        }


@pytest.fixture(scope="module")
def tryton():
    """A Tryton with posted invoices on a PostgreSQL of its own."""
    python = Path(os.environ.get("TIEOUT_TRYTON") or "/nowhere")
    if not python.exists():
        pytest.skip("no Tryton: TIEOUT_TRYTON names the Python of an environment with trytond, its modules and proteus")
    pytest.importorskip("psycopg", reason="the PostgreSQL driver comes with: pip install 'psycopg[binary]'")
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="tieout-erp-", ignore_cleanup_errors=True))
        )
        server = stack.enter_context(postgres.running())
        for command in ("alter system set fsync = off", "select pg_reload_conf()", "create database t"):
            server.psql(f"{command};")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config, seeding = folder / "trytond.conf", folder / "seeding.conf"
        uri = server.get_uri().replace("/postgres?", "/?")
        config.write_text(
            f"[database]\nuri = {uri}\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n[session]\ntimeout = 3600\n"
        )
        # Reports of what is posted are left to a worker that there is not: nobody prints them here.
        seeding.write_text(config.read_text() + "[queue]\nworker = True\n")
        (folder / "password").write_text("admin")
        given = {"cwd": folder, "env": {**os.environ, "TRYTONPASSFILE": str(folder / "password")}}
        for command in (
            [python.parent / "trytond-admin", "-c", config, "-d", "t", "-u", "account_invoice", "--activate-dependencies",
             "--email", "admin@example.com"],
            [python, "-W", "ignore", SEED, seeding, "t", str(INVOICES)],
        ):  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, **given)
            assert done.returncode == 0, done.stderr
        log = stack.enter_context((folder / "server.log").open("wb"))
        process = subprocess.Popen(
            [python.parent / "trytond", "-c", config, "-d", "t"], stdout=log, stderr=log, **given
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        _await(process, f"http://127.0.0.1:{port}", folder / "server.log")
        yield Erp(f"http://127.0.0.1:{port}", server.get_uri(database="t"))


def _await(server, url, log) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=0.5)
        except urllib.error.HTTPError:
            return
        except OSError:
            # Not listening yet: the process itself is the clock, a poll of it costs nothing.
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
        else:
            return
    raise AssertionError(f"Tryton does not answer: {log.read_text()}")


def verdict(documents):
    """The platform's own rules, and a receiver it does not reach."""
    words = f"the receiver {NOT_THERE.decode()} is not registered in the network"
    return {key: words for key, content in documents.items() if NOT_THERE in content} | by_rules(documents)


class Clock:
    """A minute later with each step."""

    def __init__(self):
        self.time = dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC)

    def __call__(self):
        return self.time


class Company:
    """A workspace asked step by step, and how long each step took; its clock and the platform's are the same."""

    def __init__(self, folder, clock):
        self.folder, self.clock, self.seconds = folder, clock, {}

    def open(self):
        return open_workspace(self.folder)

    def journal(self):
        return conductor.open_journal(self.open().home, clock=self.clock)

    @contextlib.contextmanager
    def step(self, name):
        self.clock.time += dt.timedelta(minutes=1)
        started = time.perf_counter()
        yield
        self.seconds[name] = f"{time.perf_counter() - started:.1f}"

    def run(self):
        return conductor.run(self.open(), progress=NoProgress(), clock=self.clock)

    def exchange(self, what):
        with self.journal() as journal:
            (done,) = what(self.open(), journal, policy=QUICK, clock=self.clock, now=self.clock)
        assert not done.trouble
        return {name: count for name, count in done.counts.items() if count}

    def post(self):
        with self.journal() as journal:
            ended = [each for each in outbox.transmissions(journal) if each["state"] in ("accepted", "rejected")]
            outcomes = posting.post(self.open(), journal, statuses=tuple(ended))
        assert not [each for each in outcomes if each.state in ("failed", "uncertain", "waiting")]
        return Counter((each.write.operation, each.state) for each in outcomes)

    def events(self):
        with self.journal() as journal, journal.reading() as session:
            assert journal.verify().holds
            return Counter(event.kind for event in session.events())


@pytest.fixture
def company(tryton, tmp_path, monkeypatch):
    """The workspace between the Tryton and a platform; and the platform's desk."""
    monkeypatch.setenv("SIM_SECRET", "rehearsal")
    sign = "{" + ", ".join(f"{name}: {value}" for name, value in SIGN.items()) + "}"
    source = f"{{api: {tryton.url}, settings: {sign}, mapping: erp.tryton_%s}}"
    clock = Clock()
    desk = Desk(verdict, now=clock)
    with served(desk) as base:
        (tmp_path / "tieout.yaml").write_text(
            f"""
entity: {{name: Nordlicht Papier GmbH, vat: DE115356904, address_line_1: Musterweg 1, post_code: "12345",
  city: Musterstadt, country: DE, account: DE24546157627320730231}}
sources:
  tryton: {source % "invoices"}
  customers: {source % "parties"}
  billing: {source % "billing_lines"}
  bank: {{path: "bank/*.xml", optional: true}}
validation: [en16931]
matching: [receivables, platform]
issuing: {{profile: ubl.invoice, series: NP-}}
write_back: {{source: tryton, tell: [status, document, payment]}}
platforms:
  network:
    profile: peppol_ap
    base_url: {base}/peppol
    settings: {{client_id: me, client_secret: "${{SIM_SECRET}}", webhook_secret: "${{SIM_SECRET}}"}}
""",
            "utf-8",
        )
        yield Company(tmp_path, clock), desk


def bank_file(payments) -> str:
    """camt.053 with a payment each: (reference in the text, amount)."""
    total = sum((amount for _, amount in payments), Decimal(0))
    entries = "".join(
        f"""<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-10-30</Dt>
</BookgDt><ValDt><Dt>2026-10-30</Dt></ValDt><AcctSvcrRef>B{n:05d}</AcctSvcrRef><NtryDtls><TxDtls><Refs><AcctSvcrRef>B{n:05d}
</AcctSvcrRef></Refs><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><RmtInf><Ustrd>Rechnung {text}</Ustrd></RmtInf></TxDtls>
</NtryDtls></Ntry>"""
        for n, (text, amount) in enumerate(payments, 1)
    )

    def balance(kind, amount):
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
            "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-10-30</Dt></Dt></Bal>"
        )

    return (
        '<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr>'
        "<MsgId>M</MsgId><CreDtTm>2026-10-30T20:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><ElctrncSeqNb>1</ElctrncSeqNb>"
        "<CreDtTm>2026-10-30T20:00:00</CreDtTm><Acct><Id><IBAN>DE24546157627320730231</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{balance('OPBD', '100.00')}{balance('CLBD', 100 + total)}{entries}</Stmt></BkToCstmrStmt></Document>"
    )


def attached(erp, number, name):
    """The content of an invoice's attachment, as Tryton gives it."""
    request = {"method": "POST", "path": "/{database}/rpc/", "json": {
        "id": 1, "method": "model.ir.attachment.search_read",
        "params": [[["name", "=", "{name}"], ["resource.number", "=", "{number}", "account.invoice"]], 0, 1, None, ["data"], "{context}"]}}  # fmt: skip
    (found,) = erp._ask(request, {"number": number, "name": name})["result"]
    return base64.b64decode(found["data"])


def test_posted_issued_transmitted_told_back_matched_and_paid_and_a_second_time_nothing_changes(
    tryton, company, record_property
):
    at, desk = company
    erp = ErpApi("tryton", tryton.url, Catalogue.load().mappings["erp.tryton_invoices"].settings["api"], SIGN)
    posted = {row["number"]: row for row in erp.read()}
    assert len(posted) == INVOICES
    assert {row["state"] for row in posted.values()} == {"posted"}
    refused = {number for number, row in posted.items() if row["party."]["name"].startswith("Schreibwaren")}
    accepted = sorted(set(posted) - refused)

    with at.step("read from Tryton, issue UBL"):
        first = at.run()
    with Store.open(first.folder / "run.duckdb") as store:
        issued = {row["invoice_number"]: row for row in store.table("issued_document").to_dicts()}
    # The number is Tryton's, and the amount is what Tryton booked to the cent, though it rounds VAT line by line.
    assert {number: row["amount"] for number, row in issued.items()} == {
        number: row["total_amount"] for number, row in posted.items()
    }

    with at.step("transmit by OAuth2"):
        assert at.exchange(exchange.send) == {"delivered": INVOICES}
    with at.step("statuses and legal documents"):
        assert at.exchange(exchange.sync) == {"statuses": INVOICES, "documents": len(accepted)}
    assert Counter(held.state for held in desk.held.values()) == {"accepted": len(accepted), "rejected": len(refused)}
    with at.step("statuses and attachments into Tryton"):
        told = at.post()
    assert told == {("status", "written"): INVOICES, ("document", "written"): INVOICES + len(accepted)}
    said = "select count(*) from ir_note where message like 'E-invoice %: {}%'"
    assert tryton.ask(said.format("rejected by network%is not registered in the network")) == [(len(refused),)]
    assert tryton.ask(said.format("accepted by network")) == [(len(accepted),)]
    assert hashlib.sha256(attached(erp, accepted[0], f"{accepted[0]}.xml")).hexdigest() == issued[accepted[0]]["sha256"]
    assert b"<Receipt" in attached(erp, accepted[0], f"network-{accepted[0]}.xml")

    # The bank: what was accepted is paid, the first only in part, which a person must look at.
    payments = [(number, posted[number]["total_amount"]) for number in accepted]
    payments[0] = (accepted[0], payments[0][1] - 1)
    (at.folder / "bank").mkdir()
    (at.folder / "bank" / "oct.xml").write_text(bank_file(payments))
    with at.step("bank file matched"):
        second = at.run()
    with Store.open(second.folder / "run.duckdb") as store:
        allocations = store.table("allocation").to_dicts()
        assert {row["open_item_id"] for row in allocations if row["status"] == "accepted"} == set(accepted[1:])
        exceptions = Counter(row["reason"] for row in store.table("exception").to_dicts())
    assert exceptions["rejected_by_platform"] == len(refused)
    with at.step("payments into Tryton"):
        told = at.post()
    assert told == {
        ("status", "unchanged"): INVOICES,
        ("document", "unchanged"): INVOICES + len(accepted),
        ("payment", "written"): len(accepted) - 1,
    }
    paid = "select number from account_invoice where state = 'paid' order by number"
    assert [number for (number,) in tryton.ask(paid)] == accepted[1:]
    open_lines = """select i.number, count(*) from account_invoice i join account_move_line l on l.move = i.move
      join account_account a on a.id = l.account join account_account_type t on t.id = a.type
      where t.receivable and l.reconciliation is null group by i.number"""
    assert {number for number, _ in tryton.ask(open_lines)} == refused | {accepted[0]}

    # Again, every step: Tryton, platform and journal stay as they are, but for the run itself.
    before = (tryton.counts(), dict(desk.calls), at.events())
    with at.step("all of it again"):
        third = at.run()
        assert at.exchange(exchange.send) == at.exchange(exchange.sync) == {}
        assert {state for _, state in at.post()} == {"unchanged"}
    assert tryton.counts() == before[0]
    assert {name: desk.calls[name] for name in ("taken", "changed")} == {
        name: before[1][name] for name in ("taken", "changed")
    }
    assert desk.doubles == 0
    news = at.events() - before[2]
    assert set(news) <= {"run_sealed"}, news
    with Store.open(third.folder / "run.duckdb") as store:
        assert set(store.table("cleared_item")["cleared_item_id"]) == set(accepted[1:])
        assert None not in store.table("cleared_item")["clearing_date"].to_list()
        assert "accepted" not in store.table("allocation")["status"].to_list()
        left = [row["object_id"] for row in store.table("exception").to_dicts() if row["table"] == "payment"]
    assert left == ["B00001"]
    for name, seconds in at.seconds.items():
        record_property(f"{INVOICES} invoices, {name}", f"{seconds} s")
    erp.close()


def test_what_tryton_refuses_is_told_in_its_own_words(tryton):
    how = Catalogue.load().mappings["erp.tryton_invoices"].settings["api"]
    request = how["write"]["status"]["steps"][0]["request"]
    change = {**request, "repeatable": False, "json": {
        "id": 1, "method": "model.account.invoice.write", "params": [["{invoice}"], {"invoice_date": None}, "{context}"]}}  # fmt: skip
    steps = [how["write"]["status"]["steps"][0], {"request": change}]
    erp = ErpApi("tryton", tryton.url, {**how, "write": {"change": {"steps": steps}}}, SIGN)
    number = next(iter(erp.read()))["number"]
    with pytest.raises(RemoteError, match="not allowed to modify"):
        erp.write("change", {"number": number})
    erp.close()
