import datetime as dt
import json
from decimal import Decimal

import polars as pl
import pytest

from tieout.cases import commit, queue, route
from tieout.cases.work import assign, comment, move
from tieout.model.records import exception_id
from tieout.store.engine import Store
from tieout.store.register import register_run

pytest.importorskip("durable", reason="routing needs durable_rules: a C compiler, then pip install 'tieout[routing]'")

OCTOBER = dt.date(2026, 10, 31)
NOVEMBER = dt.date(2026, 11, 30)

ROUTES = """
routing: test
calendar: DE
routes:
  - {id: ROUTE-1, when: {reason: partial_payment, amount_gte: 100.00}, then: {queue: credit-control, due: 2, owner: team-a}}
  - {id: ROUTE-2, when: {reason: overdue_open_item, age_days_gt: 30}, then: {queue: collections, due: 1}}
  - {id: ROUTE-9, when: {}, then: {queue: triage}}
patterns:
  - id: PAT-1
    title: Two part payments in 30 days
    events: [{as: first, reason: partial_payment}, {as: second, reason: partial_payment}]
    same: [party_id]
    within_days: 30
    then: {raise: overpayment, queue: credit-risk, due: 2}
"""


@pytest.fixture
def routes(plan):
    return plan(ROUTES)


def rows(store, table, *rows):
    store.append(table, pl.DataFrame(rows, infer_schema_length=None))


def exception(reason="partial_payment", object_id="B1", table="payment", **more):
    return {
        "exception_id": exception_id(reason, table, object_id),
        "reason": reason,
        "table": table,
        "object_id": object_id,
        "amount": "119.01",
        "currency": "EUR",
        "message": "119.01 EUR are missing",
        "evidence": '{"open": "238.02"}',
        **more,
    }


def payment(payment_id, day, amount="10"):
    return {"payment_id": payment_id, "booking_date": day, "amount": amount, "currency": "EUR"}


def run(journal, routes, run_id, *exceptions, as_of=OCTOBER, prepare=None, **options):
    """One run whose exceptions are the given ones: settled, then committed and registered as after a seal."""
    with Store.create() as store:
        if prepare:
            prepare(store)
        if exceptions:
            rows(store, "exception", *exceptions)
        queue.settle(store, journal, routes, as_of=as_of)
        done = queue.commit(journal, store, run_id=run_id, as_of=as_of, **options)
        register_run(journal, run_id=run_id, as_of=as_of, manifest_sha256=run_id)
        return done


def case(journal, name=None):
    with journal.reading() as session:
        [found] = session.cases([name or exception_id("partial_payment", "payment", "B1")])
        return found


def kinds(journal):
    with journal.reading() as session:
        return [event.kind for event in session.events() if event.kind.startswith("case_")]


# --- derived from findings ---

INVOICE = {
    "invoice_id": "in/a.xml",
    "invoice_number": "R1",
    "invoice_total_amount_with_vat": "119.00",
    "invoice_currency_code": "EUR",
    "source": "in/a.xml",
    "line": 3,
}


def finding(number, rule, table, object_id, severity="fatal", pack="en16931", **more):
    return {
        "finding_no": number,
        "rule": rule,
        "pack": pack,
        "severity": severity,
        "table": table,
        "object_id": object_id,
        "message": f"{rule} does not hold",
        "source": "in/a.xml",
        **more,
    }


