"""What goes back to the ERP after a run: statuses, documents and payments; and what of it a later run need not look at again.

``post`` is the conductor of ``tieout post``: it reads sealed runs and the journal, and calls ``issuing.write_back``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tieout.issuing.write_back import Outcome, Write, posted_payments, write_back
from tieout.model.errors import SourceError, TieoutError
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import Entry
from tieout.store.journal import Journal
from tieout.store.lock import alone
from tieout.workspace import Workspace

__all__ = ["note_reads", "post", "resume", "set_aside"]


def post(workspace: Workspace, journal: Journal, *, statuses: tuple[dict[str, Any], ...] = ()) -> list[Outcome]:
    """Tells the workspace's ERP what is new: one outcome for everything there is to tell, most of it unchanged.

    statuses: invoice_number, state, platform, platform_id, message and, where there is one, stored: the platform's own
    document, below ``platforms``.
    Raises TieoutError where the workspace tells no ERP anything, SourceError where another ``post`` is going on.
    """
    if workspace.erp is None:
        raise TieoutError("tieout.yaml has no write_back: name the source whose ERP is told, and what")
    system = workspace.erp.name
    folder = workspace.home.folder
    busy = SourceError(f"{folder}: another 'tieout post' is going on; wait for it")
    with alone(folder / "cache" / ".post.lock", busy):
        writes = list(_writes(workspace, journal, statuses))
        return write_back(journal, workspace.erp, writes, system=system)


def _writes(workspace: Workspace, journal: Journal, statuses: tuple[dict[str, Any], ...]) -> Iterator[Write]:
    sealed = list(workspace.home.sealed())
    if "status" in workspace.tell:
        yield from (_status(each) for each in statuses)
    if "document" in workspace.tell:
        with journal.reading() as session:
            issued = session.rows("document")
        runs = workspace.home.runs
        yield from (_document(each, each["invoice_number"], runs / each["run_id"] / each["file"]) for each in issued)
        platforms = workspace.home.folder / "platforms"
        for each in statuses:
            if each.get("stored"):
                key = f"{each['invoice_number']}/{each['platform']}"
                yield _document(each, key, platforms / each["stored"], name=f"{each['platform']}-")
    if "payment" in workspace.tell and sealed:
        with Store.open(sealed[-1] / "run.duckdb") as store:
            yield from (_payment(each) for each in store.fetch(_PAYMENTS).iter_rows(named=True))


def _status(row: dict[str, Any]) -> Write:
    number, state = str(row["invoice_number"]), str(row["state"])
    said = f" ({row['message']})" if row.get("message") else ""
    known = f", {row['platform_id']}" if row.get("platform_id") else ""
    text = f"E-invoice {number}: {state} by {row['platform']}{known}{said}"
    return Write("status", f"{number}/{row['platform']}/{state}", {"number": number, "text": text, "state": state})


def _document(row: dict[str, Any], key: str, path: Path, *, name: str = "") -> Write:
    """The document we issued, or the one that the platform made of it, as an attachment of the invoice."""
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise SourceError(f"{path}: the document cannot be read: {exc.strerror or exc}") from exc
    number = str(row["invoice_number"])
    values = {"number": number, "name": f"{name}{path.name}", "content": content}
    return Write("document", key, values, {"sha256": hashlib.sha256(content).hexdigest()})


_PAYMENTS = Query(
    "what the bank's money settled",
    """
select a.payment_id, a.open_item_id, sum(a.amount) as amount, sum(a.open_item_amount) as settled, p.booking_date
from allocation a join payment p using (payment_id)
where a.status = 'accepted' and a.kind = 'payment'
group by a.payment_id, a.open_item_id, p.booking_date
order by p.booking_date, a.payment_id, a.open_item_id
""",
)


def _payment(row: dict[str, Any]) -> Write:
    key = f"{row['payment_id']}/{row['open_item_id']}"
    return Write(
        "payment",
        key,
        {
            "number": row["open_item_id"],
            "amount": _plain(row["settled"]),
            "date": row["booking_date"],
            "reference": f"tieout {key}",
        },
        {"payment_id": row["payment_id"], "amount": _plain(row["amount"])},
    )


def _plain(amount: Decimal) -> Decimal:
    """The amount without zeros that only the column's scale gives it, at least two decimals."""
    short = amount.normalize()
    exponent = short.as_tuple().exponent
    return short if isinstance(exponent, int) and exponent < -2 else short.quantize(Decimal("0.01"))


# --- what a run takes up of it ---


def resume(workspace: Workspace, journal: Journal) -> None:
    """Lets each source that reads only changes go on where the journal says it was."""
    mirrors = _mirrors(workspace)
    with journal.reading() as session:
        last = session.last_events([f"source:{name}" for name in mirrors])
    for name, mirror in mirrors.items():
        event = last.get(f"source:{name}")
        mirror.resume(str(event.payload["sha256"]) if event else None)


def note_reads(workspace: Workspace, journal: Journal, *, actor: str = "tieout") -> None:
    """Puts on record how far each such source was read."""
    mirrors = _mirrors(workspace)
    with journal.writing() as session:
        last = session.last_events([f"source:{name}" for name in mirrors])
        entries = [
            Entry(f"source:{name}", "source_read", actor, payload={"cursor": mirror.cursor, "sha256": mirror.sha256})
            for name, mirror in mirrors.items()
            if mirror.sha256
            and (f"source:{name}" not in last or last[f"source:{name}"].payload["sha256"] != mirror.sha256)
        ]
        session.append(entries)


def _mirrors(workspace: Workspace) -> dict[str, Any]:
    found = {each.name: getattr(each.source, "mirror", None) for each in workspace.inputs}
    return {name: mirror for name, mirror in found.items() if mirror is not None}


def set_aside(store: Store, journal: Journal) -> None:
    """Excludes the payments that an earlier run settled in full and the ERP has posted: their items are no longer open."""
    told = posted_payments(journal)
    if not told or not store.count("payment"):
        return
    frame = pl.DataFrame(told, schema={"payment_id": pl.String, "amount": pl.String}, orient="row")
    with store.registered(frame) as view:
        store.execute(
            Query(
                "payments the ERP has posted",
                f"""
insert into excluded select 'payment', p.payment_id, 'settled by an earlier run and posted in the ERP', p.amount,
       p.currency, p.source, p.line
from payment p
join (select payment_id, sum(amount::decimal(18, 4)) as posted from {view} group by payment_id) t using (payment_id)
where p.amount = t.posted
order by p.payment_id
""",
            )
        )
    store.execute(
        Query(
            "payments the ERP has posted are not matched again",
            "update payment set status = 'POST' where payment_id in "
            "(select object_id from excluded where \"table\" = 'payment' and reason = "
            "'settled by an earlier run and posted in the ERP')",
        )
    )
