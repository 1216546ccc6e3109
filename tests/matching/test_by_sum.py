"""Payments without references: settled where one answer is the only one, and otherwise told what would decide."""

import json
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching.sum_book import Book, Settings
from tieout.matching.sum_search import decides, search
from tieout.matching.sums import Bounds, brute_force

PAY = {"payment_id": "P", "remittance": "Zahlung"}
NO_PROOF_NEEDED = 1e9


def book(pools, *, order=None):
    """A book of one payment a party: pools are (amounts, paid); order: in which the rows come."""
    claims = pl.DataFrame(
        [
            {"pno": n, "paid": paid, "currency": "EUR", "company_code": None, "booking_date": None, "party_id": f"C{n:03d}",
             "ground": "account", "score": 1.0, "names_group": False}
            for n, (_, paid) in enumerate(pools, 1)
        ],
        schema_overrides={"company_code": pl.String, "booking_date": pl.Date},
    )  # fmt: skip
    rows = [
        {"ino": 100 * n + i, "open_item_id": f"I{n}-{i}", "number": "x", "party_id": f"C{n:03d}", "currency": "EUR",
         "rest": amount}
        for n, (amounts, _) in enumerate(pools, 1)
        for i, amount in enumerate(amounts)
    ]  # fmt: skip
    rows = [rows[i] for i in order] if order else rows
    items = pl.DataFrame(rows).with_columns(
        *[pl.lit(None, dtype=pl.String).alias(c) for c in ("company_code", "order", "contract", "delivery")],
        *[pl.lit(None, dtype=pl.Date).alias(c) for c in ("document_date", "due_date", "settled_on")],
        *[pl.lit(0).alias(c) for c in ("discount_days", "discount_percent")],
        untouched=True,
    )
    return Book.of(claims, items.sort("party_id", maintain_order=True), pl.DataFrame({"pno": [], "ino": []}))


POOL = st.tuples(st.lists(st.integers(-20, 40).filter(bool), min_size=1, max_size=8), st.integers(1, 90))


@settings(max_examples=300, deadline=None)
@given(
    pools=st.lists(POOL, min_size=1, max_size=6), undisputed=st.booleans(), shuffle=st.randoms(use_true_random=False)
)
def test_none_one_and_many_are_told_apart_as_brute_force_does(pools, undisputed, shuffle):
    plan = Settings(bounds=Bounds(shown=2000), chance=NO_PROOF_NEEDED, undisputed=undisputed, solutions=2000)
    order = list(range(sum(len(amounts) for amounts, _ in pools)))
    shuffle.shuffle(order)
    found, again = search(book(pools), plan), search(book(pools, order=order), plan)
    for outcome, other, (amounts, paid) in zip(found, again, pools, strict=True):
        truth = [{100 * outcome.pno + i for i in s} for s in brute_force(amounts, paid)]
        label = "none" if not truth else "unique" if len(truth) == 1 else "ambiguous"
        taken = {ino for ino, _, _ in outcome.chosen}
        common = set.intersection(*truth) if truth else set()
        worth = sum(amounts[ino % 100] for ino in common)
        if outcome.kind:  # a set payers choose stands against free sets that fit by accident
            assert taken in truth and outcome.label == "unique"
        elif len(truth) == 1:
            assert (outcome.label, outcome.state, taken) == (label, "settled", truth[0])
        elif truth and undisputed and worth > 0:
            assert (outcome.label, outcome.state, taken) == (label, "undisputed", common)
        else:
            assert (outcome.label, outcome.state, taken) == (label, "open" if truth else "none", set())
        if outcome.state == "open":
            assert sorted(sorted(ino for ino, _ in s.parts) for s in outcome.solutions) == sorted(map(sorted, truth))
        assert (outcome.label, outcome.state, {c[0] for c in outcome.chosen}) == (
            other.label, other.state, {c[0] for c in other.chosen}
        )  # fmt: skip


def items(*amounts, **columns):
    return [
        {"open_item_id": f"I{n}", "reference": f"RE-10{n}", "amount": a} | {k: v[n] for k, v in columns.items()}
        for n, a in enumerate(amounts)
    ]


