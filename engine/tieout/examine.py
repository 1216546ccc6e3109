"""The short run: invoice files, folders and zips judged by rules, without a workspace, on all cores, in bounded memory.

Documents are read in parts; each part is taken in, checked and forgotten, so that memory does not grow with their number.
Results come in the order of the documents, whichever worker was first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import TypeAlias

import polars as pl

from tieout.connect.files import FileSource
from tieout.formats import codec
from tieout.intake import read_documents, unpacked
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import did_you_mean
from tieout.mapping.lines import with_lines
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
    with _Others(workers - 1, packs, day) as others:
        parts = _parts(_unpacked(paths), workers, others.start)
        yield from _judged(parts, _Worker(packs, day), others)


def _judged(parts: Iterable[_Part], own: _Worker, others: _Others) -> Iterator[pl.DataFrame]:
    """The findings of the parts in their order. This process is one of the workers: idle ones come first, and while it works
    on a part each other may have one more waiting; no more than that waits in memory."""
    waiting: deque[Future[pl.DataFrame]] = deque()
    ahead = 0
    for part in parts:
        busy = sum(not each.done() for each in waiting)
        if busy < others.count or (ahead and busy < 2 * others.count):
            waiting.append(others.submit(part))
            ahead = max(ahead - 1, 0)
        else:
            waiting.append(_done(own(part)))
            ahead = others.count
        while waiting and (waiting[0].done() or len(waiting) > 4 * (others.count + 1)):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class _Others:
    """The processes beside this one; there are none until it is known that there is more than one part."""

    def __init__(self, most: int, names: Sequence[str] | None, day: dt.date) -> None:
        self._most, self._arguments = most, (names, day)
        self._pool: ProcessPoolExecutor | None = None

    @property
    def count(self) -> int:
        return self._most if self._pool else 0

    def start(self) -> None:
        """Starts them, that they are ready when the first part is."""
        if self._pool is None and self._most:
            # Spawned, because polars and DuckDB run threads that a forked child would inherit half-way.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._most, mp_context=context, initializer=_initialise, initargs=self._arguments
            )
            for _ in range(self._most):
                self._pool.submit(_ready)

    def submit(self, part: _Part) -> Future[pl.DataFrame]:
        assert self._pool
        return self._pool.submit(_work, part)

    def __enter__(self) -> _Others:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


def _done(found: pl.DataFrame) -> Future[pl.DataFrame]:
    made: Future[pl.DataFrame] = Future()
    made.set_result(found)
    return made


def _parts(
    documents: Iterable[Document | Exception], workers: int, more: Callable[[], None] = lambda: None
) -> Iterator[_Part]:
    """The documents in parts as large as may be; what fills more than one and no more than one a worker is dealt out evenly.

    more: called as soon as there is more than one part.
    """
    gathered: list[Document | Exception] = []
    size, several = 0, False
    for each in documents:
        gathered.append(each)
        size += len(each.content) if isinstance(each, Document) else 0
        if not several and (len(gathered) > _PART_DOCUMENTS or size > _PART_BYTES):
            several = True
            more()
        if len(gathered) >= _PART_DOCUMENTS * workers or size >= _PART_BYTES * workers:
            yield from _dealt(gathered, workers)
            gathered, size = [], 0
    if gathered:
        yield from _dealt(gathered, workers if several else 1)


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
        read = (each for each in part if isinstance(each, Document))
        return with_lines(found.sort("document", maintain_order=True), read, self.mappings)


_worker: _Worker | None = None


def _initialise(names: Sequence[str] | None, day: dt.date) -> None:
    global _worker
    _worker = _Worker(names, day)


def _ready() -> None:
    """The first call of a process, which starts it."""


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
