"""Rule files: packs of validation rules, a workspace's changes laid over the shipped ones, each rule checked for sense.

The shape is checked by schemas/rules.schema.json, conditions by ``expression``; here ids, parameters, dates, messages,
terms and the inline cases are. What comes out is what ``validation`` compiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieout.library import yamlfile
from tieout.library.expression import code_lists_read
from tieout.library.mappings import parse_text
from tieout.library.one_rule import Reading
from tieout.library.rule_tables import expanded
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.definitions import Code, Expression, Rule, RuleSet
from tieout.model.errors import Mistake

__all__ = ["Packs", "RuleFile", "parse_packs"]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file of rules as read."""

    node: Node
    fingerprint: str
    shipped: bool


@dataclass(frozen=True, slots=True)
class Packs:
    """What all rule files come to."""

    rule_sets: dict[str, RuleSet]
    ignored: dict[str, str]
    """Rule id to the reason why it is not run."""
    warnings: list[Mistake]
    """What is not wrong but should be put right: a workspace's rule without a case that passes or fails."""


@dataclass(slots=True)
class _Draft:
    """A rule as written, with what overlays changed in it."""

    node: Node
    pack: str
    shipped: bool


@dataclass(slots=True)
class _Head:
    node: Node
    fingerprints: list[str] = field(default_factory=list)


def parse_packs(files: Sequence[RuleFile], code_lists: Mapping[str, tuple[Code, ...]]) -> tuple[Packs, list[Mistake]]:
    """The packs of all files, shipped ones first, and every mistake in any of them."""
    names = frozenset(code_lists)
    mistakes: list[Mistake] = []
    heads: dict[str, _Head] = {}
    drafts: dict[str, _Draft] = {}
    aliases: dict[str, str] = {}
    ignores: list[tuple[str, Node]] = []
    for file in sorted(files, key=lambda each: not each.shipped):
        good, wrong = _shape(file.node, {} if file.shipped else drafts, names)
        mistakes += wrong
        pack = file.node.get("pack")
        if pack is None or not isinstance(pack.value, str):
            continue
        head = heads.setdefault(pack.text, _Head(file.node))
        head.fingerprints.append(file.fingerprint)
        for node in good:
            mistakes += _lay(node, pack.text, file.shipped, drafts)
        ignores += [
            (pack.text, each) for each in file.node.get("ignore") or () if each.get("rule") and each.get("reason")
        ]
    rules: dict[str, Rule] = {}
    warnings: list[Mistake] = []
    for id, draft in drafts.items():
        rule, wrong, weak = _parse_rule(draft, names)
        mistakes += [Mistake(each.location, f"{id}: {each.text}") for each in wrong]
        warnings += [Mistake(each.location, f"{id}: {each.text}") for each in weak]
        if rule:
            rules[id] = rule
            mistakes += _alias_mistakes(rule, aliases, drafts)
    ignored, wrong = _ignored(ignores, rules.values(), drafts, aliases)
    mistakes += wrong
    mistakes += [each for head in heads.values() for each in _head_mistakes(head.node, drafts)]
    sets = {
        pack: _rule_set(pack, head, [r for r in rules.values() if r.pack == pack and r.id not in ignored], code_lists)
        for pack, head in sorted(heads.items())
        if any(draft.pack == pack for draft in drafts.values())
    }
    return Packs(sets, ignored, warnings), sorted(set(mistakes))


def _tables(node: Node, mistakes: Iterable[tuple[tuple[Any, ...], Mistake]]) -> list[Node]:
    """The tables of a file whose shape is right."""
    tables = node.get("tables")
    bad = {path[1] for path, _ in mistakes if len(path) > 1 and path[0] == "tables"}
    items = tables.value if tables and isinstance(tables.value, tuple) else ()
    return [table for index, table in enumerate(items) if index not in bad and isinstance(table.value, dict)]


def _shape(node: Node, drafts: Mapping[str, _Draft], code_lists: frozenset[str]) -> tuple[list[Node], list[Mistake]]:
    """The rules of a file whose shape is right, and all mistakes of those whose shape is not."""
    rules = node.get("rules")
    items = rules.value if rules and isinstance(rules.value, tuple) else ()
    bad: dict[int, list[Mistake]] = {}
    mistakes = []
    found = yamlfile.check_parts(node, "rules")
    for path, mistake in found:
        if len(path) > 1 and path[0] == "rules":
            text = mistake.text.replace(" in 'rules'", "")
            bad.setdefault(path[1], []).append(Mistake(mistake.location, text))
        else:
            mistakes.append(mistake)
    for index, wrong in bad.items():
        rule = items[index]
        id = str(rule.plain("id", "")) if isinstance(rule.value, dict) else ""
        if id in drafts and "reason" not in rule:
            wrong = [each for each in wrong if not each.text.endswith("is missing")]
            wrong.append(rule["id"].mistake(_SAY_WHY.format(pack=drafts[id].pack)))
        elif all(each.text.startswith("unknown key") or "is missing" in each.text for each in wrong):
            wrong += _further(rule, code_lists)
        mistakes += [Mistake(each.location, f"{id}: {each.text}" if id else each.text) for each in wrong]
    whole = [rule for index, rule in enumerate(items) if index not in bad]
    return [*whole, *expanded(_tables(node, found))], mistakes


_SAY_WHY = "pack {pack} has this rule; to change it say why: add 'reason'"


