"""What a change does, seen on frames made by hand: gained, lost, moved, and against which decisions."""

from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.cases.decisions import Decision
from tieout.difference import compare
from tieout.replay import Outcome
from tieout.store.engine import Store

PAYMENTS = pl.DataFrame(
    {"payment_id": ["P1", "P2"], "currency": ["EUR", "EUR"], "amount": [Decimal("100.00"), Decimal("50.00")]},
    schema_overrides={"amount": pl.Decimal(18, 4)},
)


with Store.create() as store:
    EMPTY = {name: store.table(name) for name in ("finding", "allocation", "candidate", "exception")}


def outcome(**tables):
    return Outcome(
        *(
            pl.DataFrame(
                [[row.get(column) for column in empty.columns] for row in tables.get(name, [])],
                schema=dict.fromkeys(empty.columns, pl.String),
                orient="row",
            ).cast(dict(empty.schema))
            for name, empty in EMPTY.items()
        )
    )


def allocation(payment, item, amount, *, kind="payment", by="reference", status="accepted", score="1"):
    return {
        "payment_id": payment, "open_item_id": item, "kind": kind, "amount": amount, "currency": "EUR",
        "open_item_amount": amount, "open_item_currency": "EUR", "status": status, "pass": by, "score": score,
    }  # fmt: skip


def finding(number, rule, severity="warning", message="m", object_id="O1"):
    return {
        "finding_no": str(number), "rule": rule, "pack": "p", "severity": severity, "table": "payment",
        "object_id": object_id, "message": message,
    }  # fmt: skip


def exception(id, reason, object_id, amount="1", queue="cash"):
    return {
        "exception_id": id, "reason": reason, "table": "payment", "object_id": object_id, "amount": amount,
        "currency": "EUR", "queue": queue, "message": "why",
    }  # fmt: skip


def changes(found, name, *columns):
    return found[name].select(*columns).rows()


def difference(old, new, **more):
    return compare(outcome(**old), outcome(**new), payments=PAYMENTS, **more)


def test_a_pair_is_gained_lost_or_moved_by_pass_amount_kind_or_status():
    old = [
        allocation("P1", "I1", "60"),
        allocation("P1", "I2", "40"),
        allocation("P2", "I9", "50", status="proposed", by="alike", score="0.8"),
    ]
    new = [
        allocation("P1", "I1", "60", by="party"),
        allocation("P1", "I2", "39"),
        allocation("P1", "I2", "1", kind="fee"),
        allocation("P2", "I9", "50"),
    ]
    found = difference({"allocation": old}, {"allocation": new})
    assert changes(found, "pairs", "open_item_id", "change", "moved_by") == [
        ("I1", "moved", "pass"),
        ("I2", "moved", "amount, kind"),
        ("I9", "moved", "status, pass"),
    ]
    row = found["pairs"].filter(open_item_id="I2").row(0, named=True)
    assert (row["old_amount"], row["new_amount"]) == (Decimal(40), Decimal(39)), "money only"
    assert (row["old_kinds"], row["new_kinds"]) == ("payment 40.00", "fee 1.00 + payment 39.00")


def test_a_payment_that_settles_another_item_moves_and_one_that_settles_none_is_lost():
    old = [allocation("P1", "I1", "100"), allocation("P2", "I3", "50")]
    new = [allocation("P1", "I2", "100")]
    found = difference({"allocation": old}, {"allocation": new})
    assert changes(found, "pairs", "payment_id", "open_item_id", "change", "moved_by") == [
        ("P1", "I1", "moved", "item"),
        ("P1", "I2", "moved", "item"),
        ("P2", "I3", "lost", ""),
    ]
    assert changes(found, "payments", "payment_id", "old_state", "new_state") == [("P2", "settled", "not looked at")]
    (eur,) = found["settled"].to_dicts()
    assert (eur["old_payments"], eur["new_payments"]) == (2, 1)
    assert (eur["old_amount"], eur["new_amount"]) == (Decimal(150), Decimal(100))


