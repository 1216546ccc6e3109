"""A table mapping as one SELECT: text columns of a file in, canonical columns and what does not fit out.

Composes text only; the store runs it. Used for every format that gives frames: tables, JSON, MT940, OFX, queries.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tieout.mapping.notation import BLANKS, Number, date_expression, strptime_of
from tieout.model.canon import CANON, Column, Table
from tieout.model.definitions import Field, Mapping, TableMapping
from tieout.model.errors import Mistake
from tieout.model.records import Query

__all__ = ["FILE_NAME", "ROW", "SOURCE", "Check", "Projection", "absent", "headings", "mistakes", "patterns", "project"]

# Columns that the view has beside those of the files: the document, its file name, and the position of the row.
SOURCE, FILE_NAME, ROW = "tieout:source", "tieout:file", "tieout:row"

NUMBERS = {"money", "amount", "unit_price", "quantity", "percentage", "rate", "score", "integer"}
TRUE = ("true", "1", "yes", "y", "x", "ja", "j", "是", "s", "oui")
FALSE = ("false", "0", "no", "n", "nein", "否", "non")


@dataclass(frozen=True, slots=True)
class Check:
    """One column whose value may not fit: where the flag stands in the projection, and what to say of a flagged row."""

    flag: str
    column: str
    headings: tuple[str, ...]
    expected: str
    required: bool


@dataclass(frozen=True, slots=True)
class Projection:
    """The select, and the checks whose flags (0 fits, 1 does not fit, 2 required and empty) stand beside the columns."""

    query: Query
    table: str
    checks: tuple[Check, ...]


@dataclass(slots=True)
class _Scope:
    """What is known of the frame while expressions are composed."""

    kinds: Dict[str, str]
    settings: Dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


def headings(mapping: Mapping) -> list[str]:
    """Every heading the mapping reads and cannot do without, in order."""
    return list(dict.fromkeys(name for each in mapping.tables for f in each.fields if not _optional(f)
                              for name in _paths(f)[:1]))  # fmt: skip


def absent(table: TableMapping, columns: Sequence[str]) -> list[tuple[Field, str]]:
    """The fields whose heading is not in the file, each with a sentence that names the nearest one."""
    missing = []
    for each in table.fields:
        if _optional(each):
            continue
        for group in _groups(each):
            if not any(name in columns for name in group):
                near = difflib.get_close_matches(group[0].lower(), [name.lower() for name in columns], n=1, cutoff=0.6)
                real = next((name for name in columns if near and name.lower() == near[0]), None)
                hint = f"; did you mean '{real}'?" if real else ""
                missing.append((each, f"no column '{group[0]}', which gives {table.table}.{each.column}{hint}"))
    return missing


def project(
    mapping: Mapping,
    table: TableMapping,
    view: str,
    kinds: Dict[str, str],
    *,
    values: Dict[str, str] | None = None,
) -> Projection:
    """The select of the table's canonical columns over the view, one row a row of the view, in the order of its rows.

    view: rows of one or more documents, with ``line`` and the columns SOURCE, FILE_NAME and ROW.
    kinds: the files' columns, each text, number, date or other.
    values: what the workspace says of columns the file does not hold, by canonical column.
    Beside the canonical columns stand ROW and the flags of ``Projection.checks``.
    """
    canonical = CANON[table.table]
    scope = _Scope(kinds, mapping.settings)
    by_column: dict[str, Field] = {each.column: each for each in table.fields}
    rows: list[str] = []
    checks: list[Check] = []
    for column in canonical.columns:
        if column.name in ("source", "line"):
            continue
        found = by_column.get(column.name)
        extra = (values or {}).get(column.name)
        made = _made_id(canonical, column, scope)
        if found is None and extra is None and made is None:
            continue
        text = _text(scope, found) if found else "null"
        if extra is not None:
            text = f"coalesce({text}, {scope.bind(str(extra))})"
        value, bad, expected = _value(scope, column, found, text)
        rows.append(f"{f'coalesce({value}, {made})' if made else value} as {_q(column.name)}")
        required = bool(found and found.options.get("required"))
        states = ([f"when {bad} then 1"] if bad else []) + ([f"when {value} is null then 2"] if required else [])
        if states:
            flag = f"?{column.name}"
            rows.append(f"case {' '.join(states)} else 0 end as {_q(flag)}")
            checks.append(Check(flag, column.name, _named(found), expected, required))
    order = f"{_q(ROW)}, piece" if table.options.get("split") else _q(ROW)
    filled = {column.name for column in canonical.columns if column.name in by_column or column.name in (values or {})}
    filled |= {canonical.key[0]} if canonical.name in _MADE_IDS else set()
    outer = _outer(canonical, filled, [check.flag for check in checks], order)
    sql = (
        f"with rows as (\nselect {', '.join([*rows, f'{_q(SOURCE)} as source', 'line', order])}\nfrom {_from(scope, table, view)}\n)\n"
        f"select {', '.join(outer)}\nfrom rows order by {order}"
    )
    return Projection(Query(f"{mapping.id} into {table.table}", sql, scope.parameters), table.table, tuple(checks))


def _from(scope: _Scope, table: TableMapping, view: str) -> str:
    """The view, with one row a piece where a column holds several values."""
    where = "".join(f" where {_condition(scope, table.options[key], key)}" for key in ("only",) if key in table.options)
    split = table.options.get("split")
    if not split:
        return f"{_q(view)}{where}"
    pieces = f"string_split_regex(coalesce(trim({_column(scope, str(split['path']))}), ''), {scope.bind(str(split.get('by', BLANKS + '+')))})"
    return (
        f"(select * replace (unnest({pieces}) as {_q(str(split['path']))}), "
        f"generate_subscripts({pieces}, 1) as piece from {_q(view)}{where})"
    )


def _condition(scope: _Scope, only: Dict[str, Any], _: str) -> str:
    listed = ", ".join(scope.bind(str(value)) for value in only["in"])
    return f"{_column(scope, str(only['path']))} in ({listed})"


def _made_id(table: Table, column: Column, scope: _Scope) -> str | None:
    """The id of a row whose source gives none: file, position and content, the same when the file is read again."""
    if table.name not in _MADE_IDS or column.name != table.key[0]:
        return None
    texts = ", ".join(f"cast({_q(name)} as varchar)" for name in scope.kinds if name != "line")
    return f"{_q(SOURCE)} || '#' || line || '-' || left(md5(concat_ws('|', {texts})), 8)"


def _outer(canonical: Table, filled: set[str], flags: Sequence[str], order: str) -> list[str]:
    """The columns of the result: those read, those that follow from them, and where the row stands."""
    columns = {name: _q(name) for name in filled}
    for name, derived, needs in _DERIVED.get(canonical.name, ()):
        if needs <= filled:
            columns[name] = derived if name not in filled else f"coalesce({_q(name)}, {derived})"
    for name, needed in _ONLY_WITH.get(canonical.name, {}).items():
        if name in columns and needed in columns:
            columns[name] = f"case when {columns[needed]} is not null then {columns[name]} end"
    if "row_no" in canonical.key and "row_no" not in filled:
        others = ", ".join(_q(name) for name in canonical.key if name != "row_no")
        columns["row_no"] = f"row_number() over (partition by {others} order by {order})"
    columns |= {"source": "source", "line": "line"}
    ordered = [f"{columns[each.name]} as {_q(each.name)}" for each in canonical.columns if each.name in columns]
    return [*ordered, _q(ROW), *(_q(flag) for flag in flags)]


# What a table needs and its file leaves to be understood; each with the columns it follows from.
_DERIVED: dict[str, tuple[tuple[str, str, set[str]], ...]] = {
    "payment": (
        ("credit_debit_indicator", "case when amount < 0 then 'DBIT' else 'CRDT' end", {"amount"}),
        ("status", "'BOOK'", set()),
        ("value_date", "booking_date", {"booking_date"}),
    ),
    "open_item": (
        ("open_amount", "amount", {"amount"}),
        ("amount", "open_amount", {"open_amount"}),
        ("document_type", "case when amount < 0 then 'credit_note' else 'invoice' end", {"amount"}),
    ),
    "cleared_item": (("document_type", "case when amount < 0 then 'credit_note' else 'invoice' end", {"amount"}),),
}
# A currency without its amount says nothing.
_ONLY_WITH = {"payment": {"charges_currency": "charges_amount", "instructed_currency": "instructed_amount"}}
_MADE_IDS = {"payment", "open_item", "cleared_item", "statement"}


# --- the text of a field ---


def _text(scope: _Scope, each: Field) -> str:
    """The value as text after the field's verbs; null where it is empty."""
    options = each.options
    if "constant" in options:
        return scope.bind(str(options["constant"]))
    if options.get("from") == "file_name":
        text = _q(FILE_NAME)
    elif "concat" in options:
        parts = ", ".join(_base(scope, str(name)) for name in options["concat"] if str(name) in scope.kinds)
        text = f"nullif(concat_ws({scope.bind(str(options.get('separator', ' ')))}, {parts}), '')" if parts else "null"
    elif "paid_in" in options:
        parts = ", ".join(_base(scope, str(options[key])) for key in ("paid_in", "paid_out"))
        text = f"nullif(concat_ws(' / ', {parts}), '')"
    else:
        name = next((name for name in _paths(each) if name in scope.kinds), None)
        text = _base(scope, name) if name else "null"
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
        text = (
            f"case when {text} in ({', '.join(scope.bind(str(value)) for value in listed)}) then null else {text} end"
        )
    if "map" in options:
        whens = " ".join(
            f"when {scope.bind(str(key))} then {scope.bind(str(value))}" for key, value in options["map"].items()
        )
        text = f"case {text} {whens} else {_unmapped(scope, options, text)} end"
    if "default" in options:
        text = f"coalesce({text}, {scope.bind(str(options['default']))})"
    return text


