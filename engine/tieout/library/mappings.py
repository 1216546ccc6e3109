"""Mapping files: one YAML that says where an outside format keeps each canonical column. Read here, meant in ``mapping``.

The common head is checked here, the rest by schemas/mapping_<format>.schema.json; every column is looked up in the canon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tieout.library import yamlfile
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.canon import CANON, Table
from tieout.model.definitions import Field, Mapping, TableMapping, Text
from tieout.model.errors import Mistake

__all__ = ["FORMATS", "parse_mapping", "parse_text"]

FORMATS = ("xml", "json_document", "table", "mt940", "ofx", "json")
# Formats that are described by the schema of another one.
SCHEMA_OF = {"json_document": "xml"}
HEAD = {"mapping", "format", "title", "identify", "namespaces", "tables", "settings"}


def parse_mapping(node: Node, *, fingerprint: str = "") -> tuple[Mapping | None, list[Mistake]]:
    """The mapping a file describes, and every mistake in it; no mapping where its head or tables cannot be read.

    Keys of the file beside the common head become ``settings``; keys beside column and path become ``Field.options``.
    """
    mistakes = yamlfile.check(node, "mapping")
    format = node.plain("format")
    schema = f"mapping_{SCHEMA_OF.get(format, format)}"
    if format in FORMATS and yamlfile.has_schema(schema):
        mistakes += yamlfile.check(node, schema)
    if mistakes:
        return None, sorted(set(mistakes))
    tables: list[TableMapping] = []
    for name, block in node["tables"].items():
        if name not in CANON:
            mistakes.append(node["tables"].mistake(f"no canonical table '{name}'{did_you_mean(name, CANON)}", key=name))
            continue
        for part in _blocks(block):
            table_mapping, wrong = _table(CANON[name], part)
            mistakes += wrong
            tables.append(table_mapping)
    settings = {key: value.plain() for key, value in node.items() if key not in HEAD}
    settings |= node.plain("settings", {})
    mapping = Mapping(
        id=node.plain("mapping"),
        format=node.plain("format"),
        title=parse_text(node.get("title"), default=node.plain("mapping")),
        identify=node.plain("identify", {}),
        namespaces=node.plain("namespaces", {}),
        tables=tuple(tables),
        settings=settings,
        location=node["mapping"].location,
        fingerprint=fingerprint,
    )
    return mapping, sorted(set(mistakes))


def parse_text(node: Node | None, *, default: str = "") -> Text:
    """A title or message: text, or {en, zh}."""
    if node is None:
        return Text(default)
    if isinstance(node.value, dict):
        return Text(str(node.plain("en", default)), str(node.plain("zh", "")))
    return Text(node.text)


def _blocks(block: Node) -> Iterator[Node]:
    """The blocks that fill one table: the block itself, or each entry of a list of blocks with columns of their own."""
    if isinstance(block.value, tuple) and block.value and all("columns" in entry for entry in block):
        yield from block
    else:
        yield block


def _table(table: Table, block: Node) -> tuple[TableMapping, list[Mistake]]:
    columns = block.get("columns") if isinstance(block.value, dict) else block
    fields: list[Field] = []
    mistakes: list[Mistake] = []
    for entry in columns or ():
        column = entry["column"].text
        if column not in table.by_name:
            mistakes.append(entry["column"].mistake(no_column(column, table)))
        path = entry.get("path")
        fields.append(
            Field(
                column=column,
                path=path.text if path else None,
                options={key: value.plain() for key, value in entry.items() if key not in ("column", "path")},
                location=entry["column"].location,
            )
        )
    options: dict[str, Any] = {key: value.plain() for key, value in block.items() if key not in ("each", "columns")}
    each = str(block.plain("each", ".")) if isinstance(block.value, dict) else "."
    return TableMapping(table.name, each, tuple(fields), options, block.location), mistakes


def no_column(column: str, table: Table) -> str:
    """The sentence for a column that is not in the table, with the nearest one and its business term."""
    hint = did_you_mean(column, table.by_name)
    near = hint.partition("'")[2].partition("'")[0]
    term = table.by_name[near].term if near else "-"
    if near and term != "-":
        hint = hint.replace("?", f" ({term})?")
    return f"no column '{column}' in table {table.name}{hint}"
