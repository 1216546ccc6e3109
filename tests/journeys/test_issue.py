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
