"""JSON documents as element trees and back, so that one kind of mapping reads XML and JSON alike.

A member is an element of its name, a list a repeated element, a scalar the element's text; null and what is absent are the
same. Characters that no element name may have become ``_``. ``json`` reads records of tables; this reads invoices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tieout.formats import json_lines, xml
from tieout.formats.encoding import decode
from tieout.formats.json import load
from tieout.model.errors import FormatError, Location
from tieout.model.records import Document

if TYPE_CHECKING:
    import jsonschema

__all__ = ["documents", "location", "text", "tree", "violations"]

ROOT = "document"
DEPTH = 50
_SHOWN = 5
_NO_NAME = re.compile(r"[^\w.-]", re.A)


class _Written(Decimal):
    """A number that remembers how it was written."""

    written: str

    def __new__(cls, written: str) -> _Written:
        made = super().__new__(cls, written)
        made.written = written
        return made


def documents(document: Document) -> Iterator[tuple[str, Any]]:
    """(name, value) of each document in the file: the value itself, or each entry of a list or of JSON lines.

    Several are named ``file#1``, ``file#2`` ... Raises FormatError where the text is no JSON.
    """
    content = decode(document, "utf-8")
    try:
        values = load(content, document.uri, 0, number=_Written)
        found = values if isinstance(values, list) else [values]
    except FormatError:
        lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not lines[1][1].lstrip().startswith("{"):
            raise
        found = [load(line, document.uri, number, number=_Written) for number, line in lines]
    for number, value in enumerate(found, 1):
        yield (document.uri if len(found) == 1 else f"{document.uri}#{number}"), value


def violations(value: Any, schema: Dict[str, Any]) -> str:
    """What the value lacks or has wrong by a JSON Schema, in one line; empty where it fits."""
    import jsonschema  # Only invoices as JSON need it, and it is slow to import.

    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)(
        schema, format_checker=jsonschema.FormatChecker()
    )
    errors = sorted(validator.iter_errors(value), key=lambda each: [str(part) for part in each.absolute_path])
    shown = [f"{'.'.join(map(str, each.absolute_path)) or 'the document'}: {_said(each)}" for each in errors]
    more = f"; and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return "; ".join(shown[:_SHOWN]) + more


def location(document: Document, name: str, wrong: str) -> Location:
    """Where the first of the violations stands; name: of the document within the file, which may hold several."""
    try:
        known = json_lines.lines(decode(document, "utf-8"))
    except FormatError:
        return Location(document.uri)
    path = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", "." + wrong.partition(": ")[0].replace("the document", "")).rstrip(".")
    number = int(name.rpartition("#")[2]) - 1 if name != document.uri else 0
    if len(known) > 1:
        return Location(document.uri, json_lines.line_of(f"${path}", known[number]) or 0)
    several = f"[{number}]" if name != document.uri else ""
    return Location(document.uri, json_lines.line_of(f"${several}{path}", known[0]) or 0)


def _said(error: jsonschema.ValidationError) -> str:
    """What is wrong, with what to write for the mistakes that people make most."""
    if error.validator == "format" and error.validator_value == "date":
        return f"'{str(error.instance)[:40]}' is no date as 2026-08-31"
    kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    if error.validator == "type" and "number" in kinds and isinstance(error.instance, str):
        return f"'{error.instance[:40]}' is a text; write a number without quotes, as 1617.03"
    plain = re.sub(r"(?:_Written|Decimal)\('([^']*)'\)", r"\1", error.message)
    return plain if len(plain) <= 160 else f"{plain[:70]} ... {plain[-80:]}"


def tree(value: Any, uri: str) -> xml.Element:
    """The element tree of a JSON object. Its root is called ``document``, or by the only member where that is an object.

    Raises FormatError where the value is no object or is nested too deeply.
    """
    if not isinstance(value, dict):
        raise FormatError("the document is no JSON object", at=Location(uri))
    name, inner = next(iter(value.items())) if len(value) == 1 else (ROOT, value)
    if not isinstance(inner, dict):
        name, inner = ROOT, value
    root = xml.element(_name(name))
    _fill(root, inner, uri, 0)
    return root


def _fill(parent: xml.Element, members: Dict[str, Any], uri: str, depth: int) -> None:
    if depth > DEPTH:
        raise FormatError("nested too deeply", at=Location(uri))
    for key, member in members.items():
        for each in member if isinstance(member, list) else (member,):
            if each is None:
                continue
            child = xml.element(_name(key), parent)
            if isinstance(each, dict):
                _fill(child, each, uri, depth + 1)
            elif isinstance(each, list):
                raise FormatError(f"a list inside the list '{key}'", at=Location(uri))
            else:
                child.text = _text(each, uri)


def _name(key: str) -> str:
    name = _NO_NAME.sub("_", key) or "_"
    return name if not (name[0].isdigit() or name[0] in ".-") else f"_{name}"


def _text(value: Any, uri: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    written = value.written if isinstance(value, _Written) else str(value)
    if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", written):
        raise FormatError("a control character in a text", at=Location(uri))
    if isinstance(value, _Written) and "e" in written.lower() and abs(value.adjusted()) < 100:
        return f"{value:f}"
    return written


# --- writing ---


@dataclass(frozen=True, slots=True)
class _Shape:
    """The paths of members that are lists, numbers, true or false, or objects."""

    lists: frozenset[str]
    numbers: frozenset[str]
    flags: frozenset[str]
    objects: frozenset[str]


def text(
    root: xml.Element,
    *,
    lists: Collection[str],
    numbers: Collection[str],
    flags: Collection[str],
    objects: Collection[str] = (),
    required: Sequence[str] = (),
) -> bytes:
    """The tree as JSON, UTF-8, indented.

    lists, numbers, flags, objects: the paths (``lines/net_amount``) of members that are lists, numbers, true or false, or
        objects even where they are empty; all else text.
    required: members of the whole that are written also where there is nothing to say.
    """
    shape = _Shape(frozenset(lists), frozenset(numbers), frozenset(flags), frozenset(objects))
    value = _value(root, "", shape)
    if isinstance(value, dict):
        value = {**value, **{name: [] if name in shape.lists else None for name in required if name not in value}}
    if xml.local_name(root) != ROOT:
        value = {xml.local_name(root): value}
    return (_written(value, 0) + "\n").encode()


def _value(node: xml.Element, path: str, shape: _Shape) -> Any:
    if len(node) == 0 and not (path in shape.objects and not (node.text or "").strip()):
        content = node.text or ""
        if path in shape.numbers and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", content):
            return Decimal(content)
        return content == "true" if path in shape.flags and content in ("true", "false") else content
    members: dict[str, Any] = {}
    for child in node:
        name = xml.local_name(child)
        inside = f"{path}/{name}".lstrip("/")
        value = _value(child, inside, shape)
        if inside in shape.lists:
            members.setdefault(name, []).append(value)
        else:
            members[name] = value
    return members


def _written(value: Any, depth: int) -> str:
    """JSON with numbers as exact as they are."""
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        parts = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_written(each, depth + 1)}" for key, each in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{outer}}}" if parts else "{}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"{inner}{_written(each, depth + 1)}" for each in value) + f"\n{outer}]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
