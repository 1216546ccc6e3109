"""The archive of a workspace, filled from its sealed runs: what they issued and the e-invoices they read, with their findings.

Called by ``tieout archive``. What is kept, for how long and under which hold is the business of ``store.archive``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from tieout.model.errors import SourceError
from tieout.model.records import Query
from tieout.store.archive import Archive, Paper
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.verify import read_manifest
from tieout.workspace import Home

__all__ = ["keep", "open_archive"]


@contextlib.contextmanager
def open_archive(home: Home) -> Iterator[tuple[Archive, Home]]:
    """The archive of a workspace, beside its journal."""
    with Journal.open(home.journal_url, workspace=home.entity["name"]) as journal:
        yield Archive(home.folder / "archive", journal, years=home.keep_years), home


def keep(home: Home, archive: Archive) -> int:
    """Archives the issued and received documents of every sealed run that are not there yet; how many were new."""
    return sum(archive.add(_papers(home, folder)) for folder in home.sealed())


def _papers(home: Home, folder: Path) -> Iterator[Paper]:
    """The documents of one run with their findings: what it issued, and the e-invoices it read, zips and PDFs as a whole."""
    manifest = read_manifest(folder)
    with Store.open(folder / "run.duckdb") as store:
        found: dict[str, list[dict[str, str]]] = {}
        for row in store.fetch(_FINDINGS).iter_rows(named=True):
            found.setdefault(str(row.pop("object_id")), []).append(row)
        dated = dict(store.fetch(_DATES).iter_rows())
        received = store.fetch(_RECEIVED).to_dicts()
    day = dt.date.fromisoformat(manifest["as_of"])
    for each in manifest["issued"]:
        content = _bytes(folder / each["file"], each["sha256"])
        file = each["file"]
        yield Paper(Path(file).name, "issued", content, dated.get(file) or day, folder.name, found.get(file, ()))
    for row in received:
        path = home.folder / os.path.expandvars(str(row["document_id"]).partition("!")[0])
        if not path.is_file():
            continue  # It has gone since the run: the archive takes what is there, and verify says so of the run.
        uri, content = row["document_id"], path.read_bytes()
        if "!" not in uri and hashlib.sha256(content).hexdigest() != row["sha256"]:
            continue
        yield Paper(path.name, row["direction"], content, dated.get(uri) or day, folder.name, found.get(uri, ()))


_FINDINGS = Query(
    "findings of documents",
    "select object_id, rule, severity, message from finding where object_id is not null order by finding_no",
)
_DATES = Query(
    "dates of invoices", "select invoice_id, issue_date from invoice where issue_date is not null order by 1"
)
_RECEIVED = Query(
    "e-invoices that were read",
    """
select d.document_id, d.sha256, coalesce(min(i.direction), 'received') as direction
from document d join invoice i on i.source = d.document_id
where d.status = 'read' and i.invoice_id not in (select file from issued_document where file is not null)
group by d.document_id, d.sha256
order by d.document_id
""",
)


def _bytes(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise SourceError(f"{path}: the issued document cannot be read: {exc.strerror or exc}") from exc
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SourceError(f"{path}: its bytes were changed after the run was sealed; it is not archived")
    return content
