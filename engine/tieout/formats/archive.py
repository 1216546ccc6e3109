"""The members of a zip, each a document of its own; what is dangerous or broken comes as an error in its place."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tieout.model.errors import FormatError, Location
from tieout.model.records import Document

__all__ = ["ArchiveLimits", "members"]

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may unfold to."""

    member_bytes: int = 256 * 1024 * 1024
    total_bytes: int = 2 * 1024 * 1024 * 1024
    ratio: int = 200
    """Unpacked to packed, for members above a mebibyte: real invoices stay below 40."""
    members: int = 100_000


def members(document: Document, *, limits: ArchiveLimits | None = None) -> Iterator[Document | FormatError]:
    """Each file in the archive, named ``archive!member``, in the order of the names; one FormatError for each that is refused.

    Refused: a name that is absolute or climbs out, an encrypted or nested archive, a member or an archive that unfolds
    beyond the limits (what is counted is what comes out, not what the header claims), a broken member, a second
    member of the same name.
    """
    limits = limits or ArchiveLimits()
    try:
        archive = zipfile.ZipFile(io.BytesIO(document.content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as exc:
        yield FormatError(f"not a readable zip: {exc}", at=Location(document.uri))
        return
    with archive:
        entries = sorted(
            (entry for entry in archive.infolist() if not entry.is_dir()), key=lambda entry: entry.filename
        )
        if len(entries) > limits.members:
            yield FormatError(
                f"the archive has {len(entries):,} members, more than {limits.members:,}", at=Location(document.uri)
            )
            return
        taken, seen = 0, set[str]()
        for entry in entries:
            uri = f"{document.uri}!{entry.filename}"
            refusal = "a second member of the same name" if entry.filename in seen else _refusal(entry, limits)
            seen.add(entry.filename)
            if refusal:
                yield FormatError(f"{refusal}; the member is not read", at=Location(uri))
                continue
            outcome = _unpack(archive, entry, uri, limits, limits.total_bytes - taken)
            if isinstance(outcome, Document):
                taken += len(outcome.content)
            yield outcome


def _refusal(entry: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Why an entry is not even opened; empty where it may be."""
    name = entry.filename.replace("\\", "/")
    if name.startswith("/") or name[1:2] == ":":
        return "the name is absolute"
    if ".." in name.split("/"):
        return "the name climbs out of the archive ('..')"
    if entry.flag_bits & 1:
        return "the member is encrypted"
    if name.lower().endswith((".zip", ".ofd", ".jar", ".7z", ".rar", ".gz", ".tar")):
        return "an archive inside an archive"
    if entry.file_size > limits.member_bytes:
        return f"it would unfold to {entry.file_size:,} bytes, more than {limits.member_bytes:,}"
    if _is_bomb(entry.file_size, entry.compress_size, limits):
        return f"it would unfold {entry.file_size // max(entry.compress_size, 1):,}-fold, more than {limits.ratio}-fold"
    return ""


def _is_bomb(unpacked: int, packed: int, limits: ArchiveLimits) -> bool:
    return unpacked > _CHUNK and unpacked > packed * limits.ratio


def _unpack(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, uri: str, limits: ArchiveLimits, left: int
) -> Document | FormatError:
    pieces: list[bytes] = []
    size = 0
    try:
        with archive.open(entry) as stream:
            while piece := stream.read(_CHUNK):
                size += len(piece)
                if size > limits.member_bytes or _is_bomb(size, entry.compress_size, limits):
                    return FormatError("it unfolds beyond the limits; the member is not read", at=Location(uri))
                if size > left:
                    return FormatError(
                        f"the archive unfolds to more than {limits.total_bytes:,} bytes; the member is not read",
                        at=Location(uri),
                    )
                pieces.append(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as exc:
        return FormatError(f"the member is broken and not read: {exc}", at=Location(uri))
    content = b"".join(pieces)
    if content.startswith(b"PK\x03\x04") and not name_is_workbook(entry.filename):
        return FormatError("an archive inside an archive; the member is not read", at=Location(uri))
    return Document(uri, content)


def name_is_workbook(name: str) -> bool:
    """Whether a name is that of a workbook, the one kind of zip that may stand inside a zip."""
    return name.lower().endswith((".xlsx", ".xlsm"))
