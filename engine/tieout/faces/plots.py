"""The plots of a run, for notebooks and reports. Each returns a matplotlib figure and never shows or saves it itself."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch

if TYPE_CHECKING:
    from tieout.faces.notebook import Run
    from tieout.tuning import Tuning

__all__ = ["Picture", "Plots", "thresholds"]

_INK, _MATCHED, _PROPOSED, _OPEN, _SOFT = "#1f2933", "#2f7d5b", "#c98a1b", "#b23a48", "#9aa5b1"
_SEVERITY = {"fatal": _OPEN, "warning": _PROPOSED, "information": _SOFT}


class Picture(Figure):
    """A figure that a notebook shows by itself."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=110)
        return stream.getvalue()


class Plots:
    """``run.plot``: match rate, ageing of exceptions, findings by rule."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def match_rate(self) -> Figure:
        """Money in that was settled, by the pass that settled it, and what was left: payments and amount, per currency."""
        rows = self._run.sql(
            """
select currency, pass, count(*) as payments, sum(amount) as amount from (
  select p.payment_id, p.currency, coalesce(a.pass, 'left open') as pass, coalesce(a.amount, p.amount) as amount
  from payment p left join (
    select payment_id, pass, sum(amount) as amount from allocation
    where status = 'accepted' and kind in ('payment', 'credit_note') group by payment_id, pass
  ) a using (payment_id)
  where p.amount > 0
) group by currency, pass order by currency, payments desc, pass
"""
        )
        passes = rows.group_by("pass", maintain_order=True).agg(pl.col("payments").sum())
        order = [p for p in passes.sort("payments", descending=True)["pass"].to_list() if p != "left open"] + [
            "left open"
        ]
        currencies = sorted(rows["currency"].drop_nulls().unique().to_list())
        figure = Picture(figsize=(10, 0.42 * len(order) + 1.8), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axis, value, title in (
            (left, "payments", "Payments received"),
            (right, "share", "Share of the money, per currency"),
        ):
            _tidy(axis, title)
            axis.set_yticks(range(len(order)), [name.replace("-", " ") for name in order])
            if value == "payments":
                counts = dict(passes.iter_rows())
                colours = [_MATCHED if name != "left open" else _OPEN for name in order]
                bars = axis.barh(range(len(order)), [counts.get(name, 0) for name in order], color=colours)
                axis.bar_label(bars, padding=3, color=_INK, fontsize=8)
        height = 0.8 / max(len(currencies), 1)
        for number, currency in enumerate(currencies):
            part = rows.filter(pl.col("currency") == currency)
            total = float(part["amount"].sum() or 1)
            share = {r["pass"]: float(r["amount"]) / total for r in part.iter_rows(named=True)}
            right.barh(
                [y - 0.4 + height * (number + 0.5) for y in range(len(order))],
                [100 * share.get(name, 0.0) for name in order],
                height=height,
                label=currency,
            )
        left.invert_yaxis()
        right.set_xlabel("% of money in")
        right.legend(frameon=False, fontsize=8)
        return figure

    def exception_ageing(self) -> Figure:
        """Open exceptions by age, stacked by reason."""
        rows = self._run.sql(
            """
select reason, case when age_days is null then 'no date' when age_days <= 7 then '0-7 days'
  when age_days <= 30 then '8-30 days' when age_days <= 60 then '31-60 days'
  when age_days <= 90 then '61-90 days' else 'over 90 days' end as band, count(*) as n
