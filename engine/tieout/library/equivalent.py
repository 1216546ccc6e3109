"""Which changes of a rule change nothing: conditions that say the same of every row, and checks that are never null.

``mutants`` asks, so that no case is wanted for what no case can show. Where it is not certain, the answer is no.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

__all__ = ["never_null", "same"]

_COMPARED = (exp.EQ, exp.NEQ, exp.In)
# Of these the value is null only where a part is; of all other nodes that is not said.
_STRICT = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul, exp.Not, exp.Paren, exp.In, exp.Between,
    exp.Trim, exp.Upper, exp.Lower, exp.Abs, exp.Round, exp.Length, exp.Substring, exp.Left, exp.Right, exp.StartsWith,
    exp.EndsWith, exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpReplace, exp.Replace, exp.SplitPart, exp.Like, exp.Sign,
    exp.Cast, exp.Contains, exp.Year,
)  # fmt: skip
_NEVER = (exp.Literal, exp.Boolean, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Count, exp.Placeholder, exp.DataType)


def same(one: exp.Expr, other: exp.Expr, *, null_is_false: bool) -> bool:
    """Whether two conditions say the same of every row.

    null_is_false: whether it is all the same if the whole is null or false, as in ``when`` and in a filter.
    """
    return _plain(one.copy(), null_is_false) == _plain(other.copy(), null_is_false)


def never_null(check: exp.Expr, when: exp.Expr | None) -> bool:
    """Whether the check has an answer for every row for which ``when`` holds."""
    return _sure(check, set(_told(when)) if when is not None else set())


# --- the same ---


def _plain(tree: exp.Expr, weak: bool) -> exp.Expr:
    """The condition without what makes no difference. weak: null is as good as false here."""
    if isinstance(tree, exp.And | exp.Or):
        tree.set("this", _plain(tree.this, weak))
        tree.set("expression", _plain(tree.expression, weak))
        return tree
    if isinstance(tree, exp.Paren):
        return _plain(tree.this, weak)
    if weak and isinstance(tree, exp.Coalesce) and _text(tree.expressions) == "FALSE":
        return _plain(tree.this, weak)
    if isinstance(tree, _COMPARED):
        return _compared(tree, weak)
    if isinstance(tree, exp.Filter):
        tree.set("this", _plain(tree.this, False))
        tree.expression.set("this", _plain(tree.expression.this, True))
        return tree
    if isinstance(tree, exp.Case):
        for each in tree.args["ifs"]:
            each.set("this", _plain(each.this, True))
            each.set("true", _plain(each.args["true"], weak))
        if tree.args.get("default"):
            tree.set("default", _plain(tree.args["default"], weak))
        return tree
    for key, value in tree.args.items():
        if isinstance(value, exp.Expr):
            tree.set(key, _plain(value, False))
        elif isinstance(value, list):
            tree.set(key, [_plain(each, False) if isinstance(each, exp.Expr) else each for each in value])
    return tree


def _compared(tree: exp.Expr, weak: bool) -> exp.Expr:
    """A comparison with texts: what stands for null is only told apart from them."""
    against = tree.expressions if isinstance(tree, exp.In) else [tree.expression]
    holder, value = None, tree.this
    while isinstance(value, exp.Trim | exp.Upper | exp.Lower | exp.Paren):
        holder, value = value, value.this
    literal = isinstance(value, exp.Coalesce) and len(value.expressions) == 1 and value.expressions[0].is_string
    if literal and all(each.is_string for each in against):
        stands, others = value.expressions[0].name, [each.name for each in against]
        apart = isinstance(tree, exp.NEQ)
        if stands.strip().lower() not in [each.strip().lower() for each in others]:
            # Null is unlike all of them: false where alike is asked, true where unlike.
            value = _plain(value.this, False) if weak and not apart else exp.Coalesce(
                this=_plain(value.this, False), expressions=[exp.Literal.string("\0")]
            )  # fmt: skip
        elif weak and apart and others == [stands] and stands == stands.strip().lower() == stands.upper():
            value = _plain(value.this, False)
        else:
            value = _plain(value, False)
    else:
        value = _plain(value, False)
    (holder or tree).set("this", value)
    for key in ("expression", "expressions"):
        inside = tree.args.get(key)
        if isinstance(inside, exp.Expr):
            tree.set(key, _plain(inside, False))
    return tree


def _text(trees: list[exp.Expr]) -> str:
    return ", ".join(each.sql() for each in trees)


# --- never null ---


def _sure(tree: Any, told: set[str]) -> bool:
    """Whether the expression has a value wherever those that are told have one."""
    if isinstance(tree, _NEVER) or tree.sql() in told:
        return True
    if isinstance(tree, exp.Filter):
        return isinstance(tree.this, exp.Count)
    if isinstance(tree, exp.Coalesce):
        return any(_sure(each, told) for each in (tree.this, *tree.expressions))
    if isinstance(tree, exp.And):
        return any(
            _sure(one, told) and _sure(other, told | set(_told(one)))
            for one, other in ((tree.this, tree.expression), (tree.expression, tree.this))
        )
    if isinstance(tree, exp.Or):
        return any(
            _sure(one, told) and _sure(other, told | set(_told_false(one)))
            for one, other in ((tree.this, tree.expression), (tree.expression, tree.this))
        )
    if isinstance(tree, exp.Case):
        return _sure_case(tree, told)
    if isinstance(tree, exp.Anonymous):
        return tree.name != "chinese_amount" and all(_sure(each, told) for each in tree.expressions)
    if isinstance(tree, _STRICT):
        return all(_sure(each, told) for each in tree.iter_expressions())
    return False


def _sure_case(tree: exp.Case, told: set[str]) -> bool:
    if tree.this is not None or tree.args.get("default") is None:
        return False
    known = set(told)
    for each in tree.args["ifs"]:
        if not _sure(each.args["true"], known | set(_told(each.this))):
            return False
        # A condition that may be null says nothing where it does not hold.
        known |= set(_told_false(each.this)) if _sure(each.this, known) else set()
    return _sure(tree.args["default"], known)


def _told(tree: exp.Expr) -> Iterator[str]:
    """The expressions that have a value wherever the condition is true."""
    if isinstance(tree, exp.Paren):
        yield from _told(tree.this)
    elif isinstance(tree, exp.And):
        yield from _told(tree.this)
        yield from _told(tree.expression)
    elif isinstance(tree, exp.Not) and isinstance(tree.this, exp.Is):
        yield from _needed(tree.this.this)
    else:
        yield from _needed(tree)


def _told_false(tree: exp.Expr) -> Iterator[str]:
    """The expressions that have a value wherever the condition is false."""
    if isinstance(tree, exp.Paren):
        yield from _told_false(tree.this)
    elif isinstance(tree, exp.Or):
        yield from _told_false(tree.this)
        yield from _told_false(tree.expression)
    elif isinstance(tree, exp.Is) and isinstance(tree.expression, exp.Null):
        yield from _needed(tree.this)
    elif not isinstance(tree, exp.And):
        yield from _needed(tree)


def _needed(tree: exp.Expr) -> Iterator[str]:
    """The expression, and what it cannot have a value without."""
    if isinstance(tree, exp.Is | exp.Null):
        return
    yield tree.sql()
    if isinstance(tree, exp.Column):
        yield exp.Anonymous(this="written", expressions=[tree.copy()]).sql()
    elif isinstance(tree, exp.Anonymous) and tree.name == "written_decimals":
        yield exp.Anonymous(this="written", expressions=[tree.expressions[0].copy()]).sql()
    elif isinstance(tree, _STRICT) or (isinstance(tree, exp.Anonymous) and tree.name != "written"):
        for each in tree.iter_expressions():
            yield from _needed(each)
