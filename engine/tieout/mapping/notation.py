"""How a declared notation of numbers and dates becomes an SQL expression that yields NULL for anything else.

Every notation is checked by a pattern before it is cast, so that '1.234' under a decimal comma is 1234 only where a dot
may group thousands, and never 1.234.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tieout.model.canon import Column

__all__ = ["BLANKS", "Number", "date_expression", "strptime_of"]

BLANKS = r"[\s\x{00A0}\x{3000}]"
_TOKENS = {"YYYY": ("%Y", r"\d{4}"), "YY": ("%y", r"\d{2}"), "MM": ("%m", r"\d{1,2}"), "DD": ("%d", r"\d{1,2}"),
           "MMM": ("%b", "[A-Za-z]{3}"), "hh": ("%H", r"\d{2}"), "mm": ("%M", r"\d{2}"), "ss": ("%S", r"\d{2}")}  # fmt: skip
_TOKEN = re.compile("YYYY|YY|MMM|MM|DD|hh|mm|ss")
# Decimals of the number types, from their DECIMAL(p,s).
_SCALE = re.compile(r"DECIMAL\((\d+),(\d+)\)")

Bind = Callable[[object], str]


@dataclass(frozen=True, slots=True)
class Number:
    """A declared notation: decimal sign, thousands sign, and the forms of a negative beside a leading minus."""

    decimal: str = "."
    thousands: str = ""
    negative: tuple[str, ...] = ()
    percent: bool = False

    def pattern(self, *, decimals: int | None) -> str:
        """The whole-text pattern, for RE2. decimals: how many may follow the decimal sign; trailing zeros beyond are fine."""
        digits = r"\d+"
        if self.thousands:
            group = r"[ \x{00A0}\x{202F}]" if self.thousands == " " else re.escape(self.thousands)
            digits = rf"(?:\d+|\d{{1,3}}(?:{group}\d{{3}})+)"
        places = "" if decimals == 0 else rf"(?:{re.escape(self.decimal)}\d{{0,{decimals}}}0*)?"
        if decimals == 0:
            places = rf"(?:{re.escape(self.decimal)}0*)?"
        unsigned = rf"(?:{digits}{places}|{re.escape(self.decimal)}\d{{1,{decimals or 1}}}0*)"
        forms = [rf"[+\-\x{{2212}}]?\s*{unsigned}"]
        if "trailing" in self.negative:
            forms.append(rf"{unsigned}\s*[\-\x{{2212}}+]")
        if "parentheses" in self.negative:
            forms.append(rf"\(\s*{unsigned}\s*\)")
        percent = r"\s*[%\x{FF05}]?" if self.percent else ""
        return rf"(?:{'|'.join(forms)}){percent}"

    def cast(self, text: str, column: Column, bind: Bind) -> str:
        """The SQL value of the column's type; NULL where the text is not in this notation or has too many digits."""
        scale = _SCALE.search(column.sql_type)
        pattern = bind(self.pattern(decimals=int(scale.group(2)) if scale else 0))
        removed = (
            r"[()+%\x{FF05}\s\x{00A0}\x{202F}\-\x{2212}"
            + (re.escape(self.thousands) if self.thousands.strip() else "")
            + "]"
        )
        digits = f"replace(regexp_replace({text}, {bind(removed)}, '', 'g'), {bind(self.decimal)}, '.')"
        sign = f"case when regexp_matches({text}, {bind(self._minus())}) then '-' else '' end"
        return (
            f"case when regexp_full_match({text}, {pattern}) then try_cast({sign} || {digits} as {column.sql_type}) end"
        )

    def _minus(self) -> str:
        forms = [r"^\s*[\-\x{2212}]"]
        if "trailing" in self.negative:
            forms.append(r"[\-\x{2212}]\s*$")
        if "parentheses" in self.negative:
            forms.append(r"^\s*\(")
        return "|".join(forms)

    def sentence(self, column: Column) -> str:
        """What fits, for a person."""
        if column.type == "integer":
            return "a whole number"
        scale = _SCALE.search(column.sql_type)
        text = f"a number with decimal '{self.decimal}'"
        text += f" and thousands '{self.thousands}'" if self.thousands else ""
        text += f", at most {scale.group(2)} decimals" if scale else ""
        return text + (f", negative also {' or '.join(self.negative)}" if self.negative else "")


def strptime_of(form: str) -> tuple[str, str] | None:
    """A form such as DD.MM.YYYY as strptime format and pattern; None where it is no date form."""
    tokens = _TOKEN.findall(form)
    if len(set(tokens)) != len(tokens) or not {"DD"} <= set(tokens) or not {"YYYY", "YY"} & set(tokens):
        return None
    if not {"MM", "MMM"} & set(tokens):
        return None
    format_ = pattern = ""
    at = 0
    compact = not re.search(r"[^A-Za-z]", form)
    for match in _TOKEN.finditer(form):
        literal = form[at : match.start()]
        format_ += literal.replace("%", "%%") + _TOKENS[match.group()][0]
        token = _TOKENS[match.group()][1]
        pattern += re.escape(literal) + (token.replace("{1,2}", "{2}") if compact else token)
        at = match.end()
    return format_ + form[at:].replace("%", "%%"), pattern + re.escape(form[at:])


def date_expression(text: str, forms: Sequence[str], sql_type: str, bind: Bind) -> str:
    """The SQL date by the first form that fits; NULL where none does."""
    cases = []
    for form in forms:
        made = strptime_of(form)
        if made is None:
            raise ValueError(f"no date form: {form}")
        format_, pattern = made
        cases.append(
            f"when regexp_full_match({text}, {bind(pattern)}) then cast(try_strptime({text}, {bind(format_)}) as {sql_type})"
        )
    return f"case {' '.join(cases)} end"
