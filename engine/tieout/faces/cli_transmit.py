"""``tieout transmit``, ``sync``, ``cancel``, ``trace`` and ``platform-sim``: documents out, news in, and the whole story."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from tieout import exchange
from tieout import run as conductor
from tieout.faces import terminal
from tieout.model.errors import SourceError, TieoutError
from tieout.model.money import display
from tieout.tracing import trace as story
from tieout.workspace import Workspace, open_home, open_workspace

__all__ = ["cancel", "platform_sim", "sync", "trace", "transmit"]

WorkspaceArgument = Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")]
WorkspaceOption = Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")]
Only = Annotated[list[str] | None, typer.Option("--platform", help="Only this platform; may be given several times.")]


def transmit(
    workspace: WorkspaceArgument = Path(),
    platform: Only = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")] = False,
    most: Annotated[int | None, typer.Option(min=1, help="At most so many documents a platform.")] = None,
) -> None:
    """Send what was issued to the platforms, each document exactly once."""
    opened = _with_platforms(workspace)
    with conductor.open_journal(opened.home) as journal:
        if dry_run:
            rows = exchange.due(opened, journal, only=platform or ())
            terminal.show(
                f"{len(rows):,} document{'' if len(rows) == 1 else 's'} would be sent",
                ("platform", "invoice", "state", "amount", "bytes", "note"),
                (
                    (
                        row["platform"],
                        row["invoice_number"],
                        row["state"],
                        display(row["amount"], row["currency"]) if row["amount"] is not None else "",
                        f"{row['bytes']:,}",
                        row["note"],
                    )
                    for row in rows
                ),
                right=("amount", "bytes"),
            )
            return
        done = exchange.send(opened, journal, only=platform or (), most=most)
    _tell(done, nothing="nothing to send")


def sync(workspace: WorkspaceArgument = Path(), platform: Only = None) -> None:
    """Fetch statuses, legal documents and received documents from the platforms."""
    opened = _with_platforms(workspace)
    with conductor.open_journal(opened.home) as journal:
        done = exchange.sync(opened, journal, only=platform or ())
    _tell(done, nothing="nothing new")


def cancel(
    number: Annotated[str, typer.Argument(help="The invoice's number.")],
    reason: Annotated[str, typer.Option(help="Why; it goes to the platform.")],
    workspace: WorkspaceOption = Path(),
) -> None:
    """Cancel an invoice at its platform, where and as long as that allows it."""
    opened = _with_platforms(workspace)
    with conductor.open_journal(opened.home) as journal:
        state = exchange.cancel(opened, journal, number, reason=reason)
    print(f"{number}: {'cancelled' if state == 'cancelled' else f'asked to be cancelled, {state} so far'}")


def trace(
    object_id: Annotated[str, typer.Argument(help="An invoice, billing document, ledger item, transmission or case.")],
    workspace: WorkspaceOption = Path(),
) -> None:
    """The whole story of one invoice across ledger, documents, platform and bank."""
    home = open_home(workspace)
    with conductor.open_journal(home) as journal:
        moments = story(home, journal, object_id)
    for each in moments:
        print(f"{each.at[:19].replace('T', ' ')}  {each.place:<9}  {each.text}")
        if each.document:
            print(f"{'':32}{each.document}")


def platform_sim(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on loopback.")] = 8765,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="slow, 429, 500, 500_after, garbage, drop, expire_token; with =0.05 that share of requests."),
    ] = None,
    callbacks: Annotated[str, typer.Option(help="once, lose or double.")] = "once",
    callback_url: Annotated[str, typer.Option(help="Where callbacks go.")] = "",
    index_lag: Annotated[
        float, typer.Option(min=0, help="So many seconds long a search does not show what was just sent.")
    ] = 0,
    journal: Annotated[Path | None, typer.Option(help="Append a JSON line for each thing that happens.")] = None,
    secret: Annotated[str, typer.Option(help="The secret of its client, key and callbacks.")] = "rehearsal",  # noqa: S107 - not a secret
    trust: Annotated[bool, typer.Option("--trust", help="Accept every document, without the rules.")] = False,
) -> None:
    """A platform on this machine to rehearse with, faults included."""
    try:
        from tieout.faces.simulator.desk import FAULTS, Desk, Fault
        from tieout.faces.simulator.judge import by_rules
        from tieout.faces.simulator.server import serve
    except ImportError as exc:
        raise SourceError(f"platform-sim needs {exc.name}; install 'tieout[connect]'") from exc
    if callbacks not in ("once", "lose", "double"):
        raise TieoutError(f"--callbacks {callbacks}: choose one of once, lose, double")
    desk = Desk((lambda _: {}) if trust else by_rules, journal=journal, secret=secret, index_lag_s=index_lag)
    desk.callbacks, desk.callback_url = callbacks, callback_url
    for each in fault or ():
        kind, _, share = each.partition("=")
        try:
            desk.faults.append(Fault(kind, share=float(share or 1)))
        except ValueError as exc:
            raise TieoutError(f"--fault {each}: the share must be a number such as 0.05") from exc
        if kind not in FAULTS:
            raise TieoutError(f"--fault {each}: choose one of {', '.join(FAULTS)}")
    at = f"http://127.0.0.1:{port}"
    print(f"listening on {at}: /peppol /ksef /nuonuo /myinvois; POST {at}/_control, GET {at}/_state", flush=True)
    serve(desk, port)


def _with_platforms(folder: Path) -> Workspace:
    opened = open_workspace(folder)
    if not opened.platforms:
        raise TieoutError(f"{folder}: tieout.yaml names no platforms; see 'platforms' in its schema")
    return opened


def _tell(done: list[exchange.Done], *, nothing: str) -> None:
    trouble = False
    for each in done:
        print(f"{each.platform}: {_counted(each.counts) or nothing}")
        for line in each.trouble:
            terminal.errors.print(line if line.startswith(each.platform) else f"{each.platform}: {line}", markup=False)
            trouble = True
    bad = any(each.counts.get(state) for each in done for state in ("rejected", "dead"))
    raise typer.Exit(3 if trouble else 1 if bad else 0)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)
