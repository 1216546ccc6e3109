"""What a workspace and its platforms say to one another: documents out, statuses and documents in. The conductor of both.

``run`` calls it before intake and after the seal; ``tieout transmit`` and ``tieout sync`` at any time. One process a
workspace sends at a time; a killed one's lock dies with it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fnmatch
import hashlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import polars as pl

from tieout.connect.files import FileSource
from tieout.issuing import follow, transmit
from tieout.mapping.readback import read_back
from tieout.model.definitions import Mapping as Definition
from tieout.model.errors import SourceError, TieoutError
from tieout.model.platforms import Parcel
from tieout.model.ports import Input
from tieout.model.records import Query
from tieout.store import outbox
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.store.lock import alone
from tieout.store.register import issued_documents
from tieout.workspace import Home, Link, Workspace

if TYPE_CHECKING:
    from tieout.connect.platform import HttpPlatform

__all__ = [
    "Done",
    "cancel",
    "connected",
    "due",
    "hear",
    "notify",
    "prepare",
    "reader",
    "received",
    "send",
    "sync",
    "worker",
]

Clock = Callable[[], dt.datetime]
MEDIA = {"json": "application/json", "json_document": "application/json"}


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one platform; trouble: why it ended early, one sentence each."""

    platform: str
    counts: Mapping[str, int]
    trouble: tuple[str, ...] = ()


def notify(address: str, facts: Mapping[str, Any]) -> None:
    """Posts the facts as JSON to somebody's webhook. Raises SourceError where it is not https or does not answer well."""
    from tieout.connect.http import Http, Policy

    parts = urlsplit(address)
    patience = Policy(attempts=2, total_s=60, read_s=30)
    # Not logged: the path of a webhook is often its secret.
    with Http("webhook", f"{parts.scheme}://{parts.netloc}", policy=patience, log=lambda _: None) as http:
        http.call("POST", address, json=dict(facts), auth=False)


def worker(home: Home) -> str:
    """The name under which this machine sends for the workspace."""
    return f"{socket.gethostname()}:{hashlib.sha256(str(home.folder).encode()).hexdigest()[:12]}"


def prepare(workspace: Workspace, journal: Journal) -> int:
    """Writes down what the sealed runs issued and no platform has been given yet; how many were new."""
    if not workspace.platforms:
        return 0
    documents = issued_documents(journal)
    facts: dict[str, dict[str, Mapping[str, Any]]] = {}
    new = 0
    for link in workspace.platforms:
        there = {row["document_id"] for row in outbox.transmissions(journal, platform=link.name)}
        wanted = [each for each in documents if each["billing_document"] not in there and _goes(link, each)]
        outgoing = []
        for each in wanted:
            run_id = str(each["run_id"])
            if run_id not in facts:
                facts[run_id] = _facts(workspace.home.runs / run_id)
            fact = facts[run_id].get(str(each["billing_document"]), {})
            mapping = str(fact.get("mapping") or "")
            if link.mappings and not any(fnmatch.fnmatchcase(mapping, each) for each in link.mappings):
                continue
            outgoing.append(
                outbox.Outgoing(
                    platform=link.name,
                    document_id=str(each["billing_document"]),
                    invoice_number=str(each["invoice_number"]),
                    file=f"runs/{run_id}/{each['file']}",
                    sha256=str(each["sha256"]),
                    mapping=mapping,
                    issue_date=fact["issue_date"].isoformat() if fact.get("issue_date") else None,
                    amount=fact.get("amount"),
                    currency=fact.get("currency"),
                )
            )
        new += outbox.prepare(journal, outgoing) if outgoing else 0
    return new


