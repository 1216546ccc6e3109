"""``tieout rules diff``: what a change of rules does to a past run, for a person or a machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from tieout.difference import Difference, difference
from tieout.faces import terminal
from tieout.faces.export import defused
from tieout.faces.places import home_of, run_folder
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.revision import revision

__all__ = ["diff"]

_FORMATS = ("text", "json", "csv")


def diff(
    old: Annotated[
        str,
        typer.Argument(
            help="A workspace, a rules folder, one rules or plan file, a git revision of the workspace, or 'shipped'."
        ),
    ],
    new: Annotated[str, typer.Argument(help="The state it is compared with, likewise.")],
    run: Annotated[str | None, typer.Option(help="A sealed run's folder or id; the newest where absent.")] = None,
    workspace: Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")] = Path(),
    output: Annotated[str, typer.Option("--format", help="text, json or csv.")] = "text",
    top: Annotated[int, typer.Option(min=0, help="How many changes of each kind the text shows.")] = 12,
) -> None:
    """What a change of rules, plan or routing does to a past run: findings, pairs and exceptions gained, lost, moved.

    Both states are applied to the run's own tables; run and journal stay as they are. Exit status: 0 no difference, 1 there
    is one, 2 a mistake in a file or call.
    """
    if output not in _FORMATS:
        raise TieoutError(f"--format {output}: choose one of {', '.join(_FORMATS)}")
    folder = run_folder(run, workspace)
    home = home_of(folder, workspace)
    base = home.folder if home else workspace
    progress = terminal.progress(quiet=output != "text")
    try:
        found = difference(
            folder, revision(old, workspace=base), revision(new, workspace=base), home=home, progress=progress
        )
    finally:
        progress.close()
    if output == "json":
        print(json.dumps(as_json(found), ensure_ascii=False, default=str, indent=1))
    elif output == "csv":
        sys.stdout.write(defused(as_rows(found)).write_csv())
    else:
        _text(found, top)
    for note in found.notes:
        terminal.errors.print(note, markup=False)
    raise typer.Exit(0 if found.is_empty else 1)


# --- for a machine ---


def as_json(found: Difference) -> dict[str, Any]:
    """The whole difference: names, drift, what is settled by currency, and every change."""
    return {
        "run": found.run_id,
        "as_of": found.as_of,
        "old": found.old,
        "new": found.new,
        "same": found.is_empty,
        "seen": dict(found.seen),
        "drift": dict(found.drift),
        "settled": found.settled.to_dicts(),
        **{name: getattr(found, name).to_dicts() for name in ("findings", "pairs", "payments", "exceptions")},
    }


def as_rows(found: Difference) -> pl.DataFrame:
    """Every change as one row: area, change, name (rule, pass or reason), object_id, open_item_id, currency, old_ and
    new_ amount and what else there is."""
    names: dict[str, pl.DataType | type[pl.DataType]] = {
        "area": pl.String, "change": pl.String, "name": pl.String, "object_id": pl.String, "open_item_id": pl.String,
        "currency": pl.String, "old_amount": pl.Decimal(38, 4), "new_amount": pl.Decimal(38, 4), "old": pl.String,
        "new": pl.String, "decision": pl.String, "agrees": pl.String,
    }  # fmt: skip
    parts = (
        found.findings.with_columns(
            pl.lit("finding").alias("area"), pl.col("rule").alias("name"), _both("severity", "message", side="old"),
            _both("severity", "message", side="new"),
        ),
        found.pairs.with_columns(
            pl.lit("pair").alias("area"), pl.coalesce("new_pass", "old_pass").alias("name"),
            pl.col("payment_id").alias("object_id"), _both("status", "pass", "kinds", side="old"),
            _both("status", "pass", "kinds", side="new"),
        ),
        found.exceptions.with_columns(
            pl.lit("exception").alias("area"), pl.col("reason").alias("name"), _both("queue", "message", side="old"),
            _both("queue", "message", side="new"),
        ),
    )  # fmt: skip
    frames = [
        part.select(
            (pl.col(name) if name in part.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in names.items()
        )
        for part in parts
    ]
    return pl.concat(frames)


def _both(*columns: str, side: str) -> pl.Expr:
    return (
        pl.concat_str([f"{side}_{each}" for each in columns], separator=": ", ignore_nulls=True)
        .replace("", None)
        .alias(side)
    )


# --- for a person ---


def _text(found: Difference, top: int) -> None:
    out = terminal.out
    out.print(f"{found.old} -> {found.new}, on run {found.run_id} as of {found.as_of}", markup=False)
    if found.drift:
        counts = ", ".join(f"{count:,} {name}s" for name, count in found.drift.items())
        out.print(
            f"{found.old} does not give what was sealed ({counts} differ): the run was made by other rules or another version",
            markup=False,
        )
    if found.is_empty:
        counts = ", ".join(f"{count:,} {name}" for name, count in found.seen.items())
        out.print(f"no difference: {counts} are the same", markup=False)
        return
    _summary(found)
    if found.pairs.height or found.payments.height:
        _money(found)
        _states(found)
        _pairs(found, top)
    if found.exceptions.height:
        _exceptions(found)
    if found.findings.height:
        _findings(found, top)
    _decided(found, top)


def _summary(found: Difference) -> None:
    rows = []
    for name, frame in (("findings", found.findings), ("pairs", found.pairs), ("exceptions", found.exceptions)):
        counts = dict(frame["change"].value_counts().iter_rows())
        agrees = dict(frame["agrees"].value_counts().iter_rows()) if "agrees" in frame.columns else {}
        rows.append(
            (name, *(f"{counts.get(each, 0):,}" for each in ("gained", "lost", "moved")),
             *(f"{agrees.get(each, 0):,}" if "agrees" in frame.columns else "" for each in ("yes", "no", "unclear")))
        )  # fmt: skip
    columns = ("", "gained", "lost", "moved", "as decided", "against", "unclear")
    terminal.show("", columns, rows, right=columns[1:])


def _money(found: Difference) -> None:
    terminal.out.print()
    rows = [
        (
            row["currency"],
            f"{row['payments']:,}",
            f"{row['old_payments']:,}",
            f"{row['new_payments']:,}",
            display(row["old_amount"], row["currency"]),
            display(row["new_amount"], row["currency"]),
            signed(row["new_amount"] - row["old_amount"], row["currency"]),
        )
        for row in found.settled.iter_rows(named=True)
    ]
    columns = ("currency", "payments", "settled before", "after", "money before", "after ", "difference")
    terminal.show("What is settled", columns, rows, right=columns[1:])


def _states(found: Difference) -> None:
    grouped = (
        found.payments.group_by("old_state", "new_state", "currency")
        .agg(pl.len().alias("n"), pl.col("amount").sum())
        .sort("n", "old_state", "new_state", "currency", descending=[True, False, False, False])
    )
    if grouped.is_empty():
        return
    terminal.out.print()
    rows = (
        (row["old_state"], row["new_state"], f"{row['n']:,}", display(row["amount"], row["currency"]), row["currency"])
        for row in grouped.iter_rows(named=True)
    )
    terminal.show(
        "Payments whose state is another",
        ("before", "after", "payments", "amount", ""),
        rows,
        right=("payments", "amount"),
    )


def _pairs(found: Difference, top: int) -> None:
    grouped = (
        found.pairs.group_by("change", "moved_by", pl.col("old_pass"), pl.col("new_pass"))
        .agg(pl.len().alias("n"))
        .sort("n", "change", "old_pass", "new_pass", "moved_by", descending=[True, False, False, False, False])
    )
    terminal.out.print()
    terminal.show(
        "Pairs of payment and open item, by pass",
        ("change", "by", "pass before", "pass after", "pairs"),
        (
            (r["change"], r["moved_by"], r["old_pass"], r["new_pass"], f"{r['n']:,}")
            for r in grouped.iter_rows(named=True)
        ),
        right=("pairs",),
    )
    shown = _largest(found.pairs, top)
    terminal.out.print()
    terminal.show(
        f"The {len(shown)} largest of {found.pairs.height:,}" if top else "",
        ("change", "payment", "open item", "before", "after", "", "decided"),
        (
            (
                row["change"] + (f" ({row['moved_by']})" if row["moved_by"] else ""),
                row["payment_id"],
                row["open_item_id"],
                _side(row, "old"),
                _side(row, "new"),
                row["currency"],
                _agreement(row),
            )
            for row in shown
        ),
    )


def _largest(pairs: pl.DataFrame, top: int) -> Sequence[dict[str, Any]]:
    size = pl.max_horizontal(pl.col("old_amount").abs().fill_null(0), pl.col("new_amount").abs().fill_null(0))
    order = pl.col("change").replace_strict({"lost": 0, "gained": 1, "moved": 2})
    kept = pairs.sort(order, size, "payment_id", "open_item_id", descending=[False, True, False, False])
    # Of each kind of change the largest, so that none hides the others.
    first = kept.with_columns(place=pl.int_range(pl.len()).over("change"))
    return first.filter(pl.col("place") < -(-top // 3)).head(top).to_dicts() if top else []


def _side(row: dict[str, Any], side: str) -> str:
    if row[f"{side}_status"] is None:
        return "-"
    proposed = "proposed " if row[f"{side}_status"] == "proposed" else ""
    return f"{proposed}{row[f'{side}_kinds']} by {row[f'{side}_pass']}"


def _agreement(row: dict[str, Any]) -> str:
    words = {"yes": "as decided", "no": "AGAINST", "unclear": "unclear"}
    return f"{words[row['agrees']]}: {row['decision']}" if row.get("agrees") else ""


def _exceptions(found: Difference) -> None:
    grouped = (
        found.exceptions.with_columns(amount=pl.coalesce("new_amount", "old_amount"))
        .group_by("reason", "change", "currency")
        .agg(pl.len().alias("n"), pl.col("amount").sum())
        .sort("reason", "change", "currency", nulls_last=True)
    )
    terminal.out.print()
    terminal.show(
        "Exceptions",
        ("reason", "change", "cases", "amount", ""),
        (
            (r["reason"], r["change"], f"{r['n']:,}", _shown(r["amount"], r["currency"]), r["currency"])
            for r in grouped.iter_rows(named=True)
        ),
        right=("cases", "amount"),
    )


def _shown(amount: Decimal | None, currency: str | None) -> str:
    return "" if amount is None or currency is None else display(amount, currency)


def _findings(found: Difference, top: int) -> None:
    grouped = (
        found.findings.group_by("rule", "pack", "change", "old_severity", "new_severity")
        .agg(pl.len().alias("n"))
        .sort("n", "rule", "change", descending=[True, False, False])
    )
    terminal.out.print()
    terminal.show(
        "Findings by rule",
        ("rule", "pack", "change", "before", "after", "findings"),
        (
            (r["rule"], r["pack"], r["change"], r["old_severity"], r["new_severity"], f"{r['n']:,}")
            for r in grouped.iter_rows(named=True)
        ),
        right=("findings",),
    )
    if top:
        terminal.out.print()
        terminal.show(
            f"The first {min(top, found.findings.height)} of {found.findings.height:,}",
            ("change", "rule", "object", "message"),
            (
                (r["change"], r["rule"], r["object_id"], r["new_message"] or r["old_message"])
                for r in found.findings.head(top).iter_rows(named=True)
            ),
        )


def _decided(found: Difference, top: int) -> None:
    """What goes against a decision comes last, so that it is seen."""
    against: Iterable[tuple[str, ...]] = [
        (row["change"], f"{row['payment_id']} x {row['open_item_id']}", row["decision"])
        for row in found.pairs.filter(pl.col("agrees") == "no").iter_rows(named=True)
    ] + [
        (row["change"], f"{row['reason']} {row['object_id']}", row["decision"])
        for row in found.exceptions.filter(pl.col("agrees") == "no").iter_rows(named=True)
    ]
    rows = list(against)
    if rows:
        terminal.out.print()
        terminal.show(
            f"{len(rows):,} change{'s' if len(rows) > 1 else ''} against what people decided",
            ("change", "what", "decision"),
            rows[: top or None],
        )


def signed(amount: Decimal, currency: str) -> str:
    """The amount with its sign, 0 without."""
    return f"+{display(amount, currency)}" if amount > 0 else display(amount, currency)
