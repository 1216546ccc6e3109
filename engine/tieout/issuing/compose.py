"""Billing lines -> the canonical rows of their invoices, set at a time: composes SQL, the store runs it.

A line's net amount is quantity times price, rounded half up to the currency's minor units; VAT is computed once a category
and rate on the sum of its lines (BR-CO-17). What the ERP has booked counts where only rounding tells it from that: an exact
half rounded the other way, or VAT rounded line by line. Called by ``generate``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tieout.issuing import fapiao
from tieout.model.money import MINOR_UNITS
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["WORKING_TABLES", "Profile", "conflicts", "documents", "prepare", "rows"]

# What all lines of a billing document must say alike; the first value there is counts.
_HEAD = (
    "billing_kind",
    "invoice_number",
    "corrects_invoice",
    "billed_on",
    "issue_date",
    "due_date",
    "currency",
    "party_id",
    "buyer_reference",
    "purchase_order_reference",
    "contract_reference",
    "payment_terms",
    "document_total",
)

# VATEX codes of the CEF list that follow from the category alone; an exempt line (E) needs its own reason.
_VATEX = {"AE": "VATEX-EU-AE", "G": "VATEX-EU-G", "K": "VATEX-EU-IC", "O": "VATEX-EU-O"}


@dataclass(frozen=True, slots=True)
class Profile:
    """What is the same on every invoice of a run: the seller, the mappings that write it, the workspace's choices."""

    entity: Mapping[str, str]
    invoice: str
    credit_note: str
    syntax: str
    specification: str
    business_process: str | None
    payment_means: str
    fapiao_kind: str = "02"
    tells_time: bool = False
    """Whether the mapping writes the day as an instant too."""

    @property
    def parameters(self) -> dict[str, Any]:
        keys = (
            "name", "vat", "legal_registration", "legal_registration_scheme", "electronic_address",
            "electronic_address_scheme", "address_line_1", "address_line_2", "city", "post_code", "country", "contact",
            "telephone", "email", "account", "account_name", "bic",
        )  # fmt: skip
        return {f"seller_{key}": self.entity.get(key) or None for key in keys}


def prepare(store: Store) -> None:
    """Makes the working tables: issuing_line, issuing_vat, issuing_buyer, issuing_head, one row a document, and issuing_ground, empty."""
    store.put("issuing_currency", pl.DataFrame({"currency": [*MINOR_UNITS], "decimals": [*MINOR_UNITS.values()]}))
    for query in (_LINES, _VAT, _BUYERS, _head(), _NO_GROUNDS):
        store.execute(query)


WORKING_TABLES = (
    "issuing_currency",
    "issuing_line",
    "issuing_vat",
    "issuing_buyer",
    "issuing_head",
    "issuing_number",
    "issuing_ground",
)


def _rounded(value: str) -> str:
    """The value in whole minor units of the row's currency; halves go away from zero. NULL where it is too large.

    Each branch is cast on its own: the common type of DECIMAL(37,0) and DECIMAL(37,4) has one decimal left.
    """
    whens = " ".join(f"when {n} then try_cast(round({value}, {n}) as decimal(24, 6))" for n in (0, 3, 4))
    return f"case decimals {whens} else try_cast(round({value}, 2) as decimal(24, 6)) end"


# The product is exact: 18 digits with 8 decimals times 19 with 10 are 37 digits with 18 decimals.
_PRODUCT = """case when quantity = try_cast(quantity as decimal(18, 8)) and net_price = try_cast(net_price as decimal(19, 10))
  then cast(quantity as decimal(18, 8)) * cast(net_price as decimal(19, 10)) end"""

# An amount that is an exact half of a minor unit may be rounded either way: ERPs differ, and neither is wrong.
_HALF = "case decimals when 0 then 0.5 when 3 then 0.0005 when 4 then 0.00005 else 0.005 end"

_LINES = Query(
    "lines to be invoiced",
    f"""
create or replace table issuing_line as
with products as (
  select b.*, coalesce(c.decimals, 2) as decimals, {_PRODUCT} as product
  from billing_line b left join issuing_currency c using (currency)
)
select *, {_rounded("product")} as computed, coalesce(line_net_amount, {_rounded("product")}) as net,
       row_number() over (partition by billing_document order by billing_line_no) as row_no
from products
""",
)

