"""A failed check digit is repaired only where exactly one number of ours is one slip away, and it points at an open item."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iso11649, luhn
from stdnum.ch import esr

from tieout.matching.ledger import Ledger
from tieout.matching.repair import mend
from tieout.matching.score import osa_distance
from tieout.store.engine import Store


def _finnish(body):
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def _slovenian(body):
    check = 11 - sum(int(digit) * (2 + place) for place, digit in enumerate(reversed(body))) % 11
    return f"SI12{body}{0 if check > 9 else check}"


def _rf(body):
    return f"RF{98 - int(f'{body}271500') % 97:02d}{body}"


MAKE = {
    "FI": lambda n: _finnish(f"{10_000_000 + n * 7_919:08d}"),
    "KID": lambda n: (lambda body: body + luhn.calc_check_digit(body))(f"{30_000_000_00 + n * 104_729}"),
    "SI": lambda n: _slovenian(f"{50_000_000 + n * 7_919}"),
    "QRR": lambda n: (lambda body: body + esr.calc_check_digit(body))(f"{21 * 10**24 + n * 10_007:026d}"),
    "OGM": lambda n: (lambda body: f"{body:010d}{body % 97 or 97:02d}")(1_080_681_700 + n * 7_919),
    "RF": lambda n: _rf(f"{5_390_075_400 + n * 7_919}"),
}
KINDS = sorted(MAKE)


def _damaged(number):
    """The number with its third last digit off by one."""
    return number[:-3] + str((int(number[-3]) + 1) % 10) + number[-2:]


def _swapped(number):
    at = next(i for i in range(len(number) - 2, 4, -1) if number[i] != number[i - 1])
    return number[: at - 1] + number[at] + number[at - 1] + number[at + 1 :]


RIGHT = {
    "FI": lambda n: _finnish(n[:-1]) == n,
    "KID": luhn.is_valid,
    "SI": lambda n: _slovenian(n[4:-1]) == n,
    "QRR": esr.is_valid,
    "OGM": lambda n: int(n[-2:]) == (int(n[:-2]) % 97 or 97),
    "RF": iso11649.is_valid,
}


def _between(kind):
    """A wrong number one slip away from the third number of ours, and another right number that is, too."""
    number = MAKE[kind](3)
    for place in range(len(number) - 8, len(number)):
        for wrong in (number[:place] + digit + number[place + 1 :] for digit in "0123456789" if digit != number[place]):
            for at in range(4, len(number)):
                for other in (wrong[:at] + digit + wrong[at + 1 :] for digit in "0123456789"):
                    if other not in (wrong, number) and RIGHT[kind](other):
                        return wrong, other
    raise AssertionError(kind)


def _items():
    """Twelve open items a kind, as many as make a check digit of plain digits known."""
    return [
        {"open_item_id": f"{kind}{n}", "amount": f"{100 * k + n}.17", "reference": f"Z{k}{n:04d}X{n:03d}", "party_id": f"C{k}{n}",
         "party_name": f"Kunde {kind} {n}", "creditor_reference": MAKE[kind](n)}
        for k, kind in enumerate(KINDS, 1) for n in range(12)
    ]  # fmt: skip


def _paid(kind, number, *, field="creditor_reference", **more):
    amount = f"{100 * (KINDS.index(kind) + 1) + 3}.17"
    return {"payment_id": f"P{kind}", "amount": amount, "counterparty_name": f"Nobody {kind}", field: number} | more


def test_the_numbers_of_the_test_are_right():
    assert iso11649.is_valid(MAKE["RF"](3)) and esr.is_valid(MAKE["QRR"](3)) and luhn.is_valid(MAKE["KID"](3))


@pytest.mark.parametrize("slip", [_damaged, _swapped], ids=["a digit wrong", "two swapped"])
@pytest.mark.parametrize("field", ["creditor_reference", "remittance"])
def test_one_slip_in_a_structured_reference_is_repaired_and_said(match, slip, field):
    payments = [_paid(kind, slip(MAKE[kind](3)), field=field) for kind in KINDS]
    found = match(open_item=_items(), payment=payments)
    assert {kind: found.items(f"P{kind}") for kind in KINDS} == {kind: [f"{kind}3"] for kind in KINDS}
    assert {kind for kind in KINDS if "invalid_reference" in found.reasons(f"P{kind}")} == set(KINDS)


def test_where_two_numbers_of_ours_are_one_slip_away_nothing_is_repaired(match):
    rival = {"amount": "3.00", "party_id": "C99", "party_name": "Rival"}
    items, payments = _items(), []
    for kind in KINDS:
        wrong, other = _between(kind)
        items.append(rival | {"open_item_id": f"R{kind}", "reference": f"Y{kind}9", "creditor_reference": other})
        payments.append(_paid(kind, wrong))
    found = match(open_item=items, payment=payments)
    assert {kind: found.items(f"P{kind}") for kind in KINDS} == {kind: [] for kind in KINDS}


def test_a_repair_that_points_at_a_cleared_item_settles_nothing(match):
    items = _items()
    gone = [each for each in items if each["open_item_id"].endswith("RF3")]
    cleared = [{"cleared_item_id": "K", "amount": "1.00", "creditor_reference": gone[0]["creditor_reference"]}]
    left = [each for each in items if each not in gone]
    found = match(open_item=left, cleared_item=cleared, payment=[_paid("RF", _damaged(MAKE["RF"](3)))])
    assert found.items("PRF") == []
    assert found.reasons("PRF") & {"invalid_reference"}


def test_a_repaired_reference_with_another_amount_is_left_to_a_person(match):
    found = match(open_item=_items(), payment=[_paid("RF", _damaged(MAKE["RF"](3)), amount="55.00")])
    assert found.settled("PRF") == {}
    assert "invalid_reference" in found.reasons("PRF")


numbers = st.text("123", min_size=6, max_size=7)


@settings(max_examples=25)
@given(own=st.lists(numbers, min_size=1, max_size=8, unique=True), token=numbers, marked=st.booleans())
def test_the_repairs_are_those_that_brute_force_finds(own, token, marked):
    prefix = "RF" if marked else ""
    own, token = [prefix + n for n in own], prefix + token
    with Store.create() as store:
        ledger = Ledger(store)
        keys = pl.DataFrame({"ino": range(len(own)), "number": own}).with_columns(
            kind=pl.lit("creditor_reference"), one=pl.lit(True)
        )
        ledger.put("match_key", keys)
        ledger.put("match_close", pl.DataFrame({"pno": [1], "first": [1], "last": [1], "token": [token]}))
        mend(ledger, lambda looked, _: looked.to_frame("number").with_columns(kind=pl.lit("RF"), valid=pl.lit(False)))
        found = set(ledger.rows("found", "select distinct number from match_mended")["number"])
    far = osa_distance(pl.Series([token] * len(own)), pl.Series(own))
    near = {n for n, d in zip(own, far, strict=True) if d == 1 and (marked or len(n) == len(token))}
    assert found == (near if token not in own else set())


def test_a_damaged_number_is_one_amount_of_money_like_any_other(match):
    found = match(open_item=_items(), payment=[_paid("QRR", _damaged(MAKE["QRR"](3)))])
    assert found.settled("PQRR") == {("QRR3", "payment"): Decimal("403.17")}
