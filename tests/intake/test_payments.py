"""One payment, one id."""

from decimal import Decimal

HEAD = (
    "Date,Type,Counterparty,Account,Narrative,End-to-end ID,Paid out,Paid in,Currency,Charges,Balance,Transaction ID\n"
)


def row(identity, amount, day="2024-09-02", name="A"):
    return f"{day},BGC,{name},,x,,,{amount},GBP,,,{identity}\n"


def payments(taken):
    return taken.rows("select payment_id, amount, source from payment order by payment_id")


def test_the_same_transaction_in_two_files_is_taken_once(take):
    taken = take({"X_1.csv": HEAD + row("T1", 5) + row("T2", 6), "X_2.csv": HEAD + row("T2", 6) + row("T3", 7)})
    assert [identity for identity, _, _ in payments(taken)] == ["T1", "T2", "T3"]
    assert [rule for rule, _ in taken.findings()] == ["IN-PAYMENT-TWICE"]
    assert "payment T2 over 6.0000 GBP also stands in X_1.csv:3; it is taken once" in taken.messages()[0]
    assert taken.rows("select object_id, reason from excluded") == [("X_2.csv#2", "the same transaction as X_1.csv:3")]


def test_two_transactions_that_share_an_id_both_stay(take):
    taken = take({"X_1.csv": HEAD + row("T1", 5), "X_2.csv": HEAD + row("T1", 6)})
    assert payments(taken) == [("T1", Decimal("5.0000"), "X_1.csv"), ("T1~2", Decimal("6.0000"), "X_2.csv")]
    assert taken.rows("select rule, severity, object_id from finding") == [("IN-PAYMENT-ID", "warning", "T1~2")]


def test_two_equal_rows_of_one_file_are_two_payments(take):
    taken = take({"X_1.csv": HEAD + row("T1", 5) + row("T1", 5)})
    assert [identity for identity, _, _ in payments(taken)] == ["T1", "T1~2"]


def test_the_same_id_in_two_accounts_is_two_payments(take):
    taken = take({"X_1.csv": HEAD + row("T1", 5), "Y_1.csv": HEAD + row("T1", 5, name="B")})
    assert [identity for identity, _, _ in payments(taken)] == ["T1", "T1~2"]


def test_three_files_with_one_payment_keep_one(take):
    files = {f"X_{n}.csv": HEAD + row("T1", 5) + row(f"U{n}", n) for n in range(3)}
    taken = take(files)
    assert [identity for identity, _, _ in payments(taken)] == ["T1", "U0", "U1", "U2"]
    assert taken.store.count("excluded") == 2


def test_no_money_is_lost_or_doubled(take):
    files = {
        "X_1.csv": HEAD + row("T1", 5) + row("T2", 6),
        "X_2.csv": HEAD + row("T1", 5) + row("T2", 7) + row("T2", 6),
    }
    taken = take(files)
    assert taken.rows("select sum(amount) from payment") == [(Decimal("18.0000"),)]
    assert taken.rows("select sum(amount) from (select amount from payment union all select amount from excluded)") == [
        (Decimal("29.0000"),)
    ]


def test_rows_without_ids_that_two_files_share_are_a_question_for_a_person(take):
    taken = take({"X_1.csv": HEAD + row("", 5) + row("", 5) + row("", 6), "X_2.csv": HEAD + row("", 5) + row("", 7)})
    assert taken.store.count("payment") == 5
    assert taken.rows("select rule, severity, source, line from finding") == [("IN-OVERLAP", "warning", "X_2.csv", 2)]
    assert "as X_1.csv:2, and no id in either" in taken.messages()[0]
