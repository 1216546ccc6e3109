"""``tieout init``, ``run`` and ``issue``: a workspace made, run with its summary, or with what was issued."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from tieout import run as conductor
from tieout.faces import terminal
from tieout.faces.acting import os_user
from tieout.model.errors import SourceError, TieoutError
from tieout.model.money import display
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.workspace import Workspace, open_workspace

WorkspaceArgument = Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")]
AsOf = Annotated[str | None, typer.Option(help="The day the run looks at, 2026-10-31.", metavar="DATE")]
SEVERITIES = ("information", "warning", "fatal")


def init(directory: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a workspace with sample files, ready for 'tieout run'."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise TieoutError(f"{directory}: is there already and not empty; choose a new folder")
    try:
        shutil.copytree(Path(__file__).parent / "starter", directory, dirs_exist_ok=True)
    except OSError as exc:
        raise SourceError(f"{directory}: cannot be written: {exc.strerror or exc}") from exc
    print(f"{directory} is ready: look at {directory / 'tieout.yaml'}, then run 'tieout run {directory}'")


def run(
    workspace: WorkspaceArgument = Path(),
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    fail_on: Annotated[
        str | None, typer.Option(help="Exit with 1 where there is such a finding: never, information, warning, fatal.")
    ] = None,
) -> None:
    """Take in, validate, match, issue, queue what is left, balance and seal."""
    opened = open_workspace(workspace)
    limit = fail_on or opened.fail_on
    if limit not in ("never", "any", *SEVERITIES):
        raise TieoutError(f"--fail-on {limit}: choose one of never, any, {', '.join(SEVERITIES)}")
    sealed = _conducted(opened, as_of, quiet=as_json)
    with Store.open(sealed.folder / "run.duckdb") as store:
        failed = _reached(store, limit)
        if as_json:
            print(json.dumps(_result(store, sealed), ensure_ascii=False, default=str))
        else:
            _summary(store, sealed)
    raise _ended(sealed, failed=failed)


def issue(workspace: WorkspaceArgument = Path(), as_of: AsOf = None) -> None:
    """Generate the e-invoices that are due, by a whole run; show what was issued, and what was stopped and why."""
    opened = open_workspace(workspace)
    if not opened.issuing:
        raise TieoutError(f"{workspace / 'tieout.yaml'}: has no 'issuing', so there is nothing to issue")
    sealed = _conducted(opened, as_of)
    with Store.open(sealed.folder / "run.duckdb") as store:
        rows = store.fetch(Query("issued", _ISSUED)).rows()
    terminal.out.print()
    terminal.show(
        "Issued as of " + sealed.manifest["as_of"],
        ("billing document", "status", "invoice number", "amount", "currency", "why not"),
        (
            (document, status, number, display(amount, currency), currency, why)
            for document, status, number, amount, currency, why in rows
        ),
        right=("amount",),
    )
    terminal.out.print(f"\nsealed: {_near(sealed.folder)}", markup=False)
    raise _ended(sealed, failed=any(row[1] == "invalid" for row in rows))


_ISSUED = """
select d.billing_document, d.status, d.invoice_number, d.amount, d.currency,
  (select string_agg(concat(f.rule, ': ', f.message), '; ' order by f.rule, f.message) from finding f
   where f.object_id = d.billing_document and f.severity = 'fatal' and d.status = 'invalid')
from issued_document d
order by d.status = 'invalid', d.invoice_number nulls last, d.billing_document
"""


def _conducted(opened: Workspace, as_of: str | None, *, quiet: bool = False) -> conductor.Sealed:
    progress = terminal.progress(quiet=quiet)
    try:
        return conductor.run(opened, as_of=_date(as_of), progress=progress, actor=os_user())
    finally:
        progress.close()


def _ended(sealed: conductor.Sealed, *, failed: bool) -> typer.Exit:
    """Says what went wrong beside the run, and the exit status."""
    for line in (*sealed.notes, *sealed.unread):
        terminal.errors.print(line, markup=False)
    return typer.Exit(3 if sealed.unread else 1 if failed else 0)


def _reached(store: Store, limit: str) -> bool:
    if limit == "never":
        return False
    if limit == "any":
        return bool(store.count("exception") or store.count("finding"))
    worse = SEVERITIES[SEVERITIES.index(limit) :]
    names = ", ".join(f"'{name}'" for name in worse)
    return bool(store.scalar(Query("fail on", f"select count(*) from finding where severity in ({names})")))


def _result(store: Store, sealed: conductor.Sealed) -> dict[str, Any]:
    reasons = store.fetch(Query("reasons", "select reason, count(*) as n from exception group by 1 order by 1"))
    return {
        "run_id": sealed.run_id,
        "folder": str(sealed.folder),
        "as_of": sealed.manifest["as_of"],
        "steps": sealed.manifest["steps"],
        "control_totals": sealed.manifest["control_totals"],
        "exceptions": dict(reasons.iter_rows()),
        "tables": {entry["table"]: entry["sha256"] for entry in sealed.manifest["tables"] if entry["rows"]},
        "unread": list(sealed.unread),
    }


def _summary(store: Store, sealed: conductor.Sealed) -> None:
    totals = store.table("control_total").filter(~(store.table("control_total")["measure"] == "document"))
    terminal.show(
        f"Control totals as of {sealed.manifest['as_of']}",
        ("measure", "currency", "in", "amount in", "matched", "exceptions", "excluded", "difference"),
        (
            (
                row["measure"].replace("_", " "),
                row["currency"],
                f"{row['count_in']:,}",
                display(row["amount_in"], row["currency"]),
                f"{row['count_matched']:,}",
                f"{row['count_exception']:,}",
                f"{row['count_excluded']:,}",
                display(row["difference"], row["currency"]),
            )
            for row in totals.iter_rows(named=True)
        ),
        right=("in", "amount in", "matched", "exceptions", "excluded", "difference"),
    )
    reasons = store.fetch(
        Query("reasons", "select reason, queue, count(*) as n from exception group by all order by n desc, 1, 2")
    )
    if reasons.height:
        terminal.out.print()
        terminal.show("Exceptions", ("reason", "queue", "cases"), reasons.iter_rows(), right=("cases",))
    findings = store.fetch(
        Query(
            "severities",
            "select severity, count(*) as n, count(distinct rule) as rules from finding group by all order by 1",
        )
    )
    if findings.height:
        terminal.out.print()
        terminal.show("Findings", ("severity", "findings", "rules"), findings.iter_rows(), right=("findings", "rules"))
    shown = _near(sealed.folder)
    terminal.out.print(
        f"\nsealed: {shown}\nnext: tieout export {shown} --to xlsx --out workpaper.xlsx"
        f"\n      tieout cases list {_near(sealed.folder.parent.parent)}\n      tieout verify {shown}",
        markup=False,
    )


def _date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise TieoutError(f"--as-of {text}: no date of the calendar; write 2026-10-31") from exc


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
