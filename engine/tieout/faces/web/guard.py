"""What every request passes before anything else looks at it: host, size, origin; and the headers every answer carries."""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MOST_BYTES", "Guard"]

MOST_BYTES = 1_000_000
_TOO_LARGE = f"a request has at most {MOST_BYTES:,} bytes"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class Guard:
    """Refuses foreign hosts and origins and large bodies; adds the security headers to every answer.

    hosts: the names the server answers to, without port. secure: whether browsers reach it by https.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], secure: bool, elsewhere: Collection[str] = ()) -> None:
        self.app = app
        self.hosts = frozenset(hosts)
        self.secure = secure
        self.elsewhere = tuple(elsewhere)
        """Paths that other machines post to with a signature of their own, such as webhooks: no origin is asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        fault = self._fault(scope, headers)
        if fault:
            await self._refuse(scope, send, *fault)
            return
        await self.app(scope, _limited(receive), self._sending(scope, send))

    def _fault(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            return 421, "this server does not answer to that host name; 'tieout serve --host-name NAME' adds one"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return 413, _TOO_LARGE
        if scope["method"] not in _SAFE and not scope["path"].startswith(self.elsewhere or ("\0",)):
            origin = headers.get("origin")
            site = headers.get("sec-fetch-site")
            if (origin is not None and urlsplit(origin).netloc != host) or site not in (None, "same-origin", "none"):
                return 403, "this request came from another site"
        return None

    def _sending(self, scope: Scope, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                self._add(scope, headers)
            await send(message)

        return with_headers

    def _add(self, scope: Scope, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        if self.secure:
            headers.setdefault("strict-transport-security", "max-age=31536000")
        kept = scope["path"].startswith("/static/")
        headers.setdefault("cache-control", "max-age=3600" if kept else "no-store")

    async def _refuse(self, scope: Scope, send: Send, status: int, text: str) -> None:
        body = json.dumps({"error": text}).encode()
        start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        }
        await self._sending(scope, send)(start)
        await send({"type": "http.response.body", "body": body})


def _limited(receive: Receive) -> Receive:
    """The body, which ends at the limit even where no length was announced."""
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited


def _name(host: str) -> str:
    """The host without its port, in lower case; of an IPv6 address what stands in the brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
