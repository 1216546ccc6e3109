"""A condition in words, English and Chinese, for those who do not read SQL: what the catalogue of rules prints beside it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sqlglot import exp

from tieout.library.scope import chain
from tieout.library.variants import syntax_tree
from tieout.model.canon import CANON
from tieout.model.definitions import Text

__all__ = ["in_words", "term_names"]


@cache
def term_names() -> dict[str, Text]:
    """The names of the business terms and groups of EN 16931, from rules/terms.csv."""
    inside = Path(__file__).parent / "rules"
    path = (inside if inside.is_dir() else Path(__file__).parents[3] / "rules") / "terms.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["term"]: Text(row["en"], row["zh"]) for row in csv.DictReader(stream)}


def in_words(condition: str, table: str) -> Text:
    """What the condition on a row of the table says. What has no words of its own stands as it is written."""
    tree = syntax_tree(condition)
    if tree is None:
        return Text(condition, condition)
    return Text(_Words(table, zh=False).say(tree), _Words(table, zh=True).say(tree))


# Operator: English, Chinese; {0} and {1} are its sides.
_SENTENCES: dict[type[exp.Expr], tuple[str, str]] = {
    exp.EQ: ("{0} is {1}", "{0} 等于 {1}"),
    exp.NEQ: ("{0} is not {1}", "{0} 不等于 {1}"),
    exp.LT: ("{0} is less than {1}", "{0} 小于 {1}"),
    exp.LTE: ("{0} is at most {1}", "{0} 不大于 {1}"),
    exp.GT: ("{0} is more than {1}", "{0} 大于 {1}"),
    exp.GTE: ("{0} is at least {1}", "{0} 不小于 {1}"),
    exp.NullSafeEQ: ("{0} is {1}, or both are absent", "{0} 与 {1} 相同（或均缺失）"),
    exp.NullSafeNEQ: ("{0} is not {1}", "{0} 与 {1} 不同"),
    exp.And: ("{0}, and {1}", "{0}，且 {1}"),
    exp.Or: ("{0}, or {1}", "{0}，或 {1}"),
    exp.Add: ("{0} plus {1}", "{0} 加 {1}"),
    exp.Sub: ("{0} minus {1}", "{0} 减 {1}"),
    exp.Mul: ("{0} times {1}", "{0} 乘以 {1}"),
    exp.Mod: ("the remainder of {0} by {1}", "{0} 除以 {1} 的余数"),
    exp.DPipe: ("{0} followed by {1}", "{0} 连接 {1}"),
    exp.Like: ("{0} is like {1}", "{0} 形如 {1}"),
    exp.ILike: ("{0} is like {1}", "{0} 形如 {1}"),
}
# Function: English, Chinese; {0}, {1} ... are its arguments.
_CALLS: dict[str, tuple[str, str]] = {
    "abs": ("the size of {0}", "{0} 的绝对值"),
    "round": ("{0} rounded to {1} decimals", "{0} 四舍五入到 {1} 位小数"),
    "trim": ("{0} without blanks around it", "{0}（去除首尾空格）"),
    "upper": ("{0} in capitals", "{0}（大写）"),
    "lower": ("{0} in small letters", "{0}（小写）"),
    "length": ("the length of {0}", "{0} 的长度"),
    "starts_with": ("{0} begins with {1}", "{0} 以 {1} 开头"),
    "startswith": ("{0} begins with {1}", "{0} 以 {1} 开头"),
    "regexp_matches": ("{0} fits the pattern {1}", "{0} 符合模式 {1}"),
    "regexp_full_match": ("{0} as a whole fits the pattern {1}", "{0} 整体符合模式 {1}"),
    "regexpfullmatch": ("{0} as a whole fits the pattern {1}", "{0} 整体符合模式 {1}"),
    "regexp_replace": ("{0} without what fits {1}", "{0}（除去符合 {1} 的部分）"),
    "regexpreplace": ("{0} without what fits {1}", "{0}（除去符合 {1} 的部分）"),
    "nullif": ("{0} unless it is {1}", "{0}（除非等于 {1}）"),
    "split_part": ("part {2} of {0} between {1}", "{0} 按 {1} 分开的第 {2} 段"),
    "splitpart": ("part {2} of {0} between {1}", "{0} 按 {1} 分开的第 {2} 段"),
    "ends_with": ("{0} ends with {1}", "{0} 以 {1} 结尾"),
    "endswith": ("{0} ends with {1}", "{0} 以 {1} 结尾"),
    "contains": ("{0} contains {1}", "{0} 含有 {1}"),
    "year": ("the year of {0}", "{0} 的年份"),
    "sign": ("the sign of {0}", "{0} 的正负号"),
    "right": ("the last {1} characters of {0}", "{0} 的后 {1} 位"),
    "left": ("the first {1} characters of {0}", "{0} 的前 {1} 位"),
    "chinese_amount": ("{0} read as a number", "{0} 换算成的数值"),
    "regexplike": ("{0} fits the pattern {1}", "{0} 符合模式 {1}"),
    "in_code_list": ("{0} is in the code list {1}", "{0} 在代码表 {1} 内"),
    "div": ("{0} divided by {1}", "{0} 除以 {1}"),
    "written": ("{0} as it is written", "{0} 的原文"),
    "written_decimals": ("the number of decimals {0} is written with", "{0} 原文的小数位数"),
    "sum": ("the sum of {0}", "{0} 合计"),
    "min": ("the least {0}", "最小的 {0}"),
    "max": ("the greatest {0}", "最大的 {0}"),
    "bool_and": ("for each: {0}", "每一行均有：{0}"),
    "logicaland": ("for each: {0}", "每一行均有：{0}"),
    "bool_or": ("for one at least: {0}", "至少一行：{0}"),
    "logicalor": ("for one at least: {0}", "至少一行：{0}"),
    "substring": ("the characters of {0} from {1}", "{0} 自第 {1} 位起的字符"),
    "replace": ("{0} with {1} replaced", "{0}（替换 {1}）"),
}
_JOINED = {"least": ("the least of {0}", "{0} 中最小者"), "greatest": ("the greatest of {0}", "{0} 中最大者")}


def _small(name: str) -> str:
    """A term's name within a sentence: 'VAT' keeps its capitals."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


