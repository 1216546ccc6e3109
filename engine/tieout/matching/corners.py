"""The four corners of each invoice: ledger, e-invoice platform, tax office and payment, and where they contradict.

Set-based, after ``platform`` has linked items with documents: one row an invoice in ``invoice_status``. A conflict that
another comparison has raised is named, not raised again.
"""

from __future__ import annotations

import datetime as dt

from tieout.matching import text
from tieout.matching.exceptions import insert, money
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["follow"]

TABLES = (
    "corner_message",
    "corner_key",
    "corner_ledger",
    "corner_platform",
    "corner_said",
    "corner_row",
    "corner_judged",
)


def follow(store: Store, *, as_of: dt.date) -> None:
    """Fills ``invoice_status`` and appends the exceptions of conflicts that no other comparison has raised.

    Nothing is told where neither documents nor status messages were read; of a side that delivered nothing, or for a
    day that its messages do not cover, nothing is missing.
    """
    if not store.count("invoice") and not store.count("invoice_status_message"):
        return
    parts = [
        ("messages", "create or replace table corner_message as" + _MESSAGES, {"as_of": as_of}),
        ("ledger", "create or replace table corner_ledger as" + _LEDGER, {}),
        ("platform", "create or replace table corner_platform as" + _PLATFORM, {}),
        ("keys", "create or replace table corner_key as" + _KEYS, {}),
        ("said", "create or replace table corner_said as" + _SAID, {}),
        ("rows", "create or replace table corner_row as" + _ROWS, {}),
        ("conflicts", "create or replace table corner_judged as" + _JUDGED, {}),
        *((f"raise {reason}", insert(f"'{reason}'", rows), {}) for reason, rows in _RAISED),
        ("write", _WRITE, {}),
    ]
    for name, sql, parameters in parts:
        store.execute(Query(f"four corners, {name}", sql, parameters))
    for name in TABLES:
        store.execute(Query(f"four corners, drop {name}", f"drop table {name}"))


# The last word of each channel on each invoice. A message without a seller is of an invoice of ours.
_MESSAGES = f"""
with ours as (select distinct {text.compact("tax_identifier")} as tax_key from company where tax_identifier is not null),
told as (
  select *, {text.compact("seller_tax_identifier")} as seller, {text.compact("invoice_number")} as invoice_key,
    year(issue_date) as year
  from invoice_status_message
  where coalesce(status_at::date <= $as_of, true)
)
select channel, seller, invoice_key, year, invoice_number, issue_date, status, status_text, status_at, status_id, amount,
  currency, source, line,
  case when seller is null or seller in (from ours) then 'receivable' else 'payable' end as ledger
from told
where invoice_key is not null
qualify row_number() over (
  partition by channel, seller, invoice_key, year order by status_at desc nulls last, status_id desc) = 1
"""

# One row an invoice of the ledger. A payment that is too much is one whose exception says so.
_LEDGER = f"""
with members as (
  select g."table" as first_table, g.object_id as first_id, i."table", i.object_id, i.open_amount
  from platform_group g
  join platform_item i on i.ledger = g.ledger and i.is_credit = g.is_credit
   and i.company_code is not distinct from g.company_code and i.owner is not distinct from g.owner
   and coalesce(i.number_key, i.own_key) = g.group_key
),
settled as (
  select open_item_id, sum(open_item_amount) as amount from allocation where status = 'accepted' group by open_item_id
),
too_much as (
  select a.open_item_id from allocation a join exception e on e.object_id = a.payment_id and e."table" = 'payment'
  where e.reason = 'overpayment' and a.status = 'accepted'
  union
  select e.related_id from exception e where e."table" = 'payment' and e.reason in ('duplicate_payment', 'payment_for_paid_item')
  union
  select a.open_item_id from exception e join allocation a on a.payment_id = e.related_id and a.status = 'accepted'
  where e."table" = 'payment' and e.reason = 'duplicate_payment'
),
summed as (
  select m.first_table, m.first_id, sum(m.open_amount) as open_before, coalesce(sum(s.amount), 0) as settled,
    bool_or(m."table" = 'open_item' and m.open_amount <> 0) as is_open,
    bool_or(t.open_item_id is not null) as too_much
  from members m
  left join settled s on m."table" = 'open_item' and s.open_item_id = m.object_id
  left join (select distinct open_item_id from too_much) t on t.open_item_id = m.object_id
  group by m.first_table, m.first_id
),
sellers as (
  select company_code, min({text.compact("tax_identifier")}) as tax_key from company
  where tax_identifier is not null group by company_code
),
suppliers as (select "table", object_id, min(tax_key) as tax_key from platform_tax group by "table", object_id)
select g."table", g.object_id, g.ledger, g.group_key as invoice_key,
  coalesce(case g.ledger when 'receivable' then c.tax_key else p.tax_key end,
           case g.ledger when 'receivable' then g.company_code else g.party_id end, '') as seller,
  coalesce(year(g.document_date), 0) as year, g.document_date, coalesce(g.reference, g.object_id) as invoice_number,
  g.party_id, g.currency, g.amount, s.open_before - s.settled as open_amount, g.e_invoice_profile,
  case when s.is_open then 'open' else 'cleared' end as ledger_state,
  case when s.too_much then 'overpaid'
       when s.open_before - s.settled = 0 then 'paid'
       when s.open_before - s.settled = g.amount then 'open'
       else 'part' end as payment_state,
  s.settled <> 0 as is_settled_now, g.source, g.line
from platform_group g
join summed s on s.first_table = g."table" and s.first_id = g.object_id
left join sellers c using (company_code)
left join suppliers p on p."table" = g."table" and p.object_id = g.object_id
"""

