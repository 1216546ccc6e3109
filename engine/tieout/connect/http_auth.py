"""Who we say we are to another system: OAuth2 client credentials, a bearer from steps of its own, a key, a signature.

Each kind changes a request before it is sent and may renew itself once after a 401. No secret is ever part of an error.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tieout.model.errors import RemoteError

if TYPE_CHECKING:
    from tieout.connect.http import Http

__all__ = ["ApiKey", "Auth", "Basic", "Bearer", "FileTokens", "Hmac", "Request", "Token", "client_credentials"]

EARLY_S = 30
"""How long before its end a token is renewed."""


@dataclass
class Request:
    """What is about to be sent; an Auth may change it."""

    method: str
    url: str
    headers: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


class Auth(Protocol):
    """Proves to the other side who asks."""

    def apply(self, request: Request) -> None:
        """Adds the proof to the request."""
        ...

    def renew(self) -> bool:
        """After a 401: gets a new proof; False where there is no other one."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and how long it is good for, in seconds from when it was given."""

    value: str
    lives_s: float = 300


class FileTokens:
    """Tokens that outlive the process: one file only its owner can read. For platforms that ration tokens by day."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path, self._now = path, now

    def get(self, key: str) -> Token | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_text("utf-8"))[key]
            left = float(kept["until"]) - self._now()
            if left > EARLY_S:
                return Token(str(kept["token"]), left)
        return None

    def put(self, key: str, token: Token) -> None:
        kept: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(self._path.read_text("utf-8"))
        kept[key] = {"token": token.value, "until": self._now() + token.lives_s}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(kept), "utf-8")
        beside.replace(self._path)


class Bearer:
    """A bearer token that is fetched when first needed, kept, and fetched anew shortly before its end or after a 401.

    The end is counted on this machine's own monotonic clock, so that a clock that is set wrong changes nothing.
    kept, key: where a token outlives the process, and under which name.
    """

    def __init__(
        self,
        fetch: Callable[[], Token],
        *,
        header: str = "Authorization",
        scheme: str = "Bearer",
        clock: Callable[[], float] = time.monotonic,
        kept: FileTokens | None = None,
        key: str = "",
    ) -> None:
        self._fetch, self._header, self._scheme, self._clock = fetch, header, scheme, clock
        self._kept, self._key = kept, key
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._until = 0.0
        self._renewed_for = ""

    def apply(self, request: Request) -> None:
        value = self.token()
        request.headers[self._header] = f"{self._scheme} {value}".strip()

    def token(self) -> str:
        """The token in force, fetched where there is none or it is about to end."""
        with self._lock:
            if self._token is None and self._kept and (kept := self._kept.get(self._key)):
                self._keep(kept)
            if self._token is None or self._clock() >= self._until:
                self._refetch()
            assert self._token is not None
            return self._token.value

    def renew(self) -> bool:
        with self._lock:
            self._refetch()
            return True

    def _refetch(self) -> None:
        token = self._fetch()
        self._keep(token)
        if self._kept:
            self._kept.put(self._key, token)

    def _keep(self, token: Token) -> None:
        self._token = token
        self._until = self._clock() + token.lives_s - min(EARLY_S, token.lives_s / 10)


def client_credentials(
    http: Http,
    token_url: str,
    *,
    client_id: str,
    client_secret: str,
    scope: str = "",
    extra: dict[str, str] | None = None,
    method: str = "client_secret_basic",
    clock: Callable[[], float] = time.monotonic,
    kept: FileTokens | None = None,
) -> Bearer:
    """OAuth2 client credentials (RFC 6749, 4.4) by way of ``http``, an Http without auth of its own.

    method: client_secret_basic or client_secret_post. extra: further form fields, such as audience.
    """
    from authlib.oauth2.auth import ClientAuth
    from authlib.oauth2.rfc6749.parameters import prepare_token_request

    def fetch() -> Token:
        body = prepare_token_request("client_credentials", scope=scope or None, **(extra or {}))
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, headers, body = ClientAuth(client_id, client_secret, method).prepare("POST", token_url, headers, body)
        sent = {str(name): str(value) for name, value in headers.items() if name.lower() != "content-length"}
        reply = http.call("POST", url, headers=sent, content=body.encode(), repeatable=True)
        answer = reply.json()
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise RemoteError(f"{http.name}: the token endpoint gave no access_token", status=reply.status)
        return Token(str(answer["access_token"]), float(answer.get("expires_in") or 300))

    key = hashlib.sha256(f"{token_url} {client_id} {scope}".encode()).hexdigest()
    return Bearer(fetch, clock=clock, kept=kept, key=key)


@dataclass(frozen=True)
class ApiKey:
    """A key in a header or in the query."""

    value: str
    name: str = "X-API-Key"
    place: str = "header"

    def apply(self, request: Request) -> None:
        (request.headers if self.place == "header" else request.query)[self.name] = self.value

    def renew(self) -> bool:
        return False


@dataclass(frozen=True)
class Basic:
    """A user and a password (RFC 7617)."""

    user: str
    password: str

    def apply(self, request: Request) -> None:
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.headers["Authorization"] = f"Basic {pair}"

    def renew(self) -> bool:
        return False


@dataclass(frozen=True)
class Hmac:
    """A header with an HMAC over a text made of the request.

    prepare: adds what is signed (time, nonce, other headers and parameters) to the request and returns the text.
    inner: a second proof beside the signature, such as a token.
    """

    key: str
    header: str
    prepare: Callable[[Request], str]
    algorithm: str = "sha256"
    encoding: str = "base64"
    inner: Auth | None = None

    def apply(self, request: Request) -> None:
        if self.inner:
            self.inner.apply(request)
        text = self.prepare(request)
        digest = hmac.new(self.key.encode(), text.encode(), self.algorithm).digest()
        request.headers[self.header] = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()

    def renew(self) -> bool:
        return self.inner.renew() if self.inner else False
