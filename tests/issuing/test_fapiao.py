"""数电票 issue requests, as JSON and as XML by mapping: read back equal, tax a line, red letters below zero, gates in Chinese."""

import hashlib
import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.issuing.books import Books, issued, line
from tieout.issuing import generate
from tieout.library.catalog import Catalogue
from tieout.mapping.carried import losses, typed
from tieout.mapping.readback import read_back
from tieout.store import outbox
from tieout.store.engine import Store
from tieout.validation import check

SELLER = {
    "name": "上海北辰纸业有限公司", "vat": "91310000MA1FL0LL0T", "city": "上海市", "address_line_1": "浦东新区世纪大道1号",
    "telephone": "021-60000000", "contact": "王五", "account": "1001234509000012345", "bic": "中国工商银行上海分行",
}  # fmt: skip
BUYER = {"party_id": "100", "row_no": "1", "name": "厦门某某有限公司", "country": "CN", "city": "厦门市软件园1号",
         "tax_identifier": "91350100M000100Y43", "source": "erp/customers.csv", "line": "2"}  # fmt: skip
CODE = "1060408990000000000"
PROFILES = ("cn.issue_request", "cn.einvoice")


def goods(document="D1", number=10, **more):
    known = {
        "currency": "CNY",
        "item_name": "*纸制品*复印纸",
        "unit_code": "箱",
        "vat_rate": "13",
        "tax_classification_code": CODE,
        "net_price": "100.00",
    }
    return line(document, number, **{**known, **more})


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.load(None)


@pytest.fixture
def shop(tmp_path, catalogue, monkeypatch):
    """Books of a Chinese seller; every invoice passes the gate and the rules of 数电票."""
    monkeypatch.setattr("tests.issuing.books.ENTITY", SELLER)
    made = Books(tmp_path, catalogue.mappings)
    packs = [catalogue.rule_sets[generate.GATE]]

    def checked(tables):
        with Store.create() as store:
            for name, rows in tables.items():
                store.append(name, rows)
            check.check(store, packs, as_of=None)
            return store.table("finding")

    def issue(*lines, profile="cn.issue_request", party=None, **more):
        return made.issue(
            *lines, check=checked, parties=[{**BUYER, **(party or {})}], profile=profile, series="Q-", **more
        )

    made.shop = issue
    yield made
    made.journal.close()


def content(books, store):
    """(row of issued_document, bytes) of each issued document."""
    for row in store.table("issued_document").filter(pl.col("status") == "issued").to_dicts():
        data = (books.written / row["file"].removeprefix("issued/")).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        yield row, data


def said(store):
    return {row["rule"]: row["message_zh"] for row in store.table("finding").to_dicts() if row["severity"] == "fatal"}


def test_the_request_says_what_is_billed_in_the_words_of_the_interface(shop):
    store = shop.shop(
        goods(quantity="3", purchase_order_reference="PO-7"), goods(number=20, quantity="1", vat_rate="6")
    )
    ((row, data),) = content(shop, store)
    told = json.loads(data, parse_float=Decimal)
    assert (row["file"], told["orderNo"], told["invoiceType"], told["invoiceLine"]) == (
        "issued/Q-00001.json",
        "Q-00001",
        "1",
        "pc",
    )
    assert (told["buyerName"], told["buyerTaxNum"], told["salerTaxNum"]) == (
        BUYER["name"],
        BUYER["tax_identifier"],
        SELLER["vat"],
    )
    assert told["remark"] == "订单号：PO-7" and told["salerAccount"] == SELLER["account"]
    first, second = told["invoiceDetail"]
    assert (first["goodsCode"], first["taxRate"], first["num"], Decimal(first["tax"])) == (
        CODE,
        "0.13",
        3,
        Decimal("39"),
    )
    assert (second["taxRate"], Decimal(second["taxIncludedAmount"])) == ("0.06", Decimal("106"))
    assert [Decimal(told[key]) for key in ("taxExcludedTotal", "taxTotal", "taxIncludedTotal")] == [400, 45, 445]


