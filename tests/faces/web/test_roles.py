"""What each role may do, asked of the API: the page is no wall."""

import pytest

from tests.faces.web.conftest import IBAN, PASSWORD

READS = ("/api/v1/runs", "/api/v1/cases", "/api/v1/rules?q=BR-CO-15", "/api/v1/me")
ACTS = ("assign", "comment", "wait", "resolve", "waive", "confirm", "match", "on_account", "write_off", "not_receivable",
        "reject", "undo", "approve", "refuse")  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_everybody_who_is_signed_in_reads(shown, path):
    assert shown.api("vera").get(path).status_code == 200


@pytest.mark.parametrize("act", ACTS)
def test_a_viewer_changes_nothing(shown, act):
    case = shown.case_of("BANK0002")
    body = {"reason": "because", "open_item_id": "1900000002", "party_id": "0000200001"}
    assert shown.api("vera").post(f"/api/v1/cases/{case}/{act}", json=body).status_code == 403
    assert shown.api("vera").get(f"/api/v1/cases/{case}").json()["state"] == "open"


def test_a_viewer_neither_assigns_nor_tries_rules_nor_sees_people(shown):
    vera = shown.api("vera")
    assert (
        vera.post("/api/v1/cases/assign", json={"cases": [shown.case_of("BANK0002")], "to": "vera"}).status_code == 403
    )
    assert vera.post("/api/v1/rules/PAY-VALUE-DATE/try", json={"values": {"days": "1"}}).status_code == 403
    assert vera.get("/api/v1/users").status_code == 403


@pytest.mark.parametrize("name", ["vera", "carl", "anna"])
def test_only_an_admin_adds_people(shown, name):
    body = {"name": "mallory", "role": "admin", "password": PASSWORD}
    assert shown.api(name).post("/api/v1/users", json=body).status_code == 403
    assert "mallory" not in [user["name"] for user in shown.api("ada").get("/api/v1/users").json()["users"]]


def test_a_clerk_does_not_approve(bench):
    case = bench.case_of("BANK0002")
    body = {"reason": "invoice 102", "settles": [{"open_item_id": "1900000002"}]}
    assert bench.api("carl").post(f"/api/v1/cases/{case}/match", json=body).json()["state"] == "proposed"
    assert bench.api("carl").post(f"/api/v1/cases/{case}/approve", json={"reason": "fine"}).status_code == 403


def test_who_proposed_does_not_approve_and_another_does(bench):
    case = bench.case_of("BANK0002")
    body = {"reason": "invoice 102", "settles": [{"open_item_id": "1900000002"}]}
    assert bench.api("anna").post(f"/api/v1/cases/{case}/match", json=body).json()["state"] == "proposed"
    refused = bench.api("anna").post(f"/api/v1/cases/{case}/approve", json={"reason": "fine"})
    assert refused.status_code == 403
    assert (
        bench.api("bert").post(f"/api/v1/cases/{case}/approve", json={"reason": "fine"}).json()["state"] == "resolved"
    )
    assert (
        bench.api("carl").post(f"/api/v1/cases/{case}/undo", json={"reason": "it was 103"}).json()["state"]
        == "reopened"
    )


def test_below_the_limit_one_person_is_enough(bench):
    case = bench.case_of("BANK0003")
    body = {"reason": "invoice 104", "settles": [{"open_item_id": "1900000004"}]}
    assert bench.api("carl").post(f"/api/v1/cases/{case}/match", json=body).json()["state"] == "resolved"


def test_what_does_not_balance_is_refused_with_the_reason(bench):
    case = bench.case_of("BANK0003")
    body = {"reason": "both", "settles": [{"open_item_id": "1900000004"}, {"open_item_id": "1900000005"}]}
    for act in ("preview", "match"):
        answer = bench.api("carl").post(f"/api/v1/cases/{case}/{act}", json=body)
        assert answer.status_code == 422
        assert "60.00" in answer.json()["error"]
    assert bench.api("vera").get(f"/api/v1/cases/{case}").json()["state"] == "open"


def test_a_viewer_sees_account_numbers_masked_everywhere(shown):
    case, run = shown.case_of("BANK0004"), shown.desk.runs()[0]
    paths = (
        f"/cases/{case}", "/queue", f"/api/v1/cases/{case}", "/api/v1/cases", f"/api/v1/runs/{run}/tables/payment",
        f"/api/v1/runs/{run}/tables/exception", f"/api/v1/runs/{run}/explain?id=BANK0004", "/queue/export.csv",
    )  # fmt: skip
    for path in paths:
        api = path.startswith("/api/")
        client = shown.api("vera") if api else shown.page("vera")
        assert IBAN not in client.get(path).text, path
        assert "DE21500105170648489812" not in client.get(path).text, path
    assert IBAN in shown.api("carl").get(f"/api/v1/runs/{run}/explain?id=BANK0004").text
    assert IBAN in shown.page("carl").get(f"/cases/{case}").text


def test_every_read_of_personal_data_is_on_record(bench):
    case, run = bench.case_of("BANK0004"), bench.desk.runs()[0]

    def reads():
        with bench.desk.journal.reading() as session:
            return [(e.actor, e.stream) for e in session.events() if e.kind == "personal_data_read"]

    for path in (
        f"/api/v1/cases/{case}", "/api/v1/cases", f"/api/v1/runs/{run}/tables/payment", f"/api/v1/runs/{run}/explain?id=BANK0004",
    ):  # fmt: skip
        before = len(reads())
        assert bench.api("vera").get(path).status_code == 200
        assert [actor for actor, _ in reads()[before:]] == ["vera"], path
    for path in (f"/cases/{case}", "/queue", "/queue/export.csv"):
        before = len(reads())
        assert bench.page("carl").get(path).status_code == 200
        assert [actor for actor, _ in reads()[before:]] == ["carl"], path
