"""What stops a billing document or is to be said of it, as findings, and the exception that a stopped one becomes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dict
from decimal import Decimal
from typing import Any

import polars as pl

from tieout.issuing.origin import Origin, Origins
from tieout.model.canon import CANON
from tieout.model.money import display
from tieout.model.records import Finding, Query, exception_id
from tieout.store.engine import Store

__all__ = [
    "amount_differs",
    "append",
    "by_rules",
    "changed",
    "exceptions",
    "frame",
    "located",
    "not_read_back",
    "of_document",
    "renamed",
    "total_differs",
]

Row = Dict[str, Any]

# What a column of type money holds; a total beyond it is stopped for other reasons and stands in the finding.
_MOST = Decimal(10) ** 14

# What is seen without the rules: rule, when it is broken, and what to say.
_OF_DOCUMENTS: tuple[tuple[str, Callable[[Row], bool], str, str], ...] = (
    (
        "IS-HEAD",
        lambda row: bool(row["conflicts"]),
        "the lines of billing document {billing_document} disagree on {conflicts}; one document has one of each",
        "开票单据 {billing_document} 的各行在 {conflicts} 上不一致",
    ),
    (
        "IS-LINE",
        lambda row: bool(row["has_repeated_lines"]),
        "a line number of billing document {billing_document} stands twice; it would be invoiced twice",
        "开票单据 {billing_document} 有重复的行号",
    ),
    (
        "IS-KIND",
        lambda row: not row["has_kind"],
        "billing document {billing_document} is of no kind that is invoiced; invoice and credit note are",
        "开票单据 {billing_document} 的类型不可开票",
    ),
    (
        "IS-PARTY",
        lambda row: not row["is_known"],
        "customer {party_id} is not in the master data, so there is no buyer to invoice",
        "主数据中没有客户 {party_id}",
    ),
    (
        "IS-DATE",
        lambda row: bool(row["is_early"]),
        "billing document {billing_document} is dated {issue_date}, after the day of the run; it waits for that day",
        "开票单据 {billing_document} 的日期 {issue_date} 晚于运行日",
    ),
)


def of_document(row: Row, origins: Origins) -> Iterator[Finding]:
    """What is wrong with a billing document, seen without the rules."""
    for rule, is_broken, message, message_zh in _OF_DOCUMENTS:
        if is_broken(row):
            found = finding(rule, row, message.format(**row), message_zh.format(**row))
            yield located(found, origins.party("party_id", row)) if rule == "IS-PARTY" else found


def not_read_back(row: Row, reason: str) -> Finding:
    return finding("IS-READBACK", row, f"{reason}; the document is not issued", f"写出后回读不一致：{reason}")


def finding(rule: str, row: Row, message: str, message_zh: str, **more: Any) -> Finding:
    return Finding(
        rule=rule,
        severity=more.pop("severity", "fatal"),
        message=message,
        message_zh=message_zh,
        pack="issuing",
        table="billing_line",
        object_id=str(row["billing_document"]),
        source=row["source"] or "",
        line=row["line"],
        **more,
    )


def amount_differs(line: Row) -> Finding:
    product = f"{display(line['quantity'])} x {display(line['net_price'])}"
    if line["computed"] is None:
        message = f"line {line['billing_line_no']}: no amount can be computed of {product}"
        message_zh = f"第 {line['billing_line_no']} 行：无法由数量和单价计算金额"
    else:
        amount, own = display(line["computed"], line["currency"]), display(line["line_net_amount"], line["currency"])
        message = f"line {line['billing_line_no']}: the ERP says {own}, but {product} is {amount}"
        message_zh = f"第 {line['billing_line_no']} 行：ERP 金额 {own} 与数量乘单价 {amount} 不符"
    return finding("IS-AMOUNT", line, message, message_zh, term="BT-131", row_no=line["billing_line_no"])


def total_differs(row: Row) -> Finding | None:
    """Where the ERP has booked another total: fatal, or a word on the cents that its rounding of VAT makes."""
    booked, total, rounding = (
        None if row[name] is None else display(row[name], row["currency"])
        for name in ("document_total", "total", "rounding")
    )
    if booked is None or row["total"] is None:
        return None
    number = row["billing_document"]
    if row["document_total"] != row["total"]:
        return finding(
            "IS-TOTAL",
            row,
            f"billing document {number}: the ERP has booked {booked}, but its lines and their VAT make {total}",
            f"开票单据 {number}：ERP 入账金额 {booked} 与明细及税额合计 {total} 不符",
            term="BT-112",
        )
    if not row["rounding"]:
        return None
    return finding(
        "IS-ROUNDING",
        row,
        f"billing document {number}: the VAT is {rounding} more than rate times taxable amount, as the ERP has rounded and "
        f"booked it",
        f"开票单据 {number}：按 ERP 的舍入，税额比税率乘计税金额多 {rounding}",
        severity="information",
        term="BT-117",
    )


def changed(row: Row, known: Row) -> Finding:
    number = known["invoice_number"]
    return finding(
        "IS-CHANGED",
        row,
        f"billing document {row['billing_document']} was issued as {number} and would read differently today (its lines, "
        "the customer or the mapping changed); correct it by a credit note where the lines changed",
        f"开票单据 {row['billing_document']} 已开具为 {number}，现在的内容与之不同",
        severity="warning",
        term="BT-1",
    )


def by_rules(found: pl.DataFrame, documents: Dict[str, Row], origins: Origins) -> list[Finding]:
    """The rules' findings, under the billing document, with the ERP's field that must be mended. documents: by invoice_id."""
    return [
        located(made, origins.of(made.term, documents[file]) if made.severity == "fatal" else None)
        for file, made in _by_rules(found, documents)
    ]


def located(found: Finding, origin: Origin | None) -> Finding:
    """The finding with the field behind it, under the ERP's own name."""
    if origin is None:
        return found
    field = {"table": origin.table, "column": origin.column, "field": origin.field, "mapping": origin.mapping}
    return dataclasses.replace(
        found,
        message=f"{found.message.rstrip('.')}; {origin}",
        message_zh=f"{found.message_zh.rstrip('。')}；{origin.zh}",
        evidence={**found.evidence, "erp": field, "master_data": origin.is_master_data},
    )


