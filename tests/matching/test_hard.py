"""Hard payments with known answers: never a wrong link, never money where none may go, and most of them settled."""

import csv
import io
import zipfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import tieout

GOLDEN = Path(__file__).parents[1] / "golden"

# One company in one script; and two companies, one of them Chinese, with other numbers, banks and words.
SETS = {
    "hard": "entity: {name: Nordlicht Werkzeuge GmbH, vat: DE811222333, country: DE}\nas_of: 2024-11-29\n",
    "varied": "entity: {name: Kaltwasser Armaturen GmbH, vat: DE811907733, country: DE}\nas_of: 2025-03-31\n",
}
SETTINGS = """
sources:
  open_items: {path: erp/open_items.csv, mapping: erp.sap_fbl5n}
  cleared: {path: erp/cleared_items.csv, mapping: erp.sap_cleared}
  customers: {path: erp/customers.csv, mapping: erp.customers}
  companies: {path: erp/company.csv, mapping: erp.companies}
  fx: {path: erp/fx_rates.csv, mapping: erp.fx_rates}
  statements: {path: [bank/*.xml, bank/*.sta]}
  bank_german: {path: bank/A5_*.csv, mapping: bank.de_csv}
  bank_english: {path: bank/A6*_*.csv, mapping: bank.uk_csv}
matching: receivables
"""
CHINESE = """  open_items_cn: {path: erp/cn_open_items.csv, mapping: erp.cn_open_items}
  bank_chinese_1: {path: bank/C1_*.csv, mapping: bank.cn_csv}
  bank_chinese_2: {path: bank/C2_*.csv, mapping: bank.cn_ccb_csv}
"""


@pytest.fixture(scope="module", params=list(SETS))
def archive(request):
    return GOLDEN / f"{request.param}_payments.zip"


def truth(path, name):
    with zipfile.ZipFile(path) as archive, archive.open(f"truth/{name}.csv") as stream:
        return list(csv.DictReader(io.TextIOWrapper(stream, "utf-8-sig")))


def money(rows, payment, item, amount):
    """What each payment settles with money: {payment: {item: amount}}."""
    found = defaultdict(dict)
    for row in rows:
        found[row[payment]][row[item]] = Decimal(row[amount])
    return found


@pytest.fixture(scope="module")
def answers(archive):
    rows = [row for row in truth(archive, "allocations") if row["kind"] in {"cash", "credit"}]
    return money(rows, "payment_id", "invoice_id", "amount_allocated")


@pytest.fixture(scope="module")
def given(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    zipfile.ZipFile(archive).extractall(folder)
    name = archive.name.removesuffix("_payments.zip")
    chinese = CHINESE if name == "varied" else ""
    (folder / "tieout.yaml").write_text(
        SETS[name] + SETTINGS.replace("matching:", f"{chinese}matching:").lstrip(), "utf-8"
    )
    accepted = tieout.open(folder).run().table("allocation").filter(pl.col("status") == "accepted")
    rows = accepted.filter(pl.col("kind").is_in(["payment", "credit_note"])).to_dicts()
    return money(rows, "payment_id", "open_item_id", "amount")


@pytest.mark.slow
def test_no_payment_is_linked_to_an_item_it_does_not_pay(given, answers):
    wrong = {p: set(items) - set(answers[p]) for p, items in given.items() if set(items) - set(answers[p])}
    assert wrong == {}


@pytest.mark.slow
def test_nothing_is_allocated_where_nothing_may_be(given, answers):
    assert {p for p in given if not answers.get(p)} == set()


@pytest.mark.slow
def test_nearly_all_that_can_be_settled_are_settled_to_the_cent(archive, given, answers):
    matchable = [p for p in (row["payment_id"] for row in truth(archive, "payments")) if answers.get(p)]
    right = sum(given.get(p) == answers[p] for p in matchable)
    assert right >= 0.98 * len(matchable), f"{right} of {len(matchable)}"