_VAT = Query(
    "VAT by category and rate",
    f"""
create or replace table issuing_vat as
with groups as (
  select billing_document, vat_category_code, vat_rate, max(decimals) as decimals, count(*) as lines,
         case when count(net) = count(*) then try_cast(sum(net) as decimal(24, 6)) end as taxable,
         arg_min(vat_exemption_reason, row_no) as reason
  from issuing_line
  group by billing_document, vat_category_code, vat_rate
),
taxed as (
  select *, {_rounded("try_cast(taxable as decimal(22, 6)) * vat_rate * 0.01")} as computed,
         row_number() over (partition by billing_document order by vat_category_code, vat_rate desc) as row_no,
         row_number() over (partition by billing_document order by vat_rate > 0 desc, abs(taxable) desc, vat_category_code,
                            vat_rate desc) = 1 and vat_rate > 0 as takes_rounding
  from groups
),
booked as (
  select billing_document,
         case when count(computed) = count(*) then any_value(total) - try_cast(sum(taxable + computed) as decimal(24, 6))
         end as difference,
         (sum(lines) + count(*)) * any_value({_HALF}) as most
  from taxed
  join (select billing_document, arg_min(document_total, row_no) as total from issuing_line group by 1)
  using (billing_document)
  group by billing_document
)
select t.*, case when t.takes_rounding and abs(b.difference) <= b.most then b.difference else 0 end as rounding,
       cast(t.computed + case when t.takes_rounding and abs(b.difference) <= b.most then b.difference else 0 end
            as decimal(24, 6)) as tax
from taxed t join booked b using (billing_document)
""",
)

_NO_GROUNDS = Query(
    "no payments that call for invoices",
    "create or replace table issuing_ground (billing_document varchar, payment_id varchar, paid_on date)",
)

_BUYERS = Query(
    "buyers",
    """
create or replace table issuing_buyer as
select * from party qualify row_number() over (partition by party_id order by row_no, source, line) = 1
""",
)


def _head() -> Query:
    firsts = ", ".join(f"arg_min({name}, row_no) as {name}" for name in _HEAD)
    several = ", ".join(f"case when count(distinct {name}) > 1 then '{name}' end" for name in _HEAD)
    return Query(
        "documents to be invoiced",
        f"""
create or replace table issuing_head as
with documents as (
  select billing_document, {firsts}, max(delivery_date) as delivery_date,
         concat_ws(', ', {several}) as conflicts, count(*) > count(distinct billing_line_no) as has_repeated_lines,
         bool_or(vat_category_code = 'K') as intra_community,
         case when count(net) = count(*) then try_cast(sum(net) as decimal(24, 6)) end as net,
         arg_min(source, row_no) as source, min(line) as line
  from issuing_line group by billing_document
),
taxes as (
  select billing_document, case when count(tax) = count(*) then try_cast(sum(tax) as decimal(24, 6)) end as tax,
         sum(rounding) as rounding
  from issuing_vat group by billing_document
)
select d.*, t.tax, t.rounding, try_cast(d.net + t.tax as decimal(24, 6)) as total,
       coalesce(d.billing_kind = 'credit_note', false) as is_credit,
       coalesce(d.billing_kind in ('invoice', 'credit_note'), false) as has_kind,
       b.party_id is not null as is_known,
       b.name, b.trading_name, b.city, b.post_code, b.country, b.tax_identifier,
       b.electronic_address, b.electronic_address_scheme, b.source as party_source, b.line as party_line
from documents d
join taxes t using (billing_document)
left join issuing_buyer b using (party_id)
""",
    )


def documents(as_of: dt.date) -> Query:
    """One row a billing document, in the order in which numbers are given: by date, then by billing document."""
    return Query(
        "billing documents in order",
        """
select billing_document, invoice_number, corrects_invoice, billed_on, issue_date, is_credit, party_id, currency, total, document_total, rounding, conflicts, has_repeated_lines, has_kind,
       is_known, party_source, party_line, coalesce(issue_date > $as_of, false) as is_early, source, line
from issuing_head order by issue_date nulls last, billing_document
""",
        {"as_of": as_of},
    )


