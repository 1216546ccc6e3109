"""Who asks, for each route: the signed-in person, the role a route needs, the token of forms. FastAPI dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

from tieout.faces.web.desk import Desk, Who
from tieout.faces.web.gate import COOKIE

__all__ = ["Admin", "Approver", "Clerk", "DeskOf", "Fields", "FieldsOf", "SignedOut", "Viewer", "desk_of", "needs"]

_SAFE = {"GET", "HEAD", "OPTIONS"}
_MOST_FIELDS = 2000


class SignedOut(Exception):
    """Nobody is signed in, or no longer."""


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _token(request: Request) -> tuple[str | None, bool]:
    """The session's token, and whether it came by cookie."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return (bearer.strip(), False) if scheme.lower() == "bearer" else (request.cookies.get(COOKIE), True)


def signed_in(request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> Who:
    """Who asks. The role is read each time: who is disabled is out at once."""
    token, by_cookie = _token(request)
    session = desk.sessions.find(token)
    role = desk.role(session.user) if session else None
    if session is None or role is None:
        desk.sessions.end(token)
        raise SignedOut
    who = Who(session.user, role, session, by_cookie)
    request.state.who = who
    return who


class Fields(dict[str, str]):
    """The fields of a form; of a name that stands there several times all values under ``all``."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def starting(self, prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix): value for key, value in self._pairs if key.startswith(prefix)}


async def fields_of(request: Request) -> Fields:
    """The form that was posted."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "send a form")
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as exc:
        raise HTTPException(400, "the form cannot be read") from exc
    return Fields([(name, value.replace("\x00", "")) for name, value in pairs])


FieldsOf = Annotated[Fields, Depends(fields_of)]
DeskOf = Annotated[Desk, Depends(desk_of)]


def needs(role: str) -> Callable[..., Awaitable[Who]]:
    """A dependency that lets in who has the role, or one above it; what changes something needs the session's token too."""

    async def door(request: Request, who: Annotated[Who, Depends(signed_in)]) -> Who:
        if not who.may(role):
            raise HTTPException(403, f"this needs the role {role}; {who.name} is {who.role}")
        if who.by_cookie and request.method not in _SAFE:
            given = request.headers.get("x-csrf-token")
            if given is None and request.headers.get("content-type", "").startswith(
                "application/x-www-form-urlencoded"
            ):
                given = (await fields_of(request)).get("csrf")
            if not who.session.csrf_holds(given):
                raise HTTPException(403, "the form is too old or came from elsewhere; load the page again")
        return who

    return door


Viewer = Annotated[Who, Depends(needs("viewer"))]
Clerk = Annotated[Who, Depends(needs("clerk"))]
Approver = Annotated[Who, Depends(needs("approver"))]
Admin = Annotated[Who, Depends(needs("admin"))]
