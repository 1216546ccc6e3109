"""What JSON Schema finds, in an auditor's words. Knows errors by their fields; ``yamlfile`` runs the checker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from tieout.library.nodes import Node, did_you_mean
from tieout.model.errors import Mistake

__all__ = ["explain"]


def explain(error: Any, root: Node) -> Iterator[Mistake]:
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
            yield from explain(inner, root)
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
