"""The words of an explanation, in English and Chinese: why something matched, and what failed, from the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

__all__ = ["failed", "say", "why"]

Facts = Mapping[str, Any]

# key: (English, Chinese)
_SAY: Mapping[str, tuple[str, str]] = {
    "payment": ("Payment {id} of {date}: {amount} from {name}", "收款 {id}（{date}）：{amount}，付款方 {name}"),
    "paid_out": ("Payment {id} of {date}: {amount} to {name}", "付款 {id}（{date}）：{amount}，收款方 {name}"),
    "text": ("its text: {text}", "附言：{text}"),
    "no_text": ("it has no text", "无附言"),
    "read_from": ("read from {source}, line {line}", "来源：{source}，第 {line} 行"),
    "open_item": (
        "Open item {id}, invoice {number} of {name}: {amount} open, due {date}",
        "未清项 {id}，发票 {number}，客户 {name}：未清 {amount}，到期日 {date}",
    ),
    "invoice": ("Invoice {number} of {date}: {amount}", "发票 {number}（{date}）：{amount}"),
    "other": ("{table} {id}", "{table} {id}"),
    "nobody": ("nobody named", "未注明"),
    "settled": ("SETTLED: {amount}", "已结清：{amount}"),
    "proposed": ("PROPOSED, for a person to confirm: {amount}", "建议匹配，待人工确认：{amount}"),
    "settles": ("invoice {number} of {name} (item {id})", "发票 {number}，{name}（未清项 {id}）"),
    "settled_by": ("payment {id} of {date} from {name}", "收款 {id}（{date}），付款方 {name}"),
    "money": ("{amount} paid", "付款 {amount}"),
    "credit_note": ("{amount} credit note, netted", "红字冲抵 {amount}"),
    "discount": ("{amount} early-payment discount", "现金折扣 {amount}"),
    "fee": ("{amount} bank charges", "银行手续费 {amount}"),
    "withholding": ("{amount} tax withheld", "代扣税款 {amount}"),
    "rounding": ("{amount} rounding", "尾差 {amount}"),
    "fx": ("{amount} exchange difference", "汇兑差异 {amount}"),
    "write_off": ("{amount} written off", "核销 {amount}"),
    "because": ("because {why}", "依据：{why}"),
    "by": ("found by pass {name}, certainty {score}", "匹配步骤 {name}，可信度 {score}"),
    "runner_up": ("next nearest: invoice {number}, {amount} open - differs by {distance}",
                  "次优：发票 {number}，未清 {amount}，相差 {distance}"),
    "same_amount": (
        "next nearest: invoice {number} has the same amount, but nothing in the text points to it",
        "次优：发票 {number} 金额相同，但附言未指向该项",
    ),
    "no_item_near": (
        "no open item is named, is owed by this payer or has exactly this amount",
        "无被提及、由该付款方所欠或同额的未清项",
    ),
    "no_runner_up": ("no other invoice of this customer was open in that currency", "该客户无其他同币种未清项"),
    "open": ("TO CHECK: {title}", "待处理：{title}"),
    "case": ("case {id}, queue {queue}, due {date}", "个案 {id}，队列 {queue}，期限 {date}"),
    "decided_by": ("what would decide it: {fact}", "可据以判定：{fact}"),
    "solution": ("solution {n}: {parts}", "方案 {n}：{parts}"),
    "nearest_items": ("the nearest open items, and why each does not fit:", "最接近的未清项及不符原因："),
    "nearest_payments": ("the nearest payments, and why each does not settle it:", "最接近的收款及未结清原因："),
    "near_item": ("{n}. invoice {number} of {name}, {amount} open - {failed}",
                  "{n}. 发票 {number}，{name}，未清 {amount} - {failed}"),
    "near_payment": ("{n}. payment {id} of {date}, {amount} from {name} - {failed}",
                     "{n}. 收款 {id}（{date}），{amount}，{name} - {failed}"),
    "also_near": ("it was considered for payments that stay open:", "以下未结收款曾考虑此项："),
    "nothing_near": ("no payment names it, none has its amount, and none of this customer's is near",
                     "无收款提及此项，无同额收款，亦无该客户的相近收款"),
    "nothing": ("nothing was found against it, and nothing was matched to it", "未发现问题，亦无匹配"),
    "finding": ("{severity} {rule}: {message}", "{severity} {rule}：{message}"),
}  # fmt: skip

_FORMS = {
    "exact": ("as it is printed", "与票面一致"),
    "zeros": ("with leading zeros left out or added", "前导零有增减"),
    "digits": ("its digits only", "仅数字部分"),
    "suffix": ("its last digits only", "仅末几位"),
    "folded": ("misread or mistyped, letters taken for digits", "字母数字误读或误写"),
    "repaired": (
        "its check digit is wrong, and this is the only number of ours one slip away",
        "校验位不符，仅差一处的本方编号只有此号",
    ),
    "short": ("a short number", "短编号"),
}
_NUMBERS = {
    "reference": ("the invoice number", "发票号码"),
    "creditor_reference": ("the structured reference", "结构化参考号"),
    "open_item_id": ("the document number", "凭证号"),
    "order_reference": ("the order", "订单号"),
    "contract_reference": ("the contract", "合同号"),
}
_GROUNDS = {
    "account": ("by the bank account in the master data", "主数据中的银行账户"),
    "account paid before": ("by the account, which paid for this customer before", "该账户曾为此客户付款"),
    "customer number": ("by the customer number in the text", "附言中的客户号"),
    "name": ("by the name", "名称"),
    "trading name": ("by the trading name", "商号"),
    "on behalf of": ("by whom the text says it was paid for", "附言所示被代付方"),
    "head office": ("as a branch of the payer", "付款方的分支机构"),
    "named in the text": ("by the whole name in the text", "附言中的完整名称"),
    "reference": ("by the reference in the text", "附言中的参考号"),
    "alternative payer": ("by the alternative payer in the master data", "主数据中的替代付款方"),
}
_CHOSEN = {
    "everything": ("it is everything that was open", "为全部未清项合计"),
    "due_by": ("it is everything due by {which}", "为截至 {which} 到期的全部款项"),
    "issued_month": ("it is all invoices of {which}", "为 {which} 开具的全部发票"),
    "due_month": ("it is everything due in {which}", "为 {which} 到期的全部款项"),
    "order": ("it is everything of order {which}", "为订单 {which} 的全部款项"),
    "contract": ("it is everything of contract {which}", "为合同 {which} 的全部款项"),
    "delivery": ("it is everything of delivery {which}", "为发货单 {which} 的全部款项"),
    "consecutive": ("they are the consecutive numbers {which}", "为连续编号 {which}"),
    "neighbours": ("they are open items next to one another by number", "为编号相邻的未清项"),
    "oldest_due": ("they are the items due first", "为最先到期的款项"),
    "oldest_issued": ("they are the oldest invoices", "为最早的发票"),
    "all_but_one": ("it is everything open but one item", "为除一项外的全部未清项"),
}
_EXPLAINED = {
    "exact": ("the amount is exact", "金额一致"),
    "discount": ("the rest is the early-payment discount of the invoice's own terms", "差额为条款内的现金折扣"),
    "discount_out_of_terms": ("a discount was taken after its last day; it stays open", "折扣逾期，差额保持未清"),
    "fee": ("the rest is bank charges within the plan's limit", "差额为限额内的银行手续费"),
    "rounding": ("the rest is rounding within the plan's limit", "差额为限额内的尾差"),
    "withholding": ("the rest is tax that the payer says was withheld", "差额为付款方注明的代扣税款"),
    "partial": ("less was paid than is open; the rest of the invoice stays open", "为部分付款，余额保持未清"),
    "over": ("more was paid than is open; the rest stays on account", "为多付款，余款挂账"),
}
_COMPLETED = {
    "the numbers between": ("the list is a range, and this number lies in it", "附言为编号区间，此号在其中"),
    "shortened numbers": ("the text gives the last digits of some numbers only", "部分编号仅给出末几位"),
    "a mistyped number": ("one number of the list is mistyped", "所列编号有一处误写"),
    "one item more": ("one open item more than the list names makes the sum exact", "另加一项未列出的未清项后合计一致"),
    "a credit note deducted": ("a credit note was deducted without being named", "扣除了一项未注明的红字款项"),
}
_RATE: Mapping[str, tuple[str, str]] = {
    "rate": ("the rate of the day is {value}", "当日汇率 {value}"),
    "worth": ("the payment is worth {value} of it", "付款折合 {value}"),
    "ordered_in_this_currency": ("the bank says that this amount was ordered", "银行注明指令金额即为此数"),
    "decision": ("a person decided it ({value})", "依据人工决定（{value}）"),
    "ground": ("the payee is known: {value}", "收款方识别依据：{value}"),
}
_NAMES_ZH: Mapping[str, str] = {
    "name": "名称相似度", "days": "日期接近度", "amount": "金额一致", "equal": "相同", "within": "包含", "runner_up_score": "次优得分",
    "ratio": "相似度", "partial_ratio": "部分相似度", "token_sort_ratio": "词序无关相似度", "token_set_ratio": "词集相似度",
    "jaro_winkler": "相似度",
}  # fmt: skip
_HOW = {
    "full": ("the item's open amount is exactly what was paid", "未清金额与付款金额一致"),
    "discount": ("less its early-payment discount the item is exactly what was paid", "扣除现金折扣后与付款金额一致"),
    "fee": ("less the charges the bank states the item is exactly what was paid", "扣除银行手续费后与付款金额一致"),
}
_FAILED: Mapping[str, str] = {
    "rejected": "人工已判定该收款不属于此项",
    "currency": "币种不符",
    "company": "公司代码不符",
    "payer": "付款方并非已知客户",
    "choices": "参考号 {reference} 可指 {choices} 个未清项",
    "date": "日期先后不符",
    "amount": "金额相差 {distance}，容差 {tolerance}，步骤 {pass}",
    "number": "附言编号并非该项编号",
    "several": "付款同时符合多项",
    "taken": "该收款已结清 {settled}",
    "held": "该收款本身待处理",
}


def say(key: str, lang: str, **values: Any) -> str:
    """The sentence of the key in the language (en or zh)."""
    return _SAY[key][lang == "zh"].format(**values)


def _word(words: Mapping[str, tuple[str, str]], key: object, lang: str, **values: Any) -> str:
    pair = words.get(str(key))
    return pair[lang == "zh"].format(**values) if pair else str(key)


def why(facts: Facts, lang: str) -> str:
    """Why the pass took it, as a clause; from the evidence of an allocation."""
    clauses = list(_clauses(facts, lang))
    return ("；" if lang == "zh" else "; ").join(clauses)


def _clauses(facts: Facts, lang: str) -> Iterator[str]:
    zh = lang == "zh"
    if facts.get("reference"):
        number, form = facts.get("number", "reference"), facts.get("form")
        told = [_word(_NUMBERS, number, lang)] if number in _NUMBERS else []
        told += [_word(_FORMS, form, lang)] if form else []
        how = ("（" + "，".join(told) + "）" if zh else f" ({', '.join(told)})") if told else ""
        yield f"附言含 {facts['reference']}{how}" if zh else f"the text gives {facts['reference']}{how}"
    if facts.get("completed_by"):
        yield _word(_COMPLETED, facts["completed_by"], lang)
    if "sum" in facts:
        yield from _sum(facts, lang)
    elif facts.get("explained_by"):
        yield _word(_EXPLAINED, facts["explained_by"], lang)
    elif "items" in facts and facts.get("reference"):
        several = int(facts["items"]) > 1
        if zh:
            yield f"所列 {facts['items']} 项合计与付款一致" if several else "金额一致"
        else:
            yield f"the {facts['items']} items named add up to what was paid" if several else "the amount is exact"
    elif facts.get("how"):
        yield _word(_HOW, facts["how"], lang)
        if facts.get("candidates") == 1:
            yield "该客户无其他同额未清项" if zh else "no other open item of the customer has that amount"
    yield from _payer(facts, lang)
    if facts.get("also_possible"):
        others = ", ".join(map(str, facts["also_possible"]))
        yield f"亦可能为：{others}" if zh else f"also possible: {others}"
    yield from _compared(facts, lang)


def _payer(facts: Facts, lang: str) -> Iterator[str]:
    zh, payer = lang == "zh", facts.get("payer")
    if payer == "own":
        yield "付款方即该客户" if zh else "the payer is the customer"
    elif payer in ("other", "unknown"):
        other = payer == "other"
        yield ("付款方为其他客户" if other else "付款方未知") if zh else (
            "the payer is another customer" if other else "the payer is not known")  # fmt: skip
    elif payer:
        ground = _word(_GROUNDS, payer, lang)
        yield f"付款方识别依据：{ground}" if zh else f"the payer is known {ground}"


def payer_words(payer: str, lang: str) -> str:
    """How the payer is known, in a few words; from the evidence's ``payer``."""
    words = {
        "own": ("the customer", "该客户"),
        "other": ("another customer", "其他客户"),
        "unknown": ("not known", "未知"),
    }
    return words[payer][lang == "zh"] if payer in words else _word(_GROUNDS, payer, lang)


