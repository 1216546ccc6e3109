"""An invoice as JSON: the same rows as from XML, through the same kind of mapping; what breaks the schema is refused."""

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tieout.convert import convert
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.mapping.carried import ASIDE_TABLES, losses, typed
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.records import Document
from tieout.store.engine import Store
from tieout.validation.check import check

GOLDEN = Path(__file__).parents[1] / "golden" / "xml"
# Extensions that JSON has no members for.
NOT_IN_JSON = {"sub_invoice_line", "third_party_payment"}


def mappings():
    return Catalogue.load(None).mappings


def rows(content, mapping):
    frames, findings = read_back({"a": (content, mapping)})
    assert not findings
    return {name: typed(name, frame) for name, frame in frames.items() if frame.height}


def written(tables):
    return write(mappings()["json.invoice"], {name: frame.to_dicts() for name, frame in tables.items()})


@pytest.mark.parametrize(
    ("name", "by"),
    [("ubl_invoice", "ubl.invoice"), ("ubl_credit_note", "ubl.credit_note"), ("cii_invoice", "cii.invoice")],
)
def test_every_term_of_an_invoice_passes_through_json(name, by):
    known = mappings()
    meant = rows((GOLDEN / f"{name}.xml").read_bytes(), known[by])
    content = written(meant)
    lost = [each for each in losses(meant, rows(content, known["json.invoice"])) if each.of_a_term]
    extended = ("BG-DEX", "BT-DEX")
    assert [str(x) for x in lost if x.table not in NOT_IN_JSON and not x.term.startswith(extended)] == []
    value = json.loads(content)
    assert isinstance(value["totals"]["amount_due_for_payment"], int | float)
    assert isinstance(value["lines"], list)


def invoice():
    known = mappings()
    return json.loads(written(rows((GOLDEN / "ubl_invoice.xml").read_bytes(), known["ubl.invoice"])))


def taken(content):
    return read_documents([Document("in.json", content)], mappings().values())


def test_a_list_of_invoices_is_taken_in_one_by_one():
    batch = taken(json.dumps([invoice(), {**invoice(), "invoice_number": "B"}]).encode())
    assert batch.frames["invoice"]["invoice_id"].to_list() == ["in.json#1", "in.json#2"]
    assert batch.frames["invoice"]["source"].unique().to_list() == ["in.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issue_date": "2024-13-01"}, "issue_date: '2024-13-01' is no date as 2026-08-31"),
        ({"issue_dat": "2024-12-01"}, "'issue_dat' was unexpected"),
        ({"lines": {}}, "lines: {} is not of type 'array'"),
    ],
)
def test_what_breaks_the_schema_is_refused_with_its_place(change, words):
    batch = taken(json.dumps({**invoice(), **change}).encode())
    assert "invoice" not in batch.frames or not batch.frames["invoice"].height
    (finding,) = batch.frames["finding"].to_dicts()
    assert finding["rule"] == "IN-SCHEMA"
    assert words in finding["message"]


def test_an_object_without_members_and_a_list_without_entries_keep_their_kind():
    tables = {"invoice": [{"invoice_number": "1", "has_invoicing_period": True, "seller_has_contact": True}]}
    value = json.loads(write(mappings()["json.invoice"], tables))
    assert value["invoicing_period"] == {}
    assert value["seller"] == {"contact": {}}
    assert value["lines"] == []
    assert taken(json.dumps(value).encode()).frames["invoice"]["invoice_number"].to_list() == ["1"]


def test_the_kind_of_document_follows_from_its_type_where_it_is_not_said():
    def kind(**said):
        value = {"invoice_number": "1", "lines": [], **said}
        return taken(json.dumps(value).encode()).frames["invoice"]["document_kind"].item()

    assert kind() == "invoice"
    assert kind(invoice_type_code="381") == "credit_note"
    assert kind(invoice_type_code="381", document_kind="invoice") == "invoice"


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({}, set()),
        ({"invoice_total_vat_amount": None}, {"BR-CO-15"}),
        ({"invoice_total_vat_amount": 38.01, "invoice_total_amount_with_vat": 238.01}, {"BR-CO-14"}),
        ({"invoice_total_amount_with_vat": 238.01}, {"BR-CO-15"}),
    ],
)
def test_the_totals_of_vat_are_judged_without_a_word_beside_the_totals(change, rules):
    value = invoice()
    value["vat_breakdown"] = [{"vat_category_code": "S", "vat_category_rate": 19, "vat_category_taxable_amount": 200, "vat_category_tax_amount": 38}]  # fmt: skip
    value["totals"] = {"invoice_total_amount_without_vat": 200, "invoice_total_vat_amount": 38, "invoice_total_amount_with_vat": 238, **change}  # fmt: skip
    found = judged(taken(json.dumps(value).encode()).frames, "en16931")["in"]
    assert found & {"BR-CO-14", "BR-CO-15"} == rules


