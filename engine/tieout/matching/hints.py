"""What else a text says of the item it means, where several items of the payer have the amount: the last digits of the
number, the date of the invoice, the month."""

from __future__ import annotations

from collections.abc import Sequence

from tieout.matching import text
from tieout.matching.ledger import Ledger
from tieout.matching.words import pattern, spoken

__all__ = ["narrow"]

_DATES = ("%d.%m.%Y", "%d.%m.%y", "%-d.%-m.%Y", "%-d.%-m.%y", "%d/%m/%Y", "%d-%m-%Y", "%Y-%m-%d", "%Y年%-m月%-d日")


def narrow(ledger: Ledger, months: Sequence[Sequence[str]]) -> None:
    """Leaves in ``match_fit`` one row of a payment whose text tells one of its items, and counts again.

    Told by at least three last digits of the number (1944/2024 for 2024/01944), by its date, or by the only month
    named (of the date or of the due date). Hints that tell different items tell nothing. months: twelve lists of words.
    """
    dated = " or ".join(f"contains(p.remittance, strftime(i.document_date, '{form}'))" for form in _DATES)
    named = " ".join(
        f"when regexp_matches(words, {text.literal(pattern(list(words)))}) then {month}"
        for month, words in reversed(list(enumerate(months, 1)))  # 一月 stands within 十一月
    )
    every = pattern([word for words in months for word in words])
    ledger.run(
        "items the text tells",
        rf"""create or replace temp table match_told as
        with several as (
          select distinct f.pno, f.ino, i.document_date, i.due_date, t.said, p.remittance
          from match_fit f join match_payment p using (pno) join match_item i using (ino) join match_text t using (pno)
          where f.ways > 1 and not f.crowded
        ),
        numbers as (
          select pno, said, unnest(regexp_extract_all(
            regexp_replace(said, '[0-9][0-9.,]*[.,][0-9]{{2}}($|[^0-9])', ' | ', 'g'), '[0-9]{{3,}}')) as number
          from (select distinct pno, said from several)
        ),
        spoken as (
          select pno, {spoken("remittance")} as words from (select distinct pno, remittance from several)
        ),
        months as (
          select pno, case {named or "when false then 0"} end as month
          from spoken where len(regexp_extract_all(replace(words, ' ', '  '), $every)) = 1
        ),
        hints as (
          select s.pno, s.ino, 'tail' as hint from several s join numbers n using (pno) join match_key k using (ino)
          where k.one and length(n.number) < length(k.digits) and right(k.digits, length(n.number)) = n.number
            and (not regexp_full_match(n.number, '20[0-4][0-9]') or contains(s.said, n.number || '/'))
          union select p.pno, p.ino, 'date' from several p join match_item i using (ino) where {dated}
          union select s.pno, s.ino, 'month' from several s join months m using (pno)
            where month(s.document_date) = m.month
          union select s.pno, s.ino, 'due month' from several s join months m using (pno)
            where month(s.due_date) = m.month
        ),
        clear as (select pno, hint, min(ino) as ino from hints group by pno, hint having count(*) = 1)
        select pno, min(ino) as ino from clear group by pno having count(distinct ino) = 1""",
        every=every,
    )
    ledger.run(
        "items left",
        """create or replace temp table match_fit as
        select * exclude (ways, place, first_pno),
          count(*) over (partition by pno) + (bool_or(crowded) over (partition by pno))::integer as ways,
          row_number() over (partition by ino order by booking_date, pno) as place,
          first_value(pno) over (partition by ino order by booking_date, pno) as first_pno
        from match_fit f
        where pno not in (select pno from match_told) or (pno, ino) in (select pno, ino from match_told)""",
    )
