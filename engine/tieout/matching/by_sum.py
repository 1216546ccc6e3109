"""The pass on payments without references for several open items of the payer: sums that have one answer only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from tieout.matching.by_party import DUE, FREE, NAMES_GROUP, SETTLED
from tieout.matching.ledger import Ledger
from tieout.matching.sums import subset_sum
from tieout.model.money import minor_units

__all__ = ["by_sum"]

# Of a party with more items than the pool allows no sum is proof, and none is searched for.
SEARCHED = """exists (
            select 1 from match_size z
            where z.party_id = y.party_id and z.currency = p.currency and z.items <= $pool)"""


# A payment on account is no sum of items, even where one happens to add up.
WHOLE = "not exists (select 1 from match_word w where w.pno = p.pno and w.says_part)"


def by_sum(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """The payer is known, and some of the party's open items add up to the amount in one way only.

    First what payers do: everything open, everything due, one month, one order, all but one. Then free subsets.
    ``chance`` is the largest expected number of sums that fit by accident for an answer to count as proof.
    """
    rows = ledger.rows(
        f"{name}: open items of the payers",
        f"""select p.pno, p.rest as paid, p.currency, p.booking_date, i.ino, i.open_item_id, i.party_id, i.rest,
          i.original as amount, i.document_date, i.due_date, i.discount_days, i.discount_percent, y.ground, y.score, y.tier,
            false as settled
        from match_payment p join match_payer y using (pno) join match_item i on {DUE}
        where p.held is null and p.rest > 0 and y.score >= $least and {FREE} and {WHOLE}
          and (not {NAMES_GROUP} or exists (select 1 from match_mention h where h.pno = p.pno and h.ino = i.ino))
          and {SEARCHED}
        union all
        select p.pno, p.rest, p.currency, p.booking_date, i.ino, i.open_item_id, i.party_id, i.amount,
          i.original, i.document_date, i.due_date, i.discount_days, i.discount_percent, y.ground, y.score, y.tier, true
        from match_payment p join match_payer y using (pno)
        join match_item i on {DUE.replace("i.rest <> 0", "i.rest = 0")} join ({SETTLED}) s using (ino)
        where p.held is null and p.rest > 0 and y.score >= $least and {FREE} and {WHOLE}
          and $open_when_booked and s.first_date > p.booking_date and {SEARCHED}
        order by booking_date, pno, party_id, document_date, ino""",
        least=float(options.get("least_payer_score", 0.88)),
        open_when_booked=bool(options.get("open_when_booked", False)),
        pool=int(options.get("pool", 400)),
    )
    booked: list[dict[str, Any]] = []
    flags: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    used: set[int] = set()
    for _, group in rows.group_by(["booking_date", "pno"], maintain_order=True):
        _one_payment(group.to_dicts(), options, used, booked, flags, shown)
    if booked:
        with ledger.store.registered(pl.DataFrame(booked)) as view:
            ledger.accept(name, f"select * from {view}")
    if shown:
        with ledger.store.registered(pl.DataFrame(shown)) as view:
            ledger.show(
                name,
                f"""select pno::integer, ino::integer, solution::integer, amount::decimal(18,4), score::decimal(9,6),
                  null::varchar, evidence from {view}""",
            )
    if flags:
        with ledger.store.registered(pl.DataFrame(flags)) as view:
            ledger.flag(
                name,
                f"""select pno, 'ambiguous' as reason, null as related, party_id, amount::decimal(18,4) as amount,
                  message, evidence from {view}""",
                hold=True,
            )


def _one_payment(
    lines: list[dict[str, Any]],
    options: Mapping[str, Any],
    used: set[int],
    booked: list[dict[str, Any]],
    flags: list[dict[str, Any]],
    shown: list[dict[str, Any]],
) -> None:
    head = lines[0]
    scale = 10 ** minor_units(head["currency"])
    found: list[tuple[str, list[dict[str, Any]], list[int]]] = []
    every: list[tuple[list[dict[str, Any]], list[int], tuple[int, ...]]] = []
    for party in sorted({line["party_id"] for line in lines}):
        ours = [line for line in lines if line["party_id"] == party]
        pool = [line for line in ours if line["ino"] not in used and not line["settled"]]
        then_open = [line for line in ours if line["settled"]]
        for amounts in _prices(pool, scale, head, options):
            verdict, solutions = _search(pool, amounts, int(head["paid"] * scale), options)
            every += [(pool, amounts, solution) for solution in solutions]
            rivals = _rivals(pool, amounts, then_open, int(head["paid"] * scale), scale, options) if verdict else []
            every += rivals
            if verdict and not rivals:
                found.append((verdict, [pool[i] for i in solutions[0]], [amounts[i] for i in solutions[0]]))
            if solutions:
                break
    if len(found) == 1 and len(every) >= 1 and len({p[0]["party_id"] for p, _, _ in every}) == 1:
        verdict, items, amounts = found[0]
        for line, amount in zip(items, amounts, strict=True):
            used.add(line["ino"])
            rest = int(line["rest"] * scale)
            evidence = json.dumps(
                {"payer": line["ground"], "payer_score": round(line["score"], 4), "sum": verdict, "items": len(items)},
                ensure_ascii=False,
            )
            row = {"pno": head["pno"], "ino": line["ino"], "score": f"{line['score'] * 0.95:.6f}", "evidence": evidence}
            kind = "payment" if amount > 0 else "credit_note"
            value = str(Decimal(amount) / scale)
            booked.append({**row, "kind": kind, "amount": value, "item_amount": value})
            if rest != amount:
                cut = str(Decimal(rest - amount) / scale)
                booked.append({**row, "kind": "discount", "amount": cut, "item_amount": cut})
        return
    if every:
        for number, (pool, amounts, solution) in enumerate(every[:6], 1):
            for i in solution:
                shown.append(
                    {
                        "pno": head["pno"],
                        "ino": pool[i]["ino"],
                        "solution": number,
                        "amount": str(Decimal(amounts[i]) / scale),
                        "score": "0.5",
                        "evidence": json.dumps({"items": len(solution)}),
                    }
                )
        flags.append(
            {
                "pno": head["pno"],
                "party_id": head["party_id"],
                "amount": str(head["paid"]),
                "message": f"{len(every)} or more sets of open items add up to the amount"
                if len(every) > 1
                else "a set of open items adds up to the amount, but may do so by accident",
                "evidence": json.dumps(
                    {
                        "solutions": [[p[i]["open_item_id"] for i in s] for p, _, s in every[:6]],
                        "decides": "the number of one invoice",
                    }
                ),
            }
        )


def _rivals(
    pool: Sequence[dict[str, Any]],
    amounts: Sequence[int],
    then_open: Sequence[dict[str, Any]],
    target: int,
    scale: int,
    options: Mapping[str, Any],
) -> list[tuple[list[dict[str, Any]], list[int], tuple[int, ...]]]:
    """The sums that were as good when the payment was booked: with items that only a later payment has settled.

    Sums of so many items that one of them fits by accident are no rivals.
    """
    if not then_open:
        return []
    both = [*pool, *then_open]
    prices = [*amounts, *(int(line["rest"] * scale) for line in then_open)]
    answer = subset_sum(
        prices, target, full=int(options.get("all_subsets_up_to", 30)), sizes=int(options.get("sizes", 4)), shown=50
    )
    found = [s for s in answer.solutions if any(i >= len(pool) for i in s) and _accidents(prices, len(s)) <= 1]
    return [(both, prices, solution) for solution in found]


def _prices(
    pool: Sequence[Mapping[str, Any]], scale: int, head: Mapping[str, Any], options: Mapping[str, Any]
) -> list[list[int]]:
    """What the items cost: as open, and (where the plan takes discounts) less the discounts still allowed."""
    full = [int(line["rest"] * scale) for line in pool]
    if not options.get("discount", False):
        return [full]
    grace = int(options.get("grace_days", 0))
    reduced = []
    for line, rest in zip(pool, full, strict=True):
        days = (
            (head["booking_date"] - line["document_date"]).days
            if line["document_date"] and head["booking_date"]
            else None
        )
        percent = line["discount_percent"] or 0
        allowed = rest > 0 and line["rest"] == line["amount"] and percent > 0 and days is not None
        if allowed and days is not None and days <= (line["discount_days"] or 0) + grace:
            rest -= int((Decimal(rest) * percent / 100).quantize(Decimal(1), rounding="ROUND_HALF_UP"))
        reduced.append(rest)
    return [full] if reduced == full else [full, reduced]


def _structured(
    pool: Sequence[Mapping[str, Any]], amounts: Sequence[int], target: int, on: Any
) -> dict[tuple[int, ...], str]:
    """The sets payers choose without searching, that sum to the target: name by set."""
    sets: dict[tuple[int, ...], str] = {}

    def add(label: str, chosen: Sequence[int]) -> None:
        if len(chosen) > 1 and sum(amounts[i] for i in chosen) == target:
            sets.setdefault(tuple(chosen), label)

    everything = range(len(pool))
    add("everything open", list(everything))
    due = [i for i in everything if pool[i]["due_date"] is not None and on is not None and pool[i]["due_date"] <= on]
    add("everything due", due)
    for key in ("document_date", "due_date"):
        months: dict[Any, list[int]] = {}
        for i in everything:
            day = pool[i][key]
            if day is not None:
                months.setdefault((day.year, day.month), []).append(i)
        for chosen in months.values():
            add(f"one month by {key}", chosen)
    for order in (sorted(everything, key=lambda i: (str(pool[i]["due_date"]), pool[i]["ino"])), list(everything)):
        running = 0
        for place, i in enumerate(order):
            running += amounts[i]
            if running == target:
                add("the oldest", sorted(order[: place + 1]))
    total = sum(amounts)
    for i in everything:
        if total - amounts[i] == target:
            add("all but one", [j for j in everything if j != i])
    return sets


def _search(
    pool: Sequence[Mapping[str, Any]], amounts: Sequence[int], target: int, options: Mapping[str, Any]
) -> tuple[str, list[tuple[int, ...]]]:
    """Why the first solution may settle (empty where it may not), and the solutions, the proven one first."""
    chance = float(options.get("chance", 0.02))
    structured = _structured(pool, amounts, target, pool[0]["booking_date"] if pool else None)
    answer = subset_sum(
        amounts, target, full=int(options.get("all_subsets_up_to", 30)), sizes=int(options.get("sizes", 4))
    )
    solutions = sorted({*answer.solutions, *structured}, key=lambda s: (s not in structured, len(s), s))
    if not solutions:
        return "", []
    if len(structured) == 1 and _lucky(amounts, next(iter(structured.values()))) <= chance:
        rivals = [s for s in solutions if s not in structured]
        smallest = min((len(s) for s in rivals), default=len(amounts))
        if answer.count <= 1 or (rivals and _accidents(amounts, smallest) > 1):
            return next(iter(structured.values())), solutions
        return "", solutions
    if len(structured) > 1 or answer.count != 1:
        return "", solutions
    if _accidents(amounts, len(solutions[0])) <= chance:
        return answer.label, solutions
    return "", solutions


def _lucky(amounts: Sequence[int], label: str) -> float:
    """How many sets of the same kind one expects to hit a given sum by accident: there are more to leave one out of."""
    tries = 1 if label.startswith("everything") else 2 * len(amounts)
    return tries / max(sum(abs(a) for a in amounts) // (math.gcd(*amounts) or 1), 1)


def _accidents(amounts: Sequence[int], size: int) -> float:
    """How many sets of at most ``size`` of the amounts one expects to hit a given sum by accident."""
    step = math.gcd(*amounts) or 1
    ranked = sorted((abs(a) for a in amounts), reverse=True)
    spread = max(sum(ranked[:size]) // step, 1)
    sets = sum(math.comb(len(amounts), k) for k in range(2, size + 1))
    return sets / spread