# What platforms hold of each invoice: by the ledger's item where a document is linked, else by itself.
_PLATFORM = """
with reversed as (
  select distinct "table", object_id from platform_reversal where abs(reversed) >= abs(booked)
),
held as (
  select d.*, l."table", l.object_id, r.object_id is not null as is_reversed
  from platform_document d
  left join (select distinct invoice_id, "table", object_id from platform_link) l using (invoice_id)
  left join reversed r on r."table" = l."table" and r.object_id = l.object_id
  where d.number_key is not null
)
select coalesce(k.ledger, h.ledger) as ledger, coalesce(k.seller, h.seller_key, '') as seller,
  coalesce(k.invoice_key, h.number_key) as invoice_key, coalesce(k.year, year(h.issue_date), 0) as year,
  min(h.invoice_id) as invoice_id, arg_min(h.invoice_number, h.invoice_id) as invoice_number,
  arg_min(h.total, h.invoice_id) as amount, arg_min(h.currency, h.invoice_id) as currency,
  min(h.issue_date) as issue_date, bool_or(h.is_cancelled or h.is_reversed) as is_cancelled,
  arg_min(h.source, h.invoice_id) as source, arg_min(h.line, h.invoice_id) as line
from held h
left join corner_ledger k on k."table" = h."table" and k.object_id = h.object_id
group by 1, 2, 3, 4
"""

# Every invoice that any side knows; a message finds it by number and, where it says them, seller and year.
_KEYS = """
with known as (
  select ledger, seller, invoice_key, year from corner_ledger
  union select ledger, seller, invoice_key, year from corner_platform
)
select * from known
union
select m.ledger, coalesce(m.seller, ''), m.invoice_key, coalesce(m.year, 0) from corner_message m
where not exists (
  select 1 from known k where k.ledger = m.ledger and k.invoice_key = m.invoice_key
    and (m.seller is null or m.seller = k.seller) and (m.year is null or k.year in (m.year, 0)))
"""

_SAID = """
select k.ledger, k.seller, k.invoice_key, k.year, m.channel,
  arg_max(m.status, (coalesce(m.status_at, timestamp '1970-01-01'), m.status_id)) as status,
  arg_max(m.status_text, (coalesce(m.status_at, timestamp '1970-01-01'), m.status_id)) as status_text,
  arg_max(m.amount, (coalesce(m.status_at, timestamp '1970-01-01'), m.status_id)) as amount,
  arg_max(m.status_id, (coalesce(m.status_at, timestamp '1970-01-01'), m.status_id)) as status_id,
  max(m.status_at) as status_at, min(m.issue_date) as issue_date, min(m.invoice_number) as invoice_number,
  min(m.currency) as currency, min(m.source) as source, min(m.line) as line
from corner_key k
join corner_message m on m.ledger = k.ledger and m.invoice_key = k.invoice_key
 and (m.seller is null or m.seller = k.seller) and (m.year is null or k.year in (m.year, 0))
group by k.ledger, k.seller, k.invoice_key, k.year, m.channel
"""

