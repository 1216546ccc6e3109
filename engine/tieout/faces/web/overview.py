"""The figures of the start page: how much is matched, what is left, what the last runs came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.faces.web.desk import Desk
from tieout.model.records import Query
from tieout.store.fold import LIVE
from tieout.store.pages import Wanted, case_counts

__all__ = ["AGES", "Share", "ages", "shares", "tallies"]

AGES = ((7, "0-7"), (30, "8-30"), (60, "31-60"), (90, "61-90"), (10**9, "> 90"))


@dataclass(frozen=True)
class Share:
    """One measure in one currency, and what became of it."""

    measure: str
    currency: str
    count_in: int
    amount_in: Decimal
    counts: tuple[int, int, int]
    """Matched, exceptions, excluded."""
    amounts: tuple[Decimal, Decimal, Decimal]
    difference: Decimal

    @property
    def rate(self) -> Decimal | None:
        """Matched rows of those that could be matched, in percent."""
        return _percent(Decimal(self.counts[0]), Decimal(self.counts[0] + self.counts[1]))

    @property
    def money_rate(self) -> Decimal | None:
        """Matched money of that which could be matched, in percent; None where signs cancel out."""
        return _percent(self.amounts[0], self.amounts[0] + self.amounts[1])


def shares(totals: list[dict[str, Any]]) -> list[Share]:
    """The control totals of a manifest, payments first."""
    order = {"payment": 0, "open_item": 1, "invoice": 2, "billing_line": 3}
    found = [
        Share(
            measure=each["measure"],
            currency=each["currency"] or "",
            count_in=int(each["count_in"]),
            amount_in=Decimal(each["amount_in"]),
            counts=(int(each["count_matched"]), int(each["count_exception"]), int(each["count_excluded"])),
            amounts=(
                Decimal(each["amount_matched"]),
                Decimal(each["amount_exception"]),
                Decimal(each["amount_excluded"]),
            ),
            difference=Decimal(each["difference"]),
        )
        for each in totals
        if int(each["count_in"])
    ]
    return sorted(found, key=lambda each: (order.get(each.measure, 9), each.measure, -each.count_in, each.currency))


def tallies(desk: Desk) -> tuple[int, dict[str, list[tuple[str, int]]]]:
    """How many cases are not decided, and their number by reason, queue and state, the most first."""
    with desk.journal.reading() as session:
        rows = case_counts(session, Wanted(state=LIVE), "reason", "queue", "state")
    counted: dict[str, Counter[str]] = {"reason": Counter(), "queue": Counter(), "state": Counter()}
    for reason, queue, state, n in rows:
        counted["reason"][reason] += n
        counted["queue"][queue] += n
        counted["state"][state] += n
    return sum(row[-1] for row in rows), {name: each.most_common() for name, each in counted.items()}


def ages(desk: Desk) -> list[tuple[str, int]]:
    """Exceptions of the newest run by the age of their object on its day."""
    sql = """select case when e.age_days <= 7 then 0 when e.age_days <= 30 then 1 when e.age_days <= 60 then 2
        when e.age_days <= 90 then 3 else 4 end as bucket, count(*) as n
      from exception e where e.age_days is not null group by 1 order by 1"""
    with desk.run() as store:
        found = dict(store.fetch(Query("ages", sql)).iter_rows())
    return [(label, int(found.get(n, 0))) for n, (_, label) in enumerate(AGES)]


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    if whole == 0 or not 0 <= part / whole <= 1:
        return None
    return (100 * part / whole).quantize(Decimal("0.1"))
