"""One format to another through the canonical tables; what the target cannot carry is named, value by value.

Every document that is written is read back by the mapping that wrote it, so that nothing is lost in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from tieout.examine import chunks
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import did_you_mean
from tieout.mapping.carried import Loss, losses, typed
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError, SourceError, TieoutError

__all__ = ["Converted", "convert", "targets", "told"]


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of one document."""

    document: str
    out: Path | None
    """None where nothing was written; ``problem`` says why."""
    losses: tuple[Loss, ...] = ()
    problem: str = ""


def targets(name: str) -> list[Mapping]:
    """The mappings that write the format: the one of that id, or all of the family (``ubl``: invoice and credit note).

    Raises TieoutError where there is none, or none that writes.
    """
    known = {each.id: each for each in Catalogue.load(None).mappings.values() if each.writes}
    found = [known[name]] if name in known else [each for key, each in known.items() if key.startswith(f"{name}.")]
    if not found:
        raise TieoutError(
            f"--to {name}: no mapping that writes{did_you_mean(name, known)}; there are: {', '.join(known)}"
        )
    return found


def convert(paths: Sequence[Path], to: str, out: Path) -> Iterator[Converted]:
    """Converts the documents below the paths, one answer each, in their order.

    out: a file where there is one document to write, else a folder. A file that is there already is replaced.
    Raises TieoutError for an unknown target, SourceError where the target cannot be written.
    """
    wanted = targets(to)
    mappings = [m for m in Catalogue.load(None).mappings.values() if any(t.table == "invoice" for t in m.tables)]
    names: set[Path] = set()
    for chunk in chunks(paths):
        batch = read_documents(chunk, mappings)
        for row in batch.frames.get("document", pl.DataFrame()).iter_rows(named=True):
            if row["status"] != "read":
                reasons = [each.message for each in batch.findings if each.source == row["document_id"]]
                yield Converted(row["document_id"], None, problem="; ".join(reasons) or row["status"])
        tables = {
            name: typed(name, frame)
            for name, frame in batch.frames.items()
            if name in CANON and "invoice_id" in CANON[name].by_name
        }
        if "invoice" in tables:
            yield from _written(tables, wanted, out, names)


def _written(
    tables: Dict[str, pl.DataFrame], wanted: Sequence[Mapping], out: Path, names: set[Path]
) -> Iterator[Converted]:
    parts = {name: frame.partition_by("invoice_id", as_dict=True) for name, frame in tables.items()}
    for row in tables["invoice"].iter_rows(named=True):
        invoice_id = row["invoice_id"]
        mine = {name: part[(invoice_id,)] for name, part in parts.items() if (invoice_id,) in part}
        mapping = _fitting(wanted, row)
        try:
            content = write(mapping, {name: frame.to_dicts() for name, frame in mine.items()})
        except FormatError as exc:
            yield Converted(invoice_id, None, problem=exc.message)
            continue
        frames, findings = read_back({invoice_id: (content, mapping)})
        if findings:
            yield Converted(invoice_id, None, problem="; ".join(each.message for each in findings))
            continue
        read = {name: typed(name, frame) for name, frame in frames.items() if name in CANON}
        lost = tuple(each for each in losses(mine, read) if each.of_a_term and each.meant is not None)
        yield Converted(invoice_id, _save(content, _place(out, invoice_id, mapping, names)), lost)


def _fitting(wanted: Sequence[Mapping], invoice: Dict[str, Any]) -> Mapping:
    """Of a family, the mapping for this kind of document."""
    for mapping in wanted:
        kinds = [f.options.get("constant") for t in mapping.tables for f in t.fields if f.column == "document_kind"]
        if not kinds or kinds[0] in (None, invoice["document_kind"]):
            return mapping
    return wanted[0]


def _place(out: Path, invoice_id: str, mapping: Mapping, names: set[Path]) -> Path:
    if out.suffix and not out.is_dir():
        if names:
            raise TieoutError(f"--out {out}: there are several documents; name a folder")
        names.add(out)
        return out
    ending = ".json" if mapping.format == "json_document" else ".xml"
    stem = PurePosixPath(invoice_id.replace("!", "/").replace("#", "-")).stem or "document"
    path, number = out / f"{stem}{ending}", 1
    while path in names:
        number += 1
        path = out / f"{stem}-{number}{ending}"
    names.add(path)
    return path


def _save(content: bytes, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as exc:
        raise SourceError(f"{path}: cannot be written: {exc.strerror or exc}") from exc
    return path


def told(loss: Loss, to: str) -> str:
    """The loss as a sentence."""
    row = f", row {'/'.join(map(str, loss.key))}" if loss.key else ""
    if loss.column:
        instead = f"; it says {_plain(loss.read)} instead" if loss.read is not None else ""
        return f"{to} does not carry {loss.table}.{loss.column} ({loss.term}){row}: {_plain(loss.meant)}{instead}"
    said = ", ".join(f"{name} {_plain(value)}" for name, value in loss.meant.items() if value not in (None, False))
    return f"{to} does not carry this row of {loss.table}{row}: {said}"


def _plain(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else f"'{value}'"
