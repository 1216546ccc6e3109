"""References: the numbers of the open items in all their written forms, found in what payers wrote.

``match_key`` holds the forms, ``match_text`` what each payment says, ``match_mention`` what was found: one row a
(payment, place in the text, item). What is a reference is learned from the items' own numbers, never from a pattern of
ours; check digits decide about structured references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from stdnum import iso11649, luhn
from stdnum.be import ogm_vcs
from stdnum.ch import esr

from tieout.matching import text
from tieout.matching.close import FORMS, Closeness, read_closely
from tieout.matching.ledger import Ledger
from tieout.matching.rejected import forget_rejected

__all__ = ["CHECKS", "FORMS", "KINDS", "References", "check_digits"]

# The columns of an open item that payers quote. ``one``: the number names one item; ``group``: it may name several.
KINDS: Mapping[str, str] = {
    "creditor_reference": "one",
    "reference": "one",
    "open_item_id": "one",
    "order_reference": "group",
    "contract_reference": "group",
}


# --- check digits ---


def _finnish(number: str) -> bool:
    weights = (7, 3, 1)
    total = sum(int(c) * weights[i % 3] for i, c in enumerate(reversed(number[:-1])))
    return (10 - total % 10) % 10 == int(number[-1])


def _mod11(number: str) -> bool:
    total = sum(int(c) * (2 + i % 6) for i, c in enumerate(reversed(number[:-1])))
    check = (11 - total % 11) % 11
    return ("-" if check == 10 else str(check)) == number[-1]


def _kid(number: str) -> bool:
    return bool(luhn.is_valid(number)) or _mod11(number)


def _slovenian(number: str) -> bool:
    """SI12: one number whose last digit is modulo 11 of the others (weights 2..13 from the right)."""
    total = sum(int(c) * (2 + i) for i, c in enumerate(reversed(number[4:-1])))
    check = 11 - total % 11
    return str(0 if check > 9 else check) == number[-1]


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of structured reference: how to tell it, and how its check digit is verified."""

    name: str
    looks: Callable[[str], bool]
    holds: Callable[[str], bool]


CHECKS: tuple[Check, ...] = (
    Check(
        "RF", lambda n: n[:2] == "RF" and n[2:4].isdigit() and 5 <= len(n) <= 25, lambda n: bool(iso11649.is_valid(n))
    ),
    Check("SI12", lambda n: n[:4] == "SI12" and n[4:].isdigit() and 6 <= len(n) <= 17, _slovenian),
    Check("QRR", lambda n: len(n) == 27 and n.isdigit(), lambda n: bool(esr.is_valid(n))),
    Check("OGM", lambda n: len(n) == 12 and n.isdigit(), lambda n: bool(ogm_vcs.is_valid(n))),
)
# Plain digits: believed only where the ledger's own references of that length all have such a check digit.
UNMARKED: tuple[Check, ...] = (
    Check("KID", lambda n: n.isdigit() and 4 <= len(n) <= 25, lambda n: bool(luhn.is_valid(n))),
    Check("KID", lambda n: n.isdigit() and 4 <= len(n) <= 25, _mod11),
    Check("KID", lambda n: n.isdigit() and 4 <= len(n) <= 25, _kid),
    Check("FI", lambda n: n.isdigit() and 4 <= len(n) <= 20, _finnish),
)


def check_digits(numbers: pl.Series, own: pl.Series) -> pl.DataFrame:
    """For each distinct compact number that looks like a structured reference: ``number``, ``kind``, ``valid``.

    own: the structured references of our own items, from which the kinds of plain digits are learned.
    RF, Slovenian, QRR and OGM have a shape of their own, KID and Finnish numbers only the length of ours. Numbers that
    look like none are left out.
    """
    learned: dict[int, Check] = {}
    by_length: dict[int, list[str]] = {}
    for number in own.drop_nulls().to_list():
        by_length.setdefault(len(number), []).append(number)
    for length, known in by_length.items():
        for check in UNMARKED:
            if len(set(known)) >= 10 and all(check.looks(n) and check.holds(n) for n in known):
                learned.setdefault(length, check)
    rows = []
    for number in sorted(set(numbers.drop_nulls().to_list())):
        marked = [check for check in CHECKS if check.looks(number)]
        found = marked[0] if marked else learned.get(len(number))
        if found is not None and found.looks(number):
            rows.append((number, found.name, found.holds(number)))
    return pl.DataFrame(rows, schema={"number": pl.String, "kind": pl.String, "valid": pl.Boolean}, orient="row")


