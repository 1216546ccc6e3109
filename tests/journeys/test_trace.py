"""Show 5 of issue 6: the story of an invoice that a platform refused, that was corrected, accepted and paid."""

import datetime as dt
import os
import shutil
from pathlib import Path

import pytest

from tests.connect.exchange import ACCESS_POINT, QUICK
from tieout import exchange, tracing
from tieout import run as conductor
from tieout.cases import work
from tieout.faces.simulator.desk import Desk
from tieout.faces.simulator.server import served
from tieout.issuing.write_back import Write, write_back
from tieout.library.catalog import shipped
from tieout.replay import NoProgress
from tieout.store import outbox
from tieout.workspace import open_workspace

STARTER = shipped("rules").parent / "engine" / "tieout" / "faces" / "starter"
REFUSAL = "PEPPOL-EN16931-R003: Neither a buyer reference (BT-10) nor a purchase order (BT-13) is given."
HEADINGS = (
    "Billing Document,Item,Billing Type,Preceding Invoice,Billing Date,Delivery Date,Net Due Date,Currency,Sold-to Party,"
    "Customer Reference,Purchase Order,Contract,Terms of Payment,Material,Description,Long Text,Billed Quantity,Sales Unit,"
    "Net Price,Net Value,Tax Category,Tax Rate,Exemption Reason,Note\n"
)
LINE = "{0},10,F2,{1},{2},2026-10-26,2026-11-27,EUR,0000100001,{3},,,30 Tage netto,4010,Kopierpapier A4,,100,XPK,4.00,,S,19,,\n"
ITEM = "1000,0000100001,Brückner & Söhne Schreibwaren GmbH,1800000999,RV,2026-10-29,2026-10-29,2026-11-27,{0},,476.00,EUR,476.00,EUR,Z030,0,0,,,\n"
PAID = (
    '"DE24546157627320730231";"30.10.26";"30.10.26";"GUTSCHR. UEBERWEISUNG";"Rechnung {0}";"NOTPROVIDED";'
    '"Brückner & Söhne Schreibwaren GmbH";"DE19414521098417982718";"COBADEFFXXX";"476,00";"EUR";"PAID0001";"Umsatz gebucht"\n'
)


class Company:
    """A workspace on its days; each day is asked to run, send and ask."""

    def __init__(self, folder, desk):
        self.folder, self.desk, self.time = folder, desk, dt.datetime(2026, 10, 28, 8, tzinfo=dt.UTC)
        desk.now = lambda: self.time

    def journal(self):
        return conductor.open_journal(open_workspace(self.folder).home, clock=lambda: self.time)

    def later(self, **more):
        self.time += dt.timedelta(**more)

    def run(self):
        self.later(minutes=5)
        return conductor.run(open_workspace(self.folder), progress=NoProgress(), clock=lambda: self.time)

    def exchange(self, what):
        self.later(minutes=5)
        with self.journal() as journal:
            (done,) = what(
                open_workspace(self.folder), journal, policy=QUICK, clock=lambda: self.time, now=lambda: self.time
            )
        assert not done.trouble
        return done.counts


@pytest.fixture
def company(tmp_path, monkeypatch):
    monkeypatch.setenv("SIM_SECRET", "rehearsal")
    folder = tmp_path / "ws"
    shutil.copytree(STARTER, folder)
    desk = Desk(
        lambda documents: {key: REFUSAL for key, content in documents.items() if b"BuyerReference" not in content}
    )
    with served(desk) as base:
        text = (folder / "tieout.yaml").read_text("utf-8").replace("as_of: 2026-10-31", "")
        (folder / "tieout.yaml").write_text(text + ACCESS_POINT.format(base=base), "utf-8")
        yield Company(folder, desk)


def add(path, text):
    with path.open("a", encoding="utf-8") as out:
        out.write(text)