_ROWS = """
with books as (
  select ledger, seller, invoice_key, year, arg_min(l, l.object_id) as l, sum(l.amount) as amount,
    sum(l.open_amount) as open_amount, bool_or(l.ledger_state = 'open') as is_open
  from corner_ledger l group by ledger, seller, invoice_key, year
),
covered as (
  select ledger, seller, min(issue_date) as first, max(issue_date) as last from corner_said where channel = 'tax'
  group by ledger, seller
),
sides as (select distinct ledger from platform_document union select ledger from corner_message where channel = 'platform')
select k.*, coalesce(b.l.invoice_number, p.invoice_number, s.invoice_number, t.invoice_number) as invoice_number,
  b.l.party_id as party_id, coalesce(b.l.currency, p.currency, s.currency, t.currency) as currency,
  b.amount as ledger_amount, b.open_amount, try_cast(p.amount as decimal(18, 4)) as platform_amount,
  coalesce(s.amount, t.amount) as said_amount,
  case when b.l is null then 'missing' when b.is_open then 'open' else 'cleared' end as ledger_state,
  case when p.is_cancelled then 'cancelled'
       when s.status is not null then s.status
       when p.invoice_id is not null then 'present'
       when k.ledger in (select ledger from sides) and (b.l is null or b.l.e_invoice_profile is not null) then 'missing'
  end as platform_state,
  case when t.status is not null then t.status
       when coalesce(b.l.document_date, p.issue_date, s.issue_date) between c.first and c.last
        and (b.l is null or b.l.e_invoice_profile is not null) then 'missing'
  end as tax_state,
  b.l.payment_state as payment_state, b.l.is_settled_now as is_settled_now,
  b.l."table" as item_table, b.l.object_id as item_id, p.invoice_id, coalesce(s.status_id, t.status_id) as status_id,
  greatest(s.status_at, t.status_at) as status_at,
  coalesce(case when t.status = 'rejected' then t.status_text end, s.status_text, t.status_text) as status_text,
  coalesce(b.l.source, p.source, s.source, t.source) as source, coalesce(b.l.line, p.line, s.line, t.line) as line
from corner_key k
left join books b using (ledger, seller, invoice_key, year)
left join corner_platform p using (ledger, seller, invoice_key, year)
left join (select * from corner_said where channel = 'platform') s using (ledger, seller, invoice_key, year)
left join (select * from corner_said where channel = 'tax') t using (ledger, seller, invoice_key, year)
left join covered c using (ledger, seller)
"""

_GONE = "platform_state = 'cancelled' or tax_state = 'cancelled'"
_JUDGED = f"""
with facts as (
  select *, coalesce(item_table, case when invoice_id is not null then 'invoice' else 'invoice_status_message' end) as "table",
    coalesce(item_id, invoice_id, status_id) as object_id,
    coalesce(ledger_amount, platform_amount, said_amount) as amount
  from corner_row
),
already as (
  select "table", object_id, list(reason order by reason) as reasons from exception group by "table", object_id
),
told as (
  select f.*, coalesce(a.reasons, []) as raised from facts f left join already a using ("table", object_id)
)
select *, list_filter([
    case when ledger_state = 'missing' and not coalesce({_GONE}, false)
          and ("table" <> 'invoice' or list_contains(raised, 'missing_in_erp')) then 'not_booked' end,
    case when platform_state = 'missing' and ledger_state <> 'missing' and payment_state in ('part', 'paid', 'overpaid')
         then 'paid_not_issued'
         when list_contains(raised, 'missing_on_platform') then 'not_issued' end,
    case when ledger_state <> 'missing' and (platform_state = 'rejected' or tax_state = 'rejected') then 'issued_but_rejected' end,
    case when ledger_state = 'open' and open_amount <> 0 and ({_GONE}) then 'cancelled_but_open' end,
    case when ledger_amount > 0 and is_settled_now and ({_GONE}) then 'cancelled_but_paid' end,
    case when platform_state in ('accepted', 'present') and tax_state = 'cancelled'
           or platform_state in ('cancelled', 'rejected') and tax_state = 'accepted' then 'platform_and_tax_disagree' end,
    case when platform_state in ('accepted', 'present') and tax_state = 'missing' then 'not_in_tax_ledger' end,
    case when list_contains(raised, 'amount_differs')
           or ledger_state <> 'missing' and abs(abs(said_amount) - abs(ledger_amount)) > 0 then 'amount_differs' end,
    case when list_contains(raised, 'tax_id_differs') then 'tax_id_differs' end,
    case when list_contains(raised, 'date_differs') then 'date_differs' end,
    case when list_contains(raised, 'duplicate_document') then 'duplicate' end,
    case when payment_state = 'overpaid' then 'overpaid' end
  ], lambda x: x is not null) as conflicts
from told
"""


