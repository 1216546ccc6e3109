"""Canonical rows of one invoice -> the document, by the same mapping that reads it.

The mapping is compiled once into a template: a tree of elements that know their column. The order of elements is that of
the file, or of ``order`` where a table's elements stand between others. An element without content is left out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from tieout.mapping.lens_json import as_json
from tieout.mapping.lens_texts import WRITTEN, with_texts
from tieout.mapping.paths import Path, PathSyntaxError, Step, Test, parse_path
from tieout.model.canon import CANON, Column
from tieout.model.definitions import Field, Mapping, TableMapping
from tieout.model.errors import DefinitionError, FormatError, Location, Mistake
from tieout.model.money import minor_units

__all__ = ["Template", "write"]

Rows: TypeAlias = Sequence[Dict[str, Any]]
Context: TypeAlias = dict[str, Dict[str, Any]]
Getter: TypeAlias = Callable[[Context], str | None]


def write(mapping: Mapping, tables: Dict[str, Rows]) -> bytes:
    """The document of one invoice, UTF-8: XML with a declaration, or JSON.

    tables: the rows of each canonical table that belong to the invoice, columns by name (Decimal, date, bool, int or
        text; numbers as exact text are fine); invoice has one row. Child rows come in the order of row_no. With the
        rows of as_written, what no value shows is written as it stood.
    Raises DefinitionError where the mapping does not write, FormatError for a character XML cannot carry.
    """
    content = _template(_Key(mapping)).render(tables)
    return as_json(mapping, content) if mapping.format == "json_document" else content


AS_READ = "amount_due_currency_code"
LATER = "~later"
_LATER: Context = {LATER: {}}
"""Marks the second and further rows of a repeated element: what the invoice says once stands in the first."""


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


@dataclass(slots=True)
class _Value:
    """What an element or attribute shows: a column's text, when it may be shown."""

    table: str
    column: str
    text: Getter


@dataclass(slots=True)
class _Element:
    """One element of the template."""

    name: str
    tests: tuple[Test, ...] = ()
    kids: list[_Element] = field(default_factory=list)
    values: list[_Value] = field(default_factory=list)
    attributes: list[tuple[str, _Value, bool]] = field(default_factory=list)
    """Name, value, and whether the attribute alone makes the element worth writing."""
    claims: list[_Value] = field(default_factory=list)
    constant: str | None = None
    constants: list[tuple[str, str]] = field(default_factory=list)
    always: bool = False
    required: bool = False
    """Written whenever the element above is: a predicate or ``write_with`` wants it."""
    repeats: list[TableMapping] = field(default_factory=list)
    tag: str = ""

    @property
    def chosen_by(self) -> list[str]:
        """The columns of the invoice that its predicates name."""
        return [test.column.removeprefix("invoice.") for test in self.tests if test.column and not test.negated]


