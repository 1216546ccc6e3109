"""Makes the example month: `python examples/month/make.py [--out FOLDER]`. The same files on every machine, every time.

Everything is invented and drawn from one seed. What is true of it stands in truth/, which tieout never reads.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from making import bank, billing, ledger, people, platform, purchasing, truth
from making.story import Story

SEED = 20261031


def make() -> dict[str, bytes]:
    """Every file of the example by its path."""
    rng = random.Random(SEED)
    accounts = people.accounts(rng)
    seller_tax = {"1000": people.tax_number(rng, "DE"), "2000": people.tax_number(rng, "CN")}
    customers = people.customers(rng)
    rates = ledger.exchange_rates(rng)

    book = ledger.Ledger(rng)
    story = Story(rng, book, customers, accounts)
    story.play()
    stored = platform.documents(rng, book, accounts, seller_tax, customers[0])

    new = people.Customer(billing.NEW_CUSTOMER, "Neukunde Wagrien Papier", "", "Eutin", "EUR", "", "", False, "Z030")
    payer = people.Customer("0000290001", customers[24].payer, "DE", "Schwerin", "EUR", "", "", False, "Z030")
    credited = [i for i in book.items if i.currency == "EUR" and i.settled == 0 and not i.is_credit][:2]
    bought = purchasing.Purchasing(story.payments, seller_tax["1000"])
    purchases = bought.made(book, stored, seller_tax)
    return {
        **purchases,
        **ledger.files(book, [*customers, payer, new], accounts, rates, seller_tax),
        **bank.files(story.payments, accounts),
        **stored.files,
        "billing/billing_lines.csv": billing.file(rng, [*customers, payer, new], credited),
        **truth.files(story.payments, book, stored.items, stored.defects, bought.exceptions),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=Path(__file__).parent)
    folder: Path = arguments.parse_args().out
    files = make()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes, in {folder}")


if __name__ == "__main__":
    main()
