"""A sealed run judged again, in memory: its tables as they came in, under other rules, another plan, another routing.

The same stages as in ``run``, in the same order, from validation to the routing of exceptions; nothing is written to the
run or the journal. Called by ``difference``, ``plan_lint`` and ``tuning``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tieout.cases import queue
from tieout.cases.derive import derived
from tieout.model import run_tables
from tieout.model.canon import CANON
from tieout.model.errors import SealError
from tieout.model.ports import Progress
from tieout.model.records import Query
from tieout.revision import Revision
from tieout.run import match
from tieout.store.engine import Limits, Store, quote
from tieout.validation import check
from tieout.verify import read_manifest

__all__ = ["NoProgress", "Outcome", "as_taken_in", "day_of", "replay"]

_COMPUTED = {each.name for each in run_tables.TABLES} - {"document"}
_INPUTS = tuple(name for name in CANON if name not in _COMPUTED)
_BATCH = 200_000


class NoProgress:
    """Progress that nobody looks at."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self, summary: str) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What the judging stages made of a run's tables: the canonical tables of these names."""

    finding: pl.DataFrame
    allocation: pl.DataFrame
    candidate: pl.DataFrame
    exception: pl.DataFrame
    """With the queue its routing chose; without owner and due day, which people and the calendar decide."""
    notes: tuple[str, ...] = ()


def day_of(folder: Path) -> dt.date:
    """The day a sealed run looks at."""
    return dt.date.fromisoformat(read_manifest(folder)["as_of"])


@contextlib.contextmanager
def as_taken_in(folder: Path, *, limits: Limits | None = None) -> Iterator[Store]:
    """A store in memory with the tables of a sealed run as they were before anything was judged.

    What the run issued itself is left out, and so are the links it found between open items and e-invoices.
    """
    if not (folder / "run.duckdb").is_file():
        raise SealError(f"{folder}: there is no sealed run here")
    with Store.open(folder / "run.duckdb") as sealed, Store.create(limits=limits) as store:
        there = set(sealed.tables())
        for name in _INPUTS:
            if name not in there:
                continue
            without = ""
            if "invoice_id" in CANON[name].by_name and name != "open_item":
                without = (
                    " where invoice_id is null or invoice_id not in (select file from issued_document "
                    "where file is not null)"
                )
            _copy(sealed, store, name, f"select * from {quote(name)}{without}")
        _copy(sealed, store, "finding", "select * from finding where starts_with(rule, 'IN-') order by finding_no")
        store.execute(Query("forget links to e-invoices", "update open_item set invoice_id = null"))
        yield store


def _copy(sealed: Store, store: Store, name: str, sql: str) -> None:
    known = set(CANON[name].by_name)
    for batch in sealed.fetch_batches(Query(f"copy {name}", sql), rows=_BATCH):
        store.append(name, batch.select([column for column in batch.columns if column in known]))


def replay(
    folder: Path, revision: Revision, *, limits: Limits | None = None, progress: Progress | None = None
) -> Outcome:
    """What the revision's rules, plan and routing make of the sealed run's tables, as of the run's own day.

    What issuing added to the run (findings and exceptions of billing documents) is not part of it.
    """
    progress = progress or NoProgress()
    as_of = day_of(folder)
    with as_taken_in(folder, limits=limits) as store:
        progress.start(f"{revision.name}: validate")
        check.check(store, revision.rule_sets, as_of=as_of)
        progress.finish(f"{store.count('finding'):,} findings")
        progress.start(f"{revision.name}: match")
        match(store, revision.plans, as_of=as_of, progress=progress)
        for query in derived(as_of):
            store.execute(query)
        notes, _ = queue.route(store, revision.routes, as_of=as_of)
        store.execute(
            Query(
                "queues of exceptions",
                "update exception set queue = r.queue from case_routed r where r.exception_id = exception.exception_id",
            )
        )
        progress.finish(f"{store.count('allocation'):,} allocations, {store.count('exception'):,} exceptions")
        return Outcome(
            store.table("finding"),
            store.table("allocation"),
            store.table("candidate"),
            store.table("exception"),
            tuple(notes),
        )
