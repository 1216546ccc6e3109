"""How right a plan is on a sealed run, by pass and by threshold, and which thresholds a wanted error rate asks for.

What is right comes from people: decisions in the journal, or a labelled file. Nothing is learned: the answer is figures and
lines of YAML for a person to copy. Called by the faces.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tieout.cases.decisions import Decision
from tieout.matching import trial
from tieout.matching.reconcile import reconcile, shared_options, standing_before
from tieout.matching.weights import Estimate
from tieout.model.definitions import MatchPlan, Pass
from tieout.model.errors import TieoutError
from tieout.replay import NoProgress, as_taken_in, day_of
from tieout.store.engine import Limits

__all__ = ["Labels", "Proposal", "Tuning", "labels_of", "read_labels", "tune", "upper_bound"]

CONFIDENCE = 0.95
MOST_THRESHOLDS = 40


@dataclass(frozen=True)
class Labels:
    """What is known to be right."""

    pairs: pl.DataFrame
    """payment_id, open_item_id, match: one row a pair that somebody judged."""
    complete: pl.DataFrame
    """payment_id: payments of which every right item is known, so that any other is wrong."""

    @property
    def count(self) -> int:
        return self.pairs.select("payment_id").vstack(self.complete).n_unique()


@dataclass(frozen=True)
class Proposal:
    """What a pass of candidates should say for the wanted error rate."""

    name: str
    place: str
    """file:line of the pass."""
    accept_at: float | None
    """None where no threshold reaches the rate."""
    is_proven: bool
    """Whether the labels show the rate with the confidence asked for; else it is only what was seen."""
    seen: int
    """Labelled pairs from the threshold on."""
    wrong: int
    error_at_most: float
    """The upper bound of the error rate by those labels."""
    needed: int
    """Labelled pairs without a mistake that would show the rate."""
    review_at: float | None
    estimate: Estimate | None = None
    pairs: int = 0
    """Pairs of the block that the weights were estimated on."""


@dataclass(frozen=True)
class Tuning:
    """How right the plan is: by pass, by threshold, and what is proposed."""

    passes: pl.DataFrame
    """One row a pass that settled or proposed: pass, status, pairs, labelled, right, wrong, precision, low, high, recall."""
    thresholds: pl.DataFrame
    """One row a pass of candidates and threshold: pass, threshold, taken, labelled, right, wrong, precision, error_high,
    recall (of the right pairs in its block)."""
    proposals: tuple[Proposal, ...]
    labels: int
    """Payments that somebody judged."""
    right_pairs: int
    """Pairs known to be right."""


# --- labels ---

_PAIRS = {"payment_id": pl.String, "open_item_id": pl.String, "match": pl.Boolean}


def labels_of(decided: Mapping[str, Decision]) -> Labels:
    """The labels in people's decisions: what they said a payment is for, and what not."""
    rows, complete = [], set()
    for each in decided.values():
        if each.object_table != "payment":
            continue
        rows += [(each.object_id, item, True) for item in sorted(each.pays)]
        rows += [(each.object_id, item, False) for item in sorted(each.excludes)]
        if each.pays:
            complete.add(each.object_id)
    return _labels(rows, complete)


def _labels(rows: Sequence[tuple[str, str, bool]], complete: set[str]) -> Labels:
    pairs = pl.DataFrame(rows, schema=_PAIRS, orient="row").unique(
        ["payment_id", "open_item_id"], keep="last", maintain_order=True
    )
    return Labels(pairs, pl.DataFrame({"payment_id": sorted(complete)}, schema={"payment_id": pl.String}))


