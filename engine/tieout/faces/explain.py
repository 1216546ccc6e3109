"""Why something matched or did not: everything a run knows of one payment, item, invoice or case, as data and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from tieout.faces.explain_words import failed, say, why
from tieout.faces.message_words import deciding, message
from tieout.model.canon import CANON
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.model.reasons import REASONS
from tieout.model.records import Query
from tieout.store.engine import Store, quote

__all__ = ["LANGUAGES", "RUNNER_UP", "Explanation", "explain"]

LANGUAGES = ("en", "zh")
Row = Mapping[str, Any]
Rows = tuple[Row, ...]

# The tables an object id may name, in the order they are tried.
_OBJECTS = ("payment", "open_item", "invoice", "billing_line", "cleared_item", "party", "document", "statement")

# What a clerk reads beside the id of an open item and of a payment.
_ITEM = "i.reference, i.party_name, i.open_amount, i.currency as item_currency, i.due_date"
_PAYMENT = "p.booking_date, p.amount as paid, p.currency as paid_currency, p.counterparty_name"

# The customer's item with the nearest amount that was still open when the payment was booked, for payments of one item.
RUNNER_UP = """
with settled as (
  select a.payment_id, any_value(a.open_item_id) as open_item_id, sum(a.open_item_amount) as amount
  from allocation a where a.status = 'accepted' and {which}
  group by a.payment_id having count(distinct a.open_item_id) = 1
)
select s.payment_id, o.open_item_id, o.reference, o.party_name, o.open_amount, o.currency as item_currency,
  abs(o.open_amount - s.amount) as distance
from settled s join payment p using (payment_id) join open_item i using (open_item_id)
join open_item o on o.party_id = i.party_id and o.currency = i.currency and o.open_item_id <> s.open_item_id
  and sign(o.open_amount) = sign(i.open_amount) and coalesce(o.document_date <= p.booking_date, true)
where not exists (
  select 1 from allocation b join payment q using (payment_id)
  where b.open_item_id = o.open_item_id and b.status = 'accepted' and q.booking_date < p.booking_date)
qualify row_number() over (partition by s.payment_id order by abs(o.open_amount - s.amount), o.open_item_id) = 1
"""

# Reasons that say nothing of any item.
_UNEXPLAINED = {"unmatched_payment", "payment_on_account", "unidentified_payer", "invalid_reference"}


@dataclass(frozen=True)
class Explanation:
    """What a run says of one object."""

    object_id: str
    table: str
    row: Row
    allocations: Rows
    """What it settles or is settled by, with the pass, the score and the evidence."""
    candidates: Rows
    """Of a payment the open items considered, nearest first; of an open item the payments that considered it."""
    exceptions: Rows
    findings: Rows
    runner_up: Row | None = None
    """Of a payment that settles one item: the customer's next nearest item, and by how much it differs."""
    nearest: Rows = ()
    """Of an open item the payments that were near, and why each does not settle it."""

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def lines(self, lang: str = "en") -> Iterator[str]:
        """The explanation as a clerk reads it, in English (en) or Chinese (zh)."""
        yield from _headline(self.table, self.object_id, self.row, lang)
        for status in ("accepted", "proposed"):
            rows = [each for each in self.allocations if each["status"] == status]
            yield from _settled(self.table, rows, status, lang)
        if any(each["status"] == "accepted" for each in self.allocations) and self.table == "payment":
            yield from self._next(lang)
        for each in self.exceptions:
            yield from _exception(each, self.object_id, lang)
        yield from self._considered(lang)
        for each in self.findings:
            message = each["message_zh"] if lang == "zh" and each["message_zh"] else each["message"]
            yield "  " + say("finding", lang, severity=each["severity"], rule=each["rule"], message=message)
        if not (self.allocations or self.exceptions or self.candidates or self.findings or self.nearest):
            yield "  " + say("nothing_near" if self.table == "open_item" else "nothing", lang)

    def _next(self, lang: str) -> Iterator[str]:
        if self.runner_up:
            other = self.runner_up
            amount = _money(other["open_amount"], other["item_currency"])
            distance = _money(other["distance"], other["item_currency"])
            key = "runner_up" if other["distance"] else "same_amount"
            yield "    " + say(key, lang, number=_number(other), amount=amount, distance=distance)
        elif len({each["open_item_id"] for each in self.allocations}) == 1:
            yield "    " + say("no_runner_up", lang)

    def _considered(self, lang: str) -> Iterator[str]:
        if self.table == "payment":
            yield from _solutions([each for each in self.candidates if each["solution"]], lang)
            near = [each for each in self.candidates if not each["solution"]]
            if near:
                yield "  " + say("nearest_items", lang)
            elif not self.candidates and {each["reason"] for each in self.exceptions} & _UNEXPLAINED:
                yield "  " + say("no_item_near", lang)
            yield from (f"    {_near_item(n, each, lang)}" for n, each in enumerate(near, 1))
            return
        if self.nearest:
            yield "  " + say("nearest_payments", lang)
        yield from (f"    {_near_payment(n, each, lang)}" for n, each in enumerate(self.nearest, 1))
        known = {each["payment_id"] for each in self.nearest}
        others = [each for each in self.candidates if each["payment_id"] not in known]
        if others:
            yield "  " + say("also_near", lang)
        yield from (f"    {_near_payment(n, each, lang)}" for n, each in enumerate(others, 1))


