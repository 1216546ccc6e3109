"""Texts and trees with places to fill: ``/invoices/{transmission.platform_id}``; each place is JMESPath over a context."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError

from tieout.connect.platform_functions import PlatformFunctions
from tieout.model.errors import SourceError
from tieout.model.platforms import places

__all__ = ["filled", "filled_path", "filled_text", "holds"]

_OPTIONS = jmespath.Options(custom_functions=PlatformFunctions())


@cache
def _parts(text: str) -> tuple[tuple[bool, Any], ...]:
    """The text as (is a place, expression or text)."""
    found: list[tuple[bool, Any]] = []
    position = 0
    for expression, start, end in places(text):
        if start > position:
            found.append((False, text[position:start].replace("{{", "{").replace("}}", "}")))
        found.append((True, jmespath.compile(expression)))
        position = end
    if position < len(text):
        found.append((False, text[position:].replace("{{", "{").replace("}}", "}")))
    return tuple(found)


def _value(expression: Any, context: Mapping[str, Any]) -> Any:
    try:
        return expression.search(context, options=_OPTIONS)
    except (JMESPathError, ValueError, TypeError, AttributeError, ArithmeticError) as exc:
        raise SourceError(f"'{expression.expression}' cannot be worked out: {exc}") from exc


def filled(template: Any, context: Mapping[str, Any]) -> Any:
    """The template with every place filled; a text that is one place keeps the value's type. Absent keys of a mapping
    whose value is null are left out; ``{each: list, item: template}`` becomes a list."""
    if isinstance(template, str):
        parts = _parts(template)
        if len(parts) == 1 and parts[0][0]:
            return _value(parts[0][1], context)
        return "".join(_shown(_value(part, context)) if is_place else part for is_place, part in parts)
    if isinstance(template, Mapping):
        if set(template) == {"each", "item"}:
            rows = filled(template["each"], context) or []
            return [filled(template["item"], {**context, "item": row}) for row in rows]
        made = {key: filled(each, context) for key, each in template.items()}
        return {key: each for key, each in made.items() if each is not None}
    if isinstance(template, list | tuple):
        return [filled(each, context) for each in template]
    return template


def filled_text(template: Any, context: Mapping[str, Any]) -> str:
    """As ``filled``, as text; empty for null."""
    return "" if template is None else _shown(filled(template, context))


def filled_path(template: str, context: Mapping[str, Any]) -> str:
    """A path whose places are each one segment, quoted; a template that is one place may be a whole address."""
    parts = _parts(template)
    if len(parts) == 1 and parts[0][0]:
        return _shown(_value(parts[0][1], context))
    return "".join(quote(_shown(_value(part, context)), safe="") if is_place else part for is_place, part in parts)


def holds(template: Any, context: Mapping[str, Any]) -> bool:
    """Whether a condition is true."""
    return template is not None and filled(template, context) is True


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return format(value, "f") if isinstance(value, Decimal) else str(value)
