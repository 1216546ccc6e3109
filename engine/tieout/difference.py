"""What a change of rules, plan or routing does to a past run: findings, pairs, payments and exceptions, gained, lost, moved.

Both states are applied to the run's own tables (``replay``), so a state compared with itself has no difference. Past decisions of
people say of each change whether it agrees with them. Called by the faces; changes neither run nor journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tieout.cases.decisions import Decision, decisions, verdict_on_pair
from tieout.model.ports import Progress
from tieout.model.records import Query
from tieout.replay import Outcome, day_of, replay
from tieout.revision import Revision
from tieout.run import open_journal
from tieout.store.engine import Limits, Store
from tieout.workspace import Home

__all__ = ["Difference", "compare", "difference"]

MONEY = ("payment", "credit_note")
_FINDING = ("rule", "pack", "table", "object_id", "row_no", "source", "line")
_SEEN = ("severity", "message")


@dataclass(frozen=True)
class Difference:
    """What NEW makes of a run that OLD does not, and the other way round; ``change`` is gained, lost or moved."""

    run_id: str
    as_of: str
    old: str
    new: str
    findings: pl.DataFrame
    """One row a finding: change, rule, pack, table, object_id, row_no, source, line, old_severity, new_severity,
    old_message, new_message. Moved: another severity or message."""
    pairs: pl.DataFrame
    """One row a payment and open item: change, moved_by (item, pass, amount, kind, status; comma separated), currency, and
    old_ and new_ status, pass, amount (money only) and kinds; decision and agrees."""
    payments: pl.DataFrame
    """One row a payment whose state is another: payment_id, currency, amount, old_state, new_state."""
    exceptions: pl.DataFrame
    """One row an exception: change, exception_id, reason, table, object_id, currency, old_amount, new_amount, old_queue,
    new_queue, old_message, new_message; decision and agrees."""
    settled: pl.DataFrame
    """One row a currency: payments and money that are settled, old_ and new_."""
    seen: Mapping[str, int]
    """How many findings, pairs and exceptions NEW gives in all."""
    drift: Mapping[str, int]
    """By table, the rows in which OLD differs from what was sealed; empty where OLD reproduces the run."""
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return all(each.is_empty() for each in (self.findings, self.pairs, self.payments, self.exceptions))


def difference(
    folder: Path,
    old: Revision,
    new: Revision,
    *,
    home: Home | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Difference:
    """The difference between two states of the definitions, seen on a sealed run.

    home: of the workspace, whose journal tells what people decided; no decisions are looked for without it.
    """
    before = replay(folder, old, limits=limits, progress=progress)
    after = replay(folder, new, limits=limits, progress=progress)
    with Store.open(folder / "run.duckdb") as store:
        payments = store.fetch(
            Query(
                "payments",
                "select payment_id, currency, amount from payment where amount is not null order by payment_id",
            )
        )
        drift = _counts(compare(_sealed(store), _judged_only(before), payments=payments))
    decided = decisions_of(home) if home else {}
    found = compare(before, after, payments=payments, decided=decided)
    return Difference(
        run_id=folder.name,
        as_of=day_of(folder).isoformat(),
        old=old.name,
        new=new.name,
        seen={
            "findings": after.finding.height,
            "pairs": after.allocation.select("payment_id", "open_item_id").n_unique(),
            "exceptions": after.exception.height,
        },
        drift=drift,
        notes=tuple(dict.fromkeys((*before.notes, *after.notes))),
        **found,
    )


def decisions_of(home: Home) -> dict[str, Decision]:
    """The standing decisions in a workspace's journal; none, and no journal is made, where there is none yet."""
    prefix = "sqlite:///"
    if home.journal_url.startswith(prefix) and not Path(home.journal_url.removeprefix(prefix)).is_file():
        return {}
    with open_journal(home) as journal:
        return decisions(journal)


