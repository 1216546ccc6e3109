"""Ledgers in the making, with the truth known, and what is wrong in what a run made of one."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from decimal import Decimal

import polars as pl

_FIRST = ["Kal", "Nor", "Sten", "Tor", "Vek", "Holm", "Gers", "Praw", "Lund", "Zim", "Ost", "Brem", "Falk", "Hess", "Jung", "Rand", "Wolt", "Quar", "Ulm", "Drav"]  # fmt: skip
_SECOND = ["berg", "hausen", "mark", "tal", "sund", "feld", "wick", "brook", "ström", "ell", "ovic", "aine", "etti", "mann", "kamp", "dorf", "stad", "lund"]  # fmt: skip
_TRADE = ["Metallbau", "Logistik", "Papier", "Elektro", "Foods", "Textil", "Pharma", "Verlag", "Systems", "Möbel", "Chemie", "Optik"]  # fmt: skip
FORMS = ["GmbH", "AG", "B.V.", "S.p.A.", "SARL", "GmbH & Co. KG", "Ltd", "AB", "s.r.o."]


class Book:
    """One ledger in the making. ``meant``: what each payment settles, money by item; ``sure``: whether that can be known
    (True), cannot (False: it must stay open), or may be left open (None)."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.party, self.items, self.payments, self.cleared = [], [], [], []
        self.meant: dict[str, dict[str, Decimal]] = {}
        self.sure: dict[str, bool | None] = {}
        self.kind: dict[str, str] = {}
        self.number = self.chance.randrange(2100, 8000)
        self.names: set[str] = set()

    def name(self) -> str:
        while True:
            name = self.chance.choice(_FIRST) + self.chance.choice(_SECOND) + " " + self.chance.choice(_TRADE)
            if name not in self.names:
                self.names.add(name)
                return name

    def customer(self, name: str = "") -> dict:
        name = name or f"{self.name()} {self.chance.choice(FORMS)}"
        party = {"party_id": f"K{len(self.party) + 70001}", "name": name}
        party["account"] = f"DE{len(self.party) + 11:02d}370400440{len(self.party):09d}"
        self.party.append(party)
        return party | {"scheme": self.chance.randrange(4)}

    def amount(self, low: int = 5_000, high: int = 900_000) -> Decimal:
        return Decimal(self.chance.randrange(low, high)) / 100

    def invoice(self, customer: dict, amount: Decimal | None = None, **more) -> dict:
        self.number += self.chance.choice((1, 1, 1, 2, 7))
        written = ("RE-2026-{:05d}", "INV26{:05d}", "9{:08d}", "{:05d}")[customer["scheme"]].format(self.number)
        dated = dt.date(2026, 7, 1) + dt.timedelta(self.chance.randrange(90))
        row = {
            "open_item_id": f"I{len(self.items):04d}",
            "reference": written,
            "amount": self.amount() if amount is None else amount,
            "party_id": customer["party_id"],
            "party_name": customer["name"],
            "document_date": dated,
            "due_date": dated + dt.timedelta(30),
        }
        self.items.append(row | more)
        return self.items[-1]

    def rival(self, customer: dict, amount: Decimal, *, near: bool) -> None:
        """An item with the amount of a payment that names another; not near: no slip of the other's number, as then a slip
        is the likelier story."""
        self.number += 0 if near else 211
        self.invoice(customer, amount)

    def pay(self, kind, customer, amount, text, meant, sure, *, name="", account=None, day=None) -> str:
        """A payment; meant: the items it settles in full, or money by item."""
        payment = f"P{len(self.payments):04d}"
        if not isinstance(meant, dict):
            meant = {item["open_item_id"]: item["amount"] for item in meant}
        known = self.chance.random() < 0.6 if account is None else account
        row = {
            "payment_id": payment,
            "amount": amount,
            "remittance": text,
            "counterparty_name": name or customer["name"],
            "counterparty_account": customer["account"] if known else None,
            "booking_date": day or dt.date(2026, 10, 1) + dt.timedelta(self.chance.randrange(28)),
        }
        self.payments.append(row)
        self.meant[payment], self.sure[payment], self.kind[payment] = meant, sure, kind
        return payment

    def thanks(self) -> str:
        return self.chance.choice(("", "Zahlung", "payment", "Ihre Rechnung", "thank you", "Überweisung"))


def swapped(number: str, chance: random.Random) -> str:
    """The number with two different neighbouring digits of its last five turned round."""
    places = [i for i in range(len(number) - 5, len(number) - 1) if number[i] != number[i + 1]]
    at = chance.choice(places or [len(number) - 2])
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


def hidden(kind: str, meant: dict[str, Decimal], shown: set[frozenset[str]]) -> bool:
    """Whether the truth is not among the solutions shown; of lists and of what settles nothing none is asked."""
    return bool(meant) and not kind.startswith("list") and frozenset(meant) not in shown


def judged(book: Book, found) -> tuple[dict[str, str], Counter[tuple[str, str]]]:
    """What is wrong, by payment, and how often each kind was settled, told ambiguous or left open."""
    money = found.allocation.filter(pl.col("status") == "accepted", pl.col("kind").is_in(["payment", "credit_note"]))
    settled: dict[str, dict[str, Decimal]] = {}
    for row in money.to_dicts():
        settled.setdefault(row["payment_id"], {})[row["open_item_id"]] = row["amount"]
    reasons = dict(found.exception.group_by("object_id").agg(pl.col("reason")).iter_rows())
    shown: dict[str, set[frozenset[str]]] = {}
    for (payment, _), rows in found.candidate.group_by("payment_id", "solution"):
        shown.setdefault(payment, set()).add(frozenset(rows["open_item_id"]))
    wrong, counts = {}, Counter()
    for payment, meant in book.meant.items():
        taken, kind, said = settled.get(payment, {}), book.kind[payment], reasons.get(payment, [])
        short = kind.startswith("list") and "overpayment" in said and taken.items() <= meant.items()
        if taken and not short and (taken != meant or book.sure[payment] is False):
            wrong[payment] = f"{kind}: settled {taken}, meant {meant}"
        elif not taken and not said:
            wrong[payment] = f"{kind}: open without a reason"
        elif not taken and "ambiguous" in said and hidden(kind, meant, shown.get(payment, set())):
            wrong[payment] = f"{kind}: {sorted(meant)} not among {[sorted(s) for s in shown.get(payment, ())]}"
        counts[kind, "settled" if taken else "ambiguous" if "ambiguous" in said else "open"] += 1
    return wrong, counts
