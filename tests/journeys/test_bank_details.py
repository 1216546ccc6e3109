"""Bank details changed shortly before a payment: seen between two months of master data, in real runs."""

import pytest

SETTINGS = """entity: {name: Alder Test GmbH, vat: DE123456788}
as_of: 2026-09-30
sources:
  payables:   {path: erp/payables.csv, mapping: erp.sap_fbl1n}
  suppliers:  {path: erp/suppliers.csv, mapping: erp.suppliers}
  bank:       {path: bank/*.csv, mapping: bank.de_csv}
matching: payables
routing: default
"""
SUPPLIERS = (
    "Vendor,Name 1,Search Term,VAT Registration No.,Bank Account (IBAN)\n"
    "0000700001,Brook Lane Paper Ltd,BROOK,GB123456789,{brook}\n"
    "0000700002,Cedar Works AG,CEDAR,CHE123456788,DE55416279249130312651\n{more}"
)
PAYABLES = (
    "Company Code,Vendor,Name 1,Document Number,Document Type,Document Date,Posting Date,Net Due Date,"
    "Amount in Doc. Curr.,Document Currency,Reference\n"
    "1000,0000700001,Brook Lane Paper Ltd,5100000001,KR,2026-09-20,2026-09-20,2026-10-20,500.00-,EUR,BL-1001\n"
    "1000,0000700002,Cedar Works AG,5100000002,KR,2026-09-20,2026-09-20,2026-10-20,80.00-,EUR,CW-7\n"
)
OLD, NEW, CEDAR = "DE22500105171234567890", "DE02120300000000202051", "DE55416279249130312651"


def bank(*payments):
    head = (
        '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Kundenreferenz (End-to-End)";'
        '"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC";"Betrag";"Waehrung";"Bankreferenz";"Info"'
    )
    rows = [
        f'"DE21500105170648489812";"{day}";"{day}";"UEBERWEISUNG";"{text}";"NOTPROVIDED";"{name}";"{account}";"COBADEFFXXX";'
        f'"{amount}";"EUR";"{number}";"Umsatz gebucht"'
        for number, day, text, name, account, amount in payments
    ]
    return "\n".join([head, *rows]) + "\n"


TO_BROOK = ("B10", "21.10.26", "BL-1001", "Brook Lane Paper Ltd", NEW, "-500,00")
TO_CEDAR = ("B11", "21.10.26", "CW-7", "Cedar Works AG", CEDAR, "-80,00")


@pytest.fixture
def books(place):
    """September is done: both suppliers have one account, nothing is paid."""
    (place.folder / "erp" / "open_items.csv").unlink()
    (place.folder / "bank" / "october.csv").unlink()
    place.write("tieout.yaml", SETTINGS)
    place.write("erp/payables.csv", PAYABLES)
    place.write("erp/suppliers.csv", SUPPLIERS.format(brook=OLD, more=""))
    place.write("bank/september.csv", bank(("B01", "05.09.26", "Gehalt", "Staff", "DE12500105170648489890", "-5,00")))
    assert place.run().status == 0
    return place


def month(place, as_of, *payments, brook=NEW, more=""):
    place.write("erp/suppliers.csv", SUPPLIERS.format(brook=brook, more=more))
    place.write("bank/october.csv", bank(*payments))
    done = place.tieout("run", ".", "--as-of", as_of)
    assert done.status == 0, done.text
    rows = place.latest().table("exception").to_dicts()
    return {(row["reason"], row["object_id"]): row for row in rows}


def test_a_payment_to_an_account_that_was_changed_since_the_last_run_is_raised(books):
    found = month(books, "2026-10-31", TO_BROOK, TO_CEDAR)
    assert ("account_changed", "0000700002") not in found
    assert ("paid_to_new_account", "B11") not in found
    change = found["account_changed", "0000700001"]
    assert change["queue"] == "master-data"
    assert change["message"] == "the bank details were changed between 2026-10-01 and 2026-10-31"
    assert OLD in change["evidence"]
    paid = found["paid_to_new_account", "B10"]
    assert (paid["party_id"], str(paid["amount"]), paid["queue"]) == ("0000700001", "-500.0000", "compliance")
    raised = found["account_changed_before_payment", "0000700001"]
    assert raised["queue"] == "compliance"
    run = books.latest()
    assert run.sql("select count(*) from allocation where payment_id = 'B10' and status = 'accepted'").item() == 1
    assert [str(row["difference"]) for row in run.table("control_total").to_dicts()] == ["0.0000"] * len(
        run.table("control_total")
    )


def test_without_a_change_or_without_money_out_nothing_is_raised(books):
    found = month(books, "2026-10-31", ("B10", *TO_BROOK[1:4], OLD, "-500,00"), TO_CEDAR, brook=OLD)
    assert not {reason for reason, _ in found} & {
        "account_changed",
        "paid_to_new_account",
        "account_changed_before_payment",
    }


def test_a_change_alone_is_a_case_of_the_master_data_and_money_in_is_no_danger(books):
    found = month(books, "2026-10-31", ("B10", "21.10.26", "refund", "Brook Lane Paper Ltd", NEW, "12,00"))
    assert ("account_changed", "0000700001") in found
    assert not {reason for reason, _ in found} & {"paid_to_new_account", "account_changed_before_payment"}


def test_a_new_supplier_is_no_change(books):
    more = "0000700003,Dune Oy,DUNE,FI12345671,FI2112345600000785\n"
    paid = ("B12", "21.10.26", "first", "Dune Oy", "FI2112345600000785", "-9,00")
    found = month(books, "2026-10-31", paid, brook=OLD, more=more)
    assert not {reason for reason, _ in found} & {"account_changed", "paid_to_new_account"}


def test_the_case_stays_until_somebody_has_had_time_to_look_and_the_same_month_again_says_the_same(books):
    first = month(books, "2026-10-31", TO_BROOK)
    again = month(books, "2026-10-31", TO_BROOK)
    assert first.keys() == again.keys()
    november = month(books, "2026-11-30", TO_BROOK)
    assert ("account_changed", "0000700001") in november
    assert november["account_changed", "0000700001"]["message"] == first["account_changed", "0000700001"]["message"]
    december = month(books, "2026-12-31", TO_BROOK)
    assert ("account_changed", "0000700001") not in december


def test_an_account_that_comes_back_is_known(books):
    month(books, "2026-10-31", TO_CEDAR)
    found = month(
        books, "2026-11-30", ("B13", "21.11.26", "BL-1001", "Brook Lane Paper Ltd", OLD, "-500,00"), brook=OLD
    )
    assert ("paid_to_new_account", "B13") not in found
    assert ("account_changed", "0000700001") not in found
