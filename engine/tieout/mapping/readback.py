"""Documents just written, read again by the mapping that wrote them. Called by ``issuing``."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence

import polars as pl

from tieout.formats import json_document, xml
from tieout.mapping.lens import Collector, Lens
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError
from tieout.model.records import Document, Finding

__all__ = ["read_back"]


# What only tells how a document was written.
_BESIDE = ("element_place", "element_shape")


def read_back(
    documents: Dict[str, tuple[bytes, Mapping]], *, texts: bool = False
) -> tuple[dict[str, pl.DataFrame], Sequence[Finding]]:
    """The canonical rows of the documents by table, and what did not fit; the key of a document is its invoice_id.

    texts: with as_written, the texts that the values do not show.
    """
    collector = Collector()
    unread = []
    for invoice_id, (content, mapping) in documents.items():
        try:
            collector.add(Lens.of(mapping), _root(content, mapping, invoice_id), invoice_id)
        except FormatError as exc:
            unread.append(Finding("IN-FORMAT", "fatal", exc.message, table="document", object_id=invoice_id))
    aside = _BESIDE if texts else ("as_written", *_BESIDE)
    frames = {name: frame for name, frame in collector.frames().items() if name not in aside}
    return frames, [*unread, *collector.findings]


def _root(content: bytes, mapping: Mapping, name: str) -> xml.Element:
    if mapping.format == "xml":
        return xml.parse(content, name)
    _, value = next(json_document.documents(Document(name, content)))
    if wrong := json_document.violations(value, mapping.settings.get("schema", {})):
        raise FormatError(f"{name}: {wrong}", rule="IN-SCHEMA")
    return json_document.tree(value, name)
