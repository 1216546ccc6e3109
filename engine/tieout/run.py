"""The conductor: the only file that knows the order of the stages. It opens, fills, balances and seals a run.

A run is written beside the sealed ones under a hidden name and renamed when it is whole; what a killed run left behind is
swept by the next. The journal is written after the seal; what was sealed but not journalled is caught up by the next run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import platform as machine
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from tieout import exchange, intake, posting
from tieout.cases import apply, queue, rulings
from tieout.closing import accounts, carry, totals
from tieout.issuing import generate, told
from tieout.mapping.places import Places
from tieout.matching import corners, platform, reconcile, three_way
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping as Format
from tieout.model.definitions import MatchPlan
from tieout.model.errors import SourceError, WorkspaceBusy
from tieout.model.ports import Progress
from tieout.model.records import Query
from tieout.revision import with_platform
from tieout.store import register, seal
from tieout.store.engine import Store, quote
from tieout.store.journal import Journal
from tieout.store.lock import alone
from tieout.validation import check
from tieout.verify import read_manifest
from tieout.workspace import Home, Workspace

__all__ = ["Sealed", "match", "open_journal", "run"]

Clock = Callable[[], dt.datetime]


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Sealed:
    """A run that is done: its folder and manifest."""

    folder: Path
    manifest: Mapping[str, Any]
    unread: tuple[str, ...] = ()
    """Sources that could not be read, one sentence each."""
    notes: tuple[str, ...] = ()
    """What a person should know of how it was run, one sentence each: a part that is not installed ..."""

    @property
    def run_id(self) -> str:
        return self.folder.name


def run(
    workspace: Workspace,
    *,
    as_of: dt.date | None = None,
    progress: Progress,
    clock: Clock = _utc_now,
    actor: str = "tieout",
) -> Sealed:
    """Runs every stage on the workspace and seals the result under ``runs/<run_id>``.

    actor: who started it; where definitions changed and the workspace asks for a second person, that is who proposes them.

    Raises SourceError where the folder cannot be written, WorkspaceBusy where another run is going on, ControlTotalError
    where the run does not balance, Forbidden where changed definitions wait for a second person; nothing is sealed then.
    """
    started = clock()
    as_of = as_of or workspace.as_of or started.date()
    with _locked(workspace.home.runs), open_journal(workspace.home, clock=clock) as journal:
        _catch_up(workspace, journal)
        last = max(workspace.home.sealed(), key=lambda each: each.name, default=None)
        before = read_manifest(last) if last else {}
        # To take the guard away is itself a change that waits for a second person.
        if workspace.home.policy.second_person_for_rules or before.get("rules_guarded"):
            rulings.admit(journal, workspace.fingerprint, before.get("definitions", {}), actor=actor)
        news = _news(workspace, journal, clock)
        run_id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        with _unfinished(workspace.home.runs / f".{run_id}.partial") as folder:
            conductor = _Conductor(workspace, folder, run_id, as_of, progress, journal)
            conductor.notes += news
            manifest = conductor.conduct(started, clock)
            sealed = seal.seal(folder, workspace.home.runs / run_id, manifest)
        _journal(journal, sealed)
        conductor.notes += _sent(workspace, journal, clock)
    return Sealed(sealed, manifest, tuple(conductor.unread), tuple(conductor.notes))


def match(store: Store, plans: Sequence[MatchPlan], *, as_of: dt.date, progress: Progress) -> None:
    """Settles by the plans of that kind, checks lines three ways, compares with the platform, and follows each invoice
    through its four corners."""
    settlements = (plan for plan in plans if plan.kind == "settlement")
    reconcile.reconcile(store, *settlements, as_of=as_of, progress=progress)
    for plan in plans:
        if plan.kind == "three_way":
            three_way.check(store, plan, as_of=as_of)
    for plan in plans:
        if plan.kind == "platform":
            platform.compare(store, plan, as_of=as_of)
    if any(plan.kind == "platform" for plan in plans):
        corners.follow(store, as_of=as_of)


def open_journal(home: Home, *, clock: Clock = _utc_now, via: Mapping[str, str] = MappingProxyType({})) -> Journal:
    """The workspace's journal; in a shared database its events stand under the entity's name. via: see ``Journal.open``."""
    return Journal.open(home.journal_url, workspace=home.entity["name"], clock=clock, via=via)


class _Conductor:
    """The stages of one run, in order, on one store."""

    def __init__(
        self, workspace: Workspace, folder: Path, run_id: str, as_of: dt.date, progress: Progress, journal: Journal
    ) -> None:
        self.workspace, self.folder, self.run_id, self.as_of = workspace, folder, run_id, as_of
        self.progress, self.journal = progress, journal
        self.steps: list[dict[str, Any]] = []
        self.unread: list[str] = []
        self.notes: list[str] = []

    def conduct(self, started: dt.datetime, clock: Clock) -> dict[str, Any]:
        workspace, as_of = self.workspace, self.as_of
        before, before_as_of = _run_before(workspace, as_of)
        with Store.create(self.folder / "run.duckdb", limits=workspace.limits) as store:
            self._intake(store)
            self.progress.start("carry in")
            with _opened(before) as earlier:
                carried = carry.carry_in(store, earlier, before_as_of=before_as_of)
                accounts.remember_accounts(store, earlier, before_as_of=before_as_of, as_of=as_of)
                undone = apply.ended(self.journal, earlier)
                carried += apply.bring_back(store, undone, self._applied_in)
                self.notes += apply.apply(store, self.journal, earlier)
            self._step("carry in", rows=carried, decisions=store.count("decision"))
            self.progress.start("validate")
            check.check(store, workspace.rule_sets, as_of=as_of, locator=Places(self._mappings()))
            intake.closer_lines(store, self._inputs(), self._mappings())
            self._step(
                "validate", findings=store.count("finding"), rules=sum(len(r.rules) for r in workspace.rule_sets)
            )
            self._match(store)
            self._issue(store)
            told.refusals(store, self.journal, as_of=self.as_of)
            self.progress.start("cases")
            settled = queue.settle(store, self.journal, workspace.routes, as_of=as_of)
            self.notes += settled.notes
            self._step("cases", exceptions=settled.exceptions, raised_by_patterns=settled.raised)
            self.progress.start("close")
            totals.close(store)
            self._step("close", carried_forward=carry.carry_out(store).height, measures=store.count("control_total"))
            _drop_working_tables(store)
            rows = seal.digests(store)
            manifest = self._manifest(store, rows, started, before)
        rows.write_parquet(self.folder / "rows.parquet")
        manifest["finished"] = clock().isoformat(timespec="seconds")
        manifest["rows_sha256"] = seal.file_sha256(self.folder / "rows.parquet")
        manifest["database_sha256"] = seal.file_sha256(self.folder / "run.duckdb")
        return manifest

    def _applied_in(self, decision_id: str) -> Path | None:
        """The newest sealed run of an earlier day that applied the decision."""
        earlier = [each for each in self.workspace.home.sealed() if _as_of(each) < self.as_of]
        for folder in sorted(earlier, key=lambda each: (_as_of(each), each.name), reverse=True):
            with Store.open(folder / "run.duckdb") as store:
                if apply.applied(store, decision_id):
                    return folder
        return None

    def _intake(self, store: Store) -> None:
        self.progress.start("intake")
        posting.resume(self.workspace, self.journal)
        self.unread = intake.take_in(store, self._inputs(), self._mappings(), progress=self.progress)
        told.tell(store, self.journal, as_of=self.as_of)
        posting.note_reads(self.workspace, self.journal)
        posting.set_aside(store, self.journal)
        self._step(
            "intake",
            documents=store.count("document"),
            payments=store.count("payment"),
            open_items=store.count("open_item"),
            invoices=store.count("invoice"),
            findings=store.count("finding"),
        )

    def _inputs(self) -> tuple[intake.Input, ...]:
        return (*self.workspace.inputs, *exchange.received(self.workspace))

    def _mappings(self) -> list[Format]:
        return list(self.workspace.catalogue.mappings.values())

    def _match(self, store: Store) -> None:
        self.progress.start("match")
        plans = with_platform(self.workspace.plans, self.workspace.catalogue)
        match(store, plans, as_of=self.as_of, progress=self.progress)
        self._step("match", allocations=store.count("allocation"), exceptions=store.count("exception"))

    def _issue(self, store: Store) -> None:
        if not self.workspace.issuing:
            return
        self.progress.start("issue")
        generate.issue(
            store,
            mappings=self.workspace.catalogue.mappings,
            check=self._check_issued,
            journal=self.journal,
            entity=self.workspace.home.entity,
            settings=self.workspace.issuing,
            folder=self.folder / "issued",
            as_of=self.as_of,
            holder=exchange.worker(self.workspace.home),
        )
        self._step("issue", documents=store.count("issued_document"))

    def _check_issued(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The findings of the packs an issued invoice must pass, over tables not yet in the run."""
        assert self.workspace.issuing is not None
        names = [*self.workspace.issuing.get("validation", ["en16931"]), generate.GATE]
        packs = [self.workspace.catalogue.rule_sets[name] for name in dict.fromkeys(names)]
        with Store.create(limits=self.workspace.limits) as store:
            for name, frame in tables.items():
                store.append(name, frame)
            check.check(store, packs, as_of=self.as_of)
            return store.table("finding")

    def _step(self, stage: str, **counts: int) -> None:
        self.steps.append({"stage": stage, **counts})
        self.progress.finish(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()))

    def _manifest(self, store: Store, rows: pl.DataFrame, started: dt.datetime, before: Path | None) -> dict[str, Any]:
        documents = store.table("document")
        issued = store.table("issued_document").filter(pl.col("status") == "issued")
        return {
            "run_id": self.run_id,
            "as_of": self.as_of.isoformat(),
            "entity": self.workspace.home.entity.get("name"),
            "started": started.isoformat(timespec="seconds"),
            "run_before": before.name if before else None,
            "versions": {
                "tieout": version("tieout"),
                "python": machine.python_version(),
                **{name: version(name) for name in ("duckdb", "polars", "lxml", "rapidfuzz", "sqlglot")},
            },
            "definitions": dict(sorted(self.workspace.fingerprint.items())),
            "settings_sha256": self.workspace.settings_sha256,
            "rules_guarded": self.workspace.home.policy.second_person_for_rules,
            "inputs": documents.select("document_id", "sha256", "byte_count", "status", "mapping").to_dicts(),
            "unread": self.unread,
            "journal_head": self._journal_head(),
            "issued": issued.select("invoice_number", "file", "sha256").to_dicts(),
            "steps": self.steps,
            "tables": [{"table": s.table, "rows": s.rows, "sha256": s.sha256} for s in seal.seals(rows)],
            "control_totals": [
                {name: str(value) for name, value in row.items()} for row in store.table("control_total").to_dicts()
            ],
        }

    def _journal_head(self) -> tuple[int, str]:
        """Where the journal ended before this run: its last event's sequence and hash."""
        with self.journal.reading() as session:
            return session.head()


