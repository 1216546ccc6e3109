"""A PDF that carries its invoice: what is attached reads back the same, what stands on the page can be read."""

import io
from pathlib import Path

import pytest

pytest.importorskip("facturx", reason='pip install "tieout[facturx]"')
pytest.importorskip("reportlab", reason='pip install "tieout[facturx]"')

from pypdf import PdfReader

from tieout.formats.facturx import Part, Sheet, carry, draw
from tieout.formats.pdf import attachments
from tieout.library.catalog import Catalogue
from tieout.mapping.facturx import facturx
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.errors import FormatError
from tieout.model.records import Document

GOLDEN = Path(__file__).parents[1] / "golden" / "xml"


def rows(name, content):
    mapping = Catalogue.load(None).mappings[name]
    frames, findings = read_back({"a": (content, mapping)})
    assert not findings
    return {table: frame.drop("line", strict=False).to_dicts() for table, frame in frames.items()}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_attached_reads_back_the_same_and_the_page_says_it(language):
    tables = rows("cii.invoice", (GOLDEN / "cii_invoice.xml").read_bytes())
    content = write(Catalogue.load(None).mappings["cii.invoice"], tables)
    made = facturx(tables, content, language=language)
    (inside,) = attachments(Document("a.pdf", made))
    assert (inside.uri, rows("cii.invoice", inside.content)) == ("a.pdf!factur-x.xml", tables)
    reader = PdfReader(io.BytesIO(made))
    page = " ".join("".join(each.extract_text() for each in reader.pages).split())
    (invoice,) = tables["invoice"]
    for words in (invoice["invoice_number"], {"en": "Amount due", "zh": "应付金额"}[language]):
        assert words in page
    # What PDF/A-3 wants of it, as far as it can be looked up: the colours' meaning, the metadata, the relation.
    root = reader.trailer["/Root"]
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert b"<pdfaid:part>3</pdfaid:part>" in root["/Metadata"].get_data()
    assert root["/AF"][0].get_object()["/AFRelationship"] == "/Alternative"
    assert root["/Lang"] == language


def test_the_same_sheet_is_the_same_page_and_long_tables_take_several():
    lines = tuple((str(n), "Größe <M> & mehr 发票", "1.00") for n in range(200))
    shown = Sheet("Invoice 1", (("Seller", "Ł & Co"),), (Part("Lines", ("No.", "Item", "Net"), lines, frozenset({2})),))
    page = draw(shown)
    assert page == draw(shown)
    pages = PdfReader(io.BytesIO(page)).pages
    assert len(pages) > 3
    assert "199" in pages[-1].extract_text()


def test_only_cii_is_carried():
    with pytest.raises(FormatError, match="only a CII document"):
        carry(b"<Invoice/>", b"%PDF-1.7", title="a", author="b")