def test_an_invoice_with_fatal_findings_is_one_invalid_document_that_lists_its_rules(store, journal, routes):
    rows(store, "invoice", INVOICE, {**INVOICE, "invoice_id": "in/b.xml"})
    rows(
        store,
        "finding",
        finding(1, "BR-CO-15", "invoice", "in/a.xml"),
        finding(2, "BR-26", "invoice_line", "in/a.xml", row_no=1),
        finding(3, "BR-26", "invoice_line", "in/a.xml", row_no=2),
        finding(4, "BR-DE-15", "invoice", "in/b.xml", severity="warning"),
    )
    queue.settle(store, journal, routes, as_of=OCTOBER)
    [row] = store.table("exception").to_dicts()
    assert (row["reason"], row["table"], row["object_id"]) == ("invalid_document", "invoice", "in/a.xml")
    assert (row["amount"], row["currency"], row["queue"]) == (Decimal("119.00"), "EUR", "triage")
    assert row["exception_id"] == exception_id("invalid_document", "invoice", "in/a.xml")
    assert [(each["rule"], each["count"]) for each in json.loads(row["evidence"])["rules"]] == [
        ("BR-26", 2),
        ("BR-CO-15", 1),
    ]


def test_refused_files_unreadable_rows_and_doubled_files_are_exceptions(store, journal, routes):
    rows(
        store,
        "document",
        {"document_id": "bank/a.xml", "status": "refused", "sha256": "1"},
        {"document_id": "bank/b.csv", "status": "read", "sha256": "2"},
        {"document_id": "bank/c.csv", "status": "duplicate", "sha256": "2"},
        {"document_id": "bank/d.csv", "status": "read", "sha256": "4"},
    )
    rows(
        store,
        "finding",
        finding(1, "IN-XML", "document", "bank/a.xml", source="bank/a.xml", pack=""),
        finding(2, "IN-NUMBER", "payment", "bank/b.csv:7", source="bank/b.csv", line=7, pack=""),
        finding(3, "IN-NUMBER", "payment", "bank/b.csv:9", source="bank/b.csv", line=9, pack=""),
        finding(4, "IN-BLANK", "payment", "bank/d.csv:9", source="bank/d.csv", severity="information", pack=""),
        finding(5, "IN-GONE", "document", "bank/e.xml", source="bank/e.xml", pack=""),
    )
    queue.settle(store, journal, routes, as_of=OCTOBER)
    found = {(row["reason"], row["object_id"], row["related_id"]) for row in store.table("exception").to_dicts()}
    assert found == {
        ("unreadable_source", "bank/a.xml", None),
        ("unreadable_source", "bank/b.csv", None),
        ("unreadable_source", "bank/e.xml", None),
        ("duplicate_document", "bank/c.csv", "bank/b.csv"),
    }


def test_a_doubled_e_invoice_is_one_exception_of_its_item_and_not_another_of_the_file(store, journal, routes):
    rows(store, "invoice", INVOICE)
    rows(store, "open_item", {"open_item_id": "14", "invoice_id": "in/a.xml"})
    rows(
        store,
        "document",
        {"document_id": "in/a.xml", "status": "read", "sha256": "2"},
        {"document_id": "in/copy.xml", "status": "duplicate", "sha256": "2"},
    )
    rows(store, "exception", exception("duplicate_document", "14", "open_item"))
    queue.settle(store, journal, routes, as_of=OCTOBER)
    assert store.table("exception")["object_id"].to_list() == ["14"]


def test_master_data_is_one_exception_a_party_or_item(store, journal, routes):
    rows(store, "open_item", {"open_item_id": "14", "party_id": "4711", "open_amount": "80", "currency": "EUR"})
    rows(
        store,
        "finding",
        finding(1, "MD-IBAN", "party", "4711", severity="warning", pack="masterdata"),
        finding(2, "MD-VAT", "party", "4711", pack="masterdata"),
        finding(3, "MD-REF", "open_item", "14", severity="warning", pack="masterdata"),
        finding(4, "MD-CITY", "party", "4712", severity="information", pack="masterdata"),
    )
    queue.settle(store, journal, routes, as_of=OCTOBER)
    found = [(r["reason"], r["table"], r["object_id"], r["party_id"]) for r in store.table("exception").to_dicts()]
    assert sorted(found) == [("master_data", "open_item", "14", "4711"), ("master_data", "party", "4711", "4711")]


