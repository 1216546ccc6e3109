"""``tieout cases``: the exception queue on the command line."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from tieout import run as conductor
from tieout.cases import work
from tieout.faces import terminal
from tieout.faces.export import defused
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.store.journal import Journal
from tieout.workspace import open_home

app = typer.Typer(
    help="What people work on: list, show, assign, comment, propose, approve, resolve, reopen.", no_args_is_help=True
)

Case = Annotated[str, typer.Argument(help="The case's id: EX-...")]
Where = Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")]
Actor = Annotated[str | None, typer.Option("--as", help="Who acts; the signed-in user where absent.")]
Pays = Annotated[list[str] | None, typer.Option("--pays", help="An open item that the payment is for; repeatable.")]
Excludes = Annotated[list[str] | None, typer.Option("--not", help="An open item that it is not for; repeatable.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words; it stays in the history.")]


def _journal(workspace: Path) -> Journal:
    return conductor.open_journal(open_home(workspace))


@app.command("list")
def list_cases(
    workspace: Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")] = Path(),
    state: Annotated[
        str | None, typer.Option(help="open, assigned, waiting ... or all; undecided ones where absent.")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this owner.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    output: Annotated[str, typer.Option("--format", help="text, csv or jsonl.")] = "text",
) -> None:
    """The cases, the most urgent first; the id is the first column."""
    wanted: dict[str, Any] = {} if state is None else {"state": None if state == "all" else state}
    with _journal(workspace) as journal:
        frame = work.list_cases(journal, queue=queue, owner=owner, reason=reason, limit=limit, **wanted)
    if output == "csv":
        sys.stdout.write(defused(frame).write_csv())
    elif output == "jsonl":
        sys.stdout.write(frame.write_ndjson())
    elif output == "text":
        _table(frame)
    else:
        raise TieoutError(f"--format {output}: choose one of text, csv, jsonl")


def _table(frame: pl.DataFrame) -> None:
    terminal.show(
        f"{frame.height} cases",
        ("case", "state", "reason", "queue", "owner", "due", "amount", "", "object"),
        (
            (
                row["case_id"],
                row["state"],
                row["reason"],
                row["queue"],
                row["owner"],
                row["due"],
                display(row["amount"], row["currency"]),
                row["currency"],
                row["object_id"],
            )
            for row in frame.iter_rows(named=True)
        ),
        right=("amount",),
    )


@app.command()
def show(case: Case, workspace: Where = Path()) -> None:
    """One case with its facts and history."""
    with _journal(workspace) as journal:
        found = work.show_case(journal, case)
    amount = (
        f"  {display(found['amount'], found['currency'])} {found['currency']}" if found["amount"] is not None else ""
    )
    print(f"{case}  {found['reason']}  {found['state']}{amount}")
    print(f"  {found['object_table']} {found['object_id']}: {found['message']}")
    print(f"  queue {found['queue']}, owner {found['owner'] or '-'}, due {found['due'] or '-'}")
    for name, value in (json.loads(found["evidence"]) if found["evidence"] else {}).items():
        print(
            f"  {name.replace('_', ' ')}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        )
    print("  history:")
    for event in found["history"]:
        words = event["reason"] or event["payload"].get("text", "")
        print(f"    {event['instant'][:19]}Z  {event['actor']}  {event['kind'].replace('_', ' ')}  {words}".rstrip())
    print(f"  tieout explain {found['object_id']} says what was considered")


@app.command()
def assign(
    cases: Annotated[list[str], typer.Argument(help="One or more cases.")],
    to: Annotated[str, typer.Option(help="The person or group.")],
    queue: Annotated[str | None, typer.Option(help="Move them to this queue too.")] = None,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Give cases to somebody."""
    with _journal(workspace) as journal:
        count = work.assign(journal, cases, to=to, actor=_actor(actor), queue=queue)
    print(f"{count} case{'s' if count != 1 else ''} given to {to}")


@app.command()
def comment(
    case: Case,
    text: Annotated[str, typer.Argument(help="What to say.")],
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Add a comment to a case."""
    with _journal(workspace) as journal:
        work.comment(journal, case, text, actor=_actor(actor))
    print(f"{case}: comment added")


def _move(
    case: str,
    to: str,
    reason: str,
    actor: str | None,
    workspace: Path,
    pays: list[str] | None = None,
    excludes: list[str] | None = None,
) -> None:
    with _journal(workspace) as journal:
        payload = _named(journal, case, pays, excludes)
        found = work.move(journal, case, to, actor=_actor(actor), reason=reason, payload=payload)
    print(f"{case} is {found.state}")


def _named(journal: Journal, case: str, pays: list[str] | None, excludes: list[str] | None) -> dict[str, list[str]]:
    """What a person says of the items of a payment: later changes of rules are measured against it."""
    named = {key: sorted({*items}) for key, items in (("pays", pays), ("not", excludes)) if items}
    if named and work.show_case(journal, case)["object_table"] != "payment":
        raise TieoutError(f"case {case} is about no payment; --pays and --not tell what a payment is for")
    if both := sorted({*(pays or ())} & {*(excludes or ())}):
        raise TieoutError(f"{', '.join(both)}: named by --pays and by --not; a payment is for an item or it is not")
    return named


@app.command()
def propose(
    case: Case,
    reason: Reason,
    pays: Pays = None,
    excludes: Excludes = None,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Propose a decision on a case."""
    _move(case, "proposed", reason, actor, workspace, pays, excludes)


@app.command()
def approve(case: Case, reason: Reason, actor: Actor = None, workspace: Where = Path()) -> None:
    """Approve what another person proposed."""
    who = _actor(actor)
    with _journal(workspace) as journal:
        history = work.show_case(journal, case)["history"]
        proposed = [event["actor"] for event in history if event["kind"] == "case_proposed"]
        if not proposed:
            raise TieoutError(f"case {case} was not proposed, so there is nothing to approve")
        if proposed[-1] == who:
            raise TieoutError(f"case {case} was proposed by {who}; another person must approve it")
        found = work.move(journal, case, "resolved", actor=who, reason=reason)
    print(f"{case} is {found.state}")


@app.command()
def resolve(
    case: Case,
    reason: Reason,
    pays: Pays = None,
    excludes: Excludes = None,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Settle a case."""
    _move(case, "resolved", reason, actor, workspace, pays, excludes)


@app.command()
def reopen(case: Case, reason: Reason, actor: Actor = None, workspace: Where = Path()) -> None:
    """Open a decided case again."""
    _move(case, "reopened", reason, actor, workspace)


def _actor(given: str | None) -> str:
    return given or getpass.getuser()
