"""Invoice, order and receipt: each line of a received invoice beside the order line and the receipts it belongs to.

Set-based: the plan's passes link lines with order lines, then quantity, price, tax and amount are judged, each with its
own tolerance. The result is ``line_match``, and an exception with a reason for each field that does not agree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tieout.matching import text
from tieout.matching.exceptions import insert
from tieout.matching.limits import tolerance
from tieout.matching.three_way_exceptions import EXCEPTIONS
from tieout.model.definitions import MatchPlan
from tieout.model.money import MINOR_UNITS
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["FINDS", "LINKS", "check"]

FINDS = ("order_line", "quantity", "receipt", "price", "tax", "amount")


def _line(sql: str) -> str:
    """A line number as compared: 00010 is 10."""
    return f"ltrim({text.compact(sql)}, '0')"


# What a link may rest upon: a condition between an invoice line l and an order line o.
LINKS: Mapping[str, str] = {
    "order": "l.order_key = o.order_key",
    "line": "l.line_key = o.line_key",
    "item": "l.item = o.item",
    "name": "l.name_key = o.name_key",
    "price": "l.price = o.price and l.base = o.base",
    "quantity": "l.quantity = o.quantity",
    "receipt": "l.receipt = o.receipt",
    "supplier": "l.seller_key = o.seller_key",
    "only": "o.lines = 1 and l.lines = 1",
}


def check(store: Store, plan: MatchPlan, *, as_of: dt.date) -> None:
    """Fills ``line_match`` for the lines of received invoices, and appends the exceptions of what does not agree.

    Nothing is judged where no order was read. A cancelled document takes no part. The exceptions' object is the line,
    written invoice_id#row_no.
    """
    if not store.count("purchase_order_line"):
        return
    for query in (*_views(plan, as_of), *_links(plan), *_judgement(plan)):
        store.execute(query)
    for name in ("three_line", "three_left", "three_order", "three_link", "three_choice", "three_judged"):
        store.execute(Query(f"three-way, drop {name}", f"drop table if exists {name}"))


def _views(plan: MatchPlan, as_of: dt.date) -> list[Query]:
    cancelled = [str(each).lower() for each in plan.options.get("cancelled", ())]
    return [
        Query("three-way, invoice lines", "create or replace table three_line as" + _LINES, {"cancelled": cancelled}),
        Query("three-way, order lines", "create or replace table three_order as" + _ORDERS, {"as_of": as_of}),
        Query(
            "three-way, links",
            "create or replace table three_link (lno bigint, ono bigint, pass varchar)",
        ),
        Query(
            "three-way, choices",
            "create or replace table three_choice (lno bigint, orders varchar[], pass varchar)",
        ),
    ]


def _links(plan: MatchPlan) -> list[Query]:
    """One statement a pass: lines that have exactly one such order line are linked; several are remembered."""
    queries = []
    for each in plan.passes:
        if each.options["find"] != "order_line":
            continue
        queries.append(
            Query(
                f"three-way, {each.name}: lines left",
                "create or replace table three_left as select * from three_line where lno not in (select lno from three_link)",
            )
        )
        conditions = " and ".join(LINKS[str(name)] for name in each.options["by"])
        queries.append(
            Query(
                f"three-way, {each.name}",
                f"""create or replace table three_pair as
                select lno, ono, count(*) over (partition by lno) as choices,
                  purchase_order_id || '/' || order_line_id as shown
                from (
                  select distinct l.lno, o.ono, o.purchase_order_id, o.order_line_id
                  from {_spread("three_left", each.options["by"])} l join {_spread("three_order", each.options["by"])} o
                    on {conditions}
                  where o.status <> 'cancelled' and coalesce(l.seller_key = o.seller_key, true)
                )""",
            )
        )
        queries.append(
            Query(
                f"three-way, {each.name}: linked",
                f"""insert into three_link
                select lno, ono, {text.literal(each.name)} from three_pair where choices = 1""",
            )
        )
        queries.append(
            Query(
                f"three-way, {each.name}: several",
                f"""insert into three_choice
                select lno, list(shown order by shown)[:10], {text.literal(each.name)} from three_pair where choices > 1
                group by lno""",
            )
        )
    return [*queries, Query("three-way, drop three_pair", "drop table if exists three_pair")]


def _spread(table: str, by: Sequence[str]) -> str:
    """The rows of a table, one for each article or receipt number where the pass joins by them."""
    spread = f"(select * from {table})"
    for name, numbers in (("item", "items"), ("receipt", "receipts")):
        if name in by:
            spread = f"(select *, unnest({numbers}) as {name} from {spread})"
    return spread


def _judgement(plan: MatchPlan) -> list[Query]:
    options: dict[str, Mapping[str, Any]] = {str(each.options["find"]): each.options for each in plan.passes}
    groups = plan.options.get("same_units", ())
    judged = _JUDGED.format(
        same_unit=f"coalesce({_unit('l.unit_code', groups)} = {_unit('o.unit_code', groups)}, true)",
        receipt=_receipt("receipt" in options),
        quantity=_quantity(options.get("quantity")),
        price=_price(options.get("price")),
        tax="'unknown'" if "tax" not in options else _TAX,
        amount=_amount(options.get("amount")),
    )
    found = [
        Query("three-way, judge", "create or replace table three_judged as" + judged),
        Query("three-way, write", _WRITE),
    ]
    return [*found, *(Query(f"three-way, {name}", insert(reason, rows)) for name, reason, rows in EXCEPTIONS)]


def _unit(column: str, groups: Sequence[Sequence[str]]) -> str:
    """The unit as compared: the first of those the plan takes for one."""
    cases = " ".join(
        f"when {column} in ({', '.join(text.literal(str(each)) for each in group)}) then {text.literal(str(group[0]))}"
        for group in groups
    )
    return f"case {cases} else {column} end" if cases else column


def _within(options: Mapping[str, Any], side: str, *, of: str) -> str | None:
    """The tolerance of one side (over, under); None where the plan allows any difference to it."""
    limits = options.get("tolerance", {})
    chosen = limits.get(side, limits if not {"over", "under"} & set(limits) else {})
    return None if chosen == "any" else tolerance(chosen, currency="currency", of=of)


def _sides(options: Mapping[str, Any], difference: str, *, of: str, scale: str = "1") -> str:
    """The status of a difference (found less expected): agrees, within_tolerance, over or under.

    scale: what the tolerance is multiplied with, as the difference is.
    """
    over, under = (_within(options, side, of=of) for side in ("over", "under"))
    return f"""case when {difference} is null then 'unknown'
      when {difference} = 0 then 'agrees'
      when {difference} > 0 then {"'within_tolerance'" if over is None else f"case when {difference} <= ({over}) * ({scale}) then 'within_tolerance' else 'over' end"}
      else {"'within_tolerance'" if under is None else f"case when -({difference}) <= ({under}) * ({scale}) then 'within_tolerance' else 'under' end"} end"""


def _receipt(asked: bool) -> str:
    if not asked:
        return "'not_required'"
    return """case when not receipt_required or not has_receipts then 'not_required' when so_far <= 0 then 'received'
      when received <= 0 then 'not_received' when received < ordered then 'partly_received' else 'received' end"""


def _quantity(options: Mapping[str, Any] | None) -> str:
    """Invoiced so far against what was ordered and, where receipts are kept, against what came of it."""
    if options is None:
        return "'unknown'"
    limit = "case when receipt_status in ('received', 'partly_received') then least(ordered, received) else ordered end"
    status = _sides(options, f"(so_far - ({limit}))", of=limit)
    return f"""case when not same_unit then 'differs' when so_far is null or ordered is null then 'unknown'
      when so_far < ({limit}) and not {"true" if options.get("partial", True) else "false"} then {status}
      when so_far < ({limit}) then 'partial' else {status} end"""


def _price(options: Mapping[str, Any] | None) -> str:
    if options is None:
        return "'unknown'"
    status = _sides(options, "(price * order_base - order_price * base)", of="order_price", scale="base")
    return f"case when currency <> order_currency then 'differs' else {status} end"


def _amount(options: Mapping[str, Any] | None) -> str:
    """The line's amount against its quantity at the order's price; rounding to the currency's unit is no difference."""
    if options is None:
        return "'unknown'"
    expected = "(quantity * order_price)"
    difference = f"(abs(amount * order_base) - abs{expected})"
    half = "case " + " ".join(
        f"when currency in ({', '.join(repr(code) for code, units in MINOR_UNITS.items() if units == minor)}) then {Decimal(5).scaleb(-minor - 1):f}"
        for minor in sorted(set(MINOR_UNITS.values()))
    )
    half += " else 0.005 end"
    return f"""case when price_status in ('over', 'under', 'differs') or quantity_status = 'differs' then 'follows'
      when price_status = 'within_tolerance' then 'follows'
      when {difference} is null then 'unknown'
      when abs({difference}) <= ({half}) * order_base then 'agrees'
      else {_sides(options, difference, of=f"abs{expected}", scale="order_base")} end"""


