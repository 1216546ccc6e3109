"""The exceptions that findings and refused files amount to, and the facts of an exception that routes see. SQL text only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tieout.model.records import Query

__all__ = ["derived", "facts_query"]

# As model.records.exception_id: the first twelve digits of the SHA-256 over reason, table and object.
_ID = "'EX-' || substr(sha256(reason || chr(31) || \"table\" || chr(31) || object_id), 1, 12)"
_COLUMNS = (
    'exception_id, reason, "table", object_id, related_id, party_id, amount, currency, message, evidence, source, line'
)


def _insert(name: str, rows: str, parameters: Mapping[str, Any] = MappingProxyType({})) -> Query:
    """Adds the rows (all columns but exception_id) that are not there yet."""
    return Query(
        name,
        f"""
insert into exception ({_COLUMNS})
with found as ({rows}), named as (select {_ID} as exception_id, * from found)
select {_COLUMNS} from named
where exception_id not in (select exception_id from exception)
order by exception_id
""",
        dict(parameters),
    )


_RULES = """list(
    struct_pack(rule := f.rule, severity := f.severity, term := f.term, count := f.times, message := f.message,
      message_zh := f.message_zh)
    order by f.rule
  )"""

_RULES_BY_OBJECT = """
select object_id, pack, rule, severity, min("table") as "table", min(term) as term, count(*) as times,
       arg_min(message, finding_no) as message, arg_min(message_zh, finding_no) as message_zh,
       arg_min(source, finding_no) as source,
       arg_min(line, finding_no) as line
from finding
group by object_id, pack, rule, severity
"""

_INVALID_DOCUMENTS = f"""
select 'invalid_document' as reason, 'invoice' as "table", i.invoice_id as object_id, i.invoice_number as related_id,
  (select min(o.party_id) from open_item o where o.invoice_id = i.invoice_id) as party_id,
  try_cast(coalesce(i.invoice_total_amount_with_vat, i.amount_due_for_payment) as decimal(18, 4)) as amount,
  i.invoice_currency_code as currency,
  'breaks ' || string_agg(f.rule, ', ' order by f.rule) as message,
  json_object('says', 'breaks', 'broken', string_agg(f.rule, '、' order by f.rule), 'rules', {_RULES}) as evidence,
  i.source, i.line
from ({_RULES_BY_OBJECT}) f
join invoice i on i.invoice_id = f.object_id
where f.severity = 'fatal' and not starts_with(f.rule, 'IN-')
group by all
"""

_UNREADABLE_SOURCES = f"""
select 'unreadable_source' as reason, 'document' as "table", d.document_id as object_id,
  cast(null as varchar) as related_id, cast(null as varchar) as party_id,
  cast(null as decimal(18, 4)) as amount, cast(null as varchar) as currency,
  coalesce(arg_min(f.message, f.rule), 'the file was refused') as message,
  json_object('says', 'finding', 'message_zh', arg_min(f.message_zh, f.rule), 'status', d.status, 'rules', coalesce({_RULES} filter (where f.rule is not null), [])) as evidence,
  d.document_id as source, min(f.line) as line
from (
  select document_id, status from document
  union
  select source, 'absent' from finding where source is not null and source not in (select document_id from document)
) d
left join (
  select source, rule, min(severity) as severity, min(term) as term, count(*) as times,
         arg_min(message, finding_no) as message, arg_min(message_zh, finding_no) as message_zh, arg_min(line, finding_no) as line
  from finding where severity = 'fatal' and starts_with(rule, 'IN-') group by source, rule
) f on f.source = d.document_id
where d.status = 'refused' or f.rule is not null
group by d.document_id, d.status
"""

# A doubled e-invoice of an open item is an exception of the item already (matching/platform.py).
_DUPLICATE_FILES = """
select 'duplicate_document' as reason, 'document' as "table", d.document_id as object_id, first.document_id as related_id,
  cast(null as varchar) as party_id, cast(null as decimal(18, 4)) as amount, cast(null as varchar) as currency,
  'the same bytes as ' || coalesce(first.document_id, 'another file') || '; it was read once' as message,
  json_object('says', 'same_bytes', 'sha256', d.sha256, 'same_as', first.document_id) as evidence,
  d.document_id as source, cast(null as bigint) as line
from document d
left join (
  select sha256, min(document_id) as document_id from document where status = 'read' group by sha256
) first using (sha256)
where d.status = 'duplicate' and not exists (
  select 1
  from invoice i
  join open_item o on o.invoice_id = i.invoice_id
  join exception e on e.reason = 'duplicate_document' and e."table" = 'open_item' and e.object_id = o.open_item_id
  where i.source = first.document_id
)
"""

_MASTER_DATA = f"""
select 'master_data' as reason, f."table", f.object_id, cast(null as varchar) as related_id,
  case when f."table" = 'party' then f.object_id else o.party_id end as party_id,
  o.open_amount as amount, o.currency,
  arg_min(f.message, f.rule) as message,
  json_object('says', 'finding', 'message_zh', arg_min(f.message_zh, f.rule), 'rules', {_RULES}) as evidence,
  arg_min(f.source, f.rule) as source, arg_min(f.line, f.rule) as line