def judged(frames, *packs):
    """The rules that each document breaks, whatever its specification; those of the UBL and CII syntaxes left out."""
    found = {}
    with Store.create() as store:
        for name, frame in frames.items():
            store.append(name, frame)
        sets = Catalogue.load(None).rule_sets
        check(store, [sets[pack] for pack in packs], as_of=dt.date(2026, 1, 1), everywhere=True)
        for source, rule in store.table("finding").select("source", "rule").iter_rows():
            if not rule.startswith(("UBL-", "CII-", "IN-")):
                found.setdefault(Path(source).stem, set()).add(rule)
    return found


# What a UBL document says that JSON has no member for, or says otherwise, and so is not judged alike.
NOT_ALIKE = {
    "what has no term": {
        "BR-CL-03", "BR-CL-14", "BR-CL-22", "BR-CL-26", "BR-47", "BR-48", "BR-CO-04", "BR-CO-17", "PEPPOL-EN16931-CL007",
        "PEPPOL-EN16931-R051", "PEPPOL-EN16931-R100", "PEPPOL-EN16931-R101", "BR-TMP-2",
    },
    "sub-lines, third party payments": {
        "BR-DEX-03", "BR-DEX-04", "BR-DEX-07", "BR-DEX-09", "PEPPOL-EN16931-R130", "PEPPOL-EN16931-R044",
        "PEPPOL-EN16931-R043", "BR-S-08",
    },
    "more or fewer VAT totals than there are terms": {
        "BR-CO-14", "BR-CO-15", "PEPPOL-EN16931-R053", "PEPPOL-EN16931-R054", "PEPPOL-EN16931-R005", "BR-53",
    },
    "an element that is there but empty": {
        "PEPPOL-EN16931-R008", "NL-R-003", "NL-R-005", "BR-DE-2", "BR-CO-26", "BR-CO-23", "BR-42", "BR-S-03", "BR-S-04",
        "PEPPOL-EN16931-R003", "PEPPOL-EN16931-CL001", "BR-CL-24",
    },
    "how numbers and dates are written": {"PEPPOL-EN16931-F001", "BR-03"},
    "one list of types for both kinds of document": {"BR-CL-01"},
}  # fmt: skip


@pytest.mark.parametrize("every", [pytest.param(25, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_published_invoices_as_json_read_back_and_break_the_rules_they_break_as_ubl(shared, tmp_path, every):
    cases = pl.read_parquet(shared / "conformance" / "en16931" / "cases.parquet")
    cases = cases.filter((pl.col("kind") == "file") & (pl.col("syntax") == "ubl")).gather_every(every)
    (tmp_path / "in").mkdir()
    for id, text in cases.select("id", "xml").iter_rows():
        (tmp_path / "in" / f"{id}.xml").write_text(text, "utf-8")
    done = list(convert([tmp_path / "in"], "json.invoice", tmp_path / "out"))
    assert [each for each in done if each.problem] == []
    ubl = batch(sorted((tmp_path / "in").iterdir()))
    written = batch(sorted((tmp_path / "out").iterdir()))
    assert [each.message for each in written.findings] == []
    packs = ("en16931", "peppol_bis3", "xrechnung")
    one, other = judged(ubl.frames, *packs), judged(written.frames, *packs)
    known = set().union(*NOT_ALIKE.values())
    # What the rules on decimals judge is how a document writes its numbers; JSON has numbers.
    unlike = Counter(
        rule
        for id in cases["id"]
        for rule in one.get(id, set()) ^ other.get(id, set())
        if not rule.startswith("BR-DEC-")
    )
    assert set(unlike) - known == set()
    again(written.frames)


def batch(paths):
    documents = [Document(str(path), path.read_bytes()) for path in paths]
    return read_documents(documents, [m for m in mappings().values() if any(t.table == "invoice" for t in m.tables)])


def again(frames):
    """read(write(read(x))) == read(x), for every table but what tells how a document was written."""
    mapping = mappings()["json.invoice"]
    frames = {name: typed(name, f) for name, f in frames.items() if "invoice_id" in f.columns and (name not in ASIDE_TABLES or name == "as_written")}  # fmt: skip
    parts = {name: frame.partition_by("invoice_id", as_dict=True) for name, frame in frames.items()}
    content = {
        id: (write(mapping, {name: part[(id,)].to_dicts() for name, part in parts.items() if (id,) in part}), mapping)
        for id in frames["invoice"]["invoice_id"]
    }
    back, findings = read_back(content, texts=True)
    assert not findings
    for name, frame in frames.items():
        beside = ["source", "line", "mapping", "direction"]
        one, other = (each.drop(beside, strict=False) for each in (frame, typed(name, back[name])))
        order = [
            each for each in ("invoice_id", "table_name", "line_row_no", "row_no", "column_name") if each in one.columns
        ]
        assert one.sort(order).equals(other.select(one.columns).sort(order)), name
