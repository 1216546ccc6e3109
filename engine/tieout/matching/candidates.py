"""The general pass: candidates by the plan's block, scored by its comparisons, taken by its assignment strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tieout.matching import text, weights
from tieout.matching.assign import MOST_CELLS, STRATEGIES
from tieout.matching.ledger import Ledger
from tieout.matching.names import name_forms
from tieout.matching.score import Scores, compare
from tieout.model.records import Query
from tieout.store.engine import quote

__all__ = ["block", "by_candidates", "column_value", "rated", "score"]

# What the plan calls the amounts is, at this point of the plan, what is still open of them.
_OPEN = {("payment", "amount"): "p.rest", ("open_item", "open_amount"): "i.rest", ("open_item", "amount"): "i.rest"}
_SIDE = {"payment": "a", "open_item": "b"}
_FORMS: Mapping[str, Callable[[str], str]] = {
    "": str,
    "key": text.compact,
    "bare": lambda sql: text.without_zeros(text.compact(sql)),
}


def column_value(side: str, column: str, form: str = "") -> str:
    """SQL for a column of a payment (``a``, open amount ``p.rest``) or an item (``b``, ``i.rest``) in a block's form."""
    sql = _OPEN.get((side, column), f"{_SIDE[side]}.{quote(column)}")
    return str(_FORMS[form](sql))


def block(conditions: Sequence[Mapping[str, str]], compared: Sequence[Mapping[str, Any]], limit: int) -> Query:
    """The pairs of still open payments and items that meet all conditions, with the columns that are compared.

    conditions: left and right (side, column, form) and the sign between them; equalities become hash joins.
    One row a (pno, ino); a payment with more than ``limit`` pairs has none, as nothing tells them apart. Columns left_N
    and right_N a comparison.
    """
    meets = [
        f"{column_value(c['left_side'], c['left'], c['left_form'])} {c['sign']} "
        f"{column_value(c['right_side'], c['right'], c['right_form'])}"
        for c in conditions
    ]
    by_amount = any(
        _OPEN.get((c["right_side"], c["right"]), _OPEN.get((c["left_side"], c["left"]))) for c in conditions
    )
    telling = ["(i.currency, i.rest) in (select currency, amount from match_rare)"] if by_amount else []
    columns = "".join(
        f", {column_value('payment', pair['payment'])} as left_{n}, {column_value('open_item', pair['open_item'])} as right_{n}"
        for n, pair in enumerate(compared)
    )
    return Query(
        "block",
        f"""select p.pno, i.ino, p.rest as paid, i.rest as open{columns}
        from match_payment p join payment a using (payment_id)
        join open_item b on true join match_item i using (open_item_id)
        where p.held is null and p.rest > 0 and i.rest > 0 and {" and ".join([*meets, *telling]) or "true"}
          and (p.pno, i.ino) not in (select pno, ino from match_rejected)
        qualify count(*) over (partition by p.pno) <= {limit}
        order by p.pno, i.ino""",
    )


def score(pairs: pl.DataFrame, comparisons: Sequence[Mapping[str, Any]], names: Mapping[str, Any]) -> pl.DataFrame:
    """The pairs with ``score`` (weighted mean of the comparisons, 0 to 1) and one column ``by_N`` a comparison.

    A comparison of which a side is null counts as 0. Method ``name`` compares names without case, accents and legal
    forms; ``days`` falls from 1 for the same day to 0 at ``zero_at`` days; ``amount`` is 1 where equal, else 0.
    """
    weights = np.asarray([float(c.get("weight", 1)) for c in comparisons])
    total = np.zeros(pairs.height)
    for n, each in enumerate(comparisons):
        left, right = pairs[f"left_{n}"], pairs[f"right_{n}"]
        values = _compare(each, left, right, names)
        total += weights[n] * values
        pairs = pairs.with_columns(pl.Series(f"by_{n}", np.round(values, 4)))
    return pairs.with_columns(score=pl.Series(np.round(total / (weights.sum() or 1), 6)))


def _compare(each: Mapping[str, Any], left: pl.Series, right: pl.Series, names: Mapping[str, Any]) -> Scores:
    method = str(each["method"])
    if method == "days":
        apart = (left - right).dt.total_days().abs().cast(pl.Float32)
        return (1 - apart / float(each.get("zero_at", 60))).clip(0, 1).fill_null(0).to_numpy()
    if method == "amount":
        return (left == right).fill_null(False).cast(pl.Float32).to_numpy()
    if method == "name":
        cores = _cores(pl.concat([left, right.rename(left.name)]), names)
        left, right = (side.replace_strict(cores, default=None, return_dtype=pl.String) for side in (left, right))
        method = "token_sort_ratio"
    return compare(method, left.cast(pl.String), right.cast(pl.String))


def rated(ledger: Ledger, pairs: pl.DataFrame, options: Mapping[str, Any]) -> pl.DataFrame:
    """As ``score``; a pass with Fellegi-Sunter weights has the probability that the pair is true as its score.

    Where its weights are not all written, none of its pairs has a score above 0: such a pass takes nothing.
    """
    comparisons, names = list(options.get("compare", ())), options.get("names", {})
    scored = score(pairs, comparisons, names)
    if options.get("weights") != "fellegi_sunter":
        return scored
    if not weights.is_weighted(options):
        return scored.with_columns(score=pl.lit(0.0))
    found = weights.probabilities(
        weights.levels_of(scored, comparisons),
        comparisons,
        float(options["prior"]),
        {n: _shared(ledger, each, pairs, n, names) for n, each in enumerate(comparisons) if each.get("term_frequency")},
    )
    return scored.with_columns(score=pl.Series(np.round(found, 6)))


