import datetime as dt

import pytest

from tieout.cases.work import ALLOWED, STATES, assign, comment, list_cases, move, show_case
from tieout.model.errors import TieoutError
from tieout.store.fold import Entry


@pytest.fixture
def cases(journal):
    """Three open cases: EX-1 in cash, EX-2 in cash and due first, EX-3 in tax."""
    with journal.writing() as session:
        session.append(
            [
                Entry(
                    f"case:EX-{number}",
                    "case_opened",
                    "tieout",
                    payload={
                        "reason": "ambiguous",
                        "object_table": "payment",
                        "object_id": f"B{number}",
                        "queue": queue,
                        "due": due,
                        "as_of": "2026-10-31",
                        "run_id": "r1",
                        "fingerprint": "f",
                    },
                )
                for number, queue, due in (
                    (1, "cash", "2026-11-05"),
                    (2, "cash", "2026-11-03"),
                    (3, "tax", None),
                )
            ]
        )
    return journal


def put_in(journal, case_id, state):
    """Brings an open case to the state by an allowed way."""
    if state == "assigned":
        assign(journal, [case_id], to="mia", actor="zoe")
    elif state == "reopened":
        move(journal, case_id, "resolved", actor="zoe", reason="done")
        move(journal, case_id, "reopened", actor="zoe", reason="not done")
    elif state != "open":
        move(journal, case_id, state, actor="zoe", reason="because")


def state_of(journal, case_id):
    return show_case(journal, case_id)["state"]


def test_the_list_starts_with_the_case_id_and_the_most_urgent(cases):
    frame = list_cases(cases)
    assert frame.columns[0] == "case_id"
    assert frame["case_id"].to_list() == ["EX-2", "EX-1", "EX-3"]
    assert frame["due"].to_list() == [dt.date(2026, 11, 3), dt.date(2026, 11, 5), None]


def test_the_list_is_narrowed_and_hides_what_is_decided(cases):
    move(cases, "EX-2", "waived", actor="zoe", reason="small")
    assert list_cases(cases)["case_id"].to_list() == ["EX-1", "EX-3"]
    assert list_cases(cases, state=None).height == 3
    assert list_cases(cases, state="waived")["case_id"].to_list() == ["EX-2"]
    assert list_cases(cases, queue="tax")["case_id"].to_list() == ["EX-3"]
    assert list_cases(cases, owner="mia").is_empty()
    with pytest.raises(TieoutError, match="no state 'done'; states are open, assigned"):
        list_cases(cases, state="done")


def test_a_case_is_shown_with_its_history(cases):
    comment(cases, "EX-1", "called them", actor="mia")
    shown = show_case(cases, "EX-1")
    assert [event["kind"] for event in shown["history"]] == ["case_opened", "case_commented"]
    assert shown["history"][1]["payload"] == {"text": "called them"}
    assert shown["history"][1]["actor"] == "mia"
    with pytest.raises(TieoutError, match="there is no case EX-9"):
        show_case(cases, "EX-9")


def test_cases_are_assigned_all_or_none(cases):
    assert assign(cases, ["EX-1", "EX-2", "EX-1"], to=" mia ", actor="zoe") == 2
    assert show_case(cases, "EX-1")["owner"] == "mia"
    with pytest.raises(TieoutError, match="no case EX-9"):
        assign(cases, ["EX-3", "EX-9"], to="mia", actor="zoe")
    assert state_of(cases, "EX-3") == "open"
    with pytest.raises(TieoutError, match="the name is empty"):
        assign(cases, ["EX-3"], to=" ", actor="zoe")


def test_a_case_may_be_given_to_another_queue(cases):
    assign(cases, ["EX-1"], to="mia", actor="zoe", queue="tax")
    assert (show_case(cases, "EX-1")["queue"], show_case(cases, "EX-1")["queue_by"]) == ("tax", "person")


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_each_state_leads_only_where_the_table_says(cases, before, after):
    put_in(cases, "EX-1", before)

    def go():
        if after == "assigned":
            assign(cases, ["EX-1"], to="mia", actor="zoe")
        else:
            move(cases, "EX-1", after, actor="mia", reason="because")

    # Assigning a case that waits or is proposed gives it to somebody and leaves its state.
    stays = after == "assigned" and before in {"waiting", "proposed"}
    if after in ALLOWED[before]:
        go()
        assert state_of(cases, "EX-1") == (before if stays else after)
    else:
        with pytest.raises(TieoutError, match=r"cannot become|is not moved to"):
            go()
        assert state_of(cases, "EX-1") == before
    assert cases.verify().holds


def test_a_decision_needs_a_reason_and_a_comment_words(cases):
    with pytest.raises(TieoutError, match="is not waived without a reason"):
        move(cases, "EX-1", "waived", actor="zoe", reason="  ")
    with pytest.raises(TieoutError, match="the comment is empty"):
        comment(cases, "EX-1", " ", actor="zoe")


def test_two_people_who_decide_at_once_the_second_is_told(cases):
    assert move(cases, "EX-1", "resolved", actor="zoe", reason="paid").state == "resolved"
    with pytest.raises(TieoutError, match="EX-1 is resolved and cannot become waived; it may become reopened"):
        move(cases, "EX-1", "waived", actor="mia", reason="small")
