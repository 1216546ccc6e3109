"""Why something is an exception: the reasons every run may give, with their titles. A workspace may declare its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tieout.model.definitions import Text

__all__ = ["REASONS"]

REASONS: Mapping[str, Text] = MappingProxyType(
    {
        "unmatched_payment": Text("Payment that no open item explains", "未匹配的收款"),
        "unidentified_payer": Text("Payment of an unknown payer", "付款方不明"),
        "ambiguous": Text("Several solutions, equally good", "存在多种同等匹配"),
        "partial_payment": Text("Less was paid than is open", "部分付款"),
        "discount_out_of_terms": Text("Discount taken too late or too high", "超出条件的现金折扣"),
        "withholding": Text("Withholding tax was deducted", "代扣税款"),
        "fx_conversion": Text("Difference from a currency conversion", "汇兑差异"),
        "invalid_reference": Text("The reference does not check", "参考号校验失败"),
        "overpayment": Text("More was paid than is open", "多付款"),
        "payment_on_account": Text(
            "Paid on account: a known payer, no item named", "预付或挂账：付款方已知，未指明款项"
        ),
        "duplicate_payment": Text("Paid twice", "重复付款"),
        "payment_for_paid_item": Text("Paid again after the item was cleared", "已结清发票的再次付款"),
        "wrong_currency": Text("Paid in another currency than invoiced", "付款币种不符"),
        "returned_payment": Text("Payment that was returned", "退回的付款"),
        "not_receivable": Text("Not a receivable: salary, tax, interest, own transfer", "非应收款项"),
        "not_payable": Text("Not a payable: salary, tax, charges, own transfer", "非应付款项"),
        "account_differs": Text("Paid to an account that the master data do not have", "收款账户与主数据不一致"),
        "account_changed": Text("Bank details of a partner were changed", "往来单位的银行账户已变更"),
        "paid_to_new_account": Text("Paid to an account that is new in the master data", "向主数据中的新账户付款"),
        "third_party_payer": Text("Paid by somebody else than the customer", "第三方付款"),
        "overdue_open_item": Text("Open item past its due date", "逾期未清项"),
        "overdue_payable": Text("Supplier invoice past its due date, not paid", "逾期未付的供应商发票"),
        "missing_on_platform": Text("Booked, but there is no e-invoice", "平台缺少电子发票"),
        "missing_in_erp": Text("E-invoice that is not booked", "账面缺少的电子发票"),
        "amount_differs": Text("Amount of the e-invoice differs from the ledger", "金额不一致"),
        "tax_id_differs": Text("Tax identifier of the e-invoice differs from the ledger", "税号不一致"),
        "date_differs": Text("Date of the e-invoice differs from the ledger", "日期不一致"),
        "duplicate_document": Text("Document that is there twice", "重复单据"),
        "cancelled_document": Text(
            "Cancelled by credit note or red letter, still open in the ledger", "已作废或红冲单据"
        ),
        "not_ordered": Text("Invoiced, but not ordered", "无订单的发票行"),
        "not_received": Text("Invoiced, but not received", "未收货的发票行"),
        "over_invoiced": Text("More invoiced than was ordered", "超订单开票"),
        "quantity_differs": Text("Quantity differs from order or receipt", "数量不一致"),
        "price_differs": Text("Price differs from the order", "单价不一致"),
        "tax_differs": Text("Tax differs from the order", "税率不一致"),
        "line_amount_differs": Text("Amount of the line differs from the order", "行金额不一致"),
        "status_conflict": Text("Ledger, platform, tax office and payment contradict each other", "四方状态冲突"),
        "invalid_document": Text("E-invoice that breaks a fatal rule", "不合规的电子发票"),
        "rejected_by_platform": Text("E-invoice that the platform rejected", "平台退回的电子发票"),
        "unreadable_source": Text("File that could not be read", "无法读取的文件"),
        "master_data": Text("Master data that is wrong or missing", "主数据问题"),
    }
)
