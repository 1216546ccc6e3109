"""Documents as text: what is plain, where they are cut, and the skeletons of the pieces. ``plain`` reads them by patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

__all__ = ["HOLES", "SPACE", "Cuts", "Run", "bare", "nested", "opened", "plain_texts", "split"]

_PREFIX = re.compile(r"\ufeff?(?:<\?xml[^<>]*\?>)?[ \t\n]*<[A-Za-z_][^<>]*>")
split = re.compile(r">([ \t\n]*+[^<][^<]*+)<").split
_NO_TEXT = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|]]>")
_REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,7})|#x([0-9a-fA-F]{1,6}));|&")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
SPACE = " \t\n"
_HOLE = "<\0{}>"
_NAME = re.compile("<[^ \t\n/>\1]+")
HOLES = re.compile("<\0[^>]*>")
_COMMENT = r"!--[^-]*(?:-(?!-)[^-]*)*--"
_INSTRUCTION = r"\?(?![Xx][Mm][Ll][ \t\n?])[A-Za-z_][A-Za-z0-9_.-]*(?:[ \t\n][^?]*(?:\?(?!>)[^?]*)*)?\?"
_ASIDE = re.compile(rf"<(?:{_COMMENT}|{_INSTRUCTION})>(?:[ \t\n]*<(?:{_COMMENT}|{_INSTRUCTION})>)*[ \t\n]*")


@dataclass(slots=True)
class Run:
    """Parts of one name that stand one after the other."""

    name: str
    parts: list[tuple[str, list[str], int]]
    """Skeleton, texts and how many line ends stand before it."""


class Cuts:
    """Where documents that begin alike are cut."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        """The elements that are cut out, as they are written."""
        self._ends: dict[str, tuple[str, str]] = {}
        self._search: Callable[[str, int], re.Match[str] | None] | None = None

    def add(self, names: Collection[str]) -> None:
        self.names |= set(names)
        listed = "|".join(sorted(map(re.escape, self.names)))
        self._search = re.compile(f"<({listed})(?=[ \t\n>])").search
        self._ends = {name: (f"</{name}>", _HOLE.format(name)) for name in self.names}

    def cut(self, text: str, start: int) -> tuple[str, list[str], list[Run]] | None:
        """The skeleton of the frame, its texts, and the runs of parts cut out; None where an element has no end."""
        bits: list[str] = []
        runs: list[Run] = []
        parts: list[tuple[str, list[str], int]] = []
        last, at, after = "", start, start
        search, ends = self._search, self._ends
        while search is not None and (found := search(text, after)):
            name, begin = found[1], found.start()
            closing, hole = ends[name]
            after = found.end()
            if text.startswith(closing, after + 1):
                # Empty, and so no part; nor is an element that ends as it begins.
                continue
            end = text.find(closing, after)
            if end < 0:
                return None
            end += len(closing)
            between = text[at:begin]
            skeleton = split(text[begin:end])
            part = ("\1".join(skeleton[::2]), skeleton[1::2], between.count("\n"))
            if name == last and not between.strip(SPACE):
                parts.append(part)
            else:
                parts = [part]
                bits += (between, hole)
                runs.append(Run(name, parts))
            last, at, after = name, end, end
        bits.append(text[at:])
        skeleton = split("".join(bits))
        return "\1".join(skeleton[::2]), skeleton[1::2], runs


def nested(skeleton: str) -> bool:
    """Whether the element of a part holds others of its name: it was cut off at the end of one of those."""
    name = _NAME.match(skeleton)
    assert name
    return len(re.findall(rf"{re.escape(name[0])}[ \t\n/>\1]", skeleton)) > 1


def opened(content: bytes) -> tuple[str, str] | None:
    """The document as text, its line ends as XML has them, and its beginning with the first tag; None where it is not plain."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if not bare(text, text.find("?>", 0, 200) + 2):
        text = _without_asides(text)
    found = _PREFIX.match(text)
    return None if found is None or "\r" in text else (text, found[0])


def bare(text: str, start: int) -> bool:
    """Whether there is no comment, CDATA, DOCTYPE or instruction. Single characters are looked for first: they are found at once."""
    return not ("!" in text and "<!" in text) and not (text.find("?", start) >= 0 and text.find("<?", start) >= 0)


def _without_asides(text: str) -> str:
    """Empty lines instead of comments and instructions that stand before an element begins or after one ended: within a text
    they would not be blanks. Those with characters that XML has not stay."""
    bits: list[str] = []
    last = 0
    for aside in _ASIDE.finditer(text):
        start, end = aside.span()
        closed = text.rfind(">", 0, start)
        opened = text.rfind("<", 0, closed + 1)
        before, after = text[opened : closed + 1], text[end : end + 2]
        ended = before.startswith("</") or before.endswith("/>")
        if (
            text[closed + 1 : start].strip(SPACE + "\ufeff")
            or ">" in before[:-1]
            or not (ended if after in ("</", "") else after.startswith("<") and after[1:] not in ("?", "!"))
            or _NO_TEXT.search(aside[0].replace("]]>", ""))
        ):
            continue
        bits += (text[last:start], "\n" * aside[0].count("\n"))
        last = end
    return "".join((*bits, text[last:]))


def plain_texts(texts: list[str], runs: Sequence[Run] = ()) -> bool | None:
    """Whether a text has several lines; references become what they stand for. None where a text is not allowed."""
    several = [texts, *[part[1] for run in runs for part in run.parts]]
    whole = "".join(map("".join, several))
    if not whole.replace("\n", "").replace("\t", "").isprintable() and _NO_TEXT.search(whole):
        return None
    if "]]>" in whole:
        return None
    if "&" in whole:
        for each in several:
            for n, text in enumerate(each):
                if "&" in text:
                    told = _REFERENCE.sub(_told, text)
                    odd = _NO_TEXT.search(told.replace("]]>", "").replace("\r", ""))
                    if odd or not told.strip(SPACE + "\r") or told.count("\n") != text.count("\n"):
                        return None
                    each[n] = told
    return "\n" in whole


def _told(reference: re.Match[str]) -> str:
    name, number, hexadecimal = reference.groups()
    if name:
        return _NAMED[name]
    code = int(number) if number else int(hexadecimal, 16) if hexadecimal else 0
    # What is no reference, and a character that XML has not, make the text one that is not allowed.
    return chr(code) if code < 0x110000 else "\0"
