import datetime as dt
import hashlib
import json
from decimal import Decimal

import polars as pl
import pytest

from tieout.library import yamlfile
from tieout.library.catalog import Catalogue
from tieout.library.plans import parse_plan
from tieout.matching import platform
from tieout.model.records import exception_id
from tieout.replay import NoProgress
from tieout.store.engine import Store

AS_OF = dt.date(2026, 10, 31)
PLAN = Catalogue.load().plans["platform"]


def plan(passes):
    """A plan with the shipped head and these passes."""
    text = "plan: p\nleft: open_item\nright: invoice\ncancelled: [void]\npasses:\n" + passes
    made, mistakes = parse_plan(yamlfile.load(text, file="p.yaml"))
    assert made is not None and not mistakes, mistakes
    return made


@pytest.fixture
def store():
    with Store.create() as store:
        yield store


def item(open_item_id, reference, amount="119.00", **more):
    return {
        "open_item_id": open_item_id,
        "ledger": "receivable",
        "company_code": "0100",
        "party_id": "4711",
        "reference": reference,
        "amount": amount,
        "open_amount": amount,
        "currency": "EUR",
        "document_date": "2026-10-01",
        "e_invoice_profile": "PEPPOL",
        **more,
    }


def invoice(number, total="119.00", **more):
    return {
        "invoice_id": f"in/{number}.xml",
        "source": f"in/{number}.xml",
        "document_kind": "invoice",
        "direction": "issued",
        "invoice_number": number,
        "issue_date": "2026-10-01",
        "invoice_total_amount_with_vat": total,
        "invoice_currency_code": "EUR",
        **more,
    }


def credits(number, total, *numbers, **more):
    """A credit note and the references it makes."""
    made = invoice(number, total, document_kind="credit_note", **more)
    return made, [
        {"invoice_id": made["invoice_id"], "row_no": n, "preceding_invoice_reference": each}
        for n, each in enumerate(numbers, start=1)
    ]


def compared(store, plan=PLAN, **tables):
    """The exceptions as (reason, object_id), after the tables were filled and compared."""
    for name, rows in tables.items():
        if rows:
            store.append(name, pl.DataFrame(rows, infer_schema_length=None))
    platform.compare(store, plan, as_of=AS_OF)
    return [
        (row["reason"], row["object_id"]) for row in store.table("exception").sort("reason", "object_id").to_dicts()
    ]


def the_exception(store):
    [row] = store.table("exception").to_dicts()
    return row, json.loads(row["evidence"])


def test_items_and_documents_that_agree_are_linked_and_raise_nothing(store):
    found = compared(
        store,
        open_item=[item("14", "R-001"), item("15", "r 002"), item("0000000016", None)],
        invoice=[invoice("R-001"), invoice("R002"), invoice("0000000016")],
    )
    assert found == []
    assert store.table("open_item")["invoice_id"].to_list() == ["in/0000000016.xml", "in/R-001.xml", "in/R002.xml"]


def test_an_item_that_must_have_an_e_invoice_and_has_none_is_missing_on_the_platform(store):
    found = compared(
        store,
        open_item=[
            item("14", "R1"),
            item("15", "R2"),
            item("16", "R3", e_invoice_profile=None),
            item("17", "R4", document_date="2026-11-02"),
        ],
        invoice=[invoice("R2")],
    )
    assert found == [("missing_on_platform", "14")]
    row, evidence = the_exception(store)
    assert (row["table"], row["party_id"], row["amount"]) == ("open_item", "4711", Decimal("119"))
    assert row["exception_id"] == exception_id("missing_on_platform", "open_item", "14")
    assert (evidence["profile"], evidence["number"]) == ("PEPPOL", "R1")


def test_where_no_e_invoice_was_read_at_all_none_is_missing(store):
    assert compared(store, open_item=[item("14", "R1")]) == []


def test_an_e_invoice_without_an_item_is_missing_in_the_ledger_unless_the_item_was_cleared(store):
    cleared = item("13", "R0")
    cleared["cleared_item_id"] = cleared.pop("open_item_id")
    found = compared(
        store,
        open_item=[item("14", "R1")],
        cleared_item=[cleared],
        party=[{"party_id": "4711", "row_no": 1, "tax_identifier": "DE123"}],
        invoice=[
            invoice("R0"),
            invoice("R1"),
            invoice("R2", buyer_vat_identifier="DE 123"),
            invoice("R3", issue_date="2026-11-02"),
            invoice("R4", invoice_status="作废"),
        ],
    )
    assert found == [("missing_in_erp", "in/R2.xml")]
    row, evidence = the_exception(store)
    assert (row["table"], row["related_id"], row["party_id"], row["amount"]) == (
        "invoice",
        "R2",
        "4711",
        Decimal("119"),
    )
    assert (evidence["number"], evidence["buyer"]) == ("R2", "DE 123")


