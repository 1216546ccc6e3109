"""Payments of which it is hard to tell for which items: each kind a function that adds customers, items and payments to a
ledger and says what is meant."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from tests.matching.hard_book import Book, swapped


def equal_amounts(book: Book) -> None:
    customer, amount = book.customer(), book.amount()
    items = [book.invoice(customer, amount) for _ in range(book.chance.randint(2, 5))]
    for _ in range(book.chance.randint(0, 2)):
        book.invoice(customer)
    item = book.chance.choice(items)
    if book.chance.random() < 0.5:
        book.pay("equal amounts, no number", customer, amount, book.thanks(), [item], False)
    else:
        book.pay("equal amounts, one named", customer, amount, f"Rg. {item['reference']}", [item], True)


def turned_digits(book: Book) -> None:
    customer, other = book.customer(), book.customer()
    item = book.invoice(customer)
    for _ in range(book.chance.randint(1, 4)):
        book.invoice(customer)
    wrong = swapped(item["reference"], book.chance)
    kind = book.chance.randrange(3)
    if kind == 0:
        book.pay("digits turned", customer, item["amount"], f"Rechnung {wrong}", [item], None)
        return
    hit = book.invoice(customer if kind == 1 else other, reference=wrong)
    label = "digits turned into another of mine" if kind == 1 else "digits turned into another customer's"
    if book.chance.random() < 0.7:
        book.pay(label, customer, item["amount"], f"Rechnung {wrong}", [item], None)
    else:  # rightly written, and of no use to the other
        book.pay(label + ", rightly", customer, item["amount"], f"Rechnung {item['reference']}", [item], True)
    assert hit["amount"] != item["amount"]


def several_sums(book: Book) -> None:
    """Two sets of the customer's items have the same sum."""
    customer = book.customer()
    items = [book.invoice(customer) for _ in range(book.chance.randint(3, 6))]
    first = book.chance.sample(items, book.chance.randint(1, 2))
    total = sum(item["amount"] for item in first)
    part = (total * book.chance.randint(20, 45) / 100).quantize(Decimal("0.01"))
    second = [book.invoice(customer, part), book.invoice(customer, total - part)]
    meant = book.chance.choice((first, second))
    if len(first) == 1 and meant is second:
        return several_sums(book)  # one item with the amount is what a clerk takes
    if book.chance.random() < 0.6:
        sure = None if len(first) == 1 else False
        book.pay("several sums", customer, total, book.thanks(), meant, sure)
    else:
        named = book.chance.choice(meant)
        book.pay("several sums, one named", customer, total, f"{named['reference']} u.a.", meant, None)
    return None


def discount_or_exact(book: Book) -> None:
    """One item open with the amount, another that comes to it less its discount."""
    customer, day = book.customer(), dt.date(2026, 10, 12)
    base = Decimal(book.chance.randrange(50, 4000) * 50)
    terms = {
        "discount_days": 14,
        "discount_percent": 2,
        "document_date": day - dt.timedelta(book.chance.choice((5, 40))),
    }
    full, less = book.invoice(customer, base * 98 / 100), book.invoice(customer, base, **terms)
    for _ in range(book.chance.randint(0, 2)):
        book.invoice(customer)
    in_time = terms["document_date"] == day - dt.timedelta(5)
    meant = {full["open_item_id"]: full["amount"]}
    named = book.chance.choice((None, full, less))
    if named is less:
        meant = {less["open_item_id"]: full["amount"]}
    text = f"Re {named['reference']}" if named else book.thanks()
    sure = True if named is full else None if named is less or not in_time else False
    label = f"discount or exact, {'in time' if in_time else 'late'}, {'named' if named else 'unnamed'}"
    book.pay(label, customer, full["amount"], text, meant, sure, day=day)


def credit_note(book: Book) -> None:
    customer = book.customer()
    invoice = book.invoice(customer, book.amount(90_000))
    credit = book.invoice(customer, -book.amount(1_000, 60_000))
    net = invoice["amount"] + credit["amount"]
    rivals = [book.invoice(customer) for _ in range(book.chance.randint(1, 3))]
    if rival := book.chance.random() < 0.4:
        rivals.append(book.invoice(customer, net))
    text, sure = book.chance.choice(
        (
            (f"{invoice['reference']} abzgl. Gutschrift {credit['reference']}", None if rival else True),
            (f"{invoice['reference']} less credit", None),
            (book.thanks(), None),
        )
    )
    label = "credit note netted" + (", another of that amount" if rival else "")
    if rival and not any(c.isdigit() for c in text):
        book.pay(label + ", unnamed", customer, net, text, [rivals[-1]], None)
    else:
        book.pay(label, customer, net, text, [invoice, credit], sure)


