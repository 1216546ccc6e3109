"""JSON documents: a tree like XML's, numbers exact, hostile or broken input one line."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats import json_document, xml
from tieout.model.errors import FormatError
from tieout.model.records import Document


def read(text):
    return list(json_document.documents(Document("a.json", text.encode())))


def tree(text):
    ((name, value),) = read(text)
    return json_document.tree(value, name)


def shown(node):
    return {xml.local_name(child): child.text for child in node}


def test_members_are_elements_lists_repeat_and_null_is_absent():
    root = tree('{"a": "x", "b": [{"c": 1}, {"c": 2}], "d": null, "e": true, "f g": 1, "1h": 2}')
    assert [xml.local_name(each) for each in root] == ["a", "b", "b", "e", "f_g", "_1h"]
    assert [each[0].text for each in root if xml.local_name(each) == "b"] == ["1", "2"]


def test_the_root_is_the_only_member_where_that_is_an_object():
    assert xml.local_name(tree('{"Invoice": {"a": 1}}')) == "Invoice"
    assert xml.local_name(tree('{"a": 1}')) == "document"


@pytest.mark.parametrize("written", ["0.10", "12345678901234567890.123456789", "-0.00", "1e3", "1E-2"])
def test_a_number_stays_as_exact_as_it_is_written(written):
    text = shown(tree(f'{{"a": {written}, "b": 1}}'))["a"]
    assert Decimal(text) == Decimal(written)
    assert "e" not in text.lower()


def test_a_list_and_json_lines_hold_several_documents():
    assert [name for name, _ in read('[{"a": 1}, {"a": 2}]')] == ["a.json#1", "a.json#2"]
    assert [name for name, _ in read('{"a": 1}\n{"a": 2}\n')] == ["a.json#1", "a.json#2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": ', "no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested too deeply"),
        ('{"a": [[1]]}', "a list inside the list 'a'"),
        ('{"a": "\\u0000", "b": 1}', "a control character"),
        ("[1]", "no JSON object"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(text, words):
    with pytest.raises(FormatError) as caught:
        tree(text)
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_a_schema_names_each_place_and_counts_the_rest():
    schema = {"type": "object", "required": ["a"], "properties": {"n": {"type": "array", "items": {"type": "number"}}}}
    ((_, value),) = read('{"n": ["1", "2", "3", "4", "5", "6", 7.5]}')
    told = json_document.violations(value, schema)
    assert told.startswith(
        "the document: 'a' is a required property; n.0: '1' is a text; write a number without quotes"
    )
    assert told.endswith("; and 2 more")
    assert json_document.violations({"a": 1, "n": []}, schema) == ""


members = st.dictionaries(
    st.text("abcdefgh_", min_size=1, max_size=6),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
    | st.lists(st.dictionaries(st.just("k"), st.text("xyz", min_size=1), min_size=1), min_size=1, max_size=3),
    min_size=2,
    max_size=6,
)


@given(members)
def test_what_is_written_reads_back(value):
    lists = [name for name, each in value.items() if isinstance(each, list)]
    written = json_document.text(json_document.tree(value, "a"), lists=lists, numbers=(), flags=())
    assert json.loads(written) == value


@pytest.mark.parametrize(
    ("content", "name", "wrong", "line"),
    [
        (b'{"a": 1,\n"lines": [{},\n{"net": "x"}]}', "a.json", "lines.1.net: 'x' is a text", 3),
        (b'{"a": 1,\n"lines": [{},\n{"net": "x"}]}', "a.json", "the document: 'b' is a required property", 1),
        (b'[{"a": 1},\n{"a":\n2}]', "a.json#2", "a: 2 is not of type 'string'", 3),
        (b'{"a": 1}\n{"a": 2}', "a.json#2", "a: 2 is not of type 'string'", 2),
    ],
)
def test_a_violation_has_its_line(content, name, wrong, line):
    assert json_document.location(Document("a.json", content), name, wrong).line == line
