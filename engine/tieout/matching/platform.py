"""Ledger against e-invoice platform: every item that must have an e-invoice has one, and they say the same.

Set-based: items and documents are linked by number, then compared as the plan says; what does not agree becomes an
``exception``. Links
are written to ``open_item.invoice_id``. Called by the run after matching; knows nothing of payments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tieout.matching.exceptions import insert, money
from tieout.matching.limits import tolerance
from tieout.model.definitions import MatchPlan
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["FINDS", "compare"]

FINDS = (
    "missing_on_platform",
    "missing_in_erp",
    "amount_differs",
    "tax_id_differs",
    "date_differs",
    "duplicate_document",
    "cancelled_document",
)


def compare(store: Store, plan: MatchPlan, *, as_of: dt.date) -> None:
    """Appends the exceptions that the plan's passes find, each with the pass's name as reason.

    Their object is the open item (of several items that share one number, the smallest), for missing_in_erp the
    invoice. Items count that name an e_invoice_profile, documents that were issued (or, for payables, received).
    A side of which nothing was read is not compared; nor is what is dated after ``as_of`` missing.
    """
    for query in _queries(plan, as_of):
        store.execute(query)


def _queries(plan: MatchPlan, as_of: dt.date) -> list[Query]:
    cancelled = [str(each).lower() for each in plan.options.get("cancelled", ())]
    parts: list[tuple[str, str, dict[str, Any]]] = [
        ("items", "create or replace table platform_item as" + _ITEMS, {}),
        ("documents", "create or replace table platform_document as" + _DOCUMENTS, {"cancelled": cancelled}),
        ("tax identifiers", "create or replace table platform_tax as" + _TAXES, {}),
        ("groups", "create or replace table platform_group as" + _GROUPS, {}),
        ("links", "create or replace table platform_link as" + _LINKS, {}),
        ("reversals", "create or replace table platform_reversal as" + _REVERSALS, {}),
        ("linked items", _LINKED_ITEMS, {}),
    ]
    for each in plan.passes:
        reason = str(each.options["find"])
        rows, parameters = _rows(reason, each.options, as_of)
        parts.append((each.name, insert(f"'{reason}'", rows), parameters))
    return [Query(f"platform, {name}", sql, parameters) for name, sql, parameters in parts]


def _rows(reason: str, options: Mapping[str, Any], as_of: dt.date) -> tuple[str, dict[str, Any]]:
    """The select of one pass, and what is bound in it."""
    match reason:
        case "missing_on_platform" | "missing_in_erp":
            newest = as_of - dt.timedelta(days=int(options.get("grace_days", 0)))
            rows = _MISSING_ON_PLATFORM if reason == "missing_on_platform" else _MISSING_IN_ERP
            parameters: dict[str, Any] = {"newest": newest}
            if reason == "missing_on_platform" and options.get("profiles"):
                return f"{rows} and g.e_invoice_profile in $profiles", parameters | {
                    "profiles": list(options["profiles"])
                }
            return rows, parameters
        case "amount_differs":
            named = options.get("amounts", list(_AMOUNTS))
            shown = ", ".join(f"d.{_AMOUNTS[str(each)]}" for each in named)
            within = tolerance(options.get("tolerance", {}), currency="g.currency", of="g.amount")
            return _AMOUNT_DIFFERS.replace("{shown}", shown).replace("{within}", within), {}
        case "date_differs":
            dates = " or ".join(
                f"abs(g.{item} - d.{document}) > {int(options.get('days', 0))}"
                for item, document in dict(options.get("dates", {"document_date": "issue_date"})).items()
            )
            return _DATE_DIFFERS.replace("{dates}", dates), {}
    return _EXCEPTIONS[reason], {}


def _key(column: str) -> str:
    """A number as it is compared: letters and digits only, capitals; null where nothing is left."""
    return f"nullif(regexp_replace(upper({column}), '[^0-9A-Z]', '', 'g'), '')"


# --- both sides ---

_ITEM = """
select '{table}' as "table", {id} as object_id, coalesce(ledger, 'receivable') as ledger, company_code, party_id,
  case when ledger = 'payable' then party_id end as owner,
  coalesce(document_type = 'credit_note', amount < 0) as is_credit, {reference} as number_key, {own} as own_key,
  amount, {open} as open_amount, currency, e_invoice_profile, {tax} as tax_key, document_date, due_date, reference, source, line
