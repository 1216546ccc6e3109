"""Documents as plain text: cut into parts by the names of elements, each part read by the pattern of its markup.

A part's markup without its texts is its *skeleton*. A skeleton that stood in a well-formed document is well-formed with any
other texts that XML allows, so a document all of whose skeletons are known is not parsed again. What is not plain (comments,
CDATA, a DOCTYPE, other encodings) is parsed and walked. ``lens`` calls it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tieout.formats import xml
from tieout.mapping.gather import Gathered, PartRead
from tieout.mapping.inventory import Inventory
from tieout.mapping.maker import Maker, Tree
from tieout.mapping.pattern import Fork, Frame, Pattern, Unfit, keep
from tieout.mapping.trie import Choice, Node, Trie, named

__all__ = ["Plain", "opened"]

LARGEST = 1024 * 1024
"""Larger documents are always parsed: the parser has limits of its own."""
_CONTEXTS, _KNOWN, _NAMES, _TRIED = 200, 4_000, 100, 200

_PREFIX = re.compile(r"\ufeff?(?:<\?xml[^<>]*\?>)?[ \t\n]*<[A-Za-z_][^<>]*>")
_TEXTS = re.compile(r">([ \t\n]*[^< \t\n][^<]*)<").split
_NO_TEXT = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|]]>")
_REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,7})|#x([0-9a-fA-F]{1,6}));|&")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_SPACE = " \t\n"
_HOLE = "<\0{}>"
# Comments before an element that is not closed there; within a text they would not be blanks.
_COMMENTS = re.compile(r">[ \t\n]*(?:<!--(?:[^-]|-(?!-))*-->[ \t\n]*)+(?=<[^/])")


@dataclass(slots=True)
class _Context:
    """Documents that begin alike: their first tag with its namespaces."""

    prefix: str
    root: str
    """The name of the root as it is written."""
    node: Node
    spine: list[str]
    """The outer elements below the root."""
    first_line: int
    """Of what stands behind the prefix."""
    names: set[str] = field(default_factory=set)
    """The elements that are cut out, as they are written."""
    boundary: Callable[[str, int], re.Match[str] | None] | None = None
    frames: dict[str, Any] = field(default_factory=dict)
    parts: dict[Node | Choice, dict[str, Any]] = field(default_factory=dict)
    read: int = 0
    made: int = 0

    def cut_out(self, names: Collection[str]) -> None:
        """Lets elements of these names be parts of their own."""
        self.names |= set(names)
        self.frames.clear()
        listed = "|".join(sorted(map(re.escape, self.names)))
        self.boundary = re.compile(f"<({listed})(?=[ \t\n/>])").search


@dataclass(slots=True)
class _Run:
    """Parts of one name that stand one after the other."""

    name: str
    parts: list[tuple[str, list[str], int]]
    """Skeleton, texts and first line."""
    lines: int
    """How many lines they take."""


class Plain:
    """Reads documents of one mapping as text."""

    def __init__(self, trie: Trie, inventory: Inventory, spine: Sequence[str]) -> None:
        """spine: the names of the elements below the root that hold the lines, as the trie has them."""
        self._trie, self._inventory, self._spine = trie, inventory, spine
        self._contexts: dict[str, _Context] = {}

    def read(self, text: str, prefix: str, into: Gathered) -> bool:
        """Reads a document all of whose skeletons are known; else nothing is done."""
        context = self._contexts.get(prefix)
        return context is not None and len(text) <= LARGEST and self._read(context, text, into, None)

    def learn(self, text: str, prefix: str, tree: Tree, into: Gathered) -> bool:
        """Reads a document that was parsed, and learns its skeletons; False where it is not plain."""
        context = self._contexts.get(prefix) or self._context(prefix, tree.elements[0])
        if context is None:
            return False
        rare = context.made > _TRIED and context.made * 2 > context.read
        try:
            return self._read(context, text, into, None if rare else tree)
        except Unfit:
            return False

    def _context(self, prefix: str, root: xml.Element) -> _Context | None:
        if not xml.is_utf8(root):
            return None
        if len(self._contexts) >= _CONTEXTS:
            self._contexts.clear()
        home = xml.namespace(root)
        spine = [named(each, home) for each in self._spine]
        made = _Context(prefix, _written(root), self._trie.node(home), spine, prefix.count("\n") + 1)
        self._contexts[prefix] = made
        return made

    # --- reading ---

    def _read(self, context: _Context, text: str, into: Gathered, tree: Tree | None) -> bool:
        """tree: the document, where what is not known shall be learnt from it."""
        start = len(context.prefix) - 1
        end = text.rfind("</")
        if text[end + 2 :].strip(_SPACE) != context.root + ">" or "<!" in text or "\0" in text or "\1" in text:
            return False
        if text.find("<?", start) >= 0:
            return False
        cut = _cut(context, text, start)
        if cut is None:
            return False
        key, texts, runs = cut
        lined = _plain_texts(texts, runs)
        if lined is None:
            return False
        frame = _way(context.frames.get(key), texts, _nothing)
        heads: Iterator[int] = iter(())
        if frame is None or tree is not None:
            if tree is None:
                return False
            found = self._frame(context, key, texts, runs, tree, frame)
            if found is None:
                return self._read(context, text, into, tree)
            frame, heads = found
        asked = partial(self._asked, frame, texts)
        made: list[list[PartRead]] = []
        removed = [0]
        waiting = iter(runs)
        line = context.first_line
        for step in frame.steps:
            parts: list[PartRead] = []
            made.append(parts)
            if step.opens >= 0:
                continue
            known = context.parts.get(step.node)
            if known is None:
                known = context.parts[step.node] = {}
            run = next(waiting)
            for skeleton, own, line in run.parts:
                pattern = _way(known.get(skeleton), own, asked)
                if tree is not None:
                    at = next(heads)
                    if pattern is None:
                        pattern = self._part(context, known, step.node, skeleton, own, asked, tree, at, line)
                elif pattern is None:
                    return False
                parts.append((pattern, own, line, _shifted(pattern, own, line) if lined else None))
            removed.append(removed[-1] + run.lines)
        context.read += len(made)
        own_lines = frame.pattern.lines if not lined else _shifted(frame.pattern, texts, 0)
        lines = [line + removed[shift] for line, shift in zip(own_lines, frame.shifts, strict=True)]
        shaped = frame.shaped(tuple(map(len, made)), self._inventory, context.node.namespace)
        into.add_parts(frame, (frame.pattern, texts, 0, lines), shaped, made)
        return True

    def _asked(self, frame: Frame, texts: Sequence[str], column: str) -> str | None:
        """The value of a column of the document that predicates ask for."""
        slot = self._trie.slot_of(column)
        found = frame.texts.get((slot.scope, slot.index))
        if found is None:
            return None
        (at, text), take = found
        value = text if at < 0 else texts[at]
        if value is None or take.check is None or take.check(value):
            return value
        return take.kind.settle(value).value

    # --- learning ---

    def _frame(
        self, context: _Context, key: str, texts: list[str], runs: Sequence[_Run], tree: Tree, known: Frame | None
    ) -> tuple[Frame, Iterator[int]] | None:
        """The frame of a skeleton and the elements cut out of the document; None where others must be cut out as well."""
        held = [at for at in _outermost(context, tree) if tree.sizes[at] > 1]
        names = [_written(tree.elements[at]) for at in held]
        if fresh := set(names) - context.names:
            if len(context.names) + len(fresh) > _NAMES:
                raise Unfit
            context.cut_out(fresh)
            return None
        if names != [run.name for run in runs for _ in run.parts]:
            raise Unfit
        if known is not None:
            return known, iter(held)
        heads, cut, removed = iter(held), {}, [0]
        for run in runs:
            own = [next(heads) for _ in run.parts]
            cut[own[0]] = own
            removed.append(removed[-1] + run.lines)
        if len(context.frames) >= _KNOWN:
            context.frames.clear()
        maker = Maker(tree, self._inventory, _nothing, values=texts, runs=cut, spine=context.spine)
        frame = maker.frame(context.node, removed)
        context.made += 1
        keep(context.frames, key, maker.decided, frame)
        return frame, iter(held)

    def _part(
        self,
        context: _Context,
        known: dict[str, Any],
        node: Node | Choice,
        skeleton: str,
        texts: list[str],
        asked: Callable[[str], str | None],
        tree: Tree,
        at: int,
        line: int,
    ) -> Pattern:
        if len(known) >= _KNOWN:
            known.clear()
        maker = Maker(tree, self._inventory, asked, start=at, values=texts, line=line)
        pattern = maker.part(node)
        context.made += 1
        keep(known, skeleton, maker.decided, pattern)
        return pattern


# --- text ---


def opened(content: bytes) -> tuple[str, str] | None:
    """The document as text, its line ends as XML has them, and its beginning with the first tag; None where it is not plain."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "<!--" in text:
        text = _COMMENTS.sub(_lines_of, text)
    found = _PREFIX.match(text)
    return None if found is None or "\r" in text else (text, found[0])