from exception group by all order by reason
"""
        )
        bands = ["0-7 days", "8-30 days", "31-60 days", "61-90 days", "over 90 days", "no date"]
        reasons = (
            rows.group_by("reason")
            .agg(pl.col("n").sum())
            .sort("n", "reason", descending=[True, False])["reason"]
            .to_list()
        )
        figure = Picture(figsize=(9, 4.2), layout="constrained")
        axis = figure.subplots()
        _tidy(axis, "Exceptions by age and reason")
        base = [0] * len(bands)
        for number, reason in enumerate(reasons):
            found = {r["band"]: r["n"] for r in rows.filter(pl.col("reason") == reason).iter_rows(named=True)}
            heights = [found.get(band, 0) for band in bands]
            axis.bar(bands, heights, bottom=base, label=reason.replace("_", " "), color=_colour(number))
            base = [low + high for low, high in zip(base, heights, strict=True)]
        axis.set_ylabel("exceptions")
        axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return figure

    def findings_by_rule(self, top: int = 20) -> Figure:
        """The rules broken most, coloured by severity."""
        rows = self._run.sql(
            "select rule, severity, count(*) as n from finding group by all order by n desc, rule limit $top", top=top
        )
        figure = Picture(figsize=(8, 0.32 * max(rows.height, 3) + 1.2), layout="constrained")
        axis = figure.subplots()
        _tidy(axis, "Findings by rule")
        colours = [_SEVERITY.get(severity, _SOFT) for severity in rows["severity"]]
        bars = axis.barh(rows["rule"].to_list(), rows["n"].to_list(), color=colours)
        axis.bar_label(bars, padding=3, color=_INK, fontsize=8)
        axis.invert_yaxis()
        keys = [Patch(color=colour, label=severity) for severity, colour in _SEVERITY.items()]
        axis.legend(handles=keys, frameon=False, fontsize=8, loc="lower right")
        return figure

    def thresholds(self, tuning: Tuning) -> Figure:
        """Precision and recall over the threshold of each pass of candidates, and the precision of every pass."""
        return thresholds(tuning.thresholds, tuning.passes)


def thresholds(by_threshold: pl.DataFrame, by_pass: pl.DataFrame) -> Figure:
    """Precision and recall of each pass of candidates over its threshold, and the precision of every pass with its bounds.

    Both as ``tieout.tuning.Tuning`` has them; what nobody has labelled is not drawn.
    """
    names = by_threshold["pass"].unique(maintain_order=True).to_list()
    figure = Picture(figsize=(10, 3.2 * max(len(names), 1)), layout="constrained")
    axes = figure.subplots(max(len(names), 1), 2, squeeze=False)
    for row, name in enumerate(names):
        part = by_threshold.filter(pl.col("pass") == name, pl.col("labelled") > 0)
        axis = axes[row][0]
        _tidy(axis, f"{name.replace('-', ' ')}: from which score on?")
        score = part["threshold"].to_list()
        axis.plot(score, part["precision"].to_list(), color=_MATCHED, marker=".", label="precision")
        axis.fill_between(
            score, [1 - high for high in part["error_high"]], part["precision"].to_list(), color=_MATCHED, alpha=0.15,
            label="it may be as low (95 %)",
        )  # fmt: skip
        axis.plot(score, part["recall"].to_list(), color=_PROPOSED, marker=".", label="recall in its block")
        axis.set_ylim(-0.03, 1.03)
        axis.set_xlabel("accept_at")
        axis.legend(frameon=False, fontsize=8, loc="lower left")
    for row in range(1, len(names)):
        axes[row][1].set_axis_off()
    told = by_pass.filter(pl.col("labelled") > 0)
    axis = axes[0][1]
    _tidy(axis, "Precision of each pass, with what the labels show")
    places = list(range(told.height))
    axis.set_yticks(places, [f"{r['pass'].replace('-', ' ')} ({r['labelled']})" for r in told.iter_rows(named=True)])
    axis.hlines(places, told["low"].to_list(), told["high"].to_list(), color=_SOFT, linewidth=4)
    axis.plot(told["precision"].to_list(), places, "o", color=_MATCHED)
    axis.set_xlim(-0.03, 1.03)
    axis.invert_yaxis()
    return figure


def _tidy(axis: Any, title: str) -> None:
    axis.set_title(title, loc="left", fontsize=10, color=_INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, colors=_INK)


def _colour(number: int) -> Any:
    return colormaps["tab20"](number % 20)
