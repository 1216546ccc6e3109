"""The free text of an MT940 entry (``:86:``, ``:NS:``) in its parts: German subfields, slash codes, or plain text.

Pieces are joined the way the sending bank cut them: without a blank where a piece is full, with one where it ended early.
Sources: DFÜ-Abkommen Anlage 3 (subfields ?00..?63 of 27 characters, SEPA keywords); SWIFT structured ``:86:`` codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence

__all__ = ["details"]

PIECE = 27
LINE = 65
_PLACEHOLDERS = {"", "NONREF", "NOTPROVIDED", "EREF", "KREF", "KREF+", "EREF+"}
# Returns among the German booking codes: returned direct debits, returned transfers, re-credits.
_RETURN_CODES = {"108", "109", "159", "181", "184"}

_SUBFIELD = re.compile(r"\?(\d\d)")
_GERMAN = re.compile(r"(\d{3})\s*([^\w\s])(?=\d\d)")
_KEYWORD = re.compile(
    r"(?:^|(?<=[\s\x1f]))(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC|PURP|RREF)(?:\+|: )"
)
_CODES = (
    "EREF|PREF|IREF|CREF|MARF|CSID|ORDP|BENM|ULTC|ULTD|ULTB|NAME|ACCT|IBAN|BIC|ADDR|REMI|RTRN|CHGS1?|OCMT|EXCH|"
    "TRTP|TRCD|PURP|ISDT|SVCL|IACC|CNTP|ID"
)
_CODE = re.compile(rf"/({_CODES})/")
_CHARGES = re.compile(r"/CHGS1?/([A-Z]{3})?\s*(\d+(?:,\d*)?)/?")
_BEARER = re.compile(r"/CHGS/(SHA|OUR|BEN|SHAR|DEBT|CRED|SLEV)\b/?")
_ORDERED = re.compile(r"/OCMT/([A-Z]{3})\s*(\d+(?:,\d*)?)/?")
_RETURN = re.compile(r"/RTRN/\s*([A-Z]{2}\d{2})?/?")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}")
_BEARERS = {"SHA": "SHAR", "OUR": "DEBT", "BEN": "CRED"}


def details(lines: Sequence[str], extension: Sequence[str], entry: Dict[str, str | None]) -> dict[str, str | None]:
    """The text columns of one entry: remittance, counterparty, references, charges and return marks.

    lines: of ``:86:`` as they stand in the file; extension: of ``:NS:``; entry: what ``:61:`` gave.
    """
    joined = "".join(lines)
    if match := _GERMAN.match(joined):
        found = _german(joined, match)
    elif len(_CODE.findall(joined)) and joined.lstrip().startswith("/"):
        found = _slash(joined)
    elif lines:
        found = {"remittance": _plain(lines)}
    else:
        found = _extension(extension)
    found["details"] = "\n".join(lines or extension) or None
    _marks(found, entry)
    reference, supplement = entry.get("customer_reference"), (entry.get("supplement") or "").replace(" ", "")
    if reference and _IBAN.fullmatch(reference):
        # Some Dutch banks put the counterparty's account where the reference belongs, and its name behind it.
        found.setdefault("counterparty_account", reference)
        found.setdefault("name", entry.get("supplement"))
    else:
        found["end_to_end_id"] = found.get("end_to_end_id") or reference
    if not found.get("counterparty_account") and _IBAN.fullmatch(supplement):
        found["counterparty_account"] = supplement
    return {key: (value or "").strip() or None for key, value in found.items()}


def _joined(pieces: Sequence[str], width: int) -> str:
    """The pieces as one text: no blank after a full piece, one after a piece that ended early."""
    text = ""
    for index, piece in enumerate(pieces):
        full = index > 0 and len(pieces[index - 1]) >= width
        text += piece if index == 0 or full else " " + piece
    return text


# --- German subfields ---


def _german(joined: str, head: re.Match[str]) -> dict[str, str | None]:
    code, separator = head.groups()
    parts = re.split(rf"{re.escape(separator)}(\d\d)", joined[head.end() - 1 :])
    fields = list(zip(parts[1::2], parts[2::2], strict=True))
    purpose = [text for key, text in fields if key[0] == "2" or key in ("60", "61", "62", "63")]
    by_key = dict(fields)
    # A keyword may open a piece, whatever the piece before it looks like: mark where pieces begin.
    text = ""
    for index, piece in enumerate(purpose):
        full = index > 0 and len(purpose[index - 1]) >= PIECE
        opens = _KEYWORD.match(piece) is not None
        text += ("\x1f" if opens else "" if full or index == 0 else " ") + piece
    keywords = _keywords(text)
    plain = text.replace("\x1f", " ").strip()
    return {
        "transaction_code": code,
        "posting_text": by_key.get("00"),
        "purpose": plain,
        "remittance": keywords.get("SVWZ", keywords.get("")) if keywords.keys() - {""} else plain,
        "name": _joined([by_key[key] for key in ("32", "33") if by_key.get(key)], PIECE),
        "counterparty_bank": by_key.get("30"),
        "counterparty_account": by_key.get("31") or by_key.get("38") or keywords.get("IBAN"),
        "end_to_end_id": _reference(keywords.get("EREF")),
        "instruction_id": _reference(keywords.get("KREF")),
        "mandate_id": keywords.get("MREF"),
        "creditor_id": keywords.get("CRED"),
        "ultimate_name": keywords.get("ABWA") or keywords.get("ABWE"),
        "return_reason": by_key.get("34", "").strip("0") and None,
    }


def _keywords(text: str) -> dict[str, str]:
    """The text behind each SEPA keyword, and before the first one under ''; a keyword that comes again adds nothing."""
    parts = _KEYWORD.split(text)
    found = {"": parts[0].replace("\x1f", " ").strip()}
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(key, value.replace("\x1f", " ").strip())
    return found


# --- slash codes ---

_SINGLE = {"EREF": "end_to_end_id", "PREF": "instruction_id", "MARF": "mandate_id", "CSID": "creditor_id",
           "TRTP": "posting_text", "IBAN": "counterparty_account", "ACCT": "counterparty_account",
           "BIC": "counterparty_bank"}  # fmt: skip


def _slash(joined: str) -> dict[str, str | None]:
    parts = _CODE.split(joined)
    found: dict[str, str | None] = {}
    party = "name"
    rest: list[str] = []
    for code, value in zip(parts[1::2], parts[2::2], strict=True):
        text = value.strip("/") if code != "REMI" else value
        if code in ("ORDP", "BENM", "CNTP"):
            party = "name"
        elif code in ("ULTC", "ULTD", "ULTB"):
            party = "ultimate_name"
        elif code == "NAME":
            found.setdefault(party, text)
        elif code == "REMI":
            _remittance(found, value)
        elif code in ("CHGS", "CHGS1", "RTRN", "OCMT"):
            rest.append(f"/{code}/{text}/")
        elif code in _SINGLE:
            found.setdefault(_SINGLE[code], text)
    for key in ("end_to_end_id", "instruction_id"):
        found[key] = _reference(found.get(key))
    found["purpose"] = found.get("remittance")
    found["remittance"] = (found.get("remittance") or "") + "".join(rest)
    return found


def _remittance(found: dict[str, str | None], value: str) -> None:
    """What follows ``/REMI/``: free text behind USTD, or a structured reference behind STRD and its issuer code."""
    text = value.strip().removeprefix("/")
    if text.startswith("STRD/"):
        found["creditor_reference"] = text.rstrip("/").rsplit("/", 1)[-1]
    else:
        found["remittance"] = text.removeprefix("USTD//").removeprefix("USTD/").rstrip("/")


# --- plain text and the extension ---


def _plain(lines: Sequence[str]) -> str:
    return _joined([line.rstrip() if len(line) < LINE else line for line in lines], LINE)


def _extension(lines: Sequence[str]) -> dict[str, str | None]:
    """``:NS:`` lines with a two-digit code: 01..14 purpose, 15 and 16 name, 17 posting text."""
    coded = [(line[:2], line[2:].strip()) for line in lines if line[:2].isdigit()]
    return {
        "remittance": " ".join(text for code, text in coded if "01" <= code <= "14"),
        "name": " ".join(text for code, text in coded if code in ("15", "16")),
        "posting_text": " ".join(text for code, text in coded if code == "17"),
    }


# --- charges, ordered amount, returns ---


def _marks(found: dict[str, str | None], entry: Dict[str, str | None]) -> None:
    """Takes charges, ordered amount and return marks out of the remittance (and of the supplement of ``:61:``)."""
    remittance = found.get("remittance") or ""
    both = f"{remittance}\n{entry.get('supplement') or ''}"
    if match := _CHARGES.search(both):
        found["charges_amount"] = match.group(2).replace(",", ".").rstrip(".")
        found["charges_currency"] = match.group(1)
    if match := _BEARER.search(both):
        found["charge_bearer"] = _BEARERS.get(match.group(1), match.group(1))
    if match := _ORDERED.search(both):
        found["instructed_currency"] = match.group(1)
        found["instructed_amount"] = match.group(2).replace(",", ".").rstrip(".")
    returned = _RETURN.search(both)
    if returned:
        found["return_reason"] = returned.group(1)
    is_return = (
        returned is not None
        or (entry.get("mark") or "").startswith("R")
        or (entry.get("type") or "").endswith("RTI")
        or found.get("transaction_code") in _RETURN_CODES
    )
    found["is_return"] = "true" if is_return else "false"
    for pattern in (_CHARGES, _BEARER, _ORDERED, _RETURN):
        remittance = pattern.sub(" ", remittance) if pattern.search(remittance) else remittance
    found["remittance"] = remittance.strip()


def _reference(text: str | None) -> str | None:
    stripped = (text or "").strip()
    return None if stripped in _PLACEHOLDERS else stripped
