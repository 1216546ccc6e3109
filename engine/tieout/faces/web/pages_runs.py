"""The pages of runs: the list, one run with its findings by rule, and a finding's invoice with its lines and place in the file."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from tieout.faces.web import overview
from tieout.faces.web.charts import parts
from tieout.faces.web.doors import DeskOf, Viewer
from tieout.faces.web.excerpt import excerpt
from tieout.faces.web.shell import render
from tieout.model.errors import NotFound
from tieout.model.records import Query

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
PAGE = 100


@router.get("/runs")
def runs(request: Request, desk: DeskOf, who: Viewer) -> HTMLResponse:
    return render(request, "runs.html", who=who, runs=[(name, desk.manifest(name)) for name in desk.runs()[:200]])


@router.get("/runs/{run_id}")
def run(run_id: str, request: Request, desk: DeskOf, who: Viewer) -> HTMLResponse:
    manifest = desk.manifest(run_id)
    with desk.run(run_id) as store:
        rules = store.fetch(
            Query(
                "findings by rule",
                "select rule, pack, severity, count(*) as n, count(distinct object_id) as objects, min(message) as message, "
                "arg_min(message_zh, message) as message_zh from finding group by rule, pack, severity "
                "order by case severity when 'fatal' then 0 when 'warning' then 1 else 2 end, n desc, rule",
            )
        ).to_dicts()
        files = store.fetch(
            Query(
                "files",
                "select document_id, source_name, mapping, status, row_count from document order by status <> 'read' desc, document_id limit 400",
            )
        ).to_dicts()
    return render(
        request,
        "run.html",
        who=who,
        run_id=run_id,
        manifest=manifest,
        rules=desk.shown(who, rules),
        files=files,
        shares=[
            (each, parts(each.counts), parts(each.amounts)) for each in overview.shares(manifest["control_totals"])
        ],
    )


@router.get("/runs/{run_id}/findings")
def findings(run_id: str, request: Request, desk: DeskOf, who: Viewer, rule: str = "", page: int = 1) -> HTMLResponse:
    page = min(max(page, 1), 100_000)
    with desk.run(run_id) as store:
        values = {"rule": rule, "most": PAGE, "start": (page - 1) * PAGE}
        rows = store.fetch(
            Query(
                "findings of a rule",
                "select * from finding where rule = $rule order by finding_no limit $most offset $start",
                values,
            )
        ).to_dicts()
        total = store.scalar(Query("findings", "select count(*) from finding where rule = $rule", {"rule": rule}))
    if not total:
        raise NotFound(f"rule {rule[:80]} found nothing in this run")
    desk.log_read(who, f"run {run_id} findings {rule}")
    return render(
        request,
        "findings.html",
        who=who,
        run_id=run_id,
        rule=rule,
        rows=desk.shown(who, rows),
        total=total,
        page=page,
        pages=-(-total // PAGE),
    )


@router.get("/runs/{run_id}/object")
def thing(run_id: str, request: Request, desk: DeskOf, who: Viewer, id: str, line: int = 0) -> HTMLResponse:
    """An invoice (or what else a finding is about): its values, its lines, its findings, and the place in the file."""
    with desk.run(run_id) as store:
        invoice = store.fetch(Query("invoice", "select * from invoice where invoice_id = $id", {"id": id})).to_dicts()
        lines = store.fetch(
            Query("lines", "select * from invoice_line where invoice_id = $id order by row_no", {"id": id})
        ).to_dicts()
        vat = store.fetch(
            Query("vat", "select * from vat_breakdown where invoice_id = $id order by row_no", {"id": id})
        ).to_dicts()
        found = store.fetch(
            Query(
                "findings of an object",
                "select * from finding where object_id = $id order by finding_no limit 200",
                {"id": id},
            )
        ).to_dicts()
        known = store.fetch(Query("files", "select document_id, sha256 from document order by document_id"))
    if not invoice and not found:
        raise NotFound(f"{id[:80]}: no invoice or finding of this run")
    source = (invoice or found)[0].get("source") or ""
    at = line or next((each["line"] for each in found if each["line"]), 1)
    hashes = dict(known.iter_rows())
    places = excerpt(desk.home.folder, str(source), hashes.get(str(source)), at, marks={e["line"] for e in found})
    desk.log_read(who, f"run {run_id} object {id[:200]}")
    if not who.sees_accounts:
        places = desk.shown(who, places)
    return render(
        request,
        "object.html",
        who=who,
        run_id=run_id,
        id=id,
        invoice=desk.shown(who, invoice[0]) if invoice else None,
        lines=desk.shown(who, lines),
        vat=vat,
        findings=desk.shown(who, found),
        source=source,
        at=at,
        places=places,
    )