def test_a_side_without_a_ledger_is_not_compared(store):
    found = compared(store, open_item=[item("14", "R1")], invoice=[invoice("R1"), invoice("S1", direction="received")])
    assert found == []


@pytest.mark.parametrize(
    ("total", "more", "reasons"),
    [
        ("119.00", {}, []),
        ("119.01", {}, ["amount_differs"]),
        ("118.00", {}, ["amount_differs"]),
        ("119.00", {"invoice_currency_code": "USD"}, ["amount_differs"]),
        ("219.00", {"paid_amount": "100", "amount_due_for_payment": "119.00"}, []),
        ("119.03", {"rounding_amount": "-0.03", "amount_due_for_payment": "50.00"}, []),
        (None, {"amount_due_for_payment": "119.00"}, []),
        (None, {}, ["amount_differs"]),
    ],
)
def test_the_ledger_holds_the_total_the_rounded_total_or_the_amount_due(store, total, more, reasons):
    found = compared(store, open_item=[item("14", "R1")], invoice=[invoice("R1", total, **more)])
    assert found == [(reason, "14") for reason in reasons]


def test_an_amount_that_differs_shows_both_values(store):
    compared(store, open_item=[item("14", "R1")], invoice=[invoice("R1", "129.00")])
    row, evidence = the_exception(store)
    assert Decimal(evidence["ledger"]) == Decimal("119")
    assert Decimal(evidence["einvoice"]) == Decimal("129")
    assert (row["related_id"], row["message"]) == ("in/R1.xml", "ledger 119.00 EUR, e-invoice 129.00 EUR")


def test_an_invoice_in_instalments_is_compared_by_its_sum(store):
    rates = [item("14", "R1", "19.00"), item("15", "R1", "100.00")]
    assert compared(store, open_item=rates, invoice=[invoice("R1")]) == []
    assert store.table("open_item")["invoice_id"].to_list() == ["in/R1.xml"] * 2


def test_instalments_that_do_not_add_up_are_one_exception(store):
    rates = [item("15", "R1", "19.00"), item("14", "R1", "99.00")]
    assert compared(store, open_item=rates, invoice=[invoice("R1")]) == [("amount_differs", "14")]


def test_a_booked_credit_note_has_its_own_document_and_cancels_nothing(store):
    credit, references = credits("C1", "119.00", "R1")
    found = compared(
        store,
        open_item=[item("14", "R1"), item("15", "C1", "-119.00", document_type="credit_note")],
        invoice=[invoice("R1"), credit],
        preceding_invoice=references,
    )
    assert found == []


def test_a_credit_memo_that_quotes_the_invoice_number_is_not_a_second_instalment(store):
    found = compared(
        store,
        open_item=[item("14", "R1"), item("15", "R1", "-20.00", document_type="credit_note", e_invoice_profile=None)],
        invoice=[invoice("R1")],
    )
    assert found == []


def test_a_tax_identifier_of_the_item_or_its_party_must_be_the_one_on_the_document(store):
    found = compared(
        store,
        party=[
            {"party_id": "4711", "row_no": 1, "tax_identifier": "DE 123456789"},
            {"party_id": "4712", "row_no": 1, "tax_identifier": "123456789"},
            {"party_id": "4713", "row_no": 1, "tax_identifier": "FR1"},
            {"party_id": "4713", "row_no": 2, "tax_identifier": "FR2"},
        ],
        open_item=[
            item("14", "R1"),
            item("15", "R2"),
            item("16", "R3", party_id="4712"),
            item("17", "R4", party_id="4713"),
            item("18", "R5", party_tax_identifier="91330100MA2KYSWJ5T"),
            item("19", "R6", party_id="none"),
            item("20", "R7"),
        ],
        invoice=[
            invoice("R1", buyer_vat_identifier="DE123456789"),
            invoice("R2", buyer_vat_identifier="DE123456780"),
            invoice("R3", buyer_vat_identifier="DE123456789"),
            invoice("R4", buyer_vat_identifier="FR2"),
            invoice("R5", buyer_vat_identifier="DE123456789"),
            invoice("R6", buyer_vat_identifier="DE9"),
            invoice("R7"),
        ],
    )
    assert found == [("tax_id_differs", "15"), ("tax_id_differs", "18")]
    by_id = {row["object_id"]: json.loads(row["evidence"]) for row in store.table("exception").to_dicts()}
    assert (by_id["15"]["ledger"], by_id["15"]["einvoice"]) == (["DE123456789"], ["DE123456780"])


