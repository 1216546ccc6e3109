"""``tieout post`` and ``tieout archive``: what goes back to the ERP, and the documents that are kept."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tieout import keeping, posting
from tieout import run as conductor
from tieout.faces import terminal
from tieout.faces.acting import os_user
from tieout.model.errors import TieoutError
from tieout.store.outbox import transmissions
from tieout.workspace import open_home, open_workspace

Workspace = Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")]
Why = Annotated[str, typer.Option(help="Why; it stands in the journal.")]
archive = typer.Typer(
    help="Every issued and received document, kept by its hash.", no_args_is_help=True, rich_markup_mode=None
)


def post(workspace: Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")] = Path()) -> None:
    """Tell the ERP what is new: e-invoice status, document, payments. Safe to repeat."""
    opened = open_workspace(workspace)
    with conductor.open_journal(opened.home) as journal:
        ended = [each for each in transmissions(journal) if each["state"] in ("accepted", "rejected", "cancelled")]
        outcomes = posting.post(opened, journal, statuses=tuple(ended))
    counts = Counter((each.write.operation, each.state) for each in outcomes)
    terminal.show(
        "Told to the ERP", ("what", "outcome", "writes"),
        ((what, state, f"{n:,}") for (what, state), n in sorted(counts.items())), right=("writes",),
    )  # fmt: skip
    failed = [each for each in outcomes if each.state in ("failed", "uncertain", "waiting")]
    for each in failed[:20]:
        terminal.errors.print(f"{each.write.operation} {each.write.key}: {each.state}: {each.message}", markup=False)
    raise typer.Exit(1 if failed else 0)


@archive.command("add")
def add(workspace: Workspace = Path()) -> None:
    """Keep the issued and received documents of every sealed run that are not kept yet."""
    with keeping.open_archive(open_home(workspace)) as (kept, home):
        print(f"{keeping.keep(home, kept):,} documents kept")


@archive.command("list")
def listed(workspace: Workspace = Path(), as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What is kept, until when, and what holds it."""
    with keeping.open_archive(open_home(workspace)) as (kept, _):
        found = kept.documents()
    if as_json:
        for each in found:
            row = {name: getattr(each, name) for name in each.__slots__}
            print(json.dumps(row, ensure_ascii=False, default=str))
        return
    terminal.show(
        "Archive", ("document", "direction", "dated", "keep until", "holds", "findings", "sha256"),
        (
            (each.name, each.direction, str(each.dated), "removed" if each.removed_at else str(each.keep_until),
             ", ".join(each.holds), str(len(each.findings)), each.sha256[:12])
            for each in found
        ),
        right=("findings",),
    )  # fmt: skip


@archive.command("get")
def get(
    document: Annotated[str, typer.Argument(help="Its name or hash.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    workspace: Workspace = Path(),
) -> None:
    """Write one document out, proved against its hash."""
    with keeping.open_archive(open_home(workspace)) as (kept, _):
        found, content = kept.get(document)
    out.write_bytes(content)
    print(f"{found.name} written: {out} ({found.bytes:,} bytes, sha256 {found.sha256})")


@archive.command("verify")
def verify(workspace: Workspace = Path()) -> None:
    """Recompute every hash; exit status 1 where a document was changed, is missing or is not known."""
    with keeping.open_archive(open_home(workspace)) as (kept, _):
        faults = list(kept.verify())
        count = sum(not each.removed_at for each in kept.documents())
    for line in faults:
        print(line)
    if faults:
        raise typer.Exit(1)
    print(f"the archive holds: {count:,} documents")


@archive.command("hold")
def hold(
    name: Annotated[str, typer.Argument(help="The hold's name, such as a case number.")],
    reason: Why,
    documents: Annotated[list[str] | None, typer.Option("--document", help="Name or hash; all where absent.")] = None,
    workspace: Workspace = Path(),
) -> None:
    """Put a legal hold on documents: nothing under it can be removed."""
    with keeping.open_archive(open_home(workspace)) as (kept, _):
        print(f"{kept.hold(documents or (), name, reason=reason, actor=os_user()):,} documents under {name}")


@archive.command("release")
def release(
    name: Annotated[str, typer.Argument(help="The hold's name.")],
    reason: Why,
    documents: Annotated[list[str] | None, typer.Option("--document", help="Name or hash; all where absent.")] = None,
    workspace: Workspace = Path(),
) -> None:
    """Take a legal hold off documents."""
    with keeping.open_archive(open_home(workspace)) as (kept, _):
        print(f"{kept.release(documents or (), name, reason=reason, actor=os_user()):,} documents released")


@archive.command("remove")
def remove(
    reason: Why,
    as_of: Annotated[
        str | None, typer.Option(help="The day to count from; today where absent.", metavar="DATE")
    ] = None,
    workspace: Workspace = Path(),
) -> None:
    """Remove what is past its time and under no hold."""
    try:
        day = dt.date.fromisoformat(as_of) if as_of else dt.datetime.now(dt.UTC).date()
    except ValueError as exc:
        raise TieoutError(f"--as-of {as_of}: no date of the calendar; write 2026-10-31") from exc
    if day > dt.datetime.now(dt.UTC).date():
        raise TieoutError(f"--as-of {as_of}: is in the future; what is kept until then is still kept")
    with keeping.open_archive(open_home(workspace)) as (kept, _):
        print(f"{len(kept.remove(as_of=day, reason=reason, actor=os_user())):,} documents removed")