# --- extraction ---


def _columns(kinds: Sequence[str], key: str) -> Iterator[str]:
    """The compact number of each kind, and its last group of digits (``tail``), as columns n0, t0, n1, t1 ..."""
    for n, kind in enumerate(kinds):
        column = f"i.{key if kind == 'open_item_id' else kind}"
        yield f"{text.compact(column)} as n{n}"
        yield f"nullif(regexp_extract(trim({column}), '[0-9].*[^A-Za-z0-9]([0-9]{{4,}})$', 1), '') as t{n}"


def _distinct(kinds: Sequence[str]) -> Iterator[str]:
    """A select a kind over ``wide``: (ino, kind, one, number, tail) of the numbers that no kind before it has."""
    for n, kind in enumerate(kinds):
        later = range(n + 1, len(kinds))
        one = [str(KINDS[kind] == "one").lower()]
        one += [f"n{m} is not distinct from n{n}" for m in later if KINDS[kinds[m]] == "one"]
        tails = ", ".join([f"t{n}", f"t{n}", *(f"case when n{m} = n{n} then t{m} end" for m in later)])
        new = " and ".join([f"regexp_matches(n{n}, '[0-9]')", *(f"n{m} is distinct from n{n}" for m in range(n))])
        yield f"""select ino, '{kind}' as kind, {" or ".join(one)} as one, n{n} as number, greatest({tails}) as tail
            from wide where {new}"""


