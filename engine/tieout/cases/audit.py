"""Proof after the fact, from the events alone, that roles and the second person were kept. Called by ``tieout verify``.

The engine refuses such acts when they are tried; this finds them where somebody wrote events past it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tieout.cases.balance import Line
from tieout.cases.decide import parts
from tieout.model.policy import Policy
from tieout.store.fold import Event
from tieout.store.journal import Journal
from tieout.store.people import ENGINE, may

__all__ = ["faults"]

NEEDS = {
    **dict.fromkeys(
        (
            "case_assigned", "case_commented", "case_waiting", "case_proposed", "case_resolved", "case_split", "case_waived",
            "case_reopened", "case_rejected", "case_rejection_undone",
        ),
        "clerk",
    ),
    "rules_approved": "approver",
    **dict.fromkeys(("user_added", "user_role_set", "user_disabled", "user_enabled"), "admin"),
}  # fmt: skip


@dataclass
class _Known:
    """What the events so far say of one workspace."""

    roles: dict[str, str | None] = field(default_factory=dict)
    proposed: dict[str, str] = field(default_factory=dict)
    """Case -> who proposed what it waits with."""
    rules: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Digest -> who proposed and who approved it."""
    definitions: str | None = None
    guarded: bool = False
    """Whether a second person had to approve changed rules when the last run was sealed."""
    system_users: dict[str, str | None] = field(default_factory=dict)
    """Case -> the system's user under which it was proposed on the command line."""


def faults(journal: Journal, remarks: list[str] | None = None) -> Iterator[str]:
    """One sentence for each event of this workspace that its roles or the second person forbid, in order.

    remarks: takes one sentence for each event that is allowed but that an auditor should see.
    """
    known = _Known()
    with journal.reading() as session:
        for event in session.events():
            for fault in _faults(event, known):
                yield f"event {event.sequence} ({event.kind} of {event.stream}): {fault}"
            if remarks is not None and (told := _one_machine_user(event, known)):
                remarks.append(f"event {event.sequence} ({event.kind} of {event.stream}): {told}")
            _learn(event, known)


def _faults(event: Event, known: _Known) -> Iterator[str]:
    name = event.stream.partition(":")[2]
    needed = NEEDS.get(event.kind)
    by_provider = event.actor == ENGINE and event.kind in {"user_added", "user_role_set"}
    if needed and known.roles and not by_provider:
        role = known.roles.get(event.actor)
        if not may(role, needed):
            yield f"{event.actor} was {role or 'no active user'}; it needs the role {needed}"
    if event.kind in {"case_resolved", "case_split", "case_waived"}:
        yield from _undecided_alone(event, known, name)
    if event.kind == "rules_approved":
        proposer = known.rules.get(name, ("", None))[0]
        if proposer == event.actor:
            yield f"{event.actor} proposed and approved the same rules"
    if event.kind == "run_sealed" and (event.payload.get("guarded") or known.guarded):
        digest = event.payload.get("definitions")
        approved = known.rules.get(str(digest), ("", None))[1]
        if known.definitions not in {None, digest} and not approved:
            yield "the run used changed rules that no second person had approved"


def _one_machine_user(event: Event, known: _Known) -> str | None:
    """Where two names proposed and decided a case, and one system user typed both."""
    name = event.stream.partition(":")[2]
    proposer, user = known.proposed.get(name), event.payload.get("os_user")
    if event.kind not in {"case_resolved", "case_split", "case_waived"} or proposer in {None, event.actor}:
        return None
    if not user or known.system_users.get(name) != user:
        return None
    return f"{proposer} proposed and {event.actor} decided it, both as the system user {user}"


def _undecided_alone(event: Event, known: _Known, case_id: str) -> Iterator[str]:
    proposer = known.proposed.get(case_id)
    if proposer is not None:
        if proposer == event.actor:
            yield f"{event.actor} proposed and decided the same case"
        if known.roles and not may(known.roles.get(event.actor), "approver"):
            yield f"{event.actor} was no approver"
    decision = event.payload.get("decision")
    if decision and event.kind in {"case_resolved", "case_split"} and _needed_second(decision):
        yield f"{event.actor} decided alone what needed a second person"


def _needed_second(decision: Mapping[str, Any]) -> bool:
    """Whether the limits that the decision itself carries asked for two."""
    limits = decision.get("policy", {}).get("second_person_above", {})
    policy = Policy({kind: {code: Decimal(value) for code, value in each.items()} for kind, each in limits.items()})
    lines = [_line(each) for each in decision["lines"]]
    return any(policy.needs_second(name, amount, currency) for name, currency, amount in parts(decision["kind"], lines))


def _line(written: Mapping[str, Any]) -> Line:
    amounts = {name: Decimal(written[name]) for name in ("amount", "item_amount") if name in written}
    return Line(**{**written, **amounts})


def _learn(event: Event, known: _Known) -> None:
    room, _, name = event.stream.partition(":")
    if room == "user":
        if event.kind in {"user_added", "user_role_set"}:
            known.roles[name] = event.payload["role"]
        elif event.kind == "user_disabled":
            known.roles[name] = None
        elif event.kind == "user_enabled":
            known.roles[name] = event.payload.get("role")
    elif event.kind == "case_proposed":
        known.proposed[name] = event.actor
        known.system_users[name] = event.payload.get("os_user")
    elif event.kind in {"case_resolved", "case_split", "case_waived", "case_reopened", "case_returned"}:
        known.proposed.pop(name, None)
    elif event.kind == "rules_proposed":
        known.rules[name] = (event.actor, None)
    elif event.kind == "rules_approved":
        known.rules[name] = (known.rules.get(name, ("", None))[0], event.actor)
    elif event.kind == "run_sealed":
        known.definitions = event.payload.get("definitions") or known.definitions
        known.guarded = bool(event.payload.get("guarded"))
