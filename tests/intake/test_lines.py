"""A run's findings have the line of what they name, as those of ``validate``."""

import datetime as dt
import zipfile

import pytest

from tests.journeys.conftest import UBL
from tieout.connect.files import FileSource
from tieout.examine import examine
from tieout.intake import Input, closer_lines, take_in
from tieout.library.catalog import Catalogue
from tieout.mapping.places import Places
from tieout.replay import NoProgress
from tieout.store.engine import Store
from tieout.validation import check

# Every element stands on a line of its own; the unit of the line is none.
INVOICE = UBL.format(number="1").replace("><c", ">\n<c").replace('unitCode="C62"', 'unitCode="CRATE"')
RULES = ["en16931"]


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.load(None)


@pytest.fixture
def run(catalogue, tmp_path):
    """The findings (document, rule, path, line) after the rules, and those after the closer lines were asked for."""

    def run(*patterns, between=lambda: None):
        mappings = list(catalogue.mappings.values())
        inputs = [Input("e", FileSource("e", patterns, base=tmp_path))]
        with Store.create() as store:
            take_in(store, inputs, mappings, progress=NoProgress())
            packs = [catalogue.rule_sets[name] for name in RULES]
            check.check(store, packs, as_of=dt.date(2026, 10, 31), locator=Places(mappings))
            before = store.table("finding")
            between()
            changed = closer_lines(store, inputs, mappings)
            after = store.table("finding")
        assert before.drop("line").equals(after.drop("line"))
        assert changed == (before["line"] != after["line"]).sum()
        wanted = ["source", "rule", "path", "line"]
        return before.select(wanted).rows(), after.select(wanted).rows()

    return run


def validated(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    found = examine([tmp_path.relative_to(tmp_path) / name], packs=RULES, jobs=1)
    return found.select("document", "rule", "path", "line").rows()


@pytest.mark.parametrize("name", ["a.xml", "a.zip"])
def test_a_run_gives_the_lines_that_validate_gives(run, tmp_path, monkeypatch, name):
    (tmp_path / "a.xml").write_text(INVOICE, "utf-8")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.xml", "a.xml")
    before, after = run(name)
    assert before != after and sorted(after) == sorted(validated(tmp_path, monkeypatch, name))
    assert any('unitCode="CRATE"' in INVOICE.splitlines()[line - 1] for *_, line in after)


def test_a_file_that_is_gone_or_another_by_now_keeps_the_lines_of_its_rows(run, tmp_path):
    file = tmp_path / "a.xml"
    file.write_text(INVOICE, "utf-8")
    before, after = run("a.xml", between=file.unlink)
    assert before == after
    file.write_text(INVOICE, "utf-8")
    before, after = run(
        "a.xml", between=lambda: file.write_text("\n\n" + INVOICE[INVOICE.index("<Invoice") :], "utf-8")
    )
    assert before == after


def test_only_files_with_findings_are_read_again(run, tmp_path, monkeypatch):
    from tieout.connect import files

    (tmp_path / "a.xml").write_text(INVOICE, "utf-8")
    (tmp_path / "b.csv").write_text("a;b\n", "utf-8")
    (tmp_path / "c.xml").write_text("<unknown/>", "utf-8")
    read, real = [], files._read

    def noted(uri, path):
        read.append(uri)
        return real(uri, path)

    run("a.xml", "b.csv", "c.xml", between=lambda: monkeypatch.setattr(files, "_read", noted))
    assert read == ["a.xml"]
