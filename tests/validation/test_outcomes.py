"""Rules that no row can break are left out, and only those: findings are the same as if all rules were judged."""

import contextlib
import datetime as dt
import itertools
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.validation.packs import HEAD, fill, rule_sets, rule_text
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.validation.check import prepared
from tieout.validation.outcomes import may_fail
from tieout.validation.planning import Planner
from tieout.validation.values import COMPARISONS, Values, compared

AS_OF = dt.date(2026, 10, 31)

CODES = ["document_kind", "invoice_currency_code", "remark", "'ubl'", "' UBL '", "''"]
LINE_CODES = ["invoice_line.invoiced_item_vat_category_code", "invoice.document_kind", "'S'"]


@st.composite
def texts(draw, codes=CODES):
    text = draw(st.sampled_from(codes))
    if draw(st.integers(0, 2)) == 0:
        text = draw(st.sampled_from([f"upper({text})", f"trim({text})", f"lower({text})", f"coalesce({text}, 'x')"]))
    return text


@st.composite
def numbers(draw):
    inside = draw(conditions(depth=1, codes=LINE_CODES, flags=["invoice_line.is_vat"], numbers=[]))
    counted = draw(st.sampled_from(["invoice_line.row_no", "invoice_line.item_description"]))
    return draw(
        st.sampled_from(
            ["0", "1", "paid_amount", f"count({counted})", f"count({counted}) filter (where {inside})",
             f"coalesce(sum(invoice_line.invoice_line_net_amount) filter (where {inside}), 0)",
             "min(invoice_line.invoice_line_net_amount)"]
        )
    )  # fmt: skip


@st.composite
def conditions(draw, depth=3, codes=CODES, flags=("has_payee", "has_document_totals", "true"), numbers=numbers):
    if not depth or draw(st.integers(0, 3)) == 0:
        texts_ = texts(codes=codes)
        s, t, u = draw(texts_), draw(texts_), draw(texts_)
        listed = draw(st.sampled_from(["'ubl', 'cii'", "'S'", "'x', ''"]))
        made = [f"{s} = {t}", f"{s} <> 'S'", f"{s} is null", f"{s} in ({listed})", f"{s} is distinct from {t}",
                f"{s} < {t}", f"case when {s} = {t} then {u} = 'x' end",
                f"coalesce({draw(st.sampled_from(list(flags)))}, {s} = 'S')", draw(st.sampled_from(list(flags)))]  # fmt: skip
        made += [f"in_code_list({s}, 'MONEY')", f"starts_with({s}, 'u')"]
        if numbers:
            a, b = draw(numbers()), draw(numbers())
            made += [f"{a} + {b} > 0", f"{a} = {b}", f"written(invoice_currency_code) = {s}", f"{a} is null"]
        return draw(st.sampled_from(made))
    deeper = conditions(depth=depth - 1, codes=codes, flags=flags, numbers=numbers)
    a, b, c = draw(deeper), draw(deeper), draw(deeper)
    return draw(
        st.sampled_from(
            [f"({a} and {b})", f"({a} or {b})", f"not ({a})", f"case when {a} then {b} else {c} end",
             f"(({a}) is not distinct from ({b}))"]
        )
    )  # fmt: skip


def column(*values):
    """The same value in all rows, or a few different ones."""
    return st.one_of(
        *(st.just([value] * 3) for value in values), st.lists(st.sampled_from(values), min_size=3, max_size=3)
    )


INVOICES = st.fixed_dictionaries(
    {
        "document_kind": column("ubl", "cii", "S", None),
        "invoice_currency_code": column("EUR", "XXX", None),
        "remark": column(" UBL ", "x", "ä", "", None),
        "has_payee": column("true", "false", None),
        "has_document_totals": column("true", None),
        "paid_amount": column("1", "-1", None),
    }
)
LINES = st.fixed_dictionaries(
    {
        "invoice_id": st.lists(st.sampled_from(["a", "b", "c", "none"]), min_size=3, max_size=3),
        "invoiced_item_vat_category_code": column("S", "E", None),
        "is_vat": column("true", "false", None),
        "item_description": column("x", None),
        "invoice_line_net_amount": column("1", None),
    }
)


def rows(columns, **more):
    return [
        {**{name: values[n] for name, values in columns.items()}, **{k: v[n] for k, v in more.items()}}
        for n in range(3)
    ]