def read_labels(path: Path) -> Labels:
    """The labels of a CSV with payment_id, open_item_id and, where wanted, match (1 or 0, yes or no).

    A payment with a right item has no others than the file names; one with an empty open_item_id has none at all.
    Raises TieoutError where the file cannot be read as that.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except (OSError, pl.exceptions.PolarsError) as exc:
        raise TieoutError(f"{path}: no labels can be read: {str(exc).splitlines()[0]}") from exc
    missing = [name for name in ("payment_id", "open_item_id") if name not in frame.columns]
    if missing:
        raise TieoutError(
            f"{path}: the heading lacks {', '.join(missing)}; labels have payment_id, open_item_id, match"
        )
    words = {"1": True, "yes": True, "true": True, "y": True, "0": False, "no": False, "false": False, "n": False}
    rows, complete = [], set()
    for line, row in enumerate(frame.iter_rows(named=True), start=2):
        payment, item = (row[name] or "" for name in ("payment_id", "open_item_id"))
        said = (row.get("match") or "1").strip().lower()
        if not payment or said not in words:
            raise TieoutError(f"{path}:{line}: a label needs a payment_id, and match is 1 or 0")
        if item:
            rows.append((payment, item, words[said]))
        if not item or words[said]:
            complete.add(payment)
    return _labels(rows, complete)


def _judged(pairs: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """The pairs with ``right``: true, false, or null where nobody said."""
    known = pairs.join(labels.pairs, on=["payment_id", "open_item_id"], how="left")
    whole = labels.complete.with_columns(whole=pl.lit(True))
    return known.join(whole, on="payment_id", how="left").with_columns(
        right=pl.coalesce("match", pl.when(pl.col("whole")).then(pl.lit(False)))
    )


# --- figures ---


def upper_bound(wrong: int, seen: int, confidence: float = CONFIDENCE) -> float:
    """The error rate that ``wrong`` of ``seen`` does not exceed with the confidence; 1 where nothing was seen.

    Source: Clopper and Pearson (1934), one-sided; with no mistake seen it is 1 - (1 - confidence) ** (1 / seen).
    """
    from scipy.special import betaincinv

    if wrong >= seen:
        return 1.0
    return float(betaincinv(wrong + 1, seen - wrong, confidence))


def needed_labels(error_rate: float, confidence: float = CONFIDENCE) -> int:
    """How many labels without a mistake show the rate with the confidence."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-error_rate))


def _measures(group: pl.DataFrame) -> dict[str, Any]:
    right = int((group["right"] == True).sum())  # noqa: E712 - null is neither
    wrong = int((group["right"] == False).sum())  # noqa: E712 - null is neither
    seen = right + wrong
    return {"labelled": seen, "right": right, "wrong": wrong, "precision": right / seen if seen else None}


def tune(
    folder: Path,
    plan: MatchPlan,
    labels: Labels,
    *,
    error_rate: float = 0.001,
    confidence: float = CONFIDENCE,
    first: bool = False,
    limits: Limits | None = None,
) -> Tuning:
    """How right the plan is on the run, and thresholds for the wanted error rate.

    first: look at each pass of candidates as if it stood first, which sees more labelled pairs than at its place.
    Raises TieoutError where the plan settles no payments.
    """
    if plan.kind != "settlement":
        raise TieoutError(
            f"plan {plan.id} matches {plan.left} with {plan.right}; only plans that settle payments are tuned"
        )
    with as_taken_in(folder, limits=limits) as store:
        found = []
        for each in plan.passes:
            if each.options["find"] == "candidates":
                with standing_before(store, plan, "" if first else each.name) as ledger:
                    options = {**each.options, **shared_options(plan)}
                    estimate = None
                    if each.options.get("weights") == "fellegi_sunter":
                        estimate = trial.estimated(ledger, options)
                        options = with_estimate(options, estimate[0]) if estimate else options
                    scored = _judged(trial.scored_pairs(ledger, options), labels)
                found.append((each, options, scored, estimate))
        reconcile(store, plan, as_of=day_of(folder), progress=NoProgress())
        passes = _by_pass(store.table("allocation"), labels, confidence)
    tables = [_thresholds(each.name, scored, options, confidence) for each, options, scored, _ in found]
    proposals = tuple(
        _proposal(each, table, estimate, error_rate, confidence)
        for (each, _, _, estimate), table in zip(found, tables, strict=True)
    )
    return Tuning(
        passes,
        pl.concat(tables) if tables else pl.DataFrame(schema=_THRESHOLDS),
        proposals,
        labels.count,
        labels.pairs.filter("match").height,
    )


def with_estimate(options: Mapping[str, Any], estimate: Estimate) -> dict[str, Any]:
    """The options of a pass with the estimated prior, m and u written in."""
    compare = [
        {
            **each,
            "levels": [{**level, "m": m, "u": u} for level, m, u in zip(each["levels"], ms, us, strict=True)],
        }
        for each, ms, us in zip(options["compare"], estimate.m, estimate.u, strict=True)
    ]
    return {**options, "compare": compare, "prior": estimate.prior}


