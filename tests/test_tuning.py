"""Labels, bounds and proposals: what is shown by labels and what is only seen in them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tieout.cases.decisions import Decision
from tieout.model.definitions import Pass
from tieout.model.errors import Location, TieoutError
from tieout.tuning import _judged, _proposal, labels_of, needed_labels, read_labels, upper_bound

LABELS = "payment_id,open_item_id,match\nP1,I1,1\nP2,I2,no\nP3,,\n"


def test_a_payment_of_which_the_right_item_is_known_has_no_other(tmp_path):
    (tmp_path / "labels.csv").write_text(LABELS)
    labels = read_labels(tmp_path / "labels.csv")
    pairs = [("P1", "I1"), ("P1", "I9"), ("P2", "I2"), ("P2", "I9"), ("P3", "I1"), ("P4", "I1")]
    judged = _judged(pl.DataFrame(pairs, schema=["payment_id", "open_item_id"], orient="row"), labels)
    assert judged["right"].to_list() == [True, False, False, None, False, None]
    assert labels.count == 3


def test_decisions_are_labels_where_they_name_items():
    def decision(case, payment, pays=(), excludes=(), table="payment"):
        pays, excludes = frozenset(pays), frozenset(excludes)
        return Decision(case, "resolved", "ambiguous", table, payment, "mia", "", "2026", pays, excludes)

    labels = labels_of(
        {
            "EX-1": decision("EX-1", "P1", ["I1"], ["I2"]),
            "EX-2": decision("EX-2", "P2", [], ["I3"]),
            "EX-3": decision("EX-3", "P3"),
            "EX-4": decision("EX-4", "O1", ["I1"], table="open_item"),
        }
    )
    assert sorted(labels.pairs.rows()) == [("P1", "I1", True), ("P1", "I2", False), ("P2", "I3", False)]
    assert labels.complete["payment_id"].to_list() == ["P1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n", "the heading lacks payment_id, open_item_id"),
        (
            "payment_id,open_item_id,match\nP1,I1,1\nP1,I2,perhaps\n",
            ":3: a label needs a payment_id, and match is 1 or 0",
        ),
        ("", "no labels can be read"),
    ],
)
def test_a_file_that_is_no_labels_is_told_with_its_line(tmp_path, content, told):
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(TieoutError, match=told):
        read_labels(tmp_path / "labels.csv")


@given(st.integers(1, 2000), st.floats(0, 0.2))
def test_the_bound_is_the_rate_at_which_so_few_mistakes_would_be_rare(seen, share):
    wrong = min(int(seen * share), seen - 1)
    bound = upper_bound(wrong, seen)
    assert binom.cdf(wrong, seen, bound) == pytest.approx(0.05, rel=1e-6)


def test_few_labels_show_little():
    assert upper_bound(0, 0) == 1
    assert upper_bound(0, 10) == pytest.approx(1 - 0.05**0.1)
    assert needed_labels(0.001) == 2995
    assert upper_bound(0, 2995) <= 0.001 < upper_bound(0, 2994)


def proposal(rows, error_rate):
    columns = ["threshold", "labelled", "right", "wrong"]
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        error_high=pl.struct("wrong", "labelled").map_elements(
            lambda row: upper_bound(row["wrong"], row["labelled"]), return_dtype=pl.Float64
        )
    )
    return _proposal(Pass("p", {}, Location("plan.yaml", 3)), table, None, error_rate, 0.95)


def test_a_threshold_is_shown_by_enough_labels_and_only_seen_in_few():
    rows = [(0.5, 420, 390, 30), (0.7, 400, 400, 0), (0.9, 60, 60, 0)]
    shown = proposal(rows, 0.01)
    assert (shown.accept_at, shown.is_proven, shown.seen, shown.wrong) == (0.7, True, 400, 0)
    seen = proposal([(0.5, 12, 6, 6), (0.9, 6, 6, 0)], 0.01)
    assert (seen.accept_at, seen.is_proven, seen.needed) == (0.9, False, 299)
    assert seen.error_at_most == pytest.approx(1 - 0.05 ** (1 / 6))


def test_without_labels_nothing_is_proposed():
    none = proposal([(0.5, 0, 0, 0), (0.9, 0, 0, 0)], 0.01)
    assert (none.accept_at, none.review_at, none.is_proven) == (None, None, False)
    wrong = proposal([(0.5, 3, 0, 3)], 0.01)
    assert wrong.accept_at is None
