"""Where the values of a row stand in its document: element paths with positions, JSON paths, column headings.

Worked out from the mapping alone. ``validation`` asks through ``Places`` for the findings it writes; a template holds
``{row}`` (the position of the row), ``{line}`` (of its invoice line) and ``{outer}`` (of the row it stands in).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import cached_property

from tieout.mapping.fields import named
from tieout.mapping.paths import PathSyntaxError, Step, Test, parse_path
from tieout.model.canon import CANON
from tieout.model.definitions import Field, Mapping, TableMapping

__all__ = ["Place", "Places", "filled"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of a row stands, and what encloses it as the inventory of elements names it."""

    template: str
    enclosing: tuple[str, ...] = ()
    """For a row that is the only one of its document: the paths around the place and its own, outermost first."""


class Places:
    """The places of the mappings' columns."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        self._known = {each.id: _Document(each) for each in mappings}
        self._found: dict[tuple[str, str, tuple[str, ...]], dict[int, Place]] = {}

    def __call__(self, mapping: str, table: str, columns: tuple[str, ...]) -> Dict[int, Place]:
        """What the columns of a row have in common, by block of the table (0 where the table has one).

        Columns come in the order of their importance. Empty where the mapping does not fill the table.
        """
        key = (mapping, table, columns)
        if key not in self._found:
            document = self._known.get(mapping)
            self._found[key] = document.places(table, columns) if document else {}
        return self._found[key]

    def root(self, mapping: str) -> str:
        """The path of a document's root."""
        document = self._known.get(mapping)
        return document.root if document else ""


def filled(template: str, *, row: int | None = None, line: int | None = None) -> str:
    """The template with the positions; '' where one that it wants is not known."""
    for name, number in (("row", row), ("line", line)):
        if number is not None:
            template = template.replace(f"{{{name}}}", str(number)).replace(f"{{{name}-1}}", str(number - 1))
    return "" if "{" in template else template


