"""Rows as those may see them who need not know account numbers: where those stand, hidden by ``model.masking``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tieout.model.masking import account, accounts_in

__all__ = ["masked_row"]

_ACCOUNTS = re.compile(r"(^|_)(account|iban|bank_account)s?($|_identifier|_number)|^known$")


def masked_row(value: Any, name: str = "") -> Any:
    """A row, or what a row holds, with account numbers hidden: whole where the name says account, else inside texts."""
    if isinstance(value, Mapping):
        return {key: masked_row(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(masked_row(each, name) for each in value)
    if isinstance(value, str):
        if _ACCOUNTS.search(name):
            return account(value)
        if name == "evidence":
            return _in_json(value)
        is_key = name in _KEYS or (name.endswith("_id") and name != "statement_id")
        return value if is_key else accounts_in(value)
    return value


_KEYS = {"id", "case_id", "sha256", "run_id", "hash", "object", "reference"}
_PAIR = re.compile(r'("(?:[a-z_]*account|iban|known)"\s*:\s*)(\[[^\]]*\]|"[^"]*")')


def _in_json(text: str) -> str:
    hidden = _PAIR.sub(
        lambda found: found[1] + re.sub(r'"([^"]+)"', lambda each: f'"{account(each[1])}"', found[2]), text
    )
    return accounts_in(hidden)
