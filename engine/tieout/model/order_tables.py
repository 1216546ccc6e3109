"""The canonical tables of purchasing and of statuses: what was ordered, what came, what platforms and tax offices say.

Names follow UBL 2.1 Order and Receipt Advice, as Peppol uses them, and EN 16931 where an invoice has the same term.
"""

from __future__ import annotations

from tieout.model.canon import table

_PLACE = """
source | text     | - | The file or query this row was read from; inside an archive: archive!member.
line   | integer  | - | The line of the file (row of the sheet) on which the row starts, from 1.
"""

TABLES = (
    table(
        "purchase_order",
        "One order of ours to a supplier.",
        """
purchase_order_id | identifier | BT-13, Order/ID | The number of the order.
order_date | date | Order/IssueDate | The date of the order.
company_code | code | - | The company that ordered.
party_id | identifier | Order/SellerSupplierParty | The supplier number.
party_name | text | Order/SellerSupplierParty/PartyName | The supplier's name.
party_tax_identifier | identifier | BT-31 | The supplier's tax or VAT identifier.
currency | code | Order/DocumentCurrencyCode | The currency of all amounts.
status | code | - | open, closed or cancelled; open where the ERP says nothing.
"""
        + _PLACE,
        key=("purchase_order_id",),
    ),
    table(
        "purchase_order_line",
        "One line of an order.",
        """
purchase_order_id | identifier | BT-13, Order/ID | The number of the order.
order_line_id | identifier | BT-132, LineItem/ID | The line within the order.
item_sellers_identifier | identifier | BT-155 | The supplier's number of the article.
item_buyers_identifier | identifier | BT-156 | Our own number of the article.
item_standard_identifier | identifier | BT-157 | A registered number of the article (GTIN).
item_name | text | BT-153 | The name of the article.
quantity | quantity | LineItem/Quantity | The quantity ordered.
unit_code | code | LineItem/Quantity/@unitCode | The unit (UN/ECE Rec. 20).
net_price | unit_price | BT-146 | The price without tax of price_base_quantity units.
price_base_quantity | quantity | BT-149 | For how many units the price is; 1 where absent.
line_net_amount | amount | LineItem/LineExtensionAmount | The amount of the line without tax.
vat_category_code | code | BT-151 | The VAT category (UNTDID 5305).
vat_rate | percentage | BT-152 | The tax rate in percent.
delivery_date | date | LineItem/Delivery | The date agreed for delivery.
receipt_required | boolean | - | False for services and the like, of which no receipt is recorded; null counts as true.
"""
        + _PLACE,
        key=("purchase_order_id", "order_line_id"),
        parent="purchase_order",
    ),
    table(
        "goods_receipt",
        "One receipt of goods.",
        """
goods_receipt_id | identifier | BT-15, ReceiptAdvice/ID | The number of the receipt.
receipt_date | date | ReceiptAdvice/IssueDate | The date on which the goods came.
company_code | code | - | The company that received them.
party_id | identifier | ReceiptAdvice/DespatchSupplierParty | The supplier number.
despatch_advice_reference | identifier | BT-16, ReceiptAdvice/DespatchDocumentReference | The supplier's delivery note.
"""
        + _PLACE,
        key=("goods_receipt_id",),
    ),
    table(
        "goods_receipt_line",
        "One line of a receipt: what came of one order line.",
        """
goods_receipt_id | identifier | BT-15, ReceiptAdvice/ID | The number of the receipt.
receipt_line_id | identifier | ReceiptLine/ID | The line within the receipt.
purchase_order_id | identifier | ReceiptLine/OrderLineReference/OrderReference | The order.
order_line_id | identifier | ReceiptLine/OrderLineReference/LineID | The line of the order.
item_buyers_identifier | identifier | BT-156 | Our own number of the article.
received_quantity | quantity | ReceiptLine/ReceivedQuantity | The quantity that came; negative where goods went back.
rejected_quantity | quantity | ReceiptLine/RejectedQuantity | How much of it was refused.
unit_code | code | ReceiptLine/ReceivedQuantity/@unitCode | The unit (UN/ECE Rec. 20).
"""
        + _PLACE,
        key=("goods_receipt_id", "receipt_line_id"),
        parent="goods_receipt",
    ),
    table(
        "invoice_status_message",
        "What a platform or a tax office says of one invoice at one time.",
        """
status_id | identifier | - | The message's own number; else made of the file and its row.
channel | code | - | platform or tax.
sender | text | - | Which platform or office it is.
seller_tax_identifier | identifier | BT-31 | The seller's tax identifier; null where all are our own invoices.
invoice_number | identifier | BT-1 | The number of the invoice.
issue_date | date | BT-2 | The date of the invoice.
status | code | - | pending, accepted, rejected or cancelled.
status_text | text | - | The status as written, and the reason given.
status_at | timestamp | - | When it was said.
document_id | identifier | - | The number the platform or office gave the document.
amount | money | BT-112 | The total with tax, where the message has it.
currency | code | BT-5 | The currency of the amount.
"""
        + _PLACE,
        key=("status_id",),
    ),
)
