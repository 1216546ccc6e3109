"""The pass on lists that name only a part of what was paid: shortened numbers, ranges, one mistyped number, one left out.

What is added must be an open item of the same party and make the sum exact, in one way only.
"""

from __future__ import annotations

import datetime as dt
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any

import polars as pl

from tieout.matching.ledger import Ledger, grouped
from tieout.matching.score import alike
from tieout.model.money import minor_units

__all__ = ["by_completion"]

# Of a list with more numbers no ranges are sought.
MOST_ENDS = 9

# Of a party with more open items only the items named are looked at.
MOST_ITEMS = 2000

# Of more numbers that look like what was written, no combinations are tried: one of them would fit by chance.
MOST_ALIKE = 40

Line = dict[str, Any]


@dataclass(frozen=True)
class _Party:
    """A party's open items in one currency, found by number and by amount."""

    by_number: Mapping[str, Sequence[Line]]
    by_rest: Mapping[Decimal, Sequence[Line]]
    by_size: Mapping[int, tuple[Sequence[str], Sequence[Line]]]
    """The numbers of one length in their order, and the items of them."""
    credits: Sequence[Line]

    @staticmethod
    def of(items: Iterable[Line]) -> _Party:
        by_number: dict[str, list[Line]] = defaultdict(list)
        by_rest: dict[Decimal, list[Line]] = defaultdict(list)
        by_size: dict[int, list[Line]] = defaultdict(list)
        for item in items:
            by_rest[item["rest"]].append(item)
            if item["number"]:
                by_number[item["number"]].append(item)
                by_size[len(item["number"])].append(item)
        ordered = {
            size: sorted(lines, key=lambda line: (line["number"], line["ino"])) for size, lines in by_size.items()
        }
        return _Party(
            by_number,
            by_rest,
            {size: ([line["number"] for line in lines], lines) for size, lines in ordered.items()},
            [line for lines in by_rest.values() for line in lines if line["rest"] < 0],
        )

    def between(self, low: str, high: str) -> Sequence[Line]:
        """The items with numbers of this length between the two."""
        numbers, lines = self.by_size.get(len(low), ((), ()))
        return lines[bisect_right(numbers, low) : bisect_left(numbers, high)]

    def alike(self, words: Sequence[str], edits: int) -> list[Line]:
        """The items whose number is at most ``edits`` slips from one of the words, in the order of the items."""
        found = alike(words, list(self.by_number), edits)
        return sorted((line for number in found for line in self.by_number[number]), key=_ino)


@dataclass(frozen=True)
class _List:
    """A payment that names items: the items named, what else its text says, and which items of the parties are free."""

    named: Sequence[Line]
    paid: Decimal
    currency: str
    shortened: Sequence[str]
    """Numbers of the text that name nothing."""
    settled: Sequence[str]
    """Numbers of the text that name an item paid before."""
    parties: Mapping[tuple[str, str], _Party]
    may: Callable[[Line], bool]
    """Whether an item is this payment's to settle: open, of its company, not of a later day, not rejected."""

    def party(self, party_id: str) -> _Party:
        return self.parties.get((party_id, self.currency), _Party({}, {}, {}, ()))

    def free(self, lines: Iterable[Line]) -> list[Line]:
        """Those of the items that are not named and may be meant."""
        named = {line["ino"] for line in self.named}
        return [line for line in lines if line["ino"] not in named and self.may(line)]


def _ino(line: Line) -> int:
    return int(line["ino"])