def explain(store: Store, object_id: str) -> Explanation:
    """What the run says of the object. Raises TieoutError where no table of the run has such an id."""
    table, name, row = _find(store, object_id)
    # An invoice is explained by the open item it was booked as.
    item = _item_of(store, row) if table == "invoice" else name
    key = {"payment": "payment_id", "open_item": "open_item_id", "invoice": "open_item_id"}.get(table)
    if key is None or item is None:
        return Explanation(name, table, row, (), (), _exceptions(store, name, name), _findings(store, name))
    paired = f"from {{}} x join payment p using (payment_id) join open_item i using (open_item_id) where x.{key} = $id"
    allocations = _rows(
        store,
        f"select x.*, {_ITEM}, {_PAYMENT} {paired.format('allocation')} order by status, booking_date, x.payment_id, "
        "i.due_date, x.open_item_id, kind desc",
        item,
    )
    candidates = _rows(
        store,
        f"select x.*, {_ITEM}, {_PAYMENT} {paired.format('candidate')} "
        "order by solution nulls last, rank, x.payment_id, open_item_id limit 60",
        item,
    )
    nearest: Rows = ()
    if key == "open_item_id":
        near = f"select x.*, {_ITEM}, {_PAYMENT} {paired.format('item_candidate')} order by rank"
        nearest = _rows(store, near, item)
    runner_up = _rows(store, RUNNER_UP.format(which="a.payment_id = $id"), item) if table == "payment" else ()
    return Explanation(
        object_id=name,
        table=table,
        row=row,
        allocations=allocations,
        candidates=candidates,
        exceptions=_exceptions(store, name, item),
        findings=_findings(store, name),
        runner_up=runner_up[0] if runner_up else None,
        nearest=nearest,
    )


def _exceptions(store: Store, name: str, item: str) -> Rows:
    sql = """select e.*, coalesce(i.reference, c.reference) as related_number,
        coalesce(i.party_name, c.party_name) as related_name, p.booking_date as related_date,
        p.counterparty_name as related_payer
      from exception e left join payment p on p.payment_id = e.related_id left join open_item i on i.open_item_id = e.related_id
      left join cleared_item c on c.cleared_item_id = e.related_id
      where e.object_id in ($id, $item) or e.related_id = $id order by e.object_id <> $id, e.reason"""
    return tuple(store.fetch(Query("explain", sql, {"id": name, "item": item})).to_dicts())


def _findings(store: Store, name: str) -> Rows:
    return _rows(store, "select * from finding where object_id = $id order by finding_no", name)


def _item_of(store: Store, row: Row) -> str | None:
    sql = """select open_item_id from open_item where invoice_id = $id or reference = $number
      order by invoice_id is distinct from $id, open_item_id limit 1"""
    values = {"id": row.get("invoice_id"), "number": row.get("invoice_number")}
    found = store.fetch(Query("explain", sql, values)).to_dicts()
    return str(found[0]["open_item_id"]) if found else None


def _find(store: Store, object_id: str) -> tuple[str, str, Row]:
    case = _rows(store, 'select "table", object_id from exception where exception_id = $id', object_id)
    wanted = str(case[0]["object_id"]) if case else object_id
    for table in _OBJECTS:
        key = CANON[table].key[0]
        rows = _rows(store, f"select * from {quote(table)} where {quote(key)} = $id limit 1", wanted)
        if not rows and table == "invoice":
            rows = _rows(store, "select * from invoice where invoice_number = $id order by invoice_id limit 1", wanted)
        if not rows and table == "open_item":
            rows = _rows(store, "select * from open_item where reference = $id order by open_item_id limit 1", wanted)
        if rows:
            return table, str(rows[0][key]), rows[0]
    if case:
        return str(case[0]["table"]), wanted, {}
    raise TieoutError(f"{object_id}: no payment, open item, invoice or case of this run has that id")


def _rows(store: Store, sql: str, object_id: str) -> Rows:
    return tuple(store.fetch(Query("explain", sql, {"id": object_id})).to_dicts())


def _money(amount: Decimal | None, currency: str | None) -> str:
    return f"{display(amount, currency)} {currency or ''}".strip() if amount is not None else "-"


def _number(row: Row) -> str:
    return str(row.get("reference") or row["open_item_id"])


def _place(row: Row, lang: str) -> Iterator[str]:
    if row.get("source"):
        yield "  " + say("read_from", lang, source=row["source"], line=row.get("line") or "-")