from {table}
"""

_ITEMS = " union all ".join(
    _ITEM.format(
        table=table,
        id=name,
        open=open_amount,
        reference=_key("reference"),
        own=_key(name),
        tax=_key("party_tax_identifier"),
    )
    for table, name, open_amount in (
        ("open_item", "open_item_id", "open_amount"),
        ("cleared_item", "cleared_item_id", "0"),
    )
)

# An untold direction is found by our own tax identifiers; credits are negative, however the format writes them.
_DOCUMENTS = f"""
with ours as (select distinct {_key("tax_identifier")} as tax_key from company where tax_identifier is not null),
documents as (
  select *, {_key("seller_vat_identifier")} as seller_key, {_key("buyer_vat_identifier")} as buyer_key,
    coalesce(document_kind = 'credit_note', false) or coalesce(is_red_letter, false)
      or coalesce(coalesce(invoice_total_amount_with_vat, amount_due_for_payment) < 0, false) as is_credit
  from invoice
)
select invoice_id, invoice_number, {_key("invoice_number")} as number_key, is_credit, seller_key, buyer_key,
  case coalesce(direction, case
      when seller_key in (from ours) then 'issued'
      when buyer_key in (from ours) then 'received'
      else 'issued' end) when 'received' then 'payable' else 'receivable' end as ledger,
  case when is_credit then -abs(invoice_total_amount_with_vat) else invoice_total_amount_with_vat end as total,
  case when is_credit then -abs(amount_due_for_payment) else amount_due_for_payment end as due,
  case when is_credit then -abs(invoice_total_amount_with_vat + rounding_amount)
       else invoice_total_amount_with_vat + rounding_amount end as rounded,
  invoice_currency_code as currency, coalesce(list_contains($cancelled::varchar[], lower(invoice_status)), false) as is_cancelled,
  invoice_status, issue_date, payment_due_date as due_date, seller_vat_identifier, buyer_vat_identifier, buyer_name, seller_name, source, line
from documents
"""

# The tax identifiers a document of an item may show: the item's own, else those of its party in the master data.
_TAXES = f"""
select "table", object_id, tax_key from platform_item where tax_key is not null
union
select i."table", i.object_id, {_key("p.tax_identifier")}
from platform_item i
join party p using (party_id)
where i.tax_key is null and p.tax_identifier is not null
"""

# Items that share a number are one invoice in instalments: their sum is compared. Suppliers may use the same numbers.
_GROUPS = """
select ledger, company_code, owner, is_credit, coalesce(number_key, own_key) as group_key,
  arg_min("table", ("table" <> 'open_item', object_id)) as "table",
  arg_min(object_id, ("table" <> 'open_item', object_id)) as object_id,
  list(distinct own_key order by own_key) as own_keys,
  min(party_id) as party_id, sum(amount) as amount, sum(open_amount) as open_amount,
  list(distinct amount order by amount) as amounts, min(currency) as currency,
  min(e_invoice_profile) as e_invoice_profile, min(document_date) as document_date, min(due_date) as due_date,
  min(reference) as reference,
  arg_min(source, ("table" <> 'open_item', object_id)) as source,
  arg_min(line, ("table" <> 'open_item', object_id)) as line
