"""The canonical tables of invoices: every business term BT-1..BT-165 and group BG-1..BG-32 of EN 16931-1:2017+A1:2019.

Groups that can stand once are columns of ``invoice`` or ``invoice_line``; repeated groups are child tables. Terms that
start with CN- are the additions of the Chinese 数电票 (GB/T 44554.5-2025); their element names stand in the description.
"""

from __future__ import annotations

from tieout.model.canon import table

_PLACE = """
source | text     | - | The file this row was read from, as given; inside an archive: archive!member.
line   | integer  | - | The line of the file on which the row starts, from 1.
"""

_PARENT = """
invoice_id | identifier | - | The invoice this row belongs to.
row_no     | integer    | - | The position of the row within its invoice, from 1.
"""

INVOICE = table(
    "invoice",
    "One invoice, credit note or red-letter invoice.",
    """
invoice_id | identifier | - | The document's identity within the run: its source, and its number where a source holds several.
mapping | text | - | The mapping that read it.
syntax | code | - | ubl, cii, cn, table or json: what the document was written in.
document_kind | code | - | invoice or credit_note, by the document's own root or type.
direction | code | - | issued or received, as the source says.
invoice_number | identifier | BT-1 | A unique identification of the invoice.
issue_date | date | BT-2 | The date when the invoice was issued.
issue_date_format | code | - | The format that the issue date says it has (CII: 102).
payment_due_date_format | code | - | The format that the due date says it has (CII: 102).
actual_delivery_date_format | code | - | The format that the delivery date says it has (CII: 102).
invoice_type_code | code | BT-3 | The functional type of the invoice (UNTDID 1001).
invoice_currency_code | code | BT-5 | The currency in which all amounts are given, but for the VAT total in accounting currency.
vat_accounting_currency_code | code | BT-6 | The currency used for VAT accounting and reporting.
value_added_tax_point_date | date | BT-7 | The date when VAT becomes accountable.
value_added_tax_point_date_code | code | BT-8 | The code of the date when VAT becomes accountable.
payment_due_date | date | BT-9 | The date when the payment is due.
buyer_reference | text | BT-10 | An identifier assigned by the buyer for internal routing.
project_reference | identifier | BT-11 | The identification of the project the invoice refers to.
contract_reference | identifier | BT-12 | The identification of a contract.
purchase_order_reference | identifier | BT-13 | An identifier of a purchase order, issued by the buyer.
sales_order_reference | identifier | BT-14 | An identifier of a sales order, issued by the seller.
receiving_advice_reference | identifier | BT-15 | An identifier of a receiving advice.
despatch_advice_reference | identifier | BT-16 | An identifier of a despatch advice.
tender_or_lot_reference | identifier | BT-17 | The identification of the call for tender or lot.
invoiced_object_identifier | identifier | BT-18 | An identifier for an object on which the invoice is based.
invoiced_object_identifier_scheme | code | BT-18-1 | The scheme of the invoiced object identifier.
buyer_accounting_reference | text | BT-19 | Where to book the data into the buyer's accounts.
payment_terms | text | BT-20 | A description of the payment terms that apply.
business_process_type | text | BT-23 | The business process context of the transaction.
specification_identifier | identifier | BT-24 | The specification with all rules to which the invoice conforms.
syntax_version | text | - | The version of its syntax that the document names (UBL).
has_process_control | boolean | BG-2 | Whether the process control group is there at all; always in UBL, where its terms stand in the root.
has_document_header | boolean | - | Whether the group of number, type and date is there at all; always in UBL, where they stand in the root.
has_agreement | boolean | - | Whether the group of seller, buyer and references is there at all; always in UBL, where they stand in the root.
has_settlement | boolean | - | Whether the group of payment, VAT and totals is there at all; always in UBL, where they stand in the root.
has_seller | boolean | BG-4 | Whether the seller group is there at all.
has_seller_role | boolean | - | Whether the element that holds the seller is there at all; in UBL it may stand without a party in it.
seller_name | text | BT-27 | The full formal name of the seller.
seller_trading_name | text | BT-28 | A name by which the seller is known, other than the seller name.
seller_legal_registration_identifier | identifier | BT-30 | The seller's identifier issued by an official registrar.
seller_legal_registration_identifier_scheme | code | BT-30-1 | The scheme of the seller's legal registration identifier.
seller_vat_identifier | identifier | BT-31 | The seller's VAT identifier.
seller_tax_registration_identifier | identifier | BT-32 | The local identification of the seller for tax purposes.
seller_vat_identifier_count | integer | BT-31 | How many VAT identifiers of the seller there are (UBL).
seller_tax_registration_identifier_count | integer | BT-32 | How many other tax registrations of the seller there are (UBL).
seller_additional_legal_information | text | BT-33 | Additional legal information relevant for the seller.
seller_electronic_address | identifier | BT-34 | The seller's electronic address to which a response may be delivered.
seller_electronic_address_scheme | code | BT-34-1 | The scheme of the seller's electronic address.
seller_has_electronic_address | boolean | BT-34 | Whether the seller's electronic address is there at all.
seller_address_line_1 | text | BT-35 | The main address line of the seller.
seller_address_line_2 | text | BT-36 | An additional address line of the seller.
seller_address_line_3 | text | BT-162 | A further additional address line of the seller.
seller_city | text | BT-37 | The seller's city, town or village.
seller_post_code | text | BT-38 | The seller's postal code.
seller_country_subdivision | text | BT-39 | The seller's region, county, state or province.
seller_country_code | code | BT-40 | The seller's country (ISO 3166-1).
seller_has_postal_address | boolean | BG-5 | Whether the seller's postal address group is there at all.
seller_has_contact | boolean | BG-6 | Whether the seller contact group is there at all.
seller_contact_point | text | BT-41 | A contact point for a legal entity or person of the seller.
seller_contact_telephone_number | text | BT-42 | The seller contact's telephone number.
seller_contact_email_address | text | BT-43 | The seller contact's e-mail address.
has_buyer | boolean | BG-7 | Whether the buyer group is there at all.
buyer_name | text | BT-44 | The full name of the buyer.
buyer_trading_name | text | BT-45 | A name by which the buyer is known, other than the buyer name.
buyer_identifier | identifier | BT-46 | An identifier of the buyer.
buyer_identifier_scheme | code | BT-46-1 | The scheme of the buyer identifier.
buyer_identifier_plain_scheme | code | - | Its scheme where it stands among those without one (CII, ram:ID).
buyer_legal_registration_identifier | identifier | BT-47 | The buyer's identifier issued by an official registrar.
buyer_legal_registration_identifier_scheme | code | BT-47-1 | The scheme of the buyer's legal registration identifier.
buyer_vat_identifier | identifier | BT-48 | The buyer's VAT identifier; the 购方税号 of a Chinese invoice.
buyer_vat_identifier_count | integer | BT-48 | How many VAT identifiers of the buyer there are (UBL).
buyer_electronic_address | identifier | BT-49 | The buyer's electronic address to which the invoice is delivered.
buyer_electronic_address_scheme | code | BT-49-1 | The scheme of the buyer's electronic address.
buyer_has_electronic_address | boolean | BT-49 | Whether the buyer's electronic address is there at all.
buyer_address_line_1 | text | BT-50 | The main address line of the buyer.
buyer_address_line_2 | text | BT-51 | An additional address line of the buyer.
buyer_address_line_3 | text | BT-163 | A further additional address line of the buyer.
buyer_city | text | BT-52 | The buyer's city, town or village.
buyer_post_code | text | BT-53 | The buyer's postal code.
buyer_country_subdivision | text | BT-54 | The buyer's region, county, state or province.
buyer_country_code | code | BT-55 | The buyer's country (ISO 3166-1).
buyer_has_postal_address | boolean | BG-8 | Whether the buyer's postal address group is there at all.
buyer_contact_point | text | BT-56 | A contact point for a legal entity or person of the buyer.
buyer_contact_telephone_number | text | BT-57 | The buyer contact's telephone number.
buyer_contact_email_address | text | BT-58 | The buyer contact's e-mail address.
payee_name | text | BT-59 | The name of the payee, where it is not the seller.
payee_identifier | identifier | BT-60 | An identifier of the payee.
payee_identifier_scheme | code | BT-60-1 | The scheme of the payee identifier.
payee_identifier_plain_scheme | code | - | Its scheme where it stands among those without one (CII, ram:ID).
payee_legal_registration_identifier | identifier | BT-61 | The payee's identifier issued by an official registrar.
payee_legal_registration_identifier_scheme | code | BT-61-1 | The scheme of the payee's legal registration identifier.
has_payee | boolean | BG-10 | Whether the payee group is there at all.
seller_tax_representative_name | text | BT-62 | The full name of the seller's tax representative.
seller_tax_representative_vat_identifier | identifier | BT-63 | The VAT identifier of the seller's tax representative.
has_seller_tax_representative | boolean | BG-11 | Whether the tax representative group is there at all.
tax_representative_has_postal_address | boolean | BG-12 | Whether the tax representative's postal address group is there at all.
tax_representative_address_line_1 | text | BT-64 | The main address line of the tax representative.
tax_representative_address_line_2 | text | BT-65 | An additional address line of the tax representative.
tax_representative_address_line_3 | text | BT-164 | A further additional address line of the tax representative.
tax_representative_city | text | BT-66 | The tax representative's city, town or village.
tax_representative_post_code | text | BT-67 | The tax representative's postal code.
tax_representative_country_subdivision | text | BT-68 | The tax representative's region, county, state or province.
tax_representative_country_code | code | BT-69 | The tax representative's country (ISO 3166-1).
deliver_to_party_name | text | BT-70 | The name of the party to which goods and services are delivered.
deliver_to_location_identifier | identifier | BT-71 | An identifier of the place of delivery.
deliver_to_location_identifier_scheme | code | BT-71-1 | The scheme of the deliver-to location identifier.
actual_delivery_date | date | BT-72 | The date on which the supply of goods or services was made or completed.
has_actual_delivery_date | boolean | BT-72 | Whether the delivery date is there at all, be it a date or not.
invoicing_period_start_date | date | BT-73 | The date when the invoice period starts.
invoicing_period_end_date | date | BT-74 | The date when the invoice period ends.
has_invoicing_period | boolean | BG-14 | Whether the invoicing period group is there at all.
has_invoicing_period_start | boolean | BT-73 | Whether the start of the invoicing period is there at all.
has_invoicing_period_end | boolean | BT-74 | Whether the end of the invoicing period is there at all.
invoicing_period_start_date_format | code | - | The format that the start says it has (CII: 102).
invoicing_period_end_date_format | code | - | The format that the end says it has (CII: 102).
deliver_to_has_address | boolean | BG-15 | Whether the deliver-to address group is there at all.
deliver_to_address_line_1 | text | BT-75 | The main address line of the place of delivery.
deliver_to_address_line_2 | text | BT-76 | An additional address line of the place of delivery.
deliver_to_address_line_3 | text | BT-165 | A further additional address line of the place of delivery.
deliver_to_city | text | BT-77 | The city, town or village of the place of delivery.
deliver_to_post_code | text | BT-78 | The postal code of the place of delivery.
deliver_to_country_subdivision | text | BT-79 | The region, county, state or province of the place of delivery.
deliver_to_country_code | code | BT-80 | The country of the place of delivery (ISO 3166-1).
sum_of_invoice_line_net_amount | amount | BT-106 | The sum of all invoice line net amounts.
sum_of_allowances_on_document_level | amount | BT-107 | The sum of all allowances on document level.
sum_of_charges_on_document_level | amount | BT-108 | The sum of all charges on document level.
invoice_total_amount_without_vat | amount | BT-109 | The total amount of the invoice without VAT.
invoice_total_vat_amount | amount | BT-110 | The total VAT amount of the invoice.
invoice_total_vat_amount_in_accounting_currency | amount | BT-111 | The VAT total in the accounting currency.
invoice_total_amount_with_vat | amount | BT-112 | The total amount of the invoice with VAT.
paid_amount | amount | BT-113 | The sum of amounts which have been paid in advance.
rounding_amount | amount | BT-114 | The amount added to the total to round the amount to be paid.
amount_due_for_payment | amount | BT-115 | The outstanding amount that is requested to be paid.
amount_due_currency_code | code | - | The currency that stands with the amount due, as written (UBL); it should be that of the invoice.
has_document_totals | boolean | BG-22 | Whether the document totals group is there at all.
invoiced_object_count | integer | BT-18 | How many invoiced objects the document names; more than one is a fault.
parent_line_count | integer | - | How many lines are sub-lines of another line, as CII says it.
project_reference_count | integer | BT-11 | How many project references stand among the supporting documents; more than one is a fault.
issue_time | timestamp | CN-IssueTime | The instant at which the tax authority recorded the invoice, as written.
fapiao_tag | code | CN-EInvoiceTag | The tag of the tax region (SWEI and four digits).
fapiao_kind_code | code | CN-GeneralOrSpecialVAT | 01 special VAT invoice (deductible), 02 ordinary.
issue_type_code | code | CN-InIssuType | Y blue (ordinary) or N red (reversal).
is_red_letter | boolean | CN-InIssuType | Whether the document is a red-letter invoice, by label, sign or remark.
red_confirmation_number | identifier | CN-Remark | The number of the red-letter confirmation that the remark names.
total_in_words | text | CN-TotalTax-includedAmountInChinese | The total with VAT in Chinese words.
remark | text | CN-Remark | The invoice's remark, as written.
tax_bureau_code | code | CN-TaxBureauCode | The tax bureau that recorded the invoice.
invoice_status | code | CN-发票状态 | The status a platform or export gives: 正常, 作废, 红冲 ... or a code of the platform.
"""
    + _PLACE,
    key=("invoice_id",),
)

TABLES = (
    INVOICE,
    table(
        "seller_identifier",
        "One identifier of the seller (BT-29, which may repeat).",
        _PARENT
        + """
seller_identifier | identifier | BT-29 | An identification of the seller.
seller_identifier_scheme | code | BT-29-1 | The scheme of the seller identifier.
seller_identifier_plain_scheme | code | - | Its scheme where it stands among those without one (CII, ram:ID).
"""
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
        + _PLACE,
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
            + _PLACE,
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
vat_category_code | code | - | The VAT category given with it; that of the line counts (UBL).
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
