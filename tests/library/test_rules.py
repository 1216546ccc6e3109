"""Rule files: what a rule must say, what an overlay may change, and the sentence for each mistake."""

import datetime as dt
from decimal import Decimal

import pytest

from tieout.library import yamlfile
from tieout.library.rules import RuleFile, parse_packs
from tieout.model.definitions import Code

LISTS = {"ISO4217": (Code("EUR"), Code("USD"))}
HEAD = "pack: acme\ntitle: {en: Rules of Acme, zh: 甲公司规则}\nsource: Manual 7\nrules:\n"
RULE = """\
  - id: ACME-0001
    title: {en: Totals agree, zh: 合计一致}
    table: invoice
    severity: fatal
    check: invoice_total_amount_with_vat = invoice_total_amount_without_vat + coalesce(invoice_total_vat_amount, 0)
    message: "{invoice_total_amount_with_vat} is not right"
    terms: [BT-112]
    tests:
      - {given: {invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100}, expect: pass}
      - {given: {invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100.01}, expect: fail}
"""


def packs(shipped, *workspace):
    files = [RuleFile(yamlfile.load(shipped, file="s.yaml"), "aa", True)]
    files += [RuleFile(yamlfile.load(text, file="w.yaml"), "bb", False) for text in workspace]
    return parse_packs(files, LISTS)


def mistakes(shipped, *workspace):
    return [str(each) for each in packs(shipped, *workspace)[1]]


def the_rule(text, *workspace):
    made, wrong = packs(text, *workspace)
    assert not wrong, [str(each) for each in wrong]
    return made.rule_sets["acme"].rules[0]


def test_a_rule_is_read_with_everything_it_says():
    text = RULE.replace(
        'message: "{invoice_total_amount_with_vat} is not right"',
        "message: {en: 'is {paid_amount}', zh: '是 {paid_amount}'}",
    )
    rule = the_rule(HEAD + text + "    aliases: [OLD-1]\n    reference: 6.4\n    rationale: Money is lost.\n")
    assert (rule.id, rule.pack, rule.table, rule.severity, rule.status) == (
        "ACME-0001",
        "acme",
        "invoice",
        "fatal",
        "active",
    )
    assert (rule.title.en, rule.title.zh) == ("Totals agree", "合计一致")
    assert (rule.message.en, rule.message.zh) == ("is {paid_amount}", "是 {paid_amount}")
    assert (rule.on_null, rule.kind, rule.aliases) == ("fail", "condition", ("OLD-1",))
    assert list(rule.placeholders) == ["paid_amount"]
    assert rule.tests[0].given == {
        "invoice": [{"invoice_total_amount_without_vat": Decimal(100), "invoice_total_amount_with_vat": Decimal(100)}]
    }
    assert str(rule.location) == "s.yaml:5:9"


def test_a_pack_of_several_files_is_one_set_with_all_their_fingerprints():
    files = [
        RuleFile(yamlfile.load(HEAD + RULE), "aa", True),
        RuleFile(yamlfile.load(HEAD + RULE.replace("ACME-0001", "ACME-0002")), "bb", True),
    ]
    made, wrong = parse_packs(files, {})
    assert not wrong
    assert [rule.id for rule in made.rule_sets["acme"].rules] == ["ACME-0001", "ACME-0002"]
    assert made.rule_sets["acme"].fingerprint == "aa+bb"


def test_a_set_carries_the_code_lists_its_rules_name():
    text = RULE.replace(
        "    message:", "    when: in_code_list(replace(invoice_currency_code, '-', ''), 'ISO4217')\n    message:"
    )
    made, _ = packs(HEAD + text)
    assert list(made.rule_sets["acme"].code_lists) == ["ISO4217"]


def changed(old, new):
    assert old in RULE
    return HEAD + RULE.replace(old, new)