def compare(
    old: Outcome, new: Outcome, *, payments: pl.DataFrame, decided: Mapping[str, Decision] | None = None
) -> dict[str, pl.DataFrame]:
    """The frames of a Difference but for its names. payments: payment_id, currency, amount."""
    decided = decided or {}
    pairs = _pairs(old.allocation, new.allocation)
    return {
        "findings": _findings(old.finding, new.finding),
        "pairs": _with_decisions(pairs, decided, _on_pair, "payment"),
        "payments": _payments(old, new, payments),
        "exceptions": _with_decisions(_exceptions(old.exception, new.exception), decided, _on_exception, None),
        "settled": _settled(old.allocation, new.allocation, payments),
    }


# --- findings ---


def _findings(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Findings of one rule at one place are told apart by their order: the n-th of the one is the n-th of the other."""
    sides = []
    for name, frame in (("old", old), ("new", new)):
        kept = frame.sort("finding_no").select(*_FINDING, *_SEEN)
        kept = kept.with_columns(n=pl.int_range(pl.len()).over(_FINDING))
        sides.append(
            kept.rename({column: f"{name}_{column}" for column in _SEEN}).with_columns(pl.lit(True).alias(name))
        )
    joined = sides[0].join(sides[1], on=[*_FINDING, "n"], how="full", coalesce=True, nulls_equal=True)
    return (
        joined.with_columns(change=_change(_differs(_SEEN)))
        .filter(pl.col("change").is_not_null())
        .sort(*_FINDING, "n")
        .select("change", *_FINDING, *(f"{side}_{column}" for column in _SEEN for side in ("old", "new")))
    )


def _change(moved: pl.Expr) -> pl.Expr:
    return (
        pl.when(pl.col("old").is_null())
        .then(pl.lit("gained"))
        .when(pl.col("new").is_null())
        .then(pl.lit("lost"))
        .when(moved)
        .then(pl.lit("moved"))
    )


def _differs(columns: tuple[str, ...]) -> pl.Expr:
    return pl.any_horizontal(pl.col(f"old_{column}").ne_missing(pl.col(f"new_{column}")) for column in columns)


# --- pairs ---

_PAIR = ("payment_id", "open_item_id", "currency")
_DECIDED = ("status", "pass", "amount", "kinds")


def _pairs(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    sides = [_by_pair(frame, name) for name, frame in (("old", old), ("new", new))]
    joined = sides[0].join(sides[1], on=_PAIR, how="full", coalesce=True, nulls_equal=True)
    joined = joined.with_columns(change=_change(_differs(_DECIDED)))
    # A payment that settles something in both states, but other items: the pair moved rather than came or went.
    settles = [
        (pl.col(f"{side}_status") == "accepted").fill_null(False).any().over("payment_id") for side in ("old", "new")
    ]
    accepted = pl.coalesce("old_status", "new_status") == "accepted"
    elsewhere = settles[0] & settles[1] & accepted & pl.col("change").is_in(["gained", "lost"])
    reasons = [
        pl.when(elsewhere).then(pl.lit("item")),
        *(
            pl.when((pl.col("change") == "moved") & pl.col(f"old_{column}").ne_missing(pl.col(f"new_{column}"))).then(
                pl.lit({"kinds": "kind"}.get(column, column))
            )
            for column in _DECIDED
        ),
    ]
    return (
        joined.with_columns(moved_by=pl.concat_str(reasons, separator=", ", ignore_nulls=True))
        .with_columns(change=pl.when(elsewhere).then(pl.lit("moved")).otherwise("change"))
        .filter(pl.col("change").is_not_null())
        .sort(*_PAIR)
        .select("change", "moved_by", *_PAIR, *(f"{side}_{column}" for column in _DECIDED for side in ("old", "new")))
    )


def _by_pair(allocation: pl.DataFrame, name: str) -> pl.DataFrame:
    """One row a payment and item: what was accepted, or else the likeliest proposal."""
    ordered = allocation.sort("status", pl.col("score"), "pass", descending=[False, True, False], nulls_last=True)
    first = ordered.unique(["payment_id", "open_item_id"], keep="first", maintain_order=True)
    kept = ordered.join(
        first.select("payment_id", "open_item_id", pl.col("status").alias("s"), pl.col("pass").alias("p")),
        on=["payment_id", "open_item_id"],
    ).filter(pl.col("status") == pl.col("s"), (pl.col("status") == "accepted") | (pl.col("pass") == pl.col("p")))
    money = pl.col("kind").is_in(MONEY)
    parts = kept.sort(*_PAIR, "kind", "pass").with_columns(
        part=pl.format("{} {}", pl.col("kind"), pl.col("amount").cast(pl.String).str.replace(r"(\.\d\d)0+$", "$1"))
    )
    grouped = parts.group_by(_PAIR, maintain_order=True).agg(
        pl.col("status").first(),
        pl.col("pass").unique().sort().str.join(", "),
        pl.col("amount").filter(money).sum(),
        pl.col("part").str.join(" + ").alias("kinds"),
    )
    return grouped.rename({column: f"{name}_{column}" for column in _DECIDED}).with_columns(pl.lit(True).alias(name))


# --- payments and money ---


def _payments(old: Outcome, new: Outcome, payments: pl.DataFrame) -> pl.DataFrame:
    joined = payments.join(_states(old, "old_state"), on="payment_id", how="left").join(
        _states(new, "new_state"), on="payment_id", how="left"
    )
    states = [pl.col(each).fill_null("not looked at") for each in ("old_state", "new_state")]
    return joined.with_columns(states).filter(pl.col("old_state") != pl.col("new_state")).sort("payment_id")


def _states(outcome: Outcome, name: str) -> pl.DataFrame:
    """What became of each payment: settled, else the reasons why not."""
    accepted = outcome.allocation.filter(pl.col("status") == "accepted").select("payment_id").unique()
    reasons = (
        outcome.exception.filter(pl.col("table") == "payment")
        .group_by(pl.col("object_id").alias("payment_id"))
        .agg(pl.col("reason").unique().sort().str.join(", ").alias("reason"))
    )
    return (
        accepted.with_columns(settled=pl.lit("settled"))
        .join(reasons, on="payment_id", how="full", coalesce=True)
        .select("payment_id", pl.concat_str("settled", "reason", separator=", ", ignore_nulls=True).alias(name))
    )


def _settled(old: pl.DataFrame, new: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    base = (
        payments.filter(pl.col("amount") > 0)
        .group_by("currency")
        .agg(pl.len().alias("payments"), pl.col("amount").sum())
    )
    for name, frame in (("old", old), ("new", new)):
        money = frame.filter(pl.col("status") == "accepted", pl.col("kind").is_in(MONEY))
        each = money.group_by("currency").agg(
            pl.col("payment_id").n_unique().alias(f"{name}_payments"), pl.col("amount").sum().alias(f"{name}_amount")
        )
        base = base.join(each, on="currency", how="left", nulls_equal=True)
    filled = [pl.col(f"{side}_{what}").fill_null(0) for side in ("old", "new") for what in ("payments", "amount")]
    return base.with_columns(filled).sort("currency")


# --- exceptions ---

_EXCEPTION = ("exception_id", "reason", "table", "object_id", "currency")
_WHAT = ("amount", "queue", "message")


def _exceptions(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    sides = [
        frame.select(*_EXCEPTION, *_WHAT)
        .rename({column: f"{name}_{column}" for column in _WHAT})
        .with_columns(pl.lit(True).alias(name))
        for name, frame in (("old", old), ("new", new))
    ]
    joined = sides[0].join(sides[1], on=_EXCEPTION, how="full", coalesce=True, nulls_equal=True)
    return (
        joined.with_columns(change=_change(_differs(_WHAT)))
        .filter(pl.col("change").is_not_null())
        .sort("reason", "table", "object_id", "exception_id")
        .select("change", *_EXCEPTION, *(f"{side}_{column}" for column in _WHAT for side in ("old", "new")))
    )


# --- past decisions ---


def _with_decisions(
    frame: pl.DataFrame, decided: Mapping[str, Decision], judge: Any, table: str | None
) -> pl.DataFrame:
    """The changes with ``decision`` (what a person did, in words) and ``agrees``: yes, no, or unclear."""
    by_object: dict[str, list[Decision]] = {}
    for each in decided.values():
        if table is None:
            by_object.setdefault(each.case_id, []).append(each)
        elif each.object_table == table:
            by_object.setdefault(each.object_id, []).append(each)
    key = "exception_id" if table is None else f"{table}_id"
    words: list[str | None] = []
    agrees: list[str | None] = []
    known = frame[key].is_in(list(by_object)) if by_object else pl.Series([False] * frame.height, dtype=pl.Boolean)
    rows = iter(frame.filter(known).iter_rows(named=True))
    for has in known.to_list():
        verdict, said = judge(by_object, next(rows)) if has else (None, None)
        agrees.append(verdict)
        words.append(said)
    return frame.with_columns(decision=pl.Series(words, dtype=pl.String), agrees=pl.Series(agrees, dtype=pl.String))


def _on_pair(by_object: Mapping[str, list[Decision]], row: Mapping[str, Any]) -> tuple[str, str]:
    given = by_object[row["payment_id"]]
    telling = [each for each in given if verdict_on_pair(each, row["open_item_id"]) is not None]
    decision = max(telling or given, key=lambda each: (each.instant, each.case_id))
    said = verdict_on_pair(decision, row["open_item_id"])
    was, now = row["old_status"] == "accepted", row["new_status"] == "accepted"
    if said is None or was == now:
        return "unclear", _words(decision)
    return "yes" if said == now else "no", _words(decision)


def _on_exception(by_object: Mapping[str, list[Decision]], row: Mapping[str, Any]) -> tuple[str, str]:
    decision = by_object[row["exception_id"]][0]
    if decision.state == "waived" and row["change"] != "moved":
        return "yes" if row["change"] == "lost" else "no", _words(decision)
    return "unclear", _words(decision)


def _words(decision: Decision) -> str:
    named = [
        f"{what} {', '.join(sorted(items))}"
        for what, items in (("pays", decision.pays), ("not", decision.excludes))
        if items
    ]
    return f"{decision.actor} {decision.state} {decision.reason}: {'; '.join([*named, decision.text])}"


# --- does OLD reproduce the run? ---


def _sealed(store: Store) -> Outcome:
    """What was sealed, without what issuing added."""
    issued = "(select file from issued_document where file is not null)"
    finding = store.fetch(
        Query(
            "sealed findings",
            f"select * from finding where \"table\" <> 'billing_line' and pack <> 'issuing' "
            f"and coalesce(object_id, '') not in {issued} order by finding_no",
        )
    )
    exception = store.fetch(
        Query("sealed exceptions", "select * from exception where \"table\" <> 'billing_line' order by exception_id")
    )
    return Outcome(finding, store.table("allocation"), store.table("candidate"), exception)


def _judged_only(outcome: Outcome) -> Outcome:
    """The outcome without rules on billing lines, as ``_sealed``."""
    return Outcome(
        outcome.finding.filter(pl.col("table") != "billing_line"),
        outcome.allocation,
        outcome.candidate,
        outcome.exception.filter(pl.col("table") != "billing_line"),
    )


def _counts(found: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    counts = {
        "finding": found["findings"].height,
        "allocation": found["pairs"].height,
        # Queues may have been changed by people since the routes chose them.
        "exception": found["exceptions"]
        .filter((pl.col("change") != "moved") | pl.col("old_amount").ne_missing(pl.col("new_amount")))
        .height,
    }
    return {name: count for name, count in counts.items() if count}
