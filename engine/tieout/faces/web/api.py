"""The REST API: /api/v1. The same functions as the pages, as JSON; amounts are text, so that no digit is lost.

Sign in with POST /api/v1/session and send ``Authorization: Bearer TOKEN``; the page's cookie works too, then with the
header ``X-CSRF-Token``. Every read of personal data is put on record in the journal.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tieout.cases import work
from tieout.faces.explain import explain
from tieout.faces.metrics import open_metrics
from tieout.faces.web import rules as rule_views
from tieout.faces.web.acts import ACTS, Given, act, preview
from tieout.faces.web.doors import Admin, Clerk, DeskOf, Viewer
from tieout.faces.web.queries import asked, with_names
from tieout.faces.web.sign_in import check
from tieout.model.canon import CANON
from tieout.model.errors import NotFound
from tieout.model.records import Query as Statement
from tieout.store import people
from tieout.store.engine import quote
from tieout.store.pages import case_counts

__all__ = ["router"]

_FAULT = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}}
_FAULTS: dict[int | str, dict[str, Any]] = {
    400: {"description": "It cannot be read.", **_FAULT},
    401: {"description": "Nobody is signed in.", **_FAULT},
    403: {"description": "The role does not allow it, or the token is missing.", **_FAULT},
    404: {"description": "There is no such thing.", **_FAULT},
    409: {"description": "It is not possible in this state.", **_FAULT},
    413: {"description": "The request is too large.", **_FAULT},
    415: {"description": "The body is not JSON.", **_FAULT},
    422: {"description": "It does not say what it should.", **_FAULT},
    429: {"description": "Too many wrong passwords; wait.", **_FAULT},
}
Name = Annotated[str, Path(min_length=1, max_length=200)]


class Fault(BaseModel):
    """What went wrong, in one line."""

    error: str


class _Encoder(json.JSONEncoder):
    def default(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, dt.date | dt.datetime):
            return value.isoformat()
        return super().default(value)


class Json(JSONResponse):
    """JSON with amounts as text and dates as ISO 8601."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, cls=_Encoder, separators=(",", ":")).encode()


router = APIRouter(prefix="/api/v1", responses=_FAULTS, default_response_class=Json)


class SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1000)


@router.post("/session", tags=["session"], summary="Sign in")
def sign_in(body: SignIn, request: Request, desk: DeskOf) -> Json:
    token, session = check(desk, request, body.user, body.password)
    return Json({"token": token, "user": session.user, "role": desk.role(session.user)})


@router.delete("/session", tags=["session"], summary="Sign out", status_code=204)
def sign_out(request: Request, desk: DeskOf, who: Viewer) -> Response:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    desk.sessions.end(bearer.strip() if scheme.lower() == "bearer" else request.cookies.get("tieout_session"))
    return Response(status_code=204)


@router.get("/me", tags=["session"], summary="Who is signed in")
def me(who: Viewer) -> Json:
    return Json({"user": who.name, "role": who.role})


# --- runs ---


