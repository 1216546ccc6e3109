"""OFX and QFX: statements and transactions as text frames. The ofxparse library parses; this is its only door."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping as Dict
from decimal import Decimal
from typing import Any

import polars as pl

from tieout.model.errors import FormatError, Location
from tieout.model.records import Document, Finding

__all__ = ["ENTRY", "STATEMENT", "read"]

STATEMENT = ("message_kind", "account", "currency", "closing_balance", "closing_date", "opening_date", "entry_count",
             "entry_sum", "statement_id", "bank")  # fmt: skip
ENTRY = ("statement_id", "account", "currency", "amount", "booking_date", "value_date", "fitid", "type", "name", "memo",
         "check_number", "reference_number")  # fmt: skip

_TRANSACTION = re.compile(r"<STMTTRN>(.*?)(?=</STMTTRN>|<STMTTRN>|</BANKTRANLIST>|\Z)", re.S | re.I)
_EMPTY = re.compile(rb"<(NAME|MEMO|PAYEE|CHECKNUM|REFNUM|SIC)>\s*</\1>", re.I)
_VALUE = r"<{}>\s*([^<\r\n]*)"


def read(document: Document, settings: Dict[str, Any] | None = None) -> tuple[dict[str, pl.DataFrame], list[Finding]]:  # noqa: ARG001 - as every format is read
    """The frames ``statement`` and ``entry`` (text columns STATEMENT and ENTRY, plus ``line``), and findings.

    A transaction that cannot be read becomes a finding and the others go on.
    Raises FormatError where the file holds no bank or card statement.
    """
    # Here, because it brings more to be imported than everything else together, and hardly a run reads OFX.
    from ofxparse.ofxparse import OfxParser, Statement

    parsed = _parse(document, OfxParser)
    blocks = _blocks(document.content)
    statements: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    findings: list[Finding] = []
    investments = 0
    for account in parsed.accounts:
        statement = account.statement
        if not isinstance(statement, Statement):
            investments += 1
            continue
        number = str(account.account_id or "") or None
        currency = str(account.curdef or statement.currency or "").upper() or None
        identity = " ".join(each for each in (number, document.uri) if each)
        identity += f"#{len(statements) + 1}" if any(each["statement_id"] == identity for each in statements) else ""
        rows = [
            _entry(each, blocks) | {"statement_id": identity, "account": number, "currency": currency}
            for each in statement.transactions
        ]
        findings += [_discarded(each, blocks, document.uri) for each in getattr(statement, "discarded_entries", ())]
        findings += [
            _warned(text, document.uri) for text in dict.fromkeys(map(str, getattr(statement, "warnings", ())))
        ]
        statements.append(
            _statement(statement, account, rows, blocks)
            | {"statement_id": identity, "account": number, "currency": currency}
        )
        entries += rows
    if not statements:
        raise FormatError(_nothing(parsed, investments), at=Location(document.uri))
    return {"statement": _frame(statements, STATEMENT), "entry": _frame(entries, ENTRY)}, findings


def _parse(document: Document, parser: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The library discards a transaction for an optional element that is there and empty.
            content = _EMPTY.sub(b"", document.content)
            return parser.parse(io.BytesIO(content), fail_fast=False)
    except Exception as exc:  # the library raises whatever its steps raise: IndexError, AttributeError, its own
        reason = " ".join(str(exc).split()) or type(exc).__name__
        raise FormatError(f"no readable OFX: {reason[:200]}", at=Location(document.uri)) from exc


def _nothing(parsed: Any, investments: int) -> str:
    if investments:
        return "OFX with investment statements only; bank and card statements are read"
    status = getattr(parsed, "status", None) or {}
    severity, message = (
        status.get("severity"),
        status.get("message") or (getattr(parsed, "signon", None) and getattr(parsed.signon, "message", None)),
    )
    if severity == "ERROR" or message:
        return f"OFX without a statement; the server answered: {severity or ''} {message or ''}".strip()
    return "OFX without a bank or card statement"


def _statement(statement: Any, account: Any, rows: list[dict[str, Any]], blocks: _Blocks) -> dict[str, Any]:
    balance = getattr(statement, "balance", None)
    amounts = [Decimal(row["amount"]) for row in rows if row["amount"]]
    return {
        "line": rows[0]["line"] if rows else blocks.first,
        "message_kind": "ofx",
        "closing_balance": str(balance) if isinstance(balance, Decimal) else None,
        "closing_date": _day(getattr(statement, "balance_date", None)) or _day(getattr(statement, "end_date", None)),
        "opening_date": _day(getattr(statement, "start_date", None)),
        "entry_count": str(len(rows)),
        "entry_sum": str(sum(amounts, Decimal(0))),
        "bank": getattr(account, "routing_number", None) or None,
    }


def _entry(each: Any, blocks: _Blocks) -> dict[str, Any]:
    line, block = blocks.of(str(each.id or ""))
    posted = _written(block, "DTPOSTED") or _day(each.date)
    return {
        "line": line,
        "amount": str(each.amount) if each.amount is not None else None,
        "booking_date": posted,
        "value_date": _written(block, "DTAVAIL") or posted,
        "fitid": str(each.id or ""),
        "type": str(each.type or "").upper(),
        "name": str(each.payee or ""),
        "memo": str(each.memo or ""),
        "check_number": str(each.checknum or ""),
        "reference_number": _text(block, "REFNUM"),
    }


def _day(moment: Any) -> str | None:
    return moment.date().isoformat() if hasattr(moment, "date") else None


class _Blocks:
    """The transactions as they stand in the text: where each begins, and its own words."""

    def __init__(self, text: str) -> None:
        self._found: dict[str, list[tuple[int, str]]] = {}
        self.first = 1 + max(0, text.upper().count("\n", 0, max(0, text.upper().find("<STMTRS>"))))
        for match in _TRANSACTION.finditer(text):
            fitid = _text(match.group(1), "FITID") or ""
            self._found.setdefault(fitid, []).append((text.count("\n", 0, match.start()) + 1, match.group(1)))

    def of(self, fitid: str) -> tuple[int, str]:
        """Line and text of the next transaction of this id, in the order of the file."""
        waiting = self._found.get(fitid) or [(self.first, "")]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def _blocks(content: bytes) -> _Blocks:
    try:
        return _Blocks(content.decode("utf-8"))
    except UnicodeDecodeError:
        return _Blocks(content.decode("latin-1"))


def _text(block: str, tag: str) -> str | None:
    match = re.search(_VALUE.format(tag), block, re.I)
    return (match.group(1).strip() or None) if match else None


def _written(block: str, tag: str) -> str | None:
    """The day as the bank wrote it: the library turns it to UTC, which can be the day after."""
    text = _text(block, tag) or ""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if re.match(r"\d{8}", text) else None


def _discarded(each: Any, blocks: _Blocks, uri: str) -> Finding:
    content = str(each.get("content", "")) if isinstance(each, dict) else str(each)
    error = str(each.get("error", "cannot be read")) if isinstance(each, dict) else "cannot be read"
    line, _ = blocks.of(_text(content, "FITID") or "")
    return Finding(
        "IN-ROW", "fatal", f"{uri}:{line}  a transaction cannot be read: {' '.join(error.split())}", pack="intake",
        table="payment", object_id=f"{uri}#{line}", evidence={"found": content[:500]}, source=uri, line=line,
    )  # fmt: skip


def _warned(text: Any, uri: str) -> Finding:
    words = " ".join(str(text).split()).partition(" for <")[0]
    return Finding("IN-VALUE", "warning", f"{uri}  {words}", pack="intake", table="statement",
                   object_id=uri, source=uri)  # fmt: skip


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pl.DataFrame:
    data = [pl.Series(name, [row.get(name) or None for row in rows], dtype=pl.String) for name in columns]
    return pl.DataFrame([*data, pl.Series("line", [row["line"] for row in rows], dtype=pl.Int64)])