def paid_before(book: Book) -> None:
    """The number is of an item that was cleared long ago; an open one may have its amount."""
    customer = book.customer()
    done, amount = book.invoice(customer), book.amount()
    book.items.remove(done)
    book.cleared.append(
        {
            "cleared_item_id": f"C{len(book.cleared):04d}",
            "reference": done["reference"],
            "amount": amount,
            "party_id": customer["party_id"],
            "party_name": customer["name"],
            "clearing_date": dt.date(2026, 9, 20),
        }
    )
    book.invoice(customer, amount if book.chance.random() < 0.5 else None)
    book.invoice(customer)
    book.pay("cleared before", customer, amount, f"Rg {done['reference']}", [], False)


def part_or_another(book: Book) -> None:
    """A number with half its amount, or with more; what is paid may be exactly another item."""
    customer = book.customer()
    item = book.invoice(customer, Decimal(book.chance.randrange(200, 9000) * 10))
    amount = item["amount"] * book.chance.choice((25, 40, 50, 60)) / 100
    rival, says = book.chance.random() < 0.5, book.chance.random() < 0.5
    if rival:
        book.rival(customer, amount, near=says)
    for _ in range(book.chance.randint(0, 2)):
        book.invoice(customer)
    text = f"{'Teilzahlung ' if says else 'Re '}{item['reference']}"
    label = f"part payment{', said' if says else ''}{', another of that amount' if rival else ''}"
    book.pay(label, customer, amount, text, {item["open_item_id"]: amount}, None if rival or not says else True)


def one_more(book: Book) -> None:
    """Two items paid, one named: what is too much is exactly the other."""
    customer = book.customer()
    first, second = book.invoice(customer), book.invoice(customer)
    for _ in range(book.chance.randint(0, 3)):
        book.invoice(customer)
    if book.chance.random() < 0.3:
        book.invoice(customer, second["amount"])
    book.pay(
        "one of two named", customer, first["amount"] + second["amount"], first["reference"], [first, second], None
    )


def fee_or_another(book: Book) -> None:
    customer = book.customer()
    item = book.invoice(customer, book.amount(100_000))
    paid = item["amount"] - book.chance.choice((8, 12, 15, 25))
    rival, says = book.chance.random() < 0.5, book.chance.random() < 0.5
    if rival:
        book.rival(customer, paid, near=says)
    label = f"a fee is missing{', said' if says else ''}{', another of that amount' if rival else ''}"
    text = f"Inv {item['reference']}{' charges deducted' if says else ''}"
    book.pay(label, customer, paid, text, {item["open_item_id"]: paid}, None)


def listed(book: Book) -> None:
    """A list with a number mistyped, left out or of somebody else in between."""
    customer, other = book.customer(), book.customer()
    items = []
    for _ in range(book.chance.randint(3, 6)):
        items.append(book.invoice(customer))
        if book.chance.random() < 0.3:
            book.invoice(other)
    numbers = [item["reference"] for item in items]
    kind = book.chance.choice(("whole", "mistyped", "left out", "last digits", "stray"))
    at = book.chance.randrange(1, len(numbers))
    if kind == "mistyped":
        numbers[at] = swapped(numbers[at], book.chance)
    elif kind == "left out":
        del numbers[at]
    elif kind == "last digits":
        numbers[1:] = [number[-3:] for number in numbers[1:]]
    elif kind == "stray":
        numbers.insert(at, book.invoice(other)["reference"])
    total = sum(item["amount"] for item in items)
    book.pay(f"list, {kind}", customer, total, " ".join(numbers), items, True if kind == "whole" else None)


def too_early(book: Book) -> None:
    """Only an item dated after the payment, in another currency or of another customer has the amount."""
    customer, other, amount = book.customer(), book.customer(), book.amount()
    late, foreign = {"document_date": dt.date(2026, 10, 29)}, {"currency": "USD"}
    debtor, more = book.chance.choice(((customer, late), (customer, foreign), (other, {})))
    book.invoice(debtor, amount, **more)
    book.invoice(customer)
    book.invoice(customer)
    day = dt.date(2026, 10, book.chance.randint(1, 20))
    book.pay("only what cannot be meant has the amount", customer, amount, book.thanks(), [], False, day=day)


def transposed_amount(book: Book) -> None:
    """Two digits of the amount turned round: the number says which item, and what is missing or too much stays to be seen."""
    customer = book.customer()
    item = book.invoice(customer, book.amount(100_000))
    for _ in range(book.chance.randint(0, 3)):
        book.invoice(customer)
    paid = Decimal(swapped(str(int(item["amount"] * 100)), book.chance)) / 100
    text = f"Rechnung {item['reference']}"
    meant = {item["open_item_id"]: min(paid, item["amount"])}
    book.pay("amount turned", customer, paid, text, meant, True)


