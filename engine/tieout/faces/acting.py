"""Who acts on the command line: the person that is named, and beside it the operating system's user, which is recorded.

The roles of the named person hold as they do in the workbench. Whether the name may be another than the system's user is
the workspace's choice (``sign_in: command_line:``).
"""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from tieout import run as conductor
from tieout.model.errors import Forbidden
from tieout.store.journal import Journal
from tieout.workspace import Home, open_home

__all__ = ["Actor", "acting", "os_user", "told_by"]

Actor = Annotated[str | None, typer.Option("--actor", "--as", help="Who acts; the system's user where absent.")]


def os_user() -> str:
    """The user that the operating system runs this process as; not what the environment says."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser()


@contextlib.contextmanager
def acting(place: Path | Home, actor: str | None) -> Iterator[tuple[Journal, str]]:
    """The workspace's journal, whose events will name the system's user, and the person who acts.

    Raises Forbidden where the workspace lets the command line act for the system's user only.
    """
    home = place if isinstance(place, Home) else open_home(place)
    user = os_user()
    who = actor or user
    if who != user and home.sign_in.get("command_line") == "own":
        raise Forbidden(f"--actor {who}: here the command line acts for the system's user only, and that is {user}")
    with conductor.open_journal(home, via={"os_user": user}) as journal:
        yield journal, who


def told_by(event: Mapping[str, object], payload: Mapping[str, object]) -> str:
    """The actor of an event, with the system's user where that is another."""
    user = payload.get("os_user")
    return f"{event['actor']} (system user {user})" if user and user != event["actor"] else str(event["actor"])
