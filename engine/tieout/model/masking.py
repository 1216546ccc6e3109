"""Account numbers made unreadable for those who need not know them: in pages, exports and logs. One place for all."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["account", "accounts_in"]

# An IBAN in one piece, or in groups of four as banks print it; a mistyped one is hidden too.
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}|[A-Z]{2}\d{2}(?:[ \u00a0-][A-Z0-9]{4}){2,7}(?:[ \u00a0-][A-Z0-9]{1,3})?)(?![A-Za-z0-9])"
)
_SHORTEST = 15


def account(number: str) -> str:
    """The number with all but its first two and last four signs hidden; a short one wholly."""
    signs = "".join(number.split())
    return f"{signs[:2]}••••{signs[-4:]}" if len(signs) > 8 else "••••"


def accounts_in(text: str, *, digits: int = 16, hide: Callable[[str], str] = account) -> str:
    """The text with the account numbers in it hidden: what has an IBAN's shape, and rows of so many digits or more.

    digits: 16 spares document numbers and still hides Chinese account and card numbers; a log that leaves the machine
        asks for 8. A creditor reference (RF) is none.
    """

    def iban(found: re.Match[str]) -> str:
        signs = re.sub(r"[ \u00a0-]", "", found[0])
        is_one = len(signs) >= _SHORTEST and not signs.upper().startswith("RF") and any(map(str.isdigit, signs[4:]))
        return hide(found[0]) if is_one else found[0]

    numbers = re.compile(rf"(?<![\dA-Za-z])\d{{{digits},34}}(?![\dA-Za-z])")
    return numbers.sub(lambda found: hide(found[0]), _IBAN.sub(iban, text))
