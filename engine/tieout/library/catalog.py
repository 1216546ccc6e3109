"""The catalogue: shipped definitions with a workspace's own laid over them, checked as a whole.

Everything wrong in any file is collected and raised once. What comes out is frozen and goes to the stages.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tieout.library import kept, yamlfile
from tieout.library.code_lists import gathered, parse_code_list
from tieout.library.mappings import parse_mapping
from tieout.library.plans import inherited, parse_plan
from tieout.library.routes import parse_routes
from tieout.library.rules import Packs, RuleFile, parse_packs
from tieout.library.yamlfile import Node
from tieout.model.definitions import Code, Mapping, MatchPlan, RoutePlan, RuleSet
from tieout.model.errors import DefinitionError, Location, Mistake
from tieout.model.platforms import PlatformPlan

__all__ = ["Catalogue", "shipped"]

LAYERS = ("shipped", "workspace", "tried")
PLATFORMS = "mappings/platforms"


def shipped(kind: str) -> Path:
    """The folder of shipped ``rules`` or ``mappings``: inside the installed package, else in the checkout."""
    inside = Path(__file__).parent / kind
    return inside if inside.is_dir() else Path(__file__).parents[3] / kind


@dataclass(frozen=True)
class Catalogue:
    """Every definition a run may use, by id."""

    mappings: Dict[str, Mapping]
    rule_sets: Dict[str, RuleSet]
    plans: Dict[str, MatchPlan]
    routes: Dict[str, RoutePlan]
    code_lists: Dict[str, tuple[Code, ...]] = field(default_factory=dict)
    platforms: Dict[str, PlatformPlan] = field(default_factory=dict)
    fingerprint: Dict[str, str] = field(default_factory=dict)
    """sha256 of every file that was read, by its name below ``shipped/`` or ``workspace/``."""
    ignored: Dict[str, str] = field(default_factory=dict)
    """Rules that are not run, with the reason the workspace gives; ``rule_sets`` lack them."""
    warnings: tuple[Mistake, ...] = ()
    """What should be put right but does not stop a run."""

    @classmethod
    def load(cls, workspace: Path | None = None, *, tried: Path | None = None) -> Catalogue:
        """Shipped definitions, and those in ``rules/`` and ``mappings/`` of the workspace laid over them.

        tried: a file or folder of rules, plans and routes to look at on top of both; each takes the place of the file of
            its name and pack, of the plan or of the routing that it changes, or is laid over as one more.
        Files that have not changed since they were last loaded by this user are not read again.
        Raises DefinitionError with the mistakes of all files.
        """
        if tried is not None:
            return cls._read(workspace, tried)
        contents = _contents(workspace)
        if contents not in _KEPT:
            catalogue = kept.find(contents)
            if catalogue is None:
                catalogue = cls._read(workspace)
                kept.keep(contents, catalogue)
            while len(_KEPT) >= _MOST_KEPT:
                del _KEPT[next(iter(_KEPT))]
            _KEPT[contents] = catalogue
        return _KEPT[contents]

    @classmethod
    def _read(cls, workspace: Path | None, tried: Path | None = None) -> Catalogue:
        loading = _Loading(workspace, tried)
        code_lists = loading.code_lists()
        packs = loading.packs(code_lists)
        mappings = loading.keyed("mappings", parse_mapping)
        plans, wrong = inherited(loading.keyed("rules/matching", parse_plan))
        loading.mistakes += wrong
        routes = loading.keyed("rules/routing", parse_routes)
        platforms = loading.keyed(PLATFORMS, _parse_platform)
        if loading.mistakes:
            raise DefinitionError(loading.mistakes)
        return cls(
            mappings=MappingProxyType(mappings),
            rule_sets=MappingProxyType(packs.rule_sets),
            plans=MappingProxyType(plans),
            routes=MappingProxyType(routes),
            code_lists=MappingProxyType(code_lists),
            platforms=MappingProxyType(platforms),
            fingerprint=MappingProxyType(dict(sorted(loading.fingerprint.items()))),
            ignored=MappingProxyType(packs.ignored),
            warnings=tuple(packs.warnings),
        )


_KEPT: dict[tuple[tuple[str, str], ...], Catalogue] = {}
_MOST_KEPT = 4


def _contents(workspace: Path | None) -> tuple[tuple[str, str], ...]:
    """Every definition file of both layers with its hash: the same contents make the same catalogue."""
    roots = [
        shipped("rules"),
        shipped("mappings"),
        *((workspace / kind for kind in ("rules", "mappings")) if workspace else ()),
    ]
    files = (path for root in roots if root.is_dir() for path in sorted(root.rglob("*")) if path.is_file())
    return tuple(
        (str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files if os.access(path, os.R_OK)
    )


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    layer: str
    name: str
    """How locations show it: below the shipped root, or the workspace's path as given."""
    key: str
    """How the fingerprint names it: the same on every machine."""


