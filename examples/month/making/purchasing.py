"""The other side of the books: supplier invoices with orders and receipts, and what platform and tax office report.

Made after everything else, from the payments to suppliers that the month has anyway, with a seed of its own.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from decimal import Decimal

from making.ledger import Ledger, cents, csv, money
from making.people import SELLER, tax_number
from making.platform import Platform
from making.story import Payment

SEED = 20261101
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


@dataclass(eq=False)
class Payable:
    """One supplier item; amounts in cents, an invoice is positive."""

    document: str
    supplier: str
    reference: str
    date: dt.date
    total: int
    kind: str = "RE"
    discount: tuple[int, int] = (0, 0)
    order: str = ""
    posted: dt.date | None = None
    currency: str = "EUR"


@dataclass(frozen=True)
class Bought:
    """One line of a supplier invoice, and of its order where that differs."""

    article: str
    name: str
    unit: str
    quantity: int
    price: Decimal
    order_line: str
    ordered: tuple[int, Decimal] | None = None
    received: int | None = None


class Purchasing:
    """What the month's payments to suppliers were for."""

    def __init__(self, payments: list[Payment], buyer_tax: str) -> None:
        self.rng = random.Random(SEED)
        self.buyer_tax = buyer_tax
        self.paid = [payment for payment in payments if payment.situation == "supplier"]
        self.suppliers: dict[str, tuple[str, str, str]] = {}
        self.payables: list[Payable] = []
        self.exceptions: list[tuple[str, str, str]] = []
        """Object type, object and reason."""
        self.orders: list[list[str]] = []
        self.receipts: list[list[str]] = []
        self.files: dict[str, bytes] = {}
        for payment in payments:
            if payment.amount < 0 and any(reason == "NOT_RECEIVABLE" for reason, _ in payment.reasons):
                payment.reasons = tuple(
                    ("NOT_PAYABLE", weight) for reason, weight in payment.reasons if payment not in self.paid
                )
        for payment in self.paid:
            self._settle(payment)
        self._more()

    def _settle(self, payment: Payment) -> None:
        first = payment.name not in self.suppliers
        if first:
            number = f"{700100 + 7 * len(self.suppliers):010d}"
            self.suppliers[payment.name] = (number, tax_number(self.rng, "DE"), payment.number)
        else:
            self.exceptions.append(("payment", payment.id, "ACCOUNT_DIFFERS"))
        paid = -payment.amount
        date = payment.date - dt.timedelta(days=9)
        discount = (14, 2) if payment.name.startswith("Stadtwerke") and first else (0, 0)
        total = next(t for t in range(paid, 2 * paid) if t - cents(Decimal(t) * discount[1] / 100) == paid)
        reference = payment.text.rpartition(" ")[2]
        payable = Payable(f"19{len(self.payables) + 1:08d}", payment.name, reference, date, total, discount=discount)
        self.payables.append(payable)
        payment.money = [(payable, -paid, "cash")]
        if total > paid:
            payment.settled = [(payable, paid - total, "discount")]
        if payment.name.startswith("Papiermühle"):
            self._as_ordered(payable)
        elif payment.name.startswith("Spedition"):
            self._otherwise(payable)

    def _more(self) -> None:
        """An invoice entered twice, one that is overdue, one that is not due yet."""
        haulage = next(each for each in self.payables if each.supplier.startswith("Spedition"))
        again = Payable("1900000091", haulage.supplier, f"RE {haulage.reference[:3]} {haulage.reference[3:]}".removeprefix("RE "), haulage.date, haulage.total)  # fmt: skip
        again.posted = haulage.date + dt.timedelta(days=6)
        late = Payable("1900000092", next(iter(self.suppliers)), "770114", dt.date(2026, 9, 4), 118_405)
        young = Payable("1900000093", haulage.supplier, "998870", dt.date(2026, 10, 20), 96_330)
        self.payables += [again, late, young]
        self.exceptions += [
            ("invoice", again.document, "PAYABLE_TWICE"),
            ("invoice", late.document, "PAYABLE_OVERDUE"),
        ]

    # --- order, receipt and invoice ---

    def _as_ordered(self, payable: Payable) -> None:
        net = _net(payable.total)
        price = (Decimal(net) / 100 / 400).quantize(Decimal("0.01"))
        rest = Decimal(net) / 100 - 400 * price
        lines = [Bought("P-80", "Kopierpapier A4 80 g, Palette", "XPK", 400, price, "10", received=400)]
        if rest > 0:
            lines.append(Bought("", "Fracht", "C62", 1, rest, "20"))
        elif rest < 0:
            lines[0] = Bought(
                "P-80", "Kopierpapier A4 80 g, Palette", "XPK", 400, price - Decimal("0.01"), "10", received=400
            )
            lines.append(Bought("", "Fracht", "C62", 1, rest + 4, "20"))
        self._ordered(payable, f"45000070{len(self.payables):02d}", lines)

    def _otherwise(self, payable: Payable) -> None:
        """Dearer than ordered, less received than invoiced, and a surcharge that nobody ordered."""
        net = _net(payable.total)
        toll = Decimal("86.40")
        price = ((Decimal(net) / 100 - toll) / 20).quantize(Decimal("0.01"))
        toll = Decimal(net) / 100 - 20 * price
        agreed = (price * Decimal("0.94")).quantize(Decimal("0.01"))
        number = f"45000070{len(self.payables):02d}"
        self._ordered(
            payable,
            number,
            [
                Bought("T-1", "Fahrt Lübeck-Hamburg", "C62", 20, price, "10", (20, agreed), 15),
                Bought("", "Mautzuschlag", "C62", 1, toll, ""),
            ],
        )
        path = f"received/{payable.reference}.xml"
        self.exceptions += [
            ("line", f"{path}#1", "PRICE_DIFFERS"),
            ("line", f"{path}#1", "QUANTITY_DIFFERS"),
            ("line", f"{path}#2", "NOT_ORDERED"),
        ]

    def _ordered(self, payable: Payable, number: str, lines: list[Bought]) -> None:
        supplier, tax, account = self.suppliers[payable.supplier]
        payable.order = number
        ordered = payable.date - dt.timedelta(days=12)
        for line in filter(lambda each: each.order_line, lines):
            quantity, price = line.ordered or (line.quantity, line.price)
            self.orders.append(
                [number, f"{int(line.order_line):05d}", supplier, ordered.isoformat(), "EUR", line.article, line.name,
                 str(quantity), line.unit, str(price), "S", "19", "X" if line.received is not None else "-"]
            )  # fmt: skip
            if line.received is not None:
                self.receipts.append(
                    [f"50000{len(self.receipts) + 1:05d}", "1", (payable.date - dt.timedelta(days=2)).isoformat(), number,
                     f"{int(line.order_line):05d}", line.article, str(line.received), line.unit]
                )  # fmt: skip
        text = _invoice(payable, tax, account, self.buyer_tax, lines)
        self.files[f"received/{payable.reference}.xml"] = text.encode()

    # --- the files ---

    def made(self, ledger: Ledger, stored: Platform, seller_tax: dict[str, str]) -> dict[str, bytes]:
        """Every file by path; the statuses are of documents that lie on the platform without a defect."""
        return {
            **self.files,
            "erp/payables.csv": csv(
                ["Company Code", "Vendor", "Name 1", "Document Number", "Document Type", "Document Date", "Posting Date",
                 "Net Due Date", "Reference", "Purchasing Document", "Amount in Doc. Curr.", "Document Currency",
                 "Terms of Payment", "Days 1", "Disc. Percent 1"],
                (
                    ["1000", self.suppliers[one.supplier][0], one.supplier, one.document, one.kind, one.date.isoformat(),
                     (one.posted or one.date).isoformat(), (one.date + dt.timedelta(days=30)).isoformat(), one.reference,
                     one.order, f"{money(one.total)}-", "EUR", "Z030", str(one.discount[0]), str(one.discount[1])]
                    for one in self.payables
                ),
            ).encode(),
            "erp/suppliers.csv": csv(
                ["Vendor", "Name 1", "Search Term", "VAT Registration No.", "Bank Account (IBAN)", "Currency", "Terms of Payment"],
                (
                    [number, name, name.upper()[:10].strip(), tax, account, "EUR", "Z030"]
                    for name, (number, tax, account) in self.suppliers.items()
                ),
            ).encode(),
            "erp/orders.csv": csv(
                ["Purchasing Document", "Item", "Vendor", "Document Date", "Currency", "Material", "Short Text",
                 "Order Quantity", "Order Unit", "Net Price", "Tax Category", "Tax Rate", "GR Indicator"],
                self.orders,
            ).encode(),
            "erp/receipts.csv": csv(
                ["Material Document", "Material Doc. Item", "Posting Date", "Purchase Order", "Purchase Order Item",
                 "Material", "Quantity", "Unit of Entry"],
                self.receipts,
            ).encode(),
            "platform/statuses.csv": self._statuses(ledger, stored, seller_tax).encode(),
            "truth/payables.csv": csv(
                ["invoice_id", "amount", "currency"], ([one.document, money(one.total), "EUR"] for one in self.payables)
            ).encode(),
        }  # fmt: skip

    def _statuses(self, ledger: Ledger, stored: Platform, seller_tax: dict[str, str]) -> str:
        """The platform has accepted all but one; the tax office knows all Chinese invoices but one."""
        spoilt = {document for document, _ in stored.items}
        sound = [
            item
            for item in sorted(ledger.items, key=lambda item: item.document)
            if item.e_invoice
            and item.document not in spoilt
            and not item.is_credit
            and f"einvoices/{item.reference}.xml" in stored.files
        ]
        rows: list[list[str]] = []
        for kind, channel, sender, company in (
            ("PEPPOL", "platform", "Peppol access point", "1000"),
            ("数电", "tax", "电子税务局", "2000"),
        ):
            mine = [item for item in sound if item.e_invoice == kind]
            odd = next(item for item in mine[1:-1] if item.settled == 0)
            for item in mine:
                if item is odd and channel == "tax":
                    self.exceptions.append(("invoice", item.document, "STATUS_CONFLICT"))
                    continue
                status, text = ("rejected", "buyer identifier unknown") if item is odd else ("accepted", "")
                if item is odd:
                    self.exceptions.append(("invoice", item.document, "REJECTED"))
                rows.append(
                    [f"ST-{len(rows) + 1:05d}", channel, sender, seller_tax[company], item.reference, item.date.isoformat(),
                     status, text, f"{item.date.isoformat()} 18:30:00"]
                )  # fmt: skip
        known = {item.reference for item in ledger.items}
        numbers = sorted(path.removeprefix("einvoices/").removesuffix(".xml") for path in stored.files)
        for number in numbers:  # red letters that the ledger does not have
            if number.startswith("26332") and number not in known:
                row = [f"ST-{len(rows) + 1:05d}", "tax", "电子税务局", seller_tax["2000"], number]
                rows.append([*row, "", "accepted", "", "2026-10-30 18:30:00"])
        headings = [
            "Message",
            "Channel",
            "Sender",
            "Seller Tax Number",
            "Invoice Number",
            "Issue Date",
            "Status",
            "Text",
            "Status Time",
        ]
        return csv(headings, rows)


