"""Whatever a pass says of a payment, it says in Chinese too; the evidence carries what the words need."""

import json
import re
from pathlib import Path

import pytest

import tieout.matching
from tieout.faces.explain import explain
from tieout.faces.message_words import MESSAGES, deciding, message
from tieout.matching.by_difference import _WHY_NOT

ROOM = Path(tieout.matching.__file__).parent

# Two or more English words one after the other.
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,;]+[A-Za-z]{2,})+")


def _item(n, amount, **columns):
    row = {
        "open_item_id": f"I{n}",
        "amount": amount,
        "reference": f"2026-{n:05d}",
        "party_id": f"C{n}",
        "party_name": f"海鸿{chr(0x7532 + n)}纸业有限公司",
    }
    return row | columns  # fmt: skip


def _of(n):
    return f"海鸿{chr(0x7532 + n)}纸业有限公司"


ITEMS = [
    _item(1, "101.10"), _item(2, "102.20"), _item(3, "103.30"),
    _item(4, "104.40", order_reference="PO-7700"), _item(5, "104.40", order_reference="PO-7700"),
    _item(6, "106.60", discount_percent="2", discount_days="40"), _item(7, "107.70"), _item(8, "108.80"),
    _item(9, "109.90"), _item(10, "111.37", party_id="C9", party_name=_of(9)), _item(11, "111.11"),
    _item(12, "112.12", party_id="C11", party_name=_of(11)), _item(13, "112.12", party_id="C11", party_name=_of(11)),
    _item(14, "114.14", currency="USD"), _item(15, "-15.15"), _item(16, "116.16"), _item(17, "117.17"),
    _item(18, "118.18", creditor_reference="RF18539007547034"), _item(19, "433.17", party_id="C19", party_name=_of(19)),
    _item(20, "766.83", party_id="C19", party_name=_of(19)), _item(21, "951.20", party_id="C19", party_name=_of(19)),
    _item(22, "50.00", party_id="C22", party_name=_of(22)), _item(23, "60.00", party_id="C22", party_name=_of(22)),
    _item(24, "70.00", party_id="C22", party_name=_of(22)), _item(25, "80.00", party_id="C22", party_name=_of(22)),
    _item(26, "1260.26"), _item(27, "1270.27", due_date="2026-10-01"),
]  # fmt: skip


def _pay(name, amount, text, who, **columns):
    row = {"payment_id": name, "amount": amount, "remittance": text, "counterparty_name": _of(who) if who else "无名氏"}
    return row | columns


PAYMENTS = [
    _pay("P-exact", "101.10", "2026-00001", 1), _pay("P-twice", "101.10", "2026-00001", 1, booking_date="2026-10-12"),
    _pay("P-close", "102.20", "2026 000 02", 2), _pay("P-near", "103.30", "2026-00030", 3),
    _pay("P-order", "104.40", "PO-7700", 0), _pay("P-discount", "104.47", "2026-00006", 6),
    _pay("P-part", "7.70", "2026-00007", 7), _pay("P-over", "208.80", "2026-00008", 8),
    _pay("P-more", "221.27", "2026-00009", 9), _pay("P-amount", "111.11", "货款", 11),
    _pay("P-equal", "112.12", "货款", 11), _pay("P-foreign", "100.00", "2026-00014", 14),
    _pay("P-back", "-15.15", "2026-00015", 15), _pay("P-return", "55.55", "8812345", 0, end_to_end_id="E2E1"),
    _pay("P-returned", "-55.55", "8812345", 0, end_to_end_id="E2E1"), _pay("P-out", "-77.00", "88", 0),
    _pay("P-interest", "3.33", "存款利息", 0), _pay("P-nobody", "999.99", "99", 0), _pay("P-third", "116.16", "2026-00016", 1),
    _pay("P-none", "5000.00", "货款", 17), _pay("P-account", "17.00", "预付", 17),
    _pay("P-rf", "118.18", "", 18, creditor_reference="RF18539007547043"),
    _pay("P-sum", "1200.00", "货款", 19), _pay("P-sums", "130.00", "货款", 22), _pay("P-unknown", "12.34", "2026-00005X 2026-00026", 26),
]  # fmt: skip


@pytest.fixture(scope="module")
def told(decided):
    """What is said of each payment and each item that stays open, in Chinese; and the passes that settled something."""
    rates = [{"base_currency": "EUR", "currency": "USD", "rate_date": "2026-10-09", "rate": "1.1414"}]
    tables = {"open_item": ITEMS, "payment": PAYMENTS, "exchange_rate": rates}
    with decided(**tables) as store:
        ids = [each["payment_id"] for each in PAYMENTS] + [each["open_item_id"] for each in ITEMS]
        said = {each: "\n".join(explain(store, each).lines("zh")) for each in ids}
        return said, set(store.table("allocation")["pass"]), store.table("exception")


def test_no_english_sentence_stands_in_a_chinese_explanation(told):
    said, _, _ = told
    english = {each: found for each, text in said.items() if (found := ENGLISH.findall(text))}
    assert english == {}


def test_the_book_of_this_test_meets_nearly_every_pass_and_reason(told):
    _, passes, exceptions = told
    assert passes >= {"reference", "reference-in-text", "near-reference", "list-completed", "other-currency",
                      "reference-with-difference", "payer-and-amount", "payer-and-sum"}  # fmt: skip
    assert set(exceptions["reason"]) >= {
        "ambiguous", "partial_payment", "overpayment", "duplicate_payment", "returned_payment", "not_receivable",
        "unidentified_payer", "third_party_payer", "unmatched_payment", "payment_on_account", "invalid_reference",
        "fx_conversion", "overdue_open_item",
    }  # fmt: skip


def test_every_message_of_a_pass_has_its_chinese_words_with_all_their_values(told):
    _, _, exceptions = told
    for row in exceptions.to_dicts():
        facts = json.loads(row["evidence"])
        assert facts.get("says") in MESSAGES, row
        words = message(facts, row["message"], related=row["related_id"])
        assert words != row["message"] and " - " not in words and "None" not in words, words


def test_every_key_that_a_pass_says_has_words():
    source = "".join(path.read_text("utf-8") for path in sorted(ROOM.glob("*.py")))
    keys = set(re.findall(r"""["']says["'][,:] ["']([a-z_]+)["']""", source)) | set(_WHY_NOT)
    assert len(keys) >= 20
    assert keys <= set(MESSAGES)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"decides_by": "item", "decides_among": ["R1"]}, "是否支付 R1"),
        ({"decides_by": "which", "decides_among": ["R1", "R2"]}, "支付 R1、R2 中的哪一项"),
        ({"decides_by": "customer", "decides_among": ["C1", "C2"]}, "由哪个客户支付：C1、C2"),
        ({"decides_by": "count", "decides_among": ["2", "3"]}, "支付几项：2、3"),
        (
            {"decides_by": "none", "decides_among": ["R1", "3", "5"]},
            "单一款项不足以判定；若知是否支付 R1，5 个方案至多剩 3 个",
        ),
        ({"decides": "what only the run knows"}, "what only the run knows"),
    ],
)
def test_what_would_decide_is_said_in_chinese(facts, words):
    assert deciding(facts) == words
