"""What a person calls a state of the auditors' files - a workspace, a rules folder, one file, a git revision - as definitions.

For looking at what a change would do: no source is opened and no secret is asked for. Called by the faces.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieout.library import yamlfile
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import did_you_mean
from tieout.model.definitions import MatchPlan, RoutePlan, RuleSet
from tieout.model.errors import DefinitionError, Location, Mistake, SourceError, TieoutError

__all__ = ["Revision", "revision", "with_platform"]

_TRACKED = ("tieout.yaml", "rules", "mappings")


@dataclass(frozen=True)
class Revision:
    """One state of the definitions that judge a run."""

    name: str
    """As the person called it."""
    rule_sets: tuple[RuleSet, ...]
    plans: tuple[MatchPlan, ...]
    """In the order of the workspace; the comparison with the e-invoice platform is always among them."""
    routes: RoutePlan


def revision(name: str, *, workspace: Path) -> Revision:
    """The state that ``name`` stands for; what it leaves unsaid (packs, plan, routing) is as in the workspace.

    name: ``shipped`` for the shipped files alone; a workspace (a folder with tieout.yaml); a folder laid out as
        ``rules/``, which stands in place of the workspace's own; a rules, plan or routing file, laid over the workspace;
        or a git revision of the workspace.
    Raises DefinitionError with every mistake of the files, TieoutError where there is nothing of that name.
    """
    path = Path(name)
    if name == "shipped":
        return _revision(name, workspace, Catalogue.load(None))
    if path.is_dir() and (path / "tieout.yaml").is_file():
        return _revision(name, path, Catalogue.load(path))
    if path.is_dir() and not _holds_rules(path):
        raise TieoutError(f"{name}: the folder holds neither tieout.yaml nor rules, plans or routings")
    if path.is_dir():
        return _revision(name, workspace, Catalogue.load(None, tried=path))
    if path.is_file():
        return _revision(name, workspace, Catalogue.load(_own(workspace), tried=path), tried=path)
    with _checked_out(name, workspace) as folder:
        try:
            return _revision(name, folder, Catalogue.load(folder))
        except DefinitionError as exc:
            raise DefinitionError([_renamed(each, folder, name) for each in exc.mistakes]) from exc


def _own(workspace: Path) -> Path | None:
    return workspace if (workspace / "tieout.yaml").is_file() else None


def _holds_rules(folder: Path) -> bool:
    root = folder / "rules" if (folder / "rules").is_dir() else folder
    kinds = ("validation", "matching", "routing", "code_lists")
    return any((root / kind).is_dir() for kind in kinds) or any(root.glob("*.yaml"))


def _revision(name: str, workspace: Path, catalogue: Catalogue, *, tried: Path | None = None) -> Revision:
    """The definitions that the workspace's settings choose; a plan or routing file that is tried is chosen itself."""
    chosen = _Chosen(workspace)
    packs = chosen.names("validation", catalogue.rule_sets, "rule pack")
    plans = [catalogue.plans[each] for each in chosen.names("matching", catalogue.plans, "match plan")]
    routing = chosen.names("routing", catalogue.routes, "routing")
    if tried is not None:
        node, _ = yamlfile.read(tried)
        if node is not None and "plan" in node:
            plans = _with(plans, catalogue.plans[str(node.plain("plan"))])
        elif node is not None and "routing" in node:
            routing = [str(node.plain("routing"))]
        elif node is not None and str(node.plain("pack")) in catalogue.rule_sets:
            packs = list(dict.fromkeys([*packs, str(node.plain("pack"))]))
    if chosen.mistakes:
        raise DefinitionError(chosen.mistakes)
    return Revision(
        name=name,
        rule_sets=tuple(catalogue.rule_sets[each] for each in packs),
        plans=with_platform(plans, catalogue),
        routes=catalogue.routes[routing[0] if routing else "default"],
    )


def _with(plans: Sequence[MatchPlan], tried: MatchPlan) -> list[MatchPlan]:
    """The plans with the tried one in place of the one that does the same work, else behind them."""

    def work(plan: MatchPlan) -> tuple[str, str]:
        return plan.kind, str(plan.options.get("ledger", "receivable"))

    if any(work(each) == work(tried) for each in plans):
        return [tried if work(each) == work(tried) else each for each in plans]
    return [*plans, tried]


def with_platform(plans: Sequence[MatchPlan], catalogue: Catalogue) -> tuple[MatchPlan, ...]:
    """The chosen plans, and the shipped comparison with the e-invoice platform where none of its kind was chosen."""
    if any(plan.kind == "platform" for plan in plans):
        return tuple(plans)
    return (*plans, catalogue.plans["platform"])


class _Chosen:
    """What a workspace's settings name, and what of it the catalogue does not have."""

    def __init__(self, workspace: Path) -> None:
        file = workspace / "tieout.yaml"
        self.node = None
        self.mistakes: list[Mistake] = []
        if file.is_file():
            self.node, self.mistakes = yamlfile.read(file)

    def names(self, key: str, known: Collection[str], what: str) -> list[str]:
        """The names under the key that are known; the others are mistakes."""
        node = self.node.get(key) if self.node is not None else None
        if node is None:
            return []
        found = []
        for each in node.value if isinstance(node.value, tuple) else (node,):
            if str(each.value) in known:
                found.append(str(each.value))
            else:
                near = did_you_mean(str(each.value), known)
                self.mistakes.append(each.mistake(f"no {what} {each.value!r}{near}"))
        return found


# --- git ---


@contextlib.contextmanager
def _checked_out(name: str, workspace: Path) -> Iterator[Path]:
    """The definitions of the workspace as they stood at a revision of its git repository, in a folder of their own."""
    commit = _git(workspace, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        raise TieoutError(
            f"{name}: no workspace, rules folder, rules or plan file, nor a git revision of {workspace}; "
            "'shipped' stands for the shipped rules"
        )
    revision = commit.decode().strip()
    tracked = (_git(workspace, "ls-tree", "--name-only", revision) or b"").decode().split()
    there = [each for each in _TRACKED if each in tracked]
    if "tieout.yaml" not in there:
        raise TieoutError(f"{name}: {workspace} has no tieout.yaml at this git revision")
    archive = _git(workspace, "archive", "--format=tar", revision, "--", *there)
    if archive is None:
        raise SourceError(f"{name}: git could not give the files of {workspace} at this revision")
    with tempfile.TemporaryDirectory(prefix="tieout-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder)


def _git(workspace: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(workspace), *arguments], capture_output=True, check=False)  # noqa: S603, S607 - git by its name, no shell, arguments of ours
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _renamed(mistake: Mistake, folder: Path, name: str) -> Mistake:
    """The mistake with the revision's name in place of the folder it was checked out to."""
    place = mistake.location
    if not place.file.startswith(str(folder)):
        return mistake
    inside = place.file.removeprefix(str(folder)).lstrip("/")
    return Mistake(Location(f"{name}:{inside}", place.line, place.column), mistake.text)
