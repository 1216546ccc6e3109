"""The pages of the rules: the catalogue, one rule, the numbers of a plan, and the box to try other values in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from tieout.faces.web import rules as catalogue
from tieout.faces.web.doors import Clerk, DeskOf, FieldsOf, Viewer
from tieout.faces.web.shell import render
from tieout.model.errors import NotFound, TieoutError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
PAGE = 100


@router.get("/rules")
def rules(
    request: Request, desk: DeskOf, who: Viewer, q: str = "", pack: str = "", hits: str = "", page: int = 1
) -> HTMLResponse:
    found = catalogue.listed(desk, text=q[:200], pack=pack, hits_only=bool(hits))
    found.sort(key=lambda each: (-each.hits, each.rule_set.pack, each.rule.id))
    page = min(max(page, 1), -(-len(found) // PAGE) or 1)
    packs = sorted({each.rule_set.pack for each in catalogue.listed(desk)})
    return render(
        request,
        "rules.html",
        who=who,
        rules=found[(page - 1) * PAGE : page * PAGE],
        total=len(found),
        page=page,
        pages=-(-len(found) // PAGE),
        packs=packs,
        plans=catalogue.plans(desk),
        q=q,
        pack=pack,
        hits=hits,
    )


@router.get("/rules/{rule_id}")
def rule(rule_id: str, request: Request, desk: DeskOf, who: Viewer) -> HTMLResponse:
    return render(request, "rule.html", who=who, rule=catalogue.shown(desk, rule_id), trial=None, fault=None, given={})


@router.post("/rules/{rule_id}")
def try_rule(rule_id: str, request: Request, desk: DeskOf, who: Clerk, fields: FieldsOf) -> HTMLResponse:
    shown = catalogue.shown(desk, rule_id)
    given = fields.starting("value:")
    trial, fault = _try(desk, rule_id, given)
    return render(request, "rule.html", who=who, rule=shown, trial=trial, fault=fault, given=given)


@router.get("/plans/{plan_id}")
def plan(plan_id: str, request: Request, desk: DeskOf, who: Viewer) -> HTMLResponse:
    found = catalogue.plans(desk).get(plan_id)
    if found is None:
        raise NotFound(f"there is no match plan {plan_id[:80]}")
    return render(
        request, "plan.html", who=who, plan=found, numbers=catalogue.numbers(found), trial=None, fault=None, given={}
    )


@router.post("/plans/{plan_id}")
def try_plan(plan_id: str, request: Request, desk: DeskOf, who: Clerk, fields: FieldsOf) -> HTMLResponse:
    found = catalogue.plans(desk).get(plan_id)
    if found is None:
        raise NotFound(f"there is no match plan {plan_id[:80]}")
    given = fields.starting("value:")
    trial, fault = _try(desk, f"plan:{plan_id}", given)
    return render(
        request,
        "plan.html",
        who=who,
        plan=found,
        numbers=catalogue.numbers(found),
        trial=trial,
        fault=fault,
        given=given,
    )


def _try(desk: DeskOf, name: str, given: dict[str, str]) -> tuple[catalogue.Trial | None, str | None]:
    try:
        return catalogue.tried(desk, name, given), None
    except TieoutError as exc:
        return None, str(exc)
