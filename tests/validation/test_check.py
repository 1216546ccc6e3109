"""Findings: which rows break a rule, what the finding says, and where it points."""

import datetime as dt
import json

import pytest

from tests.validation.packs import fill, rule_sets, rule_text
from tieout.model.errors import StoreError
from tieout.model.records import Query
from tieout.validation.check import check
from tieout.validation.planning import Planner
from tieout.validation.program import Program

AS_OF = dt.date(2026, 10, 31)


def findings(store, *rules, **options):
    check(store, rule_sets(*rules), as_of=AS_OF, **options)
    return store.table("finding").to_dicts()


def broken(store, *rules, **options):
    return [row["object_id"] for row in findings(store, *rules, **options)]


def invoices(store, **columns):
    """Invoices a.xml, b.xml ... with the values of each column in turn."""
    count = len(next(iter(columns.values())))
    rows = [{name: values[n] for name, values in columns.items()} for n in range(count)]
    fill(
        store,
        "invoice",
        *(
            {"invoice_id": f"{chr(97 + n)}.xml", "source": f"{chr(97 + n)}.xml", "line": n + 1, **row}
            for n, row in enumerate(rows)
        ),
    )


def test_a_finding_says_what_was_found_where_and_by_which_rule(store):
    invoices(
        store,
        invoice_total_amount_with_vat=["119.00", "119.01"],
        invoice_total_amount_without_vat=["100", "100"],
        invoice_total_vat_amount=["19.0", "19"],
    )
    rule = rule_text(
        check="invoice_total_amount_with_vat = invoice_total_amount_without_vat + coalesce(invoice_total_vat_amount, 0)",
        message='{en: "{invoice_total_amount_with_vat} is not {invoice_total_amount_without_vat} + {invoice_total_vat_amount}", zh: "{invoice_total_amount_with_vat} 不对"}',
        terms="[BT-112, BT-109]",
    )
    (found,) = findings(store, rule)
    assert found == {
        "finding_no": 1,
        "rule": "ACME-0001",
        "pack": "acme",
        "severity": "fatal",
        "table": "invoice",
        "object_id": "b.xml",
        "row_no": None,
        "term": "BT-112, BT-109",
        "message": "119.01 is not 100.00 + 19.00",
        "message_zh": "119.01 不对",
        "evidence": found["evidence"],
        "source": "b.xml",
        "line": 2,
        "path": None,
    }
    assert json.loads(found["evidence"]) == {
        "invoice_total_amount_with_vat": "119.01",
        "invoice_total_amount_without_vat": "100.00",
        "invoice_total_vat_amount": "19.00",
    }


def test_a_part_of_an_official_rule_reports_as_the_whole(store):
    invoices(store, paid_amount=["0", "1"])
    whole = rule_text(check="paid_amount <> 0")
    part = rule_text("ACME-0001-B", check="paid_amount = 0", reported_as="ACME-0001")
    assert [(row["rule"], row["object_id"]) for row in findings(store, whole, part)] == [
        ("ACME-0001", "a.xml"),
        ("ACME-0001", "b.xml"),
    ]


def test_a_rule_without_a_message_says_its_title_in_both_languages(store):
    invoices(store, invoice_number=[None])
    (found,) = findings(store, rule_text(check="invoice_number is not null"))
    assert (found["message"], found["message_zh"]) == ("A rule", "规则")


