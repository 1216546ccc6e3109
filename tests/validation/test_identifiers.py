"""Identifier checks: each name the language knows, right and wrong numbers, and text that is no number at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.library.language import IDENTIFIER_CHECKS
from tieout.library.language import READINGS as KNOWN_READINGS
from tieout.validation.identifiers import CHECKS, READINGS, verdicts

EXAMPLES = {
    "valid_iban": ("DE89 3704 0044 0532 0130 00", "DE89370400440532013001"),
    "valid_bic": ("DEUTDEFF500", "DEUT1EFF"),
    "valid_lei": ("5493001KJTIIGC8Y1R12", "5493001KJTIIGC8Y1R13"),
    "valid_rf": ("RF18539007547034", "RF19539007547034"),
    "valid_vat_number": ("DE136695976", "DE136695977"),
    "valid_uscc": ("91110000600037341L", "91110000600037341M"),
    "valid_isin": ("US0378331005", "US0378331006"),
    "valid_gtin": ("4006381333931", "4006381333932"),
    "valid_gln": ("4006381333931", "73513537"),
    "valid_gs1_digits": ("73513537", "73513536"),
    "valid_iban_digits": ("DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 01"),
    "valid_luhn": ("79927398713", "79927398710"),
    "valid_siren": ("552008443", "552008444"),
    "valid_siret": ("73282932000074", "73282932000075"),
    "valid_nip": ("8567346215", "8567346216"),
    "valid_leitweg_id": ("991-03730-19", "991-03730-20"),
    "valid_codice_fiscale": ("RCCMNL83S18D969H", "RCCMNL83S18D969I"),
    "valid_partita_iva": ("00743110157", "00743110158"),
    "valid_enterprise_number": ("0403019261", "0403019262"),
    "valid_organisation_number": ("988077917", "988077918"),
    "valid_belgian_digits": ("0403019261", "0403019262"),
    "valid_greek_tin": ("094259216", "094259215"),
    "valid_abn": ("83914571673", "83914571674"),
}


def test_the_language_and_the_checks_know_the_same_names():
    assert set(CHECKS) == set(IDENTIFIER_CHECKS) == set(EXAMPLES)
    assert set(READINGS) == set(KNOWN_READINGS)


@pytest.mark.parametrize("check", EXAMPLES)
def test_a_right_number_passes_and_a_wrong_one_does_not(check):
    assert verdicts(check, EXAMPLES[check]) == [True, False]


def test_vat_numbers_of_countries_inside_and_outside_the_union():
    numbers = ["EL094259216", "XI980780684", "GB980780684", "NO995525828MVA", "CHE107787577IVA", "ZZ1", "136695976", ""]
    assert verdicts("valid_vat_number", numbers) == [True, True, True, True, True, False, False, False]


@pytest.mark.parametrize("check", EXAMPLES)
@given(value=st.text(max_size=40))
def test_any_text_is_judged_without_a_crash(check, value):
    assert verdicts(check, [value, value * 50]) in ([True, True], [True, False], [False, False], [False, True])
