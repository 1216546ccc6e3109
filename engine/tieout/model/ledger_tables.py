"""The canonical tables of ledger and bank: open items, parties, rates, statements and payments (ISO 20022 names)."""

from __future__ import annotations

from tieout.model.canon import table

_PLACE = """
source | text     | - | The file or query this row was read from; inside an archive: archive!member.
line   | integer  | - | The line of the file (row of the sheet) on which the row starts, from 1.
"""

_ITEM = """
open_item_id | identifier | - | The ERP's own number of the item; stable when the same data is read again.
ledger | code | - | receivable or payable, as the mapping says.
company_code | code | - | The company (entity) whose ledger the item stands in.
document_type | code | - | invoice or credit_note, from the mapping or else from the sign.
party_id | identifier | - | The customer or supplier number.
party_name | text | - | The customer's or supplier's name in the ledger.
party_tax_identifier | identifier | - | The customer's or supplier's tax or VAT identifier.
document_date | date | - | The date of the document.
posting_date | date | - | The date on which it was posted.
due_date | date | - | The date on which payment is due, net.
reference | text | - | The number printed on the invoice, which payers quote.
order_reference | text | - | The customer's purchase order or assignment.
contract_reference | text | - | The contract number.
creditor_reference | identifier | RmtInf/Strd/CdtrRefInf/Ref | The structured reference printed on the invoice (RF, OGM, QRR, KID ...).
amount | money | - | The original amount with sign: a credit note is negative.
open_amount | money | - | What was open before this run's payments, with sign: the ledger's figure less what earlier runs settled.
ledger_open_amount | money | - | What the ledger says is open, with sign; differs where the ledger has not posted an earlier run yet.
currency | code | - | The currency of amount and open_amount.
local_amount | money | - | The amount in the ledger's own currency.
local_currency | code | - | The ledger's own currency.
payment_terms | code | - | The code of the payment terms.
discount_days | integer | - | Days from the document date within which the discount may be taken; null or 0 where there is none.
discount_percent | percentage | - | The early-payment discount in percent.
tax_rate | percentage | - | The tax rate in percent, where the ledger has it.
text | text | - | The text of the item.
e_invoice_profile | code | - | The e-invoice format that must exist for the item (PEPPOL, ZUGFERD, 数电); null where none must.
invoice_id | identifier | - | The canonical invoice of the item, where it was linked.
carried_from | date | - | The as-of date of the run that left it open, where the ledger no longer gives it.
"""

