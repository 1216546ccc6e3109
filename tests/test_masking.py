"""What hides account numbers: all of them, and nothing that people work with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.model.masking import account, accounts_in

IBANS = ["DE22500105171234567890", "NO9386011117947", "MT84MALT011000012345MTLCAST001S", "FR7630006000011234567890189"]


@pytest.mark.parametrize("iban", IBANS)
@pytest.mark.parametrize("around", ["{}", "from {}.", "({}) 2026", "Konto {}, danke", "账号{} 已付"])
@pytest.mark.parametrize("shape", ["whole", "grouped", "lower", "dashed"])
def test_an_iban_is_hidden_however_it_is_written(iban, around, shape):
    groups = [iban[n : n + 4] for n in range(0, len(iban), 4)]
    written = {"whole": iban, "grouped": " ".join(groups), "lower": iban.lower(), "dashed": "-".join(groups)}[shape]
    hidden = accounts_in(around.format(written))
    assert iban[6:-4] not in hidden.replace(" ", "").replace("-", "").upper()
    assert "••••" in hidden


@given(st.text(alphabet="0123456789", min_size=16, max_size=34))
def test_a_long_number_is_hidden_but_for_its_ends(number):
    assert accounts_in(f"to {number} today") == f"to {number[:2]}••••{number[-4:]} today"


@pytest.mark.parametrize(
    "text",
    [
        "invoice 1900000001 of 2026-10-31",
        "RF18539007547034",
        "RF18 5390 0754 7034",
        "AF-2026-104",
        "1,234,567.89",
        "91330106MA2KXY1234",
    ],
)
def test_what_people_work_with_stays(text):
    assert accounts_in(text) == text


def test_a_log_hides_shorter_numbers_too():
    assert accounts_in("account 0123456789", digits=8) == "account 01••••6789"
    assert accounts_in("run 20261130 of 4711", digits=9) == "run 20261130 of 4711"


@pytest.mark.parametrize(("number", "shown"), [("1234", "••••"), ("12345678", "••••"), ("123456789", "12••••6789")])
def test_a_short_account_is_hidden_wholly(number, shown):
    assert account(number) == shown
