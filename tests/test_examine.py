"""The short run over many documents: parts that are dealt out, in the order of the documents, with bounded size."""

import json
import zipfile

import pytest

from tieout import examine
from tieout.model.records import Document


def documents(count, size=1):
    return [Document(f"{n}.xml", b"x" * size) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "size", "workers", "sizes"),
    [
        (0, 1, 2, []),
        (2000, 1, 2, [2000]),
        (16_001, 1, 1, [16_000, 1]),
        (16_001, 1, 2, [16_000, 1]),
        (30, 10, 1, [10, 10, 10]),
        (30, 10, 2, [10, 7, 5, 3, 3, 2]),
        (3, 500, 2, [1, 1, 1]),
    ],
)
def test_parts_are_bounded_and_get_smaller_towards_the_end(monkeypatch, count, size, workers, sizes):
    monkeypatch.setattr(examine, "_PART_BYTES", 100)
    monkeypatch.setattr(examine, "_LEAST_BYTES", 30)
    given = documents(count, size if size > 1 else 0)
    parts = list(examine._parts(given, workers))
    assert [len(part) for part in parts] == sizes
    assert [each for part in parts for each in part] == given


@pytest.mark.parametrize(("count", "told"), [(12, 0), (13, 1)])
def test_several_work_only_where_there_is_enough(monkeypatch, count, told):
    monkeypatch.setattr(examine, "_LEAST_BYTES", 30)
    called = []
    list(examine._parts(documents(count, 10), 2, lambda: called.append(1)))
    assert bool(called) == bool(told)


def test_documents_of_a_zip_count_one_by_one_and_what_cannot_be_opened_keeps_its_place(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in "ab":
            archive.writestr(f"{name}.xml", "<a/>")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 not a zip")
    (tmp_path / "c.xml").write_text("<a/>", "utf-8")
    parts = examine._parts(list(examine._files([tmp_path])), 1)
    found = [each for part in parts for each in examine._unpacked(part)]
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


def test_a_json_invoice_is_judged_by_the_packs_of_its_specification(tmp_path):
    content = {
        "specification_identifier": "urn:cen.eu:en16931:2017",
        "invoice_number": "1",
        "invoice_currency_code": "EUR",
        "totals": {
            "invoice_total_amount_without_vat": 200,
            "invoice_total_vat_amount": 38,
            "invoice_total_amount_with_vat": 239,
        },
        "lines": [],
    }
    (tmp_path / "a.json").write_text(json.dumps(content), "utf-8")
    found = examine.examine([tmp_path], jobs=1)
    assert found["pack"].unique().to_list() == ["en16931"]
    assert {"BR-CO-15", "BR-16"} <= set(found["rule"])
