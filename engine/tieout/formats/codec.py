"""What bytes are, by looking at them; the name only helps where the bytes leave it open. Called by ``intake``."""

from __future__ import annotations

import codecs
import io
import json
import re
import zipfile

__all__ = ["detect", "head_text"]

_HEAD = 64 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MT940 = re.compile(r"^(?:\{1:|\{4:|:20:|:940:|:942:)", re.M)
_MT940_START = re.compile(r":(?:20|21|25P?|28C?|34F|13D?|60[FM]|61|62[FM]|64|65|86|90[CD]|NS):")
_MT940_BODY = re.compile(r"^:(?:25|60[FM]|28C?|34F|61):?", re.M)
_OFX = re.compile(r"OFXHEADER[:=]|<OFX>|<\?OFX\b", re.I)
# BAI2 looks like a comma-separated file and is none: no mapping could read its records as rows.
_BAI2 = re.compile(r"01,[^,\n]*,[^,\n]*,\d{6},\d{4},")
# The first element of a document in an encoding like ASCII, where nothing but the declaration and comments stand before it.
_ELEMENT = re.compile(rb"(?:<\?xml\s[^<>\0]*\?>\s*)?(?:<!--[^\0]*?-->\s*)*<([A-Za-z_][\w.-]*(?::[\w.-]+)?)[\s>]")
_DELIMITED = re.compile(r"[;,\t|]")


def detect(content: bytes, uri: str) -> str:
    """xml, zip, json, jsonl, xlsx, parquet, mt940, ofx, csv, pdf, empty or unknown.

    OFX is ofx in both of its spellings (SGML headers or an XML declaration); a zip is xlsx where it holds a workbook.
    """
    stripped = content.lstrip(b" \t\r\n\0")
    if not stripped:
        return "empty"
    if (element := _ELEMENT.match(stripped)) and element[1].lower() not in (b"ofx", b"html"):
        return "xml"
    if stripped.startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"PAR1"):
        return "parquet"
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "xlsx" if _is_workbook(content) else "zip"
    text = head_text(content)
    if text is None:
        return "unknown"
    start = text.lstrip("\ufeff \t\r\n\0")
    if not start:
        return "empty"
    if start.startswith("<"):
        return _markup(start)
    if _OFX.match(start):
        return "ofx"
    if _MT940_START.match(start) or (_MT940.search(start) and _MT940_BODY.search(start)):
        return "mt940"
    if _BAI2.match(start):
        return "unknown"
    if start[0] in "{[":
        return _json(content, start)
    return _lines(start, uri)


def head_text(content: bytes) -> str | None:
    """The first 64 KiB as text, by byte order mark or by where the zero bytes stand; None for binary content.

    An 8-bit encoding that is not UTF-8 is read as Latin-1: good enough to recognise a format, not to read its words.
    """
    head = content[:_HEAD]
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "ignore")
    if len(head) >= 4 and head[1] == 0 and head[0]:
        return head.decode("utf-16-le", "ignore")
    if len(head) >= 4 and head[0] == 0 and head[1]:
        return head.decode("utf-16-be", "ignore")
    # A stray control byte stands in real bank files; binary content has many.
    controls = sum(head.count(byte) for byte in (*range(0, 9), *range(14, 27), *range(28, 32)))
    if controls > len(head) // 50 + 2:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
        return False


def _markup(start: str) -> str:
    head = start[:4096]
    if _OFX.search(head):
        return "ofx"
    return "unknown" if re.match(r"<!doctype html|<html\b", head, re.I) else "xml"


def _json(content: bytes, start: str) -> str:
    """json for one value, jsonl for one object a line."""
    lines = [line for line in start.splitlines() if line.strip()]
    if start[0] == "{" and len(lines) > 1 and _is_json(lines[0]) and lines[1].lstrip().startswith("{"):
        return "jsonl"
    if re.match(r"\{\s*(?:\"|\}|$)|\[\s*(?:[\[{\"\]\d-]|true|false|null|$)", start):
        return "json"
    return "unknown" if len(content) < 2 else _lines(start, "")


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _lines(start: str, uri: str) -> str:
    """csv where the lines are delimited alike, or the name says so and there is a delimiter at all."""
    lines = [line for line in start.splitlines() if line.strip()][:20]
    if uri.lower().endswith((".csv", ".tsv")):
        return "csv"
    delimited = sum(bool(_DELIMITED.search(line)) for line in lines)
    return "csv" if len(lines) > 1 and delimited * 4 >= len(lines) * 3 else "unknown"
