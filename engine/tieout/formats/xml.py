"""Bytes to an element tree: the only door to lxml. Hostile or broken input is refused in one line; no invoice is known here.

``mapping`` walks the tree; ``intake`` calls ``parse`` and turns a FormatError into a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from lxml import etree

from tieout.model.errors import FormatError, Location

__all__ = [
    "LIMIT_BYTES",
    "Element",
    "element",
    "is_utf8",
    "line_at",
    "line_of",
    "local_name",
    "namespace",
    "parse",
    "walk",
]

Element: TypeAlias = etree._Element

LIMIT_BYTES = 256 * 1024 * 1024
"""The largest document that is parsed unless the caller says otherwise; a tree takes about five times its bytes."""

# What libxml2 says where one of its limits stops a hostile document, and what a person should read instead.
_LIMITS = (
    (re.compile(r"(AttValue|attribute).*(long|huge)|xmlSAX2AttributeNs", re.I), "an attribute is longer than 10 MB"),
    (re.compile(r"depth|recursi", re.I), "elements are nested deeper than the limit"),
    (re.compile(r"amplification|entity.*loop|loop.*entity", re.I), "entities expand without end"),
    (re.compile(r"huge|too long|too big|text node|resource limit", re.I), "a text is longer than 10 MB"),
)
# What it says of signs in a text or value that are markup.
_MARKUP = (
    (re.compile(r"xmlParseEntityRef|EntityRef:"), "an '&' that begins no reference; in a text write &amp;"),
    (
        re.compile(r"Entity '.*' not defined"),
        "a reference that XML does not know; write the sign itself, or &amp; for '&'",
    ),
    (re.compile(r"StartTag: invalid element name"), "a '<' that begins no element; in a text write &lt;"),
    (re.compile(r"AttValue: "), "an attribute whose value stands in no quotes"),
)
_DOCTYPE = re.compile(rb"<\0?!\0?D\0?O\0?C\0?T\0?Y\0?P\0?E")


def parse(content: bytes, uri: str, *, limit_bytes: int = LIMIT_BYTES) -> Element:
    """The root element; comments and processing instructions are dropped, CDATA is text.

    Nothing outside the bytes is read: no DTD, no entity, no network.
    Raises FormatError, with file and line, for an empty, oversized, truncated or otherwise ill-formed document,
        for any DOCTYPE (no invoice or statement has one; entities come in by it) and where a limit of the parser stops it.
    """
    if not content.strip(b" \t\r\n\0"):
        raise FormatError("the file is empty", at=Location(uri))
    if len(content) > limit_bytes:
        raise FormatError(
            f"the document has {len(content):,} bytes, more than the limit of {limit_bytes:,}", at=Location(uri)
        )
    try:
        root = etree.fromstring(content, _parser())
    except etree.XMLSyntaxError as exc:
        doctype = _DOCTYPE.search(content)
        if doctype and _in_prolog(content, doctype.start()):
            raise _doctype_refused(content, doctype.start(), uri) from exc
        raise FormatError(_sentence(exc, content), at=Location(uri, exc.lineno or 0)) from exc
    except (ValueError, LookupError) as exc:
        raise FormatError(f"not readable as XML: {exc}", at=Location(uri)) from exc
    if root.getroottree().docinfo.internalDTD is not None:
        doctype = _DOCTYPE.search(content)
        raise _doctype_refused(content, doctype.start() if doctype else 0, uri)
    return root


@lru_cache(maxsize=1)
def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
        collect_ids=False,
    )


def _in_prolog(content: bytes, position: int) -> bool:
    """Whether nothing but the XML declaration, comments and instructions stands before the position."""
    before = content[:position].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return not re.sub(rb"<\?.*?\?>|<!--.*?-->|\s+", b"", before, flags=re.S)


def _doctype_refused(content: bytes, position: int, uri: str) -> FormatError:
    line = content.count(b"\n", 0, position) + 1
    return FormatError(
        "a DOCTYPE is not accepted: it can smuggle in entities and files; ask for the document without it",
        at=Location(uri, line),
    )


def _sentence(exc: etree.XMLSyntaxError, content: bytes) -> str:
    text = (exc.msg or "").split(", line ")[0].strip()
    if re.search(r"invalid bytes|not proper UTF-8|encoding error|input conversion failed", text, re.I):
        return (
            "not well-formed XML: bytes that its encoding does not have; save it as UTF-8, or declare the encoding it is "
            f"written in ({text})"
        )
    limited = re.search(r"limit|huge|exceed|amplification|loop", text, re.I)
    if (
        not limited
        and not text.startswith("Extra content")
        and exc.lineno == content.rstrip().count(b"\n") + 1
        and not re.search(rb"</[^<>]+>\W*$", content[-300:])
    ):
        return f"not well-formed XML: it ends before its last element is closed; ask for the whole file ({text})"
    for pattern, sentence in _LIMITS:
        if pattern.search(text):
            return f"refused: {sentence} ({text})"
    for pattern, sentence in _MARKUP:
        if pattern.match(text):
            return f"not well-formed XML: {sentence} ({text})"
    return f"not well-formed XML: {text or 'it cannot be parsed'}"


def element(name: str, parent: Element | None = None) -> Element:
    """A new element without a namespace, the last child of the parent where one is given."""
    return etree.Element(name) if parent is None else etree.SubElement(parent, name)


def namespace(element: Element) -> str:
    """The namespace of an element, empty where it has none."""
    return str(element.tag).partition("}")[0][1:] if str(element.tag).startswith("{") else ""


def is_utf8(element: Element) -> bool:
    """Whether the document of an element is written in UTF-8, said or not."""
    return (element.getroottree().docinfo.encoding or "UTF-8").upper() in ("UTF-8", "UTF8")


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def line_of(element: Element) -> int:
    """The line on which an element starts, from 1; 0 where it is unknown."""
    line = element.sourceline
    return line if isinstance(line, int) else 0


def line_at(root: Element, path: str, namespaces: Mapping[str, str]) -> int:
    """The line of the first element at an XPath from the root, or of the closest around it that is there; 0 where none is.

    path: as findings tell it; its first step is the root, whatever its namespace, and an attribute stands in its element.
    """
    steps = re.sub(r"/@[^/]*$", "", re.sub(r"^(\(?)/[^/()\[\]]+", r"\1/*", path))
    while steps.strip("(/"):
        try:
            found = root.xpath(steps, namespaces=dict(namespaces))
        except etree.XPathError:
            found = []
        if isinstance(found, list) and found and isinstance(found[0], etree._Element):
            return line_of(found[0])
        steps = re.sub(r"/(?:[^/\[\]]|\[[^\]]*\])*$", "", steps).removeprefix("(")
    return 0


def walk(element: Element, names: tuple[str, ...]) -> Iterator[Element]:
    """All elements at the path of Clark names below an element, in document order."""
    if not names:
        yield element
        return
    for child in element.iterchildren(names[0]):
        yield from walk(child, names[1:])
