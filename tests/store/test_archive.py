"""The archive: what is kept cannot change unseen, nor go before its time or under a hold."""

import datetime as dt

import pytest

from tieout.model.errors import StoreError
from tieout.store.archive import Archive, Paper
from tieout.store.journal import Journal

DAY = dt.date(2026, 10, 31)


@pytest.fixture
def archive(tmp_path):
    with Journal.open(f"sqlite:///{tmp_path / 'journal.db'}") as journal:
        yield Archive(tmp_path / "archive", journal, years=2)


def paper(content=b"<Invoice/>", name="NW-1.xml", **more):
    findings = ({"rule": "BR-11", "severity": "warning", "message": "no country"},)
    return Paper(**{"direction": "issued", "dated": DAY, "run_id": "r1", "findings": findings, **more},
                 name=name, content=content)  # fmt: skip


def test_a_document_is_kept_once_with_its_hash_its_dates_and_its_findings(archive):
    assert archive.add([paper(), paper()]) == 1
    assert archive.add([paper()]) == 0
    (kept,) = archive.documents()
    assert (kept.name, kept.bytes, kept.keep_until) == ("NW-1.xml", 10, dt.date(2028, 12, 31))
    assert kept.findings[0]["rule"] == "BR-11"
    assert kept.archived_at.endswith("Z")
    assert archive.get("NW-1.xml")[1] == archive.get(kept.sha256[:8])[1] == b"<Invoice/>"


def test_verify_names_a_changed_byte_a_missing_file_and_a_foreign_one(archive):
    archive.add([paper(), paper(b"two", "NW-2.xml"), paper(b"three", "NW-3.xml")])
    assert list(archive.verify()) == []
    paths = {each.name: archive.folder / each.sha256[:2] / each.sha256 for each in archive.documents()}
    paths["NW-1.xml"].chmod(0o644)
    paths["NW-1.xml"].write_bytes(b"<invoice/>")
    paths["NW-2.xml"].unlink()
    (paths["NW-3.xml"].parent / ("f" * 64)).write_bytes(b"foreign")
    faults = list(archive.verify())
    assert len(faults) == 3
    assert any(each.startswith("NW-1.xml") and "changed" in each for each in faults)
    assert any(each.startswith("NW-2.xml") and "missing" in each for each in faults)
    assert any(each.startswith("f" * 64) for each in faults)
    with pytest.raises(StoreError, match="changed"):
        archive.get("NW-1.xml")


def test_nothing_goes_before_its_time_or_under_a_hold(archive):
    archive.add([paper(), paper(b"two", "NW-2.xml"), paper(b"old", "NW-0.xml", dated=dt.date(2020, 1, 1))])
    after = dt.date(2029, 1, 1)
    assert archive.hold(["NW-2.xml", "NW-0.xml"], "case-7", reason="audit", actor="ana") == 2
    assert archive.hold(["NW-2.xml"], "case-7", reason="audit", actor="ana") == 0
    assert archive.remove(as_of=dt.date(2028, 12, 31), reason="time", actor="ana") == []
    assert [each.name for each in archive.remove(as_of=after, reason="time", actor="ana")] == ["NW-1.xml"]
    assert archive.release(["NW-2.xml"], "case-7", reason="over", actor="ana") == 1
    assert [each.name for each in archive.remove(as_of=after, reason="time", actor="ana")] == ["NW-2.xml"]
    assert {each.name: bool(each.removed_at) for each in archive.documents()} == {
        "NW-0.xml": False,
        "NW-1.xml": True,
        "NW-2.xml": True,
    }
    assert list(archive.verify()) == []


def test_what_was_removed_may_be_kept_again_and_two_of_one_name_need_the_hash(archive):
    archive.add([paper(), paper(b"other")])
    with pytest.raises(StoreError, match="2 documents"):
        archive.get("NW-1.xml")
    archive.remove(as_of=dt.date(2040, 1, 1), reason="time", actor="ana")
    with pytest.raises(StoreError, match="no document"):
        archive.get("NW-1.xml")
    assert archive.add([paper()]) == 1
    assert archive.get("NW-1.xml")[1] == b"<Invoice/>"


def test_the_journal_still_holds_with_the_archive_in_it(archive):
    archive.add([paper()])
    archive.hold([], "case-7", reason="audit", actor="ana")
    assert archive._journal.verify().holds
