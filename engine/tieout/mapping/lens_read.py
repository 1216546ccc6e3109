"""Rows of text from the walk -> frames of canonical tables, and findings for what did not fit."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from decimal import Decimal
from typing import Any, TypeAlias

import polars as pl

from tieout.mapping.as_written import SCHEMA, odd_texts
from tieout.mapping.lens_compile import Aggregate, Block, Plan, Planned, Source, texts_of
from tieout.mapping.lens_rows import enclosing, first, rows_of, seen
from tieout.mapping.places import Places, filled
from tieout.mapping.trie import Row
from tieout.mapping.values import POLARS, SPACE, decimal_text, typed
from tieout.mapping.walk import Problem, Walk
from tieout.model.canon import CANON, Column
from tieout.model.records import Finding

__all__ = ["read_tables"]

Values: TypeAlias = list[str | None]
Names: TypeAlias = Sequence[tuple[str, str]]

# Widths at which banks cut a remittance text into pieces, in the middle of a word where it falls so.
_CUT = (27, 35, 65, 140)


def read_tables(plan: Plan, walk: Walk, names: Names) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """The frames by table, and the findings, of all documents walked.

    names: document_id and source of each document, in the order walked.
    Each frame has every column of its table in canonical order: Date, Boolean and Int64, everything else text.
    """
    reader = _Reader(plan, walk, names)
    for block in plan.blocks:
        reader.block(block)
    return reader.frames(), reader.findings()


class _Reader:
    def __init__(self, plan: Plan, walk: Walk, names: Names) -> None:
        self.plan, self.walk, self.names = plan, walk, names
        self.parts: dict[str, list[pl.DataFrame]] = {}
        self.found: list[Finding] = []
        self.places: dict[str, dict[int, int]] = {}
        """For each table, the position of each of its rows (by identity) in the columns below."""
        self.made: dict[str, dict[str, Values]] = {}
        self.row_nos: dict[str, list[int]] = {}
        self.counts: dict[str, Counter[int]] = {}
        self.rows: dict[str, list[tuple[Block, list[Row]]]] = {}
        self.index: dict[tuple[str, int, int], dict[int, list[int]]] = {}
        self.keys: dict[str, list[list[Any]]] = {}
        """For each table, invoice_id, line_row_no and row_no of each of its rows."""
        self.cells: tuple[Row, tuple[Any, ...]] = ([], ())
        """The rows last asked for, turned into columns."""
        self.odd: list[tuple[Any, ...]] = []
        self.locator = Places([plan.mapping])

    # --- rows ---

    def block(self, block: Block) -> None:
        rows, found = rows_of(self.plan, self.walk, block, self.names)
        if keep := block.mapping.options.get("keep_when"):
            rows = self._kept(block, rows, str(keep))
        table = block.table.name
        values = self.columns(block, rows)
        documents = [enclosing(row, block.ups)[0] for row in rows]
        self._identify(block, rows, documents, values)
        columns = self._typed(block, rows, documents, values)
        if self.walk.inventory:
            self._odd(block, columns, values)
        frame = pl.DataFrame([_series(column, columns[column.name], len(rows)) for column in block.table.columns])
        places = self.places.setdefault(table, {})
        places.update({id(row): n for n, row in enumerate(rows, len(places))})
        made = self.made.setdefault(table, {})
        for name, column in values.items():
            made[name] = made[name] + column if name in made else column
        keys = made.get(block.table.key[0])
        for finding, row in found:
            place = places.get(id(row))
            named = keys[place] if keys and place is not None else None
            self.found.append(dataclasses.replace(finding, object_id=named or finding.object_id))
        self.row_nos.setdefault(table, []).extend(frame["row_no"] if "row_no" in frame.columns else [])
        self.rows.setdefault(table, []).append((block, rows))
        self.parts.setdefault(table, []).append(frame)

    def _kept(self, block: Block, rows: list[Row], keep: str) -> list[Row]:
        planned = next(each for each in block.columns if each.column.name == keep)
        values = self._values(block, planned, rows, {})
        return [row for row, value in zip(rows, values, strict=True) if value]

    # --- columns ---

    def columns(self, block: Block, rows: list[Row]) -> dict[str, Values]:
        values: dict[str, Values] = {}
        for planned in block.columns:
            made = self._values(block, planned, rows, values)
            before = values.get(planned.column.name)
            values[planned.column.name] = (
                made if before is None else [b if b is not None else m for b, m in zip(before, made, strict=True)]
            )
        for pair in block.mapping.options.get("blank_when_same", ()):
            _blank_when_same(values, texts_of(pair["blank"]), texts_of(pair["same_as"]))
        return values

    def _values(self, block: Block, planned: Planned, rows: list[Row], made: dict[str, Values]) -> Values:
        options = planned.field.options
        if "constant" in options:
            return [str(options["constant"])] * len(rows)
        if "from" in options:
            return self._from(block, planned, rows, str(options["from"]))
        if "row_of" in options:
            return self._row_of(block, rows, str(options["row_of"]))
        if planned.aggregate:
            return self._aggregated(planned.aggregate, rows, planned.column.type == "integer")
        if planned.patterns:
            return [self._any(planned, row) for row in rows]
        values = self._texts(planned, rows, made, self._singles(block, planned, rows))
        if options.get("split_only"):
            values = self._split_only(block, rows, values)
        if options.get("present"):
            return ["false" if value is None else "true" for value in values]
        for step in self._steps(planned, made):
            values = [None if value is None else step(n, value) for n, value in enumerate(values)]
        if "default" in options:
            values = [str(options["default"]) if value is None else value for value in values]
        return values

    def _texts(self, planned: Planned, rows: list[Row], made: dict[str, Values], singles: list[bool] | None) -> Values:
        sources, options = planned.sources, planned.field.options
        if planned.choices:
            picks = made[str(options["choose"]["on"])]
            return [first(planned.choices.get(pick or "", ()), row) for pick, row in zip(picks, rows, strict=True)]
        if planned.chains:
            between = str(options["concat"]["between"])
            return [self._chained(planned, row, between) for row in rows]
        if options.get("sign", {}).get("beside"):
            negative = str(options["sign"]["negative"])
            return [self._signed(sources, row, negative) for row in rows]
        if singles is not None:
            return [
                first(sources if single else tuple(s for s in sources if not s.single), row)
                for single, row in zip(singles, rows, strict=True)
            ]
        values: Values = self._column(sources[0], rows) if sources else [None] * len(rows)
        for source in sources[1:]:
            if None in values:
                values = [b if a is None else a for a, b in zip(values, self._column(source, rows), strict=True)]
        return values

    def _column(self, source: Source, rows: list[Row]) -> Values:
        """The texts at a source, one a row."""
        if source.hops == 0 and rows:
            if self.cells[0] is not rows:
                self.cells = (rows, tuple(zip(*rows, strict=True)))
            return list(self.cells[1][source.index])
        return [seen(source, row) for row in rows]

    def _singles(self, block: Block, planned: Planned, rows: list[Row]) -> list[bool] | None:
        """Which rows are the only one of their outer element, for columns that take its values only then."""
        if block.fallback < 0 or not any(source.single for source in planned.sources):
            return None
        outer = [id(enclosing(row, block.fallback_hops)) for row in rows]
        counts = Counter(outer)
        return [counts[each] == 1 for each in outer]

    def _split_only(self, block: Block, rows: list[Row], values: Values) -> Values:
        """The values of rows that share their outer element with others; where it has none, its position tells it."""
        outer = [id(enclosing(row, block.fallback_hops)) for row in rows]
        counts, position = Counter(outer), {each: n for n, each in enumerate(dict.fromkeys(outer), 1)}
        return [
            (value or f"entry {position[each]}") if counts[each] > 1 else None
            for each, value in zip(outer, values, strict=True)
        ]

    def _chained(self, planned: Planned, row: Row, between: str) -> str | None:
        for chain in planned.chains:
            pieces = [seen(source, row) for source in chain]
            if pieces[0]:
                return between.join(piece.strip(SPACE) for piece in pieces if piece)
        value = first(planned.sources, row)
        return None if value is None else str(value)

    def _signed(self, sources: Sequence[Source], row: Row, negative: str) -> str | None:
        for source in sources:
            value = seen(source, row)
            if value is not None:
                sign = enclosing(row, source.hops)[source.sign]
                return _negated(value) if sign and sign.strip(SPACE) == negative else str(value)
        return None

    def _steps(self, planned: Planned, made: dict[str, Values]) -> list[Callable[[int, Any], str | None]]:
        """What is done to each text, in order."""
        options = planned.field.options
        steps: list[Callable[[int, Any], str | None]] = []
        if "join" in options:
            steps.append(lambda _, pieces: _joined(pieces, str(options["join"])))
        if options.get("add"):
            steps.append(lambda _, pieces: decimal_text(sum(map(Decimal, pieces), Decimal(0))))
        if planned.kind.power:
            power = planned.kind.power
            steps.append(lambda _, text: _shifted(text, power))
        if column := options.get("sign", {}).get("column"):
            directions, negative = made[str(column)], str(options["sign"]["negative"])
            steps.append(lambda n, text: _negated(text) if directions[n] == negative else text)
        return steps

    def _any(self, planned: Planned, row: Row) -> str:
        held = (pattern.search(seen(source, row) or "") for source, pattern in planned.patterns)
        return "true" if any(held) else "false"

    def _from(self, block: Block, planned: Planned, rows: list[Row], table: str) -> Values:
        """The value of the same column in the row of another table that encloses each row."""
        hops, places, column = block.parents[table], self.places[table], self.made[table][planned.column.name]
        return [column[places[id(enclosing(row, hops))]] for row in rows]

    def _row_of(self, block: Block, rows: list[Row], table: str) -> Values:
        """The row_no of the row of a table that encloses each row."""
        hops, places, numbers = block.parents[table], self.places[table], self.row_nos[table]
        return [str(numbers[places[id(enclosing(row, hops))]]) for row in rows]

    def _aggregated(self, wanted: Aggregate, rows: list[Row], counting: bool) -> Values:
        count: Counter[int] = Counter()
        total: dict[int, Decimal] = {}
        for row in self.walk.rows[wanted.scope]:
            if wanted.where:
                held = next((row[index] for index in wanted.where if row[index]), None)
                if held is not None and held.strip(SPACE) != wanted.equals:
                    continue
            owner = id(enclosing(row, wanted.hops))
            count[owner] += 1
            if wanted.index >= 0 and row[wanted.index] is not None:
                amount = Decimal(row[wanted.index])
                negative = wanted.sign >= 0 and (row[wanted.sign] or "").strip(SPACE) == wanted.negative
                total[owner] = total.get(owner, Decimal(0)) + (-amount if negative else amount)
        if counting:
            return [str(count[id(row)]) for row in rows]
        return [decimal_text(total.get(id(row), Decimal(0))) for row in rows]

    # --- as written ---

    def _odd(self, block: Block, columns: Dict[str, Any], values: dict[str, Values]) -> None:
        """Notes the texts that the values of a block do not show."""
        table = block.table.name
        nothing = [None] * len(columns["invoice_id"])
        keys = [columns.get(name) or nothing for name in ("invoice_id", "line_row_no", "row_no")]
        for all_keys, some in zip(self.keys.setdefault(table, [[], [], []]), keys, strict=True):
            all_keys += some
        for planned in block.columns:
            options, name = planned.field.options, planned.column.name
            if planned.sources and not options.get("present"):
                texts = values[name]
                for n in odd_texts(planned.column, planned.kind, texts, columns[name]):
                    self.odd.append((keys[0][n], table, keys[1][n], keys[2][n], name, texts[n]))

    def as_written(self) -> pl.DataFrame:
        """The rows of ``as_written``, those of values that had to be settled among them."""
        takers: dict[tuple[int, int], list[tuple[Block, Planned]]] = {}
        for block in self.plan.blocks:
            for planned in block.columns:
                for source in planned.sources:
                    takers.setdefault((source.scope, source.index), []).append((block, planned))
        rows = dict.fromkeys(row[:-1] for row in self.odd)
        texts: dict[tuple[Any, ...], str] = {row[:-1]: row[-1] for row in self.odd}
        for row, slot, text, _ in self.walk.raw:
            for block, planned in takers.get((slot.scope, slot.index), ()):
                table = block.table.name
                for place in self._places(table, row, slot.scope):
                    invoice_id, line_row_no, row_no = (keys[place] for keys in self.keys[table])
                    key = (invoice_id, table, line_row_no, row_no, planned.column.name)
                    rows[key] = None
                    texts[key] = text
        return pl.DataFrame([(*key, texts[key]) for key in rows], schema=SCHEMA, orient="row")

    # --- identity ---

    def _identify(self, block: Block, rows: list[Row], documents: list[int], values: dict[str, Values]) -> None:
        """Columns made of others, and identities that must not repeat within a document."""
        for planned in block.columns:
            options, name = planned.field.options, planned.column.name
            if "parts" in options:
                values[name] = [self._composed(options, name, n, documents[n], values) for n in range(len(rows))]
            if "else_hash" in options:
                self._hash(planned, rows, documents, values)
            if options.get("unique"):
                times: Counter[tuple[int, str | None]] = Counter()
                for n, value in enumerate(values[name]):
                    clean = value.strip(SPACE) if value else value
                    times[documents[n], clean] += 1
                    again = times[documents[n], clean]
                    values[name][n] = f"{clean}#{again}" if clean and again > 1 else clean

    def _hash(self, planned: Planned, rows: list[Row], documents: list[int], values: dict[str, Values]) -> None:
        """Gives rows without an identity one that is the same whenever and wherever the same content is read."""
        wanted = planned.field.options["else_hash"]
        group, columns, mine = values[str(wanted["position_in"])], texts_of(wanted["of"]), values[planned.column.name]
        position: Counter[tuple[int, str | None]] = Counter()
        for n, row in enumerate(rows):
            place = (documents[n], group[n])
            position[place] += 1
            if not mine[n]:
                outside = [seen(source, row) or "" for source in planned.hashed]
                content = [str(position[place]), *outside, *(values[column][n] or "" for column in columns)]
                digest = hashlib.sha256("\x1f".join(content).encode()).hexdigest()
                mine[n] = f"{wanted.get('prefix', '')}{digest[:16]}"

    def _composed(self, options: Any, name: str, n: int, document: int, values: dict[str, Values]) -> str:
        own = values[name][n]
        parts = [
            {"$source": self.names[document][1], "$value": own}.get(part, values.get(part, values[name])[n]) or ""
            for part in texts_of(options["parts"])
        ]
        return str(options.get("between", " ")).join(part.strip(SPACE) for part in parts if part)

    # --- frames ---

    def _typed(self, block: Block, rows: list[Row], documents: list[int], values: dict[str, Values]) -> dict[str, Any]:
        """Every column of the table, in canonical order; None for one that no row has."""
        table, names = block.table, block.table.by_name
        raw: dict[str, Any] = {**values}
        raw["source"] = [self.names[document][1] for document in documents]
        raw["line"] = [row[1] for row in rows]
        if "invoice_id" in names:
            raw["invoice_id"] = [self.names[document][0] for document in documents]
        if "mapping" in names:
            raw.setdefault("mapping", [self.plan.mapping.id] * len(rows))
        owners = documents
        if "line_row_no" in names and table.parent:
            places, hops, numbers = self.places[table.parent], block.parents[table.parent], self.row_nos[table.parent]
            owners = [id(enclosing(row, hops)) for row in rows]
            raw["line_row_no"] = [numbers[places[owner]] for owner in owners]
        if "row_no" in names:
            raw.setdefault("row_no", self._numbered(table.name, owners))
        if "block_no" in names:
            raw["block_no"] = [block.number] * len(rows)
        formats = {each.column.name: each.kind.format for each in block.columns}
        blank = self.plan.mapping.settings.get("empty") == "absent"
        return {
            column.name: typed(column, raw[column.name], format=formats[column.name], blank=blank)
            if column.name in values
            else raw.get(column.name)
            for column in table.columns
        }

    def _numbered(self, table: str, owners: list[int]) -> list[int]:
        """The position of each row within its owner, going on where an earlier block of the same table stopped."""
        count = self.counts.setdefault(table, Counter())
        numbers = []
        for owner in owners:
            count[owner] += 1
            numbers.append(count[owner])
        return numbers

    def frames(self) -> dict[str, pl.DataFrame]:
        made = {table: pl.concat(parts) if len(parts) > 1 else parts[0] for table, parts in self.parts.items()}
        if self.walk.inventory:
            made["as_written"] = self.as_written()
        return made

    # --- findings ---

    def findings(self) -> list[Finding]:
        return [*(self._finding(problem) for problem in self.walk.problems), *self.found]

    def _place(self, table: str, problem: Problem) -> int | None:
        """The position of the (first) row of a table that takes a value of the problem's row."""
        places = self._places(table, problem.row, problem.slot.scope)
        return places[0] if places else None

    def _places(self, table: str, row: Row, scope: int) -> list[int]:
        """The positions of the rows of a table that lie in a row of a scope."""
        for block, rows in self.rows.get(table, ()):
            own = self.plan.trie.scopes[block.scope]
            if scope not in self.plan.trie.around(own):
                continue
            hops = own.hops(self.plan.trie.scopes[scope], self.plan.trie.scopes)
            key = (table, block.scope, hops)
            if key not in self.index:
                index: dict[int, list[int]] = {}
                for each in rows:
                    index.setdefault(id(enclosing(each, hops)), []).append(self.places[table][id(each)])
                self.index[key] = index
            if places := self.index[key].get(id(row)):
                return places
        return []

    def _finding(self, problem: Problem) -> Finding:
        document_id, source = self.names[problem.document]
        table, column = self.plan.columns_of_slots.get((problem.slot.scope, problem.slot.index), ("", None))
        object_id, row_no = document_id, None
        place = self._place(table, problem)
        if place is not None:
            key = CANON[table].key
            if self.row_nos[table]:
                row_no = self.row_nos[table][place]
            if key[0] in self.made[table]:
                object_id = self.made[table][key[0]][place] or document_id
        line_row_no = None
        if place is not None and any(self.keys.get(table, [[], []])[1]):
            line_row_no = self.keys[table][1][place]
        spots = self.locator(self.plan.mapping.id, table, (column.name,)) if column else {}
        spot = next(iter(spots.values())).template if len(spots) == 1 else ""
        shown = problem.text if len(problem.text) <= 60 else problem.text[:57] + "..."
        wrong, wrong_zh = f"'{shown}' {problem.says}", f"'{shown}' 不符合 {column.name if column else ''} 的类型"
        if not problem.text.strip(SPACE):
            wrong, wrong_zh = "is there but empty", "元素存在但为空"
        return Finding(
            rule="IN-VALUE" if problem.severity == "fatal" else "IN-PRECISION",
            severity=problem.severity,
            pack="intake",
            table=table,
            object_id=object_id,
            row_no=row_no,
            term=column.term if column else "",
            message=f"{problem.path}: {wrong}; expected {problem.expected}",
            message_zh=f"{problem.path}：{wrong_zh}",
            evidence={"path": problem.path, "text": problem.text, "expected": problem.expected},
            source=source,
            line=problem.line,
            path=filled(spot, row=row_no, line=line_row_no),
        )