@st.composite
def rules(draw):
    made = []
    for number in range(5):
        table = draw(st.sampled_from(["invoice", "invoice", "invoice_line"]))
        only = (
            {}
            if table == "invoice"
            else {"codes": LINE_CODES, "flags": ["invoice_line.is_vat", "invoice.has_payee"], "numbers": []}
        )
        options = {
            "check": quoted(draw(conditions(**only))),
            "on_null": draw(st.sampled_from(["fail", "pass", "skip"])),
        }
        if draw(st.booleans()):
            options["when"] = quoted(draw(conditions(**only)))
        made.append(rule_text(id=f"ACME-000{number}", table=table, **options))
    return made


def quoted(text):
    return '"' + text.replace('"', '\\"') + '"'


@pytest.fixture(scope="module")
def shared():
    """One store for all examples, which take out what they put in: making one takes longer than an example."""
    with Store.create() as made:
        yield made


@contextlib.contextmanager
def emptied(store):
    yield store
    for table in ("invoice", "invoice_line", "as_written"):
        store.clear(table)


def foreseen(store, pack):
    """Judges all rules of the pack on all rows, and asserts that what each comes to was foreseen; returns how many were left out."""
    planner = Planner(store, [pack], AS_OF, everywhere=False)
    left_out, planner._left_out = planner._left_out, lambda pack, rule: rule.table not in planner._tables
    plan = planner.plan(None)
    idle = 0
    with prepared(store, plan):
        for program in plan.programs:
            outcomes = planner._sieve.outcomes(pack, program.table, planner._known)
            for each in program.rules:
                columns = f"{each.holds} as holds, coalesce({each.when}, false) as judged, coalesce({each.fails}, false) as fails"
                came = store.fetch(Query("rows", f"select {columns} from {program.source} where {program.applies}"))
                expected = outcomes.of(each.rule.check.tree)
                for value in came["holds"]:
                    known = (
                        expected.can_be(value) if value is not None else expected.null or may_fail(each.rule.check.tree)
                    )
                    assert known, (each.rule.check.text, value, expected)
                if each.rule.when and came["judged"].any():
                    assert outcomes.of(each.rule.when.tree).can_be(True), each.rule.when.text
                assert not (came["fails"].any() and left_out(pack, each.rule)), each.rule.check.text
                idle += left_out(pack, each.rule)
    return idle


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=rules(), invoices=INVOICES, lines=st.none() | LINES, written=st.booleans(), applies=st.booleans())
def test_what_rows_come_to_was_foreseen(shared, rules, invoices, lines, written, applies):
    (pack,) = rule_sets(*rules, head=HEAD + ("applies: {specification: [urn]}\n" if applies else ""))
    with emptied(shared) as store:
        keys = {"invoice_id": ["a", "b", "c"], "specification_identifier": ["urn:1", "urn:2", None]}
        fill(store, "invoice", *rows(invoices, **keys))
        if lines:
            fill(store, "invoice_line", *rows(lines, row_no=["1", "2", "3"]))
        if written:
            texts = {"table_name": "invoice", "column_name": "invoice_currency_code", "text": "ubl"}
            fill(store, "as_written", {"invoice_id": "a", **texts})
        foreseen(store, pack)