class _Loading:
    """Reads the files of both layers once, with their hashes and mistakes."""

    def __init__(self, workspace: Path | None, tried: Path | None = None) -> None:
        self.workspace = workspace
        self.tried = tried
        self.mistakes: list[Mistake] = []
        self.fingerprint: dict[str, str] = {}

    def files(self, folder: str, layer: str, pattern: str = "**/*.yaml") -> Iterator[_File]:
        """The files below a folder of one layer, sorted by name."""
        if layer == "tried":
            yield from self._tried_files(folder, pattern)
            return
        root = shipped(folder.partition("/")[0]).parent if layer == "shipped" else self.workspace
        if root is None or not (root / folder).is_dir():
            return
        for path in sorted((root / folder).glob(pattern)):
            inside = path.relative_to(root).as_posix()
            if folder == "mappings" and inside.startswith(f"{PLATFORMS}/"):
                continue
            yield _File(path, layer, inside if layer == "shipped" else str(path), f"{layer}/{inside}")

    def _tried_files(self, folder: str, pattern: str) -> Iterator[_File]:
        """As ``files``, of a folder laid out as ``rules/`` (or that holds one), or of the one file that is tried."""
        if self.tried is None or not folder.startswith("rules"):
            return
        if self.tried.is_dir():
            root = self.tried / "rules" if (self.tried / "rules").is_dir() else self.tried
            paths = sorted((root / folder.removeprefix("rules").lstrip("/")).glob(pattern))
        else:
            paths = [self.tried] if folder == _place_of(self.tried) else []
        for path in paths:
            yield _File(path, "tried", str(path), f"tried/{folder}/{path.name}")

    def content(self, file: _File) -> bytes:
        try:
            content = file.path.read_bytes()
        except OSError as exc:
            self.mistakes.append(Mistake(Location(file.name), f"the file cannot be read: {exc.strerror}"))
            return b""
        self.fingerprint[file.key] = hashlib.sha256(content).hexdigest()
        return content

    def node(self, file: _File) -> Node | None:
        self.content(file)
        node, mistakes = yamlfile.read(file.path, file=file.name)
        self.mistakes += mistakes
        return node

    def code_lists(self) -> dict[str, tuple[Code, ...]]:
        codes: list[tuple[str, Code]] = []
        listed = [file for layer in LAYERS for file in self.files("rules/code_lists", layer, "*.csv")]
        replaced = {file.path.name for file in listed if file.layer == "tried"}
        for file in listed:
            if file.layer != "tried" and file.path.name in replaced:
                continue
            found, mistakes = parse_code_list(self.content(file), file=file.name, name=file.path.stem)
            codes += found
            self.mistakes += mistakes
        return gathered(codes)

    def packs(self, code_lists: Dict[str, tuple[Code, ...]]) -> Packs:
        files: dict[tuple[str, str, str], RuleFile] = {}
        changed: set[tuple[str, str, str]] = set()
        for layer in LAYERS:
            for folder, pattern in (("rules/validation", "**/*.yaml"), ("rules", "*.yaml")):
                for file in self.files(folder, layer, pattern):
                    if (node := self.node(file)) is None:
                        continue
                    place = (layer, str(node.plain("pack")), file.path.name)
                    if layer == "tried":
                        place = next((p for p in reversed(files) if p[1:] == place[1:] and p not in changed), place)
                        changed.add(place)
                    elif place in files:
                        place = (layer, place[1], str(file.path))
                    files[place] = RuleFile(node, self.fingerprint[file.key], place[0] == "shipped")
        packs, mistakes = parse_packs(list(files.values()), code_lists)
        self.mistakes += mistakes
        return packs

    def keyed(self, folder: str, parse: Callable[..., Any]) -> dict[str, Any]:
        """Definitions by id; a workspace's replaces a shipped one of the same id, twice in one layer is a mistake."""
        found: dict[str, Any] = {}
        for layer in LAYERS:
            mine: dict[str, Any] = {}
            for file in self.files(folder, layer):
                node = self.node(file)
                made, mistakes = parse(node) if node is not None else (None, [])
                self.mistakes += mistakes
                if made is None:
                    continue
                if made.id in mine:
                    first = mine[made.id].location
                    self.mistakes.append(Mistake(made.location, f"'{made.id}' is also defined in {first}; rename one"))
                mine[made.id] = replace(made, fingerprint=self.fingerprint[file.key])
            found.update(mine)
        return dict(sorted(found.items()))


def _parse_platform(node: Node) -> tuple[PlatformPlan | None, list[Mistake]]:
    """As ``parse_platform``; its expression library is only loaded where there is a platform file to check."""
    from tieout.library.platforms import parse_platform

    return parse_platform(node)


def _place_of(file: Path) -> str:
    """The folder of ``rules/`` in which a file of its kind stands."""
    node, _ = yamlfile.read(file)
    kinds = {"plan": "rules/matching", "routing": "rules/routing"}
    return next((folder for key, folder in kinds.items() if node is not None and key in node), "rules/validation")
