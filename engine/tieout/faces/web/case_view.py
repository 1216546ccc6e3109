"""One case as a person needs it to decide: the payment or item, what its text names, the candidates with what fits and what not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

from tieout.faces.explain import Explanation, explain
from tieout.faces.explain_words import failed, payer_words, why
from tieout.faces.web.marking import Piece, marked
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["Candidate", "CaseView", "Fit", "case_view", "open_items"]

Row = Mapping[str, Any]
_NAMES = {
    "reference": ("invoice number", "发票号码"),
    "creditor_reference": ("structured reference", "结构化参考号"),
    "open_item_id": ("document number", "凭证号"),
    "order_reference": ("order", "订单号"),
    "contract_reference": ("contract", "合同号"),
    "party_id": ("customer number", "客户号"),
    "party_name": ("name", "名称"),
}


@dataclass(frozen=True)
class Fit:
    """One thing compared: whether it fits (None: it cannot be told), and in words what was found."""

    what: str
    fits: bool | None
    found: str


@dataclass(frozen=True)
class Candidate:
    """One way to settle the payment: an open item, or several that belong together."""

    items: tuple[Row, ...]
    fits: tuple[Fit, ...]
    total: Decimal | None
    currency: str | None
    difference: Decimal | None
    """Paid less open, in the payment's currency; None where the currencies differ."""
    failed: str | None = None
    score: Decimal | None = None
    rejected: bool = False

    @property
    def ids(self) -> list[str]:
        return [str(each["open_item_id"]) for each in self.items]


@dataclass(frozen=True)
class CaseView:
    """What the newest run says of the object of a case."""

    table: str
    row: Row
    text: list[Piece]
    candidates: list[Candidate]
    proposed: list[Row]
    accepted: list[Row]
    left: Decimal | None
    """Of a payment what no accepted allocation uses, of an open item what none settles; None for anything else."""
    because: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    findings: Sequence[Row] = ()
    nearest: Sequence[Row] = ()


def case_view(store: Store, case: Row, lang: str, rejected: Sequence[str] = ()) -> CaseView | None:
    """The view of the case in the language; None where the run does not know its object (any more)."""
    try:
        told = explain(store, case["object_id"])
    except TieoutError:
        return None
    items = {str(each["open_item_id"]): each for each in _items(store, told)}
    candidates = list(_candidates(told, items, lang, set(rejected))) if told.table == "payment" else []
    accepted = [each for each in told.allocations if each["status"] == "accepted"]
    proposed = [each for each in told.allocations if each["status"] == "proposed"]
    money = [each["amount"] for each in accepted if each["kind"] in ("payment", "credit_note")]
    left = None
    if told.table == "payment" and told.row:
        left = told.row["amount"] - sum(money, Decimal(0))
    elif told.table == "open_item" and told.row:
        left = told.row["open_amount"] - sum((each["open_item_amount"] or Decimal(0) for each in accepted), Decimal(0))
    return CaseView(
        table=told.table,
        row=told.row,
        text=marked(str(told.row.get("remittance") or ""), _needles(told, items, lang)),
        candidates=candidates,
        proposed=proposed,
        accepted=accepted,
        left=left,
        because=sorted({why(_facts(each), lang) for each in (*accepted, *proposed)}),
        lines=[line.strip() for line in told.lines(lang)],
        findings=told.findings,
        nearest=told.nearest if told.table != "payment" else (),
    )


def open_items(
    store: Store, *, party_id: str | None, text: str, currency: str | None, limit: int = 40
) -> list[dict[str, Any]]:
    """Open items to match by hand: of the party, or with the text in number, name or amount; what is still open first."""
    sql = """
with used as (
  select open_item_id, sum(open_item_amount) as amount from allocation where status = 'accepted' group by 1
)
select i.open_item_id, i.reference, i.document_type, i.party_id, i.party_name, i.document_date, i.due_date, i.currency,
  i.open_amount - coalesce(u.amount, 0) as open_amount
from open_item i left join used u using (open_item_id)
where i.open_amount <> coalesce(u.amount, 0)
  and case when $text = '' then i.party_id = $party
    else contains(lower(concat_ws(' ', i.open_item_id, i.reference, i.party_id, i.party_name, i.order_reference,
      cast(cast(i.open_amount as decimal(18, 2)) as varchar))), lower($text)) end
order by i.currency is distinct from $currency, i.party_id is distinct from $party, i.due_date, i.open_item_id limit $most"""
    values = {"party": party_id or "", "text": text.strip(), "currency": currency, "most": limit}
    return store.fetch(Query("items to match", sql, values)).to_dicts()


