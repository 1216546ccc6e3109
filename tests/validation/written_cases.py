"""Inline cases written out as documents, so that others can judge what the case says: rows through the mapping, places as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tieout.mapping.lens_write import write
from tieout.model.canon import CANON
from tieout.model.definitions import Field, TableMapping
from tieout.model.definitions import Mapping as Format
from tieout.model.errors import FormatError
from tieout.model.records import Document
from tieout.validation.cases import KINDS, _Case, _completed

__all__ = ["VARIANTS", "Unwritten", "alike", "document", "syntax_of"]

Rows = list[dict[str, Any]]

VARIANTS = ("completed", "bare", "credit_note")
"""With currency and tax where the case leaves them open; with nothing but what it gives; as a credit note."""

_KEYS = {"syntax", "row_no", "line_row_no", "invoice_id", "source", "line", "mapping"}


class Unwritten(Exception):
    """The case says what no document of the syntax can."""


def syntax_of(case: _Case) -> str | None:
    """The syntax that the case is about; None for the semantic model, which every syntax carries."""
    found = next(iter(case.test.given.get("invoice", ())), {}).get("syntax")
    return None if found is None else str(found)


def document(case: _Case, formats: Mapping[str, Format], syntax: str, variant: str) -> Document:
    """The case as a document of the syntax. Raises Unwritten."""
    if syntax_of(case) not in (None, syntax):
        raise Unwritten("of another syntax")
    invoice = next(iter(case.test.given.get("invoice", ())), {})
    kind = invoice.get("document_kind") or ("credit_note" if variant == "credit_note" else "invoice")
    format = formats[f"ubl.{kind}" if syntax == "ubl" else "cii.invoice"]
    if case.rule.kind in KINDS or "element" in case.test.given:
        if not set(case.test.given) <= {"element", "invoice"}:
            raise Unwritten("elements and rows")
        return Document(case.source, _of_places(format, [dict(row) for row in case.test.given.get("element", ())]))
    tables = _rows(case, syntax, format.id)
    if variant != "bare":
        _complete(tables)
    slim = _with_columns_of(tables, format)
    for table in tables.keys() - {each.table for each in slim.tables} - {"as_written"}:
        raise Unwritten(f"{table} has no place")
    said = {name: [{k: v for k, v in row.items() if v is not None or name == "as_written"} for row in rows]
            for name, rows in tables.items()}  # fmt: skip
    try:
        return Document(case.source, write(slim, said))
    except FormatError as exc:
        raise Unwritten(exc.message) from exc


def alike(case: _Case, read: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Whether the rows read from the document say what the case gives; elements always do."""
    if case.rule.kind in KINDS or "element" in case.test.given:
        return True
    return all(
        len(read.get(table, ())) == len(rows)
        and all(
            _plain(column, value) == _plain(column, found.get(column))
            for row, found in zip(rows, read.get(table, ()), strict=True)
            for column, value in row.items()
            if column not in _KEYS
        )
        for table, rows in case.test.given.items()
        if table != "as_written"
    )


def _plain(column: str, value: Any) -> str | None:
    if value is None or (value is False and "has_" in column):
        return None
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{Decimal(value).normalize():f}"
    return str(value).strip()


# --- rows ---


def _rows(case: _Case, syntax: str, mapping: str) -> dict[str, Rows]:
    tables = {name: [dict(row) for row in rows] for name, rows in _completed(case).items()}
    if len(tables["invoice"]) != 1:
        raise Unwritten("several documents")
    tables["invoice"][0].update(syntax=syntax, mapping=mapping)
    for row in tables.get("as_written", ()):
        row.setdefault("line_row_no", None)
        if row["table_name"] == "invoice":
            row["row_no"] = None
    for row in tables.get("invoice_note", ()):
        if row.get("note_subject_code") is not None:
            row.setdefault("invoice_note", "x")
    return tables


