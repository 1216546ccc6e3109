"""The words of the pages in both languages that are not written in the templates: states, kinds, roles, columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tieout.model.definitions import Text
from tieout.model.money import display
from tieout.model.reasons import REASONS

__all__ = ["Words", "language"]

_WORDS: Mapping[str, tuple[str, str]] = {
    "open": ("open", "待处理"),
    "assigned": ("assigned", "已分派"),
    "waiting": ("waiting", "等待"),
    "proposed": ("proposed", "待复核"),
    "reopened": ("reopened", "重新打开"),
    "resolved": ("resolved", "已解决"),
    "waived": ("waived", "已放弃"),
    "live": ("not decided", "未决"),
    "all": ("all", "全部"),
    "payment": ("payment", "收付款"),
    "open_item": ("open item", "未清项"),
    "invoice": ("invoice", "发票"),
    "billing_line": ("billing line", "开票行"),
    "document": ("file", "文件"),
    "party": ("party", "往来单位"),
    "fatal": ("fatal", "严重"),
    "warning": ("warning", "警告"),
    "information": ("information", "提示"),
    "viewer": ("viewer", "查看者"),
    "clerk": ("clerk", "经办"),
    "approver": ("approver", "复核"),
    "admin": ("admin", "管理员"),
    "urgency": ("most urgent", "最紧急"),
    "amount": ("amount", "金额"),
    "age": ("oldest", "最早"),
    "reason": ("reason", "原因"),
    "queue": ("queue", "队列"),
    "owner": ("owner", "经办人"),
    "state": ("state", "状态"),
    "id": ("number", "编号"),
    "credit_note": ("credit note", "红字"),
    "discount": ("discount", "现金折扣"),
    "fee": ("bank charges", "银行手续费"),
    "withholding": ("tax withheld", "代扣税款"),
    "rounding": ("rounding", "尾差"),
    "fx": ("exchange difference", "汇兑差异"),
    "write_off": ("write-off", "核销"),
    "case_opened": ("opened by a run", "由运行建立"),
    "case_updated": ("facts changed", "事实变更"),
    "case_cause_gone": ("cause is gone", "原因消失"),
    "case_closed": ("closed by a run", "由运行关闭"),
    "case_returned": ("came back", "再次出现"),
    "case_assigned": ("assigned", "分派"),
    "case_commented": ("comment", "备注"),
    "case_waiting": ("set to waiting", "设为等待"),
    "case_proposed": ("proposed", "提交复核"),
    "case_reopened": ("opened again", "重新打开"),
    "case_resolved": ("resolved", "解决"),
    "case_waived": ("waived", "放弃"),
    "case_rejected": ("candidate rejected", "排除候选"),
    "case_rejection_undone": ("candidate allowed again", "恢复候选"),
    "intake": ("intake", "读入"),
    "carry in": ("carry in", "结转上期"),
    "validate": ("validate", "检查"),
    "match": ("match", "匹配"),
    "issue": ("issue", "开票"),
    "cases": ("cases", "个案"),
    "close": ("close", "结账"),
    "documents": ("documents", "份文件"),
    "open_items": ("open items", "未清项"),
    "invoices": ("invoices", "张发票"),
    "rows": ("rows", "行"),
    "decisions": ("decisions", "项决定"),
    "rules": ("rules", "条规则"),
    "allocations": ("allocations", "笔分配"),
    "raised_by_patterns": ("raised by patterns", "个由模式发现"),
    "carried_forward": ("carried forward", "项结转下期"),
    "measures": ("measures", "项控制总额"),
    "refused": ("refused", "未读入"),
    "read": ("read", "已读入"),
    "gained": ("new", "新增"),
    "lost": ("gone", "消失"),
    "moved": ("changed", "变更"),
    "findings": ("findings", "检查结果"),
    "pairs": ("matches", "匹配"),
    "payments": ("payments", "收付款"),
    "exceptions": ("exceptions", "异常"),
}


def language(accepted: str, chosen: str | None) -> str:
    """en or zh: what was chosen, else what the browser likes best."""
    if chosen in ("en", "zh"):
        return chosen
    best, weight = "en", -1.0
    for part in accepted.split(",")[:20]:
        name, _, quality = part.strip().partition(";q=")
        lang = name.split("-")[0].lower()
        try:
            q = float(quality or 1)
        except ValueError:
            continue
        if lang in ("en", "zh") and q > weight:
            best, weight = lang, q
    return best


class Words:
    """What templates say, in one language."""

    def __init__(self, lang: str, reasons: Mapping[str, Text] = REASONS) -> None:
        self.lang = lang
        self.reasons = reasons

    def t(self, en: str, zh: str) -> str:
        return zh if self.lang == "zh" else en

    def word(self, name: str | None) -> str:
        """A state, role, kind or table; what has no word stands as it is, without underscores."""
        if not name:
            return ""
        pair = _WORDS.get(name)
        return pair[self.lang == "zh"] if pair else name.replace("_", " ")

    def reason(self, name: str | None) -> str:
        title = self.reasons.get(name or "")
        if title is None:
            return (name or "").replace("_", " ")
        return title.zh if self.lang == "zh" and title.zh else title.en

    def text(self, value: Any) -> str:
        """A Text in the language."""
        return str(value.zh if self.lang == "zh" and value.zh else value.en)

    def money(self, amount: Decimal | None, currency: str | None = None) -> str:
        return display(amount, currency)

    def date(self, value: dt.date | str | None) -> str:
        return "" if value is None else str(value)[:10]

    def when(self, instant: str) -> str:
        """An instant of the journal, to the minute, UTC."""
        return instant[:16].replace("T", " ") if instant else ""
