"""A table mapping as one SELECT: text columns of a file in, canonical columns and what does not fit out.

Composes text only; the store runs it. Used for every format that gives frames: tables, JSON, MT940, OFX, queries.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass

from tieout.mapping.fields import FILE_NAME, Scope, groups, named, optional, paths, quoted, text_of, value_of
from tieout.mapping.notation import BLANKS, strptime_of
from tieout.model.canon import CANON, Table
from tieout.model.definitions import Field, Mapping, TableMapping
from tieout.model.errors import Mistake
from tieout.model.records import Query

__all__ = [
    "FILE_NAME",
    "ROW",
    "SOURCE",
    "Check",
    "Projection",
    "absent",
    "gathered",
    "headings",
    "mistakes",
    "patterns",
    "project",
]

# Columns that the view has beside those of the files: the document, its file name, and the position of the row.
# Names that no heading can have, in upper or lower case.
SOURCE, ROW, LINE = "tieout:source", "tieout:row", "tieout:line"


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


def headings(mapping: Mapping) -> list[str]:
    """Every heading the mapping reads and cannot do without, in order."""
    return list(dict.fromkeys(name for each in mapping.tables for f in each.fields if not optional(f)
                              for name in paths(f)[:1]))  # fmt: skip


def absent(table: TableMapping, columns: Sequence[str]) -> list[tuple[Field, str]]:
    """The fields whose heading is not in the file, each with a sentence that names the nearest one."""
    missing = []
    for each in table.fields:
        if optional(each):
            continue
        for group in groups(each):
            if not any(name in columns for name in group):
                missing.append(
                    (each, f"no column '{group[0]}', which gives {table.table}.{each.column}{_hint(group[0], columns)}")
                )
    return missing


def _hint(heading: str, columns: Sequence[str]) -> str:
    """``; did you mean ...`` for the nearest column: alike, or the one that contains the heading or is contained in it."""
    folded = {name.lower(): name for name in columns}
    near = difflib.get_close_matches(heading.lower(), folded, n=1, cutoff=0.6)
    near = near or [name for name in folded if heading.lower() in name or (len(name) > 2 and name in heading.lower())]
    return f"; did you mean '{folded[near[0]]}'?" if near else ""


def project(
    mapping: Mapping,
    table: TableMapping,
    view: str,
    kinds: Dict[str, str],
    *,
    values: Dict[str, str] | None = None,
) -> Projection:
    """The select of the table's canonical columns over the view, one row a row of the view, in the order of its rows.

    view: rows of one or more documents, with the columns SOURCE, FILE_NAME, ROW and LINE.
    kinds: the files' columns, each text, number, date or other.
    values: what the workspace says of columns the file does not hold, by canonical column.
    Beside the canonical columns stand ROW and the flags of ``Projection.checks``.
    """
    canonical = CANON[table.table]
    scope = Scope(kinds, mapping.settings)
    fields = {each.column: each for each in table.fields}
    known: dict[str, str] = {}
    rows: list[str] = []
    checks: list[Check] = []
    flags: list[str] = []
    for column in canonical.columns:
        each, told = fields.get(column.name), (values or {}).get(column.name)
        if each is None and told is None:
            continue
        expression = text_of(scope, each) if each else "null"
        if told is not None:
            # The file comes first; but what a file is called is only a guess at what the workspace knows.
            guessed = bool(each and each.options.get("from") == "file_name")
            parts = [scope.bind(str(told)), expression]
            expression = f"coalesce({', '.join(parts if guessed else reversed(parts))})"
        text = scope.text(column.name, expression)
        value, expected = value_of(scope, column, each, text)
        rows.append(f"{value} as {quoted(column.name)}")
        known[column.name] = quoted(column.name)
        required = bool(each and each.options.get("required"))
        if expected or required:
            wrong = f"when {text} is not null and {quoted(column.name)} is null then 1 " if expected else ""
            empty = f"when {quoted(column.name)} is null then 2 " if required else ""
            flags.append(f"case {wrong}{empty}else 0 end as {quoted('?' + column.name)}")
            checks.append(Check(f"?{column.name}", column.name, named(each), expected, required))
    place = [quoted(ROW), quoted(SOURCE), f"{quoted(LINE)} as line", *(["piece"] if table.options.get("split") else [])]
    order = ", ".join([quoted(ROW), *place[3:]])
    if canonical.name in _MADE_IDS:
        key = canonical.key[0]
        scope.texts["made id"] = _made_id(scope, scope.texts.get(f"text of {key}", "null"))
        known[key] = f'coalesce({known.get(key, "null")}, "made id")'
    if (whose := mapping.settings.get("document")) and "invoice_id" in canonical.by_name:
        scope.texts["document"] = _document_id(scope, whose)
        known["invoice_id"] = '"document"'
    texts = [f"{expression} as {quoted(name)}" for name, expression in scope.texts.items()]
    sql = (
        f"with texts as (\nselect {_lines([*texts, *place])}\nfrom {_from(scope, table, view)}\n),\n"
        f"read as (\nselect *,\n  {_lines(rows)}\nfrom texts\n)\n"
        f"select {_lines([*_columns(canonical, known, order), quoted(ROW), *flags])}\nfrom read\norder by {order}"
    )
    return Projection(Query(f"{mapping.id} into {table.table}", sql, scope.parameters), table.table, tuple(checks))


def _lines(columns: Sequence[str]) -> str:
    return ",\n  ".join(columns)


def _from(scope: Scope, table: TableMapping, view: str) -> str:
    """The view, with the rows the mapping wants, and one row a piece where a column holds several values."""
    where = ""
    if only := table.options.get("only"):
        listed = ", ".join(scope.bind(str(value)) for value in only["in"])
        where = f" where {scope.column(str(only['path']))} in ({listed})"
    split = table.options.get("split")
    if not split:
        return quoted(view) + where
    name = str(split["path"])
    pieces = f"string_split_regex(coalesce({scope.column(name)}, ''), {scope.bind(str(split.get('by', BLANKS + '+')))})"
    return (
        f"(select * replace (nullif(unnest({pieces}), '') as {quoted(name)}), "
        f"generate_subscripts({pieces}, 1) as piece from {quoted(view)}{where})"
    )


def _document_id(scope: Scope, key: Dict[str, object]) -> str:
    """Which invoice a row belongs to: what its columns say, in its file or in all files together."""
    columns = key["columns"]
    names = [str(name) for name in columns] if isinstance(columns, list | tuple) else [str(columns)]
    said = f"concat_ws('/', {', '.join(scope.column(name) if name in scope.kinds else 'null' for name in names)})"
    return said if key.get("across") == "files" else f"{quoted(SOURCE)} || '#' || {said}"


def gathered(table: TableMapping, view: str, columns: Sequence[str]) -> Query:
    """The rows of a projection as one row for each invoice and each value of the columns of ``one_for``.

    A sum is taken over the rows, every other column is the first value there is; where values differ, the flag ``?column``
    beside it is true. A row in which the file says nothing is left out, but for the invoice itself.
    """
    canonical = CANON[table.table]
    own = {each.column: each for each in table.fields}
    keys = [*(name for name in ("invoice_id",) if name in columns), *map(str, table.options["one_for"])]
    said, shown, flags = [], [], []
    for name in columns:
        cell = quoted(name)
        if name == ROW:
            continue
        if name in keys:
            shown.append(cell)
        elif name == "row_no":
            shown.append(f"row_number() over (partition by {quoted(keys[0])} order by min({quoted(ROW)})) as {cell}")
        elif "sum" in (own[name].options if name in own else {}):
            shown.append(f"cast(sum({cell}) as {canonical.by_name[name].sql_type}) as {cell}")
        else:
            shown.append(f"min_by({cell}, {quoted(ROW)}) filter (where {cell} is not null) as {cell}")
            if name in own and groups(own[name]):
                flags.append(f"count(distinct {cell}) > 1 as {quoted('?' + name)}")
        if name in own and groups(own[name]):
            said.append(f"count({cell}) > 0")
    having = f"\nhaving {' or '.join(said)}" if said and table.table != "invoice" else ""
    grouped = ", ".join(map(quoted, keys))
    sql = (
        f"select {_lines([*shown, *flags, f'min({quoted(ROW)}) as {quoted(ROW)}'])}\nfrom {quoted(view)}\n"
        f"group by {grouped}{having}\norder by min({quoted(ROW)})"
    )
    return Query(f"{table.table}, one for {grouped}", sql)


def _made_id(scope: Scope, own: str) -> str:
    """The id of a row whose source gives none: file, position and content, the same when the file is read again."""
    texts = ", ".join(scope.column(name) for name in scope.kinds)
    made = f"{quoted(SOURCE)} || '#' || {quoted(LINE)} || '-' || left(md5(concat_ws('|', {texts})), 8)"
    return f"case when {own} is null then {made} end"


def _columns(canonical: Table, read: Dict[str, str], order: str) -> list[str]:
    """The columns of the result: those read, those that follow from them, and where the row stands."""
    columns = dict(read)
    for name, derived, needs in _DERIVED.get(canonical.name, ()):
        if needs <= read.keys():
            columns[name] = f"coalesce({columns[name]}, {derived})" if name in columns else derived
    for name, needed in _ONLY_WITH.get(canonical.name, {}).items():
        if name in columns and needed in columns:
            columns[name] = f"case when {columns[needed]} is not null then {columns[name]} end"
    if "row_no" in canonical.key and "row_no" not in read:
        others = ", ".join(quoted(name) for name in canonical.key if name != "row_no")
        columns["row_no"] = f"row_number() over (partition by {others} order by {order})"
    columns |= {"source": quoted(SOURCE), "line": "line"}
    return [f"{columns[each.name]} as {quoted(each.name)}" for each in canonical.columns if each.name in columns]


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
                groups(each) or "constant" in each.options or each.options.get("from") or "default" in each.options
            ):
                found.append(Mistake(each.location, f"{each.column}: give it a path, a constant or another origin"))
    return found