def _lines_of(comments: re.Match[str]) -> str:
    """Empty lines instead of comments; those with characters that XML has not stay."""
    text = comments[0]
    return text if _NO_TEXT.search(text.replace("]]>", "")) else ">" + "\n" * text.count("\n")


def _cut(context: _Context, text: str, start: int) -> tuple[str, list[str], list[_Run]] | None:
    """The skeleton of the frame, its texts, and the runs of parts cut out; None where an element has no end."""
    bits: list[str] = []
    runs: list[_Run] = []
    last, at, line = "", start, context.first_line
    search = context.boundary
    while search is not None and (found := search(text, at)):
        name, begin = found[1], found.start()
        closing = f"</{name}>"
        end = text.find(closing, found.end())
        if end < 0:
            return None
        end += len(closing)
        between = text[at:begin]
        gap = between.count("\n")
        line += gap
        skeleton = _TEXTS(text[begin:end])
        part = ("\1".join(skeleton[::2]), skeleton[1::2], line)
        lines = text.count("\n", begin, end)
        if name == last and not between.strip(_SPACE):
            run = runs[-1]
            run.parts.append(part)
            run.lines += gap + lines
        else:
            bits.append(between)
            bits.append(_HOLE.format(name))
            runs.append(_Run(name, [part], lines))
        last, at = name, end
        line += lines
    bits.append(text[at:])
    skeleton = _TEXTS("".join(bits))
    return "\1".join(skeleton[::2]), skeleton[1::2], runs


