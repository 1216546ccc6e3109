"""The lens laws on published invoices of others: what is read and written again says the same, and what it loses has a reason."""

import datetime as dt
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tieout.formats import xml
from tieout.library.catalog import Catalogue
from tieout.mapping.carried import ASIDE_TABLES, losses, typed
from tieout.mapping.compare import difference, said
from tieout.mapping.lens import Collector, Lens, pick, write
from tieout.store.engine import Store
from tieout.validation.check import check

MAPPINGS = {each.id: each for each in Catalogue.load(None).mappings.values() if each.id.startswith(("ubl", "cii"))}
LENSES = {name: Lens.compile(each) for name, each in MAPPINGS.items()}
# Terms that the model and CII have once for a document and UBL for each way to pay.
ONCE = {"remittance_information", "mandate_reference_identifier", "bank_assigned_creditor_identifier"}
# Groups of the XRechnung extension that CII has no elements for.
UBL_ONLY = {"sub_invoice_line", "third_party_payment"}

SOME = pytest.param(25, id="some")
ALL = pytest.param(1, id="all", marks=pytest.mark.slow)


def published(shared: Path, every: int) -> dict[str, bytes]:
    cases = pl.read_parquet(shared / "conformance" / "en16931" / "cases.parquet").filter(pl.col("kind") == "file")
    return {id: text.encode() for id, text in cases.gather_every(every).select("id", "xml").iter_rows()}


def read(documents: dict[str, bytes]) -> tuple[dict[str, pl.DataFrame], dict[str, str], dict[str, xml.Element]]:
    """The frames, the mapping of each document and its tree."""
    collector, read_by, roots = Collector(), {}, {}
    for id, content in documents.items():
        root = roots[id] = xml.parse(content, id)
        mapping = pick(MAPPINGS.values(), root)
        read_by[id] = mapping.id
        collector.add(LENSES[mapping.id], root, id)
    return collector.frames(), read_by, roots


def written(frames: dict[str, pl.DataFrame], by: dict[str, str]) -> dict[str, bytes]:
    parts = {
        name: frame.partition_by("invoice_id", as_dict=True)
        for name, frame in frames.items()
        if name not in ASIDE_TABLES or name == "as_written"
    }
    return {
        id: write(MAPPINGS[name], {table: part[(id,)].to_dicts() for table, part in parts.items() if (id,) in part})
        for id, name in by.items()
    }