def _complete(tables: dict[str, Rows]) -> None:
    """Adds what a document must say for the given to be read as it is meant: the currency, the tax, the total of a breakdown."""
    (invoice,) = tables["invoice"]
    currency = invoice.setdefault("invoice_currency_code", "EUR")
    for table, rows in tables.items():
        for row in rows:
            if "tax_scheme" in CANON[table].by_name and table != "stated_identifier":
                row.setdefault("tax_scheme", "GST" if row.get("is_vat") is False else "VAT")
    accounted = invoice.get("invoice_total_vat_amount_in_accounting_currency")
    if accounted is not None:
        currency = invoice.setdefault("vat_accounting_currency_code", "SEK")
    total = accounted if accounted is not None else invoice.get("invoice_total_vat_amount")
    if not tables.get("vat_total") and (total is not None or tables.get("vat_breakdown")):
        amount = Decimal(0) if total is None else total
        tables["vat_total"] = [{"row_no": 1, "vat_total_amount": amount, "vat_total_currency_code": currency}]
    for number, row in enumerate(list(tables.get("vat_total", ())), 1):
        row["row_no"] = number
        if row.get("vat_breakdown_tax_amount") is not None:
            tables.setdefault("vat_breakdown", []).append(
                {"row_no": 90 + number, "vat_total_row_no": number, "vat_category_tax_amount": row["vat_breakdown_tax_amount"]}
            )  # fmt: skip
    for row in tables.get("vat_breakdown", ()):
        row.setdefault("vat_total_row_no", 1)


def _with_columns_of(tables: Mapping[str, Rows], format: Format) -> Format:
    """The format with no columns but those of the rows; what is otherwise only read is written too."""
    return replace(format, tables=tuple(_blocks(tables, format)))


def _blocks(tables: Mapping[str, Rows], format: Format) -> Iterator[TableMapping]:
    written = {each.table for each in format.tables if each.options.get("write") != "no"}
    for number, block in enumerate(format.tables):
        rows = tables.get(block.table)
        if rows is None or (block.options.get("write") == "no" and block.table in written):
            continue
        if block.options.get("write") == "no":
            constants = {f.column: str(f.options["constant"]) for f in block.fields if "constant" in f.options}
            mine = [
                row
                for row in rows
                if all(str(row.get(name, text)) == text for name, text in constants.items())
                and not any(name.startswith("~") for name in row)
            ]
            if not mine:
                continue
            mark = f"~{number}"
            for row in mine:
                row[mark] = True
            kept = {name: value for name, value in block.options.items() if name != "write"}
            block = replace(block, options={**kept, "write_when": {"column": mark}})
        columns = {column for row in rows for column in row}
        yield replace(block, fields=tuple(_writing(each) for each in block.fields if each.column in columns))


def _writing(field: Field) -> Field:
    if field.options.get("write") != "no" or not field.path or field.options.get("match"):
        return field
    return replace(field, options={name: value for name, value in field.options.items() if name != "write"})


# --- places ---


def _of_places(format: Format, rows: Rows) -> bytes:
    """The elements as a document: names nested by their numbers, or by their paths where they have none."""
    kids: dict[int, Rows] = defaultdict(list)
    for row in _nested(rows):
        kids[row["parent_no"]].append(row)

    def inside(number: int) -> tuple[str, str]:
        attributes, elements = "", ""
        for row in kids.get(number, ()):
            name = row["path"].rpartition("/")[2]
            if name.startswith("@"):
                attributes += f' {name[1:]}="{row.get("text") or ("EUR" if name == "@currencyID" else "x")}"'
                continue
            for at in range(row.get("count", 1)):
                own, below = inside(row["row_no"]) if at == 0 else ("", "")
                text = below or ("" if at < (row.get("blank_count") or 0) else "x")
                elements += f"<{name}{own}>{text}</{name}>"
        return attributes, elements

    home, _, root = str(format.identify["root"])[1:].partition("}")
    spaces = {"": home, **format.namespaces, **format.settings.get("inventory", {}).get("prefixes", {})}
    declared = "".join(f' xmlns{":" if prefix else ""}{prefix}="{uri}"' for prefix, uri in spaces.items())
    attributes, elements = inside(0)
    return f'<?xml version="1.0"?>\n<{root}{declared}{attributes}>{elements}</{root}>'.encode()


def _nested(rows: Rows) -> Iterator[dict[str, Any]]:
    known = {"": 0}
    for number, row in enumerate(rows, 5000):
        if not row.get("path"):
            continue
        above = row.get("parent_path", row["path"].rpartition("/")[0])
        row["path"] = f"{above}/{row['path'].rpartition('/')[2]}".lstrip("/")
        row.setdefault("row_no", number)
        here = ""
        for step in above.split("/") if above and "parent_no" not in row else ():
            outer, here = known[here], f"{here}/{step}".lstrip("/")
            if here not in known:
                known[here] = 9000 + len(known)
                yield {"row_no": known[here], "parent_no": outer, "path": here}
        row.setdefault("parent_no", known[here])
        known.setdefault(row["path"], row["row_no"])
        yield row
