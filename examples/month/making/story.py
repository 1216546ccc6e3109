"""What happened in October 2026: every situation a month has, as payments with the items they truly settle."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from making.ledger import AS_OF, TERMS, Item, Ledger, cents
from making.people import SELLER, Account, Customer, account_number
from making.words import noisy, phrase, shortened

DAYS = [day for day in (dt.date(2026, 10, 1) + dt.timedelta(days=n) for n in range(30)) if day.weekday() < 5]

# How often each situation happens on each account.
PLAN: dict[str, dict[str, int]] = {
    "exact_reference": {"M1": 21, "M2": 12, "M3": 14, "M4": 10, "M5": 15, "M6": 6, "C1": 18},
    "structured_reference": {"M1": 9, "M2": 9, "M3": 3, "M4": 3, "M5": 2},
    "reference_with_noise": {"M1": 4, "M2": 1, "M3": 4, "M4": 2, "M5": 3},
    "reference_shortened": {"M1": 5, "M3": 4, "M4": 2, "M5": 5, "C1": 4},
    "contract_reference": {"C1": 4},
    "several_invoices": {"M1": 5, "M2": 3, "M3": 3, "M4": 2, "M5": 3, "C1": 3},
    "credit_netted": {"M1": 4, "M2": 1, "M3": 2, "M4": 1, "M5": 2},
    "part_payment": {"M1": 3, "M2": 2, "M3": 2, "M5": 2, "M6": 1, "C1": 2},
    "discount_in_terms": {"M1": 4, "M2": 2, "M3": 2, "M4": 2, "M5": 3},
    "discount_out_of_terms": {"M1": 1, "M2": 1, "M5": 1},
    "fee_short": {"M2": 3, "M3": 1, "M4": 1, "M6": 2},
    "rounding": {"M1": 1, "M2": 1, "M5": 1},
    "name_and_amount": {"M1": 5, "M2": 3, "M3": 3, "M4": 2, "M5": 3, "C1": 6},
    "overpayment": {"M1": 2, "M2": 1, "M5": 1},
    "duplicate": {"M1": 1, "M5": 1},
    "paid_item": {"M1": 1, "M3": 1},
    "returned": {"M1": 1, "M3": 1},
    "third_party": {"M1": 2, "M3": 1, "M5": 1},
    "ambiguous": {"M1": 1, "M2": 1, "M5": 1},
    "wrong_currency": {"M1": 1},
    "invalid_reference": {"M1": 1, "M2": 1},
    "unidentified": {"M1": 1, "M3": 1, "M4": 1, "M5": 1, "C1": 1},
    "salary": {"M1": 3, "C1": 1},
    "tax": {"M3": 2},
    "interest": {"M4": 1, "M5": 1, "C1": 1},
    "own_transfer": {"M1": 2},
    "bank_fee": {"M2": 1, "M6": 1},
    "supplier": {"M1": 3, "M5": 1},
}

# Which countries' customers pay into which account.
_PAYERS = {
    "M1": ("DE", "DE", "DE", "AT", "FR", "SE", "NO", "PL", "IT"),
    "M2": ("BE", "FR", "IT", "ES", "GB"),
    "M3": ("DE", "DE", "AT", "PL", "DK", "CH"),
    "M4": ("NL", "BE", "DE"),
    "M5": ("DE", "DE", "AT", "CH", "SE", "FR"),
    "M6": ("US",),
    "C1": ("CN",),
}


@dataclass(eq=False)
class Payment:
    """One bank transaction and the truth about it. ``money`` and ``settled`` hold (item, cents, kind)."""

    account: str
    date: dt.date
    amount: int
    name: str
    number: str
    compose: Callable[[], str]
    situation: str
    structured: Callable[[], str] = str
    money: list[tuple[Item, int, str]] = field(default_factory=list)
    settled: list[tuple[Item, int, str]] = field(default_factory=list)
    reasons: tuple[tuple[str, str], ...] = ()
    fee: int = 0
    returns: Payment | None = None
    id: str = ""
    end_to_end: str = ""
    text: str = ""
    reference: str = ""

    @property
    def unallocated(self) -> int:
        return self.amount - sum(amount for _, amount, _ in self.money)


class Story:
    """Plays the plan: makes the items a situation needs and the payments that show it."""

    def __init__(
        self, rng: random.Random, ledger: Ledger, customers: list[Customer], accounts: dict[str, Account]
    ) -> None:
        self.rng = rng
        self.ledger = ledger
        self.accounts = accounts
        self.payments: list[Payment] = []
        self.by_country: dict[str, list[Customer]] = {}
        for one in customers:
            self.by_country.setdefault(one.country, []).append(one)

    def play(self) -> None:
        for situation, counts in PLAN.items():
            for account, count in counts.items():
                for _ in range(count):
                    getattr(self, f"_{situation}")(account, situation)
        self._fill(400)
        self.ledger.number()
        self._finish()

    # --- small steps ---

    def _customer(self, account: str, *, discount: bool = False, country: str | None = None) -> Customer:
        while True:
            one = self.rng.choice(self.by_country[country or self.rng.choice(_PAYERS[account])])
            if not discount or TERMS[one.terms][1]:
                return one

    def _pay_day(self) -> dt.date:
        return self.rng.choice(DAYS)

    def _item(self, customer: Customer, paid_on: dt.date, *, low: int = 8, high: int = 55) -> Item:
        return self.ledger.invoice(customer, paid_on - dt.timedelta(days=self.rng.randint(low, high)))

    def _pay(
        self,
        account: str,
        day: dt.date,
        amount: int,
        payer: Customer | tuple[str, str],
        compose: Callable[[], str],
        situation: str,
    ) -> Payment:
        name, number = (payer.name, payer.account) if isinstance(payer, Customer) else payer
        payment = Payment(account, day, amount, name, number, compose, situation)
        if self.rng.random() < 0.5:
            payment.end_to_end = (
                f"{self.rng.choice(('PMT', 'AP', 'ZA', 'E2E'))}{self.rng.randint(50_000_000, 99_999_999)}"
            )
        self.payments.append(payment)
        return payment

    def _paid(self, account: str, situation: str, **ages: int) -> tuple[Item, Payment]:
        """An invoice and a payment of exactly its amount that quotes it."""
        customer, day = self._customer(account), self._pay_day()
        item = self._item(customer, day, **ages)
        payment = self._pay(account, day, item.total, customer, partial(phrase, self.rng, (item,)), situation)
        payment.money.append((item, item.total, "cash"))
        return item, payment

    # --- situations that settle items ---

    def _exact_reference(self, account: str, situation: str) -> None:
        self._paid(account, situation)

    def _structured_reference(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        item.wants_reference = True
        payment.compose = str
        payment.structured = lambda: item.payment_reference
        if account in {"M3", "M4", "M5"} or self.rng.random() < 0.2:
            payment.structured = str
            payment.compose = lambda: " ".join(_fours(item.payment_reference))

    def _reference_with_noise(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.compose = partial(phrase, self.rng, (item,), noisy)

    def _reference_shortened(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.compose = partial(phrase, self.rng, (item,), shortened)

    def _contract_reference(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.compose = lambda: f"{item.contract}合同款"

    def _several_invoices(self, account: str, situation: str) -> None:
        customer, day = self._customer(account), self._pay_day()
        items = [self._item(customer, day) for _ in range(self.rng.choice((2, 2, 3, 3, 4)))]
        total = sum(item.total for item in items)
        payment = self._pay(account, day, total, customer, partial(phrase, self.rng, items), situation)
        payment.money += [(item, item.total, "cash") for item in items]

    def _credit_netted(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation, low=20)
        credit = self.ledger.credit(item, item.date + dt.timedelta(days=self.rng.randint(3, 12)))
        payment.amount -= credit.total
        payment.money.append((credit, -credit.total, "credit"))
        payment.compose = partial(phrase, self.rng, (item,), None, credit)

    def _part_payment(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.amount = max(100, item.total * self.rng.randint(30, 70) // 100 // 1000 * 1000)
        payment.money[0] = (item, payment.amount, "cash")
        tail = {"CN": " 部分货款", "DE": " Teilzahlung", "FR": " acompte", "US": " part payment"}
        word = tail.get(item.customer.country, " a conto")
        payment.compose = lambda: phrase(self.rng, (item,)) + word
        payment.reasons = (("PARTIAL_PAYMENT", "residual"),)

    def _discounted(self, account: str, situation: str, age: Callable[[int], int]) -> tuple[Item, Payment, int]:
        customer, day = self._customer(account, discount=True), self._pay_day()
        _, days, percent = TERMS[customer.terms]
        item = self.ledger.invoice(customer, day - dt.timedelta(days=age(days)))
        discount = cents(item.total * Decimal(percent) / 100)
        word = (
            "Skonto"
            if customer.country in {"DE", "AT", "CH"}
            else "escompte"
            if customer.country == "FR"
            else "discount"
        )
        payment = self._pay(account, day, item.total - discount, customer, str, situation)
        less = {"Skonto": "abzgl.", "escompte": "moins"}.get(word, "less")
        payment.compose = lambda: f"{phrase(self.rng, (item,))} {less} {percent}% {word}"
        payment.money.append((item, payment.amount, "cash"))
        return item, payment, discount

    def _discount_in_terms(self, account: str, situation: str) -> None:
        item, payment, discount = self._discounted(account, situation, lambda days: self.rng.randint(3, days))
        payment.settled.append((item, discount, "discount"))

    def _discount_out_of_terms(self, account: str, situation: str) -> None:
        _, payment, _ = self._discounted(account, situation, lambda days: days + self.rng.randint(12, 25))
        payment.reasons = (("DISCOUNT_OUT_OF_TERMS", "residual"),)

    def _fee_short(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.fee = self.rng.choice((750, 1200, 1500))
        payment.amount -= payment.fee
        payment.money[0] = (item, payment.amount, "cash")
        payment.settled.append((item, payment.fee, "bank_fee"))

    def _rounding(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.amount -= self.rng.randint(1, 3)
        payment.money[0] = (item, payment.amount, "cash")
        payment.settled.append((item, item.total - payment.amount, "rounding"))

    def _name_and_amount(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        words = {"CN": ("货款", "", "往来款"), "DE": ("Rechnung", "", "Ihre Lieferung")}
        text = self.rng.choice(words.get(item.customer.country, ("invoice", "", "payment")))
        payment.compose = lambda: text

    def _overpayment(self, account: str, situation: str) -> None:
        _, payment = self._paid(account, situation)
        payment.amount += self.rng.choice((900, 5000, 10_000))
        payment.reasons = (("OVERPAYMENT", "residual"),)

    def _third_party(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.name = self.rng.choice(("Treuhandkontor Wendland GmbH", "Nordischer Zahlungsdienst AG", "Fam. Kröger"))
        payment.number = account_number(self.rng, "DE")
        payment.compose = lambda: f"{phrase(self.rng, (item,))} im Auftrag {item.customer.name}"
        payment.reasons = (("THIRD_PARTY_PAYER", "info"),)

    def _invalid_reference(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        item.wants_reference = True
        payment.compose = lambda: _mistyped(item)
        payment.reasons = (("INVALID_REFERENCE", "info"),)

    # --- situations in which nothing may be allocated ---

    def _blocked(self, payment: Payment, reason: str) -> None:
        payment.money.clear()
        payment.reasons = ((reason, "block"),)

    def _duplicate(self, account: str, situation: str) -> None:
        item, first = self._paid(account, situation)
        first.date = min(first.date, DAYS[-4])
        later = next(day for day in DAYS if day > first.date + dt.timedelta(days=1))
        second = self._pay(account, later, item.total, item.customer, lambda: first.text, situation)
        self._blocked(second, "DUPLICATE_PAYMENT")

    def _paid_item(self, account: str, situation: str) -> None:
        customer, day = self._customer(account), self._pay_day()
        item = self.ledger.invoice(customer, day - dt.timedelta(days=80), paid=True)
        item.cleared = day - dt.timedelta(days=33)
        compose = partial(phrase, self.rng, (item,))
        self._blocked(self._pay(account, day, item.total, customer, compose, situation), "ALREADY_PAID")

    def _returned(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation)
        payment.date = min(payment.date, DAYS[-6])
        payment.end_to_end = f"E2E{self.rng.randint(50_000_000, 99_999_999)}"
        later = DAYS[DAYS.index(payment.date) + 4]
        back = self._pay(account, later, -item.total, item.customer, lambda: f"RETURN MS03 {payment.text}", situation)
        back.end_to_end, back.returns = payment.end_to_end, payment
        self._blocked(payment, "RETURNED")
        self._blocked(back, "RETURNED")

    def _ambiguous(self, account: str, situation: str) -> None:
        item, payment = self._paid(account, situation, low=12)
        self.ledger.twin(item, item.date + dt.timedelta(days=7))
        payment.compose = lambda: "Rechnung" if item.customer.country == "DE" else "invoice"
        self._blocked(payment, "AMBIGUOUS")

    def _wrong_currency(self, account: str, situation: str) -> None:
        customer, day = self._customer("M6"), self._pay_day()
        item = self._item(customer, day)
        compose = partial(phrase, self.rng, (item,))
        self._blocked(self._pay(account, day, item.total, customer, compose, situation), "WRONG_CURRENCY")

    def _unidentified(self, account: str, situation: str) -> None:
        name, text = (
            ("王建国", "转账")
            if account == "C1"
            else self.rng.choice(
                (("H. Wiebe", "Danke"), ("Lindqvist Konsult HB", "betalning"), ("", "SAMMELGUTSCHRIFT 4711"))
            )
        )
        number = account_number(self.rng, "CN" if account == "C1" else "SE")
        amount = self.rng.randint(4_000, 90_000) * 10 + 7
        self._blocked(
            self._pay(account, self._pay_day(), amount, (name, number), lambda: text, situation), "UNIDENTIFIED"
        )

    def _not_receivable(self, account: str, day: dt.date, amount: int, name: str, text: str, situation: str) -> Payment:
        number = account_number(self.rng, "CN" if account == "C1" else "DE") if name else ""
        payment = self._pay(account, day, amount, (name, number), lambda: text, situation)
        payment.end_to_end = ""
        self._blocked(payment, "NOT_RECEIVABLE")
        return payment

    def _salary(self, account: str, situation: str) -> None:
        amount = -self.rng.randint(210_000, 480_000)
        name, text = (
            ("代发工资", "工资 2026年10月")
            if account == "C1"
            else (
                self.rng.choice(("Anke Petersen", "Jens Thomsen", "Mehmet Yılmaz")),
                "LOHN/GEHALT 10/2026",
            )
        )
        self._not_receivable(account, DAYS[-2], amount, name, text, situation)

    def _tax(self, account: str, situation: str) -> None:
        text = self.rng.choice(("USt 09/2026 StNr 22/295/01234", "Lohnsteuer 09/2026 StNr 22/295/01234"))
        self._not_receivable(
            account, DAYS[6], -self.rng.randint(300_000, 900_000), "Finanzkasse Lübeck", text, situation
        )

    def _interest(self, account: str, situation: str) -> None:
        text = "结息" if account == "C1" else "ZINSEN 3. Quartal 2026"
        self._not_receivable(account, DAYS[0], self.rng.randint(500, 9_000), "", text, situation)

    def _own_transfer(self, account: str, situation: str) -> None:
        other, day = self.rng.choice(("M3", "M5")), self._pay_day()
        amount = self.rng.randint(5, 40) * 100_000
        text = "Umbuchung Kontenausgleich"
        out = self._not_receivable(account, day, -amount, SELLER, text, situation)
        into = self._not_receivable(other, day, amount, SELLER, text, situation)
        out.number, into.number = self.accounts[other].number, self.accounts[account].number

    def _bank_fee(self, account: str, situation: str) -> None:
        self._not_receivable(account, DAYS[-1], -self.rng.randint(900, 3_900), "", "Kontoführung 10/2026", situation)

    def _supplier(self, account: str, situation: str) -> None:
        name = self.rng.choice(("Papiermühle Holzbach GmbH", "Spedition Wakenitz GmbH", "Stadtwerke Travemünde"))
        number = self.rng.randint(700_000, 999_999)
        amount = -self.rng.randint(40_000, 900_000)
        self._not_receivable(account, self._pay_day(), amount, name, f"Ihre Rechnung {number}", situation)

    # --- the end ---

    def _fill(self, count: int) -> None:
        """Open items that nobody pays this month, some overdue, a few credit notes; and items cleared in September."""
        everyone = [one for group in self.by_country.values() for one in group]
        for _ in range(18):
            payer = self.rng.choice([one for one in everyone if one.country != "CN"])
            paid = self.ledger.invoice(payer, AS_OF - dt.timedelta(days=self.rng.randint(80, 120)), paid=True)
            paid.cleared = min(paid.due + dt.timedelta(days=self.rng.randint(0, 6)), dt.date(2026, 9, 30))
        while len(self.ledger.items) < count:
            item = self.ledger.invoice(self.rng.choice(everyone), AS_OF - dt.timedelta(days=self.rng.randint(3, 75)))
            if (
                self.rng.random() < 0.08
                and len(self.ledger.items) < count
                and item.date < AS_OF - dt.timedelta(days=20)
            ):
                self.ledger.credit(item, item.date + dt.timedelta(days=self.rng.randint(4, 15)))

    def _finish(self) -> None:
        """Orders the payments as the banks book them, gives each its bank reference and its text."""
        self.payments.sort(key=lambda payment: (payment.date, payment.account))
        for position, payment in enumerate(self.payments, start=1):
            payment.id = f"T{payment.date:%y%m%d}{position:05d}"
        for payment in self.payments:
            payment.text = payment.compose()
            payment.reference = payment.structured()
            for item, amount, _ in [*payment.money, *payment.settled]:
                item.settled += amount


def _fours(reference: str) -> list[str]:
    if reference.startswith("+"):
        return [reference]
    return [reference[start : start + 4] for start in range(0, len(reference), 4)]


def _mistyped(item: Item) -> str:
    """The item's structured reference with one digit wrong, which its check digits show."""
    if item.payment_reference.startswith("+"):
        check = int(item.payment_reference[-5:-3])
        return f"{item.payment_reference[:-5]}{check % 97 + 1:02d}+++"
    return f"{item.payment_reference[:-1]}{(int(item.payment_reference[-1]) + 1) % 10}"
