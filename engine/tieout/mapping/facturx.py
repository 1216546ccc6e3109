"""An invoice's rows as a PDF that carries them: the page a person reads, made of the same rows as the CII document inside.

``convert`` and ``issuing`` call it.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from tieout.formats.facturx import Part, Sheet, carry, draw
from tieout.model.money import display

__all__ = ["facturx", "sheet"]

Rows: TypeAlias = Sequence[Dict[str, Any]]

# What stands on the page, in both languages; the columns are those of the tables.
_FACTS = (
    ("invoice_number", "Number", "发票号码"),
    ("issue_date", "Date", "开票日期"),
    ("payment_due_date", "Due", "付款到期日"),
    ("buyer_reference", "Buyer reference", "购买方参考号"),
    ("purchase_order_reference", "Order", "采购订单"),
    ("contract_reference", "Contract", "合同"),
    ("payment_terms", "Payment terms", "付款条件"),
)
_PARTIES = (("seller", "Seller", "销售方"), ("buyer", "Buyer", "购买方"))
_ADDRESS = ("address_line_1", "address_line_2", "address_line_3", "post_code", "city", "country_code", "vat_identifier")
_TOTALS = (
    ("sum_of_invoice_line_net_amount", "Sum of lines", "明细金额合计"),
    ("sum_of_allowances_on_document_level", "Allowances", "折扣合计"),
    ("sum_of_charges_on_document_level", "Charges", "附加费合计"),
    ("invoice_total_amount_without_vat", "Total without VAT", "不含税金额"),
    ("invoice_total_vat_amount", "VAT", "税额"),
    ("invoice_total_amount_with_vat", "Total with VAT", "价税合计"),
    ("paid_amount", "Paid", "已付金额"),
    ("rounding_amount", "Rounding", "舍入"),
    ("amount_due_for_payment", "Amount due", "应付金额"),
)
_HEADINGS = {
    "invoice": ("Invoice", "发票"),
    "credit_note": ("Credit note", "贷项通知单"),
    "lines": ("Lines", "明细"),
    "vat": ("VAT", "增值税"),
    "totals": ("Totals", "合计"),
    "pay": ("Payment", "付款"),
    "notes": ("Notes", "备注"),
}
_LINES = (
    ("No.", "序号"),
    ("Item", "名称"),
    ("Quantity", "数量"),
    ("Price", "单价"),
    ("VAT %", "税率 %"),
    ("Net", "金额"),
)
_VAT = (("Category", "类别"), ("Rate %", "税率 %"), ("Base", "计税金额"), ("Tax", "税额"))


def facturx(tables: Dict[str, Rows], content: bytes, *, language: str = "en") -> bytes:
    """PDF/A-3 with the CII document attached as factur-x.xml and a page made of the rows.

    tables: the rows of one invoice, as for ``write``; content: what ``write`` made of them by cii.invoice.
    language: en or zh, that of the labels on the page.
    Raises FormatError where the content is not CII, TieoutError where the extra ``facturx`` is not installed.
    """
    shown = sheet(tables, language=language)
    invoice = _one(tables, "invoice")
    author = str(invoice.get("seller_name") or "")
    return carry(content, draw(shown), title=shown.title, author=author, language=language)


def sheet(tables: Dict[str, Rows], *, language: str = "en") -> Sheet:
    """What a person reads of the invoice; a value that is missing is left out."""
    invoice, zh = _one(tables, "invoice"), language == "zh"
    currency = str(invoice.get("invoice_currency_code") or "")

    def words(pair: Sequence[str]) -> str:
        return pair[1] if zh else pair[0]

    kind = words(_HEADINGS[str(invoice.get("document_kind") or "invoice")])
    facts = [(words(pair), str(invoice[name])) for name, *pair in _FACTS if invoice.get(name) is not None]
    facts += [(words(pair), party) for name, *pair in _PARTIES if (party := _party(invoice, name))]
    lines = tuple(
        (
            _text(row.get("invoice_line_identifier")),
            _text(row.get("item_name")),
            " ".join(
                filter(None, (_plain(row.get("invoiced_quantity")), _text(row.get("invoiced_quantity_unit_code"))))
            ),
            _plain(row.get("item_net_price")),
            _plain(row.get("invoiced_item_vat_rate")),
            _money(row.get("invoice_line_net_amount"), currency),
        )
        for row in tables.get("invoice_line", ())
    )
    vat = tuple(
        (
            _text(row.get("vat_category_code")),
            _plain(row.get("vat_category_rate")),
            _money(row.get("vat_category_taxable_amount"), currency),
            _money(row.get("vat_category_tax_amount"), currency),
        )
        for row in tables.get("vat_breakdown", ())
    )
    totals = tuple((words(pair), _money(invoice[n], currency)) for n, *pair in _TOTALS if invoice.get(n) is not None)
    pay = tuple(
        (account, _text(row.get("payment_service_provider_identifier")), _text(row.get("remittance_information")))
        for row in tables.get("payment_instruction", ())
        if (account := _text(row.get("payment_account_identifier")))
    )
    notes = tuple((_text(row.get("invoice_note")),) for row in tables.get("invoice_note", ()))
    parts = [
        Part(words(_HEADINGS["lines"]), tuple(map(words, _LINES)), lines, frozenset({2, 3, 4, 5})),
        Part(words(_HEADINGS["vat"]), tuple(map(words, _VAT)), vat, frozenset({1, 2, 3})),
        Part(words(_HEADINGS["totals"]), ("", currency), totals, frozenset({1})),
        Part(words(_HEADINGS["pay"]), ("IBAN", "BIC", words(("Please quote", "附言"))), pay),
        Part(words(_HEADINGS["notes"]), ("",), notes),
    ]
    title = " ".join(filter(None, (kind, _text(invoice.get("invoice_number")))))
    return Sheet(title, tuple(facts), tuple(part for part in parts if part.rows), language)


def _one(tables: Dict[str, Rows], name: str) -> Dict[str, Any]:
    return next(iter(tables.get(name, ())), {})


def _party(invoice: Dict[str, Any], role: str) -> str:
    columns = (f"{role}_name", *(f"{role}_{part}" for part in _ADDRESS))
    return ", ".join(_text(invoice.get(column)) for column in columns if invoice.get(column))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _plain(value: Any) -> str:
    return "" if value is None else f"{Decimal(str(value)).normalize():f}"


def _money(value: Any, currency: str) -> str:
    return "" if value is None else display(Decimal(str(value)), currency or None)
