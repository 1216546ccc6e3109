"""The Python API: a workspace opened, its runs, their tables, SQL, explanations and plots. Reads sealed runs only."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tieout.examine import examine
from tieout.faces import readings, terminal
from tieout.faces.explain import Explanation, explain
from tieout.faces.places import home_of, plan_of
from tieout.model.canon import CANON
from tieout.model.errors import TieoutError
from tieout.model.records import Query
from tieout.revision import revision
from tieout.run import run
from tieout.store.engine import Store
from tieout.verify import problems, read_manifest
from tieout.workspace import open_home, open_workspace

if TYPE_CHECKING:
    from tieout.difference import Difference
    from tieout.faces.plots import Plots
    from tieout.tuning import Tuning

__all__ = ["Book", "Run", "open", "validate"]


class Book:
    """A workspace: run it, or look at its sealed runs."""

    def __init__(self, folder: Path) -> None:
        # Sources are opened when it is run: looking at sealed runs needs no secret.
        self._folder = folder
        self.home = open_home(folder)

    def run(self, *, as_of: dt.date | None = None, quiet: bool = True) -> Run:
        """Runs every stage and returns the sealed run. quiet: no progress bars, log lines instead."""
        progress = terminal.progress(quiet=quiet)
        try:
            return Run(run(open_workspace(self._folder), as_of=as_of, progress=progress).folder)
        finally:
            progress.close()

    @property
    def runs(self) -> list[Run]:
        """The sealed runs, oldest first."""
        return [Run(folder) for folder in self.home.sealed()]

    def latest(self) -> Run:
        """The newest sealed run. Raises TieoutError where there is none."""
        runs = self.runs
        if not runs:
            raise TieoutError(f"{self.home.folder}: there is no sealed run yet; call .run() or 'tieout run' first")
        return runs[-1]

    def __repr__(self) -> str:
        return f"<tieout workspace {self.home.folder} with {len(self.runs)} sealed runs>"


class Run:
    """A sealed run, read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.manifest: Mapping[str, Any] = read_manifest(self.folder)

    @property
    def run_id(self) -> str:
        return self.folder.name

    @cached_property
    def store(self) -> Store:
        return Store.open(self.folder / "run.duckdb")

    @property
    def tables(self) -> list[str]:
        """The tables that hold rows."""
        return [entry["table"] for entry in self.manifest["tables"] if entry["rows"]]

    def table(self, name: str) -> pl.DataFrame:
        """A whole table in the order of its key; its columns are described by ``tieout.describe(name)``."""
        if name not in CANON:
            raise TieoutError(f"no table {name!r} in a run; the tables with rows are: {', '.join(self.tables)}")
        return self.store.table(name)

    def sql(self, text: str, **values: Any) -> pl.DataFrame:
        """The rows of a query over the run's tables; values are bound as $name. The run cannot be changed by it."""
        return self.store.fetch(Query("sql", text, values))

    def explain(self, object_id: str) -> Explanation:
        """Why a payment, open item, invoice or case matched or did not; print it, or read its fields."""
        return explain(self.store, object_id)

    def readings(self, of: str = "payment", lang: str = "en") -> pl.DataFrame:
        """One row a payment with why it matched or not; of="open_item": the items left open and the payments near them."""
        if of not in ("payment", "open_item"):
            raise TieoutError(f"no readings of {of!r}; choose 'payment' or 'open_item'")
        return readings.payments(self.store, lang) if of == "payment" else readings.open_items(self.store)

    def verify(self) -> list[str]:
        """What does not hold in the sealed run; empty where all of it holds."""
        return list(problems(self.folder))

    def diff(self, old: str | Path, new: str | Path) -> Difference:
        """What other rules, another plan or routing would do to this run: ``.pairs``, ``.findings``, ``.exceptions`` ...

        old, new: a workspace, a rules folder, a rules or plan file, a git revision of the workspace, or 'shipped'.
        """
        from tieout.difference import difference

        home = home_of(self.folder, Path())
        base = home.folder if home else Path()
        states = [revision(str(each), workspace=base) for each in (old, new)]
        return difference(self.folder, *states, home=home)

    def tune(
        self,
        plan: str | Path = "",
        *,
        labels: str | Path | None = None,
        error_rate: float = 0.001,
        first: bool = False,
    ) -> Tuning:
        """How right a plan is on this run by pass and threshold, and what it should say for the error rate.

        plan: a plan file or name; the workspace's first where empty. labels: a CSV with payment_id, open_item_id and match;
        by default what people decided. first: each pass of candidates is looked at as if it stood first.
        """
        from tieout.difference import decisions_of
        from tieout.tuning import labels_of, read_labels, tune

        home = home_of(self.folder, Path())
        known = read_labels(Path(labels)) if labels else labels_of(decisions_of(home) if home else {})
        return tune(self.folder, plan_of(str(plan), self.folder, Path()), known, error_rate=error_rate, first=first)

    def lint(self, plan: str | Path = "") -> list[str]:
        """What is odd about a plan on this run, one sentence each; empty where nothing is."""
        from tieout.forecast import forecast

        return [str(each) for each in forecast(self.folder, plan_of(str(plan), self.folder, Path())).advice]

    @cached_property
    def plot(self) -> Plots:
        """The run's plots; needs the extra 'notebook'."""
        from tieout.faces.plots import Plots

        return Plots(self)

    def __repr__(self) -> str:
        return f"<tieout run {self.run_id} as of {self.manifest['as_of']}>"

    def _repr_html_(self) -> str:
        totals = self.table("control_total").select(
            "measure", "currency", "count_in", "count_matched", "count_exception", "count_excluded", "difference"
        )
        return f"<b>tieout run {html.escape(self.run_id)}</b>, as of {self.manifest['as_of']}{totals._repr_html_()}"


def open(workspace: str | Path) -> Book:
    """The workspace of a folder. Raises DefinitionError with every mistake of its files."""
    return Book(Path(workspace))


def validate(paths: str | Path | Iterable[str | Path], rules: Iterable[str] | None = None) -> pl.DataFrame:
    """The findings of invoice files, folders and zips: document, pack, rule, severity, message, term, line ...

    rules: names of packs; by default those that the document's own specification identifier (BT-24) calls for.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    return examine([Path(each) for each in given], packs=list(rules) if rules is not None else None)