def _shared(
    ledger: Ledger, each: Mapping[str, Any], pairs: pl.DataFrame, n: int, names: Mapping[str, Any]
) -> npt.NDArray[np.float64]:
    """How frequent what both sides share is among the items of the ledger: the rarest word of names, else the whole."""
    rows = ledger.rows(
        "terms",
        f"select {quote(str(each['open_item']))}::varchar as term from open_item join match_item using (open_item_id)",
    )
    left, right, among = pairs[f"left_{n}"].cast(pl.String), pairs[f"right_{n}"].cast(pl.String), rows["term"]
    if each["method"] in _OF_WORDS:
        cores = _cores(pl.concat([left, right.rename(left.name), among.rename(left.name)]), names)
        left, right, among = (
            side.replace_strict(cores, default=None, return_dtype=pl.String) for side in (left, right, among)
        )
    else:
        left, right, among = (side.str.replace_all(" ", "_", literal=True) for side in (left, right, among))
    return weights.tokens_of(left, right, among)


# Methods that compare names: what they share is a word.
_OF_WORDS = ("name", "token_sort_ratio", "token_set_ratio", "ratio", "partial_ratio", "jaro_winkler")


def _cores(written: pl.Series, names: Mapping[str, Any]) -> dict[str, str]:
    """The names as written to their words without legal forms."""
    forms = name_forms(written.drop_nulls().unique().sort().to_list(), names)
    return dict(forms.filter(pl.col("variant") == 0).select("name", "core").iter_rows())


def by_candidates(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Scores the pairs of the block and books those at or above ``accept_at``, where the assignment takes them.

    Pairs at or above ``review_at`` are proposed: they use no money and the payment stays open. Tied pairs settle
    nothing: at ``accept_at`` the payment is ``ambiguous``.
    """
    comparisons = list(options.get("compare", ()))
    query = block(list(options.get("block", ())), comparisons, int(options.get("limit", 50)))
    pairs = ledger.rows(f"{name}: {query.name}", query.sql)
    if pairs.is_empty():
        return
    scored = rated(ledger, pairs, options)
    accept_at, review_at = float(options.get("accept_at", 1)), float(options.get("review_at", 1))
    kept = scored.filter(pl.col("score") >= min(accept_at, review_at), pl.col("score") > 0)
    if kept.is_empty():
        return
    strategy = STRATEGIES[str(options.get("assign", "one_to_one"))]
    most_cells = int(options.get("most_cells", MOST_CELLS))
    judged = strategy(kept.select("pno", "ino", "score"), float(options.get("margin", 0)), most_cells)
    judged = judged.join(kept.drop("score"), on=["pno", "ino"], how="left", maintain_order="left")
    judged = judged.with_columns(
        candidates=pl.len().over("pno"),
        runner_up=pl.when(pl.len().over("pno") > 1).then(
            pl.when(pl.col("score") == pl.col("score").max().over("pno"))
            .then(pl.col("score").top_k(2).min().over("pno"))
            .otherwise(pl.col("score").max().over("pno"))
        ),
    )
    evidence = ", ".join(
        f"{text.literal(str(each['method']) + ' ' + str(each['payment']))}, by_{n}"
        for n, each in enumerate(comparisons)
    )
    evidence += ", 'candidates', candidates, 'runner_up_score', runner_up"
    taken = judged.filter(pl.col("verdict") == "taken", pl.col("paid") == pl.col("open"))
    parts = f"""select pno, ino, 'payment' as kind, open as amount, open as item_amount, score,
      json_object({evidence}) as evidence"""
    with ledger.store.registered(taken) as view:
        ledger.accept(name, f"{parts} from {view} where score >= {accept_at}")
        ledger.propose(name, f"{parts} from {view} where score >= {review_at} and score < {accept_at}")
    beyond = judged.filter(pl.col("verdict") == "beyond", pl.col("score") >= accept_at)
    with ledger.store.registered(beyond) as view:
        ledger.flag(
            name,
            f"""select pno, 'ambiguous' as reason, null as related, null as party_id, any_value(paid) as amount,
              'more payments and items hang together than are assigned: {most_cells} possible pairs at most' as message,
              json_object('says', 'beyond', 'most_cells', {most_cells}, 'candidates', any_value(candidates)) as evidence
            from {view} group by pno""",
            hold=True,
        )
    tied = judged.filter(pl.col("verdict") == "tied", pl.col("score") >= accept_at)
    if tied.is_empty():
        return
    with ledger.store.registered(tied) as view:
        ledger.show(
            name,
            f"""select pno, ino, row_number() over (partition by pno order by score desc, ino), open, score, null,
              json_object({evidence}) from {view}""",
        )
        ledger.flag(
            name,
            f"""select pno, 'ambiguous' as reason, null as related, null as party_id, any_value(paid) as amount,
              concat(count(*), ' candidates are as good') as message,
              json_object('says', 'tied', 'count', count(*)) as evidence
            from {view} group by pno""",
            hold=True,
        )
