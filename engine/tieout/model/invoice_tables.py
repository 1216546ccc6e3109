"""The canonical table of invoices: every business term of EN 16931-1:2017+A1:2019 that an invoice has once.

Groups that repeat are tables of their own (``invoice_parts``). Terms that start with CN- are the additions of the Chinese
数电票 (GB/T 44554.5-2025); their element names stand in the description.
"""

from __future__ import annotations

from tieout.model.canon import table

PLACE = """
source | text     | - | The file this row was read from, as given; inside an archive: archive!member.
line   | integer  | - | The line of the file on which the row starts, from 1.
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
has_mandate_reference | boolean | BT-89 | Whether a mandate is named at all, with payment means or without (CII).
has_creditor_identifier | boolean | BT-90 | Whether a creditor identifier is named at all, with payment means or without (CII).
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
seller_countries | text | BT-40 | Every country code that the document states for the seller, a blank between: more than one where the element stands twice.
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
buyer_countries | text | BT-55 | Every country code that the document states for the buyer, a blank between: more than one where the element stands twice.
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
    + PLACE,
    key=("invoice_id",),
)

TABLES = (INVOICE,)