def test_values_are_shown_as_a_person_reads_them(store):
    invoices(
        store,
        invoice_number=["1"],
        issue_date=["2026-01-31"],
        paid_amount=["1234.5"],
        rounding_amount=["0.125"],
        has_payee=["true"],
    )
    fill(
        store,
        "invoice_line",
        {
            "invoice_id": "a.xml",
            "row_no": 1,
            "invoiced_quantity": "10",
            "item_net_price": "0.5",
            "invoiced_item_vat_rate": "7.70",
        },
    )
    text = "{issue_date} {paid_amount} {rounding_amount} {has_payee} {remark} {count(invoice_line.*)} {$limit} {sum(invoice_line.invoiced_quantity)}"
    (found,) = findings(store, rule_text(check="$limit < 0", params="{limit: 0.50}", message=f'"{text}"'))
    assert found["message"] == "2026-01-31 1234.50 0.125 true (empty) 1 0.50 10.00"
    (found,) = findings(
        store,
        rule_text(
            table="invoice_line",
            check="1 = 2",
            message='"{invoiced_quantity} x {item_net_price} at {invoiced_item_vat_rate} % of {invoice.issue_date}"',
        ),
    )[1:]
    assert found["message"] == "10 x 0.5 at 7.7 % of 2026-01-31"


def test_text_with_quotes_and_dollars_is_data_everywhere(store):
    invoices(store, remark=["it's '$as_of' {x}; drop table invoice"])
    (found,) = findings(store, rule_text(check="remark = 'it''s'", message='"it\'s not {remark}"'))
    assert found["message"] == "it's not it's '$as_of' {x}; drop table invoice"
    assert json.loads(found["evidence"])["remark"] == "it's '$as_of' {x}; drop table invoice"


# --- null, when, validity ---


@pytest.mark.parametrize(
    ("on_null", "expected"), [("fail", ["b.xml", "c.xml"]), ("pass", ["b.xml"]), ("skip", ["b.xml"])]
)
def test_null_never_passes_in_silence(store, on_null, expected):
    invoices(store, paid_amount=["1", "-1", None])
    assert broken(store, rule_text(check="paid_amount > 0", on_null=on_null)) == expected


def test_rows_for_which_when_is_false_or_null_are_skipped(store):
    invoices(store, invoice_type_code=["380", "381", None], paid_amount=["-1", "-1", "-1"])
    assert broken(store, rule_text(when="invoice_type_code = '380'", check="paid_amount > 0")) == ["a.xml"]


def test_a_rule_judges_only_dates_between_its_own(store):
    invoices(store, issue_date=["2018-12-31", "2019-01-01", "2019-12-31", "2020-01-01", None])
    rule = rule_text(check="1 = 2", valid_from="2019-01-01", valid_to="2019-12-31")
    assert broken(store, rule) == ["b.xml", "c.xml"]


def test_a_row_without_its_date_is_judged_by_the_date_of_the_run(store):
    invoices(store, issue_date=[None])
    assert broken(store, rule_text(check="1 = 2", valid_from="2026-10-31")) == ["a.xml"]


def test_the_newest_dated_parameter_not_after_the_date_counts(store):
    invoices(
        store, issue_date=["2018-05-01", "2019-03-31", "2019-04-01", "2018-04-30"], paid_amount=["16", "16", "16", "16"]
    )
    rule = rule_text(check="paid_amount = $rate", params="{rate: {2018-05-01: 16, 2019-04-01: 13}}")
    assert broken(store, rule) == ["c.xml", "d.xml"]


def test_the_date_of_the_run_is_as_of(store):
    invoices(store, issue_date=["2026-10-31", "2026-11-01"])
    assert broken(store, rule_text(check="issue_date <= $as_of")) == ["b.xml"]


# --- tables ---


def test_child_rows_are_named_by_invoice_and_row(store):
    invoices(store, invoice_number=["1", "2"])
    fill(
        store,
        "invoice_line",
        {"invoice_id": "a.xml", "row_no": 1, "item_name": "x"},
        {"invoice_id": "b.xml", "row_no": 2, "source": "b.xml", "line": 9},
        {"invoice_id": "a.xml", "row_no": 2},
    )
    found = findings(store, rule_text(table="invoice_line", check="item_name is not null"))
    assert [(row["object_id"], row["row_no"], row["line"]) for row in found] == [("a.xml", 2, None), ("b.xml", 2, 9)]


