"""The page of one case, and what is decided there."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, RedirectResponse

from tieout.cases import work
from tieout.cases.decide import SHORT
from tieout.faces.message_words import message_in
from tieout.faces.web.acts import ACTS, Difference, Given, Settles, act
from tieout.faces.web.case_view import case_view, open_items
from tieout.faces.web.doors import Clerk, DeskOf, Fields, FieldsOf, Viewer
from tieout.faces.web.queries import asked
from tieout.faces.web.shell import back, lang_of, note, render, words_of
from tieout.faces.web.words import Words
from tieout.model.errors import NotFound, TieoutError
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
KINDS = ("discount", "fee", "withholding", "rounding", "fx", "write_off")


@router.get("/cases/{case_id}")
def case(case_id: str, request: Request, desk: DeskOf, who: Viewer, find: str = "", q: str = "") -> HTMLResponse:
    found = work.show_case(desk.journal, case_id)
    view, items, route = None, [], None
    rejected = _rejected(found["history"])
    try:
        with desk.run() as store:
            view = case_view(store, found, lang_of(request), sorted(rejected))
            route = _route(store, case_id)
            if view and view.table == "payment" and view.left and who.may("clerk"):
                party = found["party_id"] or next(
                    (str(each.items[0].get("party_id") or "") for each in view.candidates), None
                )
                items = open_items(store, party_id=party, text=find[:100], currency=view.row["currency"])
    except NotFound:
        pass
    desk.log_read(who, f"case {case_id}")
    return render(
        request,
        "case.html",
        who=who,
        case=desk.shown(who, {**found, "message": message_in(lang_of(request), found)}),
        view=view,
        row=desk.shown(who, dict(view.row)) if view else {},
        told=desk.shown(who, view.lines) if view else [],
        items=items,
        find=find,
        kinds=KINDS,
        short=found["reason"] in SHORT,
        proposer=_proposer(found),
        route=desk.route(route),
        related=_related(desk, found),
        party_name=view.row.get("name") if view and view.table == "party" else None,
        neighbours=_neighbours(desk, case_id, q),
        q=q,
    )


def _rejected(history: list[dict[str, Any]]) -> set[str]:
    """The open items that the payment is not for, as people said for good."""
    found: set[str] = set()
    for each in history:
        if each["kind"] == "case_rejected":
            found |= set(map(str, each["payload"].get("not", ())))
        elif each["kind"] == "case_rejection_undone":
            found.discard(str(each["payload"].get("open_item_id")))
    return found


def _proposer(found: dict[str, Any]) -> str | None:
    """Who proposed what now waits for a second person."""
    if found["state"] != "proposed":
        return None
    return next((str(each["actor"]) for each in reversed(found["history"]) if each["kind"] == "case_proposed"), None)


def _route(store: Store, case_id: str) -> str | None:
    """The route that the run gave the case; None in runs from before it was kept."""
    rows = store.fetch(Query("route", "select * from exception where exception_id = $id", {"id": case_id})).to_dicts()
    return rows[0].get("route") if rows else None


def _related(desk: DeskOf, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Other cases about the same object or the other one, and those that a pattern has put together; at most 30."""
    try:
        evidence = json.loads(found["evidence"] or "{}")
    except ValueError:
        evidence = {}
    members = evidence.get("exceptions", []) if isinstance(evidence, dict) else []
    objects = [each for each in (found["object_id"], found["related_id"]) if each]
    with desk.journal.reading() as session:
        about = [session.case_frame(limit=30, object_id=objects), session.case_frame(limit=30, related_id=objects)]
        about.append(session.case_frame(limit=30, case_id=[str(each) for each in members][:30]))
    rows = pl.concat(about).unique("case_id", keep="first", maintain_order=True)
    return [row for row in rows.head(30).to_dicts() if row["case_id"] != found["case_id"]]


def _neighbours(desk: DeskOf, case_id: str, query: str) -> tuple[str | None, str | None]:
    """The cases before and after this one on the page of the queue it was opened from."""
    try:
        wanted = asked(desk, QueryParams(query))
        with desk.journal.reading() as session:
            page = wanted.page(session)
    except TieoutError:
        return None, None
    if case_id not in page.ids:
        return None, page.ids[0] if page.ids else None
    at = page.ids.index(case_id)
    return page.ids[at - 1] if at else None, page.ids[at + 1] if at + 1 < len(page.ids) else None


@router.post("/cases/{case_id}")
def decide(case_id: str, request: Request, desk: DeskOf, who: Clerk, fields: FieldsOf) -> RedirectResponse:
    words = words_of(request)
    name = fields.get("act", "")
    try:
        if name not in ACTS:
            raise TieoutError(words.t("choose what to do", "请选择操作"))
        state = act(desk, who, case_id, name, _given(fields, words))
        note(
            who,
            words.t(
                f"{case_id}: done; {'it waits for a second person' if state == 'proposed' else f'the case is {words.word(state)}'}",
                f"{case_id}：已完成，{'等待第二人复核' if state == 'proposed' else f'状态为“{words.word(state)}”'}",
            ),
        )
    except (TieoutError, ValidationError) as exc:
        note(who, _plain(exc), good=False)
    return back(fields.get("back") or f"/cases/{case_id}")


def _plain(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        first = exc.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(exc)


def _given(fields: Fields, words: Words) -> Given:
    """The form as the API would have it."""
    amounts = fields.starting("amount:")
    differences = []
    for item, text in fields.starting("difference:").items():
        if text.strip() and item in fields.all("item"):
            kind = fields.get(f"kind:{item}", "rounding")
            differences.append(
                Difference.model_validate({"open_item_id": item, "kind": kind, "amount": _amount(text, words)})
            )
    settles = [
        Settles(open_item_id=item, amount=_amount(amounts[item], words) if amounts.get(item, "").strip() else None)
        for item in fields.all("item")
    ]
    reason = fields.get("reason", "").strip() or fields.get("usual", "")
    return Given(
        reason=reason,
        to=fields.get("to", ""),
        party_id=fields.get("party_id", ""),
        open_item_id=fields.get("open_item_id", ""),
        settles=settles,
        differences=differences,
        rest="open" if fields.get("rest") else "none",
    )


def _amount(text: str, words: Words) -> Decimal:
    """An amount as a person types it: 1,200.50 and 1200.50 alike; 1.200,50 too."""
    signs = text.strip().replace(" ", "").replace("\u00a0", "")
    comma, dot = signs.rfind(","), signs.rfind(".")
    if comma > dot and len(signs) - comma - 1 in (1, 2):
        signs = signs.replace(".", "").replace(",", ".")
    try:
        amount = Decimal(signs.replace(",", ""))
    except InvalidOperation as exc:
        raise TieoutError(words.t(f"{text[:20]!r} is no amount", f"“{text[:20]}”不是金额")) from exc
    if not amount.is_finite():
        raise TieoutError(words.t(f"{text[:20]!r} is no amount", f"“{text[:20]}”不是金额"))
    return amount