def _items(store: Store, told: Explanation) -> list[dict[str, Any]]:
    ids = {str(each["open_item_id"]) for each in (*told.candidates, *told.allocations) if each.get("open_item_id")}
    sql = "select * from open_item where list_contains($ids, open_item_id) order by open_item_id"
    return store.fetch(Query("items of a case", sql, {"ids": sorted(ids)})).to_dicts() if ids else []


def _candidates(told: Explanation, items: Mapping[str, Row], lang: str, rejected: set[str]) -> Iterator[Candidate]:
    """Solutions first, each with all its items; then the near misses, the nearest first."""
    by_solution = groupby((each for each in told.candidates if each["solution"]), key=lambda each: each["solution"])
    for _, group in by_solution:
        rows = list(group)
        yield _candidate(told.row, rows, items, lang, rejected)
    for each in told.candidates:
        if not each["solution"]:
            yield _candidate(told.row, [each], items, lang, rejected)


def _candidate(payment: Row, rows: Sequence[Row], items: Mapping[str, Row], lang: str, rejected: set[str]) -> Candidate:
    members = tuple(
        {
            **items.get(str(each["open_item_id"]), {}),
            "open_item_id": each["open_item_id"],
            "reference": each["reference"],
            "party_name": each["party_name"],
            "open_amount": each["open_amount"],
            "currency": each["item_currency"],
        }
        for each in rows
    )
    same = {each["currency"] for each in members} == {payment["currency"]}
    total = sum((each["open_amount"] for each in members), Decimal(0)) if same else None
    difference = payment["amount"] - total if total is not None else None
    facts, first = _facts(rows[0]), rows[0]

    def amount(value: Decimal) -> str:
        return f"{display(value, payment['currency'])} {payment['currency']}"

    return Candidate(
        items=members,
        fits=tuple(_fits(payment, members, facts, difference, lang)),
        total=total,
        currency=payment["currency"] if same else None,
        difference=difference,
        failed=None if first["solution"] else failed(first["failed"], facts, lang, amount),
        score=first["score"],
        rejected=bool(rejected & {str(each["open_item_id"]) for each in members}),
    )


def _fits(payment: Row, members: Sequence[Row], facts: Row, difference: Decimal | None, lang: str) -> Iterator[Fit]:
    zh = lang == "zh"
    currency = str(payment["currency"] or "")
    if difference is None:
        others = ", ".join(sorted({str(each["currency"]) for each in members}))
        yield Fit("币种" if zh else "Currency", False, f"{currency} ≠ {others}")
    else:
        yield Fit("币种" if zh else "Currency", True, currency)
        words = (
            ("金额一致" if zh else "to the cent") if not difference else f"{display(difference, currency)} {currency}"
        )
        yield Fit("差额" if zh else "Amount", not difference, words)
    text = _folded(payment.get("remittance"), payment.get("creditor_reference"), payment.get("end_to_end_id"))
    named = [str(each["reference"]) for each in members if each["reference"] and _folded(each["reference"]) in text]
    reference = facts.get("reference") or ", ".join(named)
    none = "附言未提及" if zh else "not in the text"
    yield Fit("参考号" if zh else "Reference", bool(reference), str(reference or none))
    payer = facts.get("payer")
    if payer:
        known = payer not in ("other", "unknown")
        yield Fit("付款方" if zh else "Payer", known, payer_words(str(payer), lang))
    else:
        names = {_folded(each.get("party_name")) for each in members} - {""}
        same = _folded(payment.get("counterparty_name")) in names
        told = ("名称一致" if zh else "the customer, by name") if same else ("未知" if zh else "not told")
        yield Fit("付款方" if zh else "Payer", same or None, told)
    dates = [each["document_date"] for each in members if each.get("document_date")]
    if dates and payment.get("booking_date"):
        late = max(dates) > payment["booking_date"]
        yield Fit("开票日" if zh else "Issued", not late, str(max(dates)))


def _needles(told: Explanation, items: Mapping[str, Row], lang: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items.values():
        for name, words in _NAMES.items():
            if item.get(name):
                found.setdefault(str(item[name]), f"{words[lang == 'zh']}: {item['reference'] or item['open_item_id']}")
    for each in (*told.allocations, *told.candidates):
        reference = _facts(each).get("reference")
        if reference:
            found.setdefault(str(reference), _NAMES["reference"][lang == "zh"])
    return found


def _folded(*texts: Any) -> str:
    return "".join(sign for text in texts if text for sign in str(text).casefold() if sign.isalnum())


def _facts(each: Row) -> dict[str, Any]:
    try:
        facts = json.loads(each.get("evidence") or "{}", parse_float=Decimal)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
