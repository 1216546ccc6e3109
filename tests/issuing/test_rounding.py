"""Cents where an ERP rounds otherwise than EN 16931: what it has booked counts, as long as rounding explains it."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.issuing.books import line
from tests.issuing.test_compose import composed, store
from tieout.issuing import compose

__all__ = ["store"]

CENT = Decimal("0.01")


def erp(lines, *, rounding, by_line):
    """(net of each line, total with VAT) as an ERP books it that rounds so, VAT by line or once a rate."""
    nets = [(q * p).quantize(CENT, rounding) for q, p, _ in lines]
    if by_line:
        taxes = [(net * rate / 100).quantize(CENT, rounding) for net, (_, _, rate) in zip(nets, lines, strict=True)]
    else:
        bases: dict = {}
        for net, (_, _, rate) in zip(nets, lines, strict=True):
            bases[rate] = bases.get(rate, Decimal(0)) + net
        taxes = [(base * rate / 100).quantize(CENT, rounding) for rate, base in bases.items()]
    return nets, sum(nets) + sum(taxes)


LINES = st.lists(
    st.tuples(
        st.integers(1, 40).map(Decimal),
        st.integers(1, 99_999).map(lambda n: Decimal(n).scaleb(-3)),
        st.sampled_from([Decimal(19), Decimal(7)]),
    ),
    min_size=1,
    max_size=9,
)


def booked(lines, nets, total):
    return [
        line(
            number=n,
            quantity=str(q),
            net_price=str(p),
            vat_rate=str(rate),
            line_net_amount=str(net),
            document_total=str(total),
        )
        for n, ((q, p, rate), net) in enumerate(zip(lines, nets, strict=True), start=1)
    ]


@settings(max_examples=60)
@given(lines=LINES, rounding=st.sampled_from([ROUND_HALF_EVEN, ROUND_HALF_UP]), by_line=st.booleans())
def test_the_invoice_asks_for_what_the_erp_has_booked_whichever_way_it_rounds(store, lines, rounding, by_line):
    nets, total = erp(lines, rounding=rounding, by_line=by_line)
    tables = composed(store, booked(lines, nets, total))
    assert store.fetch(compose.conflicts()).is_empty()
    (invoice,) = tables["invoice"].to_dicts()
    assert invoice["amount_due_for_payment"] == invoice["invoice_total_amount_with_vat"] == total
    assert invoice["sum_of_invoice_line_net_amount"] == sum(nets)
    breakdown = tables["vat_breakdown"].to_dicts()
    assert sum(row["vat_category_tax_amount"] for row in breakdown) == invoice["invoice_total_vat_amount"]
    for row in breakdown:  # BR-CO-17 leaves one unit, and no more is ever used
        exact = row["vat_category_taxable_amount"] * row["vat_category_rate"] / 100
        assert abs(row["vat_category_tax_amount"] - exact) <= (len(lines) + 3) * CENT / 2


def test_cents_of_rounding_are_told_and_a_real_difference_stops_the_invoice(books):
    # Three times 0.0057 rounded by line is 0.03; once a rate it is 0.02.
    thrice = [line("1", n, quantity="1", net_price="0.03", document_total="0.12") for n in (1, 2, 3)]
    wrong = [line("2", n, quantity="1", net_price="0.03", document_total="0.14") for n in (1, 2, 3)]
    done = books.issue(*thrice, *wrong)
    assert dict(done.table("issued_document").select("billing_document", "status").rows()) == {
        "1": "issued",
        "2": "invalid",
    }
    found = {row["rule"]: row for row in done.table("finding").to_dicts()}
    assert (found["IS-ROUNDING"]["severity"], found["IS-TOTAL"]["severity"]) == ("information", "fatal")
    assert "the ERP has booked 0.14, but its lines and their VAT make 0.11" in found["IS-TOTAL"]["message"]
    assert done.table("invoice")["amount_due_for_payment"].to_list() == [Decimal("0.12")]


def test_a_total_cannot_differ_where_nothing_is_taxed(books):
    done = books.issue(line(vat_category_code="Z", vat_rate="0", document_total="7.01"))
    assert done.table("issued_document")["status"].to_list() == ["invalid"]