def test_two_documents_of_one_number_are_one_duplicate_and_the_right_one_vouches_for_the_amount(store):
    again = invoice("R1", "11.90", invoice_id="in/R1_b.xml")
    found = compared(store, open_item=[item("14", "R1")], invoice=[invoice("R1"), again])
    assert found == [("duplicate_document", "14")]
    row, evidence = the_exception(store)
    assert evidence["documents"] == ["in/R1.xml", "in/R1_b.xml"]
    assert row["related_id"] == "in/R1_b.xml"


def test_a_file_whose_bytes_came_twice_is_a_duplicate_of_its_item(store):
    documents = [
        {"document_id": "in/R1.xml", "sha256": "aa", "status": "read"},
        {"document_id": "in/copy.xml", "sha256": "aa", "status": "duplicate"},
        {"document_id": "in/R2.xml", "sha256": "bb", "status": "read"},
        {"document_id": "other.csv", "sha256": "cc", "status": "duplicate"},
    ]
    found = compared(
        store,
        open_item=[item("14", "R1"), item("15", "R2")],
        invoice=[invoice("R1"), invoice("R2")],
        document=documents,
    )
    assert found == [("duplicate_document", "14")]


def test_an_invoice_that_credit_notes_reverse_in_full_is_cancelled(store):
    first, references = credits("C1", "100.00", "R1")
    second, more = credits("C2", "19.00", "R1")
    found = compared(
        store,
        open_item=[item("14", "R1")],
        invoice=[invoice("R1"), first, second],
        preceding_invoice=references + more,
    )
    assert found == [("cancelled_document", "14")]
    row, evidence = the_exception(store)
    assert {each["number"] for each in evidence["by"]} == {"C1", "C2"}
    assert row["message"] == "cancelled on the platform (C1, C2), still open in the ledger"


def test_a_credit_note_over_a_part_is_missing_in_the_ledger(store):
    part, references = credits("C1", "19.00", "R1")
    found = compared(store, open_item=[item("14", "R1")], invoice=[invoice("R1"), part], preceding_invoice=references)
    assert found == [("missing_in_erp", "in/C1.xml")]


def test_a_red_letter_cancels_its_blue_invoice_and_so_does_a_status(store):
    red = invoice("24322000000009500136", "-119.00", is_red_letter=True, invoice_currency_code="CNY")
    found = compared(
        store,
        open_item=[
            item("14", "24322000000012341237", currency="CNY", e_invoice_profile="数电"),
            item("15", "24322000000012341238", currency="CNY", e_invoice_profile="数电"),
            item("16", "24322000000012341239", currency="CNY", e_invoice_profile="数电", open_amount="0"),
        ],
        invoice=[
            invoice("24322000000012341237", invoice_currency_code="CNY"),
            invoice("24322000000012341238", invoice_currency_code="CNY", invoice_status="红冲"),
            invoice("24322000000012341239", invoice_currency_code="CNY", invoice_status="作废"),
            red,
        ],
        preceding_invoice=[
            {"invoice_id": red["invoice_id"], "row_no": 1, "preceding_invoice_reference": "24322000000012341237"}
        ],
    )
    assert found == [("cancelled_document", "14"), ("cancelled_document", "15")]


def test_a_credit_note_for_an_item_that_is_cleared_is_missing_in_the_ledger(store):
    cleared = item("14", "R1")
    cleared["cleared_item_id"] = cleared.pop("open_item_id")
    credit, references = credits("C1", "119.00", "R1")
    found = compared(
        store,
        open_item=[item("15", "R2")],
        cleared_item=[cleared],
        invoice=[invoice("R1"), invoice("R2"), credit],
        preceding_invoice=references,
    )
    assert found == [("missing_in_erp", "in/C1.xml")]


