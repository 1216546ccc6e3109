"""Names of payers that are only like a name of a party: blocked by rare groups of letters, sifted by sketches, compared.

Names that share one of a payer's rarest groups of five letters are candidates, often hundreds a name; nearly all of them
are discarded where they are joined, because their sketches show that no comparison can find them alike. Only what is left
is read as text and compared by rapidfuzz.
"""

from __future__ import annotations

import polars as pl

from tieout.matching.ledger import Ledger
from tieout.matching.names import abbreviated, distinguished, likeness
from tieout.matching.sketch import may_be_alike, may_hold, sketch

__all__ = ["MOST_PARTIES", "add_alike", "put_forms"]

# A name or an account of more parties than this tells nothing of who paid.
MOST_PARTIES = 100

# The score of a name with shortened words.
ABBREVIATED = 0.92

_RARE_GRAMS = 8
_SKETCH = "low, high, extra, size, blanks"
# Groups of five letters of the forms; a shorter name is one group.
_GRAMS = """select distinct form, substring(compact, i, 5) as gram
            from (select form, compact, unnest(range(1, greatest(length(compact) - 3, 2)))::integer as i from {forms})"""


def put_forms(ledger: Ledger, table: str, forms: pl.DataFrame) -> None:
    """Makes a working table of ``name_forms`` with their number (``form``), and beside it ``<table>_sketch``: the sketches
    of the core (``native`` false) and, where there is one, of the name in its own characters (``native`` true)."""
    numbered = forms.with_row_index("form").with_columns(pl.col("form").cast(pl.Int32))
    ledger.put(table, numbered)
    own = numbered.filter(pl.col("native").is_not_null())
    latin = numbered.select("form", native=pl.lit(False), blanks=pl.col("core").str.count_matches(" ", literal=True))
    native = own.select("form", native=pl.lit(True), blanks=pl.lit(0, dtype=pl.UInt32))
    sketches = [
        pl.concat([latin, sketch(numbered["compact"])], how="horizontal"),
        pl.concat([native, sketch(own["native"])], how="horizontal"),
    ]
    ledger.put(f"{table}_sketch", pl.concat(sketches).with_columns(pl.col("blanks").cast(pl.Int32)))


def add_alike(ledger: Ledger, *, accept_at: float, margin: float, block_cap: int) -> None:
    """Adds to ``match_belief`` the parties whose names are only like a payer's, in tier 4.

    accept_at: the likeness (0 to 1) from which a name counts. margin: how much less than the best is kept beside it.
    block_cap: groups of letters that more forms of parties have block nothing.
    """
    pairs = _pairs(ledger, accept_at, block_cap)
    if pairs.is_empty():
        return
    pairs = pairs.with_columns(score=likeness(pairs))
    near, far = pairs.filter(pl.col("score") >= accept_at), pairs.filter(pl.col("score") < accept_at)
    strange = distinguished(near["core"], near["known_core"])
    alike = near.filter(~strange)
    others = pl.concat([near.filter(strange), far.filter(pl.col("score") >= 0.5)])
    shortened = others.filter(abbreviated(others)).with_columns(score=pl.lit(ABBREVIATED))
    kept = pl.concat([alike, shortened], how="vertical_relaxed").select("name", "known", "score")
    with ledger.store.registered(kept) as view:
        ledger.run(
            "alike names",
            f"""insert into match_belief
            with alike as (
              select v.name, n.party_id, max(v.score)::double as score, min(n.ground) as ground
              from {view} v join match_known n on n.name = v.known
              group by v.name, n.party_id
            )
            select name, party_id, 4, ground, score from alike
            qualify score >= max(score) over (partition by name) - {margin}
              and count(*) over (partition by name) <= {MOST_PARTIES}""",
        )


def _pairs(ledger: Ledger, accept_at: float, block_cap: int) -> pl.DataFrame:
    """The pairs of forms that may be alike, as ``likeness`` and ``abbreviated`` want them."""
    ledger.run(
        "letter groups of the parties",
        f"""create or replace temp table match_party_gram as
        with grams as ({_GRAMS.format(forms="match_party_form")}),
        counted as (select *, count(*) over (partition by gram) as frequency from grams)
        select c.* from counted c join match_party_form f using (form) where c.frequency <= {block_cap} and f.telling""",
    )
    ledger.run(
        "rarest letter groups of the payers",
        f"""create or replace temp table match_payer_gram as
        with payers as (
          select form, compact from match_payer_form
          where telling and (variant <> 2 or native is not null)
            and name not in (select name from match_belief where tier <= 2)
        ),
        grams as ({_GRAMS.format(forms="payers")})
        select g.form, g.gram from grams g
        join (select distinct gram, frequency from match_party_gram) f using (gram)
        qualify row_number() over (partition by g.form order by f.frequency, gram) <= {_RARE_GRAMS}""",
    )
    # likeness counts a ratio 0.97 times; a hair less, for rounding.
    least = accept_at / 0.97 - 1e-5
    may_be = f"({may_be_alike('p', 'k', least)} or {may_hold('k', 'p')} or {may_hold('p', 'k')})"
    # Two names in Chinese characters are compared in these, all others in Latin letters.
    blocks = [
        f"""select distinct p.form, k.form as known
        from (select g.form, g.gram, s.has_native, {_SKETCH} from match_payer_gram g join payer_sketch s using (form)
          where s.native = {native}) p
        join (select g.form, g.gram, s.has_native, {_SKETCH} from match_party_gram g join party_sketch s using (form)
          where s.native = {native}) k using (gram)
        where {"true" if native else "not (p.has_native and k.has_native)"} and {may_be}"""
        for native in (False, True)
    ]
    sketches = ", ".join(
        f"""{side}_sketch as (
          select *, bool_or(native) over (partition by form) as has_native from match_{side}_form_sketch)"""
        for side in ("payer", "party")
    )
    return ledger.rows(
        "names that may be alike",
        f"""with {sketches}, pairs as ({" union all ".join(blocks)})
        select a.name, a.variant, b.name as known, b.variant as known_variant, a.core, a.compact, a.native,
          b.core as known_core, b.compact as known_compact, b.native as known_native
        from pairs p
        join match_payer_form a on a.form = p.form
        join match_party_form b on b.form = p.known
        -- A legal form behind one word more makes another company: Lindenhof Bau GmbH is not Lindenhof GmbH. A town
        -- stands behind the legal form.
        where not (a.native is null and starts_with(a.core, b.core || ' ') and b.whole <> b.compact
          and not starts_with(a.whole, b.whole) and not ends_with(a.whole, split_part(a.core, ' ', -1)))
        order by a.name, a.variant, known, known_variant""",
    )
