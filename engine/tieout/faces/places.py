"""Which sealed run a person means. Called by the commands that look at one."""

from __future__ import annotations

from pathlib import Path

from tieout.model.errors import SealError

__all__ = ["run_folder"]


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
