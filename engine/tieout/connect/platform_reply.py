"""What a platform answered, as its file says how to read it: outcomes, refusals, legal documents, signed callbacks.

Asks nothing itself; called by ``connect.platform`` with a context: what a request was made of, and the reply.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import fnmatch
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from tieout.connect.http import Reply
from tieout.connect.http_json import decoded
from tieout.connect.template import filled, filled_text, holds
from tieout.model.errors import RemoteError, SourceError
from tieout.model.platforms import Callback, Outcome, PlatformPlan, Received

__all__ = ["Context", "Replies"]

Context = dict[str, Any]
_SIGN_IN = frozenset({401, 403})
_NOT_TAKEN = frozenset({408, 425, 429, 503})
_REFUSALS = (("duplicate", "duplicate"), ("not_found", "not_found"), ("again", "postponed"))


class Replies:
    """The replies of one platform."""

    def __init__(self, name: str, plan: PlatformPlan) -> None:
        self.name, self.plan = name, plan

    def after(self, reply: Reply, context: Context, operation: Mapping[str, Any]) -> Context:
        """The context with the reply: its JSON, and its bytes as ``content``.

        Raises RemoteError (perhaps processed) where JSON is wanted and something else came: nothing follows from that.
        """
        body: Any = None
        if reply.content.strip()[:1] in (b"{", b"[") or "json" in reply.headers.get("content-type", ""):
            body = reply.json()
        elif reply.content and "reply" in str([operation.get(key) for key in ("answer", "rows", "lists")]):
            raise self._unclear(f"answered {reply.status} with something that is no JSON", reply)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return {**context, "reply": body, "headers": headers, "status_code": reply.status, "content": reply.content}

    def rows(self, operation: Mapping[str, Any], after: Context) -> list[Any]:
        """The list of a reply. Raises RemoteError where there is none, for that is not the same as an empty one."""
        rows = filled(operation["rows"], after)
        if not isinstance(rows, list):
            raise self._unclear("the reply has no list where one must be")
        return rows

    def outcome(self, operation: Mapping[str, Any], after: Context, *, status: str | None = None) -> Outcome:
        answer = operation.get("answer", {})
        word = filled_text(answer.get("status"), after) if status is None else status
        if status is None and "status" in answer and not word:
            raise self._unclear("the reply has no status where one must be")
        known = {
            key: filled_text(answer.get(key), after)
            for key in ("platform_id", "document_number", "message", "at", "key")
        }
        known["at"] = _utc(known["at"])
        if "platform_id" in answer and not known["platform_id"] and self._state(word) in ("delivered", "accepted"):
            raise self._unclear("the reply does not name the document")
        return Outcome(self._state(word), code=filled_text(answer.get("code"), after) or word, **known)

    def listed(self, operation: Mapping[str, Any], after: Context) -> list[Outcome]:
        rows = self.rows(operation, after) if "rows" in operation else []
        found = [self.outcome(operation, {**after, "row": row}) for row in rows]
        for part in operation.get("lists", ()):
            for row in filled(part["rows"], after) or ():
                found.append(self.outcome(operation, {**after, "row": row}, status=part["status"]))
        return found

    def document(self, reply: Reply, context: Context, operation: Mapping[str, Any], *, name: str) -> Received | None:
        """The document that a reply is or holds; None where it holds none.

        Raises RemoteError where XML was asked for and something else came, such as a page of a proxy.
        """
        answer = operation.get("answer", {})
        if "content" in answer:
            content = filled(answer["content"], self.after(reply, context, operation))
            return Received(name, content if isinstance(content, bytes) else str(content).encode()) if content else None
        kind = reply.headers.get("content-type", "").partition(";")[0].strip() or "application/xml"
        wanted = str(operation.get("headers", {}).get("Accept", ""))
        if "xml" in wanted and ("html" in kind or reply.content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<"):
            raise self._unclear(f"answered {reply.status} with {kind} instead of a document", reply)
        return Received(name, reply.content, kind) if reply.content else None

    # --- refusals ---

    def is_refusal(self, after: Context) -> bool:
        return "when" in self.plan.errors and holds(self.plan.errors["when"], after)

    def said_no(self, after: Context) -> Outcome:
        """A refusal in a reply whose HTTP status is good."""
        code, message = self.words(after)
        for kind, state in _REFUSALS:
            if self._named(code, kind):
                return Outcome(state, code=code, message=message)
        if self._named(code, "sign_in"):
            raise RemoteError(f"{self.name}: {message or code}", status=401)
        return Outcome("rejected", code=code, message=message)

    def refused(self, exc: RemoteError, context: Context) -> Outcome:
        """A refusal by HTTP status, or no answer."""
        body: Any = None
        with contextlib.suppress(ValueError):
            body = decoded(exc.content) if exc.content.strip() else None
        after = {**context, "reply": body, "status_code": exc.status, "headers": {}, "content": exc.content}
        code, message = self.words(after)
        status = str(exc.status or "")
        for kind, state in _REFUSALS:
            if self._named(code, kind) or self._named(status, kind):
                return Outcome(state, code=code or status, message=message)
        if exc.status in _SIGN_IN or self._named(code, "sign_in"):
            raise RemoteError(f"{self.name}: {message or exc.message}", status=exc.status, content=exc.content) from exc
        if exc.perhaps_processed:
            return Outcome("unknown", code=code or status, message=message or exc.message)
        if exc.status is None or exc.status in _NOT_TAKEN:
            return Outcome("postponed", code=status, message=message or exc.message)
        state = "not_found" if exc.status == 404 else "rejected"
        return Outcome(state, code=code or status, message=message or exc.message)

    def words(self, after: Context) -> tuple[str, str]:
        """The platform's own code and words of a refusal."""
        errors = self.plan.errors
        try:
            return filled_text(errors.get("code"), after), filled_text(errors.get("message"), after)[:2000]
        except SourceError:
            return "", ""

    # --- what it sends by itself ---

    def callback(
        self, context: Context, headers: Mapping[str, str], body: bytes, *, now: Callable[[], dt.datetime]
    ) -> Callback:
        """A message the platform sent by itself. Raises RemoteError where its signature, age or content does not hold."""
        plan = self.plan.callback
        if not plan:
            raise RemoteError(f"{self.name}: this platform sends no callbacks")
        lower = {name.lower(): value for name, value in headers.items()}
        context = context | {"headers": lower, "request": {"body": body.decode("utf-8", "replace")}}
        signature = plan["signature"]
        given = lower.get(signature["header"].lower(), "").removeprefix(signature.get("prefix", ""))
        key = filled_text(signature["key"], context)
        if not key:
            raise RemoteError(f"{self.name}: there is no key to prove callbacks with")
        signed = filled_text(signature["text"], context).encode()
        digest = hmac.new(key.encode(), signed, signature.get("algorithm", "sha256")).digest()
        expected = digest.hex() if signature.get("encoding") == "hex" else base64.b64encode(digest).decode()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise RemoteError(f"{self.name}: the callback's signature does not hold", status=401)
        if "time" in plan:
            self._fresh(filled_text(plan["time"], context), now(), int(plan.get("within_s", 300)))
        try:
            reply = decoded(body)
        except ValueError as exc:
            raise RemoteError(f"{self.name}: the callback is no JSON", status=400) from exc
        after = {**context, "reply": reply, "callback": reply}
        identity = filled_text(plan.get("id"), after) or hashlib.sha256(body).hexdigest()
        return Callback(identity, self.outcome({"answer": plan["answer"]}, after))

    def _fresh(self, signed_at: str, now: dt.datetime, within_s: int) -> None:
        try:
            age = abs(now.timestamp() - float(signed_at))
        except ValueError as exc:
            raise RemoteError(f"{self.name}: the callback does not say when it was signed", status=400) from exc
        if not age <= within_s:  # also a time that is no number
            raise RemoteError(f"{self.name}: the callback was signed {age:.0f} s from now", status=401)

    # --- small parts ---

    def _state(self, word: str) -> str:
        """Our state for the platform's word; delivered (and so asked again) for a word its file does not know."""
        for state, words in self.plan.statuses.items():
            if word in words:
                return state
        for state, words in self.plan.statuses.items():
            if any(fnmatch.fnmatchcase(word, each) for each in words if "*" in each or "?" in each):
                return state
        return "delivered"

    def _named(self, code: str, kind: str) -> bool:
        return bool(code) and code in {str(each) for each in self.plan.errors.get(kind, ())}

    def _unclear(self, words: str, reply: Reply | None = None) -> RemoteError:
        return RemoteError(
            f"{self.name}: {words}",
            status=reply.status if reply else 200,
            content=reply.content if reply else b"",
            perhaps_processed=True,
        )


def _utc(text: str) -> str:
    """An ISO time as UTC, so that times compare as texts; empty where it is none."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return ""
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
