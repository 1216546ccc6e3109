"""The condition language: text to a checked and normalised syntax tree, or the mistakes with their place in the file.

sqlglot reads it; every node must be on the allow-list of ``language``, every column in the canon, every type fit, the
root be boolean and nothing be a float. What comes out holds only what may run. ``validation`` turns it into queries.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sqlglot import TokenType, exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError

from tieout.library.checker import Checker
from tieout.library.functions import CALLS
from tieout.library.language import BOOLEAN, DATE, MAX_DIGITS, Kind
from tieout.library.operators import OPERATORS
from tieout.library.scope import Scope
from tieout.library.syntax import scan, syntax_mistake, unclosed
from tieout.library.yamlfile import Node
from tieout.model.canon import CANON
from tieout.model.definitions import Expression
from tieout.model.errors import Mistake

__all__ = ["Scope", "code_lists_read", "columns_read", "parse"]

MAX_LENGTH = 4_000
HANDLERS = {**OPERATORS, **CALLS}


def parse(node: Node, scope: Scope) -> tuple[Expression | None, list[Mistake]]:
    """The checked expression a scalar holds; None and all mistakes where it is not one.

    The tree has its columns qualified and may be read by any number of users; copy it before changing it.
    """
    if isinstance(node.value, dict | tuple) or node.value is None:
        return None, [node.mistake("must be a condition, written as text")]
    tree, wrong = _checked(node.text, scope)
    if wrong:
        return None, [Mistake(node.at(offset), text) for offset, text in wrong]
    return Expression(node.text.strip(), tree, node.location), []


def columns_read(expression: Expression) -> list[tuple[str, str]]:
    """(table, column) of every column the expression reads, in order of first appearance."""
    found = expression.tree.find_all(exp.Column, bfs=False)
    return list(dict.fromkeys((column.table, column.name) for column in found if column.name != "*"))


def code_lists_read(expression: Expression) -> set[str]:
    """The names of the code lists the expression asks."""
    calls = expression.tree.find_all(exp.Anonymous)
    return {call.expressions[1].name for call in calls if call.name == "in_code_list"}


@lru_cache(maxsize=8192)
def _checked(text: str, scope: Scope) -> tuple[exp.Expr | None, tuple[tuple[int, str], ...]]:
    """The tree and the mistakes as (offset in the text, sentence)."""
    if re.fullmatch(r"\s*[a-z][a-z0-9_]*\s*", text) and scope.table and text.strip() in CANON[scope.table].by_name:
        return _bare(text.strip(), scope)
    if len(text) > MAX_LENGTH:
        return None, ((0, f"a condition of more than {MAX_LENGTH} characters; split the rule"),)
    try:
        tokens = DuckDB().tokenize(text)
    except TokenError:
        return None, ((0, unclosed(text)),)
    except RecursionError:
        return None, ((0, "brackets are nested too deeply; split the rule"),)
    wrong = list(scan(tokens))
    if wrong:
        return None, tuple(wrong)
    for token in tokens:
        # To DuckDB div is an operator and takes two arguments; ours takes three. The token keeps its place.
        if token.text.lower() == "div" and token.token_type is TokenType.DIV:
            token.token_type, token.text = TokenType.VAR, "div_"
    try:
        trees = DuckDB().parser().parse(tokens, text)
        if len(trees) != 1 or trees[0] is None:
            return None, ((0, "the condition is empty"),)
        return _run(trees[0], text, scope)
    except ParseError as exc:
        return None, (syntax_mistake(exc.errors[0] if exc.errors else {}, text),)
    except RecursionError:
        return None, ((0, "too many conditions inside one another; split the rule"),)


def _bare(name: str, scope: Scope) -> tuple[exp.Expr | None, tuple[tuple[int, str], ...]]:
    """The tree of a column's name alone, which most messages hold many of; no parser is needed."""
    return _run(exp.column(name), name, scope)


