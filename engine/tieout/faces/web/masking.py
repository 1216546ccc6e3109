"""Account numbers made unreadable for those who need not know them: the first two and the last four signs stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["masked", "masked_row", "masked_text"]

_ACCOUNTS = re.compile(r"(^|_)(account|iban|bank_account)s?($|_identifier|_number)|^known$")
# An IBAN as banks print it, with or without spaces; a national number of the length Chinese and card accounts have.
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,3})?\b")
_NUMBER = re.compile(r"(?<![\dA-Za-z])\d{16,19}(?![\dA-Za-z])")


def masked(account: str) -> str:
    """The account with all but its ends hidden; short ones wholly."""
    signs = "".join(account.split())
    return f"{signs[:2]}••••{signs[-4:]}" if len(signs) > 8 else "••••"


def masked_text(text: str) -> str:
    """The text with the account numbers in it hidden."""

    def hide(found: re.Match[str]) -> str:
        return masked(found[0]) if _is_iban(found[0]) else found[0]

    return _NUMBER.sub(lambda found: masked(found[0]), _IBAN.sub(hide, text))


def masked_row(value: Any, name: str = "") -> Any:
    """A row, or what a row holds, with account numbers hidden: whole where the name says account, else inside texts."""
    if isinstance(value, Mapping):
        return {key: masked_row(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(masked_row(each, name) for each in value)
    if isinstance(value, str):
        if _ACCOUNTS.search(name):
            return masked(value)
        if name == "evidence":
            return _in_json(value)
        is_key = name in _KEYS or (name.endswith("_id") and name != "statement_id")
        return value if is_key else masked_text(value)
    return value


_KEYS = {"id", "case_id", "sha256", "run_id", "hash", "object", "reference"}
_PAIR = re.compile(r'("(?:[a-z_]*account|iban|known)"\s*:\s*)(\[[^\]]*\]|"[^"]*")')


def _in_json(text: str) -> str:
    hidden = _PAIR.sub(
        lambda found: found[1] + re.sub(r'"([^"]+)"', lambda each: f'"{masked(each[1])}"', found[2]), text
    )
    return masked_text(hidden)


def _is_iban(text: str) -> bool:
    """Whether it has an IBAN's shape; a mistyped one is hidden too, a creditor reference (RF) is not."""
    signs = "".join(text.split())
    return 15 <= len(signs) <= 34 and not signs.startswith("RF")
