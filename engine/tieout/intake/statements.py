"""Bank statements: what tables say of their balance, sums of entries, and whether statements follow one another."""

from __future__ import annotations

from typing import Any

import polars as pl

from tieout.mapping.project import ROW
from tieout.model.money import display
from tieout.model.records import Finding, Query
from tieout.store.engine import Store

__all__ = ["check", "complete", "running_balances"]

_OF_ACCOUNT = ["source", "account", "currency"]


def running_balances(made: dict[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """The tables with one statement a file, account and currency, made from the balance that stands behind each booking.

    made: ``payment``, and ``statement`` with a row a booking (closing_balance and closing_date of that row).
    A file runs forwards or backwards in time; where its balances run in neither direction, a finding names the first
    line at which they do not.
    """
    payment, rows = made["payment"], made["statement"]
    behind = rows.select(ROW, *(name for name in ("closing_balance", "closing_date") if name in rows.columns))
    booked = payment.select(ROW, *_OF_ACCOUNT, "line", "amount", "booking_date").join(
        behind, on=ROW, maintain_order="left"
    )
    statements: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for key, part in booked.group_by(_OF_ACCOUNT, maintain_order=True):
        uri, account, currency = (None if each is None else str(each) for each in key)
        statement, wrong = _statement(part, str(uri))
        findings += wrong
        identity = " ".join(each for each in (account, currency, uri) if each)
        names = {"statement_id": identity, "source": uri, "account": account, "currency": currency}
        statements.append(statement | names | {"message_kind": "table", "line": part["line"].min()})
    money, day = pl.Decimal(18, 4), pl.Date()
    shape = {
        **dict.fromkeys(("statement_id", "message_kind", *_OF_ACCOUNT), pl.String()),
        **{
            "opening_balance": money,
            "opening_date": day,
            "closing_balance": money,
            "closing_date": day,
            "line": pl.Int64(),
        },
    }
    found = pl.DataFrame(statements, schema=shape)
    payment = payment.drop("statement_id", strict=False).join(
        found.select(*_OF_ACCOUNT, "statement_id"), on=_OF_ACCOUNT, how="left", nulls_equal=True, maintain_order="left"
    )
    return made | {"payment": payment, "statement": found}, findings


def _statement(part: pl.DataFrame, uri: str) -> tuple[dict[str, Any], list[Finding]]:
    """Opening and closing balance of one account's bookings in the order of the file."""
    dates = part["closing_date"] if "closing_date" in part.columns else part["booking_date"]
    found: dict[str, Any] = {"opening_date": dates.min(), "closing_date": dates.max()}
    if "closing_balance" not in part.columns or part["closing_balance"].null_count() or part["amount"].null_count():
        return found, []
    balance, amount = part["closing_balance"], part["amount"]
    forwards = (balance.shift(1) + amount == balance).fill_null(True)
    backwards = (balance.shift(-1) + amount == balance).fill_null(True)
    newest_first = not forwards.all() and (backwards.sum() > forwards.sum())
    first, last = (-1, 0) if newest_first else (0, -1)
    found |= {"opening_balance": balance[first] - amount[first], "closing_balance": balance[last]}
    runs = backwards if newest_first else forwards
    if runs.all():
        return found, []
    row = part.filter(~runs).row(0, named=True)
    broken = Finding(
        "IN-BALANCE", "warning",
        f"{uri}:{row['line']}  the balance {display(row['closing_balance'], row['currency'])} does not follow from the one before it and the booking "
        f"of {row['amount']}: a row is missing or changed",
        pack="intake", table="statement", object_id=uri, evidence={"balance": row["closing_balance"], "amount": row["amount"]},
        source=uri, line=row["line"],
        message_zh=f"{uri}:{row['line']}  余额 {display(row['closing_balance'], row['currency'])} 与上一余额及本笔金额 {row['amount']} 不衔接",
    )  # fmt: skip
    return found, [broken]


def complete(store: Store) -> None:
    """Counts and sums the entries of statements that do not bring them along; a batch entry counts once."""
    store.execute(
        Query(
            "entries of statements",
            """
update statement set
  entry_count = coalesce(statement.entry_count, sums.entries), entry_sum = coalesce(statement.entry_sum, sums.total)
from (select statement_id, count(distinct coalesce(batch_id, payment_id)) as entries, sum(amount) as total
      from payment where statement_id is not null and status = 'BOOK' group by statement_id) sums
where sums.statement_id = statement.statement_id
  and (statement.entry_count is null or statement.entry_sum is null)
""",
        )
    )


def check(store: Store) -> list[Finding]:
    """Findings on statements: opening + entries = closing; one closes where the next opens; none comes twice."""
    return [*_sums(store), *_chains(store), *_twice(store)]


def _sums(store: Store) -> list[Finding]:
    rows = store.fetch(
        Query(
            "statements that do not add up",
            """
select statement_id, account, currency, sequence_number, opening_balance, entry_sum, closing_balance, source, line,
       opening_balance + entry_sum - closing_balance as difference
from statement
where opening_balance + entry_sum <> closing_balance
order by source, line, statement_id
""",
        )
    )
    return [
        _finding(
            "IN-BALANCE", "warning", row,
            f"opening balance {display(row['opening_balance'], row['currency'])} and entries of {display(row['entry_sum'], row['currency'])} do not give the closing balance "
            f"{display(row['closing_balance'], row['currency'])} {row['currency']}: {display(row['difference'], row['currency'])} too much",
            f"期初余额 {display(row['opening_balance'], row['currency'])} 加发生额 {display(row['entry_sum'], row['currency'])} 不等于期末余额 {display(row['closing_balance'], row['currency'])}，差额 {display(row['difference'], row['currency'])}",
            ("opening_balance", "entry_sum", "closing_balance", "difference"),
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip


def _chains(store: Store) -> list[Finding]:
    rows = store.fetch(
        Query(
            "statements that do not follow",
            """
with booked as (
  select distinct on (account, currency, opening_balance, closing_balance, opening_date, closing_date, entry_count, sequence_number)
         *
  from statement
  where account is not null and opening_balance is not null and closing_balance is not null and message_kind <> 'camt.052'
  order by source, line
), followed as (
  select *, lag(closing_balance) over each_account as before, lag(source) over each_account as source_before
  from booked
  window each_account as (partition by account, currency
                          order by closing_date, opening_date, try_cast(sequence_number as bigint), sequence_number, source, line)
)
select statement_id, account, currency, sequence_number, opening_balance, before, source_before, source, line
from followed
where before <> opening_balance
order by source, line, statement_id
""",
        )
    )
    return [
        _finding(
            "IN-CHAIN", "warning", row,
            f"opens with {display(row['opening_balance'], row['currency'])} {row['currency']}, but the statement before it ({row['source_before']}) "
            f"closes with {display(row['before'], row['currency'])}: a statement is missing, or out of order",
            f"期初余额 {display(row['opening_balance'], row['currency'])} 与上一对账单期末余额 {display(row['before'], row['currency'])} 不一致，可能缺少对账单",
            ("opening_balance", "before", "source_before"),
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip


def _twice(store: Store) -> list[Finding]:
    rows = store.fetch(
        Query(
            "statements that come twice",
            """
with ordered as (
  select *, first_value(source) over same as first, row_number() over same as nth
  from statement
  where account is not null and closing_balance is not null and entry_count > 0
  window same as (partition by account, currency, sequence_number, opening_balance, closing_balance, opening_date,
                  closing_date, entry_count, entry_sum order by source, line, statement_id)
)
select statement_id, account, currency, sequence_number, first, source, line from ordered where nth > 1
order by source, line, statement_id
""",
        )
    )
    return [
        _finding(
            "IN-STATEMENT", "warning", row,
            f"the same statement as {row['first']}: account, number, dates, balances and entries are equal",
            f"与对账单 {row['first']} 重复", ("first",),
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip


def _named(row: dict[str, Any]) -> str:
    """Number and account of a statement, for a sentence."""
    number = f" {row['sequence_number']}" if row["sequence_number"] else ""
    return number + (f" ({row['account']})" if row["account"] else "")


def _finding(
    rule: str, severity: str, row: dict[str, Any], text: str, text_zh: str, evidence: tuple[str, ...]
) -> Finding:
    place = f"{row['source']}:{row['line']}" if row["line"] else str(row["source"])
    return Finding(
        rule, severity, f"{place}  statement{_named(row)}: {text}", pack="intake", table="statement",
        object_id=row["statement_id"], message_zh=f"{place}  对账单{_named(row)}：{text_zh}",
        evidence={name: row[name] for name in evidence}, source=row["source"], line=row["line"],
    )  # fmt: skip