class _Document:
    """The places of one mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._prefixes = {uri: prefix for prefix, uri in mapping.namespaces.items()}

    @cached_property
    def root(self) -> str:
        """The path of the root: /Invoice, or $ of JSON; '' of a table."""
        if self.mapping.format != "xml":
            return "$" if self.mapping.format == "json_document" else ""
        return f"/{self._name(str(self.mapping.identify.get('root', '*')))}"

    def places(self, table: str, columns: Sequence[str]) -> dict[int, Place]:
        blocks = [each for each in self.mapping.tables if each.table == table]
        if not self.root:
            headings = dict.fromkeys(each for name in columns for block in blocks for each in _headings(block, name))
            return {0: Place(", ".join(headings))} if headings else {}
        if len(blocks) > 1 and "block_no" not in CANON[table].by_name:
            shared = _common([self._each(block) for block in blocks])
            return {0: self._place(shared, {}, len(blocks))}
        found = {}
        for number, block in enumerate(blocks, 1):
            each = self._each(block)
            steps = each + self._inside(block, columns)
            found[number if len(blocks) > 1 else 0] = self._place(steps, self._positions(block, each), len(each))
        return found

    def _inside(self, block: TableMapping, columns: Sequence[str]) -> tuple[Step, ...]:
        """The steps from a row's element to what the columns have in common; to the first column's where that is nothing."""
        ways = [self._ways(block, name) for name in columns]
        known = [_common(paths) for paths in ways if paths]
        if not known:
            return ()
        return _common(known) or known[0]

    def _ways(self, block: TableMapping, column: str) -> list[tuple[Step, ...]]:
        """The steps from a row's element to each place where the column may stand; none for one that stands above it."""
        found = []
        for field in block.fields:
            for text in _texts(field) if field.column == column else ():
                steps = self._steps(text)
                if steps is not None:
                    found.append(steps)
        return found

    def _each(self, block: TableMapping) -> tuple[Step, ...]:
        return self._steps(block.each) or ()

    def _steps(self, text: str) -> tuple[Step, ...] | None:
        try:
            path = parse_path(text, self.mapping.namespaces)
        except PathSyntaxError:
            return None
        return None if path.up else (*path.steps, *((Step(f"@{path.attribute}"),) if path.attribute else ()))

    def _positions(self, block: TableMapping, each: tuple[Step, ...]) -> dict[int, str]:
        """Which steps are numbered, and by what. Rows that were left out leave no numbers, so neither have the others."""
        table = CANON[block.table]
        if not each or "row_no" not in table.key or "keep_when" in block.options:
            return {}
        positions = {len(each) - 1: "row"}
        if "line_row_no" in table.by_name:
            above = next(len(self._each(b)) for b in self.mapping.tables if b.table == table.parent)
            positions[above - 1] = "line"
        for field in block.fields:
            if outer := field.options.get("row_of"):
                above = next(len(self._each(b)) for b in self.mapping.tables if b.table == outer)
                positions[above - 1] = "outer"
        return positions

    def _place(self, steps: Sequence[Step], positions: dict[int, str], own: int) -> Place:
        """own: how many of the steps lead to the row's element."""
        if self.mapping.format == "json_document":
            names = [
                self._name(step.name) + (f"[{{{positions[n]}-1}}]" if n in positions else "")
                for n, step in enumerate(steps)
            ]
            return Place(".".join([self.root, *names]))
        shown = [
            self._name(step.name)
            + "".join(map(self._test, step.tests))
            + (f"[{{{positions[n]}}}]" if n in positions else "")
            for n, step in enumerate(steps)
        ]
        # Counted through all rows of another table: a position within its own is not what is known.
        if set(positions.values()) == {"row"} and self._in_rows(steps[:own]):
            head = "/".join([self.root, *shown[:own]]).replace("[{row}]", "")
            return Place("/".join([f"({head})[{{row}}]", *shown[own:]]))
        names = [self._name(step.name) for step in steps if not step.name.startswith("@")]
        around = tuple("/".join(names[:n]) for n in range(len(names) + 1)) if not own else ()
        return Place("/".join([self.root, *shown]), around)

    def _in_rows(self, each: Sequence[Step]) -> bool:
        """Whether the elements stand in elements that are rows, of whatever table."""
        others = [self._each(block) for block in self.mapping.tables]
        return any(0 < len(other) < len(each) and tuple(each[: len(other)]) == other for other in others)

    def _test(self, test: Test) -> str:
        """A predicate as XPath has it; '' for one by a column, whose value is not the mapping's to know."""
        if test.column:
            return ""
        operand = "/".join([*map(self._name, test.names), *([f"@{test.attribute}"] if test.attribute else [])]) or "."
        said = operand if test.literal is None else f"{operand}='{test.literal}'"
        return f"[not({said})]" if test.negated else f"[{said}]"

    def _name(self, clark: str) -> str:
        if not clark.startswith("{"):
            return clark
        uri, _, local = clark[1:].partition("}")
        return f"{self._prefixes[uri]}:{local}" if uri in self._prefixes else local


def _texts(field: Field) -> list[str]:
    """Every path a field of an element mapping reads."""
    options = field.options
    if "constant" in options or "row_of" in options or "from" in options:
        return []
    texts = [field.path] if field.path else []
    for name in ("single", "or", "or_single"):
        wanted = options.get(name, ())
        texts += [wanted] if isinstance(wanted, str) else list(wanted)
    texts += options.get("true_when", {})
    for name in ("count", "sum"):
        if name in options:
            texts.append("/".join(filter(None, (options[name]["each"], options[name].get("path")))))
    return [str(text) for text in texts]


def _headings(block: TableMapping, column: str) -> list[str]:
    return [name for field in block.fields if field.column == column for name in named(field)[:1]]


def _common(paths: Sequence[tuple[Step, ...]]) -> tuple[Step, ...]:
    """The steps that all paths begin with."""
    shared: list[Step] = []
    for steps in zip(*paths, strict=False):
        if any(step != steps[0] for step in steps):
            break
        shared.append(steps[0])
    return tuple(shared)
