"""The catalogue: shipped definitions with a workspace's own laid over them, checked as a whole.

Everything wrong in any file is collected and raised once. What comes out is frozen and goes to the stages.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tieout.library import yamlfile
from tieout.library.mappings import parse_mapping
from tieout.library.yamlfile import Node
from tieout.model.definitions import Mapping, MatchPlan, RoutePlan, RuleSet
from tieout.model.errors import DefinitionError, Location, Mistake

__all__ = ["Catalogue", "shipped"]


def shipped(kind: str) -> Path:
    """The folder of shipped ``rules`` or ``mappings``: inside the installed package, else in the checkout."""
    inside = Path(__file__).parent / kind
    return inside if inside.is_dir() else Path(__file__).parents[3] / kind


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str
    """How locations show it: from the shipped root, or the path in the workspace as given."""
    key: str
    """How the fingerprint names it: the same on every machine."""


@dataclass(frozen=True)
class Catalogue:
    """Every definition a run may use, by id."""

    mappings: Dict[str, Mapping]
    rule_sets: Dict[str, RuleSet]
    plans: Dict[str, MatchPlan]
    routes: Dict[str, RoutePlan]
    code_lists: Dict[str, Any] = field(default_factory=dict)
    fingerprint: Dict[str, str] = field(default_factory=dict)
    """sha256 of every file that was read, by its name below ``shipped/`` or ``workspace/``."""

    @classmethod
    def load(cls, workspace: Path | None = None) -> Catalogue:
        """Shipped definitions, and those in ``rules/`` and ``mappings/`` of the workspace laid over them.

        Raises DefinitionError with the mistakes of all files.
        """
        loading = _Loading(workspace)
        mappings = loading.keyed("mappings", "**/*.yaml", parse_mapping)
        plans = loading.keyed("rules/matching", "**/*.yaml", _later("plans", "parse_plan"))
        routes = loading.keyed("rules/routing", "**/*.yaml", _later("routes", "parse_routes"))
        if loading.mistakes:
            raise DefinitionError(loading.mistakes)
        return cls(
            mappings=MappingProxyType(mappings),
            rule_sets=MappingProxyType({}),
            plans=MappingProxyType(plans),
            routes=MappingProxyType(routes),
            fingerprint=MappingProxyType(dict(sorted(loading.fingerprint.items()))),
        )


def _later(module: str, function: str) -> Callable[..., Any]:
    try:
        parse: Callable[..., Any] = getattr(importlib.import_module(f"tieout.library.{module}"), function)
    except ModuleNotFoundError:
        return lambda _node: (None, [])
    return parse


class _Loading:
    """Reads files of both layers once, with their hashes and mistakes."""

    def __init__(self, workspace: Path | None) -> None:
        self.workspace = workspace
        self.mistakes: list[Mistake] = []
        self.fingerprint: dict[str, str] = {}

    def layers(self, folder: str, pattern: str) -> Iterator[list[_File]]:
        """The files of the shipped layer, then of the workspace's, each sorted by name."""
        kind, _, rest = folder.partition("/")
        for layer, root in (("shipped", shipped(kind).parent), ("workspace", self.workspace)):
            files: list[_File] = []
            base = root / kind / rest if root else None
            if root and base and base.is_dir():
                for path in sorted(base.glob(pattern)):
                    inside = path.relative_to(root).as_posix()
                    shown = inside if layer == "shipped" else str(path)
                    files.append(_File(path, shown, f"{layer}/{inside}"))
            yield files

    def read(self, file: _File) -> Node | None:
        node, mistakes = yamlfile.read(file.path, file=file.name)
        self.mistakes += mistakes
        if file.path.is_file():
            self.fingerprint[file.key] = hashlib.sha256(file.path.read_bytes()).hexdigest()
        return node

    def keyed(self, folder: str, pattern: str, parse: Callable[..., Any]) -> dict[str, Any]:
        """Definitions by id; a workspace's replaces a shipped one of the same id, twice in one layer is a mistake."""
        found: dict[str, Any] = {}
        for files in self.layers(folder, pattern):
            layer: dict[str, Any] = {}
            for file in files:
                node = self.read(file)
                if node is None:
                    continue
                made, mistakes = parse(node)
                self.mistakes += mistakes
                if made is None:
                    continue
                if made.id in layer:
                    first: Location = layer[made.id].location
                    self.mistakes.append(Mistake(made.location, f"'{made.id}' is also defined in {first}; rename one"))
                layer[made.id] = _with_fingerprint(made, self.fingerprint[file.key])
            found.update(layer)
        return dict(sorted(found.items()))


def _with_fingerprint(made: Any, fingerprint: str) -> Any:
    return replace(made, fingerprint=fingerprint)
