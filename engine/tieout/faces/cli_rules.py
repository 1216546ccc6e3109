"""``tieout rules``: the auditors' files on the command line. Also prints the findings of ``tieout validate``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Annotated, Any, ClassVar

import polars as pl
import typer

from tieout.cases.inline import run_route_cases
from tieout.cases.route import Unroutable
from tieout.faces import terminal
from tieout.faces.cli_diff import diff
from tieout.faces.export import defused
from tieout.faces.rulebook import FORMATS, write_rulebook
from tieout.library.catalog import Catalogue
from tieout.library.mutants import mutants
from tieout.library.plan_lint import lint
from tieout.library.yamlfile import did_you_mean
from tieout.model.definitions import RuleSet
from tieout.model.errors import SourceError, TieoutError
from tieout.second_opinion import Opinion
from tieout.validation import cases, describe

app = typer.Typer(help="The auditors' files: check, test, list, show, diff.", no_args_is_help=True)

Workspace = Annotated[
    Path | None,
    typer.Argument(
        help="A folder whose rules/ and mappings/ are laid over the shipped ones.", exists=True, file_okay=False
    ),
]


app.command()(diff)


@app.command()
def check(workspace: Workspace = None) -> None:
    """Read every rule, plan, route and mapping file; say every mistake with file:line:column."""
    catalogue = Catalogue.load(workspace)
    rules = sum(len(pack.rules) for pack in catalogue.rule_sets.values())
    print(
        f"{len(catalogue.fingerprint)} files hold: {rules} rules in {len(catalogue.rule_sets)} packs, "
        f"{len(catalogue.mappings)} mappings, {len(catalogue.plans)} match plans, {len(catalogue.routes)} routing files"
    )
    for plan in catalogue.plans.values():
        for advice in lint(plan):
            print(advice)


@app.command()
def test(
    workspace: Workspace = None,
    pack: Annotated[str | None, typer.Option(help="Only this pack.")] = None,
    mutate: Annotated[
        bool, typer.Option("--mutate", help="Change each rule a little and name those whose cases do not notice.")
    ] = False,
) -> None:
    """Run every inline case of every rule and routing file."""
    catalogue = Catalogue.load(workspace)
    packs = [each for each in catalogue.rule_sets.values() if pack in (None, each.pack)]
    if mutate:
        raise typer.Exit(_mutate(packs))
    outcomes = cases.run_cases(packs)
    wrong = sum(not each.holds for each in outcomes)
    for each in outcomes:
        if not each.holds:
            print(
                f"{each.location}  {each.rule}: case {each.number} should {each.expect}, but the outcome is {each.outcome}"
            )
    routed = 0
    try:
        for routes in catalogue.routes.values() if pack is None else ():
            for outcome in run_route_cases(routes):
                routed += 1
                if not outcome.holds:
                    wrong += 1
                    print(f"{outcome.location}  {outcome.plan}: {outcome.message}")
    except Unroutable as exc:
        print(exc, file=sys.stderr)
    print(f"{len(outcomes) + routed - wrong} cases hold, {wrong} do not")
    raise typer.Exit(1 if wrong else 0)


def _mutate(packs: list[RuleSet]) -> int:
    tried = [
        mutant
        for pack in packs
        for rule in pack.rules
        if rule.status != "retired"
        for mutant in mutants(rule, pack.code_lists)
    ]
    held = cases.noticed(packs, [each.rule for each in tried])
    kept = [each for each, seen in zip(tried, held, strict=True) if not seen]
    for each in kept:
        print(f"{each.rule.location}  {each.rule.id}: no case notices that in {each.place} {each.what}")
    if len(packs) > 1:
        for pack in packs:
            mine = [seen for each, seen in zip(tried, held, strict=True) if each.rule.pack == pack.pack]
            if mine:
                print(f"{pack.pack:20} {sum(mine):6} of {len(mine):6} noticed ({sum(mine) / len(mine):.1%})")
    share = f" ({(len(tried) - len(kept)) / len(tried):.1%})" if tried else ""
    print(f"{len(tried)} small changes tried, {len(tried) - len(kept)} noticed{share}, {len(kept)} not")
    return 1 if kept else 0


@app.command("list")
def list_rules(
    workspace: Workspace = None,
    pack: Annotated[str | None, typer.Option(help="Only this pack.")] = None,
    output: Annotated[str, typer.Option("--format", help="text or csv.")] = "text",
) -> None:
    """The catalogue: every rule with its pack, severity, table and title."""
    frame = describe.rule_frame(
        each for each in Catalogue.load(workspace).rule_sets.values() if pack in (None, each.pack)
    )
    if output == "csv":
        sys.stdout.write(frame.write_csv())
        return
    shown = ("rule", "pack", "table", "severity", "title", "title_zh", "terms")
    terminal.show(f"{frame.height} rules", shown, frame.select(shown).iter_rows())


@app.command()
def show(
    rule: Annotated[str, typer.Argument(help="The rule's id, such as BR-CO-15.")],
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", help="A workspace laid over the shipped files.", exists=True, file_okay=False
        ),
    ] = None,
) -> None:
    """One rule with its text, source, parameters, cases and SQL."""
    packs = list(Catalogue.load(workspace).rule_sets.values())
    found = describe.find_rule(packs, rule)
    if found is None:
        near = did_you_mean(rule, [each.id for pack in packs for each in pack.rules])
        raise TieoutError(f"no rule {rule!r}{near or '; tieout rules list shows them all'}")
    print(describe.rule_text(*found))


@app.command()
def docs(
    workspace: Workspace = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("rulebook"),
    output: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "html",
    pack: Annotated[str | None, typer.Option(help="Only this pack.")] = None,
) -> None:
    """Write the catalogue as pages: each rule with its condition in words, terms, cases and SQL, in both languages."""
    written = write_rulebook(Catalogue.load(workspace), out, to=output, pack=pack)
    print(f"{len(written)} pages written: {written[0]}")


# --- the findings of tieout validate ---


def write_findings(frames: Iterable[pl.DataFrame], output: str, out: Path | None, lang: str) -> int:
    """Writes findings as they come and returns how many were fatal. Raises SourceError where the file cannot be written."""
    if out is None:
        return _write(frames, output, sys.stdout, lang)
    try:
        with out.open("w", encoding="utf-8", newline="") as stream:
            return _write(frames, output, stream, lang)
    except OSError as exc:
        raise SourceError(f"{out}: cannot be written: {exc.strerror or exc}") from exc


def _write(frames: Iterable[pl.DataFrame], output: str, stream: IO[str], lang: str) -> int:
    fatal, total, documents, header = 0, 0, 0, True
    text = _Text(stream, lang)
    for frame in frames:
        fatal += frame.filter(pl.col("severity") == "fatal").height
        total += frame.height
        documents += frame["document"].n_unique()
        if output == "jsonl":
            stream.write(frame.write_ndjson())
        elif output == "csv":
            stream.write(defused(frame).write_csv(include_header=header))
            header = False
        else:
            text.write(frame)
    if output == "text":
        text.close(total, fatal, documents)
    return fatal


class _Text:
    """Findings for a person: under each document where and what, each on a line."""

    _WORDS: ClassVar = {
        "en": {"line": "line {}", "nothing": "no findings\n", "sum": "\n{total} finding{s} in {documents} document{d}, {fatal} fatal\n"},
        "zh": {"line": "第 {} 行", "nothing": "没有发现问题\n", "sum": "\n{documents} 份文件共 {total} 项问题，其中 {fatal} 项严重\n",
               "fatal": "严重", "warning": "警告", "information": "提示"},
    }  # fmt: skip

    def __init__(self, stream: IO[str], lang: str) -> None:
        self._stream, self._words = stream, self._WORDS[lang]
        self._message = "message_zh" if lang == "zh" else "message"
        self._document = ""

    def write(self, frame: pl.DataFrame) -> None:
        for row in frame.iter_rows(named=True):
            if row["document"] != self._document:
                self._document = row["document"]
                self._stream.write(f"\n{self._document}\n")
            line = self._words["line"].format(row["line"]) if row["line"] else ""
            place = "  ".join(filter(None, (line, row["path"])))
            severity = self._words.get(row["severity"], row["severity"])
            self._stream.write(f"  {severity}  {row['rule']}  {place}".rstrip() + f"\n      {self._said(row)}\n")

    def _said(self, row: dict[str, Any]) -> str:
        """The message without the place, which stands above it, and with the terms that it does not name."""
        message = row[self._message] or row["message"]
        if message.startswith(self._document):
            message = re.sub(r"^(:\d+)?\s+", "", message.removeprefix(self._document))
        terms = [term for term in (row["term"] or "").split(", ") if term and term not in message]
        return f"{message} ({', '.join(terms)})" if terms else message

    def close(self, total: int, fatal: int, documents: int) -> None:
        words = self._words["sum"] if total else self._words["nothing"]
        plural = {"s": "s"[: total != 1], "d": "s"[: documents != 1]}
        self._stream.write(words.format(total=total, fatal=fatal, documents=documents, **plural))


def write_opinion(opinion: Opinion, *, aside: bool) -> None:
    """Prints where official stylesheets judge otherwise; aside: to stderr, because the answer itself is on stdout."""
    stream = sys.stderr if aside else sys.stdout
    print(f"\nofficial stylesheets: {opinion.alike} of {opinion.documents} documents judged alike", file=stream)
    for each in opinion.differences:
        parts = [
            f"{who} {', '.join(rules)}"
            for who, rules in (("only here:", each.only_ours), ("only there:", each.only_official))
            if rules
        ]
        print(f"  {each.document}  {each.note or '; '.join(parts)}", file=stream)