def rows(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {name: typed(name, frame) for name, frame in frames.items() if name not in ASIDE_TABLES}


def lost_terms(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> list:
    """The losses of what an invoice says."""
    return [each for each in losses(rows(one), rows(other)) if each.of_a_term and each.meant is not None]


@pytest.mark.parametrize("every", [SOME, ALL])
def test_what_is_read_and_written_reads_the_same(shared, every):
    frames, by, _ = read(published(shared, every))
    again, _, _ = read(written(frames, by))
    assert [str(each) for each in lost_terms(frames, again) if each.column != "tax_scheme"] == []


@pytest.mark.parametrize("every", [SOME, ALL])
def test_what_is_written_says_what_was_read_but_for_what_no_term_is_or_may_not_repeat(shared, every):
    """Everything a document loses is unmapped, one of several where the term has one, or no value of its type."""
    frames, by, roots = read(published(shared, every))
    odd = set(frames["as_written"].select("invoice_id", "text").rows())
    unexplained, reasons, whole = [], Counter(), 0
    for id, content in written(frames, by).items():
        lens = LENSES[by[id]]
        names, mapped = lens.plan.trie.names, lens.plan.trie.paths(xml.namespace(roots[id]))
        lost, _ = difference(roots[id], xml.parse(content, id), names)
        here = Counter(path for path, _ in said(roots[id], names).elements())
        there = Counter(path for path, _ in said(xml.parse(content, id), names).elements())
        whole += not lost
        for (path, text), count in lost.items():
            if path not in mapped:
                reasons["unmapped"] += count
            elif here[path] > there[path]:
                reasons["not repeated"] += count
            elif (id, text) in odd or any(o == id and t.strip() == text for o, t in odd):
                reasons["shown otherwise"] += count
            else:
                unexplained.append((id, path, text))
    assert whole
    assert set(reasons) <= {"unmapped", "not repeated", "shown otherwise"}
    # Constants that the schemas want: the writer has one way to say them.
    ways = ("ChargeIndicator", "ChargeIndicator/udt:Indicator", "DocumentTypeCode", "TaxScheme/cbc:ID")
    assert [each for each in unexplained if not each[1].endswith(ways)] == []


@pytest.mark.parametrize("every", [SOME, ALL])
def test_ubl_to_cii_and_back_keeps_every_business_term(shared, every):
    frames, by, _ = read(published(shared, every))
    ubl = {id: name for id, name in by.items() if name.startswith("ubl")}
    there, _, _ = read(written(frames, dict.fromkeys(ubl, "cii.invoice")))
    back, _, _ = read(written(there, ubl))
    meant = {name: f.filter(pl.col("invoice_id").is_in(list(ubl))) for name, f in frames.items() if "invoice_id" in f}
    with_vat = set(meant["vat_breakdown"]["invoice_id"])  # CII says BT-7 and BT-8 inside of it
    several = said_otherwise(meant["payment_instruction"])
    lost = [
        each
        for each in lost_terms(meant, back)
        if (each.invoice_id in with_vat or each.term not in ("BT-7", "BT-8"))
        and (each.invoice_id, each.column) not in several
        and not (each.table in UBL_ONLY or each.term.startswith("BG-DEX"))
    ]
    assert [str(each) for each in lost] == []


def said_otherwise(instructions: pl.DataFrame) -> set[tuple[str, str]]:
    """Invoice and column where a term that may stand once stands with several values: one of them is kept."""
    counts = instructions.group_by("invoice_id").agg(pl.col(name).drop_nulls().n_unique() for name in ONCE)
    return {(row["invoice_id"], name) for row in counts.to_dicts() for name in ONCE if row[name] > 1}


@pytest.mark.parametrize("every", [SOME, ALL])
def test_what_is_written_breaks_no_rule_that_the_original_keeps(shared, every):
    frames, by, _ = read(published(shared, every))
    again, _, _ = read(written(frames, by))
    before, after = broken(frames), broken(again)
    new = {id: after[id] - before.get(id, set()) for id in after}
    assert {id: rules for id, rules in new.items() if rules} == {}


def broken(frames: dict[str, pl.DataFrame]) -> dict[str, set[str]]:
    """The rules each document breaks, whatever its specification."""
    packs = [each for each in Catalogue.load(None).rule_sets.values() if each.pack.startswith("en16931")]
    with Store.create() as store:
        for name, frame in frames.items():
            store.append(name, frame)
        check(store, packs, as_of=dt.date(2026, 1, 1), everywhere=True)
        found: dict[str, set[str]] = {}
        for source, rule in store.table("finding").select("source", "rule").iter_rows():
            found.setdefault(source, set()).add(rule)
        return found


NO_DATES = {"issue_date": "2026-13-45", "payment_due_date": " soon ", "actual_delivery_date": ""}


@pytest.mark.parametrize("name", ["ubl.invoice", "ubl.credit_note", "cii.invoice"])
def test_a_text_that_is_no_value_is_written_as_it_stood_in_any_syntax(name):
    texts = [
        {"table_name": "invoice", "line_row_no": None, "row_no": None, "column_name": column, "text": text}
        for column, text in NO_DATES.items()
    ]
    texts.append({"table_name": "invoice_line", "line_row_no": None, "row_no": 2, "column_name": "invoiced_quantity", "text": "1,5"})  # fmt: skip
    tables = {
        "invoice": [{"invoice_number": "1", "invoice_currency_code": "EUR", "mapping": "json.invoice"}],
        "invoice_line": [{"row_no": 1, "invoiced_quantity": "2"}, {"row_no": 2}],
        "payment_instruction": [{"row_no": 1, "payment_means_type_code": "30"}],
        "as_written": texts,
    }
    frames, _, _ = read({"a": write(MAPPINGS[name], tables)})
    found = {row["column_name"]: row["text"] for row in frames["as_written"].to_dicts()}
    assert {column: found.get(column) for column in NO_DATES} == NO_DATES
    assert (found["invoiced_quantity"], frames["invoice_line"]["invoiced_quantity"].to_list()) == ("1,5", ["2", None])


def test_a_value_is_written_as_it_stood_only_in_the_syntax_it_was_read_from():
    xml_of = write(MAPPINGS["ubl.invoice"], {"invoice": [{"invoice_currency_code": "EUR", "paid_amount": "7"}]})
    frames, by, _ = read({"a": xml_of.replace(b">7.00<", b">+7.0<")})
    assert b">+7.0<" in written(frames, by)["a"]
    assert b">7.00<" in written(frames, {"a": "cii.invoice"})["a"]


def test_a_section_that_is_not_there_is_not_written():
    root = {"invoice_number": "1", "invoice_currency_code": "EUR"}
    marks = [
        b"ExchangedDocumentContext" in write(MAPPINGS["cii.invoice"], {"invoice": [{**root, **flag}]})
        for flag in ({}, {"has_process_control": True}, {"has_process_control": False})
    ]
    assert marks == [True, True, False]


def test_identifiers_in_another_order_are_no_loss_and_another_identifier_is():
    def identifiers(*names):
        rows = [{"invoice_id": "a", "row_no": n, "seller_identifier": name} for n, name in enumerate(names, 1)]
        return {"seller_identifier": typed("seller_identifier", pl.DataFrame(rows))}

    assert list(losses(identifiers("1", "2"), identifiers("2", "1"))) == []
    assert [each.meant for each in losses(identifiers("1", "2"), identifiers("2", "3"))] == ["1", "2"]
    assert [each.column for each in losses(identifiers("1", "2"), identifiers("2"))][-1] == ""


def test_each_vat_total_keeps_its_currency_and_its_breakdown():
    content = b"""<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
 <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
 <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">1.00</cbc:TaxAmount></cac:TaxTotal>
 <cac:TaxTotal><cbc:TaxAmount currencyID="JPY">160.00</cbc:TaxAmount>
  <cac:TaxSubtotal><cbc:TaxAmount currencyID="JPY">160.00</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID>
   <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
</Invoice>"""
    frames, by, roots = read({"a": content})
    lost, gained = difference(
        roots["a"], xml.parse(written(frames, by)["a"], "b"), LENSES["ubl.invoice"].plan.trie.names
    )
    assert (lost, gained) == (Counter(), Counter())


def test_the_difference_of_documents_does_not_depend_on_their_order_and_knows_numbers():
    names = LENSES["ubl.invoice"].plan.trie.names
    one = xml.parse(b"<a><b>1.0</b><c x='1'> t </c><d/></a>", "1")
    other = xml.parse(b"<a><d></d><c x='2'>t</c><b>1</b><b>1</b></a>", "2")
    assert difference(one, one, names) == (Counter(), Counter())
    assert difference(one, other, names) == (Counter({("c/@x", "1"): 1}), Counter({("c/@x", "2"): 1, ("b", "1"): 1}))


def test_what_the_invoice_says_once_is_not_repeated_with_its_groups():
    tables = {
        "invoice": [{"invoice_number": "1", "value_added_tax_point_date": dt.date(2026, 1, 2)}],
        "vat_breakdown": [{"row_no": n, "vat_category_code": "S"} for n in (1, 2)],
    }
    content = write(MAPPINGS["cii.invoice"], tables)
    assert (content.count(b"20260102"), content.count(b"<ram:ApplicableTradeTax>")) == (1, 2)


def test_a_vat_total_in_one_currency_for_both_terms_is_written_once():
    invoice = {
        "invoice_number": "1",
        "invoice_currency_code": "EUR",
        "vat_accounting_currency_code": "EUR",
        "invoice_total_vat_amount": "1.00",
        "invoice_total_vat_amount_in_accounting_currency": "1.00",
    }
    for name in ("ubl.invoice", "cii.invoice"):
        content = write(MAPPINGS[name], {"invoice": [invoice]})
        assert content.count(b">1.00<") == 1, content.decode()
        frames, _, _ = read({"a": content})
        assert set(frames["invoice"].select("invoice_total_vat_amount", "invoice_total_vat_amount_in_accounting_currency").row(0)) == {"1.00"}  # fmt: skip
