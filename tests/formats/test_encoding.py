"""Bytes are checked against the encoding that a mapping declares."""

import pytest

from tieout.formats.encoding import decode
from tieout.model.errors import FormatError
from tieout.model.records import Document

TEXT = "Kunde;Betrag\nBäcker & Söhne;1,00\n"
CHINESE = "账号,金额\n杭州云杉文具有限公司,1.00\n"


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        (TEXT.encode("utf-8"), "utf-8", TEXT),
        (b"\xef\xbb\xbf" + TEXT.encode("utf-8"), "utf-8", TEXT),
        (TEXT.encode("cp1252"), "cp1252", TEXT),
        (TEXT.encode("utf-16"), "utf-16", TEXT),
        (CHINESE.encode("gb18030"), "gb18030", CHINESE),
        (CHINESE.encode("gb18030"), ["utf-8", "gb18030"], CHINESE),
        (CHINESE.encode("utf-8"), ["gb18030", "utf-8"], CHINESE),
    ],
)
def test_a_declared_encoding_that_fits_gives_the_text_without_its_mark(content, declared, expected):
    assert decode(Document("a.csv", content), declared) == expected


@pytest.mark.parametrize(
    ("content", "declared", "found"),
    [
        (TEXT.encode("cp1252"), "utf-8", "byte 0xE4 in line 2 is not in it; the bytes fit cp1252"),
        (CHINESE.encode("gb18030"), "utf-8", "the bytes fit gb18030"),
        (TEXT.encode("utf-8"), "cp1252", "declared cp1252, but the bytes are utf-8"),
        (b"\xef\xbb\xbf" + TEXT.encode("utf-8"), "cp1252", "the byte order mark of utf-8"),
        (TEXT.encode("utf-16"), "utf-8", "the byte order mark of utf-16"),
        (TEXT.encode("utf-16-le"), "cp1252", "the bytes fit utf-16-le"),
        (b"abc", "klingon", "no encoding is called 'klingon'"),
    ],
)
def test_a_wrong_encoding_is_named_with_what_was_found(content, declared, found):
    with pytest.raises(FormatError, match=found) as caught:
        decode(Document("a.csv", content), declared)
    assert caught.value.rule == "IN-ENCODING"
    assert "\n" not in str(caught.value)