class _Words:
    """Says one tree in one language."""

    def __init__(self, table: str, *, zh: bool) -> None:
        self.table, self.zh = table, zh

    def say(self, node: Any) -> str:
        special: dict[type[exp.Expr], Callable[[Any], str]] = {
            exp.Column: self.column,
            exp.Placeholder: lambda each: f"${each.name}",
            exp.Parameter: lambda each: f"${each.name}",
            exp.Literal: lambda each: f"'{each.name}'" if each.is_string else str(each.name),
            exp.Boolean: lambda each: self.pick("true", "真") if each.this else self.pick("false", "假"),
            exp.Null: lambda _: self.pick("nothing", "空"),
            exp.Paren: lambda each: f"({self.say(each.this)})",
            exp.Neg: lambda each: f"-{self.say(each.this)}",
            exp.Not: self.negated,
            exp.Is: self.absent,
            exp.In: self.among,
            exp.Between: self.between,
            exp.Cast: lambda each: self.say(each.this),
            exp.Case: self.case,
            exp.Coalesce: self.coalesce,
            exp.Filter: self.filtered,
            exp.Count: self.count,
            exp.LTE: self.at_most,
            exp.LT: self.at_most,
            exp.NEQ: self.unlike,
        }
        if type(node) in special:
            return str(special[type(node)](node))
        if type(node) in _SENTENCES:
            left, right = (
                f"({self.say(each)})" if isinstance(node, exp.Or) and isinstance(each, exp.And) else self.say(each)
                for each in (node.this, node.expression)
            )
            return self.pick(*_SENTENCES[type(node)]).format(left, right)
        return self.call(node)

    def pick(self, en: str, zh: str) -> str:
        return zh if self.zh else en

    def column(self, node: Any) -> str:
        table, name = node.table or self.table, node.name
        if isinstance(node.this, exp.Star):
            return self.rows(table)
        for each in (table, *(chain(table) if table in CANON else ())):
            column = CANON[each].by_name.get(name) if each in CANON else None
            if column is not None:
                return self.named(column.term, name)
        return str(name)

    def named(self, terms: str, name: str) -> str:
        known = [term_names()[term] for term in re.split(r",\s*", terms) if term in term_names()]
        if name == "is_charge":
            return self.pick("it is a charge", "为附加费")
        if name.startswith("has_") and known:
            return self.pick("there is a group {0}", "有 {0} 组").format(
                f"{str(known[0].zh or '') if self.zh else _small(known[0].en)} ({terms})"
            )
        if len(known) == 1:
            return f"{known[0].zh if self.zh else _small(known[0].en)} ({terms})"
        plain = name.replace("_", " ")
        return f"{plain} ({terms})" if terms not in ("", "-") else plain

    def rows(self, table: str) -> str:
        group = term_names().get(CANON[table].term) if table in CANON else None
        if group:
            return f"{group.zh if self.zh else _small(group.en)} ({CANON[table].term})"
        return table.replace("_", " ")

    def negated(self, node: Any) -> str:
        inner = node.this.this if isinstance(node.this, exp.Paren) else node.this
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            return self.pick("{0} is given", "已填写 {0}").format(self.say(inner.this))
        if isinstance(inner, exp.In):
            return self.among(inner, negated=True)
        if isinstance(inner, exp.Column) and inner.name == "is_charge":
            return self.pick("it is an allowance", "为折让")
        if isinstance(inner, exp.Column) and inner.name.startswith("has_"):
            return self.say(inner).replace("there is a group", "there is no group").replace("有 ", "没有 ")
        if isinstance(inner, exp.Column):
            return self.pick("not {0}", "非 {0}").format(self.say(inner))
        return self.pick("it does not hold that {0}", "并非：{0}").format(self.say(inner))

    def absent(self, node: Any) -> str:
        if isinstance(node.expression, exp.Null):
            return self.pick("{0} is absent", "缺少 {0}").format(self.say(node.this))
        return self.pick("{0} is {1}", "{0} 为{1}").format(self.say(node.this), self.say(node.expression))

    def among(self, node: Any, *, negated: bool = False) -> str:
        values = ", ".join(self.say(each) for each in node.expressions)
        english = "{0} is none of {1}" if negated else "{0} is one of {1}"
        return self.pick(english, "{0} 不属于 {1}" if negated else "{0} 属于 {1}").format(self.say(node.this), values)

    def between(self, node: Any) -> str:
        parts = (self.say(node.this), self.say(node.args["low"]), self.say(node.args["high"]))
        return self.pick("{0} is from {1} to {2}", "{0} 介于 {1} 与 {2} 之间").format(*parts)

    def case(self, node: Any) -> str:
        parts = [
            self.pick("if {0} then {1}", "若 {0}，则 {1}").format(self.say(each.this), self.say(each.args["true"]))
            for each in node.args["ifs"]
        ]
        if node.args.get("default") is not None:
            parts.append(self.pick("otherwise {0}", "否则 {0}").format(self.say(node.args["default"])))
        return self.pick("; ", "；").join(parts)

    def coalesce(self, node: Any) -> str:
        first, second = self.say(node.this), self.say(node.expressions[0]) if node.expressions else ""
        if second in ("0", "false", "假", "''"):
            return first
        return self.pick("{0} (or {1} where absent)", "{0}（缺失时取 {1}）").format(first, second)

    def filtered(self, node: Any) -> str:
        condition = node.expression.this
        return self.pick("{0} where {1}", "{0}（限 {1}）").format(self.say(node.this), self.say(condition))

    def count(self, node: Any) -> str:
        inner = node.this
        if isinstance(inner, exp.Distinct):
            values = ", ".join(self.say(each) for each in inner.expressions)
            return self.pick("the number of different {0}", "不同 {0} 的个数").format(values)
        counted = isinstance(inner, exp.Column) and inner.name in ("row_no", "invoice_id") and inner.table
        what = (
            self.rows(inner.table if counted else self.table)
            if counted or isinstance(inner, exp.Star)
            else self.say(inner)
        )
        return self.pick("the number of {0}", "{0} 的个数").format(what)

    def at_most(self, node: Any) -> str:
        """``abs(a - b) <= t``: a and b differ by at most t."""
        if isinstance(node.this, exp.Abs) and isinstance(node.this.this, exp.Sub):
            sides = (node.this.this.this, node.this.this.expression)
            less = isinstance(node, exp.LT)
            how = self.pick("less than" if less else "at most", "小于" if less else "不超过")
            words = self.pick("{0} and {1} differ by {2} {3}", "{0} 与 {1} 相差{2} {3}")
            return words.format(*map(self.say, sides), how, self.say(node.expression))
        return self.pick(*_SENTENCES[type(node)]).format(self.say(node.this), self.say(node.expression))

    def unlike(self, node: Any) -> str:
        """``trim(x) <> ''``: x is not blank."""
        if isinstance(node.expression, exp.Literal) and node.expression.is_string and not node.expression.name:
            inner = node.this.this if isinstance(node.this, exp.Trim) else node.this
            return self.pick("{0} is given and not blank", "{0} 已填写且非空白").format(self.say(inner))
        return self.pick(*_SENTENCES[exp.NEQ]).format(self.say(node.this), self.say(node.expression))

    def call(self, node: Any) -> str:
        name = (node.name if isinstance(node, exp.Anonymous) else node.key).lower().rstrip("_")
        given = [each for each in _arguments(node) if each is not None]
        said = [f"({self.say(each)})" if isinstance(each, exp.Add | exp.Sub) else self.say(each) for each in given]
        if name.startswith("valid_") and said:
            kind = name.removeprefix("valid_").replace("_", " ")
            return self.pick("{0} is a valid {1}", "{0} 是有效的 {1}").format(said[0], kind)
        if name in _JOINED:
            return self.pick(*_JOINED[name]).format(", ".join(said))
        if name in _CALLS:
            try:
                return self.pick(*_CALLS[name]).format(*said)
            except IndexError:
                pass
        return f"`{node.sql('duckdb', comments=False, normalize_functions='lower')}`"


def _arguments(node: Any) -> list[Any]:
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    if isinstance(node, exp.Least | exp.Greatest):
        return [node.this, *node.expressions]
    parts = ("expression", "delimiter", "decimals", "start", "part_index", "replacement")
    return [node.this, *(node.args.get(part) for part in parts), *node.expressions]
