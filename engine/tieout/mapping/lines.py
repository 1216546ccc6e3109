"""The line of each finding's path, read from its document again: only documents that have findings are.

Rows know the line of their element, not those of the elements inside; ``examine`` and a run ask for the closer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from tieout.formats import json_lines, xml
from tieout.mapping.lens import of_root
from tieout.model.definitions import Mapping as Format
from tieout.model.errors import FormatError
from tieout.model.records import Document

__all__ = ["with_lines"]


def with_lines(found: pl.DataFrame, documents: Iterable[Document], mappings: Sequence[Format]) -> pl.DataFrame:
    """The findings with the line of the element or value at their path, or of the closest around it that is there.

    found: at least document, object_id, path and line, in any order; rows without a path keep their line.
    documents: those that the findings may be of; what cannot be read again changes nothing.
    """
    placed = found.with_row_index("~").filter(pl.col("path").str.contains(r"^[/($]"))
    if placed.is_empty():
        return found
    wanted: dict[str, list[tuple[int, str, str]]] = {}
    for number, uri, name, path in placed.select("~", "document", "object_id", "path").iter_rows():
        wanted.setdefault(uri, []).append((number, name or "", path))
    lines = found["line"].to_list()
    for document in documents:
        for number, line in _lines(document, wanted.pop(document.uri, ()), mappings):
            lines[number] = line
    return found.with_columns(pl.Series("line", lines, dtype=found.schema["line"]))


def _lines(
    document: Document, wanted: Sequence[tuple[int, str, str]], mappings: Sequence[Format]
) -> Iterable[tuple[int, int]]:
    if not wanted:
        return
    if wanted[0][2].startswith("$"):
        yield from _of_json(document, wanted)
        return
    try:
        root = xml.parse(document.content, document.uri)
    except FormatError:
        return
    spaces = next((_spaces(each) for each in mappings if each.format == "xml" and of_root(each, root)), {})
    known: dict[str, int] = {}
    for number, _, path in wanted:
        if path not in known:
            known[path] = xml.line_at(root, path, spaces)
        if known[path]:
            yield number, known[path]


def _spaces(mapping: Format) -> Mapping[str, str]:
    return {**mapping.namespaces, **mapping.settings.get("inventory", {}).get("prefixes", {})}


def _of_json(document: Document, wanted: Sequence[tuple[int, str, str]]) -> Iterable[tuple[int, int]]:
    """Several documents of a file are named file#1, file#2: entries of a list, or JSON lines."""
    try:
        values = json_lines.lines(document.content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return
    for number, name, path in wanted:
        several = re.fullmatch(r"#(\d+)", name.removeprefix(document.uri))
        place = int(several[1]) - 1 if several else 0
        if several and len(values) == 1:
            path, place = f"$[{place}]{path[1:]}", 0
        line = json_lines.line_of(path, values[place]) if place < len(values) else None
        if line:
            yield number, line
