"""The XML files that a PDF carries (Factur-X, ZUGFeRD, XRechnung), each a document of its own. The only door to pypdf."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from tieout.model.errors import FormatError, Location
from tieout.model.records import Document

__all__ = ["attachments"]

MEMBER_BYTES = 64 * 1024 * 1024
MEMBERS = 100


def attachments(document: Document) -> Iterator[Document | FormatError]:
    """Each XML file attached to the PDF, named ``file.pdf!factur-x.xml``; one FormatError where none can be read.

    Attachments of other kinds are passed over. The page itself is never read: what stands on it is a picture of the
    invoice, what is attached is the invoice.
    """
    from pypdf import PdfReader  # half a second that only a PDF should cost

    # What is odd in a PDF but does not keep its attachments from being read is none of a reader's business.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    at = Location(document.uri)
    try:
        reader = PdfReader(io.BytesIO(document.content))
        if reader.is_encrypted and not reader.decrypt(""):
            yield FormatError("the PDF is locked with a password; its attachments are not read", at=at)
            return
        names = [str(name) for name in list(reader.attachments)[:MEMBERS] if str(name).lower().endswith(".xml")]
        found = [(name, content) for name in names for content in reader.attachments[name]]
    except Exception as exc:  # pypdf raises whatever a broken file makes it stumble over
        yield FormatError(f"the PDF is damaged and its attachments cannot be read: {_reason(exc)}", at=at)
        return
    if not found:
        yield FormatError(
            "a PDF without an XML invoice inside; ask the sender for Factur-X, ZUGFeRD or the XML itself", at=at
        )
    for number, (name, content) in enumerate(found, 1):
        uri = f"{document.uri}!{name}" + (f"#{number}" if names.count(name) != 1 or len(found) != len(names) else "")
        if len(content) > MEMBER_BYTES:
            yield FormatError(f"{len(content):,} bytes, more than {MEMBER_BYTES:,}", at=Location(uri))
        else:
            yield Document(uri, content)


def _reason(exc: Exception) -> str:
    text = " ".join(str(exc).split())
    return text[:120] or type(exc).__name__