class Template:
    """A mapping turned around."""

    def __init__(self, mapping: Mapping) -> None:
        if not mapping.writes:
            raise DefinitionError([Mistake(mapping.location, f"{mapping.id} reads only: it has no 'writes: true'")])
        self.mapping = mapping
        self.mistakes: list[Mistake] = []
        self._prefixes = {uri: prefix for prefix, uri in mapping.namespaces.items()}
        root = str(mapping.identify["root"])
        self._home = root[1:].partition("}")[0] if root.startswith("{") else ""
        self.root = _Element(root if root.startswith("{") else "{*}" + root, always=True)
        self._upward: set[str] = set()
        """Tables with columns that stand outside of their rows' elements, once for all of them."""
        for block in mapping.tables:
            self._block(block)
        self._settings(mapping.settings)
        if self.mistakes:
            raise DefinitionError(self.mistakes)
        self._finish(self.root)

    # --- compiling ---

    def _path(self, text: str, at: Location) -> Path | None:
        try:
            return parse_path(text, self.mapping.namespaces)
        except PathSyntaxError as exc:
            self.mistakes.append(Mistake(at, str(exc)))
            return None

    def _block(self, block: TableMapping) -> None:
        each = self._path(str(block.options.get("write_each", block.each)), block.location)
        if each is None or block.options.get("write") == "no":
            return
        element = self._at(each.steps)
        if each.steps:
            element.repeats.append(block)
        for written in block.fields:
            for path, when in self._targets(written):
                self._field(block, each, written, path, when)

    def _targets(self, written: Field) -> list[tuple[Path, str | None]]:
        """Where a column is written: its path, or what ``write`` says; each maybe only when another column is there."""
        wanted = written.options.get("write", written.path)
        if wanted in (None, "no"):
            return []
        entries = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        targets = []
        for entry in entries:
            text, when = (str(entry["path"]), entry.get("when")) if isinstance(entry, dict) else (str(entry), None)
            if path := self._path(text, written.location):
                targets.append((path, None if when is None else str(when)))
        return targets

    def _field(self, block: TableMapping, each: Path, written: Field, path: Path, when: str | None) -> None:
        if path.up > len(each.steps):
            self.mistakes.append(Mistake(written.location, f"{path.text}: '../' leaves the document"))
            return
        if path.up:
            self._upward.add(block.table)
        element = self._at(each.steps[: len(each.steps) - path.up] + path.steps)
        column = CANON[block.table].by_name[written.column]
        value = _Value(block.table, written.column, _getter(block.table, column, written.options, when))
        if written.options.get("present"):
            element.claims.append(value)
        elif path.attribute:
            element.attributes.append((path.attribute, value, True))
        else:
            element.values.append(value)
            if currency := written.options.get("currency"):
                source = str(written.options.get("currency_column", f"invoice.{AS_READ}"))
                element.attributes.append((str(currency).lstrip("@"), _currency_of(source), False))

    def _at(self, steps: Sequence[Step]) -> _Element:
        element = self.root
        for step in steps:
            element = self._kid(element, step.name, step.tests)
        return element

    def _kid(self, parent: _Element, name: str, tests: tuple[Test, ...]) -> _Element:
        for kid in parent.kids:
            if kid.name == name and kid.tests == tests:
                return kid
        kid = _Element(name, tests)
        parent.kids.append(kid)
        for test in tests:
            self._satisfy(kid, test)
        return kid

    def _satisfy(self, element: _Element, test: Test) -> None:
        """Adds what makes a predicate true; a negated one is true by what is not written."""
        if test.negated:
            return
        target = element
        for name in test.names:
            target = self._kid(target, name, ())
            target.required = target.required or test.column is None
        if test.column:
            column = test.column
            shown = _Value("invoice", column, lambda context: _text(context.get("invoice", {}).get(column)))
            if test.attribute:
                target.attributes.append((test.attribute, shown, False))
        elif test.literal is not None and test.attribute:
            target.constants.append((test.attribute, test.literal))
        elif test.literal is not None:
            target.constant = test.literal

    def _settings(self, settings: Dict[str, Any]) -> None:
        at = self.mapping.location
        for text in settings.get("always", ()):
            if path := self._path(str(text), at):
                self._at(path.steps).always = True
        for name, beside in settings.get("write_with", {}).items():
            step, paths = self._path(str(name), at), [(self._path(str(p), at), str(v)) for p, v in beside.items()]
            if step:
                for element in list(_all(self.root)):
                    if element.name == step.steps[0].name:
                        self._accompany(element, paths)
        for name, order in settings.get("order", {}).items():
            step, steps = self._path(str(name), at), [self._path(str(each), at) for each in order]
            ranks = {path.steps[0].name: n for n, path in enumerate(steps) if path}
            if step:
                wanted = step.steps[0].name if step.steps else self.root.name
                for element in _all(self.root):
                    if element.name == wanted:
                        element.kids.sort(key=lambda kid: ranks.get(kid.name, len(ranks)))

    def _accompany(self, element: _Element, paths: Sequence[tuple[Path | None, str]]) -> None:
        for path, text in paths:
            if path is None:
                continue
            target = element
            for step in path.steps:
                target = self._kid(target, step.name, step.tests)
                target.required = True
            if path.attribute:
                target.constants.append((path.attribute, text))
            elif target.constant is None:
                target.constant = text

    def _finish(self, element: _Element) -> None:
        element.tag = self._qualified(element.name)
        # Of two that may be shown under one name, the one with a column of its own comes first.
        element.attributes = [
            (self._qualified(name, attribute=True), value, own)
            for name, value, own in sorted(element.attributes, key=lambda each: not each[2])
        ]
        element.constants = [(self._qualified(name, attribute=True), text) for name, text in element.constants]
        for kid in element.kids:
            self._finish(kid)

    def _qualified(self, name: str, *, attribute: bool = False) -> str:
        if not name.startswith("{"):
            return name
        uri, _, local = name[1:].partition("}")
        if uri in ("*", self._home) and not (attribute or uri in self._prefixes):
            return local if self._home not in self._prefixes else f"{self._prefixes[self._home]}:{local}"
        return f"{self._prefixes[uri]}:{local}"

    # --- rendering ---

    def render(self, tables: Dict[str, Rows]) -> bytes:
        """The document of the rows."""
        tables = with_texts(self.mapping, tables)
        context: Context = {
            name: _first_of_each(rows) if name in self._upward else rows[0] for name, rows in tables.items() if rows
        }
        spaces = "".join(f' xmlns:{prefix}="{_attribute(uri)}"' for prefix, uri in self.mapping.namespaces.items())
        if self._home and self._home not in self._prefixes:
            spaces = f' xmlns="{_attribute(self._home)}"' + spaces
        text, _ = self._body(self.root, context, tables, spaces)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()

    def _element(self, element: _Element, context: Context, tables: Dict[str, Rows]) -> tuple[str, bool]:
        if not element.repeats:
            text, strong = self._body(element, context, tables)
            denied = element.always and any(claim.text(context) == "false" for claim in element.claims)
            return text, strong or (element.always and not denied)
        pieces = []
        for block in element.repeats:
            rows, made = _rows_of(block, context, tables)
            for number, row in enumerate(rows):
                inner = {**context, block.table: row, **(_LATER if number else {})}
                text, strong = self._body(element, inner, tables)
                if strong or not made:
                    pieces.append(text)
        return "".join(pieces), bool(pieces)

    def _body(self, element: _Element, context: Context, tables: Dict[str, Rows], spaces: str = "") -> tuple[str, bool]:
        """The element as text, and whether anything in it says something (constants alone do not)."""
        text, strong = None, False
        for value in element.values:
            text = value.text(context)
            if text is not None:
                strong = True
                break
        inside: list[str] = []
        invoice, chosen = context.get("invoice", {}), set()
        for kid in element.kids:
            shown, says = self._element(kid, context, tables)
            if says and kid.chosen_by:
                # Predicates by two columns with one value choose one element: both columns were read from it.
                place = (kid.name, *(invoice.get(column) for column in kid.chosen_by))
                if place in chosen:
                    continue
                chosen.add(place)
            if says or kid.required:
                inside.append(shown)
                strong = strong or says
        for claim in element.claims:
            strong = strong or claim.text(context) == "true"
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
        content = (_escaped(text) if text is not None else "") + "".join(inside)
        opening = f"<{element.tag}{spaces}{attributes}"
        return (f"{opening}>{content}</{element.tag}>" if content else f"{opening}/>"), strong


