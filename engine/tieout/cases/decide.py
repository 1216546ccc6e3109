"""Decisions of people that change what the next run does: match, confirm, on account, write off, reject, undo.

Each is one event of its case, written under the journal's lock after it was checked against what is open at that moment:
the sealed run less what others decided since, so no amount is used twice. What lies above a limit of the policy is only
proposed and waits for a second person. Nothing is deleted: ``undo`` is an event of its own. Called by the faces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.cases.balance import Difference, Line, Settles, lines_of
from tieout.cases.facts import MONEY, open_items, open_payments
from tieout.cases.work import case_of, check_move
from tieout.model.errors import Forbidden, TieoutError
from tieout.model.money import display
from tieout.model.policy import DIFFERENCES, Policy
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import LIVE, Case, Entry, canonical
from tieout.store.journal import Journal, Session
from tieout.store.people import require

__all__ = [
    "Difference",
    "Line",
    "Outcome",
    "Settles",
    "approve",
    "beyond",
    "confirm",
    "match",
    "not_receivable",
    "on_account",
    "preview",
    "refuse",
    "reject",
    "undo",
    "write_off",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a decision."""

    case: Case
    decision_id: str
    needs_second: bool
    """Whether it is only proposed, because a second person must approve it."""
    why: str = ""
    """Which limit asks for the second person."""


# --- what a payment is for ---


def match(
    store: Store,
    journal: Journal,
    case_id: str,
    settles: Sequence[Settles],
    *,
    differences: Sequence[Difference] = (),
    payments: Sequence[str] = (),
    rest: str = "none",
    actor: str,
    reason: str,
    policy: Policy,
) -> Outcome:
    """Matches the case's payment with the items by hand: any set that balances, each difference with its kind.

    payments: for a case that is about an open item, those that pay it; for one about a payment, others beside it.
    rest: ``open`` splits: what is left of the payment stays open for the next run. Raises TieoutError where it does
    not balance, an amount is used already, or a difference lies beyond what the policy allows.
    """
    with journal.writing() as session:
        case = _open_case(session, case_id, actor, reason)
        lines, kind = _matched(store, session, _payments_of(case, payments), settles, differences, rest)
        return _decide(session, case, kind, lines, actor=actor, reason=reason, policy=policy)


def preview(
    store: Store,
    journal: Journal,
    case_id: str,
    settles: Sequence[Settles],
    *,
    differences: Sequence[Difference] = (),
    payments: Sequence[str] = (),
    rest: str = "none",
    policy: Policy,
) -> tuple[list[Line], str]:
    """What ``match`` would book, and which limit would ask for a second person; raises as it does. Writes nothing."""
    with journal.reading() as session:
        case = case_of(session, case_id)
        lines, kind = _matched(store, session, _payments_of(case, payments), settles, differences, rest)
    return lines, beyond(kind, lines, policy)


def confirm(store: Store, journal: Journal, case_id: str, *, actor: str, reason: str, policy: Policy) -> Outcome:
    """Takes the allocations that the run proposed for the case's payment. Raises TieoutError where there are none."""
    with journal.writing() as session:
        case = _open_case(session, case_id, actor, reason)
        [payment] = _payments_of(case, ())
        rows = store.fetch(Query("proposed", _PROPOSED, {"payment_id": payment}))
        if rows.is_empty():
            raise TieoutError(f"the run proposes nothing for payment {payment}; match it by hand")
        money = rows.filter(rows["kind"].is_in(["payment", "credit_note"]))
        items = open_items(store, session, money["open_item_id"].to_list())
        settles = [
            Settles(name, amount * items[name].side, item_amount if items[name].currency != currency else None)
            for name, amount, item_amount, currency in money.select(
                "open_item_id", "amount", "open_item_amount", "currency"
            ).iter_rows()
        ]
        apart = [
            Difference(name, kind, amount)
            for name, kind, amount in rows.filter(rows["kind"].is_in(list(DIFFERENCES)))
            .select("open_item_id", "kind", "open_item_amount")
            .iter_rows()
        ]
        lines, kind = _matched(store, session, [payment], settles, apart, "open")
        return _decide(session, case, kind, lines, actor=actor, reason=reason, policy=policy)


_PROPOSED = """select open_item_id, kind, amount, currency, open_item_amount from allocation
where status = 'proposed' and payment_id = $payment_id order by open_item_id, kind"""


# --- what is set aside ---


def on_account(
    store: Store, journal: Journal, case_id: str, *, party_id: str, actor: str, reason: str, policy: Policy
) -> Outcome:
    """Books what is left of the case's payment on the account of a customer: it settles no item and is matched no more."""
    if not party_id.strip():
        raise TieoutError("say on whose account it is booked")
    return _set_aside(store, journal, case_id, "on_account", party_id.strip(), actor, reason, policy)


def not_receivable(store: Store, journal: Journal, case_id: str, *, actor: str, reason: str, policy: Policy) -> Outcome:
    """Says that what is left of the case's payment pays nothing of ours: salary, tax, interest, a transfer of our own."""
    return _set_aside(store, journal, case_id, "not_receivable", None, actor, reason, policy)