def _run(tree: exp.Expr, text: str, scope: Scope) -> tuple[exp.Expr | None, tuple[tuple[int, str], ...]]:
    check = Checker(text, scope, _TREES, HANDLERS)
    root = exp.Paren(this=tree)
    kind = check.visit(tree)
    if not check.wrong and not _fits(kind, scope.wants):
        wanted = {"boolean": str(BOOLEAN), "number": "a number", "date": "a date"}[scope.wants]
        check.note(root.this, f"must be {wanted}, and this is {kind}")
    if check.wrong:
        return None, tuple(dict.fromkeys(check.wrong))
    checked: exp.Expr = root.this.pop()
    checked.meta["kind"] = kind
    return checked, ()


def _fits(kind: Kind, wanted: str) -> bool:
    return {"boolean": kind is BOOLEAN, "number": kind.is_number, "date": kind is DATE}.get(wanted, True)


class _Trees:
    """Makes the nodes that the checker puts in the place of others."""

    def cast(self, node: exp.Expr, type_name: str) -> exp.Expr:
        return exp.cast(node.copy(), type_name)

    def replace(self, node: exp.Expr, made: exp.Expr) -> exp.Expr:
        starts = [each.meta["start"] for each in node.walk() if each._meta and "start" in each._meta]
        if starts:
            made.meta["start"] = min(starts)
        node.replace(made)
        return made

    def qualify(self, node: exp.Expr, table: str, column: str) -> None:
        node.set("this", exp.to_identifier(column, quoted=True))
        node.set("table", exp.to_identifier(table, quoted=True))

    def count_rows(self, node: exp.Expr) -> None:
        node.set("this", exp.Star())

    def quotient(self, a: exp.Expr, b: exp.Expr, left: Kind, right: Kind, scale: int) -> exp.Expr:
        """A multiplication where b is written as 10, 100 ...; else in whole numbers of 128 bits.

        With A and B the values without their points, a / b * 10^scale is A * 10^(right.scale - left.scale + scale) / B,
        and (2|A| + |B|) // 2|B| rounds its halves up.
        """
        zeros = len(b.name) - 1
        if (
            isinstance(b, exp.Literal)
            and b.name == f"1{'0' * zeros}"
            and left.digits + left.scale + zeros <= MAX_DIGITS
        ):
            part = f"cast(0.{'0' * (zeros - 1)}1 as decimal({zeros}, {zeros}))" if zeros else "1"
            return self._filled(f"round(div_a * {part}, {scale})", a, b)
        shift = right.scale - left.scale + scale
        top = _whole("div_a", left, max(0, shift))
        bottom = _whole("div_b", right, max(0, -shift))
        sql = (
            f"cast(sign({top}) * sign({bottom}) * ((2 * abs({top}) + abs({bottom})) // nullif(2 * abs({bottom}), 0)) "
            f"as decimal({MAX_DIGITS - scale}, 0))"
        )
        if scale:
            sql += f" * 0.{'0' * (scale - 1)}1"
        return self._filled(sql, a, b)

    def _filled(self, sql: str, a: exp.Expr, b: exp.Expr) -> exp.Expr:
        """The SQL in brackets, a and b in the places of div_a and div_b."""
        made: exp.Expr = exp.paren(exp.maybe_parse(sql, dialect="duckdb"), copy=False)
        for column in list(made.find_all(exp.Column)):
            column.replace(exp.paren((a if column.name == "div_a" else b).copy(), copy=False))
        return made

    def short(self, node: exp.Expr) -> str:
        text = node.sql("duckdb", comments=False).replace('"', "")
        return text if len(text) <= 40 else text[:37] + "..."


_TREES = _Trees()


def _whole(name: str, kind: Kind, shift: int) -> str:
    """SQL for the named value times 10^(its scale + shift), as a whole number."""
    if kind.scale and kind.digits + 2 * kind.scale > MAX_DIGITS:
        base = f"cast(replace(cast({name} as varchar), '.', '') as hugeint)"
    else:
        base = f"cast({name} * {10**kind.scale} as hugeint)" if kind.scale else f"cast({name} as hugeint)"
    return f"({base} * {10**shift})" if shift else base
