"""The place of a column in its document, as the mapping says it."""

import pytest

from tieout.library.catalog import Catalogue
from tieout.mapping.places import Places, filled

MAPPINGS = Catalogue.load(None).mappings
PLACES = Places(MAPPINGS.values())


@pytest.mark.parametrize(
    ("mapping", "table", "columns", "template"),
    [
        ("ubl.invoice", "invoice", ("invoice_number",), "/Invoice/cbc:ID"),
        ("ubl.credit_note", "invoice_line", ("invoice_line_net_amount",), "/CreditNote/cac:CreditNoteLine[{row}]/cbc:LineExtensionAmount"),
        ("ubl.invoice", "invoice_line", ("item_name", "invoiced_item_vat_rate"), "/Invoice/cac:InvoiceLine[{row}]/cac:Item"),
        ("ubl.invoice", "line_allowance_charge", (), "/Invoice/cac:InvoiceLine[{line}]/cac:AllowanceCharge[{row}]"),
        ("ubl.invoice", "vat_breakdown", ("vat_category_code",), "/Invoice/cac:TaxTotal[{outer}]/cac:TaxSubtotal[{row}]/cac:TaxCategory/cbc:ID"),
        # What two columns have in common; where that is the row itself, the first of them.
        ("ubl.invoice", "invoice", ("sum_of_invoice_line_net_amount", "invoice_total_amount_with_vat"), "/Invoice/cac:LegalMonetaryTotal"),
        ("ubl.invoice", "invoice", ("invoice_total_amount_with_vat", "invoice_number"), "/Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"),
        # What may stand in either of two elements stands in what encloses both.
        ("cii.invoice", "invoice", ("buyer_identifier",), "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement/ram:BuyerTradeParty"),
        ("cii.invoice", "invoice", ("seller_vat_identifier",), "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement/ram:SellerTradeParty/ram:SpecifiedTaxRegistration[ram:ID/@schemeID='VA']/ram:ID"),
        ("json.invoice", "line_allowance_charge", ("amount",), "$.lines[{line-1}].allowances_and_charges[{row-1}].amount"),
        ("json.invoice", "invoice", ("seller_name",), "$.seller.name"),
        ("csv.invoice_lines", "invoice_line", ("invoice_line_net_amount",), "Net amount"),
        ("cn.einvoice", "invoice_line", ("item_name",), "/EInvoice/EInvoiceData/IssuItemInformation[{row}]/ItemName"),
    ],
)  # fmt: skip
def test_columns_have_a_place(mapping, table, columns, template):
    assert {block: place.template for block, place in PLACES(mapping, table, columns).items()} == {0: template}


def test_each_block_of_a_table_has_a_place_of_its_own():
    found = PLACES("ubl.invoice", "stated_identifier", ("stated_identifier",))
    assert found[1].template == "/Invoice/cac:AccountingSupplierParty/cac:Party/cbc:EndpointID[{row}]"
    assert len(found) == 24


def test_rows_counted_through_all_lines_are_numbered_as_a_whole():
    found = PLACES("ubl.invoice", "further_amount", ("further_amount",))
    assert found[1].template == "(/Invoice/cac:InvoiceLine/cac:TaxTotal/cbc:TaxAmount)[{row}]"


def test_only_the_invoice_itself_has_something_around_it():
    (place,) = PLACES("ubl.invoice", "invoice", ("invoice_total_amount_with_vat",)).values()
    assert place.enclosing == ("", "cac:LegalMonetaryTotal", "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount")
    (line,) = PLACES("ubl.invoice", "invoice_line", ("item_name",)).values()
    assert line.enclosing == ()


def test_what_is_not_known_makes_no_path():
    assert PLACES("no.such", "invoice", ()) == {}
    assert filled("a[{row}]") == ""
    assert filled("$.a[{line-1}].b[{row-1}]", row=2, line=1) == "$.a[0].b[1]"


@pytest.mark.parametrize("mapping", sorted(MAPPINGS))
def test_every_column_of_every_mapping_has_a_place_or_none(mapping):
    for block in MAPPINGS[mapping].tables:
        for field in block.fields:
            for place in PLACES(mapping, block.table, (field.column,)).values():
                assert "//" not in place.template
                assert MAPPINGS[mapping].format == "table" or not place.template.endswith(("/", "."))
