"""What a plan says of banks, tolerances, numbers and refunds is what the passes do."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.library import yamlfile
from tieout.library.catalog import Catalogue, shipped
from tieout.library.plans import parse_plan
from tieout.matching.differences import Due, Limits, Paid, bank_of, explain

FEE = {
    "up_to": {"EUR": 35},
    "in_steps_of": {"EUR": 1},
    "percent": 10,
    "stated_up_to": {"EUR": 35},
    "banks": [
        {"account": "DE89", "bearer": ["DEBT"], "up_to": {"EUR": 0}, "stated_up_to": {"EUR": 0}},
        {"bank": "ICBKCN", "up_to": {"EUR": 60}, "in_steps_of": {"EUR": Decimal("0.01")}},
        {"source": "bank/nord*.sta", "up_to": {"EUR": 5}},
    ],
}


@pytest.mark.parametrize(
    ("payment", "place"),
    [
        ({"account": "DE89 3704", "charge_bearer": "DEBT"}, 0),
        ({"account": "DE89 3704", "charge_bearer": "SHAR"}, None),
        ({"counterparty_bank": "icbkcnbjxxx"}, 1),
        ({"source": "bank/nord_07.sta"}, 2),
        ({"source": "bank/sued_07.sta"}, None),
    ],
)
def test_the_first_bank_that_the_payment_is_of_counts(payment, place):
    assert bank_of({"fee": FEE}, payment) == place


@pytest.mark.parametrize(("bank", "short", "label"), [
    (None, 12_00, "fee"), (None, 12_34, "partial"), (0, 12_00, "partial"), (1, 12_34, "fee"), (1, 59_99, "fee"), (2, 12_00, "partial"), (2, 5_00, "fee"),
])  # fmt: skip
def test_a_bank_has_charges_of_its_own(bank, short, label):
    limits = Limits.of({"fee": FEE}, "EUR", 2, bank=bank)
    found = explain(Paid(1000_00 - short, None), [Due(1, 1000_00, True, None, 0, Decimal(0))], limits)
    assert found.label == label


def test_in_a_run_the_bearer_decides_whether_charges_may_be_missing(match, plan):
    rules = next(p for p in plan.passes if p.name == "reference-with-difference").options["explain_difference"]
    mine = {**rules, "fee": {**rules["fee"], "banks": [{"bearer": ["DEBT"], "up_to": {"other": 0}}]}}
    pays = [
        {"payment_id": f"P{n}", "amount": "990.00", "remittance": f"2026-0010{n}", "charge_bearer": bearer}
        for n, bearer in enumerate(["SHAR", "DEBT"])
    ]
    items = [{"open_item_id": f"I{n}", "amount": "1000.00", "reference": f"2026-0010{n}"} for n in range(2)]
    found = match(payment=pays, open_item=items, options={"reference-with-difference": {"explain_difference": mine}})
    assert found.settled("P0") == {("I0", "payment"): Decimal("990.00"), ("I0", "fee"): Decimal("10.00")}
    assert found.settled("P1") == {("I1", "payment"): Decimal("990.00")}
    assert found.reasons("P1") == {"partial_payment"}


ROUNDING = {
    "up_to": {"EUR": Decimal("0.05")},
    "percent": Decimal("0.1"),
    "at_most": {"EUR": 2},
    "over": {"up_to": {"EUR": Decimal("0.01")}, "percent": Decimal("0.05"), "at_most": {"EUR": 1}},
}


@given(total=st.integers(1, 100_000_00), off=st.integers(-300, 300).filter(bool))
def test_more_and_less_have_tolerances_of_their_own(total, off):
    if total + off <= 0:
        return
    limits = Limits.of({"rounding": ROUNDING}, "EUR", 2)
    found = explain(Paid(total + off, None), [Due(1, total, True, None, 0, Decimal(0))], limits)
    short = min(max(5, total // 1000), 200)
    over = min(max(1, total * 5 // 10_000), 100)
    assert (found.label == "rounding") == (-short <= off <= over)
    if found.label == "rounding":
        assert sum(part.amount for part in found.parts) == total
        assert sum(part.amount for part in found.parts if part.kind == "payment") == total + off


def test_a_cent_too_much_within_the_plan_is_rounding_and_the_books_balance(match, plan):
    rules = next(p for p in plan.passes if p.name == "reference-with-difference").options["explain_difference"]
    mine = {**rules, "rounding": {**rules["rounding"], "over": {"up_to": {"EUR": 0.02}}}}
    tables = {
        "payment": [{"payment_id": "P", "amount": "100.02", "remittance": "2026-00101"}],
        "open_item": [{"open_item_id": "I", "amount": "100.00", "reference": "2026-00101"}],
    }
    found = match(**tables, options={"reference-with-difference": {"explain_difference": mine}})
    assert found.settled("P") == {("I", "payment"): Decimal("100.02"), ("I", "rounding"): Decimal("-0.02")}
    assert found.reasons("P") == set()
    assert match(**tables).reasons("P") == {"overpayment"}


def test_the_plan_says_how_payers_write_our_numbers(match):
    item = [
        {"open_item_id": "I", "amount": "100.00", "reference": "RE202600101", "party_id": "C9", "party_name": "Other"}
    ]
    pay = [{"payment_id": "P", "amount": "100.00", "remittance": "RG 26/101", "counterparty_name": "Somebody"}]
    written = {"written_as": [{"find": r"\bRG ?([0-9]{2})/([0-9]{3})\b", "number": r"RE20\100\2"}]}
    assert match(payment=pay, open_item=item).items("P") == []
    assert match(payment=pay, open_item=item, options={"references": written}).items("P") == ["I"]


def test_the_plan_says_what_our_numbers_look_like_instead_of_what_is_learned(match):
    items = [{"open_item_id": f"I{n}", "amount": f"{n + 1}.10", "reference": f"7004{n:04d}"} for n in range(5)]
    lost = [{"payment_id": "P", "amount": "999.00", "remittance": "4470041", "counterparty_name": "Somebody"}]
    assert match(payment=lost, open_item=items).reasons("P") == {"unidentified_payer"}
    ours = {"references": {"our_numbers": ["44[0-9]{5}"]}}
    assert match(payment=lost, open_item=items, options=ours).reasons("P") == {"invalid_reference"}


def test_a_payment_on_account_is_told_apart_from_an_overpayment_and_from_a_payment_that_fits_nothing(match):
    items = [{"open_item_id": "I", "amount": "433.17", "reference": "2026-00101"}]
    pay = {"payment_id": "P", "amount": "1200.00"}
    said = {text: match(payment=[pay | {"remittance": text}], open_item=items).reasons("P")
            for text in ("a conto", "danke", "2026-00101")}  # fmt: skip
    assert said == {"a conto": {"payment_on_account"}, "danke": {"unmatched_payment"}, "2026-00101": {"overpayment"}}


def test_a_batch_credit_that_the_bank_did_not_split_settles_the_items_of_all_its_payers(match):
    items = [
        {"open_item_id": f"I{n}", "amount": f"{10 + n}.50", "reference": f"2026-0010{n}", "party_id": f"C{n}", "party_name": f"Kunde {n}"}
        for n in range(4)
    ]  # fmt: skip
    text = "SAMMLER " + " ".join(f"2026-0010{n}" for n in range(4))
    whole = [{"payment_id": "B", "amount": "48.00", "remittance": text, "counterparty_name": "Inkasso"}]
    assert match(payment=whole, open_item=items).items("B") == ["I0", "I1", "I2", "I3"]
    parts = [
        {"payment_id": f"B-{n}", "batch_id": "B", "amount": f"{10 + n}.50", "remittance": f"2026-0010{n}", "counterparty_name": f"Kunde {n}"}
        for n in range(4)
    ]  # fmt: skip
    split = match(payment=parts, open_item=items)
    assert [split.items(f"B-{n}") for n in range(4)] == [[f"I{n}"] for n in range(4)]


def test_the_schema_knows_all_of_it(tmp_path):
    source = (shipped("rules") / "matching" / "receivables.yaml").read_text("utf-8")
    source = source.replace("        # banks:", "        banks:").replace(
        "        #   - {account", "          - {account"
    )
    source = source.replace("        #   - {bank", "          - {bank").replace("  # our_numbers", "  our_numbers")
    source = source.replace("  # written_as", "  written_as")
    path = tmp_path / "receivables.yaml"
    path.write_text(source, "utf-8")
    plan, mistakes = parse_plan(yamlfile.load(path))
    assert plan is not None and not mistakes, mistakes
    found = next(p for p in plan.passes if p.name == "reference-with-difference").options["explain_difference"]["fee"]
    assert [sorted(each) for each in found["banks"]] == [
        ["account", "bearer", "stated_up_to", "up_to"],
        ["bank", "bearer", "in_steps_of", "up_to"],
    ]
    assert plan.options["references"]["our_numbers"] == ["RE[0-9]{8}"]


def test_a_discount_in_its_terms_still_goes_before_the_tolerance():
    limits = Limits.of({"discount": {}, "rounding": {"up_to": {"EUR": 5}}}, "EUR", 2)
    issued = dt.date(2026, 9, 1)
    found = explain(Paid(98_00, issued), [Due(1, 100_00, True, issued, 10, Decimal(2))], limits)
    assert found.label == "discount"


CREDITS = [
    {"open_item_id": "G1", "amount": "-119.00", "reference": "GS-2026-0007"},
    {"open_item_id": "G2", "amount": "-50.00", "reference": "GS-2026-0008"},
    {"open_item_id": "I1", "amount": "119.00", "reference": "2026-00101"},
]


@pytest.mark.parametrize(("pay", "settles"), [
    ({"amount": "-119.00", "remittance": "Erstattung GS-2026-0007"}, ["G1"]),
    ({"amount": "-169.00", "remittance": "GS-2026-0007 GS-2026-0008"}, ["G1", "G2"]),
    ({"amount": "-50.00", "remittance": "refund"}, ["G2"]),
    ({"amount": "-70.00", "remittance": "GS-2026-0007"}, []),
    ({"amount": "-119.00", "remittance": "Miete"}, ["G1"]),
    ({"amount": "-119.00", "remittance": "Miete", "counterparty_name": "Vermieter KG"}, []),
])  # fmt: skip
def test_a_credit_note_that_was_paid_out_is_settled_by_the_money_that_went_out(match, pay, settles):
    found = match(payment=[{"payment_id": "P", **pay}], open_item=CREDITS)
    assert found.items("P") == settles
    assert found.reasons("P") == (set() if settles else {"not_receivable"})


def test_two_credit_notes_of_the_amount_are_no_answer(match):
    twins = [*CREDITS, {"open_item_id": "G3", "amount": "-50.00", "reference": "GS-2026-0009"}]
    found = match(payment=[{"payment_id": "P", "amount": "-50.00", "remittance": "refund"}], open_item=twins)
    assert found.items("P") == []


def test_money_that_may_as_well_pay_a_supplier_is_not_taken_for_a_refund(match):
    plans = Catalogue.load().plans
    both = (plans["receivables"], plans["payables"])
    owed = {"open_item_id": "S1", "ledger": "payable", "amount": "50.00", "reference": "88120", "party_id": "S1"}
    pay = {"payment_id": "P", "amount": "-50.00"}
    supplier = [*CREDITS, owed | {"party_name": "Rheinstahl Handel AG"}]
    assert match(both, payment=[pay | {"remittance": "88120"}], open_item=supplier).items("P") == ["S1"]
    assert match(both, payment=[pay | {"remittance": "GS-2026-0008"}], open_item=supplier).items("P") == ["G2"]
    assert match(both, payment=[pay | {"remittance": "wie besprochen"}], open_item=supplier).items("P") == []
    salary = pay | {"remittance": "Gehalt Oktober", "counterparty_name": "Erika Muster"}
    assert match(both, payment=[salary], open_item=supplier).reasons("P") == {"not_payable"}
