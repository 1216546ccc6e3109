"""The test platform as an ASGI application and as a server on loopback, with its faults in front of every profile."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tieout.faces.simulator.desk import FAULTS, Desk, Fault, Held
from tieout.faces.simulator.ksef import Ksef
from tieout.faces.simulator.oauth import TokenEndpoint
from tieout.faces.simulator.profiles import myinvois, nuonuo, peppol

__all__ = ["application", "serve", "served", "tell"]


class _Faults:
    """Does to a request what the desk was told to do; token endpoints and the control are left alone."""

    def __init__(self, app: Any, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/_") or path.endswith("/token"):
            await self.app(scope, receive, send)
            return
        fault = self.desk.fault(path)
        if fault is None:
            await self.app(scope, receive, send)
            return
        self.desk.note(f"fault {fault.kind}", path=path)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self.app(scope, receive, send)
        elif fault.kind == "429":
            headers = {"Retry-After": str(int(fault.seconds)) if fault.seconds >= 1 else "0"}
            await JSONResponse({"error": {"code": "busy"}}, 429, headers)(scope, receive, send)
        elif fault.kind == "500":
            await Response("out of order", 500)(scope, receive, send)
        elif fault.kind == "expire_token":
            self.desk.tokens.clear()
            await self.app(scope, receive, send)
        else:
            # Processed, and then the answer is lost, mangled or a lie.
            await self.app(scope, receive, _swallow)
            if fault.kind == "drop":
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
                await send({"type": "http.response.body", "body": b"{", "more_body": True})
            elif fault.kind == "garbage":
                await Response("<html>good morning</html>", 200, media_type="text/html")(scope, receive, send)
            else:
                await Response("out of order", 500)(scope, receive, send)


async def _swallow(_: Any) -> None:
    pass


def application(desk: Desk, *, token_lives_s: int = 3600) -> Any:
    """The ASGI application with all profiles, and its control under /_."""
    tokens = TokenEndpoint(desk, token_lives_s)

    async def control(request: Request) -> Response:
        told = await request.json()
        wrong = [each for each in told.get("faults", []) if each.get("kind") not in FAULTS]
        if wrong or told.get("callbacks", "once") not in ("once", "lose", "double"):
            return JSONResponse({"error": f"faults are {', '.join(FAULTS)}; callbacks once, lose or double"}, 400)
        desk.faults += [Fault(**each) for each in told.get("faults", [])]
        for name in ("callbacks", "callback_url", "change_mind", "index_lag_s"):
            if name in told:
                setattr(desk, name, told[name])
        for each in told.get("inbox", []):
            desk.inbox.append(Held(each["id"], "inbox", each["id"], each["content"].encode(), received_at=desk.at()))
        desk.judged()
        if told.get("send_callbacks"):
            desk.note("callbacks", sent=await asyncio.to_thread(tell, desk))
        return JSONResponse({"ok": True})

    async def state(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
        counts: dict[str, int] = {}
        for held in desk.held.values():
            counts[held.state] = counts.get(held.state, 0) + 1
        return JSONResponse({"documents": counts, "doubles": desk.doubles, "calls": desk.calls})

    routes = [
        *peppol(desk, tokens),
        *myinvois(desk, tokens),
        *nuonuo(desk),
        *Ksef(desk).routes(),
        Route("/_control", control, methods=["POST"]),
        Route("/_state", state),
    ]
    return _Faults(Starlette(routes=routes), desk)


def tell(desk: Desk) -> int:
    """Sends the callbacks that are due, as the desk was told: once, doubled or lost; how many arrived."""
    arrived = 0
    for held, copies in desk.to_tell():
        for _ in range(copies if desk.callback_url else 0):
            status = {"accepted": "delivered"}.get(held.state, held.state)
            facts = {"event_id": f"ev-{held.changed}", "id": held.id, "status": status, "message": held.message}
            body = json.dumps(facts | {"changed_at": held.changed_at}).encode()
            at = str(int(desk.now().timestamp()))
            signature = hmac.new(desk.secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers = {"X-Signature": signature, "X-Timestamp": at, "Content-Type": "application/json"}
            request = urllib.request.Request(desk.callback_url, body, headers, method="POST")  # noqa: S310 - loopback
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):  # noqa: S310
                arrived += 1
    return arrived


def _server(desk: Desk, **options: Any) -> uvicorn.Server:
    # Its log would be full of what was asked for: answers cut off in the middle.
    app = application(desk, **options)
    return uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))


def _listening() -> socket.socket:
    # Said to be TCP, asyncio sends each answer at once; else every one waits 40 ms for an acknowledgement.
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)


def serve(desk: Desk, port: int, **options: Any) -> None:
    """Serves on loopback until it is stopped. Raises OSError where the port is taken."""
    with _listening() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        _server(desk, **options).run(sockets=[listening])


@contextlib.contextmanager
def served(desk: Desk, **options: Any) -> Iterator[str]:
    """A server in a thread on a free port of loopback, while the block runs; its address."""
    listening = _listening()
    listening.bind(("127.0.0.1", 0))
    server = _server(desk, **options)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()
