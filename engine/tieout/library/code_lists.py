"""Code lists as CSV: one code a line, with the dates between which it may be used. Named by ``in_code_list``."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable

from tieout.model.definitions import Code
from tieout.model.errors import Location, Mistake

__all__ = ["gathered", "parse_code_list"]

COLUMNS = ("list", "code", "valid_from", "valid_to")


def parse_code_list(content: bytes, *, file: str, name: str) -> tuple[list[tuple[str, Code]], list[Mistake]]:
    """(list, code) for every line, and the mistakes of the file.

    The heading names ``code`` and, where wanted, ``list`` (else the file's own name), ``valid_from``, ``valid_to``;
    further columns are for readers.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [Mistake(Location(file), "the file is not UTF-8; save it as UTF-8")]
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    codes: list[tuple[str, Code]] = []
    mistakes: list[Mistake] = []
    try:
        if "code" not in (reader.fieldnames or ()):
            return [], [Mistake(Location(file, 1), f"the heading needs 'code'; known columns are {', '.join(COLUMNS)}")]
        for row in reader:
            here = Location(file, reader.line_num)
            code = row["code"]
            if not code:
                mistakes.append(Mistake(here, "a line without a code"))
                continue
            dates = [_date(row.get(key), here, mistakes) for key in ("valid_from", "valid_to")]
            codes.append((row.get("list") or name, Code(code, dates[0], dates[1])))
    except csv.Error as exc:
        mistakes.append(Mistake(Location(file, reader.reader.line_num), f"the line cannot be read: {exc}"))
    return codes, mistakes


def _date(text: str | None, here: Location, mistakes: list[Mistake]) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        mistakes.append(Mistake(here, f"'{text}' is not a date; write it like 2026-10-31"))
        return None


def gathered(codes: Iterable[tuple[str, Code]]) -> dict[str, tuple[Code, ...]]:
    """Lists by name; a code that stands again replaces the one before."""
    lists: dict[str, dict[str, Code]] = {}
    for name, code in codes:
        lists.setdefault(name, {})[code.code] = code
    return {name: tuple(entries.values()) for name, entries in sorted(lists.items())}
