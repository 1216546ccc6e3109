"""The lens laws, for every XML mapping that writes: what is written reads back the same, and reading it again changes nothing."""

import datetime as dt
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tieout.formats.xml import parse
from tieout.library import catalog, mappings, yamlfile
from tieout.mapping.lens import Collector, Lens, write
from tieout.model.canon import CANON
from tieout.model.definitions import Field, Mapping

WRITING = ["ubl/invoice", "ubl/credit_note", "cii/invoice", "cn/einvoice"]
BESIDE = {"as_written", "element_place", "element_shape"}
PROVENANCE = {"invoice_id", "mapping", "source", "line"}
UBL_ONLY = {"has_vat_breakdown", "vat_breakdown_tax_amount"}
SECTIONS = {"has_process_control", "has_document_header", "has_agreement", "has_settlement"}
"""The parts of a CII document that are written whether there is something to put into them or not."""


@cache
def shipped(name: str) -> Mapping:
    node = yamlfile.load(catalog.shipped("mappings") / f"{name}.yaml")
    mapping, mistakes = mappings.parse_mapping(node)
    assert mapping is not None, "\n".join(map(str, mistakes))
    return mapping


@cache
def lens(name: str) -> Lens:
    return Lens.compile(shipped(name))


def read(name: str, content: bytes) -> dict[str, list[dict[str, object]]]:
    """The rows of one document by table, with values in their canonical types and without provenance."""
    collector = Collector()
    collector.add(lens(name), parse(content, "a.xml"), "a.xml")
    assert not collector.findings
    return rows_of(collector.frames())


def rows_of(frames: dict[str, pl.DataFrame]) -> dict[str, list[dict[str, object]]]:
    rows = {}
    for table, frame in frames.items():
        if table in BESIDE:
            continue
        types = {c.name: c.sql_type for c in CANON[table].columns}
        rows[table] = [
            {k: value(v, types[k]) for k, v in row.items() if v is not None and k not in PROVENANCE}
            for row in frame.to_dicts()
        ]
    return rows


def value(given: object, sql_type: str) -> object:
    return Decimal(str(given)) if sql_type.startswith("DECIMAL") else given


# --- rows a document can carry, drawn from the mapping itself ---

TEXT = st.text(alphabet=st.sampled_from("aZ 09<>&\"'-#é发票\u00a0\U0001f4b6\n\t\r;]]>"), min_size=1, max_size=12).map(
    lambda text: text.strip(" \t\r\n") or "x"
)


def of_type(column) -> st.SearchStrategy:
    if column.sql_type.startswith("DECIMAL"):
        precision, scale = map(int, column.sql_type[8:-1].split(","))
        bound = Decimal(10) ** min(precision - scale, 10)
        return st.decimals(min_value=1 - bound, max_value=bound - 1, places=min(scale, 6), allow_nan=False)
    if column.type == "date":
        return st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
    if column.type == "boolean":
        return st.booleans()
    return TEXT


def written(field: Field) -> list[str]:
    """The paths at which a column is written."""
    target = field.options.get("write", field.path)
    if target in (None, "no"):
        return []
    return [str(each["path"]) for each in target] if isinstance(target, (list, tuple)) else [str(target)]


@st.composite
def documents(draw, name: str) -> dict[str, list[dict[str, object]]]:
    tables: dict[str, list[dict[str, object]]] = {}
    for block in shipped(name).tables:
        if block.options.get("write") == "no" or block.table in tables:
            continue
        parents = [{}]
        if "line_row_no" in CANON[block.table].by_name:
            parents = [{"line_row_no": line["row_no"]} for line in tables["invoice_line"]]
        rows = []
        for parent in parents:
            count = 1 if block.table == "invoice" else draw(st.integers(0, 2))
            for row_no in range(1, count + 1):
                row = {**parent, **draw(row_for(block))}
                rows.append(row if block.table == "invoice" else {**row, "row_no": row_no})
        tables[block.table] = rows
    return fitting(name, tables)


@st.composite
def row_for(draw, block) -> dict[str, object]:
    row = {}
    for field in block.fields:
        if written(field) and not field.options.get("present") and (field.path == "." or draw(st.booleans())):
            row[field.column] = draw(of_type(CANON[block.table].by_name[field.column]))
    # An attribute needs its element: a scheme without an identifier would read as an empty identifier.
    for field in block.fields:
        for path in written(field):
            element, at, _ = path.rpartition("/@")
            owner = next((f for f in block.fields if f is not field and element in written(f)), None)
            if at and owner and owner.column not in row:
                row.pop(field.column, None)
    return row


