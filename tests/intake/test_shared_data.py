"""The labelled demo data and the public bank samples: read to the cent, or refused with one clear line."""

import csv
import io
import re
from decimal import Decimal

import polars as pl
import pytest
from lxml import etree

from tieout.connect.files import FileSource
from tieout.intake import Input, take_in
from tieout.model.records import Query
from tieout.replay import NoProgress
from tieout.store.engine import Store

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def demo(shared, mappings):
    """A store with all of the demo data, documents named from its folder."""
    with Store.create() as store:
        names = ["bank", "erp/open_items.csv", "erp/cleared_items.csv", "erp/cn_open_items.csv", "erp/cn_cleared_items.csv",
                 "erp/customers.csv", "erp/company.csv", "erp/fx_rates.csv", "einvoices"]  # fmt: skip
        sources = [Input(name, FileSource(name, [name], base=shared / "demo")) for name in names]
        assert take_in(store, sources, list(mappings.values()), progress=NoProgress()) == []
        yield store


def rows(store, sql):
    return store.fetch(Query("test", sql)).rows()


def in_file(path):
    """Number of transactions and their sum, by a reading of the file that shares no code with the product."""
    name, content = path.name, path.read_bytes()
    if name.endswith(".xml"):
        root = etree.fromstring(content)
        amounts = []
        for entry in root.iterfind(".//{*}Ntry"):
            sign = 1 if entry.findtext("{*}CdtDbtInd") == "CRDT" else -1
            details = entry.findall(".//{*}TxDtls")
            parts = [d.findtext("{*}Amt") or d.findtext("{*}AmtDtls/{*}TxAmt/{*}Amt") for d in details]
            whole = entry.findtext("{*}Amt")
            amounts += [sign * Decimal(part) for part in parts] if len(parts) > 1 else [sign * Decimal(whole)]
    elif name.endswith(".sta"):
        found = re.findall(r"^:61:\d{10}(R?[CD])R?(\d+,\d*)", content.decode(), re.M)
        amounts = [Decimal(number.replace(",", ".")) * (1 if mark in ("C", "RD") else -1) for mark, number in found]
    else:
        encoding = {"A5": "cp1252", "C2": "gb18030"}.get(name[:2], "utf-8-sig")
        table = csv.DictReader(io.StringIO(content.decode(encoding)), delimiter=";" if name.startswith("A5") else ",")
        amounts = []
        for row in table:
            if "Betrag" in row:
                amounts.append(Decimal(row["Betrag"].replace(".", "").replace(",", ".")))
                continue
            paid = [row.get(key, "") for key in ("Paid in", "收入金额", "贷方发生额（收入）")]
            out = [row.get(key, "") for key in ("Paid out", "支出金额", "借方发生额（支取）")]
            amount = [sum((Decimal(v.replace(",", "")) for v in side if v), Decimal(0)) for side in (paid, out)]
            amounts.append(amount[0] - amount[1])
    return len(amounts), sum(amounts)


def test_payments_of_each_file_are_those_in_the_file_to_the_cent(demo, shared):
    read = {
        source: (count, total)
        for source, count, total in rows(demo, "select source, count(*), sum(amount) from payment group by 1")
    }
    files = sorted((shared / "demo" / "bank").iterdir())
    assert read == {f"bank/{path.name}": in_file(path) for path in files}


def test_labelled_payments_have_their_id_amount_currency_and_file(demo, shared):
    truth = pl.read_csv(shared / "demo" / "truth" / "payments.csv", infer_schema=False)
    payments = demo.table("payment").select(
        "payment_id", pl.col("amount").alias("read"), pl.col("currency").alias("in"), "source"
    )
    joined = truth.join(payments, on="payment_id", how="left")
    wrong = joined.filter(
        (pl.col("amount").cast(pl.Decimal(18, 4)) != pl.col("read").fill_null(0))
        | (pl.col("currency") != pl.col("in").fill_null(""))
        | ("bank/" + pl.col("file") != pl.col("source").fill_null(""))
    )
    assert joined.height == 889
    assert wrong.rows() == []


def test_payment_ids_are_unique(demo):
    assert rows(demo, "select payment_id from payment group by 1 having count(*) > 1") == []


def test_statements_of_the_demo_add_up_and_follow_one_another(demo):
    assert rows(demo, "select rule, message from finding where rule <> 'IN-DUPLICATE'") == []
    assert rows(demo, "select count(*) from statement where opening_balance + entry_sum <> closing_balance") == [(0,)]


def test_open_items_agree_with_the_truth(demo, shared):
    truth = pl.read_csv(shared / "demo" / "truth" / "invoices.csv", infer_schema=False)
    items = pl.concat([
        demo.table("open_item").select(pl.col("open_item_id").alias("invoice_id"), "amount", "currency", pl.lit("1").alias("open_before")),
        demo.table("cleared_item").select(pl.col("cleared_item_id").alias("invoice_id"), "amount", "currency", pl.lit("0").alias("open_before")),
    ])  # fmt: skip
    joined = truth.join(items, on="invoice_id", how="full", suffix="_read")
    assert joined.height == truth.height
    assert joined.filter(pl.col("amount").cast(pl.Decimal(18, 4)) != pl.col("amount_read")).rows() == []
    assert joined.filter(pl.col("open_before") != pl.col("open_before_read")).rows() == []


