"""JSON and JSON lines as frames of text."""

import pytest

from tieout.formats import json
from tieout.model.errors import FormatError
from tieout.model.records import Document


def read(text, **settings):
    return json.read(Document("a.json", text.encode()), settings)[0]["row"]


def test_nested_members_stand_under_dotted_names_and_numbers_stay_exact():
    frame = read('[{"id": 1, "party": {"name": "A", "vat": null}, "amount": 119.010}, {"id": 2, "paid": true}]')
    assert frame.to_dicts() == [
        {"id": "1", "party.name": "A", "party.vat": None, "amount": "119.010", "paid": None, "line": 1},
        {"id": "2", "party.name": None, "party.vat": None, "amount": None, "paid": "true", "line": 2},
    ]


def test_json_lines_know_their_line():
    frame = read('{"id": "a"}\n\n{"id": "b"}\n')
    assert frame.to_dicts() == [{"id": "a", "line": 1}, {"id": "b", "line": 3}]


def test_the_list_of_records_is_found_or_named():
    assert read('{"page": 1, "items": [{"id": "a"}]}')["id"].to_list() == ["a"]
    assert read('{"data": {"items": [{"id": "a"}], "more": []}}', records="data.items")["id"].to_list() == ["a"]
    with pytest.raises(FormatError, match="name it in the mapping"):
        read('{"one": [{"id": 1}], "two": [{"id": 2}]}')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[{]", "no JSON"),
        ('[{"a": NaN}]', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no records"),
        ("[1, 2]", "record 1 is no object"),
        ('{"a": 1}\n{"a": \n', "no JSON"),
    ],
)
def test_what_is_no_list_of_records_is_refused_in_one_line(text, says):
    with pytest.raises(FormatError, match=says) as caught:
        read(text)
    assert "\n" not in str(caught.value)
