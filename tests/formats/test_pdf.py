"""Invoices inside PDFs: each XML attachment is a document, everything else one clear line."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from tieout.formats.pdf import attachments
from tieout.model.errors import FormatError
from tieout.model.records import Document


def pdf(*files, password=None):
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    for name, content in files:
        writer.add_attachment(name, content)
    if password:
        writer.encrypt(password)
    stream = io.BytesIO()
    writer.write(stream)
    return Document("in/bill.pdf", stream.getvalue())


def refusal(document):
    (found,) = attachments(document)
    assert isinstance(found, FormatError)
    return found.message


def test_the_xml_inside_is_a_document_named_after_both():
    (found,) = attachments(pdf(("factur-x.xml", b"<a/>"), ("terms.txt", b"words")))
    assert (found.uri, found.content) == ("in/bill.pdf!factur-x.xml", b"<a/>")


def test_every_xml_inside_is_given():
    found = list(attachments(pdf(("a.xml", b"<a/>"), ("B.XML", b"<b/>"))))
    assert {each.uri for each in found} == {"in/bill.pdf!a.xml", "in/bill.pdf!B.XML"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (pdf(), "without an XML invoice inside"),
        (pdf(("terms.txt", b"words")), "without an XML invoice inside"),
        (pdf(("factur-x.xml", b"<a/>"), password="secret"), "locked with a password"),
        (Document("x.pdf", b"%PDF-1.7\n"), "damaged"),
        (Document("x.pdf", pdf(("a.xml", b"<a/>")).content[:300]), "damaged"),
    ],
)
def test_what_holds_no_invoice_says_so(document, words):
    assert words in refusal(document)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 900), st.binary(min_size=1, max_size=8))
def test_a_damaged_pdf_never_breaks_the_reading(place, noise):
    content = pdf(("factur-x.xml", b"<a/>")).content
    broken = content[:place] + noise + content[place + len(noise) :]
    for found in attachments(Document("x.pdf", broken)):
        assert isinstance(found, Document | FormatError)
