"""tieout convert: what the target carries is carried, what it does not is named, and nothing is lost in silence."""

from pathlib import Path

import pytest

from tests.journeys.conftest import UBL

GOLDEN = Path(__file__).parents[1] / "golden" / "xml"


def test_an_invoice_goes_to_another_syntax_and_back_without_a_loss(place):
    place.write("in.xml", UBL.format(number="AF-1"))
    assert (
        place.tieout("convert", "in.xml", "--to", "cii.invoice", "--out", "a.xml").text == "1 document written: a.xml\n"
    )
    assert place.tieout("convert", "a.xml", "--to", "json.invoice", "--out", "b.json").status == 0
    assert place.tieout("convert", "b.json", "--to", "ubl", "--out", "c.xml").text == "1 document written: c.xml\n"
    first, last = (
        place.tieout("validate", name, "--format", "jsonl", "--rules", "en16931") for name in ("in.xml", "c.xml")
    )
    assert {line.split('"rule":')[1][:12] for line in last.out.splitlines()} == {
        line.split('"rule":')[1][:12] for line in first.out.splitlines()
    }


def test_what_the_target_cannot_carry_is_named_with_its_term(place):
    place.write("in.xml", (GOLDEN / "ubl_invoice.xml").read_bytes())
    result = place.tieout("convert", "in.xml", "--to", "cn.einvoice", "--out", "out.xml")
    assert result.status == 0
    assert "in.xml  cn.einvoice does not carry invoice.buyer_reference (BT-10): '04011000-1234512345-06'" in result.err
    assert "cn.einvoice does not carry this row of item_attribute, row 1/1: item_attribute_name 'Colour'" in result.err
    assert "element" not in result.err
    assert result.out.strip().endswith("values not carried")


def test_the_kind_of_document_chooses_within_a_family(place):
    place.write("in/a.xml", (GOLDEN / "ubl_credit_note.xml").read_bytes())
    place.write("in/b.xml", UBL.format(number="AF-1"))
    place.write("in/c.xml", "<broken")
    place.tieout("convert", "in/a.xml", "--to", "cii", "--out", "cii/a.xml")
    result = place.tieout("convert", "in", "cii", "--to", "ubl", "--out", "out")
    assert result.status == 1
    assert "in/c.xml" in result.err
    written = {each.name: each.read_text() for each in (place.folder / "out").iterdir()}
    assert written.keys() == {"a.xml", "a-2.xml", "b.xml"}
    assert ["CreditNote-2" in written[name] for name in ("a.xml", "a-2.xml", "b.xml")] == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("in.xml", "--to", "ubl.invoise", "--out", "x"), 2, "did you mean 'ubl.invoice'"),
        (("none.xml", "--to", "ubl", "--out", "x"), 2, "there is no such file"),
        (("in.xml", "more", "--to", "ubl", "--out", "one.xml"), 2, "name a folder"),
        (("in.xml", "--to", "ubl", "--out", "in.xml/x.xml"), 3, "cannot be written"),
    ],
)
def test_a_mistake_is_one_line(place, arguments, status, words):
    place.write("in.xml", UBL.format(number="AF-1"))
    place.write("more/b.xml", UBL.format(number="AF-2"))
    result = place.tieout("convert", *arguments)
    assert (result.status, words in result.err, "Traceback" in result.err) == (status, True, False), result.text


def test_a_date_that_is_none_is_carried_as_it_stood_or_named(place):
    date = "<cbc:IssueDate>"
    text = UBL.format(number="AF-1")
    place.write("in.xml", text.replace(text.split(date)[1][:10], "2026-13-45", 1))
    result = place.tieout("convert", "in.xml", "--to", "cii.invoice", "--out", "a.xml")
    assert (result.status, "2026-13-45" in (place.folder / "a.xml").read_text()) == (0, True)
    result = place.tieout("convert", "in.xml", "--to", "json.invoice", "--out", "a.json")
    assert result.status == 0
    assert "json.invoice does not carry invoice.issue_date (BT-2): '2026-13-45'" in result.err


def test_an_invoice_becomes_a_pdf_that_is_read_like_it(place):
    pytest.importorskip("facturx", reason='pip install "tieout[facturx]"')
    place.write("in.xml", UBL.format(number="AF-1"))
    assert place.tieout("convert", "in.xml", "--to", "facturx", "--out", "a.pdf").text == "1 document written: a.pdf\n"
    assert place.tieout("convert", "a.pdf", "--to", "ubl.invoice", "--out", "b.xml").status == 0
    assert place.tieout("convert", "in.xml", "--to", "cii", "--out", "c.xml").status == 0
    place.tieout("convert", "c.xml", "--to", "ubl.invoice", "--out", "d.xml")
    assert (place.folder / "b.xml").read_text() == (place.folder / "d.xml").read_text()
