"""Identifier checks: one function from text to true or false for each name the condition language knows; and readings.

The only door to python-stdnum here. Nothing is looked up outside: a number can be well-formed and belong to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import stdnum.au.abn
import stdnum.be.vat
import stdnum.bic
import stdnum.cn.uscc
import stdnum.de.leitweg
import stdnum.ean
import stdnum.eu.vat
import stdnum.fr.siren
import stdnum.fr.siret
import stdnum.gr.vat
import stdnum.iban
import stdnum.isin
import stdnum.iso7064.mod_97_10
import stdnum.iso11649
import stdnum.it.codicefiscale
import stdnum.it.iva
import stdnum.lei
import stdnum.luhn
import stdnum.no.orgnr
import stdnum.pl.nip
import stdnum.vatin

from tieout.validation.amount_words import chinese_amount

__all__ = ["CHECKS", "READINGS", "verdicts"]


def _vat_number(text: str) -> bool:
    """A number with a country prefix; EU members by their own rules (EL for Greece, XI for Northern Ireland)."""
    return bool(stdnum.eu.vat.is_valid(text) or stdnum.vatin.is_valid(text))


def _gln(text: str) -> bool:
    return len(stdnum.ean.compact(text)) == 13 and bool(stdnum.ean.is_valid(text))


def _gs1_digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and bool(stdnum.ean.calc_check_digit(text[:-1]) == text[-1])


_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{0,30}")


def _iban_digits(text: str) -> bool:
    compact = re.sub(r"\s", "", text)
    return bool(_IBAN.fullmatch(compact)) and bool(stdnum.iso7064.mod_97_10.is_valid(compact[4:] + compact[:4]))


def _belgian_digits(text: str) -> bool:
    """Without the first digit of 0 or 1 that the register gives today, which stdnum wants."""
    return bool(re.fullmatch("[0-9]{10}", text)) and 97 - int(text[:8]) % 97 == int(text[8:])


def _greek_tin(text: str) -> bool:
    return len(text) == 9 and bool(stdnum.gr.vat.is_valid(text))


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "valid_iban": stdnum.iban.is_valid,
    "valid_bic": stdnum.bic.is_valid,
    "valid_lei": stdnum.lei.is_valid,
    "valid_rf": stdnum.iso11649.is_valid,
    "valid_vat_number": _vat_number,
    "valid_uscc": stdnum.cn.uscc.is_valid,
    "valid_isin": stdnum.isin.is_valid,
    "valid_gtin": stdnum.ean.is_valid,
    "valid_gln": _gln,
    "valid_gs1_digits": _gs1_digits,
    "valid_iban_digits": _iban_digits,
    "valid_luhn": stdnum.luhn.is_valid,
    "valid_siren": stdnum.fr.siren.is_valid,
    "valid_siret": stdnum.fr.siret.is_valid,
    "valid_nip": stdnum.pl.nip.is_valid,
    "valid_leitweg_id": stdnum.de.leitweg.is_valid,
    "valid_codice_fiscale": stdnum.it.codicefiscale.is_valid,
    "valid_partita_iva": stdnum.it.iva.is_valid,
    "valid_enterprise_number": stdnum.be.vat.is_valid,
    "valid_organisation_number": stdnum.no.orgnr.is_valid,
    "valid_belgian_digits": _belgian_digits,
    "valid_greek_tin": _greek_tin,
    "valid_abn": stdnum.au.abn.is_valid,
}

READINGS: Mapping[str, tuple[Callable[[str], Decimal | None], str]] = {
    "chinese_amount": (chinese_amount, "DECIMAL(22,2)"),
}
"""Functions from text to a value, each with the SQL type of what it gives."""

MAX_LENGTH = 200
"""No identifier is longer; longer text is refused before it costs time."""


def verdicts(check: str, values: Iterable[str]) -> list[bool] | list[str | None]:
    """For each value whether it passes the check; what a check cannot digest does not pass. For a reading: what it reads."""
    if check in READINGS:
        return [_read(READINGS[check][0], value) for value in values]
    judge = CHECKS[check]
    return [_judged(judge, value) for value in values]


def _read(read: Callable[[str], Decimal | None], value: str) -> str | None:
    amount = read(value) if len(value) <= MAX_LENGTH else None
    return None if amount is None else f"{amount:f}"


def _judged(judge: Callable[[str], bool], value: str) -> bool:
    if not value or len(value) > MAX_LENGTH:
        return False
    try:
        return bool(judge(value))
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
