"""数电票: the EInvoice XML with its traps."""

import datetime as dt
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tieout.formats.xml import parse
from tieout.library import catalog, mappings, yamlfile
from tieout.mapping.lens import Collector, Lens, write


@cache
def lens() -> Lens:
    mapping, mistakes = mappings.parse_mapping(yamlfile.load(catalog.shipped("mappings") / "cn" / "einvoice.yaml"))
    assert mapping is not None, mistakes
    return Lens.compile(mapping)


def collect(*documents: str | bytes) -> Collector:
    collector = Collector()
    for n, content in enumerate(documents, 1):
        root = parse(content.encode() if isinstance(content, str) else content, f"{n}.xml")
        assert lens().reads(root)
        collector.add(lens(), root, f"{n}.xml")
    return collector


def plain(frame: pl.DataFrame) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if v is not None} for row in frame.to_dicts()]


def document(
    *, label: str = "Y", total: str = "113.00", remark: str = "", time: str = "2024-06-14 10:21:33", rest: str = ""
) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<EInvoice><Header><EIid>24322000000012340135</EIid><EInvoiceTag>SWEI3200</EInvoiceTag><Version>0.2</Version>
<InherentLabel><InIssuType><LabelCode>{label}</LabelCode></InIssuType><GeneralOrSpecialVAT><LabelCode>01</LabelCode></GeneralOrSpecialVAT></InherentLabel></Header>
<EInvoiceData><SellerInformation><SellerIdNum>91330100MA2KYSWJ5T</SellerIdNum><SellerName>杭州云杉文具有限公司</SellerName>
<SellerBankName>招商银行</SellerBankName><SellerBankAccNum>571900000000001</SellerBankAccNum></SellerInformation>
<BuyerInformation><BuyerIdNum>91320092KN0HDGKAW6</BuyerIdNum><BuyerName>厦门宜龙机械</BuyerName></BuyerInformation>
<BasicInformation><TotalAmWithoutTax>100.00</TotalAmWithoutTax><TotalTaxAm>13.00</TotalTaxAm>
<TotalTax-includedAmount>{total}</TotalTax-includedAmount><RequestTime>2024-06-13 09:00:00</RequestTime></BasicInformation>
<IssuItemInformation><ItemName>*文具*笔</ItemName><Quantity/><UnPrice/><Amount>100.00</Amount><TaxRate>0.13</TaxRate>
<ComTaxAm>13.000000</ComTaxAm><TotaltaxIncludedAmount>113.00</TotaltaxIncludedAmount><TaxClassificationCode>1060105020000000000</TaxClassificationCode></IssuItemInformation>
<IssuItemInformation><ItemName>折扣</ItemName><Amount>-1.00</Amount><TaxRate>免税</TaxRate><ComTaxAm>***</ComTaxAm></IssuItemInformation>
<SpecificInformation/><AdditionalInformation><Remark>{remark}</Remark></AdditionalInformation></EInvoiceData>
<TaxSupervisionInfo><InvoiceNumber>24322000000012340135</InvoiceNumber><IssueTime>{time}</IssueTime></TaxSupervisionInfo>{rest}</EInvoice>"""


def invoice(**options: str) -> dict[str, object]:
    return plain(collect(document(**options)).frames()["invoice"])[0]


def test_the_header_becomes_an_invoice_in_yuan():
    found = invoice()
    assert (found["invoice_number"], found["issue_date"]) == ("24322000000012340135", dt.date(2024, 6, 14))
    assert (found["invoice_currency_code"], found["syntax"], found["fapiao_kind_code"]) == ("CNY", "cn", "01")
    assert (found["seller_vat_identifier"], found["buyer_vat_identifier"]) == (
        "91330100MA2KYSWJ5T",
        "91320092KN0HDGKAW6",
    )
    totals = ("invoice_total_amount_without_vat", "invoice_total_vat_amount", "invoice_total_amount_with_vat")
    assert [found[name] for name in totals] == ["100.00", "13.00", "113.00"]
    assert found["issue_time"] == "2024-06-14 10:21:33"
    assert not found["is_red_letter"]
    assert "remark" not in found


def test_a_rate_is_a_percentage_and_stays_as_it_was_written_beside():
    collector = collect(document())
    lines = plain(collector.frames()["invoice_line"])
    assert [line.get("invoiced_item_vat_rate") for line in lines] == ["13", None]
    assert [line["tax_rate_text"] for line in lines] == ["0.13", "免税"]
    assert lines[0]["line_amount_with_tax"] == "113.00"
    assert lines[0]["line_tax_amount"] == "13.000000"
    assert "invoiced_quantity" not in lines[0]


def test_a_starred_tax_is_no_value_and_any_other_word_is_a_finding():
    assert collect(document()).findings == ()
    (finding,) = collect(document().replace("免税", "13%")).findings
    assert (finding.table, finding.row_no, finding.evidence["text"]) == ("invoice_line", 2, "13%")


@pytest.mark.parametrize(
    "options",
    [
        {"label": "N"},
        {"total": "-113.00"},
        {"remark": "被红冲蓝字数电票号码：24322000000012341237"},
        {"remark": "被红冲蓝字数电发票号码:24322000000012341237 红字发票信息确认单编号：33011124061000000001"},
    ],
    ids=["label", "sign", "remark", "remark of another writer"],
)
def test_a_red_letter_is_known_by_label_sign_or_remark(options):
    assert invoice(**options)["is_red_letter"]


def test_the_blue_invoice_of_a_red_one_is_a_preceding_invoice():
    remark = "被红冲蓝字数电票号码：24322000000012341237 红字发票信息确认单编号：33011124061000000001"
    collector = collect(
        document(remark=remark),
        document(remark="HT-2025-3017"),
        document(rest="<RedEInvoice><OriginalInvoiceCode>24322000000012341238</OriginalInvoiceCode></RedEInvoice>"),
    )
    found = [
        (row["invoice_id"], row["row_no"], row["preceding_invoice_reference"])
        for row in plain(collector.frames()["preceding_invoice"])
    ]
    assert found == [("1.xml", 1, "24322000000012341237"), ("3.xml", 1, "24322000000012341238")]
    assert plain(collector.frames()["invoice"])[0]["red_confirmation_number"] == "33011124061000000001"


def test_the_date_may_stand_without_time_or_only_as_that_of_the_request():
    assert invoice(time="2024-06-15")["issue_date"] == dt.date(2024, 6, 15)
    assert invoice(time="")["issue_date"] == dt.date(2024, 6, 13)


def test_a_plate_number_before_it_is_not_the_invoice_number():
    toll = "<SpecificInformation><Toll><PlateNumber>浙A12345</PlateNumber></Toll></SpecificInformation>"
    assert (
        plain(collect(document().replace("<SpecificInformation/>", toll)).frames()["invoice"])[0]["invoice_number"]
        == "24322000000012340135"
    )


def test_missing_blocks_leave_nulls_and_no_finding():
    collector = collect("<EInvoice><Header><EIid>1</EIid><InherentLabel/></Header><EInvoiceData/></EInvoice>")
    (found,) = plain(collector.frames()["invoice"])
    assert found["invoice_number"] == "1"
    assert not found["has_document_totals"]
    assert collector.findings == ()


def test_rows_of_an_erp_are_written_with_a_fraction_as_rate():
    rows = {
        "invoice": [{"invoice_number": "24322000000012340135", "invoice_total_amount_with_vat": Decimal("113.000000")}],
        "invoice_line": [{"row_no": 1, "item_name": "笔 & <墨>", "invoiced_item_vat_rate": Decimal("13.000000")}],
    }
    text = write(lens().mapping, rows).decode()
    assert "<TaxRate>0.13</TaxRate>" in text
    assert "<TotalTax-includedAmount>113.00</TotalTax-includedAmount>" in text
    assert "<ItemName>笔 &amp; &lt;墨&gt;</ItemName>" in text
    assert text.count("24322000000012340135") == 2


def test_the_demo_invoices_and_the_published_sample_are_read_without_a_finding(shared: Path):
    files = [
        *(shared / "demo" / "einvoices").glob("*.xml"),
        *(shared / "reference" / "samples" / "einvoice_xml").glob("*.xml"),
    ]
    chosen = [content for content in (path.read_bytes() for path in sorted(files)) if b"<EInvoice>" in content]
    assert len(chosen) > 10
    collector = collect(*chosen)
    assert collector.findings == ()
    invoices = collector.frames()["invoice"]
    assert invoices["invoice_number"].str.contains(r"^\d{20}$").all()
    reds = invoices.filter(pl.col("is_red_letter"))
    assert reds.height == collector.frames()["preceding_invoice"].height > 0
