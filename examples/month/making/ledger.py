"""The ledger: invoices and credit notes with their lines, numbered by date, and the files an ERP exports of them."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from stdnum import iso11649

from making.people import SELLER, SELLER_CN, Account, Customer

AS_OF = dt.date(2026, 10, 31)

# Days to pay, days of the discount, its percentage.
TERMS = {"Z014": (14, 0, 0), "Z030": (30, 0, 0), "Z060": (60, 0, 0), "Z214": (30, 14, 2), "Z310": (30, 10, 3)}

_GOODS = (
    ("4010", "Kopierpapier A4 80 g, 500 Blatt", "XPK", "4.19", 200),
    ("4022", "Briefumschlag DIN lang, 1000 Stück", "XCT", "28.90", 24),
    ("4105", "Ringbuch A4, 4 Ringe", "C62", "2.35", 300),
    ("4211", "Tintenpatrone schwarz", "C62", "17.4950", 40),
    ("4302", "Konferenzmappe Leder", "C62", "64.00", 30),
    ("4377", "Notizbuch A5 kariert", "C62", "3.7850", 250),
    ("4501", "Schreibtischlampe LED", "C62", "38.20", 40),
    ("4620", "Aktenvernichter P-4", "C62", "189.00", 12),
    ("4730", "Versandkarton 305x215x120", "C62", "0.8675", 900),
    ("4815", "Druckerpapier A3 160 g", "XPK", "11.60", 80),
)
_GOODS_CN = (
    ("4010", "*纸制品*复印纸A4", "箱", "96.4602", 120, "1060105020000000000"),
    ("4022", "*纸制品*牛皮信封", "包", "21.7699", 200, "1060105030000000000"),
    ("4377", "*纸制品*线装笔记本", "本", "7.5221", 900, "1060105040000000000"),
    ("4501", "*照明装置*护眼台灯", "台", "176.9912", 60, "1090417010000000000"),
    ("4620", "*办公设备*碎纸机", "台", "884.9558", 15, "1090511020000000000"),
)


@dataclass(frozen=True)
class Line:
    """One line of an invoice; amounts in cents."""

    article: str
    name: str
    unit: str
    quantity: int
    price: Decimal
    net: int
    category: str
    rate: Decimal
    tax_code: str = ""

    @property
    def tax(self) -> int:
        return cents(Decimal(self.net) * self.rate / 100)


@dataclass(eq=False)
class Item:
    """One ledger item; its numbers are given when all are known, so that they rise with the date."""

    customer: Customer
    date: dt.date
    lines: tuple[Line, ...]
    is_credit: bool = False
    corrects: Item | None = None
    document: str = ""
    reference: str = ""
    payment_reference: str = ""
    order: str = ""
    contract: str = ""
    text: str = ""
    e_invoice: str = ""
    cleared: dt.date | None = None
    wants_reference: bool = False
    settled: int = 0

    @property
    def due(self) -> dt.date:
        return self.date + dt.timedelta(days=TERMS[self.customer.terms][0])

    @property
    def net(self) -> int:
        return sum(line.net for line in self.lines)

    def vat(self) -> dict[tuple[str, Decimal], tuple[int, int]]:
        """Taxable and tax amount by category and rate; rounded once a rate (BR-CO-17), in China line by line."""
        bases: dict[tuple[str, Decimal], int] = {}
        for line in self.lines:
            bases[line.category, line.rate] = bases.get((line.category, line.rate), 0) + line.net
        if self.customer.country == "CN":
            return {key: (base, sum(line.tax for line in self.lines)) for key, base in bases.items()}
        return {key: (base, cents(Decimal(base) * key[1] / 100)) for key, base in bases.items()}

    @property
    def total(self) -> int:
        return self.net + sum(tax for _, tax in self.vat().values())

    @property
    def signed(self) -> int:
        return -self.total if self.is_credit else self.total

    @property
    def currency(self) -> str:
        return self.customer.currency


def cents(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def money(value: int) -> str:
    """Cents as text with a point: 123456 is 1234.56."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{value // 100}.{value % 100:02d}"


def category(country: str) -> tuple[str, Decimal]:
    """VAT category and rate of goods sent from Germany (from China to China: 13 %)."""
    if country == "CN":
        return "S", Decimal(13)
    if country == "DE":
        return "S", Decimal(19)
    return ("G" if country in {"US", "GB", "CH", "NO"} else "K"), Decimal(0)


