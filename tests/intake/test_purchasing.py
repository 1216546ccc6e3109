"""Orders, receipts, suppliers' items and statuses: the ready mappings read what an ERP or a platform exports."""

from decimal import Decimal

ORDERS = """Purchasing Document,Item,Vendor,Document Date,Currency,Material,Short Text,Order Quantity,Order Unit,Net Price,Price Unit,Tax Rate,GR Indicator,Status
4500000001,00010,0000700100,2026-09-01,EUR,P-80,Paper,400,XPK,13.69,1,19,X,
4500000001,00020,0000700100,2026-09-01,EUR,,Freight,1,C62,0.44,1,19,-,
4500000002,00010,0000700107,2026-09-02,EUR,T-1,Haulage,20,C62,2500,100,19,X,L
"""
RECEIPTS = """Material Document,Material Doc. Item,Posting Date,Purchase Order,Purchase Order Item,Quantity,Quantity Rejected,Unit of Entry,Delivery Note
5000000001,1,2026-09-20,4500000001,00010,400,2,XPK,LS 77
5000000001,2,2026-09-20,4500000001,00020,1,,C62,LS 77
5000000002,1,2026-09-25,4500000001,00010,5-,,XPK,
"""
PAYABLES = """Company Code,Vendor,Name 1,Document Number,Document Type,Document Date,Posting Date,Net Due Date,Reference,Amount in Doc. Curr.,Document Currency
1000,0000700100,Mill GmbH,1900000001,RE,2026-10-03,2026-10-03,2026-11-02,899353,6404.56-,EUR
1000,0000700100,Mill GmbH,1900000002,KG,2026-10-04,2026-10-04,2026-11-03,899360,100.00,EUR
"""
STATUSES = """Message,Channel,Seller Tax Number,Invoice Number,Issue Date,Status,Text,Status Time
ST-1,platform,DE799359244,MH-1,2026-10-01,cleared,,2026-10-01 18:30:00
ST-2,税务,,MH-2,,作废,bad buyer,2026-10-02
ST-3,platform,,MH-3,,perhaps,,2026-10-02
"""
JSON = """{"statuses": [
 {"statusId": "S1", "channel": "tax", "invoiceNumber": "MH-1", "status": "approved", "statusTime": "2026-10-01T18:30:00Z", "amount": 119.00, "currency": "EUR"},
 {"statusId": "S2", "channel": "platform", "invoiceNumber": "MH-2", "status": "rejected", "statusTime": "2026-10-02T08:00:00", "statusText": "unknown buyer"}
]}"""


def test_the_head_of_an_order_is_read_once_from_the_list_of_its_lines(take):
    taken = take({"orders.csv": ORDERS}, mapping="erp.orders")
    assert taken.findings() == []
    assert taken.rows("select purchase_order_id, party_id, currency, status from purchase_order order by 1") == [
        ("4500000001", "0000700100", "EUR", None),
        ("4500000002", "0000700107", "EUR", "cancelled"),
    ]
    lines = taken.rows(
        "select order_line_id, quantity, net_price, price_base_quantity, receipt_required from purchase_order_line order by purchase_order_id, 1"
    )
    assert lines == [
        ("00010", 400, Decimal("13.69"), 1, True),
        ("00020", 1, Decimal("0.44"), 1, False),
        ("00010", 20, 2500, 100, True),
    ]


def test_receipts_and_returns_are_read_with_their_sign(take):
    taken = take({"receipts.csv": RECEIPTS}, mapping="erp.receipts")
    assert taken.findings() == []
    heads = taken.rows("select goods_receipt_id, despatch_advice_reference from goods_receipt order by 1")
    assert heads == [("5000000001", "LS 77"), ("5000000002", None)]
    quantities = taken.rows("select received_quantity, rejected_quantity from goods_receipt_line order by line")
    assert quantities == [(400, 2), (1, None), (-5, None)]


def test_what_we_owe_is_positive_whatever_sign_the_ledger_gives_it(take):
    taken = take({"payables.csv": PAYABLES}, mapping="erp.sap_fbl1n")
    assert taken.rows("select open_item_id, ledger, document_type, amount, open_amount from open_item order by 1") == [
        ("1900000001", "payable", "invoice", Decimal("6404.56"), Decimal("6404.56")),
        ("1900000002", "payable", "credit_note", -100, -100),
    ]


def test_statuses_are_read_in_the_four_words_and_another_word_is_a_finding(take):
    taken = take({"statuses.csv": STATUSES}, mapping="erp.invoice_statuses")
    rows = taken.rows("select status_id, channel, status, status_at::varchar from invoice_status_message order by 1")
    assert rows[:2] == [
        ("ST-1", "platform", "accepted", "2026-10-01 18:30:00"),
        ("ST-2", "tax", "cancelled", "2026-10-02 00:00:00"),
    ]
    assert [line for _, line in taken.findings()] == [4]


def test_statuses_in_json_are_the_same(take):
    taken = take({"statuses.json": JSON}, mapping="erp.invoice_statuses_json")
    assert taken.findings() == []
    assert taken.rows(
        "select channel, invoice_number, status, amount from invoice_status_message order by status_id"
    ) == [
        ("tax", "MH-1", "accepted", 119),
        ("platform", "MH-2", "rejected", None),
    ]
