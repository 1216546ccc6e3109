"""An OpenID provider on loopback for tests: signs whoever it is told to in, and lies where it is told to."""

import base64
import contextlib
import json
import secrets
import socket
import threading
import time
from urllib.parse import parse_qsl, urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

CLIENT, SECRET = "tieout", "a secret of the provider"


class Provider:
    """What it says of the person (``claims``), and the lies it tells: other metadata, other keys, no check of PKCE."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, parameters={"kid": "k1"})
        self.claims = {"sub": "1", "email": "carl@firm.example", "email_verified": True}
        self.lies = {}
        self.metadata_lies = {}
        self.userinfo = None
        self.sign_with = None
        self.alg = "RS256"
        self.asked = {}
        self.calls = []
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
                Route("/userinfo", self.tell),
            ]
        )

    async def metadata(self, _):
        self.calls.append("metadata")
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        more = {} if self.userinfo is None else {"userinfo_endpoint": f"{self.issuer}/userinfo"}
        return JSONResponse(said | more | self.metadata_lies)

    async def tell(self, request):
        self.calls.append("userinfo")
        assert request.headers["authorization"] == f"Bearer {self.given}"
        return JSONResponse(self.userinfo, 200 if isinstance(self.userinfo, dict) else 500)

    async def keys(self, _):
        self.calls.append("keys")
        return JSONResponse({"keys": [self.key.as_dict(private=False, use="sig", alg="RS256")]})

    async def authorize(self, request):
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.asked[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def token(self, request):
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.asked.pop(form["code"], None)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        known = scheme == "Basic" and base64.b64decode(given).decode().replace(
            "+", " "
        ) == f"{CLIENT}:{SECRET}".replace("+", " ")
        if not known or asked is None or create_s256_code_challenge(form["code_verifier"]) != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        own = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {name: value for name, value in {**own, **self.claims, **self.lies}.items() if value is not None}
        header = {"alg": self.alg, "kid": "k1"}
        algorithms = [self.alg]
        if self.alg == "none":
            parts = (json.dumps(each).encode() for each in (header, claims))
            signed = ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts) + "."
        else:
            signed = jwt.encode(header, claims, self.sign_with or self.key, algorithms=algorithms)
        self.given = secrets.token_urlsafe(8)
        return JSONResponse({"access_token": self.given, "token_type": "Bearer", "id_token": signed, "expires_in": 300})

    def shared_secret_key(self):
        return OctKey.import_key(SECRET)


@contextlib.contextmanager
def provider():
    """A provider that listens."""
    made = Provider()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(made.app, log_level="error", access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield made
        server.should_exit = True
        thread.join(20)
