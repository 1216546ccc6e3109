"""The whole story of one invoice across ledger, documents, platform and bank, in the order in which it was known.

Reads sealed runs and the journal; what a run says as the one before it is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieout.model.errors import TieoutError
from tieout.model.money import display
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.verify import read_manifest
from tieout.workspace import Home

__all__ = ["Moment", "trace"]

ROUNDS = 4


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One thing that happened or was found: when (UTC, ISO), in which system, and what."""

    at: str
    place: str
    """ledger, issue, rules, platform, payment, exception, case or status."""
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
        "'open ' || open_amount as more, source as document from open_item "
        "where open_item_id in (from seen) or reference in (from seen) order by open_item_id",
    ),
    (
        "issue",
        "select status || ' as ' || coalesce(invoice_number, 'no number') || ' from billing document ' "
        "|| billing_document as text, amount, currency, coalesce(mapping, '') as more, file as document "
        "from issued_document where billing_document in (from seen) or invoice_number in (from seen) order by 1",
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
    return sorted(moments, key=lambda each: each.at)


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
    money = (
        f", {display(row['amount'], row['currency'])} {row['currency'] or ''}".rstrip()
        if row["amount"] is not None
        else ""
    )
    return f"{row['text']}{money}{', ' + row['more'] if row['more'] else ''}"


def _of_journal(journal: Journal, names: set[str]) -> Iterator[Moment]:
    with journal.reading() as session:
        streams: dict[str, str] = {}
        for row in session.rows("transmission", document_id=sorted(names)):
            streams[f"transmission:{row['transmission_id']}"] = row["platform"]
        for case in session.cases():
            if {case.object_id, case.related_id} & names:
                streams[f"case:{case.case_id}"] = case.reason
        for name in sorted(names):
            streams[f"document:{name}"] = ""
        for stream, what in streams.items():
            for event in session.events(stream):
                if stream.startswith("transmission:"):
                    yield _transmission(event, what)
                elif stream.startswith("case:"):
                    words = event.kind.removeprefix("case_").replace("_", " ")
                    text = f"{what} {stream[5:]} {words} by {event.actor}" + (
                        f": {event.reason}" if event.reason else ""
                    )
                    yield Moment(event.instant, "case", text)
                else:
                    number = event.payload.get("invoice_number", "")
                    file = f"runs/{event.payload.get('run_id', '')}/{event.payload.get('file', '')}"
                    yield Moment(
                        event.instant,
                        "issue",
                        f"{number} on record as issued, sha256 {event.payload['sha256'][:16]}",
                        file,
                    )


def _transmission(event: Any, platform: str) -> Moment:
    payload = event.payload
    words = event.kind.removeprefix("transmission_").replace("returned", "prepared again")
    parts = [f"{words}: {platform}" if event.kind != "transmission_sent" else f"being sent to {platform}"]
    for key, label in (
        ("invoice_number", "invoice"),
        ("platform_id", "its number"),
        ("document_number", "legal number"),
        ("code", "code"),
        ("message", "says"),
        ("said_at", "said at"),
        ("session", "session"),
    ):
        if payload.get(key):
            parts.append(f"{label} {payload[key]}")
    document = payload.get("file", "")
    if payload.get("stored"):
        document = f"platforms/{payload['stored']}"
    return Moment(event.instant, "platform", ", ".join(parts) + f" ({event.actor})", document)
