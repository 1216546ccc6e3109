"""What an e-invoice platform is to the stages: its description as auditors wrote it, and what it is asked and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tieout.model.definitions import Text
from tieout.model.errors import Location

__all__ = ["FUNCTIONS", "STATES", "Callback", "Outcome", "Parcel", "Platform", "PlatformPlan", "Received", "places"]

STATES = ("prepared", "sent", "delivered", "accepted", "rejected", "cancelled", "dead")
"""Of a transmission: written down, on its way (outcome unknown), at the platform, and how it ended; dead: we gave up."""

FUNCTIONS = (
    "base64",
    "sha256_base64",
    "sha256_hex",
    "size",
    "text",
    "number",
    "concat",
    "coalesce",
    "rsa_oaep",
    "aes_cbc",
    "random_base64",
    "before",
    "unbase64",
    "fraction",
)
"""The functions of ours that a place in a platform file may call beside JMESPath's own."""


@dataclass(frozen=True, slots=True)
class PlatformPlan:
    """A platform file: how to sign in, submit, follow, fetch and cancel, as requests with places to fill."""

    id: str
    title: Text
    base_url: str
    settings: Mapping[str, Text]
    """The settings and secrets that tieout.yaml gives, with what each is."""
    auth: Mapping[str, Any]
    operations: Mapping[str, Mapping[str, Any]]
    """open, submit, poll, lookup, changes, inbox, fetch, document, cancel, close: those the platform has."""
    statuses: Mapping[str, Sequence[str]]
    """delivered, accepted, rejected, cancelled -> the platform's own words; ``*`` stands for anything."""
    errors: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    idempotency: Mapping[str, Any] = field(default_factory=dict)
    callback: Mapping[str, Any] | None = None
    location: Location = field(default_factory=lambda: Location(""))
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One document on its way to a platform, with what is known of its transmission."""

    transmission_id: str
    document_id: str
    invoice_number: str
    content: bytes
    media_type: str
    sha256: str
    idempotency_key: str
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The canonical rows of the document by table, where the platform wants fields of them."""
    platform_id: str = ""
    session: str = ""
    document_number: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a platform says of one document.

    state: delivered, accepted, rejected or cancelled; or unknown (no word), postponed (not taken, try later), duplicate
    (it has it already) and not_found.
    """

    state: str
    platform_id: str = ""
    document_number: str = ""
    message: str = ""
    code: str = ""
    at: str = ""
    key: str = ""
    """By what a list names the document: its number at ours."""


@dataclass(frozen=True, slots=True)
class Received:
    """A document that a platform holds for us."""

    platform_id: str
    content: bytes
    media_type: str = "application/xml"


@dataclass(frozen=True, slots=True)
class Callback:
    """A message a platform sent by itself, proved and read."""

    message_id: str
    outcome: Outcome


class Platform(Protocol):
    """What issuing asks of a platform; implemented by ``connect.platform``. Errors are RemoteErrors about no document."""

    name: str
    batch: int
    parallel: int
    """Submissions at one time."""
    settle_s: float
    """How long after sending it is not trusted that the platform knows nothing of a document."""
    repeat_is_safe: bool
    """Whether a document sent twice with one idempotency key is one document."""

    def can(self, operation: str) -> bool: ...

    def session(self) -> str:
        """What must be known of the session to look a document up later; opened where it is not."""
        ...

    def submit(self, parcels: Sequence[Parcel]) -> Sequence[Outcome]: ...

    def lookup(self, parcel: Parcel) -> Outcome: ...

    def poll(self, parcel: Parcel) -> Outcome: ...

    def changes(self, cursor: str) -> Iterator[tuple[Sequence[Outcome], str]]: ...

    def inbox(self, cursor: str) -> Iterator[tuple[Sequence[Received], str]]: ...

    def document(self, parcel: Parcel) -> Received | None: ...

    def cancel(self, parcel: Parcel, reason: str) -> Outcome: ...

    def close(self) -> None: ...


def places(text: str) -> Iterator[tuple[str, int, int]]:
    """The places of a template: each expression between braces, with where it starts and ends (the braces included).

    Braces inside an expression, in quotes or in balance, belong to it; ``{{`` is a brace. Raises ValueError for a brace
    that is never closed.
    """
    position = 0
    while (start := text.find("{", position)) >= 0:
        if text.startswith("{{", start):
            position = start + 2
            continue
        depth, quote, index = 0, "", start
        for index in range(start, len(text)):
            sign = text[index]
            if quote:
                quote = "" if sign == quote else quote
            elif sign in "'\"`":
                quote = sign
            else:
                depth += (sign == "{") - (sign == "}")
            if not depth:
                break
        if depth:
            raise ValueError("'{' is never closed")
        yield text[start + 1 : index], start, index + 1
        position = index + 1