class References:
    """The keys of the items and the mentions of the payments of one ledger; made once, read by several passes."""

    def __init__(self, ledger: Ledger, settings: Mapping[str, Any]) -> None:
        self.ledger = ledger
        self.fields: list[str] = list(settings.get("fields", ["creditor_reference", "remittance", "end_to_end_id"]))
        self.kinds: list[str] = list(settings.get("numbers", list(KINDS)))
        self.least: int = int(settings.get("least_digits", 4))
        self.suffix: list[int] = list(settings.get("tail_lengths", [6, 7, 8, 9, 10, 11, 12]))
        self.long: int = int(settings.get("tail_from", 14))
        self.window: int = int(settings.get("pieces", 6))
        self.crowd: int = int(settings.get("crowd", 200))
        self.masks: list[str] = list(settings.get("not_references", []))
        self.written: list[Mapping[str, str]] = list(settings.get("written_as", []))

    def prepare(self) -> None:
        """Makes ``match_key`` and ``match_text``, and finds the plainly written references of every payment."""
        self._keys()
        self._texts()
        self.ledger.run(
            "plainly written numbers",
            rf"""create or replace temp table match_token as
            select distinct pno, {text.squeezed("token")} as token from (
              select pno, unnest(
                regexp_extract_all(said, '[A-Z0-9]+') ||
                regexp_extract_all(said, '[A-Z]+[-./_ ]?[0-9]+(?:[-./_ ][0-9]+)*') ||
                regexp_extract_all(said, '[0-9]+(?:[-./_ ][0-9]+)+')
              ) as token from match_text
            ) where length(token) between 3 and 40 and regexp_matches(token, '[0-9]')""",
        )
        self.ledger.run(
            "plain mentions",
            f"""create or replace temp table match_plain as
            with telling as (
              select * from match_key where one and length(bare) >= {self.least}
                and bare not in (select bare from match_key where one group by bare having count(*) > {self.crowd})
            ),
            found as (
              select t.pno, k.ino, k.kind, t.token,
                case when t.token = k.number then 'exact' else 'zeros' end as form
              from match_token t join telling k on {text.without_zeros("t.token")} = k.bare
            )
            select pno, ino, min(form) as form, min(token) as token, min(kind) as kind
              from found group by pno, ino""",
        )
        forget_rejected(self.ledger, "match_plain")

    def _keys(self) -> None:
        """``match_key``: one row a (item, number): compact, bare of zeros, digits, folded.

        A number that stands in several columns is of the kind that is first by name, and names one item where one of
        them does.
        """
        kinds = sorted(self.kinds)
        wide = " union all ".join(
            f"select w.ino, {', '.join(_columns(kinds, key))} from {working} w join {table} i on i.{key} = w.open_item_id"
            for working, table, key in (
                ("match_item", "open_item", "open_item_id"),
                ("match_cleared", "cleared_item", "cleared_item_id"),
            )
        )
        self.ledger.run(
            "numbers of the items",
            f"""create or replace temp table match_key as
            with wide as materialized ({wide}),
            useful as ({" union all ".join(_distinct(kinds))})
            select *, {text.without_zeros("number")} as bare, {text.digits("number")} as digits,
              {text.folded("number")} as folded
            from useful""",
        )
        self._aliases()

    def _aliases(self) -> None:
        """``match_alias``: how else a number of several groups is written: without the zeros that lead a group, and
        with the year of the item in two digits or in four (V-0204/26 is V-204/2026)."""
        parts = []
        for working, table, key in (
            ("match_item", "open_item", "open_item_id"),
            ("match_cleared", "cleared_item", "cleared_item_id"),
        ):
            for kind in self.kinds:
                column = key if kind == "open_item_id" else kind
                parts.append(
                    f"""select w.ino, '{kind}' as kind, {KINDS[kind] == "one"} as one,
                      ' ' || regexp_replace({text.plain(f"i.{column}")}, '[^A-Z0-9]+', ' ', 'g') || ' ' as written,
                      strftime(i.document_date, '%Y') as year
                    from {working} w join {table} i on i.{key} = w.open_item_id
                    where regexp_matches(i.{column}, '[0-9][^A-Za-z0-9]+[0-9]')"""
                )
        bare = r"regexp_replace(written, '(^|[^0-9])0+([0-9])', '\1\2', 'g')"
        self.ledger.run(
            "other ways to write the numbers",
            rf"""create or replace temp table match_alias as
            with printed as ({" union all ".join(parts)}),
            groups as (select ino, kind, one, year, {bare} as written from printed),
            ways as (
              select ino, kind, one, written from groups
              union select ino, kind, one, replace(written, ' ' || right(year, 2) || ' ', ' ' || year || ' ') from groups
              union select ino, kind, one, replace(written, ' ' || year || ' ', ' ' || right(year, 2) || ' ') from groups
            ),
            aliases as (select ino, kind, one, {text.squeezed("written")} as alias from ways)
            select ino, min(kind) as kind, bool_or(one) as one, alias from aliases a
            where length(alias) >= 6 and not exists (
              select 1 from match_key k where k.ino = a.ino and k.bare = a.alias)
            group by ino, alias""",
        )

    def _texts(self) -> None:
        """``match_text``: what a payment says, in the auditor's spelling of it, dates and the masks blanked out."""
        said = ", ".join(
            f"nullif({text.plain(f'p.{field}')}, '')" if field == "creditor_reference" else text.plain(f"p.{field}")
            for field in self.fields
        )
        masked = f"concat_ws(' | ', {said})"
        for each in self.written:
            number = text.literal(f" | {each['number']} | ")
            masked = f"regexp_replace({masked}, {text.literal(each['find'])}, {number}, 'g')"
        for pattern in (
            r"\b(?:0?[1-9]|[12][0-9]|3[01])\.(?:0?[1-9]|1[0-2])\.(?:(?:19|20)[0-9]{2}|[0-9]{2})\b",
            r"\b(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\b",
            r"\b(?:0[1-9]|[12][0-9]|3[01])/(?:0[1-9]|1[0-2])/(?:19|20)[0-9]{2}\b",
            r"(?:19|20)[0-9]{2}年(?:[0-9]{1,2}月)?(?:[0-9]{1,2}日)?",
            *self.masks,
        ):
            masked = f"regexp_replace({masked}, {text.literal(pattern)}, ' | ', 'g')"
        self.ledger.run(
            "what the payments say",
            f"""create or replace temp table match_text as
            select m.pno, {masked} as said
            from match_payment m join payment p using (payment_id)
            where m.held is null""",
        )

    def read_closely(self) -> None:
        """Makes ``match_close`` and ``match_mention`` for the payments still open: what is not plainly written too."""
        read_closely(self.ledger, Closeness(self.least, self.suffix, self.long, self.window, self.crowd), check_digits)