IN_ORDER = (
    "issue: issued as RE-2026-00001 from billing document 9100000401, 476.00 EUR",
    "platform: RE-2026-00001 prepared for access_point",
    "platform: RE-2026-00001 being sent to access_point",
    "platform: RE-2026-00001 rejected by access_point",
    "exception: rejected_by_platform",
    "commented by mia: the reference is KST 4000; billed anew as 9100000402",
    "ledger: booked: item 1800000999, RE-2026-00002, 476.00 EUR, open 476.00 EUR",
    "issue: RE-2026-00002 corrects RE-2026-00001",
    "platform: RE-2026-00002 accepted by access_point",
    "platform: RE-2026-00002 legal document of access_point stored",
    "payment: payment by payment PAID0001",
    "payment paid",
    "closed by tieout: no run finds its cause any more",
    "erp: payment PAID0001/1800000999 written in erp",
)


class Ledger:
    """An ERP that takes what it is told."""

    def can(self, operation):
        return True

    def write(self, operation, values):
        return None


@pytest.mark.slow
def test_refused_corrected_accepted_and_paid_is_one_story_by_any_of_its_names(company, capsys):
    at, billing = company, company.folder / "billing" / "billing_lines.csv"
    billing.write_text(HEADINGS + LINE.format("9100000401", "", "2026-10-28", ""), "utf-8")
    at.run()
    assert at.exchange(exchange.send) == {"delivered": 1}
    at.exchange(exchange.sync)
    # The refusal is a case; somebody looks, and the ERP bills anew with the reference the customer wants.
    at.later(days=1)
    at.run()
    with at.journal() as journal:
        with journal.reading() as session:
            (case,) = [each for each in session.cases() if each.reason == "rejected_by_platform"]
        work.comment(journal, case.case_id, "the reference is KST 4000; billed anew as 9100000402", actor="mia")
    add(billing, LINE.format("9100000402", "RE-2026-00001", "2026-10-29", "KST 4000"))
    add(company.folder / "erp" / "open_items.csv", ITEM.format("RE-2026-00002"))
    at.run()
    at.exchange(exchange.send)
    at.exchange(exchange.sync)
    with at.journal() as journal:
        assert {row["invoice_number"]: row["state"] for row in outbox.transmissions(journal)} == {
            "RE-2026-00001": "rejected",
            "RE-2026-00002": "accepted",
        }
    at.later(days=1)
    (bank,) = (company.folder / "bank").glob("giro_*.csv")
    add(bank, PAID.format("RE-2026-00002"))
    at.run()
    with at.journal() as journal:
        # What went back into the ERP is part of the story; another invoice's is not.
        writes = [Write("status", f"{number}/access_point/{state}", {"number": number, "text": state})
                  for number, state in (("RE-2026-00001", "rejected"), ("RE-2026-00002", "accepted"), ("RE-2026-00009", "x"))]  # fmt: skip
        writes.append(Write("payment", "PAID0001/1800000999", {"number": "1800000999", "amount": "476.00"}))
        write_back(journal, Ledger(), writes, system="erp")
        home = open_workspace(at.folder).home
        names = ("RE-2026-00001", "9100000401", "RE-2026-00002", "9100000402", "1800000999", case.case_id, "PAID0001")
        stories = {name: tracing.trace(home, journal, name) for name in names}
        with journal.reading() as session:
            assert session.cases([case.case_id])[0].state == "resolved", "a refusal that was corrected is nobody's case"
    story = stories["RE-2026-00001"]
    for name, told in stories.items():
        assert told == story, name
    found = [f"{each.place}: {each.text}" for each in story]
    at_place = 0
    for part in IN_ORDER:
        rest = [n for n, text in enumerate(found[at_place:], at_place) if part in text]
        assert rest, f"{part} is not in the story, or not after what came before it:\n" + "\n".join(found)
        at_place = rest[0]
    for each in story:
        # Whatever document is named is there to be read.
        assert not each.document or (at.folder / each.document).is_file(), each
        assert "RE-2026-00009" not in each.text
        assert each.place != "platform" or "RE-2026-0000" in each.text
    assert not [text for text in found if "unchanged" in text or "476.0000" in text]
    from tieout.faces.cli_transmit import trace

    trace("RE-2026-00001", at.folder)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) >= len(story)
    if out := os.environ.get("TIEOUT_TRACE_OUT"):
        Path(out).write_text(printed, "utf-8")
