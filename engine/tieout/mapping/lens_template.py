"""A mapping turned around: a tree of elements that know their column, made once a mapping. ``lens_write`` fills it.

The order of elements is that of the file, or of ``order`` where a table's elements stand between others.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tieout.mapping.lens_shown import AS_READ, Context, Value, currency_of, getter, text_of
from tieout.mapping.paths import Path, PathSyntaxError, Step, Test, parse_path
from tieout.model.canon import CANON
from tieout.model.definitions import Field, Mapping, TableMapping
from tieout.model.errors import DefinitionError, Location, Mistake

__all__ = ["Element", "Template", "denied"]


@dataclass(slots=True)
class Element:
    """One element of the template."""

    name: str
    tests: tuple[Test, ...] = ()
    kids: list[Element] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    attributes: list[tuple[str, Value, bool]] = field(default_factory=list)
    """Name, value, and whether the attribute alone makes the element worth writing."""
    claims: list[Value] = field(default_factory=list)
    constant: str | None = None
    constants: list[tuple[str, str]] = field(default_factory=list)
    always: bool = False
    required: bool = False
    """Written whenever the element above is: a predicate or ``write_with`` wants it."""
    unless_false: str = ""
    """A column of the row that the element is of: where it is false, what ``required`` says does not hold."""
    table: str = "invoice"
    """The table whose row the element is of."""
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
        self.root = Element(root if root.startswith("{") else "{*}" + root, always=True)
        self.upward: set[str] = set()
        """Tables with columns that stand outside of their rows' elements, once for all of them."""
        for block in mapping.tables:
            self._block(block)
        self._settings(mapping.settings)
        if self.mistakes:
            raise DefinitionError(self.mistakes)
        self._finish(self.root, "invoice")

    # --- compiling ---

    @property
    def namespaces(self) -> dict[str, str]:
        """Prefixes and namespaces that the root declares; '' is the default one."""
        home = {"": self._home} if self._home and self._home not in self._prefixes else {}
        return {**home, **self.mapping.namespaces}

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

    def _targets(self, written: Field) -> list[tuple[Path, tuple[str, ...]]]:
        """Where a column is written: its path, or what ``write`` says; each maybe only when other columns are there or not."""
        wanted = written.options.get("write", written.path)
        if wanted in (None, "no"):
            return []
        entries = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        targets = []
        for entry in entries:
            said = entry if isinstance(entry, dict) else {"path": entry}
            when = (said["when"],) if "when" in said else ()
            unless = (f"not {said['unless']}",) if "unless" in said else ()
            if path := self._path(str(said["path"]), written.location):
                targets.append((path, (*when, *unless)))
        return targets

    def _field(self, block: TableMapping, each: Path, written: Field, path: Path, when: Sequence[str]) -> None:
        if path.up > len(each.steps):
            self.mistakes.append(Mistake(written.location, f"{path.text}: '../' leaves the document"))
            return
        if path.up:
            self.upward.add(block.table)
        element = self._at(each.steps[: len(each.steps) - path.up] + path.steps)
        column = CANON[block.table].by_name[written.column]
        value = Value(block.table, written.column, getter(block.table, column, written.options, when))
        if written.options.get("present"):
            element.claims.append(value)
        elif path.attribute:
            element.attributes.append((path.attribute, value, True))
        else:
            element.values.append(value)
            if currency := written.options.get("currency"):
                source = str(written.options.get("currency_column", f"invoice.{AS_READ}"))
                element.attributes.append((str(currency).lstrip("@"), currency_of(source), False))

    def _at(self, steps: Sequence[Step]) -> Element:
        element = self.root
        for step in steps:
            element = self._kid(element, step.name, step.tests)
        return element

    def _kid(self, parent: Element, name: str, tests: tuple[Test, ...]) -> Element:
        for kid in parent.kids:
            if kid.name == name and kid.tests == tests:
                return kid
        kid = Element(name, tests)
        parent.kids.append(kid)
        for test in tests:
            self._satisfy(kid, test)
        return kid

    def _satisfy(self, element: Element, test: Test) -> None:
        """Adds what makes a predicate true; a negated one is true by what is not written."""
        if test.negated:
            return
        target = element
        for name in test.names:
            target = self._kid(target, name, ())
            target.required = target.required or test.column is None
        if test.column:
            column = test.column
            shown = Value("invoice", column, lambda context: text_of(context.get("invoice", {}).get(column)))
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
            if step := self._path(str(name), at):
                for element in list(_all(self.root)):
                    if element.name == step.steps[0].name:
                        self._accompany(element, beside)
        for name, order in settings.get("order", {}).items():
            step, steps = self._path(str(name), at), [self._path(str(each), at) for each in order]
            ranks = {path.steps[0].name: n for n, path in enumerate(steps) if path}
            if step:
                wanted = step.steps[0].name if step.steps else self.root.name
                for element in _all(self.root):
                    if element.name == wanted:
                        element.kids.sort(key=lambda kid: ranks.get(kid.name, len(ranks)))

    def _accompany(self, element: Element, beside: Dict[str, Any]) -> None:
        for place, said in beside.items():
            text, unless = (said["text"], said["unless_false"]) if isinstance(said, dict) else (said, "")
            path = self._path(str(place), self.mapping.location)
            if path is None:
                continue
            target = element
            for step in path.steps:
                target = self._kid(target, step.name, step.tests)
                target.required = True
            target.unless_false = str(unless)
            if path.attribute:
                target.constants.append((path.attribute, str(text)))
            elif target.constant is None:
                target.constant = str(text)

    def _finish(self, element: Element, table: str) -> None:
        element.table = element.repeats[0].table if element.repeats else table
        element.tag = self._qualified(element.name)
        # Of two that may be shown under one name, the one with a column of its own comes first.
        element.attributes = [
            (self._qualified(name, attribute=True), value, own)
            for name, value, own in sorted(element.attributes, key=lambda each: not each[2])
        ]
        element.constants = [(self._qualified(name, attribute=True), text) for name, text in element.constants]
        for kid in element.kids:
            self._finish(kid, element.table)

    def _qualified(self, name: str, *, attribute: bool = False) -> str:
        if not name.startswith("{"):
            return name
        uri, _, local = name[1:].partition("}")
        if uri in ("*", self._home) and not (attribute or uri in self._prefixes):
            return local if self._home not in self._prefixes else f"{self._prefixes[self._home]}:{local}"
        return f"{self._prefixes[uri]}:{local}"


def _all(element: Element) -> list[Element]:
    return [element, *(below for kid in element.kids for below in _all(kid))]


def denied(element: Element, context: Context) -> bool:
    """Whether a row says that a constant element is not what stands there."""
    return bool(element.unless_false) and context.get(element.table, {}).get(element.unless_false) is False
