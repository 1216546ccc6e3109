"""The tables a run computes: what was read, found, allocated and left over, and the proof that it balances."""

from __future__ import annotations

from tieout.model.canon import table

TABLES = (
    table(
        "document",
        "One file, archive member, sheet or query that was read or refused.",
        """
document_id | identifier | - | The document's name as given or found: a path relative to the workspace, archive!member, or database name.
source_name | text | - | The name of the source in tieout.yaml.
media_type | text | - | What it was found to be.
mapping | text | - | The mapping that read it; null where it was refused.
sha256 | text | - | The hash of its bytes, hexadecimal; of its rows for a database.
byte_count | integer | - | Its size in bytes.
row_count | integer | - | The rows it gave to canonical tables.
status | code | - | read, duplicate or refused.
""",
        key=("document_id",),
    ),
    table(
        "finding",
        "One rule broken by one object, at one place.",
        """
finding_no | integer | - | The position of the finding in the run, from 1: the order is that of rule, object and place.
rule | text | - | The rule's id; for what intake found, an IN- id.
pack | text | - | The pack of the rule.
severity | code | - | fatal, warning or information.
table | text | - | The canonical table of the object.
object_id | text | - | The key of the object: invoice_id, payment_id, open_item_id, document_id ...
row_no | integer | - | The row within the object for a repeated group.
term | text | - | The business terms concerned, comma separated.
message | text | - | What was found and what was expected, in English.
message_zh | text | - | The same in Chinese.
evidence | json | - | The values the condition read, as a JSON object.
path | text | - | Where it stands: the element's path with positions, of JSON its path, of a table the columns' headings.
source | text | - | The file.
line | integer | - | The line in the file.
""",
        key=("finding_no",),
    ),
    table(
        "allocation",
        "One amount of one payment that settles one open item, or a difference of it.",
        """
payment_id | identifier | - | The payment.
open_item_id | identifier | - | The open item.
kind | code | - | payment, credit_note, discount, fee, withholding, rounding, fx or write_off; the first two are money.
amount | money | - | The amount in the payment's currency; a netted credit note is negative.
currency | code | - | The payment's currency.
open_item_amount | money | - | The amount in the open item's currency.
open_item_currency | code | - | The open item's currency.
status | code | - | accepted or proposed.
pass | text | - | The pass of the plan that made it.
score | score | - | Between 0 and 1.
evidence | json | - | Each comparison with its value, the candidates and the runner-up.
""",
        key=("status", "payment_id", "open_item_id", "kind"),
    ),
    table(
        "decision",
        "One line of what a person decided and what this run did with it.",
        """
decision_id | identifier | - | The decision in the journal.
line_no | integer | - | The line within it.
case_id | identifier | - | The case it was taken in.
kind | code | - | match, split, on_account, write_off, not_receivable or reject.
payment_id | identifier | - | The payment; null for an open item written off without one.
open_item_id | identifier | - | The open item; null where the decision is about the payment alone.
allocation_kind | code | - | As in allocation; null where nothing is allocated.
amount | money | - | The amount in the payment's currency.
currency | code | - | The payment's currency.
open_item_amount | money | - | The amount in the open item's currency.
open_item_currency | code | - | The open item's currency.
party_id | identifier | - | The customer on whose account the payment is booked.
decided_by | text | - | Who decided or proposed it.
approved_by | text | - | The second person; null where none was needed.
decided_at | text | - | When, UTC.
status | code | - | applied, earlier (by an earlier run), absent (its payment or item is not in this run) or stale (it does not fit).
""",
        key=("decision_id", "line_no"),
    ),
    table(
        "candidate",
        "One open item that was considered for one payment that stayed open or was proposed: what fits and what failed first.",
        """
payment_id | identifier | - | The payment.
open_item_id | identifier | - | The open item.
rank | integer | - | 1 for the nearest.
solution | integer | - | For an ambiguous payment: the number of the solution the item belongs to; null for a near miss.
pass | text | - | The pass that came nearest.
amount | money | - | What the solution would allocate to the item, in the payment's currency.
score | score | - | Between 0 and 1.
failed | text | - | The first condition that failed, with the distance; null where none did.
evidence | json | - | Each comparison with its value.
""",
        key=("payment_id", "rank", "open_item_id"),
    ),
    table(
        "item_candidate",
        "One payment that was near an open item which stayed open: why it does not settle it.",
        """
open_item_id | identifier | - | The open item.
payment_id | identifier | - | The payment.
rank | integer | - | 1 for the nearest.
failed | text | - | The first condition that failed, with the distance.
evidence | json | - | The condition, its distance and its limit as values.
""",
        key=("open_item_id", "rank", "payment_id"),
    ),
    table(
        "exception",
        "One thing a person must look at.",
        """
exception_id | identifier | - | Stable from run to run: made of reason and object.
reason | code | - | A reason of the contract, or one of the workspace's own.
table | text | - | The table of the object.
object_id | text | - | The payment, open item, document or party.
related_id | text | - | The other object, where there is one: the paid item, the first of two duplicates ...
party_id | identifier | - | The customer or supplier, where known.
amount | money | - | The amount at stake, in the currency.
currency | code | - | The currency.
route | code | - | The route, or the pattern, that chose the queue.
queue | code | - | The queue the routing chose.
owner | text | - | The person or group the routing or the journal names.
due | date | - | The date by which it should be settled.
age_days | integer | - | Days from the object's date to the as-of date.
message | text | - | What is wrong, in one sentence.
evidence | json | - | The facts, as a JSON object.
source | text | - | The file.
line | integer | - | The line in the file.
""",
        key=("exception_id",),
    ),
    table(
        "line_match",
        "One line of a received invoice beside the order and the receipts it belongs to.",
        """
invoice_id | identifier | - | The invoice.
row_no | integer | - | The line within the invoice.
invoice_number | identifier | BT-1 | The number of the invoice.
pass | text | - | The pass of the plan that found the order line; null where none did.
purchase_order_id | identifier | BT-13 | The order.
order_line_id | identifier | BT-132 | The line of the order.
status | code | - | agrees, or exception where at least one field does not.
order_status | code | - | linked, not_ordered or ambiguous.
receipt_status | code | - | received, partly_received, not_received or not_required.
quantity_status | code | - | agrees, within_tolerance, over, under, partial, differs (the unit) or unknown.
price_status | code | - | agrees, within_tolerance, over, under, differs (the currency) or unknown.
tax_status | code | - | agrees, differs or unknown.
amount_status | code | - | agrees, within_tolerance, over, under, follows (the price or the unit explains it) or unknown.
currency | code | BT-5 | The currency of the invoice.
invoiced_quantity | quantity | BT-129 | The quantity of this line; negative on credit notes.
invoiced_so_far | quantity | - | The quantity of this and all earlier lines for the order line.
ordered_quantity | quantity | - | The quantity ordered.
received_quantity | quantity | - | The quantity received and not refused, up to the as-of date.
invoiced_price | unit_price | BT-146 | The price of the invoice.
ordered_price | unit_price | - | The price of the order.
invoiced_vat_rate | percentage | BT-152 | The rate of the invoice.
ordered_vat_rate | percentage | - | The rate of the order.
invoiced_amount | amount | BT-131 | The amount of the line without tax; negative on credit notes.
source | text | - | The file.
line | integer | - | The line in the file.
""",
        key=("invoice_id", "row_no"),
    ),
    table(
        "invoice_status",
        "One invoice in its four corners: ledger, e-invoice platform, tax office and payment.",
        """
ledger | code | - | receivable or payable.
seller | identifier | - | The seller's tax identifier; for our own invoices without one the company code, for suppliers' the supplier number.
invoice_key | identifier | BT-1 | The invoice's number, letters and digits only.
year | integer | - | The year of the invoice; 0 where no side gives a date.
invoice_number | identifier | BT-1 | The number as written.
party_id | identifier | - | The customer or supplier.
currency | code | - | The currency of the amounts.
ledger_amount | money | - | What the ledger booked, with sign.
open_amount | money | - | What is still open after this run.
platform_amount | money | BT-112 | The total of the document, with sign.
ledger_state | code | - | open, cleared or missing.
platform_state | code | - | present, pending, accepted, rejected, cancelled or missing; null where none must be there or nothing of a platform was read.
tax_state | code | - | pending, accepted, rejected, cancelled or missing; null where its messages do not cover the day.
payment_state | code | - | open, part, paid or overpaid; null where the ledger has no such invoice.
conflict | text | - | not_booked, not_issued, paid_not_issued, issued_but_rejected, cancelled_but_open, cancelled_but_paid, platform_and_tax_disagree, not_in_tax_ledger, amount_differs, tax_id_differs, date_differs, duplicate or overpaid, comma separated; null where the four agree.
exception_id | identifier | - | The exceptions that stand for the conflicts, comma separated.
open_item_id | identifier | - | The ledger's item (of several, the smallest).
invoice_id | identifier | - | The document (of several, the smallest).
status_at | timestamp | - | When platform or tax office last said something.
""",
        key=("ledger", "seller", "invoice_key", "year"),
    ),
    table(
        "control_total",
        "One measure in one currency: what came in is matched, an exception or excluded.",
        """
measure | text | - | What is counted: payment, open_item, invoice, billing_line ...
currency | code | - | The currency; empty where the rows have none.
count_in | integer | - | Rows that came in.
amount_in | money | - | Their sum.
count_matched | integer | - | Rows that are settled.
amount_matched | money | - | The money in them.
count_exception | integer | - | Rows that a person must look at.
amount_exception | money | - | The money in them.
count_excluded | integer | - | Rows that were excluded, each with a reason.
amount_excluded | money | - | The money in them.
difference | money | - | amount_in less the three; must be 0.
""",
        key=("measure", "currency"),
    ),
    table(
        "excluded",
        "One input row that takes no part in matching, and why.",
        """
table | text | - | The table of the row.
object_id | text | - | Its key.
reason | text | - | Why it is excluded, in one sentence.
amount | money | - | Its amount.
currency | code | - | Its currency.
source | text | - | The file.
line | integer | - | The line in the file.
""",
        key=("table", "object_id"),
    ),
    table(
        "issued_document",
        "One invoice generated from billing lines.",
        """
billing_document | identifier | - | The ERP's billing document.
invoice_number | identifier | BT-1 | The number given; null where the invoice was stopped.
series | text | - | The series the number belongs to; null where the invoice was stopped.
number | integer | - | The number within its series; null where the invoice was stopped.
mapping | text | - | The mapping that wrote it.
status | code | - | issued, invalid (stopped by a fatal finding), waiting (for its payment) or unchanged (issued by a run of another day).
file | text | - | The file in the run's folder.
sha256 | text | - | The hash of its bytes.
currency | code | BT-5 | The currency.
amount | amount | BT-112 | The total with VAT.
payment_id | identifier | - | The payment that called for the invoice; null where it waited for none.
paid_on | date | - | The day on which that payment was booked.
""",
        key=("billing_document",),
    ),
    table(
        "carried",
        "One object that a settled run leaves open for the next: what is still open of it.",
        """
table | text | - | payment or open_item.
object_id | text | - | Its key.
open_amount | money | - | What is left open or unallocated, with sign.
currency | code | - | Its currency.
""",
        key=("table", "object_id"),
    ),
    table(
        "party_account",
        "One account that the master data of a business partner have or had.",
        """
party_id | identifier | - | The partner.
account | text | - | The account, in capitals and without spaces.
new_from | date | - | The first day on which it may have stood there: the day after the last run without it; null where it was there from the first run on or came with a new partner.
seen_on | date | - | The day of the first run that saw it; null where new_from is null.
is_current | boolean | - | Whether the master data still have it.
""",
        key=("party_id", "account"),
    ),
)