def _series(column: Column, values: Any, height: int) -> pl.Series:
    kind = POLARS.get(column.type, pl.String)
    if values is None or values.count(None) == height:
        return pl.Series(column.name, [None], dtype=kind).new_from_index(0, height)
    return pl.Series(column.name, values, dtype=kind)


def _negated(text: str) -> str:
    return text[1:] if text.startswith("-") else f"-{text}"


def _shifted(text: str, power: int) -> str:
    return decimal_text(Decimal(text).scaleb(power))


def _joined(pieces: Sequence[str], between: str) -> str:
    """Pieces in one text; with ``wrapped``, a piece as long as a bank's line is glued to the next, others get a space."""
    if between != "wrapped":
        return between.join(piece.strip(SPACE) for piece in pieces)
    width = len(pieces[0])
    cut = width in _CUT and all(len(piece) == width for piece in pieces[:-1])
    return "".join(pieces) if cut else " ".join(piece.strip(SPACE) for piece in pieces)


def _blank_when_same(values: dict[str, Values], blank: Sequence[str], same_as: Sequence[str]) -> None:
    """Sets columns to null in rows where they say the same as others (numbers by value, without sign)."""
    for n in range(len(values[blank[0]])):
        mine, theirs = [values[name][n] for name in blank], [values[name][n] for name in same_as]
        if all(_alike(a, b) for a, b in zip(mine, theirs, strict=True)):
            for name in blank:
                values[name][n] = None


def _alike(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    try:
        return abs(Decimal(one)) == abs(Decimal(other))
    except ArithmeticError:
        return one == other
