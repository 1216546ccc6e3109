"""What each event changes in the journal's views. Called by ``session`` alone; knows no transaction."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from tieout.model.errors import StoreError
from tieout.store.fold import Event
from tieout.store.tables import (
    CALLBACK,
    CURSOR,
    DECISION,
    DOCUMENT,
    LINE_FIELDS,
    NUMBER,
    RULES,
    RUN,
    TRANSMISSION,
    USER,
    transmission_changed,
)

__all__ = ["view_statements"]

# Events that change no view: what was told to an ERP, how far a source was read, what was kept in the archive.
RECORDED = frozenset(
    {
        "credit_reserved",
        "credit_released",
        "write_intended",
        "write_done",
        "write_failed",
        "source_read",
        "archived",
        "hold_placed",
        "hold_released",
        "removed",
    }
)


def view_statements(event: Event) -> list[Any]:
    """What an event changes in the views other than that of cases: statements, or pairs of one and its values.

    Raises StoreError for an unknown kind.
    """
    room, _, name = event.stream.partition(":")
    makers = {"case": _decision, "user": _user, "rules": _rules, "read": lambda *_: []}
    return makers.get(room, _registered)(event, name)


def _decision(event: Event, case_id: str) -> list[Any]:
    """Lines proposed, standing, refused or undone, as the case goes from state to state."""
    of_case = (DECISION.c.workspace == event.workspace, DECISION.c.case_id == case_id)
    if event.kind in {"case_proposed", "case_resolved", "case_split", "case_rejected"} and "decision" in event.payload:
        decision = event.payload["decision"]
        state = "proposed" if event.kind == "case_proposed" else "standing"
        common = {
            "workspace": event.workspace,
            "decision_id": decision["id"],
            "case_id": case_id,
            "kind": decision["kind"],
            "state": state,
            "decided_by": event.actor,
            "decided_at": event.instant,
            "run_id": decision.get("run_id"),
        }
        rows = [
            {**common, "line_no": n, **{name: _figure(name, line.get(name)) for name in LINE_FIELDS}}
            for n, line in enumerate(decision["lines"], start=1)
        ]
        return [DECISION.insert().values(rows)]
    if event.kind in {"case_resolved", "case_split"}:
        waiting = (*of_case, DECISION.c.state == "proposed")
        return [DECISION.update().where(*waiting).values(state="standing", approved_by=event.actor)]
    if event.kind == "case_rejection_undone":
        its = (*of_case, DECISION.c.decision_id == event.payload["decision_id"])
        return [DECISION.update().where(*its).values(state="undone", ended_at=event.instant)]
    if event.kind in {"case_reopened", "case_waived"}:
        ends = (
            (("proposed", "refused"), ("standing", "undone"))
            if event.kind == "case_reopened"
            else (("proposed", "refused"),)
        )
        return [
            DECISION.update()
            .where(*of_case, DECISION.c.state == before, DECISION.c.kind != "reject")
            .values(state=after, ended_at=event.instant)
            for before, after in ends
        ]
    return []


def _figure(name: str, value: Any) -> Any:
    return Decimal(value) if name in {"amount", "item_amount"} and value is not None else value


def _user(event: Event, name: str) -> list[Any]:
    its = (USER.c.workspace == event.workspace, USER.c.name == name)
    if event.kind == "user_added":
        row = {"name": name, "role": event.payload["role"], "state": "active", "changed_at": event.instant}
        return [USER.insert().values(workspace=event.workspace, **row)]
    changes: dict[str, dict[str, Any]] = {
        "user_role_set": {"role": event.payload.get("role")},
        "user_disabled": {"state": "disabled"},
        "user_enabled": {"state": "active"},
        "user_password_set": {},
    }
    if event.kind not in changes:
        raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")
    return [USER.update().where(*its).values(**changes[event.kind], changed_at=event.instant)]


def _rules(event: Event, digest: str) -> list[Any]:
    its = (RULES.c.workspace == event.workspace, RULES.c.digest == digest)
    if event.kind == "rules_proposed":
        row = {"digest": digest, "state": "proposed", "proposed_by": event.actor, "changed_at": event.instant}
        changed = ", ".join(event.payload.get("changed", ()))
        return [RULES.delete().where(*its), RULES.insert().values(workspace=event.workspace, changed=changed, **row)]
    if event.kind == "rules_approved":
        after = {"state": "approved", "approved_by": event.actor, "changed_at": event.instant}
        return [RULES.update().where(*its).values(**after)]
    raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")


def _registered(event: Event, name: str) -> list[Any]:
    """The register of runs, numbers and issued documents."""
    payload, place = event.payload, {"workspace": event.workspace}
    if event.kind == "run_sealed":
        return [
            RUN.insert().values(
                **place,
                run_id=name,
                as_of=dt.date.fromisoformat(payload["as_of"]),
                status="sealed",
                manifest_sha256=payload["manifest_sha256"],
                sealed_at=event.instant,
                definitions=payload.get("definitions"),
            )
        ]
    if event.kind in {"number_reserved", "number_confirmed", "number_released"}:
        key = {**place, "series": name, "number": payload["number"]}
        row = {
            "key": payload["key"] if event.kind != "number_released" else None,
            "state": {"number_reserved": "reserved", "number_confirmed": "confirmed", "number_released": "free"}[
                event.kind
            ],
            "changed_at": event.instant,
        }
        return [
            NUMBER.delete().where(*(NUMBER.c[column] == value for column, value in key.items())),
            NUMBER.insert().values(**key, **row),
        ]
    if event.kind == "document_issued":
        return [
            DOCUMENT.insert().values(
                **place,
                billing_document=name,
                issued_at=event.instant,
                **{k: payload.get(k) for k in ("invoice_number", "sha256", "file", "series", "run_id", "number")},
            )
        ]
    if event.kind in TRANSMISSION_KINDS:
        return _transmission(event, name)
    if event.kind == "cursor_moved":
        key = {**place, "name": name}
        return [
            CURSOR.delete().where(*(CURSOR.c[column] == value for column, value in key.items())),
            CURSOR.insert().values(**key, value=payload["value"], changed_at=event.instant),
        ]
    if event.kind == "callback_received":
        row = {"platform": name, "message_id": payload["message_id"], "received_at": event.instant}
        return [CALLBACK.insert().values(**place, **row)]
    if event.kind in RECORDED:
        return []
    raise StoreError(f"journal: {event.kind} in {event.stream} is no event this tieout knows")


# What each event of a transmission makes of it; what its payload names changes with it.
TRANSMISSION_KINDS = {
    "transmission_prepared": "prepared",
    "transmission_sent": "sent",
    "transmission_returned": "prepared",
    "transmission_delivered": "delivered",
    "transmission_accepted": "accepted",
    "transmission_rejected": "rejected",
    "transmission_cancelled": "cancelled",
    "transmission_dead": "dead",
    "transmission_stored": "",
}
_TEXTS = ("platform_id", "document_number", "message", "code", "session", "worker", "said_at", "stored")


def _transmission(event: Event, name: str) -> list[Any]:
    payload, state = event.payload, TRANSMISSION_KINDS[event.kind]
    if event.kind == "transmission_prepared":
        facts = ("platform", "document_id", "invoice_number", "issue_date", "file", "sha256", "mapping", "currency")
        amount = payload.get("amount")
        row = {each: payload.get(each) for each in facts} | {
            "workspace": event.workspace,
            "transmission_id": name,
            "state": state,
            "idempotency_key": payload["idempotency_key"],
            "amount": None if amount is None else Decimal(amount),
            "attempts": 0,
            "prepared_at": event.instant,
            "changed_at": event.instant,
        }
        return [(_PREPARED, row)]
    changes: dict[str, Any] = {each: payload[each] for each in _TEXTS if payload.get(each)}
    if state:
        changes |= {"state": state, "changed_at": event.instant}
    attempts = 0
    if state == "sent":
        changes["sent_at"], attempts = event.instant, 1
    if payload.get("away"):  # The platform was not there, so this was no attempt.
        attempts = -1
    if state == "accepted":
        changes["accepted_at"] = event.instant
    values = {f"new_{each}": value for each, value in changes.items()}
    here = {"of_workspace": event.workspace, "of_transmission": name}
    return [(transmission_changed(tuple(changes), attempts), values | here)]


_PREPARED = TRANSMISSION.insert()
