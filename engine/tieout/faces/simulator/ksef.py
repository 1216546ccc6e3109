"""KSeF 2.0 at the test platform: challenge, encrypted token, encrypted session, invoices, UPO; as its OpenAPI describes."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import secrets
import time
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tieout.faces.simulator.desk import Desk, Held

__all__ = ["Ksef"]

_CODES = {"received": (150, "Trwa przetwarzanie"), "accepted": (200, "Sukces"), "rejected": (450, "Błąd weryfikacji semantyki dokumentu faktury"), "cancelled": (550, "Operacja anulowana")}  # fmt: skip
_OAEP = rsa_padding.OAEP(mgf=rsa_padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def _reference(desk: Desk, kind: str) -> str:
    """A reference number of 36 signs: date, kind, ten, ten and two digits."""
    return (
        f"{desk.now():%Y%m%d}-{kind}-{secrets.token_hex(5).upper()}-{desk.serial():010X}-{secrets.token_hex(1).upper()}"
    )


@cache
def _identity() -> tuple[rsa.RSAPrivateKey, str]:
    """A key pair and its certificate (base64 DER), made once a process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tieout platform-sim")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return key, base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


class Ksef:
    """The endpoints, with a key pair and certificate of its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.key, self.certificate = _identity()
        self.challenges: dict[str, int] = {}

    def routes(self) -> list[Route]:
        at = "/ksef"
        session = f"{at}/sessions/{{session}}/invoices"
        return [
            Route(f"{at}/auth/challenge", self.challenge, methods=["POST"]),
            Route(f"{at}/security/public-key-certificates", self.certificates),
            Route(f"{at}/auth/ksef-token", self.sign_in, methods=["POST"]),
            Route(f"{at}/auth/token/redeem", self.redeem, methods=["POST"]),
            Route(f"{at}/auth/{{reference}}", self.signed_in),
            Route(f"{at}/sessions/online", self.open, methods=["POST"]),
            Route(f"{at}/sessions/online/{{session}}/invoices", self.send, methods=["POST"]),
            Route(f"{at}/sessions/online/{{session}}/close", self.close, methods=["POST"]),
            Route(session, self.list),
            Route(f"{session}/{{id}}", self.status),
            Route(f"{session}/{{id}}/upo", self.upo),
            Route(f"{at}/invoices/query/metadata", self.metadata, methods=["POST"]),
            Route(f"{at}/invoices/ksef/{{number}}", self.invoice),
        ]

    def _no(self, code: int, words: str, *details: str, status: int = 400) -> JSONResponse:
        listed = [{"exceptionCode": code, "exceptionDescription": words, "details": list(details)}]
        body = {"exception": {"exceptionDetailList": listed, "serviceCode": "SIM", "serviceCtx": "sim"}}
        return JSONResponse(body | {"timestamp": self.desk.at()} if status == 400 else body, status_code=status)

    def _may(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and self.desk.tokens.get(token, 0.0) > time.monotonic()

    def _later(self, seconds: int) -> str:
        return (self.desk.now() + dt.timedelta(seconds=seconds)).isoformat()

    async def challenge(self, request: Request) -> Response:  # noqa: ARG002 - as Starlette calls it
        challenge = _reference(self.desk, "CR")
        ms = int(self.desk.now().timestamp() * 1000)
        self.challenges[challenge] = ms
        body = {"challenge": challenge, "timestamp": self.desk.at(), "timestampMs": ms, "clientIp": "127.0.0.1"}
        return JSONResponse(body)

    async def certificates(self, request: Request) -> Response:  # noqa: ARG002 - as Starlette calls it
        digest = base64.b64encode(hashlib.sha256(self.certificate.encode()).digest()).decode()
        kinds = ("KsefTokenEncryption", "SymmetricKeyEncryption")
        return JSONResponse(
            [
                {
                    "certificate": self.certificate,
                    "certificateId": digest,
                    "publicKeyId": digest,
                    "validFrom": self._later(-86400),
                    "validTo": self._later(86400 * 30),
                    "usage": [kind],
                }
                for kind in kinds
            ]
        )

    async def sign_in(self, request: Request) -> Response:
        body = await request.json()
        ms = self.challenges.pop(body.get("challenge", ""), None)
        try:
            told = self.key.decrypt(base64.b64decode(body["encryptedToken"]), _OAEP).decode()
        except (ValueError, KeyError, UnsupportedAlgorithm):
            return self._no(21405, "Błąd walidacji danych wejściowych.", "encryptedToken")
        if ms is None or told != f"{self.desk.secret}|{ms}":
            return self._no(21301, "Brak autoryzacji.", "token or challenge", status=401)
        token, reference = secrets.token_urlsafe(24), _reference(self.desk, "AU")
        self.desk.sessions[reference] = token
        self.desk.tokens[token] = time.monotonic() + 300
        answer = {"referenceNumber": reference, "authenticationToken": {"token": token, "validUntil": self._later(300)}}
        return JSONResponse(answer, status_code=202)

    async def signed_in(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        info = {"category": "Token", "code": "token.ksef", "displayName": "Token KSeF"}
        status = {"code": 200, "description": "Uwierzytelnianie zakończone sukcesem"}
        return JSONResponse(
            {
                "startDate": self.desk.at(),
                "authenticationMethod": "Token",
                "authenticationMethodInfo": info,
                "status": status,
            }
        )

    async def redeem(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        token = secrets.token_urlsafe(24)
        self.desk.tokens[token] = time.monotonic() + 900
        self.desk.note("token")
        known = {"token": token, "validUntil": self._later(900)}
        return JSONResponse({"accessToken": known, "refreshToken": known})

    async def open(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        body = await request.json()
        try:
            secret = self.key.decrypt(base64.b64decode(body["encryption"]["encryptedSymmetricKey"]), _OAEP)
            vector = base64.b64decode(body["encryption"]["initializationVector"])
            form = {key: body["formCode"][key] for key in ("systemCode", "schemaVersion", "value")}
        except (ValueError, KeyError):
            return self._no(21405, "Błąd walidacji danych wejściowych.", "encryption or formCode")
        if len(secret) != 32 or len(vector) != 16:
            return self._no(21405, "Błąd walidacji danych wejściowych.", "AES-256-CBC")
        reference = _reference(self.desk, "SO")
        self.desk.sessions[reference] = (secret, vector, form)
        return JSONResponse({"referenceNumber": reference, "validUntil": self._later(43200)}, status_code=201)

    async def send(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        session, body = request.path_params["session"], json.loads(await request.body())
        if session not in self.desk.sessions:
            return self._no(21173, "Brak sesji o wskazanym numerze referencyjnym.")
        secret, vector, _ = self.desk.sessions[session]
        sealed = base64.b64decode(body["encryptedInvoiceContent"])
        try:
            decryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).decryptor()
            unpadder = padding.PKCS7(128).unpadder()
            content = unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
        except ValueError:
            return self._no(21405, "Błąd walidacji danych wejściowych.", "encryptedInvoiceContent")
        told = (body["invoiceHash"], body["invoiceSize"], body["encryptedInvoiceHash"], body["encryptedInvoiceSize"])
        if told != (_hash(content), len(content), _hash(sealed), len(sealed)):
            return self._no(21405, "Błąd walidacji danych wejściowych.", "hash or size")
        # KSeF names an invoice by its hash; a second one is taken, and then refused as 440 with the first one's number.
        twins = self.desk.find(number=_hash(content), profile="ksef")
        held = self.desk.take("ksef", _hash(content), content, session=session)
        held.extra["reference"] = _reference(self.desk, "EE")
        if twins:
            held.extra["twin"] = twins[0].id
        return JSONResponse({"referenceNumber": held.extra["reference"]}, status_code=202)

    async def close(self, request: Request) -> Response:  # noqa: ARG002 - as Starlette calls it
        self.desk.note("session closed")
        return Response(status_code=204)

    def _shown(self, held: Held, place: int = 1) -> dict[str, Any]:
        code, words = _CODES[held.state]
        status: dict[str, Any] = {"code": code, "description": words}
        if held.message:
            status["details"] = [held.message]
        if "twin" in held.extra:
            original = self._ksef_number(self.desk.held[held.extra["twin"]])
            status = {"code": 440, "description": "Duplikat faktury", "extensions": {"originalKsefNumber": original}}
        shown = {
            "ordinalNumber": place,
            "referenceNumber": held.extra["reference"],
            "invoiceHash": _hash(held.content),
            "invoicingDate": held.received_at,
            "status": status,
        }
        if status["code"] == 200:
            shown |= {"ksefNumber": self._ksef_number(held), "acquisitionDate": held.changed_at}
        return shown

    def _ksef_number(self, held: Held) -> str:
        return f"1111111111-{held.received_at[:10].replace('-', '')}-{int(held.id[3:]):06X}-ABCDEF-AF"

    def _of(self, session: str) -> list[Held]:
        return [each for each in self.desk.held.values() if each.session == session]

    async def list(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        self.desk.judged()
        start = int(request.headers.get("x-continuation-token") or 0)
        size = int(request.query_params.get("pageSize") or 10)
        rows = self.desk.indexed(self._of(request.path_params["session"]))
        body: dict[str, Any] = {
            "invoices": [self._shown(each, at) for at, each in enumerate(rows[start : start + size], start + 1)]
        }
        if len(rows) > start + size:
            body["continuationToken"] = str(start + size)
        return JSONResponse(body)

    async def status(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        self.desk.judged()
        held = self._one(request)
        return JSONResponse(self._shown(held)) if held else self._no(21178, "Nie znaleziono faktury.")

    def _one(self, request: Request) -> Held | None:
        wanted = request.path_params["id"]
        rows = self._of(request.path_params["session"])
        return next((each for each in rows if each.extra["reference"] == wanted), None)

    async def upo(self, request: Request) -> Response:
        held = self._one(request)
        if held is None or held.state != "accepted":
            return self._no(21178, "Nie znaleziono UPO.")
        text = f"<Potwierdzenie><NumerKSeFDokumentu>{self._ksef_number(held)}</NumerKSeFDokumentu></Potwierdzenie>"
        return Response(text, media_type="application/xml")

    async def metadata(self, request: Request) -> Response:
        if not self._may(request):
            return self._no(21301, "Brak autoryzacji.", status=401)
        since = (await request.json())["dateRange"]["from"]
        rows = [each for each in self.desk.inbox if each.received_at > since]
        listed = [{"ksefNumber": self._ksef_number(each), "permanentStorageDate": each.received_at} for each in rows]
        return JSONResponse({"hasMore": False, "isTruncated": False, "invoices": listed})

    async def invoice(self, request: Request) -> Response:
        wanted = request.path_params["number"]
        held = next((each for each in self.desk.inbox if self._ksef_number(each) == wanted), None)
        if held is None:
            return self._no(21164, "Faktura o podanym identyfikatorze nie istnieje.")
        return Response(held.content, media_type="application/xml")


def _hash(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
