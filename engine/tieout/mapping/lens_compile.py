"""A Mapping of format xml -> what the walk must take and how columns are made of it; every mistake is found here, at once.

The options of a column (all are in schemas/mapping_xml.schema.json with a sentence each) are read here and nowhere else.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tieout.mapping.inventory import Names
from tieout.mapping.paths import Path, PathSyntaxError, Step, parse_path, qualified
from tieout.mapping.trie import Trie
from tieout.mapping.values import Kind, kind_of
from tieout.model.canon import CANON, Column, Table
from tieout.model.definitions import Field, Mapping, TableMapping
from tieout.model.errors import DefinitionError, Location, Mistake

__all__ = ["Aggregate", "Block", "Plan", "Planned", "Source", "compile_plan", "texts_of"]


@dataclass(slots=True)
class Source:
    """One place a value may stand, seen from a row: how many enclosing rows up, and the slot there."""

    scope: int
    index: int
    sign: int = -1
    """The slot, in the same row, of the indicator that stands beside the value; -1 without."""
    single: bool = False
    """Only for a row that is the only one of its outer element."""
    hops: int = 0


@dataclass(slots=True)
class Aggregate:
    """A count or sum over the rows of a scope below the row's element."""

    scope: int
    index: int
    sign: int
    negative: str
    where: tuple[int, ...]
    equals: str
    hops: int = 0
    """From a row of the scope up to the row that owns the column."""


@dataclass(slots=True)
class Planned:
    """One column of a block: where its texts stand and what is made of them."""

    column: Column
    field: Field
    kind: Kind
    sources: tuple[Source, ...] = ()
    choices: dict[str, tuple[Source, ...]] = dataclasses.field(default_factory=dict)
    patterns: tuple[tuple[Source, re.Pattern[str]], ...] = ()
    chains: tuple[tuple[Source, ...], ...] = ()
    hashed: tuple[Source, ...] = ()
    aggregate: Aggregate | None = None


@dataclass(slots=True)
class Block:
    """One block of a table: whose rows it makes, and its columns in the order of the file."""

    mapping: TableMapping
    table: Table
    scope: int
    each: tuple[Step, ...]
    columns: list[Planned]
    fallback: int = -1
    """The scope of ``or_each``; -1 without."""
    number: int = 1
    """Which of the blocks of its table it is, from 1."""
    whole: Source | None = None
    ups: int = 0
    """From a row up to the document's row."""
    fallback_hops: int = 0
    parents: dict[str, int] = dataclasses.field(default_factory=dict)
    """For each table whose rows enclose this one's: how many rows up."""


@dataclass(slots=True)
class Plan:
    """A compiled mapping: the trie and the blocks."""

    mapping: Mapping
    trie: Trie
    blocks: list[Block]
    columns_of_slots: dict[tuple[int, int], tuple[str, Column]]


def texts_of(value: Any) -> tuple[str, ...]:
    """An option that is one text or a list of texts."""
    if value is None:
        return ()
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple)) else (str(value),)


def compile_plan(mapping: Mapping) -> Plan:
    """The plan of a mapping. Raises DefinitionError with every path or reference that cannot be meant."""
    return _Compiler(mapping).plan()


