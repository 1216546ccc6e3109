"""What is said to be the same is the same on every row, and what is said never to be null never is: tried on all rows there are."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.library.test_expression import read
from tieout.library.equivalent import never_null, same
from tieout.library.variants import variants

TEXTS = (None, "", "x", " x", "y", "X")
ROWS = [(a, b, c) for a in TEXTS for b in TEXTS for c in (None, True, False)]


@pytest.fixture(scope="module")
def rows():
    with duckdb.connect() as store:
        store.execute("create table invoice (buyer_reference varchar, seller_name varchar, has_payee boolean)")
        store.executemany("insert into invoice values (?, ?, ?)", ROWS)
        yield store


def answers(rows, tree):
    text = tree.sql("duckdb")
    return [each for (each,) in rows.execute(f"select {text} from invoice order by rowid").fetchall()]


def of(text):
    expression, mistakes = read(text)
    return None if expression is None or mistakes else expression.tree


columns = st.sampled_from(["buyer_reference", "seller_name"])
texts = st.sampled_from(["''", "'x'", "'~'", "'X'"])


@st.composite
def values(draw):
    column, text = draw(columns), draw(texts)
    return draw(
        st.sampled_from([column, f"coalesce({column}, {text})", f"trim({column})", f"trim(coalesce({column}, {text}))",
                         f"upper(coalesce({column}, {text}))", text])
    )  # fmt: skip


@st.composite
def conditions(draw, depth=3):
    if not depth or draw(st.integers(0, 2)) == 0:
        value, text, other, column = draw(values()), draw(texts), draw(texts), draw(columns)
        return draw(
            st.sampled_from([f"{value} = {text}", f"{value} <> {text}", f"{value} in ({text}, {other})", "has_payee",
                             f"{column} is null", f"{column} is not null", "coalesce(has_payee, false)",
                             f"coalesce({column} = {text}, false)", f"{column} is distinct from {text}",
                             f"starts_with({value}, {text})"])
        )  # fmt: skip
    a, b, c = (draw(conditions(depth=depth - 1)) for _ in range(3))
    return draw(
        st.sampled_from([f"({a} and {b})", f"({a} or {b})", f"not ({a})", f"(case when {a} then {b} else {c} end)"])
    )


@settings(max_examples=150)
@given(text=conditions(), weak=st.booleans())
def test_what_is_the_same_answers_alike(rows, text, weak):
    tree = of(text)
    if tree is None:
        return
    expected = answers(rows, tree)
    for variant in variants(text):
        other = of(variant.text)
        if other is not None and same(tree, other, null_is_false=weak):
            found = answers(rows, other)
            if weak:
                assert [bool(each) for each in found] == [bool(each) for each in expected], variant
            else:
                assert found == expected, variant


@settings(max_examples=300)
@given(check=conditions(), when=st.none() | conditions(depth=2))
def test_what_is_never_null_never_is(rows, check, when):
    trees = of(check), of(when) if when else None
    if trees[0] is None or (when and trees[1] is None) or not never_null(*trees):
        return
    applies = answers(rows, trees[1]) if when else [True] * len(ROWS)
    assert None not in [each for each, judged in zip(answers(rows, trees[0]), applies, strict=True) if judged]


@pytest.mark.parametrize(
    ("one", "other", "weak"),
    [
        ("coalesce(buyer_reference, '') <> 'x'", "coalesce(buyer_reference, '~') <> 'x'", False),
        ("coalesce(buyer_reference, '') = 'x'", "buyer_reference = 'x'", True),
        ("coalesce(has_payee, false)", "has_payee", True),
        ("trim(coalesce(buyer_reference, '')) <> ''", "trim(buyer_reference) <> ''", True),
        ("coalesce(buyer_reference, '') in ('x', 'y')", "buyer_reference in ('x', 'y')", True),
    ],
)
def test_the_same(one, other, weak):
    assert same(of(one), of(other), null_is_false=weak)


@pytest.mark.parametrize(
    ("one", "other", "weak"),
    [
        ("coalesce(buyer_reference, '') <> 'x'", "buyer_reference <> 'x'", True),
        ("coalesce(buyer_reference, '') = 'x'", "buyer_reference = 'x'", False),
        ("not coalesce(has_payee, false)", "not has_payee", True),
        ("coalesce(buyer_reference, '') = ''", "coalesce(buyer_reference, '~') = ''", True),
        ("coalesce(has_payee, true)", "has_payee", True),
    ],
)
def test_not_the_same(one, other, weak):
    assert not same(of(one), of(other), null_is_false=weak)


@pytest.mark.parametrize(
    ("check", "when", "never"),
    [
        ("buyer_reference = 'x'", None, False),
        ("buyer_reference = 'x'", "buyer_reference is not null", True),
        ("buyer_reference = 'x'", "buyer_reference is not null or has_payee", False),
        ("upper(buyer_reference) = 'X'", "trim(buyer_reference) <> ''", True),
        ("buyer_reference is null or buyer_reference = 'x'", None, True),
        ("buyer_reference is not null and buyer_reference = 'x'", None, True),
        ("buyer_reference is null or seller_name = 'x'", None, False),
        ("count(invoice_line.row_no) filter (where invoice_line.item_name = 'x') = 0", None, True),
        ("sum(invoice_line.invoice_line_net_amount) = 0", None, False),
        ("regexp_matches(written(issue_date), 'x')", "written(issue_date) is not null", True),
        ("written(issue_date) = 'x'", "issue_date is not null", True),
        ("issue_date = date '2026-01-01'", "written(issue_date) is not null", False),
    ],
)
def test_never_null(check, when, never):
    assert never_null(of(check), of(when) if when else None) is never
