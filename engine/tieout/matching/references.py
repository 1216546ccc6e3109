"""References: the numbers of the open items in all their written forms, found in what payers wrote.

``match_key`` holds the forms, ``match_text`` what each payment says, ``match_mention`` what was found: one row a
(payment, place in the text, item). What is a reference is learned from the items' own numbers, never from a pattern of
ours; check digits decide about structured references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from stdnum import iso11649, luhn
from stdnum.be import ogm_vcs
from stdnum.ch import esr

from tieout.matching import text
from tieout.matching.ledger import Ledger

__all__ = ["CHECKS", "FORMS", "KINDS", "References", "check_digits"]

# The columns of an open item that payers quote. ``one``: the number names one item; ``group``: it may name several.
KINDS: Mapping[str, str] = {
    "creditor_reference": "one",
    "reference": "one",
    "open_item_id": "one",
    "order_reference": "group",
    "contract_reference": "group",
}

# How a text may differ from the number it means, the surest first.
FORMS = ("exact", "zeros", "digits", "suffix", "folded", "short")


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

# A word as runs of letters and of digits. A run opens or closes a number at the end of the word, or where letters that
# are more than one lookalike touch digits: RECHNUNG7004 holds 7004, R20Z40O342 is one number.
_RUNS = r"""list_transform(regexp_extract_all(w, '[A-Z]+|[0-9]+|\|'), lambda r, i: {
  'said': r,
  'opens': i = 1 or (regexp_matches(r, '^[0-9]')
    and length(regexp_extract_all(w, '[A-Z]+|[0-9]+|\|')[i - 1]) > 1),
  'closes': i = len(regexp_extract_all(w, '[A-Z]+|[0-9]+|\|')) or (regexp_matches(r, '^[0-9]')
    and length(regexp_extract_all(w, '[A-Z]+|[0-9]+|\|')[i + 1]) > 1)})"""

# Whether a run is the body of a structured reference (RF and two digits before it), and so no number of its own.
_STRUCTURED = r"""list_transform(run, lambda r, i: i > 1 and regexp_matches(
  array_to_string(list_transform(run[greatest(i - 7, 1):i], lambda x: x.said), ' '),
  '(^|[ |])RF [0-9]{2}[0-9]*( [0-9]+)*$'))"""


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
        self.masks: list[str] = list(settings.get("not_references", []))

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
            with found as (
              select t.pno, k.ino, k.kind, t.token,
                case when t.token = k.number then 'exact' else 'zeros' end as form
              from match_token t join match_key k on {text.without_zeros("t.token")} = k.bare
              where k.one and length(k.bare) >= {self.least}
            )
            select pno, ino, min(form) as form, min(token) as token, min(kind) as kind
              from found group by pno, ino""",
        )

    def _keys(self) -> None:
        """``match_key``: one row a (item, number): compact, bare of zeros, digits, folded."""
        parts = []
        for kind in self.kinds:
            one = "true" if KINDS[kind] == "one" else "false"
            for working, table, key in (
                ("match_item", "open_item", "open_item_id"),
                ("match_cleared", "cleared_item", "cleared_item_id"),
            ):
                column = key if kind == "open_item_id" else kind
                parts.append(
                    f"""select w.ino, '{kind}' as kind, {one} as one, {text.compact(f"i.{column}")} as number,
                      regexp_extract(trim(i.{column}), '[0-9].*[^A-Za-z0-9]([0-9]{{4,}})$', 1) as tail
                    from {working} w join {table} i on i.{key} = w.open_item_id"""
                )
        self.ledger.run(
            "numbers of the items",
            f"""create or replace temp table match_key as
            with numbers as ({" union all ".join(parts)}),
            useful as (
              select ino, min(kind) as kind, bool_or(one) as one, number, nullif(max(tail), '') as tail from numbers
              where number is not null and regexp_matches(number, '[0-9]') group by ino, number
            )
            select *, {text.without_zeros("number")} as bare, {text.digits("number")} as digits,
              {text.folded("number")} as folded
            from useful""",
        )

    def _texts(self) -> None:
        """``match_text``: what a payment says, dates and the auditor's masks blanked out."""
        said = ", ".join(
            f"nullif({text.plain(f'p.{field}')}, '')" if field == "creditor_reference" else text.plain(f"p.{field}")
            for field in self.fields
        )
        masked = f"concat_ws(' | ', {said})"
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
        """Makes ``match_mention`` for the payments still open: broken, glued, shortened and misread numbers too.

        One row a (pno, first, last, ino): the pieces of the text it stands in, its form, and how many items the same
        piece of text may mean (``choices``). A weaker reading that overlaps a surer one is left out.
        """
        self.ledger.run(
            "pieces of the texts",
            rf"""create or replace temp table match_run as
            with words as (
              select t.pno, regexp_extract_all(
                regexp_replace(said, '[^A-Z0-9 ./_\\:#°º-]', '|', 'g'), '[A-Z0-9]+|\|') as word
              from match_text t join match_payment p using (pno) where p.held is null
            ),
            runs as (
              select pno, flatten(list_transform(word, lambda w: {_RUNS})) as run from words
            )
            select pno, run, {_STRUCTURED} as inside from runs""",
        )
        self.ledger.run(
            "pieces that may be numbers",
            f"""create or replace temp table match_close as
            with places as (
              select pno, run, inside, unnest(range(1, len(run) + 1))::integer as first from match_run
            ),
            pieces as (
              select pno, first, (first + n - 1)::integer as last, inside[first] as within,
                array_to_string(list_transform(run[first:first + n - 1], lambda r: r.said), '') as token
              from places, (select unnest(range(1, {self.window} + 1)) as n)
              where first + n - 1 <= len(run) and run[first].opens and run[first + n - 1].closes
            )
            select pno, first, last, token, {text.without_zeros("token")} as bare, {text.folded("token")} as folded,
              regexp_full_match(token, '[0-9]+') as numeric
            from pieces
            where length(token) between 2 and 40 and not contains(token, '|') and not within
              and regexp_matches(token, '[0-9]')""",
        )
        joins = [
            # surest first
            (
                "exact",
                f"t.bare = k.bare and length(k.bare) >= {self.least}",
                f"case when t.token = k.number then 'exact' when length(k.bare) >= {self.least} then 'zeros' end",
            ),
            ("short", f"t.token = k.number and length(k.bare) < {self.least}", "'short'"),
            (
                "digits",
                "t.token = k.tail and k.one",
                "'digits'",
            ),
            (
                "digits",
                f"t.bare = ltrim(k.digits, '0') and t.numeric and k.digits <> k.number "
                f"and (length(t.bare) >= {self.least} or (t.token = k.digits and length(t.token) > {self.least}))",
                "'digits'",
            ),
            (
                "folded",
                "t.folded = k.folded and t.token <> k.number and length(t.token) > 4 "
                "and regexp_matches(t.token, '[OQDILZSBG]')",
                "'folded'",
            ),
        ]
        selects = [
            f"""select t.pno, t.first, t.last, t.token, k.ino, k.kind, k.one, {form} as form
            from match_close t join match_key k on {condition}"""
            for _, condition, form in joins
        ]
        for length in self.suffix:
            selects.append(
                f"""select t.pno, t.first, t.last, t.token, k.ino, k.kind, k.one, 'suffix' as form
                from match_close t join match_key k on t.token = right(k.digits, {length})
                where t.numeric and length(t.token) = {length} and length(k.digits) >= {self.long}"""
            )
        ranks = " ".join(f"when '{form}' then {rank}" for rank, form in enumerate(FORMS))
        self.ledger.run(
            "readings",
            f"""create or replace temp table match_reading as
            select pno, first, last, ino, token,
              min(case form {ranks} end) as rank, bool_or(one) as one, min(kind) as kind
            from ({" union all ".join(selects)}) group by pno, first, last, ino, token""",
        )
        self.ledger.run(
            "mentions",
            f"""create or replace temp table match_mention as
            with surest as (
              select *, min(rank) over (partition by pno, first, last) as least from match_reading
            ),
            kept as (
              select * from surest s where rank = least and not exists (
                select 1 from surest o
                where o.pno = s.pno and o.first <= s.last and o.last >= s.first
                  and (o.first, o.last) <> (s.first, s.last)
                  and (o.least < s.least
                    or (o.least = s.least and o.last - o.first > s.last - s.first
                      and o.first <= s.first and o.last >= s.last)))
            ),
            parties as (
              select ino, party_id, currency from match_item union all select ino, party_id, currency from match_cleared
            ),
            sure as (
              select distinct k.pno, i.party_id from kept k join parties i using (ino) where k.rank <= 1 and k.one
            ),
            believed as (
              -- Beside a number as it is printed, a weak reading counts only for the same customer and currency.
              select k.* from kept k join parties i using (ino) join match_payment p using (pno)
              where k.rank <= 1 or k.pno not in (select pno from sure)
                or (i.currency = p.currency and (k.pno, i.party_id) in (select pno, party_id from sure))
            )
            select pno, first, last, ino, token, one, kind,
              case rank {" ".join(f"when {rank} then '{form}'" for rank, form in enumerate(FORMS))} end as form,
              count(*) over (partition by pno, first, last) as choices
            from believed""",
        )
