"""Opens a workspace: every mistake of ``tieout.yaml`` and of the definition files is collected before anything runs."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tieout.connect.database import DatabaseSource
from tieout.connect.files import FileSource
from tieout.connect.mirror import Mirror
from tieout.library import yamlfile
from tieout.library.catalog import Catalogue
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.definitions import MatchPlan, RuleSet
from tieout.model.errors import DefinitionError, Location, Mistake, SourceError
from tieout.model.policy import Policy
from tieout.model.ports import Input, Ledger, QuerySource, Source
from tieout.store.engine import Limits
from tieout.workspace.home import Home, Link, Workspace
from tieout.workspace.secrets import NAME, secret

__all__ = ["open_home", "open_workspace"]


# Settings that say when, where and for whom, not how things are judged.
_PLACES = frozenset({"as_of", "journal", "schedule", "sign_in", "limits", "fail_on", "archive"})
_WHERE = {
    "sources": frozenset({"path", "database", "api", "settings", "parameters", "incremental"}),
    "platforms": frozenset({"base_url", "settings", "certificates"}),
}


def open_home(folder: Path) -> Home:
    """The home of a workspace, for looking at what was done: no rule is read and no source's secret is needed.

    Raises DefinitionError with every mistake of tieout.yaml.
    """
    file, node, mistakes = _settings(folder)
    if mistakes:
        raise DefinitionError(mistakes)
    opening = _Opening(file.parent.resolve(), node)
    home = opening.home()
    if opening.mistakes:
        raise DefinitionError(opening.mistakes)
    return home


def open_workspace(folder: Path) -> Workspace:
    """The workspace of a folder (or of a tieout.yaml). Raises DefinitionError with every mistake of every file."""
    file, node, mistakes = _settings(folder)
    try:
        catalogue = Catalogue.load(file.parent)
    except DefinitionError as exc:
        raise DefinitionError([*mistakes, *exc.mistakes]) from exc
    if mistakes:
        raise DefinitionError(mistakes)
    opening = _Opening(file.parent.resolve(), node)
    workspace = opening.workspace(catalogue)
    if opening.mistakes:
        raise DefinitionError(opening.mistakes)
    return workspace


def _settings(folder: Path) -> tuple[Path, Node, list[Mistake]]:
    """The settings file as a node, and what its schema says of it. Raises DefinitionError where there is nothing to read."""
    file = folder if folder.suffix in {".yaml", ".yml"} else folder / "tieout.yaml"
    if not file.is_file():
        raise DefinitionError(
            [Mistake(Location(str(file)), "there is no such workspace; 'tieout init DIR' makes one to start from")]
        )
    node, mistakes = yamlfile.read(file, file=_shown(file))
    if node is None:
        raise DefinitionError(mistakes)
    return file, node, mistakes + yamlfile.check(node, "workspace")


class _Opening:
    """Turns a checked node into a Workspace, collecting what does not fit the catalogue or the environment."""

    def __init__(self, folder: Path, node: Node) -> None:
        self.folder, self.node = folder, node
        self.mistakes: list[Mistake] = []
        self.unset: set[str] = set()

    def home(self) -> Home:
        return Home(
            self.folder,
            self.node.plain("entity"),
            self._journal(),
            Policy.of(self.node.plain("decisions", {})),
            self.node.plain("schedule", {}),
            self._sign_in(),
            int(self.node.plain("archive", {}).get("keep_years", 10)),
        )

    def workspace(self, catalogue: Catalogue) -> Workspace:
        node = self.node
        inputs = [self._input(name, each, catalogue) for name, each in node["sources"].items()]
        erp, tell = self._write_back(inputs)
        return Workspace(
            home=self.home(),
            as_of=self._date(node.get("as_of")),
            inputs=tuple(each for each in inputs if each),
            catalogue=catalogue,
            rule_sets=self._packs(node.get("validation"), catalogue),
            plans=self._plans(catalogue),
            routes=self._one("routing", catalogue.routes, "routing") or catalogue.routes["default"],
            issuing=self._issuing(catalogue),
            platforms=tuple(link for link in self._links(catalogue) if link),
            fail_on=node.plain("fail_on", "never"),
            limits=Limits(**node.plain("limits", {})),
            fingerprint={
                **catalogue.fingerprint,
                "tieout.yaml": self._steering(),
                **{_relative(path, self.folder): _sha256(path) for path in self._query_files()},
            },
            settings_sha256=_sha256(self.folder / "tieout.yaml"),
            erp=erp,
            tell=tell,
        )

    def _input(self, name: str, node: Node, catalogue: Catalogue) -> Input | None:
        mapping = node.plain("mapping")
        if mapping is not None and mapping not in catalogue.mappings:
            near = did_you_mean(mapping, catalogue.mappings)
            self.mistakes.append(node["mapping"].mistake(f"source {name}: no mapping {mapping!r}{near}"))
        path, database, api = node.get("path"), node.get("database"), node.get("api")
        if sum(each is not None for each in (path, database, api)) != 1:
            self.mistakes.append(node.mistake(f"source {name}: give a path, a database or an api, one of them"))
            return None
        options = {key: node.plain(key) for key in ("direction", "optional", "values") if node.get(key)}
        if path is not None:
            written = path.value if isinstance(path.value, tuple) else (path,)
            patterns = [self._filled(each) for each in written]
            if any(pattern is None for pattern in patterns):
                return None
            source: Source | QuerySource = FileSource(
                name,
                [pattern for pattern in patterns if pattern],
                base=self.folder,
                aliases={
                    secret(each) or "": f"${{{each}}}" for node in written for each in NAME.findall(str(node.value))
                },
            )
            return Input(name, source, mapping, options)
        if api is not None:
            return self._api(name, node, catalogue, options)
        assert database is not None
        query = node.get("query")
        if query is None:
            self.mistakes.append(node.mistake(f"source {name}: a database needs 'query: file.sql'"))
            return None
        url, file = self._filled(database), self.folder / str(query.value)
        if not file.is_file():
            self.mistakes.append(query.mistake(f"source {name}: there is no file {query.value}"))
            return None
        parameters = {key: self._filled(each) or "" for key, each in _items(node.get("parameters"))}
        incremental = node.plain("incremental")
        mirror = None
        if isinstance(incremental, dict):
            mirror = self._mirror(
                name, str(incremental["key"]), [str(incremental["changed"])], incremental.get("first")
            )
        if not url:
            return None
        rows = DatabaseSource(
            name, url, file.read_text("utf-8"), base=self.folder, parameters=parameters, mirror=mirror
        )
        return Input(name, rows, mapping, options)

    def _api(self, name: str, node: Node, catalogue: Catalogue, options: dict[str, Any]) -> Input | None:
        """A source that an ERP's interface gives, as the ``api`` of its mapping says."""
        mapping = node.plain("mapping")
        how = catalogue.mappings[mapping].settings.get("api") if mapping in catalogue.mappings else None
        if how is None:
            self.mistakes.append(
                node["api"].mistake(f"source {name}: name a mapping that has an 'api', such as erp.tryton_invoices")
            )
            return None
        url = self._filled(node["api"])
        settings = {key: self._filled(each) for key, each in _items(node.get("settings"))}
        if not url or None in settings.values():
            return None
        from tieout.connect.erp_api import ApiSource, ErpApi  # HTTP is loaded only where an ERP is asked by it

        try:
            erp = ErpApi(name, url, how, {key: str(value) for key, value in settings.items()})
        except SourceError as exc:
            self.mistakes.append(node["api"].mistake(str(exc)))
            return None
        cursor = how["read"].get("cursor")
        mirror = None
        if node.plain("incremental"):
            if cursor is None:
                self.mistakes.append(node["incremental"].mistake(f"source {name}: {mapping} does not say what changed"))
                return None
            mirror = self._mirror(name, cursor["key"], cursor["changed"], cursor.get("first"))
        return Input(name, ApiSource(name, erp, mirror=mirror), mapping, options)

    def _mirror(self, name: str, key: str, changed: Sequence[str], first: str | None) -> Mirror:
        return Mirror(
            self.folder / "cache" / f"{re.sub('[^A-Za-z0-9._-]', '_', name)}.json",
            key=key,
            changed=changed,
            first=first,
        )

    def _write_back(self, inputs: Sequence[Input | None]) -> tuple[Ledger | None, tuple[str, ...]]:
        node = self.node.get("write_back")
        if node is None:
            return None, ()
        named = str(node.plain("source"))
        source = next((each.source for each in inputs if each and each.name == named), None)
        erp: Ledger | None = getattr(source, "api", None)
        if erp is None:
            self.mistakes.append(node["source"].mistake(f"write_back: no source {named!r} that is read by api"))
            return None, ()
        for each in node["tell"]:
            if not erp.can(str(each.value)):
                self.mistakes.append(
                    each.mistake(f"write_back: the mapping of {named} does not say how '{each.value}' is written")
                )
        return erp, tuple(str(each.value) for each in node["tell"])

    def _filled(self, node: Node) -> str | None:
        """The text with its ``${NAME}`` filled in; None (and a mistake) where one is not set."""
        missing = [name for name in NAME.findall(str(node.value)) if secret(name) is None]
        for name in missing:
            if name not in self.unset:
                self.mistakes.append(node.mistake(f"{name} is not set; set it in the environment before the run"))
            self.unset.add(name)
        return None if missing else NAME.sub(lambda match: secret(match[1]) or "", str(node.value))

    def _packs(self, node: Node | None, catalogue: Catalogue) -> tuple[RuleSet, ...]:
        chosen = []
        for each in node or ():
            if str(each.value) in catalogue.rule_sets:
                chosen.append(catalogue.rule_sets[str(each.value)])
            else:
                near = did_you_mean(str(each.value), catalogue.rule_sets)
                self.mistakes.append(each.mistake(f"no rule pack {each.value!r}{near}"))
        return tuple(chosen)

    def _plans(self, catalogue: Catalogue) -> tuple[MatchPlan, ...]:
        """The plans that ``matching`` names, in its order."""
        node = self.node.get("matching")
        named = () if node is None else node.value if isinstance(node.value, tuple) else (node,)
        chosen: dict[str, MatchPlan] = {}
        for each in named:
            name = str(each.value)
            if name not in catalogue.plans:
                self.mistakes.append(each.mistake(f"no match plan {name!r}{did_you_mean(name, catalogue.plans)}"))
            elif name in chosen:
                self.mistakes.append(each.mistake(f"the match plan {name!r} stands there twice"))
            else:
                chosen[name] = catalogue.plans[name]
        return tuple(chosen.values())

    def _one(self, key: str, known: Mapping[str, Any], what: str) -> Any:
        node = self.node.get(key)
        if node is None:
            return None
        if node.value not in known:
            self.mistakes.append(node.mistake(f"no {what} {node.value!r}{did_you_mean(str(node.value), known)}"))
        return known.get(str(node.value))

    def _date(self, node: Node | None) -> dt.date | None:
        if node is None:
            return None
        try:
            return dt.date.fromisoformat(str(node.value))
        except ValueError:
            self.mistakes.append(node.mistake(f"as_of: {node.value} is no date of the calendar; write 2026-10-31"))
            return None

    def _journal(self) -> str:
        node = self.node.get("journal")
        url = self._filled(node) if node else "sqlite:///journal.db"
        prefix = "sqlite:///"
        if url and url.startswith(prefix) and not url.startswith(prefix + "/"):
            return f"{prefix}{self.folder / url.removeprefix(prefix)}"
        return url or ""

    def _sign_in(self) -> Mapping[str, Any]:
        node = self.node.get("sign_in")
        if node is None:
            return {}
        openid = node.get("openid")
        if openid is None and not node.plain("local", True):
            self.mistakes.append(node.mistake("sign_in: local is false and there is no openid: nobody could sign in"))
        if openid is not None and ("role_claim" in openid.plain()) != ("roles" in openid.plain()):
            self.mistakes.append(openid.mistake("sign_in: role_claim and roles go together"))
        settings: Mapping[str, Any] = node.plain()
        return settings

    def _issuing(self, catalogue: Catalogue) -> Mapping[str, Any] | None:
        node = self.node.get("issuing")
        if node is None:
            return None
        for key in ("profile", "credit_note_profile"):
            mapping = node.plain(key)
            if mapping is not None and mapping not in catalogue.mappings:
                near = did_you_mean(mapping, catalogue.mappings)
                self.mistakes.append(node[key].mistake(f"issuing: no mapping {mapping!r}{near}"))
        for pack in node.get("validation") or ():
            if pack.value not in catalogue.rule_sets:
                near = did_you_mean(str(pack.value), catalogue.rule_sets)
                self.mistakes.append(pack.mistake(f"issuing: no rule pack {pack.value!r}{near}"))
        settings: Mapping[str, Any] = node.plain()
        return settings

    def _links(self, catalogue: Catalogue) -> Iterator[Link | None]:
        """The platforms, each with every setting its file asks for."""
        block = self.node.get("platforms")
        for name, node in block.items() if block else ():
            profile = str(node.plain("profile", name))
            plan = catalogue.platforms.get(profile)
            if plan is None:
                place = node.get("profile") or node
                near = did_you_mean(profile, catalogue.platforms)
                self.mistakes.append(place.mistake(f"platform {name}: no platform file {profile!r}{near}"))
                continue
            given = dict(node["settings"].items()) if node.get("settings") else {}
            for key, each in given.items():
                if key not in plan.settings:
                    near = did_you_mean(key, plan.settings)
                    self.mistakes.append(each.mistake(f"platform {name}: {profile} has no setting '{key}'{near}"))
            for key in node.plain("mappings", []):
                if key not in catalogue.mappings:
                    near = did_you_mean(key, catalogue.mappings)
                    self.mistakes.append(node["mappings"].mistake(f"platform {name}: no mapping '{key}'{near}"))
            settings = {key: self._filled(each) for key, each in given.items()}
            base = self._filled(node["base_url"]) if node.get("base_url") else plan.base_url
            yield Link(
                name=name,
                plan=plan,
                base_url=base or plan.base_url,
                settings={key: value for key, value in settings.items() if value is not None},
                certificates=str(self.folder / node.plain("certificates")) if node.get("certificates") else None,
                series=tuple(node.plain("series", ())),
                mappings=tuple(node.plain("mappings", ())),
                automatic=bool(node.plain("automatic", False)),
            )

    def _steering(self) -> str:
        """One hash of the settings that decide results: not which day is looked at, nor where things are and who is told."""
        settings: dict[str, Any] = {key: each for key, each in self.node.plain().items() if key not in _PLACES}
        for block in ("sources", "platforms"):
            settings[block] = {
                name: {key: value for key, value in each.items() if key not in _WHERE[block]}
                for name, each in settings.get(block, {}).items()
            }
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()

    def _query_files(self) -> Iterator[Path]:
        for _, node in self.node["sources"].items():
            if (query := node.get("query")) and (self.folder / str(query.value)).is_file():
                yield self.folder / str(query.value)


def _items(node: Node | None) -> Iterator[tuple[str, Node]]:
    if node is not None:
        yield from node.items()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _relative(path: Path, folder: Path) -> str:
    return path.resolve().relative_to(folder).as_posix() if path.resolve().is_relative_to(folder) else path.as_posix()


def _shown(path: Path) -> str:
    """The path as a person would type it from where they are."""
    resolved, here = path.resolve(), Path.cwd()
    return resolved.relative_to(here).as_posix() if resolved.is_relative_to(here) else str(path)