from platform_item
group by ledger, company_code, owner, is_credit, coalesce(number_key, own_key)
"""

# --- who belongs to whom ---

# By the number printed on the invoice, else by the ledger's own number. Two companies of ours may use the same numbers:
# a document of the other one is not linked. Two suppliers certainly do: where the issuer is not the item's, only an
# equal amount links, and the tax identifier is what differs.
_LINKS = f"""
with issuers as (
  select company_code, list(distinct {_key("tax_identifier")}) as tax_keys
  from company where tax_identifier is not null group by company_code
),
suppliers as (select "table", object_id, list(distinct tax_key) as tax_keys from platform_tax group by "table", object_id),
pairs as (
  select g."table", g.object_id, d.invoice_id, g.group_key = d.number_key as by_number,
    case g.ledger
      when 'receivable' then coalesce(list_contains(i.tax_keys, d.seller_key), true)
        or d.seller_key not in (select unnest(tax_keys) from issuers)
      else coalesce(list_contains(s.tax_keys, d.seller_key), true) end as is_issuer,
    list_contains(g.amounts, d.total) or g.amount = d.total as is_amount, g.ledger
  from platform_group g
  join platform_document d on d.ledger = g.ledger and d.is_credit = g.is_credit and d.number_key = g.group_key
  left join issuers i using (company_code)
  left join suppliers s on s."table" = g."table" and s.object_id = g.object_id
  union all
  select g."table", g.object_id, d.invoice_id, false, true, true, g.ledger
  from (select *, unnest(own_keys) as own_key from platform_group) g
  join platform_document d on d.ledger = g.ledger and d.is_credit = g.is_credit and d.number_key = g.own_key
  where g.ledger = 'receivable' and g.group_key <> g.own_key
)
select distinct "table", object_id, invoice_id
from pairs
where is_issuer or ledger = 'payable' and is_amount
qualify (by_number or not bool_or(by_number) over (partition by invoice_id))
  and (is_issuer or not (bool_or(is_issuer) over (partition by "table", object_id)
                         or bool_or(is_issuer) over (partition by invoice_id)))
"""

# Credit notes and red letters that name an invoice of the ledger and are not booked themselves.
_REVERSALS = f"""
select g."table", g.object_id, d.invoice_id, d.invoice_number, d.total, d.issue_date,
  sum(d.total) over (partition by g."table", g.object_id) as reversed, g.amount as booked
from platform_document d
join (
  select distinct invoice_id, {_key("preceding_invoice_reference")} as number_key from preceding_invoice
) p using (invoice_id)
join platform_group g on g.ledger = d.ledger and not g.is_credit and (g.group_key = p.number_key or list_contains(g.own_keys, p.number_key))
where d.is_credit and d.invoice_id not in (select invoice_id from platform_link)
"""

_LINKED_ITEMS = """
update open_item
set invoice_id = l.invoice_id
from (
  select i.object_id, min(l.invoice_id) as invoice_id
  from platform_link l
  join platform_group g using ("table", object_id)
  join platform_item i on i."table" = 'open_item' and i.ledger = g.ledger and i.is_credit = g.is_credit
   and i.company_code is not distinct from g.company_code and i.owner is not distinct from g.owner and coalesce(i.number_key, i.own_key) = g.group_key
  group by i.object_id
) l
where open_item.open_item_id = l.object_id
"""

# --- what does not agree ---

_MISSING_ON_PLATFORM = """
select g."table", g.object_id, cast(null as varchar) as related_id, g.party_id, g.amount, g.currency,
  g.e_invoice_profile || ': no e-invoice with the number ' || coalesce(g.reference, g.object_id) as message,
  json_object('says', 'no_einvoice', 'profile', g.e_invoice_profile, 'number', coalesce(g.reference, g.object_id), 'document_date', g.document_date) as evidence,
  g.source, g.line
from platform_group g
where g.e_invoice_profile is not null and (g.document_date is null or g.document_date <= $newest)
  and exists (select 1 from platform_document d where d.ledger = g.ledger)
  and not exists (select 1 from platform_link l where l."table" = g."table" and l.object_id = g.object_id)
