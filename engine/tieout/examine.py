"""The short run: invoice files, folders and zips judged by rules, without a workspace, on all cores, in bounded memory.

Documents are read in chunks; each chunk is taken in, checked and forgotten, so that memory does not grow with their number.
Results come in the order of the documents, whichever worker was first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import polars as pl

from tieout.connect.files import FileSource
from tieout.formats import codec
from tieout.intake import read_documents, unpacked
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import did_you_mean
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
    "line",
)

STDIN = Path("-")

_CHUNK = 1000
_WORTH_A_POOL = 2 * _CHUNK


def examine(paths: Sequence[Path], *, packs: list[str] | None = None, jobs: int | None = None) -> pl.DataFrame:
    """All findings of the documents, one row each with ``COLUMNS``; empty where nothing is wrong."""
    frames = list(findings(paths, packs=packs, jobs=jobs))
    return pl.concat(frames) if frames else _empty()


def findings(
    paths: Sequence[Path], *, packs: list[str] | None = None, jobs: int | None = None, today: dt.date | None = None
) -> Iterator[pl.DataFrame]:
    """The findings of the documents, a frame a chunk, in the order of the documents.

    packs: names of rule packs, judged on every document; by default each document's own (BT-24).
    Raises TieoutError for an unknown pack or a path that is not there.
    """
    _chosen(Catalogue.load(None), packs)
    day = today or dt.date.today()
    waiting = chunks(paths)
    workers = jobs or os.cpu_count() or 1
    first: list[tuple[Document | Exception, ...]] = []
    for chunk in waiting:
        first.append(chunk)
        if len(first) * _CHUNK > _WORTH_A_POOL:
            break
    if workers == 1 or len(first) * _CHUNK <= _WORTH_A_POOL:
        worker = _Worker(packs, day)
        yield from (worker(chunk) for chunk in first)
        yield from (worker(chunk) for chunk in waiting)
        return
    yield from _pooled(first, waiting, workers, packs, day)


def _pooled(
    first: list[tuple[Document | Exception, ...]],
    rest: Iterator[tuple[Document | Exception, ...]],
    workers: int,
    names: Sequence[str] | None,
    day: dt.date,
) -> Iterator[pl.DataFrame]:
    # Spawned, because polars and DuckDB run threads that a forked child would inherit half-way. At most two chunks a
    # worker are under way, so that reading ahead does not fill the memory.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_initialise, initargs=(names, day)) as pool:
        waiting = [pool.submit(_work, chunk) for chunk in first]
        while waiting:
            if len(waiting) < 2 * workers and (chunk := next(rest, None)) is not None:
                waiting.append(pool.submit(_work, chunk))
                continue
            yield waiting.pop(0).result()


class _Worker:
    """Takes in and checks one chunk at a time; holds the catalogue."""

    def __init__(self, names: Sequence[str] | None, day: dt.date) -> None:
        catalogue = Catalogue.load(None)
        self.mappings = [m for m in catalogue.mappings.values() if any(t.table == "invoice" for t in m.tables)]
        self.packs, self.named, self.day = _chosen(catalogue, names), names is not None, day

    def __call__(self, chunk: Sequence[Document | Exception]) -> pl.DataFrame:
        batch = read_documents(chunk, self.mappings)
        with Store.create(limits=Limits(threads=1)) as store:
            for name, frame in batch.frames.items():
                store.append(name, frame)
            check.check(store, self.packs, as_of=self.day, everywhere=self.named)
            found = store.table("finding").select(pl.col("source").alias("document"), *COLUMNS[1:])
            return found.sort("document", maintain_order=True)


_worker: _Worker | None = None


def _initialise(names: Sequence[str] | None, day: dt.date) -> None:
    global _worker
    _worker = _Worker(names, day)


def _work(chunk: Sequence[Document | Exception]) -> pl.DataFrame:
    assert _worker is not None
    return _worker(chunk)


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


def documents(paths: Sequence[Path]) -> Iterator[Document]:
    """The XML documents that can be read, those in zips and PDFs one by one."""
    for each in _documents(paths):
        for found in unpacked(each) if isinstance(each, Document) else ():
            if isinstance(found, Document) and codec.detect(found.content, found.uri) == "xml":
                yield found


def chunks(paths: Sequence[Path]) -> Iterator[tuple[Document | Exception, ...]]:
    """The files below the paths, some at a time. Raises TieoutError at once for a path that is not there."""
    for path in paths:
        if path != STDIN and not path.exists():
            raise TieoutError(f"{path}: there is no such file or folder")
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
