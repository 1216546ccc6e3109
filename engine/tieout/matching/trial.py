"""A pass of candidates looked at without booking anything: how many pairs its block makes, and what its scores would settle.

Called for tuning and linting a plan; a run never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tieout.matching import weights
from tieout.matching.assign import MOST_CELLS, STRATEGIES
from tieout.matching.candidates import block, column_value, rated, score
from tieout.matching.ledger import Ledger

__all__ = ["Block", "block_size", "estimated", "scored_pairs", "taken_at"]


@dataclass(frozen=True, slots=True)
class Block:
    """How many pairs a block comes to on the open payments and items, counted without making them."""

    pairs: int
    exact: bool
    """False where the block has conditions other than equalities: then it is at most so many."""
    payments: int
    """Payments with at least one pair."""
    crowded: int
    """Payments with more pairs than the pass looks at."""
    empty: tuple[str, ...]
    """Columns of the block that are empty in every row of their side."""


def block_size(ledger: Ledger, options: Mapping[str, Any]) -> Block:
    """The size of a pass's block: each side is grouped by what must be equal, and the groups are joined."""
    conditions = list(options.get("block", ()))
    equal = [c for c in conditions if c["sign"] == "="]
    keys: dict[str, list[str]] = {"payment": [], "open_item": []}
    for each in equal:
        for side in ("left", "right"):
            keys[each[f"{side}_side"]].append(column_value(each[f"{side}_side"], each[side], each[f"{side}_form"]))
    names = [f"k{n}" for n in range(len(equal))]

    def grouped(side: str, source: str, where: str) -> str:
        columns = "".join(f"{sql} as {name}, " for sql, name in zip(keys[side], names, strict=True))
        return f"select {columns}count(*) as n from {source} where {where} group by all"

    left = grouped("payment", "match_payment p join payment a using (payment_id)", "p.held is null and p.rest > 0")
    right = grouped("open_item", "match_item i join open_item b using (open_item_id)", "i.rest > 0")
    on = " and ".join(f"l.{name} = r.{name}" for name in names) or "true"
    limit = int(options.get("limit", 50))
    (row,) = ledger.rows(
        "size of a block",
        f"""select coalesce(sum(l.n::hugeint * r.n), 0)::bigint as pairs, coalesce(sum(l.n), 0)::bigint as payments,
          coalesce(sum(l.n) filter (where r.n > {limit}), 0)::bigint as crowded
        from ({left}) l join ({right}) r on {on}""",
    ).to_dicts()
    return Block(
        row["pairs"], len(equal) == len(conditions), row["payments"], row["crowded"], _empty(ledger, conditions)
    )


def _empty(ledger: Ledger, conditions: list[Mapping[str, str]]) -> tuple[str, ...]:
    sides = {
        "payment": "match_payment p join payment a using (payment_id)",
        "open_item": "match_item i join open_item b using (open_item_id)",
    }
    found = []
    for each in conditions:
        for side in ("left", "right"):
            table, column = each[f"{side}_side"], each[side]
            value = column_value(table, column, each[f"{side}_form"])
            filled = ledger.count("filled", f"select count({value}) from {sides[table]}")
            if not filled and f"{table}.{column}" not in found:
                found.append(f"{table}.{column}")
    return tuple(found)


def scored_pairs(ledger: Ledger, options: Mapping[str, Any]) -> pl.DataFrame:
    """The pairs of the pass's block with their score, best first: payment_id, open_item_id, pno, ino, paid, open, score,
    by_N, left_N and right_N."""
    comparisons = list(options.get("compare", ()))
    query = block(list(options.get("block", ())), comparisons, int(options.get("limit", 50)))
    pairs = ledger.rows(query.name, query.sql)
    ids = [ledger.rows(f"ids by {n}", f"select {n}, {i} from {t} order by {n}") for n, i, t in _IDS]
    found = rated(ledger, pairs, options) if pairs.height else pairs.with_columns(score=pl.lit(None, pl.Float64))
    for frame, (number, _, _) in zip(ids, _IDS, strict=True):
        found = found.join(frame, on=number, how="left")
    return found.sort("score", "pno", "ino", descending=[True, False, False])


_IDS = (("pno", "payment_id", "match_payment"), ("ino", "open_item_id", "match_item"))


def taken_at(scored: pl.DataFrame, threshold: float, options: Mapping[str, Any]) -> pl.DataFrame:
    """The pairs that the pass would settle if it accepted from the threshold on."""
    kept = scored.filter(pl.col("score") >= threshold, pl.col("score") > 0)
    if kept.is_empty():
        return kept
    strategy = STRATEGIES[str(options.get("assign", "one_to_one"))]
    judged = strategy(
        kept.select("pno", "ino", "score"), float(options.get("margin", 0)), int(options.get("most_cells", MOST_CELLS))
    )
    taken = judged.filter(pl.col("verdict") == "taken").select("pno", "ino")
    return kept.join(taken, on=["pno", "ino"], how="semi").filter(pl.col("paid") == pl.col("open"))


def estimated(
    ledger: Ledger, options: Mapping[str, Any], *, seed: int = 1, sample: int = 100_000
) -> tuple[weights.Estimate, int] | None:
    """m, u and prior of a pass with levels, and of how many pairs; None where its block has no pair.

    u is what pairs of payments and items drawn at random show, of which hardly one is true; m and the prior are found by
    EM on the pairs of the block, u being kept.
    """
    comparisons, names = list(options.get("compare", ())), options.get("names", {})
    sizes = [len(each["levels"]) for each in comparisons]
    query = block(list(options.get("block", ())), comparisons, int(options.get("limit", 50)))
    pairs = ledger.rows(query.name, query.sql)
    if pairs.is_empty():
        return None
    drawn = _at_random(ledger, options, seed, sample)
    u = []
    levels = weights.levels_of(score(drawn, comparisons, names), comparisons)
    for n, size in enumerate(sizes):
        known = levels[levels[:, n] >= 0, n]
        # One more of each level: what the sample did not show is rare, not impossible.
        counts = np.bincount(known, minlength=size) + 1 / size
        u.append((counts / counts.sum()).tolist())
    found = weights.levels_of(score(pairs, comparisons, names), comparisons)
    return weights.estimate(found, sizes, u=u), pairs.height


def _at_random(ledger: Ledger, options: Mapping[str, Any], seed: int, sample: int) -> pl.DataFrame:
    """Pairs of any payment with any item, drawn with the seed, with the columns that are compared."""
    comparisons = list(options.get("compare", ()))
    sides = []
    for side, letter, source in (
        ("payment", "left", "match_payment p join payment a using (payment_id) where p.amount > 0 order by p.pno"),
        ("open_item", "right", "match_item i join open_item b using (open_item_id) where i.amount > 0 order by i.ino"),
    ):
        columns = ", ".join(f"{column_value(side, each[side])} as {letter}_{n}" for n, each in enumerate(comparisons))
        sides.append(ledger.rows(f"{side}s to draw from", f"select {columns} from {source}"))
    random = np.random.default_rng(seed)
    count = min(sample, sides[0].height * sides[1].height)
    drawn = [frame[random.integers(0, frame.height, count)] if frame.height else frame for frame in sides]
    return pl.concat(drawn, how="horizontal")
