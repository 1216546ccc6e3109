"""Which sealed run a person means. Called by the commands that look at one."""

from __future__ import annotations

from pathlib import Path

from tieout.model.errors import SealError
from tieout.workspace import Home, open_home

__all__ = ["home_of", "run_folder"]


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
