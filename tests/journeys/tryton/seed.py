"""Fills an empty Tryton database: a company, its accounts, customers, and posted invoices. Run by Tryton's own Python.

usage: seed.py CONFIG DATABASE INVOICES. What is posted follows from the position alone, so that each seed is the same.
"""

import datetime as dt
import os
import sys
from decimal import Decimal
from functools import cache

os.environ["TRYTOND_CONFIG"] = sys.argv[1]

from proteus import Model, config
from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, create_tax, get_accounts
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
from trytond.modules.company.tests.tools import create_company, get_company
from trytond.pool import Pool
from trytond.transaction import Transaction, TransactionError

FIRST = dt.date(2026, 10, 1)
# Name, VAT number (valid check digits), city, postal code; the last has no VAT number.
CUSTOMERS = (
    ("Kontor Eichenhain GmbH", "DE136695976", "Rostock", "18055"),
    ("Papeterie Sandkrug KG", "DE115356904", "Kiel", "24103"),
    ("Schreibwaren Brückner & Söhne", "DE129273398", "Lübeck", "23552"),
)


def main(database: str, invoices: int) -> None:
    config.set_trytond(database, config_file=sys.argv[1]).skip_warning = True
    currency = _currency()
    Country = Model.get("country.country")
    germany = Country(name="Germany", code="DE")
    germany.save()
    Party = Model.get("party.party")
    own = Party(name="Nordlicht Papier GmbH")
    own.save()
    create_company(party=own, currency=currency)
    company = get_company()
    year = set_fiscalyear_invoice_sequences(create_fiscalyear(company, (dt.date(2026, 1, 1), dt.date(2026, 12, 31))))
    sequence = Model.get("ir.sequence.strict")(year.invoice_sequences[0].out_invoice_sequence.id)
    sequence.prefix, sequence.padding = "NP-2026-", 5
    sequence.save()
    year.click("create_period")
    create_chart(company)
    accounts = get_accounts(company)
    tax = create_tax(Decimal("0.19"), company)
    tax.save()
    _payment_method(company, accounts)
    _round_taxes_by_line()
    term = _payment_term()
    parties = [_customer(Party, germany, *each) for each in CUSTOMERS]
    _post(database, invoices, company, currency, parties, accounts, tax, term)


def _currency():
    Currency = Model.get("currency.currency")
    found = Currency.find([("code", "=", "EUR")])
    currency = found[0] if found else Currency(name="Euro", code="EUR", symbol="€", rounding=Decimal("0.01"), digits=2)
    currency.save()
    return currency


def _round_taxes_by_line() -> None:
    configuration = Model.get("account.configuration")(1)
    configuration.tax_rounding = "line"
    configuration.save()


def _payment_term():
    term = Model.get("account.invoice.payment_term")(name="30 days")
    line = term.lines.new(type="remainder")
    line.relativedeltas.new(days=30)
    term.save()
    return term


def _payment_method(company, accounts) -> None:
    Journal = Model.get("account.journal")
    (cash,) = Journal.find([("type", "=", "cash")], limit=1)
    method = Model.get("account.invoice.payment.method")(name="Bank", company=company, journal=cash)
    method.credit_account = method.debit_account = accounts["cash"]
    method.save()


def _customer(Party, country, name, vat, city, post_code):
    party = Party(name=name)
    address = party.addresses[0]
    address.city, address.postal_code, address.country, address.street = city, post_code, country, "Musterweg 1"
    identifier = party.identifiers.new(type="de_vat", code=vat)
    assert identifier
    party.save()
    return party


def _post(database, count, company, currency, parties, accounts, tax, term) -> None:
    """Invoices of one to three lines, made and posted in one transaction. Prices make halves of a cent on purpose."""
    made = []
    for position in range(count):
        party = parties[position % len(parties)]
        day = FIRST + dt.timedelta(days=position % 20)
        lines = [
            {
                "type": "line", "account": accounts["revenue"].id, "taxes": [("add", [tax.id])],
                "description": f"Notizbuch A5, Los {position + 1}.{n}",
                "quantity": float(1 + (position + n) % 5), "unit_price": Decimal("3.455") + Decimal(position * 3 + n) / 8,
            }
            for n in range(1 + position % 3)
        ]  # fmt: skip
        made.append(
            {
                "type": "out", "company": company.id, "currency": currency.id, "payment_term": term.id,
                "journal": _journal(), "party": party.id, "invoice_address": party.addresses[0].id,
                "account": accounts["receivable"].id, "invoice_date": day, "accounting_date": day,
                "reference": f"PO-{position + 1:05d}", "lines": [("create", lines)],
            }
        )  # fmt: skip
    (user,) = Model.get("res.user").find([("login", "=", "admin")])
    locks: dict = {}
    # Which records must be locked Tryton says by an error: learnt with the first, so that the others are posted once.
    for part in (made[:1], made[1:]):
        while part:
            given = {"context": {"company": company.id, "_skip_warnings": True}, **locks}
            with Transaction().start(database, user.id, **given) as transaction:
                Invoice = Pool().get("account.invoice")
                try:
                    Invoice.post(Invoice.create(part))
                    transaction.commit()
                    break
                except TransactionError as error:
                    transaction.rollback()
                    error.fix(locks)


@cache
def _journal() -> int:
    (journal,) = Model.get("account.journal").find([("type", "=", "revenue")], limit=1)
    return journal.id


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]))
