"""From billing line to platform and back into the next run: issued, transmitted, refused, told; and the whole story."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import shutil

import httpx
import polars as pl
import pytest

from tests.connect.exchange import ACCESS_POINT, QUICK
from tieout import exchange, tracing
from tieout import run as conductor
from tieout.faces.simulator.desk import Desk, Held
from tieout.faces.simulator.server import served
from tieout.library.catalog import shipped
from tieout.model.errors import DefinitionError, RemoteError
from tieout.replay import NoProgress
from tieout.store import outbox
from tieout.store.engine import Store
from tieout.workspace import open_workspace

STARTER = shipped("rules").parent / "engine" / "tieout" / "faces" / "starter"


@pytest.fixture
def company(tmp_path, monkeypatch):
    """A workspace whose invoices are refused by the platform, and the platform."""
    monkeypatch.setenv("SIM_SECRET", "rehearsal")
    folder = tmp_path / "ws"
    shutil.copytree(STARTER, folder)
    desk = Desk(lambda documents: dict.fromkeys(documents, "PEPPOL-EN16931-R003: a buyer reference is missing"))
    with served(desk) as base:
        text = (folder / "tieout.yaml").read_text("utf-8").replace("as_of: 2026-10-31", "")
        (folder / "tieout.yaml").write_text(text + ACCESS_POINT.format(base=base), "utf-8")
        yield folder, desk


def ran(folder):
    return conductor.run(open_workspace(folder), as_of=dt.datetime.now(dt.UTC).date(), progress=NoProgress())


@pytest.mark.slow
def test_a_refused_invoice_is_an_exception_of_the_next_run_with_the_platforms_words(company):
    folder, desk = company
    ran(folder)
    workspace = open_workspace(folder)
    with conductor.open_journal(workspace.home) as journal:
        assert [row["note"] for row in exchange.due(workspace, journal)] == [""]
        assert not desk.held  # a dry run sends nothing
        (done,) = exchange.send(workspace, journal, policy=QUICK)
        assert done.counts == {"delivered": 1} and not done.trouble
        assert exchange.send(workspace, journal, policy=QUICK)[0].counts == {}
        desk.inbox.append(Held("in-1", "inbox", "in-1", next((folder / "einvoices").glob("00*.xml")).read_bytes()))
        (news,) = exchange.sync(workspace, journal, policy=QUICK)
        assert (news.counts["statuses"], news.counts["received"]) == (1, 1)
        (row,) = outbox.transmissions(journal)
        number = row["invoice_number"]
    (held,) = desk.held.values()
    assert held.number == number

    sealed = ran(folder)
    with Store.open(sealed.folder / "run.duckdb") as store:
        messages = store.table("invoice_status_message").filter(pl.col("invoice_number") == number)
        assert messages["status"].to_list() == ["rejected"]
        (refused,) = store.table("exception").filter(pl.col("reason") == "rejected_by_platform").to_dicts()
        assert "a buyer reference is missing" in refused["message"] + refused["evidence"]
        assert refused["amount"] == row["amount"] and refused["queue"]
        received = store.table("document").filter(pl.col("source_name") == "access_point_received")
        assert received["status"].to_list()[0] in ("read", "duplicate")

    workspace = open_workspace(folder)
    with conductor.open_journal(workspace.home) as journal:
        told = tracing.trace(workspace.home, journal, number)
        assert told == tracing.trace(workspace.home, journal, row["document_id"])
        assert journal.verify().holds
    text = "\n".join(each.text for each in told)
    for part in ("issued as", "being sent to access_point", "taken by", "rejected", "rejected_by_platform", number):
        assert part in text
    log = (folder / "logs" / "access_point.jsonl").read_text("utf-8")
    assert "rehearsal" not in log and 'access_token": "***' in log.replace('\\"', '"')


def test_a_callback_is_taken_once_and_only_where_it_is_proved(company):
    pytest.importorskip("fastapi", reason="callbacks need the extra 'web'")
    from tieout.faces.callbacks import router
    from tieout.faces.web.app import make_app
    from tieout.faces.web.desk import Desk

    folder, _ = company
    workspace = open_workspace(folder)
    with conductor.open_journal(workspace.home) as journal:
        outbox.prepare(journal, [outbox.Outgoing("access_point", "B1", "A-1", "x", "0" * 64)])
        (row,) = outbox.transmissions(journal)
        outbox.claim(journal, [row["transmission_id"]], worker="w")
        outbox.record(journal, [(row["transmission_id"], "delivered", {"platform_id": "pe-1"})], actor="t")
    desk = Desk(workspace.home, conductor.open_journal(workspace.home))
    app = make_app(desk, callbacks=router(workspace, lambda: conductor.open_journal(workspace.home)))
    body = json.dumps({"event_id": "ev-1", "id": "pe-1", "status": "delivered"}).encode()

    def post(secret, *, at=None, path="access_point", content=body):
        when = str(at or int(dt.datetime.now(dt.UTC).timestamp()))
        sign = hmac.new(secret, when.encode() + b"." + content, hashlib.sha256).hexdigest()
        headers = {"X-Signature": sign, "X-Timestamp": when}
        return asked(app, f"/api/v1/webhooks/{path}", content, headers)

    assert post(b"guess") == 401
    assert post(b"rehearsal", at=1) == 401
    assert post(b"rehearsal", path="nobody") == 404
    assert post(b"rehearsal", content=b"x" * 1_000_001) == 413
    assert post(b"rehearsal", content=b"{") == 400
    with conductor.open_journal(workspace.home) as journal:
        assert outbox.transmissions(journal)[0]["state"] == "delivered"
        assert post(b"rehearsal") == 202
        assert outbox.transmissions(journal)[0]["state"] == "accepted"
        assert post(b"rehearsal") == 200
        with pytest.raises(RemoteError):
            exchange.hear(workspace, journal, "access_point", {}, body)
    desk.close()


def asked(app, path, content, headers):
    """The status an ASGI application answers with, without a socket."""
    import asyncio

    async def one():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.post(path, content=content, headers=headers)).status_code

    return asyncio.run(one())


def test_mistakes_in_the_platforms_of_a_workspace_are_told_with_their_place(company, monkeypatch):
    folder, _ = company
    text = (folder / "tieout.yaml").read_text("utf-8")
    bad = text.replace("profile: peppol_ap", "profile: pepol_ap").replace("SIM_SECRET", "NOT_SET_ANYWHERE")
    (folder / "tieout.yaml").write_text(bad.replace("client_id:", "client_idd:"), "utf-8")
    with pytest.raises(DefinitionError, match="no platform file 'pepol_ap'; did you mean 'peppol_ap'"):
        open_workspace(folder)
    (folder / "tieout.yaml").write_text(text.replace("client_id:", "client_idd:"), "utf-8")
    with pytest.raises(DefinitionError, match="has no setting 'client_idd'; did you mean 'client_id'"):
        open_workspace(folder)