_TAX = """case when (rate is null or order_rate is null) and (category is null or order_category is null) then 'unknown'
      when coalesce(rate <> order_rate, false) or coalesce(category <> order_category, false) then 'differs'
      else 'agrees' end"""

# Figures are compared with six decimals of price and quantity, so that their products stay exact within 38 digits.
_LINES = f"""
with ours as (select distinct {text.compact("tax_identifier")} as tax_key from company where tax_identifier is not null),
suppliers as (
  select {text.compact("tax_identifier")} as seller_key, min(party_id) as party_id from party
  where tax_identifier is not null and coalesce(role, 'supplier') = 'supplier' group by 1
),
received as (
  select i.*, coalesce(document_kind = 'credit_note', false) or coalesce(is_red_letter, false) as is_credit,
    {text.compact("seller_vat_identifier")} as seller_key, {text.compact("buyer_vat_identifier")} as buyer_key
  from invoice i
  where not coalesce(list_contains($cancelled::varchar[], lower(invoice_status)), false)
),
bought as (
  select * from received
  where coalesce(direction, case when seller_key in (from ours) then 'issued' when buyer_key in (from ours) then 'received'
                            else 'issued' end) = 'received'
)
select row_number() over (order by b.issue_date nulls last, b.invoice_number, b.invoice_id, l.row_no) as lno,
  b.invoice_id, l.row_no, b.invoice_number, b.issue_date, b.invoice_currency_code as currency, b.seller_key,
  s.party_id, b.purchase_order_reference,
  ltrim({text.compact("b.purchase_order_reference")}, '0') as order_key,
  {_line("l.referenced_purchase_order_line_reference")} as line_key,
  list_filter([{text.compact("l.item_sellers_identifier")}, {text.compact("l.item_buyers_identifier")},
               {text.compact("l.item_standard_identifier")}], lambda x: x is not null) as items,
  {text.skeleton("l.item_name")} as name_key, l.item_name,
  list_filter([{text.compact("b.receiving_advice_reference")}, {text.compact("b.despatch_advice_reference")}],
              lambda x: x is not null) as receipts,
  case when b.is_credit and coalesce(b.invoice_total_amount_with_vat, 0) >= 0 then -1 else 1 end as turn,
  try_cast(l.invoiced_quantity as decimal(15, 6)) * turn as quantity, l.invoiced_quantity_unit_code as unit_code,
  try_cast(l.item_net_price as decimal(15, 6)) as price,
  try_cast(coalesce(nullif(l.item_price_base_quantity, 0), 1) as decimal(11, 4)) as base,
  l.invoiced_item_vat_category_code as category, l.invoiced_item_vat_rate as rate,
  try_cast(l.invoice_line_net_amount as decimal(18, 4)) * turn as amount,
  count(*) over (partition by b.invoice_id) as lines, l.source, l.line
from bought b join invoice_line l using (invoice_id) left join suppliers s using (seller_key)
"""

