"""YAML with line and column for every value, and JSON Schema messages in an auditor's words.

Reads what auditors write and nothing else: numbers are exact, dates and words stay text, only ``true`` and ``false``
are booleans, tags and merge keys are refused. Whoever loads a definition file comes through here.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tieout.library.nodes import Node, did_you_mean
from tieout.library.schema_words import explain
from tieout.model.errors import DefinitionError, Location, Mistake

__all__ = ["Node", "check", "check_parts", "did_you_mean", "has_schema", "load", "read"]

SCHEMAS = Path(__file__).parent / "schemas"
MAX_BYTES = 4_000_000
MAX_DEPTH = 40
MAX_ALIAS_VALUES = 20_000

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,37})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,37})?\.[0-9]{1,38}")
_Loader = getattr(yaml, "CLoader", yaml.Loader)


# --- reading ---


def load(source: Path | str, *, file: str | None = None) -> Node:
    """The file (a Path) or text (a str) as a Node tree.

    file: the name that locations carry; by default the path, or '<text>'.
    Raises DefinitionError with every mistake found.
    """
    node, mistakes = read(source, file=file)
    if mistakes or node is None:
        raise DefinitionError(mistakes)
    return node


def read(source: Path | str, *, file: str | None = None) -> tuple[Node | None, list[Mistake]]:
    """As ``load``, but the mistakes are returned; the Node is None where nothing can be made of the file."""
    name = file or (str(source) if isinstance(source, Path) else "<text>")
    text, mistake = _text(source, name)
    if mistake:
        return None, [mistake]
    builder = _Builder(name, text)
    loader = None
    try:
        loader = _Loader(text)
        node = builder.document(loader)
    except yaml.MarkedYAMLError as exc:
        return None, [*builder.mistakes, _syntax_mistake(exc, name, text)]
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        code = exc.character if isinstance(exc.character, int) else ord(str(exc.character)[0])
        what = f"the character U+{code:04X}"
        return None, [Mistake(Location(name, line), f"{what} may not stand in a YAML file; delete it")]
    except _Refused:
        return None, builder.mistakes
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        builder.mistakes.append(Mistake(Location(name), "the file is empty"))
    return node, builder.mistakes


def _text(source: Path | str, name: str) -> tuple[str, Mistake | None]:
    if isinstance(source, str):
        return source, None
    try:
        content = source.read_bytes()
    except FileNotFoundError:
        return "", Mistake(Location(name), "there is no such file")
    except OSError as exc:
        return "", Mistake(Location(name), f"the file cannot be read: {exc.strerror}")
    if len(content) > MAX_BYTES:
        return "", Mistake(Location(name), f"the file is larger than {MAX_BYTES // 1_000_000} MB; split it")
    try:
        return content.decode("utf-8-sig"), None
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        return "", Mistake(Location(name, line), "the file is not UTF-8; save it as UTF-8 in your editor")


class _Refused(Exception):
    """Reading stopped at something no tree can be made of; the mistake is already noted."""


class _Builder:
    """Makes the Node tree from PyYAML's events and collects mistakes on the way."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.mistakes: list[Mistake] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.open_anchors: set[str] = set()
        self.values = 0
        self.alias_values = 0

    def note(self, mark: Any, text: str) -> None:
        self.mistakes.append(Mistake(self.place(mark), text))

    def refuse(self, mark: Any, text: str) -> _Refused:
        self.note(mark, text)
        return _Refused()

    def place(self, mark: Any) -> Location:
        return Location(self.file, mark.line + 1, mark.column + 1)

    def document(self, loader: Any) -> Node | None:
        node = None
        count = 0
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                count += 1
                if count > 1:
                    raise self.refuse(event.start_mark, "'---' starts a second document here; one file holds one")
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                node = self.node(loader, event, 0)
        return node

    def node(self, loader: Any, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if depth > MAX_DEPTH:
            raise self.refuse(event.start_mark, f"more than {MAX_DEPTH} levels of lists and mappings in one another")
        if event.tag and event.tag not in ("!", "?"):
            self.note(
                event.start_mark, f"'{event.tag}': tags are not read here; write the value without it, or quote it"
            )
        before = self.values
        self.values += 1
        if event.anchor:
            self.open_anchors.add(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            node = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(loader, event, depth)
        else:
            node = self.mapping(loader, event, depth)
        if event.anchor:
            self.open_anchors.discard(event.anchor)
            self.anchors[event.anchor] = node, self.values - before
        return node

    def alias(self, event: Any) -> Node:
        if event.anchor in self.open_anchors:
            raise self.refuse(event.start_mark, f"'*{event.anchor}' stands inside what it refers to")
        if event.anchor not in self.anchors:
            raise self.refuse(
                event.start_mark, f"'*{event.anchor}' refers to '&{event.anchor}', which is nowhere above"
            )
        node, size = self.anchors[event.anchor]
        self.values += size
        self.alias_values += size
        if self.alias_values > MAX_ALIAS_VALUES:
            raise self.refuse(
                event.start_mark, f"the aliases of this file stand for more than {MAX_ALIAS_VALUES} values"
            )
        return node

    def scalar(self, event: Any) -> Node:
        raw = self.text[event.start_mark.index : event.end_mark.index]
        plain = event.style is None or event.style == ""
        value = _scalar_value(event.value) if plain else event.value
        return Node(value, self.place(event.start_mark), event.value, {}, raw)

    def sequence(self, loader: Any, start: Any, depth: int) -> Node:
        items = []
        while not isinstance(event := loader.get_event(), yaml.SequenceEndEvent):
            items.append(self.node(loader, event, depth + 1))
        return Node(tuple(items), self.place(start.start_mark))

    def mapping(self, loader: Any, start: Any, depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Location] = {}
        while not isinstance(event := loader.get_event(), yaml.MappingEndEvent):
            key = self.node(loader, event, depth + 1)
            mark = event.start_mark
            value = self.node(loader, loader.get_event(), depth + 1)
            if isinstance(key.value, tuple | dict):
                self.note(mark, "a list or mapping cannot be a key; put text that starts with [ or { in quotes")
                continue
            name = key.text
            if name == "<<" and not key.raw.startswith(("'", '"')):
                self.note(mark, "'<<' (merge) is not read; write the keys out")
            elif name in entries:
                self.note(mark, f"'{name}' stands twice; the first is on line {keys[name].line}; keep one")
            else:
                entries[name] = value
                keys[name] = self.place(mark)
        return Node(entries, self.place(start.start_mark), "", keys)


def _scalar_value(text: str) -> Any:
    """What a plain scalar means: exact numbers, true, false, null; anything else is text."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text


# What libyaml says, and what an auditor can do about it. Looked up by a fragment of the problem text.
_SYNTAX = (
    ("mapping values are not allowed", "a second ': ' on this line; put text that contains ': ' in quotes"),
    ("cannot start any token", "this character cannot start a value; put the text in quotes"),
    ("expected ',' or ']'", "a list '[...]' is not closed, or a comma is missing in it"),
    ("expected ',' or '}'", "a mapping '{...}' is not closed, or a comma is missing in it"),
    ("unexpected end of stream", "a quote opened here is never closed"),
    ("could not find expected ':'", "a key without ': '; write 'key: value' (and text of several lines after '|')"),
    ("expected '-' indicator", "a list entry does not line up with the others; give each '- ' the same indent"),
    ("expected key", "a key does not line up with the others of its mapping; give each the same indent"),
    ("block sequence entries are not allowed", "'- ' cannot stand here; start the list on a line of its own"),
    ("block mapping", "this line does not line up with the ones above; check its indent"),
    ("expected <document start>", "text at the left margin that belongs to nothing above; check its indent"),
    ("undefined tag", "'!' starts a tag; put the text in quotes"),
    ("tag", "'!' starts a tag; put the text in quotes"),
    ("alphabetic or numeric character", "'&' and '*' start anchors and aliases; put the text in quotes"),
    ("unknown escape character", "an unknown '\\' escape in double quotes; use single quotes"),
    ("escape", "a bad '\\' escape in double quotes; use single quotes"),
    ("exceeded max depth", "too many lists and mappings in one another"),
    ("control characters", "a control character; delete it"),
    ("indentation", "check the indent of this text"),
)


def _syntax_mistake(exc: yaml.MarkedYAMLError, file: str, text: str) -> Mistake:
    mark = exc.problem_mark or exc.context_mark
    problem = str(exc.problem or "")
    if "unexpected end of stream" in problem and exc.context_mark:
        mark = exc.context_mark
    if mark is None:
        return Mistake(Location(file), "the file is not YAML")
    place = Location(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column : mark.column + 1] == "\t":
        return Mistake(place, "a tab in the indent; YAML wants spaces: replace each tab by two")
    for fragment, advice in _SYNTAX:
        if fragment in problem:
            return Mistake(place, f"not YAML: {advice}")
    return Mistake(place, "not YAML: this line, or the one above, cannot be read; check indents, quotes and ': '")


# --- checking ---


def has_schema(name: str) -> bool:
    """Whether schemas/<name>.schema.json is there."""
    return (SCHEMAS / f"{name}.schema.json").is_file()


@cache
def _validator(name: str) -> Any:
    import jsonschema  # Not needed where what was read before is kept, and slow to import.

    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def check(node: Node, schema: str) -> list[Mistake]:
    """Every way in which the tree departs from schemas/<schema>.schema.json, in file order.

    A subschema may carry ``x-expected``: the words that follow 'must be' where its own keywords would not tell.
    """
    return sorted({mistake for _, mistake in check_parts(node, schema)})


def check_parts(node: Node, schema: str) -> list[tuple[tuple[Any, ...], Mistake]]:
    """As ``check``, each mistake with the path of the value it concerns, such as ('rules', 3, 'severity')."""
    return [
        (tuple(error.absolute_path), mistake)
        for error in _validator(schema).iter_errors(node.plain())
        for mistake in explain(error, node)
    ]
