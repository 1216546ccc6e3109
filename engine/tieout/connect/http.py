"""The one door to HTTP: TLS, time limits, retries with jitter, Retry-After, rate limits, a circuit breaker, a masked log.

``Http`` is one outside system; ERPs and platforms alike are called through it. It knows neither invoices nor YAML.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import tenacity
from circuitbreaker import CircuitBreaker

from tieout.connect.http_auth import Auth, Request
from tieout.connect.http_json import decoded, encoded
from tieout.connect.mask import masked_body, masked_headers, masked_text, masked_url
from tieout.model.errors import RemoteError, SourceError

__all__ = ["Http", "Policy", "Reply"]

_LOG = logging.getLogger("tieout.http")
SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
# Refused before anything was done: the request may be sent again whatever it asked for.
NOT_PROCESSED = frozenset({408, 425, 429, 503})
UNCLEAR = frozenset({500, 502, 504})


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient we are with an outside system."""

    attempts: int = 5
    wait_s: float = 0.5
    """The first wait; each further one is drawn between 0 and twice the bound before (full jitter)."""
    longest_wait_s: float = 60
    total_s: float = 300
    """No further attempt begins after that."""
    connect_s: float = 10
    read_s: float = 60
    rates: tuple[tuple[int, float], ...] = ()
    """(requests, seconds) pairs that are never exceeded."""
    breaker_failures: int = 8
    breaker_rest_s: int = 30
    most_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered, with a status below 400."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str = ""
    seconds: float = 0.0

    def json(self) -> Any:
        """The body's JSON with Decimals. Raises RemoteError (perhaps processed) where it is none."""
        try:
            return decoded(self.content) if self.content.strip() else None
        except ValueError as exc:
            raise RemoteError(
                f"{masked_url(self.url)}: answered {self.status} with something that is no JSON",
                status=self.status,
                content=self.content,
                perhaps_processed=True,
            ) from exc


