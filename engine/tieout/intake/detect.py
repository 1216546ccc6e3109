"""Which mapping reads a document that names none, which reader makes its frames, and what to say of what none reads."""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict

import polars as pl

from tieout.formats import codec, json, mt940, ofx, table
from tieout.formats.encoding import decode
from tieout.mapping import project
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError, TieoutError
from tieout.model.records import Document, Finding

__all__ = ["NAMES", "SUPPORTED", "TABLES", "by_headings", "first_generic", "frames_of", "unknown"]

SUPPORTED = "supported are UBL, CII and 数电票 XML, camt.052/053/054, MT940/942, OFX, and CSV, XLSX, Parquet and JSON with a mapping"
NAMES = {
    "csv": "a table",
    "unknown": "no format that is known",
    "mt940": "MT940",
    "ofx": "OFX",
    "pdf": "a PDF",
    "xml": "XML",
    "json": "JSON",
    "jsonl": "JSON lines",
}
_FRAGMENT = re.compile(r":(?:\d\d[A-Z]?|NS):")
TABLES = ("csv", "xlsx", "parquet", "json", "jsonl")


def frames_of(document: Document, kind: str, mapping: Mapping) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """The frames of a document by the reader of the mapping's format."""
    if mapping.format == "mt940":
        return mt940.read(document, mapping.settings)
    if mapping.format == "ofx":
        return ofx.read(document, mapping.settings)
    if mapping.format == "json" or kind in ("json", "jsonl"):
        return json.read(document, mapping.settings)
    if kind in ("xml", "pdf", "mt940", "ofx"):
        raise FormatError(f"{NAMES.get(kind, kind)}; the mapping {mapping.id} reads tables")
    read_as = kind if kind in ("xlsx", "parquet") else "csv"
    frame, findings = table.read(document, mapping.settings, headings=project.headings(mapping), kind=read_as)
    return {"row": frame}, findings


def first_generic(found: list[Mapping]) -> Mapping | None:
    return next((each for each in found if each.id.endswith(".generic")), found[0] if found else None)


def by_headings(document: Document, kind: str, mappings: Dict[str, Mapping]) -> Mapping | None:
    """The table mapping whose identifying columns all stand in the file.

    Raises FormatError where several fit equally well.
    """
    fits: dict[str, int] = {}
    for each in mappings.values():
        wanted = [str(name) for name in each.identify.get("columns", [])]
        if each.format not in ("table", "json") or not wanted:
            continue
        try:
            frames, _ = frames_of(_head(document, kind, each), kind, each)
        except TieoutError:
            continue
        columns = set(next(iter(frames.values())).columns)
        if set(wanted) <= columns:
            fits[each.id] = len(wanted)
    best = [name for name, size in fits.items() if size == max(fits.values())]
    if len(best) > 1:
        raise FormatError(
            f"the columns fit several mappings ({', '.join(sorted(best))}): name one with 'mapping:' at the source"
        )
    return mappings[best[0]] if best else None


def _head(document: Document, kind: str, mapping: Mapping) -> Document:
    """Enough of a text file to know its columns."""
    if kind != "csv" or len(document.content) < 65_536:
        return document
    text = decode(document, mapping.settings.get("encoding", "utf-8"))
    cut = text[: max(16_384, text.find("\n", 16_384))].rpartition("\n")[0]
    encoding = mapping.settings.get("encoding", "utf-8")
    first = encoding if isinstance(encoding, str) else encoding[0]
    return Document(document.uri, cut.encode(first, "ignore"))


def unknown(document: Document, kind: str) -> str:
    """One line that says what was found and what is supported."""
    head = (codec.head_text(document.content) or "").lstrip("\ufeff \r\n")
    if head.startswith(("01,", "00,")) and "/" in head.split("\n", 1)[0]:
        return f"this is BAI2, which is not read; {SUPPORTED}"
    if head[:4] == "0000" and len(head.split("\n", 1)[0].rstrip("\r")) == 128:
        return f"this is CODA, which is not read; ask the bank for camt.053; {SUPPORTED}"
    if _FRAGMENT.match(head):
        return "an MT940 fragment: neither an entry (:61:) nor an opening and a closing balance (:60F:, :62F:) can be read from it"
    if kind == "csv":
        line = head.split("\n", 1)[0].strip()[:120]
        return f"a table whose columns fit no mapping ({line}): write one, or name it with 'mapping:' at the source"
    return f"{NAMES.get(kind, kind)}{' that no mapping reads' if kind in TABLES else ''}; {SUPPORTED}"
