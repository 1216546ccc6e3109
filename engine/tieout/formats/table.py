"""CSV, XLSX and Parquet as frames: text columns under the file's own headings, plus ``line``.

What the mapping declares (encoding, delimiter, header row, rows to skip) is checked against the file; values are not
looked at. Typed cells of XLSX and Parquet keep their type. Called by intake.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

import polars as pl

from tieout.formats.encoding import decode
from tieout.model.errors import FormatError, Location
from tieout.model.records import Document, Finding

__all__ = ["LINE", "read", "read_frame"]

LINE = "line"
# Files are searched this far for a header row whose place the mapping leaves open.
HEADER_DEPTH = 50
_MAX_NAMED = 1000
# What a workbook may unfold to, in bytes and compared with its size.
_UNFOLDED, _RATIO = 2 * 1024**3, 200


def read(
    document: Document, settings: Dict[str, Any], *, headings: Sequence[str] = (), kind: str = "csv"
) -> tuple[pl.DataFrame, list[Finding]]:
    """The rows under their headings with the line each starts on, and a finding for every row that does not fit.

    settings: encoding (name or list), delimiter, quote, header (row number, or ``find``), skip (patterns of whole rows,
        such as subtotals), sheet, skip_rows_after (rows under the header that are not data).
    headings: what the mapping needs; used to find the header row and to tell a wrong delimiter.
    kind: csv, xlsx or parquet.
    Raises FormatError where the file as a whole is not what the mapping declares.
    """
    if not document.content.strip():
        raise FormatError("the file is empty", at=Location(document.uri), rule="IN-EMPTY")
    if kind == "xlsx":
        return _sheet(document, settings, headings)
    if kind == "parquet":
        return _parquet(document), []
    return _delimited(document, settings, headings)


def read_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a query or a Parquet file as ``read`` gives them: ``line`` is the position of the row, from 1."""
    if LINE in frame.columns:
        frame = frame.rename({LINE: f"{LINE} (2)"})
    return frame.with_row_index(LINE, offset=1).with_columns(pl.col(LINE).cast(pl.Int64))


# --- CSV and TSV ---


def _delimited(
    document: Document, settings: Dict[str, Any], headings: Sequence[str]
) -> tuple[pl.DataFrame, list[Finding]]:
    text = decode(document, settings.get("encoding", "utf-8"))
    delimiter = {"tab": "\t", "\\t": "\t"}.get(str(settings.get("delimiter", ",")), str(settings.get("delimiter", ",")))
    quote = str(settings.get("quote", '"'))
    records = _records(text, delimiter, quote)
    where = _header_row(records, settings, headings, delimiter, document.uri)
    names = _unique([cell.strip() for cell in records.cells(where)])
    body = records.body(where, settings.get("skip", ()))
    width = _width(names, body)
    findings = [_ragged(document.uri, delimiter, width, *row) for row in body.ragged(width)[:_MAX_NAMED]]
    rest = body.ragged_count(width) - len(findings)
    if rest > 0:
        findings.append(Finding("IN-ROW", "fatal", f"and {rest} more rows with a wrong number of fields",
                                pack="intake", table="document", object_id=document.uri, source=document.uri))  # fmt: skip
    if body.skipped:
        findings.append(_skipped(document.uri, body.skipped))
    return body.frame(names[:width], width), findings


def _ragged(uri: str, delimiter: str, width: int, line: int, fields: int, text: str) -> Finding:
    sides = "more" if fields > width else "fewer"
    return Finding(
        "IN-ROW",
        "fatal",
        f"{uri}:{line}  {fields} fields found, {width} expected by the header: {sides} '{delimiter}' than columns, "
        "so the row is kept aside",
        pack="intake",
        table="document",
        object_id=f"{uri}#{line}",
        evidence={"fields": fields, "expected": width, "row": text[:500]},
        source=uri,
        line=line,
    )