from ({_RULES_BY_OBJECT}) f
left join (
  select open_item_id, min(party_id) as party_id, min(open_amount) as open_amount, min(currency) as currency
  from open_item group by open_item_id
) o on f."table" = 'open_item' and o.open_item_id = f.object_id
where (f.pack = 'masterdata' and f.severity in ('fatal', 'warning')
       or f.severity = 'fatal' and f."table" in ('party', 'company', 'open_item', 'exchange_rate'))
  and not starts_with(f.rule, 'IN-') and f.object_id is not null
group by all
"""

# Changes are told for so many days, so that whoever comes late still finds the case.
NEW_FOR_DAYS = 60

# One whose every account came with the same change was not there before: a new partner is none.
_ACCOUNT_CHANGED = f"""
select 'account_changed' as reason, 'party' as "table", a.party_id as object_id, cast(null as varchar) as related_id, a.party_id,
  cast(null as decimal(18, 4)) as amount, cast(null as varchar) as currency,
  'the bank details were changed between ' || min(a.new_from) || ' and ' || max(a.seen_on) as message,
  json_object('says', 'account_changed', 'account', list(a.account order by a.account),
    'known', (select list(b.account order by b.account) from party_account b where b.party_id = a.party_id and b.new_from is null),
    'first', min(a.new_from), 'last', max(a.seen_on)) as evidence,
  (select min(source) from party p where p.party_id = a.party_id) as source,
  (select min(line) from party p where p.party_id = a.party_id) as line
from party_account a
where a.is_current and a.seen_on >= cast($as_of as date) - {NEW_FOR_DAYS}
group by a.party_id
"""

_PAID_TO_NEW_ACCOUNT = f"""
select 'paid_to_new_account' as reason, 'payment' as "table", p.payment_id as object_id, cast(null as varchar) as related_id,
  min(a.party_id) as party_id, p.amount, p.currency,
  'paid to an account that came into the master data between ' || min(a.new_from) || ' and ' || min(a.seen_on) as message,
  json_object('says', 'paid_to_new_account', 'account', min(a.account), 'first', min(a.new_from), 'last', min(a.seen_on)) as evidence,
  p.source, p.line
from payment p
join party_account a on a.account = regexp_replace(upper(p.counterparty_account), '[^A-Z0-9]', '', 'g')
where p.amount < 0 and p.status = 'BOOK' and p.booking_date between a.new_from and a.new_from + {NEW_FOR_DAYS}
group by p.payment_id, p.amount, p.currency, p.source, p.line
"""


def derived(as_of: dt.date) -> tuple[Query, ...]:
    """The statements that add to ``exception`` what findings, refused files and changed accounts amount to."""
    day = {"as_of": as_of}
    return (
        _insert("exceptions of changed accounts", _ACCOUNT_CHANGED, day),
        _insert("exceptions of payments to new accounts", _PAID_TO_NEW_ACCOUNT),
        _insert("exceptions of invalid documents", _INVALID_DOCUMENTS),
        _insert("exceptions of unreadable sources", _UNREADABLE_SOURCES),
        _insert("exceptions of duplicate files", _DUPLICATE_FILES),
        _insert("exceptions of master data", _MASTER_DATA),
    )


def facts_query(as_of: dt.date) -> Query:
    """Makes ``case_fact``: what the conditions of routes and patterns see of each exception.

    object_date is that of the payment's booking, the open item's document (of an overdue one its due day), the
    invoice's issue; null for files; of a party the day from which an account of it may be
    new. account is the other side's of a payment. amount is without sign. batch is 0, and numbers the inline tests.
    """
    return Query(
        "facts of exceptions",
        """
create or replace table case_fact as
with objects as (
  select 'payment' as "table", payment_id as object_id, min(booking_date) as object_date, null as due_date,
    regexp_replace(upper(min(counterparty_account)), '[^A-Z0-9]', '', 'g') as account
  from payment group by payment_id
  union all
  select 'open_item', open_item_id, min(coalesce(document_date, posting_date, due_date)), min(due_date), null
  from open_item group by open_item_id
  union all
  select 'cleared_item', cleared_item_id, min(coalesce(document_date, posting_date, due_date)), min(due_date), null
  from cleared_item group by cleared_item_id
  union all
  select 'invoice', invoice_id, min(issue_date), null, null from invoice group by invoice_id
  union all
  select 'billing_line', billing_document, min(issue_date), null, null from billing_line group by billing_document
  union all
  select 'party', party_id, max(new_from), null, null from party_account where is_current group by party_id
)
select 0 as batch, e.exception_id, e.reason, e."table", e.object_id, e.related_id, e.party_id, e.currency, e.source, o.account,
  abs(e.amount) as amount,
  case when e.reason = 'overdue_open_item' then o.due_date else o.object_date end as object_date,
  date_diff('day', case when e.reason = 'overdue_open_item' then o.due_date else o.object_date end, $as_of) as age_days
from exception e
left join objects o on o."table" = e."table" and o.object_id = e.object_id
""",
        {"as_of": as_of},
    )
