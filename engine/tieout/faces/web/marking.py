"""The text of a payment cut into pieces, those that name something marked: what a clerk would underline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Piece", "marked"]

_SHORTEST = 4
_MOST = 400


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the text, and what it names; None where it names nothing."""

    text: str
    names: str | None = None


def marked(text: str, needles: Mapping[str, str]) -> list[Piece]:
    """The text in pieces, in order. needles: what to look for, and what it is called.

    Found whatever the case of letters, and with spaces, dashes, dots or slashes between the signs, as payers write.
    Where two overlap, the one that begins first, and of those the longer, counts.
    """
    spans = sorted(_spans(text, needles), key=lambda span: (span[0], -span[1]))
    pieces, at = [], 0
    for start, end, name in spans:
        if start < at:
            continue
        if start > at:
            pieces.append(Piece(text[at:start]))
        pieces.append(Piece(text[start:end], name))
        at = end
    if at < len(text):
        pieces.append(Piece(text[at:]))
    return pieces


def _spans(text: str, needles: Mapping[str, str]) -> Iterable[tuple[int, int, str]]:
    for needle, name in list(needles.items())[:_MOST]:
        signs = [sign for sign in needle if sign.isalnum()]
        if len(signs) < _SHORTEST:
            continue
        pattern = r"[\s\-./_]{0,2}".join(re.escape(sign) for sign in signs)
        edge = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
        for found in re.finditer(edge[0] + pattern + edge[1], text, re.IGNORECASE):
            yield found.start(), found.end(), name
