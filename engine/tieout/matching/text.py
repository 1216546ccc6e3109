"""SQL expressions that bring references, accounts and free text into the forms in which they are compared.

Pure functions from one SQL expression to another; nothing is executed here.
"""

from __future__ import annotations

__all__ = ["account", "compact", "digits", "folded", "literal", "plain", "skeleton", "squeezed", "without_zeros"]

_WIDE = "".join(chr(0xFF01 + i) for i in range(94)) + "\u3000"
_NARROW = "".join(chr(0x21 + i) for i in range(94)) + " "

# Letters that a reader, a keyboard or an OCR engine takes for a digit.
_LOOKALIKES = ("OQDILZSBG", "000112586")


def literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def plain(sql: str) -> str:
    """Upper case, with full-width letters, digits and signs as their ASCII forms; line breaks as blanks."""
    narrow = f"translate({sql}, {literal(_WIDE)}, {literal(_NARROW)})"
    # translate costs as much as all else together, and most texts are ASCII: as many bytes as characters.
    ascii_first = f"case when strlen({sql}) = length({sql}) then {sql} else {narrow} end"
    return f"replace(replace(replace(upper({ascii_first}), chr(10), ' '), chr(13), ' '), chr(9), ' ')"


def squeezed(sql: str) -> str:
    """Only A-Z and 0-9 of a text that is plain already; null where nothing is left."""
    return f"nullif(regexp_replace({sql}, '[^A-Z0-9]', '', 'g'), '')"


def compact(sql: str) -> str:
    """Only A-Z and 0-9; null where nothing is left."""
    return squeezed(plain(sql))


def without_zeros(sql: str) -> str:
    """A compact text without the zeros that lead a group of digits: SI000914 is SI914, 07004284 is 7004284."""
    return rf"regexp_replace({sql}, '(^|[A-Z])0+([0-9])', '\1\2', 'g')"


def digits(sql: str) -> str:
    """Only the digits of a compact text."""
    return f"regexp_replace({sql}, '[^0-9]', '', 'g')"


def folded(sql: str) -> str:
    """A compact text with lookalike letters as digits: SIO0092Z and SI000922 are both 51000922."""
    return f"translate({sql}, '{_LOOKALIKES[0]}', '{_LOOKALIKES[1]}')"


def skeleton(sql: str) -> str:
    """Only letters and digits, accents dropped and spelt-out umlauts folded, as names of parties are compared."""
    letters = f"replace(strip_accents(upper({sql})), 'ß', 'SS')"
    for pair in ("AE", "OE", "UE", "AA"):
        letters = f"replace({letters}, '{pair}', '{pair[0]}')"
    return squeezed(letters)


def account(sql: str) -> str:
    """An account number as compared: compact, without leading zeros."""
    return f"nullif(ltrim({compact(sql)}, '0'), '')"
