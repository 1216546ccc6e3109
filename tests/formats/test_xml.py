"""formats/xml.py: what is parsed, and how hostile or broken bytes are refused in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats import xml
from tieout.model.errors import FormatError


def refusal(content: bytes, **options) -> str:
    with pytest.raises(FormatError) as caught:
        xml.parse(content, "in/a.xml", **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("in/a.xml")
    return text


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY a "aaaaaaaaaa">
 <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
 <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
 <!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
 <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
 <!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">
 <!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">
 <!ENTITY h "&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;">
]>
<Invoice x="&h;"><ID>&h;</ID></Invoice>"""


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        b'<?xml version="1.0"?>\n<!DOCTYPE i [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<i>&x;</i>',
        b'<?xml version="1.0"?>\n<!DOCTYPE i SYSTEM "http://example.invalid/i.dtd">\n<i/>',
        b"<!-- a comment first -->\n<!DOCTYPE i [<!ELEMENT i ANY>]>\n<i/>",
        '<?xml version="1.0" encoding="UTF-16"?>\n<!DOCTYPE i [<!ENTITY x "y">]>\n<i>&x;</i>'.encode("utf-16"),
    ],
    ids=["entity bomb", "external entity", "external DTD", "internal subset", "UTF-16"],
)
def test_any_doctype_is_refused_with_its_line(content):
    text = refusal(content)
    assert text.startswith("in/a.xml:2 ")
    assert "DOCTYPE is not accepted" in text


def test_an_external_entity_is_never_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    assert "top secret" not in refusal(f'<!DOCTYPE i [<!ENTITY x SYSTEM "{secret.as_uri()}">]><i>&x;</i>'.encode())


def test_the_word_doctype_in_a_text_is_only_a_text():
    root = xml.parse(b"<i><![CDATA[<!DOCTYPE html>]]></i>", "a.xml")
    assert root.text == "<!DOCTYPE html>"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b" \n\t ", "the file is empty"),
        (b"<Invoice><ID>1</ID>", "not well-formed"),
        (b"<Invoice><ID>1</Invoice>", "not well-formed"),
        (b"Betrag;Datum\n1,00;01.10.2024\n", "not well-formed"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not well-formed"),
        (b'<?xml version="1.0" encoding="UTF-8"?><a>M\xfcller</a>', "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not"),
        (b"<a>&undeclared;</a>", "not well-formed"),
        (b"<a/><b/>", "not well-formed"),
    ],
)
def test_broken_bytes_are_refused_in_one_line(content, says):
    assert says in refusal(content)


def test_the_line_of_the_break_is_named():
    assert refusal(b"<a>\n<b>\n</c>\n</a>").startswith("in/a.xml:3 ")


@pytest.mark.parametrize(
    "content",
    [
        b'<a b="' + b"x" * 11_000_000 + b'"/>',
        b"<a>" * 5_000 + b"</a>" * 5_000,
        b"<a>" + b"x" * 11_000_000 + b"</a>",
    ],
    ids=["attribute", "depth", "text"],
)
def test_the_limits_of_the_parser_hold(content):
    assert "refused: " in refusal(content)


def test_a_document_above_the_size_limit_is_not_parsed():
    assert "more than the limit of 100" in refusal(b"<a>" + b"x" * 200 + b"</a>", limit_bytes=100)


def test_comments_and_instructions_do_not_tear_a_text_apart():
    root = xml.parse(b"<a>one<!-- two --> three<?four?> five<![CDATA[ & six]]></a>", "a.xml")
    assert root.text == "one three five & six"
    assert len(root) == 0


def test_declared_encodings_are_honoured():
    for encoding in ("utf-8", "utf-16", "iso-8859-1", "windows-1252"):
        content = f'<?xml version="1.0" encoding="{encoding}"?><a>Süß</a>'.encode(encoding)
        assert xml.parse(content, "a.xml").text == "Süß"


def test_names_and_lines_are_told():
    root = xml.parse(b'<n:a xmlns:n="urn:x">\n <b/>\n</n:a>', "a.xml")
    assert (xml.namespace(root), xml.local_name(root), xml.line_of(root[0])) == ("urn:x", "a", 2)
    assert xml.namespace(root[0]) == ""


@given(st.binary(max_size=200))
def test_random_bytes_never_do_anything_but_parse_or_be_refused(content):
    try:
        xml.parse(content, "in/a.xml")
    except FormatError as exc:
        assert "\n" not in str(exc)


@given(st.text(alphabet="<>/!?[]&;-a\"'= \n", max_size=120))
def test_random_markup_never_does_anything_but_parse_or_be_refused(text):
    try:
        xml.parse(text.encode(), "in/a.xml")
    except FormatError as exc:
        assert "\n" not in str(exc)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<a><b>1</b><c>", "it ends before its last element is closed; ask for the whole file"),
        (b"<a><b>1</b><c x='", "it ends before its last element is closed; ask for the whole file"),
        (
            '<?xml version="1.0" encoding="UTF-8"?><a>Bürö</a>'.encode("latin-1"),
            "save it as UTF-8, or declare the encoding",
        ),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "ask for the document without it"),
    ],
)
def test_a_refusal_says_what_to_do(content, words):
    with pytest.raises(FormatError) as caught:
        xml.parse(content, "a.xml")
    assert words in caught.value.message


def test_a_mistake_inside_is_not_taken_for_a_document_cut_off():
    with pytest.raises(FormatError) as caught:
        xml.parse(b"<a><b>1</c></a>", "a.xml")
    assert "whole file" not in caught.value.message