# --- places and locks ---


@contextlib.contextmanager
def _locked(runs: Path) -> Iterator[None]:
    """Only one run of a workspace at a time; the lock dies with its process, however that ends."""
    busy = WorkspaceBusy(f"{runs}: another run of this workspace is going on; wait for it or stop it")
    with alone(runs / ".lock", busy):
        for left in runs.glob(".*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextlib.contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """The folder of a run that is not sealed yet; removed again whatever goes wrong."""
    try:
        folder.mkdir()
        yield folder
    except OSError as exc:
        raise SourceError(f"{folder.parent}: the run could not be written: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _news(workspace: Workspace, journal: Journal, clock: Clock) -> list[str]:
    """Asks the platforms that are to be asked before each run; what went wrong with them, a sentence each."""
    return _exchanged(exchange.sync, workspace, journal, clock)


def _sent(workspace: Workspace, journal: Journal, clock: Clock) -> list[str]:
    """Writes down what is to be sent, and sends it to the platforms that get what a run issued; what went wrong."""
    exchange.prepare(workspace, journal)
    return _exchanged(exchange.send, workspace, journal, clock)


def _exchanged(
    ask: Callable[..., list[exchange.Done]], workspace: Workspace, journal: Journal, clock: Clock
) -> list[str]:
    """A platform that cannot be reached costs a note, never the run."""
    names = [link.name for link in workspace.platforms if link.automatic]
    try:
        done = ask(workspace, journal, only=names, clock=clock) if names else []
    except SourceError as exc:
        return [exc.message]
    return [
        line if line.startswith(each.platform) else f"{each.platform}: {line}" for each in done for line in each.trouble
    ]


def _run_before(workspace: Workspace, as_of: dt.date) -> tuple[Path | None, dt.date | None]:
    """The latest sealed run of an earlier as-of date."""
    earlier = []
    for folder in workspace.home.sealed():
        day = _as_of(folder)
        if day < as_of:
            earlier.append((day, folder.name, folder))
    if not earlier:
        return None, None
    day, _, folder = max(earlier)
    return folder, day


def _as_of(folder: Path) -> dt.date:
    return dt.date.fromisoformat(read_manifest(folder)["as_of"])


@contextlib.contextmanager
def _opened(folder: Path | None) -> Iterator[Store | None]:
    if folder is None:
        yield None
        return
    with Store.open(folder / "run.duckdb") as store:
        yield store


def _drop_working_tables(store: Store) -> None:
    kept = {each.stored for each in CANON.values()}
    for name in store.tables():
        if name not in kept:
            store.execute(Query(f"drop {name}", f"drop table {quote(name)}"))


# --- the journal ---


def _catch_up(workspace: Workspace, journal: Journal) -> None:
    """Journals what was sealed by a run that was killed before it could say so."""
    known = {row["run_id"] for row in register.runs(journal)}
    for folder in workspace.home.sealed():
        if folder.name not in known:
            _journal(journal, folder)


def _journal(journal: Journal, folder: Path) -> None:
    """Tells the journal of a sealed run: its cases, its issued documents, and last the run itself; safe to repeat."""
    manifest = read_manifest(folder)
    as_of = dt.date.fromisoformat(manifest["as_of"])
    with Store.open(folder / "run.duckdb") as store:
        generate.commit(journal, store, run_id=folder.name)
        queue.commit(journal, store, run_id=folder.name, as_of=as_of, complete=not manifest["unread"])
    register.register_run(
        journal,
        run_id=folder.name,
        as_of=as_of,
        manifest_sha256=seal.file_sha256(folder / "manifest.json"),
        definitions=rulings.digest_of(manifest["definitions"]),
        guarded=bool(manifest.get("rules_guarded")),
    )