def test_every_operator_foresees_nulls_and_values(store):
    """Each on columns that are the same in all rows, null in all or in some, or of several values."""
    same = {"document_kind": "S", "has_payee": "true"}
    several = [("S", "EUR", "1", "1.255"), (None, "XXX", "2", None), ("A", "EUR", "1", None), ("Z", "EUR", "2", None)]
    names = ("remark", "invoice_currency_code", "paid_amount", "rounding_amount")
    fill(store, "invoice", *({**same, **dict(zip(names, each, strict=True))} for each in several))
    texts = [
        "document_kind",
        "remark",
        "invoice_currency_code",
        "buyer_name",
        "'S'",
        "upper(remark)",
        "coalesce(remark, 'x')",
    ]
    flags = ["has_payee", "has_delivery", "document_kind = 'S'", "remark = 'S'", "invoice_currency_code = 'EUR'"]
    numbers = [
        "paid_amount",
        "rounding_amount",
        "1",
        "count(invoice_line.row_no)",
        "coalesce(rounding_amount, 0)",
    ]
    conditions = [f"{s} {sign} {t}" for s in texts for t in texts if s != t
                  for sign in ("=", "<>", "<", ">=", "is distinct from", "is not distinct from")]  # fmt: skip
    conditions += [
        f"{a} {sign} {b}" for a in numbers for b in numbers if a != b for sign in ("=", "<", "<=", ">", ">=")
    ]
    conditions += [f"{a} {word} {b}" for a in flags for b in flags if a != b for word in ("and", "or")]
    for s in texts:
        conditions += [
            f"{s} is null",
            f"{s} in ('S', 'EUR')",
            f"in_code_list({s}, 'MONEY')",
            f"trim({s}) <> ''",
            f"left({s}, 1) = 'S'",
        ]
    for a in flags:
        conditions += [
            f"not {a}",
            f"case when {a} then remark = 'S' end",
            f"case when {a} then false else has_payee end",
            f"({a}) is true",
        ]
    for a in numbers:
        conditions += [f"{a} + 1 > 1", f"{a} - {a} = 0", f"abs({a}) >= 0"]
    conditions += [f"written_decimals({a}) <= 2" for a in ("paid_amount", "rounding_amount", "paid_amount")]
    made = []
    for number, condition in enumerate(dict.fromkeys(conditions)):
        rule = rule_text(id=f"ACME-{number:04}", check=quoted(condition), on_null=("fail", "pass")[number % 2])
        with contextlib.suppress(
            AssertionError
        ):  # some are refused, as a text with a number; how many are left is asserted
            rule_sets(rule)
            made.append(rule)
    (pack,) = rule_sets(*made)
    idle = foreseen(store, pack)
    assert len(made) > 400
    assert len(made) / 10 < idle < len(made) / 2


@pytest.mark.parametrize(
    ("check", "column", "values", "judged"),
    [
        ("remark is not null", "remark", ["x", "y"], 0),
        ("remark is not null", "remark", ["x", None], 1),
        ("in_code_list(invoice_currency_code, 'MONEY')", "invoice_currency_code", ["EUR", "USD"], 0),
        ("in_code_list(invoice_currency_code, 'MONEY')", "invoice_currency_code", ["EUR", "XXX"], 1),
        ("invoice_currency_code <> 'EUR' or count(invoice_line.row_no) = 0", "invoice_currency_code", ["EUR", "EUR"], 0),
        ("invoice_currency_code = 'EUR' or count(payment_instruction.row_no) > 0", "invoice_currency_code", ["EUR", "X"], 1),
        ("cast(remark as bigint) > 0 or remark is null", "remark", [None, None], 1),
    ],
)  # fmt: skip
def test_what_is_known_of_columns_decides(store, check, column, values, judged):
    fill(store, "invoice", *({"invoice_id": str(n), column: value} for n, value in enumerate(values)))
    planner = Planner(store, rule_sets(rule_text(check=quoted(check))), AS_OF, everywhere=False)
    assert sum(len(program.rules) for program in planner.plan(frozenset()).programs) == judged


def test_a_line_without_its_invoice_is_judged_as_one_whose_invoice_says_nothing(store):
    fill(store, "invoice", {"invoice_id": "a", "document_kind": "S"})
    fill(store, "invoice_line", {"invoice_id": "a", "row_no": 1}, {"invoice_id": "none", "row_no": 1})
    (pack,) = rule_sets(rule_text(table="invoice_line", check="invoice.document_kind = 'S'", on_null="fail"))
    assert foreseen(store, pack) == 0


def test_a_text_that_the_value_does_not_show_is_looked_at(store):
    fill(store, "invoice", {"invoice_id": "a", "remark": "S"}, {"invoice_id": "b", "remark": "S"})
    fill(store, "as_written", {"invoice_id": "b", "table_name": "invoice", "column_name": "remark", "text": " S"})
    (pack,) = rule_sets(rule_text(check="written(remark) = 'S'"))
    assert foreseen(store, pack) == 0


@pytest.mark.parametrize("sign", ["lt", "lte", "gt", "gte", "eq", "neq"])
def test_bounds_tell_what_a_comparison_can_come_to(sign):
    for low, high, first, last in itertools.product(range(4), repeat=4):
        if low <= high and first <= last:
            left, right = (Values(None, False, None, Decimal(a), Decimal(b)) for a, b in ((low, high), (first, last)))
            halves = itertools.product(range(2 * low, 2 * high + 1), range(2 * first, 2 * last + 1))
            came = {COMPARISONS[sign](a, b) for a, b in halves}
            told = compared(sign, left, right)
            assert came == told or (sign in ("eq", "neq") and came < told), (low, high, first, last)
