"""The columns of a block: the texts of the walk, and what the options of a column make of them. ``lens_read`` calls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from tieout.mapping.cells import Cells, Same, Texts
from tieout.mapping.lens_compile import Aggregate, Block, Planned, Source, texts_of
from tieout.mapping.values import SPACE, decimal_text

__all__ = ["Columns", "Part", "Parts"]

Values: TypeAlias = Sequence[str | None]

# Widths at which banks cut a remittance text into pieces, in the middle of a word where it falls so.
_CUT = (27, 35, 65, 140)


@dataclass(slots=True)
class Part:
    """What one block made: its rows of the walk and, by their position, the texts of each column and the row's key."""

    block: Block
    rows: Sequence[int]
    values: dict[str, Values]
    row_nos: Sequence[int] = ()
    keys: Sequence[Texts] = ()
    """invoice_id, line_row_no and row_no."""
    _positions: dict[int, int] = field(default_factory=dict)

    def position(self, row: int) -> int:
        if isinstance(self.rows, range):
            return row
        if not self._positions:
            self._positions = {each: n for n, each in enumerate(self.rows)}
        return self._positions[row]


Parts: TypeAlias = "dict[str, list[Part]]"
"""What was made so far, by table."""


class Columns:
    """Makes the columns of blocks, one block after the other."""

    def __init__(self, cells: Cells, parts: Parts) -> None:
        self.cells, self.parts = cells, parts

    def of(self, block: Block, rows: Sequence[int]) -> dict[str, Values]:
        """The texts of each column of a block, one a row."""
        values: dict[str, Values] = {}
        for planned in block.columns:
            made = self.values(block, planned, rows, values)
            before = values.get(planned.column.name)
            values[planned.column.name] = made if before is None else _coalesced(before, made)
        for pair in block.mapping.options.get("blank_when_same", ()):
            _blank_when_same(values, texts_of(pair["blank"]), texts_of(pair["same_as"]))
        return values

    def values(self, block: Block, planned: Planned, rows: Sequence[int], made: dict[str, Values]) -> Values:
        """The texts of one column; made: the columns above it in the block."""
        options = planned.field.options
        if "constant" in options:
            return Same(str(options["constant"]), len(rows))
        if "from" in options:
            part, ups = self._around(block, rows, str(options["from"]))
            column = part.values[planned.column.name]
            return [column[part.position(row)] for row in ups]
        if "row_of" in options:
            part, ups = self._around(block, rows, str(options["row_of"]))
            return [str(part.row_nos[part.position(row)]) for row in ups]
        if planned.aggregate:
            return self._aggregated(planned.aggregate, rows, planned.column.type == "integer")
        if planned.patterns:
            columns = [(self._seen(block, source, rows), pattern) for source, pattern in planned.patterns]
            held = [any(pattern.search(texts[n] or "") for texts, pattern in columns) for n in range(len(rows))]
            return ["true" if each else "false" for each in held]
        values = self._texts(block, planned, rows, made)
        if options.get("split_only"):
            values = self._split_only(block, rows, values)
        if options.get("present"):
            return _each(values, lambda _, value: "false" if value is None else "true")
        for step in _steps(planned, made):
            values = _each(values, partial(_stepped, step))
        if "default" in options:
            values = _coalesced(values, Same(str(options["default"]), len(rows)))
        return values

    def _around(self, block: Block, rows: Sequence[int], table: str) -> tuple[Part, Sequence[int]]:
        """What was made of the table whose rows enclose the block's, and the enclosing row of each."""
        hops = block.parents[table]
        scope = self.cells.scope_above(block.scope, hops)
        part = next(each for each in reversed(self.parts[table]) if each.block.scope == scope)
        return part, self.cells.up(block.scope, hops, rows)

    def _seen(self, block: Block, source: Source, rows: Sequence[int]) -> Texts:
        return self.cells.seen(block.scope, source.hops, source.index, rows)

    def first(self, block: Block, sources: Iterable[Source], rows: Sequence[int]) -> Values:
        """The text at the first of the sources that has one, one a row."""
        values: Values = Same(None, len(rows))
        for source in sources:
            values = _coalesced(values, self._seen(block, source, rows))
        return values

    def _texts(self, block: Block, planned: Planned, rows: Sequence[int], made: Dict[str, Values]) -> Values:
        sources, options = planned.sources, planned.field.options
        if planned.choices:
            picks = made[str(options["choose"]["on"])]
            columns = {pick: self.first(block, each, rows) for pick, each in planned.choices.items()}
            return [columns[pick or ""][n] if (pick or "") in columns else None for n, pick in enumerate(picks)]
        if planned.chains:
            return self._chained(block, planned, rows, str(options["concat"]["between"]))
        if options.get("sign", {}).get("beside"):
            return self._signed(block, sources, rows, str(options["sign"]["negative"]))
        values = self.first(block, sources, rows)
        if block.fallback >= 0 and any(source.single for source in sources):
            # Some sources count only for a row that is the only one of its outer element.
            outer = self.cells.up(block.scope, block.fallback_hops, rows)
            counts = Counter(outer)
            others = self.first(block, (source for source in sources if not source.single), rows)
            return [a if counts[each] == 1 else b for each, a, b in zip(outer, values, others, strict=True)]
        return values

    def _split_only(self, block: Block, rows: Sequence[int], values: Values) -> Values:
        """The values of rows that share their outer element with others; where it has none, its position tells it."""
        outer = self.cells.up(block.scope, block.fallback_hops, rows)
        counts, position = Counter(outer), {each: n for n, each in enumerate(dict.fromkeys(outer), 1)}
        return [
            (value or f"entry {position[each]}") if counts[each] > 1 else None
            for each, value in zip(outer, values, strict=True)
        ]

    def _chained(self, block: Block, planned: Planned, rows: Sequence[int], between: str) -> Values:
        chains = [[self._seen(block, source, rows) for source in chain] for chain in planned.chains]
        otherwise = self.first(block, planned.sources, rows)
        values: list[str | None] = []
        for n in range(len(rows)):
            pieces = next((found for chain in chains if (found := [column[n] for column in chain])[0]), None)
            if pieces is not None:
                values.append(between.join(piece.strip(SPACE) for piece in pieces if piece))
            else:
                value = otherwise[n]
                values.append(None if value is None else str(value))
        return values

    def _signed(self, block: Block, sources: Sequence[Source], rows: Sequence[int], negative: str) -> Values:
        values: list[str | None] = [None] * len(rows)
        for source in sources:
            signs = self.cells.seen(block.scope, source.hops, source.sign, rows)
            for n, (text, sign) in enumerate(zip(self._seen(block, source, rows), signs, strict=True)):
                if values[n] is None and text is not None:
                    values[n] = _negated(text) if sign and sign.strip(SPACE) == negative else str(text)
        return values

    def _aggregated(self, wanted: Aggregate, rows: Sequence[int], counting: bool) -> Values:
        cells = self.cells
        inner: Sequence[int] = cells.all(wanted.scope)
        if not inner:
            return Same("0", len(rows))
        owners = cells.up(wanted.scope, wanted.hops, inner)
        if wanted.where:
            columns = [cells.seen(wanted.scope, 0, index, inner) for index in wanted.where]
            held = [next((texts[row] for texts in columns if texts[row]), None) for row in inner]
            inner = [
                row for row, text in zip(inner, held, strict=True) if text is None or text.strip(SPACE) == wanted.equals
            ]
            owners = [owners[row] for row in inner]
        if counting:
            count = Counter(owners)
            shown = {each: str(each) for each in {0, *count.values()}}
            return [shown[count.get(row, 0)] for row in rows]
        total: dict[int, Decimal] = {}
        amounts = cells.seen(wanted.scope, 0, wanted.index, inner)
        signs = cells.seen(wanted.scope, 0, wanted.sign, inner) if wanted.sign >= 0 else Same(None, len(inner))
        for owner, text, sign in zip(owners, amounts, signs, strict=True):
            if text is not None:
                amount = Decimal(text)
                negative = wanted.sign >= 0 and (sign or "").strip(SPACE) == wanted.negative
                total[owner] = total.get(owner, Decimal(0)) + (-amount if negative else amount)
        return [decimal_text(total.get(row, Decimal(0))) for row in rows]


