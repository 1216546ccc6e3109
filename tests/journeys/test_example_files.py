"""The example month as files, without running it: they chain, they hold together, and the script makes the same again."""

import csv
import io
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from stdnum import iban, iso11649

from tieout import validate
from tieout.formats import xml
from tieout.model.errors import FormatError

MONTH = Path(__file__).parents[2] / "examples" / "month"
MADE = ("bank", "billing", "einvoices", "erp", "platform", "received", "truth")


def rows(name, *, encoding="utf-8", delimiter=","):
    text = (MONTH / name).read_bytes().decode(encoding)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def german(text):
    return Decimal(text.replace(".", "").replace(",", "."))


def camt():
    """Each camt statement: file, opening, closing, the entries' ids and sum."""
    for path in sorted((MONTH / "bank").glob("*.xml")):
        root = xml.parse(path.read_bytes(), path.name)
        space = root.tag.removesuffix("Document")

        def signed(element, space=space):
            amount = Decimal(element.findtext(f"{space}Amt"))
            return -amount if element.findtext(f"{space}CdtDbtInd") == "DBIT" else amount

        balances = [signed(each) for each in root.iter(f"{space}Bal")]
        ids = [each.findtext(f"{space}Refs/{space}AcctSvcrRef") for each in root.iter(f"{space}TxDtls")]
        yield path.name, balances[0], balances[1], ids, sum(signed(each) for each in root.iter(f"{space}Ntry"))


def mt940():
    """Each MT940 statement: file, opening, closing, the entries' ids and sum."""
    for path in sorted((MONTH / "bank").glob("*.sta")):
        opening = closing = total = Decimal(0)
        ids = []
        for line in path.read_bytes().decode("ascii").split("\r\n"):
            if line.startswith((":60F:", ":62F:")):
                value = german(line[15:]) * (-1 if line[5] == "D" else 1)
                opening, closing = (value, closing) if line.startswith(":60F:") else (opening, value)
            elif line.startswith(":61:"):
                mark = "RC" if line[14:16] == "RC" else line[14]
                amount = german(line[14 + len(mark) :].partition("N")[0])
                total += amount if mark == "C" else -amount
                ids.append(line.partition("//")[2])
        yield path.name, opening, closing, ids, total


def payments():
    """Every payment of the bank files by id, with its amount; from the CSVs too."""
    found = {}
    for row in rows("bank/M5_2026-10.csv", encoding="cp1252", delimiter=";"):
        found[row["Bankreferenz"]] = german(row["Betrag"])
    for row in rows("bank/C1_2026-10.csv", encoding="gb18030"):
        spent, received = row["借方发生额（支取）"], row["贷方发生额（收入）"]
        found[row["账户明细编号-交易流水号"]] = Decimal(received.replace(",", "")) - Decimal(spent.replace(",", ""))
    return found


def test_the_script_makes_the_same_bytes_again(tmp_path):
    subprocess.run([sys.executable, MONTH / "make.py", "--out", tmp_path], check=True, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(MONTH): path.read_bytes() for name in MADE for path in (MONTH / name).rglob("*")}
    assert set(made) == set(kept)
    assert [str(name) for name in sorted(made) if made[name] != kept[name]] == []
    assert sum(map(len, made.values())) < 1_000_000


def test_statements_chain_and_add_up():
    last = {}
    statements = [*camt(), *mt940()]
    assert len(statements) == 25
    for name, opening, closing, _, total in statements:
        account = name[:2]
        assert opening + total == closing, name
        assert last.get(account, opening) == opening, name
        last[account] = closing


def test_the_chinese_csv_carries_its_balance_from_row_to_row():
    table = rows("bank/C1_2026-10.csv", encoding="gb18030")
    amounts = [
        [Decimal(row[name].replace(",", "")) for name in ("借方发生额（支取）", "贷方发生额（收入）", "余额")]
        for row in table
    ]
    for (_, _, before), (spent, received, balance) in pairwise(amounts):
        assert balance == before + received - spent


def test_every_payment_stands_in_one_file_and_in_the_truth():
    truth = {row["payment_id"]: Decimal(row["amount"]) for row in rows("truth/payments.csv")}
    ids = [*payments(), *(each for _, _, _, ids, _ in [*camt(), *mt940()] for each in ids)]
    assert Counter(ids) == Counter(truth.keys())
    assert len(truth) >= 290
    for payment, amount in payments().items():
        assert truth[payment] == amount
    by_account = defaultdict(Decimal)
    for row in rows("truth/payments.csv"):
        by_account[row["account"]] += Decimal(row["amount"])
    booked = defaultdict(Decimal)
    for name, _, _, _, total in [*camt(), *mt940()]:
        booked[name[:2]] += total
    assert {account: by_account[account] for account in booked} == dict(booked)


