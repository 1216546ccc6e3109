"""tieout validate: files, zips, PDFs and stdin; and an official stylesheet as a second opinion."""

import io
import json
import sys
import zipfile
from unittest import mock

import pytest
from pypdf import PdfWriter

from tests.journeys.conftest import UBL

GOOD = UBL.format(number="AF-1").replace(">12.01<", ">12.02<").replace(">75.25<", ">75.26<")
BAD = UBL.format(number="AF-2")

STYLESHEET = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
  xmlns:svrl="http://purl.oclc.org/dsdl/svrl" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<xsl:template match="/"><svrl:schematron-output>
<xsl:if test="not(//cbc:ID = 'AF-1')"><svrl:failed-assert location="/Invoice" flag="fatal">
<xsl:attribute name="id">BR-CO-14</xsl:attribute><svrl:text>totals</svrl:text></svrl:failed-assert></xsl:if>
<xsl:if test="//cbc:Note"><svrl:failed-assert id="BR-02" location="/Invoice"><svrl:text>note</svrl:text></svrl:failed-assert></xsl:if>
</svrl:schematron-output></xsl:template></xsl:stylesheet>"""


def pdf(content):
    writer, stream = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.add_attachment("factur-x.xml", content.encode())
    writer.write(stream)
    return stream.getvalue()


def rows(result):
    return [json.loads(line) for line in result.out.splitlines() if line.strip()]


def test_an_invoice_in_a_pdf_in_a_zip_is_checked_like_the_file_itself(place):
    place.write("bad.xml", BAD)
    place.write("bad.pdf", pdf(BAD))
    with zipfile.ZipFile(place.folder / "all.zip", "w") as archive:
        archive.writestr("inner.pdf", pdf(BAD))
    alone = rows(place.tieout("validate", "bad.xml", "--format", "jsonl"))
    for given, name in (("bad.pdf", "bad.pdf!factur-x.xml"), ("all.zip", "all.zip!inner.pdf!factur-x.xml")):
        found = rows(place.tieout("validate", given, "--format", "jsonl"))
        assert {each["document"] for each in found} == {name}
        assert [(each["rule"], each["line"]) for each in found] == [(each["rule"], each["line"]) for each in alone]


def test_one_document_can_come_from_stdin(place):
    stream = io.TextIOWrapper(io.BytesIO(BAD.encode()))
    with mock.patch.object(sys, "stdin", stream):
        result = place.tieout("validate", "-", "--format", "jsonl")
    assert result.status == 1
    assert {each["document"] for each in rows(result)} == {"-"}


def test_a_second_opinion_names_the_documents_that_are_judged_otherwise(place):
    pytest.importorskip("saxonche", reason="saxonche is not installed: pip install 'tieout[official]'")
    place.write("official.xsl", STYLESHEET)
    place.write("docs/a.xml", GOOD)
    place.write("docs/b.xml", BAD)
    place.write("docs/c.xml", GOOD.replace("<cbc:ID>AF-1<", "<cbc:ID>AF-3<"))
    place.write("docs/d.xml", "<broken")
    result = place.tieout("validate", "docs", "--official", "official.xsl")
    assert "official stylesheets: 2 of 3 documents judged alike" in result.out
    assert "docs/c.xml  only there: BR-CO-14" in result.out
    assert "docs/b.xml  only" not in result.out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("docs", "--official", "none.xsl"), 3, "none.xsl"),
        (("docs", "--official", "docs/a.xml"), 3, "no stylesheet that can be compiled"),
        (("-", "--official", "official.xsl"), 2, "name a file instead of '-'"),
    ],
)
def test_a_second_opinion_that_cannot_be_had_says_why(place, arguments, status, words):
    pytest.importorskip("saxonche", reason="saxonche is not installed: pip install 'tieout[official]'")
    place.write("official.xsl", STYLESHEET)
    place.write("docs/a.xml", GOOD)
    with mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(b""))):
        result = place.tieout("validate", *arguments)
    assert (result.status, words in result.err) == (status, True), result.text
