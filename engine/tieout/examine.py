"""The short run: invoice files, folders and zips judged by rules, without a workspace, on all cores, in bounded memory.

Files are dealt out in parts; each part is read, taken in, checked and forgotten, so that memory does not grow with their
number. Results come in the order of the documents, whichever worker was first.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import polars as pl

from tieout.connect.files import File, FileSource
from tieout.crew import Crew
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

_Item: TypeAlias = "File | Document | Exception"
_Part: TypeAlias = "tuple[_Item, ...]"

_CHUNK = 1000
# What the rules of a part cost before its first document, and what starting a process costs, is as much as some thousands of
# documents: a part is as large as memory allows, and what is no more than four of the least is not dealt out.
_PART_DOCUMENTS, _PART_BYTES, _LEAST_BYTES = 16_000, 64 * 1024**2, 20 * 1024**2
# Files of a folder, small ones too, from which on others are started before all are listed.
_MANY = 20_000


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
    _there(paths)
    workers = jobs or os.cpu_count() or 1
    crew: Crew[_Part, pl.DataFrame] = Crew(_Worker, (packs, today or dt.date.today()), others=workers - 1)
    if any(_many(path) for path in paths):
        crew.start()
    yield from crew.answers(_parts(list(_files(paths)), workers, crew.start))


def _parts(items: Sequence[_Item], workers: int, several: Callable[[], None] = lambda: None) -> Iterator[_Part]:
    """The documents in parts that are as large as may be; with several workers the last ones are smaller, so that all end
    at about the same time.

    several: called as soon as it is known that there is work for more than one.
    """
    sample = [_size(each) for each in items[:64]]
    average = sum(sample) / max(len(sample), 1)
    shared = workers > 1 and len(items) * average > 4 * _LEAST_BYTES

    def bound(waiting: int) -> float:
        share = waiting * average / (1.5 * workers)
        return min(max(share, _LEAST_BYTES), _PART_BYTES) if shared else _PART_BYTES

    if shared:
        several()
    gathered: list[_Item] = []
    size, most = 0, bound(len(items))
    for n, each in enumerate(items):
        for item in _opened(each):
            if gathered and (len(gathered) >= _PART_DOCUMENTS or size >= most):
                several()
                yield tuple(gathered)
                # How much a zip holds is not known.
                gathered, size, most = [], 0, bound(len(items) - n) if item is each else _PART_BYTES
            gathered.append(item)
            size += _size(item)
    if gathered:
        yield tuple(gathered)


def _many(path: Path) -> bool:
    """Whether a folder holds so many files that there is work for several, before they are listed and looked at."""
    if not path.is_dir():
        return False
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return next(itertools.islice(entries, _MANY, None), None) is not None
    return False


def _size(item: _Item) -> int:
    if isinstance(item, File):
        return item.size()
    return len(item.content) if isinstance(item, Document) else 0


def _opened(each: _Item) -> Iterator[_Item]:
    """A zip's documents one by one, so that a large zip is no larger than its parts; other files as they are."""
    if isinstance(each, File) and each.path.lower().endswith(".zip"):
        yield from _unpacked([each])
    else:
        yield each


def _unpacked(items: Iterable[_Item]) -> Iterator[Document | Exception]:
    """The documents, those in zips and PDFs one by one."""
    for each in items:
        read = each.read() if isinstance(each, File) else each
        if isinstance(read, Document):
            yield from unpacked(read)
        else:
            yield read


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
        frames = [self._judged(each) for each in _chunks(_unpacked(part), _PART_DOCUMENTS, _PART_BYTES)]
        return pl.concat(frames) if frames else _empty()

    def _judged(self, documents: Sequence[Document | Exception]) -> pl.DataFrame:
        batch = read_documents(documents, self.mappings)
        with Store.create(limits=Limits(threads=1)) as store:
            for name, frame in batch.frames.items():
                store.append(name, frame)
            check.check(store, self.packs, as_of=self.day, everywhere=self.named, locator=self.locator)
            found = store.table("finding").select(pl.col("source").alias("document"), *COLUMNS[1:])
        read = (each for each in documents if isinstance(each, Document))
        return with_lines(found.sort("document", maintain_order=True), read, self.mappings)


def _chosen(catalogue: Catalogue, names: Sequence[str] | None) -> list[RuleSet]:
    known = catalogue.rule_sets
    for name in names or ():
        if name not in known:
            raise TieoutError(f"no rule pack {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else [p for p in known.values() if _judges_invoices(p)]


def _judges_invoices(pack: RuleSet) -> bool:
    return bool(pack.applies) and any(CANON[rule.table].root == "invoice" for rule in pack.rules)


def _files(paths: Sequence[Path]) -> Iterator[_Item]:
    for path in paths:
        if path == STDIN:
            content = sys.stdin.buffer.read()
            yield Document("-", content, sha256=hashlib.sha256(content).hexdigest())
        else:
            yield from FileSource(str(path), [str(path)], base=Path()).files()


def _documents(paths: Sequence[Path]) -> Iterator[Document | Exception]:
    for each in _files(paths):
        yield each.read() if isinstance(each, File) else each


def _there(paths: Sequence[Path]) -> None:
    for path in paths:
        if path != STDIN and not path.exists():
            raise TieoutError(f"{path}: there is no such file or folder")


def documents(paths: Sequence[Path]) -> Iterator[Document]:
    """The XML documents that can be read, those in zips and PDFs one by one."""
    for found in _unpacked(_files(paths)):
        if isinstance(found, Document) and codec.detect(found.content, found.uri) == "xml":
            yield found


def chunks(paths: Sequence[Path]) -> Iterator[tuple[Document | Exception, ...]]:
    """The files below the paths, some at a time. Raises TieoutError at once for a path that is not there."""
    _there(paths)
    return _chunks(_documents(paths), _CHUNK, _PART_BYTES)


def _chunks(
    documents: Iterable[Document | Exception], most: int, most_bytes: int
) -> Iterator[tuple[Document | Exception, ...]]:
    chunk: list[Document | Exception] = []
    size = 0
    for each in documents:
        if len(chunk) >= most or size >= most_bytes:
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(each)
        size += len(each.content) if isinstance(each, Document) else 0
    if chunk:
        yield tuple(chunk)


def _empty() -> pl.DataFrame:
    with Store.create() as store:
        return store.table("finding").select(pl.col("source").alias("document"), *COLUMNS[1:])
