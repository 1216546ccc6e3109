"""The conductor of intake: sources in order, rows appended set-at-a-time, and the checks that need all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from tieout.intake import payments, statements
from tieout.intake.findings import finding_frame
from tieout.intake.reading import Reader, check_definitions, uninterrupted
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping
from tieout.model.errors import SourceError
from tieout.model.ports import Input, Progress
from tieout.model.records import Document, Finding, Query
from tieout.store.engine import Store

__all__ = ["take_in"]

# So many rows, or documents, are gathered before they are appended.
_ROWS, _DOCUMENTS = 250_000, 2_000


def take_in(store: Store, sources: Sequence[Input], mappings: Sequence[Mapping], *, progress: Progress) -> list[str]:
    """Fills the canonical tables, ``document``, ``statement``, ``finding`` and ``excluded`` from the sources, in order.

    Each row of a source is in a canonical table, or in ``excluded`` with a finding. The order of rows is that of sources,
    documents and lines. Returns one sentence for each source or document that could not be opened.
    Raises DefinitionError where a mapping cannot work, before anything is read.
    """
    check_definitions(mappings, store)
    reader = Reader(mappings, store)
    unread: list[str] = []
    findings: list[Finding] = []

    def flush() -> None:
        batch = reader.batch()
        findings.extend(batch.findings)
        for name, frame in batch.frames.items():
            if name == "element_shape":
                store.append_new(name, frame)
            elif name != "finding":
                store.append(name, _known(name, frame))

    with uninterrupted():
        _take_sources(reader, sources, flush, unread, progress)
    statements.complete(store)
    findings += payments.one_id_each(store)
    findings += payments.overlaps(store)
    findings += statements.check(store)
    findings += payments.decimals(store)
    if findings:
        first = int(store.scalar(Query("last finding", "select coalesce(max(finding_no), 0) from finding"))) + 1
        store.append("finding", finding_frame(findings, first=first))
    return unread


def _take_sources(
    reader: Reader, sources: Sequence[Input], flush: Callable[[], None], unread: list[str], progress: Progress
) -> None:
    for each in sources:
        waiting = 0
        try:
            if hasattr(each.source, "frame"):
                reader.take_rows(each.name, each.source.frame(), each.mapping, each.options)
                progress.advance()
                continue
            for document in each.source.documents():
                if not isinstance(document, Document):
                    if each.options.get("optional") and isinstance(document.__cause__, FileNotFoundError):
                        continue
                    unread.append(str(document))
                reader.take(document, each.name, each.mapping, each.options)
                progress.advance()
                waiting += 1
                if reader.waiting >= _ROWS or waiting % _DOCUMENTS == 0:
                    flush()
        except SourceError as exc:
            unread.append(str(exc))
            reader.take(exc, each.name, each.mapping, each.options)
        finally:
            flush()


def _known(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select([column for column in CANON[name].by_name if column in frame.columns])
