"""``tieout plan``: a match plan looked at before it counts - what is odd about it, and how right it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from tieout.difference import decisions_of
from tieout.faces import terminal
from tieout.faces.places import home_of, plan_of, run_folder
from tieout.forecast import MOST_PAIRS, Forecast, forecast
from tieout.model.definitions import MatchPlan
from tieout.model.errors import SourceError
from tieout.tuning import Labels, Proposal, Tuning, labels_of, read_labels, tune

app = typer.Typer(help="A match plan before it counts: lint, tune.", no_args_is_help=True)

Plan = Annotated[str, typer.Argument(help="A plan file, or the name of a plan; the workspace's first where absent.")]
Run = Annotated[str | None, typer.Option(help="A sealed run's folder or id; the newest where absent.")]
Where = Annotated[Path, typer.Option("--workspace", "-w", help="The folder with tieout.yaml.")]


@app.command("lint")
def lint_plan(
    plan: Plan = "",
    run: Run = None,
    most_pairs: Annotated[
        int, typer.Option("--pairs", min=1, help="More pairs than this in a block are too many.")
    ] = MOST_PAIRS,
    workspace: Where = Path(),
) -> None:
    """Passes that can never fire, are shadowed, or whose block would make too many pairs: counted on a run's tables.

    Exit status: 0 nothing is odd, 1 something is, 2 a mistake in a file or call.
    """
    folder = run_folder(run, workspace)
    found = forecast(folder, plan_of(plan, folder, workspace), most_pairs=most_pairs)
    _show_forecast(found, folder.name)
    for each in found.advice:
        print(each)
    print(
        f"{len(found.advice)} piece{'s' if len(found.advice) != 1 else ''} of advice"
        if found.advice
        else "nothing is odd"
    )
    raise typer.Exit(1 if found.advice else 0)


def _show_forecast(found: Forecast, run_id: str) -> None:
    terminal.show(
        f"Passes on run {run_id}",
        ("pass", "find", "pairs", "over the limit", "settled", "proposed"),
        (
            (
                row["pass"],
                row["find"],
                "" if row["pairs"] is None else f"{'' if row['is_exact'] else 'at most '}{row['pairs']:,}",
                _count(row["crowded"]),
                _count(row["settled"]),
                _count(row["proposed"]),
            )
            for row in found.passes.iter_rows(named=True)
        ),
        right=("pairs", "over the limit", "settled", "proposed"),
    )


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


@app.command("tune")
def tune_plan(
    plan: Plan = "",
    run: Run = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="A CSV with payment_id, open_item_id and match; the decisions in the journal where absent."),
    ] = None,
    error_rate: Annotated[
        float, typer.Option(min=0.00001, max=0.5, help="The share of wrong pairs that is borne.")
    ] = 0.001,
    first: Annotated[
        bool, typer.Option("--first", help="Look at each pass of candidates as if it stood first.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Write the plot of precision and recall there (png, svg, pdf).")
    ] = None,
    workspace: Where = Path(),
) -> None:
    """How right the plan is by pass and threshold, and the lines of YAML that a wanted error rate asks for.

    Nothing is changed or learned: who agrees copies the lines into the plan.
    """
    folder = run_folder(run, workspace)
    known = _labels(labels, folder, workspace)
    chosen = plan_of(plan, folder, workspace)
    found = tune(folder, chosen, known, error_rate=error_rate, first=first)
    _show(found, labels)
    for each in found.proposals:
        print(_advice(each, chosen, error_rate))
    if plot is not None:
        _draw(found, plot)


def _labels(file: Path | None, folder: Path, workspace: Path) -> Labels:
    if file is not None:
        return read_labels(file)
    home = home_of(folder, workspace)
    return labels_of(decisions_of(home) if home else {})


def _show(found: Tuning, file: Path | None) -> None:
    source = str(file) if file else "the decisions in the journal"
    terminal.out.print(
        f"{found.labels:,} payments are labelled, with {found.right_pairs:,} right pairs, by {source}", markup=False
    )
    if not found.labels:
        terminal.out.print(
            "Without labels nothing can be said of right and wrong: decide cases with 'tieout cases resolve ID --pays ITEM', "
            "or give --labels FILE.",
            markup=False,
        )
    terminal.out.print()
    columns = ("pass", "", "pairs", "labelled", "right", "wrong", "precision", "between", "recall")
    terminal.show(
        "How right is each pass?",
        columns,
        (
            (
                row["pass"], row["status"], f"{row['pairs']:,}", f"{row['labelled']:,}", f"{row['right']:,}",
                f"{row['wrong']:,}", _percent(row["precision"]),
                "" if row["low"] is None else f"{_percent(row['low'])} - {_percent(row['high'])}", _percent(row["recall"]),
            )
            for row in found.passes.iter_rows(named=True)
        ),
        right=columns[2:],
    )  # fmt: skip
    if found.thresholds.is_empty():
        return
    terminal.out.print()
    columns = ("pass", "from score", "taken", "labelled", "right", "wrong", "precision", "wrong at most", "recall")
    terminal.show(
        "From which score on?",
        columns,
        (
            (
                row["pass"], f"{row['threshold']:.4f}", f"{row['taken']:,}", f"{row['labelled']:,}", f"{row['right']:,}",
                f"{row['wrong']:,}", _percent(row["precision"]), _percent(row["error_high"]), _percent(row["recall"]),
            )
            for row in _some(found.thresholds).iter_rows(named=True)
        ),
        right=columns[1:],
    )  # fmt: skip


def _some(thresholds: pl.DataFrame, most: int = 12) -> pl.DataFrame:
    """A dozen thresholds of each pass, evenly spread; the plot shows them all."""
    step = (pl.len().over("pass") / most).ceil().cast(pl.Int64)
    return thresholds.filter(pl.int_range(pl.len()).over("pass") % step == 0)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _advice(each: Proposal, plan: MatchPlan, error_rate: float) -> str:
    lines = [f"\npass {each.name} ({each.place})"]
    rate = f"{100 * error_rate:g} %"
    if each.accept_at is None:
        lines.append(
            f"  no threshold keeps the error rate to {rate} by these labels"
            if each.seen or each.review_at is not None
            else "  none of its pairs is labelled: nothing is proposed"
        )
    elif each.is_proven:
        lines.append(
            f"  {each.seen:,} labelled pairs, {each.wrong:,} wrong: at most {_percent(each.error_at_most)} wrong, at 95 % confidence"
        )
    else:
        lines.append(
            f"  too few labels: of {each.seen:,} pairs {each.wrong:,} are wrong, which shows no more than that at most "
            f"{_percent(each.error_at_most)} are; {each.needed:,} right ones without a mistake would show {rate}"
        )
    written = _yaml(each, plan)
    if written:
        lines.append("  to change in the plan, if you agree:")
        lines += [f"    {line}" for line in written]
    return "\n".join(lines)


def _yaml(each: Proposal, plan: MatchPlan) -> list[str]:
    """The lines of the plan that the proposal would change; an unproven threshold is left to a person."""
    lines = []
    if each.accept_at is not None:
        said = "" if each.is_proven else "    # seen, not shown: keep 1.01 until there are more labels"
        lines.append(f"accept_at: {_written(each.accept_at)}{said}")
    if each.review_at is not None:
        lines.append(f"review_at: {_written(each.review_at)}")
    if each.estimate is not None:
        state = "" if each.estimate.converged else "; EM did not converge"
        lines.append(
            f"prior: {each.estimate.prior:.6f}    # EM over {each.pairs:,} pairs, {each.estimate.rounds} rounds{state}"
        )
        lines.append("compare:")
        options = next(p.options for p in plan.passes if p.name == each.name)
        for comparison, ms, us in zip(options["compare"], each.estimate.m, each.estimate.u, strict=True):
            head = ", ".join(
                f"{key}: {str(value).lower() if isinstance(value, bool) else value}"
                for key, value in comparison.items()
                if key != "levels"
            )
            lines.append(f"  - {head}".replace("- ", "- {", 1) + ",")
            levels = [
                f"{{at: {level['at']}, m: {m:.6f}, u: {u:.6f}}}"
                for level, m, u in zip(comparison["levels"], ms, us, strict=True)
            ]
            lines.append(f"     levels: [{', '.join(levels)}]}}")
    return lines


def _written(threshold: float) -> str:
    """As many places as a score has, without idle zeros."""
    return f"{threshold:.6f}".rstrip("0").rstrip(".")


def _draw(found: Tuning, file: Path) -> None:
    try:
        from tieout.faces.plots import thresholds
    except ImportError as exc:
        raise SourceError("plots need the extra 'notebook' (pip install 'tieout[notebook]')") from exc
    try:
        thresholds(found.thresholds, found.passes).savefig(file, dpi=110)
    except (OSError, ValueError) as exc:
        raise SourceError(f"{file}: the plot cannot be written: {exc}") from exc
    print(f"\nplot written: {file}")
