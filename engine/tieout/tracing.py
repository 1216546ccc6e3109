"""The whole story of one invoice across ledger, documents, platform and bank, in the order in which it was known.

Reads sealed runs and the journal; what a run says as the one before it is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import Event
from tieout.store.journal import Journal
from tieout.verify import read_manifest
from tieout.workspace import Home

__all__ = ["Moment", "trace"]

ROUNDS = 4


# What comes first of what happened at one instant, as a run and what follows it do things.
ORDER = ("ledger", "rules", "issue", "platform", "payment", "status", "exception", "case", "erp")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened or was found: when (UTC, ISO), in which system, and what."""

    at: str
    place: str
    """ledger, rules, issue, platform, payment, status, exception, case or erp (what we wrote into it)."""
    text: str
    document: str = ""
    """A file that shows it, relative to the workspace."""


# What names an invoice in a run: from any of its names to all of them.
_NAMES = """
with seen as (select unnest($names::varchar[]) as name)
select billing_document as name, invoice_number as other from issued_document where invoice_number is not null
  and (billing_document in (from seen) or invoice_number in (from seen))
union all
select invoice_id, invoice_number from invoice
  where invoice_id in (from seen) or invoice_number in (from seen)
union all
select i.invoice_number, p.preceding_invoice_reference from preceding_invoice p join invoice i using (invoice_id)
  where p.preceding_invoice_reference in (from seen) or i.invoice_number in (from seen)
union all
select open_item_id, coalesce(reference, open_item_id) from open_item
  where open_item_id in (from seen) or reference in (from seen) or invoice_id in (from seen)
union all
select object_id, coalesce(related_id, object_id) from exception where exception_id in (from seen)
union all
select a.open_item_id, a.open_item_id from allocation a where a.payment_id in (from seen)
"""

_FOUND = (
    (
        "ledger",
        "select 'booked: item ' || open_item_id || ', ' || coalesce(reference, '') as text, amount, currency, "
        "'' as more, open_amount as left_open, source as document from open_item "
        "where open_item_id in (from seen) or reference in (from seen) order by open_item_id",
    ),
    (
        "issue",
        "select status || ' as ' || coalesce(invoice_number, 'no number') || ' from billing document ' "
        "|| billing_document as text, amount, currency, coalesce(mapping, '') as more, file as document "
        "from issued_document where status <> 'unchanged' and (billing_document in (from seen) or invoice_number in (from seen)) "
        "order by 1",
    ),
    (
        "issue",
        "select i.invoice_number || ' corrects ' || p.preceding_invoice_reference as text, null as amount, null as currency, "
        "'' as more, i.invoice_id as document from preceding_invoice p join invoice i using (invoice_id) "
        "where i.invoice_number in (from seen) and p.preceding_invoice_reference is not null order by 1",
    ),
    (
        "rules",
        "select severity || ' ' || rule || ': ' || message as text, null as amount, null as currency, '' as more, "
        "source as document from finding where object_id in (from seen) order by finding_no",
    ),
    (
        "payment",
        "select a.kind || ' by payment ' || a.payment_id || ' of ' || p.booking_date || ' (' || a.status || ', pass ' "
        "|| a.pass || ') for ' || a.open_item_id as text, a.open_item_amount as amount, a.open_item_currency as currency, "
        "'' as more, p.source as document from allocation a join payment p using (payment_id) "
        "where a.open_item_id in (from seen) order by a.payment_id, a.kind",
    ),
    (
        "exception",
        "select reason || ' ' || exception_id || ' in queue ' || coalesce(queue, '?') || ': ' || coalesce(message, '') "
        "as text, amount, currency, '' as more, source as document from exception "
        "where object_id in (from seen) or related_id in (from seen) order by exception_id",
    ),
    (
        "status",
        "select 'four corners of ' || invoice_number || ': ledger ' || coalesce(ledger_state, '-') || ', platform ' "
        "|| coalesce(platform_state, '-') || ', tax ' || coalesce(tax_state, '-') || ', payment ' "
        "|| coalesce(payment_state, '-') || coalesce(', conflicts ' || conflict, '') as text, ledger_amount as amount, "
        "currency, '' as more, '' as document from invoice_status "
        "where invoice_number in (from seen) or open_item_id in (from seen) or invoice_id in (from seen) order by 1",
    ),
)


def trace(home: Home, journal: Journal, object_id: str) -> list[Moment]:
    """Everything known of the invoice that ``object_id`` names: its number, billing document, ledger item, file,
    payment, transmission, platform number or case.

    Raises TieoutError where nothing is known of it.
    """
    runs = list(home.sealed())
    names = _names(runs, journal, object_id)
    moments = [*_of_runs(runs, names), *_of_journal(journal, names)]
    if not moments:
        raise TieoutError(f"{object_id}: nothing is known of it in {home.folder}")
    # By the second: a run knows no finer, and what follows it in that second follows it here.
    return sorted(moments, key=lambda each: (each.at[:19], ORDER.index(each.place), each.at.rstrip("Z")))


