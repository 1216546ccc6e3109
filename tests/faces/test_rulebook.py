"""The catalogue as pages: every rule is there with its words, terms and cases; what auditors write is escaped."""

import re

import pytest

from tieout.faces.rulebook import write_rulebook
from tieout.library.catalog import Catalogue
from tieout.model.errors import SourceError, TieoutError

OURS = """pack: ours
title: {en: Ours <script>, zh: 本单位}
source: our handbook
rules:
  - id: OURS-1
    title: {en: "A <b>reference</b> is given", zh: 须有参考号}
    table: invoice
    severity: warning
    check: buyer_reference is not null
    rationale: '{{ 7 * 7 }} <img src=x onerror=alert(1)>'
    tests:
      - {given: {buyer_reference: x}, expect: pass}
      - {given: {}, expect: fail}
ignore:
  - {rule: PAY-ZERO, reason: "<i>not ours</i>"}
"""


@pytest.fixture
def catalogue(tmp_path):
    folder = tmp_path / "ws" / "rules" / "validation"
    folder.mkdir(parents=True)
    (folder / "ours.yaml").write_text(OURS, encoding="utf-8")
    return Catalogue.load(tmp_path / "ws")


def test_every_rule_has_its_place_on_the_page_of_its_pack(tmp_path):
    catalogue = Catalogue.load(None)
    written = write_rulebook(catalogue, tmp_path / "book")
    assert written[0].name == "index.html"
    assert {each.stem for each in written[1:]} == set(catalogue.rule_sets)
    for pack in catalogue.rule_sets.values():
        page = (tmp_path / "book" / f"{pack.pack}.html").read_text(encoding="utf-8")
        assert re.findall(r'<article id="([^"]+)"', page) == [rule.id for rule in pack.rules]
        assert not re.search(r'(src|href)="(https?:)?//', page)


def test_a_rule_is_shown_in_words_terms_and_cases(tmp_path):
    write_rulebook(Catalogue.load(None), tmp_path, pack="en16931")
    page = (tmp_path / "en16931.html").read_text(encoding="utf-8")
    (rule,) = re.findall(r'<article id="BR-02">.*?</article>', page, re.S)
    for words in (
        "invoice number (BT-1) is given",
        "发票号码",
        "<code>rules/validation/en16931/",
        "cases 个用例",
        "select",
    ):
        assert words in rule


def test_what_auditors_write_is_text_and_never_markup(tmp_path, catalogue):
    write_rulebook(catalogue, tmp_path / "book")
    page = (tmp_path / "book" / "ours.html").read_text(encoding="utf-8")
    index = (tmp_path / "book" / "index.html").read_text(encoding="utf-8")
    assert "A &lt;b&gt;reference&lt;/b&gt; is given" in page
    assert "{{ 7 * 7 }} &lt;img" in page
    assert "Ours &lt;script&gt;" in index
    assert "&lt;i&gt;not ours&lt;/i&gt;" in index


def test_markdown_has_the_same_rules(tmp_path, catalogue):
    write_rulebook(catalogue, tmp_path / "book", to="markdown", pack="payments")
    page = (tmp_path / "book" / "payments.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)$", page, re.M) == [rule.id for rule in catalogue.rule_sets["payments"].rules]


def test_mistakes_are_one_sentence(tmp_path, catalogue):
    with pytest.raises(TieoutError, match="choose one of html, markdown"):
        write_rulebook(catalogue, tmp_path, to="pdf")
    with pytest.raises(TieoutError, match="no rule pack 'none'"):
        write_rulebook(catalogue, tmp_path, pack="none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceError, match="cannot be written"):
        write_rulebook(catalogue, tmp_path / "file")