def instalments(book: Book) -> None:
    """An item paid in parts with its number; the parts may be amounts of other items."""
    customer = book.customer()
    item = book.invoice(customer, Decimal(book.chance.randrange(100, 900) * 12))
    parts = [item["amount"] / 4, item["amount"] / 4, item["amount"] / 2]
    if book.chance.random() < 0.4:
        book.rival(customer, book.chance.choice(parts), near=True)
    for n, (part, day) in enumerate(zip(parts, (3, 9, 17), strict=True), 1):
        text = f"{n}. Rate {item['reference']}"
        book.pay("instalment", customer, part, text, {item["open_item_id"]: part}, None, day=dt.date(2026, 10, day))


def on_account(book: Book) -> None:
    """A round amount on account, and two items that happen to add up to it."""
    customer, amount = book.customer(), Decimal(book.chance.randrange(2, 90) * 500)
    part = book.amount(5_000, 80_000)
    for each in (part, amount - part, None, None)[: book.chance.randint(2, 4)]:
        book.invoice(customer, each)
    book.pay("on account", customer, amount, book.chance.choice(("a conto", "Anzahlung", "part payment")), [], False)


def everything(book: Book) -> None:
    """All that is open, or all that was due; without a number. A credit note among it is netted."""
    customer, day = book.customer(), dt.date(2026, 10, 20)
    old = {"document_date": dt.date(2026, 8, 1), "due_date": dt.date(2026, 8, 31)}
    due = [book.invoice(customer, **old) for _ in range(book.chance.randint(2, 5))]
    if book.chance.random() < 0.4:
        due.append(book.invoice(customer, -book.amount(1_000, 5_000), **old))
    for _ in range(book.chance.randint(0, 3)):
        book.invoice(customer, document_date=dt.date(2026, 10, 5), due_date=dt.date(2026, 11, 5))
    book.pay("everything due", customer, sum(i["amount"] for i in due), book.thanks(), due, None, day=day)


def dates_and_amounts(book: Book) -> None:
    """A text full of figures that are no number: a date, an amount, a telephone number; one of them is another's number."""
    customer, other = book.customer(), book.customer()
    mine = book.invoice(customer)
    book.invoice(customer)
    stray = book.invoice(other)
    written = book.chance.choice(("12102026", "20261012", "4930120", f"{mine['amount']}".replace(".", "")))
    stray["reference"] = written
    text = f"Zahlung 12.10.2026 EUR {mine['amount']} Tel. 4930120 {book.chance.choice(('', mine['reference']))}"
    book.pay("figures that are no number", customer, mine["amount"], text, [mine], None)


_WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")


def chinese(book: Book) -> None:
    """A Chinese customer: several invoices in one payment, a part of one, figures in full width, an advance without a number."""
    place, word = (
        book.chance.choice(("苏州", "宁波", "青岛", "成都")),
        book.chance.choice(("恒泰", "明远", "永信", "瑞丰")),
    )
    trade = book.chance.choice(("包装", "精密机械", "电子", "纸业"))
    customer = book.customer(f"{place}{word}{trade}{len(book.party)}号有限公司")
    items = [book.invoice(customer, currency="CNY") for _ in range(book.chance.randint(2, 4))]
    numbers = [item["reference"] for item in items]
    total, first = sum(item["amount"] for item in items), items[0]
    half = (first["amount"] / 2).quantize(Decimal("0.01"))
    advance = "advance without a number"
    kind, amount, text, meant, sure = book.chance.choice((
        ("several together", total, f"合并付款 {'、'.join(numbers)}", items, True),
        ("in full width", first["amount"], f"货款　发票号：{numbers[0].translate(_WIDE)}", [first], True),
        ("a part", half, f"部分付款，发票{numbers[0]}", {first["open_item_id"]: half}, True),
        ("a part in full width", half, f"支付{numbers[0].translate(_WIDE)}部分货款", {first["open_item_id"]: half}, True),
        (advance, first["amount"], book.chance.choice(("预付款", "定金", "预付货款")), [], False),
        ("everything", total, "货款", items, None),
    ))  # fmt: skip
    book.pay(f"Chinese, {kind}", customer, amount, text, meant, sure)
    book.payments[-1]["currency"] = "CNY"


KINDS = (
    equal_amounts, turned_digits, several_sums, discount_or_exact, credit_note, paid_before, part_or_another,
    one_more, fee_or_another, listed, too_early, transposed_amount, instalments, on_account, everything,
    dates_and_amounts, chinese,
)  # fmt: skip