def _net(total: int) -> int:
    """The net amount in cents whose 19 % give the total, or one cent less than it."""
    return next(net for net in range(total * 100 // 119 + 1, 0, -1) if net + cents(Decimal(net) * 19 / 100) <= total)


def _invoice(payable: Payable, tax: str, account: str, buyer_tax: str, lines: list[Bought]) -> str:
    """A UBL invoice of EN 16931; what the tax leaves to the total is rounding (BT-114)."""
    net = sum(cents(line.price * line.quantity * 100) for line in lines)
    vat = cents(Decimal(net) * 19 / 100)
    rounding = payable.total - net - vat
    amount = ' currencyID="EUR"'
    scheme = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
    category = f"<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>{scheme}</cac:TaxCategory>"
    body = "\n".join(
        f'<cac:InvoiceLine><cbc:ID>{n}</cbc:ID><cbc:InvoicedQuantity unitCode="{line.unit}">{line.quantity}</cbc:InvoicedQuantity>'
        f"<cbc:LineExtensionAmount{amount}>{money(cents(line.price * line.quantity * 100))}</cbc:LineExtensionAmount>"
        + (
            f"<cac:OrderLineReference><cbc:LineID>{line.order_line}</cbc:LineID></cac:OrderLineReference>"
            if line.order_line
            else ""
        )
        + f"<cac:Item><cbc:Name>{line.name}</cbc:Name>"
        + (
            f"<cac:BuyersItemIdentification><cbc:ID>{line.article}</cbc:ID></cac:BuyersItemIdentification>"
            if line.article
            else ""
        )
        + f"<cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>{scheme}</cac:ClassifiedTaxCategory></cac:Item>"
        f"<cac:Price><cbc:PriceAmount{amount}>{line.price}</cbc:PriceAmount></cac:Price></cac:InvoiceLine>"
        for n, line in enumerate(lines, start=1)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="{UBL}Invoice-2" xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
<cbc:ID>{payable.reference}</cbc:ID><cbc:IssueDate>{payable.date}</cbc:IssueDate>
<cbc:DueDate>{payable.date + dt.timedelta(days=30)}</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:OrderReference><cbc:ID>{payable.order}</cbc:ID></cac:OrderReference>
<cac:AccountingSupplierParty><cac:Party>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>{tax}</cbc:CompanyID>{scheme}</cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>{payable.supplier}</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>{buyer_tax}</cbc:CompanyID>{scheme}</cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>{SELLER}</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>58</cbc:PaymentMeansCode><cac:PayeeFinancialAccount><cbc:ID>{account}</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>
<cac:TaxTotal><cbc:TaxAmount{amount}>{money(vat)}</cbc:TaxAmount>
<cac:TaxSubtotal><cbc:TaxableAmount{amount}>{money(net)}</cbc:TaxableAmount><cbc:TaxAmount{amount}>{money(vat)}</cbc:TaxAmount>{category}</cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount{amount}>{money(net)}</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount{amount}>{money(net)}</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount{amount}>{money(net + vat)}</cbc:TaxInclusiveAmount>
{f"<cbc:PayableRoundingAmount{amount}>{money(rounding)}</cbc:PayableRoundingAmount>" if rounding else ""}
<cbc:PayableAmount{amount}>{money(payable.total)}</cbc:PayableAmount></cac:LegalMonetaryTotal>
{body}
</Invoice>
""".replace("\n\n", "\n")