def _raise(says: str, where: str, message: str) -> str:
    return f"""select "table", object_id, coalesce(invoice_id, status_id) as related_id, party_id, amount, currency,
      {message} as message,
      json_object('says', '{says}', 'number', invoice_number, 'ledger_amount', {money("ledger_amount")},
                  'said_amount', {money("said_amount")}, 'ledger', ledger_state, 'platform', platform_state, 'tax', tax_state,
                  'payment', payment_state, 'conflicts', conflicts, 'said', status_text) as evidence,
      source, line
    from corner_judged where {where}"""


_STATES = """'ledger ' || ledger_state || ', platform ' || coalesce(platform_state, 'unknown') || ', tax '
    || coalesce(tax_state, 'unknown') || ', payment ' || coalesce(payment_state, 'unknown')"""

# Where a conflict is another comparison's own reason, its exception has the same identity and stands there once.
_RAISED = (
    (
        "missing_in_erp",
        _raise(
            "known_elsewhere",
            "list_contains(conflicts, 'not_booked') and \"table\" = 'invoice_status_message' and exists "
            "(select 1 from platform_item i where i.ledger = corner_judged.ledger)",
            "'invoice ' || invoice_number || ' is known to platform or tax office and not in the ledger'",
        ),
    ),
    (
        "rejected_by_platform",
        _raise(
            "booked_but_rejected",
            "list_contains(conflicts, 'issued_but_rejected')",
            "'booked, but rejected' || coalesce(': ' || status_text, '')",
        ),
    ),
    (
        "cancelled_document",
        _raise(
            "cancelled_elsewhere",
            "list_contains(conflicts, 'cancelled_but_open') and \"table\" = 'open_item'",
            "'cancelled on the platform or with the tax office, still open in the ledger'",
        ),
    ),
    (
        "amount_differs",
        _raise(
            "amount_said_differs",
            "list_contains(conflicts, 'amount_differs') and said_amount is not null",
            f"'ledger ' || {money('ledger_amount')} || ', platform or tax office ' || {money('said_amount')}",
        ),
    ),
    (
        "status_conflict",
        _raise(
            "states_conflict",
            "list_has_any(conflicts, ['cancelled_but_paid', 'platform_and_tax_disagree', 'not_in_tax_ledger']) "
            "or list_contains(conflicts, 'paid_not_issued') and not list_contains(raised, 'missing_on_platform')",
            f"array_to_string(conflicts, ', ') || ': ' || {_STATES}",
        ),
    ),
)

_REASONS = """('missing_on_platform', 'missing_in_erp', 'rejected_by_platform', 'cancelled_document', 'amount_differs',
  'tax_id_differs', 'date_differs', 'duplicate_document', 'status_conflict')"""

_WRITE = f"""
insert into invoice_status (ledger, seller, invoice_key, year, invoice_number, party_id, currency, ledger_amount,
  open_amount, platform_amount, ledger_state, platform_state, tax_state, payment_state, conflict, exception_id,
  open_item_id, invoice_id, status_at)
with standing as (
  select "table", object_id, string_agg(exception_id, ',' order by exception_id) as exception_id
  from exception where reason in {_REASONS} group by "table", object_id
)
select j.ledger, j.seller, j.invoice_key, j.year, j.invoice_number, j.party_id, j.currency, j.ledger_amount, j.open_amount,
  coalesce(j.platform_amount, j.said_amount), j.ledger_state, j.platform_state, j.tax_state, j.payment_state,
  nullif(array_to_string(j.conflicts, ','), ''), case when len(j.conflicts) > 0 then e.exception_id end, j.item_id,
  j.invoice_id, j.status_at
from corner_judged j left join standing e using ("table", object_id)
order by j.ledger, j.seller, j.invoice_key, j.year
"""
