"""UBL invoices read and judged by all rules that are for them, beside lxml alone and the official stylesheets.

``TIEOUT_OFFICIAL`` names the folder of those (``*.xsl``, ``*.xslt``), where the user has them; without it that half is left out.
CPU seconds are compared, since another process on the machine moves every other clock.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lxml import etree

from tieout.formats.official import Stylesheets
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.model.records import Document
from tieout.store.engine import Limits, Store
from tieout.validation import check

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>B-{n}</cbc:ID><cbc:IssueDate>2026-10-20</cbc:IssueDate><cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Seller</cbc:Name></cac:PartyName><cac:PostalAddress><cbc:StreetName>Street 1</cbc:StreetName><cbc:CityName>Town</cbc:CityName><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress><cac:PartyTaxScheme><cbc:CompanyID>DE123456788</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity><cbc:RegistrationName>Seller GmbH</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress><cac:PartyLegalEntity><cbc:RegistrationName>Buyer SA</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">95.00</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">500.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">95.00</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">500.00</cbc:LineExtensionAmount><cbc:TaxExclusiveAmount currencyID="EUR">500.00</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount currencyID="EUR">595.00</cbc:TaxInclusiveAmount><cbc:PayableAmount currencyID="EUR">595.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
"""
_LINE = """<cac:InvoiceLine><cbc:ID>{n}</cbc:ID><cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount><cac:Item><cbc:Name>Shelf {n}</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item><cac:Price><cbc:PriceAmount currencyID="EUR">50.00</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
"""


def invoices(count: int, lines: int) -> list[Document]:
    """As many UBL invoices, each with as many lines."""
    body = "".join(_LINE.format(n=n) for n in range(1, lines + 1))
    return [
        Document(uri=f"{n}.xml", content=f"{_HEAD.format(n=n)}{body}</Invoice>".encode()) for n in range(1, count + 1)
    ]


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    catalogue = Catalogue.load(None)
    mappings = [each for each in catalogue.mappings.values() if any(table.table == "invoice" for table in each.tables)]
    packs = [each for each in catalogue.rule_sets.values() if each.applies]
    yield f"load average {os.getloadavg()[0]:.1f}"
    for lines, count in ((1, 10_000), (5, 10_000), (100, 1000)):
        documents = invoices(int(count * scale), lines)
        official = _official(documents[: 2000 // (lines + 9)])
        floor, intake = _least(
            partial(_parse, documents),
            partial(read_documents, documents, mappings),
        )
        with Store.create(limits=Limits(threads=1)) as store:
            appended = _cpu(partial(_append, store, documents, mappings)) - intake
            (again,) = _least(partial(check.check, store, packs, as_of=dt.date(2026, 11, 1)))
        n = len(documents)
        whole = intake + max(appended, 0) + again
        yield (
            f"{n:,} invoices of {lines} lines, CPU a document: lxml alone {floor / n * 1e3:.3f} ms; "
            f"intake {intake / n * 1e3:.3f} ms, {intake / floor:.1f} times that; rules again {again / n * 1e3:.3f} ms; "
            f"whole {whole / n * 1e3:.3f} ms, {n / whole:,.0f} a second and core"
            + (f"; official {official * 1e3:.2f} ms: {official * n / whole:.1f} times the whole, "
               f"{official * n / again:.1f} times the rules" if official else "")
        )  # fmt: skip
    yield from _growth(scale)


def _growth(scale: float) -> Iterator[str]:
    """``validate`` on folders of growing size, each in a fresh process."""
    for count, jobs in ((1_000, 1), (10_000, 1), (10_000, 2), (100_000, 1), (100_000, 2)):
        with tempfile.TemporaryDirectory() as folder:
            n = int(count * scale)
            for each in invoices(n, 5):
                (Path(folder) / each.uri).write_bytes(each.content)
            ran = subprocess.run(
                [sys.executable, "-m", "benchmarks.examine_run", folder, str(jobs)], capture_output=True, check=True
            )
            told: dict[str, Any] = json.loads(ran.stdout)
            yield (
                f"validate, {n:,} files, {jobs} processes: {told['wall']:.1f} s, CPU {told['cpu']:.1f} s, "
                f"{n / told['wall']:,.0f} a second, peak memory of a process {told['peak']:.2f} GiB"
            )


def _parse(documents: Sequence[Document]) -> None:
    for each in documents:
        etree.fromstring(each.content)


def _append(store: Store, documents: Sequence[Document], mappings: Sequence[Any]) -> None:
    for name, frame in read_documents(documents, mappings).frames.items():
        store.append(name, frame)


def _official(documents: Sequence[Document]) -> float:
    """CPU seconds of the user's stylesheets a document; 0 without any."""
    folder = os.environ.get("TIEOUT_OFFICIAL")
    if not folder:
        return 0.0
    stylesheets = Stylesheets(sorted(Path(folder).glob("*.xsl*")))
    stylesheets.judge(documents[0])
    return _cpu(lambda: [stylesheets.judge(each) for each in documents]) / len(documents)


def _cpu(work: Callable[[], object]) -> float:
    since = time.process_time()
    work()
    return time.process_time() - since


def _least(*works: Callable[[], object]) -> list[float]:
    """CPU seconds of each, the least of three turns taken alternately."""
    turns = [[_cpu(work) for work in works] for _ in range(3)]
    return [min(column) for column in zip(*turns, strict=True)]
