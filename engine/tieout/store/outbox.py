"""The outbox: what is to be sent to platforms, and how far each document is. Events in the journal, one row a transmission.

A document goes out in two steps that are both on record: ``claim`` says that it is about to be sent, ``record`` what was
answered. What is claimed and not recorded is of unknown outcome, whoever was killed in between. Called by issuing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.store.fold import Entry
from tieout.store.journal import Journal

__all__ = [
    "Outgoing",
    "callback_is_new",
    "claim",
    "cursor",
    "history",
    "move_cursor",
    "orphans",
    "prepare",
    "record",
    "stored",
    "transmissions",
]

OUTBOX = uuid.UUID("6f0c1a0e-6a2a-5f0e-9a6e-7d1c6f3f6b11")
LEASE = dt.timedelta(minutes=15)
"""How long another machine may take between claiming and recording."""

# Which state may follow which; what a platform says later than its end is a change of mind and follows too.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "prepared": frozenset({"dead"}),
    "sent": frozenset({"prepared", "delivered", "accepted", "rejected", "cancelled", "dead"}),
    "delivered": frozenset({"accepted", "rejected", "cancelled", "dead"}),
    "accepted": frozenset({"cancelled", "rejected"}),
    "rejected": frozenset({"accepted", "cancelled"}),
    "cancelled": frozenset(),
    "dead": frozenset({"prepared", "accepted", "rejected", "cancelled", "delivered"}),
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One document to be sent. file: relative to the workspace."""

    platform: str
    document_id: str
    invoice_number: str
    file: str
    sha256: str
    mapping: str = ""
    issue_date: str | None = None
    amount: Decimal | None = None
    currency: str | None = None


def prepare(journal: Journal, documents: Sequence[Outgoing], *, actor: str = "tieout") -> int:
    """Writes down what is to be sent; how many were new. A document is sent to a platform once, whatever is prepared."""
    with journal.writing() as session:
        entries = []
        for platform in dict.fromkeys(each.platform for each in documents):
            mine = {each.document_id: each for each in documents if each.platform == platform}
            rows = session.rows("transmission", platform=platform, document_id=[*mine])
            there = {row["document_id"] for row in rows}
            for each in mine.values():
                if each.document_id in there:
                    continue
                key = uuid.uuid5(OUTBOX, "\x1f".join((session.workspace, platform, each.document_id, each.sha256)))
                payload = {name: getattr(each, name) for name in Outgoing.__slots__} | {"idempotency_key": key.hex}
                stream = f"transmission:TX-{hashlib.sha256(key.bytes).hexdigest()[:12]}"
                entries.append(Entry(stream, "transmission_prepared", actor, payload=payload))
        session.append(entries)
        return len(entries)


def claim(
    journal: Journal, ids: Sequence[str], *, worker: str, session: str = "", actor: str = "tieout"
) -> list[dict[str, Any]]:
    """Says of the transmissions that they are about to be sent; those that are, in the order given.

    What another sender has claimed in the meantime is not among them.
    """
    with journal.writing() as writing:
        rows = {row["transmission_id"]: row for row in writing.rows("transmission", transmission_id=list(ids))}
        taken = [rows[each] for each in ids if each in rows and rows[each]["state"] == "prepared"]
        payload = {"worker": worker, **({"session": session} if session else {})}
        writing.append(
            [
                Entry(f"transmission:{row['transmission_id']}", "transmission_sent", actor, payload=payload)
                for row in taken
            ]
        )
        claimed = writing.rows("transmission", transmission_id=[row["transmission_id"] for row in taken])
        now = {row["transmission_id"]: row for row in claimed}
        return [now[row["transmission_id"]] for row in taken]


def orphans(journal: Journal, platform: str, *, worker: str, now: dt.datetime) -> list[dict[str, Any]]:
    """What was about to be sent when its sender stopped: its own (its lock is ours now), of others after their lease."""
    late = (now - LEASE).astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rows = transmissions(journal, platform=platform, state="sent")
    return [row for row in rows if row["worker"] == worker or (row["sent_at"] or "") < late]


def record(journal: Journal, outcomes: Iterable[tuple[str, str, Mapping[str, Any]]], *, actor: str) -> int:
    """Writes down what became of transmissions: (transmission_id, state, details); how many changed.

    What is in that state already, or cannot come to it from where it is, is left alone: late, doubled and reordered
    news change nothing. details: platform_id, document_number, message, code, said_at.
    """
    order = list(outcomes)
    with journal.writing() as session:
        rows = {
            row["transmission_id"]: row
            for row in session.rows("transmission", transmission_id=[key for key, *_ in order])
        }
        entries = []
        for identity, state, details in order:
            row = rows.get(identity)
            if row is None or not _news(row, state, details):
                continue
            payload = {name: value for name, value in details.items() if value}
            entries.append(Entry(f"transmission:{identity}", _kind(state), actor, payload=payload))
            rows[identity] = {**row, **payload, "state": state}
        session.append(entries)
        return len(entries)


def _news(row: Mapping[str, Any], state: str, details: Mapping[str, Any]) -> bool:
    if state not in FOLLOWS[row["state"]]:
        return False
    said, before = details.get("said_at") or "", row["said_at"] or ""
    # Two ends that contradict each other: the later word counts, where both say when.
    return not (row["state"] in ("accepted", "rejected") and said and before and said < before)


def _kind(state: str) -> str:
    return "transmission_returned" if state == "prepared" else f"transmission_{state}"


def stored(journal: Journal, files: Mapping[str, str], *, actor: str = "tieout") -> None:
    """Notes where the legal document of each transmission is kept."""
    with journal.writing() as session:
        session.append(
            [
                Entry(f"transmission:{identity}", "transmission_stored", actor, payload={"stored": file})
                for identity, file in files.items()
            ]
        )


def transmissions(journal: Journal, **where: Any) -> list[dict[str, Any]]:
    """The transmissions, each a dict of journal_transmission's columns; ``where`` names a column and its value or values."""
    with journal.reading() as session:
        return session.rows("transmission", **where)


def history(journal: Journal, transmission_id: str) -> list[dict[str, Any]]:
    """What happened to a transmission, in order: instant, actor, kind, reason, payload."""
    with journal.reading() as session:
        return [
            {"instant": e.instant, "actor": e.actor, "kind": e.kind, "reason": e.reason, "payload": dict(e.payload)}
            for e in session.events(f"transmission:{transmission_id}")
        ]


def cursor(journal: Journal, name: str) -> str:
    """Where an incremental read goes on; empty where it begins."""
    with journal.reading() as session:
        return next((str(row["value"]) for row in session.rows("cursor", name=name)), "")


def move_cursor(journal: Journal, name: str, value: str, *, actor: str = "tieout") -> None:
    """Moves the cursor on, after what came before it is on record; nothing is written where it stands there already."""
    if not value or cursor(journal, name) == value:
        return
    with journal.writing() as session:
        session.append([Entry(f"cursor:{name}", "cursor_moved", actor, payload={"value": value})])


def callback_is_new(journal: Journal, platform: str, message_id: str, *, actor: str) -> bool:
    """Puts a callback on record; False where the same message was there before: a replay."""
    with journal.writing() as session:
        if session.rows("callback", platform=platform, message_id=message_id):
            return False
        payload = {"message_id": message_id}
        session.append([Entry(f"platform:{platform}", "callback_received", actor, payload=payload)])
        return True
