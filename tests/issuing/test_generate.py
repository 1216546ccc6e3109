"""Documents: what is issued, what is stopped and why, what a second run does."""

import dataclasses
import hashlib
from decimal import Decimal

import polars as pl
import pytest

from tests.issuing.books import AS_OF, NEXT_DAY, PARTIES, Books, issued, line
from tieout.formats import xml
from tieout.library.catalog import Catalogue
from tieout.mapping.carried import losses, typed
from tieout.mapping.lens import Collector, Lens
from tieout.model.errors import SourceError
from tieout.store.engine import Store
from tieout.store.register import gaps, pending_numbers
from tieout.validation import check as validation

# An invoice of last year, which credit notes correct.
OLD = {
    "cleared_item": [
        {
            "cleared_item_id": "1",
            "ledger": "receivable",
            "reference": "NW-2025-00001",
            "amount": "500",
            "currency": "EUR",
        }
    ]
}


def rules(store, document):
    found = store.table("finding").filter(pl.col("object_id") == document)
    return sorted(found["rule"].to_list())


def test_documents_are_numbered_by_date_and_then_by_billing_document(books):
    store = books.issue(line("9002"), line("9001"), line("9003", issue_date="2026-10-01"))
    assert issued(store) == {
        "9003": ("NW-2026-00001", "issued"),
        "9001": ("NW-2026-00002", "issued"),
        "9002": ("NW-2026-00003", "issued"),
    }


def test_the_file_in_the_folder_is_what_the_row_says(books):
    store = books.issue(line())
    row = store.table("issued_document").row(0, named=True)
    content = (books.written / "NW-2026-00001.xml").read_bytes()
    assert row["file"] == "issued/NW-2026-00001.xml"
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["amount"] == Decimal("8.33")
    assert b"<cbc:PaymentID>RF" in content


def test_what_was_written_reads_back_as_the_rows_of_the_run(books):
    store = books.issue(
        line(
            "9001", number=10, note="Danke", buyer_reference="KST 1", purchase_order_reference="PO-1", quantity="1.25"
        ),
        line(
            "9001", number=20, vat_rate="7", item_description="mit Linien & Rand", net_price="0.0075", quantity="1000"
        ),
        line("9002", billing_kind="credit_note", corrects_invoice="NW-2025-00001", payment_terms="wird verrechnet"),
        line("9003", party_id="200", vat_category_code="K", vat_rate="0", vat_exemption_reason="intra-Community"),
        ledger=OLD,
    )
    collector = Collector()
    for invoice_id, mapping in store.table("invoice").select("invoice_id", "mapping").iter_rows():
        content = (books.written / invoice_id.removeprefix("issued/")).read_bytes()
        collector.add(Lens.compile(books.mappings[mapping]), xml.parse(content, invoice_id), invoice_id)
    read = {name: typed(name, rows) for name, rows in collector.frames().items()}
    meant = {name: typed(name, store.table(name)) for name in read if store.count(name)}
    assert {"invoice", "invoice_line", "vat_breakdown", "invoice_note", "preceding_invoice"} <= meant.keys()
    assert [str(each) for each in losses(meant, read) if each.of_a_term] == []
    assert store.count("invoice_line") == 4


