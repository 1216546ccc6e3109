"""What a person may do with a case, by name: the one place that the page and the API both ask. The engine checks again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tieout.cases import decide, work
from tieout.faces.web.desk import Desk, Who
from tieout.model.errors import Forbidden, TieoutError

__all__ = ["ACTS", "Difference", "Given", "Settles", "act", "preview"]

Id = Field(min_length=1, max_length=200)
Money = Field(max_digits=18, decimal_places=4)


class Settles(BaseModel):
    """An open item that the payment is for."""

    model_config = ConfigDict(extra="forbid")
    open_item_id: str = Id
    amount: Decimal | None = Field(
        default=None,
        max_digits=18,
        decimal_places=4,
        description="In the payment's currency; the whole item where absent.",
    )
    item_amount: Decimal | None = Field(
        default=None, max_digits=18, decimal_places=4, description="In the item's currency, where that is another."
    )


class Difference(BaseModel):
    """What settles a difference without money."""

    model_config = ConfigDict(extra="forbid")
    open_item_id: str = Id
    kind: Literal["discount", "fee", "withholding", "rounding", "fx", "write_off"]
    amount: Decimal = Money


class Given(BaseModel):
    """What an act needs beside the case; most need the reason alone."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(default="", max_length=2000, description="Why, in a few words; it stays in the history.")
    to: str = Field(default="", max_length=200, description="assign: the person or group.")
    queue: str = Field(default="", max_length=200, description="assign: another queue.")
    party_id: str = Field(default="", max_length=200, description="on_account: whose account.")
    open_item_id: str = Field(default="", max_length=200, description="reject: the candidate.")
    settles: list[Settles] = Field(default_factory=list, max_length=500, description="match: the items.")
    differences: list[Difference] = Field(default_factory=list, max_length=500)
    payments: list[str] = Field(
        default_factory=list, max_length=500, description="match, of an open item: the payments."
    )
    rest: Literal["none", "open"] = "none"


Run = Callable[[Desk, Who, str, Given], str]


def act(desk: Desk, who: Who, case_id: str, name: str, given: Given) -> str:
    """Does it, and says what the case is now: its state. Raises Forbidden, NotFound or TieoutError with one line."""
    role, run = ACTS[name]
    if not who.may(role):
        raise Forbidden(f"{name}: needs the role {role}; {who.name} is {who.role}")
    return run(desk, who, case_id, given)


def preview(desk: Desk, case_id: str, given: Given) -> dict[str, object]:
    """What a match by hand would book, and which limit would ask for a second person; keeps nothing.

    Raises TieoutError that says what does not balance.
    """
    with desk.run() as store:
        lines, why = decide.preview(
            store,
            desk.journal,
            case_id,
            _settles(given),
            differences=_differences(given),
            payments=tuple(given.payments),
            rest=given.rest,
            policy=desk.home.policy,
        )
    return {"lines": [line.written() for line in lines], "needs_second": bool(why), "why": why}


def _settles(given: Given) -> list[decide.Settles]:
    return [decide.Settles(each.open_item_id, each.amount, each.item_amount) for each in given.settles]


def _differences(given: Given) -> list[decide.Difference]:
    return [decide.Difference(each.open_item_id, each.kind, each.amount) for each in given.differences]


def _match(desk: Desk, who: Who, case_id: str, given: Given) -> str:
    with desk.run() as store:
        outcome = decide.match(
            store,
            desk.journal,
            case_id,
            _settles(given),
            differences=_differences(given),
            payments=tuple(given.payments),
            rest=given.rest,
            actor=who.name,
            reason=given.reason,
            policy=desk.home.policy,
        )
    return outcome.case.state


def _on_account(desk: Desk, who: Who, case_id: str, given: Given) -> str:
    with desk.run() as store:
        outcome = decide.on_account(
            store,
            desk.journal,
            case_id,
            party_id=given.party_id,
            actor=who.name,
            reason=given.reason,
            policy=desk.home.policy,
        )
    return outcome.case.state


def _by_run(function: Callable[..., decide.Outcome]) -> Run:
    def run(desk: Desk, who: Who, case_id: str, given: Given) -> str:
        with desk.run() as store:
            outcome = function(
                store, desk.journal, case_id, actor=who.name, reason=given.reason, policy=desk.home.policy
            )
        return outcome.case.state

    return run


def _by_journal(function: Callable[..., object]) -> Run:
    def run(desk: Desk, who: Who, case_id: str, given: Given) -> str:
        function(desk.journal, case_id, actor=who.name, reason=given.reason)
        return str(work.show_case(desk.journal, case_id)["state"])

    return run


def _reject(desk: Desk, who: Who, case_id: str, given: Given) -> str:
    if not given.open_item_id:
        raise TieoutError("reject: name the open item that the payment is not for")
    decide.reject(desk.journal, case_id, given.open_item_id, actor=who.name, reason=given.reason)
    return str(work.show_case(desk.journal, case_id)["state"])


def _assign(desk: Desk, who: Who, case_id: str, given: Given) -> str:
    work.assign(desk.journal, [case_id], to=given.to or who.name, actor=who.name, queue=given.queue or None)
    return str(work.show_case(desk.journal, case_id)["state"])


def _comment(desk: Desk, who: Who, case_id: str, given: Given) -> str:
    work.comment(desk.journal, case_id, given.reason, actor=who.name)
    return str(work.show_case(desk.journal, case_id)["state"])


def _move(to: str) -> Run:
    def run(desk: Desk, who: Who, case_id: str, given: Given) -> str:
        return work.move(desk.journal, case_id, to, actor=who.name, reason=given.reason).state

    return run


ACTS: Mapping[str, tuple[str, Run]] = {
    "assign": ("clerk", _assign),
    "comment": ("clerk", _comment),
    "wait": ("clerk", _move("waiting")),
    "resolve": ("clerk", _move("resolved")),
    "waive": ("clerk", _move("waived")),
    "reopen": ("clerk", _move("reopened")),
    "confirm": ("clerk", _by_run(decide.confirm)),
    "match": ("clerk", _match),
    "on_account": ("clerk", _on_account),
    "write_off": ("clerk", _by_run(decide.write_off)),
    "not_receivable": ("clerk", _by_run(decide.not_receivable)),
    "reject": ("clerk", _reject),
    "undo": ("clerk", _by_journal(decide.undo)),
    "approve": ("approver", _by_journal(decide.approve)),
    "refuse": ("approver", _by_journal(decide.refuse)),
}
"""By name: the role it needs, and what does it."""