def _all(element: _Element) -> list[_Element]:
    return [element, *(below for kid in element.kids for below in _all(kid))]


def _rows_of(block: TableMapping, context: Context, tables: Dict[str, Rows]) -> tuple[Rows, bool]:
    """The rows of a block that belong to the enclosing rows and that ``write_when`` admits; whether ``write_else`` made them."""
    options = block.options
    rows: Rows = tables.get(block.table, ())
    if not rows and "write_else" in options:
        return _made(options["write_else"], context.get("invoice", {})), True
    parent = CANON[block.table].parent
    if parent == "invoice_line" and parent in context:
        number = context[parent].get("row_no")
        rows = [row for row in rows if row.get("line_row_no") == number]
    if inside := options.get("write_in"):
        rows = _inside(rows, context, tables, str(inside["of"]), str(inside["column"]), "others" in inside)
    if when := options.get("write_when"):
        column, there = str(when["column"]), when.get("is", "there") == "there"
        rows = [row for row in rows if (row.get(column) is not None or WRITTEN + column in row) is there]
    return list(rows), False


def _inside(
    rows: Rows, context: Context, tables: Dict[str, Rows], table: str, column: str, others: bool
) -> list[Dict[str, Any]]:
    """The rows that stand in the enclosing row of a table; with others, the first of it takes those that say no row."""
    number = context.get(table, {}).get("row_no")
    first = others and number == next((row.get("row_no") for row in tables.get(table, ())), 1)
    return [row for row in rows if row.get(column) == number or (first and row.get(column) is None)]


