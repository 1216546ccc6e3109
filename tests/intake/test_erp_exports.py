"""The ready ERP mappings: each reads its own sample, and all of them tell the same business facts."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "golden" / "erp"

ITEMS = ("sap_fbl5n", "kingdee_ar", "yonyou_u8_ar", "odoo_invoices", "erpnext_invoices")
PARTIES = {
    "sap_customers": "customers",
    "kingdee_customers": "kingdee_customers",
    "yonyou_u8_customers": "yonyou_u8_customers",
    "odoo_partners": "odoo_partners",
    "erpnext_customers": "erpnext_customers",
}
# An invoice, one that is partly paid, a credit note, and one in another currency; drafts and payables are left out.
FACTS = [
    ("AR0001", "receivable", "1000", "invoice", "C001", "上海海澜纸业有限公司", "2026-09-01", "2026-10-01",
     "26312000000000000011", "PO-77", "11300.0000", "CNY"),
    ("AR0002", "receivable", "1000", "invoice", "C001", "上海海澜纸业有限公司", "2026-09-15", "2026-10-15",
     "26312000000000000012", None, "2260.0000", "CNY"),
    ("AR0003", "receivable", "1000", "credit_note", "C001", "上海海澜纸业有限公司", "2026-09-20", "2026-09-20",
     "26312000000000000013", None, "-565.0000", "CNY"),
    ("AR0004", "receivable", "1000", "invoice", "C002", "Pacific Stationery Ltd.", "2026-09-22", "2026-11-21",
     "26312000000000000014", 'PO "A", 2', "12345.6700", "USD"),
]  # fmt: skip
CUSTOMERS = [
    ("C001", "customer", "上海海澜纸业有限公司", "91350100M000100Y43", "6222020000000000018"),
    ("C002", "customer", "Pacific Stationery Ltd.", None, None),
]


def _taken(take, sample):
    return take({f"{sample}.csv": (SAMPLES / f"{sample}.csv").read_bytes()})


@pytest.mark.parametrize("sample", ITEMS)
def test_the_same_open_items_read_the_same_from_every_erp(take, sample):
    taken = _taken(take, sample)
    assert taken.documents()[0][1] == f"erp.{sample}", "recognised by its headings"
    assert taken.findings() == []
    assert (
        taken.rows(
            "select open_item_id, ledger, company_code, document_type, party_id, party_name, document_date::varchar, "
            "due_date::varchar, reference, order_reference, open_amount::varchar, currency from open_item order by 1"
        )
        == FACTS
    )


@pytest.mark.parametrize("sample", [each for each in ITEMS if each != "sap_fbl5n"])
def test_where_the_erp_keeps_both_the_amount_and_what_is_open_of_it_both_are_read(take, sample):
    rows = _taken(take, sample).rows(
        "select amount::varchar, open_amount::varchar from open_item where open_item_id = 'AR0002'"
    )
    assert rows == [("5650.0000", "2260.0000")]


@pytest.mark.parametrize("sample", PARTIES)
def test_the_same_customers_read_the_same_from_every_erp(take, sample):
    taken = _taken(take, sample)
    assert taken.documents()[0][1] == f"erp.{PARTIES[sample]}"
    assert taken.findings() == []
    assert taken.rows("select party_id, role, name, tax_identifier, account from party order by 1") == CUSTOMERS
