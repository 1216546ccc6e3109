"""Peppol BIS Billing and XRechnung: every official id has its rule, and published invoices are judged as the artefacts do."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tieout.formats import xml
from tieout.library.catalog import Catalogue
from tieout.mapping.lens import Collector, Lens, pick
from tieout.store.engine import Store
from tieout.validation.check import check

AGREEMENT = 0.99
"""Of the published documents: how many get exactly the official set of ids, warnings included."""
PROFILES = {"peppol_bis3": "peppol", "xrechnung": "xrechnung"}
OFFICIAL = {
    "peppol_bis3": ("rules_peppol_ubl.csv",),
    "xrechnung": ("rules_xrechnung_ubl.csv", "rules_xrechnung_cii.csv"),
}


@cache
def catalogue() -> Catalogue:
    return Catalogue.load(None)


@pytest.mark.parametrize("pack", PROFILES)
def test_every_official_id_has_its_rule_with_the_official_severity(pack, shared: Path):
    folder = shared / "conformance" / "en16931"
    official: dict[str, set[str]] = defaultdict(set)
    for name in OFFICIAL[pack]:
        for id, severity in pl.read_csv(folder / name, infer_schema=False).iter_rows():
            official[id].add(severity)
    ours: dict[str, set[str]] = defaultdict(set)
    for rule in catalogue().rule_sets[pack].rules:
        ours[rule.finding_id].add(rule.severity)
    assert sorted(set(official) - set(ours)) == []
    assert {id: ours[id] for id in official if not ours[id] <= official[id]} == {}


@pytest.mark.parametrize("pack", PROFILES)
def test_parts_of_a_rule_report_as_the_rule(pack):
    rules = {rule.id: rule for rule in catalogue().rule_sets[pack].rules}
    parts = [rule for rule in rules.values() if rule.reported_as in rules]
    assert parts or pack == "xrechnung"  # whose rules shared with Peppol all have ids of their own
    assert [rule.id for rule in parts if not rule.id.startswith(rule.reported_as)] == []
    assert [rule.id for rule in parts if rule.severity != rules[rule.reported_as].severity] == []


@pytest.mark.parametrize("pack", PROFILES)
def test_a_profile_is_chosen_by_the_specification_of_a_document(pack):
    applies = catalogue().rule_sets[pack].applies
    assert all(prefix.startswith("urn:cen.eu:en16931:2017#compliant#") for prefix in applies["specification"])
    assert set(applies["syntax"]) == {"ubl", "cii", "json"}


@pytest.mark.slow
@pytest.mark.parametrize("pack", PROFILES)
def test_published_documents_are_judged_as_the_official_artefacts_judge_them(pack, shared: Path):
    name = PROFILES[pack]
    cases = pl.read_parquet(shared / "conformance" / "en16931" / "cases.parquet")
    cases = cases.filter((pl.col("kind") == "file") & (pl.col(f"{name}_oracle_error") == False)).gather_every(3)  # noqa: E712 - a column of polars
    found = fired(pack, dict(cases.select("id", "xml").iter_rows()))
    missed: Counter[str] = Counter()
    false: Counter[str] = Counter()
    exact = 0
    for id, fatal, warning in cases.select("id", f"{name}_fatal", f"{name}_warning").iter_rows():
        official = {*(fatal or ()), *(warning or ())}
        exact += official == found[id]
        missed.update(official - found[id])
        false.update(found[id] - official)
    assert exact / len(cases) >= AGREEMENT, (missed.most_common(9), false.most_common(9))


def fired(pack: str, documents: dict[str, str]) -> dict[str, set[str]]:
    """The official ids that each document breaks, whatever specification it names."""
    lenses: dict[str, Lens] = {}
    collector = Collector()
    for id, text in documents.items():
        root = xml.parse(text.encode(), id)
        mapping = pick(catalogue().mappings.values(), root)
        assert mapping is not None, id
        if mapping.id not in lenses:
            lenses[mapping.id] = Lens.compile(mapping)
        collector.add(lenses[mapping.id], root, id)
    found: dict[str, set[str]] = {id: set() for id in documents}
    with Store.create() as store:
        for table, frame in collector.frames().items():
            store.append(table, frame)
        check(store, [catalogue().rule_sets[pack]], as_of=dt.date(2026, 10, 31), everywhere=True)
        for object_id, rule in store.table("finding").select("object_id", "rule").iter_rows():
            found[object_id.partition("/")[0]].add(rule)
    return found
