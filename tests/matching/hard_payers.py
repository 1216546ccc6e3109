"""Payments of which it is hard to tell who paid, or whether it was paid already: each kind a function that adds to a ledger."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from tests.matching.hard_book import FORMS, Book, swapped


def number_of_another(book: Book) -> None:
    """A customer number, a delivery note or a postcode that is another customer's invoice number."""
    customer, other = book.customer(), book.customer()
    mine, stray = book.invoice(customer), book.invoice(other)
    for _ in range(book.chance.randint(0, 3)):
        book.invoice(customer)
    text = book.chance.choice(("Kd.-Nr. {}", "Lieferschein {}", "LS {} danke", "{}", "Ref {} Auftrag")).format(
        stray["reference"]
    )
    if book.chance.random() < 0.5:
        book.pay("number of another, amount of mine", customer, mine["amount"], text, [mine], None)
    else:
        amount = stray["amount"] * Decimal("0.97") // 1 + book.amount(1, 90)
        book.pay("number of another, no amount", customer, amount, text, [], False)


def namesakes(book: Book) -> None:
    """Two houses of one name; the payer's name tells one of them, or neither."""
    stem, trade = book.name().split(" ")
    ways = [
        (f"{stem} {trade} Nord GmbH", f"{stem} {trade} Süd GmbH", f"{stem} {trade}"),
        (f"{stem} {trade} GmbH", f"{stem} {trade} AG", f"{stem} {trade}"),
        (f"{stem} {trade} GmbH", f"{stem} GmbH", ""),
        (f"{stem} {trade} GmbH", f"{stem} {trade} Service GmbH", ""),
        (f"{stem}er {trade} AG", f"{stem}en {trade} AG", ""),
        (f"Hans {stem} e.K.", f"Heinz {stem} e.K.", f"{stem}"),
    ]
    one, two, neither = book.chance.choice(ways)
    customers = [book.customer(one), book.customer(two)]
    book.chance.shuffle(customers)
    payer, other = customers
    amount, told = book.amount(), not neither or book.chance.random() < 0.6
    written = payer["name"] if told else neither
    if book.chance.random() < 0.3 and told:
        written = written.upper()
    theirs = book.invoice(other, amount)
    mine = book.invoice(payer, amount) if book.chance.random() < 0.6 else None
    book.invoice(payer)
    if mine:
        label = f"namesakes, both owe it, {'told' if told else 'not told'}"
        book.pay(label, payer, amount, book.thanks(), [mine], None if told else False, name=written, account=False)
    elif told:
        book.pay(
            "namesakes, only the other owes it", payer, amount, book.thanks(), [], False, name=written, account=False
        )
    else:
        book.pay("namesakes, not told", other, amount, book.thanks(), [theirs], None, name=written, account=False)


def cut_name(book: Book) -> None:
    """A bank cuts the name after 27 signs, where two customers begin alike."""
    stem = f"{book.name()} Handelsgesellschaft"
    one, two = book.customer(f"{stem} Nord mbH"), book.customer(f"{stem} West mbH")
    amount = book.amount()
    item = book.invoice(one, amount)
    both = book.chance.random() < 0.5
    if both:
        book.invoice(two, amount)
    label = "name cut, both owe it" if both else "name cut, one owes it"
    book.pay(label, one, amount, book.thanks(), [item], False if both else None, name=one["name"][:27], account=False)


def strangers(book: Book) -> None:
    """Somebody who is no customer pays the amount of an item."""
    customer = book.customer()
    item = book.invoice(customer)
    nobody = {"name": f"{book.name()} {book.chance.choice(FORMS)}", "account": f"NL{book.chance.randrange(10**12)}"}
    book.pay("a stranger with the amount", nobody, item["amount"], book.thanks(), [], False)


def nobody_named(book: Book) -> None:
    """No name and no number: an amount that two customers owe, or one."""
    one, two, amount = book.customer(), book.customer(), book.amount()
    book.invoice(one, amount)
    if book.chance.random() < 0.5:
        book.invoice(two, amount)
    book.pay(
        "no name, no number", {"name": "", "account": ""}, amount, book.thanks(), [], False, name=" ", account=False
    )


def two_payers(book: Book) -> None:
    """Two customers quote one number; it is one's, and the other meant an item of its own with a number like it."""
    one, two, amount = book.customer(), book.customer(), book.amount()
    theirs = book.invoice(one, amount)
    mine = book.invoice(two, amount, reference=swapped(theirs["reference"], book.chance))
    book.invoice(two)
    text = f"Rg {theirs['reference']}"
    day = dt.date(2026, 10, book.chance.randint(2, 27))
    book.pay("one number, its own payer", one, amount, text, [theirs], None, day=day)
    book.pay(
        "one number, another's slip",
        two,
        amount,
        text,
        [mine],
        None,
        day=day + dt.timedelta(book.chance.choice((-1, 0, 1))),
    )


def sum_of_two_customers(book: Book) -> None:
    """One payment names items of two customers: the payer's own and a sister's."""
    one, two = book.customer(), book.customer()
    items = [book.invoice(one), book.invoice(one), book.invoice(two)]
    text = " ".join(item["reference"] for item in items)
    book.pay("list, of two customers", one, sum(i["amount"] for i in items), text, items, None)


def paid_twice(book: Book) -> None:
    customer, amount = book.customer(), book.amount()
    item = book.invoice(customer, amount)
    twins = [book.invoice(customer, amount) for _ in range(book.chance.randint(0, 1))]
    book.invoice(customer)
    text = f"Rechnung {item['reference']}"
    days = sorted(book.chance.sample(range(1, 28), 2))
    book.pay("paid first", customer, amount, text, [item], True, day=dt.date(2026, 10, days[0]))
    label = "paid twice" + (", another of that amount" if twins else "")
    book.pay(label, customer, amount, text, [], False, day=dt.date(2026, 10, days[1]))


def equal_payments(book: Book) -> None:
    """The same amount twice for one item, or for two, without a number."""
    customer, amount = book.customer(), book.amount()
    items = [
        book.invoice(customer, amount, document_date=dt.date(2026, 8, 3)) for _ in range(book.chance.randint(1, 2))
    ]
    book.invoice(customer)
    days = sorted(book.chance.sample(range(1, 28), 2))
    if len(items) == 1:
        book.pay("equal payments, one item", customer, amount, "", items, True, day=dt.date(2026, 10, days[0]))
        book.pay("equal payments, one item, again", customer, amount, "", [], False, day=dt.date(2026, 10, days[1]))
    else:
        first, second = items if book.chance.random() < 0.5 else items[::-1]
        book.pay("equal payments, two items", customer, amount, "", [first], False, day=dt.date(2026, 10, days[0]))
        book.pay("equal payments, two items", customer, amount, "", [second], False, day=dt.date(2026, 10, days[1]))


KINDS = (
    number_of_another, namesakes, cut_name, strangers, nobody_named, two_payers, sum_of_two_customers,
    paid_twice, equal_payments,
)  # fmt: skip
