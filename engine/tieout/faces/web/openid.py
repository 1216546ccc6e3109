"""Signing in by an OpenID provider: the authorization code flow with state, nonce and PKCE, spoken by Authlib.

Ends, like a password, in ``sessions.begin`` for a person the journal knows. What waits for the provider's answer is kept
in memory and opened once, by a cookie of the browser that asked.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from joserfc.errors import JoseError
from starlette.responses import Response

from tieout.faces.web.desk import Desk
from tieout.faces.web.doors import DeskOf
from tieout.faces.web.shell import render
from tieout.faces.web.sign_in import give_cookie
from tieout.model.errors import Forbidden, SourceError, TieoutError
from tieout.store import people
from tieout.workspace import filled

__all__ = ["Provider", "router"]

COOKIE = "tieout_sign_in"
PLACE = "/sign-in"
WAITS = dt.timedelta(minutes=10)
MOST_WAITING = 1000
LEEWAY_S = 60
TIMEOUT_S = 10
# A signature the provider alone can make: never one by a secret that is shared with it, never none.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOCAL = {"localhost", "127.0.0.1", "::1"}

router = APIRouter(include_in_schema=False)


@dataclass
class Provider:
    """The provider of ``sign_in: openid:``, and who is on the way to it."""

    settings: Mapping[str, Any]
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    _waiting: dict[str, tuple[dt.datetime, dict[str, Any]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Raises SourceError where the secret's name is not set."""
        secret = self.settings.get("client_secret")
        self._client = OAuth().register(
            "openid",
            client_id=self.settings["client_id"],
            client_secret=filled(secret) if secret else None,
            server_metadata_url=f"{self.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": " ".join(self.settings.get("scopes", ("openid", "email", "profile"))),
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_S,
                "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
            },
        )

    @property
    def issuer(self) -> str:
        return str(self.settings["issuer"])

    @property
    def label(self) -> str:
        return str(self.settings.get("label") or urlsplit(self.issuer).hostname or self.issuer)

    async def begin(self, request: Request, back: str) -> tuple[Response, str]:
        """The way to the provider, and the token of a cookie that its answer must come with."""
        await self._known()
        kept: dict[str, Any] = {}
        request.scope["session"] = kept
        answer: Response = await self._client.authorize_redirect(request, back)
        token, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            self._waiting = {key: each for key, each in self._waiting.items() if now < each[0]}
            while len(self._waiting) >= MOST_WAITING:
                del self._waiting[min(self._waiting, key=lambda key: self._waiting[key][0])]
            self._waiting[token] = (now + WAITS, kept)
        return answer, token

    async def claims(self, request: Request, token: str | None) -> Mapping[str, Any]:
        """What the provider says of the person, checked. Raises Forbidden where the answer does not hold."""
        with self._lock:
            until, kept = self._waiting.pop(token or "", (None, {}))
        if until is None or self.clock() >= until:
            raise Forbidden("this answer was used already, came too late, or belongs to another browser; sign in again")
        if request.query_params.get("iss") not in (None, self.issuer):
            raise Forbidden("the answer came from another provider")
        request.scope["session"] = kept
        await self._known()
        try:
            answer = await self._client.authorize_access_token(
                request,
                leeway=LEEWAY_S,
                claims_options={
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self.settings["client_id"]},
                },
            )
        except (OAuthError, JoseError, ValueError, KeyError) as exc:
            told = getattr(exc, "error", None) or type(exc).__name__
            raise Forbidden(f"the provider's answer does not hold ({str(told)[:60]})") from exc
        except Exception as exc:
            raise _away(exc) from exc
        claims: Mapping[str, Any] | None = answer.get("userinfo")
        if not claims:
            raise Forbidden("the provider's answer has no identity in it")
        return claims if self._says_all(claims) else await self._asked(claims, answer)

    def _says_all(self, claims: Mapping[str, Any]) -> bool:
        name = self.settings.get("name_claim", "email")
        wanted = [name, *(["email_verified"] if name == "email" else [])]
        whole = all(each in claims for each in wanted)
        return whole and ("role_claim" not in self.settings or self._roles(claims) is not None)

    async def _asked(self, claims: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The signed claims, and what they lack as the provider's userinfo endpoint says it; that never overrules them.

        Raises Forbidden where the endpoint speaks of another person (OpenID Connect Core 1.0, 5.3.2).
        """
        said = await self._client.load_server_metadata()
        if not said.get("userinfo_endpoint"):
            return claims
        try:
            more = await self._client.userinfo(token=answer)
        except Exception as exc:
            raise _away(exc) from exc
        if not isinstance(more, Mapping) or more.get("sub") != claims.get("sub"):
            raise Forbidden("the provider's userinfo is of another person")
        # Whether an address is verified is said of that address, not of the one that the token names.
        same = "email" not in claims or claims["email"] == more.get("email")
        return {key: each for key, each in more.items() if key != "email_verified" or same} | dict(claims)

    async def _known(self) -> None:
        """Reads what the provider says of itself, once. Raises SourceError where it is away or is another one."""
        try:
            said = await self._client.load_server_metadata()
        except Exception as exc:
            raise _away(exc) from exc
        faults = [] if said.get("issuer") == self.issuer else ["it names another issuer"]
        if urlsplit(self.issuer).hostname not in _LOCAL:
            used = (*_ENDPOINTS, *(["userinfo_endpoint"] if said.get("userinfo_endpoint") else []))
            faults += [f"{name} is not https" for name in used if not str(said.get(name, "")).startswith("https:")]
        algorithms = [
            each for each in said.get("id_token_signing_alg_values_supported", ["RS256"]) if each in _ALGORITHMS
        ]
        if faults or not algorithms:
            said.clear()
            raise SourceError(f"sign_in: {self.issuer}: {'; '.join(faults) or 'it signs in no way that is accepted'}")
        said["id_token_signing_alg_values_supported"] = algorithms

    # --- from claims to a person of the workspace ---

    def person(self, claims: Mapping[str, Any]) -> str:
        """The name the claims stand for. Raises Forbidden where there is none, or an address nobody has verified."""
        claim = self.settings.get("name_claim", "email")
        name = claims.get(claim)
        if not isinstance(name, str) or not name.strip():
            raise Forbidden(f"the provider does not say '{claim}' of this person")
        if claim == "email":
            if claims.get("email_verified") is not True:
                raise Forbidden("the provider has not verified this mail address")
            name = name.lower()
        return name.strip()

    def role(self, claims: Mapping[str, Any]) -> str | None:
        """The highest role that the role claim gives; None where roles are kept in the workspace. Raises Forbidden for none."""
        if "role_claim" not in self.settings:
            return None
        said = self._roles(claims)
        said = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        given = {self.settings["roles"].get(each) for each in said if isinstance(each, str)}
        found = [role for role in people.ROLES if role in given]
        if not found:
            raise Forbidden("the provider gives this person no role here")
        return found[-1]

    def _roles(self, claims: Mapping[str, Any]) -> Any:
        """What stands at the role claim; None where nothing does."""
        said: Any = claims
        for part in str(self.settings["role_claim"]).split("."):
            said = said.get(part) if isinstance(said, Mapping) else None
        return said


def _away(exc: Exception) -> SourceError:
    return SourceError(f"the sign-in provider does not answer ({type(exc).__name__}); try again later")


def _admitted(desk: Desk, provider: Provider, claims: Mapping[str, Any]) -> str:
    """The person, with the role that holds now. Raises Forbidden where the workspace does not know the person."""
    name, role = provider.person(claims), provider.role(claims)
    if role is not None:
        people.follow_provider(desk.journal, name, role, issuer=provider.issuer)
    elif desk.role(name) is None:
        raise Forbidden(f"{name} is no active user of this workspace; an admin adds people")
    return name


@router.get("/sign-in/openid")
async def begin(request: Request, desk: DeskOf) -> Response:
    provider = _provider(desk)
    address = provider.settings.get("address")
    place = f"{PLACE}/return"
    back = f"{address.rstrip('/')}{place}" if address else str(request.url.replace(path=place, query=""))
    try:
        answer, token = await provider.begin(request, back)
    except TieoutError as exc:
        return _refused(request, exc)
    # Lax: the provider sends the browser back from elsewhere, and the answer must come with this cookie.
    answer.set_cookie(
        COOKIE, token, max_age=int(WAITS.total_seconds()), path=PLACE, httponly=True, secure=desk.secure, samesite="lax"
    )
    return answer


@router.get("/sign-in/return")
async def come_back(request: Request, desk: DeskOf) -> Response:
    provider = _provider(desk)
    try:
        claims = await provider.claims(request, request.cookies.get(COOKIE))
        name = await run_in_threadpool(_admitted, desk, provider, claims)
    except TieoutError as exc:
        answer = _refused(request, exc)
    else:
        # A page that goes on by itself: a strict cookie is not sent along a redirect that began elsewhere.
        answer = render(request, "signed_in.html", name=name)
        give_cookie(answer, desk, desk.sessions.begin(name)[0])
    answer.delete_cookie(COOKIE, path=PLACE, httponly=True, secure=desk.secure, samesite="lax")
    return answer


def _provider(desk: Desk) -> Provider:
    if desk.openid is None:
        raise Forbidden("this workspace has no sign-in provider")
    return desk.openid


def _refused(request: Request, exc: TieoutError) -> Response:
    status = 403 if isinstance(exc, Forbidden) else 503
    return render(request, "sign_in.html", status=status, name="", fault=status, told=str(exc))