_ORDERS = f"""
with heads as (
  select purchase_order_id, min(party_id) as party_id, min(currency) as currency, min(status) as status,
    min({text.compact("party_tax_identifier")}) as tax_key
  from purchase_order group by purchase_order_id
),
taxes as (
  select party_id, min({text.compact("tax_identifier")}) as tax_key from party
  where coalesce(role, 'supplier') = 'supplier' group by party_id
),
came as (
  select r.purchase_order_id, {_line("r.order_line_id")} as line_key,
    sum(try_cast(coalesce(r.received_quantity, 0) - coalesce(r.rejected_quantity, 0) as decimal(15, 6))) as received,
    list(distinct {text.compact("r.goods_receipt_id")})
      || list(distinct {text.compact("g.despatch_advice_reference")}) as receipts
  from (
    select * from goods_receipt_line
    qualify row_number() over (partition by goods_receipt_id, receipt_line_id order by source desc, line desc) = 1
  ) r
  left join (
    select goods_receipt_id, min(receipt_date) as receipt_date, min(despatch_advice_reference) as despatch_advice_reference
    from goods_receipt group by goods_receipt_id
  ) g using (goods_receipt_id)
  where coalesce(g.receipt_date <= $as_of, true)
  group by 1, 2
)
select row_number() over (order by l.purchase_order_id, l.order_line_id) as ono, l.purchase_order_id, l.order_line_id,
  ltrim({text.compact("l.purchase_order_id")}, '0') as order_key, {_line("l.order_line_id")} as line_key,
  coalesce(h.tax_key, t.tax_key) as seller_key, h.party_id, h.currency,
  coalesce(h.status, 'open') as status,
  list_filter([{text.compact("l.item_sellers_identifier")}, {text.compact("l.item_buyers_identifier")},
               {text.compact("l.item_standard_identifier")}], lambda x: x is not null) as items,
  {text.skeleton("l.item_name")} as name_key,
  try_cast(l.quantity as decimal(15, 6)) as quantity, l.unit_code,
  try_cast(l.net_price as decimal(15, 6)) as price,
  try_cast(coalesce(nullif(l.price_base_quantity, 0), 1) as decimal(11, 4)) as base,
  l.vat_category_code as category, l.vat_rate as rate, coalesce(l.receipt_required, true) as receipt_required,
  coalesce(c.received, 0) as received, coalesce(c.receipts, []) as receipts,
  count(*) over (partition by l.purchase_order_id) as lines
from (
  select * from purchase_order_line  -- exports that overlap tell of one line twice: the last file counts
  qualify row_number() over (partition by purchase_order_id, order_line_id order by source desc, line desc) = 1
) l
left join heads h using (purchase_order_id)
left join taxes t on t.party_id = h.party_id
left join came c on c.purchase_order_id = l.purchase_order_id and c.line_key = {_line("l.order_line_id")}
"""

