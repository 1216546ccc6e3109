"""XML documents through their lenses; rows are made for all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from typing import Any

import polars as pl

from tieout.formats import xml
from tieout.intake import detect
from tieout.intake.batch import Gathered
from tieout.mapping.lens import Collector, Lens, pick
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError
from tieout.model.records import Document

__all__ = ["XmlReader"]


class XmlReader:
    """Reads XML documents one after the other, each by the first mapping that fits."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        self._mappings = [each for each in mappings if each.format == "xml"]
        self._lenses: dict[str, Lens] = {}
        self._collector = Collector()
        self._read: dict[str, tuple[str, str | None]] = {}

    @property
    def waiting(self) -> int:
        """How many documents were read since the last flush."""
        return len(self._read)

    def read(self, document: Document, named: Mapping | None, options: Dict[str, Any]) -> str:
        """Reads one document and returns the id of the mapping that did; raises FormatError where none does."""
        root = xml.parse(document.content, document.uri)
        chosen = pick([named] if named else self._mappings, root)
        if chosen is None:
            space = xml.namespace(root)
            what = f"XML with the root element '{xml.local_name(root)}'" + (f" of {space}" if space else "")
            wanted = f"not what the mapping {named.id} reads" if named else f"no mapping reads it; {detect.SUPPORTED}"
            raise FormatError(f"{what}: {wanted}")
        if chosen.id not in self._lenses:
            self._lenses[chosen.id] = Lens.compile(chosen)
        self._collector.add(self._lenses[chosen.id], root, document.uri)
        self._read[document.uri] = (chosen.id, options.get("direction"))
        return chosen.id

    def flush(self, into: Gathered) -> None:
        """Adds the rows and findings of what was read since the last flush."""
        if not self._read:
            return
        collector, self._collector = self._collector, Collector()
        read, self._read = self._read, {}
        into.findings += collector.findings
        for name, frame in collector.frames().items():
            into.add(name, _told(frame, read) if name == "invoice" else frame)


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
