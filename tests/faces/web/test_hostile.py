"""Texts and requests that mean harm, and what they get."""

import io

import openpyxl
import polars as pl
import pytest

from tests.faces.web.conftest import FORMULA, SCRIPT


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
