"""A small workspace with hostile texts in it, run once for all workers, and the workbench over a copy of it."""

import fcntl
import shutil
from dataclasses import dataclass, field

import pytest
from starlette.testclient import TestClient

from tests.journeys.conftest import SETTINGS
from tieout import run as conductor
from tieout.faces.web.app import make_app
from tieout.faces.web.desk import Desk
from tieout.faces.web.gate import Attempts, Sessions
from tieout.replay import NoProgress
from tieout.store import people
from tieout.workspace import open_home, open_workspace

PASSWORD = "correct horse battery"
PEOPLE = {"ada": "admin", "anna": "approver", "bert": "approver", "carl": "clerk", "vera": "viewer"}
SCRIPT = "<script>alert(1)</script> KG"
FORMULA = '=HYPERLINK("http://evil.example";"x")'
IBAN = "DE22500105171234567890"

DECISIONS = """decisions:
  second_person_above: {match: {EUR: 100.00}}
"""
ITEM_HEAD = (
    "Company Code,Customer,Name 1,Document Number,Document Type,Document Date,Posting Date,Net Due Date,Reference,"
    "Assignment,Amount in Doc. Curr.,Document Currency,Amount in Local Currency,Local Currency,Terms of Payment,Days 1,"
    "Disc. Percent 1,Payment Reference,Text,E-Invoice"
)
ITEMS = [
    ("0000200001", "Alder & Finch GmbH", "1900000001", "AF-2026-101", "100.00"),
    ("0000200001", "Alder & Finch GmbH", "1900000002", "AF-2026-102", "250.50"),
    ("0000200001", "Alder & Finch GmbH", "1900000003", "AF-2026-103", "250.50"),
    ("0000200002", "Brook Lane S.A.", "1900000004", "AF-2026-104", "60.00"),
    ("0000200002", "Brook Lane S.A.", "1900000005", "AF-2026-105", "60.00"),
    ("0000200003", "Morgenstern Feinpapier Vertrieb GmbH", "1900000006", "AF-2026-106", "431.17"),
    ("0000200004", SCRIPT, "1900000007", "AF-2026-107", "12.00"),
]
BANK_HEAD = (
    '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Kundenreferenz (End-to-End)";'
    '"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC";"Betrag";"Waehrung";"Bankreferenz";"Info"'
)
PAYMENTS = [
    ("Rechnung AF-2026-101", "Alder & Finch GmbH", "DE55416279249130312651", "100,00", "BANK0001"),
    ("danke", "Alder & Finch GmbH", "DE55416279249130312651", "250,50", "BANK0002"),
    ("Zahlung", "Brook Lane S.A.", "FR7630006000011234567890189", "60,00", "BANK0003"),
    (f"von Konto {IBAN} <img src=x onerror=alert(1)>", SCRIPT, IBAN, "31,99", "BANK0004"),
    ("+1+1", FORMULA, "DE02120300000000202051", "44,44", "BANK0005"),
    ("Rechnung", "Morgenstern Feinpapeir", "DE02100500000054540402", "431,17", "BANK0006"),
]
INVOICE = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>AF-2026-104</cbc:ID>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity><cbc:RegistrationName>&lt;b&gt;Alder&lt;/b&gt;</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:LegalMonetaryTotal><cbc:TaxInclusiveAmount currencyID="EUR">60.00</cbc:TaxInclusiveAmount><cbc:PayableAmount currencyID="EUR">60.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="EUR">60.00</cbc:LineExtensionAmount><cac:Item><cbc:Name>Shelf</cbc:Name></cac:Item></cac:InvoiceLine>
</Invoice>
"""


def write_workspace(folder):
    """The files of the workspace."""
    for name in ("erp", "bank", "einvoices"):
        (folder / name).mkdir(parents=True)
    (folder / "tieout.yaml").write_text(SETTINGS + DECISIONS, "utf-8")
    items = [
        f"1000,{party},{name},{number},RV,2026-09-05,2026-09-05,2026-10-05,{reference},PO-7{number[-4:]},{amount},EUR,{amount},EUR,Z030,0,0,,,"
        for party, name, number, reference, amount in ITEMS
    ]
    (folder / "erp" / "open_items.csv").write_text("\n".join([ITEM_HEAD, *items]) + "\n", "utf-8")
    rows = [
        ";".join(
            '"' + each.replace('"', '""') + '"'
            for each in (
                "DE21500105170648489812", "06.10.26", "06.10.26", "GUTSCHR. UEBERWEISUNG", text, "NOTPROVIDED", name,
                account, "COBADEFFXXX", amount, "EUR", number, "Umsatz gebucht",
            )
        )
        for text, name, account, amount, number in PAYMENTS
    ]  # fmt: skip
    (folder / "bank" / "giro.csv").write_text("\n".join([BANK_HEAD, *rows]) + "\n", "cp1252")
    (folder / "einvoices" / "AF-2026-104.xml").write_text(INVOICE, "utf-8")


@pytest.fixture(scope="session")
def template(tmp_path_factory, request):
    """The workspace after one run; made by the first worker that asks."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    folder, done = shared / "workbench", shared / "workbench.done"
    with (shared / "workbench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            write_workspace(folder)
            conductor.run(open_workspace(folder), progress=NoProgress())
            home = open_home(folder)
            with conductor.open_journal(home) as journal:
                for name, role in PEOPLE.items():
                    people.add_user(journal, name, role, actor="ada")
                    people.set_password(journal, name, PASSWORD, actor="ada")
            done.touch()
    return folder


@dataclass
class Bench:
    """The workbench over one workspace, with a clock that tests turn."""

    desk: Desk
    app: object
    now: list
    clients: list = field(default_factory=list)

    def visitor(self, **options):
        client = TestClient(self.app, base_url="http://127.0.0.1:8765", follow_redirects=False, **options)
        self.clients.append(client)
        return client

    def page(self, name):
        """A browser in which the person is signed in."""
        token, session = self.desk.sessions.begin(name)
        client = self.visitor(cookies={"tieout_session": token})
        client.csrf = session.csrf
        return client

    def api(self, name):
        token, _ = self.desk.sessions.begin(name)
        return self.visitor(headers={"authorization": f"Bearer {token}"})

    def case_of(self, payment):
        rows = self.api("vera").get("/api/v1/cases", params={"state": "all", "limit": 500}).json()["cases"]
        return next(row["case_id"] for row in rows if row["object_id"] == payment)


def open_bench(folder):
    import datetime as dt

    now = [dt.datetime(2026, 11, 2, 8, 0, tzinfo=dt.UTC)]
    home = open_home(folder)
    journal = conductor.open_journal(home)
    desk = Desk(home, journal, sessions=Sessions(lambda: now[0]), attempts=Attempts(lambda: now[0]))
    return Bench(desk, make_app(desk), now)


@pytest.fixture
def bench(template, tmp_path):
    """The workbench over a copy of the workspace that a test may change."""
    folder = tmp_path / "w"
    shutil.copytree(template, folder)
    found = open_bench(folder)
    yield found
    for client in found.clients:
        client.close()
    found.desk.close()


@pytest.fixture(scope="module")
def shown(template, tmp_path_factory):
    """The workbench over one copy for all tests of a file that change nothing."""
    folder = tmp_path_factory.mktemp("shown") / "w"
    shutil.copytree(template, folder)
    found = open_bench(folder)
    yield found
    for client in found.clients:
        client.close()
    found.desk.close()