def test_of_several_findings_of_a_rule_at_one_place_only_the_one_more_is_gained():
    old = [finding(1, "R1"), finding(2, "R2", "warning"), finding(3, "R3")]
    new = [finding(1, "R1"), finding(2, "R1"), finding(3, "R2", "fatal")]
    found = difference({"finding": old}, {"finding": new})
    assert changes(found, "findings", "rule", "change", "old_severity", "new_severity") == [
        ("R1", "gained", None, "warning"),
        ("R2", "moved", "warning", "fatal"),
        ("R3", "lost", "warning", None),
    ]


def test_exceptions_come_go_or_go_elsewhere():
    old = [exception("EX-1", "ambiguous", "P1"), exception("EX-2", "overpayment", "P2")]
    new = [exception("EX-2", "overpayment", "P2", queue="refunds"), exception("EX-3", "partial_payment", "P1")]
    found = difference({"exception": old}, {"exception": new})
    assert changes(found, "exceptions", "exception_id", "change", "old_queue", "new_queue") == [
        ("EX-1", "lost", "cash", None),
        ("EX-2", "moved", "cash", "refunds"),
        ("EX-3", "gained", None, "cash"),
    ]
    assert changes(found, "payments", "payment_id", "old_state", "new_state") == [
        ("P1", "ambiguous", "partial_payment")
    ]


def decision(case, payment, *, state="resolved", pays=(), excludes=(), reason="ambiguous"):
    return Decision(
        case,
        state,
        reason,
        "payment",
        payment,
        "mia",
        "said so",
        "2026-10-31T12:00:00Z",
        frozenset(pays),
        frozenset(excludes),
    )


def test_a_change_agrees_with_what_people_decided_or_goes_against_it():
    old = [allocation("P1", "I1", "100"), allocation("P2", "I3", "50")]
    new = [allocation("P1", "I2", "100"), allocation("P2", "I3", "50", by="party")]
    decided = {"EX-1": decision("EX-1", "P1", pays=["I1"]), "EX-2": decision("EX-2", "P2", pays=["I3"])}
    found = difference({"allocation": old}, {"allocation": new}, decided=decided)
    assert changes(found, "pairs", "open_item_id", "agrees") == [("I1", "no"), ("I2", "no"), ("I3", "unclear")]
    back = difference({"allocation": new}, {"allocation": old}, decided=decided)
    assert changes(back, "pairs", "open_item_id", "agrees") == [("I1", "yes"), ("I2", "yes"), ("I3", "unclear")]
    assert back["pairs"]["decision"][0] == "mia resolved ambiguous: pays I1; said so"


def test_an_exception_that_was_waived_may_go_but_not_come_back():
    old, new = [exception("EX-1", "ambiguous", "P1")], [exception("EX-2", "ambiguous", "P2")]
    decided = {
        "EX-1": decision("EX-1", "P1", state="waived"),
        "EX-2": decision("EX-2", "P2", state="waived"),
    }
    found = difference({"exception": old}, {"exception": new}, decided=decided)
    assert changes(found, "exceptions", "exception_id", "agrees") == [("EX-1", "yes"), ("EX-2", "no")]


PARTS = st.lists(
    st.builds(
        allocation,
        st.sampled_from(["P1", "P2"]),
        st.sampled_from(["I1", "I2"]),
        st.sampled_from(["1", "2.5"]),
        kind=st.sampled_from(["payment", "fee"]),
        by=st.sampled_from(["a", "b"]),
        status=st.sampled_from(["accepted", "proposed"]),
    ),
    max_size=6,
    unique_by=lambda row: (row["payment_id"], row["open_item_id"], row["kind"], row["status"], row["pass"]),
)


@settings(max_examples=30)
@given(PARTS, PARTS)
def test_nothing_differs_from_itself_and_the_way_back_undoes_the_way_there(one, other):
    assert all(
        frame.is_empty()
        for name, frame in difference({"allocation": one}, {"allocation": list(reversed(one))}).items()
        if name != "settled"
    )
    there = difference({"allocation": one}, {"allocation": other})["pairs"]
    back = difference({"allocation": other}, {"allocation": one})["pairs"]
    turned = {"gained": "lost", "lost": "gained", "moved": "moved"}
    assert [
        (p, i, turned[c], m) for p, i, c, m in there.select("payment_id", "open_item_id", "change", "moved_by").rows()
    ] == (back.select("payment_id", "open_item_id", "change", "moved_by").rows())
