"""The pass on lists that name only a part of what was paid: shortened numbers, ranges, one mistyped number, one left out.

What is added must be an open item of the same party and make the sum exact, in one way only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any

import polars as pl

from tieout.matching.ledger import Ledger
from tieout.matching.score import osa_distance
from tieout.model.money import minor_units

__all__ = ["by_completion"]

# Of a list with more numbers no ranges are sought.
MOST_ENDS = 9


def by_completion(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Lists of references that leave a rest which other open items of the same party explain exactly.

    Tried in this order: the numbers between the first and the last one named; numbers of which only the last digits are
    given (1001/02/03); numbers at most ``edits`` slips from what the text says, or one slip where they name an item of
    another party or one that is settled; one open item whose amount is the rest, or the only credit
    notes of the payer that make up what was paid less; an item not where the rest is a round amount (a multiple of
    ``round_amounts``), which is more often a payment on account.
    """
    pools = _pools(ledger, name)
    if pools.is_empty():
        return
    tokens: dict[int, list[tuple[str, bool]]] = {}
    for pno, token, settled in _tokens(ledger, name).iter_rows():
        tokens.setdefault(pno, []).append((token, settled))
    booked: list[dict[str, Any]] = []
    used: set[int] = set()
    for (_, pno), group in pools.group_by(["booking_date", "pno"], maintain_order=True):
        lines = group.to_dicts()
        found = _complete(lines, tokens.get(int(pno), []), options, used)
        if found is None:
            continue
        how, chosen = found
        used |= {line["ino"] for line in chosen}
        for line in chosen:
            evidence = {"completed_by": how, "reference": line["token"], "number": line["number"], "items": len(chosen)}
            booked.append(
                {
                    "pno": pno,
                    "ino": line["ino"],
                    "kind": "payment" if line["rest"] > 0 else "credit_note",
                    "amount": str(line["rest"]),
                    "item_amount": str(line["rest"]),
                    "score": "0.95" if line["token"] else "0.92",
                    "evidence": json.dumps(evidence, ensure_ascii=False),
                }
            )
    if booked:
        with ledger.store.registered(pl.DataFrame(booked, infer_schema_length=None)) as view:
            ledger.accept(name, f"select * from {view}")


def _pools(ledger: Ledger, name: str) -> pl.DataFrame:
    """The open items of every party that a still open payment names, one row a (payment, item); ``token`` where named."""
    return ledger.rows(
        f"{name}: items of the named parties",
        """with named as (
          select h.pno, h.ino, min(h.token) as token
          from match_mention h join match_payment p using (pno)
          where h.one and h.choices = 1 and p.held is null and p.rest > 0
          group by h.pno, h.ino
        ),
        parties as (
          select distinct n.pno, i.party_id from named n join match_item i using (ino) where i.rest <> 0
        ),
        pool as (
          select pno, ino from named
          union
          select p.pno, i.ino from parties a join match_payment p using (pno)
          join match_size z on z.party_id = a.party_id and z.currency = p.currency and z.items <= 2000
          join match_item i on i.party_id = z.party_id and i.currency = z.currency
            and coalesce(i.document_date <= p.booking_date, true)
        )
        select p.pno, p.booking_date, p.rest as paid, p.currency, i.ino, i.party_id, i.rest, i.discount_percent, n.token, k.number,
          exists (select 1 from match_payer y where y.pno = p.pno and y.party_id = i.party_id) as own
        from (from pool anti join match_rejected using (pno, ino)) pool join match_payment p using (pno)
        join match_item i on i.ino = pool.ino and i.currency = p.currency and i.rest <> 0
          and coalesce(i.company_code = p.company_code, true)
        left join named n on n.pno = p.pno and n.ino = i.ino
        left join (select ino, min(number) as number from match_key where kind = 'reference' group by ino) k
          on k.ino = i.ino
        order by p.booking_date, p.pno, i.ino""",
    )


def _tokens(ledger: Ledger, name: str) -> pl.DataFrame:
    """What else is a number in the texts that name an item: (pno, token, settled), settled where it names a paid one."""
    return ledger.rows(
        f"{name}: other numbers",
        """with open as (
          select pno from match_payment where held is null and pno in (select pno from match_mention where one)
        ),
        taken as (select distinct pno, unnest(range(first, last + 1)) as run from match_mention),
        numbers as (select pno, first, last, token from match_close semi join open using (pno)),
        named as (
          select distinct pno, first, last
          from (select *, unnest(range(first, last + 1)) as run from numbers) semi join taken using (pno, run)
        )
        select distinct c.pno, c.token, false as settled from numbers c anti join named using (pno, first, last)
        union
        select h.pno, h.token, true from match_mention h semi join open o using (pno)
          left join match_item i using (ino)
        where h.one and h.choices = 1 and coalesce(i.rest, 0) = 0
        order by pno, token, settled""",
    )


