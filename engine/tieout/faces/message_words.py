"""What is wrong, in Chinese: the message of an exception, and the fact that would decide it, said from its evidence.

The run writes messages in English; beside each stands in the evidence what it ``says`` and the values it says it of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tieout.model.money import display

__all__ = ["MESSAGES", "deciding", "message", "message_in"]

# says: the sentence, with the values of the evidence.
MESSAGES: Mapping[str, str] = {
    # what is no receipt
    "returns": "退回收款 {pair}",
    "was_returned": "已被 {pair} 退回",
    "returned_alone": "退回款项，但其原付款不在本次数据中",
    "money_out": "付出的款项",
    "money_in": "收到的款项",
    "own_transfer": "本单位账户之间的划转",
    "words_foreign": "附言表明该款项不用于支付发票",
    "code_foreign": "银行交易类型为 {code}",
    "own_booking": "无对方账户；该银行对其他收款均注明账户，应为银行自身记账",
    # references
    "contested": "多个付款方于同一日支付了同一款项",
    "group_several": "{number}相同的 {count} 个款项金额均与付款一致",
    "paid_twice": "款项 {open_item_id} 已由 {first_payment} 以相同金额支付",
    "settled_already": "款项 {open_item_id} 已结清",
    "check_digit": "{kind} 参考号 {reference} 校验位不符",
    "repaired": "参考号 {reference} 校验位不符；与其仅差一处的本方编号只有 {number}",
    "named_several": "参考号可指多个未清项，金额无法区分",
    "part_of_several": "金额仅够支付所列款项的一部分，无法判断支付哪一项",
    "other_customers": "参考号属于其他客户，金额亦不能印证",
    "over_is_another": "多付部分恰为该付款方的另一未清项",
    "amount_of_another": "参考号指向一项，金额却与另一项一致",
    "partial_payment": "款项 {related} 尚余 {amount} {currency} 未清",
    "discount_out_of_terms": "期限过后仍扣除现金折扣 {amount} {currency}",
    "overpayment": "比所列款项多付 {amount} {currency}",
    "withholding": "付款方代扣税款",
    "other_currency": "以 {paid_in} 支付，款项币种为 {currency}",
    # the payer
    "amount_taken": "唯一同额的未清项已由 {first_payment} 支付",
    "party_several": "该付款方有 {count} 个未清项金额一致",
    "third_party": "由客户以外的第三方支付",
    "account_changed": "银行账户在 {first} 与 {last} 之间变更",
    "paid_to_new_account": "收款账户于 {first} 至 {last} 之间才进入主数据",
    "payee_account": "收款账户不在该供应商的主数据之中",
    # sums and candidates
    "sum_several": "有 {many} 种未清项组合合计与付款一致；可据以判定：{deciding}",
    "sum_undisputed": "有 {many} 种未清项组合合计一致；各方案共有的部分已结清，其余未清",
    "sum_bounded": "{open_items} 个未清项中，不超过 {others_within} 项的组合仅有一种合计一致；更大的组合未尝试",
    "sum_accident": "有一种未清项组合合计一致，但可能纯属巧合",
    "beyond": "相互关联的付款与款项过多，超出 {most_cells} 个可能配对的上限，未作分配",
    "tied": "有 {count} 个同样合适的候选项",
    # nothing found
    "same_amount_before": "同一对方此前已以 {first_payment} 支付相同金额",
    "amount_settled_before": "该对方的款项 {settled_item} 此前已以此金额结清",
    "names_nothing": "参考号 {reference} 不对应任何未清或已清款项",
    "open_in_other_currency": "该对方的 {elsewhere} 以 {elsewhere_currency} 计有相同金额未清",
    "nobody_known": "账户、名称与参考号均无法表明对方身份",
    "advance_fits": "注明为预付或定金且未指明款项，{open_item_id} 金额一致，请确认是否为该款项",
    "pays_on_account": "对方已知（{payer}），为预付或挂账，未指明款项",
    "no_sum": "对方已知（{payer}），但 {open_items} 个未清项中无一金额一致，任何组合亦不一致",
    "no_sum_within": "对方已知（{payer}），但 {open_items} 个未清项中无一金额一致，不超过 {within} 项的组合亦不一致",
    "nothing_fits": "对方已知（{payer}），但无相符的未清项",
    "overdue": "自 {due_date} 到期后仍未清",
    "entered_twice": "与 {first}（{first_number}）疑为重复：{how}",
    # ledger, platform, tax office and payment
    "no_einvoice": "{profile}：没有号码为 {number} 的电子发票",
    "not_booked": "电子发票 {number} 未入账",
    "credit_not_booked": "红字发票 {number} 未入账",
    "amount_differs": "账面 {ledger} {ledger_currency}，电子发票 {einvoice} {einvoice_currency}",
    "date_differs": "账面日期 {document_date}、到期 {due_date}；电子发票日期 {issue_date}、到期 {payment_due_date}",
    "tax_id_differs": "账面税号 {ledger}，电子发票税号 {einvoice}",
    "einvoices_of_one_number": "号码 {number} 有 {count} 张电子发票",
    "cancelled_there": "平台上已作废（{cancelled_by}），账面仍未清",
    "known_elsewhere": "平台或税局有发票 {number}，账面没有",
    "booked_but_rejected": "已入账，但被拒绝：{said}",
    "cancelled_elsewhere": "平台或税局已作废，账面仍未清",
    "amount_said_differs": "账面 {ledger_amount}，平台或税局 {said_amount}",
    "states_conflict": "{conflicts}：账面 {ledger}，平台 {platform}，税局 {tax}，付款 {payment}",
    "platform_rejected": "{number} 被 {platform} 拒绝：{said}",
    "platform_dead": "{number} 未能送达 {platform}：{said}",
    # order, receipt and invoice
    "order_unnamed": "发票 {number} 第 {row} 行：未注明订单，也没有该供应商的订单行与之对应",
    "order_unknown": "发票 {number} 第 {row} 行：订单 {order} 不在订单数据中",
    "order_cancelled": "发票 {number} 第 {row} 行：订单 {order} 已取消",
    "order_of_another": "发票 {number} 第 {row} 行：订单 {order} 属于其他供应商",
    "no_such_line": "发票 {number} 第 {row} 行：订单 {order} 没有这一行",
    "order_lines_several": "发票 {number} 第 {row} 行：可能是 {choices} 中的任一行",
    "not_received": "发票 {number} 第 {row} 行：开票 {invoice}，{where} 尚未收货",
    "over_invoiced": "发票 {number} 第 {row} 行：累计开票 {invoiced_so_far}，订购 {ordered}",
    "unit_differs": "发票 {number} 第 {row} 行：开票单位 {unit} 与订单不同",
    "more_than_ordered": "发票 {number} 第 {row} 行：开票 {invoiced_so_far}，订购 {ordered}",
    "other_than_received": "发票 {number} 第 {row} 行：开票 {invoiced_so_far}，收货 {received}",
    "price_differs": "发票 {number} 第 {row} 行：开票单价 {invoice} {currency}，订单单价 {order} {order_currency}",
    "price_per_differs": "发票 {number} 第 {row} 行：开票单价 {invoice} {currency}（每 {per}），订单单价 {order} {order_currency}（每 {ordered_per}）",
    "tax_differs": "发票 {number} 第 {row} 行：开票税率 {category} {invoice} %，订单税率 {order_category} {order} %",
    "line_amount_differs": "发票 {number} 第 {row} 行：行金额 {invoice} 不等于 {quantity} 乘单价 {price}",
    # files, documents and master data
    "breaks": "违反 {broken}",
    "finding": "{message_zh}",
    "same_bytes": "与 {same_as} 字节相同，仅读取一次",
    "not_issued": "开票单据 {document} 未开具：{first_rule}：{first_zh}{more_zh}",
    "pattern": "{title_zh}：{objects}",
}

_DECIDING: Mapping[str, str] = {
    "number": "发票号码",
    "numbers": "各发票号码；方案多于所列",
    "customer": "由哪个客户支付：{0}",
    "item": "是否支付 {0}",
    "which": "支付 {0} 中的哪一项",
    "count": "支付几项：{0}",
    "discount": "是否扣除了现金折扣",
}
_VALUES: Mapping[str, str] = {
    "same number and amount": "编号与金额相同",
    "same number, another amount": "编号相同，金额不同",
    "a number that looks alike": "编号相近",
    "order_reference": "订单号",
    "contract_reference": "合同号",
    "reference": "发票号码",
    "creditor_reference": "结构化参考号",
    "open_item_id": "凭证号",
    "account": "按账户",
    "account paid before": "按曾付款账户",
    "customer number": "按客户号",
    "name": "按名称",
    "trading name": "按商号",
    "on behalf of": "按被代付方",
    "head office": "按总部",
    "alternative payer": "按替代付款方",
    "named in the text": "按附言所示名称",
    # states and conflicts of an invoice
    "open": "未清", "cleared": "已清", "missing": "缺失", "present": "存在", "accepted": "已接受", "rejected": "已拒绝",
    "cancelled": "已作废", "pending": "处理中", "unpaid": "未付", "part": "部分支付", "paid": "已付", "overpaid": "多付",
    "cancelled_but_paid": "已作废却已付款", "platform_and_tax_disagree": "平台与税局不一致",
    "not_in_tax_ledger": "税局无记录", "paid_not_issued": "已付款未开票", "issued_but_rejected": "已开具但被拒绝",
    "not_booked": "未入账", "not_issued": "未开具", "cancelled_but_open": "已作废仍未清", "amount_differs": "金额不符",
    "tax_id_differs": "税号不符", "date_differs": "日期不符", "duplicate": "重复",
}  # fmt: skip


def deciding(facts: Mapping[str, Any]) -> str:
    """The fact that would decide between the solutions, in Chinese; what the evidence says where it has no words."""
    by, among = str(facts.get("decides_by")), [str(each) for each in facts.get("decides_among") or ()]
    if by == "none" and len(among) == 3:
        return f"单一款项不足以判定；若知是否支付 {among[0]}，{among[2]} 个方案至多剩 {among[1]} 个"
    if by in _DECIDING:
        return _DECIDING[by].format("、".join(among))
    return str(facts.get("decides") or "")


def message_in(lang: str, row: Mapping[str, Any]) -> str:
    """The message of an exception or case in the language. row: message, evidence (JSON), related_id."""
    written = str(row.get("message") or "")
    if lang != "zh":
        return written
    facts = json.loads(row.get("evidence") or "{}", parse_float=Decimal)
    return message(facts, written, related=row.get("related_id"))


def message(facts: Mapping[str, Any], written: str, *, related: str | None = None) -> str:
    """The message of an exception in Chinese, from its evidence; as written where the evidence does not say what it says."""
    sentence = MESSAGES.get(str(facts.get("says")))
    if sentence is None or (facts.get("says") == "finding" and not facts.get("message_zh")):
        return written
    plain = {key: _money(value) if key in _MONEY else _word(value) for key, value in facts.items()}
    many = f"至少 {facts.get('count')}" if facts.get("at_least") else facts.get("count")
    known = {"related": related or "-", "many": many, "deciding": deciding(facts)}
    return sentence.format_map(_Told(known | plain))


# What is an amount of money among the values of the evidence.
_MONEY = {"amount", "ledger_amount", "said_amount", "einvoice"}


def _money(value: Any) -> Any:
    try:
        return display(Decimal(str(value)))
    except InvalidOperation:
        return _word(value)


def _word(value: Any) -> Any:
    if isinstance(value, list):
        return "、".join(str(_word(each)) for each in value)
    return "-" if value is None else _VALUES.get(str(value), value)


class _Told(dict[str, Any]):
    """Values of which one may be missing."""

    def __missing__(self, key: str) -> str:
        return "-"