# Stands for a code that the mapping does not know; it fits no type and no code, so that the row is flagged.
_UNKNOWN = "chr(0)"


def _unmapped(scope: _Scope, options: Dict[str, Any], text: str) -> str:
    others = options.get("others", "refuse")
    if others == "keep":
        return text
    if others == "refuse":
        return f"case when {text} is not null then {_UNKNOWN} end"
    return "null" if others == "empty" else f"case when {text} is not null then {scope.bind(str(others))} end"


def _column(scope: _Scope, name: str) -> str:
    return _q(name) if scope.kinds.get(name) == "text" else f"cast({_q(name)} as varchar)"


def _base(scope: _Scope, name: str) -> str:
    return f"nullif(trim({_column(scope, name)}, {scope.bind(BLANKS_PLAIN)}), '')"


BLANKS_PLAIN = " \t\u00a0\u3000"


# --- the value of a field ---


def _value(scope: _Scope, column: Column, each: Field | None, text: str) -> tuple[str, str, str]:
    """The value in the column's type, the condition under which it does not fit ('' where all fits), and what fits."""
    options = each.options if each else {}
    if column.type in NUMBERS:
        return _number(scope, column, each, text)
    if column.type in ("date", "timestamp"):
        named = [name for name in _named(each) if name in scope.kinds]
        native = bool(named) and all(scope.kinds[name] == "date" for name in named)
        formats = options.get("format", scope.settings.get("date", "YYYY-MM-DD"))
        formats = [formats] if isinstance(formats, str) else list(formats)
        if native:
            value = f"try_cast({text} as {column.sql_type})"
        else:
            value = date_expression(text, formats, column.sql_type, scope.bind)
        return value, f"{text} is not null and {value} is null", f"a date as {' or '.join(formats)}"
    if column.type == "boolean":
        truth = ", ".join(f"'{word}'" for word in TRUE)
        lies = ", ".join(f"'{word}'" for word in FALSE)
        value = f"case when lower({text}) in ({truth}) then true when lower({text}) in ({lies}) then false end"
        return value, f"{text} is not null and {value} is null", "yes or no"
    if "map" in options and options.get("others", "refuse") == "refuse":
        known = ", ".join(str(key) for key in options["map"])
        return f"nullif({text}, {_UNKNOWN})", f"{text} = {_UNKNOWN}", f"one of {known}"
    return text, "", ""


