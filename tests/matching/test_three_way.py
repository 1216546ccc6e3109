"""Order, receipt and invoice: how a line finds its order line, and what of it does not agree."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tieout.library import yamlfile
from tieout.library.catalog import Catalogue
from tieout.library.plans import parse_plan
from tieout.matching import three_way

AS_OF = dt.date(2026, 10, 31)
PLAN = Catalogue.load().plans["three_way"]
SUPPLIER = [{"party_id": "S1", "role": "supplier", "tax_identifier": "DE811907980", "name": "Rheinstahl Handel AG"}]


def order(line, quantity="10", price="5.00", item="A-1", number="4500000001", **more):
    return {
        "purchase_order_id": number,
        "order_line_id": line,
        "item_buyers_identifier": item,
        "quantity": quantity,
        "net_price": price,
        "vat_rate": "19",
        "unit_code": "EA",
    } | more


def came(line, quantity, number="4500000001", id="G1", **more):
    return {
        "goods_receipt_id": id,
        "receipt_line_id": f"{id}-{line}-{quantity}",
        "purchase_order_id": number,
        "order_line_id": line,
        "received_quantity": quantity,
    } | more


def line(quantity="10", price="5.00", order_line="10", amount=None, invoice="R1", row=1, **more):
    return {
        "invoice_id": invoice,
        "row_no": row,
        "referenced_purchase_order_line_reference": order_line,
        "invoiced_quantity": quantity,
        "item_net_price": price,
        "invoice_line_net_amount": amount or str((Decimal(quantity) * Decimal(price)).quantize(Decimal("0.01"))),
        "invoiced_item_vat_rate": "19",
        "invoiced_quantity_unit_code": "C62",
    } | more


def invoice(id="R1", day="2026-10-01", **more):
    return {
        "invoice_id": id,
        "invoice_number": id,
        "direction": "received",
        "issue_date": day,
        "purchase_order_reference": "4500000001",
        "invoice_currency_code": "EUR",
        "seller_vat_identifier": "DE811907980",
    } | more


@pytest.fixture(scope="module")
def judged(book):
    """judged(lines=..., orders=..., ...) -> (rows of line_match, {(line, reason): message})."""

    def run(lines, orders, *, invoices=None, receipts=(), heads=None, headers=(), plan=PLAN, party=SUPPLIER):
        numbers = sorted({each["purchase_order_id"] for each in orders})
        tables = {
            "invoice": invoices or [invoice(id) for id in dict.fromkeys(each["invoice_id"] for each in lines)],
            "invoice_line": lines,
            "purchase_order_line": orders,
            "purchase_order": heads or [{"purchase_order_id": n, "party_id": "S1", "currency": "EUR"} for n in numbers],
            "party": party,
        }
        if receipts:
            tables["goods_receipt_line"] = list(receipts)
        if headers:
            tables["goods_receipt"] = list(headers)
        with book(**tables) as store:
            three_way.check(store, plan, as_of=AS_OF)
            found = {(row["object_id"], row["reason"]): row["message"] for row in store.table("exception").to_dicts()}
            return store.table("line_match").sort("invoice_id", "row_no").to_dicts(), found

    return run


def reasons(found):
    return sorted(reason for _, reason in found)


def test_a_line_that_agrees_with_order_and_receipt_is_no_exception(judged):
    (row,), found = judged([line()], [order("00010")], receipts=[came("10", "10")])
    assert not found and row["status"] == "agrees"
    fields = ("order_status", "receipt_status", "quantity_status", "price_status", "tax_status", "amount_status")
    assert [row[name] for name in fields] == ["linked", "received", "agrees", "agrees", "agrees", "agrees"]


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"quantity": "12"}, "quantity_differs", "12 invoiced, 10 ordered"),
        ({"price": "5.06"}, "price_differs", "5.06 EUR invoiced, 5 EUR ordered"),
        ({"invoiced_item_vat_rate": "7"}, "tax_differs", "7 % invoiced"),
        ({"amount": "53.00"}, "line_amount_differs", "53 EUR is not 10 at 5"),
        ({"invoiced_quantity_unit_code": "KGM"}, "quantity_differs", "another unit"),
        ({"order_line": "20", "item_buyers_identifier": "Z"}, "not_ordered", "has no such line"),
    ],
)
def test_each_field_that_differs_is_one_exception_with_its_own_reason(judged, changed, reason, words):
    orders = [order("00010"), order("00030", item="B")]
    _, found = judged([line(**changed)], orders, receipts=[came("10", "20")])
    assert list(found) == [("R1#1", reason)] and words in found["R1#1", reason]


def test_all_fields_at_once_are_several_exceptions_and_the_amount_follows_the_price(judged):
    (row,), found = judged([line("12", "6.00", invoiced_item_vat_rate="7")], [order("10")], receipts=[came("10", "10")])
    assert reasons(found) == ["price_differs", "quantity_differs", "tax_differs"]
    assert row["amount_status"] == "follows" and row["status"] == "exception"


def test_part_deliveries_are_invoiced_one_by_one_until_the_order_is_used_up(judged):
    lines = [line("4", invoice=f"R{n}") for n in (1, 2, 3)]
    invoices = [invoice(f"R{n}", f"2026-10-0{n}") for n in (3, 1, 2)]
    rows, found = judged(
        lines, [order("10")], invoices=invoices, receipts=[came("10", "4", id=f"G{n}") for n in (1, 2, 3)]
    )
    assert [row["quantity_status"] for row in rows] == ["partial", "partial", "over"]
    assert (
        list(found) == [("R3#1", "over_invoiced")]
        and "12 invoiced in all, 10 ordered" in found["R3#1", "over_invoiced"]
    )


def test_a_credit_note_gives_the_quantity_back(judged):
    lines = [line("10", invoice="R1"), line("4", invoice="R2"), line("4", invoice="R3")]
    invoices = [
        invoice("R1", "2026-10-01"),
        invoice("R2", "2026-10-02", document_kind="credit_note", invoice_total_amount_with_vat="23.80"),
        invoice("R3", "2026-10-03"),
    ]
    rows, found = judged(lines, [order("10")], invoices=invoices, receipts=[came("10", "10")])
    assert not found and [row["invoiced_so_far"] for row in rows] == [10, 6, 10]


@pytest.mark.parametrize(
    ("receipts", "status", "reason"),
    [
        ([came("20", "10")], "not_received", "not_received"),
        ([came("10", "7")], "partly_received", "quantity_differs"),
        ([came("10", "10", rejected_quantity="3")], "partly_received", "quantity_differs"),
        ([came("10", "10"), came("10", "-10", id="G2")], "not_received", "not_received"),
        ([came("10", "10")], "received", None),
    ],
)
def test_what_did_not_come_or_went_back_is_not_to_be_paid(judged, receipts, status, reason):
    (row,), found = judged([line()], [order("10"), order("20", item="B")], receipts=receipts)
    assert row["receipt_status"] == status and reasons(found) == ([reason] if reason else [])


def test_a_receipt_after_the_day_of_the_run_does_not_count_yet(judged):
    headers = [{"goods_receipt_id": "G1", "receipt_date": "2026-11-01"}]
    _, found = judged([line()], [order("10")], receipts=[came("10", "10")], headers=headers)
    assert reasons(found) == ["not_received"]


def test_services_need_no_receipt(judged):
    orders = [order("10", receipt_required="false"), order("20", item="B")]
    (row,), found = judged([line()], orders, receipts=[came("20", "1")])
    assert not found and row["receipt_status"] == "not_required"


@pytest.mark.parametrize(
    ("changed", "head", "linked"),
    [
        ({"referenced_purchase_order_line_reference": "010"}, {}, "order-and-line"),
        ({"order_line": None, "item_buyers_identifier": "a 1"}, {}, "order-and-item"),
        ({"order_line": None, "item_sellers_identifier": "V-9"}, {}, "order-and-item"),
        ({"order_line": None, "item_buyers_identifier": "B", "price": "8.00"}, {}, "order-item-and-price"),
        ({"order_line": None, "item_name": "Blech, verzinkt"}, {}, "order-and-name"),
        ({"order_line": None, "item_buyers_identifier": "A-1"}, {"purchase_order_reference": None,
          "despatch_advice_reference": "LS 77"}, "receipt-and-item"),
        ({"order_line": None, "item_buyers_identifier": "C"}, {"purchase_order_reference": None}, "supplier-item-and-price"),
        ({"order_line": None}, {"purchase_order_reference": "4500000002"}, "only-line-of-both"),
    ],
)  # fmt: skip
def test_a_line_finds_its_order_line_by_what_it_names(judged, changed, head, linked):
    orders = [
        order("00010", item_sellers_identifier="V-9", item_name="Blech verzinkt"),
        order("00020", item="B", price="7.00"),
        order("00030", item="B", price="8.00"),
        order("00010", item="C", number="4500000002"),
    ]
    receipts = [came("10", "10"), came("30", "10", id="G3"), came("10", "10", number="4500000002", id="G2")]
    headers = [
        {"goods_receipt_id": "G1", "receipt_date": "2026-09-30", "despatch_advice_reference": "LS-77"},
        {"goods_receipt_id": "G2", "receipt_date": "2026-09-30", "despatch_advice_reference": "LS-78"},
    ]
    (row,), found = judged([line(**changed)], orders, invoices=[invoice(**head)], receipts=receipts, headers=headers)
    assert row["pass"] == linked and not found


def test_several_order_lines_as_good_are_shown_and_none_is_taken(judged):
    orders = [order("00010"), order("00020")]
    (row,), found = judged([line(order_line=None, item_buyers_identifier="A-1")], orders)
    assert row["order_status"] == "ambiguous" and row["purchase_order_id"] is None
    assert "4500000001/00010, 4500000001/00020" in found["R1#1", "ambiguous"]


@pytest.mark.parametrize(
    ("head", "orders_head", "words"),
    [
        ({"purchase_order_reference": "47"}, {}, "is not among the orders"),
        ({"purchase_order_reference": None}, {}, "names no order"),
        ({"seller_vat_identifier": "FR12345678901"}, {}, "is of another supplier"),
        ({}, {"status": "cancelled"}, "is cancelled"),
    ],
)
def test_a_line_without_an_order_says_why(judged, head, orders_head, words):
    heads = [{"purchase_order_id": "4500000001", "party_id": "S1", "currency": "EUR"} | orders_head]
    _, found = judged([line()], [order("10")], invoices=[invoice(**head)], heads=heads)
    assert list(found) == [("R1#1", "not_ordered")] and words in found["R1#1", "not_ordered"]


def test_a_price_for_a_hundred_is_compared_with_a_price_for_one(judged):
    (row,), found = judged(
        [line("200", "0.05", amount="10.00")], [order("10", "200", "5.00", price_base_quantity="100")]
    )
    assert row["price_status"] == "agrees" and row["amount_status"] == "agrees" and not found


def test_a_price_in_another_currency_differs(judged):
    _, found = judged([line()], [order("10")], invoices=[invoice(invoice_currency_code="USD")])
    assert reasons(found) == ["price_differs"]


def test_exports_that_overlap_count_once_and_the_last_file_counts(judged):
    orders = [order("10", "12", source="1.csv"), order("10", "10", source="2.csv")]
    receipts = [came("10", "10", source="1.csv"), came("10", "10", source="2.csv")]
    (row,), found = judged([line()], orders, receipts=receipts)
    assert not found and (row["ordered_quantity"], row["received_quantity"]) == (10, 10)


def test_what_we_issued_and_what_was_cancelled_is_not_judged(judged):
    invoices = [invoice("R1", direction="issued"), invoice("R2", invoice_status="作废")]
    rows, found = judged([line(), line(invoice="R2")], [order("10")], invoices=invoices)
    assert not rows and not found


def test_without_orders_nothing_is_judged(book):
    with book(invoice=[invoice()], invoice_line=[line()]) as store:
        three_way.check(store, PLAN, as_of=AS_OF)
        assert not store.count("line_match") and not store.count("exception")


def plan(price):
    text = f"""
