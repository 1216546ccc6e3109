"""One payment, one id: the same transaction in two files is taken once; two transactions never share an id."""

from __future__ import annotations

from typing import Any

import polars as pl

from tieout.model.money import MINOR_UNITS
from tieout.model.records import Finding, Query
from tieout.store.engine import Store

__all__ = ["decimals", "one_id_each", "overlaps"]

_SHARED = """
select payment_id from payment where payment_id is not null group by payment_id having count(*) > 1
"""


def one_id_each(store: Store) -> list[Finding]:
    """Takes out what came in twice and gives what merely shares an id a suffix; a finding for each.

    Twice: the same id, account, amount, currency and date in another file. It moves to ``excluded``. A row of the same id
    in one file, or with other content, stays under ``id~2``.
    """
    if not store.scalar(Query("ids that are shared", f"select count(*) from ({_SHARED})")):
        return []
    rows = store.fetch(
        Query(
            "payments of one id",
            """
with shared as (
  select rowid as row_id, payment_id, account, amount, currency, coalesce(booking_date, value_date) as day, status, source, line
  from payment where payment_id in (""" + _SHARED + """)
)
select * from shared order by payment_id, status = 'BOOK' desc, row_id
""",
        )
    )  # fmt: skip
    drop: list[tuple[int, str, str]] = []
    rename: list[tuple[int, str]] = []
    findings: list[Finding] = []
    for payment_id, part in rows.group_by("payment_id", maintain_order=True):
        kept: list[dict[str, Any]] = []
        for row in part.iter_rows(named=True):
            twin = next((each for each in kept if _same(each, row) and each["source"] != row["source"]), None)
            if twin is not None:
                drop.append(
                    (row["row_id"], f"{row['source']}#{row['line']}", f"the same transaction as {_place(twin)}")
                )
                findings.append(_twice(row, twin))
                continue
            if kept:
                name = f"{payment_id[0]}~{len(kept) + 1}"
                rename.append((row["row_id"], name))
                findings.append(_shared(row, kept[0], name))
            kept.append(row)
    _rename(store, rename)
    _drop(store, drop)
    return findings


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("account", "amount", "currency", "day"))


def _rename(store: Store, rename: list[tuple[int, str]]) -> None:
    if rename:
        frame = pl.DataFrame(rename, schema={"row_id": pl.Int64, "name": pl.String}, orient="row")
        with store.registered(frame) as view:
            sql = f'update payment set payment_id = names.name from "{view}" names where names.row_id = payment.rowid'
            store.execute(Query("payments with a suffix", sql))


def _drop(store: Store, drop: list[tuple[int, str, str]]) -> None:
    if drop:
        schema = {"row_id": pl.Int64, "object_id": pl.String, "reason": pl.String}
        frame = pl.DataFrame(drop, schema=schema, orient="row")
        with store.registered(frame) as view:
            excluded = (
                "insert into excluded select 'payment', d.object_id, d.reason, p.amount, p.currency, p.source, p.line "
                f'from payment p join "{view}" d on d.row_id = p.rowid order by d.row_id'
            )
            store.execute(Query("payments taken once", excluded))
            store.execute(
                Query("payments taken once", f'delete from payment where rowid in (select row_id from "{view}")')
            )


def _place(row: dict[str, Any]) -> str:
    return f"{row['source']}:{row['line']}"


def _twice(row: dict[str, Any], twin: dict[str, Any]) -> Finding:
    text = f"payment {row['payment_id']} over {row['amount']} {row['currency']} also stands in {_place(twin)}; it is taken once"
    return _finding(
        "IN-PAYMENT-TWICE", "information", row, text, f"付款 {row['payment_id']} 已在 {_place(twin)} 中出现，只计一次"
    )


def _shared(row: dict[str, Any], first: dict[str, Any], name: str) -> Finding:
    text = (
        f"payment id {row['payment_id']} is also that of {_place(first)} over {first['amount']} {first['currency']}, which is "
        f"another transaction; this one over {row['amount']} {row['currency']} goes on as {name}"
    )
    return _finding(
        "IN-PAYMENT-ID",
        "warning",
        row | {"payment_id": name},
        text,
        f"付款编号与 {_place(first)} 重复但内容不同，改为 {name}",
    )