def _skipped(uri: str, lines: Sequence[int]) -> Finding:
    named = ", ".join(map(str, lines[:10])) + (" ..." if len(lines) > 10 else "")
    return Finding(
        "IN-SKIPPED",
        "information",
        f"{uri}  {len(lines)} rows are totals or titles by the mapping's 'skip' and were not taken in: lines {named}",
        pack="intake",
        table="document",
        object_id=uri,
        evidence={"rows": len(lines)},
        source=uri,
        line=lines[0],
    )


class _Records:
    """The records of a delimited text: whole rows as text, the line each starts on, and its number of fields.

    Counted with column operations; a text in which quoted fields run over several lines is read row by row.
    """

    def __init__(self, rows: pl.DataFrame, delimiter: str, quote: str, cells: list[list[str]] | None) -> None:
        self.rows, self.delimiter, self.quote, self._cells = rows, delimiter, quote, cells

    def cells(self, index: int) -> list[str]:
        if self._cells is not None:
            return self._cells[index]
        return next(csv.reader([self.rows["text"][index]], delimiter=self.delimiter, quotechar=self.quote), [])

    def body(self, header: int, skip: Sequence[str]) -> _Body:
        rows = self.rows.slice(header + 1)
        cells = self._cells[header + 1 :] if self._cells is not None else None
        skipped: list[int] = []
        if skip and rows.height:
            unquoted = pl.col("text").str.replace_all(self.quote, "", literal=True)
            hit = rows.select(pl.any_horizontal([unquoted.str.contains(str(pattern)) for pattern in skip])).to_series()
            skipped = rows.filter(hit)[LINE].to_list()
            cells = [row for row, out in zip(cells, hit, strict=True) if not out] if cells is not None else None
            rows = rows.filter(~hit)
        return _Body(rows, self.delimiter, self.quote, cells, skipped)


class _Body:
    def __init__(self, rows: pl.DataFrame, delimiter: str, quote: str, cells: list[list[str]] | None,
                 skipped: list[int]) -> None:  # fmt: skip
        self.rows, self.delimiter, self.quote, self._cells, self.skipped = rows, delimiter, quote, cells, skipped

    def never_reaches(self, width: int) -> bool:
        return self.rows.height > 0 and bool((self.rows["fields"] < width).all())

    def _wrong(self, width: int) -> pl.DataFrame:
        return self.rows.filter(pl.col("fields") != width)

    def ragged(self, width: int) -> list[tuple[int, int, str]]:
        return self._wrong(width).head(_MAX_NAMED).select(LINE, "fields", "text").rows()

    def ragged_count(self, width: int) -> int:
        return self._wrong(width).height

    def frame(self, names: Sequence[str], width: int) -> pl.DataFrame:
        """The rows of the full width, as columns."""
        good = self.rows["fields"] == width
        rows = self.rows if good.all() else self.rows.filter(good)
        lines = rows[LINE].cast(pl.Int64)
        if self._cells is None and lines.len():
            frame = self._fast(rows["text"], names)
            if frame is not None:
                return frame.with_columns(lines)
        cells = self._cells if self._cells is not None else self._slow(self.rows["text"])
        kept = [row for row, fits in zip(cells, good, strict=True) if fits]
        columns = list(zip(*kept, strict=True)) if kept else [()] * width
        data = [pl.Series(name, column, dtype=pl.String) for name, column in zip(names, columns, strict=True)]
        return pl.DataFrame([*data, lines])

    def _fast(self, rows: pl.Series, names: Sequence[str]) -> pl.DataFrame | None:
        """The rows by the column reader; None where it sees other rows than were counted."""
        try:
            frame = pl.read_csv(
                rows.str.join("\n")[0].encode(), has_header=False, separator=self.delimiter, quote_char=self.quote or None,
                infer_schema=False, new_columns=list(names),
            )  # fmt: skip
        except pl.exceptions.PolarsError:
            return None
        return frame if frame.height == rows.len() and frame.width == len(names) else None

    def _slow(self, rows: pl.Series) -> list[list[str]]:
        return [next(csv.reader([row], delimiter=self.delimiter, quotechar=self.quote or None), []) for row in rows]


def _width(names: Sequence[str], body: _Body) -> int:
    """The number of columns; a header that ends in delimiters over empty columns counts without them."""
    width = len(names)
    while width > 1 and names[width - 1].startswith("column ") and body.never_reaches(width):
        width -= 1
    return width


