"""The functions of ours that a place in a platform file may call: encodings, hashes and the envelopes of KSeF."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from jmespath import functions

from tieout.model.errors import SourceError

__all__ = ["PlatformFunctions"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_takes: Callable[..., Callable[[_Function], _Function]] = functions.signature
_ANY: dict[str, list[str]] = {"types": []}


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str("" if value is None else value).encode()


class PlatformFunctions(functions.Functions):  # type: ignore[misc]  # jmespath has no types
    """JMESPath's functions and ours. Values may be texts or bytes."""

    @_takes(_ANY)
    def _func_base64(self, value: Any) -> str:
        return base64.b64encode(_bytes(value)).decode()

    @_takes(_ANY)
    def _func_unbase64(self, value: Any) -> bytes | None:
        return None if value is None else base64.b64decode(_bytes(value))

    @_takes(_ANY)
    def _func_sha256_base64(self, value: Any) -> str:
        return base64.b64encode(hashlib.sha256(_bytes(value)).digest()).decode()

    @_takes(_ANY)
    def _func_sha256_hex(self, value: Any) -> str:
        return hashlib.sha256(_bytes(value)).hexdigest()

    @_takes(_ANY)
    def _func_size(self, value: Any) -> int:
        return len(_bytes(value))

    @_takes(_ANY)
    def _func_text(self, value: Any) -> str | None:
        """The value as text, bytes as UTF-8."""
        if value is None:
            return None
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return format(value, "f") if isinstance(value, Decimal) else str(value)

    @_takes(_ANY)
    def _func_number(self, value: Any) -> Any:
        return None if value is None or value == "" else Decimal(str(value))

    @_takes(_ANY)
    def _func_fraction(self, value: Any) -> Any:
        """A percentage as a fraction: 13 is 0.13."""
        return None if value is None or value == "" else Decimal(str(value)).scaleb(-2).normalize()

    @_takes({"types": [], "variadic": True})
    def _func_concat(self, *values: Any) -> str:
        return "".join(str(self._func_text(each) or "") for each in values)

    @_takes({"types": [], "variadic": True})
    def _func_coalesce(self, *values: Any) -> Any:
        return next((each for each in values if each not in (None, "")), None)

    @_takes(_ANY)
    def _func_random_base64(self, size: Any) -> str:
        return base64.b64encode(os.urandom(int(size))).decode()

    @_takes(_ANY, _ANY)
    def _func_before(self, time: Any, days: Any) -> str:
        """The ISO time that many days before."""
        return (dt.datetime.fromisoformat(str(time)) - dt.timedelta(days=int(days))).isoformat(timespec="seconds")

    @_takes(_ANY, _ANY)
    def _func_rsa_oaep(self, value: Any, certificate: Any) -> str:
        """The value encrypted for the holder of a certificate (base64 DER), RSA-OAEP with SHA-256, as base64."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        try:
            key = x509.load_der_x509_certificate(base64.b64decode(_bytes(certificate))).public_key()
        except ValueError as exc:
            raise SourceError(f"the platform's certificate cannot be read: {exc}") from exc
        if not isinstance(key, rsa.RSAPublicKey):
            raise SourceError("the platform's certificate holds no RSA key")
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
        return base64.b64encode(key.encrypt(_bytes(value), oaep)).decode()

    @_takes(_ANY, _ANY, _ANY)
    def _func_aes_cbc(self, value: Any, key: Any, vector: Any) -> bytes:
        """The value encrypted by AES-CBC with PKCS#7 padding; key and vector are base64."""
        from cryptography.hazmat.primitives import padding
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        padder = padding.PKCS7(128).padder()
        padded = padder.update(_bytes(value)) + padder.finalize()
        cipher = Cipher(algorithms.AES(base64.b64decode(_bytes(key))), modes.CBC(base64.b64decode(_bytes(vector))))
        encryptor = cipher.encryptor()
        return encryptor.update(padded) + encryptor.finalize()
