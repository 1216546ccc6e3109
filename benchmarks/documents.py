"""UBL invoices read through the lens into columns, beside lxml alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lxml import etree

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.model.records import Document

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
    mappings = list(Catalogue.load(None).mappings.values())
    for lines, count in ((5, 4000), (100, 300)):
        documents = invoices(int(count * scale), lines)
        floor = stopwatch(lambda documents=documents: [etree.fromstring(each.content) for each in documents])
        seconds = stopwatch(lambda documents=documents: read_documents(documents, mappings))
        yield (
            f"{len(documents):,} invoices of {lines} lines: {len(documents) / seconds:,.0f} a second on one core; "
            f"lxml alone {len(documents) / floor:,.0f}; ratio {seconds / floor:.1f}"
        )