def test_a_child_row_sees_the_invoice_above_it(store):
    invoices(store, invoice_currency_code=["JPY", "EUR"])
    lines = [{"invoice_id": name, "row_no": 1, "invoice_line_net_amount": "1.5"} for name in ("a.xml", "b.xml")]
    fill(store, "invoice_line", *lines)
    rule = rule_text(
        table="invoice_line",
        when="invoice.invoice_currency_code = 'JPY'",
        check="invoice_line_net_amount = round(invoice_line_net_amount, 0)",
    )
    assert broken(store, rule) == ["a.xml"]


def test_sums_over_child_rows_and_over_none(store):
    invoices(store, sum_of_invoice_line_net_amount=["30", "31", "0", "0"])
    rows = [
        {"invoice_id": name, "row_no": n, "invoice_line_net_amount": 10 * n}
        for name in ("a.xml", "b.xml")
        for n in (1, 2)
    ]
    fill(store, "invoice_line", *rows)
    rule = rule_text(check="sum_of_invoice_line_net_amount = coalesce(sum(invoice_line.invoice_line_net_amount), 0)")
    assert broken(store, rule) == ["b.xml"]
    none = rule_text(
        id="ACME-0002", check="count(invoice_line.*) > 0 and count(*) filter (where invoice_line.row_no > 1) = 1"
    )
    assert broken(store, none)[1:] == ["c.xml", "d.xml"]


def test_rows_two_levels_below_belong_to_the_right_line_and_invoice(store):
    invoices(store, invoice_number=["1"])
    fill(
        store,
        "invoice_line",
        {"invoice_id": "a.xml", "row_no": 1, "item_name": "x"},
        {"invoice_id": "a.xml", "row_no": 2, "item_name": "y"},
    )
    charges = [{"invoice_id": "a.xml", "line_row_no": n, "row_no": k, "amount": n} for n in (1, 2) for k in (1, 2)]
    fill(store, "line_allowance_charge", *charges)
    per_line = rule_text(table="invoice_line", check="sum(line_allowance_charge.amount) = 2")
    assert [row["row_no"] for row in findings(store, per_line)] == [2]
    per_invoice = rule_text(
        id="ACME-0002",
        check="sum(line_allowance_charge.amount) filter (where invoice_line.item_name = 'y') = 4 and sum(line_allowance_charge.amount) = 6",
    )
    assert len(findings(store, per_invoice)) == 1
    upward = rule_text(
        id="ACME-0003",
        table="line_allowance_charge",
        check="invoice.invoice_number = '1' and invoice_line.row_no = line_row_no",
    )
    assert len(findings(store, upward)) == 1


def test_a_sum_may_depend_upon_the_judged_row(store):
    invoices(store, invoice_number=["1", "2"])
    lines = [("a.xml", 1, "S", 19, 100), ("a.xml", 2, "S", 7, 50), ("a.xml", 3, "Z", 0, 10), ("b.xml", 1, "S", 19, 999)]
    fill(
        store,
        "invoice_line",
        *(
            {
                "invoice_id": i,
                "row_no": n,
                "invoiced_item_vat_category_code": c,
                "invoiced_item_vat_rate": r,
                "invoice_line_net_amount": a,
            }
            for i, n, c, r, a in lines
        ),
    )
    breakdown = [("a.xml", 1, 19, 100), ("a.xml", 2, 7, 51), ("b.xml", 1, 19, 999)]
    fill(
        store,
        "vat_breakdown",
        *(
            {"invoice_id": i, "row_no": n, "vat_category_rate": r, "vat_category_taxable_amount": a}
            for i, n, r, a in breakdown
        ),
    )
    rule = rule_text(
        table="vat_breakdown",
        check="vat_category_taxable_amount = sum(invoice_line.invoice_line_net_amount) filter (where invoice_line.invoiced_item_vat_rate = vat_category_rate)",
        message='"{vat_category_taxable_amount} is not {sum(invoice_line.invoice_line_net_amount) filter (where invoice_line.invoiced_item_vat_rate = vat_category_rate)}"',
    )
    (found,) = findings(store, rule)
    assert (found["object_id"], found["row_no"], found["message"]) == ("a.xml", 2, "51.00 is not 50.00")


