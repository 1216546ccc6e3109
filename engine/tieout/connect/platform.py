"""A platform as its file describes it, spoken to over HTTP: implements ``model.platforms.Platform``. Knows no platform."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tieout.connect.http import Http, Policy, Reply
from tieout.connect.http_auth import ApiKey, Auth, Basic, Bearer, FileTokens, Hmac, Request, Token, client_credentials
from tieout.connect.platform_reply import Context, Replies
from tieout.connect.template import filled, filled_path, filled_text, holds
from tieout.model.errors import RemoteError
from tieout.model.platforms import Callback, Outcome, Parcel, PlatformPlan, Received

__all__ = ["HttpPlatform"]

MOST_PAGES = 10_000
MOST_ASKED = 60


class HttpPlatform:
    """One platform with its settings, ready to be asked.

    now: the wall clock, for what a platform wants to be told of the time. tokens: where rationed tokens are kept.
    """

    def __init__(
        self,
        name: str,
        plan: PlatformPlan,
        *,
        base_url: str = "",
        settings: Mapping[str, str] | None = None,
        verify: bool | str = True,
        log: Callable[[Mapping[str, Any]], None] | None = None,
        tokens: Path | None = None,
        policy: Policy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        transport: Any = None,
    ) -> None:
        self.name, self.plan, self.settings = name, plan, dict(settings or {})
        self.replies = Replies(name, plan)
        self.batch = int(plan.limits.get("batch", 1))
        self.parallel = int(plan.limits.get("parallel", 4))
        self.settle_s = float(plan.operations.get("lookup", {}).get("settle_s", 0))
        self.most_bytes = int(plan.limits.get("document_bytes", 0))
        self.repeat_is_safe = plan.idempotency.get("repeat") == "safe"
        self._now, self._sleep = now, sleep
        limits = plan.limits
        self._policy = policy or Policy(
            attempts=int(limits.get("attempts", 5)),
            read_s=float(limits.get("answer_s", 60)),
            rates=tuple((int(each["requests"]), float(each["seconds"])) for each in limits.get("rates", ())),
        )
        options: dict[str, Any] = {"policy": self._policy, "verify": verify, "sleep": sleep, "transport": transport}
        if log:
            options["log"] = log
        base = base_url or plan.base_url
        self._bare = Http(name, base, **{**options, "policy": Policy(attempts=self._policy.attempts)})
        self.http = Http(name, base, auth=self._auth(tokens), **options)
        self._lock = threading.Lock()
        self._session: Context | None = None
        self._session_until = 0.0

    def close(self) -> None:
        if self._session is not None and "close" in self.plan.operations:
            with contextlib.suppress(RemoteError):
                self._ask("close", {"session": self._session}, repeatable=True)
            self._session = None
        self.http.close()
        self._bare.close()

    def can(self, operation: str) -> bool:
        return operation in self.plan.operations

    # --- signing in ---

    def _auth(self, tokens: Path | None) -> Auth | None:
        auth, context = self.plan.auth, self._context()

        def text(key: str, default: str = "") -> str:
            return filled_text(auth.get(key, default), context)

        kept = FileTokens(tokens) if tokens and auth.get("keep") else None
        match auth["kind"]:
            case "oauth2_client_credentials":
                return client_credentials(
                    self._bare,
                    text("token_url"),
                    client_id=text("client_id"),
                    client_secret=text("client_secret"),
                    scope=text("scope"),
                    extra={key: filled_text(each, context) for key, each in auth.get("extra", {}).items()},
                    method=auth.get("method", "client_secret_basic"),
                    kept=kept,
                )
            case "api_key":
                place = "header" if "header" in auth else "query"
                return ApiKey(text("value"), str(auth[place]), place)
            case "basic":
                return Basic(text("user"), text("password"))
            case "hmac":
                return Hmac(
                    text("key"), auth["header"], self._signed, auth.get("algorithm", "sha256"), auth.get("encoding", "base64")
                )  # fmt: skip
            case "steps":
                return Bearer(self._signed_in, kept=kept, key=f"{self.name} {self.http_key}")
        return None

    @property
    def http_key(self) -> str:
        return hashlib.sha256(repr(sorted(self.settings.items())).encode()).hexdigest()[:16]

    def _signed(self, request: Request) -> str:
        """Adds what a signature covers, and gives the text that is signed."""
        auth, context = self.plan.auth, self._context()
        for key, value in auth.get("add_headers", {}).items():
            request.headers[key] = filled_text(value, context)
        for key, value in auth.get("add_query", {}).items():
            request.query[key] = filled_text(value, context)
        sent = {"body": request.content.decode("utf-8", "replace"), "method": request.method}
        path = request.url.removeprefix(self.http.base_url.rstrip("/"))
        return filled_text(auth["text"], {**context, "request": {**sent, "path": path}})

    def _signed_in(self) -> Token:
        context = self._steps(self.plan.auth["steps"], self._context(), self._bare)
        token = filled_text(self.plan.auth["token"], context)
        if not token:
            raise RemoteError(f"{self.name}: signing in led to no token")
        return Token(token, float(self.plan.auth.get("lives_s", 300)))

    def _steps(self, steps: Sequence[Mapping[str, Any]], context: Context, http: Http) -> Context:
        """Does the steps one after the other; each one's reply is known by its name to the ones after."""
        for step in steps:
            kept = {key: filled(each, context) for key, each in step.get("keep", {}).items()}
            context = {**context, step["name"]: kept}
            if "path" not in step:
                continue
            for _ in range(MOST_ASKED):
                reply = self._send(step, context, http, repeatable=True)
                body = reply.json()
                context[step["name"]] = {**kept, **body} if isinstance(body, dict) else body
                after = {**context, "reply": body}
                if holds(step.get("fails"), after):
                    raise RemoteError(f"{self.name}: the step '{step['name']}' failed: {self.replies.words(after)[1]}")
                if "until" not in step or holds(step["until"], after):
                    break
                self._sleep(1)
            else:
                raise RemoteError(f"{self.name}: the step '{step['name']}' did not end")
        return context

    def session(self) -> str:
        """What must be known of the session to look a document up later; empty where there are no sessions."""
        opening = self.plan.operations.get("open")
        if not opening:
            return ""
        with self._lock:
            if self._session is None or time.monotonic() > self._session_until:
                self._session = self._steps(opening["steps"], self._context(), self.http)
                self._session_until = time.monotonic() + float(opening.get("lives_s", 3600))
            context = {**self._session, "session": self._session}
        return filled_text(opening.get("remember"), context)

    # --- the operations ---

    def submit(self, parcels: Sequence[Parcel]) -> Sequence[Outcome]:
        """What the platform says of each document, in their order; raises RemoteError where it is about none of them."""
        operation = self.plan.operations["submit"]
        context = self._context(parcels[0]) | {"documents": [_document(each) for each in parcels]}
        if self._session is not None:
            context["session"] = self._session
        too_large = self.most_bytes and next((p for p in parcels if len(p.content) > self.most_bytes), None)
        if too_large:
            words = f"the document has {len(too_large.content):,} bytes; the platform takes {self.most_bytes:,}"
            return [Outcome("rejected", message=words, code="too_large") for _ in parcels]
        headers = {}
        if name := self.plan.idempotency.get("header"):
            headers[name] = parcels[0].idempotency_key if len(parcels) == 1 else _joint_key(parcels)
        try:
            reply = self._send(operation, context, self.http, repeatable=self.repeat_is_safe, headers=headers)
            after = self.replies.after(reply, context, operation)
            if self.replies.is_refusal(after):
                return [self.replies.said_no(after)] * len(parcels)
            if "rows" not in operation and "lists" not in operation:
                return [self.replies.outcome(operation, after)] * len(parcels)
            listed = {each.key: each for each in self.replies.listed(operation, after)}
        except RemoteError as exc:
            return [self.replies.refused(exc, context)] * len(parcels)
        missing = Outcome("unknown", message="the reply does not name the document")
        return [listed.get(parcel.invoice_number, missing) for parcel in parcels]

    def poll(self, parcel: Parcel) -> Outcome:
        return self._one("poll", parcel)

    def lookup(self, parcel: Parcel) -> Outcome:
        """What the platform knows of a document of which we do not know whether it arrived; not_found where nothing."""
        return self._one("lookup", parcel)

    def cancel(self, parcel: Parcel, reason: str) -> Outcome:
        return self._one("cancel", parcel, reason=reason)

    def _one(self, name: str, parcel: Parcel, **extra: Any) -> Outcome:
        operation = self.plan.operations[name]
        context = {**self._context(parcel), **extra}
        try:
            for after in self._pages(name, context):
                if self.replies.is_refusal(after):
                    return self.replies.said_no(after)
                if "rows" not in operation:
                    return self.replies.outcome(operation, after)
                for row in self.replies.rows(operation, after):
                    if "row" not in operation or holds(operation["row"], {**after, "row": row}):
                        return self.replies.outcome(operation, {**after, "row": row})
        except RemoteError as exc:
            return self.replies.refused(exc, context)
        return Outcome("not_found")

    def changes(self, cursor: str) -> Iterator[tuple[Sequence[Outcome], str]]:
        """What changed since the cursor, page by page, each with the cursor after it."""
        operation = self.plan.operations["changes"]
        for after in self._pages("changes", self._context() | {"cursor": self._start(operation, cursor)}):
            listed = self.replies.listed(operation, after)
            yield listed, filled_text(operation.get("cursor"), after) or cursor

    def inbox(self, cursor: str) -> Iterator[tuple[Sequence[Received], str]]:
        """The documents that came for us since the cursor, page by page, each page with the cursor after it."""
        operation = self.plan.operations["inbox"]
        for after in self._pages("inbox", self._context() | {"cursor": self._start(operation, cursor)}):
            found = []
            for row in self.replies.rows(operation, after):
                at = {**after, "row": row}
                identity = filled_text(operation["answer"]["platform_id"], at)
                content = filled(operation["answer"].get("content"), at)
                if content is None:
                    fetched = self.replies.document(
                        self._ask("fetch", at), at, self.plan.operations["fetch"], name=identity
                    )
                    content = fetched.content if fetched else b""
                found.append(Received(identity, _as_bytes(content)))
            yield found, filled_text(operation.get("cursor"), after) or cursor

    def document(self, parcel: Parcel) -> Received | None:
        """The legal document of a submission that was accepted; None where the platform has none of its own."""
        if not self.can("document"):
            return None
        context = self._context(parcel)
        reply = self._ask("document", context)
        return self.replies.document(reply, context, self.plan.operations["document"], name=parcel.platform_id)

    def callback(self, headers: Mapping[str, str], body: bytes) -> Callback:
        """A message the platform sent by itself. Raises RemoteError where its signature, age or content does not hold."""
        return self.replies.callback(self._context(), headers, body, now=self._now)

    # --- requests ---

    def _context(self, parcel: Parcel | None = None) -> Context:
        now = self._now().astimezone(dt.UTC)
        context: Context = {
            "settings": self.settings,
            "nonce": secrets.token_hex(8),
            "time": {
                "iso": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
                "unix": int(now.timestamp()),
                "unix_ms": int(now.timestamp() * 1000),
            },
            "page": {"number": 0, "offset": 0, "cursor": None, "size": None},
        }
        if parcel:
            context["document"] = _document(parcel)
            context["transmission"] = {
                "platform_id": parcel.platform_id,
                "session": parcel.session,
                "idempotency_key": parcel.idempotency_key,
                "document_number": parcel.document_number,
            }
        return context

    def _send(
        self,
        operation: Mapping[str, Any],
        context: Context,
        http: Http,
        *,
        repeatable: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        body = filled(operation["json"], context) if "json" in operation else None
        content = filled(operation["content"], context) if "content" in operation else b""
        return http.call(
            operation.get("method", "GET"),
            filled_path(operation["path"], context),
            query=_filled_fields(operation.get("query"), context),
            headers={**_filled_fields(operation.get("headers"), context), **(headers or {})},
            json=body,
            form=_filled_fields(operation["form"], context) if "form" in operation else None,
            content=_as_bytes(content),
            repeatable=repeatable,
        )

    def _ask(self, name: str, context: Context, *, repeatable: bool = True) -> Reply:
        return self._send(self.plan.operations[name], context, self.http, repeatable=repeatable)

    def _pages(self, name: str, context: Context) -> Iterator[Context]:
        """The context after each page of a list; of one page where there is no paging."""
        operation = self.plan.operations[name]
        paging = operation.get("paging")
        page = {"number": 0, "offset": 0, "cursor": None, "size": (paging or {}).get("size")}
        for _ in range(MOST_PAGES):
            at = {**context, "page": page}
            after = self.replies.after(self._ask(name, at), at, operation)
            yield after
            if not paging:
                return
            rows = filled(operation["rows"], after) if "rows" in operation else []
            cursor = filled(paging["next"], after) if "next" in paging else None
            more = holds(paging["more"], after) if "more" in paging else bool(cursor)
            if not more or (cursor is not None and cursor == page["cursor"]):
                return
            page = {
                **page,
                "number": int(page["number"] or 0) + 1,
                "offset": int(page["offset"] or 0) + len(rows or ()),
                "cursor": cursor,
            }

    def _start(self, operation: Mapping[str, Any], cursor: str) -> Any:
        return cursor or filled(operation.get("start"), self._context())


def _filled_fields(fields: Mapping[str, Any] | None, context: Context) -> dict[str, str]:
    made = {name: filled(each, context) for name, each in (fields or {}).items()}
    return {name: str(each) for name, each in made.items() if each is not None}


def _document(parcel: Parcel) -> Context:
    invoice = next(iter(parcel.rows.get("invoice", ())), {})
    return {
        "id": parcel.document_id,
        "number": parcel.invoice_number,
        "content": parcel.content,
        "media_type": parcel.media_type,
        "sha256": parcel.sha256,
        "idempotency_key": parcel.idempotency_key,
        "invoice": dict(invoice),
        **{table: [dict(row) for row in rows] for table, rows in parcel.rows.items() if table != "invoice"},
    }


def _joint_key(parcels: Sequence[Parcel]) -> str:
    return hashlib.sha256("".join(each.idempotency_key for each in parcels).encode()).hexdigest()[:32]


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode()
