"""``tieout journal`` and ``tieout users``: the events as lines, changed rules, and who may do what."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tieout import run as conductor
from tieout.cases import rulings
from tieout.faces import terminal
from tieout.faces.acting import Actor, acting
from tieout.model.errors import SourceError, TieoutError
from tieout.store import people
from tieout.store.journal import Journal
from tieout.workspace import open_home

app = typer.Typer(help="The journal: export and replay its events, see and approve changed rules.")
users = typer.Typer(help="Who may do what: viewer, clerk, approver, admin.")

Where = Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")]
Name = Annotated[str, typer.Argument(help="The user's name.")]
Role = Annotated[str, typer.Option(help=f"One of {', '.join(people.ROLES)}.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words; it stays in the history.")]
PasswordFrom = Annotated[
    str | None, typer.Option("--password-env", help="The environment variable that holds it; asked for where absent.")
]


def _journal(workspace: Path) -> Journal:
    return conductor.open_journal(open_home(workspace))


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(help="The file to write; the terminal where absent.")] = None,
    workspace: Where = Path(),
) -> None:
    """Every event as a line of JSON with its hash, in order: a file that can live in git."""
    with _journal(workspace) as journal:
        if out is None:
            journal.export(sys.stdout)
            return
        try:
            with out.open("w", encoding="utf-8", newline="\n") as stream:
                count = journal.export(stream)
        except OSError as exc:
            raise SourceError(f"{out}: cannot be written: {exc.strerror or exc}") from exc
    print(f"{count} event{'s' if count != 1 else ''} written: {out}")


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="What 'tieout journal export' wrote.")], workspace: Where = Path()
) -> None:
    """Fill the workspace's empty journal with exported events; each line is checked against the chain."""
    with _journal(workspace) as journal:
        try:
            with file.open(encoding="utf-8") as stream:
                count = journal.replay(stream)
        except (OSError, UnicodeDecodeError) as exc:
            raise SourceError(f"{file}: cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    print(f"{count} event{'s' if count != 1 else ''} replayed; passwords are no events and must be set anew")


@app.command("rules")
def list_rules(workspace: Where = Path()) -> None:
    """Changed definitions that were proposed, and who approved them."""
    with _journal(workspace) as journal:
        rows = rulings.rulings(journal)
    terminal.show(
        f"{len(rows)} changes of definitions",
        ("digest", "state", "proposed by", "approved by", "changed"),
        ((r["digest"][:12], r["state"], r["proposed_by"], r["approved_by"], r["changed"]) for r in rows),
    )


@app.command("approve-rules")
def approve_rules(
    digest: Annotated[str, typer.Argument(help="The digest or its beginning.")],
    reason: Reason,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Approve changed definitions that another person proposed by running with them."""
    with acting(workspace, actor) as (journal, who):
        rulings.approve_rules(journal, digest, actor=who, reason=reason)
    print(f"rules {digest} are approved")


# --- users ---


@users.command("list")
def list_users(workspace: Where = Path()) -> None:
    """All users with their roles."""
    with _journal(workspace) as journal:
        rows = people.users(journal)
    terminal.show(
        f"{len(rows)} users",
        ("name", "role", "state", "password"),
        ((r["name"], r["role"], r["state"], "set" if r["has_password"] else "none") for r in rows),
    )


@users.command("add")
def add_user(
    name: Name,
    role: Role,
    password_from: PasswordFrom = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Without one: no sign-in to the web page.")
    ] = False,
    actor: Actor = None,
    workspace: Where = Path(),
) -> None:
    """Add a user; the first must be an admin."""
    password = None if no_password else _password(password_from)
    with acting(workspace, actor) as (journal, who):
        if password is not None:
            people.check_strength(password)
        people.add_user(journal, name, role, actor=who)
        if password is not None:
            people.set_password(journal, name, password, actor=name)
    print(f"{name} is {role}")


@users.command("role")
def set_role(name: Name, role: Role, actor: Actor = None, workspace: Where = Path()) -> None:
    """Give a user another role."""
    with acting(workspace, actor) as (journal, who):
        people.set_role(journal, name, role, actor=who)
    print(f"{name} is {role}")


@users.command("password")
def set_password(
    name: Name, password_from: PasswordFrom = None, actor: Actor = None, workspace: Where = Path()
) -> None:
    """Set a user's password for the web page."""
    password = _password(password_from)
    with acting(workspace, actor) as (journal, who):
        people.set_password(journal, name, password, actor=who)
    print(f"the password of {name} is set")


@users.command("disable")
def disable(name: Name, actor: Actor = None, workspace: Where = Path()) -> None:
    """Take all rights from a user; what he did stays."""
    with acting(workspace, actor) as (journal, who):
        people.disable_user(journal, name, actor=who)
    print(f"{name} is disabled")


@users.command("enable")
def enable(name: Name, actor: Actor = None, workspace: Where = Path()) -> None:
    """Give a disabled user the role back."""
    with acting(workspace, actor) as (journal, who):
        people.enable_user(journal, name, actor=who)
    print(f"{name} is enabled; set a password")


def _password(source: str | None) -> str:
    """The password from the environment or asked for twice, never from an argument."""
    if source is not None:
        value = os.environ.get(source)
        if not value:
            raise TieoutError(f"--password-env {source}: that variable is not set")
        return value
    if not sys.stdin.isatty():
        raise TieoutError("no terminal to ask for the password; name a variable that holds it: --password-env NAME")
    password = getpass.getpass("password: ")
    if getpass.getpass("again: ") != password:
        raise TieoutError("the two passwords differ")
    return password