def test_rows_beside_the_judged_one_may_be_counted(store):
    invoices(store, invoice_number=["1", "2"])
    fill(
        store,
        "invoice_line",
        *({"invoice_id": "a.xml", "row_no": n} for n in (1, 2)),
        {"invoice_id": "b.xml", "row_no": 1},
    )
    assert broken(store, rule_text(table="invoice_line", check="count(invoice_line.row_no) = 1")) == ["a.xml", "a.xml"]


# --- look-ups ---


def test_code_lists_and_their_nulls(store):
    invoices(store, invoice_currency_code=["EUR", "XXX", None])
    assert broken(store, rule_text(check="in_code_list(invoice_currency_code, 'MONEY')", on_null="skip")) == ["b.xml"]


def test_identifiers_are_judged_in_rows_and_in_aggregates(store):
    invoices(store, seller_vat_identifier=["DE136695976", "DE136695977", None])
    fill(
        store,
        "payment_instruction",
        {"invoice_id": "a.xml", "row_no": 1, "payment_account_identifier": "DE89370400440532013000"},
        {"invoice_id": "b.xml", "row_no": 1, "payment_account_identifier": "DE89370400440532013001"},
    )
    assert broken(store, rule_text(check="valid_vat_number(seller_vat_identifier)")) == ["b.xml", "c.xml"]
    assert broken(
        store,
        rule_text(
            id="ACME-0002", check="bool_and(valid_iban(payment_instruction.payment_account_identifier))", on_null="skip"
        ),
    )[2:] == ["b.xml"]


def test_a_reading_gives_a_value(store):
    invoices(store, total_in_words=["壹佰元整", "壹佰元整"], invoice_total_amount_with_vat=["100", "101"])
    assert broken(store, rule_text(check="chinese_amount(total_in_words) = invoice_total_amount_with_vat")) == ["b.xml"]


# --- kinds ---


def items(store, *rows):
    fill(
        store,
        "open_item",
        *({"open_item_id": str(n), "source": "items.csv", "line": n, **row} for n, row in enumerate(rows, 1)),
    )


def test_unique_finds_each_row_but_the_first(store):
    items(
        store,
        {"reference": "R1", "party_id": "A"},
        {"reference": "R1", "party_id": "B"},
        {"reference": "R1", "party_id": "A"},
        {"reference": None, "party_id": "A"},
        {"reference": None, "party_id": "A"},
    )
    rule = rule_text(
        table="open_item",
        kind="unique",
        columns="[reference, party_id]",
        message='"{reference} stands in {first} already"',
    )
    (found,) = findings(store, rule)
    assert (found["object_id"], found["message"]) == ("3", "R1 stands in 1 already")


def test_unique_among_the_rows_of_its_when_only(store):
    items(store, {"reference": "R1", "ledger": "payable"}, {"reference": "R1", "ledger": "receivable"})
    assert (
        broken(store, rule_text(table="open_item", kind="unique", columns="[reference]", when="ledger = 'receivable'"))
        == []
    )


def test_two_rows_of_the_same_key_are_still_two_rows(store):
    fill(store, "payment", *({"payment_id": "P1", "amount": 1, "source": f"{n}.xml", "line": 1} for n in (1, 2)))
    found = findings(store, rule_text(table="payment", kind="unique", columns="[payment_id]"))
    assert [row["source"] for row in found] == ["2.xml"]


def test_reference_finds_what_is_nowhere(store):
    fill(
        store,
        "party",
        {"party_id": "A", "row_no": 1, "role": "customer"},
        {"party_id": "A", "row_no": 2, "role": "customer"},
        {"party_id": "B", "row_no": 1, "role": "supplier"},
    )
    items(store, {"party_id": "A"}, {"party_id": "B"}, {"party_id": "C"}, {"party_id": None})
    plain = rule_text(table="open_item", kind="reference", column="party_id", references="party.party_id")
    assert broken(store, plain) == ["3"]
    customers = rule_text(
        id="ACME-0002",
        table="open_item",
        kind="reference",
        column="party_id",
        references="party.party_id",
        where="role = 'customer'",
        on_null="fail",
    )
    assert broken(store, customers)[1:] == ["2", "3", "4"]


