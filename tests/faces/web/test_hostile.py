"""Texts and requests that mean harm, and what they get."""

import hashlib
import io

import openpyxl
import polars as pl
import pytest

from tests.faces.web.conftest import FORMULA, PASSWORD, SCRIPT


def test_a_payer_called_script_is_shown_as_text(shown):
    client = shown.page("carl")
    for path in ("/queue", f"/cases/{shown.case_of('BANK0004')}", "/queue?q=script"):
        text = client.get(path).text
        assert SCRIPT not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<img src=x" not in text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_formulas_leave_the_export_as_text(shown, kind):
    content = shown.page("carl").get(f"/queue/export.{kind}?state=all").content
    if kind == "csv":
        cells = pl.read_csv(io.BytesIO(content), infer_schema=False)
        values = [value for row in cells.iter_rows() for value in row if value]
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content)).active
        values = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert "'" + FORMULA in values
    assert "'+1+1" in values
    assert FORMULA not in values


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2fetc",
        "/runs/%2e%2e",
        "/runs/.hidden",
        "/runs/nope/findings?rule=x",
        "/runs/nope/object?id=../../../etc/passwd",
        "/cases/..%2f..%2fetc%2fpasswd",
        "/cases/EX-'%20or%201=1%20--",
        "/cases/%00",
        "/rules/..%2f..%2ftieout.yaml",
        "/plans/..%2f..%2ftieout",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/queue/export.exe",
        "/api/v1/runs/..%2f..",
        "/api/v1/runs/nope/tables/payment",
        "/api/v1/cases/%F0%9F%92%A3",
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(shown, path):
    answer = shown.page("ada").get(path)
    assert answer.status_code == 404, answer.text[:300]
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text


def test_only_tables_of_the_canon_are_read(shown):
    run = shown.desk.runs()[0]
    for name in ("sqlite_master", "duckdb_settings()", 'payment"; drop table payment; --', "element_place_x"):
        assert shown.api("ada").get(f"/api/v1/runs/{run}/tables/{name.replace('/', '')}").status_code == 404
    assert shown.api("ada").get(f"/api/v1/runs/{run}/tables/payment").json()["total"] == 6


def test_the_place_of_a_finding_never_leaves_the_workspace(shown, tmp_path):
    from tieout.faces.web.excerpt import excerpt
    from tieout.store.seal import file_sha256

    outside = tmp_path / "secret.txt"
    outside.write_text("secret", "utf-8")
    folder = shown.desk.home.folder
    assert excerpt(folder, str(outside), file_sha256(outside), 1) == []
    assert excerpt(folder, f"../{outside.name}", file_sha256(outside), 1) == []
    yaml = folder / "tieout.yaml"
    assert excerpt(folder, "tieout.yaml", file_sha256(yaml), 1)[0]["number"] == 1
    assert excerpt(folder, "tieout.yaml", "0" * 64, 1) == []
    assert excerpt(folder, "tieout.yaml", None, 1) == []


@pytest.mark.parametrize(
    "query",
    [
        "reason=x'%20or%20'1'='1",
        "q=%25%25%27%3B--",
        "owner=' union select 1",
        "queue=%00",
        "q=_______",
        "at_least=-1e5",
        "currency=EUR&currency=%27",
    ],
)
def test_sql_in_a_filter_is_a_word_like_any_other(shown, query):
    for client, path in ((shown.page("carl"), "/queue"), (shown.api("carl"), "/api/v1/cases")):
        assert client.get(f"{path}?{query}").status_code == 200
    total = shown.api("carl").get("/api/v1/cases?state=all").json()["total"]
    assert shown.api("carl").get("/api/v1/cases?q=%25&state=all").json()["total"] < total


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=99999999999999999999", "limit=-1", "limit=NaN", "limit=%E2%91%A0",
        "sort=payload", "sort=case_id;drop", "state=everything", "due_by=31.10.2026", "due_by=9999-99-99",
        "at_least=lots", "at_least=NaN", "at_least=Infinity", "at_most=1e99", "after=zzz", "before=%F0%9F%92%A3",
        "after=WyJhbW91bnQiLDEsIngiXQ", "q=" + "x" * 201, "reason=" + "x" * 201,
    ],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused_in_one_line(shown, query):
    answer = shown.api("carl").get(f"/api/v1/cases?{query}")
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    page = shown.page("carl").get(f"/queue?{query}")
    assert page.status_code == 422
    assert "Traceback" not in page.text


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_wrong_method_is_named_as_such(shown, method):
    assert getattr(shown.api("ada"), method)("/api/v1/cases").status_code == 405


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"reason": 1}', b'{"settles": [{"open_item_id": "x", "amount": "1e400"}]}',
     b'{"settles": [{"open_item_id": "x", "amount": "NaN"}]}', b'{"unknown": true}', b'{"reason": "' + b"x" * 2001 + b'"}',
     b"\xff\xfe", b'{"settles": ' + b"[" * 500 + b"]" * 500 + b"}"],
)  # fmt: skip
def test_a_body_that_is_no_decision_is_refused_in_one_line(shown, body):
    case = shown.case_of("BANK0003")
    answer = shown.api("carl").post(
        f"/api/v1/cases/{case}/match", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert list(answer.json()) == ["error"]


def test_a_form_leads_back_to_our_own_pages_only(bench):
    client, case = bench.page("carl"), bench.case_of("BANK0003")
    for to in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/queue\r\nset-cookie: x=1",
        "javascript:alert(1)",
    ):
        data = {"csrf": client.csrf, "act": "comment", "reason": "x", "back": to}
        assert client.post(f"/cases/{case}", data=data).headers["location"] == "/"
    assert bench.visitor().get("/language/zh", params={"to": "//evil.example"}).headers["location"] == "/"


