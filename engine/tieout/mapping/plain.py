"""Documents as plain text: cut into parts by the names of elements, each part read by the pattern of its markup.

A part's markup without its texts is its *skeleton*. A skeleton that stood in a well-formed document is well-formed with any
other texts that XML allows, so a document all of whose skeletons are known is not parsed again. What is not plain (comments,
CDATA, a DOCTYPE, other encodings) is parsed and walked. ``lens`` calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tieout.formats import xml
from tieout.mapping.gather import Gathered
from tieout.mapping.inventory import Inventory
from tieout.mapping.maker import Maker, Tree
from tieout.mapping.pattern import Frame, PartRead, Pattern, Unfit, keep, way
from tieout.mapping.recipe import Recipe
from tieout.mapping.skeleton import HOLES, SPACE, Cuts, Run, bare, nested, plain_texts, split
from tieout.mapping.trie import Choice, Node, Trie, named

__all__ = ["Plain"]

LARGEST = 1024 * 1024
"""Larger documents are always parsed: the parser has limits of its own."""
_CONTEXTS, _KNOWN, _NAMES, _TRIED = 200, 4_000, 100, 200
_SHORT, _RECIPES = 16 * 1024, 500
"""Documents so short are looked for as a whole."""


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
    cuts: Cuts = field(default_factory=Cuts)
    frames: dict[str, Any] = field(default_factory=dict)
    parts: dict[Node | Choice, dict[str, Any]] = field(default_factory=dict)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    """By the skeleton of a whole document."""
    read: int = 0
    made: int = 0
    tried: int = 0
    """How often a whole document was looked for among the recipes."""
    met: int = 0

    def cut_out(self, names: Collection[str]) -> None:
        """Lets elements of these names be parts of their own."""
        self.cuts.add(names)
        self.frames.clear()
        self.recipes.clear()


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
        key = None
        if tree is None and len(text) <= _SHORT and (context.tried < _TRIED or context.tried < context.met * 2):
            context.tried += 1
            whole = split(text[start:])
            key = "\1".join(whole[::2])
            recipe = context.recipes.get(key)
            if recipe is not None and recipe.count == len(whole) // 2:
                context.met += 1
                texts = whole[1::2]
                lined = plain_texts(texts)
                if lined is None:
                    return False
                if layout := recipe.layout(texts, self._asked, self._inventory, context.node.namespace):
                    into.add_alike(layout, texts, lined)
                    return True
        end = text.rfind("</")
        if text[end + 2 :].strip(SPACE) != context.root + ">" or not bare(text, start):
            return False
        if "\0" in text or "\1" in text:
            return False
        cut = context.cuts.cut(text, start)
        if cut is None:
            return False
        outline, texts, runs = cut
        lined = plain_texts(texts, runs)
        if lined is None:
            return False
        frame = way(context.frames.get(outline), texts, _nothing)
        heads: Iterator[int] = iter(())
        if tree is not None:
            found = self._frame(context, outline, texts, runs, tree, frame)
            if found is None:
                return self._read(context, text, into, tree)
            frame, heads = found
        elif frame is None:
            return False
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
            begun = line
            for n, (skeleton, own, gap) in enumerate(next(waiting).parts):
                line += gap
                begun += 0 if n else gap
                pattern = way(known.get(skeleton), own, asked)
                if tree is not None:
                    at = next(heads)
                    if pattern is None:
                        pattern = self._part(context, known, step.node, skeleton, own, asked, tree, at, line)
                elif pattern is None:
                    return False
                parts.append((pattern, own, line, _shifted(pattern, own, line) if lined else None))
                line += pattern.height
                if lined:
                    line += sum(text.count("\n") for text in own)
            removed.append(removed[-1] + line - begun)
        context.read += len(made)
        own_lines = frame.pattern.lines if not lined else _shifted(frame.pattern, texts, 0)
        lines = [line + removed[shift] for line, shift in zip(own_lines, frame.shifts, strict=True)]
        shaped = frame.shaped(tuple(map(len, made)), self._inventory, context.node.namespace)
        into.add_parts(frame, (frame.pattern, texts, 0, lines), shaped, made)
        if key is not None:
            self._remember(context, key, whole[1::2], outline, frame, lines, made, runs)
        return True

    def _remember(
        self,
        context: _Context,
        key: str,
        texts: Sequence[str],
        outline: str,
        frame: Frame,
        lines: list[int],
        made: Sequence[Sequence[PartRead]],
        runs: Sequence[Run],
    ) -> None:
        """Keeps how a document was read, for others with the same markup; texts: all of them, in order."""
        between = iter([piece.count("\1") for piece in HOLES.split(outline)])
        at, waiting = 0, iter(runs)
        places: list[int] = []
        ends: list[list[tuple[Any, int]]] = []
        held: list[list[range]] = []
        for step, parts in zip(frame.steps, made, strict=True):
            ends.append([])
            held.append([])
            if step.opens < 0:
                places += range(at, at := at + next(between))
                known = context.parts[step.node]
                for (_, own, line, _), (skeleton, *_) in zip(parts, next(waiting).parts, strict=True):
                    ends[-1].append((known.get(skeleton), line))
                    held[-1].append(range(at, at := at + len(own)))
        places += range(at, at := at + next(between))
        if at != len(texts):
            return
        if len(context.recipes) >= _RECIPES:
            context.recipes.clear()
        context.recipes[key] = Recipe.of(context.frames.get(outline), frame, lines, ends, places, held, texts)

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
        self, context: _Context, key: str, texts: list[str], runs: Sequence[Run], tree: Tree, known: Frame | None
    ) -> tuple[Frame, Iterator[int]] | None:
        """The frame of a skeleton and the elements cut out of the document; None where others must be cut out as well."""
        held = [at for at in _outermost(context, tree) if tree.sizes[at] > 1]
        names = [_written(tree.elements[at]) for at in held]
        if fresh := set(names) - context.cuts.names:
            if len(context.cuts.names) + len(fresh) > _NAMES:
                raise Unfit
            context.cut_out(fresh)
            return None
        if names != [run.name for run in runs for _ in run.parts]:
            raise Unfit
        if known is not None:
            return known, iter(held)
        if any(nested(skeleton) for run in runs for skeleton, *_ in run.parts):
            raise Unfit
        heads, cut, removed = iter(held), {}, [0]
        for run in runs:
            own = [next(heads) for _ in run.parts]
            cut[own[0]] = own
            parts = [part if n else (*part[:2], 0) for n, part in enumerate(run.parts)]
            lines = sum(gap + skeleton.count("\n") + "".join(told).count("\n") for skeleton, told, gap in parts)
            removed.append(removed[-1] + lines)
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
        if nested(skeleton):
            raise Unfit
        if len(known) >= _KNOWN:
            known.clear()
        height = skeleton.count("\n")
        maker = Maker(tree, self._inventory, asked, start=at, values=texts, line=line, height=height)
        pattern = maker.part(node)
        context.made += 1
        keep(known, skeleton, maker.decided, pattern)
        return pattern


# --- trees ---


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
