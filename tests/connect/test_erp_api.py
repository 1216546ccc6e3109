"""ERPs over HTTP, against small servers on loopback that page, refuse, slow down and sign off as the real ones do."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tieout.connect.erp_api import ApiSource, ErpApi
from tieout.connect.http import Policy
from tieout.connect.mirror import Mirror
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.model.errors import RemoteError, SourceError

QUICK = Policy(attempts=3, wait_s=0, longest_wait_s=0, connect_s=5, read_s=10)


@contextmanager
def serving(answer):
    """A server that answers by ``answer(method, path, query, body, headers) -> (status, headers, JSON)``; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self):
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            form = self.headers.get("Content-Type", "").startswith("application/json")
            body = json.loads(content) if content and form else content.decode()
            status, headers, value = answer(self.command, unquote(parts.path), query, body, self.headers)
            out = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Type": "application/json", "Content-Length": str(len(out))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(out)

        do_GET = do_POST = _reply

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def mappings():
    return Catalogue.load().mappings


@contextmanager
def erp(mappings, mapping, answer, size=None, **settings):
    how = mappings[mapping].settings["api"]
    if size:
        how = {**how, "read": {**how["read"], "paging": {**how["read"]["paging"], "size": size}}}
    with serving(answer) as url:
        made = ErpApi("erp", url, how, {"token_url": f"{url}/oauth/token", **settings}, policy=QUICK)
        try:
            yield made
        finally:
            made.close()


def open_items(mappings, mapping, api, **more):
    batch = read_documents(ApiSource("items", api, **more).documents(), mappings.values(), mapping=mapping)
    assert batch.findings == ()
    return batch.frames["open_item"]


# --- Odoo: JSON-RPC, signing in gives a user id that each call names ---


class Odoo:
    def __init__(self, count=5):
        self.moves = [
            {"id": n, "name": f"INV/{n}", "move_type": "out_refund" if n == 3 else "out_invoice", "state": "posted",
             "partner_id": [7, "Azur SARL"], "invoice_date": "2026-10-01", "date": "2026-10-01",
             "invoice_date_due": "2026-10-31", "payment_reference": False, "invoice_origin": False,
             "amount_total": round(10.1 * n, 2), "amount_residual": 10.1, "currency_id": [1, "EUR"],
             "write_date": f"2026-10-0{n} 10:00:00"}
            for n in range(1, count + 1)
        ]  # fmt: skip
        self.messages, self.asked = [], []

    def __call__(self, method, path, query, body, headers):
        params = body["params"]
        self.asked.append(params)
        if params["service"] == "common":
            return 200, {}, {"jsonrpc": "2.0", "id": 1, "result": 2 if params["args"][2] == "secret" else False}
        _, uid, _, model, what, args, *more = params["args"]
        assert uid == 2
        if model == "account.move" and what == "search_read":
            domain = args[0]
            rows = self.moves
            if domain[0][:2] == ["name", "="]:
                rows = [row for row in rows if row["name"] == domain[0][2]]
            else:
                rows = [row for row in rows if row["write_date"] >= domain[2][2]]
            start = more[0].get("offset", 0)
            return 200, {}, {"jsonrpc": "2.0", "id": 2, "result": rows[start : start + more[0]["limit"]]}
        if what == "message_post":
            self.messages.append((args[0][0], more[0]["body"]))
            return 200, {}, {"jsonrpc": "2.0", "id": 5, "result": 91}
        error = {"code": 200, "message": "Odoo Server Error", "data": {"message": f"Object {model} doesn't exist"}}
        return 200, {}, {"jsonrpc": "2.0", "id": 2, "error": error}


SIGN = {"database": "db", "user": "clerk", "password": "secret"}


def test_odoo_is_read_page_by_page_with_the_user_that_signing_in_gave(mappings):
    server = Odoo()
    with erp(mappings, "erp.odoo_api_invoices", server, size=2, **SIGN) as api:
        found = open_items(mappings, "erp.odoo_api_invoices", api)
    assert found["open_item_id"].to_list() == [f"INV/{n}" for n in range(1, 6)]
    assert [str(each) for each in found["open_amount"]] == ["10.1000", "10.1000", "-10.1000", "10.1000", "10.1000"]
    assert found.row(0, named=True)["party_name"] == "Azur SARL"
    assert len(server.asked) == 4, "one signing in, three pages"