def _by_pass(allocation: pl.DataFrame, labels: Labels, confidence: float) -> pl.DataFrame:
    pairs = allocation.select("payment_id", "open_item_id", "pass", "status").unique(maintain_order=True)
    known = labels.pairs.filter("match").height
    rows = []
    for (name, status), group in _judged(pairs, labels).group_by("pass", "status", maintain_order=True):
        figures = _measures(group)
        seen, wrong = figures["labelled"], figures["wrong"]
        # Two-sided: half of what is left over on each side.
        side = 1 - (1 - confidence) / 2
        rows.append(
            {
                "pass": str(name),
                "status": str(status),
                "pairs": group.height,
                **figures,
                "low": 1 - upper_bound(wrong, seen, side) if seen else None,
                "high": upper_bound(figures["right"], seen, side) if seen else None,
                "recall": figures["right"] / known if known else None,
            }
        )
    schema = {
        "pass": pl.String, "status": pl.String, "pairs": pl.Int64, "labelled": pl.Int64, "right": pl.Int64,
        "wrong": pl.Int64, "precision": pl.Float64, "low": pl.Float64, "high": pl.Float64, "recall": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema).sort("status", "pairs", "pass", descending=[False, True, False])


_THRESHOLDS = {
    "pass": pl.String, "threshold": pl.Float64, "taken": pl.Int64, "labelled": pl.Int64, "right": pl.Int64,
    "wrong": pl.Int64, "precision": pl.Float64, "error_high": pl.Float64, "recall": pl.Float64,
}  # fmt: skip


def _thresholds(name: str, scored: pl.DataFrame, options: Mapping[str, Any], confidence: float) -> pl.DataFrame:
    scores = scored.filter(pl.col("score") > 0)["score"].unique().sort()
    if scores.len() > MOST_THRESHOLDS:
        steps = [round(n * (scores.len() - 1) / (MOST_THRESHOLDS - 1)) for n in range(MOST_THRESHOLDS)]
        scores = scores[steps]
    known = int((scored["right"] == True).sum()) if scored.height else 0  # noqa: E712 - null is neither
    rows = []
    for threshold in scores:
        taken = trial.taken_at(scored, threshold, options)
        figures = _measures(taken)
        rows.append(
            {
                "pass": name,
                "threshold": threshold,
                "taken": taken.height,
                **figures,
                "error_high": upper_bound(figures["wrong"], figures["labelled"], confidence),
                "recall": figures["right"] / known if known else None,
            }
        )
    return pl.DataFrame(rows, schema=_THRESHOLDS)


def _proposal(
    each: Pass,
    table: pl.DataFrame,
    estimate: tuple[Estimate, int] | None,
    error_rate: float,
    confidence: float,
) -> Proposal:
    """The lowest threshold from which on the rate holds: shown by the labels, else only seen in them."""
    rows = table.sort("threshold").to_dicts()
    proven = _lowest(rows, lambda row: row["error_high"] <= error_rate)
    seen = _lowest(rows, lambda row: bool(row["labelled"]) and row["wrong"] <= error_rate * row["labelled"])
    chosen = proven or seen
    # A person may be shown what is right in every second case or more, beside what is accepted.
    right, wrong = (chosen["right"], chosen["wrong"]) if chosen else (0, 0)
    review = _lowest(rows, lambda row: row["right"] - right >= row["wrong"] - wrong)
    return Proposal(
        name=each.name,
        place=str(each.location),
        accept_at=chosen["threshold"] if chosen else None,
        is_proven=proven is not None,
        seen=chosen["labelled"] if chosen else 0,
        wrong=chosen["wrong"] if chosen else 0,
        error_at_most=chosen["error_high"] if chosen else 1.0,
        needed=needed_labels(error_rate, confidence),
        review_at=review["threshold"] if review else None,
        estimate=estimate[0] if estimate else None,
        pairs=estimate[1] if estimate else 0,
    )


def _lowest(rows: Sequence[dict[str, Any]], holds: Any) -> dict[str, Any] | None:
    """The lowest threshold of which it holds; figures are of all pairs from the threshold on."""
    return next((row for row in rows if row["labelled"] and holds(row)), None)