def send(
    workspace: Workspace,
    journal: Journal,
    *,
    only: Sequence[str] = (),
    most: int | None = None,
    clock: Clock = _utc_now,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
    **options: Any,
) -> list[Done]:
    """Prepares what was issued and sends what is due to each platform (or those named).

    Raises SourceError where another process sends for this workspace.
    """
    with _locked(workspace.home):
        prepare(workspace, journal)
        done = []
        for link in _chosen(workspace, only):
            with connected(link, workspace.home, **options) as platform:
                sent = transmit.transmit(
                    journal,
                    platform,
                    read=reader(workspace, link),
                    worker=worker(workspace.home),
                    now=clock,
                    most=most,
                    step=step,
                    advance=advance,
                )
            done.append(Done(link.name, sent.counts, sent.trouble))
        return done


def due(workspace: Workspace, journal: Journal, *, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What ``send`` would send, without sending: the transmissions, with ``note`` where a document cannot be read."""
    prepare(workspace, journal)
    found = []
    for link in _chosen(workspace, only):
        read = reader(workspace, link)
        for row in outbox.transmissions(journal, platform=link.name, state=["prepared", "sent"]):
            try:
                size = len(read(row).content)
                note = "asked after first: sent without an answer" if row["state"] == "sent" else ""
            except SourceError as exc:
                size, note = 0, exc.message
            found.append({**row, "bytes": size, "note": note})
    return found


def sync(
    workspace: Workspace,
    journal: Journal,
    *,
    only: Sequence[str] = (),
    clock: Clock = _utc_now,
    step: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> list[Done]:
    """Asks each platform (or those named) for statuses, legal documents and documents that came for us."""
    with _locked(workspace.home):
        done = []
        for link in _chosen(workspace, only):
            read = reader(workspace, link)
            with connected(link, workspace.home, **options) as platform:
                recovered = transmit.recover(journal, platform, read=read, worker=worker(workspace.home), now=clock)
                folder = workspace.home.folder / "platforms" / link.name
                followed = follow.follow(journal, platform, folder=folder, step=step)
            trouble = dict.fromkeys((*recovered.trouble, *followed.trouble))
            done.append(Done(link.name, followed.counts, tuple(trouble)))
        return done


def cancel(
    workspace: Workspace, journal: Journal, number: str, *, reason: str, clock: Clock = _utc_now, **options: Any
) -> str:
    """Cancels a document at its platform; the state that led to. Raises SourceError where it cannot be."""
    rows = outbox.transmissions(journal, invoice_number=number)
    if not rows:
        raise SourceError(f"{number}: was sent to no platform")
    row = rows[0]
    link = next((each for each in workspace.platforms if each.name == row["platform"]), None)
    if link is None:
        raise SourceError(f"{number}: its platform {row['platform']} is not in tieout.yaml any more")
    hours = int(link.plan.operations.get("cancel", {}).get("within_hours", 0))
    with _locked(workspace.home), connected(link, workspace.home, **options) as platform:
        outcome = transmit.cancel(
            journal, platform, row, read=reader(workspace, link), reason=reason, now=clock(), within_hours=hours
        )
    return outcome.state


def hear(
    workspace: Workspace, journal: Journal, name: str, headers: Mapping[str, str], body: bytes, **options: Any
) -> bool:
    """Takes a message that a platform sent by itself; False where it was there before or says nothing new.

    Raises RemoteError (status 401 or 400) where it does not prove itself or cannot be read, TieoutError for no platform.
    """
    link = next((each for each in workspace.platforms if each.name == name), None)
    if link is None:
        raise TieoutError(f"no platform '{name}' in this workspace")
    with connected(link, workspace.home, **options) as platform:
        return follow.heard(journal, name, platform.callback(headers, body))


def received(workspace: Workspace) -> list[Input]:
    """The documents that platforms held for us, as sources of a run; none where nothing came."""
    found = []
    for link in workspace.platforms:
        folder = f"platforms/{link.name}/received"
        if any((workspace.home.folder / folder).glob("*.xml")):
            source = FileSource(f"{link.name}_received", [f"{folder}/*.xml"], base=workspace.home.folder)
            found.append(Input(source.name, source, None, {"direction": "received", "optional": True}))
    return found


@contextlib.contextmanager
def connected(link: Link, home: Home, **options: Any) -> Iterator[HttpPlatform]:
    """The platform of a link, ready to be asked; exchanges are kept, masked, in the workspace's ``logs`` folder."""
    from tieout.connect.platform import HttpPlatform

    platform = HttpPlatform(
        link.name,
        link.plan,
        **{
            "base_url": link.base_url,
            "settings": link.settings,
            "verify": link.certificates or True,
            "tokens": home.folder / ".tieout" / "tokens.json",
            "log": _log(home.folder / "logs" / f"{link.name}.jsonl"),
            **options,
        },
    )
    try:
        yield platform
    finally:
        platform.close()


def reader(workspace: Workspace, link: Link) -> transmit.Read:
    """Reads the document of a transmission, as it was issued, with its canonical rows where the platform wants fields."""
    mappings, home = workspace.catalogue.mappings, workspace.home
    wants_rows = "document.invoice" in str(link.plan.operations)

    def read(row: dict[str, Any]) -> Parcel:
        path = home.folder / row["file"]
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise SourceError(f"{row['file']}: the document cannot be read: {exc.strerror or exc}") from exc
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            raise SourceError(f"{row['file']}: is not the document that was issued; it is not sent")
        mapping = mappings.get(row["mapping"] or "")
        return Parcel(
            transmission_id=row["transmission_id"],
            document_id=row["document_id"],
            invoice_number=row["invoice_number"],
            content=content,
            media_type=MEDIA.get(mapping.format, "application/xml") if mapping else "application/xml",
            sha256=row["sha256"],
            idempotency_key=row["idempotency_key"],
            rows=_rows(content, mapping) if mapping and wants_rows else {},
            platform_id=row["platform_id"] or "",
            session=row["session"] or "",
            document_number=row["document_number"] or "",
        )

    return read


def _rows(content: bytes, mapping: Definition) -> dict[str, list[dict[str, Any]]]:
    frames, _ = read_back({"document": (content, mapping)})
    return {name: [_present(row) for row in frame.to_dicts()] for name, frame in frames.items() if frame.height}


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _goes(link: Link, document: Mapping[str, Any]) -> bool:
    return not link.series or document["series"] in link.series


def _facts(folder: Path) -> dict[str, Mapping[str, Any]]:
    """What a sealed run knows of its issued documents, by billing document; nothing where the run is not there."""
    if not (folder / "run.duckdb").is_file():
        return {}
    with Store.open(folder / "run.duckdb") as store:
        rows: pl.DataFrame = store.fetch(
            Query(
                "issued documents",
                "select d.billing_document, d.mapping, d.currency, d.amount, i.issue_date from issued_document d "
                "left join invoice i on i.invoice_id = d.file",
            )
        )
    return {str(row["billing_document"]): row for row in rows.to_dicts()}


def _chosen(workspace: Workspace, only: Sequence[str]) -> list[Link]:
    known = {link.name: link for link in workspace.platforms}
    for name in only:
        if name not in known:
            raise TieoutError(f"no platform '{name}' in tieout.yaml; there are {', '.join(known) or 'none'}")
    return [link for name, link in known.items() if not only or name in only]


def _locked(home: Home) -> contextlib.AbstractContextManager[None]:
    busy = SourceError(f"{home.folder}: another process sends for this workspace; wait for it")
    return alone(home.folder / ".tieout" / "exchange.lock", busy)


def _log(path: Path) -> Callable[[Mapping[str, Any]], None]:
    """Appends each masked exchange to a file, with the time; a log that cannot be written stops nothing."""

    def write(record: Mapping[str, Any]) -> None:
        line = json.dumps({"at": _utc_now().isoformat(timespec="milliseconds"), **record}, ensure_ascii=False)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as out:
                out.write(line + "\n")

    return write
