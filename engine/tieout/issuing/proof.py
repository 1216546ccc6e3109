"""The proof of a generated document: it is written, read back by the same mapping, and every value compared.

What a mapping cannot carry shows up here as a difference, with the column named, before a number is spent on the document.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import Any

import polars as pl

from tieout.mapping.carried import losses, typed
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError

__all__ = ["differences", "render"]


def render(tables: Dict[str, pl.DataFrame], mappings: Dict[str, Mapping]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The documents by invoice_id, and for those that cannot be written the reason in a sentence."""
    parts: dict[str, dict[Any, pl.DataFrame]] = {
        name: frame.partition_by("invoice_id", as_dict=True) for name, frame in tables.items() if frame.height
    }
    documents: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for invoice_id, mapping in tables["invoice"].select("invoice_id", "mapping").iter_rows():
        rows = {name: part[(invoice_id,)].to_dicts() for name, part in parts.items() if (invoice_id,) in part}
        try:
            documents[invoice_id] = write(mappings[mapping], rows)
        except FormatError as exc:
            refused[invoice_id] = f"the document cannot be written: {exc.message}"
    return documents, refused


def differences(
    tables: Dict[str, pl.DataFrame], documents: Dict[str, bytes], mappings: Dict[str, Mapping]
) -> dict[str, str]:
    """For each document that does not read back as it was meant, the first value that differs; empty where all do."""
    chosen = dict(tables["invoice"].select("invoice_id", "mapping").iter_rows())
    frames, findings = read_back({each: (content, mappings[chosen[each]]) for each, content in documents.items()})
    found: dict[str, str] = {}
    for finding in findings:
        found.setdefault(finding.object_id, finding.message)
    meant = {
        name: typed(name, frame.filter(pl.col("invoice_id").is_in([*documents]))) for name, frame in tables.items()
    }
    read = {name: typed(name, frame) for name, frame in frames.items()}
    for loss in losses(meant, read):
        if loss.of_a_term:
            found.setdefault(loss.invoice_id, str(loss))
    return found