def test_two_companies_of_ours_may_use_the_same_numbers(store):
    found = compared(
        store,
        company=[
            {"company_code": "0100", "row_no": 1, "tax_identifier": "DE1"},
            {"company_code": "0200", "row_no": 1, "tax_identifier": "DE2"},
        ],
        open_item=[item("14", "R1"), item("15", "R1", "50.00", company_code="0200")],
        invoice=[
            invoice("R1", seller_vat_identifier="DE1"),
            invoice("R1", "50.00", seller_vat_identifier="DE2", invoice_id="in/other.xml"),
        ],
    )
    assert found == []
    assert store.table("open_item")["invoice_id"].to_list() == ["in/R1.xml", "in/other.xml"]


def test_a_seller_identifier_that_is_wrong_does_not_hide_the_document(store):
    found = compared(
        store,
        company=[{"company_code": "0100", "row_no": 1, "tax_identifier": "DE799359244"}],
        open_item=[item("14", "R1")],
        invoice=[invoice("R1", seller_vat_identifier="799359244")],
    )
    assert found == []


def test_two_suppliers_may_use_the_same_numbers(store):
    found = compared(
        store,
        party=[
            {"party_id": "S1", "row_no": 1, "tax_identifier": "DE1"},
            {"party_id": "S2", "row_no": 1, "tax_identifier": "DE2"},
        ],
        open_item=[
            item("14", "1001", ledger="payable", party_id="S1"),
            item("15", "1002", "80", ledger="payable", party_id="S2"),
        ],
        invoice=[
            invoice("1001", direction="received", seller_vat_identifier="DE1"),
            invoice("1001", "7", direction="received", seller_vat_identifier="DE9", invoice_id="in/x.xml"),
            invoice("1002", "80", direction="received", seller_vat_identifier="DE3"),
        ],
    )
    assert found == [("missing_in_erp", "in/x.xml"), ("tax_id_differs", "15")]


def test_an_untold_direction_is_found_by_our_own_tax_identifiers(store):
    found = compared(
        store,
        company=[{"company_code": "0100", "row_no": 1, "tax_identifier": "DE1"}],
        open_item=[item("14", "R1"), item("15", "1001", ledger="payable", party_id="S1")],
        invoice=[
            invoice("R1", direction=None, seller_vat_identifier="DE1"),
            invoice("1001", direction=None, seller_vat_identifier="DE7", buyer_vat_identifier="DE1"),
        ],
    )
    assert found == []


def test_comparing_twice_adds_nothing_and_the_order_of_rows_does_not_matter(store):
    tables = {
        "open_item": [item(str(n), f"R{n}", str(n + n % 2)) for n in range(1, 20)],
        "invoice": [invoice(f"R{n}", str(n)) for n in range(3, 22)],
    }
    found = compared(store, **tables)
    before = store.table("exception")
    platform.compare(store, PLAN, as_of=AS_OF)
    assert store.table("exception").equals(before)
    with Store.create() as other:
        assert compared(other, **{name: rows[::-1] for name, rows in tables.items()}) == found
        assert other.table("exception").equals(before)
    assert {reason for reason, _ in found} == {"missing_on_platform", "missing_in_erp", "amount_differs"}


def test_the_planted_defects_of_the_demo_are_found_and_nothing_else(store, shared):
    from tieout import intake
    from tieout.model.ports import Input
    from tieout.model.records import Document

    class Files:
        def __init__(self, pattern):
            self.name, self.paths = pattern, sorted((shared / "demo").glob(pattern))

        def documents(self):
            for path in self.paths:
                content = path.read_bytes()
                yield Document(path.name, content, "", hashlib.sha256(content).hexdigest())

    sources = [
        Input("a", Files("erp/open_items.csv"), "erp.sap_fbl5n", {}),
        Input("b", Files("erp/cn_open_items.csv"), "erp.cn_open_items", {}),
        Input("c", Files("erp/customers.csv"), "erp.customers", {}),
        Input("d", Files("erp/company.csv"), "erp.companies", {}),
        Input("e", Files("einvoices/*.xml"), None, {"direction": "issued"}),
    ]
    intake.take_in(store, sources, list(Catalogue.load().mappings.values()), progress=NoProgress())
    platform.compare(store, PLAN, as_of=dt.date(2024, 11, 29))

    truth = pl.read_csv(shared / "demo" / "truth" / "exceptions.csv", infer_schema=False)
    names = {
        "EINV_MISSING": "missing_on_platform",
        "EINV_AMOUNT_MISMATCH": "amount_differs",
        "EINV_TAXID_MISMATCH": "tax_id_differs",
        "EINV_DUPLICATE": "duplicate_document",
        "EINV_CANCELLED": "cancelled_document",
    }
    planted = {(names[row["reason_code"]], row["object_id"]) for row in truth.to_dicts() if row["reason_code"] in names}
    allocated = pl.read_csv(shared / "demo" / "truth" / "allocations.csv", infer_schema=False)["invoice_id"]
    labelled_items = {*allocated, *truth.filter(pl.col("object_type") == "invoice")["object_id"]}
    items = store.table("open_item")
    labelled = set(items.filter(pl.col("open_item_id").is_in(labelled_items))["party_id"])
    found = store.table("exception")
    inside = {(r["reason"], r["object_id"]) for r in found.to_dicts() if r["party_id"] in labelled}
    assert inside == planted
    assert found.height == 15