def _further(rule: Node, code_lists: frozenset[str]) -> list[Mistake]:
    """What else is wrong with a rule that lacks or misspells a key, so that one look at the file tells everything."""
    if not {"id", "table"} <= set(rule.value):
        return []
    reading = Reading(rule, code_lists)
    reading.rule("")
    return [each for each in reading.mistakes if "is missing" not in each.text]


def _lay(node: Node, pack: str, shipped: bool, drafts: dict[str, _Draft]) -> list[Mistake]:
    """Adds the rule, or lays it over the shipped one of the same id."""
    id = node["id"].text
    known = drafts.get(id)
    changes = "reason" in node
    if known is None and changes:
        hint = did_you_mean(id, drafts)
        return [node["id"].mistake(f"{id}: a new rule needs no 'reason', and there is none of this id to change{hint}")]
    if known is None:
        drafts[id] = _Draft(node, pack, shipped)
        return []
    if known.shipped == shipped or not known.shipped:
        first = known.node["id"].location
        return [node["id"].mistake(f"{id}: this id is also used in {first}; ids are unique over all packs")]
    if not changes:
        return [node["id"].mistake(f"{id}: {_SAY_WHY.format(pack=known.pack)}")]
    known.node = _overlaid(known.node, node)
    return []


def _overlaid(base: Node, over: Node) -> Node:
    """The base with the keys of the other, parameters one by one; ``reason`` is left out."""
    values = {key: value for key, value in over.items() if key != "reason"}
    if "params" in base and "params" in values:
        params = {**base["params"].value, **values["params"].value}
        keys = {**base["params"].keys, **values["params"].keys}
        values["params"] = Node(params, values["params"].location, "", keys)
    return Node({**base.value, **values}, over.location, "", {**base.keys, **over.keys})


def _head_mistakes(node: Node, drafts: Mapping[str, _Draft]) -> list[Mistake]:
    """A pack that has rules of its own says what it is."""
    pack = node.plain("pack")
    if not any(draft.pack == pack for draft in drafts.values()):
        return []
    return [node.mistake(f"'{key}' is missing; pack {pack} needs it") for key in ("title", "source") if key not in node]


def _alias_mistakes(rule: Rule, aliases: dict[str, str], drafts: Mapping[str, _Draft]) -> list[Mistake]:
    mistakes = []
    for alias in rule.aliases:
        other = alias if alias in drafts else aliases.get(alias)
        if other and other != rule.id:
            mistakes.append(Mistake(rule.location, f"{rule.id}: '{alias}' already stands for {other}"))
        aliases[alias] = rule.id
    return mistakes


def _ignored(
    nodes: Iterable[tuple[str, Node]],
    rules: Iterable[Rule],
    drafts: Mapping[str, _Draft],
    aliases: Mapping[str, str],
) -> tuple[dict[str, str], list[Mistake]]:
    """Rule id to reason. An official id means every rule that reports as it: those of the file's pack, if it has any."""
    reporting: dict[str, list[Rule]] = {}
    for rule in rules:
        reporting.setdefault(rule.finding_id, []).append(rule)
    ignored: dict[str, str] = {}
    mistakes = []
    for pack, node in nodes:
        name = node["rule"].text
        parts = reporting.get(name, [])
        mine = [rule.id for rule in parts if rule.pack == pack] or [rule.id for rule in parts]
        ids = mine or [id for id in (name if name in drafts else aliases.get(name),) if id]
        if not ids:
            hint = did_you_mean(name, [*drafts, *aliases, *reporting])
            mistakes.append(node["rule"].mistake(f"no rule '{name}' to ignore{hint}"))
        ignored.update(dict.fromkeys(ids, node["reason"].text.strip()))
    return ignored, mistakes


def _rule_set(pack: str, head: _Head, rules: list[Rule], code_lists: Mapping[str, tuple[Code, ...]]) -> RuleSet:
    used = {name: code_lists[name] for name in sorted(_lists_used(rules)) if name in code_lists}
    return RuleSet(
        pack=pack,
        title=parse_text(head.node.get("title"), default=pack),
        source=head.node.plain("source", ""),
        applies=head.node.plain("applies", {}),
        rules=tuple(sorted(rules, key=lambda rule: rule.id)),
        fingerprint="+".join(head.fingerprints),
        code_lists=used,
    )


def _lists_used(rules: Iterable[Rule]) -> set[str]:
    return {
        name
        for rule in rules
        for expression in (rule.check, rule.when, *rule.placeholders.values(), *_expressions(rule.options))
        if expression and "in_code_list" in expression.text.lower()
        for name in code_lists_read(expression)
    }


def _expressions(options: Any) -> Iterable[Expression]:
    if isinstance(options, Expression):
        yield options
    elif isinstance(options, dict):
        for value in options.values():
            yield from _expressions(value)


def _parse_rule(draft: _Draft, code_lists: frozenset[str]) -> tuple[Rule | None, list[Mistake], list[Mistake]]:
    """The rule, its mistakes, and what is only weak about it."""
    reading = Reading(draft.node, code_lists)
    rule = reading.rule(draft.pack)
    weak: list[Mistake] = []
    if rule and not reading.mistakes and rule.status != "retired":
        missing = [outcome for outcome in ("pass", "fail") if not any(t.expect == outcome for t in rule.tests)]
        if missing:
            note = draft.node.mistake(
                f"no case with 'expect: {missing[0]}'; a rule shows at least one pass and one fail"
            )
            (reading.mistakes if draft.shipped else weak).append(note)
    return rule, reading.mistakes, weak