"""

_MISSING_IN_ERP = f"""
select 'invoice' as "table", d.invoice_id as object_id, d.invoice_number as related_id,
  (select min(p.party_id) from platform_tax t join platform_item p using ("table", object_id)
   where t.tax_key = case d.ledger when 'receivable' then d.buyer_key else d.seller_key end) as party_id,
  try_cast(coalesce(d.total, d.due) as decimal(18, 4)) as amount, d.currency,
  case when d.is_credit then 'credit note ' else 'e-invoice ' end || coalesce(d.invoice_number, '(no number)')
    || ' is not in the ledger' as message,
  json_object('says', case when d.is_credit then 'credit_not_booked' else 'not_booked' end,
              'number', d.invoice_number, 'issue_date', d.issue_date, 'seller', d.seller_vat_identifier,
              'buyer', d.buyer_vat_identifier, 'total', {money("d.total")}) as evidence,
  d.source, d.line
from platform_document d
where not d.is_cancelled and (d.issue_date is null or d.issue_date <= $newest)
  and exists (select 1 from platform_item i where i.ledger = d.ledger)
  and d.invoice_id not in (select invoice_id from platform_link)
  and d.invoice_id not in (
    select r.invoice_id from platform_reversal r
    where r."table" = 'open_item' and abs(r.reversed) >= abs(r.booked)
  )
"""

# What of a document an item's amount may agree with.
_AMOUNTS = {"invoice_total_amount_with_vat": "total", "amount_due_for_payment": "due", "rounded_total": "rounded"}

_AMOUNT_DIFFERS = f"""
with shown as (
  select l."table", l.object_id, arg_min(d, d.invoice_id) as d,
    bool_or(
      coalesce(d.currency, g.currency) = g.currency
      and coalesce(list_min(flatten(list_transform(list_append(g.amounts, g.amount),
            lambda a: list_transform([{{shown}}], lambda v: abs(a - v))))) <= {{within}}, false)
    ) as agrees
  from platform_link l
  join platform_group g using ("table", object_id)
  join platform_document d using (invoice_id)
  group by l."table", l.object_id
)
select g."table", g.object_id, s.d.invoice_id as related_id, g.party_id, g.amount, g.currency,
  'ledger ' || {money("g.amount")} || ' ' || g.currency || ', e-invoice '
    || coalesce({money("s.d.total")}, 'no total') || ' ' || coalesce(s.d.currency, '') as message,
  json_object('says', 'amount_differs', 'ledger', {money("g.amount")}, 'ledger_currency', g.currency, 'einvoice', {money("s.d.total")},
              'einvoice_currency', s.d.currency, 'number', s.d.invoice_number) as evidence,
  g.source, g.line
from shown s
join platform_group g using ("table", object_id)
where not s.agrees
"""

_DATE_DIFFERS = """
select g."table", g.object_id, d.invoice_id as related_id, g.party_id, g.amount, g.currency,
  'ledger ' || coalesce(g.document_date::varchar, '-') || ', due ' || coalesce(g.due_date::varchar, '-')
    || '; e-invoice ' || coalesce(d.issue_date::varchar, '-') || ', due ' || coalesce(d.due_date::varchar, '-') as message,
  json_object('says', 'date_differs', 'document_date', g.document_date, 'due_date', g.due_date, 'issue_date', d.issue_date,
              'payment_due_date', d.due_date, 'number', d.invoice_number) as evidence,
  g.source, g.line
