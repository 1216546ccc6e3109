"""Billing lines -> the canonical rows of 数电票 issue requests: tax a line, red letters below zero, what they reverse in the remark.

Beside ``compose``, whose working tables it reads; the totals are the same. Called by ``compose.rows`` for the syntax cn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.model.records import Query

if TYPE_CHECKING:
    from tieout.issuing.compose import Profile

__all__ = ["tables"]

# The number of a red-letter confirmation stands in the note, as the tax portal's form words it.
_CONFIRMATION = "红字发票信息确认单编号[:：]?\\s*(\\d+)"

_NOTED = """
with notes as (
  select billing_document, string_agg(note, '；' order by first) as note
  from (select billing_document, note, min(row_no) as first from issuing_line where note is not null group by all)
  group by billing_document
),
heads as (
  select n.invoice_id, n.invoice_number, h.* exclude (invoice_number),
         case when h.is_credit then -1 else 1 end as side,
         coalesce(h.is_credit or h.total < 0, false) as is_red,
         nullif(concat_ws('；',
           case when h.corrects_invoice is not null then '被红冲蓝字数电发票号码：' || h.corrects_invoice end,
           case when g.payment_id is not null then '收款日期：' || g.paid_on || '，收款流水号：' || g.payment_id end,
           case when h.purchase_order_reference is not null then '订单号：' || h.purchase_order_reference end,
           t.note), '') as remark
  from issuing_number n join issuing_head h using (billing_document) left join notes t using (billing_document)
    left join issuing_ground g using (billing_document)
)
"""


def tables(profile: Profile) -> list[tuple[str, Query]]:
    """The canonical tables of an issue request, each with the query that gives its rows."""
    seller = profile.parameters
    invoice = Query(
        "issue requests",
        f"""{_NOTED}
select invoice_id, case when is_credit then $credit_note else $invoice end as mapping, 'cn' as syntax,
       'invoice' as document_kind, 'issued' as direction, invoice_number, issue_date,
       case when $tells_time then cast(issue_date as timestamp) end as issue_time, currency as invoice_currency_code,
       case when is_red then 'N' else 'Y' end as issue_type_code, is_red as is_red_letter, $kind as fapiao_kind_code,
       coalesce($legal, $vat) as seller_vat_identifier, $name as seller_name,
       nullif(concat_ws('', $city, $address), '') as seller_address_line_1, $telephone as seller_contact_telephone_number,
       $contact as seller_contact_point,
       name as buyer_name, tax_identifier as buyer_vat_identifier, city as buyer_address_line_1,
       true as has_document_totals, side * net as invoice_total_amount_without_vat, side * tax as invoice_total_vat_amount,
       side * total as invoice_total_amount_with_vat, remark,
       nullif(regexp_extract(remark, '{_CONFIRMATION}', 1), '') as red_confirmation_number, source, line
from heads order by invoice_id
""",
        {
            "invoice": profile.invoice,
            "credit_note": profile.credit_note,
            "kind": profile.fapiao_kind,
            "tells_time": profile.tells_time,
            "legal": seller["seller_legal_registration"],
            "vat": seller["seller_vat"],
            "name": seller["seller_name"],
            "city": seller["seller_city"],
            "address": seller["seller_address_line_1"],
            "telephone": seller["seller_telephone"],
            "contact": seller["seller_contact"],
        },
    )
    preceding = Query(
        "invoices that red letters reverse",
        f"""{_NOTED}
select invoice_id, 1 as row_no, corrects_invoice as preceding_invoice_reference, source, line
from heads where corrects_invoice is not null order by invoice_id
""",
    )
    payment = Query(
        "accounts to be paid to",
        f"""{_NOTED}
select invoice_id, 1 as row_no, $account as payment_account_identifier, $bank as payment_service_provider_identifier,
       source, line
from heads where $account is not null order by invoice_id
""",
        {"account": seller["seller_account"], "bank": seller["seller_bic"]},
    )
    return [
        ("invoice", invoice),
        ("preceding_invoice", preceding),
        ("payment_instruction", payment),
        ("invoice_line", _LINES),
    ]


# The tax of the lines adds up to the tax of the invoice: the line with the most money takes what rounding leaves over.
_LINES = Query(
    "lines of issue requests",
    f"""{_NOTED},
taxed as (
  select l.*, h.side, h.invoice_id, h.tax as document_tax,
         cast(round(l.net * coalesce(l.vat_rate, 0) * 0.01, 2) as decimal(24, 6)) as own_tax,
         row_number() over (partition by l.billing_document order by l.vat_rate > 0 desc, abs(l.net) desc, l.row_no) = 1
           as takes_rounding
  from issuing_line l join heads h using (billing_document)
),
settled as (
  select *, cast(own_tax + case when takes_rounding
             then document_tax - sum(own_tax) over (partition by billing_document) else 0 end as decimal(24, 6)) as line_tax
  from taxed
)
select invoice_id, row_no, item_name, unit_code as invoiced_quantity_unit_code, side * quantity as invoiced_quantity,
       net_price as item_net_price, side * net as invoice_line_net_amount,
       case vat_category_code when 'E' then '免税' when 'O' then '不征税'
         else regexp_replace(regexp_replace(cast(cast(vat_rate as decimal(12, 6)) * 0.01 as varchar), '0+$', ''), '\\.$', '')
       end as tax_rate_text,
       case when vat_category_code not in ('E', 'O') then vat_rate end as invoiced_item_vat_rate,
       side * line_tax as line_tax_amount, side * (net + line_tax) as line_amount_with_tax,
       tax_classification_code, source, line
from settled order by invoice_id, row_no
""",
)
