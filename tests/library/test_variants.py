"""Small changes of a condition: each kind is made, each is still read by the parser, none is the condition itself."""

import pytest
from hypothesis import given, settings

from tests.library.grammar import conditions
from tests.library.test_expression import read
from tests.validation.packs import rule_sets, rule_text
from tieout.library.mutants import mutants
from tieout.library.variants import number_near, variants


def changed(text):
    return {"".join(each.text.lower().split()) for each in variants(text)}


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("paid_amount = 1", "paid_amount<>1"),
        ("paid_amount <= 1", "paid_amount<1"),
        ("paid_amount > 1", "paid_amount<1"),
        ("paid_amount = 0.02", "paid_amount=0.03"),
        ("buyer_reference = 'S'", "buyer_reference='~'"),
        ("a is null and b", "aisnotnullandb"),
        ("a is not null", "aisnull"),
        ("not a", "a"),
        ("a and b", "aorb"),
        ("a and b", "a"),
        ("a or b", "b"),
        ("a + b = c", "b=c"),
        ("a - b = c", "a+b=c"),
        ("a in ('x', 'y')", "ain('y')"),
        ("coalesce(a, 0) = 1", "a=1"),
        ("abs(a) = 1", "a=1"),
        ("sum(t.a) filter (where t.b = 'S') = 1", "sum(t.a)=1"),
        ("min(t.a) = 1", "max(t.a)=1"),
        ("date '2024-01-01' < a", "date'1900-01-01'<a"),
        ("div(a, b, 2) = 1", "div(a,b,3)=1"),
    ],
)
def test_an_operator_a_constant_or_a_part_changes(text, one):
    assert one in changed(text)


@pytest.mark.parametrize("text", ["a between 1 and 2", "count(t.*) = 1", "in_code_list(a, 'ISO4217')", "a = -1"])
def test_what_is_no_operator_or_constant_of_its_own_stays(text):
    assert not {
        each for each in changed(text) if "or2" in each or "count(t.+)" in each or "'~')" in each or "=+1" in each
    }


def test_an_entry_of_a_list_is_left_out_and_not_also_made_another():
    assert changed("a in ('x', 'y')") == {"ain('x')", "ain('y')"}
    assert "a='~'" in changed("a = 'x'")


def test_numbers_move_by_their_last_digit():
    assert [number_near(text) for text in ("0.02", "100", "1.10")] == ["0.03", "101", "1.11"]


@settings(max_examples=60, deadline=None)
@given(conditions())
def test_no_variant_is_the_condition_and_none_comes_twice(text):
    if read(text)[0] is None:
        return
    texts = ["".join(each.text.lower().split()) for each in variants(text)]
    assert len(texts) == len(set(texts))
    assert "".join(text.lower().split()) not in texts


def test_a_rule_is_changed_in_its_condition_its_parameters_and_what_it_does_with_null():
    rule = rule_text(
        when="invoice_type_code = '380'",
        check="paid_amount > $limit",
        params="{limit: 5}",
        tests="[{given: {invoice_type_code: '380', paid_amount: 6}, expect: pass}, "
        "{given: {invoice_type_code: '380', paid_amount: 1}, expect: fail}]",
    )
    (pack,) = rule_sets(rule)
    made = list(mutants(pack.rules[0], pack.code_lists))
    assert {each.place for each in made} == {"check", "when", "$limit", "on_null"}
    assert all(each.rule.id == "ACME-0001" and each.rule != pack.rules[0] for each in made)


def places_of(**parts):
    (pack,) = rule_sets(rule_text(**parts))
    return {(each.place, each.what) for each in mutants(pack.rules[0], pack.code_lists)}


CASES = "[{given: {buyer_reference: x}, expect: pass}, {given: {buyer_reference: '  '}, expect: fail}]"


def test_a_change_that_cannot_be_noticed_is_not_tried():
    alike = ("check", "coalesce left out")
    assert alike not in places_of(check="trim(coalesce(buyer_reference, '')) <> ''", tests=CASES)
    assert alike in places_of(check="trim(coalesce(buyer_reference, 'x')) <> ''", tests=CASES)
    null = ("on_null", "fail became pass")
    assert null not in places_of(when="trim(buyer_reference) <> ''", check="upper(buyer_reference) = 'X'", tests=CASES)
    assert null in places_of(when="seller_name = 'a'", check="upper(buyer_reference) = 'X'", tests=CASES)
    assert null in places_of(
        when="buyer_reference = 'a' or seller_name = 'b'", check="upper(buyer_reference) = 'X'", tests=CASES
    )