def _finding(rule: str, severity: str, row: dict[str, Any], text: str, text_zh: str) -> Finding:
    return Finding(
        rule, severity, f"{_place(row)}  {text}", pack="intake", table="payment", object_id=row["payment_id"],
        message_zh=f"{_place(row)}  {text_zh}", evidence={"amount": row["amount"], "currency": row["currency"]},
        source=row["source"], line=row["line"],
    )  # fmt: skip


def overlaps(store: Store) -> list[Finding]:
    """IN-OVERLAP for each row without an id of its own that another file holds with the same content; both stay.

    The bank gave neither an id, so they may be one transaction in two exports, or two that are alike: a person decides.
    """
    rows = store.fetch(
        Query(
            "rows of overlapping files",
            """
with unnamed as (
  select payment_id, source, line, amount, currency,
         hash(account, currency, amount, booking_date, counterparty_name, counterparty_account, remittance) as content,
         row_number() over (partition by source, account, currency, amount, booking_date, counterparty_name,
                            counterparty_account, remittance order by line) as nth
  from payment where starts_with(payment_id, source || '#')
), seen as (
  select *, first_value(source) over alike as first_source, first_value(line) over alike as first_line
  from unnamed window alike as (partition by content, nth order by source, line)
)
select payment_id, source, line, amount, currency, first_source, first_line from seen
where source <> first_source order by source, line
""",
        )
    )
    return [
        _finding(
            "IN-OVERLAP", "warning", row,
            f"the same date, amount, counterparty and text as {row['first_source']}:{row['first_line']}, and no id in either: "
            "the files may overlap; both are taken",
            f"与 {row['first_source']}:{row['first_line']} 的日期、金额、对方和附言相同且均无流水号，文件可能重叠，两笔均已读入",
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip


# --- decimals ---

_MONEY = {
    "payment": (
        ("amount", "currency"),
        ("charges_amount", "charges_currency"),
        ("instructed_amount", "instructed_currency"),
    ),
    "open_item": (("amount", "currency"), ("open_amount", "currency"), ("local_amount", "local_currency")),
    "cleared_item": (("amount", "currency"), ("local_amount", "local_currency")),
    "statement": (("opening_balance", "currency"), ("closing_balance", "currency")),
}


def decimals(store: Store) -> list[Finding]:
    """IN-DECIMALS for each amount with more decimals than its currency has (ISO 4217). The amount stays as it is."""
    findings = []
    for table, pairs in _MONEY.items():
        for amount, currency in pairs:
            rows = store.fetch(_too_fine(table, amount, currency))
            for row in rows.iter_rows(named=True):
                text = f"{row['amount']} has more decimals than {row['currency']} ({row['allowed']})"
                findings.append(
                    Finding(
                        "IN-DECIMALS", "fatal", f"{_place(row)}  {table}.{amount} {text}", pack="intake", table=table,
                        object_id=row["object_id"], evidence={"column": amount, "found": row["amount"], "decimals": row["allowed"]},
                        source=row["source"], line=row["line"],
                        message_zh=f"{_place(row)}  {table}.{amount} {row['amount']} 的小数位数超过币种 {row['currency']} 的 {row['allowed']} 位",
                    )
                )  # fmt: skip
    return findings


def _too_fine(table: str, amount: str, currency: str) -> Query:
    by_places: dict[int, list[str]] = {}
    for code, places in MINOR_UNITS.items():
        by_places.setdefault(places, []).append(code)
    allowed = " ".join(
        f"when {currency} in ({', '.join(repr(code) for code in codes)}) then {number}"
        for number, codes in by_places.items()
    )
    fits = " ".join(f"when {number} then round({amount}, {number})" for number in sorted({2, *by_places}))
    return Query(
        f"{table}.{amount} with too many decimals",
        f"""
with judged as (
  select {table}_id as object_id, {amount} as amount, {currency} as currency, source, line,
         case {allowed} else 2 end as allowed
  from {table} where {amount} is not null and {currency} is not null
)
select object_id, amount, currency, allowed, source, line from judged
where amount <> case allowed {fits.replace(amount, "amount")} end
order by source, line
""",
    )
