"""What can be refused in a condition by its tokens alone, each at its exact place, and the words for syntax errors.

Knows nothing of columns or types. ``expression`` asks it before and after a tree is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tieout.library.language import NAMES
from tieout.library.yamlfile import did_you_mean

__all__ = ["MAX_NESTING", "no_function", "pattern_problem", "scan", "syntax_mistake", "unclosed"]

MAX_NESTING = 30


# Words that may stand before a bracket without calling anything.
_NOT_CALLS = frozenset(
    {"in", "and", "or", "not", "when", "then", "else", "case", "between", "filter", "is", "like", "ilike", "distinct"}
    | {"where", "as", "from", "for", "end", "any", "all", "exists"}
)
_SUBSELECT = (
    "a subselect is not available in rules; use an aggregate such as sum(invoice_line.invoice_line_net_amount) "
)
_REFUSED = {
    "SEMICOLON": "one condition only: delete ';' and what follows",
    "SELECT": _SUBSELECT + "or a rule of kind reference",
    "WITH": _SUBSELECT + "or a rule of kind reference",
    "SLASH": "'/' is not exact for money; write div(a, b, decimals), such as div(a, b, 2)",
    "DIV": "'//' is not exact for money; write div(a, b, decimals), such as div(a, b, 0)",
    "L_BRACKET": "lists '[...]' are not available in rules; write in ('a', 'b')",
    "L_BRACE": "'{...}' is not available in a condition; it is for messages only",
    "ARROW": "'->' is not available in rules",
    "PLACEHOLDER": "'?' has no meaning here; a parameter is written $name",
    "OVER": "'over' is not available in rules; use an aggregate over a child table, or a rule of kind unique",
    "CURRENT_DATE": "the date of today is not available in rules; write $as_of, the date of the run",
    "CURRENT_TIMESTAMP": "the time of day is not available in rules; write $as_of, the date of the run",
    "CURRENT_TIME": "the time of day is not available in rules; write $as_of, the date of the run",
}


def scan(tokens: list[Any]) -> Iterator[tuple[int, str]]:
    depth = 0
    for index, token in enumerate(tokens):
        name = token.token_type.name
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        if name in _REFUSED and token.text.lower() != "div":
            yield token.start, _REFUSED[name]
            if name in ("SEMICOLON", "SELECT", "WITH"):
                return
        elif name == "NUMBER" and re.search("e", token.text, re.I):
            yield token.start, f"'{token.text}' is not exact; write the number out"
        elif name.endswith("_STRING") or name in ("UNKNOWN", "BACKSLASH", "HASH"):
            yield token.start, f"'{token.text[:20]}' has no meaning here; text stands in single quotes"
        elif name == "PARAMETER" and (token.text != "$" or after is None or not after.text.isidentifier()):
            yield token.start, f"'{token.text}' has no meaning here; a parameter is written $name"
        elif name == "L_PAREN":
            depth += 1
            if depth > MAX_NESTING:
                yield token.start, f"more than {MAX_NESTING} brackets inside one another; split the rule"
                return
        elif name == "R_PAREN":
            depth -= 1
        elif after is not None and after.text == "(" and name not in ("STRING", "IDENTIFIER"):
            called = token.text.lower()
            follows_dot = index and tokens[index - 1].text == "."
            if called.isidentifier() and called not in NAMES and (called not in _NOT_CALLS or follows_dot):
                yield token.start, no_function(called)


def no_function(name: str) -> str:
    if name == "avg":
        return "'avg' is not exact; write div(sum(x), count(x), decimals)"
    hint = did_you_mean(name, NAMES, near=0.75)
    return f"the function '{name}' is not available in rules{hint}"


def syntax_mistake(error: Any, text: str) -> tuple[int, str]:
    found = str(error.get("highlight") or "")
    description = str(error.get("description") or "")
    lines = text.split("\n")
    line, column = int(error.get("line") or 1), int(error.get("col") or 1)
    offset = sum(len(each) + 1 for each in lines[: line - 1]) + max(0, column - max(1, len(found)))
    if "Required keyword" in description:
        return offset, f"something is missing beside '{found}'"
    if "Expecting )" in description:
        return offset, f"a ')' or an operator is missing after '{found}'"
    if found:
        return offset, f"'{found}' cannot stand here; is an operator or a bracket missing?"
    return offset, "the condition cannot be read; is an operator or a bracket missing?"


def unclosed(text: str) -> str:
    for sign, what in (("'", "a text in single quotes"), ('"', "a name in double quotes")):
        if text.count(sign) % 2:
            return f"{what} is not closed"
    return "a comment or a quoted text is not closed"


def pattern_problem(pattern: str) -> str | None:
    """Why a regular expression cannot be used, or None."""
    if re.search(r"\(\?[=!<]", pattern) and "(?P<" not in pattern:
        return "look-ahead and look-behind are not available in patterns"
    if re.search(r"\\[1-9]", pattern):
        return "references back such as \\1 are not available in patterns"
    if any(int(count) > 1000 for count in re.findall(r"\{(\d{1,9})", pattern)):
        return "a pattern repeats at most 1000 times"
    try:
        re.compile(re.sub(r"\\p\{\w+\}|\\p\w|\\P\{\w+\}|\[\[:\^?\w+:\]\]", "x", pattern))
    except re.error as exc:
        return f"the pattern cannot be read: {exc.msg}"
    except (RecursionError, OverflowError):
        return "the pattern is too large"
    return None
