"""What the outbox tests share: a journal with documents prepared for a platform, and a sending against the test platform."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from tests.connect.exchange import parcel, platform
from tieout.issuing import follow, transmit
from tieout.model.errors import SourceError
from tieout.store import outbox
from tieout.store.journal import Journal

WORKER = "here"


def content_of(number, *, wrong=False):
    return f"<Invoice><ID>{number}</ID>{'WRONG' if wrong else ''}</Invoice>".encode()


def prepared(journal, count, *, name="peppol_ap", refused=()):
    """So many documents in the outbox; those whose numbers are in ``refused`` will be refused."""
    documents = []
    for place in range(1, count + 1):
        number = f"A-{place:05d}"
        content = content_of(number, wrong=place in refused)
        sha = hashlib.sha256(content).hexdigest()
        documents.append(outbox.Outgoing(name, f"B{place}", number, json.dumps(content.decode()), sha, currency="EUR"))
    return outbox.prepare(journal, documents)


def read(row):
    """The document of a transmission; the tests keep its content in place of the file's name."""
    content = json.loads(row["file"]).encode()
    if hashlib.sha256(content).hexdigest() != row["sha256"]:
        raise SourceError("is not the document that was issued")
    return parcel(
        row["invoice_number"],
        content,
        transmission_id=row["transmission_id"],
        document_id=row["document_id"],
        idempotency_key=row["idempotency_key"],
        platform_id=row["platform_id"] or "",
        session=row["session"] or "",
        document_number=row["document_number"] or "",
    )


def send(journal, at, *, later=dt.timedelta(), **options):
    """One sending, at a later hour than it is."""

    def now():
        return dt.datetime.now(dt.UTC) + later

    return transmit.transmit(journal, at, read=read, worker=WORKER, now=now, **options)


def two_senders(path, base):
    """Two workers, each with a journal and a client of its own, that send at the same time."""

    def one(name):
        with opened(path) as mine, platform("peppol_ap", base=base) as at:
            transmit.transmit(mine, at, read=read, worker=name, now=lambda: dt.datetime.now(dt.UTC))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, "ab"))


def until_settled(journal, at, folder, *, most=20, turn_s=61):
    """Sends and follows until nothing is under way, a minute after the other; how many times that took."""
    for turn in range(1, most):
        send(journal, at, later=turn * dt.timedelta(seconds=turn_s))
        follow.follow(journal, at, folder=folder)
        if not outbox.transmissions(journal, state=["prepared", "sent", "delivered"]):
            return turn
    raise AssertionError(states(journal))


def states(journal):
    found = {}
    for row in outbox.transmissions(journal):
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


def opened(path):
    return Journal.open(f"sqlite:///{path}", workspace="test")


__all__ = ["WORKER", "opened", "platform", "prepared", "read", "send", "states", "two_senders", "until_settled"]
