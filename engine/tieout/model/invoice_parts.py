"""The canonical tables below an invoice: lines, VAT breakdown, and all groups of EN 16931-1:2017+A1:2019 that may repeat."""

from __future__ import annotations

from tieout.model.canon import table
from tieout.model.invoice_tables import PLACE

_PARENT = """
invoice_id | identifier | - | The invoice this row belongs to.
row_no     | integer    | - | The position of the row within its invoice, from 1.
"""

TABLES = (
    table(
        "seller_identifier",
        "One identifier of the seller (BT-29, which may repeat).",
        _PARENT
        + """
seller_identifier | identifier | BT-29 | An identification of the seller.
seller_identifier_scheme | code | BT-29-1 | The scheme of the seller identifier.
seller_identifier_plain_scheme | code | - | Its scheme where it stands among those without one (CII, ram:ID).
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "invoice_note",
        "One note of the invoice.",
        _PARENT
        + """
note_subject_code | code | BT-21 | The subject of the note (UNTDID 4451).
invoice_note | text | BT-22 | A note that gives unstructured information about the invoice as a whole.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-1",
    ),
    table(
        "preceding_invoice",
        "One reference to an earlier invoice that this one corrects, credits or reverses.",
        _PARENT
        + """
preceding_invoice_reference | identifier | BT-25 | The number of an invoice that was sent before; the blue invoice of a red one.
preceding_invoice_issue_date | date | BT-26 | The date when the preceding invoice was issued.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-3",
    ),
    table(
        "payment_instruction",
        "One way to pay: means, credit transfer account, card or direct debit.",
        _PARENT
        + """
payment_means_type_code | code | BT-81 | The means by which a payment is expected (UNTDID 4461).
payment_means_text | text | BT-82 | The means of payment in words.
remittance_information | text | BT-83 | A value that links the payment to the invoice: what the payer is asked to quote.
payment_account_identifier | identifier | BT-84 | The account (IBAN or other) to which payment is to be made.
payment_account_name | text | BT-85 | The name of the payment account.
payment_service_provider_identifier | identifier | BT-86 | The payment service provider (BIC or other) of the account.
has_credit_transfer | boolean | BG-17 | Whether the credit transfer group is there at all.
payment_card_primary_account_number | identifier | BT-87 | The card number, masked.
payment_card_holder_name | text | BT-88 | The name of the card holder.
has_payment_card | boolean | BG-18 | Whether the payment card group is there at all.
mandate_reference_identifier | identifier | BT-89 | The direct debit mandate.
bank_assigned_creditor_identifier | identifier | BT-90 | The creditor identifier assigned by bank or scheme.
debited_account_identifier | identifier | BT-91 | The account to be debited.
has_direct_debit | boolean | BG-19 | Whether the direct debit group is there at all.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-16",
    ),
    table(
        "document_allowance_charge",
        "One allowance (BG-20) or charge (BG-21) on document level.",
        _PARENT
        + """
is_charge | boolean | BG-21 | True for a charge (BG-21), false for an allowance (BG-20).
amount | amount | BT-92, BT-99 | The amount of the allowance or charge, without VAT.
base_amount | amount | BT-93, BT-100 | The base from which the amount is calculated.
percentage | percentage | BT-94, BT-101 | The percentage applied to the base.
vat_category_code | code | BT-95, BT-102 | The VAT category that applies (UNTDID 5305).
vat_rate | percentage | BT-96, BT-103 | The VAT rate in percent.
tax_scheme | code | - | The tax that the category belongs to, as written: VAT, or GST and others abroad; null is VAT, but in UBL and CII, which must say it.
is_vat | boolean | - | Whether that tax is VAT; null where the syntax does not say which tax it is, which then is VAT.
reason | text | BT-97, BT-104 | The reason in words.
reason_code | code | BT-98, BT-105 | The reason as a code (UNTDID 5189 or 7161).
reason_count | integer | - | How many reasons in words there are (UBL).
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-20, BG-21",
    ),
    table(
        "vat_breakdown",
        "One VAT category and rate of the invoice with its amounts.",
        _PARENT
        + """
vat_category_taxable_amount | amount | BT-116 | The sum of all taxable amounts of this category and rate.
vat_category_tax_amount | amount | BT-117 | The VAT amount of this category and rate.
vat_category_code | code | BT-118 | The VAT category (UNTDID 5305).
vat_category_rate | percentage | BT-119 | The VAT rate in percent.
tax_scheme | code | - | The tax that the category belongs to, as written: VAT, or GST and others abroad; null is VAT, but in UBL and CII, which must say it.
is_vat | boolean | - | Whether that tax is VAT; null where the syntax does not say which tax it is, which then is VAT.
vat_exemption_reason_text | text | BT-120 | Why the amount is exempt from VAT.
vat_exemption_reason_code | code | BT-121 | Why the amount is exempt from VAT, as a code (VATEX).
vat_total_row_no | integer | - | The row_no of the VAT total that it stands with (UBL); null where the syntax keeps them apart.
vat_breakdown_point_date_code | code | - | The VAT point date code that stands with this breakdown (CII).
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-23",
    ),
    table(
        "stated_identifier",
        "One identifier that the document states with or for a scheme, wherever it stands.",
        _PARENT
        + """
stated_identifier | identifier | - | The identifier.
stated_identifier_scheme | code | - | Its scheme, as written: ISO/IEC 6523 or EAS.
identifier_kind | code | - | electronic_address, party, legal_registration, tax_registration, location, item, or plain: one beside those with a scheme (CII).
party_role | code | - | seller, buyer, payee, tax_representative, deliver_to or line.
tax_scheme | code | - | For a tax registration the tax, as written: VAT, VA, FC ...
block_no | integer | - | Which of the places that the mapping reads it from, from 1.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "vat_total",
        "One total VAT amount as the document gives it: BT-110 in the invoice currency, BT-111 in the accounting currency.",
        _PARENT
        + """
vat_total_amount | amount | BT-110, BT-111 | The VAT total.
vat_total_currency_code | code | - | The currency of the VAT total, as written.
has_vat_breakdown | boolean | BG-23 | Whether the VAT breakdown stands with this total (UBL).
vat_breakdown_tax_amount | amount | - | The sum of the VAT amounts that stand with this total (UBL).
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "referenced_document",
        "One additional document that the document names, whatever for: object, tender, project or supporting document.",
        _PARENT
        + """
document_type_code | code | - | What it is, as written: 130 an object, 50 a tender or project, 916 a supporting document.
document_identifier | identifier | BT-122 | Its identifier.
document_identifier_scheme | code | - | The scheme of its identifier, in UBL.
reference_type_code | code | - | The scheme of its identifier, in CII.
has_description | boolean | BT-123 | Whether it has a description.
has_location | boolean | BT-124 | Whether it has a location.
has_attachment | boolean | BT-125 | Whether it has an attachment.
block_no | integer | - | Which of the places that the mapping reads it from, from 1.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "further_amount",
        "One amount that no business term stands for, as the document writes it.",
        _PARENT
        + """
further_amount | text | - | The amount, as written.
block_no | integer | - | Which of the places that the mapping reads it from, from 1.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "line_vat_breakdown",
        "One VAT breakdown that stands in an invoice line: no business term, but rules on VAT breakdowns judge it (UBL).",
        _PARENT
        + """
vat_category_taxable_amount | amount | - | The taxable amount.
vat_category_tax_amount | amount | - | The VAT amount.
vat_category_code | code | - | The VAT category (UNTDID 5305).
vat_category_rate | percentage | - | The VAT rate in percent.
vat_exemption_reason_code | code | - | Why the amount is exempt from VAT, as a code (VATEX).
tax_scheme | code | - | The tax that the category belongs to, as written.
is_vat | boolean | - | Whether that tax is VAT.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "further_code",
        "One code that no business term stands for, from a list that rules know.",
        _PARENT
        + """
code_list | code | - | The list it must be of.
further_code | code | - | The code, as written.
block_no | integer | - | Which of the places that the mapping reads it from, from 1.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
    ),
    table(
        "third_party_payment",
        "One payment by a third party that lowers or raises the amount due (XRechnung extension).",
        _PARENT
        + """
third_party_payment_type | identifier | BT-DEX-001 | The kind of the third party payment.
third_party_payment_amount | amount | BT-DEX-002 | The amount of the third party payment.
third_party_payment_currency_code | code | - | The currency of the third party payment, as written.
third_party_payment_description | text | BT-DEX-003 | What the third party payment is.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-DEX-09",
    ),
    table(
        "supporting_document",
        "One additional supporting document.",
        _PARENT
        + """
supporting_document_reference | identifier | BT-122 | An identifier of the supporting document.
supporting_document_description | text | BT-123 | A description of the supporting document.
external_document_location | text | BT-124 | The URL where the document can be found.
has_external_reference | boolean | BT-124 | Whether the group of the external location is there at all.
attached_document | text | BT-125 | The embedded document, base64 as written.
attached_document_mime_code | code | BT-125-1 | The MIME type of the embedded document.
attached_document_filename | text | BT-125-2 | The file name of the embedded document.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-24",
    ),
    table(
        "invoice_line",
        "One invoice line.",
        _PARENT
        + """
invoice_line_identifier | identifier | BT-126 | A unique identifier of the line within the invoice.
invoice_line_note | text | BT-127 | A note on the line.
invoice_line_object_identifier | identifier | BT-128 | An identifier for an object on which the line is based.
invoice_line_object_identifier_scheme | code | BT-128-1 | The scheme of the line's object identifier.
document_reference_count | integer | BT-128 | How many documents the line refers to; one at most, the object it is based on.
has_invoice_line_object | boolean | BT-128 | Whether one of them is marked as the object on which the line is based.
invoice_line_object_count | integer | BT-128 | How many of them are marked so.
invoiced_quantity | quantity | BT-129 | The quantity of items that is charged.
invoiced_quantity_unit_code | code | BT-130 | The unit of the quantity (UN/ECE Rec. 20 and 21).
invoice_line_net_amount | amount | BT-131 | The total of the line without VAT, with the line's allowances and charges.
referenced_purchase_order_line_reference | identifier | BT-132 | The line of the purchase order.
invoice_line_buyer_accounting_reference | text | BT-133 | Where to book the line into the buyer's accounts.
invoice_line_period_start_date | date | BT-134 | The date when the line's period starts.
invoice_line_period_end_date | date | BT-135 | The date when the line's period ends.
line_delivery_date | date | - | The delivery date that the line has of its own (CII, beyond EN 16931).
line_delivery_date_format | code | - | The format that the delivery date of the line says it has (CII: 102).
has_invoice_line_period | boolean | BG-26 | Whether the line period group is there at all.
has_invoice_line_period_start | boolean | BT-134 | Whether the start of the line's period is there at all.
has_invoice_line_period_end | boolean | BT-135 | Whether the end of the line's period is there at all.
invoice_line_period_start_date_format | code | - | The format that the start says it has (CII: 102).
invoice_line_period_end_date_format | code | - | The format that the end says it has (CII: 102).
item_net_price | unit_price | BT-146 | The price of an item without VAT, after discount.
item_price_discount | unit_price | BT-147 | The discount subtracted from the gross price.
item_gross_price | unit_price | BT-148 | The price of an item without VAT, before discount.
item_price_base_quantity | quantity | BT-149 | The number of items to which the price applies.
item_price_base_quantity_unit_code | code | BT-150 | The unit of the price's base quantity.
has_item_price_allowance | boolean | BT-147 | Whether a discount or charge on the price is there at all.
item_price_allowance_indicator | code | - | What says whether it is a charge, as written; it must be a discount: false.
item_net_price_base_quantity | quantity | - | The base quantity that stands with the net price itself (CII); the price's base quantity may come from the gross price.
item_gross_price_base_quantity | quantity | - | The base quantity of the gross price, where the syntax gives each price its own (CII).
item_gross_price_base_quantity_unit_code | code | - | The unit of the gross price's base quantity.
parent_line_identifier | identifier | - | The line of which this one is a sub-line, as CII says it; XRechnung has no such lines.
has_vehicle_classification | boolean | BT-158 | Whether the item is classified by the Clean Vehicles Directive (scheme CVD).
has_vehicle_attribute | boolean | BT-160 | Whether the item has the attribute 'cva' of the Clean Vehicles Directive.
sub_line_count | integer | BG-DEX-01 | How many sub-lines stand directly below the line (XRechnung extension).
sub_line_net_amount | amount | BG-DEX-01 | The sum of the net amounts of the sub-lines directly below.
has_line_vat_information | boolean | BG-30 | Whether the line VAT information group is there at all.
invoiced_item_vat_category_code | code | BT-151 | The VAT category of the item (UNTDID 5305).
invoiced_item_vat_rate | percentage | BT-152 | The VAT rate of the item in percent.
tax_scheme | code | - | The tax that the category belongs to, as written: VAT, or GST and others abroad; null is VAT, but in UBL and CII, which must say it.
is_vat | boolean | - | Whether that tax is VAT; null where the syntax does not say which tax it is, which then is VAT.
item_name | text | BT-153 | The name of the item.
item_description | text | BT-154 | A description of the item.
item_sellers_identifier | identifier | BT-155 | The seller's identifier of the item.
item_buyers_identifier | identifier | BT-156 | The buyer's identifier of the item.
item_standard_identifier | identifier | BT-157 | A registered identifier of the item.
item_standard_identifier_scheme | code | BT-157-1 | The scheme of the item's standard identifier.
item_country_of_origin | code | BT-159 | The country of origin of the item.
line_tax_amount | amount | CN-ComTaxAm | The tax of the line.
line_amount_with_tax | amount | CN-TotaltaxIncludedAmount | The total of the line with tax.
tax_rate_text | text | CN-TaxRate | The rate as written: a fraction, 免税, 不征税 or ***.
tax_classification_code | code | CN-TaxClassificationCode | The nineteen digits of the tax classification.
specification_model | text | CN-SpecMod | Specification and model of the item.
"""
        + PLACE,
        key=("invoice_id", "row_no"),
        parent="invoice",
        term="BG-25",
    ),
    *(
        table(
            name,
            description,
            """
invoice_id | identifier | - | The invoice this row belongs to.
line_row_no | integer | - | The row_no of the invoice line this row belongs to.
row_no | integer | - | The position of the row within its invoice line, from 1.
"""
            + columns
            + PLACE,
            key=("invoice_id", "line_row_no", "row_no"),
            parent="invoice_line",
            term=term,
        )
        for name, description, term, columns in (
            (
                "line_allowance_charge",
                "One allowance (BG-27) or charge (BG-28) of an invoice line.",
                "BG-27, BG-28",
                """
is_charge | boolean | BG-28 | True for a charge (BG-28), false for an allowance (BG-27).
amount | amount | BT-136, BT-141 | The amount of the allowance or charge, without VAT.
base_amount | amount | BT-137, BT-142 | The base from which the amount is calculated.
percentage | percentage | BT-138, BT-143 | The percentage applied to the base.
reason | text | BT-139, BT-144 | The reason in words.
reason_code | code | BT-140, BT-145 | The reason as a code (UNTDID 5189 or 7161).
reason_count | integer | - | How many reasons in words there are (UBL).
vat_category_code | code | - | The VAT category given with it; that of the line counts (UBL).
vat_rate | percentage | - | The VAT rate given with that category (UBL).
is_vat | boolean | - | Whether the tax of that category is VAT (UBL).
""",
            ),
            (
                "sub_invoice_line",
                "One sub-line of an invoice line, however deep (XRechnung extension).",
                "BG-DEX-01",
                """
sub_invoice_line_identifier | identifier | BT-126 | The identifier of the sub-line.
sub_invoice_line_depth | integer | - | How deep it stands: 1 directly below the invoice line.
parent_sub_invoice_line_identifier | identifier | - | The sub-line it stands in; null directly below the invoice line.
parent_sub_invoice_line_row_no | integer | - | The row_no of the sub-line it stands in; null directly below the invoice line.
invoiced_quantity | quantity | BT-129 | The quantity of items.
invoiced_quantity_unit_code | code | BT-130 | The unit of the quantity.
sub_invoice_line_net_amount | amount | BT-131 | The net amount of the sub-line.
has_item | boolean | BG-31 | Whether the item group is there at all.
item_name | text | BT-153 | The name of the item.
vat_category_code | code | BT-151 | The VAT category of the item (UNTDID 5305).
vat_rate | percentage | BT-152 | The VAT rate of the item in percent.
vat_information_count | integer | BG-DEX-06 | How many VAT categories the item has; it must be one.
item_net_price | unit_price | BT-146 | The price of an item without VAT, after discount.
item_price_discount | unit_price | BT-147 | The discount subtracted from the gross price.
item_gross_price | unit_price | BT-148 | The price of an item without VAT, before discount.
item_price_base_quantity | quantity | BT-149 | The number of items to which the price applies.
item_price_base_quantity_unit_code | code | BT-150 | The unit of the price's base quantity.
has_item_price_allowance | boolean | BT-147 | Whether a discount or charge on the price is there at all.
item_price_allowance_indicator | code | - | What says whether it is a charge, as written; it must be a discount: false.
sub_line_count | integer | BG-DEX-01 | How many sub-lines stand directly below.
sub_line_net_amount | amount | BG-DEX-01 | The sum of the net amounts of the sub-lines directly below.
""",
            ),
            (
                "item_classification",
                "One classification of the item.",
                "BT-158",
                """
item_classification_identifier | identifier | BT-158 | A code for classifying the item by its type or nature.
item_classification_scheme | code | BT-158-1 | The scheme of the classification (UNTDID 7143).
item_classification_scheme_version | text | BT-158-2 | The version of the scheme.
""",
            ),
            (
                "item_attribute",
                "One attribute of the item.",
                "BG-32",
                """
item_attribute_name | text | BT-160 | The name of the attribute.
item_attribute_value | text | BT-161 | The value of the attribute.
""",
            ),
        )
    ),
)
