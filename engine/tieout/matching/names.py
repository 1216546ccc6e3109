"""Names of parties in the forms in which they are compared, and how alike two names are.

Pure functions on whole columns; who paid is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from anyascii import anyascii

from tieout.matching.score import compare

__all__ = ["abbreviated", "distinguished", "likeness", "name_forms"]

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
    """Only letters and digits, single blanks; dots, apostrophes and signs that stand for a lost letter vanish (S.A. is
    SA), A/S is AS."""
    name = re.sub(r"[.'’`?\ufffd]", "", name)
    name = re.sub(r"\b([A-Z])/([A-Z])\b", r"\1\2", name)
    return re.sub(r"[^A-Z0-9]+", " ", name).strip()


def _joined(words: list[str], forms: set[str]) -> list[str]:
    """Neighbouring words that only together are a legal form (SP Z O O) as one word."""
    if not any(len(a) <= 3 and len(b) <= 3 for a, b in pairwise(words)):
        return words
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
    both = list(zip(_split(names), _split(known), strict=True))
    several = [len(a) >= 2 and len(b) >= 2 for a, b in both]
    words = [(w, o) for (a, b), asked in zip(both, several, strict=True) if asked for w in a for o in b]
    scores = iter(compare("ratio", pl.Series([w for w, _ in words]), pl.Series([o for _, o in words])).tolist())
    return pl.Series(
        [asked and _own_words(a, b, scores) for (a, b), asked in zip(both, several, strict=True)], dtype=pl.Boolean
    )


def abbreviated(pairs: pl.DataFrame) -> pl.Series:
    """Whether one name is the other with shortened words: Plbg for Plumbing, Inst.techniek for Installatietechniek.

    pairs: name and core of one, known and known_core of the other. Every word must be one of the other name or shorten
    it, in any order, and one of at least five letters must be the same in both.
    """
    cores, others = pairs["core"].to_list(), pairs["known_core"].to_list()
    # A word and what shortens it begin alike, so the first letters of both names are the same ones.
    letters = {core: sorted(word[0] for word in core.split()) for core in {*cores, *others}}
    fit = pl.Series([letters[a] == letters[b] for a, b in zip(cores, others, strict=True)], dtype=pl.Boolean)
    rows = pairs.select("name", "core", "known", "known_core").filter(fit).iter_rows()
    found = [_shortens(a, core, other.split()) or _shortens(b, other, core.split()) for a, core, b, other in rows]
    return fit.scatter(fit.arg_true(), found)


def _shortens(name: str, core: str, known: Sequence[str]) -> bool:
    words, left = core.split(), list(known)
    if len(words) != len(left):
        return False
    short = []
    for word in words:
        if word in left:
            left.remove(word)
        else:
            short.append(word)
    if not short or not any(len(word) >= 5 and word not in short for word in words):
        return False
    for word in short:
        meant = next((other for other in left if _abbreviates(word, other, name)), None)
        if meant is None:
            return False
        left.remove(meant)
    return True


def _abbreviates(word: str, other: str, name: str) -> bool:
    """Whether the word leaves out letters of the other: all vowels, or where a dot in the name as written says so."""
    if not 3 <= len(word) < len(other) or word[0] != other[0]:
        return False
    letters = iter(other)
    if not all(letter in letters for letter in word):
        return False
    if not set(word) & set("AEIOU"):
        return True
    dotted = [_skeleton(_words(part)) for part in re.findall(r"[A-Z0-9.]+", _spell(name)) if "." in part]
    return word in dotted and (other.startswith(word) or (other[:3] == word[:3] and other[-4:] == word[-4:]))


def _split(names: pl.Series) -> list[list[str]]:
    return [(name or "").split() for name in names.to_list()]


def _own_words(words: Sequence[str], others: Sequence[str], scores: Iterator[float]) -> bool:
    """Whether both have a word that is like none of the other. scores: of each word with each of the others, in order."""
    near, near_others = set(), set()
    for word in words:
        for other in others:
            if next(scores) >= 0.7 or word in other or other in word:
                near.add(word)
                near_others.add(other)
    return any(word not in near for word in words) and any(other not in near_others for other in others)


def _length(pairs: pl.DataFrame, left: str, right: str) -> npt.NDArray[np.uint32]:
    """The length of the shorter text of each pair; 0 where one is missing."""
    lengths = pairs.select(pl.min_horizontal(pl.col(left).str.len_chars(), pl.col(right).str.len_chars()).fill_null(0))
    return lengths.to_series().to_numpy()
