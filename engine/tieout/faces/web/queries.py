"""What a queue's address asks for, read once for page, API and export."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

import polars as pl
from starlette.datastructures import QueryParams

from tieout.cases.work import STATES
from tieout.faces.message_words import message_in
from tieout.faces.web.desk import Desk
from tieout.model.errors import NotFound, TieoutError
from tieout.model.records import Query
from tieout.store.fold import LIVE
from tieout.store.journal import Session
from tieout.store.pages import MOST_ROWS, SORTS, Page, Wanted, case_page

__all__ = ["Asked", "asked", "with_names", "worded"]

_LISTS = ("state", "reason", "queue", "owner", "currency")
_MONEY_DIGITS = 14


@dataclass(frozen=True)
class Asked:
    """A queue as somebody wants to see it."""

    wanted: Wanted
    sort: str
    descending: bool
    after: str | None
    before: str | None
    limit: int
    given: dict[str, list[str]]
    """The filter as it stands in the address, without the page."""

    def page(self, session: Session, *, counted: bool = False) -> Page:
        """The page of cases it asks for. counted: with the total of all pages."""
        return case_page(
            session,
            self.wanted,
            sort=self.sort,
            descending=self.descending,
            after=self.after,
            before=self.before,
            limit=self.limit,
            counted=counted,
        )

    @property
    def address(self) -> str:
        """The filter and order as an address, without the page."""
        return urlencode(self.given, doseq=True)

    def but(self, **changes: str | None) -> str:
        """The address with some parts other; None takes a part out."""
        given = {**self.given, **{name: [value] for name, value in changes.items() if value is not None}}
        return urlencode(
            {name: values for name, values in given.items() if changes.get(name, "") is not None}, doseq=True
        )


def asked(desk: Desk, given: QueryParams, *, limit: int = 50) -> Asked:
    """What the address asks for. Raises TieoutError, in one line, for what it cannot mean."""
    lists = {name: [each for each in given.getlist(name) if each or name == "owner"][:50] for name in _LISTS}
    if any(len(each) > 200 for values in lists.values() for each in values):
        raise TieoutError("a filter has at most 200 signs")
    state = lists["state"] or ["live"]
    for each in state:
        if each not in (*STATES, "live", "all"):
            raise TieoutError(f"no state '{each}'; states are live, all, {', '.join(STATES)}")
    states = (
        ()
        if "all" in state
        else tuple(dict.fromkeys(s for each in state for s in (LIVE if each == "live" else (each,))))
    )
    text = given.get("q", "").replace("\x00", "").strip()
    if len(text) > 200:
        raise TieoutError("a search has at most 200 signs")
    owner = ["" if each in ("", "-") else each for each in lists["owner"]] if any(lists["owner"]) else []
    sort = given.get("sort") or "urgency"
    if sort not in SORTS:
        raise TieoutError(f"sort {sort}: choose one of {', '.join(SORTS)}")
    number = given.get("limit") or str(limit)
    if not number.isascii() or not number.isdigit() or len(number) > 6 or not 1 <= int(number) <= MOST_ROWS:
        raise TieoutError(f"limit {number[:20]}: a page has 1 to {MOST_ROWS} rows")
    wanted = Wanted(
        state=states,
        reason=lists["reason"],
        queue=lists["queue"],
        owner=owner,
        currency=lists["currency"],
        due_by=_date(given.get("due_by")),
        at_least=_amount(given.get("at_least")),
        at_most=_amount(given.get("at_most")),
        text=text,
        objects=desk.objects_with(text) if text else (),
    )
    kept = {name: given.getlist(name) for name in given if name not in ("after", "before", "lang")}
    return Asked(
        wanted, sort, given.get("order") == "desc", given.get("after") or None, given.get("before") or None, int(number),
        {name: values for name, values in kept.items() if any(values)},
    )  # fmt: skip


def worded(session: Session, rows: list[dict[str, Any]], lang: str) -> list[dict[str, Any]]:
    """The cases with their ``message`` in the language."""
    if lang == "en" or not rows:
        return rows
    known = session.case_frame(columns=("case_id", "evidence"), case_id=[row["case_id"] for row in rows])
    evidence = dict(known.iter_rows())
    return [{**row, "message": message_in(lang, {**row, "evidence": evidence.get(row["case_id"])})} for row in rows]


def with_names(desk: Desk, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows with ``who`` (payer, customer) and ``text`` (what the payment says), as the newest run has them."""
    ids = rows["object_id"].drop_nulls().unique().to_list()
    names: dict[str, tuple[str | None, str | None]] = {}
    try:
        with desk.run() as store:
            found = store.fetch(Query("names of cases", _NAMES, {"ids": ids})) if ids else None
        if found is not None:
            names = {row[0]: (row[1], row[2]) for row in found.iter_rows()}
    except NotFound:
        pass
    return [
        {
            **row,
            "who": names.get(row["object_id"], (None, None))[0],
            "text": names.get(row["object_id"], (None, None))[1],
        }
        for row in rows.iter_rows(named=True)
    ]


_NAMES = """
select payment_id as id, coalesce(counterparty_name, counterparty_account) as who, remittance as text
from payment where list_contains($ids, payment_id)
union all
select open_item_id, party_name, reference from open_item where list_contains($ids, open_item_id)
union all
select invoice_id, buyer_name, invoice_number from invoice where list_contains($ids, invoice_id)
union all
select party_id, any_value(name order by row_no), party_id from party where list_contains($ids, party_id) group by party_id
"""


def _date(text: str | None) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError as exc:
        raise TieoutError(f"{text[:20]}: no date of the calendar; write 2026-10-31") from exc


def _amount(text: str | None) -> Decimal | None:
    if not text:
        return None
    try:
        amount = Decimal(text.replace(",", "").strip())
    except InvalidOperation as exc:
        raise TieoutError(f"{text[:20]}: no amount; write 1200.50") from exc
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** _MONEY_DIGITS:
        raise TieoutError(f"{text[:20]}: no amount of this world")
    return amount.quantize(Decimal("0.0001"))
