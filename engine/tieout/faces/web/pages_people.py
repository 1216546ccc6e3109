"""The page of the people who may sign in (for admins), and one's own password."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse

from tieout.faces.web.doors import Admin, DeskOf, FieldsOf, Viewer
from tieout.faces.web.shell import back, note, render
from tieout.faces.web.sign_in import SHORTEST
from tieout.model.errors import TieoutError
from tieout.store import people

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/people")
def everybody(request: Request, desk: DeskOf, who: Admin) -> HTMLResponse:
    return render(
        request, "people.html", who=who, users=people.users(desk.journal), roles=people.ROLES, shortest=SHORTEST
    )


@router.post("/people")
def change(desk: DeskOf, who: Admin, fields: FieldsOf) -> RedirectResponse:
    name, act = fields.get("name", "").strip(), fields.get("act", "")
    try:
        if act == "add":
            password = fields.get("password", "")
            if password or desk.openid is None:
                _long_enough(password)
            people.add_user(desk.journal, name, fields.get("role", ""), actor=who.name)
            if password:
                people.set_password(desk.journal, name, password, actor=who.name)
        elif act == "role":
            people.set_role(desk.journal, name, fields.get("role", ""), actor=who.name)
        elif act == "disable":
            people.disable_user(desk.journal, name, actor=who.name)
            desk.sessions.end_all(name)
        elif act == "password":
            _long_enough(fields.get("password", ""))
            people.set_password(desk.journal, name, fields["password"], actor=who.name)
            desk.sessions.end_all(name)
        else:
            raise TieoutError("choose what to do")
        note(who, f"{name} ✓")
    except TieoutError as exc:
        note(who, str(exc), good=False)
    return back("/people")


@router.get("/password")
def password_page(request: Request, who: Viewer) -> HTMLResponse:
    return render(request, "password.html", who=who, shortest=SHORTEST)


@router.post("/password")
def password(desk: DeskOf, who: Viewer, fields: FieldsOf) -> RedirectResponse:
    try:
        if not people.check_password(desk.journal, who.name, fields.get("old", "")):
            raise TieoutError("the old password is wrong / 原密码不正确")
        if fields.get("password", "") != fields.get("again", ""):
            raise TieoutError("the two passwords differ / 两次输入的密码不一致")
        _long_enough(fields.get("password", ""))
        people.set_password(desk.journal, who.name, fields["password"], actor=who.name)
    except TieoutError as exc:
        note(who, str(exc), good=False)
        return back("/password")
    desk.sessions.end_all(who.name)
    return back("/sign-in")


def _long_enough(text: str) -> None:
    if len(text) < SHORTEST:
        raise TieoutError(f"a password has at least {SHORTEST} signs / 密码至少 {SHORTEST} 位")
