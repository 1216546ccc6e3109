"""Payments without references for some of a customer's open items: one hundred thousand customers, every answer labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.match import Quiet
from benchmarks.month import AS_OF
from tieout.library.catalog import Catalogue
from tieout.matching.reconcile import reconcile
from tieout.matching.sums import Bounds, subset_sum, subset_sums
from tieout.model.definitions import MatchPlan
from tieout.model.records import Query
from tieout.store.engine import Limits, Store

# Open items a customer: lognormal, half of them have at most eight, one in a hundred more than sixty.
_MEDIAN, _SPREAD, _MOST = 8, 0.9, 400


def filled(customers: int, *, seed: int = 7) -> tuple[Store, dict[str, frozenset[str]]]:
    """A store with one payment a customer, known by its account, and what each payment was for.

    A quarter pays everything open, a quarter all that is due by some date, the others two to six items of any age.
    """
    draw = np.random.default_rng(seed)
    sizes = np.clip(draw.lognormal(np.log(_MEDIAN), _SPREAD, customers).astype(int), 2, _MOST)
    customer = np.repeat(np.arange(customers), sizes)
    items = len(customer)
    cents = np.maximum(draw.lognormal(np.log(40_000), 1.1, items).astype(np.int64), 100)
    day = draw.integers(0, 75, items)
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    paid = np.zeros(items, dtype=bool)
    kind = draw.integers(0, 4, customers)
    for n in range(customers):
        ours = slice(first[n], first[n] + sizes[n])
        if kind[n] == 0:
            paid[ours] = True
        elif kind[n] == 1:
            paid[ours] = day[ours] <= np.sort(day[ours])[max(1, sizes[n] // 2)]
        else:
            paid[first[n] + draw.choice(sizes[n], min(sizes[n], draw.integers(2, 7)), replace=False)] = True
    store = Store.create(limits=Limits(memory="8GiB"))
    frame = pl.DataFrame({"customer": customer, "cents": cents, "day": day, "n": np.arange(items)})
    store.put("made", frame)
    account = "'DE' || lpad(cast(customer as varchar), 20, '0')"
    store.append(
        "open_item",
        store.fetch(
            Query(
                "made items",
                """select 'I' || lpad(cast(n as varchar), 9, '0') as open_item_id, 'receivable' as ledger,
                  'C' || customer as party_id, 'Customer ' || customer as party_name,
                  date '2026-06-01' + cast(day as integer) as document_date,
                  date '2026-07-01' + cast(day as integer) as due_date,
                  'INV-' || lpad(cast(n as varchar), 9, '0') as reference, cents * 0.01::decimal(3, 2) as amount,
                  cents * 0.01::decimal(3, 2) as open_amount, 'EUR' as currency from made""",
            )
        ),
    )
    sums = frame.filter(pl.Series(paid)).group_by("customer").agg(pl.col("cents").sum())
    store.put("paid", sums)
    store.append(
        "payment",
        store.fetch(
            Query(
                "made payments",
                f"""select 'P' || lpad(cast(customer as varchar), 7, '0') as payment_id,
                  cents * 0.01::decimal(3, 2) as amount, 'EUR' as currency, 'CRDT' as credit_debit_indicator,
                  'BOOK' as status, date '2026-10-05' as booking_date, 'Customer ' || customer as counterparty_name,
                  {account} as counterparty_account, 'thank you' as remittance from paid""",
            )
        ),
    )
    store.append(
        "party",
        store.fetch(
            Query(
                "made parties",
                f"""select row_number() over (order by customer) as row_no, 'customer' as role, 'C' || customer as party_id,
                  'Customer ' || customer as name, {account} as account from paid""",
            )
        ),
    )
    meant: dict[str, set[str]] = {}
    for c, n in zip(customer[paid].tolist(), np.flatnonzero(paid).tolist(), strict=True):
        meant.setdefault(f"P{c:07d}", set()).add(f"I{n:09d}")
    return store, {payment: frozenset(chosen) for payment, chosen in meant.items()}


def _arrays(store: Store) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The same sums as bare arrays of cents: amounts, starts and targets."""
    made = store.fetch(Query("made", "select customer, cents from made order by customer, n"))
    targets = store.fetch(Query("paid", "select cents from paid order by customer"))["cents"].to_numpy()
    starts = np.flatnonzero(np.diff(made["customer"].to_numpy(), prepend=-1))
    return made["cents"].to_numpy(), np.append(starts, made.height), targets


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    customers = int(100_000 * scale)
    store, meant = filled(customers)
    plan = Catalogue.load(None).plans["receivables"]
    only = replace(plan, passes=tuple(each for each in plan.passes if each.options["find"] == "sum"))

    def run(passes: MatchPlan) -> None:
        for table in ("allocation", "candidate", "exception"):
            store.execute(Query(f"clear {table}", f"delete from {table}"))
        reconcile(store, passes, as_of=AS_OF, progress=Quiet())

    with store:
        without = stopwatch(lambda: run(replace(plan, passes=())))
        seconds = stopwatch(lambda: run(only)) - without
        items = store.count("open_item")
        settled: dict[str, set[str]] = {}
        accepted = store.table("allocation").filter(status="accepted")
        for payment, item in accepted.select("payment_id", "open_item_id").iter_rows():
            settled.setdefault(payment, set()).add(item)
        amounts, starts, targets = _arrays(store)
    wrong = sum(frozenset(chosen) != meant[payment] for payment, chosen in settled.items())
    bounds = Bounds(full=30)
    answers = subset_sums(amounts, starts, targets, bounds)
    floor = stopwatch(lambda: subset_sums(amounts, starts, targets, bounds))
    told = ", ".join(f"{n:,} {label}" for label, n in Counter(answer.label for answer in answers).most_common())
    yield (
        f"{customers:,} customers, {items:,} open items, a payment each: {seconds:.2f} s, {len(settled):,} settled, "
        f"{wrong} of them otherwise than meant; free subsets of the bare arrays {floor:.2f} s; ratio {seconds / floor:.1f}"
    )
    yield f"answers of the free subsets alone: {told}"
    for what, amount, target in (("equal", [100_00] * 400, 400_00), ("powers", [3**n % 10**7 for n in range(400)], 17)):
        worst = stopwatch(lambda amount=amount, target=target: subset_sum(amount, target, bounds))
        yield f"400 items ({what}): {worst * 1000:.0f} ms, {subset_sum(amount, target, bounds).label}"