def test_settling_twice_changes_nothing(store, journal, routes):
    rows(store, "invoice", INVOICE)
    rows(store, "finding", finding(1, "BR-CO-15", "invoice", "in/a.xml"))
    rows(store, "payment", payment("B1", "2026-10-01"), payment("B2", "2026-10-30"))
    rows(store, "exception", exception(party_id="4711"), exception(object_id="B2", party_id="4711"))
    queue.settle(store, journal, routes, as_of=OCTOBER)
    first = store.table("exception")
    queue.settle(store, journal, routes, as_of=OCTOBER)
    assert store.table("exception").equals(first)
    assert first.height == 4


# --- routed ---


def test_age_is_counted_from_the_date_of_the_object_and_routes_may_ask_for_it(store, journal, routes):
    rows(
        store,
        "open_item",
        {"open_item_id": "14", "document_date": "2026-08-01", "due_date": "2026-09-30"},
        {"open_item_id": "15", "document_date": "2026-08-01", "due_date": "2026-10-01"},
    )
    rows(store, "payment", payment("B1", "2026-10-28"))
    rows(
        store,
        "exception",
        exception("overdue_open_item", "14", "open_item"),
        exception("overdue_open_item", "15", "open_item"),
        exception(),
        exception("unreadable_source", "a.xml", "document", amount=None),
    )
    queue.settle(store, journal, routes, as_of=OCTOBER)
    found = {row["object_id"]: (row["age_days"], row["queue"]) for row in store.table("exception").to_dicts()}
    assert found == {
        "14": (31, "collections"),
        "15": (30, "triage"),
        "B1": (3, "credit-control"),
        "a.xml": (None, "triage"),
    }


def test_due_counts_business_days_by_the_calendar_of_the_route(journal, routes):
    # 31 October 2026 is a Saturday; 1 November, All Saints, is a Sunday.
    run(journal, routes, "r1", exception())
    assert (case(journal).due, case(journal).owner) == (dt.date(2026, 11, 3), "team-a")


@pytest.mark.parametrize(
    ("start", "days", "calendar", "due"),
    [
        ("2026-10-30", 1, "DE", "2026-11-02"),
        ("2026-12-23", 1, "DE", "2026-12-24"),
        ("2026-12-23", 2, "DE", "2026-12-28"),
        ("2026-09-30", 2, "CN", "2026-10-09"),
        ("2026-10-09", 1, "CN", "2026-10-10"),
        ("2026-12-24", 1, "", "2026-12-25"),
        ("2026-10-31", 0, "DE", "2026-11-02"),
        ("2026-06-03", 1, "DE-BY", "2026-06-05"),
        ("2026-06-03", 1, "DE", "2026-06-04"),
    ],
)
def test_business_days_skip_weekends_and_holidays(start, days, calendar, due):
    found = queue.business_days(dt.date.fromisoformat(start), days, calendar)
    assert found == dt.date.fromisoformat(due)


def test_a_pattern_raises_one_exception_for_a_party(store, journal, routes):
    rows(
        store,
        "payment",
        payment("B1", "2026-10-01"),
        payment("B2", "2026-10-31"),
        payment("B3", "2026-10-31"),
        payment("B4", "2026-01-01"),
        payment("B5", "2026-02-01"),
    )
    rows(
        store,
        "exception",
        *(exception(object_id=name, party_id="4711") for name in ("B1", "B2", "B3")),
        *(exception(object_id=name, party_id="4712") for name in ("B4", "B5")),
    )
    settled = queue.settle(store, journal, routes, as_of=OCTOBER)
    [row] = [row for row in store.table("exception").to_dicts() if row["reason"] == "overpayment"]
    assert settled.raised == 1
    assert (row["table"], row["object_id"], row["party_id"], row["queue"]) == ("party", "4711", "4711", "credit-risk")
    assert (row["amount"], row["currency"], row["due"]) == (Decimal("238.02"), "EUR", dt.date(2026, 11, 3))
    assert json.loads(row["evidence"])["pattern"] == "PAT-1"