_JUDGED = """
with linked as (
  select l.*, k.pass, o.purchase_order_id, o.order_line_id, o.quantity as ordered, o.price as order_price,
    o.base as order_base, o.currency as order_currency, o.rate as order_rate, o.category as order_category,
    o.receipt_required, o.received, o.party_id as order_party, {same_unit} as same_unit, c.orders as choices,
    exists (select 1 from goods_receipt_line) as has_receipts,
    case when k.ono is not null then sum(l.quantity) over (partition by k.ono order by l.lno) end as so_far,
    case when k.ono is not null then row_number() over (partition by k.ono order by l.lno) end as turn_no
  from three_line l
  left join three_link k using (lno)
  left join three_order o using (ono)
  left join (select lno, arg_max(orders, pass) as orders from three_choice group by lno) c on c.lno = l.lno and k.ono is null
),
received as (
  select *, case when pass is null then null else {receipt} end as receipt_status from linked
),
counted as (
  select *, case when pass is null then 'unknown' else {quantity} end as quantity_status,
    case when pass is null then 'unknown' else {price} end as price_status,
    case when pass is null then 'unknown' else {tax} end as tax_status
  from received
)
select *, case when pass is null then 'unknown' else {amount} end as amount_status,
  case when pass is not null then 'linked' when choices is not null then 'ambiguous' else 'not_ordered' end as order_status,
  invoice_id || '#' || row_no as object_id, coalesce(order_party, party_id) as party
from counted
"""

_WRONG = """(order_status <> 'linked' or receipt_status = 'not_received' or quantity_status in ('over', 'under', 'differs')
    or price_status in ('over', 'under', 'differs') or tax_status = 'differs' or amount_status in ('over', 'under'))"""

_WRITE = f"""
insert into line_match (invoice_id, row_no, invoice_number, pass, purchase_order_id, order_line_id, status, order_status,
  receipt_status, quantity_status, price_status, tax_status, amount_status, currency, invoiced_quantity, invoiced_so_far,
  ordered_quantity, received_quantity, invoiced_price, ordered_price, invoiced_vat_rate, ordered_vat_rate, invoiced_amount,
  source, line)
select invoice_id, row_no, invoice_number, pass, purchase_order_id, order_line_id,
  case when {_WRONG} then 'exception' else 'agrees' end, order_status, receipt_status, quantity_status, price_status,
  tax_status, amount_status, currency, quantity, so_far, ordered, received, price, order_price, rate, order_rate, amount,
  source, line
from three_judged order by invoice_id, row_no
"""
