"""Match plans: one mistake a case, named with its place; the shipped plan is right and names only what there is."""

import json

import pytest

from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.plans import parse_plan
from tieout.library.yamlfile import SCHEMAS
from tieout.matching.assign import STRATEGIES
from tieout.matching.reconcile import PASSES
from tieout.matching.score import METHODS

HEAD = "plan: p\nleft: payment\nright: open_item\n"


def mistakes(text):
    _, found = parse_plan(yamlfile.load(HEAD + text, file="p.yaml"))
    return [str(mistake) for mistake in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("passes: []\n", "p.yaml:4"),
        ("passes:\n  - {pass: a, find: party}\n  - {pass: a, find: sum}\n", "p.yaml:6:12"),
        ("passes:\n  - {pass: a, find: partyy}\n", "party"),
        ("passes:\n  - {pass: a, find: party, discuont: true}\n", "discount"),
        ("passes:\n  - {pass: a, find: candidates, block: [curency]}\n", "currency"),
        ("passes:\n  - {pass: a, find: candidates, block: ['payment.amount == 3']}\n", "is no condition"),
        ("passes:\n  - {pass: a, find: candidates, block: ['payment.amount = payment.currency']}\n", "must compare"),
        (
            "passes:\n  - pass: a\n    find: candidates\n    compare: [{payment: nam, open_item: text, method: ratio}]\n",
            "no column 'nam' in table payment",
        ),
        ("passes:\n  - {pass: a, find: sum, chance: 2}\n", "p.yaml:5"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, expected):
    found = mistakes(text)
    assert len(found) == 1 and expected in found[0], found


def test_a_block_is_read_into_its_parts():
    plan, _ = parse_plan(
        yamlfile.load(
            HEAD
            + "passes:\n  - {pass: a, find: candidates, block: [currency, 'key(payment.end_to_end_id) = key(open_item.reference)']}\n"
        )
    )
    assert plan is not None
    first, second = plan.passes[0].options["block"]
    assert (first["left"], first["right"], first["sign"]) == ("currency", "currency", "=")
    assert (second["left_form"], second["left"], second["right_form"], second["right"]) == (
        "key",
        "end_to_end_id",
        "key",
        "reference",
    )


def test_the_shipped_plans_are_right():
    for path in sorted((shipped("rules") / "matching").glob("*.yaml")):
        plan, found = parse_plan(yamlfile.load(path))
        assert plan is not None and not found, found


def test_the_schema_names_what_matching_has():
    properties = json.loads((SCHEMAS / "plan.schema.json").read_text("utf-8"))["properties"]["passes"]["items"][
        "properties"
    ]
    assert set(properties["find"]["enum"]) == set(PASSES)
    assert set(properties["assign"]["enum"]) == set(STRATEGIES)
    assert set(properties["compare"]["items"]["properties"]["method"]["enum"]) == set(METHODS) | {
        "name",
        "days",
        "amount",
    }
