"""Match plans: one mistake a case, named with its place; the shipped plan is right and names only what there is."""

import json
from dataclasses import replace

import pytest

from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.plans import inherited, parse_plan
from tieout.library.yamlfile import SCHEMAS
from tieout.matching import platform
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


def test_a_plan_takes_over_what_it_does_not_say_and_what_it_is_based_on_must_be_there():
    base, _ = parse_plan(
        yamlfile.load(
            "plan: base\nleft: payment\nright: open_item\n"
            "names: {accept_at: 0.9, margin: 0.1}\nwords: {fee: [sha]}\npasses:\n  - {pass: a, find: party}\n"
        )
    )
    heir, _ = parse_plan(
        yamlfile.load(HEAD + "based_on: base\nnames: {margin: 0.2}\npasses:\n  - {pass: a, find: party}\n")
    )
    assert base is not None and heir is not None
    plans, wrong = inherited({"base": base, "p": heir})
    assert not wrong and plans["p"].options["words"] == {"fee": ["sha"]}
    assert {key: str(value) for key, value in plans["p"].options["names"].items()} == {
        "accept_at": "0.9",
        "margin": "0.2",
    }
    _, wrong = inherited({"bases": base, "p": heir})
    assert [mistake.text for mistake in wrong] == ["p: no match plan 'base' to be based on; did you mean 'bases'?"]
    looped = replace(base, options={"based_on": "p"})
    assert any("based on itself" in mistake.text for mistake in inherited({"base": looped, "p": heir})[1])


def test_a_plan_between_tables_that_nothing_matches_is_a_mistake():
    _, found = parse_plan(
        yamlfile.load("plan: p\nleft: invoice\nright: payment\npasses:\n  - {pass: a, find: party}\n")
    )
    assert "no plan matches invoice with payment" in str(found[0])


def test_the_schema_of_platform_plans_names_what_the_comparison_has():
    passes = json.loads((SCHEMAS / "plan_platform.schema.json").read_text("utf-8"))["properties"]["passes"]
    assert tuple(passes["items"]["properties"]["find"]["enum"]) == platform.FINDS


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
