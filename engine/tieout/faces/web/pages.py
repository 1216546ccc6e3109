"""The pages: start, sign-in, set-up, queue, export."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import polars as pl
from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tieout.cases.work import STATES, assign, move
from tieout.faces.export import defused
from tieout.faces.web import overview, views
from tieout.faces.web.charts import bars, parts
from tieout.faces.web.doors import Clerk, DeskOf, FieldsOf, Viewer
from tieout.faces.web.queries import asked, with_names, worded
from tieout.faces.web.shell import LANG, back, lang_of, note, render, words_of
from tieout.faces.web.sign_in import SHORTEST, check, first_person, give_cookie, take_cookie
from tieout.model.errors import Forbidden, TieoutError
from tieout.store.pages import SORTS, case_page, values

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
MOST_EXPORTED = 100_000


@router.get("/")
def start(request: Request, desk: DeskOf, who: Viewer) -> HTMLResponse:
    runs = desk.runs()
    if not runs:
        return render(request, "empty.html", who=who, folder=desk.home.folder.name)
    words = words_of(request)
    manifest = desk.manifest(runs[0])
    total, tally = overview.tallies(desk)
    rest = words.t("others", "其他")
    return render(
        request,
        "start.html",
        who=who,
        manifest=manifest,
        run_id=runs[0],
        shares=[
            (each, parts(each.counts), parts(each.amounts)) for each in overview.shares(manifest["control_totals"])
        ],
        total=total,
        proposed=dict(tally["state"]).get("proposed", 0),
        charts={
            "reason": bars(tally["reason"], label=words.reason, href=lambda name: f"/queue?reason={name}", rest=rest),
            "queue": bars(tally["queue"], href=lambda name: f"/queue?queue={name}", rest=rest),
            "age": bars(overview.ages(desk)),
        },
        runs=[(name, desk.manifest(name)) for name in runs[:6]],
    )


@router.get("/queue")
def queue(request: Request, desk: DeskOf, who: Viewer) -> HTMLResponse:
    wanted = asked(desk, request.query_params)
    with desk.journal.reading() as session:
        page = wanted.page(session, counted=True)
        rows = worded(session, with_names(desk, page.rows), lang_of(request))
        queues = values(session, "queue")
        reasons = {each for queue in queues for each in values(session, "reason", queue=queue)}
        facets = {"queue": queues, "reason": sorted(reasons), "owner": values(session, "owner")}
    desk.log_read(who, f"queue {wanted.address[:200]} ({page.rows.height} cases)")
    today = desk.as_of() or dt.date.today()
    return render(
        request,
        "queue.html",
        who=who,
        rows=desk.shown(who, rows),
        page=page,
        asked=wanted,
        total=page.total,
        facets=facets,
        states=STATES,
        sorts=list(SORTS),
        today=today,
        saved=views.saved(desk, who.name),
    )


@router.post("/queue")
def queue_act(desk: DeskOf, who: Clerk, fields: FieldsOf) -> RedirectResponse:
    """What is done with several cases at once: all or none."""
    ids, to = fields.all("case"), fields.get("back", "/queue")
    if not ids:
        note(who, "no case was chosen", good=False)
        return back(to)
    name = fields.get("act", "")
    try:
        if name in ("take", "assign"):
            assign(desk.journal, ids, to=who.name if name == "take" else fields.get("to", ""), actor=who.name)
        elif name in ("wait", "waive"):
            state = {"wait": "waiting", "waive": "waived"}[name]
            for case_id in ids:
                move(desk.journal, case_id, state, actor=who.name, reason=fields.get("reason", ""))
        else:
            raise TieoutError("choose what to do with the cases")
        note(who, f"{len(ids)} ✓")
    except TieoutError as exc:
        note(who, str(exc), good=False)
    return back(to)


@router.post("/views")
def save_view(desk: DeskOf, who: Viewer, fields: FieldsOf) -> RedirectResponse:
    if fields.get("remove"):
        views.forget(desk, who.name, fields["remove"])
    else:
        views.save(desk, who.name, fields.get("name", ""), fields.get("query", ""))
    return back(fields.get("back", "/queue"))


@router.get("/queue/export.{kind}")
def export(kind: str, request: Request, desk: DeskOf, who: Viewer) -> Response:
    """The cases of the filter, all pages; what a spreadsheet would run as a formula is defused."""
    if kind not in ("csv", "xlsx"):
        raise HTTPException(404, "csv or xlsx")
    wanted = asked(desk, request.query_params)
    frames: list[pl.DataFrame] = []
    after: str | None = None
    with desk.journal.reading() as session:
        while sum(frame.height for frame in frames) < MOST_EXPORTED:
            page = case_page(
                session, wanted.wanted, sort=wanted.sort, descending=wanted.descending, after=after, limit=500
            )
            frames.append(page.rows)
            after = page.after
            if after is None:
                break
    rows = desk.shown(who, with_names(desk, pl.concat(frames)))
    schema: dict[str, Any] = {**frames[0].schema, "who": pl.String, "text": pl.String}
    frame = defused(pl.DataFrame(rows, schema=schema, orient="row"))
    desk.log_read(who, f"export {kind} {wanted.address[:200]} ({frame.height} cases)")
    headers = {"content-disposition": f'attachment; filename="cases.{kind}"'}
    if kind == "csv":
        return Response("\ufeff" + frame.write_csv(), media_type="text/csv; charset=utf-8", headers=headers)
    out = io.BytesIO()
    frame.write_excel(out, worksheet="cases", autofit=True)
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Response(out.getvalue(), media_type=media, headers=headers)


# --- in and out ---


@router.get("/sign-in")
def sign_in_page(request: Request, desk: DeskOf) -> Response:
    if not desk.has_users() and desk.takes_passwords:
        return render(request, "set_up_first.html")
    return render(request, "sign_in.html", name="", fault=None, told="")


@router.post("/sign-in")
def sign_in(request: Request, desk: DeskOf, fields: FieldsOf) -> Response:
    name = fields.get("user", "")[:200]
    try:
        token, _ = check(desk, request, name, fields.get("password", "")[:1000])
    except HTTPException as exc:
        page = render(
            request,
            "sign_in.html",
            status=exc.status_code,
            name=name,
            fault=exc.status_code,
            told="",
        )
        page.headers.update(exc.headers or {})
        return page
    answer = back("/")
    give_cookie(answer, desk, token)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, desk: DeskOf, who: Viewer) -> Response:
    desk.sessions.end(request.cookies.get("tieout_session"))
    answer = back("/sign-in")
    take_cookie(answer, desk)
    return answer


@router.get("/set-up")
def set_up_page(request: Request, desk: DeskOf, token: str = "") -> Response:
    if desk.setup_token is None:
        raise Forbidden("the first person is there already; sign in")
    return render(request, "set_up.html", token=token, name="", fault=None, shortest=SHORTEST)


@router.post("/set-up")
def set_up(request: Request, desk: DeskOf, fields: FieldsOf) -> Response:
    name, password = fields.get("user", "").strip(), fields.get("password", "")
    try:
        if password != fields.get("again", ""):
            raise TieoutError("the two passwords differ / 两次输入的密码不一致")
        first_person(desk, fields.get("token", ""), name, password)
    except TieoutError as exc:
        status = 403 if isinstance(exc, Forbidden) else 422
        token = fields.get("token", "")
        return render(request, "set_up.html", status=status, token=token, name=name, fault=str(exc), shortest=SHORTEST)
    token, _ = desk.sessions.begin(name)
    answer = back("/")
    give_cookie(answer, desk, token)
    return answer


@router.get("/language/{lang}")
def choose_language(lang: str, to: str = "/") -> Response:
    answer = back(to)
    if lang in ("en", "zh"):
        answer.set_cookie(LANG, lang, max_age=31_536_000, httponly=True, samesite="strict")
    return answer