plan: p
left: invoice_line
right: purchase_order_line
passes:
  - {{pass: a, find: order_line, by: [order, line]}}
  - {{pass: b, find: price, tolerance: {price}}}
"""
    made, mistakes = parse_plan(yamlfile.load(text, file="p.yaml"))
    assert made is not None and not mistakes, mistakes
    return made


@pytest.mark.parametrize(
    ("tolerance", "price", "status"),
    [
        ("{over: {absolute: 0.10}, under: {absolute: 0}}", "5.10", "within_tolerance"),
        ("{over: {absolute: 0.10}, under: {absolute: 0}}", "5.11", "over"),
        ("{over: {absolute: 0.10}, under: {absolute: 0}}", "4.99", "under"),
        ("{over: {absolute: 0}, under: any}", "0.01", "within_tolerance"),
        ("{percent: 2}", "5.10", "within_tolerance"),
        ("{percent: 2}", "4.89", "under"),
        ("{percent: 10, at_most: {EUR: 0.2, other: 9}}", "5.21", "over"),
        ("{absolute: {USD: 9, other: 0.02}}", "5.03", "over"),
        ("{absolute: 0}", "5.000000", "agrees"),
    ],
)
def test_tolerances_are_absolute_percent_capped_by_currency_and_one_sided(judged, tolerance, price, status):
    (row,), found = judged([line(price=price, amount="50")], [order("10")], plan=plan(tolerance))
    assert row["price_status"] == status and bool(found) == (status in ("over", "under"))
    assert row["quantity_status"] == "unknown" and row["tax_status"] == "unknown", "what has no pass is not judged"


# --- against the plain reckoning, one line after the other ---

QUANTITIES = st.integers(min_value=0, max_value=12)
PRICES = st.sampled_from(["4.90", "5.00", "5.04", "5.05", "5.06", "9.99"])


def reckoned(lines, ordered, received) -> Iterator[tuple[str, str]]:
    """Quantity and price status as a clerk reckons them, line by line in the order of the invoices."""
    so_far = 0
    for quantity, price in lines:
        so_far += quantity
        nothing_came = received is not None and received <= 0 < so_far
        limit = ordered if received is None or nothing_came else min(ordered, received)
        status = "partial" if so_far < limit else "agrees" if so_far == limit else "over"
        difference = Fraction(price) - Fraction(5)
        allowed = min(Fraction(5) / 100, Fraction(5))
        priced = "agrees" if difference == 0 else "over" if difference > allowed else "within_tolerance"
        yield status, priced


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(QUANTITIES, PRICES), min_size=1, max_size=4),
            QUANTITIES,
            st.one_of(st.none(), QUANTITIES),
        ),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_lines_are_judged_as_a_clerk_would_reckon_them_whatever_their_order(judged, cases, random):
    anyone = any(received is not None for _, _, received in cases)
    orders, receipts, lines, expected = [], [], [], {}
    for n, (drawn, ordered, received) in enumerate(cases):
        orders.append(order(str(n + 1), str(ordered), item=f"I{n}"))
        if received is not None:
            receipts.append(came(str(n + 1), str(received), id=f"G{n}"))
        counted = (received or 0) if anyone else None
        for m, ((quantity, price), status) in enumerate(zip(drawn, reckoned(drawn, ordered, counted), strict=True)):
            lines.append(line(str(quantity), price, str(n + 1), invoice=f"R{m}", row=n + 1))
            expected[f"R{m}", n + 1] = status
    invoices = [invoice(f"R{m}", f"2026-10-0{m + 1}") for m in range(4)]
    for rows in (lines, orders, receipts, invoices):
        random.shuffle(rows)
    rows, _ = judged(lines, orders, invoices=invoices, receipts=receipts)
    assert {
        (row["invoice_id"], row["row_no"]): (row["quantity_status"], row["price_status"]) for row in rows
    } == expected


def test_every_way_of_linking_is_in_the_schema_and_each_pass_of_the_plan_is_known():
    import json

    from tieout.library.yamlfile import SCHEMAS

    passes = json.loads((SCHEMAS / "plan_three_way.schema.json").read_text("utf-8"))["properties"]["passes"]["items"]
    assert tuple(passes["properties"]["find"]["enum"]) == three_way.FINDS
    assert tuple(passes["properties"]["by"]["items"]["enum"]) == tuple(three_way.LINKS)
    assert {each.options["find"] for each in PLAN.passes} == set(three_way.FINDS)


def test_order_numbers_and_lines_are_compared_without_zeros_and_signs(judged):
    for written, number in itertools.product(
        ["4500000001", "PO 4500000001".removeprefix("PO "), "450-000-0001"], ["10", "00010"]
    ):
        (row,), _ = judged(
            [line(order_line=number)], [order("0010")], invoices=[invoice(purchase_order_reference=written)]
        )
        assert row["pass"] == "order-and-line"


def test_what_came_on_the_day_of_the_run_counts_and_what_came_later_does_not(judged):
    for day, status in ((AS_OF, "received"), (AS_OF + dt.timedelta(days=1), "not_received")):
        (row,), _ = judged(
            [line()],
            [order("00010")],
            receipts=[came("10", "10")],
            headers=[{"goods_receipt_id": "G1", "receipt_date": day.isoformat()}],
        )
        assert row["receipt_status"] == status, day