def fitting(name: str, tables: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    """What no document of the format can say otherwise: one value for the document, a code that must be there ..."""
    (invoice,) = tables["invoice"]
    if name.startswith(("ubl", "cii")):
        invoice["invoice_currency_code"] = "EUR"
        if "vat_accounting_currency_code" in invoice:
            invoice["vat_accounting_currency_code"] = "SEK"
        else:
            invoice.pop("invoice_total_vat_amount_in_accounting_currency", None)
        for table in ("vat_breakdown", "document_allowance_charge", "invoice_line"):
            for row in tables[table]:
                row.setdefault("tax_scheme", "VAT")  # the schemas want one, so a null is written as VAT
        if name.startswith("ubl") and tables["vat_breakdown"] and not tables["vat_total"]:
            tables["vat_total"] = [{"row_no": 1}]  # the breakdown stands in it
        for row in tables["vat_total"]:
            row.setdefault("vat_total_amount", Decimal(1))
            row.setdefault("vat_total_currency_code", "EUR")
    for row in [invoice, *tables.get("seller_identifier", [])]:
        for column in [each for each in row if each.endswith("_plain_scheme")]:
            row[column.replace("_plain", "")] = row[column]  # it says where the scheme stands
    for row in tables.get("invoice_note", []):
        row.setdefault("invoice_note", "note")
        row["invoice_note"] = str(row["invoice_note"]).lstrip("# \t\r\n") or "x"
        if name.startswith("ubl") and row["row_no"] == 1:
            row["note_subject_code"] = "AAI"
    once = {
        "ubl": ["bank_assigned_creditor_identifier"],
        "cii": ["bank_assigned_creditor_identifier", "remittance_information", "mandate_reference_identifier"],
        "cn/": ["payment_service_provider_identifier"],
    }[name[:3]]
    instructions = tables["payment_instruction"]
    for column in once:
        for row in instructions[1:]:
            row.pop(column, None)
            if column in instructions[0]:
                row[column] = instructions[0][column]
    if name == "ubl/credit_note" and not instructions:
        invoice.pop("payment_due_date", None)
    if name == "cii/invoice":
        for row in tables["invoice_line"]:  # without one of the net price, the base quantity is that of the gross price
            for column in ("base_quantity", "base_quantity_unit_code"):
                row.pop(f"item_price_{column}", None)
                if f"item_gross_price_{column}" in row:
                    row[f"item_price_{column}"] = row[f"item_gross_price_{column}"]
        tables["seller_identifier"].sort(key=lambda row: "seller_identifier_scheme" in row)
        for n, row in enumerate(tables["seller_identifier"], 1):
            row["row_no"] = n
        if not tables["vat_breakdown"]:
            invoice.pop("value_added_tax_point_date", None)
            invoice.pop("value_added_tax_point_date_code", None)
    if name == "cn/einvoice":
        del instructions[1:]
        for row in tables["invoice_line"]:
            row.pop("invoiced_item_vat_rate", None)
            if "tax_rate_text" in row:
                row["tax_rate_text"], row["invoiced_item_vat_rate"] = "0.060000", Decimal(6)
        for column in ("issue_time", "issue_date"):
            invoice.pop(column, None)
        invoice["issue_time"], invoice["issue_date"] = "2024-06-14 10:21:33", dt.date(2024, 6, 14)
        invoice["invoice_currency_code"] = "CNY"
    return tables


def carried(name: str) -> dict[str, set[str]]:
    """The columns that a document of the format carries as such: not constants, not what is derived from others."""
    columns: dict[str, set[str]] = {}
    for block in shipped(name).tables:
        keys = {"row_no", "line_row_no"} if block.options.get("write") != "no" else set()
        columns.setdefault(block.table, set()).update(
            keys, (f.column for f in block.fields if f.options.get("match") is None and written(f))
        )
    return columns


@pytest.mark.parametrize("name", WRITING)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_reads_back_the_same(name, data):
    tables = data.draw(documents(name))
    content = write(shipped(name), tables)
    again = read(name, content)
    columns = carried(name)
    present = {f.column for block in shipped(name).tables for f in block.fields if f.options.get("present")}
    for table, rows in tables.items():
        wanted = [{k: v for k, v in row.items() if k in columns[table]} for row in rows]
        found = [{k: v for k, v in row.items() if k in columns[table] - present} for row in again[table]]
        assert found == wanted, content.decode()
    # Whatever is derived (flags, kinds, parts of a text) is the same once it was read.
    assert read(name, write(shipped(name), again)) == again


@pytest.mark.parametrize("name", WRITING)
def test_a_group_that_is_there_but_empty_stays_there(name):
    flags = {
        f.column: True
        for block in shipped(name).tables
        for f in block.fields
        if block.table == "invoice" and f.options.get("present") and f.options.get("write") != "no"
    }
    tables = {"invoice": [{"invoice_number": "1", "invoice_currency_code": "EUR", **flags}]}
    found = read(name, write(shipped(name), tables))["invoice"][0]
    assert {k: found[k] for k in flags} == flags


def test_ubl_and_cii_have_a_place_for_every_business_term():
    for name in ("ubl/invoice", "ubl/credit_note", "cii/invoice"):
        missing = []
        for table in CANON.values():
            if table.name != "invoice" and table.parent not in ("invoice", "invoice_line"):
                continue
            if "BG-DEX" in table.term:  # the XRechnung extension has these groups in UBL invoices only
                continue
            mapped = {f.column for block in shipped(name).tables if block.table == table.name for f in block.fields}
            missing += [
                f"{table.name}.{c.name}"
                for c in table.columns
                if c.term.startswith("B")
                and "DEX" not in c.term
                and c.name not in mapped | UBL_ONLY
                and not c.name.endswith("_count")
                and not c.name.startswith("has_")
            ]
        assert missing == [], name


def test_each_element_stands_where_the_schema_wants_it(shared: Path):
    """In valid documents of others, and in ours, no two children of an element stand in opposite orders."""
    cases = pl.read_parquet(shared / "conformance" / "en16931" / "cases.parquet")
    cases = cases.filter((pl.col("kind") == "file") & pl.col("xsd_valid"))
    for name, mark in (
        ("ubl/invoice", "Invoice"),
        ("ubl/credit_note", "CreditNote"),
        ("cii/invoice", "CrossIndustryInvoice"),
    ):
        roots = [parse(text.encode(), "a") for text in cases["xml"].gather_every(3)]
        roots = [root for root in roots if lens(name).reads(root)]
        assert len(roots) > 50, mark
        theirs = set().union(*map(orders, roots))
        collector = Collector()
        for n, root in enumerate(roots):
            collector.add(lens(name), root, str(n))
        frames = {table: frame for table, frame in collector.frames().items() if table not in BESIDE}
        for n in range(len(roots)):
            rows = {table: frame.filter(pl.col("invoice_id") == str(n)).to_dicts() for table, frame in frames.items()}
            for parent, first, second in orders(parse(write(shipped(name), rows), "b")):
                assert first == second or (parent, second, first) not in theirs, (name, parent, first, second)


def orders(root) -> set[tuple[str, str, str]]:
    found = set()
    for element in root.iter():
        names = list(dict.fromkeys(child.tag for child in element))
        found |= {(element.tag, a, b) for i, a in enumerate(names) for b in names[i + 1 :]}
    return found


def beside(*names: str) -> tuple[set[str], set[str]]:
    """Tables that are only read beside what is written, and columns that only count or sum what is there."""
    blocks = [block for name in names for block in shipped(name).tables]
    read_only = {block.table for block in blocks if block.options.get("write") == "no"}
    written_too = {block.table for block in blocks if block.options.get("write") != "no"}
    counts = {f.column for block in blocks for f in block.fields if f.options.get("count") or f.options.get("sum")}
    counts |= {f.column for block in blocks for f in block.fields if f.options.get("write") == "no"}
    return read_only - written_too, counts


@pytest.mark.slow
def test_every_published_document_survives_being_read_and_written(shared: Path):
    cases = pl.read_parquet(shared / "conformance" / "en16931" / "cases.parquet").filter(pl.col("kind") == "file")
    names = ["ubl/invoice", "ubl/credit_note", "cii/invoice"]
    first, second = Collector(), Collector()
    count = 0
    for id, text in cases.select("id", "xml").iter_rows():
        root = parse(text.encode(), id)
        name = next(name for name in names if lens(name).reads(root))
        first.add(lens(name), root, id)
        count += 1
    assert count > 1900
    frames = {table: frame for table, frame in first.frames().items() if table not in BESIDE}
    parts = {table: frame.partition_by("invoice_id", as_dict=True) for table, frame in frames.items()}
    by_mapping = {shipped(name).id: name for name in names}
    for (id,), invoice in parts["invoice"].items():
        name = by_mapping[invoice["mapping"][0]]
        rows = {table: part[(id,)].to_dicts() for table, part in parts.items() if (id,) in part}
        second.add(lens(name), parse(write(shipped(name), rows), id), id)
    read_only, counts = beside("cii/invoice", "ubl/invoice")
    for table, frame in frames.items():
        if table in read_only:
            continue
        keys = [key for key in ("invoice_id", "line_row_no", "row_no") if key in frame.columns]
        numbers = [
            pl.col(c.name).cast(pl.Decimal(38, 12)) for c in CANON[table].columns if c.sql_type.startswith("DEC")
        ]
        # A null tax_scheme means VAT, and is written so: the schemas want one.
        numbers += [pl.col("tax_scheme").fill_null("VAT")] if "tax_scheme" in frame.columns else []
        skipped = ["line", *counts.intersection(frame.columns), *SECTIONS.intersection(frame.columns)]
        one, other = (f.sort(keys).with_columns(numbers).drop(skipped) for f in (frame, second.frames()[table]))
        assert one.equals(other), table
