"""What a person sees in a terminal: progress bars there, plain log lines elsewhere, and tables that fit."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["LogProgress", "TerminalProgress", "errors", "out", "progress", "show"]

# A log or a pipe has no width of its own: nothing is cut or wrapped there.
_NO_WIDTH = 400
out = Console(highlight=False, width=None if sys.stdout.isatty() else _NO_WIDTH)
errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _NO_WIDTH)


class TerminalProgress:
    """One bar a stage, kept on the screen when it is done."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[summary]}"),
            console=errors,
        )
        self._task: TaskID | None = None
        self._progress.start()

    def start(self, stage: str, total: int | None = None) -> None:
        self._task = self._progress.add_task(stage, total=total, summary="")

    def advance(self, steps: int = 1) -> None:
        if self._task is not None:
            self._progress.advance(self._task, steps)

    def finish(self, summary: str) -> None:
        if self._task is not None:
            done = self._progress.tasks[self._task].completed or 1
            self._progress.update(self._task, total=done, completed=done, summary=summary)

    def close(self) -> None:
        self._progress.stop()


class LogProgress:
    """One plain line a finished stage, for logs and schedulers."""

    def __init__(self) -> None:
        self._stage, self._since = "", time.monotonic()

    def start(self, stage: str, total: int | None = None) -> None:  # noqa: ARG002 - the protocol's signature
        self._stage, self._since = stage, time.monotonic()

    def advance(self, steps: int = 1) -> None: ...

    def finish(self, summary: str) -> None:
        print(f"{self._stage}: {summary} ({time.monotonic() - self._since:.1f} s)", file=sys.stderr, flush=True)

    def close(self) -> None: ...


def progress(*, quiet: bool = False) -> TerminalProgress | LogProgress:
    """Bars where a person watches, log lines elsewhere (and where the answer itself is for a machine)."""
    return TerminalProgress() if errors.is_terminal and not quiet else LogProgress()


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Prints a table; columns named in ``right`` are right-aligned. Nothing in a cell is taken as markup."""
    if title:
        out.print(title, style="italic", markup=False)
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        number = column in right
        table.add_column(column, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    out.print(table)


def _plain(cell: Any) -> str:
    return "" if cell is None else str(cell).replace("[", "\\[")