def test_balance_compares_two_sums_for_each_key(store):
    fill(
        store,
        "statement",
        *({"statement_id": s, "entry_sum": e} for s, e in (("S1", 10), ("S2", 11), ("S3", 0), ("S4", 5))),
    )
    fill(
        store,
        "payment",
        *(
            {"payment_id": str(n), "statement_id": s, "amount": a, "status": "BOOK"}
            for n, (s, a) in enumerate([("S1", 4), ("S1", 6), ("S2", 10), ("S4", "4.95")])
        ),
    )
    rule = rule_text(
        table="statement",
        kind="balance",
        key="[statement_id]",
        left="{table: payment, sum: amount, where: status = 'BOOK'}",
        right="{table: statement, sum: entry_sum}",
        tolerance="0.05",
        message='"{left} {right} {difference}"',
    )
    (found,) = findings(store, rule)
    assert (found["object_id"], found["message"]) == ("S2", "10.00 11.00 -1.00")


# --- which documents ---

APPLIES = "pack: acme\ntitle: {en: Acme, zh: 甲}\nsource: Manual\napplies: {specification: [urn:a], syntax: [ubl]}\n"


def test_a_pack_judges_the_documents_it_is_for_unless_it_is_named(store):
    invoices(store, specification_identifier=["urn:a#x", "urn:b", "urn:a", None], syntax=["ubl", "ubl", "cii", "ubl"])
    fill(store, "invoice_line", *({"invoice_id": f"{name}.xml", "row_no": 1} for name in "ab"))
    fill(store, "payment", {"payment_id": "P1"})
    rules = [
        rule_text(id=f"ACME-000{n}", table=table, check="1 = 2")
        for n, table in enumerate(["invoice", "invoice_line", "payment"])
    ]
    sets = rule_sets(*rules, head=APPLIES)
    check(store, sets, as_of=AS_OF)
    assert store.table("finding")["object_id"].to_list() == ["a.xml", "a.xml", "P1"]
    check(store, sets, as_of=AS_OF, everywhere=True)
    assert store.count("finding") == 3 + 4 + 2 + 1


def test_only_the_named_documents_are_judged(store):
    invoices(store, invoice_number=[None, None, None])
    fill(store, "payment", {"payment_id": "P1"})
    rules = [rule_text(check="invoice_number is not null"), rule_text(id="ACME-0002", table="payment", check="1 = 2")]
    assert broken(store, *rules, documents=["c.xml", "a.xml"]) == ["a.xml", "c.xml"]
    assert broken(store, *rules, documents=[])[2:] == []


def test_draft_and_retired_rules_are_not_run(store):
    invoices(store, invoice_number=["1"])
    assert (
        broken(
            store, rule_text(check="1 = 2", status="draft"), rule_text(id="ACME-0002", check="1 = 2", status="retired")
        )
        == []
    )


# --- robustness ---


def test_a_value_that_cannot_be_computed_is_a_null_of_its_row_only(store):
    invoices(store, remark=["1.5", "x", "2.5"])
    assert broken(store, rule_text(check="cast(remark as decimal(10, 2)) < 2")) == ["b.xml", "c.xml"]
    skipping = rule_text(
        id="ACME-0002",
        check="cast(remark as decimal(10, 2)) < 2",
        on_null="skip",
        message='"{cast(remark as decimal(10, 2))}"',
    )
    assert [row["message"] for row in findings(store, skipping)][2:] == ["2.50"]


