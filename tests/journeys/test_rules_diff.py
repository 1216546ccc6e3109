"""``tieout rules diff``: a change is tried on a sealed run, which stays as it is."""

import csv
import io
import json
import shutil
import subprocess

import pytest

from tieout.library.catalog import shipped
from tieout.store.seal import file_sha256

ITEM = "1000,0000200002,Brook Lane S.A.,1900000004,RV,2026-09-20,2026-09-20,2026-11-19,AF-2026-104,,31.99,EUR,31.99,EUR,Z030,0,0,,,"


NOTHING = """plan: receivables
left: payment
right: open_item
passes:
  - pass: returned
    find: returns
"""


@pytest.fixture
def ran(place):
    assert place.run().status == 0
    return place


def test_a_state_compared_with_itself_differs_in_nothing_and_reproduces_the_run(ran):
    done = ran.tieout("rules", "diff", ".", "shipped")
    assert done.status == 0, done.text
    assert "no difference: " in done.out and "does not give what was sealed" not in done.out


def test_a_plan_that_matches_nothing_loses_the_pair_and_leaves_run_and_journal_alone(ran):
    ran.write("tried.yaml", NOTHING)
    files = [path for path in ran.folder.rglob("*") if path.is_file() and "-" not in path.suffix]
    before = {path: file_sha256(path) for path in files}
    done = ran.tieout("rules", "diff", ".", "tried.yaml", "--format", "json")
    assert done.status == 1, done.text
    found = json.loads(done.out)
    assert not found["same"] and found["drift"] == {}
    lost = [pair for pair in found["pairs"] if pair["change"] == "lost" and pair["old_status"] == "accepted"]
    assert [(pair["payment_id"], pair["open_item_id"]) for pair in lost] == [("BANK0001", "1900000001")]
    assert {path: file_sha256(path) for path in files} == before
    text = ran.tieout("rules", "diff", ".", "tried.yaml").out
    assert "BANK0001" in text and "-100.00" in text


def test_a_change_of_a_rule_shows_in_findings_and_csv_has_one_row_a_change(ran):
    ran.write(
        "other/validation/own.yaml",
        "pack: own\ntitle: {en: Own, zh: 自有}\nsource: house\nrules:\n"
        "  - {id: BR-CO-14, severity: information, reason: we do not care}\n",
    )
    done = ran.tieout("rules", "diff", ".", "other", "--format", "csv")
    assert done.status == 1, done.text
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert rows and {row["area"] for row in rows} <= {"finding", "exception"}
    moved = [row for row in rows if row["name"] == "BR-CO-14" and row["area"] == "finding"]
    assert moved and all(row["change"] == "moved" and row["new"].startswith("information: ") for row in moved)


def test_a_copy_of_a_shipped_file_stands_in_its_place(ran):
    text = (shipped("rules") / "validation" / "payments.yaml").read_text("utf-8")
    ran.write("mine/payments.yaml", text)
    assert ran.tieout("rules", "diff", "shipped", "mine/payments.yaml").status == 0


CARELESS = """plan: careless
left: payment
right: open_item
passes:
  - pass: amount-alone
    find: candidates
    block: [currency, payment.amount = open_item.open_amount]
    compare: [{payment: currency, open_item: currency, method: equal}]
    accept_at: 0.5
    review_at: 0.5
"""


def test_a_decision_that_a_person_took_is_held_against_the_change(place):
    ledger = (place.folder / "erp/open_items.csv").read_text("utf-8")
    place.write("erp/open_items.csv", f"{ledger}{ITEM}\n")
    assert place.run().status == 0
    listed = place.tieout("cases", "list", ".", "--format", "jsonl").out
    case = next(row for row in map(json.loads, listed.splitlines()) if row["object_id"] == "BANK0002")["case_id"]
    wrong = place.tieout("cases", "resolve", case, "--reason", "x", "--pays", "1900000004", "--not", "1900000004")
    assert wrong.status == 2 and "1900000004: named by --pays and by --not" in wrong.err
    said = place.tieout("cases", "resolve", case, "--reason", "a stranger's", "--not", "1900000004")
    assert said.status == 0, said.text
    place.write("careless.yaml", CARELESS)
    found = json.loads(place.tieout("rules", "diff", ".", "careless.yaml", "--format", "json").out)
    told = [pair for pair in found["pairs"] if pair["payment_id"] == "BANK0002"]
    assert [(pair["change"], pair["open_item_id"], pair["agrees"]) for pair in told] == [("gained", "1900000004", "no")]
    assert "not 1900000004; a stranger's" in told[0]["decision"]
    text = place.tieout("rules", "diff", ".", "careless.yaml").out
    assert "1 change against what people decided" in text


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_git_revision_of_the_workspace_is_a_state_too(ran):
    def git(*arguments):
        who = ["-c", "user.name=mia", "-c", "user.email=mia@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=ran.folder, check=True, capture_output=True)

    own = (
        "pack: own\ntitle: {{en: Own, zh: 自有}}\nsource: house\nrules:\n"
        "  - {{id: PAY-IBAN, severity: {severity}, reason: of no matter to us}}\n"
    )
    git("init", "-q")
    ran.write("rules/validation/own.yaml", own.format(severity="fatal"))
    git("add", "tieout.yaml", "rules")
    git("commit", "-q", "-m", "one")
    ran.write("rules/validation/own.yaml", own.format(severity="information"))
    found = json.loads(ran.tieout("rules", "diff", "HEAD", ".", "--format", "json").out)
    assert {(f["rule"], f["old_severity"], f["new_severity"]) for f in found["findings"]} == {
        ("PAY-IBAN", "fatal", "information")
    }
    assert found["drift"] == {"finding": 1}, "HEAD's rules are not those the run was made by"
    ran.write("rules/validation/own.yaml", own.format(severity="loud"))
    git("commit", "-q", "-a", "-m", "two")
    broken = ran.tieout("rules", "diff", ".", "HEAD")
    assert broken.status == 2
    assert "HEAD:rules/validation/own.yaml:5" in ran.tieout("rules", "diff", "HEAD", "shipped").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "."), "nowhere: no workspace, rules folder, rules or plan file, nor a git revision"),
        ((".", ".", "--run", "20010101"), "20010101: no sealed run of that name or folder"),
        ((".", ".", "--format", "xml"), "--format xml: choose one of text, json, csv"),
        ((".", "bank"), "bank: the folder holds neither tieout.yaml nor rules, plans or routings"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(ran, arguments, told):
    done = ran.tieout("rules", "diff", *arguments)
    assert done.status in {1, 2} and told in done.err and "Traceback" not in done.text
