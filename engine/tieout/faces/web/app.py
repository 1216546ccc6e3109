"""The workbench put together: routes, guards, and what becomes of mistakes. ``make_app`` is all that others call."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as BaseHTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

import tieout
from tieout.faces.web import api, pages, pages_case, pages_people, pages_rules, pages_runs
from tieout.faces.web.desk import Desk
from tieout.faces.web.doors import SignedOut
from tieout.faces.web.guard import Guard
from tieout.faces.web.shell import render_error
from tieout.model.errors import Forbidden, NotFound, SourceError, StoreError, TieoutError

__all__ = ["make_app"]

ROUTERS = tuple(each.router for each in (api, pages, pages_case, pages_runs, pages_rules, pages_people))
_WEBHOOKS = "/api/v1/webhooks"
"""Below it, requests carry a signature of the sender instead of a session: no origin is asked for."""


def make_app(
    desk: Desk, *, hosts: Collection[str] = ("127.0.0.1", "localhost", "::1"), callbacks: ASGIApp | None = None
) -> FastAPI:
    """The application over a desk. hosts: the names it answers to. callbacks: takes what platforms send by themselves."""
    app = FastAPI(
        title="tieout",
        version=tieout.__version__,
        description=(api.__doc__ or "").strip(),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = desk
    for router in ROUTERS:
        app.include_router(router)
    if desk.openid is not None:
        from tieout.faces.web import openid  # Authlib is loaded only where somebody signs in by a provider

        app.include_router(openid.router)
    if callbacks is not None:
        app.mount(_WEBHOOKS, callbacks)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.add_middleware(Guard, hosts=hosts, secure=desk.secure, elsewhere=(f"{_WEBHOOKS}/",))
    for kind, status in ((Forbidden, 403), (NotFound, 404), (SourceError, 503), (StoreError, 503), (TieoutError, 422)):
        app.add_exception_handler(kind, _told(status))
    app.add_exception_handler(BaseHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SignedOut, _signed_out)
    app.add_exception_handler(Exception, _internal)
    return app


def _told(status: int) -> Any:
    def handler(request: Request, exc: Exception) -> Response:
        return _answer(request, status, str(exc))

    return handler


def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, BaseHTTPException)
    return _answer(request, exc.status_code, str(exc.detail), dict(exc.headers or {}))


def _invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first = exc.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return _answer(request, 422, f"{place}: {first['msg']}" if place else str(first["msg"]))


def _signed_out(request: Request, exc: Exception) -> Response:
    if _is_api(request):
        return _answer(
            request, 401, "nobody is signed in (any more); POST /api/v1/session", {"www-authenticate": "Bearer"}
        )
    return RedirectResponse("/sign-in", 303)


def _internal(request: Request, exc: Exception) -> Response:
    return _answer(request, 500, f"internal error, please report it: {type(exc).__name__}")


def _answer(request: Request, status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    if _is_api(request):
        return api.Json({"error": text}, status_code=status, headers=headers)
    return render_error(request, status, text, headers)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")
