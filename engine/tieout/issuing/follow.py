"""What platforms say afterwards: statuses by cursor, poll or callback, legal documents, and documents that came for us.

Each page is on record before its cursor moves, so that a crash repeats a page and loses none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tieout.issuing.transmit import CLAIM, ENDS
from tieout.model.errors import RemoteError, SourceError
from tieout.model.platforms import Callback, Outcome, Parcel, Platform
from tieout.store import outbox
from tieout.store.journal import Journal

__all__ = ["Followed", "follow", "heard"]

ACTOR = "sync"
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Followed:
    """How many statuses changed, legal documents were stored and documents received, by those names; trouble: what could
    not be asked, one sentence each. What came beside it is kept, and the next time asks again."""

    counts: Counter[str] = field(default_factory=Counter)
    trouble: tuple[str, ...] = ()


def follow(
    journal: Journal,
    platform: Platform,
    *,
    folder: Path,
    step: Callable[[str], None] = lambda _: None,
) -> Followed:
    """Brings statuses, legal documents and received documents of a platform up to date.

    folder: where the platform's documents are kept: documents/ and received/ below it.
    """
    done: Counter[str] = Counter()
    trouble: list[str] = []
    for name, part in (
        ("statuses", _changes(journal, platform, step)),
        ("statuses", _polled(journal, platform)),
        ("documents", _legal(journal, platform, folder / "documents")),
        ("received", _inbox(journal, platform, folder / "received", step)),
    ):
        try:
            for count in part:
                done[name] += count
        except SourceError as exc:
            trouble.append(exc.message)
            if getattr(exc, "status", None) is None:
                break  # nobody answers at all
    return Followed(done, tuple(dict.fromkeys(trouble)))


def heard(journal: Journal, name: str, callback: Callback) -> bool:
    """Takes a callback that was proved; False where it is a copy or says nothing new."""
    if not outbox.callback_is_new(journal, name, callback.message_id, actor="callback"):
        return False
    rows = _rows_of(journal, name, [callback.outcome])
    return any(
        outbox.record(journal, [(row["transmission_id"], *_news(callback.outcome))], actor="callback")
        for row in rows.get(callback.outcome.platform_id, ())
        if callback.outcome.state in ENDS
    )


def _changes(journal: Journal, platform: Platform, step: Callable[[str], None]) -> Iterator[int]:
    if platform.can("changes"):
        name = f"{platform.name}/changes"
        for outcomes, cursor in platform.changes(outbox.cursor(journal, name)):
            yield _told(journal, platform, outcomes)
            step("page")
            outbox.move_cursor(journal, name, cursor, actor=ACTOR)


def _polled(journal: Journal, platform: Platform) -> Iterator[int]:
    if platform.can("poll"):
        waiting = outbox.transmissions(journal, platform=platform.name, state="delivered")
        for answers in _asked(platform, waiting, lambda row: platform.poll(_bare(row))):
            news = [(row["transmission_id"], *_news(outcome)) for row, outcome in answers if outcome.state in ENDS]
            yield outbox.record(journal, news, actor=ACTOR)


def _told(journal: Journal, platform: Platform, outcomes: Sequence[Outcome]) -> int:
    rows = _rows_of(journal, platform.name, outcomes)
    news = [
        (row["transmission_id"], *_news(outcome))
        for outcome in outcomes
        if outcome.state in ENDS
        for row in rows.get(outcome.platform_id, ())
    ]
    return outbox.record(journal, news, actor=ACTOR) if news else 0


def _rows_of(journal: Journal, name: str, outcomes: Sequence[Outcome]) -> dict[str, list[dict[str, Any]]]:
    ids = list(dict.fromkeys(each.platform_id for each in outcomes if each.platform_id))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in outbox.transmissions(journal, platform=name, platform_id=ids) if ids else ():
        found.setdefault(row["platform_id"], []).append(row)
    return found


def _news(outcome: Outcome) -> tuple[str, Mapping[str, Any]]:
    details = {"document_number": outcome.document_number, "message": outcome.message}
    return outcome.state, details | {"code": outcome.code, "said_at": outcome.at, "platform_id": outcome.platform_id}


def _legal(journal: Journal, platform: Platform, folder: Path) -> Iterator[int]:
    """Fetches the legal document of what was accepted and is not stored yet."""
    if not platform.can("document"):
        return

    def fetched(row: Mapping[str, Any]) -> str | None:
        try:
            found = platform.document(_bare(row))
        except RemoteError as exc:
            if exc.status in (404, 409, 425):  # Not made yet: the next sync asks again.
                return None
            raise
        kind = ".json" if found and "json" in found.media_type else ".xml"
        return _write(folder, _safe(row["invoice_number"]) + kind, found.content) if found else None

    accepted = outbox.transmissions(journal, platform=platform.name, state="accepted")
    for answers in _asked(platform, [row for row in accepted if not row["stored"]], fetched):
        files = {row["transmission_id"]: file for row, file in answers if file}
        if files:
            outbox.stored(journal, files, actor=ACTOR)
        yield len(files)


def _asked(
    platform: Platform, rows: Sequence[dict[str, Any]], ask: Callable[[dict[str, Any]], Answer]
) -> Iterator[list[tuple[dict[str, Any], Answer]]]:
    """What the platform answers about each row, batch by batch, as many at a time as it allows.

    Raises what the first of them raised: after all others are given, or at once where a batch has no answer at all.
    """
    failed: BaseException | None = None
    for start in range(0, len(rows), CLAIM):
        part = rows[start : start + CLAIM]
        with ThreadPoolExecutor(max(1, min(platform.parallel, len(part)))) as pool:
            asked = [pool.submit(ask, row) for row in part]
        yield [(row, each.result()) for row, each in zip(part, asked, strict=True) if not each.exception()]
        failures = [found for each in asked if (found := each.exception())]
        failed = failed or next(iter(failures), None)
        if failed and len(failures) == len(part):
            break
    if failed:
        raise failed


def _inbox(journal: Journal, platform: Platform, folder: Path, step: Callable[[str], None]) -> Iterator[int]:
    if not platform.can("inbox"):
        return
    name = f"{platform.name}/inbox"
    for documents, cursor in platform.inbox(outbox.cursor(journal, name)):
        count = 0
        for each in documents:
            file = _safe(each.platform_id) + ".xml"
            count += not (folder / file).is_file()
            _write(folder, file, each.content)
        yield count
        step("inbox")
        outbox.move_cursor(journal, name, cursor, actor=ACTOR)


def _bare(row: Mapping[str, Any]) -> Parcel:
    """The transmission without its document, which a question about it does not need."""
    return Parcel(
        transmission_id=row["transmission_id"],
        document_id=row["document_id"],
        invoice_number=row["invoice_number"],
        content=b"",
        media_type="",
        sha256=row["sha256"],
        idempotency_key=row["idempotency_key"],
        platform_id=row["platform_id"] or "",
        session=row["session"] or "",
        document_number=row["document_number"] or "",
    )


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "_"


def _write(folder: Path, name: str, content: bytes) -> str:
    """Writes the file whole or not at all; its name below the workspace's ``platforms`` folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{name}.partial"
        beside.write_bytes(content)
        beside.replace(folder / name)
    except OSError as exc:
        raise SourceError(f"{folder}: the document could not be written: {exc.strerror or exc}") from exc
    return f"{folder.parent.name}/{folder.name}/{name}"
