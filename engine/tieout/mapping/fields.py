"""One field of a table mapping: its text after the declared verbs, and its value in the column's type, as SQL.

The texts are columns of one stage and the values columns of the next, so that each is computed once. Called by ``project``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any

from tieout.mapping.notation import Number, date_expression
from tieout.model.canon import Column
from tieout.model.definitions import Field

__all__ = ["FILE_NAME", "UNKNOWN", "Scope", "groups", "named", "optional", "paths", "quoted", "text_of", "value_of"]

# The column of the view that holds the name of the file.
FILE_NAME = "tieout:file"
NUMBERS = {"money", "amount", "unit_price", "quantity", "percentage", "rate", "score", "integer"}
TRUE = ("true", "1", "yes", "y", "x", "ja", "j", "是", "s", "oui")
FALSE = ("false", "0", "no", "n", "nein", "否", "non")
# Stands for a code that the mapping does not know: it is no value of any type, so that the row is flagged.
UNKNOWN = "chr(0)"


@dataclass(slots=True)
class Scope:
    """What is known while one select is composed: the file's columns, its notation, the texts and bound values so far."""

    kinds: Dict[str, str]
    settings: Dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def text(self, name: str, expression: str) -> str:
        """Adds a column to the stage of texts and returns its name, quoted."""
        self.texts[f"text of {name}"] = expression
        return quoted(f"text of {name}")

    def column(self, name: str) -> str:
        """A column of the file, as text."""
        return quoted(name) if self.kinds.get(name) == "text" else f"cast({quoted(name)} as varchar)"

    def declared(self, each: Field | None, key: str, default: Any) -> Any:
        """What the field says of its notation, else the mapping's settings."""
        return (each.options if each else {}).get(key, self.settings.get(key, default))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# --- the text ---


def text_of(scope: Scope, each: Field) -> str:
    """The text after the field's verbs; null where it is empty."""
    options = each.options
    if "constant" in options:
        return scope.bind(str(options["constant"]))
    text = _origin(scope, each)
    if "pattern" in options:
        group = 1 if re.compile(str(options["pattern"])).groups else 0
        text = f"nullif(regexp_extract({text}, {scope.bind(str(options['pattern']))}, {group}), '')"
    if "remove" in options:
        text = f"nullif(regexp_replace({text}, {scope.bind(str(options['remove']))}, '', 'g'), '')"
    if options.get("trim_zeros"):
        text = f"coalesce(nullif(ltrim({text}, '0'), ''), case when {text} is not null then '0' end)"
    if options.get("upper"):
        text = f"upper({text})"
    if "empty" in options:
        listed = options["empty"] if isinstance(options["empty"], list) else [options["empty"]]
        text = f"case when {text} not in ({', '.join(scope.bind(str(value)) for value in listed)}) then {text} end"
    if "map" in options:
        text = _mapped(scope, options, text)
    if "default" in options:
        text = f"coalesce({text}, {scope.bind(str(options['default']))})"
    return text


def _origin(scope: Scope, each: Field) -> str:
    options = each.options
    if options.get("from") == "file_name":
        return quoted(FILE_NAME)
    if "sum" in options:
        parts = ", ".join(scope.column(name) for name in _summed(each) if name in scope.kinds)
        return f"nullif(concat_ws(' / ', {parts}), '')" if parts else "null"
    if "concat" in options or "paid_in" in options:
        names = options["concat"] if "concat" in options else [options["paid_in"], options["paid_out"]]
        separator = options.get("separator", " ") if "concat" in options else " / "
        parts = ", ".join(scope.column(str(name)) for name in names if str(name) in scope.kinds)
        return f"nullif(concat_ws({scope.bind(str(separator))}, {parts}), '')" if parts else "null"
    name = next((name for name in paths(each) if name in scope.kinds), None)
    return scope.column(name) if name else "null"


def _mapped(scope: Scope, options: Dict[str, Any], text: str) -> str:
    whens = " ".join(
        f"when {scope.bind(str(code))} then {scope.bind(str(value))}" for code, value in options["map"].items()
    )
    others = options.get("others", "refuse")
    if others == "keep":
        rest = text
    elif others == "empty":
        rest = "null"
    else:
        rest = f"case when {text} is not null then {UNKNOWN if others == 'refuse' else scope.bind(str(others))} end"
    return f"case {text} {whens} else {rest} end"


# --- the value ---


