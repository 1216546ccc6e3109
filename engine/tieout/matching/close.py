"""The close reading of texts: broken, glued, shortened and misread numbers, each with the items it may mean.

Works set by set: a text becomes rows of neighbouring runs of letters or digits, a run stands beside the ones that follow
it, and a number is some of them together. Its cost grows with the length of a text, never with the square of it, and a
number that very many items share is read by the amount alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieout.matching import text
from tieout.matching.ledger import Ledger
from tieout.matching.rejected import forget_rejected
from tieout.matching.repair import CheckDigits, mend, say_so

__all__ = ["FORMS", "Closeness", "read_closely"]

# How a text may differ from the number it means, the surest first.
FORMS = ("exact", "zeros", "digits", "suffix", "folded", "repaired", "short")

# How many runs before a number are looked at for the head of a structured reference (RF and two digits).
_BEFORE = 7


@dataclass(frozen=True, slots=True)
class Closeness:
    """What the plan says of the numbers in texts."""

    least: int
    """Fewer digits count only as they are printed."""
    tails: Sequence[int]
    """How many last digits of a long number are understood alone."""
    long: int
    """A number from so many digits on has such tails."""
    pieces: int
    """How many runs of letters or digits one number may be in."""
    crowd: int
    """A number of more items than this is read by the amount alone."""


def read_closely(ledger: Ledger, closeness: Closeness, check: CheckDigits) -> None:
    """Makes ``match_close`` and ``match_mention`` for the payments still open.

    ``match_close``: one row a piece of text that may be a number (pno, first, last, token). ``match_mention``: one row
    a (pno, first, last, ino): its form, and how many items the same piece may mean (``choices``). A weaker reading that
    overlaps a surer one is left out.
    """
    _cut(ledger, closeness.pieces)
    mend(ledger, check)
    _mean(ledger, closeness)
    forget_rejected(ledger, "match_reading")
    _believe(ledger)
    say_so(ledger)


def _cut(ledger: Ledger, pieces: int) -> None:
    """``match_close``: neighbouring runs that may be a number, as they stand in the text (first and last run).

    A number opens and closes at the ends of a word, or where letters that are more than one lookalike touch digits:
    RECHNUNG7004 holds 7004, R20Z40O342 is one number. The body of a structured reference is no number of its own.
    """
    ledger.run(
        "runs of the texts",
        r"""create or replace temp table match_run as
        select t.pno, contains(said, 'RF') as structured, regexp_extract_all(
          regexp_replace(regexp_replace(said, '[^A-Z0-9 ./_\\:#°º-]', '|', 'g'), '[^A-Z0-9|]+', ' ', 'g'),
          '(?:[A-Z]+|[0-9]+) ?|\|') as run
        from match_text t join match_payment p using (pno) where p.held is null""",
    )
    beside = ", ".join(f"unnest(run[{n}:]) as r{n}" for n in range(1, pieces + 2))
    # A run keeps the blank that ends its word; letters sort behind digits.
    opens = "(before is null or before = '|' or ends_with(before, ' ') or (r1 < 'A' and length(before) > 1))"
    numbers = []
    for n in range(1, pieces + 1):
        last, after = f"r{n}", f"r{n + 1}"
        closes = (
            f"({after} is null or {after} = '|' or ends_with({last}, ' ') "
            f"or ({last} < 'A' and length(rtrim({after})) > 1))"
        )
        whole = "".join(f" and r{k} <> '|'" for k in range(2, n + 1))
        numbers.append(
            f"""select pno, first, (first + {n - 1})::integer as last,
              replace({" || ".join(f"r{k}" for k in range(1, n + 1))}, ' ', '') as token
            from openings where {closes}{whole}"""
        )
    earlier = ", ".join(f"unnest({_nulls(n)} || run) as b{n}" for n in range(_BEFORE, 0, -1))
    written = ", ".join(f"rtrim(b{n})" for n in range(_BEFORE, 0, -1))
    ledger.run(
        "pieces that may be numbers",
        rf"""create or replace temp table match_close as
        with places as (
          select pno, unnest(range(1, len(run) + 1))::integer as first, unnest([null] || run) as before, {beside}
          from match_run
        ),
        openings as (select * from places where r1 <> '|' and {opens}),
        inside as (
          select pno, first from (
            select pno, unnest(range(1, len(run) + 1))::integer as first, unnest(run) as r1, {earlier}
            from match_run where structured
          ) where r1 < 'A'
            and regexp_matches(concat_ws(' ', {written}, rtrim(r1)), '(^|[ |])RF [0-9]{{2}}[0-9]*( [0-9]+)*$')
        ),
        numbers as ({" union all ".join(numbers)})
        select n.* from numbers n anti join inside using (pno, first)
        where length(token) between 2 and 40 and regexp_matches(token, '[0-9]')""",
    )


def _nulls(count: int) -> str:
    return "[" + ", ".join(["null::varchar"] * count) + "]"


def _mean(ledger: Ledger, closeness: Closeness) -> None:
    """``match_meaning``: which items each distinct token may mean, in its surest form; then ``match_reading`` by payment.

    Of a ``crowded`` token, which means more items than the plan's crowd, a payment gets those that have its amount.
    """
    least = closeness.least
    ledger.run(
        "distinct pieces",
        f"""create or replace temp table match_number as
        select token, {text.without_zeros("token")} as bare, {text.folded("token")} as folded,
          regexp_full_match(token, '[0-9]+') as numeric
        from (select distinct token from match_close)""",
    )
    joins = [  # surest first
        (
            f"t.bare = k.bare and length(k.bare) >= {least}",
            "case when t.token = k.number then 'exact' else 'zeros' end",
        ),
        (f"t.token = k.number and length(k.bare) < {least}", "'short'"),
        ("t.token = k.tail and k.one", "'digits'"),
        (
            f"t.bare = ltrim(k.digits, '0') and t.numeric and k.digits <> k.number "
            f"and (length(t.bare) >= {least} or (t.token = k.digits and length(t.token) > {least}))",
            "'digits'",
        ),
        (
            "t.folded = k.folded and t.token <> k.number and length(t.token) > 4 "
            "and regexp_matches(t.token, '[OQDILZSBG]')",
            "'folded'",
        ),
        *(
            (
                f"t.token = right(k.digits, {length}) and t.numeric and length(t.token) = {length} "
                f"and length(k.digits) >= {closeness.long}",
                "'suffix'",
            )
            for length in closeness.tails
        ),
    ]
    meanings = " union all ".join(
        f"select t.token, k.ino, k.kind, k.one, {form} as form from match_number t join match_key k on {condition}"
        for condition, form in joins
    )
    meanings += " union all select t.token, a.ino, a.kind, a.one, 'digits' from match_number t join match_alias a on t.bare = a.alias"
    meanings += " union all select t.token, m.ino, m.kind, m.one, 'repaired' from match_number t join match_mended m using (token) where not m.several"
    ranks = " ".join(f"when '{form}' then {rank}" for rank, form in enumerate(FORMS))
    ledger.run(
        "what the pieces may mean",
        f"""create or replace temp table match_meaning as
        with meanings as (
          select token, ino, min(case form {ranks} end) as rank, bool_or(one) as one, min(kind) as kind
          from ({meanings}) group by token, ino
        ),
        crowds as (select token from meanings group by token having count(*) > {closeness.crowd})
        select m.*, c.token is not null as crowded from meanings m left join crowds c using (token)""",
    )
    ledger.run(
        "readings",
        f"""create or replace temp table match_reading as
        select c.pno, c.first, c.last, m.ino, c.token, m.rank, m.one, m.kind, false as crowded
        from match_close c join match_meaning m using (token) where not m.crowded
        union all
        select c.pno, c.first, c.last, m.ino, c.token, m.rank, m.one, m.kind, true
        from match_close c join match_payment p using (pno)
        join (
          select w.*, i.amount, i.currency from match_meaning w
          join (
            select ino, amount, currency from match_item union all select ino, amount, currency from match_cleared
          ) i using (ino)
          where w.crowded
          qualify row_number() over (partition by w.token, i.currency, i.amount order by w.rank, w.ino)
            <= {closeness.crowd}
        ) m on m.token = c.token and m.amount = p.rest and m.currency = p.currency""",
    )


def _believe(ledger: Ledger) -> None:
    """``match_mention``: the readings that no surer one overlaps and no surer customer contradicts."""
    ledger.run(
        "mentions",
        f"""create or replace temp table match_mention as
        with places as (select pno, first, last, min(rank) as least from match_reading group by pno, first, last),
        runs as (select *, unnest(range(first, last + 1)) as run from places),
        overlapped as (
          select distinct s.pno, s.first, s.last from runs s join runs o using (pno, run)
          where (o.first, o.last) <> (s.first, s.last)
            and (o.least < s.least
              or (o.least = s.least and o.last - o.first > s.last - s.first
                and o.first <= s.first and o.last >= s.last))
        ),
        kept as (
          select r.* from match_reading r
          join places p on p.pno = r.pno and p.first = r.first and p.last = r.last and p.least = r.rank
          anti join overlapped o on o.pno = r.pno and o.first = r.first and o.last = r.last
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
          count(*) over (partition by pno, first, last) + crowded::integer as choices
        from believed""",
    )
