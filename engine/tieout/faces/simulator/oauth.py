"""The test platform's token endpoint: Authlib's authorization server, client credentials only, one client."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tieout.faces.simulator.desk import Desk

__all__ = ["TokenEndpoint"]


class _Client(ClientMixin):  # type: ignore[misc]
    """The one client, who knows the desk's secret."""

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id, self.secret = client_id, secret

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        return scope or "all"

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - as Authlib calls it
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def check_response_type(self, response_type: str) -> bool:  # noqa: ARG002 - as Authlib calls it
        return False


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, desk: Desk, lives_s: int) -> None:
        super().__init__(scopes_supported=None)
        self.desk = desk
        self.lives_s = lives_s
        generator = BearerTokenGenerator(_token, expires_generator=lambda *_: self.lives_s)
        self.register_token_generator("default", generator)
        self.register_grant(_Grant)

    def query_client(self, client_id: str) -> _Client:
        return _Client(client_id, self.desk.secret)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:  # noqa: ARG002 - as Authlib calls it
        self.desk.tokens[token["access_token"]] = time.monotonic() + self.lives_s
        self.desk.note("token")

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        return JSONResponse(body, status_code=status, headers=dict(headers))


def _token(*_: Any, **__: Any) -> str:
    import secrets

    return secrets.token_urlsafe(24)


class TokenEndpoint:
    """POST /oauth/token, and the check of a bearer."""

    def __init__(self, desk: Desk, lives_s: int = 3600) -> None:
        self.desk, self.server = desk, _Server(desk, lives_s)

    async def give(self, request: Request) -> Response:
        """Answers a request for a token."""
        form = dict(parse_qsl((await request.body()).decode()))
        asked = OAuth2Request(request.method, str(request.url), headers=_titled(request))
        asked.payload = BasicOAuth2Payload(form)
        asked._body = form  # what Authlib reads a secret in the form from
        response: Response = self.server.create_token_response(asked)
        return response

    def holds(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and self.desk.tokens.get(token, 0.0) > time.monotonic()


def _titled(request: Request) -> dict[str, str]:
    return {name.title(): value for name, value in request.headers.items()}
