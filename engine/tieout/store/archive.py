"""The archive: every issued and received document, kept by its hash beside the journal, which says what, when and how judged.

A document's bytes stand in ``archive/ab/abcd...`` under their SHA-256, read-only. The journal's events say what it is
called, where it came from, what was found in it, until when it is kept, and whether a legal hold is on it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tieout.model.errors import SourceError, StoreError
from tieout.store.fold import Entry, Event
from tieout.store.journal import Journal

__all__ = ["Archive", "Kept", "Paper"]


@dataclass(frozen=True, slots=True)
class Paper:
    """A document on its way into the archive."""

    name: str
    """The file's name, or the invoice's number with its ending."""
    direction: str
    """issued or received."""
    content: bytes
    dated: dt.date
    """The day from which it is kept: the invoice's date, else the day of the run."""
    run_id: str = ""
    findings: Sequence[Mapping[str, str]] = ()
    """rule, severity and message of each finding."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A document of the archive."""

    sha256: str
    name: str
    direction: str
    bytes: int
    dated: dt.date
    keep_until: dt.date
    archived_at: str
    run_id: str = ""
    findings: tuple[Mapping[str, str], ...] = ()
    holds: Mapping[str, str] = field(default_factory=dict)
    """Name of each legal hold that is on it, and why."""
    removed_at: str | None = None


