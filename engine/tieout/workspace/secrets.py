"""Secrets by name: ``${NAME}`` comes from the environment, or from the keyring where that library is installed.

Their values are never written anywhere.
"""

from __future__ import annotations

import importlib
import os
import re

from tieout.model.errors import SourceError

__all__ = ["NAME", "filled", "secret"]

NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def secret(name: str) -> str | None:
    """The value of a name: from the environment, else from the keyring's service 'tieout' where keyring is installed."""
    if name in os.environ:
        return os.environ[name]
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        return None
    value: str | None = keyring.get_password("tieout", name)
    return value


def filled(text: str) -> str:
    """The text with the values of its names. Raises SourceError where one is not set."""

    def value(match: re.Match[str]) -> str:
        found = secret(match[1])
        if found is None:
            raise SourceError(f"{match[1]} is not set; set it in the environment")
        return found

    return NAME.sub(value, text)
