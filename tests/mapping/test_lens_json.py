"""An invoice as JSON: the same rows as from XML, through the same kind of mapping; what breaks the schema is refused."""

import json
from pathlib import Path

import pytest

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.records import Document

GOLDEN = Path(__file__).parents[1] / "golden" / "xml"
# What says how a row was read, and what only another syntax can say (doubled elements, extensions).
ASIDE = {"mapping", "syntax", "direction", "line", "source", "item_price_allowance_indicator", "sub_line_net_amount"}
NOT_IN_JSON = {"element", "as_written", "sub_invoice_line", "third_party_payment"}


def mappings():
    return Catalogue.load(None).mappings


def rows(content, mapping):
    frames, findings = read_back({"a": (content, mapping)})
    assert not findings
    return {
        name: [
            {
                key: value
                for key, value in row.items()
                if key not in ASIDE and not key.endswith("_count") and "gross_price_base" not in key
            }
            for row in frame.to_dicts()
        ]
        for name, frame in frames.items()
        if frame.height and name not in NOT_IN_JSON
    }


@pytest.mark.parametrize(
    ("name", "by"),
    [("ubl_invoice", "ubl.invoice"), ("ubl_credit_note", "ubl.credit_note"), ("cii_invoice", "cii.invoice")],
)
def test_every_term_of_an_invoice_passes_through_json(name, by):
    known = mappings()
    meant = rows((GOLDEN / f"{name}.xml").read_bytes(), known[by])
    written = write(known["json.invoice"], meant)
    assert rows(written, known["json.invoice"]) == meant
    value = json.loads(written)
    assert isinstance(value["totals"]["amount_due_for_payment"], int | float)
    assert isinstance(value["lines"], list)


def invoice():
    known = mappings()
    return json.loads(
        write(known["json.invoice"], rows((GOLDEN / "ubl_invoice.xml").read_bytes(), known["ubl.invoice"]))
    )


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
