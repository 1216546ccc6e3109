"""Which rows of the walk make the rows of a table: repeated elements, elements that stand for themselves, split entries."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tieout.mapping.lens_compile import Block, Plan, Source
from tieout.mapping.trie import Row
from tieout.mapping.values import SPACE, decimal_text
from tieout.mapping.walk import Walk
from tieout.model.records import Finding

__all__ = ["enclosing", "first", "rows_of", "seen"]


def enclosing(row: Row, hops: int) -> Row:
    """The row so many scopes further out."""
    for _ in range(hops):
        row = row[0]
    return row


def seen(source: Source, row: Row) -> Any:
    """The text (or list of texts) at a source, seen from a row; None where there is none."""
    for _ in range(source.hops):
        row = row[0]
    return row[source.index]


def first(sources: Sequence[Source], row: Row) -> Any:
    """The text at the first of the sources that has one."""
    for source in sources:
        value = seen(source, row)
        if value is not None:
            return value
    return None


def rows_of(
    plan: Plan, walk: Walk, block: Block, names: Sequence[tuple[str, str]]
) -> tuple[list[Row], list[tuple[Finding, Row]]]:
    """The rows of a block in document order: each element of ``each``, and of ``or_each`` where it has none inside.

    With ``split``, several rows inside one outer element stay only where they add up to it; else the element is one row
    and there is a finding, given with that row.
    """
    rows = walk.rows[block.scope]
    if block.fallback < 0:
        return rows, []
    inside: dict[int, list[Row]] = {}
    for row in rows:
        inside.setdefault(id(enclosing(row, block.fallback_hops)), []).append(row)
    result: list[Row] = []
    findings: list[tuple[Finding, Row]] = []
    for outer in walk.rows[block.fallback]:
        inner = inside.get(id(outer), [])
        problem = _unbalanced(block, outer, inner, names) if block.whole and len(inner) > 1 else None
        if inner and not problem:
            result += inner
            continue
        result.append(_stand_in(plan, block, outer))
        if problem:
            findings.append((problem, result[-1]))
    return result, findings


def _unbalanced(block: Block, outer: Row, inner: list[Row], names: Sequence[tuple[str, str]]) -> Finding | None:
    """What is wrong where the rows inside an element do not add up to it."""
    assert block.whole is not None
    split = block.mapping.options["split"]
    planned = next(each for each in block.columns if each.column.name == split["column"])
    own = tuple(source for source in planned.sources if not source.single)
    whole, parts = seen(block.whole, inner[0]), [first(own, row) for row in inner]
    total = _sum(parts, [_direction(block, row) for row in inner])
    if whole is not None and total is not None and total == Decimal(whole):
        return None
    document_id, source = names[enclosing(inner[0], block.ups)[0]]
    en = "have no amount in the entry's currency" if total is None else f"add up to {decimal_text(total)}"
    zh = "没有以分录币种表示的金额" if total is None else f"合计为 {decimal_text(total)}"
    return Finding(
        rule=str(split.get("rule", "IN-SPLIT-SUM")),
        severity="warning",
        pack="intake",
        table=block.table.name,
        object_id=document_id,
        term=planned.column.term,
        message=f"the {len(inner)} transactions of the entry {en}; the entry is {whole} and was kept whole",
        message_zh=f"该分录的 {len(inner)} 笔明细{zh}，分录金额为 {whole}：分录未拆分",
        evidence={"entry": whole, "transactions": parts},
        source=source,
        line=outer[1],
    )


def _direction(block: Block, row: Row) -> int:
    """1 where a part goes the way of its whole, -1 where it goes against it."""
    name = block.mapping.options["split"].get("direction")
    planned = next((each for each in block.columns if each.column.name == name), None)
    if planned is None:
        return 1
    own = next(source for source in planned.sources if not source.single)
    mine, whole = seen(own, row), seen(planned.sources[-1], row)
    return -1 if mine and whole and mine.strip(SPACE) != whole.strip(SPACE) else 1


def _sum(parts: Sequence[str | None], signs: Sequence[int]) -> Decimal | None:
    total = Decimal(0)
    for part, sign in zip(parts, signs, strict=True):
        if part is None:
            return None
        total += sign * Decimal(part)
    return total


def _stand_in(plan: Plan, block: Block, outer: Row) -> Row:
    """An empty row (and empty rows between), so that what stands further out is seen from it as from a real one."""
    scopes = plan.trie.scopes
    chain = []
    number = block.scope
    while number != block.fallback:
        chain.append(number)
        number = scopes[number].parent
    row = outer
    for number in reversed(chain):
        inner: Row = [None] * scopes[number].width
        inner[0], inner[1] = row, outer[1]
        row = inner
    return row
