"""Who comes in, and what every request passes first."""

import datetime as dt

import pytest

from tests.faces.web.conftest import PASSWORD


def sign_in(client, user="carl", password=PASSWORD):
    return client.post("/sign-in", data={"user": user, "password": password})


def test_who_is_not_signed_in_is_sent_to_the_door(shown):
    answer = shown.visitor().get("/queue")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert shown.visitor().get("/api/v1/cases").status_code == 401


def test_the_cookie_is_strict_and_out_of_reach_of_scripts(shown):
    cookie = sign_in(shown.visitor()).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_the_cookie_is_for_https_only_where_the_workbench_is_behind_https(bench):
    bench.desk.secure = True
    assert "Secure" in sign_in(bench.visitor()).headers["set-cookie"]


@pytest.mark.parametrize("user", ["carl", "nobody", "' or 1=1 --", ""])
def test_a_wrong_password_says_nothing_of_the_name(bench, user):
    answer = sign_in(bench.visitor(), user, "wrong")
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_after_five_wrong_passwords_even_the_right_one_waits(bench):
    client = bench.visitor()
    for _ in range(5):
        assert sign_in(client, password="wrong").status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert client.post("/api/v1/session", json={"user": "carl", "password": PASSWORD}).status_code == 429
    bench.now[0] += dt.timedelta(minutes=11)
    assert sign_in(client).status_code == 303


def test_a_session_ends_after_an_hour_without_a_request(bench):
    client = bench.page("carl")
    bench.now[0] += dt.timedelta(minutes=59)
    assert client.get("/queue").status_code == 200
    bench.now[0] += dt.timedelta(minutes=61)
    assert client.get("/queue").status_code == 303


def test_a_session_ends_after_twelve_hours_whatever_was_done(bench):
    client = bench.page("carl")
    for _ in range(12):
        bench.now[0] += dt.timedelta(minutes=55)
        assert client.get("/password").status_code == 200
    bench.now[0] += dt.timedelta(minutes=59)
    assert client.get("/password").status_code == 200
    bench.now[0] += dt.timedelta(minutes=2)
    assert client.get("/password").status_code == 303


def test_who_signs_out_is_out(bench):
    client = bench.page("carl")
    assert client.post("/sign-out", data={"csrf": client.csrf}).status_code == 303
    client.cookies.set("tieout_session", client.cookies.get("tieout_session") or "x")
    assert client.get("/queue").status_code == 303


def test_who_is_disabled_is_out_at_once(bench):
    carl, ada = bench.page("carl"), bench.page("ada")
    assert carl.get("/queue").status_code == 200
    ada.post("/people", data={"csrf": ada.csrf, "act": "disable", "name": "carl"})
    assert carl.get("/queue").status_code == 303


@pytest.mark.parametrize("given", [{}, {"csrf": ""}, {"csrf": "guessed"}])
def test_a_form_without_the_sessions_token_does_nothing(bench, given):
    client = bench.page("carl")
    case = bench.case_of("BANK0002")
    answer = client.post(f"/cases/{case}", data={"act": "comment", "reason": "hello", **given})
    assert answer.status_code == 403
    assert "hello" not in client.get(f"/cases/{case}").text


def test_json_by_cookie_needs_the_token_and_by_bearer_does_not(bench):
    client, case = bench.page("carl"), bench.case_of("BANK0002")
    body = {"reason": "hello"}
    assert client.post(f"/api/v1/cases/{case}/comment", json=body).status_code == 403
    assert (
        client.post(f"/api/v1/cases/{case}/comment", json=body, headers={"x-csrf-token": client.csrf}).status_code
        == 200
    )
    assert bench.api("carl").post(f"/api/v1/cases/{case}/comment", json=body).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_what_another_site_sends_is_refused(shown, headers):
    assert (
        shown.visitor().post("/sign-in", data={"user": "carl", "password": PASSWORD}, headers=headers).status_code
        == 403
    )


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", "[::2]:8765", ""])
def test_another_host_name_is_refused(shown, host):
    assert shown.visitor().get("/sign-in", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "path", ["/sign-in", "/static/workbench.js", "/nowhere", "/api/v1/nowhere", "/api/v1/openapi.json"]
)
def test_every_answer_carries_the_headers(shown, path):
    headers = shown.visitor().get(path).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_no_page_has_a_script_or_style_in_it(shown):
    client = shown.page("ada")
    for path in (
        "/",
        "/queue",
        f"/cases/{shown.case_of('BANK0002')}",
        "/runs",
        "/rules",
        "/plans/receivables",
        "/people",
    ):
        text = client.get(path).text
        assert "<script>" not in text.replace('<script src="/static/workbench.js" defer></script>', "")
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick" not in text
        assert "http://" not in text.replace("http://evil.example", "").replace("http://www.w3.org", "")


def test_the_first_administrator_is_made_once_and_by_the_link_alone(bench, tmp_path):
    from tests.faces.web.conftest import open_bench, write_workspace

    write_workspace(tmp_path / "fresh")
    fresh = open_bench(tmp_path / "fresh")
    fresh.desk.setup_token = "the-link"
    client = fresh.visitor()
    given = {"user": "eva", "password": "a long password", "again": "a long password"}
    assert "Nobody may sign in yet" in client.get("/sign-in").text
    assert client.post("/set-up", data={"token": "wrong", **given}).status_code == 403
    assert client.post("/set-up", data={"token": "the-link", **given, "again": "another"}).status_code == 422
    assert (
        client.post("/set-up", data={"token": "the-link", **given, "password": "short", "again": "short"}).status_code
        == 422
    )
    assert client.post("/set-up", data={"token": "the-link", **given}).status_code == 303
    assert "Nothing has been run yet" in client.get("/").text
    assert client.post("/set-up", data={"token": "the-link", **given, "user": "mallory"}).status_code == 403
    assert [user["name"] for user in client.get("/api/v1/users").json()["users"]] == ["eva"]
    fresh.desk.close()


def test_a_large_body_is_refused_announced_or_not(shown):
    client = shown.visitor()
    assert client.post("/sign-in", content=b"x" * 1_000_001).status_code == 413

    def endless():
        for _ in range(40):
            yield b"x" * 100_000

    answer = client.post("/sign-in", content=endless(), headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (400, 413)
