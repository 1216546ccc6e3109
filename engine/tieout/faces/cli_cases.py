"""``tieout cases``: the exception queue on the command line."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from tieout import run as conductor
from tieout.cases import decide, work
from tieout.faces import terminal
from tieout.faces.acting import Actor, acting, told_by
from tieout.faces.export import defused
from tieout.faces.places import run_folder
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.store.engine import Store
from tieout.store.fold import LIVE
from tieout.store.journal import Journal
from tieout.workspace import Home, open_home

app = typer.Typer(
    help="What people work on: list, show, assign, comment, propose, approve, resolve, reopen.", no_args_is_help=True
)

Case = Annotated[str, typer.Argument(help="The case's id: EX-...")]
Where = Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")]
Pays = Annotated[list[str] | None, typer.Option("--pays", help="An open item that the payment is for; repeatable.")]
Excludes = Annotated[list[str] | None, typer.Option("--not", help="An open item that it is not for; repeatable.")]
Run = Annotated[str | None, typer.Option(help="The run that was looked at; the newest where absent.")]
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
    as_of: Annotated[
        str | None, typer.Option(help="As they stood at the end of that day, whatever happened since.", metavar="DATE")
    ] = None,
) -> None:
    """The cases, the most urgent first; the id is the first column."""
    wanted: dict[str, Any] = {} if state is None else {"state": None if state == "all" else state}
    with _journal(workspace) as journal:
        if as_of:
            frame = _known_at(journal, as_of, state, {"queue": queue, "owner": owner, "reason": reason}).head(
                limit or 2**31
            )
        else:
            frame = work.list_cases(journal, queue=queue, owner=owner, reason=reason, limit=limit, **wanted)
    if output == "csv":
        sys.stdout.write(defused(frame).write_csv())
    elif output == "jsonl":
        sys.stdout.write(frame.write_ndjson())
    elif output == "text":
        _table(frame)
    else:
        raise TieoutError(f"--format {output}: choose one of text, csv, jsonl")


def _known_at(journal: Journal, day: str, state: str | None, where: dict[str, str | None]) -> pl.DataFrame:
    try:
        frame = work.known_at(journal, dt.date.fromisoformat(day))
    except ValueError as exc:
        raise TieoutError(f"--as-of {day}: no date of the calendar; write 2026-10-31") from exc
    states = work.STATES if state == "all" else (state,) if state else LIVE
    frame = frame.filter(pl.col("state").is_in(list(states)))
    return frame.filter(*(pl.col(name) == value for name, value in where.items() if value is not None))


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
        print(
            f"    {event['instant'][:19]}Z  {told_by(event, event['payload'])}  {event['kind'].replace('_', ' ')}  {words}".rstrip()
        )
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
    with acting(workspace, actor) as (journal, who):
        count = work.assign(journal, cases, to=to, actor=who, queue=queue)
    print(f"{count} case{'s' if count != 1 else ''} given to {to}")


@app.command()
def comment(
    case: Case,
    text: Annotated[str, typer.Argument(help="What to say.")],
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Add a comment to a case."""
    with acting(workspace, actor) as (journal, who):
        work.comment(journal, case, text, actor=who)
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
    with acting(workspace, actor) as (journal, who):
        payload = _named(journal, case, pays, excludes)
        found = work.move(journal, case, to, actor=who, reason=reason, payload=payload)
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
    with acting(workspace, actor) as (journal, who):
        found = decide.approve(journal, case, actor=who, reason=reason)
    print(f"{case} is {found.state}")


@app.command()
def refuse(case: Case, reason: Reason, actor: Actor = None, workspace: Where = Path()) -> None:
    """Refuse what was proposed: the case is open again."""
    with acting(workspace, actor) as (journal, who):
        found = decide.refuse(journal, case, actor=who, reason=reason)
    print(f"{case} is {found.state}")


