"""The command line: which command stands in which module; a module is opened when its command is called.

Each command asks the conductor or a sealed run and prints; exit statuses are those of the contract (docs/decisions/0001).
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group_from_info
from typer.models import TyperInfo

import tieout

__all__ = ["COMMANDS", "app", "command"]

# name: (module in faces, what in it, its first line of help)
COMMANDS = {
    "init": ("cli_run", "init", "Make a workspace with sample files, ready for 'tieout run'."),
    "run": ("cli_run", "run", "Take in, validate, match, issue, queue what is left, balance and seal."),
    "validate": ("cli_documents", "validate", "Check invoice documents against rule packs, without a workspace."),
    "convert": (
        "cli_documents",
        "convert_documents",
        "Write invoices in another format, through the canonical tables; name what that format cannot carry.",
    ),
    "explain": ("cli_sealed", "explain", "Why it matched, or what was considered and the first condition that failed."),
    "issue": (
        "cli_run",
        "issue",
        "Generate the e-invoices that are due, by a whole run; show what was issued, and what was stopped and why.",
    ),
    "transmit": ("cli_transmit", "transmit", "Send what was issued to the platforms, each document exactly once."),
    "sync": ("cli_transmit", "sync", "Fetch statuses, legal documents and received documents from the platforms."),
    "cancel": ("cli_transmit", "cancel", "Cancel an invoice at its platform, where and as long as that allows it."),
    "trace": ("cli_transmit", "trace", "The whole story of one invoice across ledger, documents, platform and bank."),
    "platform-sim": ("cli_transmit", "platform_sim", "A platform on this machine to rehearse with, faults included."),
    "cases": (
        "cli_cases",
        "app",
        "What people work on: list, show, assign, comment, propose, approve, resolve, reopen.",
    ),
    "journal": ("cli_journal", "app", "The journal: export and replay its events, see and approve changed rules."),
    "users": ("cli_journal", "users", "Who may do what: viewer, clerk, approver, admin."),
    "schedule": (
        "schedule",
        "schedule",
        "Run at the times in tieout.yaml, one run at a time; catch up what was missed.",
    ),
    "rules": ("cli_rules", "app", "The auditors' files: check, test, list, show, diff."),
    "plan": ("cli_plan", "app", "A match plan before it counts: lint, tune."),
    "serve": (
        "cli_serve",
        "serve",
        "Open the workbench: the queue, runs and rules in a browser, and the REST API under it.",
    ),
    "post": ("cli_erp", "post", "Tell the ERP what is new: e-invoice status, document, payments. Safe to repeat."),
    "archive": (
        "cli_erp",
        "archive",
        "Every issued and received document, kept by its hash.",
    ),
    "export": ("cli_sealed", "export", "Write the tables of a sealed run."),
    "verify": (
        "cli_sealed",
        "verify",
        "Recompute the hashes and control totals of a sealed run, and the journal's chain.",
    ),
}


def command(name: str) -> Any:
    """The command of that name, made from the function or the Typer of its module."""
    module, attribute, _ = COMMANDS[name]
    made = getattr(import_module(f"tieout.faces.{module}"), attribute)
    if isinstance(made, typer.Typer):
        group = TyperInfo(made, name=name, cls=_Listed)
        return get_group_from_info(group, pretty_exceptions_short=False, suggest_commands=True, rich_markup_mode=None)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(made)
    return typer.main.get_command(alone)


class _Listed(TyperGroup):
    """A group that lists its commands with the whole first sentence of each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            named = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
            formatter.write_dl([(name, each.get_short_help_str(limit=300)) for name, each in named if each])


class _Opened(TyperGroup):
    """A group that knows its commands by name and opens a module only for the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS, TyperCommand("closed"))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as Typer calls it
        return command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as Typer calls it
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


app = typer.Typer(
    name="tieout",
    cls=_Opened,
    help="Tie out ERP, e-invoice platform and bank: to the cent, with proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tieout {tieout.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...
