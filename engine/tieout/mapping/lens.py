"""XML documents through a lens: one mapping reads a document into canonical rows, and writes rows as a document.

``intake`` reads, ``issuing`` writes. Reading is one walk a document (``trie``), columns are made at the end for all of
them together (``lens_read``); ``lens_write`` goes the other way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from tieout.formats.xml import Element, local_name, namespace
from tieout.mapping.inventory import Inventory, Shapes
from tieout.mapping.lens_compile import Plan, compile_plan, texts_of
from tieout.mapping.lens_read import read_tables
from tieout.mapping.lens_write import write
from tieout.mapping.walk import Walk
from tieout.model.definitions import Mapping
from tieout.model.records import Finding

__all__ = ["Collector", "Lens", "of_root", "pick", "write"]


class Lens:
    """A compiled mapping of a format that is a tree: xml or json_document."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mapping = plan.mapping

    @classmethod
    def compile(cls, mapping: Mapping) -> Lens:
        """The lens of a mapping. Raises DefinitionError with all of its mistakes."""
        return cls(compile_plan(mapping))

    def reads(self, root: Element) -> bool:
        """Whether the mapping's ``identify`` fits the document."""
        return _identifies(self.mapping, root)


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
        self._walks: dict[int, tuple[Lens, Walk, list[tuple[str, str]]]] = {}
        self._made: tuple[dict[str, pl.DataFrame], list[Finding]] | None = None

    def add(self, lens: Lens, root: Element, document_id: str, source: str | None = None) -> None:
        """Reads one document. Its rows carry document_id as invoice_id, and the source (the same unless given)."""
        self._made = None
        if id(lens) not in self._walks:
            trie = lens.plan.trie
            inventory = (
                Inventory(self._shapes, trie.names, trie.valued) if "inventory" in lens.mapping.settings else None
            )
            self._walks[id(lens)] = (lens, Walk(trie, inventory), [])
        _, rows, names = self._walks[id(lens)]
        names.append((document_id, document_id if source is None else source))
        rows.add(root, namespace(root))

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
            for lens, rows, names in self._walks.values():
                tables, found = read_tables(lens.plan, rows, names)
                findings += found
                if rows.inventory:
                    tables["element_place"] = rows.inventory.frame([name for name, _ in names])
                for table, frame in tables.items():
                    frames.setdefault(table, []).append(frame)
            shapes = self._shapes.frame()
            if shapes.height:
                frames["element_shape"] = [shapes]
            self._made = ({table: pl.concat(parts) for table, parts in frames.items()}, findings)
        return self._made
