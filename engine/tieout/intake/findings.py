"""Findings of intake: from refusals and flagged values, and as rows of the table. Their ids begin with IN-."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from tieout.intake.refusals import in_chinese
from tieout.mapping.fields import named
from tieout.mapping.project import ROW, Check, Projection
from tieout.model.canon import CANON
from tieout.model.definitions import TableMapping
from tieout.model.errors import FormatError
from tieout.model.records import Finding

__all__ = ["PER_COLUMN", "difference_findings", "finding_frame", "refusal", "value_findings"]

# So many findings name their row; what is beyond is counted in one more.
PER_COLUMN = 1000


def refusal(uri: str, exc: Exception) -> Finding:
    """Why a document was not read, in one line."""
    rule = exc.rule if isinstance(exc, FormatError) else "IN-SOURCE"
    message = getattr(exc, "message", "") or str(exc) or type(exc).__name__
    at = getattr(exc, "at", None)
    line = at.line if at and at.line else None
    place = f"{uri}:{line}" if line else uri
    said = in_chinese(message, parts=rule == "IN-SCHEMA")
    reason = said or f"{_REFUSED_ZH.get(rule, '无法读取')}（原文：{message}）"
    return Finding(
        rule, "fatal", f"{place}  {message}; the file is not taken in", pack="intake", table="document", object_id=uri,
        message_zh=f"{place}  {reason}；该文件未读入",
        evidence={"reason": message}, source=uri, line=line,
    )  # fmt: skip


_REFUSED_ZH = {
    "IN-EMPTY": "文件为空",
    "IN-ENCODING": "编码与映射声明不符",
    "IN-COLUMN": "列与映射不符",
    "IN-FORMAT": "格式无法识别或已损坏",
    "IN-SCHEMA": "内容不符合 JSON Schema",
    "IN-SOURCE": "数据源无法打开",
}


def value_findings(made: Projection, rows: pl.DataFrame, frame: pl.DataFrame) -> list[Finding]:
    """A finding for each flagged value: where it stands, what was found, what was expected."""
    findings: list[Finding] = []
    for check in made.checks:
        flagged = rows.filter(pl.col(check.flag) != 0)
        if not flagged.height:
            continue
        key = CANON[made.table].key[0]
        wanted = [ROW, "source", "line", check.flag, *([key] if key in rows.columns else [])]
        named = flagged.head(PER_COLUMN).select(wanted)
        headings = [name for name in check.headings if name in frame.columns]
        texts = frame.filter(pl.col(ROW).is_in(named[ROW].implode())).select(ROW, *headings)
        joined = named.join(texts, on=ROW, how="left", maintain_order="left", suffix=" (file)")
        for row in joined.iter_rows(named=True):
            findings.append(_value_finding(made.table, check, headings, row, row.get(key)))
        if flagged.height > PER_COLUMN:
            uri = flagged["source"][PER_COLUMN]
            findings.append(
                Finding("IN-VALUE", "fatal", f"{uri}  and {flagged.height - PER_COLUMN} more rows in which "
                        f"{_quoted(check.headings)} does not fit", pack="intake", table=made.table, object_id=uri,
                        evidence={"column": check.column, "rows": flagged.height}, source=uri)
            )  # fmt: skip
    return findings


def _value_finding(table: str, check: Check, headings: Sequence[str], row: dict[str, Any], key: Any) -> Finding:
    uri, line = row["source"], row["line"]
    found = {name: row.get(f"{name} (file)", row.get(name)) for name in headings}
    shown = " / ".join("" if value is None else str(value) for value in found.values())
    name = _quoted(check.headings) or f"'{check.column}'"
    if row[check.flag] == 2:
        text = f"{name} is empty, and {table}.{check.column} needs a value"
        zh = f"{name} 为空，而 {table}.{check.column} 必须有值"
    else:
        text = f"{name} is '{shown[:200]}'; expected {check.expected}; {table}.{check.column} is left empty"
        zh = f"{name} 的值 '{shown[:200]}' 不符合要求（{check.expected}），{table}.{check.column} 留空"
    return Finding(
        "IN-VALUE", "fatal", f"{uri}:{line}  {text}", pack="intake", table=table, object_id=str(key or f"{uri}#{line}"),
        term=CANON[table].by_name[check.column].term.replace("-", "") and CANON[table].by_name[check.column].term,
        message_zh=f"{uri}:{line}  {zh}", evidence={"column": check.column, "found": shown, "expected": check.expected},
        source=uri, line=line, path=", ".join(check.headings),
    )  # fmt: skip


def difference_findings(table: TableMapping, rows: pl.DataFrame, columns: Sequence[str]) -> list[Finding]:
    """A finding for each value that the rows of one thing tell differently; the first was kept."""
    headings = {each.column: named(each) for each in table.fields}
    findings = []
    for name in columns:
        column = CANON[table.table].by_name[name]
        for row in rows.filter(pl.col(f"?{name}")).head(PER_COLUMN).iter_rows(named=True):
            uri, line, kept, shown = row["source"], row["line"], row[name], _quoted(headings[name])
            findings.append(
                Finding("IN-DIFFERS", "fatal", f"{uri}:{line}  {shown} is not the same in all rows of this "
                        f"{table.table}; the first, '{kept}', is kept", pack="intake", table=table.table,
                        object_id=str(row.get(CANON[table.table].key[0]) or uri), term=column.term.replace("-", "") and column.term,
                        message_zh=f"{uri}:{line}  同一 {table.table} 各行的 {shown} 不一致，保留第一个值 '{kept}'",
                        evidence={"column": name, "kept": str(kept)}, source=uri, line=line,
                        path=", ".join(headings[name]))
            )  # fmt: skip
    return findings


def _quoted(names: Sequence[str]) -> str:
    return " / ".join(f"'{name}'" for name in names)


def finding_frame(findings: Sequence[Finding], *, first: int) -> pl.DataFrame:
    """The findings as rows of ``finding``, in the order of rule, object and place, numbered from ``first``."""
    ordered = sorted(findings, key=lambda each: (each.rule, each.object_id, each.source, each.line or 0, each.message))
    rows = [
        {
            "finding_no": number, "rule": each.rule, "pack": each.pack, "severity": each.severity, "table": each.table or None,
            "object_id": each.object_id or None, "row_no": each.row_no, "term": each.term or None, "message": each.message,
            "message_zh": each.message_zh or None,
            "evidence": json.dumps(dict(each.evidence), ensure_ascii=False, sort_keys=True, default=str),
            "path": each.path or None, "source": each.source or None, "line": each.line,
        }
        for number, each in enumerate(ordered, first)
    ]  # fmt: skip
    integers = {"finding_no", "row_no", "line"}
    columns = CANON["finding"].by_name
    return pl.DataFrame(rows, schema={name: pl.Int64 if name in integers else pl.String for name in columns})
