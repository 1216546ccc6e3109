"""What people decided, as the journal tells it."""

from tieout.cases.decisions import decisions, verdict_on_pair
from tieout.cases.work import move
from tieout.store.fold import Entry


def opened(journal, *numbers):
    with journal.writing() as session:
        facts = {"reason": "ambiguous", "object_table": "payment", "queue": "cash", "fingerprint": "f"}
        facts |= {"as_of": "2026-10-31", "run_id": "r1"}
        session.append(
            [Entry(f"case:EX-{n}", "case_opened", "tieout", payload={**facts, "object_id": f"P{n}"}) for n in numbers]
        )


def test_a_decision_carries_the_items_that_a_person_named(journal):
    opened(journal, 1)
    move(journal, "EX-1", "resolved", actor="mia", reason="phoned them", payload={"pays": ["I1"], "not": ["I2"]})
    (decision,) = decisions(journal).values()
    assert (decision.object_id, decision.state, decision.actor, decision.text) == (
        "P1",
        "resolved",
        "mia",
        "phoned them",
    )
    assert [verdict_on_pair(decision, item) for item in ("I1", "I2", "I3")] == [True, False, False]


def test_who_approves_a_proposal_approves_the_items_it_names(journal):
    opened(journal, 1)
    move(journal, "EX-1", "proposed", actor="mia", reason="likely", payload={"pays": ["I1"]})
    assert decisions(journal) == {}, "a proposal decides nothing"
    move(journal, "EX-1", "resolved", actor="zoe", reason="yes")
    assert decisions(journal)["EX-1"].pays == {"I1"}
    assert decisions(journal)["EX-1"].actor == "zoe"


def test_only_excluded_items_say_nothing_of_the_others(journal):
    opened(journal, 1)
    move(journal, "EX-1", "resolved", actor="mia", reason="not that", payload={"not": ["I2"]})
    decision = decisions(journal)["EX-1"]
    assert [verdict_on_pair(decision, item) for item in ("I1", "I2")] == [None, False]


def test_what_was_reopened_or_closed_by_a_run_is_no_decision(journal):
    opened(journal, 1, 2, 3)
    move(journal, "EX-1", "resolved", actor="mia", reason="done", payload={"pays": ["I1"]})
    move(journal, "EX-1", "reopened", actor="mia", reason="not done")
    with journal.writing() as session:
        session.append([Entry("case:EX-2", "case_closed", "tieout", payload={"run_id": "r2"})])
    move(journal, "EX-3", "waived", actor="mia", reason="a cent")
    assert {each: found.state for each, found in decisions(journal).items()} == {"EX-3": "waived"}


def test_a_decision_after_reopening_does_not_inherit_the_items_of_the_one_before(journal):
    opened(journal, 1)
    move(journal, "EX-1", "proposed", actor="mia", reason="likely", payload={"pays": ["I1"]})
    move(journal, "EX-1", "reopened", actor="zoe", reason="no")
    move(journal, "EX-1", "resolved", actor="zoe", reason="written off")
    assert decisions(journal)["EX-1"].pays == frozenset()
