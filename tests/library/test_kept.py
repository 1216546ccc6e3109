"""A catalogue kept between processes: the same as one read anew, and never one of other files or another hand."""

import pytest

from tieout.library import catalog, kept
from tieout.library.catalog import Catalogue


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(catalog, "shipped", lambda kind: tmp_path / "shipped" / kind)
    folder = tmp_path / "own"
    (folder / "rules" / "validation").mkdir(parents=True)
    write(folder, "0.05")
    return folder


def write(folder, limit):
    (folder / "rules" / "validation" / "own.yaml").write_text(
        f"""
pack: own
title: {{en: Own, zh: 自有}}
source: our own
rules:
  - id: OWN-1
    title: {{en: Small, zh: 小额}}
    table: payment
    severity: warning
    check: amount < $limit
    params: {{limit: {limit}}}
    message: {{en: "too much", zh: "过大"}}
    tests:
      - {{given: {{payment: [{{amount: 0.01}}]}}, expect: pass}}
      - {{given: {{payment: [{{amount: 9}}]}}, expect: fail}}
""",
        "utf-8",
    )


def loaded(workspace):
    catalog._KEPT.clear()
    return Catalogue.load(workspace)


def limit_of(catalogue):
    return str(catalogue.rule_sets["own"].rules[0].params["limit"].values[0][1])


def refuse(*_):
    raise AssertionError("read again")


def test_the_next_process_reads_nothing_and_gets_the_same(workspace, monkeypatch):
    first = loaded(workspace)
    monkeypatch.setattr(Catalogue, "_read", refuse)
    again = loaded(workspace)
    assert again == first
    assert again is not first
    assert again.rule_sets["own"].rules[0].check.tree == first.rule_sets["own"].rules[0].check.tree


def test_a_changed_file_is_read(workspace):
    loaded(workspace)
    write(workspace, "0.07")
    assert limit_of(loaded(workspace)) == "0.07"


def test_a_changed_reader_reads_again(workspace, monkeypatch):
    loaded(workspace)
    monkeypatch.setattr(kept, "_reader", lambda: ("another",))
    monkeypatch.setattr(Catalogue, "_read", refuse)
    with pytest.raises(AssertionError, match="read again"):
        loaded(workspace)


@pytest.mark.parametrize("harm", ["others may write it", "cut off", "not ours"])
def test_what_cannot_be_trusted_or_read_is_no_cache(workspace, tmp_path, harm, monkeypatch):
    loaded(workspace)
    (file,) = (tmp_path / "cache" / "tieout").iterdir()
    if harm == "others may write it":
        file.chmod(0o666)
    elif harm == "cut off":
        file.write_bytes(file.read_bytes()[:100])
    else:
        monkeypatch.setattr(kept.os, "getuid", lambda: 4711)
    monkeypatch.setattr(Catalogue, "_read", refuse)
    with pytest.raises(AssertionError, match="read again"):
        loaded(workspace)


def test_where_nothing_can_be_kept_the_catalogue_loads_all_the_same(workspace, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert limit_of(loaded(workspace)) == "0.05"


def test_only_the_newest_catalogues_are_kept(workspace, tmp_path):
    for number in range(kept._MOST + 3):
        write(workspace, f"0.{number + 10}")
        loaded(workspace)
    assert len(list((tmp_path / "cache" / "tieout").iterdir())) == kept._MOST