@router.get("/runs", tags=["runs"], summary="The sealed runs, the newest first")
def runs(desk: DeskOf, who: Viewer, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Json:
    return Json({"runs": [_run(desk, name) for name in desk.runs()[:limit]]})


def _run(desk: DeskOf, name: str) -> dict[str, Any]:
    manifest = desk.manifest(name)
    return {"run_id": name, **{key: manifest.get(key) for key in ("as_of", "started", "finished", "steps", "unread")}}


@router.get(
    "/metrics", tags=["runs"], summary="The newest run's figures as OpenMetrics text", response_class=PlainTextResponse
)
def metrics(desk: DeskOf, who: Viewer) -> PlainTextResponse:
    kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    return PlainTextResponse(open_metrics(desk.manifest()), media_type=kind)


@router.get("/runs/{run_id}", tags=["runs"], summary="One run with its control totals")
def run(run_id: Name, desk: DeskOf, who: Viewer) -> Json:
    manifest = desk.manifest(run_id)
    return Json({**_run(desk, run_id), "control_totals": manifest["control_totals"], "tables": manifest["tables"]})


@router.get("/runs/{run_id}/tables/{table}", tags=["runs"], summary="Rows of a table, in the order of its key")
def table(
    run_id: Name,
    table: Name,
    desk: DeskOf,
    who: Viewer,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Json:
    if table not in CANON:
        raise NotFound(f"there is no table {table}")
    order = ", ".join(quote(name) for name in CANON[table].key)
    sql = f"select * from {quote(table)} order by {order} limit $most offset $start"
    with desk.run(run_id) as store:
        total = store.count(table)
        rows = store.fetch(Statement(f"rows of {table}", sql, {"most": limit, "start": offset})).to_dicts()
    desk.log_read(who, f"run {desk.folder(run_id).name} table {table} rows {offset}-{offset + len(rows)}")
    return Json({"table": table, "total": total, "offset": offset, "rows": desk.shown(who, rows)})


@router.get("/runs/{run_id}/explain", tags=["runs"], summary="Why something matched, or what was considered")
def explained(
    run_id: Name,
    desk: DeskOf,
    who: Viewer,
    id: Annotated[str, Query(min_length=1, max_length=500)],
    lang: Literal["en", "zh"] = "en",
) -> Json:
    with desk.run(run_id) as store:
        told = explain(store, id)
    desk.log_read(who, f"run {desk.folder(run_id).name} explain {told.table} {told.object_id}")
    rows = {
        name: [dict(each) for each in getattr(told, name)]
        for name in ("allocations", "candidates", "exceptions", "findings", "nearest")
    }
    body = {
        "object_id": told.object_id,
        "table": told.table,
        "row": dict(told.row),
        **rows,
        "text": list(told.lines(lang)),
    }
    return Json(desk.shown(who, body))


# --- cases ---


@router.get("/cases", tags=["cases"], summary="The queue: filter, search, sort, page")
def cases(
    request: Request,
    desk: DeskOf,
    who: Viewer,
    state: Annotated[list[str] | None, Query(description="live (default), all, or one state")] = None,
    reason: Annotated[list[str] | None, Query()] = None,
    queue: Annotated[list[str] | None, Query()] = None,
    owner: Annotated[list[str] | None, Query(description="- stands for nobody")] = None,
    currency: Annotated[list[str] | None, Query()] = None,
    q: Annotated[str, Query(max_length=200, description="ids, message, payer, text of the payment")] = "",
    due_by: Annotated[str | None, Query(max_length=20)] = None,
    at_least: Annotated[str | None, Query(max_length=30)] = None,
    at_most: Annotated[str | None, Query(max_length=30)] = None,
    sort: Annotated[
        str, Query(max_length=20, description="urgency, amount, age, reason, queue, owner, state, id")
    ] = "urgency",
    order: Literal["asc", "desc"] = "asc",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[str | None, Query(max_length=2000, description="token of the page before")] = None,
    before: Annotated[str | None, Query(max_length=2000)] = None,
) -> Json:
    wanted = asked(desk, request.query_params)
    with desk.journal.reading() as session:
        page = wanted.page(session, counted=True)
    rows = with_names(desk, page.rows)
    desk.log_read(who, f"cases {' '.join(page.ids[:1])}..{' '.join(page.ids[-1:])} ({len(page.ids)})")
    return Json({"total": page.total, "after": page.after, "before": page.before, "cases": desk.shown(who, rows)})


@router.get("/cases/counts", tags=["cases"], summary="How many cases, by state, reason, queue, owner or currency")
def counts(
    request: Request,
    desk: DeskOf,
    who: Viewer,
    by: Literal["state", "reason", "queue", "owner", "currency", "object_table"] = "reason",
) -> Json:
    wanted = asked(desk, request.query_params)
    with desk.journal.reading() as session:
        return Json({"counts": dict(case_counts(session, wanted.wanted, by))})


@router.get("/cases/{case_id}", tags=["cases"], summary="One case with its history")
def case(case_id: Name, desk: DeskOf, who: Viewer) -> Json:
    found = work.show_case(desk.journal, case_id)
    desk.log_read(who, f"case {case_id}")
    return Json(desk.shown(who, found))


class Many(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cases: list[str] = Field(min_length=1, max_length=500)
    to: str = Field(default="", max_length=200)
    queue: str = Field(default="", max_length=200)


@router.post("/cases/assign", tags=["decisions"], summary="Give several cases to somebody: all or none")
def assign(body: Many, desk: DeskOf, who: Clerk) -> Json:
    count = work.assign(desk.journal, body.cases, to=body.to or who.name, actor=who.name, queue=body.queue or None)
    return Json({"assigned": count})


@router.post("/cases/{case_id}/preview", tags=["decisions"], summary="What a match by hand would book; keeps nothing")
def previewed(case_id: Name, body: Given, desk: DeskOf, who: Clerk) -> Json:
    return Json(preview(desk, case_id, body))


@router.post("/cases/{case_id}/{act_name}", tags=["decisions"], summary="Decide: " + ", ".join(ACTS))
def decided(case_id: Name, act_name: Name, body: Given, desk: DeskOf, who: Clerk) -> Json:
    if act_name not in ACTS:
        raise HTTPException(404, f"there is no act {act_name[:40]}; acts are {', '.join(ACTS)}")
    return Json({"case_id": case_id, "state": act(desk, who, case_id, act_name, body)})


# --- rules ---


@router.get("/rules", tags=["rules"], summary="The catalogue of the workspace")
def rules(desk: DeskOf, who: Viewer, q: Annotated[str, Query(max_length=200)] = "") -> Json:
    return Json({"rules": [each.brief() for each in rule_views.listed(desk, text=q)]})


@router.get("/rules/{rule_id}", tags=["rules"], summary="One rule with its text, cases and hits in the last run")
def rule(rule_id: Name, desk: DeskOf, who: Viewer) -> Json:
    return Json(rule_views.shown(desk, rule_id))


class Trial(BaseModel):
    model_config = ConfigDict(extra="forbid")
    values: dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=200)]] = Field(max_length=50)


@router.post(
    "/rules/{rule_id}/try", tags=["rules"], summary="What other parameters would move on the last run; keeps nothing"
)
def tried(rule_id: Name, body: Trial, desk: DeskOf, who: Clerk) -> Json:
    return Json(rule_views.tried(desk, rule_id, body.values).as_json())


# --- people ---


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100, pattern=r"^[\w.@-]+$")
    role: Literal["viewer", "clerk", "approver", "admin"]
    password: str | None = Field(default=None, min_length=12, max_length=1000)


@router.get("/users", tags=["people"], summary="Who may sign in")
def users(desk: DeskOf, who: Admin) -> Json:
    return Json({"users": people.users(desk.journal)})


@router.post("/users", tags=["people"], summary="Add a person", status_code=201)
def add_user(body: Person, desk: DeskOf, who: Admin) -> Json:
    people.add_user(desk.journal, body.name, body.role, actor=who.name)
    if body.password:
        people.set_password(desk.journal, body.name, body.password, actor=who.name)
    return Json({"name": body.name, "role": body.role}, status_code=201)
