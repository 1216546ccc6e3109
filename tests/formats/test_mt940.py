"""MT940 and MT942: statements, entries and the parts of their free text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats import mt940
from tieout.model.errors import FormatError
from tieout.model.records import Document

HEAD = ":20:STARTUMSE\n:25:37050198/0012345671\n:28C:00001/001\n:60F:C240903EUR100,00\n"
TAIL = ":62F:C240906EUR{closing}\n-\n"


def read(text, uri="a.sta"):
    content = text if isinstance(text, bytes) else text.encode()
    return mt940.read(Document(uri, content))


def entry(details, line=":61:2409030903C7376,13NTRFAP3347368//B2409030000036", closing="7476,13"):
    frames, findings = read(HEAD + line + "\n" + details + TAIL.format(closing=closing))
    assert not findings
    return frames["entry"].row(0, named=True)


def test_statement_and_entry_know_account_currency_dates_and_line():
    frames, findings = read(
        HEAD + ":61:2409030904C7376,13NTRFAP3347368//B2409030000036\n" + TAIL.format(closing="7476,13")
    )
    statement, row = frames["statement"].row(0, named=True), frames["entry"].row(0, named=True)
    assert not findings
    assert (statement["account"], statement["currency"], statement["number"]) == (
        "37050198/0012345671",
        "EUR",
        "00001/001",
    )
    assert (statement["opening_balance"], statement["opening_date"]) == ("100.00", "2024-09-03")
    assert (statement["closing_balance"], statement["closing_date"]) == ("7476.13", "2024-09-06")
    assert (statement["entry_count"], statement["entry_sum"], statement["line"]) == ("1", "7376.13", 1)
    assert (row["amount"], row["value_date"], row["entry_date"], row["line"]) == (
        "7376.13",
        "2024-09-03",
        "2024-09-04",
        5,
    )
    assert (row["customer_reference"], row["bank_reference"], row["type"]) == ("AP3347368", "B2409030000036", "NTRF")
    assert row["statement_id"] == statement["statement_id"]


@pytest.mark.parametrize(
    ("mark", "amount", "indicator"),
    [
        ("C", "5.00", "CRDT"),
        ("D", "-5.00", "DBIT"),
        ("RC", "-5.00", "DBIT"),
        ("RD", "5.00", "CRDT"),
        ("CR", "5.00", "CRDT"),
    ],
)
def test_a_reversal_goes_the_other_way(mark, amount, indicator):
    row = entry("", f":61:2409030903{mark}5,00NTRFNONREF//X1", "105,00")
    assert (row["amount"], row["indicator"]) == (amount, indicator)
    assert row["is_return"] == ("true" if mark in ("RC", "RD") else "false")


def test_an_entry_booked_after_the_turn_of_the_year_gets_the_year_of_its_booking():
    row = entry("", ":61:2412310102C5,00NTRFNONREF//X1", "105,00")
    assert (row["value_date"], row["entry_date"]) == ("2024-12-31", "2025-01-02")


def test_german_pieces_are_joined_without_a_blank_where_a_word_was_cut():
    row = entry(
        ":86:166?00GUTSCHR. UEBERWEISUNG?100001?20EREF+AP3347368?21SVWZ+Betaln\n"
        "ing faktura SI-0?2200896/CHGS/EUR35,00/?30XXXXXXXX?31SE2725992732\n"
        "903799018841?32WYNDHAM HOTELS & RESORTS, I?33NC.\n"
    )
    assert row["remittance"] == "Betalning faktura SI-000896"
    assert row["end_to_end_id"] == "AP3347368"
    assert (row["charges_amount"], row["charges_currency"]) == ("35.00", "EUR")
    assert row["counterparty_account"] == "SE2725992732903799018841"
    assert row["name"] == "WYNDHAM HOTELS & RESORTS, INC."
    assert (row["transaction_code"], row["posting_text"]) == ("166", "GUTSCHR. UEBERWEISUNG")


def test_german_pieces_that_end_early_are_joined_with_a_blank():
    row = entry(":86:051?00ZAHLUNG?20Belegloser Zahlungsauftrag?21Erstellt 19.03.2010?22Anzahl 4?32Krueger?33e.K.\n")
    assert row["remittance"] == "Belegloser Zahlungsauftrag Erstellt 19.03.2010 Anzahl 4"
    assert row["name"] == "Krueger e.K."


def test_the_purpose_goes_on_from_29_to_60():
    pieces = "".join(f"?2{n}{'abcdefghi '[n % 10] * 27}" for n in range(9)) + "?29" + "i" * 27 + "?60j?32NAME"
    assert entry(f":86:166?00X{pieces}\n")["remittance"].endswith("i" * 27 + "j")


def test_sepa_keywords_are_told_apart_wherever_they_open_a_word():
    row = entry(
        ":86:109?00RETOURE?20EREF+A1.200080779.400143254?21.4961336 KREF+SEPA-DA202006?2201221740-34972000-P1 MR\n"
        "EF+2?230852HW2723821 CRED+DE41EON0?240000129793 OAMT+11,85 SVWZ+?25SONSTIGE GRUENDE?32TESTER?33EL\n",
        ":61:2006080608D12,35NRTIKREF+//2016021783252833\n/OCMT/EUR11,85//CHGS/EUR0,50/",
        "87,65",
    )
    assert row["end_to_end_id"].startswith("A1.200080779.400143254")
    assert row["mandate_id"] == "20852HW2723821"
    assert row["creditor_id"] == "DE41EON00000129793"
    assert row["remittance"] == "SONSTIGE GRUENDE"
    assert row["is_return"] == "true"
    assert (row["instructed_amount"], row["instructed_currency"]) == ("11.85", "EUR")
    assert (row["charges_amount"], row["charges_currency"]) == ("0.50", "EUR")


def test_slash_codes_cut_at_65_are_put_together():
    row = entry(
        ":86:/EREF/PMT4310484/ORDP//NAME/Huebner Bueroausstattung/ACCT/DE47284\n"
        "540574221817627/REMI/USTD//Ihre Rechnung SI-001040 / 102927/CHGS/EUR30,00/\n"
    )
    assert (row["name"], row["counterparty_account"]) == ("Huebner Bueroausstattung", "DE47284540574221817627")
    assert row["end_to_end_id"] == "PMT4310484"
    assert row["remittance"] == "Ihre Rechnung SI-001040 / 102927"
    assert row["charges_amount"] == "30.00"


def test_a_structured_reference_is_not_free_text():
    row = entry(":86:/EREF/PMT1/ORDP//NAME/A/REMI/STRD/CUR/RF371400000697\n")
    assert (row["creditor_reference"], row["remittance"]) == ("RF371400000697", None)


def test_an_empty_name_is_none():
    assert entry(":86:/ORDP//NAME//REMI/USTD//ZINSEN 09/2024\n")["name"] is None


def test_a_return_says_why():
    row = entry(
        ":86:/EREF/E2E1/BENM//NAME/CVS/REMI/USTD//invoice SI-0009\n17/RTRN/AC01/\n",
        ":61:2410071007RC502,19NRTIE2E1//B1",
        "402,19",
    )
    assert (row["is_return"], row["return_reason"], row["remittance"]) == ("true", "AC01", "invoice SI-000917")


def test_an_account_in_the_place_of_the_reference_is_the_counterparty():
    row = entry(":86:Betaling sieraden\n", ":61:200101    D65,00NOVBNL47INGB9999999999\nhr gjlm paulissen", "35,00")
    assert (row["counterparty_account"], row["name"]) == ("NL47INGB9999999999", "hr gjlm paulissen")
    assert row["end_to_end_id"] is None
    assert row["remittance"] == "Betaling sieraden"


def test_placeholders_are_no_references():
    row = entry("", ":61:2409030903C5,00NTRFNONREF//NONREF", "105,00")
    assert (row["customer_reference"], row["bank_reference"], row["end_to_end_id"]) == (None, None, None)


def test_each_message_of_a_file_is_a_statement_of_its_own():
    one = HEAD + ":61:2409030903C5,00NTRFNONREF//X1\n" + TAIL.format(closing="105,00")
    frames, _ = read(one + one.replace("00001/001", "00002/001"))
    assert frames["statement"]["number"].to_list() == ["00001/001", "00002/001"]
    assert frames["entry"]["line"].to_list() == [5, 12]


def test_what_follows_the_closing_balance_is_not_text_of_the_last_entry():
    frames, _ = read(HEAD + ":61:2409030903C5,00NTRFNONREF//X1\n:86:text\n:62F:C240906EUR105,00\n:86:thank you\n")
    assert frames["entry"]["details"].to_list() == ["text"]


def test_binary_characters_blank_lines_and_envelopes_do_not_disturb():
    text = (
        b"\x01\r\n{1:F01}{4:\r\n"
        + HEAD.replace("\n", "\r\n").encode()
        + b":61:2409030903C5,00NTRFNONREF//X1\r\n\r\n:86:a\x02b\r\n:62F:C240906EUR105,00\r\n-}\x03"
    )
    frames, findings = read(text)
    assert frames["entry"]["details"].to_list() == ["ab"]
    assert not findings


def test_30_february_is_the_last_day_of_the_month():
    row = entry("", ":61:1602300301D6,00N024NONREF", "94,00")
    assert (row["value_date"], row["entry_date"]) == ("2016-02-29", "2016-03-01")


def test_an_entry_that_cannot_be_read_is_a_finding_and_the_others_go_on():
    frames, findings = read(HEAD + ":61:nonsense\n:61:2409030903C5,00NTRFNONREF//X1\n" + TAIL.format(closing="105,00"))
    assert frames["entry"].height == 1
    assert [(f.rule, f.line) for f in findings] == [("IN-ROW", 5)]


def test_an_interim_report_has_its_currency_from_the_floor_limit():
    frames, _ = read(
        ":20:ST1\n:25:PL29114010810000267002001002\n:28C:1/1\n:34F:PLN0\n:13D:1701191815+0100\n:61:1701190119C0,01NTRFNONREF//M1\n:90C:1PLN0,01\n-\n"
    )
    assert frames["statement"].row(0, named=True)["message_kind"] == "mt942"
    assert frames["entry"]["currency"].to_list() == ["PLN"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (":25:PL25106000760000888888888888\n", "neither an entry"),
        (":60F:C140829EUR147,64\n", "neither an entry"),
        (":61:1409010902DR1,62NTRF0000549855700010//025498557/000001\n", "names the currency"),
    ],
)
def test_a_fragment_is_refused_in_one_line(text, says):
    with pytest.raises(FormatError, match=says) as caught:
        read(text)
    assert "\n" not in str(caught.value)


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=40), max_size=12))
def test_no_text_makes_the_reader_fall_over(lines):
    text = HEAD + "\n".join(line if n % 2 else f":61:{line}" for n, line in enumerate(lines))
    try:
        frames, _ = read(text)
    except FormatError:
        return
    for row in frames["entry"].iter_rows(named=True):
        Decimal(row["amount"])


@given(st.text(st.characters(codec="latin-1", exclude_characters="\n\r"), max_size=200))
def test_no_free_text_makes_the_entry_fall_over(text):
    wrapped = "\n".join(text[n : n + 65] for n in range(0, len(text), 65))
    frames, _ = read(HEAD + ":61:2409030903C5,00NTRFNONREF//X1\n:86:" + wrapped + "\n" + TAIL.format(closing="105,00"))
    assert frames["entry"].height >= 1
