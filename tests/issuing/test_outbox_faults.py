"""Show 2 of issue 6: whatever goes wrong, each document is at the platform exactly once and its status right in the end."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
import threading

import pytest

from tests.connect.exchange import PATHS, wrong
from tests.issuing.outbox import opened, platform, prepared, read, send, states, two_senders, until_settled
from tieout.faces.simulator.desk import Desk, Fault
from tieout.faces.simulator.server import served
from tieout.issuing import follow, transmit
from tieout.model.platforms import Callback, Outcome
from tieout.store import outbox

DOCUMENTS = 5


class Clockwork:
    """Kills its own process at the n-th step; the outbox stands as it is there, as after a power cut."""

    def __init__(self, n):
        self.left = n
        self.lock = threading.Lock()

    def __call__(self, step):
        with self.lock:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _sender(path, base, profile, n, folder):
    """One process that sends and follows, and dies at its n-th step."""
    step = Clockwork(n)
    with opened(path) as journal, platform(profile, base=base) as at:
        send(journal, at, step=step)
        step("follow")
        follow.follow(journal, at, folder=folder, step=step)
    os._exit(0)


def exactly_once(desk, count):
    taken = [held.number for held in desk.held.values()]
    assert sorted(set(taken)) == sorted(taken) and len(taken) == count
    assert desk.doubles == 0


# What a submission's path has in it, so that its answer can be lost.
SUBMIT = {"peppol_ap": "/documents", "myinvois": "documentsubmissions", "ksef": "online/", "nuonuo": "services"}


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1], ids=["calm", "and an answer is lost"])
@pytest.mark.parametrize("profile", PATHS)
def test_killed_at_every_step_each_document_arrives_once(profile, lost, tmp_path):
    fork = multiprocessing.get_context("fork")
    desk = Desk(wrong)
    ended, n, kills = None, 0, 0
    with served(desk) as base:
        while ended != 0:
            n += 1
            desk.__init__(wrong)
            desk.faults += [Fault("drop", path=SUBMIT[profile])] * lost
            path = tmp_path / f"{n}.db"
            with opened(path) as journal:
                prepared(journal, 2, name=profile, refused=(2,))
            killed = fork.Process(target=_sender, args=(path, base, profile, n, tmp_path))
            killed.start()
            killed.join(60)
            ended = killed.exitcode
            kills += ended == -signal.SIGKILL
            assert ended in (0, -signal.SIGKILL)
            with opened(path) as journal, platform(profile, base=base) as at:
                until_settled(journal, at, tmp_path)
                assert states(journal) == expected(profile, 2)
                assert journal.verify().holds
            exactly_once(desk, 2)
    # session, claim, claimed, call, called, answered, recorded, follow; and lookup where an answer was lost
    assert kills >= 8 + lost


def expected(profile, count=DOCUMENTS):
    # Nuonuo's request is made of the rows, which are the same for all, so the test platform refuses none of them.
    return {"accepted": count} if profile == "nuonuo" else {"accepted": count - 1, "rejected": 1}


@pytest.mark.parametrize("profile", PATHS)
@pytest.mark.parametrize("kind", ["drop", "500_after", "garbage", "500", "429", "expire_token"])
def test_faults_in_the_middle_change_nothing_in_the_end(profile, kind, tmp_path):
    desk = Desk(wrong)
    with opened(tmp_path / "j.db") as journal, platform(profile, desk) as at:
        prepared(journal, DOCUMENTS, name=profile, refused=(2,))
        at.session()
        desk.faults.append(Fault(kind, times=3, seconds=0))
        until_settled(journal, at, tmp_path)
        assert states(journal) == expected(profile)
        rows = outbox.transmissions(journal)
        assert all(row["platform_id"] and row["attempts"] >= 1 for row in rows)
        assert {row["stored"] is not None for row in rows if row["state"] == "accepted"} == {True}
    exactly_once(desk, DOCUMENTS)


KINDS = ("drop", "500_after", "500", "garbage", "429")


@pytest.mark.slow
def test_a_thousand_documents_with_five_percent_failures_of_every_kind(tmp_path):
    desk, count = Desk(wrong), 1000
    refused = set(range(7, count + 1, 20))
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", desk) as at:
        prepared(journal, count, refused=refused)
        at.http.auth.token()
        desk.faults += [Fault(kind, share=0.05 / len(KINDS), seconds=0) for kind in KINDS]
        desk.faults += [Fault("expire_token", share=0.001)]
        until_settled(journal, at, tmp_path)
        assert sum(desk.calls.get(f"fault {kind}", 0) for kind in KINDS) > count * 0.05
        assert states(journal) == {"accepted": count - len(refused), "rejected": len(refused)}
        numbers = {row["invoice_number"] for row in outbox.transmissions(journal, state="rejected")}
        assert numbers == {f"A-{place:05d}" for place in refused}
    exactly_once(desk, count)


@pytest.mark.parametrize("mode", ["lose", "double", "once"])
def test_callbacks_lost_doubled_or_late_lead_to_the_same_states(mode, tmp_path):
    desk = Desk(wrong)
    copies = {"lose": 0, "once": 1, "double": 2}[mode]
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", desk) as at:
        prepared(journal, DOCUMENTS, refused=(2,))
        send(journal, at)
        desk.judged()
        heard = []
        for held in reversed(list(desk.held.values())):
            state = {"accepted": "accepted"}.get(held.state, held.state)
            told = Callback(f"ev-{held.changed}", Outcome(state, held.id, message=held.message, at=held.changed_at))
            heard += [follow.heard(journal, "peppol_ap", told) for _ in range(copies)]
        assert sum(heard) == (0 if mode == "lose" else DOCUMENTS)  # a copy is no news
        before = journal.verify().events
        until_settled(journal, at, tmp_path)
        assert states(journal) == {"accepted": DOCUMENTS - 1, "rejected": 1}
        kinds = [
            e["kind"] for row in outbox.transmissions(journal) for e in outbox.history(journal, row["transmission_id"])
        ]
        assert kinds.count("transmission_accepted") == DOCUMENTS - 1
        assert journal.verify().holds and journal.verify().events >= before


def test_a_platform_that_changes_its_mind_is_followed_and_its_last_word_counts(tmp_path):
    desk = Desk(wrong)
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", desk) as at:
        prepared(journal, 3)
        until_settled(journal, at, tmp_path)
        desk.change_mind = 1
        follow.follow(journal, at, folder=tmp_path)
        assert states(journal) == {"accepted": 2, "rejected": 1}
        (row,) = outbox.transmissions(journal, state="rejected")
        assert "now refused" in row["message"]


@pytest.mark.parametrize("hours", [-30, 30])
def test_clocks_that_disagree_change_nothing(hours, tmp_path):
    desk = Desk(wrong, now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours))
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", desk) as at:
        prepared(journal, 3, refused=(2,))
        until_settled(journal, at, tmp_path)
        assert states(journal) == {"accepted": 2, "rejected": 1}


def test_two_senders_at_once_send_nothing_twice(tmp_path):
    desk = Desk(wrong)
    with served(desk) as base, opened(tmp_path / "j.db") as journal:
        prepared(journal, 60)
        two_senders(tmp_path / "j.db", base)
        assert states(journal) == {"delivered": 60}
        assert {row["attempts"] for row in outbox.transmissions(journal)} == {1}
    exactly_once(desk, 60)


def test_a_platform_that_stays_away_leaves_everything_prepared_and_says_so(tmp_path):
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", base="http://127.0.0.1:9") as at:
        prepared(journal, 3)
        sent = send(journal, at)
        assert "takes nothing now" in sent.trouble[0] and "no answer" in sent.trouble[0]
        assert states(journal) == {"prepared": 3}


def test_a_document_that_is_not_what_was_issued_is_never_sent(tmp_path):
    desk = Desk(wrong)
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", desk) as at:
        outbox.prepare(journal, [outbox.Outgoing("peppol_ap", "B1", "A-1", '"<Invoice/>"', "0" * 64)])
        assert send(journal, at).counts == {"dead": 1}
        (row,) = outbox.transmissions(journal)
        assert "is not the document that was issued" in row["message"]
    assert not desk.held


def test_a_document_that_is_lost_each_time_is_given_up_and_one_that_is_not_looked_at_never(tmp_path):
    desk = Desk(wrong)
    with opened(tmp_path / "j.db") as journal, platform("myinvois", desk) as at:
        prepared(journal, 1, name="myinvois")
        desk.faults.append(Fault("429", times=30, seconds=0))
        for _ in range(9):
            assert send(journal, at).trouble
        assert states(journal) == {"prepared": 1}
        assert outbox.transmissions(journal)[0]["attempts"] == 0
        desk.faults = [Fault("500", times=1000, path="documentsubmissions")]
        for turn in range(9):
            send(journal, at, later=turn * dt.timedelta(seconds=61))
        assert states(journal) == {"dead": 1}
        (row,) = outbox.transmissions(journal)
        assert row["attempts"] == 8
    assert not desk.held


def test_nothing_found_right_after_sending_is_not_believed_where_a_search_lags(tmp_path):
    """The answer is lost, and for a minute the search shows nothing: sent again in that minute it would be there twice."""
    shown = dt.timedelta(seconds=50)
    for profile in ("myinvois", "ksef"):
        hours = [dt.timedelta()]
        desk = Desk(
            wrong, index_lag_s=shown.total_seconds(), now=lambda hours=hours: dt.datetime.now(dt.UTC) + hours[0]
        )
        path = tmp_path / f"{profile}.db"
        with opened(path) as journal, platform(profile, desk) as at:
            assert at.settle_s > shown.total_seconds()
            prepared(journal, 3, name=profile, refused=(2,))
            at.session()
            submit = {"myinvois": "documentsubmissions", "ksef": "online"}[profile]
            desk.faults.append(Fault("drop", times=3, path=submit))
            for _ in range(3):  # at once, and again
                send(journal, at)
            assert states(journal) == {"sent": 3}
            assert {row["attempts"] for row in outbox.transmissions(journal)} == {1}
            hours[0] = dt.timedelta(seconds=61)
            send(journal, at, later=hours[0])
            follow.follow(journal, at, folder=tmp_path / profile)
            assert states(journal) == {"accepted": 2, "rejected": 1}, profile
        exactly_once(desk, 3)


def test_a_platform_whose_search_never_lags_is_not_waited_for(tmp_path):
    desk = Desk(wrong)
    with opened(tmp_path / "j.db") as journal, platform("peppol_ap", desk) as at:
        assert at.settle_s == 0
        prepared(journal, 2)
        at.http.auth.token()
        desk.faults.append(Fault("500", times=2, path="documents"))
        send(journal, at)
        assert states(journal) == {"delivered": 2}


@pytest.mark.parametrize("profile", ["peppol_ap", "nuonuo", "myinvois"])
def test_a_cancellation_whose_answer_was_lost_is_on_record_after_the_next_attempt(profile, tmp_path):
    desk = Desk(wrong)
    with opened(tmp_path / "j.db") as journal, platform(profile, desk) as at:
        prepared(journal, 1, name=profile)
        until_settled(journal, at, tmp_path)
        (row,) = outbox.transmissions(journal)
        assert at.cancel(read(row), "wrong buyer").state == "cancelled"  # and nobody wrote it down
        now = dt.datetime.now(dt.UTC)
        assert transmit.cancel(journal, at, row, read=read, reason="wrong buyer", now=now).state == "cancelled"
        assert states(journal) == {"cancelled": 1}
