"""One format to another through the canonical tables; what the target cannot carry is named, value by value.

Every document that is written is read back by the mapping that wrote it, so that nothing is lost in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import polars as pl

from tieout.examine import chunks
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import did_you_mean
from tieout.mapping.carried import Loss, losses, typed
from tieout.mapping.facturx import facturx
from tieout.mapping.lens import write
from tieout.mapping.readback import read_back
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError, SourceError, TieoutError
from tieout.model.records import Finding

PDF = ("facturx", "zugferd")
"""Targets that are a PDF with a CII document inside."""

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

    facturx and zugferd are cii, in a PDF. Raises TieoutError where there is none, or none that writes.
    """
    name = "cii" if name in PDF else name
    known = {each.id: each for each in Catalogue.load(None).mappings.values() if each.writes}
    found = [known[name]] if name in known else [each for key, each in known.items() if key.startswith(f"{name}.")]
    if not found:
        raise TieoutError(
            f"--to {name}: no mapping that writes{did_you_mean(name, known)}; there are: {', '.join([*known, *PDF])}"
        )
    return found


def convert(paths: Sequence[Path], to: str, out: Path) -> Iterator[Converted]:
    """Converts the documents below the paths, one answer each, in their order.

    out: a file where there is one document to write, else a folder. A file that is there already is replaced.
    Raises TieoutError for an unknown target, SourceError where the target cannot be written.
    """
    wanted = targets(to)
    mappings = [
        m
        for m in Catalogue.load(None).mappings.values()
        if any(t.table in ("invoice", "invoice_line") for t in m.tables)
    ]
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
            unfit: dict[str, set[_Place]] = {}
            for each in batch.findings:
                unfit.setdefault(each.object_id, set()).add(_place_of(each))
            yield from _written(tables, unfit, wanted, out, names, in_pdf=to in PDF)


_Place: TypeAlias = tuple[str, int | None, str]


def _place_of(finding: Finding) -> _Place:
    return finding.table, finding.row_no, finding.term


def _written(
    tables: Dict[str, pl.DataFrame],
    unfit: Dict[str, set[_Place]],
    wanted: Sequence[Mapping],
    out: Path,
    names: set[Path],
    *,
    in_pdf: bool,
) -> Iterator[Converted]:
    """unfit: for each invoice, the places with a value that is none of its type."""
    parts = {name: frame.partition_by("invoice_id", as_dict=True) for name, frame in tables.items()}
    for row in tables["invoice"].iter_rows(named=True):
        invoice_id = row["invoice_id"]
        mine = {name: part[(invoice_id,)] for name, part in parts.items() if (invoice_id,) in part}
        mapping = _fitting(wanted, row)
        rows = {name: frame.to_dicts() for name, frame in mine.items()}
        try:
            content, frames, findings = _proven(mapping, rows, invoice_id, unfit.get(invoice_id, set()))
        except FormatError as exc:
            yield Converted(invoice_id, None, problem=exc.message)
            continue
        if findings:
            yield Converted(invoice_id, None, problem="; ".join(each.message for each in findings))
            continue
        read = {name: typed(name, frame) for name, frame in frames.items() if name in CANON}
        lost = [each for each in losses(mine, read) if each.of_a_term and each.meant is not None]
        lost += _texts_lost(rows, frames)
        place = _place(out, invoice_id, ".pdf" if in_pdf else _ending(mapping), names)
        yield Converted(invoice_id, _save(facturx(rows, content) if in_pdf else content, place), tuple(lost))


def _proven(
    mapping: Mapping, rows: dict[str, list[dict[str, Any]]], name: str, unfit: set[_Place]
) -> tuple[bytes, dict[str, pl.DataFrame], list[Finding]]:
    """The document, what it reads back as, and what is wrong with it that was not wrong before.

    Texts that are no value of their type are written as they stood, but where the target's schema forbids them.
    """
    for texts in (True, False):
        given = rows if texts else {table: part for table, part in rows.items() if table != "as_written"}
        content = write(mapping, given)
        frames, findings = read_back({name: (content, mapping)}, texts=True)
        wrong = [each for each in findings if _place_of(each) not in unfit]
        if not wrong or "as_written" not in rows:
            break
    return content, frames, wrong


def _texts_lost(rows: Dict[str, Sequence[Dict[str, Any]]], read: Dict[str, pl.DataFrame]) -> Iterator[Loss]:
    """Texts that were no value, and are not in the document as they stood."""
    there = read.get("as_written", pl.DataFrame())
    kept = set(there.select("table_name", "column_name", "text").rows()) if there.height else set()
    values = {
        (table, row.get("line_row_no"), row.get("row_no")): row
        for table, part in rows.items()
        for row in part
        if table != "as_written"
    }
    for each in rows.get("as_written", ()):
        table, name, text = each["table_name"], each["column_name"], each["text"]
        row = values.get((table, each["line_row_no"], each["row_no"]), {})
        if row.get(name) is None and text and (table, name, text) not in kept:
            key = tuple(number for number in (each["line_row_no"], each["row_no"]) if number is not None)
            yield Loss(each["invoice_id"], table, key, name, CANON[table].by_name[name].term, text, None)


def _fitting(wanted: Sequence[Mapping], invoice: Dict[str, Any]) -> Mapping:
    """Of a family, the mapping for this kind of document."""
    for mapping in wanted:
        kinds = [f.options.get("constant") for t in mapping.tables for f in t.fields if f.column == "document_kind"]
        if not kinds or kinds[0] in (None, invoice["document_kind"]):
            return mapping
    return wanted[0]


def _ending(mapping: Mapping) -> str:
    return ".json" if mapping.format == "json_document" else ".xml"


def _place(out: Path, invoice_id: str, ending: str, names: set[Path]) -> Path:
    if out.suffix and not out.is_dir():
        if names:
            raise TieoutError(f"--out {out}: there are several documents; name a folder")
        names.add(out)
        return out
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
    said = ", ".join(
        f"{name} {_plain(value)}"
        for name, value in loss.meant.items()
        if value not in (None, False) and CANON[loss.table].by_name[name].term != "-"
    )
    return f"{to} does not carry this row of {loss.table}{row}: {said}"


def _plain(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else f"'{value}'"