def _headline(table: str, object_id: str, row: Row, lang: str) -> Iterator[str]:
    if table == "payment" and row:
        amount, name = row["amount"], row["counterparty_name"] or say("nobody", lang)
        key = "payment" if amount >= 0 else "paid_out"
        shown = _money(abs(amount), row["currency"])
        yield say(key, lang, id=object_id, date=row["booking_date"], amount=shown, name=name)
        text = " ".join(str(row["remittance"] or "").split())
        yield "  " + (say("text", lang, text=text) if text else say("no_text", lang))
    elif table == "open_item" and row:
        amount = _money(row["open_amount"], row["currency"])
        name = row["party_name"] or row["party_id"] or "-"
        yield say("open_item", lang, id=object_id, number=row["reference"] or "-", name=name, amount=amount,
                  date=row["due_date"] or "-")  # fmt: skip
    elif table == "invoice" and row:
        total = _money(row["invoice_total_amount_with_vat"], row["invoice_currency_code"])
        yield say("invoice", lang, number=row["invoice_number"], date=row["issue_date"], amount=total)
    else:
        yield say("other", lang, table=table.replace("_", " "), id=object_id)
    yield from _place(row, lang)


def _settled(table: str, rows: Sequence[Row], status: str, lang: str) -> Iterator[str]:
    """What is settled, item by item (payment by payment), with the reason once where it is the same for all."""
    if not rows:
        return
    money = sum((each["amount"] for each in rows if each["kind"] in ("payment", "credit_note")), Decimal(0))
    yield "  " + say("settled" if status == "accepted" else "proposed", lang, amount=_money(money, rows[0]["currency"]))
    reasons = {why(_facts(each), lang) for each in rows}
    if len(reasons) == 1:
        yield from _reason(rows[0], lang, "    ")
    side = "open_item_id" if table == "payment" else "payment_id"
    for _, group in groupby(rows, key=lambda each: each[side]):
        parts = list(group)
        first = parts[0]
        if table == "payment":
            name = first["party_name"] or "-"
            yield "    " + say("settles", lang, number=_number(first), name=name, id=first["open_item_id"])
        else:
            name = first["counterparty_name"] or say("nobody", lang)
            yield "    " + say("settled_by", lang, id=first["payment_id"], date=first["booking_date"], name=name)
        for each in parts:
            key = "money" if each["kind"] == "payment" else each["kind"]
            yield "      " + say(key, lang, amount=_money(each["amount"], each["currency"]))
        if len(reasons) > 1:
            yield from _reason(first, lang, "      ")


def _reason(each: Row, lang: str, margin: str) -> Iterator[str]:
    yield margin + say("because", lang, why=why(_facts(each), lang))
    score = "-" if each["score"] is None else f"{100 * each['score']:.0f} %"
    yield margin + say("by", lang, name=each["pass"], score=score)


def _exception(each: Row, object_id: str, lang: str) -> Iterator[str]:
    title = REASONS.get(each["reason"])
    words = (title.zh if lang == "zh" and title.zh else title.en) if title else each["reason"]
    amount = f", {_money(each['amount'], each['currency'])}" if each["amount"] is not None else ""
    yield "  " + say("open", lang, title=f"{words} ({each['reason']}){amount}")
    facts = _facts(each)
    words = message(facts, each["message"], related=each["related_id"]) if lang == "zh" else each["message"]
    yield f"    {words}"
    if each["related_number"]:
        yield "    " + say("settles", lang, number=each["related_number"], name=each["related_name"] or "-",
                           id=each["related_id"])  # fmt: skip
    if each["related_date"] and each["related_id"] != object_id:
        name = each["related_payer"] or say("nobody", lang)
        yield "    " + say("settled_by", lang, id=each["related_id"], date=each["related_date"], name=name)
    fact = deciding(facts) if lang == "zh" else facts.get("decides")
    if fact and fact not in str(words):
        yield "    " + say("decided_by", lang, fact=fact)
    if each["queue"]:
        yield "    " + say("case", lang, id=each["exception_id"], queue=each["queue"], date=each["due"] or "-")


def _solutions(rows: Sequence[Row], lang: str) -> Iterator[str]:
    for number, group in groupby(rows, key=lambda each: each["solution"]):
        parts = " + ".join(f"{_number(each)} ({_money(each['amount'], each['paid_currency'])})" for each in group)
        yield "    " + say("solution", lang, n=number, parts=parts)


def _near_item(n: int, each: Row, lang: str) -> str:
    amount, name = _money(each["open_amount"], each["item_currency"]), each["party_name"] or "-"
    reason = _failed(each, lang)
    return say("near_item", lang, n=n, number=_number(each), name=name, amount=amount, failed=reason)


def _near_payment(n: int, each: Row, lang: str) -> str:
    return say("near_payment", lang, n=n, id=each["payment_id"], date=each["booking_date"],
               amount=_money(each["paid"], each["paid_currency"]), name=each["counterparty_name"] or say("nobody", lang),
               failed=_failed(each, lang))  # fmt: skip


def _failed(each: Row, lang: str) -> str:
    return failed(each["failed"], _facts(each), lang, lambda amount: _money(amount, each["paid_currency"]))


def _facts(row: Row) -> dict[str, Any]:
    facts = json.loads(row["evidence"]) if row.get("evidence") else {}
    return facts if isinstance(facts, dict) else {}