def _complete(
    lines: Sequence[dict[str, Any]], tokens: Sequence[tuple[str, bool]], options: Mapping[str, Any], used: set[int]
) -> tuple[str, list[dict[str, Any]]] | None:
    """How the list is completed and the items of it; None where nothing fits, or more than one way does."""
    paid = lines[0]["paid"]
    named = [line for line in lines if line["token"]]
    shortened = [token for token, settled in tokens if not settled]
    between = _between(lines, named, shortened, used)
    if between:
        return "the numbers between", between
    paid_before = [token for token, settled in tokens if settled]
    for own, strange in _readings(named):
        if any(line["ino"] in used for line in own):
            continue
        rest = paid - sum(line["rest"] for line in own)
        party = own[0]["party_id"]
        free = [x for x in lines if not x["token"] and x["party_id"] == party and x["ino"] not in used]
        tails = _tails(free, own, shortened)
        if tails and not strange and sum(line["rest"] for line in tails) == rest:
            return "shortened numbers", [*own, *tails]
        misread = [*paid_before, *(line["token"] for line in strange)]
        words = [token for token, settled in tokens if not settled and len(token) >= 5]
        near = _near(free, misread, 1) if misread else _near(free, words, int(options.get("edits", 2)))
        ways = [
            chosen
            for size in range(max(len(misread), 1), min(len(misread) or len(words), 3) + 1)
            for chosen in combinations(near, size)
            if sum(line["rest"] for line in chosen) == rest
        ]
        if len(ways) == 1:
            return "a mistyped number", [*own, *ways[0]]
        if ways or misread:
            continue
        minor = int(rest.scaleb(minor_units(lines[0]["currency"])))
        step = int(options.get("round_amounts", 5) * 10 ** minor_units(lines[0]["currency"]))
        single = [line for line in free if line["rest"] == rest]
        if rest > 0 and len(single) == 1 and (not step or minor % step):
            return "one item more", [*own, *single]
        deducted = _deducted(own, free, rest)
        if deducted:
            return "a credit note deducted", [*own, *deducted]
    return None


def _deducted(
    own: Sequence[dict[str, Any]], free: Sequence[dict[str, Any]], rest: Decimal
) -> tuple[dict[str, Any], ...] | None:
    """The only credit notes of the payer that make up what was paid less; None where it may be the discount as well."""
    discount = sum((line["rest"] * (line["discount_percent"] or 0) / 100 for line in own), Decimal(0))
    credits = [line for line in free if line["rest"] < 0]
    if rest >= 0 or not own[0]["own"] or abs(rest + discount) < 1 or len(credits) > 12:
        return None
    ways = [
        chosen for size in (1, 2, 3) for chosen in combinations(credits, size) if sum(x["rest"] for x in chosen) == rest
    ]
    return ways[0] if len(ways) == 1 else None


def _readings(named: Sequence[dict[str, Any]]) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The items named that count, and those of other parties, which must be misread."""
    counts = Counter(line["party_id"] for line in named)
    if len(counts) == 1:
        return [(list(named), [])]
    payers = sorted({line["party_id"] for line in named if line["own"]})
    (party, most), (_, second) = sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:2]
    if len(payers) == 1:
        party = payers[0]
    elif most == second:
        return []
    return [([x for x in named if x["party_id"] == party], [x for x in named if x["party_id"] != party])]


def _between(
    lines: Sequence[dict[str, Any]], named: Sequence[dict[str, Any]], tokens: Sequence[str], used: set[int]
) -> list[dict[str, Any]] | None:
    """The items named and those of the party with numbers between two of them, where they add up in one way only.

    The end of a range may be shortened (1001-08), and a list may hold more than one range (1001-1004, 1009-1012).
    """
    if len({line["party_id"] for line in named}) != 1:
        return None
    party = [x for x in lines if x["number"] and x["party_id"] == named[0]["party_id"] and x["ino"] not in used]
    tails = _tails([x for x in party if not x["token"]], named, tokens)
    for ends in (list(named), [*named, *tails]):
        filled = _filled(sorted(ends, key=lambda line: str(line["number"])), party, lines[0]["paid"])
        if filled:
            return filled
    return None


def _filled(
    ends: Sequence[dict[str, Any]], party: Sequence[dict[str, Any]], paid: Decimal
) -> list[dict[str, Any]] | None:
    """The ends and what lies in some of the gaps between them, where exactly one choice of gaps makes the amount."""
    sizes = {len(str(line["number"])) for line in ends}
    numbers = {line["ino"] for line in party}
    if not 2 <= len(ends) <= MOST_ENDS or len(sizes) > 1 or any(line["ino"] not in numbers for line in ends):
        return None
    gaps = [
        [x for x in party if len(str(x["number"])) in sizes and low["number"] < x["number"] < high["number"]]
        for low, high in pairwise(ends)
    ]
    gaps = [gap for gap in gaps if gap]
    rest = paid - sum(line["rest"] for line in ends)
    ways = [
        chosen
        for size in range(1, len(gaps) + 1)
        for chosen in combinations(gaps, size)
        if sum(line["rest"] for gap in chosen for line in gap) == rest
    ]
    return [*ends, *(line for gap in ways[0] for line in gap)] if len(ways) == 1 else None


def _tails(
    free: Sequence[dict[str, Any]], own: Sequence[dict[str, Any]], tokens: Sequence[str]
) -> list[dict[str, Any]]:
    """The free items whose number is one named with its last digits replaced by a short number of the text."""
    short = [token for token in tokens if token.isdigit() and 2 <= len(token) <= 6]
    numbers = {
        str(line["number"])[: -len(token)] + token
        for line in own
        for token in short
        if line["number"] and len(str(line["number"])) > len(token)
    }
    return [line for line in free if line["number"] in numbers]


def _near(free: Sequence[dict[str, Any]], words: Sequence[str], edits: int) -> list[dict[str, Any]]:
    """The free items whose number is at most ``edits`` slips from one of the words."""
    pairs = [
        (n, str(line["number"]), word)
        for n, line in enumerate(free)
        for word in words
        if line["number"] and abs(len(str(line["number"])) - len(word)) <= 1
    ]
    if not pairs:
        return []
    frame = pl.DataFrame(pairs, schema=["n", "number", "word"], orient="row")
    distance = osa_distance(frame["word"], frame["number"])
    return [free[n] for n in sorted({pairs[k][0] for k in range(len(pairs)) if distance[k] <= edits})]
