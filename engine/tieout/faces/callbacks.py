"""Messages that platforms send by themselves: one route that the web face mounts, each message proved before it is read.

POST /{platform}: 202 taken, 200 a copy or no news, 401 not proved or too old, 400 unreadable, 404 no such platform,
413 too large. Nothing of a refused message is kept, and the answer says no more than its status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from tieout import exchange
from tieout.model.errors import RemoteError, StoreError, TieoutError
from tieout.store.journal import Journal
from tieout.workspace import Workspace

__all__ = ["router"]

LARGEST = 1_000_000
_LOG = logging.getLogger("tieout.callbacks")


def router(workspace: Workspace, journal: Callable[[], AbstractContextManager[Journal]], **options: Any) -> Router:
    """The route, for ``Mount("/callbacks", router(...))``. journal: opens the workspace's journal for one message.

    options go to the platform, such as ``now`` in tests.
    """

    def take(name: str, headers: dict[str, str], body: bytes) -> int:
        if name not in {link.name for link in workspace.platforms}:
            return 404
        try:
            with journal() as opened:
                return 202 if exchange.hear(workspace, opened, name, headers, body, **options) else 200
        except RemoteError as exc:
            _LOG.warning("%s", exc.message)
            return exc.status if exc.status in (400, 401) else 400
        except StoreError as exc:
            _LOG.error("%s", exc.message)
            return 503
        except TieoutError as exc:
            _LOG.warning("%s", exc.message)
            return 400

    async def callback(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return Response(status_code=413)
        status = await run_in_threadpool(take, request.path_params["platform"], dict(request.headers), body)
        return Response(status_code=status)

    return Router(routes=[Route("/{platform}", callback, methods=["POST"])])
