"""Blocks counted without being made, and a pass of candidates with weights, from plan to allocation."""

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.library import yamlfile
from tieout.library.plans import parse_plan
from tieout.matching import trial
from tieout.matching.candidates import block
from tieout.matching.reconcile import reconcile, shared_options, standing_before
from tieout.replay import NoProgress
from tieout.store.engine import Store

LEVELS = """
  - pass: weighed
    find: candidates
    weights: fellegi_sunter
    {prior}
    block: [currency, payment.amount = open_item.open_amount]
    compare:
      - {{payment: counterparty_name, open_item: party_name, method: name, term_frequency: {rare},
         levels: [{{at: 0.95{one}}}, {{at: 0{other}}}]}}
    accept_at: 0.9
    review_at: 0.5
"""
WRITTEN = {"prior": "prior: 0.2", "one": ", m: 0.9, u: 0.02", "other": ", m: 0.1, u: 0.98"}


def plan_of(passes):
    plan, mistakes = parse_plan(yamlfile.load("plan: p\nleft: payment\nright: open_item\npasses:" + passes))
    assert plan is not None, mistakes
    return plan


def filled(store, payments, items):
    rows = [
        {"payment_id": id, "amount": amount, "currency": "EUR", "booking_date": "2026-10-10", "counterparty_name": name}
        for id, amount, name in payments
    ]
    store.append("payment", pl.DataFrame(rows))
    rows = [
        {"open_item_id": id, "amount": amount, "open_amount": amount, "currency": "EUR", "party_name": name,
         "party_id": name, "document_date": "2026-10-01", "due_date": "2026-10-31"}
        for id, amount, name in items
    ]  # fmt: skip
    store.append("open_item", pl.DataFrame(rows))


def settled(plan, payments, items):
    with Store.create() as store:
        filled(store, payments, items)
        reconcile(store, plan, as_of=dt.date(2026, 10, 31), progress=NoProgress())
        return store.table("allocation").select("payment_id", "open_item_id", "status", "score").rows()


PAYMENTS = [("P1", "10", "Finch, Alder"), ("P2", "20", "Somebody Else")]
ITEMS = [("I1", "10", "Alder Finch"), ("I2", "20", "Brook Lane")]


def test_a_weighted_pass_settles_by_the_probability_of_its_levels():
    found = settled(plan_of(LEVELS.format(**WRITTEN, rare="false")), PAYMENTS, ITEMS)
    # Odds 0.2 / 0.8 times 0.9 / 0.02.
    assert [(payment, item, status, float(score)) for payment, item, status, score in found] == [
        ("P1", "I1", "accepted", round(11.25 / 12.25, 6))
    ]


def test_a_word_that_every_item_has_is_weighed_as_what_it_is():
    plan = plan_of(LEVELS.format(**WRITTEN, rare="true"))
    # One of two items holds the rarest word that both share: u is a half, the odds are 0.25 x 0.9 / 0.5.
    assert settled(plan, PAYMENTS, ITEMS) == []
    more = [*ITEMS, *((f"X{n}", "99", f"Nobody {n}") for n in range(198))]
    ((payment, item, status, score),) = settled(plan, PAYMENTS, more)
    assert (payment, item, status, float(score)) == ("P1", "I1", "accepted", round(45 / 46, 6))


def test_a_pass_whose_weights_are_not_written_takes_nothing():
    plan = plan_of(LEVELS.format(prior="", one="", other="", rare="false"))
    assert settled(plan, PAYMENTS, ITEMS) == []


def test_em_on_a_book_tells_true_names_from_false_ones():
    # 300 payments by customers with names of their own; each amount is owed by two customers, one of whom paid.
    names = [f"{chr(65 + n % 26)}{chr(97 + n // 26)}xo Werk{n:03d}" for n in range(300)]
    payments = [(f"P{n}", str(100 + n), names[n]) for n in range(300)]
    items = [(f"I{n}", str(100 + n), names[n]) for n in range(300)]
    items += [(f"J{n}", str(100 + n), names[(n + 150) % 300]) for n in range(300)]
    plan = plan_of(LEVELS.format(prior="", one="", other="", rare="false"))
    with Store.create() as store:
        filled(store, payments, items)
        with standing_before(store, plan, "weighed") as ledger:
            estimate, pairs = trial.estimated(ledger, {**plan.passes[0].options, **shared_options(plan)})
    assert pairs == 600
    assert abs(estimate.prior - 0.5) < 0.05
    assert estimate.m[0][0] > 0.95 and estimate.u[0][0] < 0.02


@settings(max_examples=12)
@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abcd"), max_size=6))
def test_a_block_of_equalities_is_counted_exactly(left, right):
    passes = (
        "\n  - {pass: x, find: candidates, block: [payment.counterparty_name = open_item.party_name], limit: 1000}\n"
    )
    plan = plan_of(passes)
    with Store.create() as store:
        if left:
            filled(store, [(f"P{n}", "1", name) for n, name in enumerate(left)], [("I", "1", None)])
        if right:
            filled(store, [("P", "1", None)], [(f"I{n}", "1", name) for n, name in enumerate(right)])
        with standing_before(store, plan) as ledger:
            size = trial.block_size(ledger, {**plan.passes[0].options, "limit": 2})
            made = ledger.rows("made", block(plan.passes[0].options["block"], [], 1000).sql)
    assert size.exact and size.pairs == made.height
    assert size.payments == made["pno"].n_unique()
    assert size.crowded == made.group_by("pno").len().filter(pl.col("len") > 2).height
    assert ("open_item.party_name" in size.empty) == (not right)