# --- cookies and tokens ---


def _tampered(token):
    digest = hashlib.sha256(token.encode()).hexdigest()
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    return {"its hash": digest, "one sign other": other, "cut": token[:-1], "longer": token + "A", "upper": token.swapcase(),
            "empty": "", "a name": "ada", "a role": "admin", "a wildcard": "*", "two": f"{token},{token}"}  # fmt: skip


@pytest.mark.parametrize("how", list(_tampered("Abc")))
def test_a_cookie_or_bearer_that_was_tampered_with_opens_nothing(shown, how):
    token, _ = shown.desk.sessions.begin("ada")
    forged = _tampered(token)[how]
    assert shown.visitor(headers={"cookie": f"tieout_session={forged}"}).get("/queue").status_code == 303
    assert shown.visitor(headers={"authorization": f"Bearer {forged}"}).get("/api/v1/me").status_code == 401


def test_a_session_that_was_planted_before_the_sign_in_is_not_the_one_after_it(bench):
    client = bench.visitor(cookies={"tieout_session": "planted"})
    given = client.post("/sign-in", data={"user": "carl", "password": PASSWORD}).headers["set-cookie"]
    assert "planted" not in given
    assert bench.visitor(cookies={"tieout_session": "planted"}).get("/queue").status_code == 303


def test_a_form_token_of_another_session_is_refused(bench):
    carl, ada = bench.page("carl"), bench.page("ada")
    data = {"csrf": carl.csrf, "act": "add", "name": "eve", "role": "admin", "password": "x" * 14}
    assert ada.post("/people", data=data).status_code == 403
    assert "eve" not in ada.get("/people").text


def test_one_address_that_tries_many_names_must_wait(bench):
    statuses = [
        bench.visitor().post("/sign-in", data={"user": f"n{n}", "password": "wrong"}).status_code for n in range(21)
    ]
    assert statuses == [401] * 20 + [429]


# --- more than the role ---


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/users", {"name": "eve", "role": "admin", "password": "x" * 14}),
        ("GET", "/api/v1/users", None),
        ("POST", "/api/v1/cases/{case}/approve", {"reason": "x"}),
        ("POST", "/api/v1/cases/{case}/refuse", {"reason": "x"}),
    ],
)
@pytest.mark.parametrize(
    "trick", [{}, {"x-http-method-override": "GET"}, {"x-forwarded-user": "ada"}, {"x-role": "admin"}]
)
def test_a_clerk_gets_no_further_by_the_api_whatever_the_headers_say(bench, method, path, body, trick):
    case = bench.case_of("BANK0002")
    answer = bench.api("carl").request(method, path.format(case=case), json=body, headers=trick)
    assert answer.status_code == 403
    assert "needs the role" in answer.json()["error"]


@pytest.mark.parametrize(
    "more", [{"actor": "anna"}, {"policy": {}}, {"state": "resolved"}, {"decided_by": "anna"}, {"csrf": "x"}]
)
def test_a_field_that_a_decision_does_not_have_is_refused_and_nothing_is_done(bench, more):
    case = bench.case_of("BANK0002")
    answer = bench.api("carl").post(f"/api/v1/cases/{case}/comment", json={"reason": "hello", **more})
    assert answer.status_code == 422
    assert bench.api("carl").get(f"/api/v1/cases/{case}").json()["comments"] == 0


def test_a_form_cannot_say_who_acts(bench):
    client, case = bench.page("carl"), bench.case_of("BANK0002")
    client.post(
        f"/cases/{case}", data={"csrf": client.csrf, "act": "comment", "reason": "hi", "actor": "anna", "user": "anna"}
    )
    [event] = [
        e for e in bench.api("carl").get(f"/api/v1/cases/{case}").json()["history"] if e["kind"] == "case_commented"
    ]
    assert event["actor"] == "carl"


# --- bodies ---


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain", b'{"reason": "x"}'),
        ("application/x-www-form-urlencoded", b"reason=x"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\nx\r\n--x--'),
        ("application/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"),
        ("application/json", b"\xff\xfe\x00"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"reason": "x", "settles": [{"open_item_id": "1", "amount": 1e400}]}'),
        ("application/json", b'{"reason": "x", "settles": [{"open_item_id": "1", "amount": "NaN"}]}'),
        ("", b'{"reason": "x"}'),
    ],
    ids=["text", "form", "multipart", "entity", "no utf-8", "deep", "endless", "NaN", "no type"],
)
def test_a_body_of_another_kind_decides_nothing(bench, kind, content):
    case = bench.case_of("BANK0002")
    headers = {"content-type": kind} if kind else {}
    answer = bench.api("carl").post(f"/api/v1/cases/{case}/match", content=content, headers=headers)
    assert answer.status_code in (400, 415, 422), answer.text[:200]
    assert "passwd" not in answer.text
    assert bench.api("carl").get(f"/api/v1/cases/{case}").json()["state"] == "open"


def test_a_form_with_many_fields_or_another_kind_is_refused(bench):
    client, case = bench.page("carl"), bench.case_of("BANK0002")
    many = "&".join(["csrf=x"] + [f"a{n}=1" for n in range(3000)])
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(f"/cases/{case}", content=many, headers=kind).status_code == 400
    files = {"csrf": (None, client.csrf), "act": (None, "comment"), "reason": (None, "x")}
    assert client.post(f"/cases/{case}", files=files).status_code in (403, 415)


@pytest.mark.parametrize("name", ["eve\r\nset-cookie: a=b", "e" * 300, "", " ", "e ve", "tieout", "ev\x00e"])
def test_a_person_with_a_name_that_is_none_is_not_made(bench, name):
    answer = bench.api("ada").post("/api/v1/users", json={"name": name, "role": "viewer"})
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
