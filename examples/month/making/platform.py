"""What lies on the e-invoice platform: a document for most flagged items, and the defects a month has."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal

from making.fapiao import fapiao
from making.invoices import Paper, cancellation, cii, paper, ubl
from making.ledger import Item, Ledger, cents
from making.people import Account, Customer, tax_number


@dataclass
class Platform:
    """The documents by path, and what is wrong with which."""

    files: dict[str, bytes] = field(default_factory=dict)
    items: list[tuple[str, str]] = field(default_factory=list)
    """Open item and the reason it must be looked at."""
    defects: list[tuple[str, str, str]] = field(default_factory=list)
    """File, rule that must find it (empty where none does), what is wrong."""


def documents(
    rng: random.Random, ledger: Ledger, accounts: dict[str, Account], seller_tax: dict[str, str], stranger: Customer
) -> Platform:
    """Marks the items for which an e-invoice must exist and makes the documents."""
    made = Platform()
    papers = [
        paper(item, seller_vat=seller_tax["1000"], account=accounts["M1"].number)
        for item in _chosen(rng, ledger, "EUR", 39)
    ]
    for position, one in enumerate(papers):
        one.item.e_invoice = "ZUGFERD" if position >= 29 else "PEPPOL"
    _ubl_defects(rng, made, papers)
    for one in papers[9:29]:
        _put(made, one.number, ubl(one))
    for one in papers[29:]:
        text = cii(one)
        if one is papers[29]:
            text = re.sub("<ram:IssueDateTime>.*</ram:IssueDateTime>", "", text)
            made.defects.append((f"einvoices/{one.number}.xml", "BR-03", "no issue date"))
        _put(made, one.number, text)
    for item in _credits(ledger):
        item.e_invoice = "PEPPOL"
        _put(made, item.reference, ubl(paper(item, seller_vat=seller_tax["1000"], account=accounts["M1"].number)))
    lost = Ledger(rng).invoice(stranger, papers[12].date)
    lost.reference = "00269977"
    _put(made, lost.reference, ubl(paper(lost, seller_vat=seller_tax["1000"], account=accounts["M1"].number)))
    made.defects.append((f"einvoices/{lost.reference}.xml", "", "not in the ledger (missing_in_erp)"))
    _chinese(rng, made, ledger, seller_tax["2000"])
    return made


def _chosen(rng: random.Random, ledger: Ledger, currency: str, count: int) -> list[Item]:
    fit = [i for i in ledger.items if i.currency == currency and not i.is_credit and i.customer.country not in {"GB"}]
    return rng.sample(sorted(fit, key=lambda item: item.document), count)


def _credits(ledger: Ledger) -> list[Item]:
    credits = [item for item in ledger.items if item.is_credit and item.currency == "EUR"]
    return sorted(credits, key=lambda item: item.document)[:5]


def _put(made: Platform, name: str, text: str, suffix: str = "") -> str:
    path = f"einvoices/{name}{suffix}.xml"
    made.files[path] = text.encode()
    return path


def _ubl_defects(rng: random.Random, made: Platform, papers: list[Paper]) -> None:
    """The first nine documents, one defect each."""
    cent, nameless, other, twice, cancelled, absent, dearer, cut, german = papers[:9]
    path = _put(made, cent.number, ubl(replace(cent, cent_off=1)))
    made.defects += [
        (path, "BR-CO-10", "sum of lines off by a cent"),
        (path, "BR-CO-15", "total without VAT off by a cent"),
    ]

    path = _put(made, nameless.number, ubl(replace(nameless, buyer_name="")))
    made.defects.append((path, "BR-07", "no buyer name"))

    _put(made, other.number, ubl(replace(other, buyer_vat=tax_number(rng, "DE"))))
    made.items.append((other.item.document, "EINV_TAXID_MISMATCH"))

    _put(made, twice.number, ubl(twice))
    _put(
        made,
        twice.number,
        ubl(twice).replace("<cac:OrderReference>", "<!-- sent again -->\n<cac:OrderReference>"),
        "_2",
    )
    made.items.append((twice.item.document, "EINV_DUPLICATE"))

    _put(made, cancelled.number, ubl(cancelled))
    _put(made, cancelled.number, ubl(cancellation(cancelled, number=f"GS-26-{9001:04d}")), "_cn")
    made.items.append((cancelled.item.document, "EINV_CANCELLED"))

    made.items.append((absent.item.document, "EINV_MISSING"))

    first = dearer.lines[0]
    quantity = first.quantity + 1
    more = replace(first, quantity=quantity, net=cents(first.price * quantity * 100))
    _put(made, dearer.number, ubl(replace(dearer, lines=(more, *dearer.lines[1:]))))
    made.items.append((dearer.item.document, "EINV_AMOUNT_MISMATCH"))

    path = _put(made, cut.number, ubl(cut)[:1500])
    made.defects.append((path, "", "the file ends in the middle"))
    made.items.append((cut.item.document, "EINV_MISSING"))

    path = _put(made, german.number, re.sub('unitCode="[A-Z0-9]+"', 'unitCode="Stück"', ubl(german), count=1))
    made.defects.append((path, "BR-CL-23", "a unit that is no code: the word Stück"))


def _chinese(rng: random.Random, made: Platform, ledger: Ledger, seller_tax: str) -> None:
    items = _chosen(rng, ledger, "CNY", 11)
    for item in items:
        item.e_invoice = "数电"
    wrong, red, absent = items[:3]
    path = _put(made, wrong.reference, fapiao(wrong, seller_tax, rate=Decimal(9)))
    made.defects.append((path, "CN-LINE-TAX", "the lines say 9 %, the tax is of 13 %"))
    made.items.append((absent.document, "EINV_MISSING"))
    for item in [red, *items[3:]]:
        _put(made, item.reference, fapiao(item, seller_tax))
    reversal = Item(red.customer, red.date, red.lines, is_credit=True, corrects=red, contract=red.contract)
    reversal.reference = f"{red.reference[:12]}{int(red.reference[12:]) + 40_000:08d}"
    _put(made, reversal.reference, fapiao(reversal, seller_tax))
    made.items.append((red.document, "EINV_CANCELLED"))
