"""Signing in with a name and a password, and making the first person. Called by the page and the API."""

from __future__ import annotations

import hmac

from fastapi import HTTPException, Request
from starlette.responses import Response

from tieout.faces.web.desk import Desk
from tieout.faces.web.gate import COOKIE, LONGEST, Session
from tieout.model.errors import Forbidden, TieoutError
from tieout.store import people

__all__ = ["SHORTEST", "check", "first_person", "give_cookie", "take_cookie"]

SHORTEST = 12


def check(desk: Desk, request: Request, user: str, password: str) -> tuple[str, Session]:
    """A session for the person. Raises HTTPException: 401 for a wrong name or password, 429 after too many,
    403 where passwords are not taken."""
    if not desk.takes_passwords:
        raise HTTPException(403, "passwords are not taken here; sign in by the provider")
    address = request.client.host if request.client else "?"
    wait = desk.attempts.wait_s(user, address)
    if wait:
        raise HTTPException(
            429, f"too many wrong passwords; try again in {-(-wait // 60)} minutes", headers={"retry-after": str(wait)}
        )
    if not people.check_password(desk.journal, user, password):
        desk.attempts.failed(user, address)
        raise HTTPException(401, "the name or the password is wrong")
    desk.attempts.succeeded(user)
    return desk.sessions.begin(user)


def first_person(desk: Desk, token: str, name: str, password: str) -> None:
    """Makes the first admin, once, for whoever has the link from the terminal."""
    wanted = desk.setup_token
    if wanted is None or not hmac.compare_digest(wanted.encode(), token.encode()):
        raise Forbidden("this set-up link does not hold (any more); 'tieout serve' prints one while there are no users")
    if len(password) < SHORTEST:
        raise TieoutError(f"a password has at least {SHORTEST} signs")
    people.add_user(desk.journal, name, "admin", actor=name)
    people.set_password(desk.journal, name, password, actor=name)
    desk.setup_token = None


def give_cookie(response: Response, desk: Desk, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(LONGEST.total_seconds()), httponly=True, secure=desk.secure, samesite="strict"
    )


def take_cookie(response: Response, desk: Desk) -> None:
    response.delete_cookie(COOKIE, httponly=True, secure=desk.secure, samesite="strict")
