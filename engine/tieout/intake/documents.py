"""XML and JSON documents through their lenses; rows are made for all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from typing import Any

import polars as pl

from tieout.formats import json_document, xml
from tieout.intake import detect
from tieout.intake.batch import Gathered
from tieout.mapping.inventory import Shapes
from tieout.mapping.lens import Collector, Lens, of_root, pick
from tieout.mapping.skeleton import opened
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError
from tieout.model.records import Document

__all__ = ["TreeReader"]


class TreeReader:
    """Reads documents that are trees one after the other, each by the first mapping that fits."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        known = list(mappings)
        self._mappings = [each for each in known if each.format == "xml"]
        self._of_json = [each for each in known if each.format == "json_document"]
        self._by_root: dict[str, list[Mapping]] = {}
        self._known: dict[tuple[str, str], Lens] = {}
        """The lens of documents by the mapping that is named and their beginning."""
        self._shapes = Shapes()
        self._collector = Collector(self._shapes)
        self._read: dict[str, tuple[str, str | None]] = {}

    @property
    def waiting(self) -> int:
        """How many documents were read since the last flush."""
        return len(self._read)

    def read(self, document: Document, named: Mapping | None, options: Dict[str, Any]) -> str:
        """Reads one document and returns the id of the mapping that did; raises FormatError where none does."""
        text = opened(document.content)
        known = self._known.get((named.id if named else "", text[1])) if text else None
        if known and text and self._collector.add_known(known, *text, document.uri):
            self._read[document.uri] = (known.mapping.id, options.get("direction"))
            return known.mapping.id
        root = xml.parse(document.content, document.uri)
        if root.tag not in self._by_root:
            if len(self._by_root) > 100:
                self._by_root.clear()
            self._by_root[root.tag] = [each for each in self._mappings if of_root(each, root)]
        chosen = pick([named] if named else self._by_root[root.tag], root)
        if chosen is None:
            space = xml.namespace(root)
            what = f"XML with the root element '{xml.local_name(root)}'" + (f" of {space}" if space else "")
            wanted = f"not what the mapping {named.id} reads" if named else f"no mapping reads it; {detect.SUPPORTED}"
            raise FormatError(f"{what}: {wanted}")
        lens = self._add(chosen, root, document.uri, document.uri, options, document.content)
        if text and "has" not in chosen.identify:
            if len(self._known) > 1_000:
                self._known.clear()
            self._known[named.id if named else "", text[1]] = lens
        return chosen.id

    def read_json(self, document: Document, named: Mapping | None, options: Dict[str, Any]) -> str | None:
        """Reads the documents of a JSON file and returns the id of their mapping; None where it is for no document.

        Raises FormatError where a named mapping does not fit, or a document breaks the schema of its mapping.
        """
        if not named and not any(_likely(each, document.content) for each in self._of_json):
            return None
        trees = []
        for name, value in json_document.documents(document):
            root = json_document.tree(value, name)
            chosen = pick([named] if named else self._of_json, root, among=value)
            if chosen is None and named is None:
                return None
            if chosen is None:
                raise FormatError(f"not what the mapping {named.id if named else ''} reads")
            if wrong := json_document.violations(value, chosen.settings.get("schema", {})):
                at = json_document.location(document, name, wrong)
                raise FormatError(wrong if name == document.uri else f"{name}: {wrong}", at=at, rule="IN-SCHEMA")
            trees.append((chosen, root, name))
        for chosen, root, name in trees:
            self._add(chosen, root, name, document.uri, options)
        return trees[0][0].id if trees else None

    def _add(
        self,
        mapping: Mapping,
        root: xml.Element,
        name: str,
        source: str,
        options: Dict[str, Any],
        content: bytes | None = None,
    ) -> Lens:
        lens = Lens.of(mapping)
        self._collector.add(lens, root, name, source, content)
        self._read[source] = (mapping.id, options.get("direction"))
        return lens

    def flush(self, into: Gathered) -> None:
        """Adds the rows and findings of what was read since the last flush."""
        if not self._read:
            return
        collector, self._collector = self._collector, Collector(self._shapes)
        read, self._read = self._read, {}
        into.findings += collector.findings
        for name, frame in collector.frames().items():
            into.add(name, _told(frame, read) if name == "invoice" else frame)


def _likely(mapping: Mapping, content: bytes) -> bool:
    """Whether a file may hold documents of the mapping: a cheap look before all of it is parsed."""
    has = mapping.identify.get("has", [])
    names = [has] if isinstance(has, str) else has
    return not names or any(f'"{name}"'.encode() in content for name in names)


def _told(invoices: pl.DataFrame, read: Dict[str, tuple[str, str | None]]) -> pl.DataFrame:
    """The invoices with the mapping that read them and the direction that their source names."""
    told = pl.DataFrame(
        {
            "source": list(read),
            "read_by": [each[0] for each in read.values()],
            "told": [each[1] for each in read.values()],
        },
        schema={"source": pl.String, "read_by": pl.String, "told": pl.String},
    )
    joined = invoices.join(told, on="source", how="left", maintain_order="left")
    columns = {name: pl.col(name) if name in invoices.columns else pl.lit(None) for name in ("mapping", "direction")}
    return joined.with_columns(
        pl.coalesce(columns["mapping"].cast(pl.String), "read_by").alias("mapping"),
        pl.coalesce("told", columns["direction"].cast(pl.String)).alias("direction"),
    ).drop("read_by", "told")
