"""One document after the other: what it is, which mapping reads it, its rows and what does not fit.

Knows no store beside the engine that runs projections; nothing is appended here. What it gathers is a Batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from functools import cache
from typing import Any

import polars as pl

from tieout.formats import archive, codec, table, xml
from tieout.intake import detect
from tieout.intake.batch import Batch, Gathered
from tieout.intake.findings import refusal, value_findings
from tieout.intake.statements import running_balances
from tieout.mapping import project
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping, TableMapping
from tieout.model.errors import DefinitionError, FormatError
from tieout.model.records import Document, Finding
from tieout.store.engine import Store

__all__ = ["Batch", "Reader", "read_documents"]


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
    reader = Reader(mappings)
    for document in documents:
        reader.take(document, source_name, mapping, options or {})
    return reader.batch()


@cache
def _engine() -> Store:
    """The in-memory engine of this process, for projections where no run's store is at hand."""
    return Store.create()


class _XmlReader:
    """XML documents through their lenses; rows are made for all of them together."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        self._mappings = [each for each in mappings if each.format == "xml"]
        self._lenses: dict[str, Any] = {}
        self._collector: Any = None

    def read(self, document: Document, named: Mapping | None) -> str:
        """Reads one document and returns the id of the mapping that did; raises FormatError where none does."""
        from tieout.mapping import lens

        self._collector = self._collector or lens.Collector()
        root = xml.parse(document.content, document.uri)
        chosen = lens.pick([named] if named else self._mappings, root)
        if chosen is None:
            what = f"XML with the root element '{xml.local_name(root)}'"
            space = xml.namespace(root)
            what += f" of {space}" if space else ""
            wanted = (
                f"which is not what the mapping {named.id} reads"
                if named
                else f"for which there is no mapping; {detect.SUPPORTED}"
            )
            raise FormatError(f"{what}, {wanted}")
        if chosen.id not in self._lenses:
            self._lenses[chosen.id] = lens.Lens.compile(chosen)
        self._collector.add(self._lenses[chosen.id], root, document.uri)
        return chosen.id

    def taken(self) -> tuple[dict[str, pl.DataFrame], Sequence[Finding]]:
        """The rows and findings of what was read since the last call."""
        collector, self._collector = self._collector, None
        return (collector.frames(), collector.findings) if collector else ({}, ())


class Reader:
    """Reads documents into a growing Batch; knows which bytes it has seen."""

    def __init__(self, mappings: Iterable[Mapping], store: Store | None = None) -> None:
        self.mappings = {each.id: each for each in mappings}
        self._store = store
        self._seen: dict[tuple[str, str], str] = {}
        self._gathered = Gathered()
        self._xml = _XmlReader(self.mappings.values())

    def batch(self) -> Batch:
        """What was read since the last call."""
        made, self._gathered = self._gathered, Gathered()
        frames, findings = self._xml.taken()
        for name, frame in frames.items():
            made.add(name, frame)
        made.findings += findings
        return made.batch()

    @property
    def pending_rows(self) -> int:
        return self._gathered.rows

    # --- documents ---

    def take(
        self, document: Document | Exception, source_name: str, mapping: str | None, options: Dict[str, Any]
    ) -> None:
        """Reads one document, or notes why it could not be opened; the members of an archive one by one."""
        if not isinstance(document, Document):
            self._refuse(_unopened(document, source_name), source_name, None, document)
            return
        kind = codec.detect(document.content, document.uri)
        if kind == "zip":
            for member in archive.members(document):
                self.take(member, source_name, mapping, options)
            return
        digest = document.sha256 or hashlib.sha256(document.content).hexdigest()
        key = (digest, mapping or "")
        first = self._seen.get(key)
        if first is not None and document.content:
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
            self._project(chosen, {"row": rows}, name, options)
        except FormatError as exc:
            self._refuse(name, name, None, exc)
            return
        self._document(name, name, "query", chosen.id, digest, None, "read")

    def _read(self, document: Document, kind: str, mapping: str | None, options: Dict[str, Any]) -> str:
        """Reads the document and returns the id of the mapping that did."""
        if kind == "empty":
            raise FormatError("the file is empty", rule="IN-EMPTY")
        chosen = self._named(mapping) if mapping else self._detected(document, kind)
        if chosen is not None and chosen.format in ("mt940", "ofx") and kind in ("xml", "pdf", "xlsx", "parquet"):
            raise FormatError(f"{detect.NAMES.get(kind, kind)}, which the mapping {chosen.id} does not read")
        if chosen is not None and chosen.format in ("table", "mt940", "ofx", "json"):
            frames, findings = detect.frames_of(document, kind, chosen)
            self._note(findings, chosen)
            self._project(chosen, frames, document.uri, options)
            return chosen.id
        if kind == "xml" and (chosen is None or chosen.format == "xml"):
            return self._xml.read(document, chosen)
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

    def _project(self, mapping: Mapping, frames: Dict[str, pl.DataFrame], uri: str, options: Dict[str, Any]) -> None:
        """The canonical rows of each table of the mapping, and a finding for every value that does not fit."""
        problems = [
            text for each in mapping.tables for _, text in project.absent(each, detect.frame_of(frames, each).columns)
        ]
        if problems:
            raise FormatError("; ".join(problems), rule="IN-COLUMN")
        made: dict[str, pl.DataFrame] = {}
        for each in mapping.tables:
            made[each.table] = self._project_table(mapping, each, detect.frame_of(frames, each), uri, options)
        if any(each.table == "statement" and each.each == "file" for each in mapping.tables):
            made, findings = running_balances(made, uri)
            self._gathered.findings += findings
        for name, frame in made.items():
            self._gathered.add(name, frame)

    def _project_table(
        self, mapping: Mapping, each: TableMapping, frame: pl.DataFrame, uri: str, options: Dict[str, Any]
    ) -> pl.DataFrame:
        store = self._store or _engine()
        known = {name: str(value) for name, value in options.get("values", {}).items()}
        with store.registered(frame) as view:
            made = project.project(mapping, each, view, _kinds(frame), source=uri, values=_of_table(each, known))
            rows = store.fetch(made.query)
        flags = [check.flag for check in made.checks]
        self._gathered.findings += value_findings(made, rows, frame, uri)
        return rows.drop(flags)

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


def _kinds(frame: pl.DataFrame) -> dict[str, str]:
    kinds = {}
    for name, dtype in frame.schema.items():
        if dtype == pl.String:
            kinds[name] = "text"
        elif dtype.is_numeric():
            kinds[name] = "number"
        elif dtype.is_temporal():
            kinds[name] = "date"
        else:
            kinds[name] = "other"
    return kinds


def _of_table(each: TableMapping, values: Dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in CANON[each.table].by_name}


def _unopened(error: Exception, source_name: str) -> str:
    """The name of what could not be opened, for its row in ``document``."""
    at = getattr(error, "at", None)
    return at.file if at else source_name


def check_definitions(mappings: Iterable[Mapping]) -> None:
    """Raises DefinitionError with every mistake in mappings that only their meaning shows."""
    found = [mistake for each in mappings if each.format != "xml" for mistake in project.mistakes(each)]
    if found:
        raise DefinitionError(found)
