"""Amounts in Chinese capitals; what is written by somebody else's library must be read back to the cent."""

from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.validation.amount_words import chinese_amount


@given(st.integers(min_value=0, max_value=10**14))
def test_what_another_library_writes_is_read_back_to_the_cent(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    assert chinese_amount(cn2an.an2cn(str(amount), "rmb")) == amount


@pytest.mark.parametrize(
    ("words", "amount"),
    [
        ("壹万陆仟圆整", "16000.00"),
        ("壹仟贰佰叁拾肆元伍角陆分", "1234.56"),
        ("叁佰元零伍分", "300.05"),
        ("伍角", "0.50"),
        ("拾元整", "10.00"),
        ("人民币壹亿零叁拾万元正", "100300000.00"),
        ("（负数）壹仟圆整", "-1000.00"),
        ("负壹仟元整", "-1000.00"),
    ],
)
def test_the_spellings_of_issuers_are_read(words: str, amount: str) -> None:
    assert chinese_amount(words) == Decimal(amount)


@pytest.mark.parametrize(
    "words", ["", "元", "整", "壹贰元", "拾佰元", "万元整", "壹佰拾仟元", "one hundred", "壹元贰元"]
)
def test_what_states_no_amount_is_null(words: str) -> None:
    assert chinese_amount(words) is None
