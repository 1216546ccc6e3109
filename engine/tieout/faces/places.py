"""Which sealed run, workspace or plan a person means. Called by the commands that look at one."""

from __future__ import annotations

from pathlib import Path

from tieout.model.definitions import MatchPlan
from tieout.model.errors import SealError, TieoutError
from tieout.revision import revision
from tieout.workspace import Home, open_home

__all__ = ["home_of", "plan_of", "run_folder"]


def run_folder(given: str | None, workspace: Path) -> Path:
    """The folder of a run given by folder or id; the newest of the workspace where none is given."""
    if given and (Path(given) / "manifest.json").is_file():
        return Path(given).resolve()
    runs = workspace / "runs"
    if given:
        if (runs / given / "manifest.json").is_file():
            return (runs / given).resolve()
        raise SealError(f"{given}: no sealed run of that name or folder")
    sealed = sorted(path.parent for path in runs.glob("[!.]*/manifest.json"))
    if not sealed:
        raise SealError(f"{runs}: there is no sealed run yet")
    return sealed[-1].resolve()


def home_of(run: Path, workspace: Path) -> Home | None:
    """The home of the workspace that a run is of: it owns the run's folder, or is the one that was named."""
    for each in (run.parent.parent, workspace):
        if (each / "tieout.yaml").is_file():
            return open_home(each)
    return None


def plan_of(given: str, run: Path, workspace: Path) -> MatchPlan:
    """The plan of a file or name; the first of the run's workspace where nothing is given."""
    home = home_of(run, workspace)
    base = home.folder if home else workspace
    if Path(given).is_file():
        state = revision(given, workspace=base)
        plans = [each for each in state.plans if Path(each.location.file) == Path(given)]
    else:
        state = revision(str(base) if (base / "tieout.yaml").is_file() else "shipped", workspace=base)
        plans = [each for each in state.plans if given in ("", each.id)]
    if not plans:
        raise TieoutError(
            f"{given or base}: no match plan; give a plan's file or one of {', '.join(each.id for each in state.plans)}"
        )
    return plans[0]
