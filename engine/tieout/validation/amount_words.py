"""Amounts in Chinese capitals, 壹万贰仟叁佰元肆角伍分, to exact numbers. Knows no invoice; ``identifiers`` offers it to rules."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

__all__ = ["chinese_amount"]

_DIGITS = {
    sign: value
    for value, signs in enumerate(["零〇", "壹一", "贰二两", "叁三", "肆四", "伍五", "陆六", "柒七", "捌八", "玖九"])
    for sign in signs
}
_TENS = {"拾": 10, "十": 10, "佰": 100, "百": 100, "仟": 1000, "千": 1000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
_OTHER_FORMS = str.maketrans({"圆": "元", "正": "整", "貳": "贰", "參": "叁", "陸": "陆", "萬": "万", "億": "亿"})
_NEGATIVE = re.compile(r"^\(?(?:负数?|红字)\)?")
_CURRENCY = re.compile(r"^人民币")
_DIGIT = f"[{''.join(_DIGITS)}]"
_AMOUNT = re.compile(
    rf"(?:(?P<yuan>[{''.join((*_DIGITS, *_TENS, *_MYRIADS))}]+)元)?"
    rf"(?:零*(?P<jiao>{_DIGIT})角)?(?:零*(?P<fen>{_DIGIT})分)?整?"
)


def chinese_amount(text: str) -> Decimal | None:
    """The amount that capitals state, with two decimals; None where they do not state one.

    圆 and 元, 正 and 整, full-width brackets and blanks are folded; 负 or （负数） before it makes it negative.
    """
    folded = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).translate(_OTHER_FORMS)
    folded = _CURRENCY.sub("", folded)
    rest = _CURRENCY.sub("", _NEGATIVE.sub("", folded))
    match = _AMOUNT.fullmatch(rest)
    if not match or not any(match.groups()):
        return None
    whole = _whole(match["yuan"]) if match["yuan"] else 0
    if whole is None:
        return None
    cents = whole * 100 + _DIGITS[match["jiao"] or "零"] * 10 + _DIGITS[match["fen"] or "零"]
    return Decimal(-cents if rest != folded and cents else cents).scaleb(-2)


def _whole(text: str) -> int | None:
    """A whole number in words; None where digits or units do not follow one another as they must."""
    total = section = 0
    digit: int | None = None
    last_ten = 10**4
    for sign in text:
        if sign in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[sign]
        elif sign in _TENS:
            unit = _TENS[sign]
            if unit >= last_ten or (digit == 0 and unit != 10):
                return None
            # 拾元 is ten: the one before it may be left out.
            section += (digit or 1) * unit
            digit, last_ten = None, unit
        else:
            section += digit or 0
            unit = _MYRIADS[sign]
            if not (section or total):
                return None
            if sign == "亿":
                total = (total + section) * unit
            elif total % 10**8:
                return None
            else:
                total += section * unit
            section, digit, last_ten = 0, None, 10**4
    return total + section + (digit or 0)
