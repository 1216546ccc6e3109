"""SWIFT MT940 and MT942: statements and their entries as text frames, each with the line it starts on.

The framing into fields is done here, so that every entry keeps its line and every statement its own balances; the fields
themselves are parsed by the mt-940 library, of which this is the only door. The free text of ``:86:`` is split in
``remittance``. Called by intake.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import mt940
import polars as pl

from tieout.formats.remittance import details
from tieout.model.errors import FormatError, Location
from tieout.model.records import Document, Finding

__all__ = ["ENTRY", "STATEMENT", "read"]

# The library logs every field that it cannot read, account numbers and names included.
logging.getLogger("mt940").propagate = False
logging.getLogger("mt940").addHandler(logging.NullHandler())

_KNOWN = "13|13D|20|21|25|25P|28|28C|34F|60F|60M|61|62F|62M|64|65|86|90C|90D|NS"
_FIELD = re.compile(rf":({_KNOWN}):")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]")
_PLACEHOLDERS = {"", "NONREF", "NOTPROVIDED", "EREF", "KREF", "KREF+", "EREF+"}

STATEMENT = (
    "message_kind", "reference", "account", "currency", "number", "opening_balance", "opening_date",
    "closing_balance", "closing_date", "entry_count", "entry_sum", "statement_id",
)  # fmt: skip
ENTRY = (
    "statement_id", "account", "currency", "amount", "mark", "indicator", "status", "value_date", "entry_date", "type",
    "customer_reference", "bank_reference", "supplement", "details", "transaction_code", "posting_text", "purpose",
    "remittance", "name", "counterparty_account", "counterparty_bank", "ultimate_name", "end_to_end_id",
    "instruction_id", "mandate_id", "creditor_id", "creditor_reference", "is_return", "return_reason",
    "charges_amount", "charges_currency", "charge_bearer", "instructed_amount", "instructed_currency",
)  # fmt: skip


@dataclass(slots=True)
class _Field:
    tag: str
    line: int
    lines: list[str]

    @property
    def value(self) -> str:
        return "\n".join(self.lines)


@dataclass(slots=True)
class _Statement:
    line: int
    fields: list[_Field] = field(default_factory=list)

    def first(self, *tags: str) -> _Field | None:
        return next((each for each in self.fields if each.tag in tags), None)

    def last(self, *tags: str) -> _Field | None:
        return next((each for each in reversed(self.fields) if each.tag in tags), None)


def read(document: Document, settings: Dict[str, Any] | None = None) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """The frames ``statement`` and ``entry`` (text columns STATEMENT and ENTRY, plus ``line``), and findings.

    An entry that cannot be read becomes a finding and the others go on.
    settings: ``encoding``, a name or a list of names tried in turn.
    Raises FormatError where the file holds neither an entry nor a pair of balances, or names no currency.
    """
    text = _decode(document, settings or {})
    statements: list[dict[str, str | None]] = []
    entries: list[dict[str, str | None]] = []
    findings: list[Finding] = []
    seen: set[str] = set()
    for statement in _statements(_fields(text)):
        head, rows, wrong = _read_statement(statement, document.uri)
        findings += wrong
        if head is None:
            continue
        base = f"{head['account'] or ''} {head['number'] or head['reference'] or ''} {document.uri}".strip()
        identity = base if base not in seen else f"{base}#{len(seen) + 1}"
        seen.add(identity)
        statements.append(head | {"statement_id": identity})
        entries += [row | {"statement_id": identity} for row in rows]
    if not statements and not findings:
        raise FormatError(
            "an MT940 fragment: neither an entry (:61:) nor an opening and a closing balance (:60F:, :62F:) in it",
            at=Location(document.uri),
        )
    return {"statement": _frame(statements, STATEMENT), "entry": _frame(entries, ENTRY)}, findings


def _frame(rows: Sequence[Dict[str, str | None]], columns: Sequence[str]) -> pl.DataFrame:
    data = {name: pl.Series(name, [row.get(name) or None for row in rows], dtype=pl.String) for name in columns}
    lines = pl.Series("line", [int(row["line"] or 0) for row in rows], dtype=pl.Int64)
    return pl.DataFrame([*data.values(), lines])


def _decode(document: Document, settings: Dict[str, Any]) -> str:
    named = settings.get("encoding", ["utf-8", "cp1252", "latin-1"])
    encodings = [named] if isinstance(named, str) else list(named)
    for encoding in encodings:
        try:
            return document.content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    raise FormatError(f"the text is not {' nor '.join(encodings)}", at=Location(document.uri), rule="IN-ENCODING")


# --- framing ---


def _fields(text: str) -> Iterator[_Field]:
    """The fields in order; control characters, blank lines, envelopes and what stands between messages are skipped."""
    current: _Field | None = None
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = _CONTROL.sub("", raw.replace("\t", " "))
        if not line.strip():
            continue
        if line.strip() in ("-", "-}") or line.startswith("{"):
            if current:
                yield current
            current = None
            continue
        match = _FIELD.match(line)
        if match:
            if current:
                yield current
            current = _Field(match.group(1), number, [line[match.end() :]])
        elif current:
            current.lines.append(line)
    if current:
        yield current


def _statements(fields: Iterator[_Field]) -> Iterator[_Statement]:
    """The fields of each statement: a new one begins with ``:20:``, or where account or opening balance come again."""
    current: _Statement | None = None
    for each in fields:
        again = each.tag in ("25", "25P", "60F", "60M") and current is not None and current.first(each.tag)
        if current is None or each.tag == "20" or again:
            if current:
                yield current
            current = _Statement(each.line)
        current.fields.append(each)
    if current:
        yield current


# --- one statement ---


def _read_statement(
    statement: _Statement, uri: str
) -> tuple[dict[str, str | None] | None, list[dict[str, str | None]], list[Finding]]:
    library = mt940.models.Transactions()
    opening, closing = statement.first("60F", "60M"), statement.last("62F", "62M")
    if not statement.first("61") and not (opening and closing):
        return None, [], []
    account_field = statement.first("25", "25P")
    account, account_currency = _account(account_field.lines[0].strip() if account_field else "")
    balances = [_balance(library, each, None) for each in (opening, closing)]
    currency = next((each["currency"] for each in balances if each and each["currency"]), None)
    currency = currency or _report_currency(statement) or account_currency
    if closing and opening and balances[1] is None:
        balances[1] = _balance(library, closing, currency)
    if currency is None:
        raise FormatError(
            "an MT940 fragment: no balance, floor limit or account names the currency",
            at=Location(uri, statement.line),
        )
    findings: list[Finding] = []
    for each, balance in zip((opening, closing), balances, strict=True):
        if each and balance is None:
            message = f":{each.tag}: {each.value!r} is no balance (mark, date, currency, amount)"
            findings.append(_wrong("IN-VALUE", message, uri, each))
    rows = list(_entries(library, statement, uri, findings))
    number = statement.first("28C", "28")
    total = sum((Decimal(row["amount"] or 0) for row in rows), Decimal(0))
    head: dict[str, str | None] = {
        "line": str(statement.line),
        "message_kind": "mt942" if statement.first("34F", "90C", "90D") and not opening else "mt940",
        "reference": (first.value.strip() if (first := statement.first("20")) else None),
        "account": account,
        "currency": currency,
        "number": number.value.strip() if number else None,
        "entry_count": str(len(rows)),
        "entry_sum": str(total),
    }
    for name, balance in zip(("opening", "closing"), balances, strict=True):
        head[f"{name}_balance"] = balance["amount"] if balance else None
        head[f"{name}_date"] = balance["date"] if balance else None
    return head, [row | {"account": account, "currency": currency} for row in rows], findings


def _account(text: str) -> tuple[str | None, str | None]:
    """The account as written, and the currency that some banks put behind it."""
    match = re.fullmatch(r"(.*\d)/?([A-Z]{3})", text)
    return (match.group(1), match.group(2)) if match else (text or None, None)


def _report_currency(statement: _Statement) -> str | None:
    for tag, pattern in (
        ("34F", r"([A-Z]{3})"),
        ("90C", r"\d*([A-Z]{3})"),
        ("90D", r"\d*([A-Z]{3})"),
        ("64", r"[DC]\d{6}([A-Z]{3})"),
    ):
        each = statement.first(tag)
        match = re.match(pattern, each.value) if each else None
        if match:
            return match.group(1)
    return None


def _balance(library: Any, each: _Field | None, currency: str | None) -> dict[str, str] | None:
    """Amount with sign, date and currency; None where it cannot be read. currency: for a balance that names none."""
    if each is None:
        return None
    text = each.lines[0].strip()
    if currency and re.match(r"[DC]\d{6}\d", text):
        text = text[:7] + currency + text[7:]
    if not re.match(r"[DC]\d{6}[A-Z]{3}\d+,?\d*$", text):
        return None
    tag = mt940.tags.TAG_BY_ID[each.tag]
    try:
        balance = next(iter(tag(library, tag.parse(library, text)).values()))
    except (RuntimeError, ValueError, ArithmeticError):
        return None
    return {
        "amount": str(balance.amount.amount),
        "date": balance.date.isoformat(),
        "currency": str(balance.amount.currency),
    }


# --- entries ---

_ENTRY_TAGS = (mt940.tags.Statement(), mt940.tags.StatementGLS(), mt940.tags.StatementASNB())


def _entries(library: Any, statement: _Statement, uri: str, findings: list[Finding]) -> Iterator[dict[str, str | None]]:
    """The readable entries with their free text; what cannot be read is added to the findings."""
    pending: tuple[_Field, list[_Field]] | None = None
    groups: list[tuple[_Field, list[_Field]]] = []
    for each in statement.fields:
        if each.tag == "61":
            pending = (each, [])
            groups.append(pending)
        elif each.tag in ("86", "NS") and pending:
            pending[1].append(each)
        else:
            pending = None
    for entry, texts in groups:
        parsed = _entry(library, entry)
        if parsed is None:
            message = f"the entry {entry.value!r} cannot be read as :61: (dates, mark, amount, type, references)"
            findings.append(_wrong("IN-ROW", message, uri, entry))
            continue
        yield parsed | details(texts_of(texts, "86"), texts_of(texts, "NS"), parsed)


def texts_of(texts: Sequence[_Field], tag: str) -> list[str]:
    return [line for each in texts if each.tag == tag for line in each.lines]


def _entry(library: Any, entry: _Field) -> dict[str, str | None] | None:
    value = "\n".join(line.rstrip() for line in entry.lines).strip()
    for tag in _ENTRY_TAGS:
        try:
            # 30 February is what some banks book by; the library takes the last day of the month.
            data: dict[str, Any] = tag(
                library, mt940.processors.date_fixup_pre_processor(library, tag, tag.parse(library, value))
            )
        except (RuntimeError, ValueError, ArithmeticError):
            continue
        break
    else:
        return None
    mark = str(data["status"]).upper()
    # RC takes back a credit and RD a debit (SWIFT, field 61, subfield 3).
    incoming = mark.endswith("D") if mark.startswith("R") else mark.endswith("C")
    amount = abs(data["amount"].amount)
    booked = data.get("entry_date")
    return {
        "line": str(entry.line),
        "amount": str(amount if incoming else -amount),
        "mark": mark,
        "indicator": "CRDT" if incoming else "DBIT",
        "status": "PDNG" if mark.startswith("E") else "BOOK",
        "value_date": data["date"].isoformat(),
        "entry_date": booked.isoformat() if booked else data["date"].isoformat(),
        "type": data.get("id"),
        "customer_reference": _reference(data.get("customer_reference")),
        "bank_reference": _reference(data.get("bank_reference")),
        "supplement": (data.get("extra_details") or "").strip() or None,
    }


def _reference(text: str | None) -> str | None:
    stripped = (text or "").strip()
    return None if stripped in _PLACEHOLDERS else stripped


def _wrong(rule: str, message: str, uri: str, each: _Field) -> Finding:
    return Finding(rule, "fatal", message, pack="intake", table="payment", object_id=f"{uri}#{each.line}",
                   evidence={"found": each.value}, source=uri, line=each.line)  # fmt: skip