def test_a_wrong_password_and_an_error_in_an_answer_of_status_200_are_one_line(mappings):
    with (
        erp(mappings, "erp.odoo_api_invoices", Odoo(), **{**SIGN, "password": "wrong"}) as api,
        pytest.raises(SourceError, match="signing in was refused"),
    ):
        list(ApiSource("items", api).documents())
    with (
        erp(mappings, "erp.odoo_api_invoices", Odoo(), **SIGN) as api,
        pytest.raises(RemoteError, match=r"Object ir\.attachment doesn't exist"),
    ):
        api.find("document", {"number": "INV/1", "name": "x.xml"})


def test_a_write_to_odoo_finds_the_invoice_first_and_names_it(mappings):
    server = Odoo()
    with erp(mappings, "erp.odoo_api_invoices", server, **SIGN) as api:
        api.write("status", {"number": "INV/2", "text": "accepted"})
        with pytest.raises(RemoteError, match=r"result\.0\.id"):
            api.write("status", {"number": "INV/9", "text": "accepted"})
    assert server.messages == [(2, "accepted")]


def test_only_what_changed_is_asked_for_and_the_rest_is_kept(mappings, tmp_path):
    server = Odoo(3)
    cursor = mappings["erp.odoo_api_invoices"].settings["api"]["read"]["cursor"]

    def mirror():
        return Mirror(tmp_path / "m.json", key=cursor["key"], changed=cursor["changed"], first=cursor["first"])

    with erp(mappings, "erp.odoo_api_invoices", server, **SIGN) as api:
        first = mirror()
        first.resume(None)
        whole = open_items(mappings, "erp.odoo_api_invoices", api, mirror=first)
        server.moves[0] |= {"amount_residual": 0.5, "write_date": "2026-10-09 09:00:00"}
        server.asked.clear()
        second = mirror()
        second.resume(first.sha256)
        later = open_items(mappings, "erp.odoo_api_invoices", api, mirror=second)
    assert server.asked[0]["args"][5][0][2] == ["write_date", ">=", "2026-10-03 10:00:00"]
    assert (whole.height, later.height) == (3, 3)
    assert str(later["open_amount"][0]) == "0.5000"
    assert second.cursor == "2026-10-09 09:00:00"


def test_a_mirror_that_is_not_the_one_on_record_is_read_anew(tmp_path):
    mirror = Mirror(tmp_path / "m.json", key="id", changed=["at"], first="0")
    mirror.lay([{"id": 1, "at": "5"}])
    again = Mirror(tmp_path / "m.json", key="id", changed=["at"], first="0")
    again.resume("0" * 64)
    assert (again.since, again.records) == ("0", [])
    again.resume(mirror.sha256)
    assert (again.since, len(again.records)) == ("5", 1)
    with pytest.raises(SourceError, match="no 'id'"):
        again.lay([{"at": "6"}])


# --- ERPNext: REST with a token, errors in the body, a limit on requests ---


class ErpNext:
    def __init__(self):
        self.calls = self.refused = 0
        self.comments = []

    def __call__(self, method, path, query, body, headers):
        self.calls += 1
        if headers["Authorization"] != "token k:s":
            return 403, {}, {"exc_type": "AuthenticationError", "exception": "frappe.exceptions.AuthenticationError"}
        if path == "/api/resource/Sales Invoice":
            if not self.refused:
                self.refused = 1
                return 429, {"Retry-After": "0"}, {"exception": "RateLimitExceeded"}
            start, size = int(query["limit_start"]), int(query["limit_page_length"])
            rows = [
                {"name": f"SINV-{n}", "docstatus": 1, "is_return": 0, "customer": "C1", "customer_name": "Café & Co",
                 "posting_date": "2026-10-01", "due_date": "2026-10-31", "grand_total": 100.25,
                 "outstanding_amount": 0.25, "currency": "EUR", "modified": f"2026-10-0{n} 08:00:00.000001"}
                for n in range(1, 4)
            ]  # fmt: skip
            return 200, {}, {"data": rows[start : start + size]}
        if method == "POST":
            self.comments.append(body)
            return 200, {}, {"data": {"name": "c1", **body}}
        wanted = json.loads(query["filters"])[1][2]
        return 200, {}, {"data": [each for each in self.comments if each["reference_name"] == wanted]}


