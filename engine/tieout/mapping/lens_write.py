"""Canonical rows of one invoice -> the document, by the same mapping that reads it.

The mapping's template (``lens_template``) is filled with the rows. An element without content is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from functools import lru_cache

from tieout.mapping.lens_children import first_of_each, rows_of
from tieout.mapping.lens_json import as_json
from tieout.mapping.lens_shown import FURTHER, Context
from tieout.mapping.lens_template import Element, Template, denied
from tieout.mapping.lens_texts import Rows, with_texts
from tieout.model.definitions import Mapping
from tieout.model.errors import FormatError

__all__ = ["write"]


def write(mapping: Mapping, tables: Dict[str, Rows]) -> bytes:
    """The document of one invoice, UTF-8: XML with a declaration, or JSON.

    tables: the rows of each canonical table that belong to the invoice, columns by name (Decimal, date, bool, int or
        text; numbers as exact text are fine); invoice has one row. Child rows come in the order of row_no. With the
        rows of as_written, what no value shows is written as it stood.
    Raises DefinitionError where the mapping does not write, FormatError for a character XML cannot carry.
    """
    content = _render(_template(_Key(mapping)), tables)
    return as_json(mapping, content) if mapping.format == "json_document" else content


class _Key:
    """A mapping as a cache key: by identity, for mappings hold dicts."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping

    def __hash__(self) -> int:
        return hash((self.mapping.id, self.mapping.fingerprint, id(self.mapping)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.mapping is self.mapping


@lru_cache(maxsize=32)
def _template(key: _Key) -> Template:
    return Template(key.mapping)


def _render(template: Template, tables: Dict[str, Rows]) -> bytes:
    """The document of the rows."""
    tables = with_texts(template.mapping, tables)
    context: Context = {
        name: first_of_each(rows) if name in template.upward else rows[0] for name, rows in tables.items() if rows
    }
    spaces = "".join(
        f' xmlns{":" if prefix else ""}{prefix}="{_attribute(uri)}"' for prefix, uri in template.namespaces.items()
    )
    text, _ = _body(template.root, context, tables, spaces)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _element(element: Element, context: Context, tables: Dict[str, Rows]) -> tuple[str, bool]:
    if not element.repeats:
        text, strong = _body(element, context, tables)
        denied = element.always and any(claim.text(context) == "false" for claim in element.claims)
        return text, strong or (element.always and not denied)
    pieces = []
    for block in element.repeats:
        rows, made = rows_of(block, context, tables)
        for number, row in enumerate(rows):
            inner = {**context, block.table: row, **(FURTHER if number else {})}
            text, strong = _body(element, inner, tables)
            if strong or not made:
                pieces.append(text)
    return "".join(pieces), bool(pieces)


def _body(element: Element, context: Context, tables: Dict[str, Rows], spaces: str = "") -> tuple[str, bool]:
    """The element as text, and whether anything in it says something (constants alone do not)."""
    text = next((shown for value in element.values if (shown := value.text(context)) is not None), None)
    inside, strong = _kids(element, context, tables)
    strong = strong or text is not None or any(claim.text(context) == "true" for claim in element.claims)
    attributes, named = "", set()
    for name, value, own in element.attributes:
        shown_value = None if name in named else value.text(context)
        if shown_value is not None:
            named.add(name)
            attributes += f' {name}="{_attribute(shown_value)}"'
            strong = strong or own
    for name, constant in element.constants:
        attributes += f' {name}="{_attribute(constant)}"'
    if text is None:
        text = element.constant
    content = (_escaped(text) if text is not None else "") + inside
    opening = f"<{element.tag}{spaces}{attributes}"
    return (f"{opening}>{content}</{element.tag}>" if content else f"{opening}/>"), strong


def _kids(element: Element, context: Context, tables: Dict[str, Rows]) -> tuple[str, bool]:
    """The elements inside as text, and whether one of them says something."""
    inside: list[str] = []
    strong = False
    invoice, chosen = context.get("invoice", {}), set()
    for kid in element.kids:
        shown, says = _element(kid, context, tables)
        if says and kid.chosen_by:
            # Predicates by two columns with one value choose one element: both columns were read from it.
            place = (kid.name, *(invoice.get(column) for column in kid.chosen_by))
            if place in chosen:
                continue
            chosen.add(place)
        if says or (kid.required and not denied(kid, context)):
            inside.append(shown)
            strong = strong or says
    return "".join(inside), strong


_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile('[&<>"\r\n\t]')
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


def _escaped(text: str) -> str:
    _refuse_illegal(text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _attribute(text: str) -> str:
    _refuse_illegal(text)
    return _MARKUP.sub(lambda match: _REFERENCES[match[0]], text)


def _refuse_illegal(text: str) -> None:
    if match := _ILLEGAL.search(text):
        raise FormatError(f"the character U+{ord(match[0]):04X} in {text[:40]!a} cannot stand in XML")
