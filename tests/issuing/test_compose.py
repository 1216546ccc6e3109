"""Totals: lines, VAT by category and rate, sums; against Python's Decimal, rounding half up."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iso11649

from tests.issuing.books import ENTITY, PARTIES, frame, line
from tieout.issuing import compose
from tieout.issuing.generate import creditor_reference
from tieout.model.money import MINOR_UNITS
from tieout.model.records import Query
from tieout.store.engine import Store

PROFILE = compose.Profile(ENTITY, "ubl.invoice", "ubl.credit_note", "ubl", "urn:cen.eu:en16931:2017", None, "58")


@pytest.fixture(scope="module")
def store():
    with Store.create() as made:
        made.append("party", frame(PARTIES))
        yield made


def composed(store, lines):
    store.execute(Query("no lines", "delete from billing_line"))
    store.append("billing_line", frame(lines))
    compose.prepare(store)
    documents = sorted({each["billing_document"] for each in lines})
    names = pl.DataFrame(
        {
            "billing_document": documents,
            "invoice_id": documents,
            "invoice_number": documents,
            "remittance_information": documents,
        }
    )
    return compose.rows(store, names, PROFILE)


def rounded(value, currency):
    return value.quantize(Decimal(1).scaleb(-MINOR_UNITS.get(currency, 2)), rounding=ROUND_HALF_UP)


def numbers(digits, places):
    return st.integers(-(10**digits), 10**digits).map(lambda n: Decimal(n).scaleb(-places))


LINES = st.lists(
    st.tuples(
        numbers(8, 4),
        numbers(8, 5).map(abs),
        st.sampled_from([("S", "19"), ("S", "7"), ("S", "5.5"), ("Z", "0"), ("E", "0")]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(lines=LINES, currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_totals_are_those_of_decimal_arithmetic(store, lines, currency):
    tables = composed(
        store,
        [
            line(
                number=10 * position,
                quantity=str(quantity),
                net_price=str(price),
                vat_category_code=category,
                vat_rate=rate,
                currency=currency,
            )
            for position, (quantity, price, (category, rate)) in enumerate(lines, start=1)
        ],
    )
    nets = [rounded(quantity * price, currency) for quantity, price, _ in lines]
    assert tables["invoice_line"]["invoice_line_net_amount"].to_list() == nets
    bases = {}
    for net, (_, _, group) in zip(nets, lines, strict=True):
        bases[group] = bases.get(group, Decimal(0)) + net
    taxes = {group: rounded(base * Decimal(group[1]) / 100, currency) for group, base in bases.items()}
    found = {
        (row["vat_category_code"], format(row["vat_category_rate"].normalize(), "f")): (
            row["vat_category_taxable_amount"],
            row["vat_category_tax_amount"],
        )
        for row in tables["vat_breakdown"].iter_rows(named=True)
    }
    assert found == {group: (bases[group], taxes[group]) for group in bases}
    invoice = tables["invoice"].row(0, named=True)
    assert invoice["sum_of_invoice_line_net_amount"] == sum(nets)
    assert invoice["invoice_total_vat_amount"] == sum(taxes.values())
    assert invoice["invoice_total_amount_with_vat"] == sum(nets) + sum(taxes.values())
    assert invoice["amount_due_for_payment"] == invoice["invoice_total_amount_with_vat"]


def test_vat_is_rounded_once_a_rate_and_not_line_by_line(store):
    tables = composed(store, [line(number=n, quantity="1", net_price="0.03") for n in range(1, 4)])
    # Three times 0.0057 would be three cents; 19 % of 0.09 is 0.0171.
    assert tables["vat_breakdown"]["vat_category_tax_amount"].to_list() == [Decimal("0.02")]


@pytest.mark.parametrize(
    ("currency", "net"), [("EUR", "0.50"), ("JPY", "0"), ("KWD", "0.495"), ("CLF", "0.4950"), (None, "0.50")]
)
def test_a_line_is_rounded_to_the_minor_units_of_its_currency(store, currency, net):
    tables = composed(store, [line(quantity="1.5", net_price="0.33", currency=currency)])
    assert tables["invoice_line"]["invoice_line_net_amount"].to_list() == [Decimal(net)]


def test_an_amount_that_has_no_exact_product_is_not_computed(store):
    tables = composed(store, [line(quantity="12345678901.5", net_price="1")])
    assert tables["invoice"]["invoice_total_amount_with_vat"].to_list() == [None]
    assert store.fetch(compose.conflicts())["computed"].to_list() == [None]


def test_an_amount_of_the_erp_that_agrees_is_no_conflict(store):
    composed(store, [line(quantity="3", net_price="1.115", line_net_amount="3.35")])
    assert store.fetch(compose.conflicts()).is_empty()
    composed(store, [line(quantity="3", net_price="1.115", line_net_amount="3.34")])  # half a cent, rounded to even
    assert store.fetch(compose.conflicts()).is_empty()
    composed(store, [line(quantity="3", net_price="1.115", line_net_amount="3.36")])
    assert store.fetch(compose.conflicts())["computed"].to_list() == [Decimal("3.35")]


def test_documents_come_by_date_and_then_by_billing_document(store):
    composed(
        store,
        [
            line("9003", issue_date="2026-10-01"),
            line("9001", issue_date="2026-10-02"),
            line("9002", issue_date="2026-10-01"),
        ],
    )
    ordered = store.fetch(compose.documents(dt.date(2026, 10, 31)))["billing_document"].to_list()
    assert ordered == ["9002", "9003", "9001"]


def test_a_party_with_several_accounts_is_one_buyer(store):
    assert composed(store, [line()])["invoice"].height == 1


def test_goods_to_another_member_state_say_where_they_went(store):
    tables = composed(store, [line(party_id="200", vat_category_code="K", vat_rate="0")])
    row = tables["invoice"].row(0, named=True)
    assert (row["deliver_to_has_address"], row["deliver_to_country_code"]) == (True, "FR")
    assert tables["vat_breakdown"]["vat_exemption_reason_code"].to_list() == ["VATEX-EU-IC"]


def test_a_credit_note_asks_for_no_money_and_names_the_invoice(store):
    tables = composed(store, [line(billing_kind="credit_note", corrects_invoice="NW-2026-00007")])
    row = tables["invoice"].row(0, named=True)
    assert (row["mapping"], row["invoice_type_code"], row["payment_due_date"]) == ("ubl.credit_note", "381", None)
    assert tables["payment_instruction"].is_empty()
    assert tables["preceding_invoice"]["preceding_invoice_reference"].to_list() == ["NW-2026-00007"]


@given(st.from_regex(r"[A-Z]{1,4}-?[0-9]{4}[-/]?[0-9]{1,8}", fullmatch=True))
def test_the_payment_reference_has_right_check_digits(number):
    assert iso11649.is_valid(creditor_reference(number))


def test_a_number_too_long_for_a_reference_has_none():
    assert creditor_reference("SERIES-2026-0000000000000001") is None