class Archive:
    """One workspace's documents. years: how long a document is kept after the end of the year of its date."""

    def __init__(self, folder: Path, journal: Journal, *, years: int = 10) -> None:
        self.folder, self._journal, self._years = folder, journal, years

    def add(self, papers: Iterable[Paper], *, actor: str = "tieout") -> int:
        """Keeps the documents that are not there yet; how many were new. The bytes are on disk before the journal says so.

        Raises SourceError where the folder cannot be written.
        """
        fresh: dict[str, Paper] = {}
        for each in papers:
            fresh.setdefault(hashlib.sha256(each.content).hexdigest(), each)
        with self._journal.reading() as session:
            known = session.last_events([f"archive:{each}" for each in fresh])
        for sha256, each in fresh.items():
            if _is_kept(known.get(f"archive:{sha256}")):
                continue
            self._keep(sha256, each.content)
        with self._journal.writing() as session:
            known = session.last_events([f"archive:{each}" for each in fresh])
            entries = [
                Entry(f"archive:{sha256}", "archived", actor, payload=self._payload(each))
                for sha256, each in fresh.items()
                if not _is_kept(known.get(f"archive:{sha256}"))
            ]
            session.append(entries)
        return len(entries)

    def _payload(self, paper: Paper) -> dict[str, Any]:
        return {
            "name": paper.name,
            "direction": paper.direction,
            "bytes": len(paper.content),
            "dated": paper.dated,
            "keep_until": dt.date(paper.dated.year + self._years, 12, 31),
            "run_id": paper.run_id,
            "findings": [dict(each) for each in paper.findings],
        }

    def documents(self) -> list[Kept]:
        """Every document that was ever kept, by direction, date and name; what was removed says when."""
        with self._journal.reading() as session:
            found = list(_folded(session.events_under("archive:")))
        return sorted(found, key=lambda each: (each.direction, each.dated, each.name, each.sha256))

    def get(self, wanted: str) -> tuple[Kept, bytes]:
        """The document of a hash (or its first 8 signs and more) or name, proved against its hash.

        Raises StoreError where there is none, where several fit, or where its bytes are missing or changed.
        """
        fits = [
            each
            for each in self.documents()
            if not each.removed_at and (each.name == wanted or (len(wanted) >= 8 and each.sha256.startswith(wanted)))
        ]
        if len(fits) != 1:
            raise StoreError(
                f"archive: {len(fits)} documents are called '{wanted}': give the hash of one"
                if fits
                else f"archive: there is no document '{wanted}'"
            )
        if fault := self._fault(fits[0]):
            raise StoreError(f"archive: {fault}")
        return fits[0], self._path(fits[0].sha256).read_bytes()

    def verify(self) -> Iterator[str]:
        """What does not hold, one sentence each: bytes changed or missing, and files the journal does not know."""
        kept = self.documents()
        for each in kept:
            if not each.removed_at and (fault := self._fault(each)):
                yield fault
        known = {each.sha256 for each in kept if not each.removed_at}
        for path in sorted(self.folder.glob("??/*")):
            if path.name not in known and not path.name.startswith("."):
                yield f"{path.name}: a file of the archive that the journal does not know"

    def hold(self, wanted: Sequence[str], hold: str, *, reason: str, actor: str) -> int:
        """Puts a legal hold on documents (hash or name; none given: on all); how many were not under it yet."""
        return self._on_holds(wanted, hold, reason, actor, place=True)

    def release(self, wanted: Sequence[str], hold: str, *, reason: str, actor: str) -> int:
        """Takes a legal hold off documents; how many were under it."""
        return self._on_holds(wanted, hold, reason, actor, place=False)

    def remove(self, *, as_of: dt.date, reason: str, actor: str) -> list[Kept]:
        """Removes the documents whose time is over and on which there is no hold; what they were. No other goes."""
        with self._journal.writing() as session:
            due = [
                each
                for each in _folded(session.events_under("archive:"))
                if not each.removed_at and not each.holds and each.keep_until < as_of
            ]
            session.append([Entry(f"archive:{each.sha256}", "removed", actor, reason) for each in due])
        for each in due:
            self._path(each.sha256).unlink(missing_ok=True)
        return due

    def _on_holds(self, wanted: Sequence[str], hold: str, reason: str, actor: str, *, place: bool) -> int:
        names = set(wanted)
        with self._journal.writing() as session:
            chosen = [
                each
                for each in _folded(session.events_under("archive:"))
                if not each.removed_at
                and (not names or {each.name, each.sha256} & names)
                and (hold in each.holds) != place
            ]
            kind = "hold_placed" if place else "hold_released"
            session.append([Entry(f"archive:{each.sha256}", kind, actor, reason, {"hold": hold}) for each in chosen])
        return len(chosen)

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _keep(self, sha256: str, content: bytes) -> None:
        path = self._path(sha256)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.parent / f".{sha256}.{os.getpid()}"
            with beside.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            beside.chmod(0o444)
            beside.replace(path)
        except OSError as exc:
            raise SourceError(f"{path}: the archive cannot be written: {exc.strerror or exc}") from exc

    def _fault(self, kept: Kept) -> str | None:
        try:
            found = hashlib.sha256(self._path(kept.sha256).read_bytes()).hexdigest()
        except OSError:
            return f"{kept.name} ({kept.sha256[:12]}): its bytes are missing"
        return None if found == kept.sha256 else f"{kept.name} ({kept.sha256[:12]}): its bytes were changed"


def _is_kept(event: Event | None) -> bool:
    return event is not None and event.kind != "removed"


def _folded(events: Iterable[Event]) -> Iterator[Kept]:
    """The documents that the events tell of, each once, in the order in which they came."""
    found: dict[str, Kept] = {}
    for event in events:
        sha256 = event.stream.partition(":")[2]
        if event.kind == "archived":
            p = event.payload
            found[sha256] = Kept(
                sha256, p["name"], p["direction"], p["bytes"], dt.date.fromisoformat(p["dated"]),
                dt.date.fromisoformat(p["keep_until"]), event.instant, p["run_id"], tuple(p["findings"]),
            )  # fmt: skip
        elif sha256 in found:
            found[sha256] = _changed(found[sha256], event)
    yield from found.values()


def _changed(kept: Kept, event: Event) -> Kept:
    if event.kind == "removed":
        return replace(kept, removed_at=event.instant)
    name = event.payload["hold"]
    others = {hold: why for hold, why in kept.holds.items() if hold != name}
    return replace(kept, holds={**others, name: event.reason} if event.kind == "hold_placed" else others)
