"""Bank statements: opening + entries = closing, one follows the other, none comes twice."""

from decimal import Decimal

MT940 = """:20:STARTUMSE
:25:37050198/0012345671
:28C:{number}/001
:60F:C2409{day}EUR{opening}
:61:2409{day}09{day}C{amount}NTRFNONREF//{id}
:62F:C2409{day}EUR{closing}
-
"""
CSV = """Date,Type,Counterparty,Account,Narrative,End-to-end ID,Paid out,Paid in,Currency,Charges,Balance,Transaction ID
2024-09-02,BGC,A,,x,,,100.00,GBP,,1100.00,T1
2024-09-03,BGC,B,,y,,25.00,,GBP,,1075.00,T2
2024-09-04,BGC,C,,z,,,5.50,GBP,2.00,1080.50,T3
"""


def week(number, day, opening, amount, closing):
    return MT940.format(
        number=f"{number:05}", day=f"{day:02}", opening=opening, amount=amount, closing=closing, id=f"B{number}"
    )


def test_statements_that_add_up_and_follow_raise_nothing(take):
    taken = take({"1.sta": week(1, 2, "100,00", "5,00", "105,00"), "2.sta": week(2, 9, "105,00", "1,50", "106,50")})
    assert taken.findings() == []
    assert taken.rows(
        "select sequence_number, opening_balance, closing_balance, entry_count, entry_sum from statement order by 1"
    ) == [
        ("00001/001", Decimal("100.0000"), Decimal("105.0000"), 1, Decimal("5.0000")),
        ("00002/001", Decimal("105.0000"), Decimal("106.5000"), 1, Decimal("1.5000")),
    ]
    assert taken.rows("select count(*) from payment p join statement s using (statement_id)") == [(2,)]


def test_a_statement_that_does_not_add_up_says_by_how_much(take):
    taken = take({"1.sta": week(1, 2, "100,00", "5,00", "106,00")})
    assert taken.rows("select rule, severity, source, line from finding") == [("IN-BALANCE", "warning", "1.sta", 1)]
    assert (
        "opening balance 100.00 and entries of 5.00 do not give the closing balance 106.00 EUR: -1.00"
        in taken.messages()[0]
    )


def test_a_missing_statement_shows_where_the_next_one_opens(take):
    taken = take({"1.sta": week(1, 2, "100,00", "5,00", "105,00"), "3.sta": week(3, 16, "106,50", "1,00", "107,50")})
    assert taken.rows("select rule, source from finding") == [("IN-CHAIN", "3.sta")]
    assert "opens with 106.50 EUR, but the statement before it (1.sta) closes with 105.00" in taken.messages()[0]


def test_statements_follow_by_date_whatever_the_files_are_called(take):
    taken = take({"b.sta": week(1, 2, "100,00", "5,00", "105,00"), "a.sta": week(2, 9, "105,00", "1,50", "106,50")})
    assert taken.findings() == []


def test_two_accounts_do_not_follow_one_another(take):
    other = week(2, 9, "7,00", "1,00", "8,00").replace("0012345671", "0099999999")
    assert take({"1.sta": week(1, 2, "100,00", "5,00", "105,00"), "2.sta": other}).findings() == []


def test_the_same_statement_in_other_bytes_is_found_and_its_payments_are_taken_once(take):
    text = week(1, 2, "100,00", "5,00", "105,00")
    taken = take({"1.sta": text, "2.sta": text.replace("STARTUMSE", "SECOND")})
    assert [rule for rule, _ in taken.findings()] == ["IN-PAYMENT-TWICE", "IN-STATEMENT"]
    assert taken.rows("select payment_id from payment") == [("B1",)]
    assert taken.rows('select "table", object_id, amount from excluded') == [("payment", "2.sta#5", Decimal("5.0000"))]


def test_running_balances_of_a_csv_give_its_opening_and_closing_balance(take):
    taken = take({"A6G_2024-09.csv": CSV})
    assert taken.findings() == []
    assert taken.rows(
        "select message_kind, account, opening_balance, closing_balance, entry_count, entry_sum from statement"
    ) == [("table", "A6G", Decimal("1000.0000"), Decimal("1080.5000"), 3, Decimal("80.5000"))]


def test_a_csv_that_lists_the_newest_row_first_is_understood(take):
    head, *rows = CSV.splitlines()
    taken = take({"A6G_2024-09.csv": "\n".join([head, *reversed(rows)])})
    assert taken.findings() == []
    assert taken.rows("select opening_balance, closing_balance from statement") == [
        (Decimal("1000.0000"), Decimal("1080.5000"))
    ]


def test_a_row_that_was_taken_out_of_a_csv_breaks_the_running_balance(take):
    lines = CSV.splitlines()
    taken = take({"A6G_2024-09.csv": "\n".join([*lines[:2], *lines[3:]])})
    assert taken.rows("select rule, line from finding where message like '%is missing or changed%'") == [
        ("IN-BALANCE", 3)
    ]


def test_a_csv_that_opens_where_the_month_before_closed_is_a_chain(take):
    october = (
        CSV.replace("2024-09", "2024-10")
        .replace("T", "U")
        .replace("Uype", "Type")
        .replace("Uransaction", "Transaction")
    )
    taken = take({"A6G_2024-09.csv": CSV, "A6G_2024-10.csv": october})
    assert [rule for rule, _ in taken.findings()] == ["IN-CHAIN"]


def test_the_workspace_may_name_the_account_that_a_csv_does_not(take):
    taken = take({"month.csv": CSV}, options={"values": {"account": "GB94BARC20201530093459", "currency": "EUR"}})
    assert taken.rows("select distinct account, currency from payment") == [("GB94BARC20201530093459", "GBP")]