def conflicts() -> Query:
    """The lines whose own amount is no rounding of quantity times price, or whose amount cannot be computed at all."""
    return Query(
        "amounts that differ",
        f"""
with exact as (select *, try_cast(product as decimal(24, 6)) as short from issuing_line)
select billing_document, billing_line_no, currency, quantity, net_price, line_net_amount, computed, source, line
from exact
where computed is null
   or (line_net_amount <> computed
       and not (short = product and abs(computed - short) = {_HALF} and line_net_amount = short + short - computed))
order by billing_document, row_no
""",
    )


def rows(store: Store, numbers: pl.DataFrame, profile: Profile) -> dict[str, pl.DataFrame]:
    """The canonical rows of the documents that have a number, by table; typed, in the order of their keys.

    numbers: billing_document, invoice_id, invoice_number, remittance_information.
    """
    store.put("issuing_number", numbers)
    wanted = fapiao.tables(profile) if profile.syntax == "cn" else _tables(profile)
    return {name: store.fetch(query) for name, query in wanted}


def _tables(profile: Profile) -> list[tuple[str, Query]]:
    return [
        ("invoice", _invoice(profile)),
        ("invoice_note", _NOTES),
        ("preceding_invoice", _PRECEDING),
        ("payment_instruction", _payment(profile)),
        ("vat_breakdown", _BREAKDOWN),
        ("vat_total", _VAT_TOTALS),
        ("invoice_line", _INVOICE_LINES),
    ]


def _invoice(profile: Profile) -> Query:
    seller = profile.parameters
    return Query(
        "invoices",
        """
select n.invoice_id,
       case when h.is_credit then $credit_note else $invoice end as mapping,
       $syntax as syntax,
       case when h.is_credit then 'credit_note' else 'invoice' end as document_kind,
       'issued' as direction,
       n.invoice_number, h.issue_date,
       case when h.is_credit then '381' else '380' end as invoice_type_code,
       h.currency as invoice_currency_code,
       case when not h.is_credit then h.due_date end as payment_due_date,
       h.buyer_reference, h.contract_reference, h.purchase_order_reference, h.payment_terms,
       $business_process as business_process_type, $specification as specification_identifier,
       $seller_name as seller_name, $seller_vat as seller_vat_identifier,
       $seller_legal_registration as seller_legal_registration_identifier,
       $seller_legal_registration_scheme as seller_legal_registration_identifier_scheme,
       $seller_electronic_address as seller_electronic_address,
       $seller_electronic_address_scheme as seller_electronic_address_scheme,
       $seller_address_line_1 as seller_address_line_1, $seller_address_line_2 as seller_address_line_2,
       $seller_city as seller_city, $seller_post_code as seller_post_code, $seller_country as seller_country_code,
       $seller_country as seller_countries,
       coalesce($seller_address_line_1, $seller_address_line_2, $seller_city, $seller_post_code, $seller_country)
         is not null as seller_has_postal_address,
       $seller_contact as seller_contact_point, $seller_telephone as seller_contact_telephone_number,
       $seller_email as seller_contact_email_address,
       h.name as buyer_name, h.trading_name as buyer_trading_name, h.party_id as buyer_identifier,
       h.tax_identifier as buyer_vat_identifier,
       h.electronic_address as buyer_electronic_address, h.electronic_address_scheme as buyer_electronic_address_scheme,
       h.city as buyer_city, h.post_code as buyer_post_code, h.country as buyer_country_code,
       h.country as buyer_countries,
       coalesce(h.city, h.post_code, h.country) is not null as buyer_has_postal_address,
       false as has_payee, false as has_seller_tax_representative, false as tax_representative_has_postal_address,
       false as has_invoicing_period,
       h.delivery_date as actual_delivery_date,
       h.intra_community is true and h.country is not null as deliver_to_has_address,
       case when h.intra_community then h.country end as deliver_to_country_code,
       h.net as sum_of_invoice_line_net_amount, h.net as invoice_total_amount_without_vat,
       h.tax as invoice_total_vat_amount, h.total as invoice_total_amount_with_vat,
       case when g.payment_id is not null then h.total end as paid_amount,
       case when g.payment_id is null then h.total else 0 end as amount_due_for_payment, true as has_document_totals,
       h.source, h.line
from issuing_number n join issuing_head h using (billing_document) left join issuing_ground g using (billing_document)
order by n.invoice_id
""",
        {
            **{key: value for key, value in seller.items() if key not in _ACCOUNT},
            "invoice": profile.invoice,
            "credit_note": profile.credit_note,
            "syntax": profile.syntax,
            "business_process": profile.business_process,
            "specification": profile.specification,
        },
    )


