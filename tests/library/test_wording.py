"""Conditions in words: each form of the language says what it means, in both languages, and every shipped rule has words."""

import pytest

from tieout.library.catalog import Catalogue
from tieout.library.wording import in_words, term_names
from tieout.model.canon import CANON


@pytest.mark.parametrize(
    ("condition", "en", "zh"),
    [
        ("invoice_number is not null", "invoice number (BT-1) is given", "已填写 发票号码 (BT-1)"),
        ("trim(invoice_number) <> ''", "invoice number (BT-1) is given and not blank", "发票号码 (BT-1) 已填写且非空白"),
        ("due_total is null", "due_total is absent", "缺少 due_total"),
        ("paid_amount = 1 and rounding_amount <= 0.5", "paid amount (BT-113) is 1, and rounding amount (BT-114) is at most 0.5", None),
        (
            "abs(paid_amount - rounding_amount) < $tolerance",
            "paid amount (BT-113) and rounding amount (BT-114) differ by less than $tolerance",
            "已付金额 (BT-113) 与 舍入金额 (BT-114) 相差小于 $tolerance",
        ),
        ("count(invoice_line.*) > 0", "the number of invoice line (BG-25) is more than 0", "发票明细行 (BG-25) 的个数 大于 0"),
        (
            "sum(invoice_line.invoice_line_net_amount) filter (where invoice_line.invoiced_item_vat_category_code = 'S') = 1",
            "the sum of invoice line net amount (BT-131) where invoiced item VAT category code (BT-151) is 'S' is 1",
            None,
        ),
        ("in_code_list(invoice_currency_code, 'ISO4217')", "invoice currency code (BT-5) is in the code list 'ISO4217'", None),
        ("invoice_type_code not in ('380', '381')", "invoice type code (BT-3) is none of '380', '381'", "发票类型代码 (BT-3) 不属于 '380', '381'"),
        ("has_payee or paid_amount = 1 and rounding_amount = 2", None, "有 收款方 (BG-10) 组，或 (已付金额 (BT-113) 等于 1，且 舍入金额 (BT-114) 等于 2)"),
        ("div(paid_amount, 2, 2) = 1", "paid amount (BT-113) divided by 2 is 1", None),
        (
            "case when has_payee then paid_amount = 1 else true end",
            "if there is a group payee (BG-10) then paid amount (BT-113) is 1; otherwise true",
            None,
        ),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_both_languages(condition, en, zh):
    said = in_words(condition, "invoice")
    assert en in (None, said.en)
    assert zh in (None, said.zh)


def test_every_condition_of_the_shipped_rules_has_words():
    for pack in Catalogue.load(None).rule_sets.values():
        for rule in pack.rules:
            for each in (rule.check, rule.when):
                if each is not None:
                    said = in_words(each.text, rule.table)
                    assert said.en and said.zh, rule.id
                    assert "`" not in said.en, f"{rule.id}: {said.en}"


def test_every_business_term_of_the_canon_has_a_name_in_both_languages():
    names = term_names()
    wanted = {
        term
        for table in CANON.values()
        for column in table.columns
        for term in column.term.split(", ")
        if term.startswith(("BT-", "BG-")) and "DEX" not in term
    }
    assert sorted(wanted - names.keys()) == []
    assert all(each.en and each.zh for each in names.values())
