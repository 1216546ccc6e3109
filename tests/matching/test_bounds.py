"""The worst books cost what the rows cost: no step of the plan makes payments x items of one customer, name or number."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from tieout.matching.ledger import Ledger

SIZE = 1000
# Rows that one payment or item may cost a step: a number may mean ``crowd`` items (200 in the shipped plan).
ROWS_EACH = 210


def _rows(key, count, **columns):
    return [
        {key: f"{key}{n:05d}", **{name: value(n) if callable(value) else value for name, value in columns.items()}}
        for n in range(count)
    ]


def items(count=SIZE, **columns):
    return _rows("open_item_id", count, **{"amount": amount, "reference": number} | columns)


def payments(count=SIZE, **columns):
    return _rows("payment_id", count, **{"amount": amount, "remittance": "thanks"} | columns)


def number(n):
    return f"2026-{n % SIZE:05d}"


def amount(n):
    return f"{100 + n}.{n % 97:02d}"


def no_amount(n):
    return f"{9000 + n}.13"


RATE = [{"base_currency": "EUR", "currency": "USD", "rate_date": dt.date(2026, 10, 9), "rate": "1.1"}]
BOOKS = {
    "one amount": {"open_item": items(amount="100.00"), "payment": payments(amount="100.00")},
    "one customer": {"open_item": items(), "payment": payments(amount=no_amount)},
    "another currency": {
        "open_item": items(currency="USD", party_id=lambda n: f"C{n // 40}"),
        "payment": payments(),
        "exchange_rate": RATE,
    },
    "one name": {"open_item": items(party_id=lambda n: f"C{n}"), "payment": payments(amount=no_amount)},
    "names alike": {
        "open_item": items(amount="100.00", party_id=lambda n: f"C{n}", party_name=lambda n: f"Alpen Papier {n:04d} AG"),
        "payment": payments(amount="100.00", counterparty_name="Alpen Papier 00 AG"),
    },
    "one number": {"open_item": items(reference="2026-77777"), "payment": payments(remittance="2026-77777")},
    "one item": {"open_item": items(1, amount="9000000.00"), "payment": payments(remittance=number(0))},
    "another amount": {"open_item": items(), "payment": payments(amount=no_amount, remittance=number)},
    "lists": {
        "open_item": items(),
        "payment": payments(amount=no_amount, remittance=lambda n: f"{number(n)} {number(7 * n + 1)} {number(3 * n)}"),
    },
    "ranges": {"open_item": items(), "payment": payments(remittance=f"{number(0)} bis {number(SIZE - 1)}")},
    "mistyped": {"open_item": items(), "payment": payments(remittance=lambda n: f"2026-{n:05d}"[::-1])},
    "paid before": {
        "open_item": items(1),
        "cleared_item": _rows("cleared_item_id", SIZE, amount="100.00", reference="2026-77777"),
        "payment": payments(amount="100.00", remittance="2026-77777"),
    },
    "returns": {
        "open_item": items(1),
        "payment": payments(amount=lambda n: "100.00" if n % 2 else "-100.00", remittance="RETURN, returned"),
    },
    "one order": {"open_item": items(order_reference="4500099999"), "payment": payments(remittance="4500099999")},
    "refunds": {"open_item": items(amount="-100.00"), "payment": payments(amount="-100.00")},
}  # fmt: skip


@pytest.mark.parametrize("named", BOOKS)
def test_no_step_makes_payments_times_items(match, monkeypatch, named):
    made: Counter[str] = Counter()
    rows, run = Ledger.rows, Ledger.run

    def counted_rows(self, name, sql, **parameters):
        frame = rows(self, name, sql, **parameters)
        made[name] = max(made[name], frame.height)
        return frame

    def counted_run(self, name, sql, **parameters):
        run(self, name, sql, **parameters)
        words = sql.split(maxsplit=6)
        if words[:5] == ["create", "or", "replace", "temp", "table"]:
            made[name] = max(made[name], self.count(name, f"select count(*) from {words[5]}"))

    monkeypatch.setattr(Ledger, "rows", counted_rows)
    monkeypatch.setattr(Ledger, "run", counted_run)
    book = BOOKS[named]
    match(**book)
    name, most = made.most_common(1)[0]
    assert most <= ROWS_EACH * sum(map(len, book.values())), name
