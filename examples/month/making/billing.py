"""What the ERP hands over to be invoiced at the end of the month: the billing lines of 26 documents."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from making.ledger import TERMS, Item, category, cents, csv, money
from making.people import Customer

HEADINGS = [
    "Billing Document",
    "Item",
    "Billing Type",
    "Preceding Invoice",
    "Billing Date",
    "Delivery Date",
    "Net Due Date",
    "Currency",
    "Sold-to Party",
    "Customer Reference",
    "Purchase Order",
    "Contract",
    "Terms of Payment",
    "Material",
    "Description",
    "Long Text",
    "Billed Quantity",
    "Sales Unit",
    "Net Price",
    "Net Value",
    "Tax Category",
    "Tax Rate",
    "Exemption Reason",
    "Note",
]

NEW_CUSTOMER = "0000200990"
"""A customer whose master record lacks the country: its invoice must be stopped (BR-11)."""

_GOODS = (
    ("4010", "Kopierpapier A4 80 g, 500 Blatt", "XPK", "4.19"),
    ("4022", "Briefumschlag DIN lang, 1000 Stück", "XCT", "28.90"),
    ("4211", "Tintenpatrone schwarz", "C62", "17.4950"),
    ("4377", "Notizbuch A5 kariert", "C62", "3.7850"),
    ("4730", "Versandkarton 305x215x120", "C62", "0.8675"),
    ("4815", "Druckerpapier A3 160 g", "XPK", "11.60"),
)
_REASONS = {
    "K": "Innergemeinschaftliche Lieferung, § 4 Nr. 1 Buchst. b UStG",
    "G": "Ausfuhrlieferung, § 4 Nr. 1 Buchst. a UStG",
    "E": "Steuerfreie Seminarleistung, § 4 Nr. 21 UStG",
}


def file(rng: random.Random, customers: list[Customer], credited: list[Item]) -> bytes:
    """billing_lines.csv; ``credited`` are earlier invoices that two credit notes correct."""
    buyers = [one for one in customers if one.country not in {"CN", "GB", ""}]
    rows: list[list[str]] = []
    for position in range(22):
        buyer = rng.choice(buyers)
        kind, rate = category(buyer.country)
        lines = [
            (row, rng.randint(5, 400), kind, rate, _REASONS.get(kind, ""))
            for row in rng.sample(_GOODS, rng.choice((1, 2, 2, 3, 4)))
        ]
        if position == 3:
            buyer = next(one for one in customers if one.name == "Buchhandlung Zwischenzeilen")
            lines = [
                (_GOODS[0], 120, "S", Decimal(19), ""),
                (("5100", "Fachbuch Papierkunde", "C62", "24.90"), 35, "S", Decimal(7), ""),
                (("5101", "Hörbuch Buchdruck", "C62", "12.95"), 11, "S", Decimal(7), ""),
            ]
        if position == 9:
            buyer = next(one for one in customers if one.name.startswith("Volkshochschule"))
            lines = [(("9001", "Seminar Archivierung, 2 Tage", "C62", "480.00"), 3, "E", Decimal(0), _REASONS["E"])]
        rows += _document(position, buyer, lines)
    # A seminar without the reason for its exemption, and a customer without a country: both must be stopped.
    school = next(one for one in customers if one.name.startswith("Kita-Verbund"))
    rows += _document(22, school, [(("9001", "Seminar Archivierung, 2 Tage", "C62", "480.00"), 1, "E", Decimal(0), "")])
    new = next(one for one in customers if one.number == NEW_CUSTOMER)
    rows += _document(23, new, [(_GOODS[0], 40, "S", Decimal(19), "")])
    for position, item in enumerate(credited, start=24):
        first = item.lines[0]
        good = (first.article, first.name, first.unit, str(first.price))
        line = (good, max(1, first.quantity // 5), first.category, first.rate, _REASONS.get(first.category, ""))
        rows += _document(position, item.customer, [line], corrects=item.reference)
    return csv(HEADINGS, rows).encode()


def _document(
    position: int,
    buyer: Customer,
    lines: list[tuple[tuple[str, str, str, str], int, str, Decimal, str]],
    *,
    corrects: str = "",
) -> list[list[str]]:
    day = dt.date(2026, 10, 28 + position % 3)
    days = TERMS[buyer.terms][0]
    rows = []
    for number, ((article, name, unit, price), quantity, kind, rate, reason) in enumerate(lines, start=1):
        net = cents(Decimal(price) * quantity * 100)
        rows.append(
            [
                f"{9_100_000_401 + 2 * position}",
                str(10 * number),
                "G2" if corrects else "F2",
                corrects,
                day.isoformat(),
                (day - dt.timedelta(days=2)).isoformat(),
                "" if corrects else (day + dt.timedelta(days=days)).isoformat(),
                buyer.currency,
                buyer.number,
                f"KST {4000 + position}" if position % 4 == 0 else "",
                "" if corrects else f"45{88_000_000 + 7 * position}",
                f"RV-2026-{position:02d}" if position % 6 == 5 else "",
                "" if corrects else f"{days} Tage netto",
                article,
                name,
                "",
                str(quantity),
                unit,
                price,
                money(net) if position % 3 else "",
                kind,
                str(rate),
                reason,
                "Bitte die neue Bankverbindung beachten." if position == 6 else "",
            ]
        )
    return rows
