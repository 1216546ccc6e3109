"""Control totals: every input row in exactly one state, to the cent; a run that does not balance fails and names the rows."""

import datetime as dt
from decimal import Decimal as D

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout import verify
from tieout.closing import totals
from tieout.model.errors import ControlTotalError
from tieout.store.engine import Store


def money(values):
    return pl.Series(values, dtype=pl.Decimal(18, 4))


def store_with(payments=(), items=(), allocations=(), exceptions=()):
    store = Store.create()
    for table, names, rows in (
        ("payment", ("payment_id", "amount", "currency", "status"), payments),
        ("open_item", ("open_item_id", "open_amount", "currency", "due_date"), items),
        ("allocation", ("payment_id", "open_item_id", "amount", "open_item_amount", "kind", "status"), allocations),
        ("exception", ("table", "object_id", "reason"), exceptions),
    ):
        if rows:
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            store.append(
                table,
                pl.DataFrame({n: money(v) if n.endswith("amount") else pl.Series(v) for n, v in columns.items()}),
            )
    return store


def total(store, measure, currency="EUR"):
    frame = store.table("control_total").filter((pl.col("measure") == measure) & (pl.col("currency") == currency))
    return frame.to_dicts()[0]


def test_a_settled_payment_and_item_are_matched():
    store = store_with(
        payments=[("p", D("98.00"), "EUR", "BOOK")],
        items=[("i", D("100.00"), "EUR", None)],
        allocations=[
            ("p", "i", D("98.00"), D("98.00"), "payment", "accepted"),
            ("p", "i", D("2.00"), D("2.00"), "discount", "accepted"),
        ],
    )
    totals.close(store)
    assert total(store, "payment")["count_matched"] == 1
    assert total(store, "open_item")["amount_matched"] == D("100.00")
    assert total(store, "open_item")["difference"] == 0


def test_a_part_payment_splits_the_item_between_matched_and_carried():
    store = store_with(
        payments=[("p", D("40.00"), "EUR", "BOOK")],
        items=[("i", D("100.00"), "EUR", dt.date(2026, 11, 30))],
        allocations=[("p", "i", D("40.00"), D("40.00"), "payment", "accepted")],
    )
    totals.close(store)
    row = total(store, "open_item")
    assert (row["amount_matched"], row["amount_excluded"], row["count_excluded"]) == (D(40), D(60), 1)
    assert store.table("excluded")["reason"].to_list() == ["open, due 2026-11-30; carried forward"]


def test_a_proposed_allocation_settles_nothing():
    store = store_with(
        payments=[("p", D("5.00"), "EUR", "BOOK")],
        items=[("i", D("5.00"), "EUR", None)],
        allocations=[("p", "i", D("5.00"), D("5.00"), "payment", "proposed")],
        exceptions=[("payment", "p", "unmatched_payment")],
    )
    totals.close(store)
    assert total(store, "payment")["count_exception"] == 1


def test_a_payment_that_nothing_accounts_for_fails_the_run_by_name():
    store = store_with(payments=[("lost-one", D("7.00"), "EUR", "BOOK")])
    with pytest.raises(ControlTotalError, match=r"1 payment rows are neither .*lost-one, 7\.0000, EUR"):
        totals.close(store)


def test_a_pending_payment_is_excluded_with_its_reason():
    store = store_with(payments=[("p", D("7.00"), "EUR", "PDNG")])
    totals.close(store)
    assert total(store, "payment")["count_excluded"] == 1
    assert "not booked yet" in store.table("excluded")["reason"][0]


def test_an_over_allocated_item_fails_the_run():
    store = store_with(
        payments=[("p", D("120.00"), "EUR", "BOOK")],
        items=[("i", D("100.00"), "EUR", None)],
        allocations=[("p", "i", D("120.00"), D("120.00"), "payment", "accepted")],
    )
    with pytest.raises(ControlTotalError, match="open items are allocated beyond"):
        totals.close(store)


def test_an_over_allocated_payment_fails_the_run():
    store = store_with(
        payments=[("p", D("10.00"), "EUR", "BOOK")],
        items=[("i", D("100.00"), "EUR", None), ("j", D("100.00"), "EUR", None)],
        allocations=[
            ("p", "i", D("10.00"), D("10.00"), "payment", "accepted"),
            ("p", "j", D("0.01"), D("0.01"), "payment", "accepted"),
        ],
        exceptions=[("payment", "p", "ambiguous")],
    )
    with pytest.raises(ControlTotalError, match="payments are allocated beyond what was paid"):
        totals.close(store)


