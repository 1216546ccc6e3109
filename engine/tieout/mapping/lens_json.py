"""What a mapping of JSON documents says about their shape: which members are lists, numbers, true or false."""

from __future__ import annotations

from tieout.formats import json_document, xml
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping

__all__ = ["as_json"]


def as_json(mapping: Mapping, content: bytes) -> bytes:
    """The document that the mapping's template wrote as elements, as JSON."""
    lists, numbers, flags = set(), set(), set()
    for block in mapping.tables:
        each = "" if block.each == "." else block.each
        lists |= {each} - {""}
        for field in block.fields:
            wanted = field.options.get("write", field.path)
            if isinstance(wanted, str):
                path = f"{each}/{wanted}".strip("/")
                column = CANON[block.table].by_name[field.column]
                if column.sql_type.startswith(("DECIMAL", "BIGINT", "INTEGER")):
                    numbers.add(path)
                elif column.type == "boolean" and not field.options.get("present"):
                    flags.add(path)
    root = xml.parse(content, mapping.id)
    return json_document.text(root, lists=lists, numbers=numbers, flags=flags)