def _sum(facts: Facts, lang: str) -> Iterator[str]:
    zh, items, pool = lang == "zh", facts.get("items"), facts.get("open_items")
    if facts.get("chosen"):
        yield _word(_CHOSEN, facts["chosen"], lang, which=facts.get("which", ""))
        yield f"共 {pool} 项未清，取 {items} 项" if zh else f"{items} of {pool} open items"
    elif facts.get("in_every_solution"):
        yield "所有方案均含此项" if zh else "every solution has it; only the rest is open to question"
    else:
        within = facts.get("others_within")
        tried = f"不超过 {within} 项的组合" if within else "全部组合"
        yield f"{pool} 项未清中仅此 {items} 项合计一致（已试{tried}）" if zh else (
            f"of {pool} open items only these {items} add up to it, "
            + (f"larger combinations than of {within} were not tried" if within else "every combination was tried"))  # fmt: skip


# What the clauses have said, or what says nothing to a clerk.
_SAID = {
    "reference", "form", "number", "items", "amount", "explained_by", "open_difference", "also_possible", "payer", "sum",
    "chosen", "which", "open_items", "others_within", "in_every_solution", "how", "candidates", "next_item_differs_by",
    "payer_score", "completed_by", "open_amount", "kind", "says",
}  # fmt: skip


