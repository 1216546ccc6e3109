"""Our findings beside those of official stylesheets the user has: which documents are judged alike, and where both differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tieout.examine import STDIN, documents
from tieout.formats.official import Stylesheets
from tieout.model.errors import FormatError, TieoutError

__all__ = ["Difference", "Opinion", "second_opinion"]


# Findings of documents that could not be read at all.
_UNREAD = {"IN-FORMAT", "IN-EMPTY", "IN-ENCODING", "IN-SOURCE"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One document on which the two do not agree."""

    document: str
    only_ours: tuple[str, ...]
    only_official: tuple[str, ...]
    note: str = ""
    """Why the stylesheets gave no answer; empty where they did."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the comparison came to."""

    documents: int
    differences: tuple[Difference, ...]

    @property
    def alike(self) -> int:
        return self.documents - len(self.differences)


def second_opinion(paths: Sequence[Path], stylesheets: Sequence[Path], ours: Iterable[pl.DataFrame]) -> Opinion:
    """Judges the documents below the paths by the stylesheets and compares, document by document, the rules that fired.

    ours: the findings of the same documents. Only rules that the stylesheets know are compared.
    Raises TieoutError where saxonche is absent, SourceError for a stylesheet that cannot be used.
    """
    if STDIN in paths:
        raise TieoutError("--official reads each document again: name a file instead of '-'")
    official = Stylesheets(stylesheets)
    fired: dict[str, set[str]] = {}
    for frame in ours:
        for document, rule in frame.select("document", "rule").iter_rows():
            fired.setdefault(document, set()).add(rule)
    count, differences = 0, []
    for document in documents(paths):
        mine = fired.get(document.uri, set())
        if any(rule in _UNREAD for rule in mine):
            continue
        count += 1
        try:
            theirs = {each.rule for each in official.judge(document)}
        except FormatError as exc:
            differences.append(Difference(document.uri, (), (), exc.message))
            continue
        mine &= official.rules | theirs
        if mine != theirs:
            differences.append(Difference(document.uri, tuple(sorted(mine - theirs)), tuple(sorted(theirs - mine))))
    return Opinion(count, tuple(differences))