from platform_link l
join platform_group g using ("table", object_id)
join platform_document d using (invoice_id)
where {dates}
qualify row_number() over (partition by g."table", g.object_id order by d.invoice_id) = 1
"""

_TAX_ID_DIFFERS = """
with shown as (
  select l."table", l.object_id, d.invoice_id, d.invoice_number,
    case d.ledger when 'receivable' then d.buyer_key else d.seller_key end as tax_key,
    case d.ledger when 'receivable' then d.buyer_vat_identifier else d.seller_vat_identifier end as tax_identifier
  from platform_link l
  join platform_document d using (invoice_id)
)
select s."table", s.object_id, min(s.invoice_id) as related_id, any_value(g.party_id) as party_id,
  any_value(g.amount) as amount, any_value(g.currency) as currency,
  'ledger ' || string_agg(distinct t.tax_key, ', ' order by t.tax_key) || ', e-invoice '
    || string_agg(distinct s.tax_identifier, ', ' order by s.tax_identifier) as message,
  json_object('says', 'tax_id_differs', 'ledger', list(distinct t.tax_key order by t.tax_key),
              'einvoice', list(distinct s.tax_identifier order by s.tax_identifier),
              'number', min(s.invoice_number)) as evidence,
  any_value(g.source) as source, any_value(g.line) as line
from shown s
join platform_tax t using ("table", object_id)
join platform_group g using ("table", object_id)
where s.tax_key is not null
group by s."table", s.object_id
having not bool_or(t.tax_key in (s.tax_key, substr(s.tax_key, 3)) or substr(t.tax_key, 3) = s.tax_key)
"""

# Two documents of one number, or one whose very bytes came twice (intake reads those once).
_DUPLICATE_DOCUMENT = """
with copies as (
  select l."table", l.object_id, d.invoice_id as copy, d.source, d.line
  from platform_link l
  join platform_document d using (invoice_id)
  union all
  select l."table", l.object_id, again.document_id, d.source, d.line
  from platform_link l
  join platform_document d using (invoice_id)
  join document read on read.document_id = d.source
  join document again on again.sha256 = read.sha256 and again.status = 'duplicate'
)
select c."table", c.object_id, max(c.copy) as related_id, any_value(g.party_id) as party_id,
  any_value(g.amount) as amount, any_value(g.currency) as currency,
  count(distinct c.copy) || ' e-invoices with the number ' || coalesce(any_value(g.reference), c.object_id) as message,
  json_object('says', 'einvoices_of_one_number', 'number', coalesce(any_value(g.reference), c.object_id),
    'count', count(distinct c.copy), 'documents', list(distinct c.copy order by c.copy)) as evidence,
  any_value(g.source) as source, any_value(g.line) as line
from copies c
join platform_group g using ("table", object_id)
group by c."table", c.object_id
having count(distinct c.copy) > 1
"""

_CANCELLED_DOCUMENT = f"""
with reasons as (
  select r."table", r.object_id, r.invoice_id, r.invoice_number, {money("r.total")} as total, r.issue_date, 'reversed' as how
  from platform_reversal r
  where abs(r.reversed) >= abs(r.booked)
  union all
  select l."table", l.object_id, d.invoice_id, d.invoice_number, {money("d.total")}, d.issue_date, d.invoice_status
  from platform_link l
  join platform_document d using (invoice_id)
  where d.is_cancelled
)
select g."table", g.object_id, min(r.invoice_id) as related_id, any_value(g.party_id) as party_id,
  any_value(g.open_amount) as amount, any_value(g.currency) as currency,
  'cancelled on the platform (' || string_agg(distinct r.invoice_number, ', ' order by r.invoice_number)
    || '), still open in the ledger' as message,
  json_object('says', 'cancelled_there', 'cancelled_by', list(distinct r.invoice_number order by r.invoice_number),
              'number', any_value(g.reference), 'ledger_open', {money("any_value(g.open_amount)")},
              'by', list(distinct struct_pack(number := r.invoice_number, total := r.total, issue_date := r.issue_date, how := r.how))
  ) as evidence,
  any_value(g.source) as source, any_value(g.line) as line
from reasons r
join platform_group g using ("table", object_id)
where g."table" = 'open_item' and g.open_amount <> 0
group by g."table", g.object_id
"""

_EXCEPTIONS = {
    "tax_id_differs": _TAX_ID_DIFFERS,
    "duplicate_document": _DUPLICATE_DOCUMENT,
    "cancelled_document": _CANCELLED_DOCUMENT,
}