def write_off(store: Store, journal: Journal, case_id: str, *, actor: str, reason: str, policy: Policy) -> Outcome:
    """Writes off what is left of the case's open item (of the one a payment was too short for), or keeps what is left of its payment."""
    return _set_aside(store, journal, case_id, "write_off", None, actor, reason, policy)


SHORT = ("partial_payment", "discount_out_of_terms")
"""Reasons of cases about a payment of which nothing is left, but something of its item."""


def _set_aside(
    store: Store,
    journal: Journal,
    case_id: str,
    kind: str,
    party_id: str | None,
    actor: str,
    reason: str,
    policy: Policy,
) -> Outcome:
    with journal.writing() as session:
        case = _open_case(session, case_id, actor, reason)
        # A payment that was too short is used up: what is left is left of the item it was for.
        short = case.related_id if case.reason in SHORT else None
        item_id = case.object_id if case.object_table == "open_item" else short
        if item_id and kind == "write_off":
            item = open_items(store, session, [item_id])[item_id]
            line = Line(open_item_id=item.object_id, item_amount=item.rest, item_currency=item.currency)
            rest = item.rest
        else:
            [name] = _payments_of(case, ())
            payment = open_payments(store, session, [name])[name]
            line = Line(payment_id=name, amount=payment.rest, currency=payment.currency, party_id=party_id)
            rest = payment.rest
        if rest == 0:
            raise TieoutError(f"nothing of {case.object_id} is open any more")
        return _decide(session, case, kind, [line], actor=actor, reason=reason, policy=policy)


# --- candidates, the second person, and the way back ---


def reject(journal: Journal, case_id: str, open_item_id: str, *, actor: str, reason: str) -> Case:
    """Says for good that the case's payment is not for the item: no run matches or proposes the two again.

    The case stays as it is. Undone by ``undo`` with the item.
    """
    with journal.writing() as session:
        require(session, actor, "clerk")
        case = case_of(session, case_id)
        _given(reason)
        [payment] = _payments_of(case, ())
        there = session.rows("decision", case_id=case_id, kind="reject", state="standing", open_item_id=open_item_id)
        if there:
            raise TieoutError(f"{open_item_id} was rejected for payment {payment} before")
        decision = _written(session, case, "reject", [Line(payment, open_item_id)], "", None)
        payload = {"decision": decision, "not": [open_item_id]}
        session.append([Entry(f"case:{case_id}", "case_rejected", actor, reason.strip(), payload)])
        return case_of(session, case_id)


def approve(journal: Journal, case_id: str, *, actor: str, reason: str) -> Case:
    """Approves what another person proposed: the decision stands and the case is resolved, unless a rest stays open."""
    with journal.writing() as session:
        case = case_of(session, case_id)
        if case.state != "proposed":
            raise TieoutError(f"case {case_id} is {case.state}, not proposed, so there is nothing to approve")
        _given(reason)
        check_move(session, case, "resolved", actor)
        kind = "case_split" if case.decision == "split" else "case_resolved"
        session.append([Entry(f"case:{case_id}", kind, actor, reason.strip())])
        return case_of(session, case_id)


def refuse(journal: Journal, case_id: str, *, actor: str, reason: str) -> Case:
    """Refuses what was proposed, or takes the own proposal back: the case is open again and nothing is used."""
    with journal.writing() as session:
        case = case_of(session, case_id)
        require(session, actor, "clerk" if actor == case.proposed_by else "approver")
        if case.state != "proposed":
            raise TieoutError(f"case {case_id} is {case.state}, not proposed, so there is nothing to refuse")
        _given(reason)
        session.append([Entry(f"case:{case_id}", "case_reopened", actor, reason.strip())])
        return case_of(session, case_id)


def undo(journal: Journal, case_id: str, *, actor: str, reason: str, open_item_id: str | None = None) -> Case:
    """Reverses the decision of a case by an event of its own; with an item, only its rejection.

    Sealed runs stay as they are; the next run opens again what the decision had settled, in its own period.
    """
    with journal.writing() as session:
        require(session, actor, "clerk")
        case = case_of(session, case_id)
        _given(reason)
        if open_item_id is not None:
            there = session.rows(
                "decision", case_id=case_id, kind="reject", state="standing", open_item_id=open_item_id
            )
            if not there:
                raise TieoutError(f"{open_item_id} is not rejected in case {case_id}")
            entry = Entry(
                f"case:{case_id}",
                "case_rejection_undone",
                actor,
                reason.strip(),
                {"decision_id": there[0]["decision_id"], "open_item_id": open_item_id},
            )
        else:
            ids = sorted(
                {
                    row["decision_id"]
                    for row in session.rows("decision", case_id=case_id, state="standing")
                    if row["kind"] != "reject"
                }
            )
            if case.state in LIVE and not ids:
                raise TieoutError(f"case {case_id} is {case.state}: there is no decision to undo")
            entry = Entry(f"case:{case_id}", "case_reopened", actor, reason.strip(), {"undoes": ids} if ids else {})
        session.append([entry])
        return case_of(session, case_id)


