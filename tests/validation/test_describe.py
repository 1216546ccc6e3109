"""Rules for readers."""

from tests.validation.packs import rule_sets, rule_text
from tieout.validation.describe import find_rule, rule_frame
from tieout.validation.describe import rule_text as page

SETS = rule_sets(
    rule_text(
        check="sum(invoice_line.invoice_line_net_amount) > $limit and valid_iban(buyer_identifier)",
        when="in_code_list(invoice_currency_code, 'MONEY')",
        params="{limit: {2019-01-01: 0.10, 2020-01-01: 0.20}}",
        terms="[BT-106]",
        aliases="[OLD-1]",
        rationale="Money is lost.",
        tests="[{given: {invoice_currency_code: null, invoice_line: [{item_name: x}]}, expect: skip}]",
    ),
    rule_text(id="ACME-0002", table="open_item", kind="unique", columns="[reference]", valid_from="2026-01-01"),
)


def test_the_catalogue_is_a_frame_of_one_row_a_rule():
    frame = rule_frame(SETS)
    assert frame["rule"].to_list() == ["ACME-0001", "ACME-0002"]
    assert frame.row(0, named=True)["title_zh"] == "规则"
    assert frame["cases"].to_list() == [1, 0]
    assert rule_frame([]).height == 0


def test_a_rule_is_found_by_id_or_alias_in_any_case():
    assert find_rule(SETS, "acme-0001") == find_rule(SETS, "Old-1") != None  # noqa: E711
    assert find_rule(SETS, "ACME-9") is None


def test_a_page_shows_what_the_rule_says_and_the_sql_it_becomes():
    text = page(*find_rule(SETS, "ACME-0001"))
    for part in (
        "ACME-0001  A rule",
        "规则",
        "when        in_code_list(invoice_currency_code, 'MONEY')",
        "check       sum(invoice_line.invoice_line_net_amount) > $limit",
        "$limit      0.10 from 2019-01-01",
        "why         Money is lost.",
        "1. skip: invoice(invoice_currency_code = null) invoice_line(item_name = x)",
        "-- valid_iban: verdicts on",
        'create or replace temp table "~g1"',
        "select invoice.*",
        "$as_of",
    ):
        assert part in text, part


def test_a_page_of_a_kind_shows_its_options():
    text = page(*find_rule(SETS, "ACME-0002"))
    assert "columns     reference" in text
    assert "valid from  2026-01-01" in text
    assert "row_number() over" in text
