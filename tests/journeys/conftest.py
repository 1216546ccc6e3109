"""A workspace of a few rows, made by hand, for journeys through the whole product."""

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from tieout.__main__ import main

OPEN_ITEMS = """Company Code,Customer,Name 1,Document Number,Document Type,Document Date,Posting Date,Net Due Date,Reference,Assignment,Amount in Doc. Curr.,Document Currency,Amount in Local Currency,Local Currency,Terms of Payment,Days 1,Disc. Percent 1,Payment Reference,Text,E-Invoice
1000,0000200001,Alder & Finch GmbH,1900000001,RV,2026-09-01,2026-09-01,2026-10-01,AF-2026-101,PO-77001,100.00,EUR,100.00,EUR,Z030,0,0,,,
1000,0000200001,Alder & Finch GmbH,1900000002,RV,2026-09-05,2026-09-05,2026-10-05,AF-2026-102,PO-77002,250.50,EUR,250.50,EUR,Z030,0,0,,,
1000,0000200002,Brook Lane S.A.,1900000003,RV,2026-10-20,2026-10-20,2026-11-19,AF-2026-103,PO-77003,75.25,EUR,75.25,EUR,Z030,0,0,,,
"""

BANK = """"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Kundenreferenz (End-to-End)";"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC";"Betrag";"Waehrung";"Bankreferenz";"Info"
"DE21500105170648489812";"05.10.26";"05.10.26";"GUTSCHR. UEBERWEISUNG";"Rechnung AF-2026-101";"NOTPROVIDED";"Alder & Finch GmbH";"DE55416279249130312651";"COBADEFFXXX";"100,00";"EUR";"BANK0001";"Umsatz gebucht"
"DE21500105170648489812";"06.10.26";"06.10.26";"GUTSCHR. UEBERWEISUNG";"danke";"NOTPROVIDED";"Niemand Bekannt KG";"DE22500105171234567890";"COBADEFFXXX";"31,99";"EUR";"BANK0002";"Umsatz gebucht"
"""

UBL = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-10-20</cbc:IssueDate><cbc:DueDate>2026-11-19</cbc:DueDate><cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PostalAddress><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress><cac:PartyTaxScheme><cbc:CompanyID>DE123456788</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity><cbc:RegistrationName>Alder Test GmbH</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress><cac:PartyLegalEntity><cbc:RegistrationName>Brook Lane S.A.</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">12.01</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">63.24</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">12.02</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">63.24</cbc:LineExtensionAmount><cbc:TaxExclusiveAmount currencyID="EUR">63.24</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount currencyID="EUR">75.25</cbc:TaxInclusiveAmount><cbc:PayableAmount currencyID="EUR">75.25</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="EUR">63.24</cbc:LineExtensionAmount><cac:Item><cbc:Name>Shelf</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item><cac:Price><cbc:PriceAmount currencyID="EUR">63.24</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
</Invoice>
"""

SETTINGS = """entity: {name: Alder Test GmbH, vat: DE123456788}
as_of: 2026-10-31
sources:
  open_items: {path: erp/open_items.csv, mapping: erp.sap_fbl5n}
  bank:       {path: bank/*.csv, mapping: bank.de_csv}
  einvoices:  {path: einvoices/**, direction: issued, optional: true}
validation: [en16931, payments]
matching: receivables
routing: default
"""


@dataclass
class Result:
    """What a person saw of a command."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Place:
    """A workspace on disk and the command line over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("tieout.yaml", SETTINGS)
        self.write("erp/open_items.csv", OPEN_ITEMS)
        self.write("bank/october.csv", BANK.encode("cp1252"))
        self.write("einvoices/AF-2026-103.xml", UBL.format(number="AF-2026-103"))

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def tieout(self, *arguments: str, **environment: str) -> Result:
        """Runs the command in this process, from the workspace's folder."""
        out, err = io.StringIO(), io.StringIO()
        status: int | str | None = 0
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["tieout", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as exc:
                status = exc.code
        return Result(int(status or 0), out.getvalue(), err.getvalue())

    def apart(self, *arguments: str, code: str) -> Result:
        """Runs the command in a process of its own, after ``code`` there."""
        done = subprocess.run(
            [sys.executable, "-c", f"{code}\nfrom tieout.__main__ import main\nmain()", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def run(self, **more) -> Result:
        return self.tieout("run", ".", **more)

    def latest(self):
        import tieout

        return tieout.open(self.folder).latest()

    def sealed(self) -> list[str]:
        runs = self.folder / "runs"
        return sorted(p.name for p in runs.iterdir() if not p.name.startswith(".")) if runs.is_dir() else []


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)