def _made(wanted: Sequence[Dict[str, str]], invoice: Dict[str, Any]) -> list[Dict[str, Any]]:
    """Rows of the invoice's own columns: empty where the first column of one is, none that repeats all but the first."""
    rows: list[Dict[str, Any]] = []
    for entry in wanted:
        row = {column: invoice.get(source) for column, source in entry.items()}
        main, *rest = row
        if row[main] is None:
            row = {}
        if not any(row.get(name) == other.get(name) for name in rest for other in rows if row and other):
            rows.append(row)
    return [{**row, "row_no": number} for number, row in enumerate(rows, 1)]


def _first_of_each(rows: Rows) -> dict[str, Any]:
    """Of each column the first value there is: what stands once for all rows."""
    found: dict[str, Any] = {}
    for row in rows:
        found.update({name: value for name, value in row.items() if value is not None and name not in found})
    return found


# --- values as text ---


def _getter(table: str, column: Column, options: Dict[str, Any], when: str | None) -> Getter:
    show = _shower(column, options)
    name, as_written = column.name, WRITTEN + column.name
    negated = bool(when and when.startswith("not "))
    needed = when.removeprefix("not ") if when else None
    before = options.get("write_before", {})
    lead_column, mark = before.get("column"), before.get("with", "")

    def get(context: Context) -> str | None:
        row = context.get(table)
        if (
            row is None
            or (table == "invoice" and LATER in context)
            or (needed is not None and (row.get(needed) is None) is not negated)
        ):
            return None
        if as_written in row:
            return str(row[as_written])
        value = row.get(name)
        if value is None:
            return None
        lead = row.get(lead_column) if lead_column else None
        return f"{mark}{lead}{mark}{show(value, context)}" if lead else show(value, context)

    return get


def _currency_of(source: str) -> _Value:
    """The currency that stands with an amount: of the enclosing row (``table.column``), else as read, else the invoice's."""
    table, _, column = source.rpartition(".")

    def get(context: Context) -> str | None:
        invoice = context.get("invoice", {})
        codes = (context.get(table, {}).get(column), invoice.get(AS_READ), invoice.get("invoice_currency_code"))
        return next((str(code) for code in codes if code is not None), None)

    return _Value(table or "invoice", column, get)


def _shower(column: Column, options: Dict[str, Any]) -> Callable[[Any, Context], str]:
    back = {str(value): str(key) for key, value in options.get("map", {}).items()}
    if back:
        return lambda value, _: back.get(str(value), str(value))
    if column.type == "date" and str(options.get("format")) == "102":
        return lambda value, _: _text(value).replace("-", "")
    if column.sql_type.startswith("DECIMAL"):
        power = int(options.get("power", 0))
        if column.type in ("amount", "money"):
            return lambda value, context: _money(Decimal(str(value)), context)
        return lambda value, _: _number(Decimal(str(value)).scaleb(-power))
    return lambda value, _: _text(value)


def _text(value: Any) -> Any:
    """A value as XML Schema writes it; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _number(value: Decimal, decimals: int = 0) -> str:
    """A number without an exponent and without more trailing zeros than asked for."""
    text = format(value, "f")
    whole, _, part = text.partition(".")
    part = part.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{part}" if part else whole


def _money(value: Decimal, context: Context) -> str:
    # EN 16931 knows no more than two decimals, also where a currency has three (OMR, KWD).
    return _number(value, min(2, minor_units(context.get("invoice", {}).get("invoice_currency_code"))))


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
