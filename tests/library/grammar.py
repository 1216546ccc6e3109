"""Random well-typed conditions on an invoice, as text."""

from hypothesis import strategies as st

NUMBERS = st.sampled_from(
    ["paid_amount", "rounding_amount", "1", "0.05", "$tolerance", "sum(invoice_line.invoice_line_net_amount)"]
)
TEXTS = st.sampled_from(["remark", "seller_name", "'x'", "'it''s'", "invoice_number", "$code"])
DATES = st.sampled_from(["issue_date", "payment_due_date", "date '2026-01-31'", "$as_of", "$since"])


@st.composite
def numbers(draw, depth=2):
    if not depth or draw(st.booleans()):
        return draw(NUMBERS)
    a, b = draw(numbers(depth=depth - 1)), draw(numbers(depth=depth - 1))
    return draw(
        st.sampled_from(
            [
                f"({a} + {b})",
                f"({a} - {b})",
                f"round({a}, 2)",
                f"(round({a}, 2) * round({b}, 2))",
                f"abs({a})",
                f"coalesce({a}, {b})",
                f"greatest({a}, {b})",
                f"div({a}, {b}, 2)",
                f"case when has_payee then {a} else {b} end",
                f"(- {a})",
            ]
        )
    )


@st.composite
def conditions(draw, depth=3):
    if not depth or draw(st.integers(0, 3)) == 0:
        a, b = draw(numbers()), draw(numbers())
        s, t = draw(TEXTS), draw(TEXTS)
        d, e = draw(DATES), draw(DATES)
        return draw(
            st.sampled_from(
                [
                    f"{a} = {b}",
                    f"{a} between {b} and 5",
                    f"{a} is null",
                    f"{a} in ({b}, 3)",
                    f"{s} = {t}",
                    f"{s} like {t}",
                    f"upper(trim({s})) || {t} <> 'x'",
                    f"length({s}) > 3",
                    f"{d} <= {e}",
                    f"{d} - {e} < 30",
                    f"{d} + 30 > {e}",
                    "has_payee",
                    "bool_and(invoice_line.item_net_price >= 0)",
                    "count(invoice_line.*) > 0",
                ]
            )
        )
    a, b = draw(conditions(depth=depth - 1)), draw(conditions(depth=depth - 1))
    return draw(
        st.sampled_from([f"({a} and {b})", f"({a} or {b})", f"not ({a})", f"(({a}) is not distinct from ({b}))"])
    )
