"""What the words of a payment say: whom it was paid for, that it is no receivable, that it is a part or has a deduction.

Words come from the plan; every pattern is one RE2 expression over the plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieout.matching import text
from tieout.matching.ledger import Ledger

__all__ = ["mark_words", "pattern"]

_SCRIPT = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}"


def pattern(words: Sequence[str]) -> str:
    """One RE2 expression that finds any of the words: whole words in Latin script, anywhere in others.

    A word that ends in ``*`` may go on; a blank stands for any run of signs that are no letters.
    """
    latin, other = [], []
    for word in words:
        stem = word.removesuffix("*")
        escaped = "".join(c if c.isalnum() else r"[^\pL\pN]*" if c == " " else f"\\{c}" for c in stem.upper())
        if stem.isascii() or not any(c >= "\u2e80" for c in stem):
            latin.append(escaped + (r"\pL*" if word.endswith("*") else ""))
        else:
            other.append(escaped)
    parts = [rf"(?:^|[^\pL\pN])(?:{'|'.join(latin)})(?:$|[^\pL\pN])"] if latin else []
    return "|".join([*parts, *other]) or r"$^"


def mark_words(ledger: Ledger, words: Mapping[str, Any]) -> None:
    """Makes ``match_word``: one row a payment, two boolean columns a list of words of the plan: says_<list>
    for its text, named_<list> for the counterparty's name.

    Also makes ``match_behalf`` (pno, name, ground): the name after one of the ``on_behalf`` patterns.
    """
    said = "concat_ws(' | ', m.remittance, m.transaction_text)"
    columns = ", ".join(
        f"coalesce(regexp_matches({said}, {text.literal(pattern(list(listed)))}), false) as says_{name}, "
        f"coalesce(regexp_matches(m.payer, {text.literal(pattern(list(listed)))}), false) as named_{name}"
        for name, listed in sorted(words.items())
        if name != "on_behalf"
    )
    ledger.run(
        "words",
        f"""create or replace temp table match_word as
        select pno{", " + columns if columns else ""}
        from (select *, {text.plain("counterparty_name")} as payer from match_payment) m""",
    )
    behalf = " union all ".join(
        f"select pno, nullif(trim(regexp_extract(remittance, {text.literal(expression)}, 1)), '') as name from match_payment"
        for expression in words.get("on_behalf", [])
    )
    ledger.run(
        "paid on behalf of",
        f"""create or replace temp table match_behalf as
        select distinct pno, name, 'on behalf of' as ground from (
          {behalf or "select 0 as pno, null::varchar as name"}
        ) where name is not null""",
    )