def chosen(outcome, payment="P"):
    rows = outcome.allocation.filter(payment_id=payment, status="accepted")
    return {(e["sum"], e.get("chosen") or None) for e in map(json.loads, rows["evidence"])}


PARTY = [{"party_id": "C1", "name": "Alpen Papier GmbH"}]


AMOUNTS = ("137.11", "212.43", "391.77", "405.02")
MIXED = ["q", "w", "e", "r"]


@pytest.mark.parametrize(
    ("expected", "columns", "kind"),
    [
        (["I0", "I1", "I2", "I3"], {}, "everything"),
        (["I0", "I1"], {"due_date": ["2026-10-01", "2026-10-02", "2026-11-01", "2026-11-01"]}, "due_by"),
        (["I1", "I3"], {"order_reference": ["A", "B", "A", "B"], "reference": MIXED}, "order"),
        (["I1", "I3"], {"contract_reference": ["A", "B", "A", "B"], "reference": MIXED}, "contract"),
        (["I0", "I3"], {"document_date": ["2026-07-02", "2026-08-02", "2026-09-03", "2026-07-31"]}, "issued_month"),
        (["I1", "I2"], {}, "consecutive"),
        (["I0", "I1", "I3"], {"reference": MIXED}, "all_but_one"),
        (["I1", "I3"], {"reference": MIXED}, None),
    ],
)
def test_each_way_of_choosing_is_told_in_the_evidence(match, expected, columns, kind):
    total = sum(Decimal(AMOUNTS[int(item[1])]) for item in expected)
    found = match(party=PARTY, open_item=items(*AMOUNTS, **columns), payment=[PAY | {"amount": str(total)}])
    assert found.items("P") == expected
    assert chosen(found) == {("unique", kind)}


def test_a_delivery_is_known_from_the_e_invoices(match):
    book_ = items("100.10", "200.20", "300.31", "400.00", "77.77", reference=["q", "w", "e", "r", "t"])
    notes = [
        {"invoice_id": n, "invoice_number": n, "despatch_advice_reference": d}
        for n, d in (("q", "L1"), ("w", "L2"), ("e", "L1"), ("r", "L2"))
    ]
    found = match(party=PARTY, open_item=book_, invoice=notes, payment=[PAY | {"amount": "400.41"}])
    assert (found.items("P"), chosen(found)) == (["I0", "I2"], {("unique", "delivery")})


def test_what_stays_ambiguous_says_which_single_fact_decides(match):
    book_ = items("171.03", "250.00", "250.00", "77.00", reference=["RE-7", "RE-19", "RE-28", "RE-40"])
    found = match(party=PARTY, open_item=book_, payment=[PAY | {"amount": "421.03"}])
    (flag,) = found.exception.filter(object_id="P").to_dicts()
    facts = json.loads(flag["evidence"])
    assert facts["sum"] == "ambiguous" and facts["count"] == 2
    assert facts["solutions"] == [["I0", "I1"], ["I0", "I2"]]
    assert (facts["decides"], facts["decided_by"]) == ("whether RE-19 is paid", ["RE-19"])
    assert "whether RE-19 is paid" in flag["message"]


@pytest.mark.parametrize(
    ("solutions", "fact"),
    [
        ([("C1", ["a", "b"]), ("C2", ["c", "d"])], "which customer paid: C1 or C2"),
        ([("C1", ["a", "b"]), ("C1", ["a", "c"]), ("C1", ["a", "d"])], "which of b, c, d is paid"),
        ([("C1", ["a", "b"]), ("C1", ["a", "c", "d"]), ("C1", ["b", "c", "d", "e"])], "how many items are paid: 2, 3, 4"),
        ([("C1", ["a", "b"]), ("C1", ["a", "c"]), ("C1", ["b", "d"]), ("C1", ["c", "d"])],
         "no single item; whether a is paid leaves at most 2 of 4"),
        ([("C1", ["a", "b"]), ("C1", ["a", "b"])], "whether the discount was taken"),
    ],
)  # fmt: skip
def test_the_deciding_fact_is_the_plainest_that_tells_all_apart(solutions, fact):
    given_ = [(party, numbers, [1] * len(numbers)) for party, numbers in solutions]
    assert decides(given_, complete=True)["fact"] == fact
    assert decides(given_, complete=False)["items"] == []


