"""Golden documents (tests/golden/xml): what is read of each stands beside it as JSON, and what is written is the document.

After a wanted change: TIEOUT_REFRESH_GOLDEN=1 pytest tests/mapping/test_lens_golden.py, and read the diff.
"""

import json
import os
import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tieout.formats.xml import Element, parse
from tieout.library import catalog, mappings, yamlfile
from tieout.mapping.lens import Collector, Lens, pick, write
from tieout.model.definitions import Field, Mapping, TableMapping

BESIDE = {"as_written", "element_place", "element_shape"}
GOLDEN = Path(__file__).parents[1] / "golden" / "xml"
DOCUMENTS = sorted(path.stem for path in GOLDEN.glob("*.xml"))


@cache
def shipped() -> tuple[Mapping, ...]:
    found = []
    for path in sorted(catalog.shipped("mappings").rglob("*.yaml")):
        mapping, _ = mappings.parse_mapping(yamlfile.load(path))
        if mapping is not None and mapping.format == "xml":
            found.append(mapping)
    return tuple(found)


def document(name: str) -> tuple[Mapping, Element]:
    root = parse((GOLDEN / f"{name}.xml").read_bytes(), name)
    mapping = pick(shipped(), root)
    assert mapping is not None
    return mapping, root


def rows(mapping: Mapping, root: Element) -> dict[str, list[dict[str, object]]]:
    collector = Collector()
    collector.add(Lens.compile(mapping), root, "golden.xml")
    assert collector.findings == ()
    return {table: frame.to_dicts() for table, frame in collector.frames().items() if table not in BESIDE}


def leaves(element: Element, path: str = "") -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Every element with its path, text (numbers by value) and attributes, in document order."""
    here = f"{path}/{element.tag}"
    text = (element.text or "").strip()
    if re.fullmatch(r"-?\d+\.?\d*", text):
        text = str(Decimal(text).normalize())
    return [(here, text, tuple(sorted(element.attrib.items())))] + [x for child in element for x in leaves(child, here)]


def test_there_is_a_golden_document_of_every_family():
    assert {document(name)[0].id for name in DOCUMENTS} == {
        "ubl.invoice",
        "ubl.credit_note",
        "cii.invoice",
        "cn.einvoice",
        "camt.053",
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_golden_document_is_read_as_it_was(name):
    found = {
        table: [{k: v for k, v in row.items() if v is not None} for row in part]
        for table, part in rows(*document(name)).items()
    }
    text = json.dumps(found, ensure_ascii=False, indent=1, default=str) + "\n"
    expected = GOLDEN / f"{name}.json"
    if os.environ.get("TIEOUT_REFRESH_GOLDEN"):
        expected.write_text(text, "utf-8")
    assert json.loads(text) == json.loads(expected.read_text("utf-8"))


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("camt")])
def test_a_golden_document_is_written_element_for_element(name):
    mapping, root = document(name)
    content = write(mapping, rows(mapping, root))
    assert leaves(parse(content, name)) == leaves(root)


def _only_beside(column: str) -> bool:
    """What is only read (the gross price's own base quantity, what a sub-line stands in, what EN 16931 lacks), and what
    stands where it should not."""
    return column.endswith("_plain_scheme") or column.startswith(
        ("item_gross_price_base_quantity", "parent_sub_invoice_line", "parent_line", "line_delivery")
    )


def _only_read(block: TableMapping, field: Field) -> bool:
    """What is read beside the terms and not written, and so need not stand in a document that is written back whole."""
    return "no" in (block.options.get("write"), field.options.get("write")) or "count" in field.options


@pytest.mark.parametrize("name", ["ubl_invoice", "ubl_credit_note", "cii_invoice"])
def test_the_golden_invoices_use_every_column_of_their_mapping(name):
    mapping, root = document(name)
    found = rows(mapping, root)
    unused = [
        f"{block.table}.{field.column}"
        for block in mapping.tables
        for field in block.fields
        if all(row[field.column] is None for row in found[block.table])
        and not (_only_read(block, field) or _only_beside(field.column))
    ]
    assert unused == []