LAST = "expect: fail}\n"
MISTAKES = {
    "unknown table": (
        changed("table: invoice", "table: invoices"),
        ["s.yaml:7:12  ACME-0001: no table 'invoices'; did you mean 'invoice'?"],
    ),
    "unknown column": (
        changed("check: invoice_total_amount_with_vat =", "check: invoice_total_with_vat ="),
        [
            "s.yaml:9:12  ACME-0001: no column 'invoice_total_with_vat' in table invoice; "
            "did you mean 'invoice_total_amount_with_vat' (BT-112)?"
        ],
    ),
    "unknown column in the message": (
        changed("{invoice_total_amount_with_vat} is", "It is {total}, which is"),
        [
            "s.yaml:10:22  ACME-0001: in the message: no column 'total' in table invoice; "
            "did you mean 'total_in_words' (CN-TotalTax-includedAmountInChinese)?"
        ],
    ),
    "brace not closed": (
        changed("with_vat} is", "with_vat is"),
        ["s.yaml:10:14  ACME-0001: a brace in the message is not closed, or closed twice"],
    ),
    "no failing case": (
        changed("      - {given: {invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100.01}, expect: fail}\n", ""),
        [
            "s.yaml:5:5  ACME-0001: no case with 'expect: fail'; a rule shows at least one pass and one fail",
        ],
    ),
    "case with an unknown column": (
        changed("given: {invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100.01}", "given: {total: 1}"),
        [
            "s.yaml:14:18  ACME-0001: no column 'total' in table invoice; did you mean 'total_in_words' "
            "(CN-TotalTax-includedAmountInChinese)?",
        ],
    ),
    "case with a column of the row above": (
        changed("table: invoice", "table: invoice_line").replace("check: invoice_total_amount_with_vat = invoice_total_amount_without_vat + coalesce(invoice_total_vat_amount, 0)", "check: item_name is not null").replace("{invoice_total_amount_with_vat} is", "It is").replace("{invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100}", "{item_name: a}").replace("{invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100.01}", "{issue_date: 2026-01-31}"),
        ["s.yaml:14:18  ACME-0001: 'issue_date' is a column of invoice; write invoice: {issue_date: ...}"],
    ),
    "case with a value of the wrong kind": (
        changed("invoice_total_amount_with_vat: 100.01}", "invoice_total_amount_with_vat: 1.000,01, issue_date: 31.1.2026, is_red_letter: yes}".replace("1.000,01", "'1.000,01'")),
        [
            "s.yaml:14:88  ACME-0001: '1.000,01': invoice_total_amount_with_vat needs a number",
            "s.yaml:14:112  ACME-0001: '31.1.2026': issue_date needs a date",
            "s.yaml:14:138  ACME-0001: 'yes': is_red_letter needs a condition (true or false)",
        ],
    ),
    "case with too many decimals": (
        changed("100.01}", "100.0123456}"),
        ["s.yaml:14:88  ACME-0001: '100.0123456': invoice_total_amount_with_vat holds at most 6 decimals"],
    ),
    "term": (changed("[BT-112]", "[BT-999, BG-40, 112 x]"), [
        "s.yaml:11:13  ACME-0001: 'BT-999' is no business term; write BT-112, BG-25 or CN-...",
        "s.yaml:11:21  ACME-0001: 'BG-40' is no business term; write BT-112, BG-25 or CN-...",
        "s.yaml:11:28  ACME-0001: '112 x' is no business term; write BT-112, BG-25 or CN-...",
    ]),
    "parameter not declared": (
        changed("coalesce(invoice_total_vat_amount, 0)", "$tolerance"),
        ["s.yaml:9:79  ACME-0001: no parameter '$tolerance' in params"],
    ),
    "parameter not used": (
        changed("    terms:", "    params: {tolerance: 0.05}\n    terms:"),
        ["s.yaml:11:14  ACME-0001: the parameter 'tolerance' is not used"],
    ),
    "parameter of two kinds": (
        changed("    terms:", "    params: {rate: {2018-01-01: 0.16, 2019-01-01: high}}\n    terms:"),
        ["s.yaml:11:20  ACME-0001: the values of 'rate' are of different kinds"],
    ),
    "dates the wrong way round": (
        changed("    terms:", "    valid_from: 2026-01-01\n    valid_to: 2025-12-31\n    terms:"),
        ["s.yaml:11:5  ACME-0001: valid_from is after valid_to"],
    ),
    "date that is none": (
        changed("    terms:", "    valid_from: 2026-02-30\n    terms:"),
        ["s.yaml:11:17  ACME-0001: '2026-02-30' is not a date of the calendar"],
    ),
    "date field that is none": (
        changed("    terms:", "    date_field: invoice_number\n    terms:"),
        ["s.yaml:11:17  ACME-0001: must be a date, and this is text"],
    ),
    "keys of another kind": (
        changed("    terms:", "    columns: [invoice_number]\n    terms:"),
        ["s.yaml:11:5  ACME-0001: 'columns' goes with kind unique or reference only"],
    ),
    "kind without what it needs": (
        changed("    terms:", "    kind: unique\n    terms:"),
        ["s.yaml:5:5  ACME-0001: 'columns' is missing; kind unique needs it"],
    ),
    "id twice": (
        HEAD + RULE + RULE,
        ["s.yaml:15:9  ACME-0001: this id is also used in s.yaml:5:9; ids are unique over all packs"],
    ),
    "alias twice": (
        HEAD + RULE + "    aliases: [OLD-1]\n" + RULE.replace("ACME-0001", "ACME-0002") + "    aliases: [OLD-1]\n",
        ["s.yaml:16:9  ACME-0002: 'OLD-1' already stands for ACME-0001"],
    ),
    "pack without a title": (
        HEAD.replace("title: {en: Rules of Acme, zh: 甲公司规则}\n", "") + RULE,
        ["s.yaml:1:1  'title' is missing; pack acme needs it"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_of_a_rule_has_its_place_and_says_what_to_do(name):
    text, expected = MISTAKES[name]
    assert mistakes(text) == expected


def test_mistakes_of_several_rules_and_of_shape_and_meaning_come_together():
    bad = RULE.replace("severity: fatal", "severity: grave") + RULE.replace("ACME-0001", "ACME-0002").replace(
        "[BT-112]", "[BT-999]"
    )
    found = mistakes(HEAD + bad)
    assert len(found) == 2
    assert "ACME-0001: 'grave' in 'severity'" in found[0]
    assert "ACME-0002: 'BT-999'" in found[1]


# --- kinds ---

KIND = """\
  - id: ACME-0001
    title: {en: a, zh: b}
    table: open_item
    severity: warning
    OPTIONS
    tests:
      - {given: {open_item_id: '1'}, expect: pass}
      - {given: {open_item_id: '2'}, expect: fail}
"""


def kind(*lines):
    return HEAD + KIND.replace("OPTIONS", "\n    ".join(lines))


def test_unique_names_columns():
    rule = the_rule(kind("kind: unique", "columns: [reference, party_id]", "message: 'as {first}'"))
    assert rule.options == {"columns": ("reference", "party_id")}
    assert rule.on_null == "skip"


def test_reference_names_a_column_elsewhere():
    rule = the_rule(
        kind("kind: reference", "column: party_id", "references: party.party_id", "where: role = 'customer'")
    )
    assert (rule.options["columns"], rule.options["table"], rule.options["references"]) == (
        ("party_id",),
        "party",
        ("party_id",),
    )


def test_balance_names_two_sums_and_a_key():
    rule = the_rule(
        kind(
            "kind: balance",
            "key: [currency]",
            "left: {table: payment, sum: amount, where: amount > 0}",
            "right: {table: open_item, sum: open_amount, by: [local_currency]}",
            "tolerance: 0.05",
            "message: '{left} {right} {difference}'",
        )
    )
    assert rule.options["left"]["by"] == ("currency",)
    assert rule.options["right"]["by"] == ("local_currency",)
    assert rule.options["tolerance"] == Decimal("0.05")


KIND_MISTAKES = [
    (["kind: unique", "columns: [referenc]"], "no column 'referenc' in table open_item; did you mean 'reference'?"),
    (["kind: reference", "references: party.party_id"], "'column' is missing; kind reference needs it"),
    (["kind: reference", "column: party_id", "references: partyid"], "'partyid': write table.column, such as party.party_id"),
    (["kind: reference", "column: party_id", "references: party.id"], "no column 'id' in table party"),
    (
        ["kind: reference", "columns: [party_id, reference]", "references: party.party_id"],
        "as many columns of one other table as 'columns' has",
    ),
    (["kind: balance", "key: [currency]", "left: {table: payment, sum: amount}"], "'right' is missing; kind balance needs it"),
    (
        ["kind: balance", "key: [party_id]", "left: {table: payment, sum: amount}", "right: {table: open_item, sum: amount}"],
        "say which columns by 'by': no column 'party_id' in table payment",
    ),
    (
        ["kind: balance", "key: [currency]", "left: {table: payment, sum: currency}", "right: {table: open_item, sum: amount}"],
        "must be a number, and this is text",
    ),
    (["kind: unique", "columns: [reference]", "check: amount > 0"], "'check' does not go with kind unique"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "text"), KIND_MISTAKES)
def test_each_mistake_of_a_kind_is_told(lines, text):
    found = packs(kind(*lines))[1]
    assert [each.text for each in found if text in each.text], [str(each) for each in found]


# --- overlays ---


def overlay(text):
    return "pack: ours\n" + text


def test_a_workspace_changes_severity_and_one_parameter_and_says_why():
    shipped = HEAD + RULE.replace("coalesce(invoice_total_vat_amount, 0)", "$a + $b").replace(
        "    terms:", "    params: {a: 0.10, b: 0.20}\n    terms:"
    )
    change = "rules:\n  - {id: ACME-0001, severity: warning, params: {b: 0.99}, reason: agreed with the auditor}\n"
    rule = the_rule(shipped, overlay(change))
    assert rule.severity == "warning"
    assert rule.pack == "acme"
    assert [rule.params[name].values[0][1] for name in ("a", "b")] == [Decimal("0.10"), Decimal("0.99")]
    assert len(rule.tests) == 2


def test_a_change_without_a_reason_is_a_mistake():
    again = overlay(RULE).replace("pack: ours\n", "pack: ours\ntitle: {en: a, zh: b}\nsource: s\nrules:\n")
    assert mistakes(HEAD + RULE, again) == [
        "w.yaml:5:9  ACME-0001: pack acme has this rule; to change it say why: add 'reason'"
    ]


def test_a_change_of_a_few_keys_without_a_reason_is_told_as_that_and_nothing_else():
    assert mistakes(HEAD + RULE, overlay("rules:\n  - {id: ACME-0001, severity: warning}\n")) == [
        "w.yaml:3:10  ACME-0001: pack acme has this rule; to change it say why: add 'reason'"
    ]


def test_a_misspelt_key_does_not_hide_what_else_is_wrong():
    bad = HEAD + RULE.replace("severity: fatal", "sverity: fatal").replace("[BT-112]", "[BT-999]")
    assert [each.partition("  ")[2] for each in mistakes(bad)] == [
        "ACME-0001: 'severity' is missing",
        "ACME-0001: unknown key 'sverity'; did you mean 'severity'?",
        "ACME-0001: 'BT-999' is no business term; write BT-112, BG-25 or CN-...",
    ]


def test_a_change_of_a_rule_that_is_not_there_is_a_mistake():
    change = "rules:\n  - {id: ACME-001, severity: warning, reason: agreed with the auditor}\n"
    assert mistakes(HEAD + RULE, overlay(change)) == [
        "w.yaml:3:10  ACME-001: a new rule needs no 'reason', and there is none of this id to change; did you mean 'ACME-0001'?"
    ]


def test_a_change_that_breaks_the_rule_is_told_at_its_own_place():
    change = "rules:\n  - {id: ACME-0001, check: paid = 1, reason: agreed with the auditor}\n"
    assert [each.partition("  ")[0] for each in mistakes(HEAD + RULE, overlay(change))] == ["w.yaml:3:28"]


def test_a_rule_is_ignored_with_a_reason_by_id_or_alias():
    shipped = HEAD + RULE + "    aliases: [OLD-1]\n"
    made, wrong = packs(shipped, overlay("ignore: [{rule: OLD-1, reason: not in this country}]"))
    assert not wrong
    assert made.ignored == {"ACME-0001": "not in this country"}
    assert made.rule_sets["acme"].rules == ()


def test_ignoring_an_official_id_ignores_every_rule_that_reports_as_it():
    line = RULE.replace("ACME-0001", "ACME-0001-L").replace("Totals agree", "Totals of lines agree")
    shipped = HEAD + RULE + line + "    reported_as: ACME-0001\n"
    made, wrong = packs(shipped, overlay("ignore: [{rule: ACME-0001, reason: not in this country}]"))
    assert not wrong
    assert set(made.ignored) == {"ACME-0001", "ACME-0001-L"}


def test_ignoring_an_official_id_of_two_packs_means_the_pack_of_the_file():
    other = "pack: ours\ntitle: {en: Ours, zh: 我}\nsource: Manual\nrules:\n" + RULE.replace("ACME-0001", "OURS-0001")
    other += "    reported_as: ACME-0001\n"
    ignoring = "pack: ours\nignore: [{rule: ACME-0001, reason: not in this country}]\n"
    made, wrong = packs(HEAD + RULE, other, ignoring)
    assert not wrong
    assert set(made.ignored) == {"OURS-0001"}


def test_ignoring_what_is_not_there_is_a_mistake():
    assert mistakes(HEAD + RULE, overlay("ignore: [{rule: ACME-0002, reason: not in this country}]")) == [
        "w.yaml:2:17  no rule 'ACME-0002' to ignore; did you mean 'ACME-0001'?"
    ]


def test_a_workspace_rule_without_cases_is_a_warning_only():
    own = HEAD.replace("acme", "ours") + RULE.replace("ACME-0001", "OURS-0001").partition("    tests:")[0]
    made, wrong = packs(HEAD + RULE, own)
    assert not wrong
    assert [each.text for each in made.warnings] == [
        "OURS-0001: no case with 'expect: pass'; a rule shows at least one pass and one fail"
    ]


def test_dated_parameters_are_sorted_and_dates_are_dates():
    text = HEAD + RULE.replace("coalesce(invoice_total_vat_amount, 0)", "$rate").replace(
        "    terms:", "    params: {rate: {2019-04-01: 0.13, 2018-05-01: 0.16}}\n    terms:"
    )
    rule = the_rule(text)
    assert rule.params["rate"].values == (
        (dt.date(2018, 5, 1), Decimal("0.16")),
        (dt.date(2019, 4, 1), Decimal("0.13")),
    )
    assert rule.date_field == "invoice.issue_date"


def test_rows_of_other_tables_may_be_given():
    text = HEAD + RULE.replace(
        "{given: {invoice_total_amount_without_vat: 100, invoice_total_amount_with_vat: 100}, expect: pass}",
        "{given: {paid_amount: 1, invoice_line: [{item_name: a}, {item_name: 1}]}, as_of: 2026-05-01, expect: pass}",
    )
    test = the_rule(text).tests[0]
    assert test.given == {
        "invoice": [{"paid_amount": Decimal(1)}],
        "invoice_line": [{"item_name": "a"}, {"item_name": "1"}],
    }
    assert test.as_of == dt.date(2026, 5, 1)