def test_without_the_engine_everything_goes_to_triage_and_one_line_says_so(store, journal, routes, monkeypatch):
    monkeypatch.setattr(route.importlib.util, "find_spec", lambda name: None)
    rows(store, "exception", exception())
    settled = queue.settle(store, journal, routes, as_of=OCTOBER)
    [note] = settled.notes
    assert "durable_rules is not installed" in note
    assert "\n" not in note
    [row] = store.table("exception").to_dicts()
    assert (row["queue"], row["owner"], row["due"]) == ("triage", None, dt.date(2026, 11, 6))


def test_an_engine_that_breaks_down_sends_everything_to_triage(store, journal, routes, monkeypatch, tmp_path):
    broken = tmp_path / "rulehost.py"
    broken.write_text("raise SystemExit('segmentation fault')")
    monkeypatch.setattr(route, "PROGRAM", broken)
    rows(store, "exception", exception())
    settled = queue.settle(store, journal, routes, as_of=OCTOBER)
    assert "segmentation fault" in settled.notes[0]
    assert store.table("exception")["queue"].to_list() == ["triage"]


# --- carried into the journal ---


def test_a_new_exception_opens_a_case_and_an_unchanged_one_writes_no_event(journal, routes):
    assert run(journal, routes, "r1", exception()).opened == 1
    opened = case(journal)
    assert (opened.state, opened.queue, opened.amount, opened.opened_run) == (
        "open",
        "credit-control",
        Decimal("119.01"),
        "r1",
    )
    assert run(journal, routes, "r2", exception()) == queue.Committed()
    assert kinds(journal) == ["case_opened"]


def test_committing_the_same_run_again_after_a_crash_finds_nothing_to_do(journal, routes):
    with Store.create() as store:
        rows(store, "exception", exception())
        queue.settle(store, journal, routes, as_of=OCTOBER)
        assert queue.commit(journal, store, run_id="r1", as_of=OCTOBER).opened == 1
        assert queue.commit(journal, store, run_id="r1", as_of=OCTOBER) == queue.Committed()
    assert journal.verify().holds


def test_a_crash_in_the_middle_of_committing_is_repaired_by_the_next_call(journal, routes, monkeypatch):
    monkeypatch.setattr(commit, "PART", 1)
    run(journal, routes, "r0", exception(object_id="B9"))
    with Store.create() as store:
        rows(store, "exception", *(exception(object_id=f"B{n}") for n in range(1, 5)))
        queue.settle(store, journal, routes, as_of=OCTOBER)
        with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
            broken.setattr(commit, "_entries", crash_after(2))
            queue.commit(journal, store, run_id="r1", as_of=OCTOBER)
        assert kinds(journal) == ["case_opened"] * 3
        done = queue.commit(journal, store, run_id="r1", as_of=OCTOBER)
        assert (done.opened, done.closed) == (2, 1)
        assert queue.commit(journal, store, run_id="r1", as_of=OCTOBER) == queue.Committed()
    assert journal.verify().holds


