"""The short run over many documents: parts that are dealt out, in the order of the documents, with bounded size."""

import zipfile

import pytest

from tieout import examine
from tieout.model.records import Document


def documents(count, size=1):
    return [Document(f"{n}.xml", b"x" * size) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "workers", "sizes"),
    [
        (0, 2, []),
        (2000, 2, [2000]),
        (10_000, 2, [10_000]),
        (10_001, 2, [5001, 5000]),
        (25_000, 2, [10_000, 10_000, 2500, 2500]),
        (10_001, 1, [10_000, 1]),
    ],
)
def test_documents_are_dealt_out_evenly_and_stay_in_order(count, workers, sizes):
    given = documents(count)
    parts = list(examine._parts(iter(given), workers))
    assert [len(part) for part in parts] == sizes
    assert [each for part in parts for each in part] == given


def test_a_part_is_bounded_by_the_bytes_of_its_documents(monkeypatch):
    monkeypatch.setattr(examine, "_PART_BYTES", 100)
    assert [len(part) for part in examine._parts(iter(documents(30, size=10)), 1)] == [10, 10, 10]


def test_documents_of_a_zip_count_one_by_one_and_what_cannot_be_opened_keeps_its_place(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in "ab":
            archive.writestr(f"{name}.xml", "<a/>")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 not a zip")
    (tmp_path / "c.xml").write_text("<a/>", "utf-8")
    found = list(examine._unpacked([tmp_path]))
    assert [each.uri.rpartition("/")[2] if isinstance(each, Document) else type(each).__name__ for each in found] == [
        "a.zip!a.xml",
        "a.zip!b.xml",
        "FormatError",
        "c.xml",
    ]


def test_two_processes_find_what_one_finds_in_the_same_order(tmp_path, monkeypatch):
    space = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
    for n in range(14):
        (tmp_path / f"{n:02}.xml").write_text(f'<Invoice xmlns="{space}"><x{n}/></Invoice>' if n % 5 else "<Invoice>")
    monkeypatch.setattr(examine, "_PART_DOCUMENTS", 2)
    one, two = (examine.examine([tmp_path], jobs=jobs) for jobs in (1, 2))
    assert two.equals(one)
    assert one["document"].unique(maintain_order=True).str.tail(6).to_list() == ["00.xml", "05.xml", "10.xml"]
