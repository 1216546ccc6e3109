"""Columns of text from the walk -> frames of canonical tables, and findings for what did not fit."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from tieout.mapping.as_written import SCHEMA, odd_texts
from tieout.mapping.cells import Cells, Problem, Same, Texts
from tieout.mapping.lens_columns import Columns, Part, Parts, Values
from tieout.mapping.lens_compile import Block, Plan, Planned, texts_of
from tieout.mapping.lens_rows import rows_of
from tieout.mapping.places import Places, filled
from tieout.mapping.values import POLARS, SPACE, Kind, typed
from tieout.model.canon import CANON, Column
from tieout.model.records import Finding

__all__ = ["read_tables"]

Names: TypeAlias = Sequence[tuple[str, str]]


def read_tables(plan: Plan, cells: Cells, names: Names) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """The frames by table, and the findings, of all documents walked.

    names: document_id and source of each document, in the order walked.
    Each frame has every column of its table in canonical order: Date, Boolean and Int64, everything else text.
    """
    reader = _Reader(plan, cells, names)
    for block in plan.blocks:
        reader.block(block)
    return reader.frames(), reader.findings()


class _Reader:
    def __init__(self, plan: Plan, cells: Cells, names: Names) -> None:
        self.plan, self.cells, self.names = plan, cells, names
        self.parts: Parts = {}
        self.columns = Columns(cells, self.parts)
        self.made: dict[str, list[pl.DataFrame]] = {}
        self.found: list[Finding] = []
        self.counts: dict[tuple[str, int], np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        self.odd: list[tuple[Any, ...]] = []
        self.locator = Places([plan.mapping])
        self.blank = plan.mapping.settings.get("empty") == "absent"
        self.ids = pl.Series([name for name, _ in names], dtype=pl.String)
        self.sources = pl.Series([source for _, source in names], dtype=pl.String)
        self.index: dict[tuple[int, int, int], dict[int, list[int]]] = {}

    # --- rows ---

    def block(self, block: Block) -> None:
        rows, found = rows_of(self.cells, block, self.names)
        if keep := block.mapping.options.get("keep_when"):
            planned = next(each for each in block.columns if each.column.name == str(keep))
            kept = self.columns.values(block, planned, rows, {})
            rows = [row for row, value in zip(rows, kept, strict=True) if value]
        values = self.columns.of(block, rows)
        documents = self.cells.up(block.scope, block.ups, rows)
        self._identify(block, rows, documents, values)
        table = block.table.name
        kinds = {each.column.name: each.kind for each in block.columns}
        columns = self._typed(block, rows, documents, values, kinds)
        nothing = Same(None, len(rows))
        keys = [
            columns[name] if columns.get(name) is not None else nothing
            for name in ("invoice_id", "line_row_no", "row_no")
        ]
        part = Part(block, rows, values, keys[2], keys)
        frame = pl.DataFrame([_series(column, columns[column.name], len(rows)) for column in block.table.columns])
        cut = [name for name in values if isinstance(columns[name], pl.Series) and kinds[name].blanks == "cut"]
        frame, odd = _stripped(frame, cut, self.blank)
        if self.cells.stocked:
            self._odd(part, odd)
        keyed = values.get(block.table.key[0], nothing)
        for finding, row in found:
            self.found.append(dataclasses.replace(finding, object_id=keyed[part.position(row)] or finding.object_id))
        self.parts.setdefault(table, []).append(part)
        self.made.setdefault(table, []).append(frame)

    # --- as written ---

    def _odd(self, part: Part, stripped: Dict[str, Sequence[int]]) -> None:
        """Notes the texts that the values of a block do not show; stripped: those with blanks around them by column."""
        for planned in part.block.columns:
            options, name = planned.field.options, planned.column.name
            if planned.sources and not options.get("present"):
                texts = part.values[name]
                if isinstance(texts, Same) and texts.value is None:
                    continue
                if odd := odd_texts(planned.column, planned.kind, texts, stripped.get(name, ())):
                    self._note(part, odd, name, [texts[n] for n in odd])

    def _note(self, part: Part, places: Sequence[int], column: str, texts: Sequence[str | None]) -> None:
        invoice_id, line_row_no, row_no = part.keys
        table = part.block.table.name
        self.odd += [
            (invoice_id[n], table, line_row_no[n], row_no[n], column, text)
            for n, text in zip(places, texts, strict=True)
        ]

    def as_written(self) -> pl.DataFrame:
        """The rows of ``as_written``, those of values that had to be settled among them."""
        takers: dict[tuple[int, int], list[tuple[Block, Planned]]] = {}
        for block in self.plan.blocks:
            for planned in block.columns:
                for source in planned.sources:
                    takers.setdefault((source.scope, source.index), []).append((block, planned))
        for row, slot, text in self.cells.raw:
            for block, planned in takers.get((slot.scope, slot.index), ()):
                for part, place in self._places(block.table.name, row, slot.scope):
                    self._note(part, [place], planned.column.name, [text])
        found = pl.DataFrame(self.odd, schema=SCHEMA, orient="row")
        return found.unique(list(SCHEMA)[:-1], keep="last", maintain_order=True)

    # --- identity ---

    def _identify(self, block: Block, rows: Sequence[int], documents: Sequence[int], values: dict[str, Values]) -> None:
        """Columns made of others, and identities that must not repeat within a document."""
        for planned in block.columns:
            options, name = planned.field.options, planned.column.name
            if "parts" in options:
                values[name] = [self._composed(options, name, n, documents[n], values) for n in range(len(rows))]
            if "else_hash" in options:
                values[name] = self._hashed(block, planned, rows, documents, values)
            if options.get("unique"):
                times: Counter[tuple[int, str | None]] = Counter()
                own: list[str | None] = []
                for document, value in zip(documents, values[name], strict=True):
                    clean = value.strip(SPACE) if value else value
                    times[document, clean] += 1
                    again = times[document, clean]
                    own.append(f"{clean}#{again}" if clean and again > 1 else clean)
                values[name] = own

    def _hashed(
        self, block: Block, planned: Planned, rows: Sequence[int], documents: Sequence[int], values: Dict[str, Values]
    ) -> Values:
        """Gives rows without an identity one that is the same whenever and wherever the same content is read."""
        wanted = planned.field.options["else_hash"]
        group, columns = values[str(wanted["position_in"])], texts_of(wanted["of"])
        outside = [self.cells.seen(block.scope, source.hops, source.index, rows) for source in planned.hashed]
        position: Counter[tuple[int, str | None]] = Counter()
        mine = list(values[planned.column.name])
        for n in range(len(rows)):
            place = (documents[n], group[n])
            position[place] += 1
            if not mine[n]:
                content = [
                    str(position[place]),
                    *(texts[n] or "" for texts in outside),
                    *(values[column][n] or "" for column in columns),
                ]
                digest = hashlib.sha256("\x1f".join(content).encode()).hexdigest()
                mine[n] = f"{wanted.get('prefix', '')}{digest[:16]}"
        return mine

    def _composed(self, options: Any, name: str, n: int, document: int, values: Dict[str, Values]) -> str:
        own = values[name][n]
        parts = [
            {"$source": self.names[document][1], "$value": own}.get(part, values.get(part, values[name])[n]) or ""
            for part in texts_of(options["parts"])
        ]
        return str(options.get("between", " ")).join(part.strip(SPACE) for part in parts if part)

    # --- frames ---

    def _typed(
        self,
        block: Block,
        rows: Sequence[int],
        documents: Sequence[int],
        values: Dict[str, Values],
        kinds: Dict[str, Kind],
    ) -> dict[str, Any]:
        """Every column of the table, in canonical order; None for one that no row has."""
        table, names = block.table, block.table.by_name
        raw: dict[str, Any] = {**values}
        own = pl.Series(documents, dtype=pl.Int64)
        raw["source"] = self.sources.gather(own)
        raw["line"] = self.cells.lines(block.scope, rows)
        if "invoice_id" in names:
            raw["invoice_id"] = self.ids.gather(own)
        if "mapping" in names:
            raw.setdefault("mapping", Same(self.plan.mapping.id, len(rows)))
        owners, scope = documents, 0
        if "line_row_no" in names and table.parent:
            hops = block.parents[table.parent]
            owners, scope = self.cells.up(block.scope, hops, rows), self.cells.scope_above(block.scope, hops)
            part = next(each for each in reversed(self.parts[table.parent]) if each.block.scope == scope)
            raw["line_row_no"] = [part.row_nos[part.position(owner)] for owner in owners]
        if "row_no" in names:
            raw.setdefault("row_no", self._numbered(table.name, scope, owners))
        if "block_no" in names:
            raw["block_no"] = Same(block.number, len(rows))
        return {
            column.name: _column_typed(column, raw[column.name], kinds[column.name], self.blank)
            if column.name in values
            else raw.get(column.name)
            for column in table.columns
        }

    def _numbered(self, table: str, scope: int, owners: Sequence[int]) -> list[int]:
        """The position of each row within its owner, going on where an earlier block of the same table stopped."""
        own = np.array(owners, dtype=np.int64)
        before = self.counts.get((table, scope), own[:0])
        count = np.zeros(max(own.max(initial=-1) + 1, len(before)), dtype=np.int64)
        count[: len(before)] = before
        order = np.argsort(own, kind="stable")
        grouped = own[order]
        begins = np.flatnonzero(np.diff(grouped, prepend=-1))
        passed = np.repeat(begins, np.diff(begins, append=len(own)))
        numbers = np.empty(len(own), dtype=np.int64)
        numbers[order] = np.arange(1, len(own) + 1) - passed + count[grouped]
        self.counts[table, scope] = count + np.bincount(own, minlength=len(count))
        made: list[int] = numbers.tolist()
        return made

    def frames(self) -> dict[str, pl.DataFrame]:
        made = {table: pl.concat(parts) if len(parts) > 1 else parts[0] for table, parts in self.made.items()}
        if self.cells.stocked:
            made["as_written"] = self.as_written()
        return made

    # --- findings ---

    def findings(self) -> list[Finding]:
        return [*(self._finding(problem) for problem in self.cells.problems), *self.found]

    def _places(self, table: str, row: int, scope: int) -> list[tuple[Part, int]]:
        """The rows of a table that lie in a row of a scope: what made them, and their position."""
        for part in self.parts.get(table, ()):
            own = self.plan.trie.scopes[part.block.scope]
            if scope not in self.plan.trie.around(own):
                continue
            hops = own.hops(self.plan.trie.scopes[scope], self.plan.trie.scopes)
            key = (id(part), own.number, hops)
            if key not in self.index:
                index = self.index[key] = {}
                for n, outer in enumerate(self.cells.up(own.number, hops, part.rows)):
                    index.setdefault(outer, []).append(n)
            if places := self.index[key].get(row):
                return [(part, place) for place in places]
        return []

    def _finding(self, problem: Problem) -> Finding:
        document_id, source = self.names[problem.document]
        table, column = self.plan.columns_of_slots.get((problem.slot.scope, problem.slot.index), ("", None))
        object_id, row_no, line_row_no = document_id, None, None
        if places := self._places(table, problem.row, problem.slot.scope):
            part, place = places[0]
            _, line_row_no, row_no = (key[place] for key in part.keys)
            keyed = part.values.get(CANON[table].key[0])
            object_id = (keyed[place] if keyed else None) or document_id
        spots = self.locator(self.plan.mapping.id, table, (column.name,)) if column else {}
        spot = next(iter(spots.values())).template if len(spots) == 1 else ""
        if "{outer}" in spot:
            # Rows are numbered through all outer rows: the position within one is not known here.
            spot = spot.replace("[{outer}]", "").replace("[{row}]", "")
        shown = problem.text if len(problem.text) <= 60 else problem.text[:57] + "..."
        wrong, wrong_zh = f"'{shown}' {problem.says}", f"'{shown}' 不符合 {column.name if column else ''} 的类型"
        if not problem.text.strip(SPACE):
            wrong, wrong_zh = (
                "is there but empty; write the value or leave it out",
                "元素存在但为空，应填写内容或删除该元素",
            )
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


def _column_typed(column: Column, values: Texts, kind: Kind, blank: bool) -> Texts | pl.Series:
    cut = kind.blanks == "cut"
    if isinstance(values, Same):
        return Same(typed(column, [values.value], format=kind.format, blank=blank, cut=cut)[0], len(values))
    if column.type in POLARS:
        return typed(column, list(values), format=kind.format, blank=blank)
    texts = pl.Series(column.name, values, dtype=pl.String)
    return texts.replace("", None) if blank and not cut else texts


def _stripped(frame: pl.DataFrame, names: Sequence[str], blank: bool) -> tuple[pl.DataFrame, dict[str, Sequence[int]]]:
    """The frame with the texts of these columns without the blanks around them, and the rows that had some, by column.

    blank: an empty text is none.
    """
    texts = pl.col(names)
    bare = texts.str.strip_chars(SPACE)
    bare = bare.replace("", None) if blank else bare
    if not names or not frame.height:
        return frame, {}
    changed = [name for name, any_ in frame.select((bare != texts).any()).row(0, named=True).items() if any_]
    made = frame.with_columns(bare) if changed or blank else frame
    return made, {name: (made[name] != frame[name]).arg_true().to_list() for name in changed}


def _series(column: Column, values: Any, height: int) -> pl.Series:
    kind = POLARS.get(column.type, pl.String)
    if isinstance(values, pl.Series):
        return values.alias(column.name)
    if values is None or not height:
        return pl.Series(column.name, [None], dtype=kind).new_from_index(0, height)
    if isinstance(values, Same):
        return pl.Series(column.name, [values.value], dtype=kind).new_from_index(0, height)
    return pl.Series(column.name, values, dtype=kind)
