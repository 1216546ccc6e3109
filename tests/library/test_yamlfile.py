"""YAML: what values mean, where they stand, and the sentence for each thing that can be wrong."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.library import yamlfile
from tieout.model.errors import DefinitionError


def mistakes(text):
    return [str(each) for each in yamlfile.read(text, file="f.yaml")[1]]


def test_numbers_are_exact_and_everything_else_stays_as_written():
    node = yamlfile.load(
        "rate: 119.01\ncount: 3\nnorway: NO\nswitch: on\nagree: yes\nday: 2019-04-01\npower: 1e2\n"
        "padded: 007\nflag: true\nother: False\nnothing: ~\nempty:\nquoted: '12'\nhalf: .5\nminus: -0.10"
    )
    assert node.plain() == {
        "rate": Decimal("119.01"),
        "count": 3,
        "norway": "NO",
        "switch": "on",
        "agree": "yes",
        "day": "2019-04-01",
        "power": "1e2",
        "padded": "007",
        "flag": True,
        "other": "False",
        "nothing": None,
        "empty": None,
        "quoted": "12",
        "half": Decimal("0.5"),
        "minus": Decimal("-0.10"),
    }
    assert str(node.plain("minus")) == "-0.10"


def test_keys_are_text_as_written():
    assert list(yamlfile.load("{2019-04-01: a, NO: b, 1: c, true: d}").plain()) == ["2019-04-01", "NO", "1", "true"]


def test_every_value_and_key_knows_its_place():
    node = yamlfile.load("a: 1\nb:\n  - x\n  - {c: y}\n", file="f.yaml")
    assert str(node["b"].value[1]["c"].location) == "f.yaml:4:9"
    assert str(node["b"].value[1].keys["c"]) == "f.yaml:4:6"


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("k: a + bad", 4, "1:8"),
        ("k: 'it''s bad'", 5, "1:11"),
        ('k: "a bad"', 2, "1:7"),
        ("k: |\n    a +\n    bad\n", 4, "3:5"),
        ("k: >-\n  a +\n  bad\n", 4, "3:3"),
        ("k: a +\n   bad", 4, "2:4"),
        ("税: 发票 bad", 3, "1:7"),
        ("k: >-  # why\n\n  a\n\n  bad", 3, "5:3"),
    ],
)
def test_a_character_of_a_scalar_is_found_in_the_file(text, offset, place):
    (node,) = yamlfile.load(text).value.values()
    assert node.text[offset] == "b"
    assert str(node.at(offset)) == f"<text>:{place}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "f.yaml:2:1  'a' stands twice; the first is on line 1; keep one"),
        ("a: [1", "f.yaml:2:1  not YAML: a list '[...]' is not closed, or a comma is missing in it"),
        ("a: {b: 1\nc: 2", "f.yaml:2:2  not YAML: a mapping '{...}' is not closed, or a comma is missing in it"),
        ("a: 'x\nb: 1", "f.yaml:1:4  not YAML: a quote opened here is never closed"),
        ("a: b: c", "f.yaml:1:5  not YAML: a second ': ' on this line; put text that contains ': ' in quotes"),
        ("a:\n\tb: 1", "f.yaml:2:1  a tab in the indent; YAML wants spaces: replace each tab by two"),
        ("a: @x", "f.yaml:1:4  not YAML: this character cannot start a value; put the text in quotes"),
        ("a: %x", "f.yaml:1:4  not YAML: this character cannot start a value; put the text in quotes"),
        ("a: - b", "f.yaml:1:4  not YAML: '- ' cannot stand here; start the list on a line of its own"),
        (
            "- a\nb: 1",
            "f.yaml:2:1  not YAML: a list entry does not line up with the others; give each '- ' the same indent",
        ),
        (
            'a: "\\q"',
            "f.yaml:1:5  not YAML: an unknown '\\' escape in double quotes; use single quotes",
        ),
        ("a: *b", "f.yaml:1:4  '*b' refers to '&b', which is nowhere above"),
        ("a: &x [*x]", "f.yaml:1:8  '*x' stands inside what it refers to"),
        (
            "a: !!python/object/apply:os.system [x]",
            "f.yaml:1:4  'tag:yaml.org,2002:python/object/apply:os.system': tags are not read here; "
            "write the value without it, or quote it",
        ),
        ("a: {<<: {b: 1}}", "f.yaml:1:5  '<<' (merge) is not read; write the keys out"),
        (
            "[a]: 1",
            "f.yaml:1:1  a list or mapping cannot be a key; put text that starts with [ or { in quotes",
        ),
        ("a: 1\n---\nb: 2", "f.yaml:2:1  '---' starts a second document here; one file holds one"),
        ("a: \x07", "f.yaml:1  the character U+0007 may not stand in a YAML file; delete it"),
        ("", "f.yaml  the file is empty"),
        ("# only a comment", "f.yaml  the file is empty"),
    ],
)
def test_one_bad_file_one_clear_line(text, message):
    assert mistakes(text) == [message]


def test_several_mistakes_come_together():
    assert [each.partition("  ")[0] for each in mistakes("a: 1\na: 2\nb: !x y\nb: 3")] == [
        "f.yaml:2:1",
        "f.yaml:3:4",
        "f.yaml:4:1",
    ]


def test_an_alias_bomb_is_refused_before_it_grows():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (message,) = mistakes("\n".join(levels))
    assert message.endswith("the aliases of this file stand for more than 20000 values")


def test_an_alias_stands_for_the_value_it_names():
    assert yamlfile.load("a: &x {b: 1}\nc: *x").plain("c") == {"b": 1}


def test_deep_nesting_is_refused():
    assert mistakes("[" * 60 + "]" * 60) == ["f.yaml:1:42  more than 40 levels of lists and mappings in one another"]
    assert len(mistakes("[" * 100_000)) == 1


def test_a_file_that_is_not_there_not_utf8_or_too_large_is_one_line(tmp_path):
    missing, latin, large = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yaml"
    latin.write_bytes("a: 1\nb: Größe".encode("cp1252"))
    large.write_bytes(b"a" * 4_000_001)
    assert str(yamlfile.read(missing)[1][0]) == f"{missing}  there is no such file"
    assert str(yamlfile.read(latin)[1][0]) == f"{latin}:2  the file is not UTF-8; save it as UTF-8 in your editor"
    assert "larger than 4 MB" in str(yamlfile.read(large)[1][0])


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    node = yamlfile.load(path)
    assert node.plain() == {"a": 1}
    assert node.keys["a"].column == 1


def test_load_raises_all_mistakes_at_once():
    with pytest.raises(DefinitionError) as caught:
        yamlfile.load("a: 1\na: 2\na: 3")
    assert len(caught.value.mistakes) == 2


@given(st.text(max_size=80))
def test_any_text_is_a_tree_or_a_mistake_never_a_crash(text):
    node, wrong = yamlfile.read(text)
    assert node is not None or wrong


@given(st.text(alphabet=st.sampled_from("ab:-[]{}'\"|>&*!#, \n"), max_size=60))
def test_yaml_like_text_is_a_tree_or_a_mistake_never_a_crash(text):
    node, wrong = yamlfile.read(text)
    assert node is not None or wrong


# --- schema ---


def checked(text, schema="rules"):
    return [str(each) for each in yamlfile.check(yamlfile.load(text, file="f.yaml"), schema)]


HEAD = "pack: acme\ntitle: {en: a, zh: b}\nsource: s\nrules:\n"
RULE = "  - {id: A-1, title: {en: a, zh: b}, table: invoice, severity: fatal, check: 'true'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + RULE + ", sverity: x}", "f.yaml:5:86  unknown key 'sverity' in 'rules'; did you mean 'severity'?"),
        ("titel: {en: a, zh: b}\npack: acme\nrules: []", "f.yaml:1:1  unknown key 'titel'; did you mean 'title'?"),
        (
            HEAD + RULE.replace("fatal", "fatl") + "}",
            "f.yaml:5:64  'fatl' in 'severity': must be one of fatal, warning, information; did you mean 'fatal'?",
        ),
        (HEAD + RULE.replace("table: invoice, ", "") + "}", "f.yaml:5:5  'table' is missing in 'rules'"),
        (HEAD + RULE.replace(", check: 'true'", "") + "}", "f.yaml:5:5  'check' is missing in 'rules'"),
        (HEAD + RULE + ", terms: BT-1}", "f.yaml:5:93  'BT-1' in 'terms': must be a list"),
        (HEAD + RULE + ", terms: [1]}", "f.yaml:5:94  '1' in 'terms': must be text; put it in quotes"),
        (
            HEAD + RULE + ", valid_from: 01.04.2019}",
            "f.yaml:5:98  '01.04.2019' in 'valid_from': must be a date such as 2026-10-31",
        ),
        (
            HEAD + RULE.replace("A-1", "a1") + "}",
            "f.yaml:5:10  'a1' in 'id': must be an id of capital letters and digits in parts joined by '-', "
            "such as ACME-0001",
        ),
        (
            HEAD + RULE.replace("{en: a, zh: b}", "Title") + "}",
            "f.yaml:5:22  'Title' in 'title': must be a mapping of keys to values",
        ),
        (HEAD + RULE.replace("zh: b", "cn: b") + "}", "f.yaml:5:22  'zh' is missing in 'title'"),
        ("pack: acme\nignore: [{rule: BR-1}]", "f.yaml:2:10  'reason' is missing in 'ignore'"),
        (
            HEAD + RULE + ", params: {Max: 1}}",
            "f.yaml:5:95  'Max' cannot be a key in 'params'; must be a name of small letters, digits and '_'",
        ),
        (
            HEAD + RULE + ", params: {max: {x: 1}}}",
            "f.yaml:5:101  'x' cannot be a key in 'max'; must be a date such as 2026-10-31",
        ),
        ("pack: acme", "f.yaml:1:1  'rules' is missing"),
        ("[1]", "f.yaml:1:1  a list: must be a mapping of keys to values"),
    ],
)
def test_departures_from_the_schema_are_told_in_an_auditors_words(text, message):
    assert message in checked(text)


def test_all_departures_come_at_once_in_file_order():
    found = yamlfile.check(yamlfile.load("pack: Acme\nsorce: x\nrules:\n  - {id: 1}\n"), "rules")
    assert found == sorted(found, key=lambda each: each.location)
    assert {(each.location.line, each.text.split()[0]) for each in found} >= {(1, "'Acme'"), (2, "unknown"), (4, "'1'")}


def test_no_message_of_the_checker_names_its_own_machinery():
    for text in (HEAD + RULE + ", sverity: x}", HEAD + "  - 1", "pack: [1]", HEAD + RULE + ", tests: [{given: 1}]}"):
        for message in checked(text):
            for word in ("additionalProperties", "anyOf", "jsonschema", "dict", "NoneType", "valid under"):
                assert word not in message


def test_every_schema_is_itself_valid():
    for path in sorted(yamlfile.SCHEMAS.glob("*.schema.json")):
        yamlfile.check(yamlfile.load("{}"), path.name.removesuffix(".schema.json"))
