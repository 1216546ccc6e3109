"""Sketches of texts: 128 bits each that say, before two texts are compared, that they cannot be alike.

A sketch counts the letters of a text in unary, the first occurrence in one bit, the second in the next. What two texts have in
common, in whatever order, is at most the bits they share and the fewer of the letters beyond what the bits can count.
"""

from __future__ import annotations

import numpy as np
import polars as pl

__all__ = ["may_be_alike", "may_hold", "sketch"]

# Which letter each bit counts, and its how manieth: three of each of A-Z and 0-9, four of the most frequent.
_LETTERS = 36
_FOURTH = "AEIOUNRSTLCDHMKGBPZY"
_BATCH = 200_000


def sketch(texts: pl.Series) -> pl.DataFrame:
    """The sketch of each text in capitals and digits.

    Columns: low and high (Int64, its bits), extra (Int32, letters beyond what the bits count), size (Int32, letters). Other
    signs than A-Z and 0-9 share the counts of those, which only makes two texts look more alike. null counts as empty.
    """
    parts = [_sketched(texts.slice(start, _BATCH)) for start in range(0, max(len(texts), 1), _BATCH)]
    return pl.concat(parts)


def _sketched(texts: pl.Series) -> pl.DataFrame:
    filled = texts.fill_null("")
    sizes = filled.str.len_chars().to_numpy().astype(np.int64)
    signs = np.frombuffer("".join(filled.to_list()).encode("utf-32-le"), dtype=np.uint32)
    letters = np.where(signs >= ord("A"), signs - ord("A"), signs - ord("0") + 26) % _LETTERS
    rows = np.repeat(np.arange(len(sizes)), sizes)
    counts = np.bincount(rows * _LETTERS + letters, minlength=len(sizes) * _LETTERS).reshape(-1, _LETTERS)
    fourth = [ord(letter) - ord("A") for letter in _FOURTH]
    bits = np.concatenate([counts >= 1, counts >= 2, counts >= 3, (counts >= 4)[:, fourth]], axis=1)
    words = np.packbits(bits, axis=1).view(np.int64)
    return pl.DataFrame(
        {
            "low": words[:, 0],
            "high": words[:, 1],
            "extra": (sizes - bits.sum(axis=1)).astype(np.int32),
            "size": sizes.astype(np.int32),
        }
    )


def may_be_alike(left: str, right: str, least: float) -> str:
    """SQL: whether the normalised indel similarity of two sketched texts may be ``least`` (0 to 1) or more.

    left, right: aliases of rows with the columns of ``sketch``, and ``blanks``, how many of them stand between the words.
    """
    shared = (
        f"(bit_count({left}.low & {right}.low)::integer + bit_count({left}.high & {right}.high)"
        f" + least({left}.extra, {right}.extra))"
    )
    glued = f"2 * {shared} >= {least} * ({left}.size + {right}.size)"
    spaced = (
        f"2 * ({shared} + least({left}.blanks, {right}.blanks))"
        f" >= {least} * ({left}.size + {right}.size + {left}.blanks + {right}.blanks)"
    )
    return f"({glued} or {spaced})"


def may_hold(whole: str, part: str) -> str:
    """SQL: whether all letters of a sketched part may be letters of the whole."""
    return f"({part}.size <= {whole}.size and {part}.low & {whole}.low = {part}.low and {part}.high & {whole}.high = {part}.high)"
