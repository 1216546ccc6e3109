"""Lines of the values of a JSON text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.json_lines import line_of, lines

TEXT = """{"number": "1",
  "lines": [
    {"note": "a { b, \\"c",
     "tags": [1,
              2]},
    {}],
  "seller": {"name": null}
}
{"number": 2}"""


def test_every_value_has_its_line():
    first, second = lines(TEXT)
    assert first == {
        "$": 1,
        "$.number": 1,
        "$.lines": 2,
        "$.lines[0]": 3,
        "$.lines[0].note": 3,
        "$.lines[0].tags": 4,
        "$.lines[0].tags[0]": 4,
        "$.lines[0].tags[1]": 5,
        "$.lines[1]": 6,
        "$.seller": 7,
        "$.seller.name": 7,
    }
    assert second == {"$": 9, "$.number": 9}


def test_what_is_not_there_has_the_line_of_what_encloses_it():
    (known,) = lines('{"lines": [{},\n{"item": {\n"name": "x"}}]}')
    assert [line_of(f"$.lines[1].{name}", known) for name in ("item.name", "item.price.net", "price")] == [3, 2, 2]
    assert line_of("$.lines[7]", known) == 1


def test_all_may_stand_in_the_only_member():
    (known,) = lines('{"invoice": {\n"number": 1,\n"seller": {"name": 2}}}')
    assert line_of("$.seller.name", known) == 3


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab\n"{', max_size=3), inner, max_size=4),
    max_leaves=20,
)


def paths(value, path="$"):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from paths(each, f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}")


@given(value=values)
def test_the_paths_are_those_of_the_value(value):
    (known,) = lines(json.dumps(value, indent=1))
    assert list(known) == list(dict.fromkeys(paths(value)))
    assert list(known.values()) == sorted(known.values())
