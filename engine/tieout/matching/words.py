"""What the words of a payment say: whom it was paid for, that it is no receivable, that it is a part or has a deduction.

Words come from the plan; every list becomes one RE2 expression over the plain text. Texts that differ only in their
digits are read once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from tieout.matching import text
from tieout.matching.ledger import Ledger

__all__ = ["mark_words", "pattern", "spoken"]

_SPELT = {"Ä": "AE", "Ö": "OE", "Ü": "UE", "Ø": "OE", "Å": "AA"}


def pattern(words: Sequence[str]) -> str:
    """One RE2 expression that finds any of the words in a ``spoken`` text: whole words, but Chinese ones anywhere.

    A word that ends in ``*`` may go on, one that begins with it may begin with anything. Plain literals only: Unicode classes would take longer to compile than to run.
    """
    latin, other = [], []
    for word in dict.fromkeys(form for each in words for form in _spellings(each)):
        letters = re.sub(r"[^\w]|[\d_]", " ", word)
        stem = " ".join(letters.split())
        if any(c >= "\u2e80" for c in stem):
            other.append(stem.replace(" ", ""))
        elif stem:
            latin.append(("[^ ]*" if word[0] == "*" else "") + stem + ("[^ ]*" if word[-1] == "*" else ""))
    parts = [f" (?:{'|'.join(latin)}) "] if latin else []
    return "|".join([*parts, *other]) or "$^"


def _spellings(word: str) -> tuple[str, ...]:
    """The word in capitals without accents, and with its umlauts written out."""
    upper = word.upper()
    spelt = "".join(_SPELT.get(letter, letter) for letter in upper)
    return tuple(_bare(form) for form in (upper, spelt))


def _bare(word: str) -> str:
    if any(c >= "\u2e80" for c in word):
        return word
    letters = unicodedata.normalize("NFKD", word.translate(str.maketrans("ŁØĐ", "LOD")))
    return "".join(c for c in letters if not unicodedata.combining(c))


def spoken(sql: str) -> str:
    """The letters of a plain text without accents, one blank for anything else, blanks around."""
    bare = f"strip_accents(translate({sql}, 'ŁØĐ', 'LOD'))"
    return rf"concat(' ', trim(regexp_replace({bare}, '[^\pL]+', ' ', 'g')), ' ')"


def mark_words(ledger: Ledger, words: Mapping[str, Any]) -> None:
    """Makes ``match_word`` for the payments still open: two boolean columns a list of words of the plan.

    ``says_<list>`` for the text, ``named_<list>`` for the counterparty's name. Also makes ``match_behalf`` (pno, name,
    ground): the name after one of the ``on_behalf`` patterns.
    """
    ledger.run(
        "words of the texts",
        f"""create or replace temp table match_said as
        select pno, {spoken("concat_ws(' ', remittance, transaction_text)")} as said,
          {spoken(f"coalesce({text.plain('counterparty_name')}, '')")} as payer
        from match_payment where held is null""",
    )
    lists = sorted(name for name in words if name != "on_behalf")
    found = {
        source: ", ".join(
            f"regexp_matches({source}, {text.literal(pattern(list(words[name])))}) as {prefix}_{name}" for name in lists
        )
        for source, prefix in (("said", "says"), ("payer", "named"))
    }
    ledger.run(
        "words",
        f"""create or replace temp table match_word as
        select s.pno, t.* exclude (said), n.* exclude (payer)
        from match_said s
        join (select said{", " + found["said"] if lists else ""} from (select distinct said from match_said)) t
          using (said)
        join (select payer{", " + found["payer"] if lists else ""} from (select distinct payer from match_said)) n
          using (payer)""",
    )
    behalf = " union all ".join(
        f"""select pno, nullif(trim(regexp_extract(remittance, {text.literal(expression)}, 1)), '') as name
        from match_payment where held is null"""
        for expression in words.get("on_behalf", [])
    )
    ledger.run(
        "paid on behalf of",
        f"""create or replace temp table match_behalf as
        select distinct pno, name, 'on behalf of' as ground from (
          {behalf or "select 0 as pno, null::varchar as name"}
        ) where name is not null""",
    )
