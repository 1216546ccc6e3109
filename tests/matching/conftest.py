"""A small book for the matching tests: rows in, decisions out, with the shipped plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest

from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.plans import parse_plan
from tieout.matching.reconcile import reconcile
from tieout.model.definitions import MatchPlan
from tieout.store.engine import Store

AS_OF = dt.date(2026, 10, 31)
_DEFAULTS: dict[str, dict[str, Any]] = {
    "payment": {
        "currency": "EUR",
        "status": "BOOK",
        "booking_date": "2026-10-10",
        "counterparty_name": "Alpen Papier GmbH",
    },
    "open_item": {
        "currency": "EUR",
        "party_id": "C1",
        "party_name": "Alpen Papier GmbH",
        "ledger": "receivable",
        "document_date": "2026-09-10",
        "due_date": "2026-11-10",
    },
    "cleared_item": {"currency": "EUR", "party_id": "C1", "ledger": "receivable", "party_name": "Alpen Papier GmbH"},
    "party": {"row_no": 1, "role": "customer"},
    "company": {"row_no": 1},
}


class Quiet:
    """Progress that nobody looks at."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self, summary: str) -> None: ...


def _rejections(pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The decisions of a person who rejected the pairs (payment, open item) for good."""
    said = {"line_no": 1, "case_id": "EX-1", "kind": "reject", "status": "applied", "decided_by": "Wang Fang"}
    said |= {"decided_at": "2026-10-30T08:00:00Z"}
    return [
        {"decision_id": f"D{n}", "payment_id": payment, "open_item_id": item, **said}
        for n, (payment, item) in enumerate(pairs)
    ]


@dataclass(frozen=True)
class Outcome:
    """What a run decided, in shapes a test can compare."""

    allocation: pl.DataFrame
    exception: pl.DataFrame
    candidate: pl.DataFrame

    def settled(self, payment: str) -> dict[tuple[str, str], Decimal]:
        """What the payment settles: amount by (open item, kind), accepted rows only."""
        rows = self.allocation.filter(payment_id=payment, status="accepted").to_dicts()
        return {(row["open_item_id"], row["kind"]): row["amount"] for row in rows}

    def items(self, payment: str) -> list[str]:
        return sorted({item for item, _ in self.settled(payment)})

    def reasons(self, object_id: str) -> set[str]:
        return set(self.exception.filter(object_id=object_id)["reason"])

    def passes(self, payment: str) -> set[str]:
        return set(self.allocation.filter(payment_id=payment)["pass"])


@pytest.fixture(scope="session")
def plan() -> MatchPlan:
    """The shipped plan for receivables."""
    parsed, mistakes = parse_plan(yamlfile.load(shipped("rules") / "matching" / "receivables.yaml"))
    assert parsed is not None and not mistakes, mistakes
    return parsed


@pytest.fixture(scope="session")
def book() -> Callable[..., Store]:
    """book(payment=[...], open_item=[...], ...) -> an open Store with these rows; what they lack has a plain default."""

    def fill(**tables: list[dict[str, Any]]) -> Store:
        store = Store.create()
        for name, rows in tables.items():
            full = [_DEFAULTS.get(name, {}) | row for row in rows]
            for row in full:
                if name == "open_item":
                    row.setdefault("open_amount", row["amount"])
            columns = sorted({column for row in full for column in row})
            frame = pl.DataFrame(
                {c: [None if r.get(c) is None else str(r.get(c)) for r in full] for c in columns},
                schema=dict.fromkeys(columns, pl.String),
            )
            store.append(name, frame)
        return store

    return fill


@pytest.fixture(scope="session")
def decided(plan: MatchPlan, book: Callable[..., Store]) -> Callable[..., AbstractContextManager[Store]]:
    """decided(payment=[...], ...) -> the Store after the shipped plan, to look at while it is open."""

    @contextmanager
    def run(**tables: list[dict[str, Any]]) -> Iterator[Store]:
        with book(**tables) as store:
            reconcile(store, plan, as_of=AS_OF, progress=Quiet())
            yield store

    return run


@pytest.fixture(scope="session")
def match(plan: MatchPlan, book: Callable[..., Store]) -> Callable[..., Outcome]:
    """match(payment=[...], open_item=[...], ...) -> Outcome by the shipped plan, or by ``plans``.

    options: of passes, by name, changed in the shipped plan; ``references`` for what all of them read.
    rejected: pairs (payment, open item) that a person rejected for good.
    """

    def run(
        plans: Sequence[MatchPlan] = (),
        options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        rejected: Sequence[tuple[str, str]] = (),
        **tables: list[dict[str, Any]],
    ) -> Outcome:
        if options:
            passes = tuple(replace(p, options={**p.options, **options.get(p.name, {})}) for p in plan.passes)
            references = {**plan.options["references"], **options.get("references", {})}
            plans = (replace(plan, passes=passes, options={**plan.options, "references": references}),)
        if rejected:
            tables["decision"] = _rejections(rejected)
        with book(**tables) as store:
            reconcile(store, *(plans or (plan,)), as_of=AS_OF, progress=Quiet())
            return Outcome(store.table("allocation"), store.table("exception"), store.table("candidate"))

    return run
