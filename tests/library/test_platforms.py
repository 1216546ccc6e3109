"""Platform files: every mistake at once, with its place and what to do."""

from __future__ import annotations

import pytest

from tieout.connect.platform_functions import PlatformFunctions
from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.platforms import parse_platform
from tieout.model.platforms import FUNCTIONS, places

GOOD = """platform: ours
base_url: https://platform.example
settings: {key: Our key}
auth: {kind: api_key, header: X-Key, value: "{settings.key}"}
idempotency: {header: Idempotency-Key, repeat: safe}
submit:
  method: POST
  path: /invoices
  json: {number: "{document.number}"}
  answer: {platform_id: "{reply.id}"}
poll:
  method: GET
  path: /invoices/{transmission.platform_id}
  answer: {status: "{reply.status}"}
statuses: {accepted: [ok], rejected: [no]}
"""


def mistakes(text):
    node, found = yamlfile.read(text, file="ours.yaml")
    assert not found
    return [str(each) for each in parse_platform(node)[1]]


def test_a_good_file_has_no_mistakes():
    assert mistakes(GOOD) == []


@pytest.mark.parametrize("path", sorted((shipped("mappings") / "platforms").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_file_is_good_and_named_as_its_file(path):
    plan, found = parse_platform(yamlfile.load(path))
    assert not found and plan.id == path.stem
    assert plan.title.zh and all(each.zh for each in plan.settings.values())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{settings.key}", "{settings.kee}", "ours.yaml:4:46  the setting 'kee' is not declared under 'settings'; did you mean 'key'?"),
        ("{document.number}", "{documnt.number}", "ours.yaml:9:19  no name 'documnt' to take a value from; did you mean 'document'?"),
        ("{reply.id}", "{bas64(reply.id)}", "ours.yaml:10:26  no function 'bas64'; did you mean 'base64'?"),
        ("{reply.id}", "{reply..id}", "is no JMESPath expression"),
        ("{reply.id}", "{reply.id", "'{' is never closed"),
        ("repeat: safe", "repeat: unsafe", "'lookup' must say how to ask before"),
        ("rejected: [no]", "", "none of the platform's words means 'rejected'"),
        ("header: X-Key, ", "", "api_key needs 'header'"),
        ("poll:", "pol:", "unknown key 'pol'; did you mean 'poll'?"),
        ("kind: api_key", "kind: api_kee", "did you mean 'api_key'?"),
        ("https://platform.example", "platform.example", "must be an address that starts with https://"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(old, new, expected):
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(expected in each for each in found), found
    assert all(each.startswith("ours.yaml:") for each in found)


def test_all_mistakes_come_at_once():
    text = GOOD.replace("{settings.key}", "{settings.kee}").replace("{reply.id}", "{bas64(reply.id)}")
    assert len(mistakes(text)) == 2


def test_a_platform_from_which_no_status_could_come_is_a_mistake():
    start, end = GOOD.index("poll:"), GOOD.index("statuses:")
    assert "no status could ever arrive" in mistakes(GOOD[:start] + GOOD[end:])[0]


def test_functions_that_a_file_may_call_are_those_there_are():
    known = {name.removeprefix("_func_") for name in vars(PlatformFunctions) if name.startswith("_func_")}
    assert known == set(FUNCTIONS)


def test_places_are_found_through_braces_and_quotes():
    text = "a {b} {{c {d.{e: f}} {g('}')}"
    assert [expression for expression, _, _ in places(text)] == ["b", "d.{e: f}", "g('}')"]
