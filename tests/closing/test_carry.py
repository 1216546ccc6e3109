"""What one month leaves open is there in the next, once, and with what is left of it."""

import datetime as dt
from decimal import Decimal as D

import polars as pl

from tieout.closing import carry
from tieout.store.engine import Store

OCTOBER = dt.date(2026, 10, 31)


def money(*values):
    return pl.Series([D(v) for v in values], dtype=pl.Decimal(18, 4))


def month(payments=(), items=(), allocations=()):
    store = Store.create()
    if payments:
        store.append(
            "payment",
            pl.DataFrame(
                {
                    "payment_id": [p[0] for p in payments],
                    "amount": money(*(p[1] for p in payments)),
                    "currency": "EUR",
                    "status": "BOOK",
                }
            ),
        )
    if items:
        store.append(
            "open_item",
            pl.DataFrame(
                {"open_item_id": [i[0] for i in items], "open_amount": money(*(i[1] for i in items)), "currency": "EUR"}
            ),
        )
    if allocations:
        store.append(
            "allocation",
            pl.DataFrame(
                {
                    "payment_id": [a[0] for a in allocations],
                    "open_item_id": [a[1] for a in allocations],
                    "amount": money(*(a[2] for a in allocations)),
                    "open_item_amount": money(*(a[2] for a in allocations)),
                    "kind": "payment",
                    "status": "accepted",
                }
            ),
        )
    return store


def closed(store):
    carry.carry_in(store, None, before_as_of=None)
    carry.carry_out(store)
    return store


def test_an_unallocated_rest_comes_back_as_a_payment_of_that_amount():
    october = closed(month([("p", "120.00")], [("i", "100.00")], [("p", "i", "100.00")]))
    november = month(items=[("j", "20.00")])
    assert carry.carry_in(november, october, before_as_of=OCTOBER) == 1
    row = november.table("payment").to_dicts()[0]
    assert (row["payment_id"], row["amount"], row["carried_from"]) == ("p", D("20.00"), OCTOBER)


def test_a_settled_payment_does_not_come_back():
    october = closed(month([("p", "100.00")], [("i", "100.00")], [("p", "i", "100.00")]))
    november = month(items=[("j", "20.00")])
    assert carry.carry_in(november, october, before_as_of=OCTOBER) == 0


def test_a_payment_the_bank_gives_again_is_not_doubled():
    october = closed(month([("p", "120.00")]))
    november = month([("p", "120.00")])
    carry.carry_in(november, october, before_as_of=OCTOBER)
    assert november.table("payment")["amount"].to_list() == [D("120.00")]


def test_items_come_back_only_where_there_is_no_ledger_of_its_own():
    october = closed(month([("p", "40.00")], [("i", "100.00"), ("j", "5.00")], [("p", "i", "40.00")]))
    without = month([("q", "1.00")])
    carry.carry_in(without, october, before_as_of=OCTOBER)
    assert dict(without.table("open_item").select("open_item_id", "open_amount").iter_rows()) == {"i": D(60), "j": D(5)}
    with_ledger = month(items=[("k", "7.00")])
    carry.carry_in(with_ledger, october, before_as_of=OCTOBER)
    assert with_ledger.table("open_item")["open_item_id"].to_list() == ["k"]


def test_a_ledger_that_has_not_posted_the_earlier_run_is_corrected():
    october = closed(month([("p", "40.00")], [("i", "100.00"), ("j", "50.00")], [("p", "i", "40.00")]))
    november = month([("q", "60.00")], [("i", "100.00"), ("j", "50.00")])
    carry.carry_in(november, october, before_as_of=OCTOBER)
    rows = {
        r["open_item_id"]: (r["ledger_open_amount"], r["open_amount"]) for r in november.table("open_item").to_dicts()
    }
    assert rows == {"i": (D(100), D(60)), "j": (D(50), D(50))}


def test_a_ledger_that_has_posted_the_earlier_run_is_taken_as_it_is():
    october = closed(month([("p", "40.00")], [("i", "100.00")], [("p", "i", "40.00")]))
    november = month([("q", "60.00")], [("i", "60.00")])
    carry.carry_in(november, october, before_as_of=OCTOBER)
    assert november.table("open_item")["open_amount"].to_list() == [D(60)]


def test_what_is_settled_but_not_posted_over_two_months_is_taken_off_once_each():
    october = closed(month([("p", "40.00")], [("i", "100.00")], [("p", "i", "40.00")]))
    november = month([("q", "25.00")], [("i", "100.00")], [("q", "i", "25.00")])
    carry.carry_in(november, october, before_as_of=OCTOBER)
    carry.carry_out(november)
    december = month([("r", "1.00")], [("i", "100.00")])
    carry.carry_in(december, november, before_as_of=dt.date(2026, 11, 30))
    assert december.table("open_item")["open_amount"].to_list() == [D(35)]


def test_a_fully_settled_item_the_ledger_still_shows_is_excluded_with_its_reason():
    october = closed(month([("p", "100.00")], [("i", "100.00")], [("p", "i", "100.00")]))
    november = month([("q", "1.00")], [("i", "100.00")])
    carry.carry_in(november, october, before_as_of=OCTOBER)
    assert november.table("excluded")["reason"].to_list() == ["settled by an earlier run, not yet posted in the ledger"]