def crash_after(parts):
    whole, left = commit._entries, iter(range(parts))

    def entries(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return whole(*arguments)

    return entries


def test_words_lines_and_age_alone_are_no_change(journal, routes):
    run(journal, routes, "r1", exception(evidence='{"open": "238.02", "days_overdue": 3}'))
    again = exception(evidence='{"days_overdue": 9, "open": "238.02"}', message="other words", line=7, source="b.csv")
    assert run(journal, routes, "r2", again) == queue.Committed()


def test_a_changed_amount_updates_the_case_with_a_note(journal, routes):
    run(journal, routes, "r1", exception())
    assert run(journal, routes, "r2", exception(amount="80.50", evidence='{"open": "1"}')).updated == 1
    found = case(journal)
    assert (found.amount, found.last_run, found.opened_run) == (Decimal("80.50"), "r2", "r1")
    with journal.reading() as session:
        *_, event = session.events(f"case:{found.case_id}")
    assert (
        event.reason == "amount 119.01 -> 80.5; evidence changed; queue credit-control -> triage; "
        "owner team-a -> none; due 2026-11-03 -> 2026-11-06"
    )
    assert found.queue == "triage"


def test_the_due_day_keeps_counting_from_the_day_the_case_was_opened(journal, routes):
    run(journal, routes, "r1", exception())
    run(journal, routes, "r2", exception(), as_of=NOVEMBER)
    assert case(journal).due == dt.date(2026, 11, 3)
    assert kinds(journal) == ["case_opened"]


def test_a_case_whose_cause_is_gone_closes_itself_and_opens_again_when_it_is_back(journal, routes):
    run(journal, routes, "r1", exception())
    assert run(journal, routes, "r2", as_of=NOVEMBER).closed == 1
    assert (case(journal).state, case(journal).closed_by) == ("resolved", "run")
    assert run(journal, routes, "r3", as_of=NOVEMBER) == queue.Committed()
    assert run(journal, routes, "r4", exception(), as_of=NOVEMBER).returned == 1
    assert (case(journal).state, case(journal).opened_as_of) == ("open", NOVEMBER)
    assert case(journal).due == dt.date(2026, 12, 2)
    assert run(journal, routes, "r5", exception(), as_of=NOVEMBER) == queue.Committed()
    assert kinds(journal) == ["case_opened", "case_closed", "case_returned"]


def test_no_case_closes_while_sources_are_missing_or_its_file_is_refused(journal, routes):
    run(journal, routes, "r1", exception(source="bank/a.xml"))
    assert run(journal, routes, "r2", complete=False).closed == 0
    refused = {"document_id": "bank/a.xml", "status": "refused", "sha256": "1"}
    run(journal, routes, "r3", prepare=lambda store: rows(store, "document", refused))
    assert case(journal).state == "open"


def test_what_a_person_decided_is_never_overwritten_and_a_later_change_is_shown(journal, routes):
    run(journal, routes, "r1", exception())
    name = case(journal).case_id
    move(journal, name, "waived", actor="zoe", reason="below the limit")
    run(journal, routes, "r2", exception())
    assert kinds(journal) == ["case_opened", "case_waived"]
    run(journal, routes, "r3", exception(amount="9000"))
    assert (case(journal).state, case(journal).changed_since_decision) == ("waived", True)
    run(journal, routes, "r4")
    run(journal, routes, "r5", exception(amount="9000"))
    assert (case(journal).state, case(journal).closed_by) == ("waived", "person")


def test_an_owner_a_person_chose_stands_above_the_routes_in_run_and_journal(journal, routes):
    run(journal, routes, "r1", exception())
    name = case(journal).case_id
    assign(journal, [name], to="mia", actor="zoe")
    with Store.create() as store:
        rows(store, "exception", exception())
        queue.settle(store, journal, routes, as_of=OCTOBER)
        assert store.table("exception")["owner"].to_list() == ["mia"]
        assert queue.commit(journal, store, run_id="r2", as_of=OCTOBER) == queue.Committed()
    assert (case(journal).state, case(journal).owner) == ("assigned", "mia")


def test_a_proposal_whose_cause_is_gone_is_marked_once_and_stays(journal, routes):
    run(journal, routes, "r1", exception())
    name = case(journal).case_id
    move(journal, name, "proposed", actor="mia", reason="write off 119.01")
    run(journal, routes, "r2")
    run(journal, routes, "r3")
    assert (case(journal).state, case(journal).cause_is_gone) == ("proposed", True)
    run(journal, routes, "r4", exception())
    assert not case(journal).cause_is_gone
    assert kinds(journal) == ["case_opened", "case_proposed", "case_cause_gone", "case_updated"]


def test_a_run_that_looks_back_changes_no_case_unless_forced(journal, routes):
    run(journal, routes, "r1", exception(), as_of=NOVEMBER)
    assert run(journal, routes, "r2", as_of=OCTOBER) == queue.Committed(is_backdated=True)
    assert case(journal).state == "open"
    assert run(journal, routes, "r3", as_of=OCTOBER, force=True).closed == 1


def test_comments_and_cases_of_no_run_survive_runs(journal, routes):
    run(journal, routes, "r1", exception())
    comment(journal, case(journal).case_id, "called them", actor="mia")
    run(journal, routes, "r2", exception())
    assert case(journal).comments == 1
    assert journal.verify().holds


# --- escalated level by level ---

LEVELS = """
routing: test
calendar: DE
routes:
  - id: ROUTE-1
    when: {reason: partial_payment}
    then:
      queue: credit-control
      due: 2
      escalate:
        - {after: 5 business days, queue: team-lead, owner: lea, due: 1}
        - {after: 10, queue: head-of-finance, due: 2 business days}
  - {id: ROUTE-9, when: {}, then: {queue: triage}}
"""
MONDAY = dt.date(2026, 11, 2)


def test_a_case_that_stays_open_goes_to_the_next_level_and_again_to_the_one_after(journal, plan):
    levels = plan(LEVELS)
    seen = []
    for n, days in enumerate(
        (0, 4, 7, 9, 14, 60)
    ):  # the fifth business day is the 7th of the calendar, the tenth the 14th
        run(journal, levels, f"r{n}", exception(), as_of=MONDAY + dt.timedelta(days=days))
        found = case(journal)
        seen.append((found.queue, found.owner, str(found.due)))
    assert seen == [
        ("credit-control", None, "2026-11-04"),
        ("credit-control", None, "2026-11-04"),
        ("team-lead", "lea", "2026-11-10"),
        ("team-lead", "lea", "2026-11-10"),
        ("head-of-finance", None, "2026-11-18"),
        ("head-of-finance", None, "2026-11-18"),
    ]
    assert kinds(journal) == ["case_opened", "case_updated", "case_updated"]


def test_a_level_is_skipped_where_nobody_looked_for_long(journal, plan):
    levels = plan(LEVELS)
    run(journal, levels, "r1", exception(), as_of=MONDAY)
    run(journal, levels, "r2", exception(), as_of=MONDAY + dt.timedelta(days=20))
    assert case(journal).queue == "head-of-finance"


def test_a_queue_and_an_owner_that_a_person_chose_stay_and_a_decided_case_is_not_escalated(journal, plan):
    levels = plan(LEVELS)
    name = exception_id("partial_payment", "payment", "B1")
    run(journal, levels, "r1", exception(), exception(object_id="B2"), as_of=MONDAY)
    assign(journal, [name], to="mia", actor="zoe", queue="refunds")
    other = exception_id("partial_payment", "payment", "B2")
    move(journal, other, "resolved", actor="zoe", reason="done")
    run(journal, levels, "r2", exception(), exception(object_id="B2"), as_of=MONDAY + dt.timedelta(days=14))
    assert (case(journal).queue, case(journal).owner) == ("refunds", "mia")
    assert (case(journal, other).queue, case(journal, other).state) == ("credit-control", "resolved")


def test_a_case_that_came_back_begins_at_the_first_level(journal, plan):
    levels = plan(LEVELS)
    run(journal, levels, "r1", exception(), as_of=MONDAY)
    run(journal, levels, "r2", as_of=MONDAY + dt.timedelta(days=8))
    run(journal, levels, "r3", exception(), as_of=MONDAY + dt.timedelta(days=20))
    assert case(journal).queue == "credit-control"


def test_levels_rise():
    from tieout.library import yamlfile
    from tieout.library.routes import parse_routes

    _, mistakes = parse_routes(yamlfile.load(LEVELS.replace("after: 10", "after: 5")))
    assert ["5 business days come no later than the level before; levels rise" in str(each) for each in mistakes] == [
        True
    ]
