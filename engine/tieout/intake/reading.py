"""One document after the other: what it is, which mapping reads it, its rows and what does not fit.

Knows no store beside the engine that runs projections; nothing is appended here. What it gathers is a Batch.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dict
from typing import Any

import polars as pl

from tieout.formats import archive, codec, pdf, table
from tieout.intake import detect
from tieout.intake.batch import Batch, Gathered
from tieout.intake.documents import TreeReader
from tieout.intake.findings import refusal
from tieout.intake.projecting import Projector
from tieout.mapping import project
from tieout.model.definitions import Mapping
from tieout.model.errors import DefinitionError, FormatError, Mistake, StoreError
from tieout.model.records import Document, Finding, Query
from tieout.store.engine import Store

__all__ = ["Batch", "Reader", "read_documents", "uninterrupted", "unpacked"]

_CONTAINERS = {"zip": archive.members, "pdf": pdf.attachments}


def unpacked(document: Document) -> Iterator[Document | FormatError]:
    """The document itself, or where it is a zip or a PDF what it holds."""
    container = _CONTAINERS.get(codec.detect(document.content, document.uri))
    if container is None:
        yield document
        return
    for member in container(document):
        if isinstance(member, Document):
            yield from unpacked(member)
        else:
            yield member


def read_documents(
    documents: Iterable[Document | Exception],
    mappings: Iterable[Mapping],
    *,
    source_name: str = "",
    mapping: str | None = None,
    options: Dict[str, Any] | None = None,
) -> Batch:
    """The rows and findings of documents, each detected by content unless a mapping is named; archives are opened.

    What cannot be read becomes a finding and a refused document. It needs no store of a run, and what it returns can be
    pickled: a process pool may call it.
    """
    reader = Reader(mappings, once=False)
    with uninterrupted():
        for document in documents:
            reader.take(document, source_name, mapping, options or {})
        return reader.batch()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Rows are read without looking for cycles of objects: they make none, and the search takes as long as the reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Reader:
    """Reads documents into a growing Batch; knows which bytes it has seen."""

    def __init__(self, mappings: Iterable[Mapping], store: Store | None = None, *, once: bool = True) -> None:
        """once: bytes that were read before are a duplicate; without it each document is read for itself."""
        self.mappings = {each.id: each for each in mappings}
        self._once = once
        self._seen: dict[tuple[str, str], str] = {}
        self._gathered = Gathered()
        self._trees = TreeReader(self.mappings.values())
        self._tables = Projector(store)

    def batch(self) -> Batch:
        """What was read since the last call."""
        made, self._gathered = self._gathered, Gathered()
        self._trees.flush(made)
        self._tables.flush(made)
        return made.batch()

    @property
    def waiting(self) -> int:
        """How many rows of tables and documents of XML were read since the last batch."""
        return self._tables.rows + self._trees.waiting

    # --- documents ---

    def take(
        self, document: Document | Exception, source_name: str, mapping: str | None, options: Dict[str, Any]
    ) -> None:
        """Reads one document, or notes why it could not be opened; the members of an archive one by one."""
        if not isinstance(document, Document):
            self._refuse(_unopened(document, source_name), source_name, None, document)
            return
        kind = codec.detect(document.content, document.uri)
        if kind == "zip" or (kind == "pdf" and (mapping is None or self._named(mapping).format == "xml")):
            for member in _CONTAINERS[kind](document):
                self.take(member, source_name, mapping, options)
            return
        digest = document.sha256 or hashlib.sha256(document.content).hexdigest()
        key = (digest, mapping or "")
        first = self._seen.get(key)
        if first is not None and document.content and self._once:
            self._duplicate(document, digest, source_name, kind, first)
            return
        self._seen[key] = document.uri
        try:
            used = self._read(document, kind, mapping, options)
        except FormatError as exc:
            self._refuse(document.uri, source_name, (document, digest, kind), exc)
            return
        self._document(document.uri, source_name, kind, used, digest, len(document.content), "read")

    def take_rows(self, name: str, frame: pl.DataFrame, mapping: str | None, options: Dict[str, Any]) -> None:
        """The rows of a query by the named mapping.

        Raises DefinitionError where the source names no table mapping.
        """
        chosen = self._named(mapping) if mapping else None
        rows = table.read_frame(frame)
        digest = hashlib.sha256(frame.write_csv().encode()).hexdigest()
        try:
            if chosen is None or chosen.format != "table":
                raise FormatError("a query needs a table mapping: name it with 'mapping:' at the source")
            self._tables.add(chosen, {"row": rows}, name, _values(options))
        except FormatError as exc:
            self._refuse(name, name, None, exc)
            return
        self._document(name, name, "query", chosen.id, digest, None, "read")

    def _read(self, document: Document, kind: str, mapping: str | None, options: Dict[str, Any]) -> str:
        """Reads the document and returns the id of the mapping that did."""
        if kind == "empty":
            raise FormatError("the file is empty", rule="IN-EMPTY")
        chosen = (
            self._named(mapping) if mapping else None if kind in ("json", "jsonl") else self._detected(document, kind)
        )
        if chosen is not None and chosen.format in ("mt940", "ofx") and kind in ("xml", "pdf", "xlsx", "parquet"):
            raise FormatError(f"{detect.NAMES.get(kind, kind)}, which the mapping {chosen.id} does not read")
        if kind in ("json", "jsonl") and (chosen is None or chosen.format == "json_document"):
            if read := self._trees.read_json(document, chosen, options):
                return read
            chosen = self._detected(document, kind)
        if chosen is not None and chosen.format in ("table", "mt940", "ofx", "json"):
            frames, findings = detect.frames_of(document, kind, chosen)
            self._tables.add(chosen, frames, document.uri, _values(options))
            self._note(findings, chosen)
            return chosen.id
        if kind == "xml" and (chosen is None or chosen.format == "xml"):
            return self._trees.read(document, chosen, options)
        if chosen is not None:
            raise FormatError(f"{detect.NAMES.get(kind, kind)}, which the mapping {chosen.id} (XML) does not read")
        raise FormatError(detect.unknown(document, kind))

    def _named(self, mapping: str) -> Mapping:
        return self.mappings[mapping]

    def _detected(self, document: Document, kind: str) -> Mapping | None:
        """The mapping that recognises the content; None where none does.

        Raises FormatError where several do.
        """
        if kind in ("mt940", "ofx"):
            return detect.first_generic([each for each in self.mappings.values() if each.format == kind])
        if kind in detect.TABLES:
            return detect.by_headings(document, kind, self.mappings)
        return None

    # --- what is noted ---

    def _note(self, findings: list[Finding], mapping: Mapping) -> None:
        self._gathered.findings += findings
        for each in findings:
            if each.rule == "IN-ROW" and each.line:
                self._gathered.excluded.append(
                    {"table": mapping.tables[-1].table, "object_id": each.object_id, "reason": each.message,
                     "source": each.source, "line": each.line}
                )  # fmt: skip

    def _refuse(self, uri: str, source_name: str, read: tuple[Document, str, str] | None, exc: Exception) -> None:
        self._gathered.findings.append(refusal(uri, exc))
        document, digest, kind = read or (None, None, None)
        size = len(document.content) if document else None
        self._document(uri, source_name, kind, None, digest, size, "refused")

    def _duplicate(self, document: Document, digest: str, source_name: str, kind: str, first: str) -> None:
        self._gathered.findings.append(
            Finding(
                "IN-DUPLICATE", "warning", f"{document.uri}  the same bytes as {first}; it is not taken in a second time",
                pack="intake", table="document", object_id=document.uri, evidence={"first": first, "sha256": digest},
                source=document.uri, message_zh=f"{document.uri}  与 {first} 内容完全相同，不再重复读入",
            )
        )  # fmt: skip
        self._document(document.uri, source_name, kind, None, digest, len(document.content), "duplicate")

    def _document(
        self,
        uri: str,
        source_name: str,
        kind: str | None,
        mapping: str | None,
        digest: str | None,
        size: int | None,
        status: str,
    ) -> None:
        self._gathered.documents.append(
            {"document_id": uri, "source_name": source_name, "media_type": kind, "mapping": mapping, "sha256": digest,
             "byte_count": size, "row_count": 0, "status": status}
        )  # fmt: skip


# --- small decisions ---


def _values(options: Dict[str, Any]) -> dict[str, str]:
    """What the workspace says of columns that a source does not hold, such as the account of a bank's CSV."""
    return {name: str(value) for name, value in options.get("values", {}).items()}


def _unopened(error: Exception, source_name: str) -> str:
    """The name of what could not be opened, for its row in ``document``."""
    at = getattr(error, "at", None)
    return at.file if at else source_name


def check_definitions(mappings: Iterable[Mapping], store: Store) -> None:
    """Raises DefinitionError with every mistake in mappings that only their meaning shows."""
    found = []
    for each in mappings:
        if each.format in ("xml", "json_document"):
            continue
        found += project.mistakes(each)
        for field, key, pattern in project.patterns(each):
            try:
                store.scalar(Query(pattern, "select regexp_matches('', $pattern)", {"pattern": pattern}))
            except StoreError as exc:
                text = f"{field.column}: '{key}' is no regular expression of RE2: {exc.message.partition(': ')[2]}"
                found.append(Mistake(field.location, text))
    if found:
        raise DefinitionError(found)
