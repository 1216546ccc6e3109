"""Fills an empty Tryton database: a company, its accounts, customers, and posted invoices. Run by Tryton's own Python.

usage: seed.py CONFIG DATABASE INVOICES. What is posted follows from the position alone, so that each seed is the same.
"""

import datetime as dt
import os
import sys
from decimal import Decimal

os.environ["TRYTOND_CONFIG"] = sys.argv[1]

from proteus import Model, config
from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, create_tax, get_accounts
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
from trytond.modules.company.tests.tools import create_company, get_company

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
    term = _payment_term()
    parties = [_customer(Party, germany, *each) for each in CUSTOMERS]
    _post(invoices, company, currency, parties, accounts["revenue"], tax, term)


def _currency():
    Currency = Model.get("currency.currency")
    found = Currency.find([("code", "=", "EUR")])
    currency = found[0] if found else Currency(name="Euro", code="EUR", symbol="€", rounding=Decimal("0.01"), digits=2)
    currency.save()
    return currency


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


def _post(count, company, currency, parties, account, tax, term) -> None:
    Invoice = Model.get("account.invoice")
    made = []
    for position in range(count):
        invoice = Invoice(type="out", company=company, currency=currency)
        invoice.party = parties[position % len(parties)]
        invoice.invoice_date = invoice.accounting_date = FIRST + dt.timedelta(days=position % 20)
        invoice.payment_term = term
        invoice.reference = f"PO-{position + 1:05d}"
        line = invoice.lines.new()
        line.account, line.description = account, f"Notizbuch A5, Los {position + 1}"
        line.quantity, line.unit_price = float(2 + position % 5), Decimal("3.50") + Decimal(position % 7) / 4
        line.taxes.append(Model.get("account.tax")(tax.id))
        invoice.save()
        made.append(invoice)
    Invoice.click(made, "post")


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]))
