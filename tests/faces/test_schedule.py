"""When runs are due, what is caught up, who is told, and what the log and the figures never say."""

import datetime as dt
import http.server
import io
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout import exchange
from tieout import run as conductor
from tieout.faces import schedule
from tieout.faces.metrics import open_metrics, write_metrics
from tieout.faces.schedule import due, following, masked, plan_of, work_once
from tieout.model.errors import SourceError, TieoutError

BERLIN = plan_of({"at": ["06:30", "18:00"], "days": ["mon", "tue", "wed", "thu", "fri"], "time_zone": "Europe/Berlin"})


def utc(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def test_the_next_time_is_by_the_clock_of_the_place_and_skips_free_days():
    assert following(BERLIN, utc("2026-10-30T12:00")) == utc("2026-10-30T17:00")
    assert following(BERLIN, utc("2026-10-30T17:00")) == utc("2026-11-02T05:30")
    assert following(plan_of({"at": "06:30", "time_zone": "Europe/Berlin"}), utc("2026-10-24T12:00")) == utc(
        "2026-10-25T05:30"
    )


def test_missed_times_are_caught_up_by_one_run_of_the_latest():
    assert due(BERLIN, utc("2026-10-30T18:00"), utc("2026-10-28T17:00")) == utc("2026-10-30T17:00")
    assert due(BERLIN, utc("2026-10-30T18:00"), utc("2026-10-30T17:00")) is None
    assert due(BERLIN, utc("2026-10-30T18:00"), None) is None


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)), st.integers(0, 100_000))
def test_what_is_due_was_planned_has_passed_and_is_due_once(moment, minutes):
    now = moment.replace(tzinfo=dt.UTC)
    found = due(BERLIN, now, now - dt.timedelta(minutes=minutes))
    if found is not None:
        assert now - dt.timedelta(minutes=minutes) < found <= now
        assert due(BERLIN, now, found) is None
        assert following(BERLIN, found - dt.timedelta(seconds=1)) == found


@pytest.mark.parametrize(
    ("settings", "message"), [({}, "no 'schedule:'"), ({"at": "06:30", "time_zone": "Mars"}, "Mars")]
)
def test_a_plan_that_cannot_be_says_why(settings, message):
    with pytest.raises(TieoutError, match=message):
        plan_of(settings)


WORKSPACE = """
entity: {name: Nordwind GmbH}
sources: {open_items: {path: none.csv, mapping: erp.customers}}
schedule:
  at: "06:30"
  notify: {exceptions_above: 3, webhook: "${HOOK}"}
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tieout.yaml").write_text(WORKSPACE)
    return tmp_path


def turn(place, monkeypatch, outcome, *, now="2026-10-31T07:00"):
    told = []
    monkeypatch.setattr(schedule, "_run", lambda *_: outcome)
    status = work_once(place, utc(now), log=io.StringIO(), tell=lambda notify, facts: told.append(facts) or [])
    return status, told


def test_a_schedule_owes_nothing_when_it_begins_and_runs_once_a_time(place, monkeypatch):
    good = {"status": 0, "exceptions": 3}
    assert turn(place, monkeypatch, good, now="2026-10-30T07:00") == (None, [])
    assert turn(place, monkeypatch, good) == (0, [])
    assert turn(place, monkeypatch, good) == (None, [])


def test_a_failure_and_too_many_exceptions_are_told_with_the_workspace(place, monkeypatch):
    turn(place, monkeypatch, {}, now="2026-10-29T07:00")
    assert turn(place, monkeypatch, {"status": 0, "exceptions": 4}, now="2026-10-30T07:00")[1] == [
        {"workspace": "Nordwind GmbH", "status": 0, "exceptions": 4}
    ]
    status, told = turn(place, monkeypatch, {"status": 3, "problem": "disk full"})
    assert (status, told[0]["problem"]) == (3, "disk full")


def test_a_run_that_another_one_holds_back_is_tried_again(place, monkeypatch):
    turn(place, monkeypatch, {}, now="2026-10-30T07:00")
    assert turn(place, monkeypatch, {"busy": True, "status": 3}) == (None, [])
    assert turn(place, monkeypatch, {"status": 0, "exceptions": 0}) == (0, [])


def test_a_notification_that_cannot_be_sent_names_no_secret(monkeypatch):
    monkeypatch.setenv("HOOK", "http://secret.example/token")
    assert schedule._tell({"webhook": "${HOOK}"}, {"status": 3}) == ["webhook: TieoutError"]
    settings = {"host": "mail.example", "from": "a@b.example", "to": "c@d.example", "security": "none"}
    assert schedule._tell({"smtp": settings}, {"status": 3, "workspace": "N"}) == ["smtp: TieoutError"]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1.example.org/x", "http://localhost.example.org/x", "ftp://here/x", "x"]
)
def test_a_webhook_that_only_looks_like_this_machine_is_refused(address):
    with pytest.raises(SourceError, match="must start with https"):
        exchange.notify(address, {})


def test_a_webhook_gets_the_facts_as_json():
    heard = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_): ...

    with http.server.HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert (
            schedule._tell({"webhook": f"http://127.0.0.1:{server.server_port}/hook"}, {"status": 3, "run": "r"}) == []
        )
        thread.join(20)
    assert heard == [{"status": 3, "run": "r"}]


def test_the_run_of_another_process_is_waited_for(place):
    with conductor._locked(place / "runs"):
        assert schedule._run(place, None, io.StringIO()) == {"busy": True, "status": 3}


def test_the_log_is_json_and_masks_account_numbers():
    log = io.StringIO()
    clock = iter((1.0, 3.5))
    progress = schedule.StageLog(log, lambda: next(clock))
    progress.start("match")
    progress.finish("DE02120300000000202051, 12 payments")
    line = json.loads(log.getvalue())
    assert (line["stage"], line["seconds"], line["counts"]) == ("match", 2.5, "DE••••2051, 12 payments")
    assert masked("account 6222021234567890123 of invoice 4711") == "account 62••••0123 of invoice 4711"


def test_the_figures_are_open_metrics_and_replace_the_file_at_once(tmp_path):
    manifest = {
        "run_id": 'r"1', "as_of": "2026-10-31", "unread": [], "steps": [{"stage": "match", "allocations": 3}],
        "control_totals": [
            {"measure": "payment", "currency": "EUR", "count_in": "4", "count_matched": "3", "count_exception": "1", "count_excluded": "0"}
        ],
    }  # fmt: skip
    text = open_metrics(manifest, {"match": 1.5})
    assert text.endswith("# EOF\n")
    assert 'tieout_run_info{run="r\\"1",as_of="2026-10-31"} 1' in text
    assert 'tieout_control_total{measure="payment",currency="EUR",state="exception"} 1' in text
    assert 'tieout_stage_seconds{stage="match"} 1.5' in text
    write_metrics(tmp_path / "metrics.prom", manifest, {"match": 1.5})
    assert (tmp_path / "metrics.prom").read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["metrics.prom"]
