"""The whole plan ``receivables`` on a month of receipts of three sizes: time of each pass and reading, and how it grows."""

from __future__ import annotations

import math
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

from benchmarks import month
from tieout.library.catalog import Catalogue
from tieout.matching import explain, near, reconcile
from tieout.matching.ledger import Ledger
from tieout.matching.parties import Parties
from tieout.matching.references import References
from tieout.model.records import Query
from tieout.store.engine import Store

AS_OF = month.AS_OF
# 1 is the full size; a tenth of each where the benchmarks run small.
SIZES = (10_000, 100_000, 1_000_000)

# The least a database can do for the same answer (FACTS): one join a kind of proof, nothing decided and nothing kept.
FLOORS = {
    "join on the structured reference": """select count(*) from payment p join open_item i
      on p.creditor_reference = i.creditor_reference and p.currency = i.currency and p.amount = i.open_amount""",
    "join on amount and a date window": """select count(*) from payment p join open_item i
      on p.amount = i.open_amount and p.currency = i.currency
      and p.booking_date between i.document_date and i.document_date + 45""",
    "numbers cut from the text and joined": """select count(*) from (
        select amount, currency, unnest(regexp_extract_all(remittance, '[A-Z]*[0-9-]{6,}')) as number from payment
      ) p join open_item i on p.number = i.reference and p.currency = i.currency""",
    "join on the payer's account and amount": """select count(*) from payment p join party y
      on p.counterparty_account = y.account join open_item i
      on i.party_id = y.party_id and i.open_amount = p.amount and i.currency = p.currency""",
}


class Quiet:
    """A progress that says nothing."""

    def start(self, stage: str, total: int | None = None) -> None: ...
    def advance(self, steps: int = 1) -> None: ...
    def finish(self, summary: str) -> None: ...


@dataclass
class Clock:
    """CPU seconds and rows of each step; ``step`` wraps a function so that both are noted, inner steps apart.

    CPU seconds of all threads, as the clock tells more of the other users of a busy machine than of the step.
    """

    store: Store
    seconds: dict[str, float] = field(default_factory=dict)
    decided: dict[str, int] = field(default_factory=dict)
    _inner: list[float] = field(default_factory=lambda: [0.0])

    def step(self, name: str | None, function: Callable[..., Any], *, counts: bool = False) -> Callable[..., Any]:
        """The function, timed under the name; None: under its second argument, the name of the pass."""

        def timed(*arguments: Any, **options: Any) -> Any:
            label = name or str(arguments[1])
            before = self._held() if counts else 0
            self._inner.append(0.0)
            since = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                spent = time.process_time() - since
                self.seconds[label] = self.seconds.get(label, 0.0) + spent - self._inner.pop()
                self._inner[-1] += spent
                if counts:
                    self.decided[label] = self._held() - before

        return timed

    def _held(self) -> int:
        return int(
            self.store.scalar(Query("decided", "select count(*) from match_payment where held is not null")) or 0
        )


def run(store: Store) -> Clock:
    """One run of the shipped plan on the store, timed by step."""
    clock = Clock(store)
    plan = Catalogue.load(None).plans["receivables"]
    readings: Mapping[str, tuple[Any, str]] = {
        "reading: working tables": (Ledger, "open"),
        "reading: plain references": (References, "prepare"),
        "reading: close references": (References, "read_closely"),
        "reading: names of parties": (Parties, "prepare"),
        "reading: payers": (Parties, "identify"),
        "reading: words": (reconcile, "mark_words"),
        "reading: other customers' numbers": (reconcile, "set_aside"),
        "reading: unknown numbers": (near, "mark_unknown"),
        "proof": (Ledger, "prove"),
        "explanations and exceptions": (explain, "write"),
    }
    passes = {
        find: (clock.step(None, function, counts=True), needs) for find, (function, needs) in reconcile.PASSES.items()
    }
    with ExitStack() as stack:
        for name, (owner, attribute) in readings.items():
            wrapped = clock.step(name, getattr(owner, attribute))
            if isinstance(owner, type):
                # A function of a class is bound to its instance only where it is a plain function.
                method = (lambda step: lambda self, *a, **o: step(self, *a, **o))(wrapped)
                stack.enter_context(mock.patch.object(owner, attribute, method))
            else:
                stack.enter_context(mock.patch.object(owner, attribute, wrapped))
        stack.enter_context(mock.patch.object(reconcile, "PASSES", passes))
        reconcile.reconcile(store, plan, as_of=month.AS_OF, progress=Quiet())
    return clock


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    clocks: dict[int, Clock] = {}
    for size in (int(each * scale) for each in SIZES):
        load = os.getloadavg()[0]
        with month.filled(size) as store:
            floors = {name: stopwatch(partial(store.scalar, Query(name, sql))) for name, sql in FLOORS.items()}
            since, used = time.perf_counter(), time.process_time()
            clocks[size] = run(store)
            seconds, cpu = time.perf_counter() - since, time.process_time() - used
            verdict = month.judged(store).rows(named=True)
        total = verdict[-1]
        yield (
            f"{size:,} payments x {size:,} open items: {seconds:.1f} s, {cpu:.1f} CPU seconds "
            f"({size / seconds:,.0f} payments a second), "
            f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB, "
            f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after"
        )
        yield (
            f"  of {total['matchable']:,} matchable {100 * total['right'] / total['matchable']:.1f} % exactly right, "
            f"{total['wrong']:,} of {total['links']:,} links wrong, {total['guessed']:,} of "
            f"{total['payments'] - total['matchable']:,} others given something"
        )
        for row in verdict[:-1]:
            yield (
                f"    {row['kind']:12} {row['payments']:>9,} right {row['right']:>9,} wrong links {row['wrong']:>5,} "
                f"guessed {row['guessed']:>5,}"
            )
        for name, floor in floors.items():
            yield f"  floor: {name} {floor:.3f} s; the whole plan is {seconds / floor:,.0f} times that"
        yield f"  all four floors together {sum(floors.values()):.2f} s; ratio {seconds / sum(floors.values()):,.0f}"
    yield from _growth(clocks)


def _growth(clocks: Mapping[int, Clock]) -> Iterator[str]:
    """A line a step: CPU seconds at each size, payments decided at the largest, and the exponent between the last two."""
    sizes = sorted(clocks)
    yield "  " + f"{'CPU seconds':36}" + "".join(f"{size:>12,}" for size in sizes) + "  grows as n^  decided"
    for name in clocks[sizes[-1]].seconds:
        times = [clocks[size].seconds.get(name, 0.0) for size in sizes]
        power = math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2]) if min(times[-2:]) > 0.02 else None
        decided = clocks[sizes[-1]].decided.get(name)
        yield (
            f"  {name:36}"
            + "".join(f"{each:>12.2f}" for each in times)
            + (f"{power:>14.2f}" if power is not None else f"{'-':>14}")
            + (f"{decided:>9,}" if decided is not None else "")
        )
