"""The example month run end to end, against the answers its script wrote: who paid what, and what a person must look at."""

import csv
import shutil
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import tieout

MONTH = Path(__file__).parents[2] / "examples" / "month"

KINDS = {
    "payment": "cash",
    "credit_note": "credit",
    "fee": "bank_fee",
    "discount": "discount",
    "rounding": "rounding",
}
REASONS = {
    "AMBIGUOUS": "ambiguous",
    "DUPLICATE_PAYMENT": "duplicate_payment",
    "ALREADY_PAID": "payment_for_paid_item",
    "NOT_RECEIVABLE": "not_receivable",
    "RETURNED": "returned_payment",
    "UNIDENTIFIED": "unidentified_payer",
    "WRONG_CURRENCY": "wrong_currency",
    "PARTIAL_PAYMENT": "partial_payment",
    "OVERPAYMENT": "overpayment",
    "DISCOUNT_OUT_OF_TERMS": "discount_out_of_terms",
    "THIRD_PARTY_PAYER": "third_party_payer",
    "EINV_MISSING": "missing_on_platform",
    "EINV_AMOUNT_MISMATCH": "amount_differs",
    "EINV_TAXID_MISMATCH": "tax_id_differs",
    "EINV_DUPLICATE": "duplicate_document",
    "EINV_CANCELLED": "cancelled_document",
    "OVERDUE_OPEN": "overdue_open_item",
    "NOT_PAYABLE": "not_payable",
    "ACCOUNT_DIFFERS": "account_differs",
    "PAYABLE_OVERDUE": "overdue_payable",
    "PRICE_DIFFERS": "price_differs",
    "QUANTITY_DIFFERS": "quantity_differs",
    "NOT_ORDERED": "not_ordered",
    "REJECTED": "rejected_by_platform",
    "STATUS_CONFLICT": "status_conflict",
}

CODES = REASONS | {"PAYABLE_TWICE": "duplicate_document"}


def truth(name):
    with (MONTH / "truth" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books") / "month"
    shutil.copytree(
        MONTH, folder, ignore=shutil.ignore_patterns("runs", "journal.db*", "truth", "making", "__pycache__")
    )
    return tieout.open(folder)


@pytest.fixture(scope="module")
def run(month):
    return month.run()


def test_every_payment_is_allocated_as_it_was_meant(run):
    meant, found = defaultdict(dict), defaultdict(dict)
    for row in truth("allocations.csv"):
        meant[row["payment_id"]][row["invoice_id"], row["kind"]] = Decimal(row["amount_allocated"])
    for row in run.table("allocation").filter(pl.col("status") == "accepted").iter_rows(named=True):
        found[row["payment_id"]][row["open_item_id"], KINDS.get(row["kind"], row["kind"])] = row["amount"]
    right = [payment for payment in meant if found.get(payment) == meant[payment]]
    assert len(right) / len(meant) >= 0.99
    assert [payment for payment in found if payment not in meant] == [], "a payment that settles nothing was allocated"
    wrong = {payment: pairs for payment, pairs in found.items() if pairs != meant[payment]}
    assert wrong == {}


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_what_a_person_must_look_at_is_found_and_nothing_more(run, reason):
    codes = {code for code, name in CODES.items() if name == REASONS[reason]}
    meant = {row["object_id"] for row in truth("exceptions.csv") if row["reason_code"] in codes}
    rows = run.table("exception").filter(pl.col("reason") == REASONS[reason])
    assert meant
    assert set(rows["object_id"].to_list()) == meant


def test_control_totals_balance_and_the_seal_holds(run):
    assert set(run.table("control_total")["difference"].to_list()) == {Decimal(0)}
    assert run.verify() == []


def test_two_billing_documents_are_stopped_and_the_rest_is_numbered_without_a_gap(run):
    documents = run.table("issued_document")
    stopped = documents.filter(pl.col("status") == "invalid")["billing_document"].to_list()
    assert stopped == ["9100000445", "9100000447"]
    assert sorted(documents["number"].drop_nulls().to_list()) == [*range(1, 25)]
    files = documents["file"].drop_nulls().to_list()
    assert all((run.folder / name).is_file() for name in files)


def test_a_second_run_has_the_same_hashes(month, run):
    again = month.run()
    hashes = [{each["table"]: each["sha256"] for each in each_run.manifest["tables"]} for each_run in (run, again)]
    assert hashes[0] == hashes[1]
    assert again.verify() == []
