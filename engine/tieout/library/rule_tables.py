"""Tables of rules: many rules that say the same of many places, written as one row each.

A table gives kind, severity, title and message once; its rows are ids with paths. Each row becomes a rule of its own, which
a workspace can change or ignore as any other. In titles and messages ``{path}`` is the row's path and ``{group}`` the words that ``groups`` gives for the longest path the row's begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tieout.library.nodes import Node

__all__ = ["expanded"]

_SHARED = (
    "kind",
    "severity",
    "status",
    "syntax",
    "under",
    "except",
    "at_least",
    "at_most",
    "when",
    "reference",
    "terms",
)


def expanded(tables: Iterable[Node]) -> list[Node]:
    """The rules of the tables, as nodes like written ones."""
    return [rule for table in tables for rule in _rules(table)]


def _rules(table: Node) -> Iterator[Node]:
    shared = {key: node for key in _SHARED if (node := table.get(key)) is not None}
    groups = _groups(table.get("groups"))
    for id, row in table["rows"].items():
        own = dict(row.value) if isinstance(row.value, dict) else {"path": row}
        at = table["rows"].keys[id]
        values = {**shared, **own, "id": Node(id, at, id)}
        path = _first(values["path"])
        if within := table.get("within"):
            values["path"] = _below(within, values["path"])
        words = {"path": {"en": path, "zh": path}, "group": _group(path, groups)}
        for key in ("title", "message", "rationale"):
            if key not in own and (text := table.get(key)) is not None:
                values[key] = _filled(text, words)
        yield Node(values, at, "", dict.fromkeys(values, at))


def _first(path: Node) -> str:
    """The path that titles show: the first of several."""
    return path.value[0].text if isinstance(path.value, tuple) else path.text


def _below(within: Node, path: Node) -> Node:
    """Each path below each of the places."""
    places, paths = (each.value if isinstance(each.value, tuple) else (each,) for each in (within, path))
    nodes = [Node(f"{place.text}/{p.text}", p.location, f"{place.text}/{p.text}") for place in places for p in paths]
    return Node(tuple(nodes), path.location)


def _groups(node: Node | None) -> list[tuple[str, dict[str, str]]]:
    """Paths with their words, the longest first."""
    found = [(path, words.plain()) for path, words in (node.items() if node else ())]
    return sorted(found, key=lambda pair: -len(pair[0]))


def _group(path: str, groups: list[tuple[str, dict[str, str]]]) -> Mapping[str, str]:
    for start, words in groups:
        if path == start or path.startswith(f"{start}/") or start == "":
            return words
    return {"en": "", "zh": ""}


def _filled(node: Node, words: Mapping[str, Mapping[str, str]]) -> Node:
    texts = {}
    for language, text in node.items():
        filled = text.text
        for word, meaning in words.items():
            filled = filled.replace("{" + word + "}", meaning[language])
        texts[language] = Node(filled, text.location, filled)
    return Node(texts, node.location, "", node.keys)
