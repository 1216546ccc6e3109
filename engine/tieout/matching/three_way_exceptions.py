"""What of an invoice line does not agree with its order and receipts, as exceptions. SQL text over ``three_judged`` only."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXCEPTIONS"]


def _figure(column: str) -> str:
    """A quantity or price as text, without the zeros that say nothing."""
    return rf"regexp_replace(regexp_replace({column}::varchar, '(\.[0-9]*?)0+$', '\1'), '\.$', '')"


def _rows(says: str, where: str, related: str, message: str, evidence: str) -> str:
    return f"""select 'invoice_line' as "table", object_id, {related} as related_id, party as party_id,
      try_cast(amount as decimal(18, 4)) as amount, currency,
      'invoice ' || coalesce(invoice_number, '-') || ', line ' || row_no || ': ' || {message} as message,
      json_object('says', {says}, 'number', invoice_number, 'row', row_no, {evidence}) as evidence,
      source, line
    from three_judged where {where}"""


_ORDER = "purchase_order_id || '/' || order_line_id"

# What of the order a line names is wrong.
_NO_ORDER = {
    "order_unnamed": (
        "purchase_order_reference is null",
        "'names no order, and no order line of the supplier is meant'",
    ),
    "order_unknown": (
        "order_key not in (select order_key from three_order where order_key is not null)",
        "'the order ' || purchase_order_reference || ' is not among the orders'",
    ),
    "order_cancelled": (
        "order_key in (select order_key from three_order where status = 'cancelled')",
        "'the order ' || purchase_order_reference || ' is cancelled'",
    ),
    "order_of_another": (
        "seller_key not in (select o.seller_key from three_order o where o.order_key = three_judged.order_key)",
        "'the order ' || purchase_order_reference || ' is of another supplier'",
    ),
    "no_such_line": ("true", "'the order ' || purchase_order_reference || ' has no such line'"),
}


def _no_order(values: Mapping[str, str]) -> str:
    return "case " + " ".join(f"when {_NO_ORDER[says][0]} then {value}" for says, value in values.items()) + " end"


_QUANTITIES = f"""'invoice', {_figure("quantity")}, 'invoiced_so_far', {_figure("so_far")}, 'ordered', {_figure("ordered")},
    'received', {_figure("received")}, 'unit', unit_code"""

# (name of the query, reason as SQL, the rows).
EXCEPTIONS = (
    (
        "not ordered",
        "'not_ordered'",
        _rows(
            _no_order({says: f"'{says}'" for says in _NO_ORDER}),
            "order_status = 'not_ordered'",
            "purchase_order_reference",
            _no_order({says: message for says, (_, message) in _NO_ORDER.items()}),
            "'order', purchase_order_reference, 'line', line_key, 'items', items, 'item_name', item_name",
        ),
    ),
    (
        "ambiguous",
        "'ambiguous'",
        _rows(
            "'order_lines_several'",
            "order_status = 'ambiguous'",
            "choices[1]",
            "'may be any of ' || array_to_string(choices, ', ')",
            "'order', purchase_order_reference, 'choices', choices, 'items', items",
        ),
    ),
    (
        "not received",
        "'not_received'",
        _rows(
            "'not_received'",
            "receipt_status = 'not_received'",
            _ORDER,
            f"{_figure('quantity')} || ' invoiced, nothing received of ' || {_ORDER}",
            f"'where', {_ORDER}, {_QUANTITIES}",
        ),
    ),
    (
        "over-invoiced",
        "'over_invoiced'",
        _rows(
            "'over_invoiced'",
            "quantity_status = 'over' and turn_no > 1 and so_far > ordered and receipt_status <> 'not_received'",
            _ORDER,
            f"{_figure('so_far')} || ' invoiced in all, ' || {_figure('ordered')} || ' ordered'",
            f"'where', {_ORDER}, {_QUANTITIES}",
        ),
    ),
    (
        "quantity",
        "'quantity_differs'",
        _rows(
            "case when quantity_status = 'differs' then 'unit_differs' when so_far > ordered then 'more_than_ordered' "
            "else 'other_than_received' end",
            "quantity_status in ('over', 'under', 'differs') and receipt_status <> 'not_received' "
            "and not (quantity_status = 'over' and turn_no > 1 and so_far > ordered)",
            _ORDER,
            f"""case when quantity_status = 'differs' then 'invoiced in ' || unit_code || ', another unit than ordered'
              when so_far > ordered then {_figure("so_far")} || ' invoiced, ' || {_figure("ordered")} || ' ordered'
              else {_figure("so_far")} || ' invoiced, ' || {_figure("received")} || ' received' end""",
            f"'where', {_ORDER}, {_QUANTITIES}",
        ),
    ),
    (
        "price",
        "'price_differs'",
        _rows(
            "case when base <> order_base then 'price_per_differs' else 'price_differs' end",
            "price_status in ('over', 'under', 'differs')",
            _ORDER,
            f"""{_figure("price")} || ' ' || currency || ' invoiced, ' || {_figure("order_price")} || ' '
              || order_currency || ' ordered' || case when base <> order_base then ' (for ' || {_figure("base")} || ' and '
              || {_figure("order_base")} || ' units)' else '' end""",
            f"""'invoice', {_figure("price")}, 'order', {_figure("order_price")}, 'per', {_figure("base")},
              'ordered_per', {_figure("order_base")}, 'currency', currency, 'order_currency', order_currency""",
        ),
    ),
    (
        "tax",
        "'tax_differs'",
        _rows(
            "'tax_differs'",
            "tax_status = 'differs'",
            _ORDER,
            f"""'tax ' || coalesce(category, '') || ' ' || coalesce({_figure("rate")}, '-') || ' % invoiced, '
              || coalesce(order_category, '') || ' ' || coalesce({_figure("order_rate")}, '-') || ' % ordered'""",
            f"""'invoice', {_figure("rate")}, 'order', {_figure("order_rate")}, 'category', category,
              'order_category', order_category""",
        ),
    ),
    (
        "amount",
        "'line_amount_differs'",
        _rows(
            "'line_amount_differs'",
            "amount_status in ('over', 'under')",
            _ORDER,
            f"""{_figure("amount")} || ' ' || currency || ' is not ' || {_figure("quantity")} || ' at '
              || {_figure("order_price")}""",
            f"""'invoice', {_figure("amount")}, 'quantity', {_figure("quantity")}, 'price', {_figure("order_price")},
              'per', {_figure("order_base")}""",
        ),
    ),
)
