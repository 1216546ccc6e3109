"""The command line: run, validate, explain, export, verify, and the doors to rules and cases.

Each command asks the conductor or a sealed run and prints; exit statuses are those of the contract (docs/decisions/0001).
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import tieout
from tieout import run as conductor
from tieout.convert import convert, told
from tieout.examine import findings
from tieout.faces import cli_cases, cli_plan, cli_rules, terminal
from tieout.faces.explain import LANGUAGES
from tieout.faces.explain import explain as explain_object
from tieout.faces.export import FORMATS
from tieout.faces.export import export as export_run
from tieout.faces.places import run_folder
from tieout.model.errors import SourceError, TieoutError
from tieout.model.money import display
from tieout.model.records import Query
from tieout.second_opinion import second_opinion
from tieout.store import register
from tieout.store.engine import Store
from tieout.store.seal import file_sha256
from tieout.verify import problems, read_manifest
from tieout.workspace import Home, open_home, open_workspace

app = typer.Typer(
    name="tieout",
    help="Tie out ERP, e-invoice platform and bank: to the cent, with proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_rules.app, name="rules")
app.add_typer(cli_cases.app, name="cases")
app.add_typer(cli_plan.app, name="plan")

WorkspaceArgument = Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")]
SEVERITIES = ("information", "warning", "fatal")


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


@app.command()
def init(directory: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a workspace with sample files, ready for 'tieout run'."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise TieoutError(f"{directory}: is there already and not empty; choose a new folder")
    try:
        shutil.copytree(Path(__file__).parent / "starter", directory, dirs_exist_ok=True)
    except OSError as exc:
        raise SourceError(f"{directory}: cannot be written: {exc.strerror or exc}") from exc
    print(f"{directory} is ready: look at {directory / 'tieout.yaml'}, then run 'tieout run {directory}'")


@app.command()
def run(
    workspace: WorkspaceArgument = Path(),
    as_of: Annotated[str | None, typer.Option(help="The day the run looks at, 2026-10-31.", metavar="DATE")] = None,
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
    progress = terminal.progress(quiet=as_json)
    try:
        sealed = conductor.run(opened, as_of=_date(as_of), progress=progress)
    finally:
        progress.close()
    with Store.open(sealed.folder / "run.duckdb") as store:
        failed = _reached(store, limit)
        if as_json:
            print(json.dumps(_result(store, sealed), ensure_ascii=False, default=str))
        else:
            _summary(store, sealed)
    for line in (*sealed.notes, *sealed.unread):
        terminal.errors.print(line, markup=False)
    raise typer.Exit(3 if sealed.unread else 1 if failed else 0)


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


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="Invoice files, folders, zips and PDFs; - reads one from stdin.")],
    rules: Annotated[str | None, typer.Option(help="Packs, comma separated; else by each document's BT-24.")] = None,
    output: Annotated[str, typer.Option("--format", help="text, jsonl or csv.")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write there instead of to the terminal.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores where absent.")] = None,
    official: Annotated[
        list[Path] | None,
        typer.Option(help="An official XSLT that you have, as a second opinion; may be given several times."),
    ] = None,
) -> None:
    """Check invoice documents against rule packs, without a workspace."""
    if output not in ("text", "jsonl", "csv"):
        raise TieoutError(f"--format {output}: choose one of text, jsonl, csv")
    packs = [name.strip() for name in rules.split(",") if name.strip()] if rules else None
    frames = findings(paths, packs=packs, jobs=jobs)
    if official:
        kept = list(frames)
        fatal = cli_rules.write_findings(kept, output, out)
        cli_rules.write_opinion(second_opinion(paths, official, kept), aside=output != "text" and out is None)
    else:
        fatal = cli_rules.write_findings(frames, output, out)
    raise typer.Exit(1 if fatal else 0)


@app.command("convert")
def convert_documents(
    given: Annotated[
        list[Path], typer.Argument(metavar="IN", help="Invoice files, folders, zips and PDFs; - for stdin.")
    ],
    to: Annotated[str, typer.Option(help="The mapping that writes, such as cii.invoice, or its family: ubl.")],
    out: Annotated[Path, typer.Option(help="The file to write, or a folder for several.")],
) -> None:
    """Write invoices in another format, through the canonical tables; name what that format cannot carry."""
    done = failed = lost = 0
    for each in convert(given, to, out):
        done, failed, lost = done + bool(each.out), failed + (each.out is None), lost + len(each.losses)
        for line in [each.problem] if each.problem else [told(loss, to) for loss in each.losses]:
            print(line if line.startswith(each.document) else f"{each.document}  {line}", file=sys.stderr)
    words = f"{done} document{'s' if done != 1 else ''} written: {out}"
    print(f"{words}; {lost} values not carried" if lost else words)
    raise typer.Exit(1 if failed else 0)


@app.command()
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


@app.command()
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


@app.command()
def verify(
    run: Annotated[str, typer.Argument(help="A run's folder or id.")],
    workspace: Annotated[Path, typer.Option(help="The folder with tieout.yaml.")] = Path(),
) -> None:
    """Recompute the hashes and control totals of a sealed run, and the journal's chain."""
    folder = run_folder(run, workspace)
    found = list(problems(folder))
    owner = folder.parent.parent
    if (owner / "tieout.yaml").is_file():
        found += _journal_problems(open_home(owner), folder)
    for line in found:
        print(line)
    if found:
        raise typer.Exit(1)
    manifest = read_manifest(folder)
    rows = sum(entry["rows"] for entry in manifest["tables"])
    print(f"{folder.name} holds: {rows:,} rows in {sum(1 for e in manifest['tables'] if e['rows'])} tables, "
          f"{len(manifest['control_totals'])} control totals balance, the journal's chain is whole")  # fmt: skip


def _journal_problems(home: Home, folder: Path) -> list[str]:
    with conductor.open_journal(home) as journal:
        # Each sealed run keeps where the journal ended when it began: what came before cannot be cut off or written anew.
        verdict = journal.verify(_anchors(home))
        registered = next(
            (row["manifest_sha256"] for row in register.runs(journal) if row["run_id"] == folder.name), None
        )
    found = [] if verdict.holds else [f"journal: {verdict.fault}"]
    if registered is None:
        found.append(f"{folder.name}: the journal does not know this run; the next run will register it")
    elif registered != file_sha256(folder / "manifest.json"):
        found.append(f"{folder.name}: the manifest is not the one the journal registered")
    return found


def _anchors(home: Home) -> list[tuple[int, str]]:
    heads = (read_manifest(each).get("journal_head") for each in home.sealed())
    return [(int(head[0]), str(head[1])) for head in heads if head and head[0]]


def _date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise TieoutError(f"--as-of {text}: no date of the calendar; write 2026-10-31") from exc


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
