"""Parts of documents that are made alike are read as the walk would read each of them."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mapping.test_inventory import LENS, trees
from tieout.formats.xml import parse
from tieout.mapping import section, walk
from tieout.mapping.lens import Collector


def frames(bodies, *, sections=True):
    collector = Collector()
    with pytest.MonkeyPatch.context() as patch:
        if not sections:
            patch.setattr(walk, "section_of", lambda *_: None)
        for n, body in enumerate(bodies):
            content = f'<Doc xmlns="urn:a" xmlns:x="urn:x" xmlns:y="urn:y">\n{body}</Doc>'
            collector.add(LENS, parse(content.encode(), "a"), str(n))
        made = collector.frames()
    beside = ("element_shape", "element_place", "as_written")
    return {name: made[name].sort(pl.all()) if name in beside else made[name] for name in made}, collector.findings


def same(bodies):
    one, found = frames(bodies)
    other, expected = frames(bodies, sections=False)
    assert one.keys() == other.keys()
    for name, frame in one.items():
        assert frame.equals(other[name]), name
    assert found == expected


@settings(max_examples=40)
@given(st.lists(trees, max_size=4), st.integers(1, 3))
def test_documents_made_alike_are_read_as_each_alone_would_be(bodies, times):
    same(["\n".join(bodies), *["".join(bodies)] * times])


PARTY = "<Party><Kind>{}</Kind><Name>{}</Name></Party>"
LINE = "<Line><Net>{}</Net><Quantity>{}</Quantity><Charge><Amount>{}</Amount></Charge></Line>"


def test_a_predicate_is_decided_for_each_section_by_its_own_text():
    made, _ = frames([PARTY.format(kind, kind * 2) for kind in "SBSSB"])
    assert made["invoice"]["seller_name"].to_list() == ["SS", None, "SS", "SS", None]


def test_texts_that_do_not_fit_are_found_in_sections_too():
    same([LINE.format("1.00", "1", "2") + LINE.format("x", " 1.0", "+1"), LINE.format("", "1e2", "2.123456789")])


def test_sections_that_are_never_made_alike_are_given_up(monkeypatch):
    monkeypatch.setattr(section, "_TRIED", 2)
    same([f"<Party><Kind>S</Kind><x:N{n}/></Party>" for n in range(6)])


def test_a_section_that_is_too_large_is_walked(monkeypatch):
    monkeypatch.setattr(section, "LARGEST", 3)
    same([LINE.format("1", "2", "3") * 2] * 2)
