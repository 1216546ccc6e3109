"""The condition language as data: kinds of values, and every function a rule may call with its arguments and result.

What is not listed here is not available in rules. ``expression`` checks syntax trees against it; the manual lists it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "AGGREGATES",
    "BOOLEAN",
    "DATE",
    "FUNCTIONS",
    "IDENTIFIER_CHECKS",
    "INTEGER",
    "NULL",
    "READINGS",
    "TEXT",
    "TIMESTAMP",
    "UNKNOWN",
    "Function",
    "Kind",
    "kind_of_column",
    "number",
    "unite",
]

MAX_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is; a number also says how many digits stand before and after its decimal point."""

    name: str
    digits: int = 0
    scale: int = 0

    @property
    def is_number(self) -> bool:
        return self.name in ("integer", "number")

    def __str__(self) -> str:
        return _WORDS[self.name]


_WORDS = {
    "boolean": "a condition (true or false)",
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "date": "a date",
    "timestamp": "a point in time",
    "null": "null",
    "unknown": "a value",
}

BOOLEAN = Kind("boolean")
TEXT = Kind("text")
INTEGER = Kind("integer", 19, 0)
DATE = Kind("date")
TIMESTAMP = Kind("timestamp")
NULL = Kind("null")
UNKNOWN = Kind("unknown")
"""Stands for a part that already has a mistake, so that one mistake does not breed others."""


def number(digits: int, scale: int) -> Kind:
    """A decimal number; digits before the point are cut to what 38 in all leave."""
    return Kind("number", max(0, min(digits, MAX_DIGITS - scale)), scale)


_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def kind_of_column(sql_type: str) -> Kind:
    """The kind of a canonical column by its SQL type."""
    if match := _DECIMAL.fullmatch(sql_type):
        width, scale = int(match[1]), int(match[2])
        return number(width - scale, scale)
    return {"BIGINT": INTEGER, "DATE": DATE, "TIMESTAMP": TIMESTAMP, "BOOLEAN": BOOLEAN}.get(sql_type, TEXT)


