"""Platform files: one YAML that says how an e-invoice platform is spoken to. Meant in ``connect.platform``.

The shape is checked by schemas/platform.schema.json, the rest here: each place is an expression that can be read, of
functions there are, over names there are; each setting that is used is declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from tieout.library import yamlfile
from tieout.library.mappings import parse_text
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.errors import Mistake
from tieout.model.platforms import FUNCTIONS, PlatformPlan, places

__all__ = ["OPERATIONS", "parse_platform"]

OPERATIONS = ("open", "submit", "poll", "lookup", "changes", "inbox", "fetch", "document", "cancel", "close")
NAMES = (
    "settings",
    "document",
    "documents",
    "transmission",
    "session",
    "cursor",
    "page",
    "reply",
    "row",
    "headers",
    "status_code",
    "time",
    "nonce",
    "request",
    "reason",
    "item",
    "content",
    "callback",
)
_KNOWN = {*Functions.FUNCTION_TABLE, *FUNCTIONS}


def parse_platform(node: Node, *, fingerprint: str = "") -> tuple[PlatformPlan | None, list[Mistake]]:
    """The platform a file describes, and every mistake in it; none where there is one."""
    mistakes = yamlfile.check(node, "platform")
    if mistakes:
        return None, sorted(set(mistakes))
    declared = set(node.plain("settings", {}))
    steps = {str(step.plain("name")) for part in ("auth", "open") for step in _steps(node, part)}
    for each in _scalars(node):
        mistakes += _places(each, declared, steps)
    mistakes += _auth(node["auth"])
    mistakes += _whole(node)
    if mistakes:
        return None, sorted(set(mistakes))
    plan = PlatformPlan(
        id=str(node.plain("platform")),
        title=parse_text(node.get("title"), default=str(node.plain("platform"))),
        base_url=str(node.plain("base_url")),
        settings={name: parse_text(each) for name, each in (node["settings"].items() if "settings" in node else ())},
        auth=node.plain("auth"),
        operations={name: node.plain(name) for name in OPERATIONS if node.get(name)},
        statuses={state: [str(word) for word in words] for state, words in node.plain("statuses").items()},
        errors=node.plain("errors", {}),
        limits=node.plain("limits", {}),
        idempotency=node.plain("idempotency", {}),
        callback=node.plain("callback"),
        location=node["platform"].location,
        fingerprint=fingerprint,
    )
    return plan, []


def _steps(node: Node, part: str) -> Iterator[Node]:
    block = node.get(part)
    yield from (block.get("steps") or ()) if block else ()


def _scalars(node: Node) -> Iterator[Node]:
    if isinstance(node.value, dict):
        for key, each in node.items():
            if key not in ("title", "source", "settings", "base_url"):
                yield from _scalars(each)
    elif isinstance(node.value, tuple):
        for each in node.value:
            yield from _scalars(each)
    elif isinstance(node.value, str):
        yield node


def _places(node: Node, declared: set[str], steps: set[str]) -> list[Mistake]:
    """What is wrong with the places of one text."""
    found: list[Mistake] = []
    try:
        parts = list(places(str(node.value)))
    except ValueError as exc:
        return [node.mistake(f"{exc}; write '{{{{' for a brace that is meant as text")]
    for expression, start, _ in parts:
        at = node.at(start)
        try:
            tree = jmespath.compile(expression).parsed
        except JMESPathError as exc:
            column = getattr(exc, "lex_position", None)
            where = f" at '{expression[column:]}'" if column is not None and column < len(expression) else ""
            found.append(Mistake(at, f"'{expression}' is no JMESPath expression{where}"))
            continue
        for name in _functions(tree):
            if name not in _KNOWN:
                found.append(Mistake(at, f"no function '{name}'{did_you_mean(name, _KNOWN)}"))
        for path in _roots(tree):
            known = {*NAMES, *steps}
            if path[0] not in known:
                found.append(Mistake(at, f"no name '{path[0]}' to take a value from{did_you_mean(path[0], known)}"))
            elif path[0] == "settings" and len(path) > 1 and path[1] not in declared:
                near = did_you_mean(path[1], declared)
                found.append(Mistake(at, f"the setting '{path[1]}' is not declared under 'settings'{near}"))
    return found


def _functions(tree: dict[str, Any]) -> Iterator[str]:
    if tree["type"] == "function_expression":
        yield tree["value"]
    for child in tree.get("children", ()):
        if isinstance(child, dict):
            yield from _functions(child)


def _roots(tree: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The names an expression starts from, each with the one after it."""
    kind, children = tree["type"], tree.get("children", ())
    if kind == "field":
        yield (tree["value"],)
    elif kind in ("subexpression", "index_expression"):
        roots = list(_roots(children[0]))
        second = children[1] if len(children) > 1 else {}
        if children[0]["type"] == "field" and kind == "subexpression" and second.get("type") == "field":
            yield (children[0]["value"], second["value"])
        else:
            yield from roots
    elif kind in ("projection", "value_projection", "flatten", "filter_projection", "pipe"):
        yield from _roots(children[0])
    elif kind != "expref":
        for child in children:
            if isinstance(child, dict):
                yield from _roots(child)


_NEEDS = {
    "oauth2_client_credentials": ("token_url", "client_id", "client_secret"),
    "api_key": ("value",),
    "basic": ("user", "password"),
    "hmac": ("key", "header", "text"),
    "steps": ("steps", "token"),
}


def _auth(node: Node) -> list[Mistake]:
    kind = str(node.plain("kind"))
    missing = [key for key in _NEEDS.get(kind, ()) if key not in node]
    if kind == "api_key" and not ("header" in node or "query" in node):
        missing.append("header")
    return [node.mistake(f"auth: {kind} needs '{key}'", key="kind") for key in missing]


def _whole(node: Node) -> list[Mistake]:
    """What one part wants of another."""
    found = []
    if not any(name in node for name in ("poll", "changes", "callback")):
        found.append(node.mistake("there is no 'poll', 'changes' or 'callback': no status could ever arrive"))
    unsafe = node.plain("idempotency", {}).get("repeat", "unsafe") == "unsafe"
    if unsafe and "lookup" not in node:
        place = node.get("idempotency") or node["submit"]
        found.append(place.mistake("sending again is not safe here, so 'lookup' must say how to ask before"))
    if "inbox" in node and "fetch" not in node and "content" not in (node["inbox"].get("answer") or node["inbox"]):
        found.append(node["inbox"].mistake("inbox needs 'fetch', or 'content' in its answer"))
    if node.plain("limits", {}).get("batch", 1) > 1 and not ("rows" in node["submit"] or "lists" in node["submit"]):
        found.append(node["submit"].mistake("a submission of several documents needs 'rows' or 'lists' in its reply"))
    for state in ("accepted", "rejected"):
        if state not in node["statuses"]:
            found.append(node["statuses"].mistake(f"statuses: none of the platform's words means '{state}'"))
    return found