def test_a_fatal_finding_stops_its_document_and_no_other(books):
    store = books.issue(line("9001"), line("9002", party_id="300"), line("9003"))
    assert issued(store) == {
        "9001": ("NW-2026-00001", "issued"),
        "9002": (None, "invalid"),
        "9003": ("NW-2026-00002", "issued"),
    }
    exception = store.table("exception").row(0, named=True)
    assert exception["reason"] == "invalid_document"
    assert (exception["table"], exception["object_id"], exception["amount"]) == (
        "billing_line",
        "9002",
        Decimal("8.33"),
    )
    assert "BR-11: no country" in exception["message"]
    assert (exception["source"], exception["line"]) == ("billing/lines.csv", 10)
    assert store.table("finding").select("table", "object_id", "rule").rows() == [("billing_line", "9002", "BR-11")]
    assert sorted(path.name for path in books.written.iterdir()) == ["NW-2026-00001.xml", "NW-2026-00002.xml"]


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ([line(line_net_amount="7.01")], "IS-AMOUNT"),
        ([line(quantity=None)], "IS-AMOUNT"),
        ([line(party_id="999")], "IS-PARTY"),
        ([line(), line(number=20, currency="USD")], "IS-HEAD"),
        ([line(), line()], "IS-LINE"),
        ([line(billing_kind=None)], "IS-KIND"),
        ([line(issue_date="2026-11-01")], "IS-DATE"),
        ([line(item_name="Stift\x01")], "IS-READBACK"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_document_is_stopped_for_what_its_lines_say(books, lines, rule):
    store = books.issue(*lines, line("9002"))
    assert issued(store) == {"9001": (None, "invalid"), "9002": ("NW-2026-00001", "issued")}
    assert rule in rules(store, "9001")
    assert store.count("exception") == 1


def test_what_the_mapping_cannot_carry_stops_the_document_and_names_the_column(books):
    whole = books.mappings["ubl.invoice"]
    tables = tuple(
        dataclasses.replace(each, fields=tuple(f for f in each.fields if f.column != "buyer_reference"))
        for each in whole.tables
    )
    books.mappings["ubl.invoice"] = dataclasses.replace(whole, tables=tables)
    store = books.issue(line("9001", buyer_reference="KST 1"), line("9002"))
    assert issued(store) == {"9001": (None, "invalid"), "9002": ("NW-2026-00001", "issued")}
    message = store.table("finding").row(0, named=True)["message"]
    assert message.startswith("invoice.buyer_reference (BT-10) is 'KST 1' and reads back as nothing")


def test_a_run_of_a_later_day_issues_nothing_again_and_has_the_same_invoices(books):
    lines = [line("9001"), line("9002", party_id="300")]
    first = books.issue(*lines)
    assert books.commit(first) == 1
    second = books.issue(*lines, as_of=NEXT_DAY)
    assert issued(second) == {"9001": ("NW-2026-00001", "unchanged"), "9002": (None, "invalid")}
    assert not books.written.exists()
    for name in ("invoice", "invoice_line", "vat_breakdown", "payment_instruction", "finding", "exception"):
        assert second.table(name).equals(first.table(name)), name
    assert books.commit(second, as_of=NEXT_DAY) == 0
    assert pending_numbers(books.journal, "NW-2026-") == []


def test_a_run_repeated_for_the_same_day_is_equal_and_puts_nothing_new_on_record(books):
    lines = [line("9001"), line("9002", party_id="300"), line("9003")]
    first = books.issue(*lines)
    content = {path.name: path.read_bytes() for path in books.written.iterdir()}
    assert books.commit(first) == 2
    second = books.issue(*lines)
    assert second.table("issued_document").equals(first.table("issued_document"))
    assert {path.name: path.read_bytes() for path in books.written.iterdir()} == content
    assert books.commit(second) == 0


def test_lines_that_changed_after_the_invoice_are_told_and_not_issued_again(books):
    books.commit(books.issue(line("9001")))
    store = books.issue(line("9001", quantity="3"), line("9002"))  # the same day, and yet it is no longer that invoice
    assert issued(store) == {"9001": ("NW-2026-00001", "unchanged"), "9002": ("NW-2026-00002", "issued")}
    finding = store.table("finding").row(0, named=True)
    assert (finding["rule"], finding["severity"]) == ("IS-CHANGED", "warning")
    assert store.table("invoice")["invoice_number"].to_list() == ["NW-2026-00002"]
    assert store.count("exception") == 0


def test_a_customer_who_is_gone_does_not_undo_what_was_issued(books):
    books.commit(books.issue(line("9001")))
    store = books.issue(line("9001"), parties=PARTIES[2:])
    assert issued(store) == {"9001": ("NW-2026-00001", "unchanged")}
    assert rules(store, "9001") == ["IS-CHANGED"]


def test_the_bytes_do_not_depend_on_the_order_of_the_lines(books, tmp_path, mappings):
    (tmp_path / "other").mkdir()
    other = Books(tmp_path / "other", mappings)
    lines = [line("9001", number=n, quantity=str(n)) for n in (10, 20, 30)] + [line("9002")]
    first, second = books.issue(*lines), other.issue(*reversed(lines))
    other.journal.close()
    assert first.table("issued_document")["sha256"].to_list() == second.table("issued_document")["sha256"].to_list()


def test_a_run_without_billing_lines_touches_nothing(books):
    store = books.issue()
    assert store.count("issued_document") == 0
    assert not books.written.exists()


def test_series_start_and_digits_are_the_workspaces_own(books):
    store = books.issue(line(), series="R/", start=4711, digits=6)
    assert issued(store) == {"9001": ("R/004711", "issued")}
    assert (books.written / "R_004711.xml").is_file()


def test_a_total_of_absurd_size_stops_its_document_and_not_the_run(books):
    huge = line("9001", quantity="1000000000", net_price="99999999", party_id="300")
    store = books.issue(huge, line("9002"))
    assert issued(store) == {"9001": (None, "invalid"), "9002": ("NW-2026-00001", "issued")}
    assert store.table("exception")["amount"].to_list() == [None]


def test_a_folder_that_cannot_be_written_is_one_clear_line_and_costs_no_number(books, tmp_path):
    (tmp_path / "run1").write_text("a file in the way")
    with pytest.raises(SourceError, match="the invoices could not be written"):
        books.issue(line())
    assert issued(books.issue(line())) == {"9001": ("NW-2026-00001", "issued")}
    assert gaps(books.journal, "NW-2026-") == []


def test_issued_invoices_pass_the_shipped_rules(books):
    pack = Catalogue.load(None).rule_sets["en16931"]

    def check(tables):
        with Store.create() as store:
            for name, rows in tables.items():
                store.append(name, rows)
            validation.check(store, [pack], as_of=AS_OF)
            return store.table("finding")

    store = books.issue(
        line("9001"),
        line("9001", number=20, vat_rate="7"),
        line("9002", party_id="200", vat_category_code="K", vat_rate="0"),
        line("9003", vat_category_code="E", vat_rate="0", vat_exemption_reason="§ 4 Nr. 21 UStG"),
        line("9004", vat_category_code="E", vat_rate="0"),
        line("9005", party_id="300"),
        line("9006", billing_kind="credit_note", corrects_invoice="NW-2025-00001"),
        check=check,
        ledger=OLD,
    )
    stopped = {document for document, (_, status) in issued(store).items() if status == "invalid"}
    assert stopped == {"9004", "9005"}
    assert rules(store, "9004") == ["BR-E-10"]
    assert rules(store, "9005") == ["BR-10"]
