"""Control totals: every input row is matched, an exception or excluded, per currency and to the cent.

Called by the run after the last stage. Rows that nothing accounts for make the run fail, and are named.
"""

from __future__ import annotations

from tieout.model.errors import ControlTotalError
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["close"]

# Each measure is a select of: object_id, currency, amount (what came in), settled (the part that is matched), state.
_PAYMENTS = """
select p.payment_id as object_id, p.currency, p.amount, coalesce(a.settled, 0) as settled,
       case when a.settled = p.amount then 'matched'
            when e.object_id is not null then 'exception'
            when x.object_id is not null then 'excluded' end as state
from payment p
left join (select payment_id, sum(amount) as settled from allocation
           where status = 'accepted' and kind in ('payment', 'credit_note') group by payment_id) a using (payment_id)
left join (select distinct object_id from exception where "table" = 'payment') e on e.object_id = p.payment_id
left join (select distinct object_id from excluded where "table" = 'payment') x on x.object_id = p.payment_id
"""

_OPEN_ITEMS = """
select i.open_item_id as object_id, i.currency, i.open_amount as amount, coalesce(a.settled, 0) as settled,
       case when x.object_id is not null then 'excluded'
            when a.settled = i.open_amount then 'matched'
            when e.object_id is not null then 'exception' end as state
from open_item i
left join (select open_item_id, sum(open_item_amount) as settled from allocation
           where status = 'accepted' group by open_item_id) a using (open_item_id)
left join (select distinct object_id from exception where "table" = 'open_item') e on e.object_id = i.open_item_id
left join (select distinct object_id from excluded where "table" = 'open_item') x on x.object_id = i.open_item_id
"""

_INVOICES = """
select object_id, currency, total as amount, case when state = 'matched' then total else 0 end as settled, state
from (
  select i.invoice_id as object_id, coalesce(i.invoice_currency_code, '') as currency,
         coalesce(try_cast(i.invoice_total_amount_with_vat as decimal(18, 4)), 0) as total,
         case when e.object_id is null then 'matched' else 'exception' end as state
  from invoice i
  left join (
    select object_id from exception where "table" = 'invoice'
    union select invoice_id from line_match where status = 'exception'
  ) e on e.object_id = i.invoice_id
)
"""

_BILLING_LINES = """
select object_id, currency, net_amount as amount, case when state = 'matched' then net_amount else 0 end as settled, state
from (
  select b.billing_document || ' / ' || b.billing_line_no as object_id, coalesce(b.currency, '') as currency,
         coalesce(try_cast(b.line_net_amount as decimal(18, 4)), 0) as net_amount,
         case when d.status <> 'invalid' then 'matched' when e.object_id is not null then 'exception' end as state
  from billing_line b
  left join issued_document d using (billing_document)
  left join (select distinct object_id from exception where "table" = 'billing_line') e
    on e.object_id = b.billing_document
)
"""

_DOCUMENTS = """
select document_id as object_id, '' as currency, 0 as amount, 0 as settled,
       case status when 'read' then 'matched' when 'duplicate' then 'excluded' when 'refused' then 'exception' end as state
from document
"""

_MEASURES = {
    "document": _DOCUMENTS,
    "payment": _PAYMENTS,
    "open_item": _OPEN_ITEMS,
    "invoice": _INVOICES,
    "billing_line": _BILLING_LINES,
}


def close(store: Store) -> None:
    """Fills ``excluded`` with what takes no part and ``control_total`` with the proof.

    Raises ControlTotalError where a row is in none of the three states, where an amount does not balance, where a payment
    is allocated beyond what was paid or an open item beyond what was open; the text names the first such rows.
    """
    for query in (*_EXCLUSIONS, *(_total(measure, rows) for measure, rows in _MEASURES.items())):
        store.execute(query)
    for query, text in _INVARIANTS:
        broken = store.fetch(query)
        if broken.height:
            first = "; ".join(", ".join(str(cell) for cell in row) for row in broken.head(5).iter_rows())
            raise ControlTotalError(f"control totals do not balance: {broken.height} {text}: {first}")


_EXCLUSIONS = (
    *(
        Query(
            f"{table}s without an amount",
            f"insert into excluded select '{table}', {table}_id, "
            f"'its amount or currency could not be read; the finding says why', {amount}, currency, source, line "
            f"from {table} where ({amount} is null or currency is null) "
            f"and {table}_id not in (select object_id from exception where \"table\" = '{table}')",
        )
        for table, amount in (("payment", "amount"), ("open_item", "open_amount"))
    ),
    Query(
        "payments that are not booked",
        "insert into excluded select 'payment', payment_id, "
        "'not booked yet (' || status || '); it is matched when the bank books it', amount, currency, source, line "
        "from payment where status <> 'BOOK' and payment_id not in (select object_id from excluded where \"table\" = 'payment')",
    ),
    Query(
        "payments that move no money",
        "insert into excluded select 'payment', payment_id, 'an entry of 0 moves no money', amount, currency, source, line "
        "from payment where amount = 0 and payment_id not in (select object_id from excluded where \"table\" = 'payment') "
        "and payment_id not in (select object_id from exception where \"table\" = 'payment')",
    ),
    Query(
        "open items that stay open",
        f"""
insert into excluded
select 'open_item', object_id,
       case when i.due_date is null then 'open without a due date; carried forward'
            else 'open, due ' || i.due_date || '; carried forward' end,
       r.amount - r.settled, r.currency, i.source, i.line
from ({_OPEN_ITEMS}) r join open_item i on i.open_item_id = r.object_id
where r.state is null
""",
    ),
)


def _total(measure: str, rows: str) -> Query:
    states = ", ".join(
        f"count_if(state = '{state}'), coalesce(sum({part}), 0)"
        for state, part in (
            ("matched", "settled"),
            ("exception", "case when state = 'exception' then amount - settled end"),
            ("excluded", "case when state = 'excluded' then amount - settled end"),
        )
    )
    return Query(
        f"control total of {measure}",
        f"""
insert into control_total
select '{measure}', coalesce(currency, ''), count(*), coalesce(sum(amount), 0), {states},
       coalesce(sum(amount), 0) - coalesce(sum(settled), 0)
       - coalesce(sum(case when state in ('exception', 'excluded') then amount - settled end), 0)
from ({rows}) group by coalesce(currency, '')
""",
    )


def _unaccounted(measure: str, rows: str) -> tuple[Query, str]:
    return (
        Query(
            f"{measure} rows in no state",
            f"select object_id, amount, currency from ({rows}) where state is null order by 1",
        ),
        f"{measure} rows are neither matched nor an exception nor excluded",
    )


_INVARIANTS = (
    *(_unaccounted(measure, rows) for measure, rows in _MEASURES.items()),
    (
        Query(
            "control totals with a difference",
            "select measure, currency, difference from control_total where difference <> 0",
        ),
        "measures have a difference",
    ),
    (
        Query(
            "payments allocated beyond what was paid",
            f"select object_id, amount, settled from ({_PAYMENTS}) "
            "where abs(settled) > abs(amount) or settled * amount < 0 order by 1",
        ),
        "payments are allocated beyond what was paid",
    ),
    (
        Query(
            "open items allocated beyond what was open",
            f"select object_id, amount, settled from ({_OPEN_ITEMS}) "
            "where abs(settled) > abs(amount) or settled * amount < 0 order by 1",
        ),
        "open items are allocated beyond what was open",
    ),
)
