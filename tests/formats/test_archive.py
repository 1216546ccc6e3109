"""formats/archive.py: each member of a zip is a document or one clear error; the others still come."""

import io
import struct
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.archive import ArchiveLimits, members
from tieout.model.errors import FormatError
from tieout.model.records import Document


def archive(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Document:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as target:
        for name, content in entries:
            target.writestr(name, content)
    return Document("in/a.zip", stream.getvalue())


def outcome(document: Document, **limits: int) -> dict[str, str]:
    """Each member with its content, or with the error's text."""
    found = {}
    for each in members(document, limits=ArchiveLimits(**limits)):
        if isinstance(each, FormatError):
            assert each.at is not None
            assert "\n" not in str(each)
            found[each.at.file] = f"refused: {each.message}"
        else:
            found[each.uri] = each.content.decode()
    return found


def test_members_come_in_the_order_of_their_names_with_archive_and_member_as_name():
    found = outcome(archive(("b/2.xml", b"<b/>"), ("1.xml", b"<a/>"), ("b/", b"")))
    assert list(found.items()) == [("in/a.zip!1.xml", "<a/>"), ("in/a.zip!b/2.xml", "<b/>")]


def test_names_that_climb_out_or_are_absolute_are_refused_and_the_rest_comes():
    found = outcome(
        archive(("../evil", b"x"), ("a/../../evil", b"x"), ("/etc/x", b"x"), ("c:\\x", b"x"), ("good", b"g"))
    )
    assert found["in/a.zip!good"] == "g"
    assert "climbs out" in found["in/a.zip!../evil"]
    assert "climbs out" in found["in/a.zip!a/../../evil"]
    assert "absolute" in found["in/a.zip!/etc/x"]
    assert sum(text.startswith("refused") for text in found.values()) == 4


def test_a_bomb_is_refused_by_its_ratio_before_it_is_unfolded():
    found = outcome(archive(("bomb", b"\0" * 20_000_000), ("good", b"g")))
    assert "-fold" in found["in/a.zip!bomb"]
    assert found["in/a.zip!good"] == "g"


def test_a_member_that_lies_about_its_size_is_stopped_while_it_unfolds():
    document = archive(("bomb", b"\0" * 20_000_000), ("good", b"g"))
    content = bytearray(document.content)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        content[content.index(signature) + offset : content.index(signature) + offset + 4] = struct.pack("<I", 1000)
    found = outcome(Document("in/a.zip", bytes(content)))
    assert found["in/a.zip!bomb"].startswith("refused: ")
    assert found["in/a.zip!good"] == "g"


def test_the_total_is_bounded_and_what_fits_still_comes():
    document = archive(("1", b"x" * 600), ("2", b"y" * 600), ("3", b"z" * 100), compression=zipfile.ZIP_STORED)
    found = outcome(document, total_bytes=1000)
    assert found["in/a.zip!1"] == "x" * 600
    assert "unfolds to more than 1,000" in found["in/a.zip!2"]
    assert found["in/a.zip!3"] == "z" * 100


def test_one_member_is_bounded():
    assert "more than 100" in outcome(archive(("1", b"x" * 200)), member_bytes=100)["in/a.zip!1"]


def test_an_archive_inside_an_archive_is_refused_by_name_and_by_content():
    inner = archive(("x", b"x")).content
    found = outcome(archive(("inner.zip", inner), ("hidden.xml", inner), ("good", b"g")))
    assert "inside an archive" in found["in/a.zip!inner.zip"]
    assert "inside an archive" in found["in/a.zip!hidden.xml"]
    assert found["in/a.zip!good"] == "g"


def test_an_encrypted_member_is_refused():
    content = bytearray(archive(("secret", b"x"), ("good", b"g")).content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = content.index(signature) + offset
        content[position] |= 1
    found = outcome(Document("in/a.zip", bytes(content)))
    assert "encrypted" in found["in/a.zip!secret"]
    assert found["in/a.zip!good"] == "g"


def test_a_broken_member_is_one_error_and_the_rest_comes():
    document = archive(("bad", b"abcdefgh" * 100), ("good", b"g"), compression=zipfile.ZIP_STORED)
    content = document.content.replace(b"abcdefghabcd", b"abcdefghXXXX", 1)
    found = outcome(Document("in/a.zip", content))
    assert "broken" in found["in/a.zip!bad"]
    assert found["in/a.zip!good"] == "g"


def test_a_second_member_of_the_same_name_is_refused():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        document = archive(("same", b"1"), ("same", b"2"))
    outcomes = list(members(document))
    assert [isinstance(each, FormatError) for each in outcomes] == [False, True]


def test_what_is_no_zip_is_one_error():
    assert list(outcome(Document("in/a.zip", b"PK\x03\x04 no zip at all"))) == ["in/a.zip"]
    assert list(outcome(Document("in/a.zip", archive(("a", b"x" * 1000)).content[:60]))) == ["in/a.zip"]


def test_too_many_members_are_one_error():
    found = outcome(archive(*((str(n), b"x") for n in range(5))), members=4)
    assert "more than 4" in found["in/a.zip"]


@given(st.data())
def test_a_flipped_byte_never_gives_more_than_documents_and_errors(data):
    content = bytearray(archive(("a.xml", b"<a/>" * 50), ("b.xml", b"<b/>")).content)
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    for each in members(Document("in/a.zip", bytes(content))):
        assert isinstance(each, (Document, FormatError))
