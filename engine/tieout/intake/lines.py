"""The line of what a finding names, not that of the row around it: asked when all findings of documents are there.

Only files with such findings are read again, and only what has the bytes that the run took in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence

from tieout.intake.reading import unpacked
from tieout.mapping.lines import with_lines
from tieout.model.canon import CANON
from tieout.model.definitions import Mapping
from tieout.model.ports import Input
from tieout.model.records import Document, Query
from tieout.store.engine import Store, quote

__all__ = ["closer_lines"]


def closer_lines(store: Store, sources: Sequence[Input], mappings: Sequence[Mapping]) -> int:
    """Sets ``finding.line`` of findings on invoices from files to the line of their path; the number of lines changed.

    What is gone or another file by now, and what no file gave, keeps its row's line. Payments keep theirs, too: a bank's
    file is read in pieces as it may be larger than memory, and its rows stand on a few lines.
    """
    tables = ", ".join(f"'{each.name}'" for each in CANON.values() if each.root == "invoice")
    found = store.fetch(
        Query(
            "findings with a path",
            f"""select f.finding_no, f.source as document, f.object_id, f.path, f.line, d.sha256
            from finding f join document d on d.document_id = f.source
            where d.status = 'read' and f."table" in ({tables}) and regexp_matches(f.path, '^[/($]')
            order by f.finding_no""",
        )
    )
    digests = dict(found.select("document", "sha256").iter_rows())
    told = with_lines(found, _again(sources, digests), mappings)
    changed = told.filter(~told["line"].eq_missing(found["line"])).select("finding_no", "line")
    if changed.height:
        stored = quote(CANON["finding"].stored)
        with store.registered(changed) as lines:
            store.execute(
                Query(
                    "closer lines",
                    f"update {stored} as f set line = l.line from {quote(lines)} l where l.finding_no = f.finding_no",
                )
            )
    return changed.height


def _again(sources: Sequence[Input], digests: dict[str, str]) -> Iterator[Document]:
    """The wanted documents that files still hold with the bytes that were taken in."""
    files = {name.partition("!")[0] for name in digests}
    for each in sources:
        for document in _opened(each, files) if files else ():
            for member in unpacked(document):
                if isinstance(member, Document) and digests.get(member.uri) == _digest(member):
                    yield member


def _opened(each: Input, wanted: Collection[str]) -> Iterator[Document]:
    for file in each.source.files() if hasattr(each.source, "files") else ():
        if getattr(file, "uri", None) in wanted:
            read = file.read()
            if isinstance(read, Document):
                yield read


def _digest(document: Document) -> str:
    return document.sha256 or hashlib.sha256(document.content).hexdigest()
