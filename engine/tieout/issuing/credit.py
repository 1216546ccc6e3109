"""Credit notes and red letters: each names an invoice that is known, and all of them together never exceed it.

The original is looked for where it can be: on record as issued by us, among this run's billing documents, among the
e-invoices, in the ledger. What is left of it is known to the journal, whoever else issues at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tieout.issuing import findings
from tieout.model.money import display
from tieout.model.records import Finding, Query
from tieout.store.credits import TOTAL, Credit, Refusal, reserve_credits
from tieout.store.engine import Store
from tieout.store.journal import Journal

__all__ = ["amounts_by_invoice", "is_credit", "judge"]

Row = Dict[str, Any]
Amounts = dict[str, Decimal]


def is_credit(row: Row) -> bool:
    """A credit note, or an invoice below zero that names the one it corrects, as a red letter is."""
    return bool(row["is_credit"] or (row["corrects_invoice"] and row["total"] is not None and row["total"] < 0))


def judge(
    store: Store, journal: Journal, documents: Dict[str, Row], candidates: Sequence[str], *, holder: str
) -> list[Finding]:
    """What stops the credit notes among the candidates, in their order. What passes is set aside of its original."""
    notes = [documents[each] for each in candidates if is_credit(documents[each])]
    if not notes:
        return []
    own = _own_amounts(store)
    wanted = sorted({row["corrects_invoice"] for row in notes if row["corrects_invoice"]})
    known = _in_ledger(store, wanted) | _of_e_invoices(store, wanted)
    known |= {
        row["invoice_number"]: (row["currency"], own[each])
        for each in candidates
        if (row := documents[each])["invoice_number"] in wanted and not is_credit(row)
    }
    known |= _on_record(journal, wanted)
    found, credits = [], []
    for row in notes:
        original = row["corrects_invoice"]
        if problem := _problem(row, known.get(original)):
            found.append(problem)
            continue
        amounts = {name: abs(amount) for name, amount in own[row["billing_document"]].items()}
        credits.append(Credit(row["billing_document"], original, amounts, known[original][1]))
    refused = reserve_credits(journal, credits, holder=holder) if credits else {}
    return found + [_too_much(documents[each], refusal) for each, refusal in refused.items()]


def _problem(row: Row, known: tuple[str, Amounts] | None) -> Finding | None:
    number, original = row["billing_document"], row["corrects_invoice"]
    if not original:
        message = f"credit note {number} does not name the invoice it corrects"
        return findings.finding("IS-ORIGINAL", row, message, f"红字单据 {number} 未注明原蓝字发票", term="BT-25")
    if known is None:
        return findings.finding(
            "IS-ORIGINAL",
            row,
            f"credit note {number} corrects {original}, which is not known: not issued here, not among the e-invoices, not in "
            "the ledger",
            f"红字单据 {number} 冲销的发票 {original} 未找到",
            term="BT-25",
        )
    if known[0] != row["currency"]:
        return findings.finding(
            "IS-ORIGINAL",
            row,
            f"credit note {number} is in {row['currency']}, but {original} is in {known[0]}",
            f"红字单据 {number} 的币种 {row['currency']} 与原发票 {original} 的币种 {known[0]} 不同",
            term="BT-5",
        )
    return None


def _too_much(row: Row, refusal: Refusal) -> Finding:
    number, original = row["billing_document"], row["corrects_invoice"]
    asked, already, most = (display(each, row["currency"]) for each in (refusal.asked, refusal.already, refusal.most))
    what = "with VAT" if refusal.what == TOTAL else f"taxed {refusal.what} %"
    by = f" by {', '.join(refusal.by)}" if refusal.by else ""
    return findings.finding(
        "IS-CREDIT",
        row,
        f"credit note {number} takes {asked} {what} of {original}, which has {most}; {already} is credited already{by}",
        f"红字单据 {number} 冲销 {original} 金额 {asked}，原发票 {most}，已冲销 {already}，超出可冲销余额",
        term="BT-112" if refusal.what == TOTAL else "BT-116",
    )


# --- what is known of originals: number -> (currency, amounts) ---


def _own_amounts(store: Store) -> dict[str, Amounts]:
    """The amounts of this run's billing documents."""
    rows = store.fetch(
        Query(
            "amounts of billing documents",
            "select billing_document, h.total, v.vat_category_code, v.vat_rate, v.taxable from issuing_head h "
            "join issuing_vat v using (billing_document) order by all",
        )
    )
    return _folded(rows.iter_rows())


