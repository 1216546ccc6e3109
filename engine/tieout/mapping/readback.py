"""Documents just written, read again by the mapping that wrote them. Called by ``issuing``."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence

import polars as pl

from tieout.formats import xml
from tieout.mapping.lens import Collector, Lens
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError
from tieout.model.records import Finding

__all__ = ["read_back"]


def read_back(
    documents: Dict[str, tuple[bytes, Mapping]],
) -> tuple[dict[str, pl.DataFrame], Sequence[Finding]]:
    """The canonical rows of the documents by table, and what did not fit; the key of a document is its invoice_id."""
    collector = Collector()
    lenses: dict[str, Lens] = {}
    unread = []
    for invoice_id, (content, mapping) in documents.items():
        if mapping.id not in lenses:
            lenses[mapping.id] = Lens.compile(mapping)
        try:
            collector.add(lenses[mapping.id], xml.parse(content, invoice_id), invoice_id)
        except FormatError as exc:
            unread.append(Finding("IN-FORMAT", "fatal", exc.message, table="document", object_id=invoice_id))
    return collector.frames(), [*unread, *collector.findings]
