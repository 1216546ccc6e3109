"""Bytes to text by the declared encoding, checked against what the bytes are. Called by the text formats."""

from __future__ import annotations

import codecs
import re

from tieout.model.errors import FormatError, Location
from tieout.model.records import Document

__all__ = ["decode", "found"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOK = 65_536
_PAIRS = re.compile(rb"[\x81-\xfe]{2,}")


def decode(document: Document, encodings: str | list[str]) -> str:
    """The text by the first declared encoding that fits, without its byte order mark.

    Raises FormatError (IN-ENCODING) where none fits, or where the bytes are plainly another encoding: a byte order mark
    of another one, or valid UTF-8 with letters beyond ASCII under a declared single-byte or Chinese one.
    """
    declared = [encodings] if isinstance(encodings, str) else list(encodings)
    content = document.content
    marked = next((name for mark, name in _BOMS if content.startswith(mark)), None)
    problem = ""
    for name in declared:
        try:
            family = codecs.lookup(name).name.replace("utf-8-sig", "utf-8")
        except LookupError:
            raise FormatError(
                f"no encoding is called '{name}'", at=Location(document.uri), rule="IN-ENCODING"
            ) from None
        if marked and not family.startswith(marked):
            problem = problem or f"declared {name}, but the file begins with the byte order mark of {marked}"
            continue
        try:
            text = content.decode(marked if marked and marked != "utf-8" else name)
        except UnicodeDecodeError as exc:
            problem = problem or (
                f"declared {name}, but byte 0x{content[exc.start]:02X} in line {content.count(10, 0, exc.start) + 1} is not "
                f"in it; the bytes fit {found(content)}"
            )
            continue
        if not family.startswith("utf") and _is_utf8(content):
            problem = problem or f"declared {name}, but the bytes are utf-8"
            continue
        if "\x00" in text:
            problem = (
                problem or f"declared {name}, but there are zero bytes in the text; the bytes fit {found(content)}"
            )
            continue
        return text.removeprefix("\ufeff")
    raise FormatError(problem, at=Location(document.uri), rule="IN-ENCODING")


def found(content: bytes) -> str:
    """The first likely encoding of the bytes."""
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    if content[:200].count(0) > len(content[:200]) // 4:
        return "utf-16-le" if content[1:2] == b"\x00" else "utf-16-be"
    high = sum(byte >= 0x80 for byte in content[:_LOOK])
    in_pairs = sum(map(len, _PAIRS.findall(content[:_LOOK])))
    # Chinese characters are two high bytes or a run of them; accented letters mostly stand alone among ASCII ones.
    likely = ("utf-8", "gb18030", "cp1252") if in_pairs > 0.7 * high else ("utf-8", "cp1252", "gb18030")
    for name in (*likely, "latin-1"):
        try:
            content.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return "no known encoding"


def _is_utf8(content: bytes) -> bool:
    """Whether the bytes are valid UTF-8 and hold at least one letter beyond ASCII."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not content.isascii()
