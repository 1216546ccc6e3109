"""What a mapping of JSON documents says about their shape: which members are lists, objects, numbers, true or false."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from typing import Any

from tieout.formats import json_document, xml
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping

__all__ = ["as_json"]


def as_json(mapping: Mapping, content: bytes) -> bytes:
    """The document that the mapping's template wrote as elements, as JSON: in the shape of its schema, else of its blocks."""
    schema = mapping.settings.get("schema", {})
    shape: dict[str, set[str]] = {"array": set(), "object": {""}, "number": set(), "boolean": set()}
    for path, kind in _of_schema("", schema) if schema else _of_blocks(mapping):
        shape.setdefault(kind, set()).add(path)
    return json_document.text(
        xml.parse(content, mapping.id),
        lists=shape["array"],
        objects=shape["object"],
        numbers=shape["number"],
        flags=shape["boolean"],
        required=schema.get("required", ()),
    )


def _of_schema(path: str, schema: Dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each member's path and types."""
    kinds = schema.get("type", ())
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        yield path, str(kind)
    if "items" in schema:
        yield from _of_schema(path, schema["items"])
    for name, inner in schema.get("properties", {}).items():
        yield from _of_schema(f"{path}/{name}".lstrip("/"), inner)


def _of_blocks(mapping: Mapping) -> Iterator[tuple[str, str]]:
    for block in mapping.tables:
        if block.options.get("write") == "no":
            continue
        each = "" if block.each == "." else block.each
        yield from ((each, kind) for kind in ("array", "object") if each)
        for field in block.fields:
            wanted = field.options.get("write", field.path)
            if not isinstance(wanted, str):
                continue
            path = f"{each}/{wanted}".strip("/")
            yield path.rpartition("/")[0], "object"
            column = CANON[block.table].by_name[field.column]
            if column.sql_type.startswith(("DECIMAL", "BIGINT", "INTEGER")):
                yield path, "number"
            elif column.type == "boolean" and not field.options.get("present"):
                yield path, "boolean"
