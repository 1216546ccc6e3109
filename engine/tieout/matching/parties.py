"""Who paid: the party behind a payment, by account, customer number, tax number and name.

Names are brought into comparable forms once per distinct name; equal forms are joined in SQL, the rest is blocked by
rare groups of five letters and compared with rapidfuzz. The result, ``match_payer``, has one row a (payment, party)
with the ground of the belief; nothing is allocated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from anyascii import anyascii

from tieout.matching import text
from tieout.matching.ledger import Ledger
from tieout.matching.score import compare

__all__ = ["Parties", "distinguished", "likeness", "name_forms"]

# A name or an account of more parties than this tells nothing of who paid, a head office with more branches not for which.
MOST_PARTIES = 100
MOST_BRANCHES = 500

_SPELLED = {"Ä": "AE", "Ö": "OE", "Ü": "UE", "ẞ": "SS", "ß": "SS", "Ø": "OE", "Å": "AA", "Æ": "AE", "Œ": "OE"}
_CJK = r"\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_BRACKETS = re.compile(r"[（(]([^（）()]*)[）)]")
_HAS_CJK = re.compile(f"[{_CJK}]")


def _strip_cjk_forms(name: str, forms: Sequence[str]) -> str:
    """The name without legal forms, the longest first; brackets that become empty go with them."""
    for form in forms:
        name = name.replace(form, "")
    return re.sub(r"[（(]\s*[）)]", "", name)


def _spell(name: str) -> str:
    """Latin capitals: umlauts written out, other scripts transliterated (each Chinese character is one syllable)."""
    upper = name.upper()
    for sign, letters in _SPELLED.items():
        upper = upper.replace(sign, letters)
    return upper if upper.isascii() else anyascii(upper).upper()


def _skeleton(word: str) -> str:
    """The word with spelt-out umlauts and doubled vowels folded, so that DUERR, DURR and DÜRR agree."""
    return word.replace("AE", "A").replace("OE", "O").replace("UE", "U").replace("AA", "A")


def name_forms(names: Sequence[str], settings: Mapping[str, Any]) -> pl.DataFrame:
    """The comparable forms of each distinct name: one row a (name, variant).

    Columns: name, variant (0 as written, 1 bracketed place first, 2 what stands in brackets, 3 without brackets),
    whole (words with legal forms), core (words without), compact (core without blanks), words (core sorted), native
    (the core in Chinese, Japanese or Korean characters, null for other scripts), telling (false where it says too
    little to be compared by likeness).
    """
    cjk_forms = sorted(settings.get("legal_forms_cjk", []), key=len, reverse=True)
    latin_forms = {
        _skeleton(_words(_spell(f)).replace(" ", "")) for line in settings.get("legal_forms", []) for f in line
    }
    fillers = {_skeleton(_words(_spell(f))) for f in settings.get("fillers", [])}
    rows: list[tuple[str, int, str, str, str, str, str | None, bool]] = []
    for name in names:
        for variant, written in _variants(name):
            is_cjk = bool(_HAS_CJK.search(written))
            bare = _strip_cjk_forms(written, cjk_forms) if is_cjk else written
            whole = _skeleton(_words(_spell(written)))
            words = _skeleton(_words(_spell(bare))).split()
            kept = [w for w in _joined(words, latin_forms) if w not in latin_forms and w not in fillers]
            core = " ".join(kept) or (" ".join(words) if variant == 0 else "")
            if core:
                compact = core.replace(" ", "")
                native = "".join(c for c in bare if _HAS_CJK.match(c)) or None if is_cjk else None
                ordered = "".join(sorted(core.split()))
                # 辉太郎（惠州）精密制造 as written would contain 惠州精密制造, which is another company's name.
                telling = bool(kept) and not (is_cjk and variant == 0 and _BRACKETS.search(name))
                rows.append((name, variant, whole.replace(" ", ""), core, compact, ordered, native, telling))
    return pl.DataFrame(
        rows,
        schema=dict.fromkeys(("name", "variant", "whole", "core", "compact", "words", "native", "telling"), pl.String)
        | {"variant": pl.Int32, "telling": pl.Boolean},
        orient="row",
    )


def _words(name: str) -> str:
    """Only letters and digits, single blanks; dots and apostrophes vanish (S.A. is SA), A/S is AS."""
    name = re.sub(r"[.'’`]", "", name)
    name = re.sub(r"\b([A-Z])/([A-Z])\b", r"\1\2", name)
    return re.sub(r"[^A-Z0-9]+", " ", name).strip()


def _joined(words: list[str], forms: set[str]) -> list[str]:
    """Neighbouring words that only together are a legal form (SP Z O O) as one word; a form glued to a name split off."""
    result: list[str] = []
    index = 0
    while index < len(words):
        for size in (4, 3, 2):
            joined = "".join(words[index : index + size])
            if index + size <= len(words) and joined in forms and all(len(w) <= 3 for w in words[index : index + size]):
                result.append(joined)
                index += size
                break
        else:
            result.append(words[index])
            index += 1
    return result


def _variants(name: str) -> list[tuple[int, str]]:
    """The name and, where it has brackets, its readings: place first, brackets alone, without brackets."""
    inside = [part.strip() for part in _BRACKETS.findall(name) if part.strip()]
    if not inside:
        return [(0, name)]
    outside = _BRACKETS.sub(" ", name).strip()
    variants = [(0, _BRACKETS.sub(lambda m: f" {m[1]} ", name))]
    if outside:
        variants += [(1, f"{inside[0]} {outside}" if not _HAS_CJK.search(name) else inside[0] + outside), (3, outside)]
    return [*variants, (2, inside[0])]


def likeness(pairs: pl.DataFrame) -> pl.Series:
    """How alike the names of each pair are, 0 to 1; one that stands whole within the known name, or begins with
    it, counts 0.92.

    pairs: core, compact and native of one name, known_core, known_compact and known_native of the other. Two names in
    Chinese characters are compared as such: their transliterations hide that one character is another.
    """
    both = (pairs["native"].is_not_null() & pairs["known_native"].is_not_null()).to_numpy()
    ratio = np.maximum(
        compare("ratio", pairs["compact"], pairs["known_compact"]),
        compare("token_sort_ratio", pairs["core"], pairs["known_core"]),
    )
    words = pairs.select(a=pl.format(" {} ", "core"), b=pl.format(" {} ", "known_core"))
    within = compare("within", words["a"], words["b"]) * (_length(pairs, "core", "known_core") >= 5)
    begins = words.select(pl.col("a").str.starts_with(pl.col("b")).fill_null(False)).to_series().to_numpy()
    within = np.maximum(within, begins * (_length(pairs, "core", "known_core") >= 3))
    glued = compare("within", pairs["compact"], pairs["known_compact"])
    mixed = (pairs["native"].is_not_null() | pairs["known_native"].is_not_null()).to_numpy() & ~both
    within = np.maximum(within, glued * mixed * (_length(pairs, "compact", "known_compact") >= 8))
    native = compare("ratio", pairs["native"], pairs["known_native"])
    native_within = compare("within", pairs["native"], pairs["known_native"])
    # What companies are called in short is the beginning of their name, a place of at most four characters left out.
    at = pairs.select(pl.col("known_native").str.find(pl.col("native"), literal=True).fill_null(0)).to_series()
    place = at.to_numpy() <= 4 * len("市".encode())
    native_within *= (_length(pairs, "native", "known_native") >= 2) & place
    score = np.maximum(np.where(both, native, ratio) * 0.97, np.where(both, native_within, within) * 0.92)
    return pl.Series("score", score)


def distinguished(names: pl.Series, known: pl.Series) -> pl.Series:
    """Whether each name has a word of its own on both sides, as Nord and Süd: two houses of one family, not one.

    A word that is like one of the other name, or part of one, is no word of its own. Names in one word are not.
    """
    return pl.Series(
        [_own_words(a, b) and _own_words(b, a) for a, b in zip(_split(names), _split(known), strict=True)],
        dtype=pl.Boolean,
    )


def _split(names: pl.Series) -> list[list[str]]:
    return [(name or "").split() for name in names.to_list()]


def _own_words(words: Sequence[str], others: Sequence[str]) -> bool:
    if len(words) < 2 or len(others) < 2:
        return False
    pairs = [(w, o) for w in words for o in others]
    alike = compare("ratio", pl.Series([w for w, _ in pairs]), pl.Series([o for _, o in pairs]))
    near = {w for (w, o), score in zip(pairs, alike, strict=True) if score >= 0.7 or w in o or o in w}
    return any(word not in near for word in words)


def _length(pairs: pl.DataFrame, left: str, right: str) -> npt.NDArray[np.uint32]:
    """The length of the shorter text of each pair; 0 where one is missing."""
    lengths = pairs.select(pl.min_horizontal(pl.col(left).str.len_chars(), pl.col(right).str.len_chars()).fill_null(0))
    return lengths.to_series().to_numpy()


class Parties:
    """Finds, for the payments of a ledger, the parties that may have paid."""

    def __init__(self, ledger: Ledger, settings: Mapping[str, Any]) -> None:
        self.ledger = ledger
        self.settings = settings
        self.accept_at = float(settings.get("accept_at", 0.88))
        self.margin = float(settings.get("margin", 0.03))
        self.block_cap = int(settings.get("block_cap", 200))
        self.learn_after = int(settings.get("account_known_after", 0))

    def prepare(self) -> None:
        """Makes ``match_party_name`` and ``match_party_account`` from the master data and the items."""
        self.ledger.run(
            "names of the parties",
            """create or replace temp table match_known as
            select distinct party_id, name, ground from (
              select party_id, name, 'name' as ground from match_master
              union all select party_id, trading_name, 'trading name' from match_master
              union all select party_id, party_name, 'name' from match_book
              union all select party_id, alternative_payer_name, 'alternative payer' from match_master
            ) where party_id is not null and nullif(trim(name), '') is not null
            order by all""",
        )
        known = self.ledger.rows("distinct names", "select distinct name from match_known order by name")
        # What stands in brackets is a person's company in a payer's name, but only a place in a customer's.
        forms = name_forms(known["name"].to_list(), self.settings).filter(pl.col("variant") != 2)
        self.ledger.put("match_party_form", forms)
        self.ledger.run(
            "customer and tax numbers in the texts",
            f"""create or replace temp table match_customer_number as
            with numbers as (
              select party_id, ltrim(party_id, '0') as number from match_master
              union select party_id, ltrim(party_id, '0') from match_book
              union select party_id, {text.compact("tax_identifier")} from match_master
              union select party_id, {text.compact("party_tax_identifier")} from match_book
            ),
            telling as (
              select number, min(party_id) as party_id from numbers
              where length(number) >= 5 and regexp_matches(number, '[0-9]{{4}}') group by number
              having count(distinct party_id) = 1
            )
            select t.pno, min(n.party_id) as party_id
            from match_token t join telling n on n.number = ltrim(t.token, '0')
            where not exists (select 1 from match_plain h where h.pno = t.pno and h.token = t.token)
            group by t.pno having count(distinct n.party_id) = 1""",
        )
        self.ledger.run(
            "accounts of the parties",
            f"""create or replace temp table match_party_account as
            select account_key, party_id, 'account' as ground from (
              select distinct {text.account("account")} as account_key, party_id from match_master where account is not null
            ) where account_key is not null and account_key not in (select account_key from match_own)
            qualify count(*) over (partition by account_key) <= {MOST_PARTIES}""",
        )

    def identify(self) -> None:
        """Makes ``match_payer``: (pno, party_id, tier, ground, score) for every payment still open.

        Tier 1 is the surest; only the rows of a payment's best tier are kept. Tier 0 is the party the text says it
        was paid for.
        """
        self.ledger.run(
            "payers' names",
            r"""create or replace temp table match_payer_name as
            select pno, name, ground from (
              select m.pno, nullif(trim(m.counterparty_name), '') as name, 'name' as ground from match_payment m
              where m.held is null
              union all
              select m.pno, nullif(trim(p.ultimate_party_name), ''), 'on behalf of'
              from match_payment m join payment p using (payment_id) where m.held is null
              union all
              select * from match_behalf
            ) where name is not null""",
        )
        names = self.ledger.rows("payers' distinct names", "select distinct name from match_payer_name order by name")
        self.ledger.put("match_payer_form", name_forms(names["name"].to_list(), self.settings))
        self._equal_names()
        self._similar_names()
        self.ledger.run(
            "accounts that paid before",
            """create or replace temp table match_account_seen as
            select p.account_key, min(i.party_id) as party_id
            from match_allocation a join match_payment p using (pno) join match_item i using (ino)
            where a.status = 'accepted' and p.account_key is not null
              and p.account_key not in (select account_key from match_party_account)
            group by p.account_key
            having count(distinct i.party_id) = 1 and count(distinct a.pno) >= $often""",
            often=self.learn_after or 2**31,
        )
        self.ledger.run(
            "payers",
            """create or replace temp table match_payer as
            with believed as (
              select m.pno, a.party_id, 1 as tier, a.ground, 1.0::double as score
              from match_payment m join match_party_account a using (account_key) where m.held is null
              union all
              select m.pno, s.party_id, 3, 'account paid before', 0.9
              from match_payment m join match_account_seen s using (account_key) where m.held is null
              union all
              select c.pno, c.party_id, 1, 'customer number', 0.99 from match_customer_number c
              union all
              select n.pno, b.party_id, case when n.ground = 'on behalf of' then 0 else b.tier end,
                case when n.ground = 'on behalf of' then 'on behalf of' else b.ground end, b.score
              from match_payer_name n join match_belief b using (name)
              where n.ground <> 'on behalf of' or b.score >= 0.92
            ),
            told as (  -- of several customers of one name, the one whose account it is
              select b.pno, min(b.party_id) as party_id from believed b
              where b.ground = 'account' and b.pno in (
                  select pno from believed where tier in (1, 2) and ground <> 'account'
                  group by pno having count(distinct party_id) > 1)
                and (b.pno, b.party_id) in (select pno, party_id from believed where tier in (1, 2) and ground <> 'account')
                and b.pno not in (select pno from believed where tier = 0)
              group by b.pno having count(distinct b.party_id) = 1
            ),
            best as (
              select b.*, min(tier) over (partition by pno) as least from believed b left join told t using (pno)
              where t.pno is null or t.party_id = b.party_id
            )
            select pno, party_id, min(tier) as tier, min(ground) as ground, max(score) as score
            from best where tier = least
            group by pno, party_id""",
        )
        self.ledger.run(
            "branches of the payers",
            f"""insert into match_payer
            select y.pno, b.party_id, min(y.tier), 'head office', min(y.score) * 0.98
            from match_payer y join (
              select * from (select distinct party_id, head_office_id from match_master where head_office_id is not null)
              qualify count(*) over (partition by head_office_id) <= {MOST_BRANCHES}
            ) b on b.head_office_id = y.party_id
            where y.tier between 1 and 2 and y.score >= 0.97
              and (y.pno, b.party_id) not in (select pno, party_id from match_payer)
            group by y.pno, b.party_id""",
        )

    def _equal_names(self) -> None:
        """``match_belief``: (name, party_id, tier, ground, score) for names that agree in one of their forms."""
        levels = [
            ("whole", "p.variant = 0 and k.variant = 0", 1, "1.0"),
            ("compact", "p.variant <> 2 and k.variant <> 2", 2, "0.98"),
            ("words", "p.variant <> 2 and k.variant <> 2", 2, "0.97"),
            ("compact", "p.variant = 2 or k.variant = 2", 3, "0.9"),
        ]
        selects = [
            f"""select p.name, n.party_id, {tier} as tier, n.ground, {score}::double as score
            from match_payer_form p join match_party_form k on p.{form} = k.{form} and ({condition})
              join match_known n on n.name = k.name"""
            for form, condition, tier, score in levels
        ]
        # A short name and the town behind it.
        selects.append(
            """select p.name, n.party_id, 4, n.ground, 0.9
            from match_payer_form p join match_party_form k on k.core = split_part(p.core, ' ', 1)
            join match_known n on n.name = k.name
            where length(k.core) >= 3 and p.variant = 0 and k.variant = 0 and p.core <> k.core
              and length(p.core) - length(replace(p.core, ' ', '')) = 1"""
        )
        # Banks cut names at 27, 35 or 70 signs, with the legal form or in the middle of a word.
        selects.append(
            """select p.name, n.party_id, 2, n.ground, 0.96
            from match_payer_form p join match_party_form k
              on left(p.whole, 12) = left(k.whole, 12) and starts_with(k.whole, p.whole)
            join match_known n on n.name = k.name
            where length(p.whole) >= 12 and length(p.name) >= 20 and p.variant = 0 and k.variant = 0"""
        )
        self.ledger.run(
            "equal names",
            f"""create or replace temp table match_belief as
            with found as ({" union all ".join(selects)}),
            best as (
              select name, party_id, min(tier) as tier, max(score) as score, min(ground) as ground
              from found group by name, party_id
            )
            select name, party_id, case when ground = 'alternative payer' then 3 else tier end as tier, ground, score
            from best qualify count(*) over (partition by name) <= {MOST_PARTIES}""",
        )

    def _similar_names(self) -> None:
        """Adds to ``match_belief`` the names that are only alike: rare groups of five letters block, rapidfuzz decides."""
        self.ledger.run(
            "letter groups of the parties",
            """create or replace temp table match_party_gram as
            with grams as (
              select distinct name, variant, substring(compact, i, 5) as gram
              from (select name, variant, compact, unnest(range(1, greatest(length(compact) - 3, 2)))::integer as i
                    from match_party_form)
            )
            select *, count(*) over (partition by gram) as frequency from grams""",
        )
        pairs = self.ledger.rows(
            "names that may be alike",
            """with payers as (
              select name, variant, core, compact from match_payer_form
              where telling and (variant <> 2 or native is not null) and name not in (select name from match_belief where tier <= 2)
            ),
            grams as (
              select distinct name, variant, substring(compact, i, 5) as gram
              from (select *, unnest(range(1, greatest(length(compact) - 3, 2)))::integer as i from payers)
            ),
            rare as (
              select g.name, g.variant, g.gram from grams g
              join (select distinct gram, frequency from match_party_gram where frequency <= $cap) f using (gram)
              qualify row_number() over (partition by g.name, g.variant order by f.frequency, gram) <= 8
            ),
            pairs as (
              select distinct r.name, r.variant, k.name as known, k.variant as known_variant
              from rare r join match_party_gram k using (gram)
            )
            select p.name, p.variant, p.known, p.known_variant, a.core, a.compact, a.native,
              b.core as known_core, b.compact as known_compact, b.native as known_native
            from pairs p
            join match_payer_form a on a.name = p.name and a.variant = p.variant
            join match_party_form b on b.name = p.known and b.variant = p.known_variant and b.telling
            order by p.name, p.variant, p.known, p.known_variant""",
            cap=self.block_cap,
        )
        if pairs.is_empty():
            return
        pairs = pairs.with_columns(score=likeness(pairs))
        pairs = pairs.filter(pl.col("score") >= self.accept_at)
        kept = pairs.filter(~distinguished(pairs["core"], pairs["known_core"])).select("name", "known", "score")
        with self.ledger.store.registered(kept) as view:
            self.ledger.run(
                "alike names",
                f"""insert into match_belief
                with alike as (
                  select v.name, n.party_id, max(v.score)::double as score, min(n.ground) as ground
                  from {view} v join match_known n on n.name = v.known
                  group by v.name, n.party_id
                )
                select name, party_id, 4, ground, score from alike
                qualify score >= max(score) over (partition by name) - {self.margin}""",
            )
