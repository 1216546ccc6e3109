"""formats/codec.py: formats are told by content, the name decides only where content does not."""

import io
import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.codec import detect

KINDS = {"xml", "zip", "json", "jsonl", "xlsx", "parquet", "mt940", "ofx", "csv", "pdf", "empty", "unknown"}


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def parquet() -> bytes:
    stream = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(stream)
    return stream.getvalue()


MT940 = ":20:STMT\r\n:25:12345678/0123456789\r\n:28C:00001/001\r\n:60F:C240930EUR1,00\r\n:62F:C240930EUR1,00\r\n-"
OFX_SGML = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX><SIGNONMSGSRSV1></OFX>"
OFX_XML = '<?xml version="1.0"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n<OFX/>'


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<Invoice/>", "xml"),
        (b'\n\n  <?xml version="1.0"?><Invoice/>', "xml"),
        (b"\xef\xbb\xbf<Invoice/>", "xml"),
        ("<Invoice/>".encode("utf-16"), "xml"),
        ("<Invoice/>".encode("utf-16-le"), "xml"),
        ("<Invoice/>".encode("utf-16-be"), "xml"),
        (b"%PDF-1.7\n%\xe2\xe3", "pdf"),
        (zipped(a=b"x"), "zip"),
        (zipped(xl__workbook=b"x"), "zip"),
        (parquet(), "parquet"),
        (MT940.encode(), "mt940"),
        (b"\n\n" + MT940.encode(), "mt940"),
        (("{1:F01AAAABB33AXXX1}{2:O940}{4:\r\n" + MT940).encode(), "mt940"),
        (MT940.replace("STMT", "M\xfcnchen").encode("latin-1"), "mt940"),
        (OFX_SGML.encode(), "ofx"),
        (("\n" + OFX_SGML).encode(), "ofx"),
        (OFX_XML.encode(), "ofx"),
        (b"<OFX><BANKMSGSRSV1/></OFX>", "ofx"),
        (b'{"a": 1}', "json"),
        (b'[\n {"a": 1},\n {"a": 2}\n]', "json"),
        (b'{\n "a": {\n  "b": 1\n }\n}', "json"),
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b"date;amount\n2024-10-01;1,00\n", "csv"),
        ("日期,金额\n2024-10-01,1.00\n".encode("gb18030"), "csv"),
        ("日期\t金额\n2024-10-01\t1.00\n".encode("utf-16"), "csv"),
        (b"just a sentence", "unknown"),
        (b"01,0004,12345,060321,0829,001,80,1,2/\n02,12345,0004,1,060317,,CAD,/\n", "unknown"),
        (b"<!DOCTYPE html><html></html>", "unknown"),
        (bytes(range(256)) * 4, "unknown"),
    ],
)
def test_content_tells_the_format(content, kind):
    assert detect(content, "in/file") == kind


def test_a_zip_with_a_workbook_is_a_workbook():
    assert detect(zipped(**{"xl__workbook.xml": b"<workbook/>"}), "a.bin") == "xlsx"


def test_the_name_helps_where_content_leaves_it_open():
    assert detect(b"amount\n1.00\n", "in/a.csv") == "csv"
    assert detect(b"amount\n1.00\n", "in/a.txt") == "unknown"


def test_a_wrong_name_does_not_mislead():
    assert detect(b"<Invoice/>", "in/a.csv") == "xml"
    assert detect(MT940.encode(), "in/a.xml") == "mt940"


@given(st.binary(max_size=300), st.sampled_from(["a", "a.csv", "a.xml", "a.zip"]))
def test_every_content_has_some_answer(content, uri):
    assert detect(content, uri) in KINDS


def test_every_bank_sample_is_told_apart(shared):
    wanted = {".xml": "xml", ".ofx": "ofx", ".sta": "mt940"}
    for path in sorted((shared / "reference" / "bank_samples").iterdir()):
        if path.suffix in wanted:
            assert detect(path.read_bytes(), path.name) == wanted[path.suffix], path.name