def _each(values: Values, made: Callable[[int, Any], str | None]) -> Values:
    """What is made of each text; of texts that are all the same, once where their place does not matter."""
    if isinstance(values, Same) and (values.value is None or not len(values)):
        return Same(made(0, values.value), len(values))
    return [made(n, value) for n, value in enumerate(values)]


def _stepped(step: Callable[[int, Any], str | None], n: int, value: Any) -> str | None:
    return None if value is None else step(n, value)


def _coalesced(values: Values, others: Values) -> Values:
    """The values, and where there is none the others."""
    if isinstance(values, Same):
        return others if values.value is None else values
    if isinstance(others, Same):
        return values if others.value is None else [others.value if a is None else a for a in values]
    return [b if a is None else a for a, b in zip(values, others, strict=True)] if None in values else values


def _steps(planned: Planned, made: Dict[str, Values]) -> list[Callable[[int, Any], str | None]]:
    """What is done to each text, in order."""
    options = planned.field.options
    steps: list[Callable[[int, Any], str | None]] = []
    if "join" in options:
        steps.append(lambda _, pieces: _joined(pieces, str(options["join"])))
    if options.get("add"):
        steps.append(lambda _, pieces: decimal_text(sum(map(Decimal, pieces), Decimal(0))))
    if planned.kind.power:
        power = planned.kind.power
        steps.append(lambda _, text: decimal_text(Decimal(text).scaleb(power)))
    if column := options.get("sign", {}).get("column"):
        directions, negative = made[str(column)], str(options["sign"]["negative"])
        steps.append(lambda n, text: _negated(text) if directions[n] == negative else text)
    return steps


def _negated(text: str) -> str:
    return text[1:] if text.startswith("-") else f"-{text}"


def _joined(pieces: Sequence[str], between: str) -> str:
    """Pieces in one text; with ``wrapped``, a piece as long as a bank's line is glued to the next, others get a space."""
    if between != "wrapped":
        return between.join(piece.strip(SPACE) for piece in pieces)
    width = len(pieces[0])
    cut = width in _CUT and all(len(piece) == width for piece in pieces[:-1])
    return "".join(pieces) if cut else " ".join(piece.strip(SPACE) for piece in pieces)


def _blank_when_same(values: dict[str, Values], blank: Sequence[str], same_as: Sequence[str]) -> None:
    """Sets columns to null in rows where they say the same as others (numbers by value, without sign)."""
    columns = {name: list(values[name]) for name in blank}
    for n in range(len(columns[blank[0]])):
        if all(_alike(columns[one][n], values[other][n]) for one, other in zip(blank, same_as, strict=True)):
            for name in blank:
                columns[name][n] = None
    values.update(columns)


def _alike(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    try:
        return abs(Decimal(one)) == abs(Decimal(other))
    except ArithmeticError:
        return one == other
