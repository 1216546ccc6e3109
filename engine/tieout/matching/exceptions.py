"""Exceptions that a comparison raises in SQL: their identity, their columns, amounts as text. Composes text only."""

from __future__ import annotations

__all__ = ["insert", "money"]

# As model.records.exception_id: the first twelve digits of the SHA-256 over reason, table and object.
_ID = "'EX-' || substr(sha256(reason || chr(31) || \"table\" || chr(31) || object_id), 1, 12)"
_COLUMNS = (
    'exception_id, reason, "table", object_id, related_id, party_id, amount, currency, message, evidence, source, line'
)


def insert(reason: str, rows: str) -> str:
    """The statement that adds the exceptions of one reason that are not there yet.

    reason: an SQL expression over the rows, mostly a literal.
    rows: a select of "table", object_id, related_id, party_id, amount, currency, message, evidence, source, line.
    """
    return f"""
insert into exception ({_COLUMNS})
with found as (select {reason} as reason, * from ({rows})), named as (select {_ID} as exception_id, * from found)
select {_COLUMNS} from named
where exception_id not in (select exception_id from exception)
order by exception_id
"""


def money(column: str) -> str:
    """An amount as text, with two decimals unless digits would be lost."""
    return (
        f"case when {column} = cast({column} as decimal(24, 2)) then cast(cast({column} as decimal(24, 2)) as varchar) "
        f"else cast({column} as varchar) end"
    )
