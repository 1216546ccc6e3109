"""Master data before an invoice leaves: what is missing or wrong stops it, under the name the field has in the ERP."""

import json

import pytest

from tests.issuing.books import Books, line
from tieout.issuing import generate
from tieout.library import yamlfile
from tieout.library.catalog import Catalogue, shipped
from tieout.library.mappings import parse_mapping
from tieout.store.engine import Store
from tieout.validation import check

# What each ERP calls the customer's tax number and town; None where its mapping reads none.
FIELDS = {
    "erp.kingdee_customers": ("FTAXREGISTERCODE", "FINVOICEADDRESS"),
    "erp.yonyou_u8_customers": ("cCusRegCode", "cCusAddress"),
    "erp.odoo_partners": ("vat", "city"),
    "erp.erpnext_customers": ("tax_id", None),
    "erp.tryton_parties": ("addresses..country..code + tax_identifier..code", "addresses..city"),
    "erp.customers": ("VAT Registration No.", "City"),
}


@pytest.fixture(scope="module")
def pack():
    return Catalogue.load(None).rule_sets[generate.GATE]


@pytest.fixture
def gated(tmp_path, mappings, pack):
    """Books whose check is the gate alone, and which know the mappings of the ERPs."""
    erps = [
        parse_mapping(yamlfile.load(shipped("mappings") / "erp" / f"{name.removeprefix('erp.')}.yaml"))[0]
        for name in (*FIELDS, "erp.billing_lines")
    ]
    made = Books(tmp_path, {**mappings, **{each.id: each for each in erps}})

    def gate(tables):
        with Store.create() as store:
            for name, rows in tables.items():
                store.append(name, rows)
            check.check(store, [pack], as_of=None)
            return store.table("finding")

    made.check = gate
    yield made
    made.journal.close()


def issued(books, party, *lines, mapping="erp.customers", **settings):
    """The run's findings by rule, and its exceptions."""
    rows = [
        {"document_id": "erp/customers.csv", "mapping": mapping, "status": "read"},
        {"document_id": "billing/lines.csv", "mapping": "erp.billing_lines", "status": "read"},
    ]
    person = {"party_id": "100", "row_no": "1", "source": "erp/customers.csv", "line": "4", **party}
    store = books.issue(*(lines or (line(),)), check=books.check, parties=[person], documents=rows, **settings)
    return {row["rule"]: row for row in store.table("finding").to_dicts()}, store.table("exception").to_dicts()


GOOD = {"name": "Kontor GmbH", "country": "DE", "city": "Rostock", "tax_identifier": "DE136695976"}


@pytest.mark.parametrize("mapping", FIELDS)
def test_what_is_missing_is_named_as_the_erp_names_it(gated, mapping):
    tax, town = FIELDS[mapping]
    found, (exception,) = issued(gated, {**GOOD, "tax_identifier": "DE136695977"}, mapping=mapping)
    assert (
        f"mend {tax} in the ERP (customer 100, erp/customers.csv, line 4, read by {mapping})"
        in found["IS-VAT-NUMBER"]["message"]
    )
    assert f"请在 ERP 中修改字段 {tax}" in found["IS-VAT-NUMBER"]["message_zh"]
    assert (exception["reason"], exception["object_id"]) == ("master_data", "9001")
    assert json.loads(exception["evidence"])["fields"] == [
        {"table": "party", "column": "tax_identifier", "field": tax, "mapping": mapping}
    ]
    found, _ = issued(gated, {**GOOD, "city": None}, mapping=mapping)
    said = f"mend {town} in the ERP" if town else f"{mapping} reads no city: add it there"
    assert said in found["IS-ADDRESS"]["message"]


def test_a_customer_that_is_not_there_is_named_by_the_field_of_the_billing_line(gated):
    found, (exception,) = issued(gated, GOOD, line(party_id="777"))
    assert (
        "mend Sold-to Party in the ERP (billing/lines.csv, line 10, read by erp.billing_lines)"
        in found["IS-PARTY"]["message"]
    )
    assert exception["reason"] == "master_data"


@pytest.mark.parametrize(
    ("party", "rule"),
    [
        ({"name": None}, "IS-BUYER-NAME"),
        ({"country": None}, "IS-COUNTRY"),
        ({"country": "Germany"}, "IS-COUNTRY"),
        ({"city": None}, "IS-ADDRESS"),
        ({"tax_identifier": "DE136695977"}, "IS-VAT-NUMBER"),
        ({"tax_identifier": "FR1"}, "IS-VAT-NUMBER"),
        ({"country": "CN", "tax_identifier": "91350100M000100Y44"}, "IS-TAX-ID"),
    ],
)
def test_each_gap_stops_the_invoice_and_costs_no_number(gated, party, rule):
    found, (exception,) = issued(gated, {**GOOD, **party})
    assert rule in found and found[rule]["severity"] == "fatal"
    assert exception["reason"] == "master_data"
    good, none = issued(gated, GOOD)
    assert not none and not [row for row in good.values() if row["severity"] == "fatal"]


def test_our_own_account_must_be_there_and_right(gated, monkeypatch):
    from tests.issuing import books

    for account, rule in (("DE24546157627320730232", "IS-ACCOUNT"), ("", "IS-ACCOUNT-MISSING")):
        monkeypatch.setitem(books.ENTITY, "account", account)
        found, (exception,) = issued(gated, GOOD)
        assert "mend entity.account in tieout.yaml" in found[rule]["message"]
        assert exception["reason"] == "master_data"


def test_a_document_that_is_wrong_for_other_reasons_too_is_no_matter_of_master_data_alone(gated):
    _, (exception,) = issued(gated, {**GOOD, "city": None}, line(line_net_amount="9.99"))
    assert exception["reason"] == "invalid_document"
    assert json.loads(exception["evidence"])["fields"][0]["column"] == "city"


def test_a_line_of_a_mapping_that_is_not_known_still_names_the_column(gated):
    found, _ = issued(gated, {**GOOD, "city": None}, mapping="erp.not_there")
    assert "mend city in the ERP" in found["IS-ADDRESS"]["message"]
