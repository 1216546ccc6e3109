"""The door to HTTP, without a socket: what is retried, what is not, and what a log may keep."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from decimal import Decimal

import httpx
import pytest

from tieout.connect.http import Http, Policy
from tieout.connect.http_auth import ApiKey, Bearer, FileTokens, Hmac, Token, client_credentials
from tieout.connect.http_json import decoded, encoded
from tieout.model.errors import RemoteError, SourceError


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def opened(handler, *, base="https://platform.example/v1", **options):
    clock = options.pop("clock", None) or Clock()
    return Http("platform", base, transport=httpx.MockTransport(handler), clock=clock, sleep=clock.sleep, **options)


def answers(*replies):
    """A handler that gives one reply after the other and keeps the requests."""
    seen = []
    left = list(replies)

    def handler(request):
        seen.append(request)
        reply = left.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    handler.seen = seen
    return handler


def test_a_refusal_that_did_nothing_is_tried_again_even_for_a_post():
    handler = answers(
        httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(503), httpx.Response(200, json={})
    )
    clock = Clock()
    assert opened(handler, clock=clock).call("POST", "invoices", json={"a": 1}).status == 200
    assert len(handler.seen) == 3
    assert clock.slept[0] == 7


@pytest.mark.parametrize("trouble", [httpx.Response(500), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("gone")])
def test_a_post_that_may_have_been_processed_is_not_sent_again(trouble):
    handler = answers(trouble, httpx.Response(200))
    with pytest.raises(RemoteError) as caught:
        opened(handler).call("POST", "invoices", json={})
    assert caught.value.perhaps_processed
    assert len(handler.seen) == 1


@pytest.mark.parametrize("trouble", [httpx.Response(500), httpx.ReadTimeout("slow"), httpx.ConnectError("refused")])
def test_a_get_or_a_repeatable_post_is_sent_again(trouble):
    for method, repeatable in (("GET", None), ("POST", True)):
        handler = answers(trouble, httpx.Response(200, json=[]))
        assert opened(handler).call(method, "x", repeatable=repeatable).status == 200


def test_a_connection_that_was_never_made_is_tried_again_and_then_known_as_not_processed():
    handler = answers(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(RemoteError, match="no answer") as caught:
        opened(handler, policy=Policy(attempts=3)).call("POST", "x")
    assert not caught.value.perhaps_processed
    assert len(handler.seen) == 3


def test_a_wait_that_would_be_longer_than_the_limit_ends_the_attempts():
    handler = answers(httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(RemoteError) as caught:
        opened(handler, policy=Policy(total_s=60)).call("GET", "x")
    assert caught.value.status == 429


def test_after_too_many_failures_nothing_is_called_until_the_rest_is_over():
    handler = answers(*[httpx.Response(500)] * 2)
    http = opened(handler, policy=Policy(attempts=1, breaker_failures=2))
    for _ in range(2):
        with pytest.raises(RemoteError):
            http.call("GET", "x")
    with pytest.raises(RemoteError, match="too many failures in a row"):
        http.call("GET", "x")
    assert len(handler.seen) == 2


def test_what_a_client_did_wrong_does_not_open_the_breaker():
    http = opened(answers(*[httpx.Response(400)] * 5), policy=Policy(breaker_failures=2))
    for _ in range(5):
        with pytest.raises(RemoteError, match="answered with 400"):
            http.call("POST", "x")


def test_rates_are_kept_by_waiting():
    clock = Clock()
    http = opened(answers(*[httpx.Response(200)] * 5), clock=clock, policy=Policy(rates=((2, 10.0),)))
    for _ in range(5):
        http.call("GET", "x")
    assert clock.slept == [10.0, 10.0]


def test_a_token_is_fetched_once_renewed_before_its_end_and_after_a_401():
    clock, given = Clock(), []

    def handler(request):
        if request.url.path == "/token":
            given.append(request)
            return httpx.Response(200, json={"access_token": f"t{len(given)}", "expires_in": 100})
        return httpx.Response(200 if request.headers["Authorization"] == f"Bearer t{len(given)}" else 401)

    bare = opened(handler, clock=clock)
    auth = client_credentials(
        bare, "https://platform.example/token", client_id="me", client_secret="sec", scope="s", clock=clock
    )
    http = opened(handler, clock=clock, auth=auth)
    http.call("GET", "a")
    http.call("GET", "b")
    assert len(given) == 1
    assert given[0].headers["Authorization"] == "Basic " + base64.b64encode(b"me:sec").decode()
    assert b"grant_type=client_credentials" in given[0].content
    clock.now += 95
    http.call("GET", "c")
    assert len(given) == 2
    auth._token = Token("stale")  # The platform withdrew it before its time.
    http.call("POST", "d")
    assert len(given) == 3


def test_a_token_that_stays_refused_ends_in_one_error():
    http = opened(answers(httpx.Response(401), httpx.Response(401)), auth=Bearer(lambda: Token("t")))
    with pytest.raises(RemoteError, match="401"):
        http.call("GET", "x")


def test_a_rationed_token_outlives_the_process_in_a_file_only_its_owner_reads(tmp_path):
    kept = FileTokens(tmp_path / "tokens.json")
    fetched = []

    def fetch():
        fetched.append(1)
        return Token("t", 3600)

    for _ in range(2):
        assert Bearer(fetch, kept=kept, key="k").token() == "t"
    assert len(fetched) == 1
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_a_signature_covers_what_was_prepared():
    def prepare(request):
        request.query["n"] = "7"
        return f"n=7&f={request.content.decode()}"

    handler = answers(httpx.Response(200))
    opened(handler, auth=Hmac("key", "X-Sign", prepare, algorithm="sha1")).call("POST", "x", json={"a": 1})
    sent = handler.seen[0]
    expected = hmac.new(b"key", b'n=7&f={"a":1}', hashlib.sha1).digest()
    assert base64.b64decode(sent.headers["X-Sign"]) == expected
    assert sent.url.params["n"] == "7"


def test_credentials_never_go_to_another_host_and_never_without_tls():
    handler = answers(httpx.Response(200))
    opened(handler, auth=ApiKey("secret")).call("GET", "https://elsewhere.example/file")
    assert "X-API-Key" not in handler.seen[0].headers
    with pytest.raises(SourceError, match="https://"):
        opened(handler, base="http://platform.example")
    with pytest.raises(SourceError, match="verified"):
        opened(handler, verify=False)


def test_redirects_are_not_followed():
    http = opened(answers(httpx.Response(302, headers={"Location": "https://elsewhere.example"})))
    with pytest.raises(RemoteError, match="redirects"):
        http.call("GET", "x")


def test_a_log_keeps_no_secret_no_person_and_no_document():
    told = []
    reply = {"access_token": "abc", "note": "paid from DE02120300000000202051 by a.b@example.org", "buyerName": "Ada"}
    http = opened(
        answers(httpx.Response(200, json=reply), httpx.Response(200, content=b"<Invoice/>")),
        auth=ApiKey("topsecret"),
        log=told.append,
    )
    http.call(
        "POST", "x", json={"password": "pw", "document": "QUJD" * 50, "iban": "x"}, query={"token": "qt", "page": 1}
    )
    http.call("POST", "x", content=b"<Invoice>Ada</Invoice>", headers={"Content-Type": "application/xml"})
    text = json.dumps(told)
    for hidden in ("abc", "DE0212", "a.b@", "Ada", "topsecret", 'pw"', "QUJDQUJD", "qt"):
        assert hidden not in text
    assert told[0]["status"] == 200 and "page=1" in told[0]["url"] and "sha256" in told[1]["body"]


def test_an_answer_that_is_no_json_may_have_been_processed():
    with pytest.raises(RemoteError, match="no JSON") as caught:
        opened(answers(httpx.Response(200, content=b"<html>"))).call("POST", "x").json()
    assert caught.value.perhaps_processed


def test_amounts_pass_json_exactly():
    assert encoded({"a": Decimal("119.10"), "b": "1.5", "c": [Decimal("1E+2")]}) == b'{"a":119.10,"b":"1.5","c":[100]}'
    assert decoded(b'{"a": 119.10}') == {"a": Decimal("119.10")}