def _plain_texts(texts: list[str], runs: Sequence[_Run]) -> bool | None:
    """Whether a text has several lines; references become what they stand for. None where a text is not allowed."""
    several = [texts, *[part[1] for run in runs for part in run.parts]]
    whole = "".join(map("".join, several))
    if not whole.isprintable() and _NO_TEXT.search(whole):
        return None
    if "]]>" in whole:
        return None
    if "&" in whole:
        for each in several:
            for n, text in enumerate(each):
                if "&" in text:
                    told = _REFERENCE.sub(_told, text)
                    odd = _NO_TEXT.search(told.replace("]]>", "").replace("\r", ""))
                    if odd or not told.strip(_SPACE + "\r") or told.count("\n") != text.count("\n"):
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


def _way(found: Any, texts: Sequence[str], asked: Callable[[str], str | None]) -> Any:
    """The pattern at the end of the forks; None where it is not known."""
    while isinstance(found, Fork):
        found = found.way(texts, asked)
    return found


def _nothing(_: str) -> None:
    return None


def _outermost(context: _Context, tree: Tree, at: int = 0, level: int = 0) -> Iterator[int]:
    """The children of a document's outer elements, in order."""
    for child in tree.children(at):
        if level < len(context.spine) and tree.elements[child].tag == context.spine[level]:
            yield from _outermost(context, tree, child, level + 1)
        else:
            yield child


def _written(element: xml.Element) -> str:
    name = xml.local_name(element)
    return f"{element.prefix}:{name}" if element.prefix else name


def _shifted(pattern: Pattern, texts: Sequence[str], line: int) -> list[int]:
    """The lines of the elements of a part, some of whose texts have several lines."""
    passed = [0]
    for text in texts:
        passed.append(passed[-1] + text.count("\n"))
    return [line + own + passed[before] for own, before in zip(pattern.lines, pattern.before, strict=True)]