def _number(scope: _Scope, column: Column, each: Field | None, text: str) -> tuple[str, str, str]:
    options = each.options if each else {}
    named = [name for name in _named(each) if name in scope.kinds]
    plain = bool(named) and all(scope.kinds[name] == "number" for name in named)
    number = Number(
        decimal="." if plain else str(options.get("decimal", scope.settings.get("decimal", "."))),
        thousands="" if plain else str(options.get("thousands", scope.settings.get("thousands", ""))),
        negative=tuple(options.get("negative", scope.settings.get("negative", ()))),
        percent=column.type == "percentage",
    )
    expected = number.sentence(column)
    if "paid_in" in options:
        paid = [_base(scope, str(options[key])) for key in ("paid_in", "paid_out")]
        values = [number.cast(part, column, scope.bind) for part in paid]
        both = f"coalesce({values[0]}, 0) <> 0 and coalesce({values[1]}, 0) <> 0"
        value = f"case when {both} then null when {text} is not null then coalesce({values[0]}, 0) - coalesce({values[1]}, 0) end"
        wrong = [f"({part} is not null and {value_} is null)" for part, value_ in zip(paid, values, strict=True)]
        return _signed(value, options), f"{' or '.join(wrong)} or ({both})", f"{expected}, in one of the two columns"
    value = number.cast(text, column, scope.bind)
    bad = f"{text} is not null and {value} is null"
    sign = options.get("sign")
    if sign:
        code = _base(scope, str(sign["path"]))
        negative, positive = (
            ", ".join(scope.bind(str(word)) for word in sign.get(side, ())) for side in ("negative", "positive")
        )
        bad = f"({bad}) or ({value} is not null and ({code} is null or {code} not in ({negative}, {positive})))"
        value = f"case when {code} in ({negative}) then -abs({value}) when {code} in ({positive}) then abs({value}) end"
        expected += f", its sign in '{sign['path']}'"
    return _signed(value, options), bad, expected


