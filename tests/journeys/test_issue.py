"""``tieout issue``: what was issued and what was stopped, and again without a second number."""

import shutil

from tieout.library.catalog import shipped

STARTER = shipped("rules").parent / "engine" / "tieout" / "faces" / "starter"


def test_what_is_issued_has_its_number_and_what_is_stopped_its_reason(place, tmp_path):
    folder = tmp_path / "starter"
    shutil.copytree(STARTER, folder)
    first = place.tieout("issue", str(folder))
    assert first.status == 1, first.text
    [issued] = [line for line in first.out.splitlines() if line.startswith("9100000401")]
    assert issued.split()[1:] == ["issued", "RE-2026-00001", "302.62", "EUR"]
    [stopped] = [line for line in first.out.splitlines() if line.startswith("9100000403")]
    assert stopped.split()[1] == "invalid" and "BR-E-10: " in stopped and "Exemption Reason" in stopped
    again = place.tieout("issue", str(folder))
    assert issued in again.out.splitlines() and "RE-2026-00002" not in again.out


def test_where_nothing_is_to_be_issued_it_says_so_and_runs_nothing(place):
    result = place.tieout("issue", ".")
    assert result.status == 2
    assert result.err == "tieout.yaml: has no 'issuing', so there is nothing to issue\n"
    assert place.sealed() == []


def test_what_was_changed_since_is_not_archived_and_verify_names_it(place, tmp_path):
    folder = tmp_path / "starter"
    shutil.copytree(STARTER, folder)
    assert place.tieout("issue", str(folder)).status == 1
    read = folder / "einvoices" / "00261028.xml"
    read.write_bytes(read.read_bytes() + b"\n")
    assert place.tieout("archive", "add", "-w", str(folder)).out == "3 documents kept\n"
    assert place.tieout("archive", "add", "-w", str(folder)).out == "0 documents kept\n"
    kept = place.tieout("archive", "list", "-w", str(folder)).out
    names = ("RE-2026-00001.xml", "00261028.xml", "00261039.xml", "EX-26-00412.xml")
    assert [name in kept for name in names] == [True, False, True, True]
    [issued] = folder.glob("runs/*/issued/RE-2026-00001.xml")
    issued.chmod(0o644)
    issued.write_bytes(issued.read_bytes().replace(b"302.62", b"303.62"))
    refused = place.tieout("archive", "add", "-w", str(folder))
    assert refused.status == 3
    assert "RE-2026-00001.xml: its bytes were changed after the run was sealed; it is not archived" in refused.err
    run = str(issued.parents[1])
    said = "issued/RE-2026-00001.xml: the issued document is missing or was changed after the run was sealed"
    verified = place.tieout("verify", run)
    assert verified.status == 1 and said in verified.out
    issued.unlink()
    verified = place.tieout("verify", run)
    assert verified.status == 1 and said in verified.out
