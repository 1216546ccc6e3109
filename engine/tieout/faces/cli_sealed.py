"""``tieout explain``, ``export`` and ``verify``: what a sealed run says, and whether it still holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tieout import run as conductor
from tieout.cases import audit
from tieout.faces.explain import LANGUAGES
from tieout.faces.explain import explain as explain_object
from tieout.faces.export import FORMATS
from tieout.faces.export import export as export_run
from tieout.faces.places import run_folder
from tieout.model.errors import TieoutError
from tieout.store import register
from tieout.store.engine import Store
from tieout.store.seal import file_sha256
from tieout.verify import problems, read_manifest
from tieout.workspace import Home, open_home


def explain(
    object_id: Annotated[str, typer.Argument(help="A payment, open item, invoice or case.")],
    run: Annotated[str | None, typer.Option(help="A run's folder or id; the newest where absent.")] = None,
    workspace: Annotated[Path, typer.Option(help="The folder with tieout.yaml.")] = Path(),
    lang: Annotated[str, typer.Option(help=f"One of {', '.join(LANGUAGES)}.")] = "en",
) -> None:
    """Why it matched, or what was considered and the first condition that failed."""
    if lang not in LANGUAGES:
        raise TieoutError(f"--lang {lang}: choose one of {', '.join(LANGUAGES)}")
    with Store.open(run_folder(run, workspace) / "run.duckdb") as store:
        print("\n".join(explain_object(store, object_id).lines(lang)))


def export(
    run: Annotated[str, typer.Argument(help="A run's folder or id.")],
    to: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")],
    out: Annotated[Path, typer.Option(help="The file (xlsx) or folder to write.")],
    workspace: Annotated[Path, typer.Option(help="The folder with tieout.yaml.")] = Path(),
) -> None:
    """Write the tables of a sealed run."""
    folder = run_folder(run, workspace)
    with Store.open(folder / "run.duckdb") as store:
        written = export_run(store, read_manifest(folder), to=to, out=out)
    print(f"{len(written)} file{'s' if len(written) > 1 else ''} written: {out}")


def verify(
    run: Annotated[str, typer.Argument(help="A run's folder or id.")],
    workspace: Annotated[Path, typer.Option(help="The folder with tieout.yaml.")] = Path(),
) -> None:
    """Recompute the hashes and control totals of a sealed run, and the journal's chain."""
    folder = run_folder(run, workspace)
    found, remarks = list(problems(folder)), list[str]()
    owner = folder.parent.parent
    if (owner / "tieout.yaml").is_file():
        found += _journal_problems(open_home(owner), folder, remarks)
    for line in (*found, *remarks):
        print(line)
    if found:
        raise typer.Exit(1)
    manifest = read_manifest(folder)
    rows = sum(entry["rows"] for entry in manifest["tables"])
    print(f"{folder.name} holds: {rows:,} rows in {sum(1 for e in manifest['tables'] if e['rows'])} tables, "
          f"{len(manifest['control_totals'])} control totals balance, the journal's chain is whole")  # fmt: skip


def _journal_problems(home: Home, folder: Path, remarks: list[str]) -> list[str]:
    with conductor.open_journal(home) as journal:
        # Each sealed run keeps where the journal ended when it began: what came before cannot be cut off or written anew.
        verdict = journal.verify(_anchors(home))
        alone = list(audit.faults(journal, remarks)) if verdict.holds else []
        registered = next(
            (row["manifest_sha256"] for row in register.runs(journal) if row["run_id"] == folder.name), None
        )
    remarks[:] = [f"note, journal: {line}" for line in remarks]
    found = [f"journal: {line}" for line in alone] if verdict.holds else [f"journal: {verdict.fault}"]
    if registered is None:
        found.append(f"{folder.name}: the journal does not know this run; the next run will register it")
    elif registered != file_sha256(folder / "manifest.json"):
        found.append(f"{folder.name}: the manifest is not the one the journal registered")
    return found


def _anchors(home: Home) -> list[tuple[int, str]]:
    heads = (read_manifest(each).get("journal_head") for each in home.sealed())
    return [(int(head[0]), str(head[1])) for head in heads if head and head[0]]