def _records(text: str, delimiter: str, quote: str) -> _Records:
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    lines = pl.Series("text", [text], dtype=pl.String).str.split("\n").explode(empty_as_null=False, keep_nulls=False)
    rows = pl.DataFrame([lines]).with_row_index(LINE, offset=1)
    quoted = (
        rows["text"].str.contains(quote, literal=True)
        if quote
        else pl.Series([False]).extend_constant(False, rows.height - 1)
    )
    plain = rows["text"]
    if quoted.any():
        # A properly quoted field is taken out before delimiters are counted; what quotes are left decide how to go on.
        mark = re.escape(quote)
        field = rf"(^|{re.escape(delimiter)}){mark}(?:[^{mark}]|{mark}{mark})*{mark}"
        emptied = rows["text"].filter(quoted)
        # Neighbouring fields share a delimiter, so that one pass sees every second of them.
        for _ in range(2):
            emptied = emptied.str.replace_all(field, "${1}")
        if emptied.str.contains(quote, literal=True).any():
            return _row_by_row(text, delimiter, quote)
        plain = plain.scatter(quoted.arg_true(), emptied)
    rows = rows.with_columns((plain.str.count_matches(delimiter, literal=True) + 1).alias("fields"))
    rows = rows.filter(pl.col("text").str.strip_chars().str.len_bytes() > 0)
    return _Records(rows.select(LINE, "text", pl.col("fields").cast(pl.Int64)), delimiter, quote, None)


def _row_by_row(text: str, delimiter: str, quote: str) -> _Records:
    """The same by Python's reader, which keeps fields that hold line breaks and stray quotes as they are."""
    csv.field_size_limit(1 << 27)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    lines, cells, start = [], [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or len(row) > 1:
                lines.append(start)
                cells.append(row)
            start = reader.line_num + 1
    except csv.Error as exc:
        raise FormatError(f"line {reader.line_num}: no readable CSV: {exc}", rule="IN-FORMAT") from exc
    rows = pl.DataFrame(
        {LINE: lines, "text": [delimiter.join(row) for row in cells], "fields": [len(row) for row in cells]},
        schema={LINE: pl.UInt32, "text": pl.String, "fields": pl.Int64},
    )
    return _Records(rows, delimiter, quote, cells)


# --- the header row ---


def _header_row(records: _Records, settings: Dict[str, Any], headings: Sequence[str], delimiter: str, uri: str) -> int:
    """The position of the header among the records.

    Raises FormatError where it is not where the mapping says, naming the delimiter that would fit where one does.
    """
    place = settings.get("header", 1)
    if not records.rows.height:
        raise FormatError("the file has no rows", at=Location(uri), rule="IN-EMPTY")
    if place == "find":
        best = max(
            range(min(records.rows.height, HEADER_DEPTH)),
            key=lambda index: (_named(records.cells(index), headings), -index),
        )
        if not _named(records.cells(best), headings):
            raise FormatError(
                f"no header row in the first {HEADER_DEPTH} lines holds one of {_list(headings)}",
                at=Location(uri), rule="IN-COLUMN",
            )  # fmt: skip
        index = best
    else:
        at_line = records.rows.with_row_index("i").filter(pl.col(LINE) >= int(place))["i"]
        if not at_line.len():
            raise FormatError(
                f"the header is declared in line {place}; the file ends before", at=Location(uri), rule="IN-COLUMN"
            )
        index = int(at_line[0])
    if headings and len(headings) > 1 and not _named(records.cells(index), headings):
        line = str(records.rows["text"][index])
        for other in ",;\t|":
            cells = next(csv.reader([line], delimiter=other), [])
            if other != delimiter and _named(cells, headings):
                shown = {"\t": "tab"}
                raise FormatError(
                    f"the columns are separated by '{shown.get(other, other)}'; the mapping declares "
                    f"'{shown.get(delimiter, delimiter)}' (delimiter)",
                    at=Location(uri, int(records.rows[LINE][index])), rule="IN-COLUMN",
                )  # fmt: skip
    return index


def _named(cells: Sequence[str], headings: Sequence[str]) -> int:
    return len({cell.strip() for cell in cells} & set(headings))


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:6]) + (" ..." if len(names) > 6 else "")


