"""Matches payments with open items, pass by pass on what is still open; called once a run by the conductor.

What the passes decided becomes ``allocation``, ``candidate`` and ``exception``; every payment is settled or has a reason.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tieout.matching import by_reference, classify, explain, near
from tieout.matching.by_difference import by_difference
from tieout.matching.by_party import by_party
from tieout.matching.by_sum import by_sum
from tieout.matching.candidates import by_candidates
from tieout.matching.complete import by_completion
from tieout.matching.currency import by_conversion, by_payer_conversion
from tieout.matching.ledger import Ledger
from tieout.matching.parties import Parties
from tieout.matching.payable import duplicates, payee_account, refunds
from tieout.matching.references import References
from tieout.matching.strangers import set_aside
from tieout.matching.third_party import third_party
from tieout.matching.words import mark_words
from tieout.model.definitions import MatchPlan, Pass
from tieout.model.ports import Progress
from tieout.store.engine import Store

__all__ = ["PASSES", "reconcile", "shared_options", "standing_before"]

PassFunction = Callable[[Ledger, str, Mapping[str, Any]], None]

# What a pass may ``find``, and what must have been read before it runs.
PASSES: Mapping[str, tuple[PassFunction, tuple[str, ...]]] = {
    "candidates": (by_candidates, ()),
    "returns": (classify.returns, ()),
    "outgoing": (classify.outgoing, ()),
    "own_transfers": (classify.own_transfers, ()),
    "reference": (by_reference.by_reference, ("plain",)),
    "group": (by_reference.by_group, ("close",)),
    "settled": (by_reference.by_settled, ("close",)),
    "conversion": (by_conversion, ("close",)),
    "conversion_by_payer": (by_payer_conversion, ("close", "words", "payers", "unknown")),
    "difference": (by_difference, ("close", "words", "payers")),
    "not_receivable": (classify.not_receivable, ("close", "words", "payers")),
    "completion": (by_completion, ("close", "payers")),
    "near": (near.by_near, ("close", "payers", "unknown")),
    "party": (by_party, ("close", "words", "payers", "unknown")),
    "sum": (by_sum, ("close", "words", "payers", "unknown")),
    "third_party": (third_party, ("names",)),
    "duplicates": (duplicates, ()),
    "refunds": (refunds, ("close", "words", "payers")),
    "payee_account": (payee_account, ("names",)),
}


def reconcile(store: Store, *plans: MatchPlan, as_of: dt.date, progress: Progress) -> None:
    """Fills ``allocation``, ``candidate`` and ``exception`` from the canonical tables by the plans, one after the other.

    Money that settles the items of a plan's ledger is matched by it; money of the other direction is left to a plan for
    the other ledger, and that plan may also explain what the first could not. What one has settled no other sees.
    The result depends on the rows and the plans only, never on the order of the rows.
    Raises ControlTotalError where money does not balance.
    """
    sides = [str(plan.options.get("ledger", "receivable")) for plan in plans]
    untold = "receivable" if "receivable" in sides else (sides or ["receivable"])[0]
    for place, (plan, side) in enumerate(zip(plans, sides, strict=True)):
        later = any(other != side for other in sides[place + 1 :])
        _settle(Ledger(store, ledger=side, untold=untold, later=later), plan, as_of=as_of, progress=progress)


def _settle(ledger: Ledger, plan: MatchPlan, *, as_of: dt.date, progress: Progress) -> None:
    try:
        ledger.open()
        readings = _Readings(ledger, plan)
        for each in plan.passes:
            _run(ledger, readings, plan, each)
            progress.advance()
        ledger.prove()
        readings.make({"close", "words", "payers", "unknown"})
        explain.write(ledger, passes=plan.passes, words=shared_options(plan)["words"], as_of=as_of)
    finally:
        ledger.close()


def _run(ledger: Ledger, readings: _Readings, plan: MatchPlan, each: Pass) -> None:
    function, needs = PASSES[str(each.options["find"])]
    readings.make({*needs, "close"} if each.options.get("reading") == "close" else set(needs))
    function(ledger, each.name, {**each.options, **shared_options(plan)})


def shared_options(plan: MatchPlan) -> dict[str, Any]:
    """What every pass of the plan is given beside its own options."""
    return {key: plan.options.get(key, {}) for key in ("names", "words")}


@contextlib.contextmanager
def standing_before(store: Store, plan: MatchPlan, name: str = "") -> Iterator[Ledger]:
    """The ledger as the pass of the name finds it, or as the first pass does; nothing of it stays in the store."""
    side = str(plan.options.get("ledger", "receivable"))
    ledger = Ledger(store, ledger=side, untold=side)
    try:
        ledger.open()
        readings = _Readings(ledger, plan)
        for each in plan.passes if name else ():
            if each.name == name:
                break
            _run(ledger, readings, plan, each)
        yield ledger
    finally:
        ledger.close()


class _Readings:
    """What passes read beside the ledger, made when the first pass needs it."""

    def __init__(self, ledger: Ledger, plan: MatchPlan) -> None:
        self.ledger = ledger
        self.words = dict(plan.options.get("words", {}))
        self.ours = list(plan.options.get("references", {}).get("our_numbers", ()))
        self.references = References(ledger, plan.options.get("references", {}))
        self.parties = Parties(ledger, plan.options.get("names", {}))
        self.made: set[str] = set()

    def _identify(self) -> None:
        self.parties.identify()
        set_aside(self.ledger)

    def make(self, wanted: set[str]) -> None:
        """Makes the readings that are not there yet, in their own order."""
        makers: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
            "plain": (self.references.prepare, ()),
            "close": (self.references.read_closely, ("plain",)),
            "names": (self.parties.prepare, ("plain",)),
            "words": (lambda: mark_words(self.ledger, self.words), ()),
            "payers": (self._identify, ("close", "names", "words")),
            "unknown": (lambda: near.mark_unknown(self.ledger, self.ours), ("close", "payers")),
        }
        for reading, (maker, before) in makers.items():
            if reading in wanted | {b for w in wanted for b in _all_before(w, makers)} and reading not in self.made:
                del before
                maker()
                self.made.add(reading)


def _all_before(reading: str, makers: Mapping[str, tuple[Any, tuple[str, ...]]]) -> set[str]:
    before = makers[reading][1] if reading in makers else ()
    return {*before, *(b for each in before for b in _all_before(each, makers))}
