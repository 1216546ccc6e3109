"""Each shipped profile against the test platform, over a real socket."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json

import pytest

from tests.connect.exchange import PATHS, parcel, platform, wrong
from tieout.faces.simulator.desk import Desk, Fault, Held
from tieout.model.errors import RemoteError

profiles = pytest.mark.parametrize("profile", PATHS)


def sent(at, one):
    """The parcel as it is known after it was submitted, and what was said of it."""
    session = at.session()
    (outcome,) = at.submit([one])
    return dataclasses.replace(one, platform_id=outcome.platform_id, session=session), outcome


@profiles
def test_a_document_is_submitted_followed_and_its_legal_document_fetched(profile):
    with platform(profile) as at:
        one, outcome = sent(at, parcel())
        assert outcome.state == "delivered" and outcome.platform_id
        polled = at.poll(one)
        assert polled.state == "accepted", polled
        if profile in ("ksef", "nuonuo", "myinvois"):
            assert polled.document_number
        assert b"<" in at.document(one).content


@profiles
def test_what_is_refused_comes_with_the_platforms_own_words(profile):
    with platform(profile) as at:
        content = b"<Invoice>WRONG</Invoice>"
        one = parcel(content=content)
        if profile == "nuonuo":
            rows = {**one.rows, "invoice": [{**one.rows["invoice"][0], "buyer_name": "WRONG"}]}
            one = dataclasses.replace(one, rows=rows)
        one, _ = sent(at, one)
        polled = at.poll(one)
        assert polled.state == "rejected"
        assert "BR-CO-15" in polled.message


@profiles
def test_a_document_whose_answer_was_lost_is_found_again_and_one_never_sent_is_not(profile):
    desk = Desk(wrong)
    with platform(profile, desk) as at:
        session = at.session()
        desk.faults.append(Fault("drop"))
        one = dataclasses.replace(parcel(), session=session)
        (outcome,) = at.submit([one])
        found = at.lookup(one)
        assert found.state == "accepted" and found.platform_id
        # A platform that knows our key has answered the repetition by itself.
        assert outcome.state == ("delivered" if at.repeat_is_safe else "unknown")
        other = dataclasses.replace(parcel("B-2"), session=session)
        assert at.lookup(other).state == "not_found"
    assert desk.calls["taken"] == 1 and desk.doubles == 0


@profiles
@pytest.mark.parametrize("kind", ["500_after", "garbage"])
def test_an_answer_that_cannot_be_trusted_leaves_the_outcome_open(profile, kind):
    desk = Desk(wrong)
    with platform(profile, desk) as at:
        session = at.session()
        desk.faults.append(Fault(kind))
        one = dataclasses.replace(parcel(), session=session)
        (outcome,) = at.submit([one])
        assert outcome.state in ("unknown", "delivered")
        assert outcome.state == "unknown" or at.repeat_is_safe
        assert at.lookup(one).state == "accepted"
    assert desk.doubles == 0


@profiles
def test_a_busy_platform_is_asked_again_and_a_lost_token_renewed(profile):
    desk = Desk(wrong)
    with platform(profile, desk) as at:
        at.session()
        desk.faults += [Fault("429", times=2, seconds=0), Fault("expire_token")]
        _, outcome = sent(at, parcel())
        assert outcome.state == "delivered"


@pytest.mark.parametrize("profile", ["peppol_ap", "myinvois"])
def test_changes_come_page_by_page_and_only_once(profile):
    with platform(profile) as at:
        for number in range(7):
            at.submit([parcel(f"A-{number}")])
        seen, cursor = [], ""
        for outcomes, after in at.changes(cursor):
            seen += outcomes
            cursor = after
        assert {each.state for each in seen} == {"accepted"} and len(seen) == 7
        again = [each for outcomes, _ in at.changes(cursor) for each in outcomes]
        assert len(again) == (0 if profile == "peppol_ap" else 7)  # MyInvois is asked for the last days again


@pytest.mark.parametrize("profile", ["peppol_ap", "ksef"])
def test_documents_that_came_for_us_are_fetched_once(profile):
    desk = Desk(wrong)
    desk.inbox += [Held(f"in-{n:08d}", "inbox", f"in-{n}", b"<Invoice/>", received_at=desk.at()) for n in range(1, 4)]
    with platform(profile, desk) as at:
        pages = list(at.inbox(""))
        found = [each for page, _ in pages for each in page]
        assert [each.content for each in found] == [b"<Invoice/>"] * 3
        assert len({each.platform_id for each in found}) == 3
        assert not [each for page, _ in at.inbox(pages[-1][1]) for each in page]


@pytest.mark.parametrize("profile", ["peppol_ap", "nuonuo", "myinvois"])
def test_what_was_accepted_can_be_cancelled_once(profile):
    with platform(profile) as at:
        one, _ = sent(at, parcel())
        number = at.poll(one).document_number
        one = dataclasses.replace(one, document_number=number)
        assert at.cancel(one, "wrong buyer").state == "cancelled"
        assert at.poll(one).state == "cancelled"
        assert at.cancel(one, "again").state == "rejected"


def test_a_submission_of_several_documents_is_judged_one_by_one():
    with platform("myinvois") as at:
        large = parcel("C-3", content=b"<x/>" * 100_000)
        outcomes = at.submit([parcel("A-1"), parcel("B-2")])
        assert [each.state for each in outcomes] == ["delivered", "delivered"]
        assert len({each.platform_id for each in outcomes}) == 2
        assert at.submit([large])[0].code == "too_large"


def test_the_second_of_two_equal_orders_is_known_as_a_duplicate():
    with platform("nuonuo") as at:
        at.submit([parcel()])
        (again,) = at.submit([parcel()])
        assert (again.state, again.code) == ("duplicate", "E9106")


def test_wrong_credentials_are_about_no_document():
    with platform("peppol_ap", Desk(wrong, secret="another")) as at, pytest.raises(RemoteError) as caught:
        at.submit([parcel()])
    assert caught.value.status in (400, 401)
    assert "rehearsal" not in str(caught.value)


def callback(at, body, *, key=b"rehearsal", at_time=None):
    when = str(at_time if at_time is not None else int(at._now().timestamp()))
    signature = hmac.new(key, when.encode() + b"." + body, hashlib.sha256).hexdigest()
    return at.callback({"X-Signature": signature, "X-Timestamp": when}, body)


def test_a_callback_is_read_only_where_it_is_signed_and_fresh():
    body = json.dumps({"event_id": "ev-1", "id": "pe-1", "status": "delivered"}).encode()
    with platform("peppol_ap", base="http://127.0.0.1:1") as at:
        read = callback(at, body)
        assert (read.message_id, read.outcome.platform_id, read.outcome.state) == ("ev-1", "pe-1", "accepted")
        for wrong_one in ({"key": b"guess"}, {"at_time": 1}, {"at_time": "soon"}, {"at_time": "nan"}):
            with pytest.raises(RemoteError):
                callback(at, body, **wrong_one)
