"""OFX: bank and card statements."""

import pytest

from tieout.formats import ofx
from tieout.model.errors import FormatError
from tieout.model.records import Document

SGML = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR
<BANKACCTFROM><BANKID>1<ACCTID>BE4455667788<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20240901<DTEND>20240930
{entries}</BANKTRANLIST>
<LEDGERBAL><BALAMT>1170.25<DTASOF>20240930</LEDGERBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
ENTRY = "<STMTTRN><TRNTYPE>{type}<DTPOSTED>{posted}<TRNAMT>{amount}<FITID>{fitid}<NAME>{name}<MEMO>{memo}</STMTTRN>\n"


def entry(**changes):
    return ENTRY.format(
        **{
            "type": "CREDIT",
            "posted": "20240902",
            "amount": "1250.50",
            "fitid": "F1",
            "name": "A",
            "memo": "SI-1",
            **changes,
        }
    )


def read(*entries):
    return ofx.read(Document("a.ofx", SGML.format(entries="".join(entries)).encode("cp1252")))


def test_statement_and_transactions_with_their_lines():
    frames, findings = read(entry(), entry(fitid="F2", amount="-80.25", type="DEBIT", name="Müller"))
    assert not findings
    assert frames["entry"].select("fitid", "amount", "booking_date", "name", "memo", "type", "line").rows() == [
        ("F1", "1250.50", "2024-09-02", "A", "SI-1", "CREDIT", 14),
        ("F2", "-80.25", "2024-09-02", "Müller", "SI-1", "DEBIT", 15),
    ]
    statement = frames["statement"].row(0, named=True)
    assert (statement["account"], statement["currency"]) == ("BE4455667788", "EUR")
    assert (statement["closing_balance"], statement["closing_date"], statement["entry_sum"]) == (
        "1170.25",
        "2024-09-30",
        "1170.25",
    )


def test_the_day_is_the_one_the_bank_wrote_also_late_in_the_evening():
    frames, _ = read(entry(posted="20240930220000[-5:EST]"))
    assert frames["entry"]["booking_date"].to_list() == ["2024-09-30"]


def test_a_transaction_without_a_date_is_a_finding_and_the_others_go_on():
    frames, findings = read(entry(), entry(fitid="F2", posted=""))
    assert frames["entry"]["fitid"].to_list() == ["F1"]
    assert [(f.rule, f.line) for f in findings] == [("IN-ROW", 15)]


def test_an_empty_name_does_not_lose_the_transaction():
    frames, findings = read(entry().replace("<NAME>A", "<NAME></NAME>"))
    assert frames["entry"]["name"].to_list() == [None]
    assert not findings


@pytest.mark.parametrize("content", [b"OFXHEADER:100\n\n<OFX></OFX>", b"OFXHEADER:100\n\n<OFX>", b"\x00\x01", b""])
def test_what_holds_no_statement_is_refused_in_one_line(content):
    with pytest.raises(FormatError, match="OFX") as caught:
        ofx.read(Document("a.ofx", content))
    assert "\n" not in str(caught.value)