def test_a_row_that_cannot_be_computed_makes_its_sum_unknown_not_smaller(store):
    invoices(store, invoice_number=["1", "2"])
    fill(
        store,
        "invoice_line",
        *(
            {"invoice_id": i, "row_no": n, "tax_rate_text": t}
            for i, n, t in [("a.xml", 1, "0.1"), ("a.xml", 2, "free"), ("b.xml", 1, "0.1"), ("b.xml", 2, None)]
        ),
    )
    rule = rule_text(check="sum(cast(invoice_line.tax_rate_text as decimal(5, 2))) = 0.1")
    assert broken(store, rule) == ["a.xml"]


def test_an_overflow_is_a_null_too(store):
    fill(
        store,
        "invoice_line",
        {"invoice_id": "a.xml", "row_no": 1, "invoiced_quantity": "9" * 17, "item_net_price": "9" * 17},
    )
    invoices(store, invoice_number=["1"])
    assert broken(store, rule_text(table="invoice_line", check="invoiced_quantity * item_net_price > 0")) == ["a.xml"]
    assert (
        broken(
            store,
            rule_text(
                id="ACME-0002", table="invoice_line", check="invoiced_quantity * item_net_price > 0", on_null="skip"
            ),
        )[1:]
        == []
    )


def test_only_rules_that_failed_are_guarded(store, monkeypatch):
    asked = []
    plan = Planner.plan
    monkeypatch.setattr(Planner, "plan", lambda planner, careful: asked.append(careful) or plan(planner, careful))
    invoices(store, remark=["1.5", "x"], paid_amount=["1", "-1"])
    rules = [rule_text(id=f"ACME-000{n}", check="paid_amount > 0") for n in range(5)]
    assert broken(store, *rules, rule_text(id="ACME-0009", check="cast(remark as bigint) < 9")) == ["b.xml"] * 6
    assert asked == [set(), {"ACME-0009"}]


def test_a_statement_that_cannot_be_saved_is_told_by_its_name(store, monkeypatch):
    invoices(store, remark=["1.5"])

    def broken_gate(program, where):
        return Query("acme on invoice", "select no_such_column from invoice"), []

    monkeypatch.setattr(Program, "gate", broken_gate)
    with pytest.raises(StoreError, match="acme on invoice: Binder Error"):
        findings(store, rule_text(check="remark = '1'"))
    assert store.count("finding") == 0


def test_findings_are_numbered_on_in_the_order_of_rule_object_and_row(store):
    invoices(store, invoice_number=[None, None])
    fill(store, "invoice_line", *({"invoice_id": i, "row_no": n} for i in ("b.xml", "a.xml") for n in (10, 9)))
    rules = [
        rule_text(id="ACME-0002", check="invoice_number is not null"),
        rule_text(table="invoice_line", check="item_name is not null"),
    ]
    first = [(row["rule"], row["object_id"], row["row_no"]) for row in findings(store, *rules)]
    assert first == [("ACME-0001", i, n) for i in ("a.xml", "b.xml") for n in (9, 10)] + [
        ("ACME-0002", i, None) for i in ("a.xml", "b.xml")
    ]
    assert [row["finding_no"] for row in findings(store, *rules)] == list(range(1, 13))


def test_the_same_data_in_another_order_gives_the_same_findings(store):
    rules = [rule_text(check="paid_amount > 0"), rule_text(id="ACME-0002", kind="unique", columns="[invoice_number]")]
    rows = [{"invoice_id": f"{n}.xml", "invoice_number": str(n % 3), "paid_amount": -n} for n in range(9)]
    fill(store, "invoice", *rows)
    forward = findings(store, *rules)
    with type(store).create() as other:
        fill(other, "invoice", *reversed(rows))
        assert findings(other, *rules) == forward


def test_nothing_is_left_behind(store):
    before = store.tables()
    invoices(store, invoice_currency_code=["XXX"])
    findings(store, rule_text(check="in_code_list(invoice_currency_code, 'MONEY')"))
    assert store.tables() == before
    with pytest.raises(StoreError):
        store.count("~hits")


def test_a_store_without_rows_has_no_findings(store):
    assert broken(store, rule_text(check="1 = 2")) == []
