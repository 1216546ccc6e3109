"""Findings have the line of what their path names, not that of the row around it."""

import polars as pl
import pytest

from tieout.library.catalog import Catalogue
from tieout.mapping.lines import with_lines
from tieout.model.records import Document

UBL = b"""<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
 <b:ID>1</b:ID>
 <a:InvoiceLine>
  <b:ID>1</b:ID>
 </a:InvoiceLine>
 <a:InvoiceLine>
  <b:ID>2</b:ID>
  <b:LineExtensionAmount currencyID="EUR">1</b:LineExtensionAmount>
 </a:InvoiceLine>
</Invoice>
"""


@pytest.fixture(scope="module")
def mappings():
    return list(Catalogue.load(None).mappings.values())


def lines(mappings, document, *paths, name=None):
    rows = [{"document": document.uri, "object_id": name or document.uri, "path": path, "line": 77} for path in paths]
    found = pl.DataFrame(
        rows, schema={"document": pl.String, "object_id": pl.String, "path": pl.String, "line": pl.Int64}
    )
    return with_lines(found, [document], mappings)["line"].to_list()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/Invoice/cbc:ID", 4),
        ("/Invoice/cac:InvoiceLine[2]/cbc:ID", 9),
        ("(/Invoice/cac:InvoiceLine/cbc:ID)[2]", 9),
        ("/Invoice/cac:InvoiceLine[2]/cbc:LineExtensionAmount/@currencyID", 10),
        ("/Invoice/cac:InvoiceLine[cbc:ID='2']/cbc:LineExtensionAmount", 10),
        # what is not there: the closest around it
        ("/Invoice/cac:InvoiceLine[2]/cac:Item/cbc:Name", 8),
        ("/Invoice/cac:InvoiceLine[3]/cbc:ID", 3),
        ("(/Invoice/cac:InvoiceLine/cac:Price/cbc:PriceAmount)[4]/x", 5),
        ("/Invoice/{urn:x}Thing", 3),
        ("/Invoice", 3),
        (None, 77),
        ("a heading", 77),
    ],
)
def test_elements(mappings, path, line):
    assert lines(mappings, Document("a.xml", UBL), path) == [line]


def test_json_values(mappings):
    document = Document("a.json", b'{"invoice_number": "1",\n"lines": [\n{},\n{"net": 1,\n"note": 2}]}')
    assert lines(mappings, document, "$.lines[1].note", "$.lines[1].name", "$.issue_date") == [5, 4, 1]


def test_json_documents_of_one_file(mappings):
    listed = Document("a.json", b'[{"number": 1},\n{"number": 2,\n"note": 3}]')
    assert lines(mappings, listed, "$.note", name="a.json#2") == [3]
    by_line = Document("a.jsonl", b'{"number": 1}\n{"number": 2, "note": 3}\n')
    assert lines(mappings, by_line, "$.note", name="a.jsonl#2") == [2]


def test_what_cannot_be_read_again_changes_nothing(mappings):
    assert lines(mappings, Document("a.xml", b"<a>"), "/a/b") == [77]
    assert lines(mappings, Document("a.json", b"\xff\xfe"), "$.a") == [77]
