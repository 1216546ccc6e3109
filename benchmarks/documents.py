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
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lxml import etree

from tieout.formats.official import Stylesheets
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.model.definitions import RuleSet
from tieout.model.records import Document
from tieout.store.engine import Limits, Store
from tieout.validation import check

LARGE = False
"""Whether 100,000 files are measured as well."""

_DAY = dt.date(2026, 11, 1)

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>B-{n}</cbc:ID><cbc:IssueDate>2026-10-20</cbc:IssueDate><cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Seller</cbc:Name></cac:PartyName><cac:PostalAddress><cbc:StreetName>Street 1</cbc:StreetName><cbc:CityName>Town</cbc:CityName><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress><cac:PartyTaxScheme><cbc:CompanyID>DE123456788</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity><cbc:RegistrationName>Seller GmbH</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress><cac:PartyLegalEntity><cbc:RegistrationName>Buyer SA</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">{net}</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount><cbc:TaxExclusiveAmount currencyID="EUR">{net}</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount currencyID="EUR">{gross}</cbc:TaxInclusiveAmount><cbc:PayableAmount currencyID="EUR">{gross}</cbc:PayableAmount></cac:LegalMonetaryTotal>
"""
_LINE = """<cac:InvoiceLine><cbc:ID>{n}</cbc:ID><cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount><cac:Item><cbc:Name>Shelf {n}</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item><cac:Price><cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
"""


def invoices(count: int, lines: int) -> list[Document]:
    """As many UBL invoices without a fault, each with as many lines and amounts of its own."""
    return [Document(uri=f"{n}.xml", content=_invoice(n, lines).encode()) for n in range(1, count + 1)]


def _invoice(number: int, lines: int) -> str:
    prices = [1001 + (number * 37 + line * 113) % 9000 for line in range(lines)]
    body = "".join(_LINE.format(n=n, net=_shown(2 * price), price=_shown(price)) for n, price in enumerate(prices, 1))
    net = 2 * sum(prices)
    vat = (net * 19 + 50) // 100
    return _HEAD.format(n=number, net=_shown(net), vat=_shown(vat), gross=_shown(net + vat)) + body + "</Invoice>"


def _shown(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    catalogue = Catalogue.load(None)
    mappings = [each for each in catalogue.mappings.values() if any(table.table == "invoice" for table in each.tables)]
    packs = [each for each in catalogue.rule_sets.values() if each.applies]
    yield f"load average {os.getloadavg()[0]:.1f}; {sum(len(each.rules) for each in packs):,} rules"
    for lines, count in ((1, 10_000), (1, 40_000), (5, 10_000), (100, 2000)):
        documents = invoices(int(count * scale), lines)
        n = len(documents)
        floor, intake, taken = _least(
            partial(_parse, documents),
            partial(read_documents, documents, mappings),
            partial(_taken, documents, mappings),
        )
        with Store.create(limits=Limits(threads=1)) as store:
            _append(store, documents, mappings)
            first = _cpu(partial(check.check, store, packs, as_of=_DAY))
            (again,) = _least(partial(check.check, store, packs, as_of=_DAY))
            changed = min(_cpu(partial(check.check, store, _changed(packs), as_of=_DAY)) for _ in range(3))
            found = store.count("finding")
        yield (
            f"{n:,} invoices of {lines} lines, CPU a document: lxml alone {floor / n * 1e3:.3f} ms; "
            f"read {intake / n * 1e3:.3f} ms, {intake / floor:.1f} times that, and into the store {taken / n * 1e3:.3f} ms, "
            f"{taken / floor:.1f} times; rules first {first / n * 1e3:.3f} ms, again {again / n * 1e3:.3f} ms, "
            f"again with a rule changed {changed / n * 1e3:.3f} ms ({found} findings); whole {(taken + first) / n * 1e3:.3f} ms, {n / (taken + first):,.0f} a second and core"
        )
        if official := _official(documents[: 2000 // (lines + 9)]):
            yield (
                f"the same by the official stylesheets {official * 1e3:.2f} ms, {1 / official:,.0f} a second and core: "
                f"the whole is {official * n / (taken + first):.1f} times as fast, the rules again {official * n / again:.1f} times, "
                f"with a rule changed {official * n / changed:.1f} times"
            )
    yield from _growth(scale)


def _growth(scale: float) -> Iterator[str]:
    """``validate`` on folders of growing size by one and two processes, each in a fresh one."""
    sizes = [(1_000, 5), (10_000, 5), (10_000, 1), (2_000, 100), *([(100_000, 5)] if LARGE else [])]
    for count, lines in sizes:
        n = int(count * scale)
        with tempfile.TemporaryDirectory() as folder:
            for each in invoices(n, lines):
                (Path(folder) / each.uri).write_bytes(each.content)
            one, two = (_validated([folder], jobs) for jobs in (1, 2))
            apart = _validated(_halves(Path(folder)), 1)
        for jobs, told in ((1, one), (2, two)):
            yield (
                f"validate, {n:,} files of {lines} lines, {jobs} processes: {told['wall']:.1f} s, CPU {told['cpu']:.1f} s, "
                f"{n / told['wall']:,.0f} a second, peak memory of a process {told['peak']:.2f} GiB"
                + (
                    f"; {one['wall'] / two['wall']:.2f} times one process, where two that know nothing of one another and have "
                    f"half of the files each are {one['wall'] / apart['wall']:.2f} times one"
                    if jobs == 2
                    else ""
                )
            )


def _changed(packs: Sequence[RuleSet]) -> list[RuleSet]:
    """The packs after somebody changed one rule: nothing that was compiled of them is known any more."""
    return [replace(each, rules=(*each.rules[:-1], replace(each.rules[-1], severity="warning"))) for each in packs]


def _halves(folder: Path) -> list[str]:
    """Two folders below the folder, with every other of its files each."""
    files = sorted(each for each in folder.iterdir() if each.is_file())
    halves = [folder / "half-1", folder / "half-2"]
    for n, half in enumerate(halves):
        half.mkdir()
        for each in files[n::2]:
            (half / each.name).hardlink_to(each)
    return [str(half) for half in halves]


def _validated(folders: Sequence[str], jobs: int) -> dict[str, Any]:
    """What ``examine_run`` tells of each folder, all at the same time: of the one that took longest."""
    started = [
        subprocess.Popen([sys.executable, "-m", "benchmarks.examine_run", each, str(jobs)], stdout=subprocess.PIPE)
        for each in folders
    ]
    told: list[dict[str, Any]] = [json.loads(each.communicate()[0]) for each in started]
    return max(told, key=lambda each: float(each["wall"]))


def _parse(documents: Sequence[Document]) -> None:
    for each in documents:
        etree.fromstring(each.content)


def _taken(documents: Sequence[Document], mappings: Sequence[Any]) -> None:
    with Store.create(limits=Limits(threads=1)) as store:
        _append(store, documents, mappings)


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
