"""Decisions of people: what balances, what is refused, who must agree, and what the next run does with them."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from tieout.cases import audit, decide
from tieout.cases.apply import apply, bring_back, ended
from tieout.cases.decide import Difference, Settles
from tieout.cases.work import list_cases, move, show_case
from tieout.closing import carry, totals
from tieout.model.errors import Forbidden, NotFound, TieoutError
from tieout.model.policy import Policy
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import Entry
from tieout.store.people import add_user, set_role

POLICY = Policy.of({"second_person_above": {"match": {"EUR": 1000}}, "at_most": {"rounding": 0.05}})
SAY = {"actor": "mia", "reason": "phoned them", "policy": POLICY}


def eur(text):
    return Decimal(text)


def fill(store, *, payments, items):
    store.append(
        "payment",
        pl.DataFrame(
            [
                {
                    "payment_id": name,
                    "amount": amount,
                    "currency": "EUR",
                    "status": "BOOK",
                    "booking_date": dt.date(2026, 10, 5),
                }
                for name, amount in payments.items()
            ]
        ),
    )
    store.append(
        "open_item",
        pl.DataFrame(
            [
                {"open_item_id": name, "amount": amount, "open_amount": amount, "currency": currency, "party_id": "C1"}
                for name, (amount, currency) in items.items()
            ]
        ),
    )


PAYMENTS = {"P1": "119.00", "P2": "50.00", "P9": "2000.00"}
ITEMS = {
    "I1": ("100.00", "EUR"),
    "I2": ("20.00", "EUR"),
    "I3": ("-1.00", "EUR"),
    "I4": ("80.00", "USD"),
    "I9": ("2000.00", "EUR"),
}


@pytest.fixture
def books(store, journal):
    """The run of PAYMENTS and ITEMS, and a case about each payment (EX-P1 ...) and about item I1."""
    fill(store, payments=PAYMENTS, items=ITEMS)
    with journal.writing() as session:
        session.append([opened("payment", name) for name in PAYMENTS] + [opened("open_item", "I1")])
    return store, journal


def opened(table, name, **more):
    facts = {"reason": "ambiguous", "queue": "cash", "as_of": "2026-10-31", "run_id": "r1", "fingerprint": "f"}
    return Entry(
        f"case:EX-{name}", "case_opened", "tieout", payload={**facts, "object_table": table, "object_id": name, **more}
    )


def lines(journal, state="standing"):
    with journal.reading() as session:
        rows = session.rows("decision", state=state)
    return sorted(
        (r["payment_id"], r["open_item_id"], r["allocation_kind"], r["amount"], r["item_amount"]) for r in rows
    )


def next_run(journal, before=None, payments=PAYMENTS, items=ITEMS):
    """A store with the same sources, what people decided applied."""
    store = Store.create()
    fill(store, payments=payments, items=items)
    return store, apply(store, journal, before)


def rows(store, sql):
    return store.fetch(Query("test", sql)).rows()


def test_items_that_balance_with_a_credit_note_are_matched_by_hand(books):
    store, journal = books
    outcome = decide.match(store, journal, "EX-P1", [Settles("I1"), Settles("I2"), Settles("I3")], **SAY)
    assert (outcome.case.state, outcome.case.decided_by, outcome.case.decision) == ("resolved", "mia", "match")
    assert lines(journal) == [
        ("P1", "I1", "payment", eur("100"), eur("100")),
        ("P1", "I2", "payment", eur("20"), eur("20")),
        ("P1", "I3", "credit_note", eur("-1"), eur("-1")),
    ]
    assert journal.verify().holds
    with pytest.raises(TieoutError, match="is resolved; undo it first"):
        decide.match(store, journal, "EX-P1", [Settles("I1")], **SAY)


@pytest.mark.parametrize(
    ("settles", "differences", "message"),
    [
        ([Settles("I1")], [], r"119.00 EUR is left of the payment, 100.00 is needed, 19.00 apart; name more items"),
        ([Settles("I1"), Settles("I2")], [], r"120.00 is needed, -1.00 apart; leave items out, or name the differences"),
        ([Settles("I1", eur("119"))], [], r"I1: 119.00 would be settled, 100.00 EUR is open"),
        ([Settles("I1"), Settles("I1")], [], "named twice"),
        ([Settles("I8")], [], "I8: there is no such open item"),
        ([Settles("I4")], [], "I4 is in USD: give its amount in EUR and in USD"),
        ([Settles("I1"), Settles("I2")], [Difference("I2", "gift", eur("1"))], "no kind of difference 'gift'"),
        ([Settles("I1"), Settles("I2")], [Difference("I2", "discount", eur("-1"))], "must have the sign of the item"),
        ([Settles("I1"), Settles("I2")], [Difference("I4", "discount", eur("1"))], "I4, which is not among the items"),
        ([Settles("I1"), Settles("I2")], [Difference("I2", "rounding", eur("1"))], "rounding of 1.00 EUR is more than the 0.05"),
        ([], [], "at least one open item"),
    ],
)  # fmt: skip
def test_what_does_not_balance_is_refused_and_nothing_is_written(books, settles, differences, message):
    store, journal = books
    with journal.reading() as session:
        before = session.head()
    with pytest.raises(TieoutError, match=message):
        decide.match(store, journal, "EX-P1", settles, differences=differences, **SAY)
    with journal.reading() as session:
        assert session.head() == before


def test_a_difference_is_attributed_to_its_kind_and_settles_the_item(books):
    store, journal = books
    decide.match(
        store,
        journal,
        "EX-P1",
        [Settles("I1"), Settles("I2")],
        differences=[Difference("I2", "discount", eur("1.00"))],
        **SAY,
    )
    after, notes = next_run(journal)
    assert notes == []
    assert rows(after, "select open_item_id, kind, amount, status, pass from allocation order by 1, 2") == [
        ("I1", "payment", eur("100"), "accepted", "decision"),
        ("I2", "discount", eur("1"), "accepted", "decision"),
        ("I2", "payment", eur("19"), "accepted", "decision"),
    ]


def test_an_item_in_another_currency_takes_both_amounts(books):
    store, journal = books
    decide.match(store, journal, "EX-P1", [Settles("I4", eur("72.50"), eur("80"))], rest="open", **SAY)
    assert lines(journal) == [("P1", "I4", "payment", eur("72.5"), eur("80"))]


def test_several_payments_settle_one_item_in_their_order(books):
    store, journal = books
    decide.match(store, journal, "EX-I1", [Settles("I1"), Settles("I2")], payments=["P2", "P1"], rest="open", **SAY)
    assert lines(journal) == [
        ("P1", "I1", "payment", eur("50"), eur("50")),
        ("P1", "I2", "payment", eur("20"), eur("20")),
        ("P2", "I1", "payment", eur("50"), eur("50")),
    ]
    with pytest.raises(TieoutError, match="name the payment"):
        decide.match(store, journal, "EX-I1", [Settles("I3")], **SAY)


def test_a_credit_note_larger_than_the_first_payment_is_given_back_whole_and_spent(store, journal):
    payments = {"P1": "50.00", "P2": "119.00"}
    fill(store, payments=payments, items={"I1": ("229.00", "EUR"), "I3": ("-60.00", "EUR")})
    with journal.writing() as session:
        session.append([opened("open_item", "I1")])
    decide.match(store, journal, "EX-I1", [Settles("I1"), Settles("I3")], payments=list(payments), **SAY)
    assert lines(journal) == [
        ("P1", "I1", "payment", eur("110"), eur("110")),
        ("P1", "I3", "credit_note", eur("-60"), eur("-60")),
        ("P2", "I1", "payment", eur("119"), eur("119")),
    ]


def test_a_split_leaves_the_rest_of_the_payment_and_its_case_open(books):
    store, journal = books
    outcome = decide.match(store, journal, "EX-P1", [Settles("I2", eur("12.00"))], rest="open", **SAY)
    assert (outcome.case.state, outcome.needs_second) == ("open", False)
    with pytest.raises(TieoutError, match=r"I2: 20.00 would be settled, 8.00 EUR is open"):
        decide.match(store, journal, "EX-P2", [Settles("I2", eur("20.00"))], rest="open", **SAY)
    decide.match(store, journal, "EX-P1", [Settles("I1"), Settles("I2", eur("7.00"))], **SAY)
    after, _ = next_run(journal)
    assert rows(after, "select sum(amount) from allocation") == [(eur("119"),)]


def test_no_amount_is_used_twice_not_even_by_a_proposal(books):
    store, journal = books
    outcome = decide.match(store, journal, "EX-P9", [Settles("I9")], **SAY)
    assert outcome.needs_second
    with pytest.raises(TieoutError, match="I9 is not open any more"):
        decide.match(store, journal, "EX-P1", [Settles("I9", eur("119.00"))], **SAY)
    decide.refuse(journal, "EX-P9", actor="zoe", reason="no")
    assert decide.match(store, journal, "EX-P1", [Settles("I9", eur("119.00"))], **SAY).case.state == "resolved"


def test_what_lies_above_the_limit_waits_for_a_second_person(books):
    store, journal = books
    outcome = decide.match(store, journal, "EX-P9", [Settles("I9")], **SAY)
    assert (outcome.case.state, outcome.why) == ("proposed", "a match of 2,000.00 EUR needs a second person")
    after, _ = next_run(journal)
    assert rows(after, "select * from allocation") == [], "a proposal changes no run"
    with pytest.raises(Forbidden, match="proposed by mia; another person must approve it"):
        decide.approve(journal, "EX-P9", actor="mia", reason="mine")
    with pytest.raises(Forbidden, match="another person"):
        move(journal, "EX-P9", "resolved", actor="mia", reason="by the side door")
    case = decide.approve(journal, "EX-P9", actor="zoe", reason="seen")
    assert (case.state, case.proposed_by, case.decided_by) == ("resolved", "mia", "zoe")
    after, _ = next_run(journal)
    assert rows(after, "select decided_by, approved_by, status from decision") == [("mia", "zoe", "applied")]
    assert list(audit.faults(journal)) == []


def test_every_write_off_needs_two_unless_the_policy_says_from_when(books):
    store, journal = books
    assert decide.write_off(store, journal, "EX-I1", **SAY).needs_second
    decide.refuse(journal, "EX-I1", actor="mia", reason="taken back")
    generous = {**SAY, "policy": Policy.of({"second_person_above": {"write_off": {"EUR": 150}}})}
    assert decide.write_off(store, journal, "EX-I1", **generous).case.state == "resolved"
    after, _ = next_run(journal)
    assert rows(after, 'select "table", object_id, reason, amount from excluded') == [
        ("open_item", "I1", "written off, decided by mia", eur("100"))
    ]


def test_on_account_and_not_receivable_set_the_rest_of_a_payment_aside(books):
    store, journal = books
    decide.on_account(store, journal, "EX-P1", party_id="C1", **SAY)
    decide.not_receivable(store, journal, "EX-P2", **SAY)
    after, _ = next_run(journal)
    found = rows(after, "select object_id, reason, amount from excluded order by 1")
    assert found == [
        ("P1", "booked on the account of C1, decided by mia", eur("119")),
        ("P2", "not a receivable, decided by mia", eur("50")),
    ]
    after.execute(Query("others", "delete from payment where payment_id = 'P9'"))
    totals.close(after)
    assert rows(after, "select count_excluded, difference from control_total where measure = 'payment'") == [(2, 0)]
    assert "payment" not in carry.carry_out(after)["table"].to_list(), "nothing of them is carried forward"


def test_a_rejected_candidate_is_refused_by_hand_until_the_rejection_is_undone(books):
    store, journal = books
    decide.reject(journal, "EX-P1", "I1", actor="mia", reason="other customer")
    assert show_case(journal, "EX-P1")["state"] == "open"
    with pytest.raises(TieoutError, match="rejected for payment P1 before"):
        decide.reject(journal, "EX-P1", "I1", actor="mia", reason="again")
    with pytest.raises(TieoutError, match="I1 was rejected for payment P1; undo that first"):
        decide.match(store, journal, "EX-P1", [Settles("I1")], rest="open", **SAY)
    after, _ = next_run(journal)
    assert rows(after, "select kind, payment_id, open_item_id, status from decision") == [
        ("reject", "P1", "I1", "applied")
    ]
    decide.undo(journal, "EX-P1", actor="mia", reason="was right", open_item_id="I1")
    assert decide.match(store, journal, "EX-P1", [Settles("I1")], rest="open", **SAY).case.state == "open"


def test_what_the_run_proposed_is_confirmed_with_its_differences(books):
    store, journal = books
    store.append(
        "allocation",
        pl.DataFrame(
            [
                {"payment_id": "P1", "open_item_id": item, "kind": kind, "amount": amount, "currency": "EUR",
                 "open_item_amount": amount, "open_item_currency": "EUR", "status": "proposed", "pass": "sum"}
                for item, kind, amount in (("I1", "payment", "100"), ("I2", "payment", "19"), ("I2", "discount", "1"))
            ]
        ),
    )  # fmt: skip
    assert decide.confirm(store, journal, "EX-P1", **SAY).case.state == "resolved"
    assert ("P1", "I2", "discount", eur("1"), eur("1")) in lines(journal)
    with pytest.raises(TieoutError, match="proposes nothing for payment P2"):
        decide.confirm(store, journal, "EX-P2", **SAY)


def test_an_undone_decision_is_no_part_of_the_next_run_and_nothing_is_deleted(books):
    store, journal = books
    decide.match(store, journal, "EX-P1", [Settles("I1")], rest="open", **SAY)
    decide.match(store, journal, "EX-P1", [Settles("I2", eur("19"))], **SAY)
    case = decide.undo(journal, "EX-P1", actor="zoe", reason="wrong customer")
    assert case.state == "reopened"
    kinds = [event["kind"] for event in show_case(journal, "EX-P1")["history"]]
    assert kinds == ["case_opened", "case_split", "case_resolved", "case_reopened"]
    assert len(show_case(journal, "EX-P1")["history"][-1]["payload"]["undoes"]) == 2
    after, _ = next_run(journal)
    assert rows(after, "select * from decision") == []
    assert journal.verify().holds
    with pytest.raises(TieoutError, match="there is no decision to undo"):
        decide.undo(journal, "EX-P2", actor="zoe", reason="x")


def test_a_decision_that_does_not_fit_any_more_is_not_applied_and_named(books):
    store, journal = books
    name = decide.match(store, journal, "EX-P1", [Settles("I1")], rest="open", **SAY).decision_id
    after, notes = next_run(journal, items={**ITEMS, "I1": ("60.00", "EUR")})
    assert rows(after, "select status from decision") == [("stale",)]
    assert rows(after, "select * from allocation") == []
    assert [name in note and "does not fit" in note for note in notes] == [True]
    after, notes = next_run(journal, items={"I2": ITEMS["I2"]})
    assert rows(after, "select status from decision") == [("absent",)]


def test_a_carried_rest_is_not_reduced_again_by_what_an_earlier_run_applied(books):
    store, journal = books
    decide.match(store, journal, "EX-P1", [Settles("I1")], rest="open", **SAY)
    october, _ = next_run(journal)
    november = Store.create()
    fill(november, payments={"P1": "19.00"}, items={"I2": ITEMS["I2"]})
    november.execute(Query("carried", "update payment set carried_from = date '2026-10-31'"))
    apply(november, journal, october)
    assert rows(november, "select status from decision") == [("earlier",)]


def test_what_is_undone_after_its_period_opens_again_in_the_next_and_only_there(books, tmp_path):
    store, journal = books
    decide.match(store, journal, "EX-P1", [Settles("I1"), Settles("I2", eur("19"))], **SAY)
    folder = tmp_path / "october"
    folder.mkdir()
    with Store.create(folder / "run.duckdb") as october:
        fill(october, payments=PAYMENTS, items=ITEMS)
        apply(october, journal, None)
    decide.undo(journal, "EX-P1", actor="zoe", reason="wrong customer")
    with Store.open(folder / "run.duckdb") as october, Store.create() as november:
        undone = ended(journal, october)
        assert bring_back(november, undone, lambda _: folder) == 1
        assert rows(november, "select payment_id, amount from payment") == [("P1", eur("119"))]
        assert rows(november, "select open_item_id, open_amount from open_item order by 1") == [
            ("I1", eur("100")),
            ("I2", eur("19")),
        ]
        apply(november, journal, october)
        assert ended(journal, november) == [], "December brings nothing back a second time"


# --- roles, and the proof of them ---


def test_roles_are_refused_by_the_engine_once_there_is_a_user(books):
    store, journal = books
    add_user(journal, "ada", "admin", actor="root")
    for name, role in (("vic", "viewer"), ("mia", "clerk"), ("zoe", "approver")):
        add_user(journal, name, role, actor="ada")
    with pytest.raises(Forbidden, match="vic is viewer; this needs the role clerk"):
        decide.match(store, journal, "EX-P9", [Settles("I9")], **{**SAY, "actor": "vic"})
    with pytest.raises(Forbidden, match="eve is no active user"):
        decide.reject(journal, "EX-P1", "I1", actor="eve", reason="x")
    decide.match(store, journal, "EX-P9", [Settles("I9")], **SAY)
    add_user(journal, "tim", "clerk", actor="ada")
    with pytest.raises(Forbidden, match="tim is clerk; this needs the role approver"):
        decide.approve(journal, "EX-P9", actor="tim", reason="x")
    decide.approve(journal, "EX-P9", actor="zoe", reason="x")
    assert list(audit.faults(journal)) == []


def test_the_proof_names_who_decided_alone_approved_himself_or_had_no_role(books):
    store, journal = books
    add_user(journal, "ada", "admin", actor="root")
    add_user(journal, "mia", "approver", actor="ada")
    generous = Policy.of({"second_person_above": {"write_off": {"other": 10_000}}})
    decide.write_off(store, journal, "EX-I1", **{**SAY, "policy": generous})
    assert list(audit.faults(journal)) == []
    forged = show_case(journal, "EX-I1")["history"][-1]["payload"]
    forged["decision"] = {**forged["decision"], "id": "D-forged", "policy": POLICY.written()}
    with journal.writing() as session:
        session.append(
            [
                Entry("case:EX-P1", "case_proposed", "mia", "x"),
                Entry("case:EX-P1", "case_resolved", "mia", "x"),
                Entry("case:EX-P2", "case_resolved", "mia", "x", forged),
                Entry("case:EX-P9", "case_waived", "eve", "x"),
            ]
        )
    set_role(journal, "mia", "viewer", actor="ada")
    found = list(audit.faults(journal))
    assert [part in line for part, line in zip(("proposed and decided", "decided alone", "eve was no active"), found, strict=True)] == [True] * 3  # fmt: skip
    assert "event " in found[0] and "EX-P1" in found[0]


def test_a_case_that_is_not_there_is_said_to_be_missing(books):
    store, journal = books
    with pytest.raises(NotFound, match="no case EX-0"):
        decide.match(store, journal, "EX-0", [Settles("I1")], **SAY)
    assert "decision" in list_cases(journal).columns


@pytest.mark.parametrize("reason", ["partial_payment", "discount_out_of_terms"])
def test_what_a_payment_left_open_of_its_item_is_written_off_by_its_case(store, journal, reason):
    fill(store, payments={"P1": "98.00"}, items={"I1": ("100.00", "EUR")})
    store.execute(
        Query(
            "settled",
            "insert into allocation (payment_id, open_item_id, kind, amount, currency, open_item_amount, open_item_currency, "
            "status, pass) values ('P1', 'I1', 'payment', 98, 'EUR', 98, 'EUR', 'accepted', 'reference')",
        )
    )
    with journal.writing() as session:
        session.append([opened("payment", "P1", reason=reason, related_id="I1")])
    outcome = decide.write_off(store, journal, "EX-P1", **SAY)
    assert outcome.case.state == "proposed"
    assert lines(journal, "proposed") == [(None, "I1", None, None, eur("2"))]


def test_one_system_user_behind_two_names_is_remarked_on_and_only_there(books):
    _, journal = books

    def told(case, *acts):
        with journal.writing() as session:
            session.append([Entry(f"case:{case}", kind, who, "x", {"os_user": user}) for kind, who, user in acts])

    told("EX-P1", ("case_proposed", "mia", "srv"), ("case_waived", "zoe", "srv"))
    told("EX-P2", ("case_proposed", "mia", "mia"), ("case_waived", "zoe", "zoe"))
    told("EX-P9", ("case_waived", "zoe", "srv"))
    told("EX-I1", ("case_proposed", "mia", "srv"), ("case_commented", "zoe", "srv"))
    remarks = []
    list(audit.faults(journal, remarks))
    [remark] = remarks
    assert "case:EX-P1" in remark
    assert remark.endswith("mia proposed and zoe decided it, both as the system user srv")
