"""Files, folders and globs as documents, in the order of their names. Implements ``model.ports.Source``."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieout.model.errors import Location, SourceError
from tieout.model.records import Document

__all__ = ["File", "FileSource"]

LARGEST = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class File:
    """A file that was found and not read yet."""

    uri: str
    path: str

    def size(self) -> int:
        """In bytes, as the folder has it; 0 for what is not there any more."""
        try:
            return os.stat(self.path).st_size  # noqa: PTH116 - for each of very many files
        except OSError:
            return 0

    def read(self) -> Document | SourceError:
        return _read(self.uri, self.path)


class FileSource:
    """The files that patterns name: a path, a folder (everything below it), or a glob (``*``, ``?``, ``[...]``, ``**``).

    base: the folder that relative patterns start from; documents are named as the pattern leads to them.
    aliases: how a leading part of a name is shown instead, so that names are the same on every machine.
    """

    def __init__(
        self, name: str, patterns: Sequence[str], *, base: Path, aliases: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._patterns = tuple(patterns)
        self._base = base
        self._aliases = dict(aliases or {})

    def documents(self) -> Iterator[Document | Exception]:
        """Each file once, with its sha256. What is missing or cannot be read comes as a SourceError, in its place."""
        for each in self.files():
            yield each.read() if isinstance(each, File) else each

    def files(self) -> Iterator[File | SourceError]:
        """The same, not read yet."""
        seen: set[str] = set()
        base = str(self._base)
        for pattern in self._patterns:
            for found in self._found(pattern):
                if isinstance(found, SourceError):
                    yield found
                elif found not in seen:
                    seen.add(found)
                    yield File(self._shown(found), os.path.join(base, found))  # noqa: PTH118 - for each of very many files

    def _shown(self, name: str) -> str:
        return next((alias + name[len(part) :] for part, alias in self._aliases.items() if name.startswith(part)), name)

    def _found(self, pattern: str) -> Iterator[str | SourceError]:
        """The names under which files are found, sorted; hidden files only where the pattern names them."""
        path = self._base / pattern
        if path.is_file() or (not path.is_dir() and not glob.has_magic(pattern)):
            yield pattern
            return
        root = path if path.is_dir() else self._base / _fixed(pattern)
        try:
            if path.is_dir():
                names, links = _below(path, pattern)
            else:
                matches = glob.glob(pattern, root_dir=self._base, recursive=True)  # noqa: PTH207 - keeps the name as written
                names = sorted(name for name in matches if not (self._base / name).is_dir())
                links = set(names)
        except OSError as exc:
            yield SourceError(f"cannot be listed: {exc.strerror or exc}", at=Location(pattern))
            return
        if not names:
            error = SourceError("there is no file that fits", at=Location(pattern))
            error.__cause__ = FileNotFoundError(pattern)
            yield error
        for name in names:
            yield name if name not in links or _inside(self._base / name, root) else _leads_out(name)


def _below(folder: Path, shown: str) -> tuple[list[str], set[str]]:
    """All files below a folder, sorted, links to folders not followed; those that are links."""
    found: list[str] = []
    links: set[str] = set()
    waiting = [(folder, Path(shown))]
    while waiting:
        place, name = waiting.pop()
        before = "" if name == Path() else f"{name.as_posix().rstrip('/')}/"
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if not _is_folder(entry):
                    found.append(before + entry.name)
                    if entry.is_symlink():
                        links.add(found[-1])
                elif not entry.is_symlink():
                    waiting.append((place / entry.name, name / entry.name))
    return sorted(found), links


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _fixed(pattern: str) -> str:
    """The part of a glob before its first wildcard, down to a folder."""
    parts = Path(pattern).parts
    plain = next((n for n, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return str(Path(*parts[:plain])) if plain else "."


def _inside(path: Path, root: Path) -> bool:
    """Whether a found file is where it was looked for, and not the end of a link that leads elsewhere."""
    return (
        not path.is_symlink() and not any(p.is_symlink() for p in _between(path, root))
    ) or path.resolve().is_relative_to(root.resolve())


def _between(path: Path, root: Path) -> Iterator[Path]:
    for parent in path.parents:
        if parent == root:
            return
        yield parent


def _leads_out(name: str) -> SourceError:
    return SourceError(
        "a link that leads out of the folder; name the file by its own path to have it read", at=Location(name)
    )


def _read(name: str, path: str) -> Document | SourceError:
    try:
        # Opened without blocking, so that a pipe that nobody writes to does not hang the run.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                return SourceError("no regular file", at=Location(name))
            if status.st_size > LARGEST:
                return SourceError(f"{status.st_size:,} bytes, more than {LARGEST:,}", at=Location(name))
            content = stream.read()
    except FileNotFoundError as exc:
        error = SourceError("there is no such file", at=Location(name))
        error.__cause__ = exc
        return error
    except (OSError, ValueError) as exc:
        return SourceError(f"cannot be read: {getattr(exc, 'strerror', None) or exc}", at=Location(name))
    return Document(name, content, sha256=hashlib.sha256(content).hexdigest())