def _by_rules(found: pl.DataFrame, documents: Dict[str, Row]) -> Iterator[tuple[str, Finding]]:
    for row in found.iter_rows(named=True):
        if row["object_id"] not in documents:
            continue
        yield (
            row["object_id"],
            Finding(
                rule=row["rule"],
                severity=row["severity"],
                message=row["message"] or "",
                message_zh=row["message_zh"] or "",
                pack=row["pack"] or "",
                table="billing_line",
                object_id=str(documents[row["object_id"]]["billing_document"]),
                row_no=row["row_no"],
                term=row["term"] or "",
                evidence=json.loads(row["evidence"] or "{}"),
                source=documents[row["object_id"]]["source"] or "",
                line=row["line"] or documents[row["object_id"]]["line"],
            ),
        )


def renamed(finding: Finding, invoice_id: str) -> Finding:
    """A finding that did not stop its document, as one of the invoice that was issued."""
    return dataclasses.replace(finding, table="invoice", object_id=invoice_id)


def append(store: Store, findings: Sequence[Finding]) -> None:
    last = store.scalar(Query("last finding", "select coalesce(max(finding_no), 0) from finding"))
    ordered = sorted(findings, key=lambda each: (each.rule, each.object_id, each.row_no or 0, each.message))
    rows = [
        {
            "finding_no": last + position,
            **{name: getattr(each, name) for name in Finding.__slots__ if name != "evidence"},
            "evidence": json.dumps(each.evidence, ensure_ascii=False, sort_keys=True, default=str),
        }
        for position, each in enumerate(ordered, start=1)
    ]
    store.append("finding", frame("finding", rows))


def exceptions(documents: Dict[str, Row], stopped: set[str], findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """One exception a stopped document: the rules that stopped it, in one sentence and as evidence."""
    rows = []
    for each in sorted(stopped):
        row = documents[each]
        broken = [f for f in findings if f.object_id == each and f.severity == "fatal"]
        fatal = sorted({(f.rule, f.message, f.message_zh) for f in broken})
        rules = sorted({rule for rule, *_ in fatal})
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        said = {"says": "not_issued", "document": each, "first_rule": fatal[0][0], "first_zh": fatal[0][2]}
        more_zh = f"（另有 {len(fatal) - 1} 项）" if len(fatal) > 1 else ""
        fields = [f.evidence["erp"] for f in broken if "erp" in f.evidence]
        # Where nothing but master data is wrong, whoever keeps the master data can mend it alone.
        reason = "master_data" if all(f.evidence.get("master_data") for f in broken) else "invalid_document"
        rows.append(
            {
                "exception_id": exception_id(reason, "billing_line", each),
                "reason": reason,
                "table": "billing_line",
                "object_id": each,
                "party_id": row["party_id"],
                "amount": row["total"] if row["total"] is not None and abs(row["total"]) < _MOST else None,
                "currency": row["currency"],
                "message": f"billing document {each} is not issued: {fatal[0][0]}: {fatal[0][1]}{more}",
                "evidence": json.dumps(
                    {"rules": rules, "fields": fields, **said, "more_zh": more_zh}, ensure_ascii=False
                ),
                "source": row["source"],
                "line": row["line"],
            }
        )
    return rows


def frame(table: str, rows: Sequence[Row]) -> pl.DataFrame:
    """The rows as a frame of text columns, which the store casts to the canonical types."""
    names = [column.name for column in CANON[table].columns if any(column.name in row for row in rows)]
    texts = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names}
    return pl.DataFrame(texts, schema=dict.fromkeys(names, pl.String))
