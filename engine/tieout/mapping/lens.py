"""XML documents through a lens: one mapping reads a document into canonical rows, and writes rows as a document.

``intake`` reads, ``issuing`` writes. Reading is one walk a document (``trie``), columns are made at the end for all of
them together (``lens_read``); ``lens_write`` goes the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property, partial

import polars as pl

from tieout.formats.xml import Element, line_of, local_name, namespace
from tieout.mapping.gather import Gathered
from tieout.mapping.inventory import Inventory, Shapes
from tieout.mapping.lens_compile import Plan, compile_plan, texts_of
from tieout.mapping.lens_read import read_tables
from tieout.mapping.lens_write import write
from tieout.mapping.maker import Maker, Tree
from tieout.mapping.plain import Plain
from tieout.mapping.skeleton import opened
from tieout.mapping.walk import Walk
from tieout.model.definitions import Mapping
from tieout.model.records import Finding

__all__ = ["Collector", "Lens", "of_root", "pick", "write"]


_MOST = 100


class Lens:
    """A compiled mapping of a format that is a tree: xml or json_document."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mapping = plan.mapping

    @classmethod
    def compile(cls, mapping: Mapping) -> Lens:
        """The lens of a mapping. Raises DefinitionError with all of its mistakes."""
        return cls(compile_plan(mapping))

    @classmethod
    def of(cls, mapping: Mapping) -> Lens:
        """The lens of a mapping, compiled once a process. Raises DefinitionError with all of its mistakes."""
        found = _COMPILED.get(id(mapping))
        if found is None:
            if len(_COMPILED) >= _MOST:
                _COMPILED.clear()
            found = _COMPILED[id(mapping)] = cls.compile(mapping)
        return found

    @cached_property
    def spine(self) -> tuple[str, ...]:
        """The names of the elements below the root that hold the invoice's lines."""
        lines = [block.each for block in self.plan.blocks if block.table.name == "invoice_line"]
        return tuple(step.name for step in lines[0][:-1]) if lines else ()

    def reads(self, root: Element) -> bool:
        """Whether the mapping's ``identify`` fits the document."""
        return _identifies(self.mapping, root)


# By the identity of the mapping: a lens holds its mapping, so that the identity stays its own.
_COMPILED: dict[int, Lens] = {}


def ahead(lens: Lens, root: Element) -> Callable[[str], str | None]:
    """What a column that is read from a plain path says in a document, wherever it stands there."""
    return partial(lens.plan.trie.ahead, root=root, namespace=namespace(root))


def of_root(mapping: Mapping, root: Element) -> bool:
    """Whether the mapping is for documents with such a root; what they must hold beside it is another matter."""
    wanted = str(mapping.identify.get("root", ""))
    return wanted == (root.tag if wanted.startswith("{") else local_name(root))


def _identifies(mapping: Mapping, root: Element, among: Collection[str] = ()) -> bool:
    if not of_root(mapping, root):
        return False
    has, space = texts_of(mapping.identify.get("has")), namespace(root)
    return (
        not has
        or any(name in among for name in has)
        or any(local_name(child) in has and namespace(child) == space for child in root)
    )


def pick(mappings: Iterable[Mapping], root: Element, *, among: Collection[str] = ()) -> Mapping | None:
    """The first of the mappings, all of one format, that is meant for the document; None where no mapping is.

    among: names that the document has beside its elements, such as members of a JSON object that hold nothing.
    """
    return next((each for each in mappings if _identifies(each, root, among)), None)


class Collector:
    """Rows of many documents, of any number of mappings, until they are made into frames.

    shapes: those that the store has already; by default none.

    Frames and findings can be pickled; the collector itself stays in its process.
    """

    def __init__(self, shapes: Shapes | None = None) -> None:
        self._shapes = shapes or Shapes()
        self._read: dict[int, tuple[Lens, Walk | Gathered, list[tuple[str, str]]]] = {}
        self._made: tuple[dict[str, pl.DataFrame], list[Finding]] | None = None

    def add(
        self, lens: Lens, root: Element, document_id: str, source: str | None = None, content: bytes | None = None
    ) -> None:
        """Reads one document. Its rows carry document_id as invoice_id, and the source (the same unless given).

        content: the bytes of the root; with them, documents made alike need not be walked again.
        """
        rows = self._begin(lens, document_id, source)
        if isinstance(rows, Walk):
            rows.add(root, namespace(root))
            return
        text, tree = None if content is None else opened(content), Tree(root)
        if text is None or not self._plain(lens).learn(*text, tree, rows):
            maker = Maker(tree, self._inventory(lens), ahead(lens, root))
            rows.add(maker.document(lens.plan.trie.node(namespace(root))), line_of(root))

    def add_known(self, lens: Lens, text: str, prefix: str, document_id: str, source: str | None = None) -> bool:
        """Reads a document as text (of ``opened``) where all of its markup was seen before; else nothing is done."""
        if id(lens) not in self._read:
            return False
        _, rows, names = self._read[id(lens)]
        if not isinstance(rows, Gathered) or not self._plain(lens).read(text, prefix, rows):
            return False
        self._made = None
        names.append((document_id, document_id if source is None else source))
        return True

    def _begin(self, lens: Lens, document_id: str, source: str | None) -> Walk | Gathered:
        self._made = None
        if id(lens) not in self._read:
            trie = lens.plan.trie
            made = Gathered(trie.scopes) if "inventory" in lens.mapping.settings else Walk(trie)
            self._read[id(lens)] = (lens, made, [])
        _, rows, names = self._read[id(lens)]
        names.append((document_id, document_id if source is None else source))
        return rows

    def _inventory(self, lens: Lens) -> Inventory:
        return Inventory(self._shapes, lens.plan.trie.names, lens.plan.trie.valued)

    def _plain(self, lens: Lens) -> Plain:
        plain = self._shapes.plain.get(id(lens))
        if plain is None:
            plain = self._shapes.plain[id(lens)] = Plain(lens.plan.trie, self._inventory(lens), lens.spine)
        assert isinstance(plain, Plain)
        return plain

    def frames(self) -> dict[str, pl.DataFrame]:
        """The rows by table, every canonical column in its order; dates, booleans and integers typed, all else text.

        Numbers are exact text that fits the canonical decimal, so that the store can cast them. Tables without rows are
        there too where a mapping fills them.
        """
        return dict(self._result()[0])

    @property
    def findings(self) -> Sequence[Finding]:
        """IN-VALUE (a value that does not fit: null in its column), IN-PRECISION (rounded), IN-BATCH-SUM (not split)."""
        return tuple(self._result()[1])

    def _result(self) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
        if self._made is None:
            frames: dict[str, list[pl.DataFrame]] = {}
            findings: list[Finding] = []
            for lens, rows, names in self._read.values():
                tables, found = read_tables(lens.plan, rows.cells(), names)
                findings += found
                if isinstance(rows, Gathered):
                    tables["element_place"] = rows.places([name for name, _ in names])
                for table, frame in tables.items():
                    frames.setdefault(table, []).append(frame)
            shapes = self._shapes.frame()
            if shapes.height:
                frames["element_shape"] = [shapes]
            self._made = ({table: pl.concat(parts) for table, parts in frames.items()}, findings)
        return self._made
