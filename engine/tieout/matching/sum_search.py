"""Turns of the pass on sums: each customer's earliest payment first, all customers at once, until nothing changes.

Reads the arrays of a ``Book`` and marks there what is settled; reads and writes no table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tieout.matching.structured import Chosen, Lines, structured
from tieout.matching.sum_book import Book, Settings
from tieout.matching.sums import Answer, subset_sums

__all__ = ["Outcome", "Solution", "accidents", "decides", "search"]

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Solution:
    """One set of items that adds up: (ino, amount) each, and how it would have been chosen."""

    parts: tuple[tuple[int, int], ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the search says of one payment."""

    pno: int
    state: str
    """settled, undisputed (a part is), proposed, open (there are solutions, none is taken) or none."""
    label: str
    """unique, ambiguous, none; 'unique within 4', 'none within 4' where only so many items were considered."""
    kind: str = ""
    which: str = ""
    pool: int = 0
    """How many open items were looked at."""
    count: int = 0
    within: int | None = None
    reason: str = ""
    """Why what adds up is not taken: several, accident (it may be one) or bounded (larger sets were not considered)."""
    party_id: str = ""
    ground: str = ""
    score: float = 0
    chosen: tuple[tuple[int, int, int], ...] = ()
    """(ino, amount, rest) of what is settled or proposed."""
    solutions: tuple[Solution, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    """The open items of each solution."""
    deciding: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False

    @property
    def message(self) -> str:
        many = f"{'at least ' if self.more else ''}{self.count}"
        if self.state == "undisputed":
            return f"{many} sets of open items add up; what is in all of them is settled, the rest is open"
        if self.reason == "several":
            return f"{many} sets of open items add up to the amount; what would decide: {self.deciding['fact']}"
        if self.reason == "bounded":
            return f"one set of up to {self.within} of {self.pool} open items adds up; larger sets were not tried"
        return "a set of open items adds up to the amount, but may do so by accident"

    def evidence(self) -> dict[str, Any]:
        says = "undisputed" if self.state == "undisputed" else self.reason
        facts: dict[str, Any] = {
            "says": f"sum_{says}",
            "sum": self.label,
            "solutions": [list(s) for s in self.ids],
            "count": self.count,
        }
        facts |= {"open_items": self.pool, "others_within": self.within, "at_least": self.more or None}
        facts |= {"decides": self.deciding.get("fact"), "decided_by": self.deciding.get("items")}
        facts |= {"decides_by": self.deciding.get("by"), "decides_among": self.deciding.get("among")}
        facts["settled_part"] = [ino for ino, _, _ in self.chosen] and len(self.chosen)
        return {key: value for key, value in facts.items() if value not in (None, [], 0, "")}


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one price list of one claim gives."""

    item: list[int]
    amounts: list[int]
    answer: Answer
    chosen: Mapping[tuple[int, ...], Chosen]
    solutions: tuple[tuple[int, ...], ...]
    state: str
    """settled, bounded, several, accident or none."""
    rivals: tuple[Solution, ...] = ()
    """Solutions with items that only a later payment has settled."""

    @property
    def label(self) -> str:
        """The label of the answer; a set of a kind that payers choose is an answer of its own."""
        return "unique" if self.state == "settled" and self.chosen else self.answer.label


def search(book: Book, settings: Settings) -> list[Outcome]:
    """One outcome a payment of the book, by pno."""
    outcomes: list[Outcome] = []
    waiting = np.ones(len(book.pno), dtype=np.bool_)
    while waiting.any():
        claims = book.ready(waiting)
        waiting[claims] = False
        turn = _turn(book, claims, settings)
        numbers = claims.tolist()
        firsts = np.flatnonzero(np.diff(book.pno[claims], prepend=-1)).tolist()
        for first, end in zip(firsts, [*firsts[1:], len(numbers)], strict=True):
            outcomes.append(_outcome(book, numbers[first:end], turn[first:end], settings))
    return sorted(outcomes, key=lambda o: o.pno)


def _turn(book: Book, claims: Whole, settings: Settings) -> list[_Verdict]:
    """The verdict on each claim: at full prices, and where nothing adds up, less the discounts still allowed."""
    item, starts = book.items(claims)
    verdicts = _judge(book, claims, item, starts, book.rest[item], settings)
    if settings.discount:
        again = np.asarray([n for n, v in enumerate(verdicts) if v.state == "none"], dtype=np.int64)
        item, starts = book.items(claims[again])
        amounts = book.reduced(claims[again], item, starts, settings.grace_days)
        cheaper = np.add.reduceat(np.append(amounts != book.rest[item], False), starts[:-1]) if len(again) else again
        cheaper = np.where(np.diff(starts) > 0, cheaper, 0)
        some = np.flatnonzero(cheaper)
        if len(some):
            keep = np.repeat(cheaper > 0, np.diff(starts))
            sizes = np.diff(starts)[some]
            offsets = np.concatenate(([0], np.cumsum(sizes)))
            found = _judge(book, claims[again[some]], item[keep], offsets, amounts[keep], settings)
            for n, verdict in zip(again[some].tolist(), found, strict=True):
                if verdict.state != "none":
                    verdicts[n] = verdict
    if settings.open_when_booked:
        _contest(book, claims, verdicts, settings)
    return verdicts


def _judge(book: Book, claims: Whole, item: Whole, starts: Whole, amounts: Whole, settings: Settings) -> list[_Verdict]:
    targets = book.paid[claims]
    answers = subset_sums(amounts, starts, targets, settings.bounds)
    groups = tuple((kind, codes[item], names) for kind, codes, names in book.groups)
    lines = Lines(
        starts,
        targets,
        amounts,
        book.ino[item],
        book.issued[item],
        book.due[item],
        groups,
        book.series[item],
        book.number[item],
    )
    chosen = structured(lines)
    items, costs, bounds = item.tolist(), amounts.tolist(), starts.tolist()
    return [
        _verdict(items[first:end], costs[first:end], answer, chosen.get(n, {}), settings)
        for n, (answer, first, end) in enumerate(zip(answers, bounds[:-1], bounds[1:], strict=True))
    ]


def _verdict(
    item: list[int], amounts: list[int], answer: Answer, chosen: Mapping[tuple[int, ...], Chosen], settings: Settings
) -> _Verdict:
    """Whether one of the solutions is proven, and why not. The proven one comes first."""
    if not answer.count and not chosen:
        return _Verdict(item, amounts, answer, chosen, (), "none")
    rivals = [s for s in answer.solutions if s not in chosen]
    solutions = (*chosen, *rivals)
    state = "several"
    if len(chosen) == 1 and _lucky(amounts, next(iter(chosen.values()))) <= settings.chance:
        # Free sets that fit by accident anyway say nothing against a set that payers choose.
        if not rivals or accidents(amounts, min(len(s) for s in rivals)) > 1:
            state = "settled"
    elif not chosen and answer.count == 1:
        proven = accidents(amounts, len(solutions[0])) <= settings.chance
        state = "accident" if not proven else "settled" if answer.within is None else "bounded"
    elif len(solutions) == 1:
        state = "accident"
    return _Verdict(item, amounts, answer, chosen, solutions, state)


def _contest(book: Book, claims: Whole, verdicts: list[_Verdict], settings: Settings) -> None:
    """Notes the sums that were as good when the payment was booked: with items that only a later payment has settled.

    Sums of so many items that one of them fits by accident are no rivals.
    """
    proven = np.asarray([n for n, v in enumerate(verdicts) if v.state in ("settled", "bounded")], dtype=np.int64)
    item, starts = book.items(claims[proven], settled_later=True)
    for n, first, end in zip(proven.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if first == end:
            continue
        own = verdicts[n]
        both = [*own.item, *item[first:end].tolist()]
        listed = [*own.amounts, *book.rest[item[first:end]].tolist()]
        prices = np.asarray(listed, dtype=np.int64)
        answer = subset_sums(prices, np.asarray([0, len(prices)]), book.paid[claims[[n]]], settings.bounds)[0]
        found = [s for s in answer.solutions if any(i >= len(own.item) for i in s) and accidents(listed, len(s)) <= 1]
        rivals = tuple(Solution(tuple((both[i], listed[i]) for i in s), "settled_later") for s in found)
        verdicts[n] = replace(own, rivals=rivals)


def _outcome(book: Book, claims: Sequence[int], verdicts: Sequence[_Verdict], settings: Settings) -> Outcome:
    """What follows for one payment from the verdicts on each party that may have made it."""
    fitting = [(c, v) for c, v in zip(claims, verdicts, strict=True) if v.solutions]
    claim, verdict = fitting[0] if fitting else (claims[0], verdicts[0])
    withins = [v.answer.within for v in verdicts if v.answer.within is not None]
    facts: dict[str, Any] = {"pno": int(book.pno[claim]), "party_id": book.party[claim], "ground": book.ground[claim],
                             "score": book.score[claim], "within": min(withins, default=None),
                             "pool": max(len(v.item) for v in verdicts)}  # fmt: skip
    if not fitting:
        return Outcome(state="none", label=f"none within {min(withins)}" if withins else "none", **facts)
    allowed = {"settled": "settled", "bounded": _BOUNDED.get(settings.unique_within)}
    if len(fitting) == 1 and not verdict.rivals and (state := allowed.get(verdict.state)):
        parts = verdict.solutions[0]
        if state == "settled":
            book.open[[verdict.item[i] for i in parts]] = False
        if how := next(iter(verdict.chosen.values()), None):
            facts |= {"kind": how.kind, "which": how.which}
        return Outcome(state=state, label=verdict.label, count=1, chosen=_chosen(book, verdict, parts), **facts)
    return _open(book, facts, fitting, settings)


_BOUNDED = {"settle": "settled", "propose": "proposed"}


def _chosen(book: Book, verdict: _Verdict, parts: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
    at = [verdict.item[i] for i in parts]
    amounts = [verdict.amounts[i] for i in parts]
    return tuple(zip(book.ino[at].tolist(), amounts, book.rest[at].tolist(), strict=True))


def _open(book: Book, facts: dict[str, Any], fitting: Sequence[tuple[int, _Verdict]], settings: Settings) -> Outcome:
    """A payment that is not settled, with its solutions and what would decide between them."""
    known = sum(len(v.solutions) + len(v.rivals) for _, v in fitting)
    count = sum(max(v.answer.count, len(v.solutions)) + len(v.rivals) for _, v in fitting)
    more = any(v.answer.more for _, v in fitting)
    complete = not more and count == known
    every = list(_every(book, fitting, known if complete else settings.solutions))
    _, verdict = fitting[0]
    deciding = {}
    if count > 1:
        deciding = decides(
            [(party, [book.numbers[i] for i, _ in s.parts], [a for _, a in s.parts]) for party, s in every],
            complete=complete,
        )
    shown = every[: settings.solutions]
    outcome = Outcome(
        state="open",
        label="ambiguous" if count > 1 else verdict.label,
        count=count,
        reason="several" if count > 1 else verdict.state,
        more=more,
        deciding=deciding,
        solutions=tuple(Solution(tuple((int(book.ino[i]), a) for i, a in s.parts), s.kind) for _, s in shown),
        ids=tuple(tuple(book.ids[i] for i, _ in s.parts) for _, s in shown),
        **facts,
    )
    shared = _undisputed(verdict) if settings.undisputed and len(fitting) == 1 else ()
    if shared and accidents(verdict.amounts, max(len(s) for s in verdict.solutions)) <= settings.chance:
        book.open[[verdict.item[i] for i in shared]] = False
        return replace(outcome, state="undisputed", chosen=_chosen(book, verdict, shared))
    return outcome


def _every(book: Book, fitting: Sequence[tuple[int, _Verdict]], most: int) -> Iterator[tuple[str, Solution]]:
    """The solutions of a payment with the party of each, at most so many of a party."""
    for claim, verdict in fitting:
        for s in verdict.solutions[:most]:
            how = verdict.chosen.get(s)
            parts = tuple((verdict.item[i], verdict.amounts[i]) for i in s)
            yield book.party[claim], Solution(parts, how.kind if how else "")
        for rival in verdict.rivals[:most]:
            yield book.party[claim], rival


def _undisputed(verdict: _Verdict) -> tuple[int, ...]:
    """What stands in every solution, where all subsets were considered and all that add up are known."""
    answer = verdict.answer
    if answer.within is not None or answer.count < 2 or answer.count > len(answer.solutions) or verdict.rivals:
        return ()
    return answer.shared if sum(verdict.amounts[i] for i in answer.shared) > 0 else ()


def decides(solutions: Sequence[tuple[str, Sequence[str], Sequence[int]]], *, complete: bool) -> dict[str, Any]:
    """The single fact that would tell the solutions apart, in words and as data.

    solutions: party, the numbers of the items, and their amounts. complete: whether these are all there are.
    Returns ``fact``, ``items``, the items it asks for, and ``by`` (numbers, customer, item, which, count, discount or
    none) with what it is ``among``, from which the fact is said in another language.
    """
    if not complete:
        fact = "the numbers of the invoices; there are more solutions than are shown"
        return {"fact": fact, "items": [], "by": "numbers"}
    sets = [frozenset(numbers) for _, numbers, _ in solutions]
    parties = [party for party, _, _ in solutions]
    if len(set(parties)) == len(parties):
        told = sorted(parties)
        return {"fact": f"which customer paid: {' or '.join(told)}", "items": [], "by": "customer", "among": told}
    worth = {n: abs(a) for _, numbers, amounts in solutions for n, a in zip(numbers, amounts, strict=True)}
    differ = sorted(frozenset.union(*sets) - frozenset.intersection(*sets), key=lambda n: (-worth[n], n))
    if len(sets) == 2 and differ:
        return {"fact": f"whether {differ[0]} is paid", "items": differ[:1], "by": "item", "among": differ[:1]}
    own = [next((n for n in differ if n in s and sum(n in o for o in sets) == 1), None) for s in sets]
    if all(own):
        told = sorted(n for n in own if n)
        return {"fact": f"which of {', '.join(told)} is paid", "items": told, "by": "which", "among": told}
    lengths = sorted({len(s) for s in sets})
    if len(lengths) == len(sets):
        sizes = [str(length) for length in lengths]
        return {"fact": f"how many items are paid: {', '.join(sizes)}", "items": [], "by": "count", "among": sizes}
    if not differ:
        return {"fact": "whether the discount was taken", "items": [], "by": "discount"}
    held = {n: sum(n in s for s in sets) for n in differ}
    best = min(differ, key=lambda n: (max(held[n], len(sets) - held[n]), -worth[n], n))
    left = max(held[best], len(sets) - held[best])
    fact = f"no single item; whether {best} is paid leaves at most {left} of {len(sets)}"
    return {"fact": fact, "items": [best], "by": "none", "among": [best, str(left), str(len(sets))]}


def _lucky(amounts: list[int], how: Chosen) -> float:
    """How many sets of the same kind one expects to hit a given sum by accident."""
    return how.tries / max(sum(map(abs, amounts)) // (math.gcd(*amounts) or 1), 1)


def accidents(amounts: Sequence[int], size: int) -> float:
    """How many sets of at most ``size`` of the amounts one expects to hit a given sum by accident."""
    ranked = sorted(map(abs, amounts), reverse=True)
    spread = max(sum(ranked[:size]) // (math.gcd(*amounts) or 1), 1)
    return sum(math.comb(len(amounts), k) for k in range(2, size + 1)) / spread