class _Refused(Exception):
    """One attempt that failed, with what is known of it."""

    def __init__(self, error: RemoteError, *, again: bool, wait_s: float | None = None, broken: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.again, self.wait_s, self.broken = error, again, wait_s, broken


@dataclass
class _Rates:
    """Waits until one more request is within every rate."""

    rates: tuple[tuple[int, float], ...]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    lock: threading.Lock = field(default_factory=threading.Lock)
    sent: list[deque[float]] = field(default_factory=list)

    def wait(self) -> None:
        if not self.rates:
            return
        with self.lock:
            self.sent = self.sent or [deque(maxlen=count) for count, _ in self.rates]
            for (count, seconds), times in zip(self.rates, self.sent, strict=True):
                if len(times) == count and (rest := times[0] + seconds - self.clock()) > 0:
                    self.sleep(rest)
            for times in self.sent:
                times.append(self.clock())


class Http:
    """One outside system, called from any number of threads.

    base_url: https, or http on loopback only. verify: True, or a file with the certificates to trust; never False.
    transport: stands in for the network in tests. log: gets each masked exchange; by default the logger tieout.http.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        auth: Auth | None = None,
        policy: Policy | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        log: Callable[[Mapping[str, Any]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        transport: Any = None,
    ) -> None:
        if not verify:
            raise SourceError(f"{name}: certificates are always verified; name the file of your own authority instead")
        self.name, self.base_url, self.auth = name, base_url.rstrip("/") + "/", auth
        self.policy = policy or Policy()
        self._headers = dict(headers or {})
        self._log, self._clock, self._sleep = log or _logged, clock, sleep
        self._rates = _Rates(self.policy.rates, clock, sleep)
        self._breaker = CircuitBreaker(
            failure_threshold=self.policy.breaker_failures,
            recovery_timeout=self.policy.breaker_rest_s,
            expected_exception=lambda _, exc: isinstance(exc, _Refused) and exc.broken,
            name=name,
        )
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._verify, self._transport = verify, transport
        _require_tls(name, self.base_url)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        auth: bool = True,
    ) -> Reply:
        """The reply, after as many attempts as the policy and ``repeatable`` allow.

        path: below base_url, or a whole URL; to another host no proof of ours goes. repeatable: whether the request may be sent again when
        it is not known whether it was processed; by default only for methods that change nothing twice.
        Raises RemoteError for a status of 400 and more, and where there was no answer.
        """
        method = method.upper()
        url = urljoin(self.base_url, path.lstrip("/") if "://" not in path else path)
        _require_tls(self.name, url)
        if json is not None:
            content, kind = encoded(json), "application/json"
        elif form is not None:
            content, kind = str(httpx.QueryParams(dict(form))).encode(), "application/x-www-form-urlencoded"
        else:
            kind = ""
        given = {"Accept": "application/json", **self._headers, **({"Content-Type": kind} if kind else {})}
        given |= {name: value for name, value in (headers or {}).items() if value is not None}
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        again = method in SAFE if repeatable is None else repeatable
        auth = auth and urlsplit(url).netloc == urlsplit(self.base_url).netloc

        def attempt() -> Reply:
            request = Request(method, url, dict(given), dict(asked), content)
            if auth and self.auth:
                self.auth.apply(request)
            return self._once(request, again)

        try:
            return self._retried(attempt, renewable=auth)
        except _Refused as exc:
            raise exc.error from exc.__cause__

    def _retried(self, attempt: Callable[[], Reply], *, renewable: bool) -> Reply:
        renewed = False

        def guarded() -> Reply:
            nonlocal renewed
            if self._breaker.opened:
                seconds = max(1, self._breaker.open_remaining)
                raise _Refused(
                    RemoteError(f"{self.name}: too many failures in a row; not called again for {seconds} s"),
                    again=False,
                )
            try:
                return self._breaker.call(attempt)  # type: ignore[no-any-return]  # circuitbreaker has no types
            except _Refused as exc:
                if exc.error.status == 401 and renewable and not renewed and self.auth and self.auth.renew():
                    renewed = True
                    return self._breaker.call(attempt)  # type: ignore[no-any-return]  # circuitbreaker has no types
                raise

        policy = self.policy
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda exc: isinstance(exc, _Refused) and exc.again),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(policy.attempts), tenacity.stop_before_delay(policy.total_s)
            ),
            wait=_wait(policy),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(guarded)

    def _once(self, request: Request, again: bool) -> Reply:
        self._rates.wait()
        started = self._clock()
        try:
            with self._opened().stream(
                request.method,
                request.url,
                params=request.query or None,
                headers=request.headers,
                content=request.content or None,
            ) as response:
                body = self._body(response)
                status, headers, url = response.status_code, dict(response.headers), str(response.url)
        except httpx.HTTPError as exc:
            # Where the connection could not even be made, nothing was asked; else we cannot know.
            unsent = isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            why = masked_text(str(exc)) or type(exc).__name__
            self._tell(request, started, error=why)
            error = RemoteError(f"{self.name}: no answer: {why}", perhaps_processed=not unsent)
            raise _Refused(error, again=unsent or again, broken=True) from exc
        reply = Reply(status, headers, body, url, self._clock() - started)
        self._tell(request, started, reply=reply)
        if 300 <= status < 400:
            error = RemoteError(f"{self.name}: redirects are not followed", status=status, content=body)
            raise _Refused(error, again=False)
        if status >= 400:
            unclear = status in UNCLEAR or status > 504
            error = RemoteError(
                f"{self.name}: {request.method} {urlsplit(url).path} was answered with {status}",
                status=status,
                content=body,
                perhaps_processed=unclear,
            )
            raise _Refused(
                error,
                again=status in NOT_PROCESSED or (unclear and again),
                wait_s=_retry_after(headers.get("retry-after")),
                broken=status >= 500,
            )
        return reply

    def _body(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self.policy.most_bytes:
                raise httpx.DecodingError(f"the answer is larger than {self.policy.most_bytes} bytes")
            parts.append(part)
        return b"".join(parts)

    def _opened(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                policy = self.policy
                self._client = httpx.Client(
                    timeout=httpx.Timeout(policy.read_s, connect=policy.connect_s),
                    verify=_trusted(self._verify if isinstance(self._verify, str) else None),
                    transport=self._transport,
                    limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
                    trust_env=not _is_loopback(self.base_url),
                )
            return self._client

    def _tell(self, request: Request, started: float, *, reply: Reply | None = None, error: str = "") -> None:
        if self._log is _logged and not _LOG.isEnabledFor(logging.INFO):
            return
        record: dict[str, Any] = {
            "system": self.name,
            "method": request.method,
            "url": masked_url(str(httpx.URL(request.url, params=request.query or None))),
            "headers": masked_headers(request.headers),
            "body": masked_body(request.content, request.headers.get("Content-Type", "")),
            "seconds": f"{self._clock() - started:.3f}",
        }
        if reply:
            record |= {
                "status": reply.status,
                "reply_headers": masked_headers(reply.headers),
                "reply": masked_body(reply.content, reply.headers.get("content-type", "")),
            }
        self._log(record | ({"error": error} if error else {}))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> Http:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# --- small parts ---


@cache
def _trusted(authority: str | None) -> ssl.SSLContext:
    """The certificates to trust: the usual ones, or those of the file; read once, for it takes a while."""
    try:
        return ssl.create_default_context(cafile=authority) if authority else httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as exc:
        raise SourceError(f"{authority}: the certificates cannot be read: {exc}") from exc


def _wait(policy: Policy) -> Callable[[tenacity.RetryCallState], float]:
    jittered = tenacity.wait_random_exponential(multiplier=policy.wait_s, max=policy.longest_wait_s)

    def wait(state: tenacity.RetryCallState) -> float:
        failed = state.outcome.exception() if state.outcome else None
        told = failed.wait_s if isinstance(failed, _Refused) else None
        return jittered(state) if told is None else told

    return wait


def _retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header, which names them or a date; the date is read against the reply's own."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _require_tls(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(url)):
        raise SourceError(f"{name}: {masked_url(url)} must start with https:// (http:// only on this machine)")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _logged(record: Mapping[str, Any]) -> None:
    _LOG.info("%s", encoded(dict(record)).decode())
