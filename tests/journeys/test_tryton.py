"""A real Tryton on loopback: its posted invoices are issued, told back, paid from the bank's file, and nothing happens twice.

Tryton is GPL and no part of tieout: TIEOUT_TRYTON names the Python of an environment that has trytond,
trytond-account-invoice and proteus; the test is skipped where it does not. Its seeded database is kept beside it.
"""

import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

import tieout
from tieout import posting
from tieout import run as conductor
from tieout.connect.erp_api import ErpApi
from tieout.library.catalog import Catalogue
from tieout.model.errors import RemoteError
from tieout.workspace import open_workspace

INVOICES = int(os.environ.get("TIEOUT_TRYTON_INVOICES", "20"))
HERE = Path(__file__).parent / "tryton"
SIGN = {"database": "t", "user": "admin", "password": "admin", "payment_method": "Bank"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tryton(tmp_path_factory):
    """The address of a Tryton with posted invoices."""
    python = os.environ.get("TIEOUT_TRYTON")
    if not python or not Path(python).exists():
        pytest.skip("no Tryton: TIEOUT_TRYTON names the Python of an environment with trytond, its modules and proteus")
    folder = tmp_path_factory.mktemp("tryton")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "trytond.conf"
    config.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n[session]\ntimeout = 3600\n"
    )
    _seeded(Path(python), folder, config)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [Path(python).parent / "trytond", "-c", config, "-d", "t"], stdout=log, stderr=log, cwd=folder
        )
    try:
        _await(server, f"http://127.0.0.1:{port}", folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _seeded(python: Path, folder: Path, config: Path) -> None:
    kept = python.parents[1] / f"seeded-{INVOICES}-{(HERE / 'seed.py').stat().st_size}.sqlite"
    if not kept.exists():
        (folder / "t.sqlite").touch()
        (folder / "password").write_text("admin")
        quiet = {"cwd": folder, "check": True, "capture_output": True}
        subprocess.run(
            [python.parent / "trytond-admin", "-c", config, "-d", "t", "-u", "account_invoice",
             "--activate-dependencies", "--email", "admin@example.com"],
            env={**os.environ, "TRYTONPASSFILE": str(folder / "password")}, **quiet,
        )  # fmt: skip
        subprocess.run([python, "-W", "ignore", HERE / "seed.py", config, "t", str(INVOICES)], **quiet)
        # What SQLite keeps beside its file belongs to it; the copy is made of the whole.
        merge = "import sqlite3; c = sqlite3.connect('t.sqlite'); c.execute('pragma wal_checkpoint(truncate)')"
        subprocess.run([python, "-c", merge], **quiet)
        shutil.copy(folder / "t.sqlite", kept)
    for beside in folder.glob("t.sqlite*"):
        beside.unlink()
    shutil.copy(kept, folder / "t.sqlite")


def _await(server, url, log) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=0.5)
        except urllib.error.HTTPError:
            return
        except OSError:
            # Not listening yet: the process itself is the clock, a poll of it costs nothing.
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise AssertionError(f"Tryton does not answer: {log.read_text()}")


def settings() -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in SIGN.items()) + "}"


@pytest.fixture
def workspace(tryton, tmp_path):
    source = f"{{api: {tryton}, settings: {settings()}, mapping: erp.tryton_%s}}"
    (tmp_path / "tieout.yaml").write_text(
        f"""
entity: {{name: Nordlicht Papier GmbH, vat: DE115356904, address_line_1: Musterweg 1, post_code: "12345",
  city: Musterstadt, country: DE, account: DE24546157627320730231}}
as_of: 2026-10-31
sources:
  tryton: {source % "invoices"}
  customers: {source % "parties"}
  billing: {source % "billing_lines"}
  bank: {{path: "bank/*.xml", optional: true}}
validation: [en16931]
matching: receivables
issuing: {{profile: ubl.invoice, series: NP-}}
write_back: {{source: tryton, tell: [status, document, payment]}}
""",
        "utf-8",
    )
    return tmp_path


def run(folder):
    return tieout.open(folder).run()


def post(folder, statuses=()):
    opened = open_workspace(folder)
    with conductor.open_journal(opened.home) as journal:
        return posting.post(opened, journal, statuses=statuses)


