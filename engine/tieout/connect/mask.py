"""What a log may keep of a request or reply: secrets and personal data are replaced, documents become their hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tieout.model.masking import accounts_in

__all__ = ["masked_body", "masked_headers", "masked_text", "masked_url"]

HIDDEN = "***"
LONGEST = 4000

_SECRET = re.compile(
    r"secret|token|passw|authori[sz]ation|cookie|signature|api[-_]?key|app[-_]?key|credential|assertion|sign$|session",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"e?mail|phone|mobile|tel$|telnum|iban|accno|account|bank|addr|birth|passport|idnum|contact|^name$|"
    r"(buyer|seller|customer|party|payer|payee|person|first|last|full|clerk|drawer)_?name|drawer|clerk|payee",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_BEARER = re.compile(r"\b(Bearer|Basic|Session)\s+[A-Za-z0-9+/=._-]+")
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{120,}")


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers; credentials are hidden."""
    return {name: HIDDEN if _SECRET.search(name) else masked_text(value) for name, value in headers.items()}


def masked_url(url: str) -> str:
    """The URL; values of secret or personal parameters and a password in it are hidden."""
    parts = urlsplit(url)
    query = urlencode(
        [(name, HIDDEN if _hidden(name) else value) for name, value in parse_qsl(parts.query, keep_blank_values=True)],
        safe="*",
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def masked_body(content: bytes, media_type: str) -> str:
    """JSON and forms with secret and personal values hidden; of anything else its size and hash."""
    if not content:
        return ""
    kind = media_type.partition(";")[0].strip().lower()
    try:
        if kind.endswith("json"):
            return _short(json.dumps(_masked(json.loads(content)), ensure_ascii=False))
        if kind == "application/x-www-form-urlencoded":
            pairs = parse_qsl(content.decode(), keep_blank_values=True)
            return _short(urlencode([(name, HIDDEN if _hidden(name) else value) for name, value in pairs], safe="*"))
    except (ValueError, RecursionError):
        pass
    return f"<{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:16]}>"


def masked_text(text: str) -> str:
    """Free text without account numbers, mail addresses, bearer tokens and long encoded blobs."""
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _BLOB.sub(lambda m: f"<{len(m[0])} characters>", text)
    return _MAIL.sub(HIDDEN, accounts_in(text, digits=8, hide=lambda _: HIDDEN))


def _hidden(name: str) -> bool:
    return bool(_SECRET.search(name) or _PERSONAL.search(name))


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, name) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if name and _hidden(name):
        return HIDDEN
    return masked_text(value) if isinstance(value, str) else value


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... <{len(text)} characters>"
