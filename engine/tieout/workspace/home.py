"""What a workspace is once it is opened: where it keeps what was done, and everything a run needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieout.library.catalog import Catalogue
from tieout.model.definitions import MatchPlan, RoutePlan, RuleSet
from tieout.model.platforms import PlatformPlan
from tieout.model.policy import Policy
from tieout.model.ports import Input, Ledger
from tieout.store.engine import Limits

__all__ = ["Home", "Link", "Workspace"]


@dataclass(frozen=True)
class Home:
    """Where a workspace keeps what is done: its folder, its sealed runs, its journal."""

    folder: Path
    entity: Mapping[str, str]
    journal_url: str
    policy: Policy = field(default_factory=lambda: Policy.of({}))
    """How far people may go, from ``decisions:``."""
    schedule: Mapping[str, Any] = field(default_factory=dict)
    """When runs start and whom they tell, from ``schedule:``, as written; secrets are names."""
    sign_in: Mapping[str, Any] = field(default_factory=dict)
    """Who may sign in to the workbench and how, from ``sign_in:``, as written; the secret is a name."""
    keep_years: int = 10
    """How long the archive keeps a document after the end of its year."""

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def sealed(self) -> Iterator[Path]:
        """The folders of the sealed runs, oldest first; a run that was never finished is not among them."""
        if self.runs.is_dir():
            yield from sorted(
                each
                for each in self.runs.iterdir()
                if not each.name.startswith(".") and (each / "manifest.json").is_file()
            )


@dataclass(frozen=True)
class Link:
    """A platform of a workspace: which description, where, with what settings; settings may be secrets."""

    name: str
    plan: PlatformPlan
    base_url: str
    settings: Mapping[str, str] = field(repr=False)
    certificates: str | None = None
    series: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()
    automatic: bool = False


@dataclass(frozen=True)
class Workspace:
    """A folder with a tieout.yaml and everything it names, checked as a whole: ready to run."""

    home: Home
    as_of: dt.date | None
    inputs: tuple[Input, ...]
    catalogue: Catalogue
    rule_sets: tuple[RuleSet, ...]
    plans: tuple[MatchPlan, ...]
    routes: RoutePlan
    issuing: Mapping[str, Any] | None
    platforms: tuple[Link, ...]
    fail_on: str
    limits: Limits
    fingerprint: Mapping[str, str]
    """What decides results: the hash of every definition file, and of the settings that steer them."""
    settings_sha256: str
    """The hash of tieout.yaml as it stands."""
    erp: Ledger | None = None
    """The ERP that is told what became of its invoices, and what it is told."""
    tell: tuple[str, ...] = ()
