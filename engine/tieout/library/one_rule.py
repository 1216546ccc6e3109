"""Reads one rule: parameters, dates, conditions, message, terms, cases and what its kind needs; collects its mistakes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tieout.library.expression import parse
from tieout.library.language import Kind, unite
from tieout.library.mappings import no_column, parse_text
from tieout.library.rule_tests import parse_tests, place_tests
from tieout.library.scope import Scope, chain, kind_of_value
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.canon import CANON
from tieout.model.definitions import Expression, Parameter, Rule
from tieout.model.errors import Mistake
from tieout.model.places import PATH

__all__ = ["Reading"]

# The date that decides about validity where a rule does not say: of the rule's table, or of the invoice above it.
DATE_FIELDS = {
    "invoice": "invoice.issue_date",
    "payment": "payment.booking_date",
    "statement": "statement.closing_date",
    "open_item": "open_item.document_date",
    "cleared_item": "cleared_item.document_date",
    "exchange_rate": "exchange_rate.rate_date",
    "billing_line": "billing_line.issue_date",
}
KIND_OPTIONS = {
    "condition": (),
    "unique": ("columns",),
    "reference": ("column", "columns", "references", "where"),
    "balance": ("key", "left", "right", "tolerance", "at_most"),
    "absent": ("path", "under", "except", "syntax"),
    "occurs": ("path", "under", "except", "syntax", "at_least", "at_most"),
    "exclusive": ("path", "under", "except", "syntax"),
}
KIND_NEEDS = {
    "condition": ("check",),
    "unique": ("columns",),
    "reference": ("references",),
    "balance": ("key", "left", "right"),
    "absent": ("path",),
    "occurs": ("path",),
    "exclusive": ("path",),
}
# Further placeholders that messages of a kind may use.
KIND_WORDS = {
    "unique": ("first",),
    "balance": ("left", "right", "difference"),
    "absent": ("found", "count"),
    "occurs": ("found", "count"),
    "exclusive": ("found", "count"),
}
PLACES = ("absent", "occurs", "exclusive")
"""Kinds that count elements of a document; what they judge is an element, or the document as a whole."""

_TERM = re.compile(r"(BT-(\d+)(-\d+)?|BG-(\d+)|CN-\S+|[A-Za-z0-9]+([/@\[\]-]+[A-Za-z0-9]+)*)")
_BRACES = re.compile(r"\{([^{}]*)\}")


class Reading:
    """Reads one rule's node and collects its mistakes."""

    def __init__(self, node: Node, code_lists: frozenset[str]) -> None:
        self.node = node
        self.code_lists = code_lists
        self.mistakes: list[Mistake] = []
        self.used: set[str] = set()

    def rule(self, pack: str) -> Rule | None:
        node = self.node
        kind = node.plain("kind", "condition")
        table = node.plain("table", "element" if kind in PLACES else "")
        if table not in CANON:
            hint = did_you_mean(table, CANON)
            self.mistakes.append(node["table"].mistake(f"no table '{table}'{hint}"))
            return None
        params, kinds = self.params()
        judged = "invoice" if kind in PLACES else table
        scope = Scope(judged, tuple(sorted(kinds.items())), self.code_lists)
        check = self.expression(node.get("check"), scope)
        when = self.expression(node.get("when"), scope)
        options = self.options(kind, scope)
        message, placeholders = self.message(scope, kind)
        date_field = self.date_field(table, params)
        rule = Rule(
            id=node["id"].text,
            pack=pack,
            title=parse_text(node.get("title")),
            table=table,
            severity=node.plain("severity"),
            status=node.plain("status", "active"),
            kind=kind,
            check=check,
            when=when,
            on_null=node.plain("on_null", "fail" if kind == "condition" else "skip"),
            message=message,
            terms=tuple(self.terms()),
            reference=node["reference"].text if node.get("reference") else "",
            rationale=str(parse_text(node.get("rationale"))),
            params=params,
            valid_from=self.date("valid_from"),
            valid_to=self.date("valid_to"),
            date_field=date_field,
            aliases=tuple(node.plain("aliases", [])),
            tests=(),
            options=options,
            location=node["id"].location,
            placeholders=placeholders,
            reported_as=node.plain("reported_as", ""),
        )
        tests, wrong = parse_tests(node.get("tests"), table)
        if kind in PLACES and options and when is None:
            tests = (*place_tests(options, rule.location), *tests)
        self.mistakes += wrong
        self.unused(params)
        if rule.valid_from and rule.valid_to and rule.valid_from > rule.valid_to:
            self.mistakes.append(node.mistake("valid_from is after valid_to", key="valid_from"))
        return replace(rule, tests=tests)

    def expression(self, node: Node | None, scope: Scope) -> Expression | None:
        if node is None:
            return None
        made, wrong = parse(node, scope)
        self.mistakes += wrong
        self.used |= set(re.findall(r"\$(\w+)", node.text))
        return made

    def params(self) -> tuple[dict[str, Parameter], dict[str, Kind]]:
        params: dict[str, Parameter] = {}
        kinds: dict[str, Kind] = {}
        block = self.node.get("params")
        for name, node in block.items() if block else ():
            if name == "as_of":
                self.mistakes.append(node.mistake("'as_of' is the date of the run; choose another name"))
                continue
            dated = node.items() if isinstance(node.value, dict) else [("", node)]
            values: list[tuple[dt.date | None, Any]] = []
            for written, value in dated:
                start = self.iso(written, node, key=written) if written else None
                values.append((start, value.plain()))
            united = unite([kind_of_value(value) for _, value in values])
            if united is None:
                self.mistakes.append(node.mistake(f"the values of '{name}' are of different kinds"))
                continue
            values.sort(key=lambda pair: pair[0] or dt.date.min)
            params[name] = Parameter(name, tuple(values), node.location)
            kinds[name] = united
        return params, kinds

    def unused(self, params: Mapping[str, Parameter]) -> None:
        block = self.node.get("params")
        for name in params:
            if block and name not in self.used:
                self.mistakes.append(block.mistake(f"the parameter '{name}' is not used", key=name))

    def date(self, key: str) -> dt.date | None:
        node = self.node.get(key)
        return self.iso(node.text, node) if node else None

    def iso(self, text: str, node: Node, *, key: str | None = None) -> dt.date | None:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            self.mistakes.append(node.mistake(f"'{text}' is not a date of the calendar", key=key))
            return None

    def date_field(self, table: str, params: Mapping[str, Parameter]) -> str | None:
        node = self.node.get("date_field")
        dated = any(start for parameter in params.values() for start, _ in parameter.values)
        if node is None:
            default = next((DATE_FIELDS[name] for name in chain(table) if name in DATE_FIELDS), None)
            if dated and default is None:
                self.mistakes.append(self.node.mistake("dated params need a 'date_field'", key="params"))
            return default
        made, wrong = parse(node, Scope(table, wants="date"))
        self.mistakes += wrong
        if made is None:
            return None
        if made.tree.key != "column":
            self.mistakes.append(node.mistake("date_field is a column, such as invoice.issue_date"))
            return None
        return f"{made.tree.table}.{made.tree.name}"

    def terms(self) -> list[str]:
        terms = self.node.get("terms")
        for node in terms or ():
            match = _TERM.fullmatch(node.text)
            number, group = (int(match[2] or 1), int(match[4] or 1)) if match else (0, 0)
            if not match or not 1 <= number <= 165 or not 1 <= group <= 32 or node.text in ("BT", "BG"):
                self.mistakes.append(node.mistake(f"'{node.text}' is no business term; write BT-112, BG-25 or CN-..."))
        return [node.text for node in terms or ()]

    def message(self, scope: Scope, kind: str) -> tuple[Any, dict[str, Expression]]:
        node = self.node.get("message")
        placeholders: dict[str, Expression] = {}
        anything = replace(scope, wants="any")
        for text in (node, *(node.value.values() if node and isinstance(node.value, dict) else ())):
            if text is None or isinstance(text.value, dict):
                continue
            for match in _BRACES.finditer(text.text):
                piece = match[1].strip()
                if piece in KIND_WORDS.get(kind, ()) or piece in placeholders:
                    continue
                part = Node(piece, text.at(match.start(1)), piece, {}, piece)
                made, wrong = parse(part, anything)
                self.mistakes += [Mistake(each.location, f"in the message: {each.text}") for each in wrong]
                self.used |= set(re.findall(r"\$(\w+)", piece))
                if made:
                    placeholders[piece] = made
            if re.search(r"[{}]", _BRACES.sub("", text.text)):
                self.mistakes.append(text.mistake("a brace in the message is not closed, or closed twice"))
        default = parse_text(self.node.get("title"))
        return (parse_text(node) if node else default), placeholders

    # kinds

    def options(self, kind: str, scope: Scope) -> dict[str, Any]:
        node = self.node
        for key in dict.fromkeys(key for keys in KIND_OPTIONS.values() for key in keys):
            fitting = [name for name, keys in KIND_OPTIONS.items() if key in keys]
            if key in node and kind not in fitting:
                self.mistakes.append(node.mistake(f"'{key}' goes with kind {' or '.join(fitting)} only", key=key))
        most = node.plain("at_most")
        if most is not None and isinstance(most, bool) != (kind == "balance"):
            wanted = "true or false" if kind == "balance" else "a number"
            self.mistakes.append(node.mistake(f"at_most of kind {kind} is {wanted}", key="at_most"))
            return {}
        for key in KIND_NEEDS[kind]:
            if node.get(key) is None and not (kind == "condition" and "check" in node):
                self.mistakes.append(node.mistake(f"'{key}' is missing; kind {kind} needs it"))
                return {}
        if kind != "condition" and "check" in node:
            self.mistakes.append(node.mistake(f"'check' does not go with kind {kind}", key="check"))
        table = scope.table or ""
        if kind in PLACES:
            return self.places(kind)
        if kind == "unique":
            return {"columns": self.columns(node.get("columns"), table)}
        if kind == "reference":
            return self.reference(table)
        if kind == "balance":
            return self.balance(table)
        return {}

    def places(self, kind: str) -> dict[str, Any]:
        node = self.node
        texts = {key: _texts(node.get(key)) for key in ("path", "under", "except", "syntax")}
        paths = [(key, path) for key in ("path", "under", "except") for path in texts[key]]
        for key, path in paths:
            if not PATH.fullmatch(path):
                self.mistakes.append(
                    node.mistake(f"'{path}' is no path; write cac:Party/cbc:Name or //@listID", key=key)
                )
        if texts["under"] and any(path.startswith("//") for path in texts["path"]):
            self.mistakes.append(node.mistake("a path below 'under' cannot begin with //", key="path"))
        if kind == "exclusive" and len(texts["path"]) < 2:
            self.mistakes.append(node.mistake("kind exclusive needs several paths", key="path"))
        if kind != "occurs":
            return {**texts, "at_least": 0, "at_most": 0, "together": len(texts["path"]) if kind == "exclusive" else 1}
        least, most = node.plain("at_least", 0), node.plain("at_most")
        if most is None and not least:
            self.mistakes.append(node.mistake("'at_least' or 'at_most' is missing; kind occurs needs one of them"))
        elif most is not None and least > most:
            self.mistakes.append(node.mistake("at_least is more than at_most", key="at_least"))
        return {**texts, "at_least": least, "at_most": most, "together": 1}

    def columns(self, node: Node | None, table: str) -> tuple[str, ...]:
        items = () if node is None else node if isinstance(node.value, tuple) else (node,)
        for item in items:
            if item.text not in CANON[table].by_name:
                self.mistakes.append(item.mistake(no_column(item.text, CANON[table])))
        return tuple(item.text for item in items)

    def reference(self, table: str) -> dict[str, Any]:
        node = self.node
        own = node.get("columns") or node.get("column")
        if own is None:
            self.mistakes.append(node.mistake("'column' is missing; kind reference needs it"))
            return {}
        target = node["references"]
        targets = list(target) if isinstance(target.value, tuple) else [target]
        tables = {item.text.partition(".")[0] for item in targets}
        columns = []
        for item in targets:
            other, _, column = item.text.partition(".")
            if other not in CANON or not column:
                hint = did_you_mean(other, CANON) if other not in CANON else ""
                self.mistakes.append(item.mistake(f"'{item.text}': write table.column, such as party.party_id{hint}"))
            elif column not in CANON[other].by_name:
                self.mistakes.append(item.mistake(no_column(column, CANON[other])))
            columns.append(column)
        mine = self.columns(own, table)
        if len(tables) != 1 or len(columns) != len(mine):
            self.mistakes.append(target.mistake("as many columns of one other table as 'columns' has"))
            return {}
        other = tables.pop()
        where = self.expression(node.get("where"), Scope(other, (), self.code_lists)) if other in CANON else None
        return {"columns": mine, "table": other, "references": tuple(columns), "where": where}

    def balance(self, table: str) -> dict[str, Any]:
        key = self.columns(self.node["key"], table)
        sides = {side: self.side(self.node[side], key) for side in ("left", "right")}
        return {
            "key": key,
            **sides,
            "tolerance": self.node.plain("tolerance", 0),
            "at_most": self.node.plain("at_most", False),
        }

    def side(self, node: Node, key: tuple[str, ...]) -> dict[str, Any]:
        table = node.plain("table")
        if table not in CANON:
            self.mistakes.append(node["table"].mistake(f"no table '{table}'{did_you_mean(table, CANON)}"))
            return {}
        by = self.columns(node.get("by"), table) or key
        if len(by) != len(key):
            self.mistakes.append(node.mistake(f"'by' needs as many columns as 'key', {len(key)}", key="by"))
        for name in key if not node.get("by") else ():
            if name not in CANON[table].by_name:
                self.mistakes.append(node.mistake(f"say which columns by 'by': {no_column(name, CANON[table])}"))
        scope = Scope(table, (), self.code_lists)
        return {
            "table": table,
            "by": by,
            "sum": self.expression(node.get("sum"), replace(scope, wants="number")),
            "where": self.expression(node.get("where"), scope),
        }


def _texts(node: Node | None) -> tuple[str, ...]:
    """One text or several."""
    items = () if node is None else node if isinstance(node.value, tuple) else (node,)
    return tuple(item.text for item in items)
