"""The labelled half of the demo data, from the bank's files to the allocations: right, and never a guess."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import tieout

DEMO = Path(__file__).parents[2] / "examples" / "demo"
REASONS = {
    "AMBIGUOUS": "ambiguous",
    "DUPLICATE_PAYMENT": "duplicate_payment",
    "ALREADY_PAID": "payment_for_paid_item",
    "NOT_RECEIVABLE": "not_receivable",
    "RETURNED": "returned_payment",
    "UNIDENTIFIED": "unidentified_payer",
    "PARTIAL_PAYMENT": "partial_payment",
    "OVERPAYMENT": "overpayment",
    "DISCOUNT_OUT_OF_TERMS": "discount_out_of_terms",
    "THIRD_PARTY_PAYER": "third_party_payer",
}


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def truth(shared):
    """Money by payment and item, and the labelled payments."""
    money = {row["payment_id"]: {} for row in rows(shared / "demo" / "truth" / "payments.csv")}
    for row in rows(shared / "demo" / "truth" / "allocations.csv"):
        if row["kind"] in ("cash", "credit"):
            money[row["payment_id"]][row["invoice_id"]] = Decimal(row["amount_allocated"])
    return money


@pytest.fixture(scope="module")
def run(shared, tmp_path_factory):
    """One run of the demo workspace in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(DEMO / "tieout.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIEOUT_SHARED", str(shared))
        return tieout.open(folder).run()


@pytest.fixture(scope="module")
def settled(run):
    money = defaultdict(dict)
    accepted = run.table("allocation").filter(pl.col("status") == "accepted")
    for row in accepted.filter(pl.col("kind").is_in(["payment", "credit_note"])).to_dicts():
        money[row["payment_id"]][row["open_item_id"]] = row["amount"]
    return money


@pytest.mark.shared
def test_at_least_95_in_100_matchable_payments_are_exactly_right(truth, settled):
    matchable = {payment: parts for payment, parts in truth.items() if parts}
    right = sum(settled.get(payment) == parts for payment, parts in matchable.items())
    assert right / len(matchable) >= 0.95


@pytest.mark.shared
def test_at_most_one_link_in_a_thousand_is_wrong_and_nothing_is_guessed(truth, settled):
    links = [(payment, item) for payment in truth for item in settled.get(payment, {})]
    assert sum(item in truth[payment] for payment, item in links) / len(links) >= 0.999
    assert [payment for payment, parts in truth.items() if not parts and settled.get(payment)] == []


@pytest.mark.shared
def test_at_least_90_in_100_reasons_are_right(truth, run, shared):
    expected = {
        (row["object_id"], REASONS[row["reason_code"]])
        for row in rows(shared / "demo" / "truth" / "exceptions.csv")
        if row["object_type"] == "payment" and row["object_id"] in truth
    }
    found = {
        (row["object_id"], row["reason"])
        for row in run.table("exception").filter(pl.col("reason").is_in(list(REASONS.values()))).to_dicts()
        if row["object_id"] in truth
    }
    assert len(expected & found) / len(expected) >= 0.9
    assert len(expected & found) / len(found) >= 0.9
