"""The paths of findings: of documents made here, and against the places the official artefacts name."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict

import polars as pl
import pytest

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.mapping.places import Places
from tieout.model.records import Document
from tieout.store.engine import Store
from tieout.validation.check import check

CATALOGUE = Catalogue.load(None)
MAPPINGS = [m for m in CATALOGUE.mappings.values() if any(t.table in ("invoice", "invoice_line") for t in m.tables)]
UBL = """<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">{}</Invoice>"""


def findings(documents: dict[str, bytes], *packs: str) -> pl.DataFrame:
    batch = read_documents([Document(name, content) for name, content in documents.items()], MAPPINGS)
    with Store.create() as store:
        for name, frame in batch.frames.items():
            store.append(name, frame)
        sets = [CATALOGUE.rule_sets[pack] for pack in packs]
        check(store, sets, as_of=dt.date(2026, 10, 31), everywhere=True, locator=Places(MAPPINGS))
        return store.table("finding")


def places(found: pl.DataFrame, rule: str) -> list[tuple[str, int]]:
    return found.filter(pl.col("rule") == rule).select("path", "line").rows()


def test_each_offending_row_has_a_finding_with_its_position_and_line():
    lines = "\n".join(f"<cac:InvoiceLine><cbc:ID>{n}</cbc:ID></cac:InvoiceLine>" for n in ("1", "", "3"))
    found = findings({"a.xml": UBL.format(lines).encode()}, "en16931")
    assert places(found, "BR-22") == [(f"/Invoice/cac:InvoiceLine[{n}]/cbc:InvoicedQuantity", n + 2) for n in (1, 2, 3)]


def test_a_value_of_the_invoice_has_the_line_of_what_encloses_it():
    # The root's start tag ends on line 3.
    total = "\n\n<cac:LegalMonetaryTotal>\n<cbc:PayableAmount currencyID='EUR'>1.234</cbc:PayableAmount></cac:LegalMonetaryTotal>"
    found = findings({"a.xml": UBL.format(total).encode()}, "en16931")
    assert places(found, "BR-DEC-18") == [("/Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount", 5)]
    assert places(found, "BR-02") == [("/Invoice/cbc:ID", 3)]


def test_rules_on_elements_number_every_step_that_repeats():
    line = "<cac:InvoiceLine><cac:Item>{}</cac:Item></cac:InvoiceLine>"
    content = UBL.format("\n".join(line.format(each) for each in ("<cbc:Name>a</cbc:Name>", "<cbc:Description/>" * 2)))
    wanted = "/Invoice/cac:InvoiceLine[2]/cac:Item/cbc:Description"
    found = findings({"a.xml": content.encode()}, "peppol_bis3", "en16931")
    assert wanted in [path for path, _ in places(found, "PEPPOL-EN16931-R008")]
    assert places(found, "UBL-SR-50") == [(wanted, 4)]
    assert places(found, "UBL-SR-48") == [("/Invoice/cac:InvoiceLine[1]", 3), ("/Invoice/cac:InvoiceLine[2]", 4)]


def test_rows_in_rows_are_numbered_within_each():
    part = "<cac:TaxSubtotal><cac:TaxCategory><cbc:ID>{}</cbc:ID></cac:TaxCategory></cac:TaxSubtotal>"
    total = "<cac:TaxTotal>{}</cac:TaxTotal>"
    content = UBL.format(total.format(part.format("S")) + total.format(part.format("S") + part.format("Q")))
    found = findings({"a.xml": content.encode()}, "en16931")
    (path,) = {path for path, _ in places(found, "BR-CL-17")}
    assert path == "/Invoice/cac:TaxTotal[2]/cac:TaxSubtotal[2]/cac:TaxCategory/cbc:ID"


def test_json_and_tables_name_the_place_in_their_own_way():
    content = b'{"invoice_number": "1", "lines": [{}, {"invoiced_item_vat_category_code": "Q"}]}'
    found = findings({"a.json": content}, "en16931")
    assert places(found, "BR-CL-18")[0][0] == "$.lines[1].invoiced_item_vat_category_code"


@pytest.mark.parametrize("every", [pytest.param(40, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_findings_stand_where_the_official_artefacts_say(shared, every):
    """Ours is the official place, within it, around it or beside it in the same element, each position the same.

    What is counted through all lines of a document is compared by its names.
    """
    folder = shared / "conformance" / "en16931"
    cases = pl.read_parquet(folder / "cases.parquet").gather_every(every)
    official = defaultdict(list)
    for id, rule, place in pl.read_parquet(folder / "locations.parquet").filter(pl.col("ruleset") == "en16931").select("id", "rule", "location").iter_rows():  # fmt: skip
        official[id, rule].append(steps(place))
    agreement: Counter[bool] = Counter()
    for start in range(0, len(cases), 2000):
        part = {id: text.encode() for id, text in cases[start : start + 2000].select("id", "xml").iter_rows()}
        for id, rule, path in findings(part, "en16931").select("source", "rule", "path").iter_rows():
            if (id, rule) in official:
                agreement[any(together(path or "", place) for place in official[id, rule])] += 1
    assert agreement[True] / agreement.total() >= 0.999


def steps(path: str) -> list[tuple[str, int | None]]:
    bare = re.sub(r"\[[^\]\d][^\]]*\]|\{[^}]*\}", "", path)
    names = [re.fullmatch(r"(?:\w+:)?(.*?)(?:\[(\d+)\])?", step) for step in bare.strip("/").split("/")]
    return [(each[1], int(each[2]) if each[2] else None) for each in names if each]


def together(path: str, theirs: list) -> bool:
    ours, numbered = steps(re.sub(r"^\((.*)\)\[\d+\]", r"\1", path)), not path.startswith("(")

    def same(count: int) -> bool:
        pairs = zip(ours[:count], theirs[:count], strict=True)
        return all(a[0] == b[0] and ((a[1] or 1) == b[1] or not numbered) for a, b in pairs)

    least = min(len(ours), len(theirs))
    return same(least) or (same(least - 1) and least > 2)


def test_a_value_that_does_not_fit_has_its_path_too():
    line = "<cac:InvoiceLine><cac:AllowanceCharge><cbc:Amount>x</cbc:Amount></cac:AllowanceCharge></cac:InvoiceLine>"
    batch = read_documents([Document("a.xml", UBL.format(line * 2).encode())], MAPPINGS)
    found = batch.frames["finding"].filter(pl.col("rule") == "IN-VALUE")
    wanted = "/Invoice/cac:InvoiceLine[{}]/cac:AllowanceCharge[1]/cbc:Amount"
    assert sorted(found["path"]) == [wanted.format(1), wanted.format(2)]
