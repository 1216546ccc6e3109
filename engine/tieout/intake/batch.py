"""What documents gave, as frames by canonical table, and a Batch in the making."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tieout.intake.findings import finding_frame
from tieout.model.records import Finding

__all__ = ["Batch", "Gathered"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What documents gave: a frame a canonical table, ``document``, ``finding`` and ``excluded`` among them."""

    frames: Dict[str, pl.DataFrame]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Gathered:
    """A Batch in the making."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0

    def add(self, name: str, frame: pl.DataFrame) -> None:
        if frame.height:
            self.frames.setdefault(name, []).append(frame)
            self.rows += frame.height

    def batch(self) -> Batch:
        frames = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in self.frames.items()}
        sources = [frame["source"].cast(pl.String) for frame in frames.values() if "source" in frame.columns]
        counts: dict[str, int] = dict(pl.concat(sources).value_counts().iter_rows()) if sources else {}
        for row in self.documents:
            row["row_count"] = counts.get(row["document_id"], 0)
        if self.documents:
            frames["document"] = pl.DataFrame(self.documents, schema=_DOCUMENT)
        if self.excluded:
            frames["excluded"] = pl.DataFrame(self.excluded, schema=_EXCLUDED)
        if self.findings:
            frames["finding"] = finding_frame(self.findings, first=1)
        return Batch(frames, tuple(self.findings))


_DOCUMENT = {"document_id": pl.String, "source_name": pl.String, "media_type": pl.String, "mapping": pl.String,
             "sha256": pl.String, "byte_count": pl.Int64, "row_count": pl.Int64, "status": pl.String}  # fmt: skip
_EXCLUDED = {"table": pl.String, "object_id": pl.String, "reason": pl.String, "source": pl.String, "line": pl.Int64}