def _names(runs: list[Path], journal: Journal, object_id: str) -> set[str]:
    """All names under which the invoice, what corrects it and its ledger item are known."""
    names = {object_id}
    for _ in range(ROUNDS):
        before = len(names)
        with journal.reading() as session:
            for row in session.rows("transmission"):
                own = [row[key] for key in ("transmission_id", "document_id", "invoice_number", "platform_id")]
                if names & {each for each in [*own, row["document_number"]] if each}:
                    names |= {row["document_id"], row["invoice_number"]}
        for folder in runs:
            with Store.open(folder / "run.duckdb") as store:
                for pair in store.fetch(Query("names of an invoice", _NAMES, {"names": sorted(names)})).iter_rows():
                    names |= {each for each in pair if each}
        if len(names) == before:
            break
    return names


def _of_runs(runs: list[Path], names: set[str]) -> Iterator[Moment]:
    told: set[tuple[str, str]] = set()
    for folder in runs:
        at = str(read_manifest(folder)["started"]).replace("+00:00", "Z")
        with Store.open(folder / "run.duckdb") as store:
            for place, sql in _FOUND:
                full = f"with seen as (select unnest($names::varchar[]) as name) {sql}"
                for row in store.fetch(Query(f"trace, {place}", full, {"names": sorted(names)})).to_dicts():
                    text = _text(row)
                    if (place, text) not in told:
                        told.add((place, text))
                        document = row["document"] or ""
                        document = f"runs/{folder.name}/{document}" if document.startswith("issued/") else document
                        yield Moment(at, place, text, document)


def _text(row: Mapping[str, Any]) -> str:
    def money(amount: Any, before: str = "") -> str:
        return (
            "" if amount is None else f", {before}{display(amount, row['currency'])} {row['currency'] or ''}".rstrip()
        )

    more = f", {row['more']}" if row["more"] else ""
    return f"{row['text']}{money(row['amount'])}{money(row.get('left_open'), 'open ')}{more}"


def _of_journal(journal: Journal, names: set[str]) -> Iterator[Moment]:
    with journal.reading() as session:
        streams: dict[str, tuple[str, str]] = {}
        for row in session.rows("transmission", document_id=sorted(names)):
            streams[f"transmission:{row['transmission_id']}"] = (row["platform"], row["invoice_number"])
        for case in session.cases():
            if {case.object_id, case.related_id} & names:
                streams[f"case:{case.case_id}"] = (case.reason, case.case_id)
        for name in sorted(names):
            streams[f"document:{name}"] = ("", "")
        for stream, what in streams.items():
            for event in session.events(stream):
                yield _TOLD[stream.partition(":")[0]](event, *what)
        for event in session.events_under("write:"):
            _, system, operation, key = event.stream.split(":", 3)
            if set(key.split("/")) & names and event.kind != "write_intended":
                yield _written(event, system, operation, key)


def _transmission(event: Event, platform: str, number: str) -> Moment:
    payload = event.payload
    words = event.kind.removeprefix("transmission_")
    said = {
        "prepared": f"prepared for {platform}",
        "sent": f"being sent to {platform}",
        "returned": f"not taken by {platform}, prepared again",
        "dead": f"given up: it could not be delivered to {platform}",
        "stored": f"legal document of {platform} stored",
    }.get(words, f"{words} by {platform}" if words != "delivered" else f"taken by {platform}")
    parts = [f"{number} {said}"]
    for key, label in (("platform_id", "its number"), ("document_number", "legal number"), ("session", "session")):
        if payload.get(key):
            parts.append(f"{label} {payload[key]}")
    if words in ("rejected", "dead", "returned") and payload.get("code") not in (None, words):
        parts.append(f"code {payload['code']}")
    if payload.get("message"):
        parts.append(f"it says: {payload['message'].rstrip('.')}")
    if payload.get("said_at") and payload["said_at"][:16] != event.instant[:16]:
        parts.append(f"said at {payload['said_at'][:19]}")
    document = payload.get("file") or (f"platforms/{payload['stored']}" if payload.get("stored") else "")
    return Moment(
        event.instant, "platform", f"{', '.join(parts)} ({event.actor})", document or f"logs/{platform}.jsonl"
    )


def _case(event: Event, reason: str, case_id: str) -> Moment:
    words = event.kind.removeprefix("case_").replace("_", " ")
    # What it was opened for stands beside it, as the exception.
    said = "" if words == "opened" else event.reason or event.payload.get("text", "")
    return Moment(event.instant, "case", f"{reason} {case_id} {words} by {event.actor}{f': {said}' if said else ''}")


def _document(event: Event, *_: str) -> Moment:
    payload = event.payload
    text = f"{payload.get('invoice_number', '')} on record as issued, sha256 {payload['sha256'][:16]}"
    return Moment(event.instant, "issue", text, f"runs/{payload.get('run_id', '')}/{payload.get('file', '')}")


def _written(event: Event, system: str, operation: str, key: str) -> Moment:
    if event.kind == "write_done":
        how = "was there already" if event.payload.get("found") else "written"
        return Moment(event.instant, "erp", f"{operation} {key} {how} in {system}")
    unsure = "nobody knows whether it was written" if event.payload.get("perhaps") else "refused"
    text = f"{operation} {key} in {system}: {unsure}: {event.payload.get('message', '')}"
    return Moment(event.instant, "erp", text)


_TOLD: Mapping[str, Callable[..., Moment]] = {"transmission": _transmission, "case": _case, "document": _document}