def _unique(names: Sequence[str]) -> list[str]:
    """The headings with inner blanks collapsed; an empty one is named by its place, a repeated one numbered."""
    seen: dict[str, int] = {}
    result = []
    for place, name in enumerate(names, 1):
        base = " ".join(name.split()) or f"column {place}"
        seen[base] = seen.get(base, 0) + 1
        result.append(base if seen[base] == 1 and base != LINE else f"{base} ({max(seen[base], 2)})")
    return result


# --- XLSX and Parquet ---


def _sheet(document: Document, settings: Dict[str, Any], headings: Sequence[str]) -> tuple[pl.DataFrame, list[Finding]]:
    try:
        import fastexcel
    except ModuleNotFoundError:
        raise FormatError(
            "XLSX needs fastexcel, which is not installed: pip install 'tieout[excel]'", at=Location(document.uri)
        ) from None
    _not_a_bomb(document)
    try:
        book = fastexcel.read_excel(document.content)
        sheet = settings.get("sheet", 0)
        if isinstance(sheet, str) and sheet not in book.sheet_names:
            raise FormatError(
                f"no sheet '{sheet}'; the workbook has {_list(book.sheet_names)}",
                at=Location(document.uri),
                rule="IN-COLUMN",
            )
        place = settings.get("header", 1)
        raw = book.load_sheet(sheet, header_row=None, dtypes="string").to_polars()
        if raw.is_empty():
            raise FormatError("the sheet is empty", at=Location(document.uri), rule="IN-EMPTY")
        if place == "find":
            place = 1 + max(
                range(min(raw.height, HEADER_DEPTH)),
                key=lambda index: (_named([str(cell or "") for cell in raw.row(index)], headings), -index),
            )
        typed = book.load_sheet(sheet, header_row=None, skip_rows=int(place)).to_polars()
    except fastexcel.FastExcelError as exc:
        raise FormatError(f"no readable workbook: {str(exc).splitlines()[0]}", at=Location(document.uri)) from exc
    if int(place) > raw.height:
        raise FormatError(
            f"the header is declared in row {place}; the sheet ends before", at=Location(document.uri), rule="IN-COLUMN"
        )
    names = _unique([str(cell or "").strip() for cell in raw.row(int(place) - 1)])[: typed.width]
    frame = typed.rename(dict(zip(typed.columns, names, strict=False)))
    frame = frame.with_columns(pl.Series(LINE, range(int(place) + 1, int(place) + 1 + frame.height), dtype=pl.Int64))
    blank = pl.all_horizontal(pl.exclude(LINE).is_null())
    frame = frame.filter(~blank)
    skip = settings.get("skip", ())
    findings: list[Finding] = []
    if skip and frame.height:
        whole = pl.concat_str(pl.exclude(LINE).cast(pl.String), separator=";", ignore_nulls=True)
        hit = frame.select(pl.any_horizontal([whole.str.contains(str(pattern)) for pattern in skip])).to_series()
        if hit.any():
            findings.append(_skipped(document.uri, frame.filter(hit)[LINE].to_list()))
            frame = frame.filter(~hit)
    return frame, findings


def _not_a_bomb(document: Document) -> None:
    """Raises FormatError where a workbook would unfold to more than is reasonable."""
    try:
        with zipfile.ZipFile(io.BytesIO(document.content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as exc:
        raise FormatError(f"no readable workbook: {exc}", at=Location(document.uri)) from exc
    if size > _UNFOLDED or (size > 64 * 1024**2 and size > _RATIO * len(document.content)):
        raise FormatError(f"the workbook would unfold to {size:,} bytes; it is not read", at=Location(document.uri))


def _parquet(document: Document) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(document.content))
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise FormatError(f"no readable Parquet: {str(exc).splitlines()[0]}", at=Location(document.uri)) from exc
    return read_frame(frame)
