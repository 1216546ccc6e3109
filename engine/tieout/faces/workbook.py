"""The auditor's workpaper: one XLSX with summary, control totals, allocations, exceptions and findings.

Text is written as text and never as a formula, whatever a payer calls himself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from tieout.faces import readings
from tieout.model.money import minor_units
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["write"]

_MAX_ROWS = 1_048_000

# sheet title, query, what it shows
_SHEETS: tuple[tuple[str, str, str], ...] = (
    (
        "Control totals",
        "select * from control_total order by measure, currency",
        "Every input row is matched, an exception or excluded; the difference must be 0.",
    ),
    (
        "Allocations",
        """
select a.payment_id, p.booking_date, p.counterparty_name, p.remittance, a.open_item_id, i.reference, i.party_name,
       a.kind, a.amount, a.currency, a.open_item_amount, a.open_item_currency, a.status, a.pass, a.score, a.evidence,
       p.source, p.line
from allocation a join payment p using (payment_id) join open_item i using (open_item_id)
order by a.status, p.booking_date, a.payment_id, a.open_item_id, a.kind
""",
        "What each payment settled, by which pass and on what evidence.",
    ),
    (
        "Exceptions",
        """
select exception_id, reason, "table", object_id, related_id, party_id, amount, currency, queue, owner, due, age_days,
       message, evidence, source, line
from exception order by reason, object_id
""",
        "What a person must look at, with queue and due date.",
    ),
    (
        "Invoice status",
        """
select ledger, seller, invoice_number, year, party_id, currency, ledger_amount, open_amount, platform_amount,
       ledger_state, platform_state, tax_state, payment_state, conflict, exception_id, open_item_id, invoice_id, status_at
from invoice_status order by conflict is null, ledger, seller, year, invoice_key
""",
        "Each invoice in ledger, platform, tax office and payment; those that contradict come first.",
    ),
    (
        "Three-way match",
        """
select invoice_number, row_no, purchase_order_id, order_line_id, status, order_status, receipt_status, quantity_status,
       price_status, tax_status, amount_status, invoiced_quantity, invoiced_so_far, ordered_quantity, received_quantity,
       invoiced_price, ordered_price, invoiced_vat_rate, ordered_vat_rate, invoiced_amount, currency, pass, source, line
from line_match order by status = 'agrees', invoice_number, invoice_id, row_no
""",
        "Each line of a received invoice beside its order and receipts; those that do not agree come first.",
    ),
    (
        "Candidates",
        """
select c.payment_id, p.counterparty_name, p.remittance, p.amount as paid, p.currency, c.solution, c.rank,
       c.open_item_id, i.reference, i.party_name, i.open_amount, c.amount, c.pass, c.failed
from candidate c join payment p using (payment_id) join open_item i using (open_item_id)
order by c.payment_id, c.solution nulls last, c.rank, c.open_item_id
""",
        "For payments left open: the nearest items and the first condition each failed.",
    ),
    (
        "Findings",
        """
select rule, pack, severity, "table", object_id, row_no, term, message, message_zh, evidence, path, source, line
from finding order by finding_no
""",
        "Each rule broken, with the values found and the place.",
    ),
    (
        "Excluded",
        'select * from excluded order by "table", object_id',
        "Input rows that take no part, each with its reason.",
    ),
    (
        "Issued",
        "select * from issued_document order by billing_document",
        "Invoices generated from billing lines.",
    ),
    (
        "Documents",
        "select * from document order by document_id",
        "Every file and query that was read or refused, with its hash.",
    ),
)


def write(store: Store, manifest: Mapping[str, Any], path: Path) -> None:
    """Writes the workpaper of a sealed run. Raises OSError where the file cannot be written."""
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "constant_memory": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = _Formats(book)
        _summary(book.add_worksheet("Summary"), formats, store, manifest)
        for title, sql, note in _SHEETS:
            _sheet(book.add_worksheet(title), formats, note, store.fetch(Query(f"sheet {title}", sql)))
            if title == "Candidates":
                for name, frame, what in _readings(store):
                    _sheet(book.add_worksheet(name), formats, what, frame)
        for sheet in book.worksheets():
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)


def _readings(store: Store) -> Iterator[tuple[str, pl.DataFrame, str]]:
    """What a clerk reads: sheet title, rows and what they show."""
    yield (
        "Payments explained",
        readings.payments(store),
        "Each payment: what it settled and why, the next nearest item, or why it is open and what would decide.",
    )
    yield (
        "Payments explained (zh)",
        readings.payments(store, "zh").select(
            "payment_id", "counterparty_name", "amount", "currency", "invoices", "because"
        ),
        "每笔收款：结清的发票及依据。",
    )
    yield (
        "Open items explained",
        readings.open_items(store),
        "Each item left open: the payments that were near, and why each does not settle it.",
    )


class _Formats:
    """The cell formats of the book, made once."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.note = book.add_format({"italic": True, "font_color": "#5f6b76"})
        self.label = book.add_format({"bold": True, "valign": "top"})
        self.header = book.add_format({"bold": True, "bg_color": "#1f2933", "font_color": "#ffffff", "valign": "top"})
        self.date = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self.integer = book.add_format({"num_format": "#,##0"})
        self.text = book.add_format({"valign": "top"})
        self.bad = book.add_format({"font_color": "#b23a48", "bold": True})
        self._decimals: dict[int, Format] = {}

    def decimal(self, decimals: int) -> Format:
        if decimals not in self._decimals:
            places = "." + "0" * decimals if decimals else ""
            self._decimals[decimals] = self._book.add_format({"num_format": f"#,##0{places};[Red]-#,##0{places}"})
        return self._decimals[decimals]


