"""``tieout rules docs``: the catalogue of rules as pages for auditors, in both languages. One page a pack, and an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tieout.library.catalog import Catalogue
from tieout.library.wording import in_words, term_names
from tieout.model.canon import CANON
from tieout.model.definitions import Expression, Rule, RuleSet, Text
from tieout.model.errors import SourceError, TieoutError
from tieout.validation import describe

__all__ = ["FORMATS", "write_rulebook"]

FORMATS = {"html": ".html", "markdown": ".md"}
_SEVERITIES = {"fatal": "严重", "warning": "警告", "information": "提示"}


def write_rulebook(catalogue: Catalogue, out: Path, *, to: str = "html", pack: str | None = None) -> list[Path]:
    """Writes the pages into the folder and returns them, the index first.

    Raises TieoutError for an unknown format or pack, SourceError where the folder cannot be written.
    """
    if to not in FORMATS:
        raise TieoutError(f"--format {to}: choose one of {', '.join(FORMATS)}")
    chosen = [each for each in catalogue.rule_sets.values() if pack in (None, each.pack)]
    if not chosen:
        raise TieoutError(f"no rule pack {pack!r}; there are: {', '.join(catalogue.rule_sets)}")
    ending = FORMATS[to]
    pages = Environment(
        loader=PackageLoader("tieout.faces", "rulebook"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=to == "html",
    )
    shared: dict[str, Any] = {"severities": _SEVERITIES}
    packs = [_pack(each) for each in chosen]
    ignored = sorted(catalogue.ignored.items())
    total = sum(len(each["rules"]) for each in packs)
    contents = {
        f"index{ending}": pages.get_template(f"index{ending}").render(
            packs=packs, total=total, ignored=ignored, **shared
        )
    }
    for each in packs:
        contents[f"{each['name']}{ending}"] = pages.get_template(f"pack{ending}").render(pack=each, **shared)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise SourceError(f"{out}: cannot be written: {exc.strerror or exc}") from exc
    return [out / name for name in contents]


def _pack(rule_set: RuleSet) -> dict[str, Any]:
    rules = [_rule(rule_set, each) for each in rule_set.rules]
    count: Counter[str] = Counter(rule.severity for rule in rule_set.rules)
    count["cases"] = sum(len(rule.tests) for rule in rule_set.rules)
    return {"name": rule_set.pack, "title": rule_set.title, "source": rule_set.source, "rules": rules, "count": count}


def _rule(rule_set: RuleSet, rule: Rule) -> dict[str, Any]:
    names = term_names()
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "status": rule.status,
        "judges": _judges(rule),
        "terms": [
            {"id": term, "en": names[term].en if term in names else "", "zh": names[term].zh if term in names else ""}
            for term in rule.terms
        ],
        "when": _words(rule.when, rule),
        "check": _words(rule.check, rule),
        "options": [(name, shown) for name, value in rule.options.items() if (shown := describe.shown(value))],
        "params": list(_params(rule)),
        "message": rule.message,
        "rationale": rule.rationale,
        "reference": rule.reference,
        "place": str(rule.location),
        "written": "\n".join(
            f"{name}: {' '.join(each.text.split())}"
            for name, each in (("when", rule.when), ("check", rule.check))
            if each is not None
        ),
        "cases": [{"given": describe.given(test.given), "expect": test.expect} for test in rule.tests],
        "sql": describe.rule_sql(rule_set, rule) if rule.kind == "condition" else "",
    }


def _judges(rule: Rule) -> str:
    table = CANON[rule.table]
    group = f" ({table.term})" if table.term else ""
    return f"one row of {rule.table}{group}" + (f", kind {rule.kind}" if rule.kind != "condition" else "")


def _words(expression: Expression | None, rule: Rule) -> Text | None:
    return in_words(expression.text, rule.table) if expression else None


def _params(rule: Rule) -> Iterable[tuple[str, str]]:
    for name, parameter in rule.params.items():
        for start, value in parameter.values:
            yield name, f"{value}" + (f" from {start}" if start else "")