TABLES = (
    table(
        "open_item",
        "One open receivable or payable of the ERP, before the payments of this run.",
        _ITEM + _PLACE,
        key=("open_item_id",),
    ),
    table(
        "cleared_item",
        "One ledger item that was cleared before this run.",
        _ITEM.replace("open_item_id", "cleared_item_id", 1)
        + """
clearing_date | date | - | The date on which the item was cleared.
clearing_document | identifier | - | The document that cleared it.
"""
        + _PLACE,
        key=("cleared_item_id",),
    ),
    table(
        "party",
        "One customer or supplier of the master data; a party with several accounts has several rows.",
        """
party_id | identifier | - | The customer or supplier number.
row_no | integer | - | The position among the rows of the same party, from 1.
role | code | - | customer or supplier.
name | text | - | The legal name.
trading_name | text | - | The second name or trading name.
search_term | text | - | The ERP's search term.
country | code | - | The country (ISO 3166-1).
city | text | - | The city.
post_code | text | - | The postal code.
tax_identifier | identifier | - | The VAT number, 统一社会信用代码 or other tax identifier.
account | identifier | - | A known bank account: IBAN, or the national number as the bank writes it.
currency | code | - | The currency agreed with the party.
payment_terms | code | - | The code of the payment terms.
head_office_id | identifier | - | The party that pays or is dunned for this one.
alternative_payer_id | identifier | - | The party number of an alternative payer.
alternative_payer_name | text | - | The name of an alternative payer.
email | text | - | The e-mail address for invoices.
electronic_address | identifier | - | The electronic address on an e-invoice network.
electronic_address_scheme | code | - | The scheme of the electronic address.
"""
        + _PLACE,
        key=("party_id", "row_no"),
    ),
    table(
        "company",
        "One account of one of our own companies; an account is empty where a company has none.",
        """
company_code | code | - | The company code.
row_no | integer | - | The position among the rows of the same company, from 1.
name | text | - | The company's name.
tax_identifier | identifier | - | The company's tax identifier.
account | identifier | - | One of the company's own bank accounts.
"""
        + _PLACE,
        key=("company_code", "row_no"),
    ),
    table(
        "exchange_rate",
        "One rate of one day.",
        """
rate_date | date | - | The day of the rate.
base_currency | code | - | The currency of which one unit is priced.
currency | code | - | The currency in which it is priced.
rate | rate | - | Units of currency for one unit of base_currency.
"""
        + _PLACE,
        key=("rate_date", "base_currency", "currency"),
    ),
    table(
        "statement",
        "One account statement or report.",
        """
statement_id | identifier | Stmt/Id | The statement's identity: account, number and source.
message_kind | code | - | camt.053, camt.052, camt.054, mt940, mt942, ofx or table.
account | identifier | Acct/Id | The account, IBAN or as written.
currency | code | Acct/Ccy | The currency of the account.
sequence_number | text | ElctrncSeqNb | The statement's sequence number as written.
opening_balance | money | Bal[OPBD] | The balance booked before the first entry, with sign; null where the format has none.
opening_date | date | Bal[OPBD]/Dt | The date of the opening balance.
closing_balance | money | Bal[CLBD] | The balance booked after the last entry, with sign.
closing_date | date | Bal[CLBD]/Dt | The date of the closing balance.
entry_count | integer | - | The number of entries as booked; a batch entry counts once.
entry_sum | money | - | The sum of the booked entries, with sign.
"""
        + _PLACE,
        key=("statement_id",),
    ),
    table(
        "payment",
        "One bank transaction; a batch entry is split into its transactions.",
        """
payment_id | identifier | Refs/AcctSvcrRef | The bank's own reference; else made from file, position and content.
statement_id | identifier | Stmt/Id | The statement it stands in.
account | identifier | Acct/Id | Our account.
amount | money | Amt | The amount with sign: money in is positive.
currency | code | Amt/@Ccy | The currency of the amount.
credit_debit_indicator | code | CdtDbtInd | CRDT or DBIT, as booked.
status | code | Sts | BOOK, PDNG or INFO; only booked transactions are matched.
booking_date | date | BookgDt | The date on which it was booked.
value_date | date | ValDt | The date on which the money counts.
counterparty_name | text | RltdPties/Dbtr, Cdtr | The payer of money in, the payee of money out.
counterparty_account | identifier | RltdPties/DbtrAcct, CdtrAcct | The counterparty's account, IBAN or as written.
counterparty_bank | identifier | RltdAgts | The BIC or name of the counterparty's bank.
ultimate_party_name | text | RltdPties/UltmtDbtr, UltmtCdtr | The party on whose behalf it was paid.
remittance | text | RmtInf/Ustrd | The free text, its pieces joined as the format wants them joined.
creditor_reference | identifier | RmtInf/Strd/CdtrRefInf/Ref | The structured reference.
end_to_end_id | identifier | Refs/EndToEndId | The payer's reference; NOTPROVIDED and NONREF are null.
mandate_id | identifier | Refs/MndtId | The direct debit mandate.
instruction_id | identifier | Refs/InstrId | The instructing party's reference.
transaction_code | code | BkTxCd | The bank transaction code: domain/family/sub-family, SWIFT type or the bank's own.
transaction_text | text | AddtlNtryInf | The bank's own words for the kind of booking.
is_return | boolean | RtrInf | Whether it is a returned or reversed payment, where the format says so.
return_reason | text | RtrInf/Rsn | The reason of the return, code or words.
original_payment_reference | identifier | RtrInf/OrgnlBkTxCd | What the bank says of the transaction that is returned.
batch_id | identifier | Btch, NtryRef | The booked entry from which it was split; null where it stands alone.
charges_amount | money | Chrgs | The charges the bank took, as a positive amount.
charges_currency | code | Chrgs/@Ccy | The currency of the charges.
charge_bearer | code | ChrgBr | DEBT, CRED, SHAR or SLEV.
instructed_amount | money | AmtDtls/InstdAmt | The amount the payer ordered, where it differs in amount or currency.
instructed_currency | code | AmtDtls/InstdAmt/@Ccy | The currency of the instructed amount.
exchange_rate | rate | AmtDtls/CcyXchg | The rate the bank used, where it says so.
carried_from | date | - | The as-of date of the run that left it unallocated; its amount is then what was left of it.
"""
        + _PLACE,
        key=("payment_id",),
    ),
    table(
        "billing_line",
        "One ERP line that is to be invoiced; lines of one billing document make one invoice.",
        """
billing_document | identifier | - | The ERP's number of the billing document: one invoice each.
billing_line_no | integer | - | The position of the line within the billing document, from 1.
billing_kind | code | - | invoice or credit_note.
invoice_number | identifier | BT-1 | The number the ERP has given the invoice already; null where tieout numbers it.
corrects_invoice | identifier | BT-25 | The number of the invoice that a credit note corrects.
billed_on | code | - | payment where the invoice waits for the customer's money (先款后票); delivery, or null, where it does not.
issue_date | date | BT-2 | The date of the invoice.
delivery_date | date | BT-72 | The date of delivery.
due_date | date | BT-9 | The date on which payment is due.
currency | code | BT-5 | The currency of all amounts.
party_id | identifier | - | The customer to be invoiced.
buyer_reference | text | BT-10 | The customer's own routing reference.
purchase_order_reference | identifier | BT-13 | The customer's order.
contract_reference | identifier | BT-12 | The contract.
payment_terms | text | BT-20 | The payment terms in words.
item_identifier | identifier | BT-155 | The article number.
item_name | text | BT-153 | The name of the article.
item_description | text | BT-154 | A description of the article.
quantity | quantity | BT-129 | The quantity; positive on credit notes too.
unit_code | code | BT-130 | The unit (UN/ECE Rec. 20).
net_price | unit_price | BT-146 | The price of one unit without VAT.
line_net_amount | amount | BT-131 | The line's amount without VAT, where the ERP has computed it.
vat_category_code | code | BT-151 | The VAT category (UNTDID 5305).
vat_rate | percentage | BT-152 | The VAT rate in percent.
vat_exemption_reason | text | BT-120 | Why the line is exempt, where it is.
document_total | amount | BT-112 | The billing document's total with VAT as the ERP has booked it; null where it has booked none.
tax_classification_code | code | CN-TaxClassificationCode | The Chinese tax classification of the article.
note | text | BT-22 | A note for the invoice.
"""
        + _PLACE,
        key=("billing_document", "billing_line_no"),
    ),
)