class Ledger:
    """Every item of the month. No two open items of one currency have the same amount unless it is asked for."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.items: list[Item] = []
        self.paid: list[Item] = []
        self._amounts: set[tuple[str, int]] = set()

    def invoice(self, customer: Customer, date: dt.date, *, paid: bool = False) -> Item:
        while True:
            item = Item(customer, date, self._lines(customer.country))
            if (item.currency, item.total) not in self._amounts and item.total > 2_000:
                break
        self._amounts.add((item.currency, item.total))
        self._describe(item)
        (self.paid if paid else self.items).append(item)
        return item

    def twin(self, item: Item, date: dt.date) -> Item:
        """Another invoice of the same customer with the same amount."""
        other = Item(item.customer, date, item.lines)
        self._describe(other)
        self.items.append(other)
        return other

    def credit(self, corrected: Item, date: dt.date) -> Item:
        """A credit note for a part of the first line."""
        first = corrected.lines[0]
        quantity = max(1, first.quantity // self.rng.choice((3, 4, 6)))
        line = Line(
            first.article,
            first.name,
            first.unit,
            quantity,
            first.price,
            cents(first.price * quantity * 100),
            first.category,
            first.rate,
            first.tax_code,
        )
        item = Item(corrected.customer, date, (line,), is_credit=True, corrects=corrected)
        self._describe(item)
        self.items.append(item)
        return item

    def _lines(self, country: str) -> tuple[Line, ...]:
        kind, rate = category(country)
        goods = _GOODS_CN if country == "CN" else _GOODS
        lines = []
        for row in self.rng.sample(goods, self.rng.choice((1, 1, 2, 2, 3))):
            quantity = self.rng.randint(2, int(row[4]))
            price = Decimal(row[3])
            tax_code = str(row[5]) if len(row) > 5 else ""
            lines.append(
                Line(row[0], row[1], row[2], quantity, price, cents(price * quantity * 100), kind, rate, tax_code)
            )
        return tuple(lines)

    def _describe(self, item: Item) -> None:
        item.order = f"45{self.rng.randint(10_000_000, 99_999_999)}"
        if item.currency == "CNY":
            item.contract = f"OT-2026-{self.rng.randint(1000, 9999)}"

    def number(self) -> None:
        """Gives document numbers, printed numbers and payment references in the order of the dates."""
        counters = {"00": 261_000, "EX": 400, "GS": 30, "CN": 51_200}
        for position, item in enumerate(sorted([*self.paid, *self.items], key=lambda item: (item.date, item.order))):
            item.document = f"{1800000000 + 3 * position + 1}"
            if item.currency == "CNY":
                counters["CN"] += self.rng.randint(1, 4)
                item.reference = f"26332000000000{counters['CN']:06d}"
            elif item.is_credit:
                counters["GS"] += 1
                item.reference = f"GS-26-{counters['GS']:04d}"
            elif item.customer.country == "DE":
                counters["00"] += self.rng.randint(1, 3)
                item.reference = f"{counters['00']:08d}"
            else:
                counters["EX"] += 1
                item.reference = f"EX-26-{counters['EX']:05d}"
            if item.is_credit or item.currency == "CNY":
                continue
            if item.customer.country == "BE":
                item.payment_reference = ogm(item.document)
            elif self.rng.random() < 0.7 or item.wants_reference:
                item.payment_reference = "RF" + iso11649_check(item.document) + item.document


def iso11649_check(reference: str) -> str:
    """The two check digits of an ISO 11649 creditor reference."""
    for check in range(2, 99):
        if iso11649.is_valid(f"RF{check:02d}{reference}"):
            return f"{check:02d}"
    raise ValueError(reference)


def ogm(document: str) -> str:
    """The Belgian structured communication of a ten-digit number, with its check digits (97 where the rest is 0)."""
    digits = f"{document}{int(document) % 97 or 97:02d}"
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"


def exchange_rates(rng: random.Random) -> list[tuple[dt.date, str, Decimal]]:
    """One rate a day and currency from July on: units of the currency for one euro."""
    level = {"CHF": Decimal("0.93710"), "CNY": Decimal("8.21400"), "GBP": Decimal("0.86620"), "USD": Decimal("1.16230")}
    rows = []
    day = dt.date(2026, 7, 1)
    while day <= AS_OF:
        for currency in sorted(level):
            step = Decimal(rng.randint(-40, 40)).scaleb(-4)
            level[currency] = (level[currency] * (1 + step)).quantize(Decimal("0.00001"))
            rows.append((day, currency, level[currency]))
        day += dt.timedelta(days=1)
    return rows


# --- the ERP's files ---

_HEADINGS = [
    "Company Code",
    "Customer",
    "Name 1",
    "Document Number",
    "Document Type",
    "Document Date",
    "Posting Date",
    "Net Due Date",
    "Reference",
    "Assignment",
    "Amount in Doc. Curr.",
    "Document Currency",
    "Amount in Local Currency",
    "Local Currency",
    "Terms of Payment",
    "Days 1",
    "Disc. Percent 1",
    "Payment Reference",
    "Text",
    "E-Invoice",
]
_HEADINGS_CN = [
    "公司代码",
    "客户编码",
    "客户名称",
    "单据编号",
    "单据类型",
    "单据日期",
    "到期日",
    "发票号码",
    "合同号",
    "币种",
    "原币金额",
    "本位币金额",
    "税率",
    "购方税号",
    "摘要",
    "电子发票",
]


def _trailing(value: int) -> str:
    return f"{money(-value)}-" if value < 0 else money(value)


def _row(item: Item, rates: dict[tuple[dt.date, str], Decimal]) -> list[str]:
    days, discount_days, percent = TERMS[item.customer.terms]
    local = item.signed
    if item.currency != "EUR":
        local = cents(Decimal(item.signed) / rates[item.date, item.currency])
    return [
        "1000",
        item.customer.number,
        item.customer.name,
        item.document,
        "DG" if item.is_credit else "RV",
        item.date.isoformat(),
        item.date.isoformat(),
        (item.date if item.is_credit else item.date + dt.timedelta(days=days)).isoformat(),
        item.reference,
        item.order,
        _trailing(item.signed),
        item.currency,
        _trailing(local),
        "EUR",
        item.customer.terms,
        str(discount_days),
        str(percent),
        item.payment_reference,
        item.text,
        item.e_invoice,
    ]


def _row_cn(item: Item) -> list[str]:
    return [
        "2000",
        item.customer.number,
        item.customer.name,
        item.document,
        "红字发票" if item.is_credit else "销售发票",
        item.date.isoformat(),
        item.due.isoformat(),
        item.reference,
        item.contract,
        "CNY",
        money(item.signed),
        money(item.signed),
        "13%",
        item.customer.tax_id,
        item.text,
        item.e_invoice,
    ]


def _cell(value: str) -> str:
    return f'"{value}"' if "," in value else value


def csv(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "".join(",".join(_cell(value) for value in row) + "\n" for row in [headings, *rows])


def files(
    ledger: Ledger,
    customers: list[Customer],
    accounts: dict[str, Account],
    rates: list[tuple[dt.date, str, Decimal]],
    seller_tax: dict[str, str],
) -> dict[str, bytes]:
    """The ERP's exports by path."""
    by_day = {(day, currency): rate for day, currency, rate in rates}
    europe = [item for item in ledger.items if item.currency != "CNY"]
    china = [item for item in ledger.items if item.currency == "CNY"]
    open_items = csv(_HEADINGS, (_row(item, by_day) for item in _sorted(europe)))
    cleared = csv(
        [*_HEADINGS, "Clearing Date", "Clearing Document"],
        (
            [*_row(item, by_day), item.cleared.isoformat(), item.document.replace("18", "20", 1)]
            for item in _sorted(ledger.paid)
            if item.cleared
        ),
    )
    return {
        "erp/open_items.csv": _with_shifted_row(open_items).encode(),
        "erp/open_items_cn.csv": csv(_HEADINGS_CN, (_row_cn(item) for item in _sorted(china))).encode("utf-8-sig"),
        "erp/cleared_items.csv": cleared.encode(),
        "erp/customers.csv": csv(
            [
                "Customer",
                "Name 1",
                "Search Term",
                "Name 2 / Trading Name",
                "Country",
                "City",
                "VAT Registration No.",
                "Bank Account (IBAN)",
                "Currency",
                "Terms of Payment",
                "Head Office",
                "Alternative Payer",
                "Alternative Payer Name",
            ],
            (
                [
                    one.number,
                    one.name,
                    one.name.upper()[:10].strip(),
                    "",
                    one.country,
                    one.city,
                    one.tax_id,
                    one.account if one.account_known else "",
                    one.currency,
                    one.terms,
                    one.head_office,
                    "0000290001" if one.payer else "",
                    one.payer,
                ]
                for one in customers
            ),
        ).encode(),
        "erp/companies.csv": csv(
            ["Company Code", "Name", "Tax ID", "Bank accounts"],
            (
                [code, name, seller_tax[code], " ".join(one.number for one in accounts.values() if one.company == code)]
                for code, name in (("1000", SELLER), ("2000", SELLER_CN))
            ),
        ).encode(),
        "erp/fx_rates.csv": csv(
            ["Date", "Currency", "Units per EUR"],
            ([day.isoformat(), currency, str(rate)] for day, currency, rate in rates),
        ).encode(),
    }


def _sorted(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.document)


def _with_shifted_row(text: str) -> str:
    """The export with one row spoilt as a hand would: the comma in the name is not quoted, so the row is one too wide."""
    lines = text.splitlines(keepends=True)
    row = (
        "1000,0000200999,Papier, Stift & Mehr e.K.,1800009901,RV,2026-09-18,2026-09-18,2026-10-18,00269901,4590017733,"
        "412.93,EUR,412.93,EUR,Z030,0,0,,,\n"
    )
    lines.insert(len(lines) // 2, row)
    return "".join(lines)