def test_erpnext_is_read_in_pages_and_waits_where_it_is_told_to(mappings):
    server = ErpNext()
    with erp(mappings, "erp.erpnext_api_invoices", server, size=2, key="k", secret="s") as api:
        found = open_items(mappings, "erp.erpnext_api_invoices", api)
    assert found["open_item_id"].to_list() == ["SINV-1", "SINV-2", "SINV-3"]
    assert str(found["open_amount"][0]) == "0.2500"
    assert server.calls == 3, "one refusal, two pages"


def test_what_erpnext_says_of_an_error_is_told_and_no_secret_with_it(mappings):
    with (
        erp(mappings, "erp.erpnext_api_invoices", ErpNext(), key="k", secret="wrong-secret") as api,
        pytest.raises(SourceError, match="AuthenticationError") as caught,
    ):
        list(ApiSource("items", api).documents())
    assert "wrong-secret" not in str(caught.value) + repr(api)


def test_what_is_written_to_erpnext_is_found_again(mappings):
    server = ErpNext()
    values = {"number": "SINV-1", "text": "E-invoice accepted"}
    with erp(mappings, "erp.erpnext_api_invoices", server, key="k", secret="s") as api:
        assert api.find("status", values) is None
        api.write("status", values)
        assert api.find("status", values)["content"] == "E-invoice accepted"
        assert api.find("status", {**values, "text": "rejected"}) is None


# --- SAP: OData V2 behind OAuth2, the next page named by the answer ---


class Sap:
    def __init__(self):
        self.tokens = 0
        self.filters = []

    def __call__(self, method, path, query, body, headers):
        if path == "/oauth/token":
            self.tokens += 1
            return 200, {}, {"access_token": f"t{self.tokens}", "token_type": "Bearer", "expires_in": 3600}
        if headers.get("Authorization") != "Bearer t2":  # the first token is taken back
            return 401, {}, {"error": {"message": {"value": "token expired"}}}
        if "$filter" in query:
            self.filters.append(query["$filter"])
        page = int(query.get("$skiptoken", 0))
        rows = [
            {"CompanyCode": "1000", "FiscalYear": "2026", "AccountingDocument": f"18{page}", "AccountingDocumentItem": "1",
             "AccountingDocumentType": "RV", "Customer": "C1", "DocumentDate": "/Date(1790812800000)/",
             "NetDueDate": "/Date(1793404800000)/", "DocumentReferenceID": f"R{page}",
             "AmountInTransactionCurrency": "1180.40", "TransactionCurrency": "EUR"}
        ]  # fmt: skip
        answer = {"results": rows}
        if page < 2:
            answer["__next"] = f"http://{headers['Host']}/A_OperationalAcctgDocItemCube?$skiptoken={page + 1}"
        return 200, {}, {"d": answer}


def test_sap_is_read_by_the_next_page_it_names_after_a_token_that_ran_out(mappings):
    server = Sap()
    settings = {"client_id": "c", "client_secret": "s", "company_code": "10'00"}
    with erp(mappings, "erp.sap_odata_items", server, **settings) as api:
        found = open_items(mappings, "erp.sap_odata_items", api)
    assert found["reference"].to_list() == ["R0", "R1", "R2"]
    assert str(found["document_date"][0]) == "2026-10-01"
    assert server.filters[0].startswith("CompanyCode eq '10''00'"), "a quote in a value ends no text"
    assert server.tokens == 2


def test_a_setting_that_is_missing_is_named(mappings):
    with (
        erp(mappings, "erp.sap_odata_items", Sap(), client_id="c", client_secret="s") as api,
        pytest.raises(SourceError, match=r"'company_code' .* not given"),
    ):
        list(ApiSource("items", api).documents())