def unite(kinds: list[Kind]) -> Kind | None:
    """The kind that holds values of all the kinds; None where there is none."""
    known = [kind for kind in kinds if kind.name not in ("null", "unknown")]
    if not known:
        return UNKNOWN if any(kind is UNKNOWN for kind in kinds) else NULL
    if all(kind.is_number for kind in known):
        if all(kind.name == "integer" for kind in known):
            return INTEGER
        # Not cut to 38: the caller must see whether both fit.
        return Kind("number", max(kind.digits for kind in known), max(kind.scale for kind in known))
    names = {kind.name for kind in known}
    if names == {"date", "timestamp"}:
        return TIMESTAMP
    return known[0] if len(names) == 1 else None


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its arguments by the name the syntax tree gives them, and what comes out."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    """(argument, kind): text, date, integer; written out: literal, pattern (text), width (a number). ? for optional."""
    result: Kind
    meaning: str


def _function(name: str, arguments: str, result: Kind, meaning: str) -> Function:
    pairs = tuple((part.split(":")[0], part.split(":")[1]) for part in arguments.split())
    return Function(name, pairs, result, meaning)


# By the key of the syntax tree's node. Functions whose result depends on their arguments stand in ``expression``.
FUNCTIONS: dict[str, Function] = {
    "upper": _function("upper", "this:text", TEXT, "The text in capitals."),
    "lower": _function("lower", "this:text", TEXT, "The text in small letters."),
    "trim": _function("trim", "this:text expression:text?", TEXT, "The text without blanks at its ends."),
    "length": _function("length", "this:text", INTEGER, "The number of characters."),
    "substring": _function("substring", "this:text start:integer length:integer?", TEXT, "A part, counted from 1."),
    "left": _function("left", "this:text expression:integer", TEXT, "The first characters."),
    "right": _function("right", "this:text expression:integer", TEXT, "The last characters."),
    "pad": _function("lpad", "this:text expression:width fill_pattern:text", TEXT, "The text filled up."),
    "replace": _function("replace", "this:text expression:text replacement:text", TEXT, "Each occurrence replaced."),
    "splitpart": _function("split_part", "this:text delimiter:text part_index:integer", TEXT, "The n-th part."),
    "startswith": _function("starts_with", "this:text expression:text", BOOLEAN, "Whether it starts so."),
    "endswith": _function("ends_with", "this:text expression:text", BOOLEAN, "Whether it ends so."),
    "contains": _function("contains", "this:text expression:text", BOOLEAN, "Whether it stands in it."),
    "strposition": _function("strpos", "this:text substr:text", INTEGER, "Where it stands, from 1; 0 if nowhere."),
    "regexplike": _function("regexp_matches", "this:text expression:pattern", BOOLEAN, "Whether a part fits."),
    "regexpfullmatch": _function(
        "regexp_full_match", "this:text expression:pattern", BOOLEAN, "Whether all of it fits."
    ),
    "regexpextract": _function(
        "regexp_extract", "this:text expression:pattern group:integer?", TEXT, "The part that fits; '' where none does."
    ),
    "regexpreplace": _function(
        "regexp_replace",
        "this:text expression:pattern replacement:text modifiers:literal?",
        TEXT,
        "What fits, replaced ('g': all of it).",
    ),
    "year": _function("year", "this:date", INTEGER, "The year of a date."),
    "month": _function("month", "this:date", INTEGER, "The month of a date."),
    "day": _function("day", "this:date", INTEGER, "The day of a date."),
    "dayofweekiso": _function("isodow", "this:date", INTEGER, "The weekday, Monday 1 to Sunday 7."),
    "lastday": _function("last_day", "this:date", DATE, "The last day of the month."),
}

# Functions with a check of their own, and how they are written.
SPECIAL = {
    "coalesce": "coalesce(a, b, ...)",
    "nullif": "nullif(a, b)",
    "if": "if(condition, a, b)",
    "abs": "abs(number)",
    "round": "round(number, decimals)",
    "floor": "floor(number)",
    "ceil": "ceil(number)",
    "sign": "sign(number)",
    "greatest": "greatest(a, b, ...)",
    "least": "least(a, b, ...)",
    "date_trunc": "date_trunc('month', date)",
    "date_diff": "date_diff('day', from, to)",
    "cast": "cast(a as date)",
    "div": "div(a, b, decimals)",
    "in_code_list": "in_code_list(code, 'LIST')",
    "written": "written(column)",
    "written_decimals": "written_decimals(amount)",
    "date": "date '2024-12-31'",
}

AGGREGATES = {
    "sum": "sum",
    "count": "count",
    "min": "min",
    "max": "max",
    "logicaland": "bool_and",
    "logicalor": "bool_or",
}

IDENTIFIER_CHECKS: dict[str, str] = {
    "valid_iban": "An IBAN with right country, length and check digits (ISO 13616).",
    "valid_bic": "A BIC with a country and the right form (ISO 9362).",
    "valid_lei": "A legal entity identifier (ISO 17442).",
    "valid_rf": "A structured creditor reference (ISO 11649).",
    "valid_vat_number": "A VAT or tax number with country prefix and right check digits, as far as the country has them.",
    "valid_uscc": "A Chinese unified social credit code 统一社会信用代码 (GB 32100).",
    "valid_isin": "A securities number (ISO 6166).",
    "valid_gtin": "An article number of 8, 12, 13 or 14 digits (GTIN, EAN) with right check digit.",
    "valid_gln": "A global location number of 13 digits with right check digit.",
    "valid_gs1_digits": "Digits, however many, whose last is the GS1 check digit: a GLN or GTIN as Peppol takes it.",
    "valid_iban_digits": "An account in the form of an IBAN with right check digits, whatever length its country has.",
    "valid_luhn": "Digits whose last is the Luhn check digit (ISO/IEC 7812).",
    "valid_siren": "A French company number.",
    "valid_siret": "A French establishment number.",
    "valid_nip": "A Polish tax number.",
    "valid_leitweg_id": "A German Leitweg-ID with right check digits.",
    "valid_codice_fiscale": "An Italian codice fiscale of a person or a company.",
    "valid_partita_iva": "An Italian VAT number.",
    "valid_enterprise_number": "A Belgian enterprise number.",
    "valid_organisation_number": "A Norwegian organisation number.",
    "valid_belgian_digits": "Ten digits, the last two of which are right for a Belgian enterprise number.",
    "valid_greek_tin": "A Greek tax number (ΑΦΜ) of nine digits with right check digit.",
    "valid_abn": "An Australian business number.",
}

READINGS: dict[str, tuple[Kind, str]] = {
    "chinese_amount": (number(20, 2), "The amount that Chinese capitals state (壹佰元整); null where they state none."),
}
"""Functions from text to a value that are worked out once over the distinct values, as identifier checks are."""

NAMES: frozenset[str] = frozenset(
    {function.name for function in FUNCTIONS.values()}
    | SPECIAL.keys()
    | set(AGGREGATES.values())
    | IDENTIFIER_CHECKS.keys()
    | READINGS.keys()
    | {"substr", "len", "ltrim", "rtrim", "datetrunc", "datediff", "ceiling", "position", "decimal", "varchar"}
)
"""Every name that may stand before an opening bracket."""
