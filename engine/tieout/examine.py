"""The short run: invoice files, folders and zips judged by rules, without a workspace, on all cores, in bounded memory.

Documents are read in parts; each part is taken in, checked and forgotten, so that memory does not grow with their number.
Results come in the order of the documents, whichever worker was first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import TypeAlias

import polars as pl

from tieout.connect.files import FileSource
from tieout.formats import codec
from tieout.intake import read_documents, unpacked
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import did_you_mean
from tieout.mapping.places import Places
from tieout.model.canon import CANON
from tieout.model.definitions import RuleSet
from tieout.model.errors import TieoutError
from tieout.model.records import Document
from tieout.store.engine import Limits, Store
from tieout.validation import check

__all__ = ["COLUMNS", "chunks", "documents", "examine", "findings"]

# What a row of the answer has, in this order.
COLUMNS = (
    "document",
    "pack",
    "rule",
    "severity",
    "table",
    "object_id",
    "row_no",
    "term",
    "message",
    "message_zh",
    "evidence",
    "path",
    "line",
)

STDIN = Path("-")

_Part: TypeAlias = "tuple[Document | Exception, ...]"

_CHUNK = 1000
# What the rules of a part cost before its first document, and what starting a process costs, is as much as some thousands of
# documents: a part is as large as memory allows, and what one part holds is not dealt out.
_PART_DOCUMENTS, _PART_BYTES = 10_000, 64 * 1024**2


def examine(paths: Sequence[Path], *, packs: list[str] | None = None, jobs: int | None = None) -> pl.DataFrame:
    """All findings of the documents, one row each with ``COLUMNS``; empty where nothing is wrong."""
    frames = list(findings(paths, packs=packs, jobs=jobs))
    return pl.concat(frames) if frames else _empty()


def findings(
    paths: Sequence[Path], *, packs: list[str] | None = None, jobs: int | None = None, today: dt.date | None = None
) -> Iterator[pl.DataFrame]:
    """The findings of the documents, a frame a part, in the order of the documents.

    packs: names of rule packs, judged on every document; by default each document's own (BT-24).
    Raises TieoutError for an unknown pack or a path that is not there.
    """
    _chosen(Catalogue.load(None), packs)
    day = today or dt.date.today()
    _there(paths)
    workers = jobs or os.cpu_count() or 1
    parts = _parts(_unpacked(paths), workers)
    # What makes one part is not worth a pool; a second part tells that there is more.
    first = list(itertools.islice(parts, 2))
    alone = len(first) < 2 or workers == 1
    parts = itertools.chain(first, parts)
    del first
    yield from map(_Worker(packs, day), parts) if alone else _pooled(parts, workers, packs, day)


def _pooled(parts: Iterable[_Part], workers: int, names: Sequence[str] | None, day: dt.date) -> Iterator[pl.DataFrame]:
    # Spawned, because polars and DuckDB run threads that a forked child would inherit half-way. This process is one of the
    # workers; the others have one part more each than they work on, and no more than that waits in memory.
    context = multiprocessing.get_context("spawn")
    own, others = _Worker(names, day), workers - 1
    with ProcessPoolExecutor(others, mp_context=context, initializer=_initialise, initargs=(names, day)) as pool:
        waiting: deque[Future[pl.DataFrame]] = deque()
        for part in parts:
            if sum(not each.done() for each in waiting) < 2 * others:
                waiting.append(pool.submit(_work, part))
            else:
                waiting.append(_done(own(part)))
            while waiting and (waiting[0].done() or len(waiting) > 4 * workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _done(found: pl.DataFrame) -> Future[pl.DataFrame]:
    made: Future[pl.DataFrame] = Future()
    made.set_result(found)
    return made


def _parts(documents: Iterable[Document | Exception], workers: int) -> Iterator[_Part]:
    """The documents in parts as large as may be; what fills more than one and no more than one a worker is dealt out evenly."""
    gathered: list[Document | Exception] = []
    size, several = 0, False
    for each in documents:
        gathered.append(each)
        size += len(each.content) if isinstance(each, Document) else 0
        if len(gathered) >= _PART_DOCUMENTS * workers or size >= _PART_BYTES * workers:
            yield from _dealt(gathered, workers)
            gathered, size, several = [], 0, True
    if gathered and (several or len(gathered) > _PART_DOCUMENTS or size > _PART_BYTES):
        yield from _dealt(gathered, workers)
    elif gathered:
        yield tuple(gathered)


def _dealt(documents: Sequence[Document | Exception], workers: int) -> Iterator[_Part]:
    each = -(-len(documents) // workers)
    for start in range(0, len(documents), each):
        yield tuple(documents[start : start + each])


class _Worker:
    """Takes in and checks one part at a time; holds the catalogue."""

    def __init__(self, names: Sequence[str] | None, day: dt.date) -> None:
        catalogue = Catalogue.load(None)
        self.mappings = [
            m for m in catalogue.mappings.values() if any(t.table in ("invoice", "invoice_line") for t in m.tables)
        ]
        self.packs, self.named, self.day = _chosen(catalogue, names), names is not None, day
        self.locator = Places(self.mappings)

    def __call__(self, part: _Part) -> pl.DataFrame:
        batch = read_documents(part, self.mappings)
        with Store.create(limits=Limits(threads=1)) as store:
            for name, frame in batch.frames.items():
                store.append(name, frame)
            check.check(store, self.packs, as_of=self.day, everywhere=self.named, locator=self.locator)
            found = store.table("finding").select(pl.col("source").alias("document"), *COLUMNS[1:])
            return found.sort("document", maintain_order=True)


_worker: _Worker | None = None


def _initialise(names: Sequence[str] | None, day: dt.date) -> None:
    global _worker
    _worker = _Worker(names, day)


def _work(part: _Part) -> pl.DataFrame:
    assert _worker is not None
    return _worker(part)


def _chosen(catalogue: Catalogue, names: Sequence[str] | None) -> list[RuleSet]:
    known = catalogue.rule_sets
    for name in names or ():
        if name not in known:
            raise TieoutError(f"no rule pack {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else [p for p in known.values() if _judges_invoices(p)]


def _judges_invoices(pack: RuleSet) -> bool:
    def root(table: str) -> str:
        parent = CANON[table].parent
        return root(parent) if parent else table

    return bool(pack.applies) and any(root(rule.table) == "invoice" for rule in pack.rules)


def _documents(paths: Sequence[Path]) -> Iterator[Document | Exception]:
    for path in paths:
        if path == STDIN:
            content = sys.stdin.buffer.read()
            yield Document("-", content, sha256=hashlib.sha256(content).hexdigest())
        else:
            yield from FileSource(str(path), [str(path)], base=Path()).documents()


def _unpacked(paths: Sequence[Path]) -> Iterator[Document | Exception]:
    """The documents, those in zips and PDFs one by one, so that a large zip is no larger than its parts."""
    for each in _documents(paths):
        if isinstance(each, Document):
            yield from unpacked(each)
        else:
            yield each


def _there(paths: Sequence[Path]) -> None:
    for path in paths:
        if path != STDIN and not path.exists():
            raise TieoutError(f"{path}: there is no such file or folder")


def documents(paths: Sequence[Path]) -> Iterator[Document]:
    """The XML documents that can be read, those in zips and PDFs one by one."""
    for each in _documents(paths):
        for found in unpacked(each) if isinstance(each, Document) else ():
            if isinstance(found, Document) and codec.detect(found.content, found.uri) == "xml":
                yield found


def chunks(paths: Sequence[Path]) -> Iterator[tuple[Document | Exception, ...]]:
    """The files below the paths, some at a time. Raises TieoutError at once for a path that is not there."""
    _there(paths)
    return _chunks(_documents(paths), _CHUNK)


def _chunks(items: Iterable[Document | Exception], size: int) -> Iterator[tuple[Document | Exception, ...]]:
    chunk: list[Document | Exception] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield tuple(chunk)
            chunk = []
    if chunk:
        yield tuple(chunk)


def _empty() -> pl.DataFrame:
    with Store.create() as store:
        return store.table("finding").select(pl.col("source").alias("document"), *COLUMNS[1:])
