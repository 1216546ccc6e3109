"""What a plan would come to on a sealed run, said before it is run in earnest: passes without effect, blocks that are too large.

Called by ``plan lint``. The blocks are counted, not made (``matching.trial``); then the plan runs once, in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tieout.library.plan_lint import lint
from tieout.matching import trial
from tieout.matching.reconcile import reconcile, standing_before
from tieout.model.definitions import MatchPlan
from tieout.model.errors import Mistake
from tieout.replay import NoProgress, as_taken_in, day_of
from tieout.store.engine import Limits

__all__ = ["MOST_PAIRS", "Forecast", "forecast"]

MOST_PAIRS = 5_000_000
"""Pairs of a block that two cores score in about a minute."""


@dataclass(frozen=True)
class Forecast:
    """What is odd about the plan, and the figures behind it."""

    advice: tuple[Mistake, ...]
    passes: pl.DataFrame
    """One row a pass, in the plan's order: pass, find, pairs (of its block, none for other kinds), is_exact, crowded (payments
    with more candidates than the pass looks at), settled (payments, on this run), proposed."""


def forecast(folder: Path, plan: MatchPlan, *, most_pairs: int = MOST_PAIRS, limits: Limits | None = None) -> Forecast:
    """The plan's lint, with what the tables of a run say. Blocks are counted as if each pass stood first: at most that
    many pairs are left at its place."""
    advice = list(lint(plan))
    if plan.kind != "settlement":
        return Forecast(tuple(advice), pl.DataFrame(schema=_SCHEMA))
    blocks: dict[str, trial.Block] = {}
    with as_taken_in(folder, limits=limits) as store:
        with standing_before(store, plan) as ledger:
            for each in plan.passes:
                if each.options["find"] == "candidates":
                    blocks[each.name] = trial.block_size(ledger, each.options)
        too_many = {name for name, size in blocks.items() if size.pairs > most_pairs and size.exact}
        runs = not too_many
        done = {}
        if runs:
            reconcile(store, plan, as_of=day_of(folder), progress=NoProgress())
            counts = store.table("allocation").group_by("pass", "status").agg(pl.col("payment_id").n_unique())
            done = {(name, status): count for name, status, count in counts.iter_rows()}
    rows = []
    for each in plan.passes:
        size = blocks.get(each.name)
        settled, proposed = (done.get((each.name, status), 0) if runs else None for status in ("accepted", "proposed"))
        rows.append(
            {
                "pass": each.name, "find": str(each.options["find"]), "pairs": size.pairs if size else None,
                "is_exact": size.exact if size else None, "crowded": size.crowded if size else None,
                "settled": settled, "proposed": proposed,
            }
        )  # fmt: skip
        if size is not None:
            advice += [
                Mistake(each.location, f"pass '{each.name}' {text}")
                for text in _of_block(each.options, size, most_pairs)
            ]
    return Forecast(tuple(advice), pl.DataFrame(rows, schema=_SCHEMA))


_SCHEMA = {
    "pass": pl.String, "find": pl.String, "pairs": pl.Int64, "is_exact": pl.Boolean, "crowded": pl.Int64,
    "settled": pl.Int64, "proposed": pl.Int64,
}  # fmt: skip


def _of_block(options: Mapping[str, Any], size: trial.Block, most_pairs: int) -> list[str]:
    told = []
    if size.empty:
        told.append(f"can find nothing on this run: {', '.join(size.empty)} is empty in every row")
    elif not size.pairs:
        told.append("can find nothing on this run: no payment and item agree in what its block equates")
    if size.pairs > most_pairs:
        at_most = "" if size.exact else "up to "
        told.append(
            f"makes {at_most}{size.pairs:,} pairs on this run, more than {most_pairs:,}; add a condition with '=' to its "
            "block that tells more, such as the amount or a number"
        )
    if size.crowded:
        told.append(
            f"may not look at {size.crowded:,} of {size.payments:,} payments: they have more candidates than its limit of "
            f"{options.get('limit', 50)}; narrow the block or raise the limit"
        )
    return told