@pytest.mark.parametrize(
    ("limits", "total", "differs"),
    [
        ("{absolute: 0.05}", "119.05", False),
        ("{absolute: 0.05}", "119.06", True),
        ("{absolute: {USD: 9, other: 0.01}}", "119.02", True),
        ("{percent: 1}", "120.19", False),
        ("{percent: 1}", "120.20", True),
        ("{absolute: 2, percent: 1}", "121.00", False),
        ("{absolute: 2, percent: 5, at_most: {EUR: 1}}", "120.01", True),
        ("{absolute: 0}", "119.00", False),
    ],
)
def test_amounts_differ_beyond_the_tolerance_of_the_plan(store, limits, total, differs):
    chosen = plan(f"  - {{pass: amount, find: amount_differs, tolerance: {limits}}}\n")
    found = compared(store, chosen, open_item=[item("1", "R1")], invoice=[invoice("R1", total)])
    assert found == ([("amount_differs", "1")] if differs else [])


def test_the_plan_says_which_figure_of_the_document_must_agree(store):
    chosen = plan("  - {pass: amount, find: amount_differs, amounts: [amount_due_for_payment]}\n")
    found = compared(
        store,
        chosen,
        open_item=[item("1", "R1"), item("2", "R2")],
        invoice=[
            invoice("R1", "119.00", amount_due_for_payment="19.00"),
            invoice("R2", "1.00", amount_due_for_payment="119.00"),
        ],
    )
    assert found == [("amount_differs", "1")]


def test_a_pass_that_is_left_out_judges_nothing(store):
    chosen = plan("  - {pass: a, find: missing_in_erp}\n")
    found = compared(
        store, chosen, open_item=[item("1", "R1"), item("2", "R2")], invoice=[invoice("R1", "1.00"), invoice("X9")]
    )
    assert found == [("missing_in_erp", "in/X9.xml")]


def test_what_is_younger_than_the_grace_days_is_not_missing_yet(store):
    chosen = plan(
        "  - {pass: a, find: missing_on_platform, grace_days: 3}\n  - {pass: b, find: missing_in_erp, grace_days: 3}\n"
    )
    found = compared(
        store,
        chosen,
        open_item=[item("1", "R1", document_date="2026-10-28"), item("2", "R2", document_date="2026-10-29")],
        invoice=[invoice("X1", issue_date="2026-10-28"), invoice("X2", issue_date="2026-10-29")],
    )
    assert found == [("missing_in_erp", "in/X1.xml"), ("missing_on_platform", "1")]


def test_only_the_profiles_of_the_plan_must_be_on_the_platform(store):
    chosen = plan("  - {pass: a, find: missing_on_platform, profiles: [PEPPOL]}\n")
    items = [item("1", "R1"), item("2", "R2", e_invoice_profile="ZUGFERD")]
    assert compared(store, chosen, open_item=items, invoice=[invoice("X1")]) == [("missing_on_platform", "1")]


@pytest.mark.parametrize(("issued", "differs"), [("2026-10-03", False), ("2026-10-04", True)])
def test_dates_are_compared_where_the_plan_asks(store, issued, differs):
    chosen = plan("  - {pass: a, find: date_differs, dates: {document_date: issue_date}, days: 2}\n")
    found = compared(store, chosen, open_item=[item("1", "R1")], invoice=[invoice("R1", issue_date=issued)])
    assert found == ([("date_differs", "1")] if differs else [])


def test_the_words_for_a_cancelled_document_are_the_plans(store):
    chosen = plan("  - {pass: a, find: cancelled_document}\n")
    rows = {"open_item": [item("1", "R1"), item("2", "R2")]}
    rows["invoice"] = [invoice("R1", invoice_status="Void"), invoice("R2", invoice_status="作废")]
    assert compared(store, chosen, **rows) == [("cancelled_document", "1")]
