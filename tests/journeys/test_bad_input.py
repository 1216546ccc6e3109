"""Bad input is normal: each mistake of the world gets one clear line, the rest of the run goes on, nothing is lost."""

import gzip
import io
import zipfile

import pytest

from tests.journeys.conftest import BANK, OPEN_ITEMS, UBL


def goes_on(place, result, *, status=0):
    """The run was sealed and balanced, the good rows were matched, and nobody saw a traceback."""
    assert "Traceback" not in result.text, result.text
    assert result.status == status, result.text
    assert len(place.sealed()) == 1
    run = place.latest()
    assert run.sql("select count(*) from allocation where payment_id = 'BANK0001' and status = 'accepted'").item() == 1
    assert run.sql("select count(*) from control_total where difference <> 0").item() == 0
    return run


def the_finding(run, rule, source):
    rows = run.sql(
        "select * from finding where rule like $rule and source like $source", rule=rule, source=f"%{source}%"
    ).to_dicts()
    assert rows, run.table("finding").select("rule", "source", "message").to_dicts()
    return rows[0]


def the_exception(run, source, reason="unreadable_source"):
    rows = run.sql(
        "select * from exception where reason = $reason and (source like $s or object_id like $s)",
        reason=reason,
        s=f"%{source}%",
    )
    assert rows.height == 1, run.table("exception").select("reason", "object_id", "source").to_dicts()


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">%s]><Invoice>&j;</Invoice>""" % b"".join(
    b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("k"))
)
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Invoice>&e;</Invoice>"""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("truncated.xml", UBL.format(number="X")[:900], "not well-formed"),
        ("letter.xml", "Dear Sir or Madam, please find attached", "not"),
        ("bomb.xml", BOMB, "DOCTYPE"),
        ("external.xml", EXTERNAL, "DOCTYPE"),
        ("wide.xml", b'<?xml version="1.0"?><Invoice a="' + b"x" * 30_000_000 + b'"/>', "longer than"),
        ("other.xml", '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "html"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "format"),
        ("empty.xml", "", "empty"),
        (
            "encoding.xml",
            '<?xml version="1.0" encoding="UTF-8"?><Invoice>Müller</Invoice>'.encode("cp1252"),
            "encoding",
        ),
    ],
)
def test_a_document_that_cannot_be_read_is_one_line_and_one_exception(place, name, content, said):
    place.write(f"einvoices/{name}", content)
    run = goes_on(place, place.run())
    found = the_finding(run, "IN-%", name)
    assert said.lower() in found["message"].lower(), found["message"]
    assert "\n" not in found["message"]
    assert "passwd:" not in found["message"] and "root:" not in str(found)
    the_exception(run, name)
    assert run.table("invoice").height == 1, "the good invoice is there"


def test_a_zip_bomb_is_refused_and_its_neighbours_are_read(place):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.xml", UBL.format(number="AF-2026-900"))
        archive.writestr("bomb.xml", b"<a>" + b" " * 400_000_000)
    place.write("einvoices/many.zip", stream.getvalue())
    run = goes_on(place, place.run())
    assert the_finding(run, "IN-%", "many.zip!bomb.xml")
    assert "AF-2026-900" in run.table("invoice")["invoice_number"].to_list()


def test_a_zip_member_that_would_leave_its_folder_is_refused(place):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../evil.xml", UBL.format(number="EVIL"))
        archive.writestr("good.xml", UBL.format(number="AF-2026-901"))
    place.write("einvoices/slip.zip", stream.getvalue())
    run = goes_on(place, place.run())
    assert the_finding(run, "IN-%", "evil.xml")
    numbers = run.table("invoice")["invoice_number"].to_list()
    assert "AF-2026-901" in numbers and "EVIL" not in numbers


def test_a_broken_archive_is_one_line(place):
    place.write("einvoices/broken.zip", b"PK\x03\x04" + b"\x00" * 40)
    run = goes_on(place, place.run())
    the_exception(run, "broken.zip")


def test_a_file_given_twice_is_taken_in_once(place):
    place.write("einvoices/again/copy.xml", UBL.format(number="AF-2026-103"))
    run = goes_on(place, place.run())
    assert run.table("invoice").height == 1
    assert run.sql(
        "select status from document where document_id like '%copy.xml' or document_id like '%AF-2026-103.xml' order by 1"
    )["status"].to_list() == ["duplicate", "read"]


def test_a_column_that_is_missing_names_it_and_what_was_found(place):
    place.write("bank/second.csv", BANK.replace('"Betrag"', '"Betrg"').replace("BANK00", "NEXT00").encode("cp1252"))
    run = goes_on(place, place.run())
    message = the_finding(run, "IN-COLUMN", "second.csv")["message"]
    assert "Betrag" in message and "Betrg" in message
    the_exception(run, "second.csv")


def test_a_shifted_row_is_named_by_its_line_and_the_others_are_read(place):
    place.write("bank/second.csv", (BANK.replace("BANK00", "NEXT00") + '"a";"b";"c"\n').encode("cp1252"))
    run = goes_on(place, place.run())
    assert the_finding(run, "IN-ROW", "second.csv")["line"] == 4
    assert run.sql("select count(*) from payment where source like '%second.csv'").item() == 2


def test_a_number_that_is_none_keeps_its_row(place):
    place.write("bank/second.csv", BANK.replace('"31,99"', '"12,x9"').replace("BANK00", "NEXT00").encode("cp1252"))
    run = goes_on(place, place.run())
    found = the_finding(run, "IN-VALUE", "second.csv")
    assert "12,x9" in found["message"] and found["line"] == 3
    assert run.sql("select amount from payment where payment_id = 'NEXT0002'").to_dicts() == [{"amount": None}]


def test_three_decimals_in_euro_are_found(place):
    place.write("bank/second.csv", BANK.replace('"31,99"', '"31,995"').replace("BANK00", "NEXT00").encode("cp1252"))
    run = goes_on(place, place.run())
    assert "31.995" in the_finding(run, "IN-DECIMALS", "second.csv")["message"].replace(",", ".")


def test_a_file_in_another_encoding_is_said_to_be(place):
    place.write("erp/open_items.csv", OPEN_ITEMS.replace("Brook Lane", "Bäche Länd").encode("cp1252"))
    result = place.run()
    assert "Traceback" not in result.text
    run = place.latest()
    message = the_finding(run, "IN-ENCODING", "open_items.csv")["message"]
    assert "utf-8" in message.lower()


def test_an_empty_table_is_said_to_be_empty(place):
    place.write("bank/nothing.csv", "")
    run = goes_on(place, place.run())
    assert "empty" in the_finding(run, "IN-EMPTY", "nothing.csv")["message"].lower()


def test_a_compressed_file_of_unknown_kind_is_refused(place):
    place.write("einvoices/log.gz", gzip.compress(b"x" * 100))
    run = goes_on(place, place.run())
    the_exception(run, "log.gz")


def test_a_database_that_is_down_fails_its_source_and_nothing_else(place):
    text = (
        (place.folder / "tieout.yaml")
        .read_text()
        .replace(
            "validation:", '  orders: {database: "${ERP_URL}", query: orders.sql, mapping: erp.customers}\nvalidation:'
        )
    )
    place.write("tieout.yaml", text)
    place.write("orders.sql", "select 1")
    result = place.run(ERP_URL="postgresql://clerk:s3cret@127.0.0.1:9/erp")
    goes_on(place, result, status=3)
    assert "orders" in result.err and "s3cret" not in result.text


def test_a_missing_source_fails_the_run_with_its_name_but_what_is_there_is_sealed(place):
    place.write(
        "tieout.yaml",
        (place.folder / "tieout.yaml")
        .read_text()
        .replace("einvoices/**, direction: issued, optional: true", "gone/*.xml"),
    )
    result = place.run()
    goes_on(place, result, status=3)
    assert "gone" in result.err


def test_a_secret_that_is_not_set_is_named_before_anything_runs(place):
    text = (
        (place.folder / "tieout.yaml")
        .read_text()
        .replace(
            "validation:",
            '  orders: {database: "${NOT_SET_ANYWHERE}", query: orders.sql, mapping: erp.customers}\nvalidation:',
        )
    )
    place.write("tieout.yaml", text)
    place.write("orders.sql", "select 1")
    result = place.run()
    assert result.status == 2 and "NOT_SET_ANYWHERE" in result.err and place.sealed() == []


RULE = """pack: ours
title: {{en: Ours, zh: 我们的}}
source: house rules
rules:
  - id: OUR-1
    title: {{en: Ours, zh: 我们的}}
    table: {table}
    severity: {severity}
    check: {check}
    message: "no"
    terms: [BT-1]
    reference: house
    tests:
      - {{given: {{invoice_number: "1"}}, expect: pass}}
      - {{given: {{invoice_number: "2"}}, expect: fail}}