def _summary(sheet: Worksheet, formats: _Formats, store: Store, manifest: Mapping[str, Any]) -> None:
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 6, 20)
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, f"Tie-out of {manifest.get('entity')}", formats.title)
    sheet.write_string(1, 0, f"as of {manifest['as_of']}, run {manifest['run_id']}", formats.note)
    row = 3
    for label, value in (
        ("Started", manifest["started"]),
        ("Finished", manifest["finished"]),
        ("tieout", manifest["versions"]["tieout"]),
        ("Input documents", len(manifest["inputs"])),
        ("Database SHA-256", manifest["database_sha256"]),
        ("Row digests SHA-256", manifest["rows_sha256"]),
    ):
        sheet.write_string(row, 0, label, formats.label)
        _cell(sheet, row, 1, value, "text", None, formats)
        row += 1
    for title, sql in (
        ("Payments by outcome", _OUTCOMES),
        ("Settled by pass", _PASSES),
        (
            "Exceptions by reason",
            "select reason, currency, count(*) as cases, sum(amount) as amount from exception group by all order by 1, 2",
        ),
        (
            "Findings by severity",
            "select severity, count(*) as findings, count(distinct rule) as rules from finding group by all order by 1",
        ),
    ):
        row += 1
        sheet.write_string(row, 0, title, formats.label)
        row = _grid(sheet, formats, row + 1, store.fetch(Query(f"summary {title}", sql)))


_OUTCOMES = """
select currency, count_in as payments, amount_in as amount, count_matched as matched, amount_matched as money_matched,
       count_exception as exceptions, difference
from control_total where measure = 'payment' order by currency
"""
_PASSES = """
select pass, currency, count(distinct payment_id) as payments, sum(amount) as amount from allocation
where status = 'accepted' and kind in ('payment', 'credit_note') group by all order by 3 desc, 1, 2
"""


def _grid(sheet: Worksheet, formats: _Formats, row: int, frame: pl.DataFrame) -> int:
    for column, name in enumerate(frame.columns):
        sheet.write_string(row, column, name.replace("_", " "), formats.header)
    for offset, values in enumerate(frame.iter_rows(named=True), start=1):
        for column, (name, value) in enumerate(values.items()):
            _cell(sheet, row + offset, column, value, name, values.get("currency"), formats)
    return row + frame.height + 1


def _sheet(sheet: Worksheet, formats: _Formats, note: str, frame: pl.DataFrame) -> None:
    shown = frame.head(_MAX_ROWS)
    cut = (
        f" The first {_MAX_ROWS:,} of {frame.height:,} rows; the rest is in the parquet export."
        if frame.height > _MAX_ROWS
        else ""
    )
    sheet.write_string(0, 0, note + cut, formats.note)
    _grid(sheet, formats, 1, shown)
    sheet.freeze_panes(2, 1)
    sheet.autofilter(1, 0, 1 + max(shown.height, 1), max(len(shown.columns) - 1, 0))
    for column, width in enumerate(_widths(shown)):
        sheet.set_column(column, column, width)


def _widths(frame: pl.DataFrame) -> Iterator[float]:
    for name in frame.columns:
        longest = frame[name].head(2000).cast(pl.String, strict=False).str.len_chars().max()
        yield min(max(len(name), int(longest or 0) if isinstance(longest, int) else 0) + 2, 48)


def _cell(
    sheet: Worksheet, row: int, column: int, value: Any, name: str, currency: str | None, formats: _Formats
) -> None:
    if value is None:
        return
    if isinstance(value, Decimal):
        # A spreadsheet holds binary numbers: good to 15 digits, which is more than an amount of a ledger has.
        decimals = 0 if value == value.to_integral() and currency in {"JPY", "KRW"} else minor_units(currency)
        number_format = formats.bad if name == "difference" and value else formats.decimal(decimals)
        sheet.write_number(row, column, value, number_format)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int):
        sheet.write_number(row, column, value, formats.integer)
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, column, value, formats.date)
    else:
        sheet.write_string(row, column, str(value)[:32_000], formats.text)
