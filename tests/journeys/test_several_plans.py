"""A workspace names one match plan or several: in its order, each known, none twice."""

import pytest

from tests.journeys.conftest import SETTINGS
from tieout.model.errors import DefinitionError
from tieout.workspace import open_workspace


def opened(folder, matching):
    (folder / "tieout.yaml").write_text(SETTINGS.replace("matching: receivables", f"matching: {matching}"), "utf-8")
    return [plan.id for plan in open_workspace(folder).plans]


def test_one_plan_or_several_are_named(tmp_path):
    assert opened(tmp_path, "receivables") == ["receivables"]
    assert opened(tmp_path, "[payables, receivables, three_way]") == ["payables", "receivables", "three_way"]


@pytest.mark.parametrize(
    ("matching", "says"),
    [
        ("[receivables, payable]", "no match plan 'payable'; did you mean 'payables'?"),
        ("[payables, payables]", "the match plan 'payables' stands there twice"),
    ],
)
def test_a_plan_that_is_unknown_or_named_twice_is_a_mistake_with_its_place(tmp_path, matching, says):
    with pytest.raises(DefinitionError) as caught:
        opened(tmp_path, matching)
    assert any(says in str(mistake) and "tieout.yaml:8" in str(mistake) for mistake in caught.value.mistakes)
