"""The e-invoices as the platform holds them: UBL, CII and 数电票, all valid but for the defects that are planted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from xml.sax.saxutils import escape

from making.ledger import Item, Line, money
from making.people import SELLER

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_VA = ' schemeID="VA"'
_EXEMPT = {
    "K": ("VATEX-EU-IC", "Innergemeinschaftliche Lieferung / intra-Community supply"),
    "G": ("VATEX-EU-G", "Ausfuhrlieferung / export outside the EU"),
}


@dataclass(frozen=True)
class Paper:
    """What one document says. It starts as a true copy of the ledger item; a defect changes one field."""

    item: Item
    number: str
    date: dt.date
    due: dt.date | None
    lines: tuple[Line, ...]
    seller_vat: str
    account: str
    bank_reference: str
    buyer_name: str
    buyer_vat: str
    is_credit: bool
    corrects: str = ""
    cent_off: int = 0

    @property
    def copy(self) -> Item:
        """The item with the lines of the paper, for its totals."""
        return Item(self.item.customer, self.date, self.lines)


def paper(item: Item, *, seller_vat: str, account: str) -> Paper:
    """The document of a ledger item as it should be."""
    return Paper(
        item=item,
        number=item.reference,
        date=item.date,
        due=None if item.is_credit else item.due,
        lines=item.lines,
        seller_vat=seller_vat,
        account=account,
        bank_reference=item.payment_reference,
        buyer_name=item.customer.name,
        buyer_vat=item.customer.tax_id,
        is_credit=item.is_credit,
        corrects=item.corrects.reference if item.corrects else "",
    )


def cancellation(original: Paper, *, number: str) -> Paper:
    """A credit note over the whole of a document."""
    later = original.date + dt.timedelta(days=2)
    return replace(
        original, number=number, date=later, due=None, is_credit=True, corrects=original.number, bank_reference=""
    )


def _tag(name: str, value: object, attributes: str = "") -> str:
    return f"<{name}{attributes}>{escape(str(value))}</{name}>" if value not in ("", None) else ""


def _percent(rate: Decimal) -> str:
    return str(rate.quantize(Decimal(1)))


# --- UBL ---


def ubl(one: Paper) -> str:
    """A UBL Invoice or CreditNote of EN 16931."""
    kind = "CreditNote" if one.is_credit else "Invoice"
    currency = one.item.currency
    amount = f' currencyID="{currency}"'
    copy = one.copy
    total = copy.total
    lines = "".join(_ubl_line(number, line, amount, kind) for number, line in enumerate(one.lines, start=1))
    reference = f"<cac:BillingReference><cac:InvoiceDocumentReference>{_tag('cbc:ID', one.corrects)}</cac:InvoiceDocumentReference></cac:BillingReference>"
    return "\n".join(
        part
        for part in (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<{kind} xmlns="{UBL}{kind}-2" xmlns:cac="{UBL}CommonAggregateComponents-2"'
            f' xmlns:cbc="{UBL}CommonBasicComponents-2">',
            _tag("cbc:CustomizationID", "urn:cen.eu:en16931:2017"),
            _tag("cbc:ID", one.number) + _tag("cbc:IssueDate", one.date),
            _tag("cbc:DueDate", one.due) if not one.is_credit else "",
            _tag(f"cbc:{kind}TypeCode", 381 if one.is_credit else 380) + _tag("cbc:DocumentCurrencyCode", currency),
            f"<cac:OrderReference>{_tag('cbc:ID', one.item.order)}</cac:OrderReference>",
            reference if one.corrects else "",
            f"<cac:AccountingSupplierParty>{_ubl_seller(one)}</cac:AccountingSupplierParty>",
            f"<cac:AccountingCustomerParty>{_ubl_buyer(one)}</cac:AccountingCustomerParty>",
            _ubl_delivery(one),
            f"<cac:PaymentMeans>{_tag('cbc:PaymentMeansCode', 58)}"
            f"{_tag('cbc:PaymentID', one.bank_reference.strip('+'))}"
            f"<cac:PayeeFinancialAccount>{_tag('cbc:ID', one.account)}</cac:PayeeFinancialAccount></cac:PaymentMeans>",
            _ubl_tax(copy, amount),
            "<cac:LegalMonetaryTotal>"
            + _tag("cbc:LineExtensionAmount", money(copy.net - one.cent_off), amount)
            + _tag("cbc:TaxExclusiveAmount", money(copy.net - one.cent_off), amount)
            + _tag("cbc:TaxInclusiveAmount", money(total), amount)
            + _tag("cbc:PayableAmount", money(total), amount)
            + "</cac:LegalMonetaryTotal>",
            lines.rstrip("\n"),
            f"</{kind}>",
            "",
        )
        if part or part == ""
    ).replace("\n\n", "\n")


def _ubl_seller(one: Paper) -> str:
    return (
        '<cac:Party><cbc:EndpointID schemeID="EM">rechnung@moewenhall.example</cbc:EndpointID>'
        "<cac:PostalAddress><cbc:StreetName>Am Fischereihafen 7</cbc:StreetName><cbc:CityName>Lübeck</cbc:CityName>"
        "<cbc:PostalZone>23552</cbc:PostalZone>"
        "<cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>"
        f"<cac:PartyTaxScheme>{_tag('cbc:CompanyID', one.seller_vat)}"
        "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
        f"<cac:PartyLegalEntity>{_tag('cbc:RegistrationName', SELLER)}</cac:PartyLegalEntity></cac:Party>"
    )


def _ubl_buyer(one: Paper) -> str:
    customer = one.item.customer
    tax = (
        f"<cac:PartyTaxScheme>{_tag('cbc:CompanyID', one.buyer_vat)}"
        "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
        if one.buyer_vat
        else ""
    )
    legal = f"<cac:PartyLegalEntity>{_tag('cbc:RegistrationName', one.buyer_name)}</cac:PartyLegalEntity>"
    return (
        f"<cac:Party><cac:PartyIdentification>{_tag('cbc:ID', customer.number)}</cac:PartyIdentification>"
        f"<cac:PostalAddress>{_tag('cbc:CityName', customer.city)}"
        f"<cac:Country>{_tag('cbc:IdentificationCode', customer.country)}</cac:Country></cac:PostalAddress>"
        f"{tax}{legal if one.buyer_name else ''}</cac:Party>"
    )


def _ubl_delivery(one: Paper) -> str:
    return (
        f"<cac:Delivery>{_tag('cbc:ActualDeliveryDate', one.item.date)}<cac:DeliveryLocation><cac:Address>"
        f"<cac:Country>{_tag('cbc:IdentificationCode', one.item.customer.country)}</cac:Country>"
        "</cac:Address></cac:DeliveryLocation></cac:Delivery>"
    )


def _ubl_tax(copy: Item, amount: str) -> str:
    groups = copy.vat()
    rows = ""
    for (kind, rate), (base, tax) in groups.items():
        code, reason = _EXEMPT.get(kind, ("", ""))
        rows += (
            f"<cac:TaxSubtotal>{_tag('cbc:TaxableAmount', money(base), amount)}"
            f"{_tag('cbc:TaxAmount', money(tax), amount)}<cac:TaxCategory>{_tag('cbc:ID', kind)}"
            f"{_tag('cbc:Percent', _percent(rate))}{_tag('cbc:TaxExemptionReasonCode', code)}"
            f"{_tag('cbc:TaxExemptionReason', reason)}<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
            "</cac:TaxCategory></cac:TaxSubtotal>"
        )
    total = sum(tax for _, tax in groups.values())
    return f"<cac:TaxTotal>{_tag('cbc:TaxAmount', money(total), amount)}{rows}</cac:TaxTotal>"


def _ubl_line(number: int, line: Line, amount: str, kind: str) -> str:
    unit = f' unitCode="{line.unit}"'
    quantity = "CreditedQuantity" if kind == "CreditNote" else "InvoicedQuantity"
    return (
        f"<cac:{kind}Line>{_tag('cbc:ID', number)}{_tag(f'cbc:{quantity}', line.quantity, unit)}"
        f"{_tag('cbc:LineExtensionAmount', money(line.net), amount)}<cac:Item>{_tag('cbc:Name', line.name)}"
        f"<cac:SellersItemIdentification>{_tag('cbc:ID', line.article)}</cac:SellersItemIdentification>"
        f"<cac:ClassifiedTaxCategory>{_tag('cbc:ID', line.category)}{_tag('cbc:Percent', _percent(line.rate))}"
        "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item>"
        f"<cac:Price>{_tag('cbc:PriceAmount', line.price, amount)}</cac:Price></cac:{kind}Line>\n"
    )


# --- CII ---


def cii(one: Paper) -> str:
    """A Cross Industry Invoice of EN 16931."""
    urn = "urn:un:unece:uncefact:data:standard:"
    copy = one.copy
    currency = one.item.currency
    in_currency = f' currencyID="{currency}"'
    lines = "\n".join(_cii_line(number, line) for number, line in enumerate(one.lines, start=1))
    tax = sum(value for _, value in copy.vat().values())
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<rsm:CrossIndustryInvoice xmlns:rsm="{urn}CrossIndustryInvoice:100"'
            f' xmlns:ram="{urn}ReusableAggregateBusinessInformationEntity:100"'
            f' xmlns:udt="{urn}UnqualifiedDataType:100">',
            "<rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>"
            "<ram:ID>urn:cen.eu:en16931:2017</ram:ID>"
            "</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>",
            f"<rsm:ExchangedDocument>{_tag('ram:ID', one.number)}"
            f"{_tag('ram:TypeCode', 381 if one.is_credit else 380)}<ram:IssueDateTime>{_date(one.date)}"
            "</ram:IssueDateTime></rsm:ExchangedDocument>",
            "<rsm:SupplyChainTradeTransaction>",
            lines,
            f"<ram:ApplicableHeaderTradeAgreement>{_cii_parties(one)}<ram:BuyerOrderReferencedDocument>"
            f"{_tag('ram:IssuerAssignedID', one.item.order)}</ram:BuyerOrderReferencedDocument>"
            "</ram:ApplicableHeaderTradeAgreement>",
            "<ram:ApplicableHeaderTradeDelivery><ram:ShipToTradeParty><ram:PostalTradeAddress>"
            f"{_tag('ram:CountryID', one.item.customer.country)}</ram:PostalTradeAddress></ram:ShipToTradeParty>"
            f"<ram:ActualDeliverySupplyChainEvent><ram:OccurrenceDateTime>{_date(one.item.date)}"
            "</ram:OccurrenceDateTime></ram:ActualDeliverySupplyChainEvent></ram:ApplicableHeaderTradeDelivery>",
            f"<ram:ApplicableHeaderTradeSettlement>{_tag('ram:PaymentReference', one.bank_reference.strip('+'))}"
            f"{_tag('ram:InvoiceCurrencyCode', currency)}<ram:SpecifiedTradeSettlementPaymentMeans>"
            f"<ram:TypeCode>58</ram:TypeCode><ram:PayeePartyCreditorFinancialAccount>"
            f"{_tag('ram:IBANID', one.account)}</ram:PayeePartyCreditorFinancialAccount>"
            "</ram:SpecifiedTradeSettlementPaymentMeans>",
            "\n".join(_cii_tax(kind, rate, base, value) for (kind, rate), (base, value) in copy.vat().items()),
            "<ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>"
            f"{_date(one.due)}</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>"
            if one.due
            else "",
            "<ram:SpecifiedTradeSettlementHeaderMonetarySummation>"
            f"{_tag('ram:LineTotalAmount', money(copy.net))}{_tag('ram:TaxBasisTotalAmount', money(copy.net))}"
            f"{_tag('ram:TaxTotalAmount', money(tax), in_currency)}"
            f"{_tag('ram:GrandTotalAmount', money(copy.total))}{_tag('ram:DuePayableAmount', money(copy.total))}"
            "</ram:SpecifiedTradeSettlementHeaderMonetarySummation></ram:ApplicableHeaderTradeSettlement>",
            "</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>",
            "",
        )
    ).replace("\n\n", "\n")


def _date(day: dt.date) -> str:
    return f'<udt:DateTimeString format="102">{day:%Y%m%d}</udt:DateTimeString>'


def _cii_parties(one: Paper) -> str:
    customer = one.item.customer
    tax = f"<ram:SpecifiedTaxRegistration>{_tag('ram:ID', one.buyer_vat, _VA)}</ram:SpecifiedTaxRegistration>"
    return (
        f"<ram:SellerTradeParty>{_tag('ram:Name', SELLER)}<ram:PostalTradeAddress>"
        "<ram:PostcodeCode>23552</ram:PostcodeCode><ram:LineOne>Am Fischereihafen 7</ram:LineOne>"
        "<ram:CityName>Lübeck</ram:CityName><ram:CountryID>DE</ram:CountryID></ram:PostalTradeAddress>"
        f"<ram:SpecifiedTaxRegistration>{_tag('ram:ID', one.seller_vat, _VA)}"
        "</ram:SpecifiedTaxRegistration></ram:SellerTradeParty>"
        f"<ram:BuyerTradeParty>{_tag('ram:ID', customer.number)}{_tag('ram:Name', one.buyer_name)}"
        f"<ram:PostalTradeAddress>{_tag('ram:CityName', customer.city)}{_tag('ram:CountryID', customer.country)}"
        f"</ram:PostalTradeAddress>{tax if one.buyer_vat else ''}</ram:BuyerTradeParty>"
    )


def _cii_tax(kind: str, rate: Decimal, base: int, tax: int) -> str:
    code, reason = _EXEMPT.get(kind, ("", ""))
    return (
        f"<ram:ApplicableTradeTax>{_tag('ram:CalculatedAmount', money(tax))}<ram:TypeCode>VAT</ram:TypeCode>"
        f"{_tag('ram:ExemptionReason', reason)}{_tag('ram:BasisAmount', money(base))}{_tag('ram:CategoryCode', kind)}"
        f"{_tag('ram:ExemptionReasonCode', code)}{_tag('ram:RateApplicablePercent', _percent(rate))}"
        "</ram:ApplicableTradeTax>"
    )


def _cii_line(number: int, line: Line) -> str:
    unit = f' unitCode="{line.unit}"'
    return (
        "<ram:IncludedSupplyChainTradeLineItem><ram:AssociatedDocumentLineDocument>"
        f"{_tag('ram:LineID', number)}</ram:AssociatedDocumentLineDocument><ram:SpecifiedTradeProduct>"
        f"{_tag('ram:SellerAssignedID', line.article)}{_tag('ram:Name', line.name)}</ram:SpecifiedTradeProduct>"
        "<ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice>"
        f"{_tag('ram:ChargeAmount', line.price)}</ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>"
        f"<ram:SpecifiedLineTradeDelivery>{_tag('ram:BilledQuantity', line.quantity, unit)}"
        "</ram:SpecifiedLineTradeDelivery><ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax>"
        f"<ram:TypeCode>VAT</ram:TypeCode>{_tag('ram:CategoryCode', line.category)}"
        f"{_tag('ram:RateApplicablePercent', _percent(line.rate))}</ram:ApplicableTradeTax>"
        f"<ram:SpecifiedTradeSettlementLineMonetarySummation>{_tag('ram:LineTotalAmount', money(line.net))}"
        "</ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>"
        "</ram:IncludedSupplyChainTradeLineItem>"
    )