class _Compiler:
    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        kept = mapping.settings.get("inventory", {})
        self.trie = Trie(
            Names({**kept.get("prefixes", {}), **mapping.namespaces}),
            frozenset(str(name).lstrip("@") for name in kept.get("values", ())),
        )
        self.mistakes: list[Mistake] = []
        self.empty = str(mapping.settings.get("empty", "kept"))
        self.text = Kind("text", empty=self.empty)
        self.slots: dict[tuple[int, int], tuple[str, Column]] = {}
        self.seen: list[tuple[Block, Source | Aggregate]] = []
        self.named: list[tuple[str, Location, str]] = []

    def plan(self) -> Plan:
        blocks = [block for each in self.mapping.tables if (block := self._block(each))]
        for block in blocks:
            for n, planned in enumerate(block.columns):
                self._column(block, planned, {each.column.name for each in block.columns[:n]})
            self._split(block)
        for column, at, path in self.named:
            if not self.trie.known(column):
                self._mistake(at, f"{path}: no column '{column}' that is read from a path of its own")
        if self.mistakes:
            raise DefinitionError(self.mistakes)
        self._measure(blocks)
        return Plan(self.mapping, self.trie, blocks, self.slots)

    def _mistake(self, at: Location, text: str) -> None:
        self.mistakes.append(Mistake(at, text))

    def _path(self, text: str, at: Location, table: str) -> Path | None:
        """The path of a text; a column in a predicate is one of the table, else of the invoice."""

        def rename(column: str) -> str:
            own = any(
                each.column == column for block in self.mapping.tables if block.table == table for each in block.fields
            )
            name = f"{table if own else 'invoice'}.{column}"
            self.named.append((name, at, text))
            return name

        try:
            return qualified(parse_path(text, self.mapping.namespaces), rename)
        except PathSyntaxError as exc:
            self._mistake(at, str(exc))
            return None

    # --- blocks ---

    def _block(self, each: TableMapping) -> Block | None:
        path = self._path(each.each, each.location, each.table)
        if path is None:
            return None
        if path.up or path.attribute:
            self._mistake(each.location, f"each: {each.each}: a row is an element below the root, without '../' or '@'")
            return None
        table = CANON[each.table]
        alike = [other for other in self.mapping.tables if other.table == each.table]
        block = Block(each, table, self.trie.scope(path.steps).number, path.steps, [], number=alike.index(each) + 1)
        if fallback := each.options.get("or_each"):
            other = self._path(str(fallback), each.location, each.table)
            if other is None:
                return None
            if path.steps[: len(other.steps)] != other.steps:
                self._mistake(each.location, f"or_each: {other.text} is not on the way to {path.text}")
                return None
            block.fallback = self.trie.scope(other.steps).number
        for written in each.fields:
            if column := table.by_name.get(written.column):
                block.columns.append(Planned(column, written, self._kind(column, written)))
        return block

    def _kind(self, column: Column, written: Field) -> Kind:
        options = written.options
        return kind_of(
            column,
            format=str(options.get("format", "iso")),
            power=int(options.get("power", 0)),
            empty=self.empty,
            nothing=frozenset(text.casefold() for text in texts_of(options.get("not_values"))),
            match=self._regex(options["match"], written) if "match" in options else None,
            codes=tuple((str(code), str(value)) for code, value in options.get("map", {}).items()),
            other_codes=bool(options.get("map_others")),
            blanks=str(options.get("blanks", "cut")),
        )

    def _split(self, block: Block) -> None:
        split = block.mapping.options.get("split")
        if not split:
            return
        column = block.table.by_name.get(str(split["column"]))
        if column is None or all(each.column is not column for each in block.columns):
            self._mistake(
                block.mapping.location, f"split: no column '{split['column']}' in this block of {block.table.name}"
            )
            return
        block.whole = self._source(
            block, str(split["whole"]), kind_of(column, empty=self.empty), block.mapping.location
        )

    # --- columns ---

    def _column(self, block: Block, planned: Planned, earlier: set[str]) -> None:
        options, at = planned.field.options, planned.field.location
        kind = planned.kind
        beside = options.get("sign", {}).get("beside")
        planned.sources = tuple(
            source
            for name in ("single", "path", "or", "or_single")
            for text in texts_of(planned.field.path if name == "path" else options.get(name))
            if (source := self._source(block, text, kind, at, planned, single="single" in name, beside=beside))
        )
        choose = options.get("choose", {})
        planned.choices = {
            str(value): self._sources(block, texts, kind, at, planned)
            for value, texts in choose.items()
            if value != "on"
        }
        planned.chains = tuple(
            self._sources(block, texts, self.text, at, planned) for texts in options.get("concat", {}).get("of", ())
        )
        planned.hashed = self._sources(block, options.get("else_hash", {}).get("at"), self.text, at)
        planned.patterns = tuple(
            (source, regex)
            for text, pattern in options.get("true_when", {}).items()
            if (source := self._source(block, text, self.text, at)) and (regex := self._regex(pattern, planned.field))
        )
        if wanted := options.get("count") or options.get("sum"):
            planned.aggregate = self._aggregate(block, planned, wanted)
        needed = {*texts_of(choose.get("on")), *texts_of(options.get("sign", {}).get("column"))}
        needed |= {name for name in texts_of(options.get("parts")) if not name.startswith("$")}
        for name in sorted(needed - earlier):
            self._mistake(at, f"{planned.column.name}: the column '{name}' must stand above it in the same block")
        for name in ("constant", "default"):
            if name in options and (wrong := kind_of(planned.column).settle(str(options[name])).problem):
                self._mistake(at, f"{planned.column.name}: the {name} '{options[name]}' {wrong}")
        for table in {options[name] for name in ("from", "row_of") if name in options}:
            if all(each.table != table for each in self.mapping.tables):
                self._mistake(at, f"{planned.column.name}: the mapping has no table '{table}'")

    def _sources(
        self, block: Block, texts: Any, kind: Kind, at: Location, planned: Planned | None = None
    ) -> tuple[Source, ...]:
        return tuple(source for text in texts_of(texts) if (source := self._source(block, text, kind, at, planned)))

    def _source(
        self,
        block: Block,
        text: str,
        kind: Kind,
        at: Location,
        planned: Planned | None = None,
        *,
        single: bool = False,
        beside: str | None = None,
    ) -> Source | None:
        """Asks the trie for the value at a path of the block; with a column, the slot carries its name for findings."""
        path = self._path(text, at, block.table.name)
        if path is None:
            return None
        options = planned.field.options if planned else {}
        try:
            slot = self.trie.slot(
                block.each,
                path,
                kind,
                present=bool(options.get("present")),
                collect="join" in options or bool(options.get("add")),
            )
        except PathSyntaxError as exc:
            self._mistake(at, str(exc))
            return None
        sign = -1
        if beside and (name := self._path(beside, at, block.table.name)):
            sibling = Path(path.up, path.steps[:-1] + name.steps, None, beside)
            sign = self.trie.slot(block.each, sibling, self.text).index
        if planned:
            self.slots.setdefault((slot.scope, slot.index), (block.table.name, planned.column))
            if text == planned.field.path:
                plain = not block.each and not path.attribute and not any(step.tests for step in path.steps)
                self.trie.refer(f"{block.table.name}.{planned.column.name}", slot, path if plain else None)
        source = Source(slot.scope, slot.index, sign, single)
        self.seen.append((block, source))
        return source

    def _aggregate(self, block: Block, planned: Planned, wanted: Any) -> Aggregate | None:
        at, table = planned.field.location, block.table.name
        each = self._path(str(wanted["each"]), at, table)
        if each is None:
            return None
        steps = block.each + each.steps

        def index(name: str, kind: Kind) -> int:
            path = self._path(name, at, table)
            return self.trie.slot(steps, path, kind).index if path else -1

        where = wanted.get("where", {})
        aggregate = Aggregate(
            scope=self.trie.scope(steps).number,
            index=index(str(wanted["path"]), kind_of(planned.column, empty=self.empty)) if "path" in wanted else -1,
            sign=index(str(wanted["sign"]), self.text) if "sign" in wanted else -1,
            negative=str(wanted.get("negative", "")),
            where=tuple(index(name, self.text) for name in texts_of(where.get("path"))),
            equals=str(where.get("equals", "")),
        )
        self.seen.append((block, aggregate))
        return aggregate

    def _regex(self, pattern: Any, written: Field) -> re.Pattern[str] | None:
        try:
            return re.compile(str(pattern))
        except re.error as exc:
            self._mistake(written.location, f"{written.column}: '{pattern}' is not a regular expression: {exc}")
            return None

    # --- distances: known only when every scope is, for a later column may put one in between ---

    def _measure(self, blocks: Iterable[Block]) -> None:
        scopes = self.trie.scopes
        for block, seen in self.seen:
            own, other = scopes[block.scope], scopes[seen.scope]
            seen.hops = other.hops(own, scopes) if isinstance(seen, Aggregate) else own.hops(other, scopes)
        for block in blocks:
            own = scopes[block.scope]
            block.ups = own.hops(scopes[0], scopes)
            if block.fallback >= 0:
                block.fallback_hops = own.hops(scopes[block.fallback], scopes)
            for other_block in blocks:
                outer = other_block.each
                if outer != block.each and block.each[: len(outer)] == outer:
                    block.parents[other_block.table.name] = own.hops(scopes[other_block.scope], scopes)
