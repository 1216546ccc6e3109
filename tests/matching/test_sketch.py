"""Sketches discard no pair of names that a comparison would have found alike."""

import random

import polars as pl
import pytest
from rapidfuzz import fuzz

from tieout.matching.sketch import may_be_alike, may_hold, sketch
from tieout.model.records import Query
from tieout.store.engine import Store

PAIRS = 4000
LEAST = 0.88


def written(chance, letters):
    """A name of one to four words, and the same with some letters lost, swapped, doubled or its words turned round."""
    words = ["".join(chance.choices(letters, k=chance.randint(1, 9))) for _ in range(chance.randint(1, 4))]
    signs = list(" ".join(words))
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(signs))
        signs[at : at + 2] = chance.choice(([], signs[at : at + 2][::-1], signs[at : at + 1] * 4))
        signs = signs or ["A"]
    other = "".join(signs).split() or ["A"]
    if chance.random() < 0.3:
        chance.shuffle(other)
    return " ".join(words), " ".join(other)


@pytest.mark.parametrize("letters", ["ABCDE", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "精密制造远航管业宁波惠州阿"])
def test_what_a_sketch_discards_is_neither_alike_nor_held(letters):
    chance = random.Random(letters)
    pairs = [written(chance, letters) for _ in range(PAIRS)]
    pairs += [(a, chance.choice(pairs)[1]) for a, _ in pairs]
    # Some names are longer than the bits can count.
    pairs += [(a * 9, b * 9) for a, b in pairs[:200]]

    def rows(side):
        names = pl.Series([pair[side] for pair in pairs])
        blanks = names.str.count_matches(" ", literal=True).cast(pl.Int32)
        return sketch(names.str.replace_all(" ", "", literal=True)).with_columns(blanks=blanks).with_row_index("n")

    with Store.create() as store, store.registered(rows(0)) as left, store.registered(rows(1)) as right:
        sql = f"""select {may_be_alike("p", "k", LEAST)} as alike, {may_hold("k", "p")} as held
                  from {left} p join {right} k using (n) order by n"""
        kept = store.fetch(Query("kept", sql))
    discarded = 0
    for (a, b), alike, held in zip(pairs, kept["alike"], kept["held"], strict=True):
        glued, known = a.replace(" ", ""), b.replace(" ", "")
        ratio = max(fuzz.ratio(glued, known), fuzz.token_sort_ratio(a, b)) / 100
        assert alike or ratio < LEAST, (a, b)
        assert held or glued not in known, (a, b)
        discarded += not alike
    assert discarded > PAIRS / 4


def test_names_missing_or_empty_have_an_empty_sketch():
    assert sketch(pl.Series(["", None], dtype=pl.String)).rows() == [(0, 0, 0, 0)] * 2
    assert sketch(pl.Series([], dtype=pl.String)).is_empty()