def test_open_items_are_complete(demo):
    columns = ["discount_days", "discount_percent", "order_reference", "payment_terms", "posting_date"]
    sap = ", ".join(f"count({name})" for name in columns)
    assert rows(demo, f"select count(*), {sap} from open_item where company_code = '0500'")[0] == (1646,) * 6
    china = rows(
        demo,
        "select count(*), count(contract_reference), count(party_tax_identifier), count(tax_rate) from open_item where company_code = '0700'",
    )
    assert china[0][0] == 1016
    assert min(china[0]) > 900
    assert rows(demo, "select distinct e_invoice_profile from open_item order by 1") == [
        ("PEPPOL",),
        ("ZUGFERD",),
        ("数电",),
        (None,),
    ]
    assert rows(demo, "select count(*) from open_item where party_id not like '0000______'") == [(0,)]


def test_parquet_and_csv_of_the_same_items_are_equal(demo, shared, mappings):
    with Store.create() as store:
        source = FileSource("p", ["erp/*.parquet"], base=shared / "demo")
        take_in(store, [Input("p", source)], list(mappings.values()), progress=NoProgress())
        for table in ("open_item", "party"):
            one, other = (each.table(table).drop("source", "line") for each in (demo, store))
            assert one.equals(other), table


def test_companies_have_one_row_an_account(demo):
    assert rows(demo, "select company_code, count(*), max(row_no) from company group by 1 order by 1") == [
        ("0500", 8, 8),
        ("0700", 4, 4),
    ]


# --- public samples ---

REFUSED = {
    ".cod": "CODA", ".BC2": "CODA", "moov-io__bai2": "BAI2",
    "bank_small.ofx": "without a bank or card statement", "error_message.ofx": "General Server Error",
    "fidelity-savings.ofx": "investment", "fidelity.ofx": "investment", "investment_401k.ofx": "investment",
    "investment_medium.ofx": "investment", "signon_success.ofx": "Login successful",
    "signon_success_no_message.ofx": "without a bank or card statement", "vanguard.ofx": "investment", "vanguard401k.ofx": "investment",
    "currency_in_25.sta": "fragment", "empty_86.sta": "fragment", "empty_line.sta": "fragment",
    "account_balance_debit.sta": "fragment", "account_identification_iban.sta": "fragment",
    "account_identification_legacy.sta": "fragment", "available_balance.sta": "fragment", "closing_balance.sta": "fragment",
    "cmxl_reference.sta": "fragment", "statement_details.sta": "fragment", "statement_line.sta": "fragment",
    "self-provided_account_identification.sta": "fragment", "empty_non_swift.sta": "fragment",
    "self-provided_sparkassen.sta": "fragment",
}  # fmt: skip
OFX_ENTRIES = {
    "multiple_accounts.ofx": 0, "anzcc.ofx": 1, "checking.ofx": 3, "fail_nice_date_missing.ofx": 0,
    "fail_nice_empty_balance.ofx": 1, "bankstatementparser__tests_test_data_sample.ofx": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def samples(shared, mappings):
    """What came of each sample file alone: its document row, its findings and the number of its payments."""
    folder = shared / "reference" / "bank_samples"
    outcomes = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".md":
            continue
        with Store.create() as store:
            take_in(
                store,
                [Input("s", FileSource("s", [path.name], base=folder))],
                list(mappings.values()),
                progress=NoProgress(),
            )
            ((status, mapping),) = rows(store, "select status, mapping from document")
            found = rows(store, "select rule, severity, message from finding")
            outcomes[path.name] = (status, mapping, found, store.count("payment"))
    return outcomes


def test_each_sample_is_read_or_refused_with_one_clear_line(samples):
    assert len(samples) == 160
    for name, (status, mapping, findings, payments) in samples.items():
        wanted = next((text for key, text in REFUSED.items() if name.endswith(key) or name.startswith(key)), None)
        assert status == ("refused" if wanted else "read"), (name, findings)
        if wanted:
            ((rule, severity, message),) = findings
            assert (rule, severity, mapping, payments) == ("IN-FORMAT", "fatal", None, 0), name
            assert wanted in message, (name, message)
            assert "\n" not in message


def test_each_entry_of_an_mt940_sample_is_a_payment(samples, shared):
    for name, (status, mapping, _, payments) in samples.items():
        if mapping == "mt940.generic" and status == "read":
            content = (shared / "reference" / "bank_samples" / name).read_bytes()
            assert payments == len(re.findall(rb"^:61:", content, re.M)), name


def test_each_readable_entry_of_an_ofx_sample_is_a_payment(samples):
    for name, entries in OFX_ENTRIES.items():
        (found,) = [payments for key, (_, _, _, payments) in samples.items() if key.endswith(name)]
        assert found == entries, name


def test_statements_of_the_set_that_adds_up_add_up(samples):
    broken = [
        name
        for name, (_, _, findings, _) in samples.items()
        if name.startswith("Subite") and any(f[0] == "IN-BALANCE" for f in findings)
    ]
    assert broken == []
