import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tieout.model.errors import StoreError
from tieout.store.journal import Journal
from tieout.store.register import (
    Issued,
    gaps,
    issue_documents,
    issued_documents,
    pending_numbers,
    register_run,
    release_numbers,
    reserve_numbers,
    runs,
)


def document(number, key, sha256="aa"):
    return Issued(
        billing_document=key, invoice_number=f"INV-{number:05}", number=number, sha256=sha256, file=f"{key}.xml"
    )


def issue(journal, *pairs):
    return issue_documents(journal, "INV", [document(number, key) for number, key in pairs], run_id="r1")


def test_numbers_follow_one_another_in_the_order_of_the_documents(url):
    with Journal.open(url) as journal:
        assert reserve_numbers(journal, "INV", ["D9", "D1"], first=100) == {"D9": 100, "D1": 101}
        assert reserve_numbers(journal, "INV", ["D2"], first=100) == {"D2": 102}
        assert reserve_numbers(journal, "OTHER", ["D2"]) == {"D2": 1}


def test_a_document_asked_for_again_keeps_its_number_before_and_after_it_was_issued(url):
    with Journal.open(url) as journal:
        reserve_numbers(journal, "INV", ["D1", "D2"])
        assert reserve_numbers(journal, "INV", ["D3", "D2", "D1"]) == {"D3": 3, "D2": 2, "D1": 1}
        issue(journal, (1, "D1"))
        assert reserve_numbers(journal, "INV", ["D1"]) == {"D1": 1}
        assert journal.verify().holds


def test_a_number_given_back_is_the_next_to_be_taken(url):
    with Journal.open(url) as journal:
        reserve_numbers(journal, "INV", ["D1", "D2", "D3"])
        issue(journal, (1, "D1"), (3, "D3"))
        assert gaps(journal, "INV") == [2]
        assert release_numbers(journal, "INV", ["D2", "D1"], reason="stopped by BR-CO-15") == 1
        assert reserve_numbers(journal, "INV", ["D4", "D5"]) == {"D4": 2, "D5": 4}
        issue(journal, (2, "D4"), (4, "D5"))
        assert gaps(journal, "INV") == []
        assert journal.verify().holds


def test_issuing_twice_puts_one_document_on_record(url):
    with Journal.open(url) as journal:
        reserve_numbers(journal, "INV", ["D1"])
        assert [row["key"] for row in pending_numbers(journal, "INV")] == ["D1"]
        assert issue(journal, (1, "D1")) == 1
        assert issue(journal, (1, "D1")) == 0
        assert pending_numbers(journal, "INV") == []
        [row] = issued_documents(journal, ["D1", "D7"])
        assert (row["invoice_number"], row["sha256"], row["run_id"]) == ("INV-00001", "aa", "r1")
        assert journal.verify().events == 3


def test_an_issued_document_is_never_replaced_and_needs_its_own_number(url):
    with Journal.open(url) as journal:
        reserve_numbers(journal, "INV", ["D1", "D2"])
        issue(journal, (1, "D1"))
        with pytest.raises(StoreError, match="with other content"):
            issue_documents(journal, "INV", [document(1, "D1", "bb")], run_id="r2")
        with pytest.raises(StoreError, match="not reserved for billing document D2"):
            issue(journal, (1, "D2"))
        with pytest.raises(StoreError, match="not reserved for billing document D3"):
            issue(journal, (2, "D2"), (3, "D3"))
        assert [row["billing_document"] for row in issued_documents(journal)] == ["D1"]


def test_a_run_is_registered_once_and_never_with_another_manifest(url):
    with Journal.open(url) as journal:
        day = dt.date(2026, 10, 31)
        assert register_run(journal, run_id="r1", as_of=day, manifest_sha256="aa")
        assert not register_run(journal, run_id="r1", as_of=day, manifest_sha256="aa")
        with pytest.raises(StoreError, match="never changes"):
            register_run(journal, run_id="r1", as_of=day, manifest_sha256="bb")
        [row] = runs(journal)
        assert (row["as_of"], row["status"]) == (day, "sealed")


ISSUER = """
    import sys
    from tieout.store.journal import Journal
    from tieout.store.register import Issued, issue_documents, reserve_numbers
    url, name, stop = sys.argv[1:]
    with Journal.open(url) as journal:
        for n in range(10):
            keys = [f"{name}-{n}", f"shared-{n}"]
            numbers = reserve_numbers(journal, "INV", keys)
            if stop and n == 4:
                print("reserved, not issued", flush=True)
                sys.stdin.read()
            issue_documents(journal, "INV", [Issued(key, f"INV-{numbers[key]}", numbers[key], key, key)
                                             for key in keys], run_id=name)
"""


def issuer(url, name, stop=""):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ISSUER), url, name, stop],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def end(process):
    code = process.wait()
    process.stdin.close()
    process.stdout.close()
    return code


def test_two_processes_that_issue_at_once_leave_no_gap_and_no_double(url):
    left, right = issuer(url, "left"), issuer(url, "right")
    assert (end(left), end(right)) == (0, 0)
    with Journal.open(url) as journal:
        numbers = sorted(row["number"] for row in issued_documents(journal))
        assert numbers == list(range(1, 31))
        assert gaps(journal, "INV") == []
        assert journal.verify().holds


def test_an_issuer_killed_between_reserving_and_issuing_leaves_no_gap_once_it_runs_again(url):
    killed = issuer(url, "left", "stop")
    killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    end(killed)
    with Journal.open(url) as journal:
        assert len(pending_numbers(journal, "INV")) == 2
    assert end(issuer(url, "right")) == 0
    with Journal.open(url) as journal:
        assert gaps(journal, "INV") == [9]
    assert end(issuer(url, "left")) == 0
    with Journal.open(url) as journal:
        assert sorted(row["number"] for row in issued_documents(journal)) == list(range(1, 31))
        assert pending_numbers(journal, "INV") == []
        assert journal.verify().holds