def test_the_truth_allocates_no_more_than_was_paid_and_open():
    paid = {row["payment_id"]: row for row in rows("truth/payments.csv")}
    items = {row["invoice_id"]: row for row in rows("truth/invoices.csv")}
    items |= {row["invoice_id"]: row | {"open_before": "1"} for row in rows("truth/payables.csv")}
    money, settled = defaultdict(Decimal), defaultdict(Decimal)
    for row in rows("truth/allocations.csv"):
        assert row["invoice_ccy"] == items[row["invoice_id"]]["currency"] == paid[row["payment_id"]]["currency"]
        assert items[row["invoice_id"]]["open_before"] == "1"
        settled[row["invoice_id"]] += Decimal(row["amount_invoice_ccy"])
        if row["kind"] in {"cash", "credit"}:
            money[row["payment_id"]] += Decimal(row["amount_allocated"])
    for payment, row in paid.items():
        assert money[payment] + Decimal(row["unallocated"]) == Decimal(row["amount"])
    for item, amount in settled.items():
        assert 0 < amount / Decimal(items[item]["amount"]) <= 1


def test_every_situation_is_there():
    situations = Counter(row["scenario"] for row in rows("truth/scenarios.csv"))
    assert set(situations) >= {
        "exact_reference", "structured_reference", "reference_with_noise", "reference_shortened", "several_invoices",
        "credit_netted", "part_payment", "discount_in_terms", "discount_out_of_terms", "fee_short", "rounding",
        "name_and_amount", "overpayment", "duplicate", "paid_item", "returned", "salary", "tax", "interest",
        "own_transfer", "unidentified", "third_party", "ambiguous", "wrong_currency", "invalid_reference",
    }  # fmt: skip


def test_ledger_and_truth_name_the_same_open_items():
    europe = rows("erp/open_items.csv")
    assert len([row for row in europe if None in row]) == 1
    numbers = {row["Document Number"]: row["Amount in Doc. Curr."] for row in europe if None not in row}
    numbers |= {row["单据编号"]: row["原币金额"] for row in rows("erp/open_items_cn.csv", encoding="utf-8-sig")}
    truth = {row["invoice_id"]: row["amount"] for row in rows("truth/invoices.csv") if row["open_before"] == "1"}
    assert len(truth) == 400
    assert {number: f"-{text[:-1]}" if text.endswith("-") else text for number, text in numbers.items()} == truth


def test_check_digits_are_right():
    accounts = [row["Bank Account (IBAN)"] for row in rows("erp/customers.csv")]
    accounts += [number for row in rows("erp/companies.csv") for number in row["Bank accounts"].split()]
    european = [number for number in accounts if number[:2].isalpha()]
    assert len(european) > 20
    assert all(iban.is_valid(number) for number in european)
    references = [row["Payment Reference"] for row in rows("erp/open_items.csv") if row["Payment Reference"]]
    assert all(iso11649.is_valid(each) for each in references if each.startswith("RF"))
    belgian = [each.strip("+").replace("/", "") for each in references if each.startswith("+")]
    assert belgian
    assert all(int(each[:10]) % 97 == int(each[10:]) % 97 for each in belgian)


def test_one_einvoice_is_broken_and_the_rest_is_well_formed():
    broken = []
    for path in sorted((MONTH / "einvoices").iterdir()):
        try:
            xml.parse(path.read_bytes(), path.name)
        except FormatError:
            broken.append(f"einvoices/{path.name}")
    cut = [row["file"] for row in rows("truth/defects.csv") if row["defect"] == "the file ends in the middle"]
    assert broken == cut
    assert len(broken) == 1


def test_the_rules_find_what_was_planted_and_nothing_else():
    found = {
        (f"einvoices/{Path(row['document']).name}", row["rule"])
        for pack in ("en16931", "cn_fapiao")
        for row in validate([MONTH / "einvoices"], rules=[pack]).iter_rows(named=True)
        if row["rule"] != "IN-FORMAT" and Path(row["document"]).name.startswith("2633") is (pack == "cn_fapiao")
    }
    planted = {(row["file"], row["rule"]) for row in rows("truth/defects.csv") if row["rule"]}
    # The lines of one 数电票 name another rate than was applied: each line, and so their sum.
    also = {(file, "CN-LINE-TAX-SUM") for file, rule in planted if rule == "CN-LINE-TAX"}
    assert found == planted | also


@pytest.mark.parametrize("row", rows("truth/defects.csv"), ids=lambda row: row["rule"] or row["defect"])
def test_a_planted_defect_stands_in_a_file(row):
    assert (MONTH / row["file"]).is_file()
