"""A condition changed a little: one operator, one constant, or one part left out. ``mutants`` makes rules of them.

The text is changed where an author would mistype it, so that what comes out is read by the same parser as the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import TokenType, exp
from sqlglot.dialects.duckdb import DuckDB

__all__ = ["Variant", "number_near", "syntax_tree", "variants"]

_OPERATORS = {
    "=": ("<>",),
    "<>": ("=",),
    "!=": ("=",),
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "+": ("-",),
    "-": ("+",),
    "*": ("+",),
}
_WORDS = {
    "least": "greatest",
    "greatest": "least",
    "min": "max",
    "max": "min",
    "sum": "max",
    "bool_and": "bool_or",
    "bool_or": "bool_and",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Variant:
    """One changed text and, in a few words, what was changed."""

    what: str
    text: str


def number_near(text: str) -> str:
    """The number one unit of its last written digit further: 0.02 becomes 0.03, 100 becomes 101."""
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    return f"{value + Decimal((0, (1,), exponent if isinstance(exponent, int) else 0)):f}"


def variants(text: str) -> Iterator[Variant]:
    """Every small change of the condition, each once; some may not be conditions at all, which the parser will say."""
    seen = {_plain(text)}
    for variant in (*_by_token(text), *_by_part(text)):
        if (plain := _plain(variant.text)) not in seen:
            seen.add(plain)
            yield variant


def _plain(text: str) -> str:
    return "".join(text.lower().split())


# --- one token ---


def _by_token(text: str) -> Iterator[Variant]:
    tokens = DuckDB().tokenize(text)
    for at in range(len(tokens)):
        for now, start, end in _changes(tokens, at):
            was = text[start:end]
            yield Variant(f"{was} became {now}" if now else f"{was} left out", text[:start] + now + text[end:])


def _changes(tokens: list[Any], at: int) -> Iterator[tuple[str, int, int]]:
    """(what stands there now, from where, to where) for each change of the token."""
    token, word = tokens[at], tokens[at].text.lower()
    after = tokens[at + 1].text.lower() if at + 1 < len(tokens) else ""
    here = (token.start, token.end + 1)
    null = tokens[at + 2].text.lower() == "null" if at + 2 < len(tokens) else False
    if token.token_type is TokenType.NUMBER:
        yield number_near(token.text), *here
    elif token.token_type is TokenType.STRING:
        if _DATE.fullmatch(token.text):
            yield "'1900-01-01'", *here
        elif not _listed(tokens, at):
            yield "'~'", *here
    elif word == "is" and after == "not" and null:
        yield "is null", token.start, tokens[at + 2].end + 1
    elif word == "is" and after == "null":
        yield "is not null", token.start, tokens[at + 1].end + 1
    elif word == "not" and (at == 0 or tokens[at - 1].text.lower() != "is"):
        yield "", *here
    elif word in ("and", "or") and not _between(tokens, at):
        yield "or" if word == "and" else "and", *here
    elif word in _WORDS and after == "(":
        yield _WORDS[word], *here
    elif token.token_type is not TokenType.STRING:
        for other in _OPERATORS.get(word, ()) if not _signs(tokens, at) else ():
            yield other, *here


def _listed(tokens: list[Any], at: int) -> bool:
    """Whether the text names a code list, says how a pattern is applied, or is an entry among others: another entry is an entry
    left out, tried below."""
    called, before, after = (
        _called(tokens, at),
        tokens[at - 1].text,
        tokens[at + 1].text if at + 1 < len(tokens) else "",
    )
    flags = called == "regexp_replace" and after == ")" and tokens[at].text.isalpha()
    return flags or (called == "in_code_list" and before == ",") or (called == "in" and "," in (before, after))


def _called(tokens: list[Any], at: int) -> str:
    """The function whose bracket the token stands directly in."""
    depth = 0
    for before in range(at - 1, 0, -1):
        depth += (
            {")": 1, "(": -1}.get(tokens[before].text, 0) if tokens[before].token_type.name.endswith("PAREN") else 0
        )
        if depth < 0:
            return str(tokens[before - 1].text).lower()
    return ""


def _between(tokens: list[Any], at: int) -> bool:
    """Whether the ``and`` belongs to a ``between``."""
    depth = 0
    for before in range(at - 1, -1, -1):
        name, word = tokens[before].token_type.name, tokens[before].text.lower()
        depth += {"R_PAREN": 1, "L_PAREN": -1}.get(name, 0)
        if depth < 0 or (depth == 0 and word in ("and", "or", "when", "then", "else")):
            return False
        if depth == 0 and word == "between":
            return True
    return False


def _signs(tokens: list[Any], at: int) -> bool:
    """Whether a plus or minus is the sign of a number, or the star counts rows."""
    before = tokens[at - 1].token_type if at else TokenType.L_PAREN
    return before in (TokenType.L_PAREN, TokenType.COMMA, TokenType.DOT) or before.name in (
        *("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "PLUS", "DASH", "STAR", "AND", "OR", "NOT", "WHEN", "THEN", "ELSE"),
    )


# --- one part ---


def _by_part(text: str) -> Iterator[Variant]:
    """The condition with one part left out: a side of ``and``, ``or``, ``+`` or ``-``, a filter, an entry of a list."""
    tree = syntax_tree(text)
    if tree is None:
        return
    count = sum(1 for _ in tree.walk())
    for number in range(count):
        for choice in range(_choices(_nth(tree, number))):
            copy = exp.Paren(this=tree.copy())
            node = _nth(copy.this, number)
            what, kept = _without(node, choice)
            node.replace(kept)
            yield Variant(what, _written(copy.this))


def syntax_tree(text: str) -> exp.Expr | None:
    """The condition as its author wrote it, unchecked."""
    tokens = DuckDB().tokenize(text)
    for token in tokens:
        if token.text.lower() == "div" and token.token_type is TokenType.DIV:
            token.token_type, token.text = TokenType.VAR, "div_"
    return DuckDB().parser().parse(tokens, text)[0]


def _nth(tree: exp.Expr, number: int) -> exp.Expr:
    return next(node for at, node in enumerate(tree.walk()) if at == number)


def _choices(node: exp.Expr) -> int:
    if isinstance(node, exp.And | exp.Or | exp.Add | exp.Sub):
        return 2
    if isinstance(node, exp.Filter):
        return 1
    if isinstance(node, exp.In) and len(node.expressions) > 1:
        return len(node.expressions)
    if isinstance(node, exp.Coalesce) and node.expressions:
        return 1
    return 1 if isinstance(node, exp.Abs | exp.Round | exp.Trim | exp.Upper | exp.Lower) else 0


def _without(node: exp.Expr, choice: int) -> tuple[str, exp.Expr]:
    if isinstance(node, exp.In):
        kept = node.copy()
        gone = kept.expressions[choice]
        kept.set("expressions", [each for at, each in enumerate(kept.expressions) if at != choice])
        return f"{_written(gone)} left out", kept
    if isinstance(node, exp.Binary):
        gone, kept = (node.expression, node.this) if choice == 0 else (node.this, node.expression)
        return f"{_short(gone)} left out", kept.copy()
    if isinstance(node, exp.Filter):
        return f"{_short(node.expression)} left out", node.this.copy()
    return f"{node.key} left out", node.this.copy()


def _written(tree: exp.Expr) -> str:
    return re.sub(r"\bdiv_\(", "div(", tree.sql("duckdb", comments=False, normalize_functions="lower"), flags=re.I)


def _short(tree: exp.Expr) -> str:
    text = _written(tree)
    return text if len(text) <= 60 else text[:57] + "..."