# --- common to all ---


def _open_case(session: Session, case_id: str, actor: str, reason: str) -> Case:
    require(session, actor, "clerk")
    case = case_of(session, case_id)
    _given(reason)
    if case.state not in LIVE or case.state == "proposed":
        way = "approve or refuse it first" if case.state == "proposed" else "undo it first"
        raise TieoutError(f"case {case_id} is {case.state}; {way}")
    return case


def _given(reason: str) -> None:
    if not reason.strip():
        raise TieoutError("nothing is decided without a reason")


def _payments_of(case: Case, named: Sequence[str]) -> list[str]:
    if case.object_table == "payment":
        return list(dict.fromkeys([case.object_id, *named]))
    if case.object_table == "open_item" and named:
        return list(dict.fromkeys(named))
    if case.object_table == "open_item":
        raise TieoutError(f"case {case.case_id} is about open item {case.object_id}: name the payment")
    raise TieoutError(f"case {case.case_id} is about a {case.object_table.replace('_', ' ')}, not about a payment")


def _matched(
    store: Store,
    session: Session,
    payments: Sequence[str],
    settles: Sequence[Settles],
    differences: Iterable[Difference],
    rest: str,
) -> tuple[list[Line], str]:
    """The lines, and ``match``, or ``split`` where a rest of the payments stays open."""
    paying = open_payments(store, session, payments)
    items = open_items(store, session, [each.open_item_id for each in settles])
    for each in settles:
        gone = session.rows("decision", kind="reject", state="standing", open_item_id=each.open_item_id)
        if other := sorted({row["payment_id"] for row in gone} & set(payments)):
            raise TieoutError(f"{each.open_item_id} was rejected for payment {other[0]}; undo that first")
    lines = lines_of([paying[name] for name in payments], items, settles, differences, rest=rest)
    used = sum((line.amount or Decimal(0) for line in lines if line.allocation_kind in MONEY), Decimal(0))
    left = sum((each.rest for each in paying.values()), Decimal(0)) - used
    return lines, "split" if left else "match"


def beyond(kind: str, lines: Sequence[Line], policy: Policy) -> str:
    """Which limit of the policy asks for a second person, in words; empty where none does.

    Raises Forbidden where a part lies beyond what anybody may do.
    """
    asks = ""
    for name, currency, amount in parts(kind, lines):
        shown = f"{display(amount, currency)} {currency or ''}".strip()
        if policy.refuses(name, amount, currency):
            most = policy.limit(name, currency)
            raise Forbidden(f"a {name.replace('_', ' ')} of {shown} is more than the {most} that tieout.yaml allows")
        if not asks and policy.needs_second(name, amount, currency):
            asks = f"a {name.replace('_', ' ')} of {shown} needs a second person"
    return asks


def parts(kind: str, lines: Sequence[Line]) -> list[tuple[str, str | None, Decimal]]:
    """What a decision amounts to, by kind and currency: the money of a match, each difference, what is set aside."""
    kind = "match" if kind == "split" else kind
    sums: dict[tuple[str, str | None], Decimal] = {}
    for line in lines:
        if line.allocation_kind in DIFFERENCES:
            key, amount = (line.allocation_kind, line.item_currency), line.item_amount
        elif line.amount is not None:
            key, amount = (kind, line.currency), line.amount
        else:
            key, amount = (kind, line.item_currency), line.item_amount
        sums[key] = sums.get(key, Decimal(0)) + abs(amount or Decimal(0))
    return [(name, currency, amount) for (name, currency), amount in sums.items()]


def _decide(
    session: Session,
    case: Case,
    kind: str,
    lines: Sequence[Line],
    *,
    actor: str,
    reason: str,
    policy: Policy,
) -> Outcome:
    why = beyond(kind, lines, policy)
    decision = _written(session, case, kind, lines, why, policy)
    payload: dict[str, Any] = {"decision": decision}
    if items := sorted({line.open_item_id for line in lines if line.open_item_id and line.payment_id}):
        payload["pays"] = items
    event = "case_proposed" if why else "case_split" if kind == "split" else "case_resolved"
    session.append([Entry(f"case:{case.case_id}", event, actor, reason.strip(), payload)])
    return Outcome(case_of(session, case.case_id), decision["id"], bool(why), why)


def _written(
    session: Session, case: Case, kind: str, lines: Sequence[Line], why: str, policy: Policy | None
) -> dict[str, Any]:
    sequence, head = session.head()
    number = hashlib.sha256(canonical([case.case_id, sequence, head]).encode()).hexdigest()[:12]
    return {
        "id": f"D-{number}",
        "kind": kind,
        "lines": [line.written() for line in lines],
        "run_id": case.last_run,
        **({"second": bool(why), "policy": policy.written()} if policy else {}),
    }
