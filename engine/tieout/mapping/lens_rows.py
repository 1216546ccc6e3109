"""Which rows of the walk make the rows of a table: repeated elements, elements that stand for themselves, split entries."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tieout.mapping.cells import Cells
from tieout.mapping.lens_compile import Block, Source
from tieout.mapping.values import SPACE, decimal_text
from tieout.model.records import Finding

__all__ = ["first", "rows_of", "seen"]


def seen(cells: Cells, block: Block, source: Source, row: int) -> Any:
    """The text (or list of texts) at a source, seen from a row of the block; None where there is none."""
    return cells.seen(block.scope, source.hops, source.index, [row])[0]


def first(cells: Cells, block: Block, sources: Sequence[Source], row: int) -> Any:
    """The text at the first of the sources that has one."""
    for source in sources:
        value = seen(cells, block, source, row)
        if value is not None:
            return value
    return None


def rows_of(
    cells: Cells, block: Block, names: Sequence[tuple[str, str]]
) -> tuple[Sequence[int], list[tuple[Finding, int]]]:
    """The rows of a block in document order: each element of ``each``, and of ``or_each`` where it has none inside.

    With ``split``, several rows inside one outer element stay only where they add up to it; else the element is one row
    and there is a finding, given with that row.
    """
    rows = cells.all(block.scope)
    if block.fallback < 0:
        return rows, []
    inside: dict[int, list[int]] = {}
    for row, outer in zip(rows, cells.up(block.scope, block.fallback_hops, rows), strict=True):
        inside.setdefault(outer, []).append(row)
    result: list[int] = []
    findings: list[tuple[Finding, int]] = []
    for outer in cells.all(block.fallback):
        inner = inside.get(outer, [])
        problem = _unbalanced(cells, block, outer, inner, names) if block.whole and len(inner) > 1 else None
        if inner and not problem:
            result += inner
            continue
        result.append(cells.stand_in(block.scope, block.fallback, outer))
        if problem:
            findings.append((problem, result[-1]))
    return result, findings


def _unbalanced(
    cells: Cells, block: Block, outer: int, inner: list[int], names: Sequence[tuple[str, str]]
) -> Finding | None:
    """What is wrong where the rows inside an element do not add up to it."""
    assert block.whole is not None
    split = block.mapping.options["split"]
    planned = next(each for each in block.columns if each.column.name == split["column"])
    own = tuple(source for source in planned.sources if not source.single)
    whole = seen(cells, block, block.whole, inner[0])
    parts = [first(cells, block, own, row) for row in inner]
    total = _sum(parts, [_direction(cells, block, row) for row in inner])
    if whole is not None and total is not None and total == Decimal(whole):
        return None
    document_id, source = names[cells.up(block.scope, block.ups, inner[:1])[0]]
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
        line=cells.lines(block.fallback, [outer])[0],
    )


def _direction(cells: Cells, block: Block, row: int) -> int:
    """1 where a part goes the way of its whole, -1 where it goes against it."""
    name = block.mapping.options["split"].get("direction")
    planned = next((each for each in block.columns if each.column.name == name), None)
    if planned is None:
        return 1
    own = next(source for source in planned.sources if not source.single)
    mine, whole = seen(cells, block, own, row), seen(cells, block, planned.sources[-1], row)
    return -1 if mine and whole and mine.strip(SPACE) != whole.strip(SPACE) else 1


def _sum(parts: Sequence[str | None], signs: Sequence[int]) -> Decimal | None:
    total = Decimal(0)
    for part, sign in zip(parts, signs, strict=True):
        if part is None:
            return None
        total += sign * Decimal(part)
    return total