AMOUNTS = st.lists(
    st.tuples(
        st.integers(1, 50).map(str),
        st.integers(1, 999_999).map(lambda n: str(Decimal(n).scaleb(-3))),
        st.sampled_from([("S", "13"), ("S", "6"), ("S", "1.5"), ("E", "0"), ("O", "0")]),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("profile", PROFILES)
def test_both_forms_read_back_equal_and_add_up_to_the_cent(shop, catalogue, profile):
    @settings(max_examples=12)
    @given(lines=AMOUNTS, red=st.booleans(), number=st.integers(1, 10**9))
    def holds(lines, red, number):
        blue = "26310000000000000001"
        more = (
            {"billing_kind": "credit_note", "corrects_invoice": blue, "note": "红字发票信息确认单编号：4401"}
            if red
            else {}
        )
        rows = [
            goods(f"D{number}", n, quantity=q, vat_category_code=category, vat_exemption_reason="免税" if category == "E" else None,
                  **{**more, "net_price": price, "vat_rate": rate})
            for n, (q, price, (category, rate)) in enumerate(lines, start=1)
        ]  # fmt: skip
        item = {
            "cleared_item_id": "1",
            "ledger": "receivable",
            "reference": blue,
            "amount": "99999999",
            "currency": "CNY",
        }
        store = shop.shop(*rows, profile=profile, ledger={"cleared_item": [item]})
        assert not said(store), said(store)
        ((row, data),) = content(shop, store)
        tables = {
            name: store.table(name) for name in ("invoice", "invoice_line", "preceding_invoice", "payment_instruction")
        }
        read, findings = read_back({row["file"]: (data, catalogue.mappings[profile])})
        assert not findings
        meant = {name: typed(name, frame) for name, frame in tables.items()}
        assert not [
            str(each)
            for each in losses(meant, {name: typed(name, frame) for name, frame in read.items()})
            if each.of_a_term
        ]
        (head,), details = tables["invoice"].to_dicts(), tables["invoice_line"].to_dicts()
        assert sum(each["line_tax_amount"] for each in details) == head["invoice_total_vat_amount"]
        assert sum(each["line_amount_with_tax"] for each in details) == head["invoice_total_amount_with_vat"]
        for each in details:
            exact = each["invoice_line_net_amount"] * (each["invoiced_item_vat_rate"] or 0) / 100
            assert abs(each["line_tax_amount"] - exact) <= Decimal("0.06")
        assert (head["invoice_total_amount_with_vat"] < 0) is red
        if red:
            assert head["red_confirmation_number"] == "4401"
            assert tables["preceding_invoice"]["preceding_invoice_reference"].to_list() == [blue]

    holds()


@pytest.mark.parametrize(
    ("party", "more", "options", "rule"),
    [
        ({"tax_identifier": "91350100M000100Y44"}, {}, {}, "IS-TAX-ID"),
        ({"tax_identifier": None}, {}, {"fapiao_kind": "01"}, "IS-TAX-ID-MISSING"),
        ({}, {"tax_classification_code": "106"}, {}, "IS-GOODS-CODE"),
        ({"name": " "}, {}, {}, "IS-BUYER-NAME"),
    ],
)
def test_what_the_tax_bureau_would_refuse_is_stopped_here(shop, party, more, options, rule):
    store = shop.shop({**goods(), **more}, party=party, **options)
    assert rule in said(store)
    assert issued(store) == {"D1": (None, "invalid")}
    assert store.table("exception")["reason"].to_list() == ["master_data"]


def test_a_red_letter_by_the_tax_bureaus_number_counts_against_what_we_issued(shop):
    shop.commit(shop.shop(goods(quantity="10")))
    number = "26310000000000000001"
    outbox.prepare(shop.journal, [outbox.Outgoing("nuonuo", "D1", "Q-00001", "x", "0" * 64)])
    (row,) = outbox.transmissions(shop.journal)
    outbox.claim(shop.journal, [row["transmission_id"]], worker="w")
    outbox.record(shop.journal, [(row["transmission_id"], "accepted", {"document_number": number})], actor="t")
    red = {"billing_kind": "credit_note", "corrects_invoice": number}
    store = shop.shop(
        goods("R1", quantity="6", **red), goods("R2", quantity="5", **red), goods("R3", quantity="4", **red)
    )
    assert {key: status for key, (_, status) in issued(store).items()} == {
        "R1": "issued",
        "R2": "invalid",
        "R3": "issued",
    }
