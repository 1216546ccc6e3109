"""Files, folders and globs as documents."""

import hashlib
import os

import pytest

from tieout.connect.files import FileSource
from tieout.model.errors import SourceError
from tieout.model.records import Document


@pytest.fixture
def folder(tmp_path):
    base = tmp_path / "workspace"
    for name in ("bank/b.xml", "bank/a.xml", "bank/sub/c.xml", "bank/notes.txt", "bank/.hidden.xml", "bank/.git/x.xml"):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return base


def names(base, *patterns):
    return [d.uri if isinstance(d, Document) else str(d) for d in FileSource("s", patterns, base=base).documents()]


def test_a_document_has_its_bytes_and_their_hash(folder):
    (document,) = FileSource("s", ["bank/a.xml"], base=folder).documents()
    assert (document.uri, document.content) == ("bank/a.xml", b"bank/a.xml")
    assert document.sha256 == hashlib.sha256(b"bank/a.xml").hexdigest()


def test_globs_give_files_in_the_order_of_their_names(folder):
    assert names(folder, "bank/*.xml") == ["bank/a.xml", "bank/b.xml"]
    assert names(folder, "bank/**/*.xml") == ["bank/a.xml", "bank/b.xml", "bank/sub/c.xml"]
    assert names(folder, "bank/[ab].xml", "bank/*.xml") == ["bank/a.xml", "bank/b.xml"]


def test_a_folder_stands_for_all_that_is_below_it_but_hidden_files(folder):
    assert names(folder, "bank") == ["bank/a.xml", "bank/b.xml", "bank/notes.txt", "bank/sub/c.xml"]


def test_an_absolute_path_keeps_its_name(folder):
    path = str(folder / "bank" / "a.xml")
    assert names(folder, path) == [path]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(folder):
    (folder / "bank" / "a[1].xml").write_text("x")
    assert names(folder, "bank/a[1].xml") == ["bank/a[1].xml"]


def test_what_is_missing_comes_as_an_error_in_its_place(folder):
    found = list(FileSource("s", ["bank/a.xml", "bank/zz.xml", "none/*.xml", "bank/b.xml"], base=folder).documents())
    assert [type(each) for each in found] == [Document, SourceError, SourceError, Document]
    assert str(found[1]) == "bank/zz.xml  there is no such file"
    assert str(found[2]) == "none/*.xml  there is no file that fits"
    assert all(isinstance(each.__cause__, FileNotFoundError) for each in found[1:3])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_comes_as_an_error_in_its_place(folder):
    (folder / "bank" / "a.xml").chmod(0)
    found = list(FileSource("s", ["bank/*.xml"], base=folder).documents())
    assert "Permission denied" in str(found[0])
    assert isinstance(found[1], Document)


def test_a_pipe_is_refused_and_does_not_hang(folder):
    os.mkfifo(folder / "bank" / "c.xml")
    found = list(FileSource("s", ["bank/*.xml"], base=folder).documents())
    assert str(found[2]) == "bank/c.xml  no regular file"


def test_a_link_is_read_where_it_is_named_and_refused_where_it_is_only_found(folder, tmp_path):
    (tmp_path / "elsewhere.xml").write_text("x")
    (folder / "bank" / "link.xml").symlink_to(tmp_path / "elsewhere.xml")
    assert names(folder, "bank/link.xml") == ["bank/link.xml"]
    assert "a link that leads out of the folder" in names(folder, "bank/*.xml")[-1]
    assert any("a link that leads out" in name for name in names(folder, "bank"))


def test_a_link_within_the_folder_is_read(folder):
    (folder / "bank" / "link.xml").symlink_to(folder / "bank" / "a.xml")
    assert names(folder, "bank/*.xml")[-1] == "bank/link.xml"
