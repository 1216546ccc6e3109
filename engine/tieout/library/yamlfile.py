"""YAML with line and column for every value, and JSON Schema messages in an auditor's words.

Reads what auditors write and nothing else: numbers are exact, dates and words stay text, only ``true`` and ``false``
are booleans, tags and merge keys are refused. Whoever loads a definition file comes through here.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tieout.model.errors import DefinitionError, Location, Mistake

__all__ = ["Node", "check", "check_parts", "did_you_mean", "has_schema", "load", "read"]

SCHEMAS = Path(__file__).parent / "schemas"
MAX_BYTES = 4_000_000
MAX_DEPTH = 40
MAX_ALIAS_VALUES = 20_000

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,37})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,37})?\.[0-9]{1,38}")
_Loader = getattr(yaml, "CLoader", yaml.Loader)


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a YAML file and where it stands."""

    value: Any
    """None, bool, int, Decimal, str, a tuple of Node, or a dict of key to Node."""
    location: Location
    text: str = ""
    """A scalar as written, without its quotes; empty for lists and mappings."""
    keys: Mapping[str, Location] = field(default_factory=dict)
    """For a mapping: where each key stands."""
    raw: str = field(default="", repr=False)
    """A scalar's characters in the file, with quotes, folds and indents."""

    def __getitem__(self, key: str) -> Node:
        node: Node = self.value[key]
        return node

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def __iter__(self) -> Iterator[Node]:
        return iter(self.value if isinstance(self.value, tuple) else ())

    def get(self, key: str) -> Node | None:
        """The value under the key; None where it is absent, null, or this is no mapping."""
        node: Node | None = self.value.get(key) if isinstance(self.value, dict) else None
        return None if node is None or node.value is None else node

    def items(self) -> Iterable[tuple[str, Node]]:
        """The entries of a mapping in their written order; none for anything else."""
        return self.value.items() if isinstance(self.value, dict) else ()

    def plain(self, key: str | None = None, default: Any = None) -> Any:
        """The value (or the one under the key) as dict, list, str, int, Decimal, bool and None."""
        if key is not None:
            node = self.get(key)
            return default if node is None else node.plain()
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, offset: int) -> Location:
        """The place in the file of a character of a scalar, counted from 0 in its value."""
        if not self.raw:
            return self.location
        index = _raw_index(str(self.text), self.raw, offset)
        before = self.raw[:index]
        line = before.count("\n")
        column = len(before) - (before.rfind("\n") + 1) if line else self.location.column - 1 + len(before)
        return Location(self.location.file, self.location.line + line, column + 1)

    def mistake(self, text: str, *, key: str | None = None) -> Mistake:
        """A mistake at this value, or at the given key of this mapping."""
        return Mistake(self.keys.get(key, self.location) if key else self.location, text)


def _raw_index(text: str, raw: str, offset: int) -> int:
    """Where character ``offset`` of a scalar's value stands in its raw characters (quotes, indents and folds skipped)."""
    index = 0
    if raw == text:
        return offset
    if raw[:1] in "|>":
        index = raw.find("\n") + 1
    elif raw[:1] in "'\"":
        index = 1
    for position, char in enumerate(text[: offset + 1]):
        if char.isspace():
            if index < len(raw) and raw[index].isspace() and position < offset:
                index += 1
            continue
        while index < len(raw) and raw[index] != char:
            index += 1
        if position < offset:
            index += 2 if raw[:1] == "'" and char == "'" else 1
    return min(index, len(raw))


def did_you_mean(name: str, known: Iterable[str], *, near: float = 0.6) -> str:
    """``; did you mean 'x'?`` for the nearest known name: one that contains it, else one spelled alike; else empty."""
    folded = {each.lower(): each for each in known}
    lowered = name.lower()
    longer = [each for each in folded if len(lowered) > 3 and lowered in each]
    found = [min(longer, key=len)] if longer else difflib.get_close_matches(lowered, folded, n=1, cutoff=near)
    return f"; did you mean '{folded[found[0]]}'?" if found else ""


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
        for mistake in _explain(error, node)
    ]


