"""What the pass on sums reads, as flat arrays: payments with the parties that may have made them, and the parties' items.

Amounts are whole numbers, ten-thousandths of the currency; days are counted from 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tieout.matching.structured import NEVER
from tieout.matching.sums import Bounds
from tieout.model.money import minor_units

__all__ = ["SCALE", "Book", "Settings"]

Whole = npt.NDArray[np.int64]
SCALE = 10_000
_GROUPS = ("order", "contract", "delivery")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the plan says of the pass."""

    bounds: Bounds
    chance: float = 0.02
    discount: bool = False
    grace_days: int = 0
    open_when_booked: bool = False
    least_payer_score: float = 0.88
    unique_within: str = "leave"
    """What an answer does that is the only one of its size, larger ones not considered: settle, propose or leave."""
    undisputed: bool = False
    """Whether items that stand in every solution are settled though the rest is ambiguous."""
    solutions: int = 6
    """How many solutions a person is shown."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        return cls(
            bounds=Bounds(
                full=int(options.get("all_subsets_up_to", 30)),
                sizes=int(options.get("sizes", 4)),
                pool=int(options.get("pool", 400)),
            ),
            chance=float(options.get("chance", 0.02)),
            discount=bool(options.get("discount", False)),
            grace_days=int(options.get("grace_days", 0)),
            open_when_booked=bool(options.get("open_when_booked", False)),
            least_payer_score=float(options.get("least_payer_score", 0.88)),
            unique_within=str(options.get("unique_within", "leave")),
            undisputed=options.get("undisputed", "leave") == "settle",
            solutions=int(options.get("solutions", 6)),
        )


@dataclass(frozen=True, slots=True)
class Book:
    """Claims (a payment and a party that may have made it) and the items of each pool (a party and currency)."""

    pno: Whole
    paid: Whole
    pool: Whole
    booked: Whole
    company: Whole
    names_group: npt.NDArray[np.bool_]
    minor: Whole
    """The payment currency's smallest unit."""
    ground: Sequence[str]
    score: Sequence[float]
    party: Sequence[str]
    pool_starts: Whole
    ino: Whole
    rest: Whole
    open: npt.NDArray[np.bool_]
    """Changed as items are settled."""
    untouched: npt.NDArray[np.bool_]
    item_company: Whole
    issued: Whole
    due: Whole
    settled_on: Whole
    discount_until: Whole
    percent: Whole
    groups: tuple[tuple[str, Whole, Sequence[str]], ...]
    series: Whole
    number: Whole
    ids: Sequence[str]
    numbers: Sequence[str]
    named: Whole
    """pno * 2**32 + ino of the items that texts name."""
    rejected: Whole
    """The same of the pairs that a person rejected for good."""

    @classmethod
    def of(
        cls, claims: pl.DataFrame, items: pl.DataFrame, named: pl.DataFrame, rejected: pl.DataFrame | None = None
    ) -> Book:
        """claims, items: sorted, as the pass reads them; named and rejected: pno, ino."""
        pools = items.select("party_id", "currency").unique(maintain_order=True).with_row_index("pool")
        claims = claims.join(pools, on=["party_id", "currency"], how="inner", maintain_order="left")
        placed = items.join(pools, on=["party_id", "currency"], how="left", maintain_order="left")
        companies = sorted({*claims["company_code"].drop_nulls(), *items["company_code"].drop_nulls()})
        code = {name: n for n, name in enumerate(companies)}
        issued, digits = _days(items["document_date"]), items["number"].str.extract(r"(\d{1,15})$")
        series, _ = _codes(items["number"].str.replace(r"\d{1,15}$", ""))
        return cls(
            pno=_whole(claims["pno"]),
            paid=_whole(claims["paid"]),
            pool=_whole(claims["pool"]),
            booked=_days(claims["booking_date"]),
            company=_whole(claims["company_code"].replace_strict(code, default=-1, return_dtype=pl.Int64)),
            names_group=claims["names_group"].to_numpy().astype(np.bool_),
            minor=_whole(claims["currency"].replace_strict(_steps(claims["currency"]), return_dtype=pl.Int64)),
            ground=claims["ground"].to_list(),
            score=claims["score"].to_list(),
            party=claims["party_id"].to_list(),
            pool_starts=np.searchsorted(_whole(placed["pool"]), np.arange(pools.height + 1)),
            ino=_whole(items["ino"]),
            rest=_whole(items["rest"]),
            open=items["settled_on"].is_null().to_numpy().astype(np.bool_).copy(),
            untouched=items["untouched"].fill_null(False).to_numpy().astype(np.bool_),
            item_company=_whole(items["company_code"].replace_strict(code, default=-1, return_dtype=pl.Int64)),
            issued=issued,
            due=_days(items["due_date"]),
            settled_on=_days(items["settled_on"]),
            discount_until=issued + _whole(items["discount_days"].fill_null(0)),
            percent=_whole(items["discount_percent"].fill_null(0)),
            groups=tuple((kind, *_codes(items[kind])) for kind in _GROUPS),
            series=series,
            number=_whole(digits.cast(pl.Int64).fill_null(-1)),
            ids=items["open_item_id"].to_list(),
            numbers=items["number"].to_list(),
            named=_pairs(named),
            rejected=_pairs(named.clear() if rejected is None else rejected),
        )

    def ready(self, waiting: npt.NDArray[np.bool_]) -> Whole:
        """The claims of the payments before which none waits in any of their pools."""
        at = np.flatnonzero(waiting)
        first = np.full(len(self.pool_starts), 2**62)
        np.minimum.at(first, self.pool[at], self._place(at))
        behind = self.pno[at[first[self.pool[at]] != self._place(at)]]
        return at[~np.isin(self.pno[at], behind)]

    def _place(self, claims: Whole) -> Whole:
        """The position of the claims' payments, earliest first."""
        steps = np.concatenate(([0], np.cumsum(self.pno[1:] != self.pno[:-1]))) if len(self.pno) else self.pno
        return np.asarray(steps[claims], dtype=np.int64)

    def items(self, claims: Whole, *, settled_later: bool = False) -> tuple[Whole, Whole]:
        """What the claims may settle: the items, flat, and where those of each claim start.

        settled_later: instead those that were open when the payment was booked and that a later payment has settled.
        """
        first, end = self.pool_starts[self.pool[claims]], self.pool_starts[self.pool[claims] + 1]
        count = end - first
        owner = np.repeat(np.arange(len(claims)), count)
        item = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
        claim = claims[owner]
        fits = (self.settled_on[item] != NEVER) if settled_later else self.open[item]
        if settled_later:
            fits &= self.settled_on[item] > self.booked[claim]
        fits &= (self.issued[item] <= self.booked[claim]) | (self.issued[item] == NEVER)
        ours, theirs = self.company[claim], self.item_company[item]
        fits &= (ours == theirs) | (ours < 0) | (theirs < 0)
        grouped = np.flatnonzero(fits & self.names_group[claim])
        if len(grouped) and not settled_later:
            fits[grouped] = np.isin(self.pno[claim[grouped]] * 2**32 + self.ino[item[grouped]], self.named)
        if len(self.rejected):
            fits &= ~np.isin(self.pno[claim] * 2**32 + self.ino[item], self.rejected)
        starts = np.concatenate(([0], np.cumsum(np.bincount(owner[fits], minlength=len(claims)))))
        return item[fits], starts

    def reduced(self, claims: Whole, item: Whole, starts: Whole, grace_days: int) -> Whole:
        """What the items cost less the discount of their own terms, where it may still be taken."""
        claim = np.repeat(claims, np.diff(starts))
        rest, step = self.rest[item], self.minor[claim]
        allowed = (rest > 0) & self.untouched[item] & (self.percent[item] > 0) & (self.issued[item] != NEVER)
        allowed &= (self.booked[claim] != NEVER) & (self.booked[claim] <= self.discount_until[item] + grace_days)
        allowed &= (rest % step == 0) & (rest // step < 2**42)
        # Half away from zero, in the currency's smallest unit.
        cut = (np.where(allowed, rest // step, 0) * self.percent[item] + 50 * SCALE) // (100 * SCALE) * step
        return rest - cut


def _whole(values: pl.Series) -> Whole:
    return np.asarray(values.cast(pl.Int64).to_numpy(), dtype=np.int64)


def _pairs(rows: pl.DataFrame) -> Whole:
    return _whole(rows["pno"]) * 2**32 + _whole(rows["ino"])


def _days(values: pl.Series) -> Whole:
    return _whole(values.cast(pl.Date).to_physical().cast(pl.Int64).fill_null(NEVER))


def _codes(values: pl.Series) -> tuple[Whole, list[str]]:
    """The values as numbers, -1 for null, and the values by number."""
    names = values.drop_nulls().unique().sort()
    code = {name: n for n, name in enumerate(names.to_list())}
    return _whole(values.replace_strict(code, default=-1, return_dtype=pl.Int64)), names.to_list()


def _steps(currencies: pl.Series) -> dict[str, int]:
    return {code: 10 ** (4 - minor_units(code)) for code in currencies.unique().to_list()}