@pytest.mark.parametrize(("paid", "settled", "who"), [("5.00", "-5.00", "open items"), ("-5.00", "5.00", "payments")])
def test_what_is_settled_against_its_sign_fails_the_run(paid, settled, who):
    store = store_with(
        payments=[("p", D("5.00"), "EUR", "BOOK")],
        items=[("i", D("100.00"), "EUR", None)],
        allocations=[("p", "i", D(paid), D(settled), "payment", "accepted")],
        exceptions=[("payment", "p", "ambiguous")],
    )
    with pytest.raises(ControlTotalError, match=f"{who} are allocated beyond"):
        totals.close(store)


BALANCED = {"amount_in": D(7), "amount_matched": D(5), "amount_exception": D(1), "amount_excluded": D(1), "count_in": 3,
            "count_matched": 1, "count_exception": 1, "count_excluded": 1}  # fmt: skip


@pytest.mark.parametrize(
    "change", [{}, {"amount_matched": D(6)}, {"count_excluded": 0}, {"amount_in": D(8), "amount_matched": D(6)}]
)
def test_a_total_that_was_changed_does_not_balance_when_it_is_verified(change):
    store = store_with(payments=[("p", D("7.00"), "EUR", "BOOK")])
    told = {**BALANCED, **change}
    columns = {n: money([v]) if n.startswith("amount") else [v] for n, v in told.items()}
    store.append(
        "control_total",
        pl.DataFrame({"measure": ["payment"], "currency": ["EUR"], **columns, "difference": money([D(0)])}),
    )
    manifest = {"control_totals": [{"measure": "payment", "currency": "EUR", "amount_in": f"{told['amount_in']:.4f}"}]}
    found = list(verify._totals(store, manifest))
    assert found == (["control total payment EUR: does not balance with the rows of the run"] if change else [])


def test_currencies_are_never_added_up():
    store = store_with(
        payments=[("p", D("1.00"), "EUR", "PDNG"), ("q", D("1000"), "JPY", "PDNG")],
    )
    totals.close(store)
    assert total(store, "payment")["amount_in"] == D(1)
    assert total(store, "payment", "JPY")["amount_in"] == D(1000)


def test_billing_lines_count_their_own_amounts_whatever_the_document_totals():
    store = store_with()
    store.append(
        "billing_line",
        pl.DataFrame(
            {
                "billing_document": ["B", "B", "C"],
                "billing_line_no": [1, 2, 1],
                "line_net_amount": ["10", "20", "5"],
                "currency": "EUR",
            }
        ),
    )
    store.append(
        "issued_document",
        pl.DataFrame({"billing_document": ["B", "C"], "status": ["issued", "invalid"], "amount": ["35.70", "5.95"]}),
    )
    store.append(
        "exception", pl.DataFrame({"table": ["billing_line"], "object_id": ["C"], "reason": ["invalid_document"]})
    )
    totals.close(store)
    row = total(store, "billing_line")
    assert (row["amount_in"], row["amount_matched"], row["amount_exception"]) == (D(35), D(30), D(5))
    assert (row["count_matched"], row["count_exception"]) == (2, 1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.decimals(-5000, 5000, places=2), st.sampled_from(["EUR", "JPY"]), st.sampled_from("mxe")),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_comes_in_balances(rows):
    payments = [
        (f"p{n}", amount, currency, "PDNG" if state == "x" else "BOOK")
        for n, (amount, currency, state) in enumerate(rows)
    ]
    items = [(f"i{n}", amount, currency, None) for n, (amount, currency, _) in enumerate(rows)]
    settled = [n for n, row in enumerate(rows) if row[2] == "m"]
    store = store_with(
        payments,
        items,
        [(f"p{n}", f"i{n}", rows[n][0], rows[n][0], "payment", "accepted") for n in settled],
        [("payment", f"p{n}", "unmatched_payment") for n, row in enumerate(rows) if row[2] == "e"],
    )
    totals.close(store)
    for row in store.table("control_total").iter_rows(named=True):
        assert row["difference"] == 0
        assert row["count_in"] == row["count_matched"] + row["count_exception"] + row["count_excluded"]


def test_an_entry_of_nothing_is_excluded_and_the_run_balances():
    store = store_with(payments=[("P1", "0", "EUR", "BOOK")])
    totals.close(store)
    assert store.table("excluded")["reason"].to_list() == ["an entry of 0 moves no money"]
    assert total(store, "payment")["count_excluded"] == 1