def _explain(error: Any, root: Node) -> Iterator[Mistake]:
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _explain_alternatives(error, root)
        return
    node = _find(root, error.absolute_path)
    where = _name(error.absolute_path)
    if "propertyNames" in error.schema_path and error.instance in node.keys:
        yield node.mistake(f"'{error.instance}' cannot be a key{where}; {_expected(error)}", key=error.instance)
        return
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            known = tuple(error.schema.get("properties", {}))
            patterns = tuple(error.schema.get("patternProperties", {}))
            for key in error.instance:
                if key not in known and not any(re.search(pattern, key) for pattern in patterns):
                    hint = did_you_mean(key, known) or (f"; known are {', '.join(known)}" if known else "")
                    yield node.mistake(f"unknown key '{key}'{where}{hint}", key=key)
        case "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            for key in missing:
                if f"'{key}' is a required" in error.message:
                    known = error.schema.get("properties")
                    unknown = [name for name in error.instance if name not in known] if known else []
                    written = did_you_mean(key, unknown).replace("; did you mean", "; is it meant by")
                    yield node.mistake(f"'{key}' is missing{where}{written}")
        case _:
            yield node.mistake(f"{_shown(error.instance)}{where}: {_expected(error)}")


def _explain_alternatives(error: Any, root: Node) -> Iterator[Mistake]:
    """The mistakes of the alternative that was most likely meant: the one whose type fits and that fails least."""
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    depth = len(error.absolute_path)
    fitting = [
        inners
        for inners in branches.values()
        if not any(
            inner.validator in ("type", "const", "enum") and len(inner.absolute_path) == depth for inner in inners
        )
    ]
    if fitting and "x-expected" not in error.schema:
        for inner in min(fitting, key=len):
            yield from _explain(inner, root)
        return
    node = _find(root, error.absolute_path)
    if "x-expected" in error.schema:
        wanted = f"must be {error.schema['x-expected']}"
    else:
        parts = dict.fromkeys(_expected(inners[0]).removeprefix("must be ") for inners in branches.values())
        wanted = "must be " + " or ".join(parts)
    yield node.mistake(f"{_shown(error.instance)}{_name(error.absolute_path)}: {wanted}")


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "null": "empty",
}


def _expected(error: Any) -> str:
    """What should stand there: a clause that starts with 'must'."""
    value = error.validator_value
    if "x-expected" in error.schema:
        return f"must be {error.schema['x-expected']}"
    match error.validator:
        case "type":
            kinds = [value] if isinstance(value, str) else value
            hint = ""
            if "string" in kinds and isinstance(error.instance, bool | int | Decimal):
                hint = "; put it in quotes"
            if "boolean" in kinds and str(error.instance).lower() in ("yes", "no", "on", "off", "true", "false"):
                hint = "; only true and false are read as such"
            return "must be " + " or ".join(_TYPES[kind] for kind in kinds) + hint
        case "enum":
            near = did_you_mean(str(error.instance), map(str, value))
            return f"must be one of {', '.join(map(str, value))}{near}"
        case "const":
            return f"must be {value}"
        case "minItems" | "minProperties":
            return f"must have at least {value} entr{'y' if value == 1 else 'ies'}"
        case "maxItems" | "maxProperties":
            return f"must have at most {value} entr{'y' if value == 1 else 'ies'}"
        case "minLength":
            return "must not be empty"
        case "maxLength":
            return f"must have at most {value} characters"
        case "minimum":
            return f"must be {value} or more"
        case "maximum":
            return f"must be {value} or less"
        case "exclusiveMinimum":
            return f"must be more than {value}"
        case "exclusiveMaximum":
            return f"must be less than {value}"
        case "uniqueItems":
            return "must not name anything twice"
        case "pattern":
            return f"must be written like {value}"
    return "must not stand here"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def _name(path: Iterable[Any]) -> str:
    """`` in <key>`` for the nearest named parent; empty at the top."""
    names = [str(part) for part in path if isinstance(part, str)]
    return f" in '{names[-1]}'" if names else ""


def _find(root: Node, path: Iterable[Any]) -> Node:
    node = root
    for part in path:
        node = node.value[part]
    return node