"""


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("tieout.yaml", "entity: {name: x\nsources: [", "tieout.yaml:"),
        ("tieout.yaml", "entity: {name: x}\nsorces: {}\n", "sources"),
        ("tieout.yaml", "entity: {name: x}\nsources: {a: {path: x.csv, mapping: erp.sap_fbl5}}\n", "erp.sap_fbl5n"),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatal", check="invoice_numbr = '1'"),
            "invoice_number",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatl", check="invoice_number = '1'"),
            "fatal",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatal", check="uper(invoice_number) = '1'"),
            "upper",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatal", check="exists (select 1)"),
            "rules/validation/ours.yaml:",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatal", check="\"getenv('HOME') = '1'\""),
            "getenv",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(
                table="invoice", severity="fatal", check="\"(select count(*) from read_csv('/etc/passwd')) > 0\""
            ),
            "rules/validation/ours.yaml:",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatal", check='"1 = 1; drop table invoice"'),
            "rules/validation/ours.yaml:",
        ),
        (
            "rules/validation/ours.yaml",
            RULE.format(table="invoice", severity="fatal", check="\"read_csv('/etc/passwd')\""),
            "read_csv",
        ),
    ],
)
def test_a_mistake_in_a_definition_stops_before_anything_runs_and_says_where(place, file, content, said):
    place.write(file, content)
    result = place.run()
    assert result.status == 2, result.text
    assert "Traceback" not in result.text and place.sealed() == []
    assert said in result.err, result.err
    assert any(line.split("  ")[0].count(":") == 2 for line in result.err.splitlines() if file in line), result.err


def test_all_mistakes_of_all_files_are_told_at_once(place):
    place.write("rules/validation/ours.yaml", RULE.format(table="invoce", severity="fatl", check="1"))
    place.write("rules/matching/mine.yaml", "plan: mine\nleft: payment\nrigth: open_item\npasses: []\n")
    result = place.run()
    assert result.status == 2
    assert "ours.yaml" in result.err and "mine.yaml" in result.err


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_read(place):
    place.write("runs", "a file where the folder should be")
    result = place.run()
    assert result.status == 3 and "cannot be written" in result.err and "Traceback" not in result.text


def test_a_full_disk_seals_nothing_and_the_next_run_is_right(place):
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    result = place.apart("run", ".", code=limit)
    assert result.status == 3, result.text
    assert "Traceback" not in result.text and place.sealed() == []
    goes_on(place, place.run())


def test_two_runs_at_once_are_one_run_and_one_clear_line(place):
    holding = "import fcntl, os, pathlib; pathlib.Path('runs').mkdir(); h = os.open('runs/.lock', os.O_RDWR | os.O_CREAT); fcntl.flock(h, fcntl.LOCK_EX)"
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", f"{holding}\nprint('held', flush=True)\ninput()"],
        cwd=place.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        result = place.run()
        other.communicate("\n")
    assert result.status == 3 and "another run" in result.err
    goes_on(place, place.run())


@pytest.mark.parametrize(
    "command",
    [("rules", "check", "mistyped"), ("rules", "test", "mistyped"), ("rules", "show", "BR-01", "-w", "mistyped")],
    ids=lambda command: command[1],
)
def test_rules_of_a_folder_that_is_not_there_are_not_taken_for_the_shipped_ones(place, command):
    told = place.tieout(*command)
    assert told.status == 2
    assert "'mistyped' does not exist" in told.err
