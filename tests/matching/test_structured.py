"""The sets payers choose without searching: each kind by its example, and every set found adds up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.matching.structured import NEVER, Lines, structured

AMOUNTS = [500, 700, 1100, 1300, 1700]
DAY = 86


def kinds(target, **columns):
    """{positions: kind} for one payment of five items; columns: issued, due, order, number."""
    nothing = {"issued": [NEVER] * 5, "due": [NEVER] * 5, "order": [-1] * 5, "number": [-1] * 5}
    given_ = {name: np.asarray(values) for name, values in (nothing | columns).items()}
    lines = Lines(
        np.asarray([0, 5]), np.asarray([target]), np.asarray(AMOUNTS), np.arange(5), given_["issued"], given_["due"],
        (("order", given_["order"], ["4711", "4712"]),), np.zeros(5, dtype=np.int64), given_["number"],
    )  # fmt: skip
    return {positions: (how.kind, how.which) for positions, how in structured(lines).get(0, {}).items()}


@pytest.mark.parametrize(
    ("target", "columns", "expected"),
    [
        (5300, {}, {(0, 1, 2, 3, 4): ("everything", "")}),
        (2300, {"due": [DAY, DAY, DAY + 9, DAY + 60, NEVER]}, {(0, 1, 2): ("due_by", "1970-04-06")}),
        (1200, {"due": [DAY, DAY + 3, DAY + 3, DAY + 90, DAY + 90]}, {(0, 1): ("oldest_due", "")}),
        (1800, {"issued": [0, 31, 58, 59, 90]}, {(1, 2): ("issued_month", "1970-02")}),
        (3000, {"due": [0, 0, 33, 35, 40], "issued": [9, 9, 70, 20, 21]}, {}),
        (2400, {"due": [0, 5, 33, 35, 70]}, {(2, 3): ("due_month", "1970-02")}),
        (2200, {"order": [0, 1, 1, 1, 0]}, {(0, 4): ("order", "4711")}),
        (1800, {"number": [14, 15, 16, 99, 101]}, {(1, 2): ("consecutive", "15-16")}),
        (2400, {"number": [14, 15, 16, 99, 101]}, {(2, 3): ("neighbours", "")}),
        (1200, {"issued": [1, 2, 70, 99, 99]}, {(0, 1): ("issued_month", "1970-01")}),
        (4600, {}, {(0, 2, 3, 4): ("all_but_one", "")}),
        (1201, {"due": [0, 0, 0, 0, 0]}, {}),
    ],
)
def test_each_kind_is_found_by_its_name(target, columns, expected):
    assert kinds(target, **columns) == expected


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_every_set_found_adds_up_and_other_payments_do_not_matter(data):
    pools = data.draw(st.lists(st.lists(st.integers(-9, 30).filter(bool), max_size=7), min_size=1, max_size=5))
    starts = np.cumsum([0, *map(len, pools)])
    n = int(starts[-1])

    def column(low, high):
        return np.asarray(data.draw(st.lists(st.integers(low, high), min_size=n, max_size=n)), dtype=np.int64)

    amounts = np.asarray([a for pool in pools for a in pool], dtype=np.int64)
    targets = np.asarray([data.draw(st.integers(1, 60)) for _ in pools])
    due, issued, order, number = column(0, 90), column(0, 90), column(-1, 1), column(-1, 9)

    def found(first, end):
        a, b = starts[first], starts[end]
        lines = Lines(
            starts[first : end + 1] - a, targets[first:end], amounts[a:b], np.arange(b - a), issued[a:b], due[a:b],
            (("order", order[a:b], ["x", "y"]),), np.zeros(b - a, dtype=np.int64), number[a:b],
        )  # fmt: skip
        return structured(lines)

    together = found(0, len(pools))
    for p, pool in enumerate(pools):
        for positions in together.get(p, {}):
            assert len(positions) > 1
            assert sum(pool[i] for i in positions) == targets[p]
        assert together.get(p, {}) == found(p, p + 1).get(0, {})
        if len(pool) > 1 and sum(pool) == targets[p]:
            assert together[p][tuple(range(len(pool)))].kind == "everything"
