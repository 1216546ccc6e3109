"""KSeF requests and the test platform's replies, judged by the OpenAPI description that KSeF publishes."""

from __future__ import annotations

import dataclasses
import json
import warnings

import httpx
import pytest

from tests.connect.exchange import parcel, platform, wrong
from tieout.faces.simulator.desk import Desk
from tieout.faces.simulator.server import served

BASE = "https://api-test.ksef.mf.gov.pl/v2"


class Recorder(httpx.HTTPTransport):
    """The network, with each exchange kept."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def handle_request(self, request):
        response = super().handle_request(request)
        response.read()
        self.kept.append((request, response))
        return response


@pytest.fixture(scope="module")
def description(shared):
    openapi_core = pytest.importorskip("openapi_core")
    path = shared / "reference" / "samples" / "ksef" / "ksef2_open-api.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The description calls XML a text: it is judged as one, not as a tree.
        config = openapi_core.Config(extra_media_type_deserializers={"application/xml": bytes.decode})
        return openapi_core.OpenAPI.from_dict(json.loads(path.read_text("utf-8")), config=config)


def judged(description, request, response):
    """Raises where the request or its reply is not as described."""
    from openapi_core.testing import MockRequest, MockResponse

    path = request.url.path.removeprefix("/ksef")
    kind = request.headers.get("content-type", "application/json")
    asked = MockRequest(
        BASE.removesuffix("/v2"),
        request.method.lower(),
        f"/v2{path}",
        args=dict(request.url.params),
        headers=dict(request.headers),
        data=request.content or None,
        content_type=kind,
    )
    told = MockResponse(
        response.content,
        response.status_code,
        headers=dict(response.headers),
        content_type=response.headers.get("content-type", ""),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        description.validate_request(asked)
        if response.content:
            description.validate_response(asked, told)
    return f"{request.method} {path}"


def journey(transport):
    """Signs in, sends, asks, fetches, cancels nothing, closes."""
    with served(Desk(wrong)) as base, platform("ksef", base=base, transport=transport) as at:
        session = at.session()
        ones = [parcel("A-1"), parcel("B-2", b"<Faktura>WRONG</Faktura>")]
        for one in ones:
            (outcome,) = at.submit([one])
            known = dataclasses.replace(one, session=session, platform_id=outcome.platform_id)
            at.poll(known)
            at.lookup(known)
        at.document(
            dataclasses.replace(
                ones[0],
                session=session,
                platform_id=at.lookup(dataclasses.replace(ones[0], session=session)).platform_id,
            )
        )
        list(at.inbox(""))


def test_every_request_and_reply_is_as_ksef_describes_it(description):
    recorder = Recorder()
    journey(recorder)
    seen = {judged(description, *pair).rpartition("/")[2] for pair in recorder.kept}
    assert {"challenge", "ksef-token", "redeem", "online", "invoices", "upo", "metadata"} <= seen
    assert len(recorder.kept) >= 14


def test_the_description_refuses_what_is_not_as_described(description):
    recorder = Recorder()
    journey(recorder)
    request, response = next(pair for pair in recorder.kept if pair[0].url.path.endswith("/sessions/online"))
    body = json.loads(request.content)
    del body["encryption"]["initializationVector"]
    bad = httpx.Request(request.method, request.url, json=body, headers={"Authorization": "Bearer x"})
    with pytest.raises(Exception, match=r"(?i)invalid|validation"):
        judged(description, bad, response)