def _compared(facts: Facts, lang: str) -> Iterator[str]:
    """The values of the comparisons that have no sentence of their own."""
    for name, value in facts.items():
        if name in _SAID or value in (None, "", [], {}):
            continue
        if name in _RATE:
            if value is not False:
                value = _word(_GROUNDS, value, lang) if name == "ground" else value
                yield _word(_RATE, name, lang, value=value)
        elif lang == "zh":
            yield f"{_NAMES_ZH.get(name.split(' ')[0], name)}：{value}"
        else:
            yield f"{name.replace('_', ' ')} {value}"


def failed(text: str | None, facts: Facts, lang: str, amount: Callable[[Decimal], str]) -> str:
    """The first condition that failed, in the language; amount writes a number with its currency."""
    if lang != "zh" or facts.get("condition") not in _FAILED:
        return text or ("符合" if lang == "zh" else "fits")
    values = {key: value if value is not None else "-" for key, value in facts.items()}
    for key in ("distance", "tolerance"):
        if facts.get(key) is not None:
            values[key] = amount(Decimal(str(facts[key])))
    condition = str(facts["condition"])
    # Of an item that stays open no tolerance is known: no pass came to it.
    sentence = "金额相差 {distance}" if condition == "amount" and "tolerance" not in values else _FAILED[condition]
    return sentence.format_map({"pass": "-", "settled": "-", **values})
