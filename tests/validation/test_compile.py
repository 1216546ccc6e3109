"""Rules to SQL: what the statements look like, and that the engine takes whatever the checker accepts."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.library.grammar import conditions
from tests.validation.packs import fill, rule_sets, rule_text
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.validation.check import check, prepared
from tieout.validation.compile import compile_rules
from tieout.validation.rows import Codes, Lookup

AS_OF = dt.date(2026, 10, 31)


def compiled(*rules, **options):
    return compile_rules(rule_sets(*rules), as_of=AS_OF, **options)


def test_a_plain_rule_is_counted_over_its_table_alone():
    (program,) = compiled(rule_text(check="paid_amount >= 0")).programs
    query, pairs = program.gate("true")
    assert query.sql == (
        'select\n  count(*) as n,\n  count_if(("invoice"."paid_amount" >= 0)) as n1\nfrom "invoice"\nwhere true'
    )
    assert pairs == [("n", "n1")]


def test_when_is_counted_once_for_all_rules_that_share_it():
    rules = [rule_text(id=f"ACME-000{n}", when="has_payee", check=f"paid_amount > {n}") for n in range(3)]
    (program,) = compiled(*rules).programs
    query, pairs = program.gate("true")
    assert query.sql.count('count_if(("invoice"."has_payee")) as') == 1
    assert len({first for first, _ in pairs}) == 1


def test_a_child_table_is_grouped_once_however_many_rules_ask():
    rules = [
        rule_text(id="ACME-0001", check="sum(invoice_line.invoice_line_net_amount) > 0"),
        rule_text(id="ACME-0002", check="count(invoice_line.*) > 0 and sum(invoice_line.invoice_line_net_amount) > 1"),
        rule_text(id="ACME-0003", table="vat_breakdown", check="sum(invoice_line.invoice_line_net_amount) > 2"),
    ]
    plan = compiled(*rules)
    assert [step.sql for step in plan.steps] == [
        'create or replace temp table "~g1" as\nselect\n'
        '  "invoice_line"."invoice_id" as k0,\n'
        '  sum("invoice_line"."invoice_line_net_amount") as a0,\n'
        "  count(*) as a1\n"
        'from "invoice_line"\ngroup by "invoice_line"."invoice_id"'
    ]
    assert [program.source for program in plan.programs] == [
        '"invoice"\nleft join "~g1" as g1 on g1.k0 = "invoice"."invoice_id"',
        '"vat_breakdown"\nleft join "~g1" as g1 on g1.k0 = "vat_breakdown"."invoice_id"',
    ]


def test_a_sum_that_depends_upon_the_row_is_grouped_by_the_row():
    plan = compiled(
        rule_text(
            table="vat_breakdown",
            check="sum(invoice_line.invoice_line_net_amount) filter "
            "(where invoice_line.invoiced_item_vat_rate = vat_category_rate) > 0",
        )
    )
    (step,) = plan.steps
    assert step.sql == (
        'create or replace temp table "~g1" as\nselect\n'
        '  "vat_breakdown"."rowid" as k0,\n'
        '  sum("invoice_line"."invoice_line_net_amount") FILTER(WHERE "invoice_line"."invoiced_item_vat_rate" = '
        '"vat_breakdown"."vat_category_rate") as a0\n'
        'from "vat_breakdown"\njoin "invoice_line" on "invoice_line"."invoice_id" = "vat_breakdown"."invoice_id"\n'
        'group by "vat_breakdown"."rowid"'
    )


def test_a_line_s_children_are_joined_by_the_line_they_belong_to():
    (step,) = compiled(rule_text(table="invoice_line", check="count(item_attribute.*) > 0")).steps
    assert '"item_attribute"."invoice_id" as k0,\n  "item_attribute"."line_row_no" as k1' in step.sql


def test_only_the_code_lists_that_are_named_are_put_in():
    steps = compiled(rule_text(check="in_code_list(invoice_currency_code, 'MONEY')")).steps
    assert [list(step.lists) for step in steps if isinstance(step, Codes)] == [["MONEY"]]


def test_an_identifier_is_looked_up_once_for_each_check_and_expression():
    rules = [rule_text(id=f"ACME-000{n}", check="valid_iban(buyer_identifier)") for n in range(2)]
    lookups = [step for step in compiled(*rules).steps if isinstance(step, Lookup)]
    assert [(step.check, step.table) for step in lookups] == [("valid_iban", "~valid_iban")]


def test_values_are_guarded_only_when_asked():
    rule = rule_text(check="cast(remark as bigint) > 0")
    assert "try(" not in compiled(rule).programs[0].rules[0].holds
    assert compiled(rule, careful=None).programs[0].rules[0].holds.startswith("try(")
    assert "try(" not in compiled(rule_text(check="paid_amount > 0"), careful=None).programs[0].rules[0].holds


def test_the_date_of_the_run_stands_by_its_name_for_readers():
    plan = compile_rules(rule_sets(rule_text(check="issue_date <= $as_of")), as_of=None)
    assert plan.programs[0].rules[0].holds == '("invoice"."issue_date" <= $as_of)'


# --- the engine takes what the checker accepts ---


@pytest.fixture(scope="module")
def rows():
    """Two invoices, one with every column the random conditions name, one with nulls."""
    with Store.create() as store:
        fill(
            store,
            "invoice",
            {"invoice_id": "a", "paid_amount": "1.5", "rounding_amount": "0.05", "remark": "x", "seller_name": "it's",
             "issue_date": "2026-01-31", "payment_due_date": "2026-03-01", "has_payee": "true", "invoice_number": "1"},
            {"invoice_id": "b"},
        )  # fmt: skip
        fill(store, "invoice_line", {"invoice_id": "a", "row_no": 1, "invoice_line_net_amount": 5, "item_net_price": 1})
        yield store


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conditions())
def test_random_conditions_run_and_give_one_state_a_row(rows, text):
    used = [written for name, written in PARAMS.items() if f"${name}" in text]
    options = {"params": f"{{{', '.join(used)}}}"} if used else {}
    rule = rule_text(check=repr_yaml(text), **options)
    plan = compile_rules(rule_sets(rule), as_of=AS_OF, careful=None)
    with prepared(rows, plan):
        program = plan.programs[0]
        states = rows.fetch(Query("states", f"select {program.rules[0].state} as s from {program.source}"))
    assert states.height == 2
    assert set(states["s"].to_list()) <= {0, 1}


PARAMS = {"tolerance": "tolerance: 0.06", "since": "since: 2019-04-01", "code": "code: S"}


def repr_yaml(text):
    return "'" + text.replace("'", "''") + "'"


DECIMALS = st.decimals(-(10**9), 10**9, places=6, allow_nan=False)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(DECIMALS, DECIMALS), min_size=1, max_size=40), st.integers(0, 6))
def test_div_rounds_half_away_from_zero_exactly(pairs, scale):
    pairs = [
        *pairs,
        (Decimal("0.5"), Decimal(1)),
        (Decimal("-0.5"), Decimal(1)),
        (Decimal(1), Decimal(3)),
        (Decimal(1), Decimal(0)),
    ]
    with Store.create() as store:
        fill(
            store,
            "invoice",
            *({"invoice_id": str(n), "paid_amount": a, "rounding_amount": b} for n, (a, b) in enumerate(pairs)),
        )
        sets = rule_sets(rule_text(check="1 = 2", message=f'"{{div(paid_amount, rounding_amount, {scale})}}"'))
        check(store, sets, as_of=AS_OF)
        shown = dict(store.table("finding").select("object_id", "message").rows())
    for n, (a, b) in enumerate(pairs):
        if b == 0:
            assert shown[str(n)] == "(empty)"
        else:
            exact = (a * 10**scale / b).quantize(Decimal(1), ROUND_HALF_UP).scaleb(-scale)
            assert Decimal(shown[str(n)]) == exact


# --- each operator matters: changing it changes what is found ---

MUTANTS = [
    ("paid_amount > 0", "paid_amount >= 0"),
    ("paid_amount < 1", "paid_amount <= 1"),
    ("paid_amount = 1", "paid_amount <> 1"),
    ("paid_amount between 0 and 1", "paid_amount between 0 and 0.99"),
    ("paid_amount + 1 > 1.5", "paid_amount - 1 > 1.5"),
    ("paid_amount * 2 > 1.5", "paid_amount + 2 > 1.5"),
    ("-paid_amount < 0", "paid_amount < 0"),
    ("abs(paid_amount) > 0.5", "paid_amount > 0.5"),
    ("round(paid_amount, 0) = 1", "floor(paid_amount) = 1"),
    ("ceil(paid_amount) = 1", "floor(paid_amount) = 1"),
    ("greatest(paid_amount, 0.9) > 0.95", "least(paid_amount, 0.9) > 0.95"),
    ("coalesce(paid_amount, 1) > 0", "coalesce(paid_amount, 0) > 0"),
    ("paid_amount >= 0 and has_payee", "paid_amount >= 0 or has_payee"),
    ("has_payee", "not has_payee"),
    ("paid_amount is null", "paid_amount is not null"),
    ("remark is not distinct from null", "remark is distinct from null"),
    ("paid_amount in (0, 1)", "paid_amount not in (0, 1)"),
    ("remark like 'A%'", "remark ilike 'A%'"),
    ("upper(remark) = 'ABC'", "lower(remark) = 'ABC'"),
    ("trim(remark) = 'abc'", "remark = 'abc'"),
    ("length(remark) = 3", "length(remark) = 4"),
    ("substring(remark, 1, 1) = 'a'", "substring(remark, 2, 1) = 'a'"),
    ("left(remark, 1) = 'a'", "right(remark, 1) = 'a'"),
    ("starts_with(remark, 'a')", "ends_with(remark, 'a')"),
    ("contains(remark, 'a')", "contains(remark, 'A')"),
    ("replace(remark, 'a', '') = 'bc'", "replace(remark, 'b', '') = 'bc'"),
    ("regexp_matches(remark, 'b')", "regexp_full_match(remark, 'b')"),
    ("remark || 'd' = 'abcd'", "'d' || remark = 'abcd'"),
    ("issue_date < '2026-01-02'", "issue_date <= '2026-01-02'"),
    ("issue_date + 1 = '2026-01-03'", "issue_date - 1 = '2026-01-03'"),
    ("date_trunc('month', issue_date) = '2026-01-01'", "date_trunc('year', issue_date + 40) = '2026-02-01'"),
    ("last_day(issue_date) = '2026-01-31'", "issue_date = '2026-01-31'"),
    ("day(issue_date) = 2", "month(issue_date) = 2"),
    ("case when has_payee then true else false end", "case when has_payee then false else true end"),
    ("nullif(paid_amount, 1) is null", "nullif(paid_amount, 0) is null"),
    ("sum(invoice_line.row_no) = 3", "max(invoice_line.row_no) = 3"),
    ("count(invoice_line.*) = 2", "count(distinct invoice_line.item_name) = 2"),
    ("min(invoice_line.row_no) = 1", "max(invoice_line.row_no) = 1"),
    ("bool_or(invoice_line.row_no = 1)", "bool_and(invoice_line.row_no = 1)"),
    ("count(invoice_line.*) = 2", "count(*) filter (where invoice_line.row_no > 1) = 2"),
    ("in_code_list(remark, 'RATES')", "in_code_list(upper(left(remark, 1)), 'RATES')"),
    ("sign(paid_amount) = 1", "sign(paid_amount) = 0"),
    ("year(issue_date) % 5 = 1", "year(issue_date) % 4 = 1"),
]


@pytest.fixture(scope="module")
def varied():
    with Store.create() as store:
        fill(
            store,
            "invoice",
            {"invoice_id": "a", "paid_amount": "0", "has_payee": "true", "remark": "abc", "issue_date": "2026-01-02"},
            {
                "invoice_id": "b",
                "paid_amount": "1",
                "has_payee": "false",
                "remark": " abc ",
                "issue_date": "2026-02-01",
            },
            {"invoice_id": "c", "paid_amount": "-1", "has_payee": "true", "remark": "Abd", "issue_date": "2025-12-31"},
            {"invoice_id": "d", "paid_amount": "0.6"},
            {"invoice_id": "e"},
            {"invoice_id": "f", "remark": "B"},
        )
        fill(store, "invoice_line", *({"invoice_id": "a", "row_no": n, "item_name": "x"} for n in (1, 2)))
        yield store


@pytest.mark.parametrize(("text", "mutant"), MUTANTS)
def test_each_operator_matters(varied, text, mutant):
    both = [rule_text(id=f"ACME-000{n}", check=repr_yaml(each)) for n, each in enumerate((text, mutant))]
    plan = compile_rules(rule_sets(*both), as_of=AS_OF)
    with prepared(varied, plan):
        program = plan.programs[0]
        states = varied.fetch(
            Query("s", f"select {program.rules[0].state} as a, {program.rules[1].state} as b from {program.source}")
        )
    assert states["a"].to_list() != states["b"].to_list()
    assert 0 in states["a"].to_list(), "the condition itself never holds here: the pair shows nothing"