def value_of(scope: Scope, column: Column, each: Field | None, text: str) -> tuple[str, str]:
    """The value in the column's type, null where the text does not fit, and what would fit ('' where every text does)."""
    options = each.options if each else {}
    if column.type in NUMBERS:
        return _number(scope, column, each, text)
    if column.type in ("date", "timestamp"):
        written = scope.declared(each, "format", scope.settings.get("date", "YYYY-MM-DD"))
        forms = [written] if isinstance(written, str) else [str(form) for form in written]
        typed = _all_of(scope, each, "date")
        value = f"try_cast({text} as {column.sql_type})"
        if not typed:
            value = date_expression(text, forms, column.sql_type, scope.bind)
        return value, f"a date as {' or '.join(forms)}"
    if column.type == "boolean":
        truth, lies = (", ".join(f"'{word}'" for word in words) for words in (TRUE, FALSE))
        value = f"case when lower({text}) in ({truth}) then true when lower({text}) in ({lies}) then false end"
        return value, "yes or no"
    if "map" in options and options.get("others", "refuse") == "refuse":
        return f"nullif({text}, {UNKNOWN})", f"one of {', '.join(map(str, options['map']))}"
    return text, ""


def _number(scope: Scope, column: Column, each: Field | None, text: str) -> tuple[str, str]:
    options = each.options if each else {}
    typed = _all_of(scope, each, "number")
    number = Number(
        decimal="." if typed else str(scope.declared(each, "decimal", ".")),
        thousands="" if typed else str(scope.declared(each, "thousands", "")),
        negative=tuple(scope.declared(each, "negative", ())),
        percent=column.type == "percentage",
    )
    expected = number.sentence(column)
    if "sum" in options and each is not None:
        value = _together(scope, column, each, number)
        expected += " in each of the columns"
    elif "paid_in" in options:
        value = _in_or_out(scope, column, options, number)
        expected += ", in one of the two columns"
    else:
        value = number.cast(text, column, scope.bind)
    if sign := options.get("sign"):
        code = scope.text(f"{column.name} sign", scope.column(str(sign["path"])))
        negative, positive = (
            ", ".join(scope.bind(str(word)) for word in sign[side]) for side in ("negative", "positive")
        )
        value = f"case when {code} in ({negative}) then -abs({value}) when {code} in ({positive}) then abs({value}) end"
        expected += f", its sign in '{sign['path']}'"
    value = f"abs({value})" if options.get("absolute") else value
    return (f"-({value})" if options.get("negate") else value), expected


def _in_or_out(scope: Scope, column: Column, options: Dict[str, Any], number: Number) -> str:
    """Money in less money out; null where either cannot be read or both are there."""
    texts = [scope.text(f"{column.name} {key}", scope.column(str(options[key]))) for key in ("paid_in", "paid_out")]
    values = [number.cast(text, column, scope.bind) for text in texts]
    fits = " and ".join(f"({text} is null or {value} is not null)" for text, value in zip(texts, values, strict=True))
    there = " or ".join(f"{text} is not null" for text in texts)
    paid_in, paid_out = (f"coalesce({value}, 0)" for value in values)
    return f"case when ({there}) and {fits} and ({paid_in} = 0 or {paid_out} = 0) then {paid_in} - {paid_out} end"


def _together(scope: Scope, column: Column, each: Field, number: Number) -> str:
    """The columns of a row added up; null where one cannot be read or none is there."""
    texts = [
        scope.text(f"{column.name} {n}", scope.column(name) if name in scope.kinds else "null")
        for n, name in enumerate(_summed(each))
    ]
    values = [number.cast(text, column, scope.bind) for text in texts]
    fits = " and ".join(f"({text} is null or {value} is not null)" for text, value in zip(texts, values, strict=True))
    there = " or ".join(f"{text} is not null" for text in texts)
    total = " + ".join(f"coalesce({value}, 0)" for value in values)
    return f"case when ({there}) and {fits} then cast({total} as {column.sql_type}) end"


def _summed(each: Field) -> list[str]:
    wanted = each.options["sum"]
    return [str(name) for name in (wanted if isinstance(wanted, list | tuple) else [wanted])]


def _all_of(scope: Scope, each: Field | None, kind: str) -> bool:
    """Whether every column of the file that the field reads is typed so (a workbook's numbers and dates are)."""
    present = [name for name in named(each) if name in scope.kinds]
    return bool(present) and all(scope.kinds[name] == kind for name in present)


# --- headings ---


def groups(each: Field) -> list[list[str]]:
    """The headings of a field: of each group the file must have one."""
    options = each.options
    if "constant" in options or options.get("from"):
        return []
    if "sum" in options:
        return [[name] for name in _summed(each)]
    if "concat" in options:
        return [[str(name)] for name in options["concat"]]
    if "paid_in" in options:
        return [[str(options["paid_in"])], [str(options["paid_out"])]]
    found = [paths(each)] if paths(each) else []
    sign = options.get("sign")
    return [*found, [str(sign["path"])]] if sign else found


def paths(each: Field) -> list[str]:
    """The headings under which a field may stand, the first the mapping's choice."""
    other = each.options.get("or", [])
    others = [other] if isinstance(other, str | int) else list(other)
    return [str(name) for name in ([each.path] if each.path is not None else []) + others]


def named(each: Field | None) -> tuple[str, ...]:
    """Every heading that a field reads."""
    return tuple(name for group in groups(each) for name in group) if each else ()


def optional(each: Field) -> bool:
    return bool(each.options.get("optional"))
