"""Invoices as flat files: rows become invoices, lines and VAT breakdown by their mapping alone, and pass the rules as such."""

import json
from pathlib import Path

import polars as pl
import pytest

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.mapping.carried import losses, typed
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.records import Document

FLAT = Path(__file__).parents[1] / "golden" / "csv" / "invoices.csv"
ONCE = ("Line", "Item", "Quantity", "Unit", "Price", "Net amount", "VAT category", "VAT rate", "VAT amount")


def mappings():
    return Catalogue.load(None).mappings


def taken(*documents):
    return read_documents([Document(name, content) for name, content in documents], mappings().values())


def flat():
    return pl.read_csv(FLAT, infer_schema_length=0)


def csv(frame):
    return frame.write_csv().encode()


def two_files():
    """The same invoices with a row an invoice in one file and their lines in another."""
    rows = flat()
    amounts = [pl.col(name).cast(pl.Decimal(18, 2)).sum() for name in ("Net amount", "VAT amount")]
    totals = rows.group_by("Invoice number", maintain_order=True).agg(amounts)
    heads = rows.drop(ONCE).unique("Invoice number", maintain_order=True).join(totals, on="Invoice number")
    heads = heads.rename({"Net amount": "Total without VAT", "VAT amount": "Total VAT"})
    heads = heads.with_columns((pl.col("Total without VAT") + pl.col("Total VAT")).alias("Total with VAT"))
    return ("heads.csv", csv(heads)), ("lines.csv", csv(rows.select("Invoice number", *ONCE)))


def invoices(batch):
    """What each invoice says, whatever its id and file."""
    frames = {name: typed(name, frame) for name, frame in batch.frames.items() if name in mapped()}
    numbers = dict(frames["invoice"].select("invoice_id", "invoice_number").iter_rows())
    return {
        name: frame.with_columns(pl.col("invoice_id").replace(numbers)).drop("source", "line", "mapping", strict=False)
        for name, frame in frames.items()
    }


def mapped():
    return {"invoice", "invoice_line", "vat_breakdown", "vat_total", "payment_instruction"}


def test_rows_of_lines_become_invoices_with_their_sums():
    batch = taken(("in.csv", FLAT.read_bytes()))
    assert [each.message for each in batch.findings] == []
    found = invoices(batch)
    heads = found["invoice"].select(
        pl.col("invoice_number", "issue_date").cast(pl.String),
        pl.col("invoice_total_amount_without_vat", "invoice_total_vat_amount", "amount_due_for_payment").cast(
            pl.Float64
        ),
    )
    assert heads.rows() == [
        ("F-1", "2026-10-01", 125.0, 21.35, 146.35),
        ("F-2", "2026-10-02", 14.5, 2.76, 17.26),
    ]
    breakdown = found["vat_breakdown"].select(
        "invoice_id", "row_no", pl.col("vat_category_rate", "vat_category_taxable_amount", "vat_category_tax_amount").cast(pl.Float64)
    )  # fmt: skip
    assert breakdown.rows() == [("F-1", 1, 19, 105, 19.95), ("F-1", 2, 7, 20, 1.4), ("F-2", 1, 19, 14.5, 2.76)]
    assert found["invoice_line"].select("invoice_id", "row_no").rows() == [
        ("F-1", 1),
        ("F-1", 2),
        ("F-1", 3),
        ("F-2", 1),
    ]
    assert batch.frames["invoice_line"]["line"].to_list() == [2, 3, 4, 5]


def test_two_files_say_the_same_as_one():
    one, two = invoices(taken(("in.csv", FLAT.read_bytes()))), invoices(taken(*two_files()))
    assert [str(each) for each in losses(one, two)] == []


def test_each_invoice_is_written_as_ubl_and_reads_back_the_same():
    frames = {
        name: typed(name, frame)
        for name, frame in taken(("in.csv", FLAT.read_bytes())).frames.items()
        if name in mapped()
    }
    ubl = mappings()["ubl.invoice"]
    for (id,), invoice in frames["invoice"].partition_by("invoice_id", as_dict=True).items():
        mine = {name: frame.filter(pl.col("invoice_id") == id) for name, frame in frames.items()}
        assert invoice["invoice_id"].to_list() == [f"in.csv#{invoice['invoice_number'][0]}"]
        content = write(ubl, {name: frame.to_dicts() for name, frame in mine.items()})
        read, findings = read_back({id: (content, ubl)})
        again = {name: typed(name, frame) for name, frame in read.items() if name in mapped()}
        assert not findings
        assert [str(each) for each in losses(mine, again) if each.of_a_term and each.meant is not None] == []


def test_the_rules_judge_a_flat_file_and_the_documents_made_of_it(place):
    place.write("in.csv", FLAT.read_bytes())
    assert place.tieout("validate", "in.csv", "--rules", "en16931").text == "no findings\n"
    place.write("bad.csv", csv(flat().with_columns(pl.col("VAT category").replace("S", "X"))))
    result = place.tieout("validate", "bad.csv", "--rules", "en16931", "--format", "jsonl")
    assert "BR-CL-17" in {json.loads(line)["rule"] for line in result.out.splitlines()}
    assert place.tieout("convert", "in.csv", "--to", "ubl.invoice", "--out", "out").status == 0
    result = place.tieout("validate", "out", "--rules", "en16931")
    assert result.text == "no findings\n"


@pytest.mark.parametrize(
    ("column", "value", "rule", "words"),
    [
        ("Issue date", "2026-10-09", "IN-DIFFERS", "'Issue date' is not the same in all rows of this invoice; the first, '2026-10-01', is kept"),
        ("VAT amount", "1,40", "IN-VALUE", "'VAT amount' is '1,40'; expected a number with decimal '.'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_finding_with_its_line(column, value, rule, words):
    changed = pl.when(pl.col("Item") == "A book").then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
    findings = taken(("in.csv", csv(flat().with_columns(changed)))).findings
    assert {each.rule for each in findings} == {rule}
    assert words in findings[0].message
    assert findings[0].line == (2 if rule == "IN-DIFFERS" else 4)