def counted(outcomes):
    found: dict = {}
    for each in outcomes:
        key = (each.write.operation, each.state)
        found[key] = found.get(key, 0) + 1
    return found


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


def test_posted_invoices_are_issued_told_back_and_paid_and_a_second_time_nothing_changes(tryton, workspace):
    erp = ErpApi("tryton", tryton, Catalogue.load().mappings["erp.tryton_invoices"].settings["api"], SIGN)
    posted = {row["number"]: row for row in erp.read()}
    assert len(posted) == INVOICES
    assert {row["state"] for row in posted.values()} == {"posted"}

    first = run(workspace)
    issued = first.table("issued_document")
    assert set(issued["invoice_number"]) == set(posted), "an invoice keeps the number that Tryton gave it"
    # Tryton rounds half a cent to even, EN 16931 away from zero: a total may differ by that cent.
    amounts = dict(issued.select("invoice_number", "amount").iter_rows())
    assert all(abs(amounts[number] - row["total_amount"]) <= Decimal("0.01") for number, row in posted.items())

    accepted, refused = sorted(posted)[:-1], sorted(posted)[-1]
    statuses = tuple(
        {"invoice_number": number, "state": "rejected" if number == refused else "accepted", "platform": "peppol"}
        for number in sorted(posted)
    )
    assert counted(post(workspace, statuses)) == {("status", "written"): INVOICES, ("document", "written"): INVOICES}
    document = erp.find("document", {"number": accepted[0], "name": f"{accepted[0]}.xml"})
    assert document is not None
    assert erp.find("status", {"number": refused, "text": f"E-invoice {refused}: rejected by peppol"}) is not None

    # The bank: all but the refused one are paid, the first of them only in part, which a person must look at.
    payments = [(number, posted[number]["total_amount"]) for number in accepted]
    payments[0] = (accepted[0], payments[0][1] - 1)
    (workspace / "bank").mkdir()
    (workspace / "bank" / "oct.xml").write_text(bank_file(payments))
    second = run(workspace)
    settled = second.table("allocation").filter(second.table("allocation")["status"] == "accepted")
    assert set(settled["open_item_id"]) == set(accepted[1:])
    told = counted(post(workspace, statuses))
    assert told == {
        ("status", "unchanged"): INVOICES,
        ("document", "unchanged"): INVOICES,
        ("payment", "written"): len(payments) - 1,
    }
    after = {row["number"]: (row["state"], row["amount_to_pay"]) for row in erp.read()}
    assert {number for number, (state, _) in after.items() if state == "paid"} == set(accepted[1:])
    assert after[accepted[0]] == ("posted", posted[accepted[0]]["total_amount"])
    assert after[refused] == ("posted", posted[refused]["total_amount"])

    # Again: what is paid and posted is left alone, nothing is told twice, Tryton stays as it is.
    third = run(workspace)
    assert "accepted" not in third.table("allocation")["status"].to_list()
    left = third.table("exception").filter(third.table("exception")["table"] == "payment")
    assert left["object_id"].to_list() == ["B00001"]
    assert set(counted(post(workspace, statuses))) <= {("status", "unchanged"), ("document", "unchanged")}
    assert {row["number"]: (row["state"], row["amount_to_pay"]) for row in erp.read()} == after
    erp.close()


def test_what_tryton_refuses_is_told_in_its_own_words(tryton):
    how = Catalogue.load().mappings["erp.tryton_invoices"].settings["api"]
    request = how["write"]["status"]["steps"][0]["request"]
    change = {**request, "repeatable": False, "json": {
        "id": 1, "method": "model.account.invoice.write", "params": [["{invoice}"], {"invoice_date": None}, "{context}"]}}  # fmt: skip
    steps = [how["write"]["status"]["steps"][0], {"request": change}]
    erp = ErpApi("tryton", tryton, {**how, "write": {"change": {"steps": steps}}}, SIGN)
    number = next(iter(erp.read()))["number"]
    with pytest.raises(RemoteError, match="not allowed to modify"):
        erp.write("change", {"number": number})
    erp.close()