def _signed(value: str, options: Dict[str, Any]) -> str:
    value = f"abs({value})" if options.get("absolute") else value
    return f"-({value})" if options.get("negate") else value


# --- fields and their headings ---


def _groups(each: Field) -> list[list[str]]:
    """The headings of a field: each group needs one of its names in the file."""
    options = each.options
    if "constant" in options or options.get("from"):
        return []
    if "concat" in options:
        return [[str(name)] for name in options["concat"]]
    if "paid_in" in options:
        return [[str(options["paid_in"])], [str(options["paid_out"])]]
    groups = [_paths(each)] if _paths(each) else []
    sign = options.get("sign")
    return [*groups, [str(sign["path"])]] if sign else groups


def _paths(each: Field) -> list[str]:
    alternatives = each.options.get("or", [])
    alternatives = [alternatives] if isinstance(alternatives, str) else alternatives
    return [str(name) for name in ([each.path] if each.path is not None else []) + list(alternatives)]


def _named(each: Field | None) -> tuple[str, ...]:
    return tuple(name for group in _groups(each) for name in group) if each else ()


def _optional(each: Field) -> bool:
    return bool(each.options.get("optional"))


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# --- mistakes of the author ---


def patterns(mapping: Mapping) -> list[tuple[Field, str, str]]:
    """Every regular expression of the mapping, with its field and the key under which it stands."""
    return [
        (each, key, str(each.options[key]))
        for table in mapping.tables
        for each in table.fields
        for key in ("pattern", "remove")
        if key in each.options
    ]


def mistakes(mapping: Mapping) -> list[Mistake]:
    """What the schema cannot see: patterns that are no patterns, date forms that are none, fields without a value."""
    found = []
    for table in mapping.tables:
        for each in table.fields:
            for key in ("pattern", "remove"):
                try:
                    re.compile(str(each.options.get(key, "")))
                except re.error as exc:
                    found.append(Mistake(each.location, f"{each.column}: '{key}' is no regular expression: {exc}"))
            kind = CANON[table.table].by_name[each.column].type if each.column in CANON[table.table].by_name else ""
            if kind in ("date", "timestamp"):
                formats = each.options.get("format", mapping.settings.get("date", "YYYY-MM-DD"))
                for form in [formats] if isinstance(formats, str) else formats:
                    if strptime_of(str(form)) is None:
                        text = f"{each.column}: '{form}' is no date form; write it with YYYY, YY, MM and DD, such as DD.MM.YYYY"
                        found.append(Mistake(each.location, text))
            if not (
                _groups(each) or "constant" in each.options or each.options.get("from") or "default" in each.options
            ):
                found.append(Mistake(each.location, f"{each.column}: give it a path, a constant or another origin"))
    return found
