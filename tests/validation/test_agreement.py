"""Agreement with the official artefacts over all conformance documents: sets of rules, and places counted. Floors, reached.

Floors lie just below what was measured, so that a rule which loses documents is a fault here, not a figure elsewhere.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.model.records import Document, Query
from tieout.store.engine import Limits, Store
from tieout.validation.check import check

PACKS = {"en16931": "en16931", "peppol": "peppol_bis3", "xrechnung": "xrechnung"}
# Of the documents of a syntax: how many get exactly the official set of rules, and each rule at exactly as many places.
FLOORS = {
    ("en16931", "ubl"): (0.9995, 0.997),
    ("en16931", "cii"): (0.9995, 0.999),
    ("peppol", "ubl"): (0.999, 0.994),
    ("peppol", "cii"): (0.9995, 0.995),
    ("xrechnung", "ubl"): (0.9995, 0.999),
    ("xrechnung", "cii"): (0.9995, 0.9985),
}


@cache
def judged(folder: Path) -> tuple[pl.DataFrame, dict[str, dict[str, Counter[str]]]]:
    """The cases, and for each ruleset how often each rule fired in each document."""
    cases = pl.read_parquet(folder / "conformance" / "en16931" / "cases.parquet")
    catalogue = Catalogue.load(None)
    mappings = [each for each in catalogue.mappings.values() if any(table.table == "invoice" for table in each.tables)]
    found: dict[str, dict[str, Counter[str]]] = {name: {} for name in PACKS}
    for start in range(0, len(cases), 2000):
        part = cases[start : start + 2000].select("id", "xml")
        batch = read_documents([Document(id, text.encode()) for id, text in part.iter_rows()], mappings)
        with Store.create(limits=Limits(threads=1)) as store:
            for table, frame in batch.frames.items():
                if table != "finding":
                    store.append(table, frame)
            for name, pack in PACKS.items():
                check(store, [catalogue.rule_sets[pack]], as_of=dt.date(2026, 10, 31), everywhere=True)
                fired = store.fetch(Query("fired", "select source, rule, count(*) from finding group by all"))
                for id, rule, count in fired.iter_rows():
                    found[name].setdefault(id, Counter())[rule] = count
                store.clear("finding")
    return cases, found


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_documents_break_the_rules_the_official_artefacts_say_they_do(shared: Path, name: str):
    cases, found = judged(shared)
    totals: Counter[str] = Counter()
    exact: Counter[str] = Counter()
    placed: Counter[str] = Counter()
    published = []
    for row in cases.filter(~pl.col(f"{name}_oracle_error").fill_null(True)).iter_rows(named=True):
        official = Counter({rule: int(n) for rule, n in (each.rsplit(":", 1) for each in row[f"{name}_counts"] or ())})
        ours = found[name].get(row["id"], Counter())
        totals[row["syntax"]] += 1
        exact[row["syntax"]] += set(official) == set(ours)
        placed[row["syntax"]] += official == ours
        if row["kind"] == "file" and set(official) != set(ours):
            published.append((row["id"], sorted(set(official) ^ set(ours))))
    assert published == []
    for syntax, total in totals.items():
        floor, floor_of_places = FLOORS[name, syntax]
        assert exact[syntax] / total >= floor, (syntax, exact[syntax], total)
        assert placed[syntax] / total >= floor_of_places, (syntax, placed[syntax], total)
