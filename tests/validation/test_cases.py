"""Inline cases: what they come to, for every kind of rule, and that the shipped ones all come out as they say."""

from tests.validation.packs import rule_sets, rule_text
from tieout.library.mutants import mutants
from tieout.validation.cases import noticed, run_cases


def outcomes(*rules):
    return [(each.rule, each.number, each.outcome) for each in run_cases(rule_sets(*rules))]


def test_cases_pass_fail_and_skip():
    rule = rule_text(
        when="invoice_type_code = '380'",
        check="paid_amount > 0",
        tests="[{given: {invoice_type_code: '380', paid_amount: 1}, expect: pass}, "
        "{given: {invoice_type_code: '380', paid_amount: 0}, expect: fail}, "
        "{given: {invoice_type_code: '380'}, expect: fail}, {given: {paid_amount: 0}, expect: skip}]",
    )
    assert outcomes(rule) == [("ACME-0001", n, o) for n, o in enumerate(["pass", "fail", "fail", "skip"], 1)]


def test_a_case_that_does_not_hold_says_what_came_out_and_where_it_stands():
    rule = rule_text(check="paid_amount > 0", tests="[{given: {paid_amount: 1}, expect: fail}]")
    (outcome,) = run_cases(rule_sets(rule))
    assert (outcome.expect, outcome.outcome, outcome.holds) == ("fail", "pass", False)
    assert outcome.location.line == 10


def test_cases_do_not_see_one_another():
    children = "{given: {invoice_line: [{item_name: a}, {item_name: b}]}, expect: %s}, {given: {}, expect: %s}"
    two = rule_text(check="count(invoice_line.*) = 2", tests=f"[{children % ('pass', 'fail')}]")
    none = rule_text(id="ACME-0002", check="count(invoice_line.*) = 0", tests=f"[{children % ('fail', 'pass')}]")
    assert all(each.holds for each in run_cases(rule_sets(two, none)))


def test_rows_above_are_made_where_they_are_not_given():
    rule = rule_text(
        table="line_allowance_charge",
        check="invoice.issue_date is null and invoice_line.item_name is null and amount = 1",
        tests="[{given: {amount: 1}, expect: pass}, {given: {amount: 1, invoice_line: {item_name: x}}, expect: fail}, "
        "{given: {amount: 1, line_row_no: 3, invoice: {issue_date: 2026-01-01}}, expect: fail}]",
    )
    assert all(each.holds for each in run_cases(rule_sets(rule)))


def test_one_row_that_fails_makes_the_case_fail():
    rule = rule_text(
        table="invoice_line",
        check="item_name is not null",
        tests="[{given: {invoice_line: [{item_name: a}, {}]}, expect: fail}]",
    )
    assert all(each.holds for each in run_cases(rule_sets(rule)))


def test_kinds_that_compare_rows_have_the_tables_to_themselves():
    unique = rule_text(
        table="open_item",
        kind="unique",
        columns="[reference]",
        tests="[{given: {reference: R}, expect: pass}, {given: {open_item: [{reference: R}, {reference: R}]}, expect: fail}, "
        "{given: {reference: null}, expect: skip}]",
    )
    reference = rule_text(
        id="ACME-0002",
        table="open_item",
        kind="reference",
        column="party_id",
        references="party.party_id",
        tests="[{given: {party_id: A, party: {party_id: A}}, expect: pass}, {given: {party_id: A}, expect: skip}, "
        "{given: {party_id: A, party: [{party_id: B}]}, expect: fail}]",
    )
    balance = rule_text(
        id="ACME-0003",
        table="statement",
        kind="balance",
        key="[statement_id]",
        left="{table: payment, sum: amount}",
        right="{table: statement, sum: entry_sum}",
        tests="[{given: {statement_id: S, entry_sum: 3, payment: [{statement_id: S, amount: 1}, "
        "{statement_id: S, amount: 2}]}, expect: pass}, {given: {statement_id: S, entry_sum: 3}, expect: fail}]",
    )
    assert all(each.holds for each in run_cases(rule_sets(unique, reference, balance)))


def test_a_case_may_suppose_a_date_of_the_run():
    rule = rule_text(
        check="issue_date <= $as_of",
        tests="[{given: {issue_date: 2026-05-02}, as_of: 2026-05-02, expect: pass}, "
        "{given: {issue_date: 2026-05-02}, as_of: 2026-05-01, expect: fail}]",
    )
    assert all(each.holds for each in run_cases(rule_sets(rule)))


def test_drafts_are_proven_and_retired_rules_are_not():
    tests = "[{given: {}, expect: fail}]"
    rules = [
        rule_text(id=f"ACME-000{n}", status=s, check="1 = 2", tests=tests) for n, s in enumerate(["draft", "retired"])
    ]
    assert outcomes(*rules) == [("ACME-0000", 1, "fail")]


def test_a_pack_s_documents_do_not_matter_to_its_cases():
    head = "pack: acme\ntitle: {en: a, zh: b}\nsource: s\napplies: {specification: [urn:x]}\n"
    rule = rule_text(check="paid_amount > 0", tests="[{given: {paid_amount: 1}, expect: pass}]")
    assert all(each.holds for each in run_cases(rule_sets(rule, head=head)))


def test_a_changed_rule_is_noticed_by_a_case_at_the_boundary_and_only_by_it():
    inside = "{given: {paid_amount: 9}, expect: pass}, {given: {paid_amount: 1}, expect: fail}"
    loose = rule_text(check="paid_amount > 5", tests=f"[{inside}]")
    tight = rule_text(
        id="ACME-0002", check="paid_amount > 5", tests=f"[{inside}, {{given: {{paid_amount: 5}}, expect: fail}}]"
    )
    packs = rule_sets(loose, tight)
    changed = [
        mutant.rule
        for rule in packs[0].rules
        for mutant in mutants(rule, ())
        if mutant.what in ("> became >=", "> became <")
    ]
    seen = noticed(packs, changed)
    assert [(rule.id, hit) for rule, hit in zip(changed, seen, strict=True)] == [
        ("ACME-0001", False),
        ("ACME-0001", True),
        ("ACME-0002", True),
        ("ACME-0002", True),
    ]


def test_changed_rules_that_compare_rows_are_judged_case_by_case():
    unique = rule_text(
        table="open_item",
        kind="unique",
        columns="[reference, party_id]",
        tests="[{given: {open_item: [{reference: R, party_id: A}, {reference: R, party_id: B}]}, expect: pass}, "
        "{given: {open_item: [{reference: R, party_id: A}, {reference: R, party_id: A}]}, expect: fail}]",
    )
    packs = rule_sets(unique)
    changed = [each for each in mutants(packs[0].rules[0], ()) if each.place == "columns"]
    assert [(each.what, hit) for each, hit in zip(changed, noticed(packs, [c.rule for c in changed]), strict=True)] == [
        ("reference left out", False),
        ("party_id left out", True),
    ]