@app.command()
def match(
    case: Case,
    pays: Annotated[
        list[str],
        typer.Option("--pays", help="ITEM, ITEM=AMOUNT, or ITEM=AMOUNT/ITEM_AMOUNT in another currency; repeatable."),
    ],
    reason: Reason,
    difference: Annotated[
        list[str] | None, typer.Option(help="ITEM:KIND=AMOUNT; discount, fee, withholding, rounding, fx, write_off.")
    ] = None,
    payment: Annotated[list[str] | None, typer.Option(help="A payment beside the case's own; repeatable.")] = None,
    split: Annotated[bool, typer.Option("--split", help="What is left of the payment stays open.")] = False,
    run: Run = None,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Match by hand: any items that balance to the cent, each difference with its kind."""
    settles = [_settles(each) for each in pays]
    apart = [_difference(each) for each in difference or ()]
    with _deciding(workspace, run, actor) as (home, store, journal, who):
        outcome = decide.match(
            store,
            journal,
            case,
            settles,
            differences=apart,
            payments=payment or (),
            rest="open" if split else "none",
            actor=who,
            reason=reason,
            policy=home.policy,
        )
    _told(outcome)


@app.command()
def confirm(case: Case, reason: Reason, run: Run = None, actor: Actor = None, workspace: Where = Path()) -> None:
    """Take the match that the run proposed."""
    with _deciding(workspace, run, actor) as (home, store, journal, who):
        _told(decide.confirm(store, journal, case, actor=who, reason=reason, policy=home.policy))


@app.command("on-account")
def on_account(
    case: Case,
    party: Annotated[str, typer.Option(help="The customer.")],
    reason: Reason,
    run: Run = None,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Book what is left of the payment on a customer's account."""
    with _deciding(workspace, run, actor) as (home, store, journal, who):
        _told(decide.on_account(store, journal, case, party_id=party, actor=who, reason=reason, policy=home.policy))


@app.command("write-off")
def write_off(case: Case, reason: Reason, run: Run = None, actor: Actor = None, workspace: Where = Path()) -> None:
    """Write off what is left of the item, or keep what is left of the payment."""
    with _deciding(workspace, run, actor) as (home, store, journal, who):
        _told(decide.write_off(store, journal, case, actor=who, reason=reason, policy=home.policy))


@app.command("not-receivable")
def not_receivable(case: Case, reason: Reason, run: Run = None, actor: Actor = None, workspace: Where = Path()) -> None:
    """Say that the payment pays nothing of ours."""
    with _deciding(workspace, run, actor) as (home, store, journal, who):
        _told(decide.not_receivable(store, journal, case, actor=who, reason=reason, policy=home.policy))


@app.command()
def reject(
    case: Case,
    item: Annotated[str, typer.Argument(help="The open item that the payment is not for.")],
    reason: Reason,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Reject a candidate for good: no run matches the two again."""
    with acting(workspace, actor) as (journal, who):
        decide.reject(journal, case, item, actor=who, reason=reason)
    print(f"{case}: {item} is rejected for good")


@app.command()
def undo(
    case: Case,
    reason: Reason,
    item: Annotated[str | None, typer.Option(help="Only the rejection of this open item.")] = None,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Reverse a decision; nothing is deleted, the next run opens again what it had settled."""
    with acting(workspace, actor) as (journal, who):
        found = decide.undo(journal, case, actor=who, reason=reason, open_item_id=item)
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


@contextlib.contextmanager
def _deciding(workspace: Path, run: str | None, actor: str | None) -> Iterator[tuple[Home, Store, Journal, str]]:
    home = open_home(workspace)
    with Store.open(run_folder(run, workspace) / "run.duckdb") as store, acting(home, actor) as (journal, who):
        yield home, store, journal, who


def _told(outcome: decide.Outcome) -> None:
    case = outcome.case
    print(f"{case.case_id} is {case.state}: {outcome.decision_id}" + (f"; {outcome.why}" if outcome.why else ""))


def _settles(text: str) -> decide.Settles:
    item, _, amounts = text.rpartition("=") if "=" in text else (text, "", "")
    amount, _, other = amounts.partition("/")
    return decide.Settles(item, _decimal(amount, text), _decimal(other, text))


def _difference(text: str) -> decide.Difference:
    place, _, amount = text.rpartition("=")
    item, _, kind = place.rpartition(":")
    value = _decimal(amount, text)
    if not item or value is None:
        raise TieoutError(f"--difference {text}: write ITEM:KIND=AMOUNT, as in 9000123:discount=2.50")
    return decide.Difference(item, kind, value)


def _decimal(text: str, whole: str) -> Decimal | None:
    try:
        found = Decimal(text) if text else None
    except InvalidOperation:
        found = Decimal("NaN")
    if found is not None and not found.is_finite():
        raise TieoutError(f"{whole}: '{text}' is no amount; write 119.01")
    return found