def test_the_undisputed_part_is_settled_only_where_the_plan_says_so(match):
    book_ = items("171.03", "250.00", "250.00", "77.00", reference=["RE-7", "RE-19", "RE-28", "RE-40"])
    pay = [PAY | {"amount": "421.03"}]
    assert match(party=PARTY, open_item=book_, payment=pay).items("P") == []
    found = match(options={"payer-and-sum": {"undisputed": "settle"}}, party=PARTY, open_item=book_, payment=pay)
    assert found.settled("P") == {("I0", "payment"): Decimal("171.03")}
    (flag,) = found.exception.filter(object_id="P").to_dicts()
    assert (flag["reason"], flag["amount"]) == ("ambiguous", Decimal("250.00"))


MANY = [f"{1000 + 7**n % 9973 + n / 100:.2f}" for n in range(40)]


@pytest.mark.parametrize(("policy", "status"), [("settle", "accepted"), ("propose", "proposed"), ("leave", None)])
def test_an_answer_that_is_unique_within_a_size_does_what_the_plan_says(match, policy, status):
    book_ = items(*MANY, reference=[chr(65 + n // 26) + chr(65 + n % 26) for n in range(40)])
    total = sum(Decimal(MANY[n]) for n in (3, 17))
    options = {"payer-and-sum": {"unique_within": policy, "sizes": 2}}
    found = match(options=options, party=PARTY, open_item=book_, payment=[PAY | {"amount": str(total)}])
    rows = found.allocation.filter(payment_id="P")
    assert set(rows["status"]) == ({status} if status else set())
    if status:
        assert {json.loads(e)["sum"] for e in rows["evidence"]} == {"unique within 2"}
    else:
        (flag,) = found.exception.filter(object_id="P").to_dicts()
        assert (flag["reason"], json.loads(flag["evidence"])["sum"]) == ("ambiguous", "unique within 2")
        assert flag["message"] == "one set of up to 2 of 40 open items adds up; larger sets were not tried"


def test_a_discount_in_its_terms_is_taken_from_each_item_it_is_allowed_for():
    claims = pl.DataFrame({"pno": [1], "paid": [1], "currency": ["EUR"], "company_code": [None], "party_id": ["C"],
                           "booking_date": ["2026-10-10"], "ground": ["name"], "score": [1.0], "names_group": [False]},
                          schema_overrides={"company_code": pl.String}).with_columns(pl.col("booking_date").str.to_date())  # fmt: skip
    rests = [1_000_000, 333_300, -500_000, 1_000_000]
    items_ = pl.DataFrame({"ino": [1, 2, 3, 4], "open_item_id": list("abcd"), "number": list("abcd"), "rest": rests,
                           "document_date": ["2026-10-01", "2026-10-01", "2026-10-01", "2026-08-01"]}).with_columns(
        *[pl.lit(None, dtype=pl.String).alias(c) for c in ("company_code", "order", "contract", "delivery")],
        *[pl.lit(None, dtype=pl.Date).alias(c) for c in ("due_date", "settled_on")],
        party_id=pl.lit("C"), currency=pl.lit("EUR"), discount_days=14, discount_percent=20_000, untouched=True,
    ).with_columns(pl.col("document_date").str.to_date())  # fmt: skip
    one = Book.of(claims, items_, pl.DataFrame({"pno": [], "ino": []}))
    item, starts = one.items(np.asarray([0]))
    # 2 % of 33.33 is 0.6666: a cent is the smallest unit, halves go up.
    assert one.reduced(np.asarray([0]), item, starts, 0).tolist() == [980_000, 326_600, -500_000, 1_000_000]