def by_completion(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Lists of references that leave a rest which other open items of the same party explain exactly.

    Tried in this order: the numbers between the first and the last one named; numbers of which only the last digits are
    given (1001/02/03); numbers at most ``edits`` slips from what the text says, or one slip where they name an item of
    another party or one that is settled; one open item whose amount is the rest, or the only credit
    notes of the payer that make up what was paid less; an item not where the rest is a round amount (a multiple of
    ``round_amounts``), which is more often a payment on account.
    """
    named = _named(ledger, name)
    if named.is_empty():
        return
    parties = _parties(ledger, name, named)
    rejected = set(ledger.rows(f"{name}: rejected pairs", "select pno, ino from match_rejected").iter_rows())
    tokens: dict[int, list[tuple[str, bool]]] = {}
    for pno, token, settled in _tokens(ledger, name).iter_rows():
        tokens.setdefault(pno, []).append((token, settled))
    booked: list[dict[str, Any]] = []
    used: set[int] = set()
    for lines in grouped(named, "pno"):
        head = lines[0]
        said = tokens.get(head["pno"], [])
        found = _complete(
            _List(
                lines,
                head["paid"],
                head["currency"],
                [token for token, settled in said if not settled],
                [token for token, settled in said if settled],
                parties,
                _may(head, used, rejected),
            ),
            options,
            used,
        )
        if found is None:
            continue
        how, chosen = found
        used |= {line["ino"] for line in chosen}
        tokens_of = {line["ino"]: line["token"] for line in lines}
        for line in chosen:
            token = tokens_of.get(line["ino"])
            evidence = {"completed_by": how, "reference": token, "number": line["number"], "items": len(chosen)}
            booked.append(
                {
                    "pno": head["pno"],
                    "ino": line["ino"],
                    "kind": "payment" if line["rest"] > 0 else "credit_note",
                    "amount": str(line["rest"]),
                    "item_amount": str(line["rest"]),
                    "score": "0.95" if token else "0.92",
                    "evidence": json.dumps(evidence, ensure_ascii=False),
                }
            )
    if booked:
        with ledger.store.registered(pl.DataFrame(booked, infer_schema_length=None)) as view:
            ledger.accept(name, f"select * from {view}")


def _may(head: Line, used: set[int], rejected: set[tuple[Any, ...]]) -> Callable[[Line], bool]:
    pno, company, day = head["pno"], head["company_code"], head["booking_date"] or dt.date.max

    def may(line: Line) -> bool:
        return (
            line["ino"] not in used
            and (line["document_date"] is None or line["document_date"] <= day)
            and (company is None or line["company_code"] in (None, company))
            and (pno, line["ino"]) not in rejected
        )

    return may


_NUMBER = "(select ino, min(number) as number from match_key where kind = 'reference' group by ino)"


def _named(ledger: Ledger, name: str) -> pl.DataFrame:
    """The open items that a still open payment names, one row a (payment, item), the earliest payment first."""
    return ledger.rows(
        f"{name}: items that are named",
        f"""with named as (
          select h.pno, h.ino, min(h.token) as token
          from match_mention h join match_payment p using (pno)
          where h.one and h.choices = 1 and p.held is null and p.rest > 0
          group by h.pno, h.ino
        )
        select p.pno, p.booking_date, p.rest as paid, p.currency, p.company_code, i.ino, i.party_id, i.rest,
          i.discount_percent, i.document_date, n.token, k.number,
          exists (select 1 from match_payer y where y.pno = p.pno and y.party_id = i.party_id) as own
        from (from named anti join match_rejected using (pno, ino)) n join match_payment p using (pno)
        join match_item i on i.ino = n.ino and i.currency = p.currency and i.rest <> 0
          and coalesce(i.company_code = p.company_code, true)
        left join {_NUMBER} k on k.ino = i.ino
        order by p.booking_date, p.pno, i.ino""",
    )


def _parties(ledger: Ledger, name: str, named: pl.DataFrame) -> dict[tuple[str, str], _Party]:
    """The open items of the parties named, by party and currency; each item is read once, however many payments ask."""
    with ledger.store.registered(named.select("party_id", "currency").unique()) as view:
        items = ledger.rows(
            f"{name}: items of the named parties",
            f"""select i.ino, i.party_id, i.currency, i.company_code, i.document_date, i.rest, i.discount_percent, k.number
            from match_item i semi join {view} v on v.party_id = i.party_id and v.currency = i.currency
            join match_size z on z.party_id = i.party_id and z.currency = i.currency and z.items <= {MOST_ITEMS}
            left join {_NUMBER} k on k.ino = i.ino
            where i.rest <> 0
            order by i.party_id, i.currency, i.ino""",
        )
    return {
        (lines[0]["party_id"], lines[0]["currency"]): _Party.of(lines)
        for lines in grouped(items, "party_id", "currency")
    }


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


def _complete(asked: _List, options: Mapping[str, Any], used: set[int]) -> tuple[str, Sequence[Line]] | None:
    """How the list is completed and the items of it; None where nothing fits, or more than one way does."""
    between = _between(asked)
    if between:
        return "the numbers between", between
    for own, strange in _readings(asked.named):
        if any(line["ino"] in used for line in own):
            continue
        rest = asked.paid - sum(line["rest"] for line in own)
        party = asked.party(own[0]["party_id"])
        tails = _tails(asked, party, own)
        if tails and not strange and sum(line["rest"] for line in tails) == rest:
            return "shortened numbers", [*own, *tails]
        misread = [*asked.settled, *(line["token"] for line in strange)]
        ways = _misread(asked, party, misread, rest, int(options.get("edits", 2)))
        if len(ways) == 1:
            return "a mistyped number", [*own, *ways[0]]
        if ways or misread:
            continue
        minor = int(rest.scaleb(minor_units(asked.currency)))
        step = int(options.get("round_amounts", 5) * 10 ** minor_units(asked.currency))
        single = asked.free(party.by_rest.get(rest, ()))
        if rest > 0 and len(single) == 1 and (not step or minor % step):
            return "one item more", [*own, *single]
        deducted = _deducted(own, asked.free(party.credits), rest)
        if deducted:
            return "a credit note deducted", [*own, *deducted]
    return None


def _misread(
    asked: _List, party: _Party, misread: Sequence[str], rest: Decimal, edits: int
) -> Sequence[tuple[Line, ...]]:
    """The items that make up the rest and whose numbers are a slip away from those misread, or from unread words."""
    words = [token for token in asked.shortened if len(token) >= 5]
    near = asked.free(party.alike(misread, 1) if misread else party.alike(words, edits))
    least, most = max(len(misread), 1), min(len(misread) or len(words), 3)
    if most > 1 and len(near) > MOST_ALIKE:
        return ()
    return [
        chosen
        for size in range(least, most + 1)
        for chosen in combinations(near, size)
        if sum(line["rest"] for line in chosen) == rest
    ]


def _deducted(own: Sequence[Line], free: Sequence[Line], rest: Decimal) -> tuple[Line, ...] | None:
    """The only credit notes of the payer that make up what was paid less; None where it may be the discount as well."""
    discount = sum((line["rest"] * (line["discount_percent"] or 0) / 100 for line in own), Decimal(0))
    credits = [line for line in free if line["rest"] < 0]
    if rest >= 0 or not own[0]["own"] or abs(rest + discount) < 1 or len(credits) > 12:
        return None
    ways = [
        chosen for size in (1, 2, 3) for chosen in combinations(credits, size) if sum(x["rest"] for x in chosen) == rest
    ]
    return ways[0] if len(ways) == 1 else None


def _readings(named: Sequence[Line]) -> list[tuple[list[Line], list[Line]]]:
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


def _between(asked: _List) -> list[Line] | None:
    """The items named and those of the party with numbers between two of them, where they add up in one way only.

    The end of a range may be shortened (1001-08), and a list may hold more than one range (1001-1004, 1009-1012).
    """
    named = asked.named
    if len({line["party_id"] for line in named}) != 1:
        return None
    party = asked.party(named[0]["party_id"])
    tails = _tails(asked, party, named)
    for ends in (list(named), [*named, *tails]):
        filled = _filled(asked, party, sorted(ends, key=lambda line: str(line["number"])))
        if filled:
            return filled
    return None


def _filled(asked: _List, party: _Party, ends: Sequence[Line]) -> list[Line] | None:
    """The ends and what lies in some of the gaps between them, where exactly one choice of gaps makes the amount."""
    if not 2 <= len(ends) <= MOST_ENDS or len({len(str(line["number"])) for line in ends}) > 1:
        return None
    if not all(line["number"] and asked.may(line) for line in ends):
        return None
    gaps = [[x for x in party.between(low["number"], high["number"]) if asked.may(x)] for low, high in pairwise(ends)]
    gaps = [gap for gap in gaps if gap]
    rest = asked.paid - sum(line["rest"] for line in ends)
    sums = [(gap, sum(line["rest"] for line in gap)) for gap in gaps]
    ways = [
        chosen
        for size in range(1, len(sums) + 1)
        for chosen in combinations(sums, size)
        if sum(amount for _, amount in chosen) == rest
    ]
    return [*ends, *(line for gap, _ in ways[0] for line in gap)] if len(ways) == 1 else None


def _tails(asked: _List, party: _Party, own: Sequence[Line]) -> list[Line]:
    """The free items whose number is one named with its last digits replaced by a short number of the text."""
    short = [token for token in asked.shortened if token.isdigit() and 2 <= len(token) <= 6]
    numbers = {
        str(line["number"])[: -len(token)] + token
        for line in own
        for token in short
        if line["number"] and len(str(line["number"])) > len(token)
    }
    return sorted(asked.free(line for number in numbers for line in party.by_number.get(number, ())), key=_ino)
