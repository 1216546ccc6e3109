"""``tieout validate`` and ``tieout convert``: invoice documents, without a workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tieout.convert import convert, told
from tieout.examine import findings
from tieout.faces import cli_rules
from tieout.faces.explain import LANGUAGES
from tieout.model.errors import TieoutError
from tieout.second_opinion import second_opinion


def validate(
    paths: Annotated[list[Path], typer.Argument(help="Invoice files, folders, zips and PDFs; - reads one from stdin.")],
    rules: Annotated[str | None, typer.Option(help="Packs, comma separated; else by each document's BT-24.")] = None,
    output: Annotated[str, typer.Option("--format", help="text, jsonl or csv.")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write there instead of to the terminal.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores where absent.")] = None,
    lang: Annotated[str, typer.Option(help=f"Of the text: one of {', '.join(LANGUAGES)}.")] = "en",
    official: Annotated[
        list[Path] | None,
        typer.Option(help="An official XSLT that you have, as a second opinion; may be given several times."),
    ] = None,
) -> None:
    """Check invoice documents against rule packs, without a workspace."""
    if output not in ("text", "jsonl", "csv"):
        raise TieoutError(f"--format {output}: choose one of text, jsonl, csv")
    if lang not in LANGUAGES:
        raise TieoutError(f"--lang {lang}: choose one of {', '.join(LANGUAGES)}")
    packs = [name.strip() for name in rules.split(",") if name.strip()] if rules else None
    frames = findings(paths, packs=packs, jobs=jobs)
    if official:
        kept = list(frames)
        fatal = cli_rules.write_findings(kept, output, out, lang)
        cli_rules.write_opinion(second_opinion(paths, official, kept), aside=output != "text" and out is None)
    else:
        fatal = cli_rules.write_findings(frames, output, out, lang)
    raise typer.Exit(1 if fatal else 0)


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
