"""The overlay of examples/overlay: what it ignores, tightens and adds is what an invoice of the example is told."""

import datetime as dt
from pathlib import Path

import pytest

from tieout.formats.xml import parse
from tieout.library.catalog import Catalogue
from tieout.mapping.lens import Collector, Lens, pick
from tieout.validation.cases import run_cases
from tieout.validation.check import check

EXAMPLE = Path(__file__).parents[2] / "examples" / "overlay"


def judged(store, catalogue):
    (path,) = (EXAMPLE / "invoices").glob("*.xml")
    root = parse(path.read_bytes(), path.name)
    mapping = pick(catalogue.mappings.values(), root)
    assert mapping is not None
    collector = Collector()
    collector.add(Lens.compile(mapping), root, path.name)
    for table, frame in collector.frames().items():
        store.append(table, frame)
    check(store, [catalogue.rule_sets["xrechnung"]], as_of=dt.date(2026, 10, 31))
    return dict(store.table("finding").select("rule", "severity").iter_rows())


def test_the_shipped_profile_judges_the_invoice_as_germany_does(store):
    assert judged(store, Catalogue.load(None)) == {
        "BR-DE-27": "warning",
        "BR-DE-TMP-32": "information",
        "PEPPOL-EN16931-R008": "fatal",
    }


def test_the_overlay_ignores_tightens_and_adds(store):
    assert judged(store, Catalogue.load(EXAMPLE)) == {"BR-DE-27": "fatal", "STADT-0001": "fatal"}


def test_what_is_ignored_says_why():
    ignored = Catalogue.load(EXAMPLE).ignored
    assert set(ignored) == {"BR-DE-TMP-32", "XR-PEPPOL-EN16931-R008", "XR-PEPPOL-EN16931-R008-ROOT"}
    assert all(len(reason) > 20 for reason in ignored.values())


@pytest.mark.parametrize("id", ["STADT-0001", "BR-DE-27"])
def test_the_cases_of_what_was_changed_hold(id):
    packs = Catalogue.load(EXAMPLE).rule_sets
    outcomes = [each for each in run_cases([packs["xrechnung"]]) if each.rule == id]
    assert outcomes
    assert [each for each in outcomes if not each.holds] == []
