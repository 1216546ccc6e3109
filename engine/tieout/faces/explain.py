"""Why something matched or did not: everything a run knows of one payment, item, invoice or case, as data and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.model.canon import CANON
from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.model.records import Query
from tieout.store.engine import Store, quote

__all__ = ["Explanation", "explain"]

# The tables an object id may name, in the order they are tried.
_OBJECTS = ("payment", "open_item", "invoice", "billing_line", "cleared_item", "party", "document", "statement")


@dataclass(frozen=True)
class Explanation:
    """What a run says of one object."""

    object_id: str
    table: str
    row: Mapping[str, Any]
    allocations: tuple[Mapping[str, Any], ...]
    candidates: tuple[Mapping[str, Any], ...]
    exceptions: tuple[Mapping[str, Any], ...]
    findings: tuple[Mapping[str, Any], ...]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def lines(self) -> Iterator[str]:
        """The explanation as a clerk reads it."""
        yield _headline(self.table, self.object_id, self.row)
        for each in self.allocations:
            other = each["open_item_id"] if self.table == "payment" else each["payment_id"]
            verb = "settles" if self.table == "payment" else "is settled by"
            yield (
                f"  {each['status']}: {verb} {other} with {display(each['amount'], each['currency'])} {each['currency']}"
                f" ({each['kind'].replace('_', ' ')}), pass {each['pass']}, score {_score(each['score'])}"
            )
            yield from _facts(each["evidence"])
        for each in self.exceptions:
            amount = (
                f" {display(each['amount'], each['currency'])} {each['currency']}" if each["amount"] is not None else ""
            )
            yield f"  {each['exception_id']} {each['reason']}{amount}: {each['message']}"
            if each["queue"]:
                yield f"    queue {each['queue']}, due {each['due']}"
        if self.candidates:
            yield "  what was considered, nearest first:"
        for each in self.candidates:
            other = each["open_item_id"] if self.table == "payment" else each["payment_id"]
            solution = f"solution {each['solution']}: " if each["solution"] else ""
            amount = f" {display(each['amount'])}" if each["amount"] is not None else ""
            yield f"    {each['rank']}. {solution}{other}{amount} - {each['failed'] or 'fits'} (pass {each['pass'] or '-'})"
        for each in self.findings:
            yield f"  {each['severity']} {each['rule']}: {each['message']}"
        if not (self.allocations or self.exceptions or self.candidates or self.findings):
            yield "  nothing was found against it, and nothing was matched to it"


def explain(store: Store, object_id: str) -> Explanation:
    """What the run says of the object. Raises TieoutError where no table of the run has such an id."""
    table, name, row = _find(store, object_id)
    key = f"{table}_id" if table in {"payment", "open_item"} else None
    related = "select * from {} where {} = $id order by all"
    return Explanation(
        object_id=name,
        table=table,
        row=row,
        allocations=_rows(store, related.format("allocation", key), name) if key else (),
        candidates=_rows(
            store,
            f"select * from candidate where {key} = $id order by solution nulls last, rank, open_item_id limit 12",
            name,
        )
        if key
        else (),
        exceptions=_rows(
            store, "select * from exception where object_id = $id or related_id = $id order by reason", name
        ),
        findings=_rows(store, "select * from finding where object_id = $id order by finding_no", name),
    )


def _find(store: Store, object_id: str) -> tuple[str, str, Mapping[str, Any]]:
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


def _rows(store: Store, sql: str, object_id: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(store.fetch(Query("explain", sql, {"id": object_id})).to_dicts())


def _headline(table: str, object_id: str, row: Mapping[str, Any]) -> str:
    if table == "payment" and row:
        return (
            f"payment {object_id}  {row['booking_date']}  {display(row['amount'], row['currency'])} {row['currency']}"
            f"  {row['counterparty_name'] or 'no name'}\n  text: {row['remittance'] or '-'}"
            f"  ({row['source']}:{row['line']})"
        )
    if table == "open_item" and row:
        return (
            f"open item {object_id}  {row['reference'] or ''}  {display(row['open_amount'], row['currency'])} "
            f"{row['currency']}  due {row['due_date']}  {row['party_name'] or ''}  ({row['source']}:{row['line']})"
        )
    if table == "invoice" and row:
        total = display(row["invoice_total_amount_with_vat"], row["invoice_currency_code"])
        return f"invoice {row['invoice_number']}  {row['issue_date']}  {total} {row['invoice_currency_code']}  ({object_id})"
    return f"{table.replace('_', ' ')} {object_id}"


def _score(score: Decimal | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _facts(evidence: str | None) -> Iterator[str]:
    facts = json.loads(evidence) if evidence else {}
    if isinstance(facts, dict):
        for name, value in facts.items():
            if value not in (None, "", [], {}):
                yield f"    {name.replace('_', ' ')}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
