"""An invoice as JSON: the same rows as from XML, through the same kind of mapping; what breaks the schema is refused."""

import json
from pathlib import Path

import pytest

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.mapping.carried import losses, typed
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.records import Document

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
        ({"issue_date": "2024-13-01"}, "issue_date: '2024-13-01' is not a 'date'"),
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
