"""Credit notes never exceed what they correct: several, in several runs, in part, by rate, and by two processes at once."""

import multiprocessing
from decimal import Decimal

import polars as pl
import pytest

from tests.issuing.books import AS_OF, ENTITY, PARTIES, SETTINGS, frame, issued, line, no_country
from tieout.issuing import generate
from tieout.store.credits import TOTAL
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.store.register import issued_documents

# One invoice over 100.00 and 19.00 VAT; it is numbered NW-2026-00001 as the first.
INVOICE = line("I1", quantity="100", net_price="1.00")
NUMBER = "NW-2026-00001"


def credit(document, quantity, *, original=NUMBER, **more):
    return line(
        document,
        billing_kind="credit_note",
        corrects_invoice=original,
        quantity=str(quantity),
        net_price="1.00",
        **more,
    )


@pytest.fixture
def sold(books):
    books.commit(books.issue(INVOICE))
    return books


def said(store, document):
    rows = store.table("finding").filter((pl.col("object_id") == document) & (pl.col("severity") == "fatal"))
    return dict(rows.select("rule", "message").iter_rows())


def states(store):
    return {document: status for document, (_, status) in issued(store).items()}


def test_credit_notes_in_several_runs_take_no_more_than_there_is(sold):
    sold.commit(sold.issue(credit("C1", 60)))
    store = sold.issue(credit("C2", 41), credit("C3", 40))
    assert states(store) == {"C2": "invalid", "C3": "issued"}
    assert said(store, "C2")["IS-CREDIT"] == (
        "credit note C2 takes 48.79 with VAT of NW-2026-00001, which has 119.00; 71.40 is credited already by C1"
    )
    sold.commit(store)
    assert states(sold.issue(credit("C4", 1))) == {"C4": "invalid"}
    assert issued_documents(sold.journal, ["C2"]) == [] and sold.journal.verify().holds


def test_one_run_counts_in_the_order_of_its_documents_and_a_repeat_changes_nothing(sold):
    store = sold.issue(credit("C1", 60), credit("C2", 60), credit("C3", 40))
    assert states(store) == {"C1": "issued", "C2": "invalid", "C3": "issued"}
    events = sold.journal.verify().events
    again = sold.issue(credit("C1", 60), credit("C2", 60), credit("C3", 40))
    assert states(again) == states(store)
    assert sold.journal.verify().events == events


def test_what_was_set_aside_for_a_note_that_is_not_issued_is_free_again(sold):
    sold.issue(credit("C1", 100))  # killed before it was sealed; the ERP then withdrew it
    assert states(sold.issue(credit("C2", 100))) == {"C2": "issued"}


def test_another_machines_note_that_is_not_sealed_yet_counts(sold):
    sold.issue(credit("C1", 60))
    sold.holder = "beside"
    assert states(sold.issue(credit("C2", 60))) == {"C2": "invalid"}


def test_each_vat_rate_has_its_own_limit(books):
    both = [
        line("I1", 1, quantity="100", net_price="1.00"),
        line("I1", 2, quantity="50", net_price="1.00", vat_rate="7"),
    ]
    books.commit(books.issue(*both))
    store = books.issue(credit("C1", 60, vat_rate="7"), credit("C2", 50, vat_rate="7"), credit("C3", 1, vat_rate="5"))
    assert states(store) == {"C1": "invalid", "C2": "issued", "C3": "invalid"}
    assert "takes 60.00 taxed S 7 % of NW-2026-00001, which has 50.00" in said(store, "C1")["IS-CREDIT"]
    assert "takes 1.00 taxed S 5 % of NW-2026-00001, which has 0.00" in said(store, "C3")["IS-CREDIT"]


@pytest.mark.parametrize(
    ("note", "says"),
    [
        (credit("C1", 1, original=None), "does not name the invoice it corrects"),
        (credit("C1", 1, original="NW-1999-1"), "corrects NW-1999-1, which is not known"),
        (credit("C1", 1, currency="USD"), "is in USD, but NW-2026-00001 is in EUR"),
    ],
)
def test_a_note_without_a_known_original_of_its_currency_is_stopped(sold, note, says):
    store = sold.issue(note)
    assert says in said(store, "C1")["IS-ORIGINAL"]
    assert states(store) == {"C1": "invalid"}


def test_a_red_letter_below_zero_counts_like_a_credit_note(sold):
    red = line("R1", corrects_invoice=NUMBER, quantity="-60", net_price="1.00")
    sold.commit(sold.issue(red))
    store = sold.issue(line("R2", corrects_invoice=NUMBER, quantity="-41", net_price="1.00"), credit("C3", 40))
    assert states(store) == {"R2": "invalid", "C3": "issued"}


@pytest.mark.parametrize("table", ["open_item", "cleared_item"])
def test_an_original_of_the_ledger_gives_its_total(books, table):
    item = {f"{table}_id": "190001", "ledger": "receivable", "reference": "OLD-7", "amount": "119", "currency": "EUR"}
    store = books.issue(credit("C1", 60, original="OLD-7"), credit("C2", 41, original="OLD-7"), ledger={table: [item]})
    assert states(store) == {"C1": "issued", "C2": "invalid"}


def test_an_original_that_the_erp_numbered_in_the_same_run_is_known(books):
    store = books.issue(line("I1", invoice_number="ERP-1", quantity="100", net_price="1.00"),
                        credit("J1", 60, original="ERP-1"), credit("J2", 60, original="ERP-1"))  # fmt: skip
    assert states(store) == {"I1": "issued", "J1": "issued", "J2": "invalid"}


def crediting(url, folder, name, mappings):
    """One process that credits one unit at a time."""
    with Journal.open(url) as journal:
        for n in range(30):
            with Store.create() as store:
                store.append("billing_line", frame([credit(f"{name}{n:02d}", 5)]))
                store.append("party", frame(PARTIES))
                generate.issue(
                    store, mappings=mappings, check=no_country, journal=journal, entity=ENTITY, settings=SETTINGS,
                    folder=folder / f"{name}{n}", as_of=AS_OF, holder=name,
                )  # fmt: skip
                generate.commit(journal, store, run_id=f"{name}{n}")


@pytest.mark.slow
def test_two_processes_at_once_credit_the_invoice_once(url, tmp_path, mappings):
    with Journal.open(url) as journal, Store.create() as store:
        store.append("billing_line", frame([INVOICE]))
        store.append("party", frame(PARTIES))
        generate.issue(
            store, mappings=mappings, check=no_country, journal=journal, entity=ENTITY, settings=SETTINGS,
            folder=tmp_path / "first", as_of=AS_OF,
        )  # fmt: skip
        generate.commit(journal, store, run_id="first")
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=crediting, args=(url, tmp_path, name, mappings)) for name in ("a", "b")]
    for each in both:
        each.start()
    for each in both:
        each.join(300)
    assert [each.exitcode for each in both] == [0, 0]
    with Journal.open(url) as journal, journal.reading() as session:
        notes = [row["billing_document"] for row in issued_documents(journal) if row["billing_document"] != "I1"]
        events = session.last_events([f"document:{each}" for each in notes])
        credited = sum(Decimal(event.payload["amounts"][TOTAL]) for event in events.values())
        assert credited == Decimal("119.00") and len(notes) == 20