_ACCOUNT = ("seller_account", "seller_account_name", "seller_bic")


def _payment(profile: Profile) -> Query:
    """How to pay: on invoices only, and where the seller names an account."""
    return Query(
        "payment instructions",
        """
select n.invoice_id, 1 as row_no, $means as payment_means_type_code, n.remittance_information,
       false as has_payment_card, true as has_credit_transfer, false as has_direct_debit,
       $seller_account as payment_account_identifier, $seller_account_name as payment_account_name,
       $seller_bic as payment_service_provider_identifier, h.source, h.line
from issuing_number n join issuing_head h using (billing_document)
where not h.is_credit and $seller_account is not null
order by n.invoice_id
""",
        {"means": profile.payment_means, **{key: profile.parameters[key] for key in _ACCOUNT}},
    )


_NOTES = Query(
    "notes",
    """
with notes as (
  select billing_document, note, min(row_no) as first, arg_min(source, row_no) as source, min(line) as line
  from issuing_line where note is not null group by billing_document, note
  union all
  select g.billing_document, 'Paid on ' || g.paid_on || ', payment ' || g.payment_id, 0, h.source, h.line
  from issuing_ground g join issuing_head h using (billing_document)
)
select n.invoice_id, row_number() over (partition by n.invoice_id order by t.first) as row_no,
       t.note as invoice_note, t.source, t.line
from issuing_number n join notes t using (billing_document)
order by n.invoice_id, row_no
""",
)

_PRECEDING = Query(
    "preceding invoices",
    """
select n.invoice_id, 1 as row_no, h.corrects_invoice as preceding_invoice_reference, h.source, h.line
from issuing_number n join issuing_head h using (billing_document)
where h.corrects_invoice is not null
order by n.invoice_id
""",
)

_BREAKDOWN = Query(
    "VAT breakdown",
    f"""
select n.invoice_id, v.row_no, v.taxable as vat_category_taxable_amount, v.tax as vat_category_tax_amount,
       v.vat_category_code, v.vat_rate as vat_category_rate, 'VAT' as tax_scheme,
       v.reason as vat_exemption_reason_text,
       case v.vat_category_code {" ".join(f"when '{category}' then '{code}'" for category, code in _VATEX.items())}
         end as vat_exemption_reason_code,
       h.source, h.line
from issuing_number n join issuing_vat v using (billing_document) join issuing_head h using (billing_document)
order by n.invoice_id, v.row_no
""",
)

_VAT_TOTALS = Query(
    "VAT totals",
    """
select n.invoice_id, 1 as row_no, h.tax as vat_total_amount, h.currency as vat_total_currency_code,
       true as has_vat_breakdown, h.tax as vat_breakdown_tax_amount, h.source, h.line
from issuing_number n join issuing_head h using (billing_document)
order by n.invoice_id
""",
)

_INVOICE_LINES = Query(
    "invoice lines",
    """
select n.invoice_id, l.row_no, cast(l.billing_line_no as varchar) as invoice_line_identifier,
       l.quantity as invoiced_quantity, l.unit_code as invoiced_quantity_unit_code, l.net as invoice_line_net_amount,
       l.net_price as item_net_price, l.vat_category_code as invoiced_item_vat_category_code,
       l.vat_rate as invoiced_item_vat_rate, 'VAT' as tax_scheme, l.item_name, l.item_description,
       l.item_identifier as item_sellers_identifier, false as has_invoice_line_period, l.source, l.line
from issuing_number n join issuing_line l using (billing_document)
order by n.invoice_id, l.row_no
""",
)