def _of_e_invoices(store: Store, numbers: Sequence[str]) -> dict[str, tuple[str, Amounts]]:
    rows = store.fetch(
        Query(
            "originals among the e-invoices",
            """
select i.invoice_number, i.invoice_total_amount_with_vat, v.vat_category_code, v.vat_category_rate,
       v.vat_category_taxable_amount, i.invoice_currency_code
from invoice i left join vat_breakdown v using (invoice_id)
where i.invoice_number in (select unnest($numbers::varchar[])) and i.direction = 'issued'
  and i.document_kind = 'invoice' and i.invoice_total_amount_with_vat > 0
qualify dense_rank() over (partition by i.invoice_number order by i.invoice_id) = 1
order by all
""",
            {"numbers": list(numbers)},
        )
    ).rows()
    amounts = _folded(row[:5] for row in rows)
    return {row[0]: (row[5], amounts[row[0]]) for row in rows}


def _in_ledger(store: Store, numbers: Sequence[str]) -> dict[str, tuple[str, Amounts]]:
    rows = store.fetch(
        Query(
            "originals in the ledger",
            """
with items as (
  select open_item_id as item, reference, amount, currency, ledger from open_item where carried_from is null
  union all select cleared_item_id, reference, amount, currency, ledger from cleared_item
)
select coalesce(n.number, i.reference), any_value(i.currency), sum(i.amount)
from items i join (select unnest($numbers::varchar[]) as number) n on n.number in (i.reference, i.item)
where i.ledger = 'receivable' and i.amount > 0
group by 1 having count(distinct i.currency) = 1 order by 1
""",
            {"numbers": list(numbers)},
        )
    )
    return {number: (currency, {TOTAL: amount}) for number, currency, amount in rows.iter_rows()}


def _on_record(journal: Journal, numbers: Sequence[str]) -> dict[str, tuple[str, Amounts]]:
    """Of what we issued ourselves; not of journals that did not keep amounts yet."""
    if not numbers:
        return {}
    with journal.reading() as session:
        rows = session.rows("document", invoice_number=list(numbers))
        # A platform that numbers invoices itself gave the number by which the original is named.
        given = session.rows("transmission", document_number=list(numbers))
        called = {row["invoice_number"]: row["document_number"] for row in given}
        rows += session.rows("document", invoice_number=[*called]) if called else []
        last = session.last_events([f"document:{row['billing_document']}" for row in rows])
    return {
        name: (
            str(event.payload["currency"]),
            {name: Decimal(amount) for name, amount in event.payload["amounts"].items()},
        )
        for event in last.values()
        if event.payload.get("amounts")
        for name in (str(event.payload["invoice_number"]), str(called.get(event.payload["invoice_number"], "")))
        if name
    }


def amounts_by_invoice(store: Store) -> dict[str, Amounts]:
    """The amounts of the invoices that a run issued, by invoice_id: what the journal keeps of them."""
    rows = store.fetch(
        Query(
            "amounts of issued invoices",
            """
select d.file, d.amount, v.vat_category_code, v.vat_category_rate, v.vat_category_taxable_amount
from issued_document d left join vat_breakdown v on v.invoice_id = d.file where d.status = 'issued' order by all
""",
        )
    )
    return _folded(rows.iter_rows())


def _folded(rows: Any) -> dict[str, Amounts]:
    """(name, total, category, rate, taxable) rows as amounts by name; a rate that stands twice counts as one."""
    found: dict[str, Amounts] = {}
    for name, total, category, rate, taxable in rows:
        amounts = found.setdefault(str(name), {TOTAL: total} if total is not None else {})
        if category is not None and taxable is not None:
            key = f"{category} {_short(rate)}"
            amounts[key] = amounts.get(key, Decimal(0)) + taxable
    return found


def _short(rate: Decimal | None) -> str:
    return "0" if not rate else format(rate.normalize(), "f")
